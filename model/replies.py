"""SPHINX's replies as text: how positions are written in them, and how they are read back.

    <p>the red ball</p>[0.41,0.37,0.58,0.72]            a phrase and its box
    <p>the balls</p>[0.1,0.2,0.3,0.4;0.5,0.6,0.7,0.8]   several boxes of one phrase
    <p>left eye</p>[0.46,0.31]                          a point
    There are two text[0.1,0.2,0.3,0.4;...] in ...      the word in front of a list without tags

Numbers are 0..1 of the padded square, (x, y) or (x1, y1, x2, y2). What a model writes wrongly is mended where
its meaning is clear, left out where it is not, and said in a note either way. This module knows no picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

XYXY = tuple[float, float, float, float]
XY = tuple[float, float]

HIGHEST = 0.99  # the largest number the training data writes, at two decimals
FARTHEST = 1.5  # a number beyond this is not a position in the square
_NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)")
_TAGGED = re.compile(r"<p>(?P<phrase>(?:(?!<p>).)*?)</p>(?P<list>\s*\[[\[\]\d.,;\s+-]*\])?", re.DOTALL)
# A word is tried at its beginning alone: tried at each letter, a long one would take quadratic time.
_BARE = re.compile(r"(?:(?<![\w'-])(?P<word>[\w'-]++))?(?P<list>\[[\[\]\d.,;\s+-]*\])")
_OPEN = re.compile(  # a list or a tag that has not ended yet
    r"(?:\s*\[(?:[\d.,;\s+-]|\[[\d.,;\s+-]*\])*\[?[\d.,;\s+-]*|</?p?)$"
)
_WORDS = re.compile(r"<|\s*\[(?!.*\.\d).*\d.*", re.DOTALL)  # the same once nothing follows: no positions


@dataclass(frozen=True, slots=True)
class Group:
    """One phrase of a reply and the positions that belong to it.

    `phrase` is the words, "" for a list without words. `boxes` and `points` are 0..1 of the padded square.
    `notes` say what was mended. `start:end` is the whole of it in the raw reply, tags and list included.
    Neither notes nor the place in the reply count for equality.
    """

    phrase: str
    boxes: tuple[XYXY, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    points: tuple[XY, ...] = ()
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


def read_reply(raw: str) -> list[Group]:
    """Find the phrases and positions of a reply, in their order.

    A bracket without tags counts only if it holds positions: `[1]` and `[2, 3]` stay words.
    """
    groups = []
    for match in _TAGGED.finditer(raw):
        boxes, points, notes = _read_list(match["list"] or "")
        groups.append(Group(match["phrase"].strip(), boxes, notes, points, *match.span()))
    taken = [(group.start, group.end) for group in groups]
    for match in _BARE.finditer(raw):
        start, end = match.span("list")
        if any(a < end and start < b for a, b in taken) or not _holds_positions(match["list"]):
            continue
        word = match["word"] or ""
        if any(a < start and start - len(word) < b for a, b in taken):
            word = ""
        boxes, points, notes = _read_list(match["list"])
        groups.append(Group(word, boxes, notes, points, start - len(word), end))
    return sorted(groups, key=lambda group: group.start)


def plain_text(
    raw: str, groups: Sequence[Group], *, ended: bool = False
) -> tuple[str, list[tuple[int, int]]]:
    """Return the reply as people read it: no tags, no lists of numbers, nothing half-written at its end.

    Args:
        raw: the reply.
        groups: what `read_reply` found in it.
        ended: nothing will follow, so that a bracket which never became positions is words.

    Returns:
        The text, and for each group where its phrase stands in it (start, end).
    """
    text, spans, position = "", [], 0
    for group in groups:
        text += raw[position : group.start]
        if not group.phrase:
            text = text.rstrip(" ")
        spans.append((len(text), len(text) + len(group.phrase)))
        text += group.phrase
        position = group.end
    rest = raw[position:]
    half = _OPEN.search(rest)
    if half and not (ended and _WORDS.fullmatch(half[0])):
        rest = rest[: half.start()]
    for tag in ("<p>", "</p>"):
        rest = rest.replace(tag, "")
    return text + rest, spans


def _holds_positions(written: str) -> bool:
    """True if any item of a bracket list is 2 or 4 numbers, all of them near 0..1, not all of them whole."""
    for item in _items(written):
        numbers = [float(n) for n in item]
        near = all(-0.5 <= n <= FARTHEST for n in numbers)
        if len(numbers) in (2, 4) and near and any("." in n for n in item):
            return True
        if len(numbers) == 4 and near:
            return True
    return False


def _items(written: str) -> list[list[str]]:
    """Return the numbers of each item of a bracket list, as written."""
    flat = re.sub(r"\]\s*[,;]?\s*\[", ";", written).replace("[", "").replace("]", "")
    return [_NUMBER.findall(item) for item in flat.split(";") if item.strip()]


def _read_list(written: str) -> tuple[tuple[XYXY, ...], tuple[XY, ...], tuple[str, ...]]:
    """Return boxes, points and notes of a bracket list."""
    boxes: list[XYXY] = []
    points: list[XY] = []
    notes: list[str] = []
    for item in _items(written):
        numbers = [float(n) for n in item]
        if len(numbers) > 4 and len(numbers) % 4 == 0:
            chunks = [numbers[i : i + 4] for i in range(0, len(numbers), 4)]
            notes.append("several boxes were written as one")
        else:
            chunks = [numbers]
        for chunk in chunks:
            if len(chunk) not in (2, 4):
                notes.append(f"a position of {len(chunk)} numbers was left out")
            elif any(not -0.5 <= n <= FARTHEST for n in chunk):
                notes.append("a position far outside the picture was left out")
            else:
                inside = [min(max(n, 0.0), 1.0) for n in chunk]
                if inside != chunk:
                    notes.append("a position was moved to the picture's edge")
                if len(chunk) == 2:
                    points.append((inside[0], inside[1]))
                    continue
                x1, y1, x2, y2 = inside
                if x1 > x2 or y1 > y2:
                    notes.append("a box was written with its corners swapped")
                boxes.append((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))
    return tuple(boxes), tuple(points), tuple(dict.fromkeys(notes))


def _write(values: Iterable[float]) -> str:
    return ",".join(f"{min(max(value, 0.0), HIGHEST):.2f}" for value in values)


def write_box(box: Sequence[float]) -> str:
    """Return a box as SPHINX writes it: (0.41, 0.37, 0.58, 0.72) -> "[0.41,0.37,0.58,0.72]"."""
    return write_boxes([box])


def write_boxes(boxes: Iterable[Sequence[float]]) -> str:
    """Several boxes of one phrase: "[a,b,c,d;a,b,c,d]"."""
    return f"[{';'.join(_write(box) for box in boxes)}]"


def write_points(points: Iterable[Sequence[float]]) -> str:
    """Return one or several points: "[x,y]", "[x,y;x,y]"."""
    return f"[{';'.join(_write(point) for point in points)}]"


__all__ = ["Group", "plain_text", "read_reply", "write_box", "write_boxes", "write_points"]
