"""A visitor's brush and eraser: strokes that add to a region's mask or take from it.

No model is asked. Coordinates are pixels of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from pipelines.errors import DemoError
from pipelines.scene import Box, Mask, Point, Region, Scene

MAX_POINTS = 4000  # of one stroke


class Stroke(NamedTuple):
    """A line of points drawn with a round tip of `radius` pixels; `add` paints, otherwise it wipes."""

    points: tuple[Point, ...]
    radius: float
    add: bool = True


def stroked(scene: Scene, stroke: Stroke, region_id: int | None) -> Scene:
    """Return the scene with the stroke on region `region_id`, or on a new region where that is None.

    Raises:
        DemoError: there is nothing to wipe, nothing would be left, or the stroke is beside the picture.
    """
    assert scene.picture
    size_wh = scene.picture.size_wh
    region = scene.region(region_id) if region_id is not None else None
    if region is None and not stroke.add:
        raise DemoError("There is nothing to wipe from: select a region first.")
    if region and region.mask is None and not stroke.add:
        raise DemoError(f"Region #{region.id} has no mask yet: segment it first.")
    area, painted = _painted(stroke, size_wh)
    plane = region.mask.array(size_wh) if region and region.mask else np.zeros(size_wh[::-1], bool)
    window = plane[area.y1 : area.y2, area.x1 : area.x2]
    window[:] = window | painted if stroke.add else window & ~painted
    mask = Mask.from_array(plane)
    if not mask.bits:
        if region and not stroke.add:
            raise DemoError(f"Nothing would be left of region #{region.id}: take it off the list instead.")
        raise DemoError("The stroke lies beside the picture: paint on it.")
    if region is None:
        made = Region(scene.next_id, "", mask.box, mask, source="brush")
        return replace(scene.with_region(made), selected=made.id)
    # SAM's answers and score were those to the clicks, and the mask is no longer one of them
    mended = replace(region, box=mask.box, mask=mask, score=None, clicks=(), prompt_box=None, candidates=())
    return replace(scene.with_region(mended), selected=region.id)


def _painted(stroke: Stroke, size_wh: tuple[int, int]) -> tuple[Box, np.ndarray]:
    """Return the part of the picture that the stroke touches, and what it covers there: bool (H, W)."""
    points = np.array(stroke.points, float).reshape(-1, 2)
    radius = max(0.5, stroke.radius)
    (left, top), (right, bottom) = points.min(0) - radius - 1, points.max(0) + radius + 2
    area = Box(int(left), int(top), int(right) + 1, int(bottom) + 1).within(size_wh)
    if area.x2 <= area.x1 or area.y2 <= area.y1:
        return Box(0, 0, 0, 0), np.zeros((0, 0), bool)
    drawn = np.zeros((area.y2 - area.y1, area.x2 - area.x1), np.uint8)
    line = np.round(points - (area.x1, area.y1)).astype(np.int32)
    cv2.polylines(drawn, [line], False, 1, thickness=max(1, round(2 * radius)))
    for x, y in _ends(line):
        cv2.circle(drawn, (x, y), round(radius), 1, -1)
    return area, drawn.astype(bool)


def _ends(line: np.ndarray) -> Sequence[tuple[int, int]]:
    return [(int(x), int(y)) for x, y in (line[0], line[-1])]
