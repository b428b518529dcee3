"""Geometry of crops: rectangles of the picture that SAM is asked about."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipelines.geometry import Box, bounding_box
from pipelines.scene import Click

GRID_STEP = 0.5  # of a crop's side from one crop of a grid to the next, at most


def clip_box(box: Box, frame: Box) -> Box:
    """Return the box with its sides in order, cut at the frame, at least one pixel each way."""
    x1, x2 = sorted((box.x1, box.x2))
    y1, y2 = sorted((box.y1, box.y2))
    x1, y1 = min(max(x1, frame.x1), frame.x2 - 1), min(max(y1, frame.y1), frame.y2 - 1)
    return Box(x1, y1, max(x1 + 1, min(x2, frame.x2)), max(y1 + 1, min(y2, frame.y2)))


def with_positive_clicks(box: Box, clicks: Sequence[Click]) -> Box:
    """Return the smallest box that holds a box and every positive click."""
    points = [click.point for click in clicks if click.positive]
    return bounding_box([box, *(Box(x, y, x + 1, y + 1) for x, y in points)])


def square_around(box: Box, side: int, size_wh: tuple[int, int]) -> Box:
    """Return a square of `side` about the middle of a box, moved into the picture, cut if it is larger."""
    w, h = min(side, size_wh[0]), min(side, size_wh[1])
    x = min(max(0, (box.x1 + box.x2 - w) // 2), size_wh[0] - w)
    y = min(max(0, (box.y1 + box.y2 - h) // 2), size_wh[1] - h)
    return Box(x, y, x + w, y + h)


def grid(size_wh: tuple[int, int], side: int) -> list[Box]:
    """Return overlapping squares of a side that cover a picture of (width, height)."""
    starts = []
    for length in size_wh:
        spare = max(0, length - side)
        gaps = math.ceil(spare / (GRID_STEP * side))
        starts.append([round(i * spare / max(1, gaps)) for i in range(gaps + 1)])
    w, h = min(side, size_wh[0]), min(side, size_wh[1])
    return [Box(x, y, x + w, y + h) for y in starts[1] for x in starts[0]]
