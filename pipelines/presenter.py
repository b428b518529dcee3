"""Results of tasks in words: the one place where a turn's text and its spans are written.

A span ties characters of the text to the regions they name. This module knows no model; what results mean is
said in `pipelines.tasks.results`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pipelines.abilities import ABILITIES
from pipelines.conversation import say
from pipelines.engine import About
from pipelines.language.nouns import plural, with_article
from pipelines.language.requests import CutOut, Extend, Move, Obscure, Resize, Target
from pipelines.readings import Reading
from pipelines.scene import Scene, Span, Turn
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

REPEATED = "\n(The reply began to repeat itself and was stopped.)"
SIDES = {"left": "to the left", "right": "to the right", "up": "upwards", "down": "downwards"}

EDITED = {
    "remove": "Removed ",
    "replace": "Replaced ",
    "recolour": "Recoloured ",
    "background": "Changed the background",
}
LISTED = {
    "find": "Found: ",
    "outline": "Outlined: ",
    "pose": "Pose of ",
    "join": "Joined: ",
    "subtract": "Subtracted, leaving: ",
    "select": "Selected: ",
}


def present(scene: Scene, result: TaskResult, about: About) -> Scene:
    """Return the scene after a result: its picture and regions, and `scene`'s turns with one that says it.

    Before that turn there is a notice, once, where the loaded checkpoint did not learn the ability.
    """
    turns = scene.turns
    notice = doubt(result.record.ability, about)
    if notice and not any(turn.role == "notice" and turn.text == notice for turn in turns):
        turns = (*turns, Turn("notice", notice))
    text, spans = write(result, about)
    if result.repeated:
        text += REPEATED if text else REPEATED.strip()
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
    )
    return replace(result.scene, turns=(*turns, turn))


def doubt(ability: str, about: About) -> str | None:
    """Return what is said before an answer that the checkpoint was not trained for; None where it was."""
    if ability not in about.untrained:
        return None
    title, figure = ABILITIES[ability].title.lower(), about.untrained[ability]
    text = f"{about.model} was not trained for this, or learned it badly ({title}): take it as a guess."
    return text + (f" Measured: {figure}." if figure else "")


def write(result: TaskResult, about: About) -> Text:
    """Return the text of a result, and which of its characters belong to which regions."""
    match result.outcome:
        case Reply():
            return _write_reply(result.outcome)
        case MarkedReply():
            return _write_marked(result.raw, result.region_ids)
        case Listing():
            return _write_listing(result.outcome, result.scene, result.region_ids)
        case Conversation(request):
            return say(request, about, pictured=result.scene.picture is not None), ()
        case Question(request):
            maybe = " It may be" if result.region_ids and request.why.endswith(".") else ""
            return _with_names(request.why + maybe, result.scene, result.region_ids)
        case Unmet():
            return _write_unmet(result.outcome, result.scene, result.region_ids)
        case Checked():
            return _write_checked(result.outcome, result.scene)
        case Alteration():
            return _write_alteration(result.outcome, result.scene, result.region_ids)
        case Searching(step, steps):
            return f"Looking: {100 * step // steps} % …", ()
        case Progress(step, steps):
            return f"Painting, step {step} of {steps} …", ()
        case Queued(what, before, seconds):
            what = what if before == 1 else f"{what}s"
            verb = "waits" if before == 1 else "wait"
            return f"{before} {what} {verb} before this one: about {max(1, round(seconds))} s …", ()
        case EditReport():
            return _write_edit(result.outcome)


def write_reading(reading: Reading, finding_ids: Sequence[int]) -> Text:
    """Write what a reply says, with the numbers that its findings got."""
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


def _write_listing(listing: Listing, scene: Scene, ids: Sequence[int]) -> Text:
    """Return what was done, and the regions it was done to: "Outlined: red cup (#1), #2."."""
    if listing.action == "forget":
        gone = ", ".join(f"#{number}" for number in listing.without)
        return (f"Taken off the page: {gone}." if gone else "No region is here."), ()
    text, spans = _with_names(_head(listing, len(ids)), scene, ids)
    if listing.action == "pose" and listing.without:
        text += "\n(no joints were given for " + ", ".join(f"#{number}" for number in listing.without) + ")"
    return text, spans


def _with_names(text: str, scene: Scene, ids: Sequence[int]) -> Text:
    """Return a text, and after it the regions that it is about: "Outlined: red cup (#1), #2."."""
    spans: list[Span] = []
    text += " " if ids and text and not text.endswith(" ") else ""
    for at, number in enumerate(ids):
        region = scene.region(number)
        named = f"{region.label} (#{number})" if region and region.label else f"#{number}"
        text += ", " if at else ""
        spans.append(Span(len(text), len(text) + len(named), (number,)))
        text += named
    return text + ("." if ids else ""), tuple(spans)


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


def _write_unmet(unmet: Unmet, scene: Scene, ids: Sequence[int]) -> Text:
    """Return what is not there; and what is, where it is not as many, or not the one that was chosen."""
    words, target = target_words(unmet.target, scene), unmet.target
    if not ids:
        return f"There is no {words} in the picture.", ()
    if target.count:
        return _with_names(f"I find {len(ids)} {words if len(ids) == 1 else plural(words)}, "
                           f"not {target.count}:", scene, ids)  # fmt: skip
    return _with_names(f"I find no {words}, only", scene, ids)


def _write_checked(checked: Checked, scene: Scene) -> Text:
    """Each target with what was found of it, a sentence each."""
    if checked.question in ("larger", "smaller") and all(ids for _, ids in checked.found):
        return _write_comparison(checked, scene)
    text, spans = "", []
    for target, ids in checked.found:
        words = target_words(replace(target, count=0), scene)
        if checked.question == "which":
            head = "" if ids else f"There is no {words}."
        elif not ids:
            head = f"There is no {words}."
        elif checked.question == "is there" and len(ids) == 1:
            head = "Yes:"
        else:
            head = f"{len(ids)} {words if len(ids) == 1 else plural(words)}:"
        said, named = _with_names(head, scene, ids)
        text += " " if text else ""
        spans += [Span(start + len(text), end + len(text), numbers) for start, end, numbers in named]
        text += said
    return text.strip(), tuple(spans)


def _write_comparison(checked: Checked, scene: Scene) -> Text:
    """Return which of the things has the larger box, or the smaller."""
    areas = {ids[0]: region.box.area for _, ids in checked.found if (region := scene.region(ids[0]))}
    if len(set(areas.values())) < len(checked.found):
        return _with_names("As large as one another:", scene, tuple(areas))
    choose = max if checked.question == "larger" else min
    return _with_names(f"{checked.question.capitalize()}:", scene, (choose(areas, key=lambda i: areas[i]),))


def _write_alteration(done: Alteration, scene: Scene, ids: Sequence[int]) -> Text:
    """Return what was changed, and what painted the gaps."""
    match done.request:
        case "blur":
            return _with_names("Blurred the background; this stays sharp:", scene, ids)
        case "grey":
            return _with_names("Took the colour out of the background; this keeps it:", scene, ids)
        case "colour":
            return _with_names(f"Made the background {done.colour} behind", scene, ids)
        case "cut out":
            return _exported("Took the background away from", scene, ids)
        case CutOut():
            return _exported("Cut out:", scene, ids)
        case Obscure(how="blur"):
            return _with_names("Blurred, and nothing else changed:", scene, ids)
        case Obscure():
            return _with_names("Pixelated, and nothing else changed:", scene, ids)
        case Extend(direction=direction, share=share):
            side = "on every side" if direction == "all" else f"{SIDES[direction]}"
            return f"Extended the picture {side} by {share:.0%}: painted by {done.inpainter}.", ()
        case Move(direction=direction):
            head = f"Moved {SIDES[direction]}:"
        case Resize(factor=factor):
            head = f"Made {factor:g} times as large:"
    text, spans = _with_names(head, scene, ids)
    return f"{text} The gap was painted by {done.inpainter}.", spans


def _exported(head: str, scene: Scene, ids: Sequence[int]) -> Text:
    """What the page shows on white is transparent in what is saved of it."""
    text, spans = _with_names(head, scene, ids)
    return f"{text} Shown on white here; “Export” saves it with a transparent ground.", spans


def _head(listing: Listing, count: int) -> str:
    match listing.action:
        case "grow" | "shrink":
            return f"{'Grown' if listing.action == 'grow' else 'Shrunk'} by {listing.pixels} px: "
        case "everything":
            return f"Outlined {count}: " if count else "Nothing more could be told apart."
        case "pose" if not count:
            return "No pose was found."
    return LISTED[listing.action]


def _write_edit(report: EditReport) -> Text:
    """Return what was done, by whom, and what SPHINX thinks of it."""
    text, spans = EDITED[report.action], []
    for number, name in report.names:
        named = f"{name} (#{number})" if name else f"#{number}"
        text += ", " if spans else ""
        spans.append(Span(len(text), len(text) + len(named), (number,)))
        text += named
    if report.action != "remove":
        text += f": {report.wish}" if report.action == "background" else f", now: {report.wish}"
    text += f" (by {report.inpainter})."
    if report.verification:
        text += _verdict(report, report.verification)
    return text, tuple(spans)


def _verdict(report: EditReport, verification: Verification) -> str:
    """Return what SPHINX sees, whether the wish came true, and how far the next painting is."""
    seen, satisfied = _seen(report, verification), verification.satisfied
    if progress := report.progress:
        wished = ": not what was wished for." if satisfied is False else "."
        step = f"step {progress.step} of {progress.steps} …"
        return f"{seen}{wished} Painting no. {progress.attempt + 1}, {step}"
    if satisfied is None:
        return f"{seen}." if verification.judged else f"{seen}, so look whether it is as you wished."
    tried = f", after {report.paintings} paintings" if report.paintings > 1 else ""
    if satisfied:
        return f"{seen}: the wish came true{tried}."
    if verification.left:
        return f"{seen}{tried}, but I still find {with_article(verification.left)} in the picture."
    if verification.doubts:
        return f"{seen}. By its pixels {' and '.join(verification.doubts)}{tried}: try a larger mask."
    if report.action == "remove":
        return f"{seen}: it may still be there{tried}, try another seed."
    return f"{seen}: not what was wished for{tried}, try another seed."


def _seen(report: EditReport, verification: Verification) -> str:
    said = verification.said
    if not verification.judged:
        return " SPHINX knows little of pictures of this kind"
    if report.action == "background":
        return f" Asked for the background, SPHINX says: “{said}”"
    if report.action == "remove" and not said:
        return " SPHINX sees nothing there now"
    return f" SPHINX now sees there: “{said or 'nothing'}”"
