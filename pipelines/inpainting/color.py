"""Colours of paintings: matched to their surroundings, and of a thing that gets another colour."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from pipelines.inpainting.cropping import Cancelled, mask_box, never
from pipelines.resampling import strips

MATCH_REACH = 0.15  # of a crop's longer side: how far its surroundings tell what tone a painting should have
MATCH_SIDE = 96  # pixels, longer side of the copy on which the tone is compared
LEAST_KNOWN = 1e-3  # share of known pixels around a place from which its tone is compared
LIGHTNESS_KEPT, CHROMA_KEPT = 0.9, 1 / 3  # of the differences from the mean, where a colour is changed


def match_color(painted: np.ndarray, seen: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a painted crop in the tone of its surroundings, which an autoencoder gives back a little off.

    The difference around the mask, averaged over the neighbourhood, is taken back inside it, too. The average
    is wide, so it is computed on a small copy.

    Args:
        painted, seen: float32 (H, W, 3), 0..255: the crop as painted, and as it was.
        mask: bool (H, W), where they may differ.
    """
    known = (~mask).astype(np.float32)
    if not known.any():
        return painted
    height, width = mask.shape
    scale = min(1.0, MATCH_SIDE / max(height, width))
    to_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    difference = cv2.resize((seen - painted) * known[..., None], to_wh, interpolation=cv2.INTER_AREA)
    share = cv2.resize(known, to_wh, interpolation=cv2.INTER_AREA)
    sigma = MATCH_REACH * max(to_wh)
    difference = cv2.GaussianBlur(difference, (0, 0), sigma)
    share = cv2.GaussianBlur(share, (0, 0), sigma)[..., None]
    offset = difference / np.maximum(share, LEAST_KNOWN)
    return np.clip(painted + cv2.resize(offset, (width, height), interpolation=cv2.INTER_LINEAR), 0, 255)


def recolor(
    image: Image.Image,
    mask: np.ndarray,
    color: tuple[int, int, int],
    *,
    cancelled: Callable[[], bool] = never,
) -> Image.Image:
    """Return the picture with another colour under a mask, keeping its light, shadow and texture.

    The mean under the mask moves to the colour in CIELAB, the differences from the mean stay; those of chroma
    are kept at a third, since they belong to the old colour.

    Args:
        image: upright RGB.
        mask: bool (H, W), not empty.
        color: RGB, 0..255.
        cancelled: asked before each strip.
    Raises:
        Cancelled: it said so.
    """
    box, result = mask_box(mask), image.copy()
    slices = list(strips((box.x2 - box.x1, box.y2 - box.y1)))

    def strip(rows: slice) -> tuple[tuple[int, int, int, int], np.ndarray, np.ndarray, np.ndarray]:
        if cancelled():
            raise Cancelled
        place = (box.x1, box.y1 + rows.start, box.x2, box.y1 + rows.stop)
        pixels = np.array(image.crop(place))
        inside = mask[place[1] : place[3], box.x1 : box.x2]
        return place, pixels, inside, cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)

    total, count = np.zeros(3), 0
    for rows in slices:
        _, _, inside, lab = strip(rows)
        total += lab[inside].sum(axis=0, dtype=np.float64)
        count += int(inside.sum())
    mean = (total / count).astype(np.float32)
    goal = cv2.cvtColor(np.array([[color]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    kept = np.array([LIGHTNESS_KEPT, CHROMA_KEPT, CHROMA_KEPT], np.float32)
    for rows in slices:
        place, pixels, inside, lab = strip(rows)
        moved = (goal + (lab - mean) * kept).astype(np.float32)
        moved[..., 0] = np.clip(moved[..., 0], 0, 100)
        rgb = np.clip(cv2.cvtColor(moved, cv2.COLOR_LAB2RGB) * 255, 0, 255).round().astype(np.uint8)
        pixels[inside] = rgb[inside]
        result.paste(Image.fromarray(pixels), place[:2])
    return result
