"""Changes of a picture that need no model: what is behind things, larger canvases, pasted things.

Pixels and masks in, pixels out: pictures are upright RGB, planes are bool (H, W) of the same size.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

BLUR = 0.02  # of the picture's longer side: how far a blurred background is smeared (sigma)
SOFT = 1.0  # pixels (sigma) over which an edge between two pictures is blended
WHITE = (255, 255, 255)


class Margins(NamedTuple):
    """Pixels that are added on each side of a picture."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def blur_background(image: Image.Image, keep: np.ndarray) -> Image.Image:
    """Blur all but `keep`; none of its colours bleed into the background."""
    pixels = np.asarray(image, np.float32)
    sigma = max(1.0, BLUR * max(image.size))
    behind = (~keep).astype(np.float32)[..., None]
    smeared = cv2.GaussianBlur(pixels * behind, (0, 0), sigma)
    weight = cv2.GaussianBlur(behind, (0, 0), sigma)
    return _behind(image, smeared / np.maximum(weight, 1e-3)[..., None], keep)


def grey_background(image: Image.Image, keep: np.ndarray) -> Image.Image:
    """Take the colour out of all but `keep`."""
    grey = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2GRAY)
    return _behind(image, np.repeat(grey[..., None], 3, axis=2), keep)


def fill_background(
    image: Image.Image, keep: np.ndarray, colour: tuple[int, int, int] = WHITE
) -> Image.Image:
    """One colour behind `keep`."""
    return _behind(image, np.broadcast_to(np.array(colour, np.float32), (*keep.shape, 3)), keep)


def cut_out(image: Image.Image, keep: np.ndarray) -> Image.Image:
    """The picture (RGB or RGBA) as RGBA, with all but `keep` transparent."""
    layer = np.array(image.convert("RGBA"))
    layer[..., 3] = np.rint(layer[..., 3] * _alpha(keep)).astype(np.uint8)
    return Image.fromarray(layer)


def _behind(image: Image.Image, background: np.ndarray, keep: np.ndarray) -> Image.Image:
    """A background behind `keep`: its inner edge is blended, its inside stays as it is."""
    alpha = _alpha(keep)[..., None]
    blended = np.asarray(image, np.float32) * alpha + background * (1 - alpha)
    return Image.fromarray(np.rint(np.clip(blended, 0, 255)).astype(np.uint8))


def _alpha(plane: np.ndarray) -> np.ndarray:
    """A plane as float32 0..1 with a soft edge that lies inside it."""
    soft = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), SOFT, borderType=cv2.BORDER_REPLICATE)
    return np.where(plane, np.clip(2 * soft - 1, 0, 1), 0).astype(np.float32)


def extend_canvas(image: Image.Image, margins: Margins) -> tuple[Image.Image, np.ndarray]:
    """The picture with margins that mirror it, and the plane of what was added."""
    pixels = np.asarray(image)
    sides = (margins.top, margins.bottom, margins.left, margins.right)
    larger = cv2.copyMakeBorder(pixels, *sides, cv2.BORDER_REFLECT_101)
    added = np.ones(larger.shape[:2], bool)
    height, width = pixels.shape[:2]
    added[margins.top : margins.top + height, margins.left : margins.left + width] = False
    return Image.fromarray(larger), added


def paste_moved(
    onto: Image.Image, image: Image.Image, plane: np.ndarray, matrix: np.ndarray
) -> tuple[Image.Image, np.ndarray]:
    """Paste what lies under a plane of `image` elsewhere on a picture of the same size.

    Args:
        matrix: (2, 3), where each pixel goes, as `cv2.warpAffine` takes it.
    Returns:
        The picture, and the plane of the thing where it is now.
    """
    size = image.size
    moved = cv2.warpAffine(np.asarray(image), matrix, size, flags=cv2.INTER_LINEAR)
    alpha = cv2.warpAffine(_alpha(plane), matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    blended = moved.astype(np.float32) * alpha + np.asarray(onto, np.float32) * (1 - alpha)
    there = cv2.warpAffine(plane.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) > 0
    return Image.fromarray(np.rint(blended).astype(np.uint8)), there
