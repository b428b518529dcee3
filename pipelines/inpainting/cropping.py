"""The part of the picture that an inpainter sees, and pasting what it painted back into the hole.

Pasting goes strip by strip over the hole's own box, so that time and memory follow the pixels that change.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from pipelines.errors import DemoError
from pipelines.geometry import Box, bounding_box
from pipelines.resampling import strips

CONTEXT = 0.35  # of the hole's longer side, left around it for the inpainter to see
FEATHER = 0.02  # of the hole's longer side; the seam is blended over so many pixels inside the hole
GROUPING_SIDE = 512  # pixels, longer side of the copy on which holes are told apart
MOST_PIECES = 64  # parts of a mask that are told apart
MOST_HOLES = 4  # holes that are painted one by one
LEAST_FEATHER, MOST_FEATHER = 1, 24  # pixels


class Cancelled(Exception):
    """Raised to end a painting that nobody waits for any more."""


def never() -> bool:
    """Return False: the default of `cancelled`."""
    return False


def check_hole(image: Image.Image, mask: np.ndarray) -> None:
    """Check that a mask is one of the picture and not empty.

    Raises:
        ValueError: it has another size.
        DemoError: it is empty.
    """
    if mask.shape != (image.height, image.width):
        raise ValueError(f"expected a mask of {(image.height, image.width)}, got {mask.shape}")
    if not mask.any():
        raise DemoError("There is nothing to paint: the mask is empty. Click or segment something first.")


def mask_box(mask: np.ndarray) -> Box:
    """Return the box of a mask, bool (H, W), that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def context_crop(mask: np.ndarray, least: int) -> Box:
    """Return the part of the picture to paint: the hole's box with context, square where there is room.

    Args:
        mask: bool (H, W), not empty.
        least: pixels, the smallest side where the picture has so many.
    """
    height, width = mask.shape
    box = mask_box(mask)
    side = max(least, round((1 + 2 * CONTEXT) * max(box.x2 - box.x1, box.y2 - box.y1)))
    w, h = min(side, width), min(side, height)
    x = min(max(0, (box.x1 + box.x2 - w) // 2), width - w)
    y = min(max(0, (box.y1 + box.y2 - h) // 2), height - h)
    return Box(x, y, x + w, y + h)


def hole_boxes(mask: np.ndarray) -> tuple[Box, ...]:
    """Return the boxes of the holes that are painted one by one, the largest first.

    Holes far apart have crops of their own, each at the inpainter's full resolution; a hole that lies in
    another's context is painted with it. More than `MOST_HOLES` are painted as one.

    Args: mask: bool (H, W), not empty.
    """
    whole = mask_box(mask)
    window = mask[whole.y1 : whole.y2, whole.x1 : whole.x2]
    scale = min(1.0, GROUPING_SIDE / max(window.shape))
    to_wh = (max(1, round(window.shape[1] * scale)), max(1, round(window.shape[0] * scale)))
    small = shrink_mask(window, to_wh).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(small, connectivity=8)
    if count > MOST_PIECES:
        return (whole,)
    sx, sy = window.shape[1] / to_wh[0], window.shape[0] / to_wh[1]
    boxes = [
        Box(int(x * sx), int(y * sy), int(np.ceil((x + w) * sx)), int(np.ceil((y + h) * sy)))
        for x, y, w, h, _ in stats[1:].tolist()
    ]
    while pair := next(
        ((a, b) for a in boxes for b in boxes if a is not b and a.grown(CONTEXT).iou(b) > 0), None
    ):
        boxes = [box for box in boxes if box is not pair[0] and box is not pair[1]] + [bounding_box(pair)]
    if len(boxes) > MOST_HOLES:
        return (whole,)
    return tuple(
        Box(box.x1 + whole.x1, box.y1 + whole.y1, box.x2 + whole.x1, box.y2 + whole.y1)
        for box in sorted(boxes, key=lambda box: -box.area)
    )


def shrink_mask(mask: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Return a mask, bool (H, W), resized: True where a pixel holds any of it, however little."""
    width, height = size_wh
    columns = np.arange(width) * mask.shape[1] // width
    rows = np.arange(height) * mask.shape[0] // height
    any_inside = np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, axis=0), columns, axis=1)
    scaled = cv2.resize(np.where(mask, np.uint8(255), np.uint8(0)), size_wh, interpolation=cv2.INTER_AREA)
    return any_inside | (scaled > 0)


def paste(
    image: Image.Image,
    painted: Image.Image,
    crop: Box,
    mask: np.ndarray,
    *,
    cancelled: Callable[[], bool] = never,
) -> Image.Image:
    """Put a painted crop back: no pixel outside the mask changes, the seam is blended inside it.

    Args:
        image: upright RGB.
        painted: the crop, at any size.
        mask: bool (H, W) of the whole picture, not empty.
        cancelled: asked before each strip.
    Raises:
        Cancelled: it said so.
    """
    box = mask_box(mask)
    box = Box(max(box.x1, crop.x1), max(box.y1, crop.y1), min(box.x2, crop.x2), min(box.y2, crop.y2))
    feather = min(max(round(FEATHER * max(box.x2 - box.x1, box.y2 - box.y1)), LEAST_FEATHER), MOST_FEATHER)
    sx, sy = painted.width / (crop.x2 - crop.x1), painted.height / (crop.y2 - crop.y1)
    painted, result = painted.convert("RGB"), image.copy()
    width = box.x2 - box.x1
    for rows in strips((width, box.y2 - box.y1)):
        if cancelled():
            raise Cancelled
        top, bottom = box.y1 + rows.start, box.y1 + rows.stop
        inside = mask[top:bottom, box.x1 : box.x2]
        if not inside.any():
            continue
        # The painting of this strip, enlarged
        part = (
            (box.x1 - crop.x1) * sx, (top - crop.y1) * sy, (box.x2 - crop.x1) * sx, (bottom - crop.y1) * sy,
        )  # fmt: skip
        new = painted.resize((width, bottom - top), Image.Resampling.LANCZOS, box=_within(part, painted.size))
        old = np.asarray(image.crop((box.x1, top, box.x2, bottom)))
        weight = _blend_weight(mask, Box(box.x1, top, box.x2, bottom), feather)[..., None]
        blended = np.rint(old * (1 - weight) + np.asarray(new, np.float32) * weight).astype(np.uint8)
        result.paste(Image.fromarray(np.where(inside[..., None], blended, old)), (box.x1, top))
    return result


Part = tuple[float, float, float, float]


def _within(part: Part, size_wh: tuple[int, int]) -> Part:
    """Return a box of floats without the rounding error by which it may leave a picture."""
    x1, y1, x2, y2 = part
    return max(0.0, x1), max(0.0, y1), min(x2, size_wh[0]), min(y2, size_wh[1])


def _blend_weight(mask: np.ndarray, strip: Box, feather: int) -> np.ndarray:
    """Return how much of the painting is taken, float32 (h, w) on a strip: 0 outside the mask, 1 deep in it.

    The picture's own edge is no seam: only the distance to pixels outside the mask counts.
    """
    reach = feather + 2
    height, width = mask.shape
    seen = Box(strip.x1 - reach, strip.y1 - reach, strip.x2 + reach, strip.y2 + reach).within((width, height))
    window = np.ascontiguousarray(mask[seen.y1 : seen.y2, seen.x1 : seen.x2]).view(np.uint8)
    depth = cv2.distanceTransform(window, cv2.DIST_L2, 3)
    y, x = strip.y1 - seen.y1, strip.x1 - seen.x1
    return np.clip(depth[y : y + strip.y2 - strip.y1, x : x + strip.x2 - strip.x1] / (feather + 1), 0, 1)
