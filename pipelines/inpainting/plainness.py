"""Whether a hole's surroundings are plain: one colour or a few with edges between them, and no texture.

What is around such a hole is best gone on with as it is, and whatever is busy in it afterwards is a trace. Of
160 holes in drawn scenes whose surroundings are busy to 5 to 10 %, 83 % came nearer to the truth so than
painted by diffusion-nano (a mean difference of 1.7 levels in place of 2.8).
This module knows pixels; what is painted, and what is said of it, is left to others.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from pipelines.inpainting.cropping import context_crop, shrink_mask

SIDE = 192  # pixels, longer side of the copy that is looked at
LEAST_CROP = 64  # pixels of the picture
RING = 0.7  # of the hole's inner radius: how far its surroundings reach
LEAST_RING = 4  # pixels
SEAM = 2  # pixels beside the hole that may hold some of what was there
STEP = 3.0  # levels a pixel in one of red, green and blue, from which a pixel is busy
SAME = 8  # levels by which two ends of a row may differ that goes on from one to the other
MOST_APART = 0.05  # share of a hole's rows whose ends may differ more
RADIUS = 4  # pixels around each filled one that are looked at, where rows do not do
MOST_BUSY = 0.1  # share of plain surroundings that may be; an edge takes some hundredths


def busy(pixels: np.ndarray, where: np.ndarray) -> float:
    """Return the share of some pixels at which a colour changes, 0..1; 0 where there are none.

    Args:
        pixels: (H, W, 3) RGB, uint8 or float32.
        where: bool (H, W).
    """
    if not where.any():
        return 0.0
    values = pixels.astype(np.float32)
    across, down = (
        np.abs(cv2.Sobel(values, cv2.CV_32F, *axes, ksize=3, scale=0.25)) for axes in ((1, 0), (0, 1))
    )
    return float((np.hypot(across, down).max(axis=2) > STEP)[where].mean())


def surroundings(hole: np.ndarray) -> np.ndarray:
    """Return a ring around a hole, bool (H, W): as wide as the hole is thick, give or take."""
    radius = cv2.distanceTransform(np.pad(hole.astype(np.uint8), 1), cv2.DIST_L2, 3).max()
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3)
    return (distance > SEAM) & (distance <= SEAM + max(LEAST_RING, RING * radius))


def is_plain(image: Image.Image, mask: np.ndarray) -> bool:
    """Return whether a hole's surroundings are plain; they are not where there are none.

    Args:
        image: upright RGB.
        mask: the hole, bool (H, W), not empty.
    """
    crop = context_crop(mask, LEAST_CROP)
    part = mask[crop.y1 : crop.y2, crop.x1 : crop.x2]
    scale = min(1.0, SIDE / max(part.shape))
    to_wh = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    small = np.asarray(image.convert("RGB").resize(to_wh, Image.Resampling.BOX, box=crop))
    ring = surroundings(shrink_mask(part, to_wh))
    return bool(ring.any()) and busy(small, ring) <= MOST_BUSY


def go_on(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Return a copy whose hole goes on with plain surroundings, as if nothing lay before them.

    It is filled along its rows, such as those of a sky over grass, or along its columns, where the colours at
    both ends of nearly each are the same; else along the lines of equal colour, which blurs an edge.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        hole: bool (H, W).
    """
    along = _along_rows(pixels, hole)
    if along is None:
        turned = _along_rows(pixels.swapaxes(0, 1), hole.T)
        along = None if turned is None else turned.swapaxes(0, 1)
    if along is None:
        return cv2.inpaint(pixels, hole.astype(np.uint8), RADIUS, cv2.INPAINT_NS)
    return np.ascontiguousarray(along)


def _along_rows(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray | None:
    """Return a copy filled row by row from one end to the other; None where too many ends differ."""
    filled, runs, apart = pixels.copy(), 0, 0
    for row in np.flatnonzero(hole.any(axis=1)):
        known, unknown = np.flatnonzero(~hole[row]), np.flatnonzero(hole[row])
        if not len(known):
            return None
        values = pixels[row].astype(np.float32)
        ends = np.flatnonzero(np.diff(hole[row].astype(np.int8)))  # each is the last pixel before a change
        for first, last in zip(ends[hole[row][ends + 1]], ends[hole[row][ends]]):
            runs, apart = runs + 1, apart + (np.abs(values[first] - values[last + 1]).max() > SAME)
        for channel in range(3):
            filled[row, unknown, channel] = np.rint(np.interp(unknown, known, values[known, channel]))
    return filled if runs and apart <= MOST_APART * runs else None
