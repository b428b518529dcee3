"""Points and boxes in pixels: x to the right, y down, origin top left; sizes are (width, height).

Sizes are called `_wh`. This module knows nothing but numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Point(NamedTuple):
    """A pixel of the picture."""

    x: int
    y: int


class Box(NamedTuple):
    """A rectangle of pixels; x2 and y2 are exclusive, as in a slice."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height; 0 where the corners are swapped."""
        return max(0, self.x2 - self.x1), max(0, self.y2 - self.y1)

    @property
    def area(self) -> int:
        width, height = self.size_wh
        return width * height

    def grown(self, share: float) -> Box:
        """Add that share of the longer side on every side; the box may then reach below 0."""
        more = share * max(self.x2 - self.x1, self.y2 - self.y1)
        return Box(*map(round, (self.x1 - more, self.y1 - more, self.x2 + more, self.y2 + more)))

    def within(self, size_wh: tuple[int, int]) -> Box:
        """Return what of the box lies in a picture; without area where nothing does."""
        return Box(max(0, self.x1), max(0, self.y1), min(size_wh[0], self.x2), min(size_wh[1], self.y2))

    def contains(self, point: Point) -> bool:
        """Tell whether a pixel lies in the box."""
        return self.x1 <= point.x < self.x2 and self.y1 <= point.y < self.y2

    def iou(self, other: Box) -> float:
        """Intersection over union with `other`, 0..1."""
        w = min(self.x2, other.x2) - max(self.x1, other.x1)
        h = min(self.y2, other.y2) - max(self.y1, other.y1)
        shared = max(0, w) * max(0, h)
        union = self.area + other.area - shared
        return shared / union if union else 0.0


def bounding_box(boxes: Iterable[Box]) -> Box:
    """Return the smallest box that holds all boxes with an area; an empty one where there are none."""
    held = [box for box in boxes if box.area]
    if not held:
        return Box(0, 0, 0, 0)
    x1, y1, x2, y2 = zip(*held, strict=True)
    return Box(min(x1), min(y1), max(x2), max(y2))
