"""Results of tasks in words: the one place where a turn's text and its spans are written.

A span ties characters of the text to the regions they name. This module knows no model; what results mean is
said in `pipelines.tasks.results`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pipelines.abilities import ABILITIES
from pipelines.engine import About
from pipelines.readings import Reading
from pipelines.scene import Scene, Span, Turn
from pipelines.tasks.results import (
    EditReport,
    Listing,
    MarkedReply,
    Progress,
    Reply,
    Searching,
    TaskResult,
    Verification,
)

Text = tuple[str, tuple[Span, ...]]

EDITED = {
    "remove": "Removed ",
    "replace": "Replaced ",
    "recolour": "Recoloured ",
    "background": "Changed the background",
}
LISTED = {
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
    text, spans = write(result)
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
    )
    return replace(result.scene, turns=(*turns, turn))


def doubt(ability: str, about: About) -> str | None:
    """Return what is said before an answer that the checkpoint was not trained for; None where it was."""
    if ability not in about.untrained:
        return None
    title, figure = ABILITIES[ability].title.lower(), about.untrained[ability]
    text = f"{about.model} was not trained for this, or learned it badly ({title}): take it as a guess."
    return text + (f" Measured: {figure}." if figure else "")


def write(result: TaskResult) -> Text:
    """Return the text of a result, and which of its characters belong to which regions."""
    match result.outcome:
        case Reply():
            return _write_reply(result.outcome)
        case MarkedReply():
            return _write_marked(result.raw, result.region_ids)
        case Listing():
            return _write_listing(result.outcome, result.scene, result.region_ids)
        case Searching(step, steps):
            return f"Looking: {100 * step // steps} % …", ()
        case Progress(step, steps):
            return f"Painting, step {step} of {steps} …", ()
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
    """A reading; where it is about one region, with "#3: " before it."""
    text, spans = write_reading(reply.reading, reply.finding_ids)
    if reply.subject is None:
        return text, spans
    head = f"#{reply.subject}: "
    moved = (Span(a + len(head), b + len(head), ids) for a, b, ids in spans)
    return head + text, (Span(0, len(head) - 2, (reply.subject,)), *moved)


def _write_marked(raw: str, ids: Sequence[int]) -> Text:
    """The reply with "#3" for "<Mark 3>", each tied to its region."""
    text = re.sub(r"<?\s*\bmark\s+(\d{1,6})\s*>?", r"#\1", raw, flags=re.IGNORECASE)
    spans = (
        Span(match.start(), match.end(), (int(match[1]),))
        for match in re.finditer(r"#(\d+)", text)
        if int(match[1]) in ids
    )
    return text, tuple(spans)


def _write_listing(listing: Listing, scene: Scene, ids: Sequence[int]) -> Text:
    """What was done, and the regions it was done to: "Outlined: red cup (#1), #2."."""
    if listing.action == "forget":
        gone = ", ".join(f"#{number}" for number in listing.without)
        return (f"Taken off the page: {gone}." if gone else "No region is here."), ()
    text, spans = _head(listing, len(ids)), []
    for at, number in enumerate(ids):
        region = scene.region(number)
        named = f"{region.label} (#{number})" if region and region.label else f"#{number}"
        text += ", " if at else ""
        spans.append(Span(len(text), len(text) + len(named), (number,)))
        text += named
    text += "." if ids else ""
    if listing.action == "pose" and listing.without:
        text += "\n(no joints were given for " + ", ".join(f"#{number}" for number in listing.without) + ")"
    return text, tuple(spans)


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
    """What was done, by whom, and what SPHINX thinks of it."""
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
    """What SPHINX sees, whether the wish came true, and how far the next painting is."""
    seen, satisfied = _seen(report, verification.said), verification.satisfied
    if progress := report.progress:
        wished = ": not what was wished for." if satisfied is False else "."
        step = f"step {progress.step} of {progress.steps} …"
        return f"{seen}{wished} Painting no. {progress.attempt + 1}, {step}"
    if satisfied is None:
        return f"{seen}."
    tried = f", after {report.paintings} paintings" if report.paintings > 1 else ""
    if satisfied:
        return f"{seen}: the wish came true{tried}."
    if verification.doubts:
        return f"{seen}. By its pixels {' and '.join(verification.doubts)}{tried}: try a larger mask."
    if report.action == "remove":
        return f"{seen}: it may still be there{tried}, try another seed."
    return f"{seen}: not what was wished for{tried}, try another seed."


def _seen(report: EditReport, said: str) -> str:
    if report.action == "background":
        return f" Asked for the background, SPHINX says: “{said}”"
    if report.action == "remove" and not said:
        return " SPHINX sees nothing there now"
    return f" SPHINX now sees there: “{said or 'nothing'}”"
