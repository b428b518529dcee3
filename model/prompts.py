"""What SPHINX can be asked: one row an ability, with its sentence, a writer and a reader.

A row's `sentence` is the original's where the original has one (they are what released checkpoints were
trained on, so the wording is theirs to the letter). `write` turns values into the reply that sphinx-nano is
taught, `read` turns any reply into values; on canonical values they are inverses. `read` never raises: what
it cannot use is left out, and what was mended is said in the `notes` of the value.

Boxes are (x1, y1, x2, y2) and points (x, y), all 0..1 of the padded square; a reply carries two decimals,
0.00 to 0.99. The values of each ability:

    ask, short, caption, detail, region    str
    grounded_caption                       tuple of str and Group, in the order of the sentence
    dense, layout, text                    tuple of Group: a phrase, a kind of block, or a written word
    locate, relation, detect, screen       Found: boxes, or what is not there
    pose                                   tuple of Joint, COCO's names; a joint that is not given is left out
    chart                                  tuple of rows, each a tuple of cells, header first
    odd                                    Group, or None where nothing is odd
    marks                                  tuple of (number, what is said about that mark)

Nothing found is a sentence of its own ("There is no red ball in the image.") and reads as an empty value.
This module knows no pixels, no picture and no model; `model.replies` reads the lists in brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from model.replies import Group, read_reply, write_box, write_boxes, write_points

Box = tuple[float, float, float, float]
Point = tuple[float, float]

SHORT_ANSWER = "\nAnswer the question using a single word or phrase."

JOINTS = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder",
    "left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip",
    "left knee", "right knee", "left ankle", "right ankle",
)  # fmt: skip  # COCO's 17, in COCO's order

BLOCKS = ("title", "text", "list", "table", "figure", "caption")  # the kinds of a document's blocks

MARK_RELATIONS = "Analyze the relationships among the marks I've offered: {marks}"
MARK_QUESTIONS = "Answer the following questions based on the marks I've provided: {marks} {question}"

NO_REGIONS = "There is nothing in the image."
NO_REGION = "There is nothing in the region."
NO_PERSON = "There is no person in the region."
NO_DOCUMENT = "There is no document in the image."
NO_TEXT = "There is no text in the image."
NO_CHART = "There is no chart in the image."
NO_MARKS = "There are no marks."
NOTHING_ODD = "There is nothing odd in the image."

_NONE = re.compile(
    r"^\W*(?:there\s+(?:is|are)\s+(?:no|not|nothing|none)\b|there\s+isn't\b|there\s+aren't\b|no\b|none\b|nothing\b)",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"^\W*there\s+(?:is|are)\s+no\s+(.+?)(?:\s+(?:in|on)\s+the\s+image)?\s*[.!]?\s*$", re.IGNORECASE
)
_MARK = re.compile(
    r"(?:^|[,;.\n])\s*(?:<\s*mark\s+(\d{1,4})\s*>|mark\s+(\d{1,4})\s*:)\s*:?\s*", re.IGNORECASE
)
_RULE = re.compile(r"^\s*\|?(?:\s*:?-{2,}:?\s*\|)+(?:\s*:?-{2,}:?\s*)?$")  # a Markdown table's second line
_NO_CELL = re.compile(r"[|\n\r]|###|^:?-{2,}:?$")
_MARKUP = re.compile(r"</?p>|\[|\]|\n|###")


@dataclass(frozen=True, slots=True)
class Found:
    """Where what was asked for is; or, with no box, `missing`: what is not there, in the reply's words."""

    boxes: tuple[Box, ...]
    missing: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return bool(self.boxes)


@dataclass(frozen=True, slots=True)
class Joint:
    """One of JOINTS and its place."""

    name: str
    point: Point
    notes: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    """An ability. `sentence` may hold the places {phrase}, {box}, {marks} and {question}."""

    name: str
    sentence: str
    write: Callable[[Any], str]
    read: Callable[[str], Any]
    wordings: tuple[str, ...] = ()  # further sentences with the same places that mean the same

    def fill(
        self,
        *,
        phrase: str | None = None,
        box: Box | None = None,
        marks: Sequence[tuple[int, Point]] | None = None,
        question: str | None = None,
        wording: str | None = None,
    ) -> str:
        """Return the message to SPHINX.

        Args:
            phrase: what is looked for ("red ball"); a final full stop or question mark is taken off.
            box: 0..1 of the padded square.
            marks: (number, point) of each, for set-of-mark.
            question: the visitor's own words.
            wording: one of `wordings`, in place of the sentence.
        Raises:
            ValueError: a place of the sentence was given nothing.
        """
        given = {
            "{phrase}": None if phrase is None else clean_phrase(phrase),
            "{box}": None if box is None else write_box(box),
            "{marks}": None if marks is None else write_marks(marks),
            "{question}": None if question is None else clean_question(question),
        }
        message = wording or self.sentence
        for place in _PLACE.findall(message):
            if not given[place]:
                raise ValueError(f"{self.name!r} needs {place[1:-1]}")
        return _PLACE.sub(lambda match: given[match[0]] or "", message)


_PLACE = re.compile(r"\{phrase\}|\{box\}|\{marks\}|\{question\}")


def clean_phrase(phrase: str) -> str:
    """Return the phrase on one line, without the format's signs and without a final `.`, `?`, `!`, `,`."""
    return " ".join(_MARKUP.sub(" ", phrase).split()).rstrip(" .?!,;:")


def clean_question(question: str) -> str:
    """Return the question without the sign that ends a turn."""
    return question.replace("###", " ").strip()


def write_marks(marks: Sequence[tuple[int, Point]]) -> str:
    """Write marks as the SPHINX-X paper does: "<Mark 1> [0.56, 0.24], <Mark 2> [0.76, 0.50]"."""
    return ", ".join(f"<Mark {number}> {write_points([point]).replace(',', ', ')}" for number, point in marks)


def is_none(reply: str) -> bool:
    """Return whether a reply says that there is nothing of the kind."""
    return bool(_NONE.match(reply))


# --- writers -------------------------------------------------------------------------------------------


def _write_text(words: str) -> str:
    return words.strip()


def _checked(phrase: str) -> str:
    """Return the phrase, which must be one that `read` gives back."""
    if not phrase or phrase != phrase.strip() or _MARKUP.search(phrase):
        raise ValueError(f"a phrase on one line without <p>, [ or ###: expected, got {phrase!r}")
    return phrase


def _write_group(group: Group) -> str:
    """`<p>red ball</p>[0.10,0.20,0.30,0.40]`."""
    return f"<p>{_checked(group.phrase)}</p>" + (write_boxes(group.boxes) if group.boxes else "")


def _write_groups(groups: Sequence[Group], nothing: str) -> str:
    return ", ".join(_write_group(group) for group in groups) or nothing


def _write_pieces(pieces: Sequence[str | Group]) -> str:
    if clashing := [piece for piece in pieces if isinstance(piece, str) and _MARKUP.search(piece)]:
        raise ValueError(f"the words between phrases must not hold <p>, [ or ###, got {clashing}")
    return "".join(piece if isinstance(piece, str) else _write_group(piece) for piece in pieces)


def _write_found(found: Found) -> str:
    if found.boxes:
        return write_boxes(found.boxes)
    return (
        f"There is no {_checked(found.missing)} in the image."
        if found.missing
        else "There is none in the image."
    )


def _write_all(found: Found) -> str:
    """As `_write_found`, for a phrase that is a plural ("cats")."""
    if found.boxes or not found.missing:
        return _write_found(found)
    return f"There are no {_checked(found.missing)} in the image."


def _write_region(words: str) -> str:
    return words.strip() or NO_REGION


def _write_pose(joints: Sequence[Joint]) -> str:
    """`<p>nose</p>[0.50,0.20], <p>left eye</p>[0.52,0.18], ...`."""
    if unknown := [joint.name for joint in joints if joint.name not in JOINTS]:
        raise ValueError(f"joints are COCO's 17, got {unknown}")
    return ", ".join(f"<p>{joint.name}</p>{write_points([joint.point])}" for joint in joints) or NO_PERSON


def _write_chart(rows: Sequence[Sequence[str]]) -> str:
    """Return a line a row, cells parted by " | "."""
    for row in rows:
        if len(row) < 2 or any(not cell or cell != cell.strip() or _NO_CELL.search(cell) for cell in row):
            raise ValueError(
                f"a row is two or more stripped cells without a bar or a line break, got {row!r}"
            )
    return "\n".join(" | ".join(row) for row in rows) or NO_CHART


def _write_odd(group: Group | None) -> str:
    return NOTHING_ODD if group is None else _write_group(group)


def _write_described(marks: Sequence[tuple[int, str]]) -> str:
    """`<Mark 1> red ball, <Mark 2> blue cup`."""
    if clashing := [words for _, words in marks if _MARK.search(f", {words}") or _MARK.search(words)]:
        raise ValueError(f"what is said of a mark must not look like the next mark, got {clashing}")
    return ", ".join(f"<Mark {number}> {_checked(words)}" for number, words in marks) or NO_MARKS


# --- readers -------------------------------------------------------------------------------------------


def _read_text(reply: str) -> str:
    return reply.strip()


def _read_region(reply: str) -> str:
    return "" if is_none(reply) else " ".join(reply.split()).rstrip(".")


def _read_pieces(reply: str) -> tuple[str | Group, ...]:
    pieces: list[str | Group] = []
    at = 0
    for group in read_reply(reply):
        if group.start > at:
            pieces.append(reply[at : group.start])
        pieces.append(Group(group.phrase, group.boxes, group.notes))
        at = group.end
    if at < len(reply):
        pieces.append(reply[at:])
    return tuple(pieces)


def _read_groups(reply: str) -> tuple[Group, ...]:
    """Return every phrase of the reply with its boxes, and boxes without a phrase under an empty one."""
    return tuple(
        Group(" ".join(group.phrase.split()), group.boxes, group.notes)
        for group in read_reply(reply)
        if group.phrase.strip() or group.boxes
    )


def _read_found(reply: str) -> Found:
    groups = read_reply(reply)
    boxes = tuple(box for group in groups for box in group.boxes)
    notes = tuple(note for group in groups for note in group.notes)
    if boxes:
        return Found(boxes, "", notes)
    if not is_none(reply):
        pointed = any(group.points for group in groups)
        notes += ("a point was given in place of a box" if pointed else "the reply names no box",)
    match = _MISSING.match(reply)
    return Found((), " ".join(match[1].split()) if match else "", notes)


def _read_pose(reply: str) -> tuple[Joint, ...]:
    """Return the joints that are named as COCO names them, each once."""
    joints: dict[str, Joint] = {}
    for group in read_reply(reply):
        name = " ".join(group.phrase.lower().replace("_", " ").split())
        if name in JOINTS and name not in joints and group.points:
            joints[name] = Joint(name, group.points[0], group.notes)
    return tuple(joints.values())


def _read_chart(reply: str) -> tuple[tuple[str, ...], ...]:
    """Return the lines with a bar in them; outer bars and the rule of a Markdown table are dropped."""
    rows = []
    for line in reply.splitlines():
        if "|" in line and not _RULE.match(line):
            cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
            if len(cells) > 1:
                rows.append(cells)
    return tuple(rows)


def _read_odd(reply: str) -> Group | None:
    groups = _read_groups(reply)
    return next((group for group in groups if group.boxes), groups[0] if groups else None)


def _read_marks(reply: str) -> tuple[tuple[int, str], ...]:
    starts = list(_MARK.finditer(reply))
    ends = [match.start() for match in starts[1:]] + [len(reply)]
    return tuple(
        (int(match[1] or match[2]), " ".join(reply[match.end() : end].split()).rstrip(","))
        for match, end in zip(starts, ends)
    )


# --- the table -----------------------------------------------------------------------------------------

_REC = "Please provide the bounding box coordinate of the region this sentence describes: {phrase}."
_SHORT_REC = "Provide the bounding box coordinate of the region: {phrase}"  # as the paper's figures have it


def _groups(nothing: str) -> Callable[[Sequence[Group]], str]:
    return lambda groups: _write_groups(groups, nothing)


_ROWS = (
    Prompt("ask", "{question}", _write_text, _read_text),
    Prompt("short", "{question}" + SHORT_ANSWER, _write_text, _read_text),
    Prompt(
        "caption",
        "Provide a one-sentence caption for the provided image.",
        _write_text,
        _read_text,
        ("Describe the image in one sentence.", "What's in the image?", "Give a short caption."),
    ),
    Prompt(
        "detail",
        "Generate a detailed description about the image.",
        _write_text,
        _read_text,
        ("Describe the image in detail.", "Tell me everything you see."),
    ),
    Prompt(
        "grounded_caption",
        "Describe the image concisely. Include the bounding box for each mentioned object.",
        _write_pieces,
        _read_pieces,
        ("Describe the image with the bounding box of each object.",),
    ),
    Prompt(
        "dense",
        "Detect all regions in the image and describe each of them.",
        _groups(NO_REGIONS),
        _read_groups,
        (
            "Give a phrase and the bounding box for every region in the image.",
            "Detect all objects in the image.",
        ),
    ),
    Prompt(
        "locate",
        _REC,
        _write_found,
        _read_found,
        (_SHORT_REC, "Where is the {phrase}?", "Find the {phrase}.", "Locate the {phrase} in the image."),
    ),
    Prompt(
        "relation",
        _REC,
        _write_found,
        _read_found,
        (_SHORT_REC, "Find the {phrase}.", "Show me the {phrase}."),
    ),
    Prompt(
        "detect",
        "Detect all {phrase} shown in the image.",
        _write_all,
        _read_found,
        ("Find all {phrase} in the image.", "Where are the {phrase}?", "Show me all {phrase}."),
    ),
    Prompt(
        "region",
        "Please provide a short description for this region: {box}.",
        _write_region,
        _read_region,
        ("What is this: {box}?", "What is in the region {box}?", "Describe the region {box}."),
    ),
    Prompt(
        "pose",
        "Detect the key points of the person in the region {box}.",
        _write_pose,
        _read_pose,
        ("Give the pose of the person in {box}.",),
    ),
    Prompt(
        "layout",
        "Detect the layout of the document in the image.",
        _groups(NO_DOCUMENT),
        _read_groups,
        ("Find the blocks of this page.",),
    ),
    Prompt(
        "text",
        "Please detect all texts and provide their bounding box coordinate.",
        _groups(NO_TEXT),
        _read_groups,
        (
            "Detect all regions in the image that contain text and identify their content.",
            "Read all the text in the image.",
        ),
    ),
    Prompt(
        "chart",
        "Convert this chart to a table.",
        _write_chart,
        _read_chart,
        ("Give the values of this chart as a table.",),
    ),
    Prompt(
        "odd",
        "What is odd in the image? Include its bounding box.",
        _write_odd,
        _read_odd,
        ("Detect the anomaly in the image.", "Which one does not fit in with the others?"),
    ),
    Prompt(
        "marks",
        "Provide a short description for each of the marks I've offered: {marks}",
        _write_described,
        _read_marks,
        (
            "Provide a detailed description for each of the marks I've offered: {marks}",
            "What is at each of these marks: {marks}",
        ),
    ),
    Prompt(
        "screen",
        "Please provide the bounding box coordinate of the element this sentence describes: {phrase}.",
        _write_found,
        _read_found,
        ("Where is the {phrase}?", "Where do I find the {phrase}?", "Where should I click for the {phrase}?"),
    ),
)

PROMPTS: dict[str, Prompt] = {row.name: row for row in _ROWS}
"""Every ability by its name."""
