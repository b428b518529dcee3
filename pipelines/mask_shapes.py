"""Changing masks: union, difference, complement, growing and shrinking, parts, strokes of a brush.

Pure functions of `Mask` values. Each works on the masks' own boxes, so that cost and memory follow the pixels
that are covered and not the picture's size.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.geometry import Box, Point, bounding_box
from pipelines.scene import Mask

STRIP_PIXELS = 1 << 21  # of one strip of a distance transform
EMPTY = Mask(Box(0, 0, 0, 0), b"")
SUBPIXEL_BITS = 4  # of a stroke's points


def window(mask: Mask, box: Box) -> np.ndarray:
    """Return the part of a mask that lies on a box of the picture: bool (box height, box width)."""
    found = np.zeros((box.y2 - box.y1, box.x2 - box.x1), bool)
    x1, y1 = max(box.x1, mask.box.x1), max(box.y1, mask.box.y1)
    x2, y2 = min(box.x2, mask.box.x2), min(box.y2, mask.box.y2)
    if x1 < x2 and y1 < y2:
        part = mask.crop[y1 - mask.box.y1 : y2 - mask.box.y1, x1 - mask.box.x1 : x2 - mask.box.x1]
        found[y1 - box.y1 : y2 - box.y1, x1 - box.x1 : x2 - box.x1] = part
    return found


def union(masks: Sequence[Mask]) -> Mask:
    """Return what any of the masks covers."""
    box = bounding_box(mask.box for mask in masks)
    plane = np.zeros((box.y2 - box.y1, box.x2 - box.x1), bool)
    for mask in masks:
        x, y = mask.box.x1 - box.x1, mask.box.y1 - box.y1
        crop = mask.crop
        plane[y : y + crop.shape[0], x : x + crop.shape[1]] |= crop
    return Mask.from_crop(plane, box)


def intersection(mask: Mask, other: Mask) -> Mask:
    """Return what both masks cover."""
    return Mask.from_crop(mask.crop & window(other, mask.box), mask.box)


def difference(mask: Mask, others: Sequence[Mask]) -> Mask:
    """Return what a mask covers and none of the others does."""
    plane = mask.crop
    for other in others:
        plane &= ~window(other, mask.box)
    return Mask.from_crop(plane, mask.box)


def complement(mask: Mask, size_wh: tuple[int, int]) -> Mask:
    """Return what a mask leaves uncovered in a picture of `size_wh`."""
    return Mask.from_array(~mask.array(size_wh))


def grow(mask: Mask, pixels: int, size_wh: tuple[int, int]) -> Mask:
    """Return a mask grown by so many pixels each way, or shrunk where that is negative; corners are round.

    The picture's edge counts as the mask's edge when it shrinks.
    """
    if not mask.bits or not pixels:
        return mask
    if pixels < 0:
        plane = np.pad(mask.crop, 1)
        shrunk = ~_within_reach(~plane, -pixels)[1:-1, 1:-1]
        return Mask.from_crop(shrunk, mask.box)
    x1, y1, x2, y2 = mask.box
    box = Box(x1 - pixels, y1 - pixels, x2 + pixels, y2 + pixels).within(size_wh)
    return Mask.from_crop(_within_reach(window(mask, box), pixels), box)


def _within_reach(plane: np.ndarray, pixels: int) -> np.ndarray:
    """Return where a plane, bool (H, W), has a True within a distance: bool (H, W).

    It is computed in strips that overlap by the distance, since a float distance of the whole may be large.
    """
    height, width = plane.shape
    near = np.empty_like(plane)
    rows = max(STRIP_PIXELS // width, 2 * pixels)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        first = max(0, top - pixels)
        strip = plane[first : bottom + pixels]
        if not strip.any():
            near[top:bottom] = False
            continue
        distance = cv2.distanceTransform((~strip).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        near[top:bottom] = distance[top - first : bottom - first] <= pixels
    return near


def parts(mask: Mask) -> tuple[Mask, ...]:
    """Return the connected parts of a mask, the largest first."""
    if not mask.bits:
        return ()
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.crop.view(np.uint8), connectivity=8)
    found = []
    for number in sorted(range(1, count), key=lambda n: -int(stats[n, cv2.CC_STAT_AREA])):
        x, y, w, h = (int(stats[number, i]) for i in range(4))
        place = Box(x, y, x + w, y + h)
        x0, y0 = mask.box.x1, mask.box.y1
        on_picture = Box(x + x0, y + y0, x + w + x0, y + h + y0)
        found.append(Mask.from_crop(labels[place.y1 : place.y2, place.x1 : place.x2] == number, on_picture))
    return tuple(found)


def brush(
    mask: Mask | None,
    points: Sequence[tuple[float, float]] | Sequence[Point],
    radius: float,
    size_wh: tuple[int, int],
    *,
    erase: bool = False,
) -> Mask:
    """Return a mask with a stroke added to it, or taken from it.

    Args:
        mask: what there is already; None for nothing.
        points: the stroke's course (x, y) in pixels of the picture; one point is a dab. It may leave the
            picture, where nothing is drawn.
        radius: of the brush, in pixels of the picture.
        size_wh: (width, height) of the picture.
    Raises:
        ValueError: there is no point, or the radius is not positive.
    """
    if not len(points) or not radius > 0:
        raise ValueError(f"expected points and a radius above 0, got {len(points)} points, radius {radius}")
    mask = mask or EMPTY
    course = np.array(points, np.float64)
    (x1, y1), (x2, y2) = np.floor(course.min(0) - radius), np.ceil(course.max(0) + radius) + 1
    box = Box(int(x1), int(y1), int(x2), int(y2)).within(size_wh)
    if box.x2 <= box.x1 or box.y2 <= box.y1:
        return mask
    stroke = np.zeros((box.y2 - box.y1, box.x2 - box.x1), np.uint8)
    unit = 1 << SUBPIXEL_BITS
    fixed = np.round((course - (box.x1, box.y1)) * unit).astype(np.int32)
    cv2.polylines(
        stroke, [fixed.reshape(-1, 1, 2)], False, (1,), max(1, round(2 * radius)), cv2.LINE_8, SUBPIXEL_BITS
    )
    for x, y in (fixed[0], fixed[-1]):  # round ends
        cv2.circle(
            stroke, (int(x), int(y)), round(radius * unit), (1,), cv2.FILLED, cv2.LINE_8, SUBPIXEL_BITS
        )
    drawn = Mask.from_crop(stroke.astype(bool), box)
    return difference(mask, [drawn]) if erase else union([mask, drawn])
