"""Read SPHINX's replies into what is shown and what is found: one reader for each shape of reply.

A reply is read into a `Reading`: pieces of text, some of which name findings on the picture. Which numbers
the findings get is decided later, by the scene (`pipelines.tasks.regions`). Readers take any text, at any
moment of its streaming, and never raise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.image_processing_sphinx import to_picture
from model.prompts import PROMPTS, is_none
from model.replies import Group, plain_text, read_reply
from pipelines.language.nouns import plural, singular
from pipelines.scene import COCO_JOINTS, Box, Keypoint, Point
from pipelines.sentences import Sentence, Thing, sentence

BESIDE = "a box beside the picture was left out"
NO_BOX = "named without a box"
NOT_A_BOX = "a list of numbers that is no box was left out"
WHOLE = "whole numbers were read as 0..1"
AGAIN = "what was said again of the same place was left out"
SAME_PLACE = 0.85  # intersection over union from which a list says the same words of the same place again

_LIST = re.compile(r"\[[\s\d.,;-]+\]?")
_WHOLE = re.compile(r"(?<![\d.])\d+(?![\d.])(?=[\s\d.,;-]*\])")  # a number without a point, inside a list

_ARTICLE = re.compile(r"(?:an?|the|some|another) (?=\w)", re.IGNORECASE)
_NUMBER = re.compile(r"(?:two|three|four|five|six|seven|eight|nine|ten|many|several) (?=\w)", re.IGNORECASE)

Notes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something on the picture, in its pixels, that has no number yet."""

    label: str
    box: Box
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that name findings, by their index. `numbered` pieces show the numbers behind the words."""

    words: str
    findings: tuple[int, ...] = ()
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says: its pieces in order, and what they name. `notes` belong to no finding.

    Where the program says it in its own words, these are in `says`, and there are no pieces; the things there
    have the findings' indices for numbers.
    """

    pieces: tuple[Piece, ...] = ()
    findings: tuple[Finding, ...] = ()
    table: tuple[tuple[str, ...], ...] | None = None
    notes: tuple[str, ...] = ()
    says: tuple[Sentence, ...] = ()


Reader = Callable[[str, tuple[int, int], str, bool], Reading]
"""(raw reply, size of the picture, phrase that was asked for, whether the reply has ended) -> Reading."""


def boxes_in(group: Group, size_wh: tuple[int, int]) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Return a group's boxes in picture pixels, clipped; and notes on what was mended."""
    width, height = size_wh
    boxes, notes = [], list(group.notes)
    for box in group.boxes:
        x1, y1, x2, y2 = to_picture(box, size_wh)
        if x1 == x2 and 0 <= x1 <= width:  # thinner than a pixel: it takes one
            x1, x2 = min(x1, width - 1), min(x1, width - 1) + 1
        if y1 == y2 and 0 <= y1 <= height:
            y1, y2 = min(y1, height - 1), min(y1, height - 1) + 1
        inside = Box(
            min(max(x1, 0), width), min(max(y1, 0), height), min(max(x2, 0), width), min(max(y2, 0), height)
        )
        if inside.x2 <= inside.x1 or inside.y2 <= inside.y1:
            notes.append(BESIDE)
        else:
            boxes.append(inside)
    return tuple(boxes), tuple(dict.fromkeys(notes))


def found_in(
    group: Group, raw: str, size_wh: tuple[int, int], label: str
) -> tuple[tuple[Finding, ...], Notes]:
    """Return what a group of a reply names, and the notes that belong to no finding."""
    boxes, notes = boxes_in(group, size_wh)
    if boxes and _WHOLE.search(raw[group.start : group.end]):
        notes = (*notes, WHOLE)
    if boxes:
        note = "; ".join(notes) or None
        return tuple(Finding(label, box, note) for box in boxes), ()
    if group.phrase and not group.points and not notes:
        notes = (f"“{group.phrase}” was {NO_BOX}",)
    return (), notes


def name_of(phrase: str) -> str:
    """Return the name of a thing as a caption says it: "A cat" -> "cat", "two black dogs" -> "black dog"."""
    if match := _ARTICLE.match(phrase):
        return phrase[match.end() :]
    if match := _NUMBER.match(phrase):
        return singular(phrase[match.end() :])
    return phrase


def fresh(new: Sequence[Finding], before: Sequence[Finding]) -> tuple[list[Finding], Notes]:
    """`new` without what a list says again, the same words of (almost) the same box; and a note of that."""
    kept: list[Finding] = []
    for finding in new:
        same = [old for old in (*before, *kept) if old.label == finding.label]
        if all(old.box.iou(finding.box) < SAME_PLACE for old in same):
            kept.append(finding)
    return kept, (AGAIN,) if len(kept) < len(new) else ()


# --- readers -------------------------------------------------------------------------------------------


def read_words(raw: str, size_wh: tuple[int, int], phrase: str, ended: bool) -> Reading:
    """Running text; phrases with boxes light up."""
    groups = read_reply(raw)
    text, places = plain_text(raw, groups, ended=ended)
    pieces: list[Piece] = []
    findings: list[Finding] = []
    notes: list[str] = []
    position = 0
    for group, (start, end) in zip(groups, places):
        first = len(findings)
        new, loose = found_in(group, raw, size_wh, name_of(group.phrase) or phrase or "region")
        findings += new
        notes += loose
        pieces.append(Piece(text[position:start]))
        pieces.append(Piece(text[start:end], tuple(range(first, len(findings))), numbered=start == end))
        position = end
    pieces.append(Piece(text[position:]))
    return Reading(tuple(pieces), tuple(findings), notes=_told(notes, ended))


def read_without_picture(raw: str, ended: bool) -> Reading:
    """Running text of a conversation without a picture: nothing in it can have a place."""
    return Reading((Piece(plain_text(raw, read_reply(raw), ended=ended)[0]),))


def read_found(raw: str, size_wh: tuple[int, int], phrase: str, ended: bool) -> Reading:
    """Boxes for the phrase that was asked for, or the news that there is none."""
    findings: list[Finding] = []
    notes: list[str] = []
    for group in read_reply(raw):
        new, loose = found_in(group, raw, size_wh, phrase)
        kept, again = fresh(new, findings)
        findings += kept
        notes += (*loose, *again)
    count = len(findings)
    things = (Thing(phrase, tuple(range(count))),)
    says: tuple[Sentence, ...] = ()
    if count == 1:
        says = (sentence("found" if plural(phrase) == phrase else "here", found=things),)
    elif count:
        says = (sentence("found_all", count=count, found=things),)
    elif ended and is_none(raw):
        says = (sentence("absent", thing=phrase),)
    elif ended:
        said = plain_text(raw, read_reply(raw), ended=True)[0].strip()
        says = (sentence("no_box", thing=phrase),)
        says += (sentence("sphinx_said", reply=said),) if said else ()
        if _LIST.search(raw) and not notes:
            notes.append(NOT_A_BOX)
    return Reading(findings=tuple(findings), says=says, notes=_told(notes, ended))


def read_list(raw: str, size_wh: tuple[int, int], phrase: str, ended: bool) -> Reading:
    """Return a line a phrase, each with its region."""
    pieces: list[Piece] = []
    findings: list[Finding] = []
    notes: list[str] = []
    groups = [group for group in read_reply(raw) if group.boxes or group.phrase]
    for group in groups:
        first = len(findings)
        new, loose = found_in(group, raw, size_wh, group.phrase or "region")
        kept, again = fresh(new, findings)
        notes += (*loose, *again)
        if new and not kept:
            continue
        findings += kept
        named = tuple(range(first, len(findings)))
        pieces += [Piece("\n" if pieces else ""), Piece(group.phrase, named, numbered=True)]
    if not groups:
        return read_words(raw, size_wh, phrase, ended)
    return Reading(tuple(pieces), tuple(findings), notes=_told(notes, ended))


def _told(notes: Sequence[str], ended: bool) -> Notes:
    """Return the notes, each once; none before the end, since what is missing may still come."""
    return tuple(dict.fromkeys(notes)) if ended else ()


def read_chart(raw: str, size_wh: tuple[int, int], phrase: str, ended: bool) -> Reading:
    """Return a table; the words as they are where there is none in them."""
    rows = PROMPTS["chart"].read(raw)
    if not rows:
        return Reading((Piece(raw.strip()),))
    width = max(len(row) for row in rows)
    table = tuple((*row, *[""] * (width - len(row))) for row in rows)
    return Reading((Piece(f"A table of {len(rows) - 1} rows."),), table=table)


def read_odd(raw: str, size_wh: tuple[int, int], phrase: str, ended: bool) -> Reading:
    """Return what does not fit in."""
    reading = read_words(raw, size_wh, "odd one", ended)
    if reading.findings and ended:
        label = reading.findings[0].label
        return Reading(findings=reading.findings[:1], says=(sentence("odd", found=(Thing(label, (0,)),)),))
    return reading


def read_joints(raw: str, size_wh: tuple[int, int]) -> tuple[tuple[Keypoint, ...] | None, tuple[str, ...]]:
    """Return a person's 17 joints in COCO's order, None where missing, and notes on what was mended."""
    given = {joint.name: joint for joint in PROMPTS["pose"].read(raw)}
    if not given:
        return None, ()
    notes = dict.fromkeys(note for joint in given.values() for note in joint.notes)
    keypoints = []
    for name in COCO_JOINTS:
        if joint := given.get(name):
            x, y = to_picture(joint.point, size_wh)
            point = Point(min(max(x, 0), size_wh[0] - 1), min(max(y, 0), size_wh[1] - 1))
            keypoints.append(Keypoint(name, point, 2))
        else:
            keypoints.append(Keypoint(name, Point(0, 0), 0))
    return tuple(keypoints), tuple(notes)
