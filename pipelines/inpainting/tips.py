"""What a mask missed of a thing that is removed: small parts of the thing's own colours that adjoin it.

They are seen on plain surroundings alone, and lie within twice the margin of a removal; what goes on beyond
that is another thing. Of 95 things in 50 drawn scenes (seeds from 63,000,000), outlined from their true
boxes, some of 25 lay outside the hole or in its seam, where the old picture shows through, and of 17 with
this. Of 8 things the hole took more than 100 pixels of 147,456 that lie farther than 7 pixels from the thing:
of a shadow, or of the outline of a thing that touches it. This module knows pixels and masks; which things
are removed is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from pipelines import mask_shapes as m
from pipelines.inpainting.cropping import shrink_mask
from pipelines.inpainting.holes import removal_margin
from pipelines.inpainting.plainness import go_on
from pipelines.scene import Box, Mask

SIDE = 256  # pixels, longer side of the copy that is looked at
UNLIKE = 32  # levels in one of red, green and blue from which a pixel is no ground
BIN = 16  # levels: colours in one such step, or in the next, are the same
LEAST_SHARE = 0.01  # of the thing: what fewer of its pixels have is no colour of its own
LEAST_GROUND = 0.9  # share of the rim of the place that must be ground; else the ground is not known


def tips_of(image: Image.Image, mask: Mask, others: Sequence[Mask] = ()) -> Mask:
    """Return what a mask missed of its thing; an empty mask where nothing is seen for sure.

    Args:
        image: upright RGB.
        mask: of one thing that is removed.
        others: of other things, which are neither tips nor ground.
    """
    margin = removal_margin(image.size)
    reach = m.grow(mask, 2 * margin, image.size)
    box = reach.box
    crop = Box(box.x1 - margin, box.y1 - margin, box.x2 + margin, box.y2 + margin).within(image.size)
    width, height = crop.x2 - crop.x1, crop.y2 - crop.y1
    scale = min(1.0, SIDE / max(width, height))
    to_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = np.array(image.convert("RGB").resize(to_wh, Image.Resampling.BOX, box=crop))
    near, core, thing, other = (
        shrink_mask(m.window(one, crop), to_wh)
        for one in (reach, m.grow(mask, margin, image.size), mask, m.union(others))
    )
    rim = near & ~core & ~other
    if not rim.any() or (near | other).all():
        return m.EMPTY
    unlike = np.abs(pixels.astype(np.int16) - go_on(pixels, near | other)).max(axis=2) > UNLIKE
    if unlike[rim].mean() > 1 - LEAST_GROUND:
        return m.EMPTY
    # Only what adjoins the thing and ends within reach
    free = near & ~thing & ~other
    missed = unlike & _of_its_colours(pixels, thing) & free
    _, labels = cv2.connectedComponents(missed.astype(np.uint8))
    found = np.setdiff1d(labels[missed & _wider(thing)], labels[missed & _wider(~near | other)])
    tips = np.isin(labels, found) & missed
    full = cv2.resize(tips.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return m.difference(m.intersection(Mask.from_crop(full.astype(bool), crop), reach), [mask, *others])


def _wider(plane: np.ndarray) -> np.ndarray:
    return cv2.dilate(plane.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def _of_its_colours(pixels: np.ndarray, thing: np.ndarray) -> np.ndarray:
    """Return which pixels have a colour that much of a thing has, bool (H, W)."""
    steps = pixels.astype(np.int32) // BIN + 1  # so that a step below and one above are there
    counts = np.zeros((256 // BIN + 2,) * 3, np.int32)
    inside = ~_wider(~thing)  # the mask's edge may hold some ground
    np.add.at(counts, tuple(steps[inside].T), 1)
    own = np.zeros(counts.shape, np.uint8)
    own[counts > LEAST_SHARE * max(1, inside.sum())] = 1
    for axis in range(3):
        own = own | np.roll(own, 1, axis) | np.roll(own, -1, axis)
    return own[tuple(np.moveaxis(steps, -1, 0))].astype(bool)
