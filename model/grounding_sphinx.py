"""A reply tied to its picture: which words are where, in picture pixels."""

from __future__ import annotations

from dataclasses import dataclass

from .image_processing_sphinx import to_picture
from .replies import plain_text, read_reply


@dataclass(frozen=True, slots=True)
class GroundedSpan:
    """Words of a reply and where they are: `text[start:end]` is `phrase`; positions are picture pixels.

    `boxes` are (x1, y1, x2, y2), `points` (x, y). `notes` say what was mended or left out.
    """

    start: int
    end: int
    phrase: str
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    points: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroundedText:
    """A reply as people read it, tied to the picture; `raw` is what the model wrote."""

    text: str
    raw: str
    spans: tuple[GroundedSpan, ...] = ()


def ground(raw: str, size_wh: tuple[int, int]) -> GroundedText:
    """Tie a reply to the picture.

    Args:
        raw: what the model wrote.
        size_wh: pixels, of the picture it was asked about.

    Returns:
        The reply as people read it, with boxes and points clipped to the picture; what lies beside it is left
        out, and a note says so.
    """
    w, h = size_wh
    groups = read_reply(raw)
    text, places = plain_text(raw, groups, ended=True)
    spans = []
    for group, (start, end) in zip(groups, places, strict=True):
        boxes, notes = [], list(group.notes)
        for box in group.boxes:
            x1, y1, x2, y2 = to_picture(box, size_wh)
            inside = (min(max(x1, 0), w), min(max(y1, 0), h), min(max(x2, 0), w), min(max(y2, 0), h))
            if inside[2] <= inside[0] or inside[3] <= inside[1]:
                notes.append("a box beside the picture was left out")
            else:
                boxes.append(inside)
        points = []
        for point in group.points:
            x, y = to_picture(point, size_wh)
            points.append((min(max(x, 0), w - 1), min(max(y, 0), h - 1)))
        spans.append(
            GroundedSpan(start, end, group.phrase, tuple(boxes), tuple(points), tuple(dict.fromkeys(notes)))
        )
    return GroundedText(text, raw, tuple(spans))


__all__ = ["GroundedSpan", "GroundedText", "ground"]
