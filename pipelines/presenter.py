"""Results of tasks in words: the one place where a turn's text and its spans are written.

A span ties characters of the text to the regions they name. What the program says itself is chosen here by
its key, and worded in `sentences.toml`. This module knows no model; what results mean is said in
`pipelines.tasks.results`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

from pipelines.abilities import ABILITIES
from pipelines.conversation import say
from pipelines.engine import About
from pipelines.language.nouns import plural, with_article
from pipelines.language.requests import CutOut, Extend, Move, Obscure, Resize, Target
from pipelines.readings import Reading
from pipelines.scene import Scene, Span, Turn
from pipelines.sentences import Sentence, Thing, Value, sentence, spell
from pipelines.tasks.results import (
    Alteration,
    Checked,
    Conversation,
    EditReport,
    Listing,
    MarkedReply,
    Progress,
    Question,
    Queued,
    Reply,
    Searching,
    TaskResult,
    Unmet,
    Verification,
)

Text = tuple[str, tuple[Span, ...]]

Says = tuple[Sentence, ...]

EDITED = {
    "remove": "removed",
    "replace": "replaced",
    "recolour": "recoloured",
    "background": "new_background",
}
LISTED = {
    "find": "found",
    "outline": "outlined",
    "pose": "posed",
    "join": "joined",
    "subtract": "subtracted",
    "select": "selected",
    "grow": "grown",
    "shrink": "shrunk",
    "everything": "outlined_all",
}
EFFECTS = {"blur": "background_blurred", "grey": "background_grey", "cut out": "background_gone"}
QUEUED = {"question": ("question_waits", "questions_wait"), "edit": ("edit_waits", "edits_wait")}


def present(scene: Scene, result: TaskResult, about: About) -> Scene:
    """Return the scene after a result: its picture and regions, and `scene`'s turns with one that says it.

    Before that turn there is a notice, once, where the loaded checkpoint did not learn the ability.
    """
    turns = scene.turns
    notice = doubt(result.record.ability, about)
    if notice and not any(turn.role == "notice" and turn.text == notice for turn in turns):
        turns = (*turns, Turn("notice", notice))
    says = _say(result, about)
    text, spans = _spelled(says) if says else _write_words(result)
    if result.repeated:
        repeated = sentence("repeated")
        text = (text + str(repeated)).strip()
        says = (*says, repeated) if says else ()
    table = result.outcome.reading.table if isinstance(result.outcome, Reply) else None
    turn = Turn(
        "assistant",
        text,
        spans,
        raw=result.raw,
        table=table,
        record=result.record,
        unfinished=result.status != "final",
        pictures=result.pictures,
        suggestions=result.suggestions,
        says=says,
    )
    return replace(result.scene, turns=(*turns, turn))


def doubt(ability: str, about: About) -> str | None:
    """Return what is said before an answer that the checkpoint was not trained for; None where it was."""
    if ability not in about.untrained:
        return None
    title, figure = ABILITIES[ability].title.lower(), about.untrained[ability]
    text = f"{about.model} was not trained for this, or learned it badly ({title}): take it as a guess."
    return text + (f" Measured: {figure}." if figure else "")


def _write_words(result: TaskResult) -> Text:
    """Return what SPHINX replied, and which of its characters belong to which regions."""
    match result.outcome:
        case Reply():
            return _write_reply(result.outcome)
        case MarkedReply():
            return _write_marked(result.raw, result.region_ids)
    return "", ()


def _say(result: TaskResult, about: About) -> Says:
    """Return what the program says of a result in its own words; () where SPHINX's are shown."""
    match result.outcome:
        case Reply(reading, finding_ids, subject):
            return _say_reading(reading, finding_ids) if subject is None else ()
        case Listing():
            return _say_listing(result.outcome, result.scene, result.region_ids)
        case Conversation(request):
            return say(request, about, pictured=result.scene.picture is not None)
        case Question(request):
            return _ask_back(request.why, _things(result.scene, result.region_ids))
        case Unmet():
            return _say_unmet(result.outcome, result.scene, result.region_ids)
        case Checked():
            return _say_checked(result.outcome, result.scene)
        case Alteration():
            return _say_alteration(result.outcome, _things(result.scene, result.region_ids))
        case Searching(step, steps):
            return (sentence("looking", percent=100 * step // steps),)
        case Progress(step, steps):
            return (sentence("painting", step=step, steps=steps),)
        case Queued(what, before, seconds):
            key = QUEUED[what][before != 1]
            return (sentence(key, count=before, seconds=max(1, round(seconds))),)
        case EditReport():
            return _say_edit(result.outcome)
    return ()


def _spelled(says: Iterable[Sentence]) -> Text:
    text, spans = spell(says)
    return text, tuple(Span(*span) for span in spans)


def write_reading(reading: Reading, finding_ids: Sequence[int]) -> Text:
    """Write what a reply says, with the numbers that its findings got."""
    if says := _say_reading(reading, finding_ids):
        return _spelled(says)
    text, spans = "", []
    for piece in reading.pieces:
        start = len(text)
        named = tuple(dict.fromkeys(finding_ids[index] for index in piece.findings))
        text += piece.words
        if piece.numbered and named:
            numbers = ", ".join(f"#{number}" for number in named)
            text += f" ({numbers})" if piece.words else numbers
        if named and len(text) > start:
            spans.append(Span(start, len(text), named))
    for note in reading.notes:
        text += f"\n({note})" if text else f"({note})"
    return text, tuple(spans)


def _say_reading(reading: Reading, finding_ids: Sequence[int]) -> Says:
    """Return a reading's own sentences with the numbers that its findings got, and its notes."""
    if not reading.says:
        return ()
    numbered = tuple(
        replace(said, values=tuple((name, _numbered(value, finding_ids)) for name, value in said.values))
        for said in reading.says
    )
    return (*numbered, *(sentence("note", note=note) for note in reading.notes))


def _numbered(value: Value, finding_ids: Sequence[int]) -> Value:
    """Return things with regions' numbers in place of findings' indices."""
    if not isinstance(value, tuple):
        return value
    return tuple(
        Thing(name, tuple(dict.fromkeys(finding_ids[index] for index in found))) for name, found in value
    )


def _write_reply(reply: Reply) -> Text:
    """Return a reading; where it is about one region, with "#3: " before it."""
    text, spans = write_reading(reply.reading, reply.finding_ids)
    if reply.subject is None:
        return text, spans
    head = f"#{reply.subject}: "
    moved = (Span(a + len(head), b + len(head), ids) for a, b, ids in spans)
    return head + text, (Span(0, len(head) - 2, (reply.subject,)), *moved)


def _write_marked(raw: str, ids: Sequence[int]) -> Text:
    """Return the reply with "#3" for "<Mark 3>", each tied to its region."""
    text = re.sub(r"<?\s*\bmark\s+(\d{1,6})\s*>?", r"#\1", raw, flags=re.IGNORECASE)
    spans = (
        Span(match.start(), match.end(), (int(match[1]),))
        for match in re.finditer(r"#(\d+)", text)
        if int(match[1]) in ids
    )
    return text, tuple(spans)


def _things(scene: Scene, ids: Sequence[int]) -> tuple[Thing, ...]:
    """Return regions, each under its own name."""
    regions = (scene.region(number) for number in ids)
    return tuple(Thing(region.label if region else "", (number,)) for number, region in zip(ids, regions))


def _numbers(ids: Sequence[int]) -> str:
    return ", ".join(f"#{number}" for number in ids)


def _say_listing(listing: Listing, scene: Scene, ids: Sequence[int]) -> Says:
    """Return what was done, and the regions it was done to: "Outlined: red cup (#1), #2."."""
    found, gone = _things(scene, ids), _numbers(listing.without)
    match listing.action:
        case "forget":
            return (sentence("taken_off", gone=gone) if gone else sentence("none_here"),)
        case "everything" if not ids:
            return (sentence("nothing_more"),)
        case "pose":
            said = sentence("posed", found=found) if ids else sentence("no_pose")
            return (said, sentence("no_joints", gone=gone)) if gone else (said,)
    return (sentence(LISTED[listing.action], found=found, count=len(ids), pixels=listing.pixels),)


def _ask_back(why: Sentence, found: tuple[Thing, ...]) -> Says:
    """Return what is open, and what may be meant."""
    if not found:
        return (why,)
    return why, sentence("may_be" if str(why).endswith(".") else "things", found=found)


def target_words(target: Target, scene: Scene) -> str:
    """Return a target in a visitor's words: "largest fish", "thing next to the cup"."""
    if target.region_ids:
        regions = [region for number in target.region_ids if (region := scene.region(number))]
        return ", ".join(region.label or f"#{region.id}" for region in regions)
    words = target.phrase or "thing"
    if target.pick:
        words = f"{target.pick} {words}" if " from " not in target.pick else f"{words} {target.pick}"
    if target.near:
        words += f" {target.relation} the {target_words(target.near, scene)}"
    return f"thing but the {words}" if target.but else words


def _say_unmet(unmet: Unmet, scene: Scene, ids: Sequence[int]) -> Says:
    """Return what is not there; and what is, where it is not as many, or not the one that was chosen."""
    words, target = target_words(unmet.target, scene), unmet.target
    if not ids:
        return (sentence("absent", thing=words),)
    found = _things(scene, ids)
    if not target.count:
        return (sentence("only", thing=words, found=found),)
    things = words if len(ids) == 1 else plural(words)
    return (sentence("another_count", count=len(ids), things=things, wanted=target.count, found=found),)


def _say_checked(checked: Checked, scene: Scene) -> Says:
    """Each target with what was found of it, a sentence each."""
    if checked.question in ("larger", "smaller") and all(ids for _, ids in checked.found):
        return (_compare(checked, scene),)
    return tuple(_say_found(checked, target, ids, scene) for target, ids in checked.found)


def _say_found(checked: Checked, target: Target, ids: Sequence[int], scene: Scene) -> Sentence:
    words, found = target_words(replace(target, count=0), scene), _things(scene, ids)
    if not ids:
        return sentence("absent", thing=words)
    if checked.question == "which":
        return sentence("things", found=found)
    if checked.question == "is there" and len(ids) == 1:
        return sentence("yes", found=found)
    things = words if len(ids) == 1 else plural(words)
    return sentence("counted", count=len(ids), things=things, found=found)


def _compare(checked: Checked, scene: Scene) -> Sentence:
    """Return which of the things has the larger box, or the smaller."""
    areas = {ids[0]: region.box.area for _, ids in checked.found if (region := scene.region(ids[0]))}
    if len(set(areas.values())) < len(checked.found):
        return sentence("as_large", found=_things(scene, tuple(areas)))
    choose = max if checked.question == "larger" else min
    chosen = choose(areas, key=lambda number: areas[number])
    return sentence(checked.question, found=_things(scene, (chosen,)))


def _say_alteration(done: Alteration, found: tuple[Thing, ...]) -> Says:
    """Return what was changed, and what painted the gaps."""
    match done.request:
        case "blur" | "grey" | "cut out":
            return (sentence(EFFECTS[done.request], found=found),)
        case "colour":
            return (sentence("background_coloured", colour=done.colour, found=found),)
        case CutOut():
            return (sentence("cut_out", found=found),)
        case Obscure(how=how):
            return (sentence("blurred" if how == "blur" else "pixelated", found=found),)
        case Extend(direction=direction, share=share):
            side = sentence(direction)
            return (sentence("extended", side=side, share=f"{share:.0%}", painter=done.inpainter),)
        case Move(direction=direction):
            return (sentence("moved", side=sentence(direction), found=found, painter=done.inpainter),)
        case Resize(factor=factor):
            return (sentence("resized", factor=f"{factor:g}", found=found, painter=done.inpainter),)


def _say_edit(report: EditReport) -> Says:
    """Return what was done, by whom, and what SPHINX thinks of it."""
    found = tuple(Thing(name, (number,)) for number, name in report.names)
    done = sentence(EDITED[report.action], found=found, wish=report.wish, painter=report.inpainter)
    return (done, _verdict(report, report.verification)) if report.verification else (done,)


def _verdict(report: EditReport, verification: Verification) -> Sentence:
    """Return what SPHINX sees, whether the wish came true, and how far the next painting is."""
    seen, satisfied = _seen(report, verification), verification.satisfied
    if progress := report.progress:
        key = "missed_again" if satisfied is False else "again"
        number = progress.attempt + 1
        return sentence(key, seen=seen, number=number, step=progress.step, steps=progress.steps)
    if satisfied is None:
        return sentence("seen" if verification.judged else "look_yourself", seen=seen)
    tried = sentence("after_paintings", count=report.paintings) if report.paintings > 1 else ""
    if satisfied:
        return sentence("came_true", seen=seen, tried=tried)
    if left := verification.left:
        return sentence("still_found", seen=seen, tried=tried, thing=left, a_thing=with_article(left))
    if verification.doubts:
        doubts = reduce(lambda one, other: sentence("both", first=one, second=other), verification.doubts)
        return sentence("doubted", seen=seen, doubts=doubts, tried=tried)
    return sentence("perhaps_there" if report.action == "remove" else "missed", seen=seen, tried=tried)


def _seen(report: EditReport, verification: Verification) -> Sentence:
    said = verification.said
    if not verification.judged:
        return sentence("unjudged")
    if report.action == "background":
        return sentence("sees_background", said=said)
    if report.action == "remove" and not said:
        return sentence("sees_nothing_there")
    return sentence("sees", said=said) if said else sentence("sees_nothing")
