"""The soft shadow at a thing's foot, which is removed together with it.

It is where the ground beneath and beside the foot is darker than the same ground farther away, and of the
same hue: what is there is compared with what `plainness.go_on` makes of the place from around it. In 60 drawn
scenes (seeds from 62,000,001) what was left where a shadow had been was darker than the ground by 10.1 levels
of 255 in the mean without this, and by 0.2 with it. This module knows pixels and masks; which things are
removed is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from pipelines import mask_shapes as m
from pipelines.inpainting.holes import removal_hole
from pipelines.inpainting.plainness import go_on
from pipelines.scene import Box, Mask

SHADOW_REACH = 0.15  # of the longer side of the box of what is removed: no shadow is taken farther from it
LEAST_REACH = 4  # pixels
SIDE = 256  # pixels, longer side of the copy that is looked at
DARKEST, LIGHTEST = 0.4, 0.975  # times the ground's light: darker is a thing, lighter is the ground
SAME_HUE = 0.05  # difference of red, green and blue as shares of the ground's, from which it is another hue
LIKE_GROUND = 0.05  # of a place's light and hue, by which it may differ from the ground and still be it
LEAST_GROUND = (
    0.65  # share of the place beside the shadow that must be ground; else what is there is not known
)


def removal_hole_with_shadows(image: Image.Image, masks: Sequence[Mask], others: Sequence[Mask] = ()) -> Mask:
    """Return what may change where things are removed: them, a margin, and the shadow at the foot of each.

    Args:
        image: upright RGB.
        masks: of what is removed.
        others: of what stays.
    """
    alone = [removal_hole([mask], image.size) for mask in masks]
    shadows = [shadow_of(image, hole, others) for hole in alone]
    return m.union([*alone, *(shadow for shadow in shadows if shadow.bits)])


def shadow_of(image: Image.Image, hole: Mask, others: Sequence[Mask] = ()) -> Mask:
    """Return the shadow that adjoins the lower part of a hole; an empty mask where none is seen for sure.

    Args:
        image: upright RGB.
        hole: what is removed of one thing.
        others: of other things, which are neither shadow nor ground.
    """
    box = hole.box
    reach = max(LEAST_REACH, round(SHADOW_REACH * max(box.x2 - box.x1, box.y2 - box.y1)))
    zone = Box(box.x1 - reach, box.y2 - 2 * reach, box.x2 + reach, box.y2 + reach).within(image.size)
    crop = Box(zone.x1 - 2 * reach, zone.y1 - reach, zone.x2 + 2 * reach, zone.y2 + reach).within(image.size)
    width, height = crop.x2 - crop.x1, crop.y2 - crop.y1
    scale = min(1.0, SIDE / max(width, height))
    to_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = np.array(image.resize(to_wh, Image.Resampling.BOX, box=crop))
    inside = Mask.from_crop(np.ones((zone.y2 - zone.y1, zone.x2 - zone.x1), bool), zone)
    near, thing, other = (_small(mask, crop, to_wh) for mask in (inside, hole, m.union(others)))
    unknown = near | thing | other
    if unknown.all():
        return m.EMPTY
    # What is there, as a share of the ground
    ground = go_on(pixels, unknown)
    seen = cv2.GaussianBlur(pixels, (0, 0), 1)
    shares = (seen.astype(np.float32) + 1) / (ground.astype(np.float32) + 1)
    least, most = shares.min(axis=2), shares.max(axis=2)
    dark = (least > DARKEST) & (most < LIGHTEST) & (most - least < SAME_HUE) & near & ~other
    # Only what adjoins the thing is its shadow
    _, labels = cv2.connectedComponents((dark | thing).astype(np.uint8))
    shadow = dark & np.isin(labels, np.unique(labels[thing]))
    beside = near & ~thing & ~other & ~shadow
    if not beside.any() or (np.abs(shares - 1).max(axis=2) < LIKE_GROUND)[beside].mean() < LEAST_GROUND:
        return m.EMPTY
    shadow = cv2.dilate(shadow.astype(np.uint8), np.ones((3, 3), np.uint8))  # its faintest rim
    full = cv2.resize(shadow, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
    found = m.intersection(Mask.from_crop(full, crop), inside)
    return m.difference(found, [hole, *others])


def _small(mask: Mask, crop: Box, to_wh: tuple[int, int]) -> np.ndarray:
    """Return a mask on a crop of the picture, bool (h, w), at a small size."""
    part = np.where(m.window(mask, crop), np.uint8(255), np.uint8(0))
    return cv2.resize(part, to_wh, interpolation=cv2.INTER_AREA) > 0
