"""Pictures to pixel values, and positions to and fro: the one place that knows the padded square.

SPHINX sees a centred square padded with CLIP's mean colour; its coordinates are 0..1 of that square. The
padding and its inverse stand here side by side. The views are cut in modeling_sphinx.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.feature_extraction_utils import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor
from transformers.image_utils import make_flat_list_of_images
from transformers.utils.generic import TensorType

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
PAD_COLOUR = tuple(int(255 * c) for c in CLIP_MEAN)  # (122, 116, 104)


def square_offset(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Where the picture's left upper corner lies in its padded square, in picture pixels (x, y)."""
    w, h = size_wh
    return max(h - w, 0) // 2, max(w - h, 0) // 2


def to_square(position_px: Sequence[float], size_wh: tuple[int, int]) -> tuple[float, ...]:
    """Picture pixels to 0..1 of the padded square.

    Args:
        position_px: x, y of a point, or x1, y1, x2, y2 of a box (any even length of x, y pairs).
        size_wh: of the picture.
    """
    side, offset = max(size_wh), square_offset(size_wh)
    return tuple((value + offset[i % 2]) / side for i, value in enumerate(position_px))


def to_picture(position: Sequence[float], size_wh: tuple[int, int]) -> tuple[int, ...]:
    """0..1 of the padded square to the nearest picture pixels; the inverse of `to_square`. Not clipped.

    Args:
        position: x, y of a point, or x1, y1, x2, y2 of a box (any even length of x, y pairs).
        size_wh: of the picture.
    """
    side, offset = max(size_wh), square_offset(size_wh)
    return tuple(round(value * side - offset[i % 2]) for i, value in enumerate(position))


def pad_to_square(image: Image.Image) -> Image.Image:
    """The picture in the middle of an RGB square of its longer side."""
    image = image.convert("RGB")
    if image.width == image.height:
        return image
    square = Image.new("RGB", (max(image.size), max(image.size)), PAD_COLOUR)
    square.paste(image, square_offset(image.size))
    return square


def resize_padded(image: Image.Image, size: int) -> Image.Image:
    """Resize as `pad_to_square(image).resize((size, size), BICUBIC)` does, pixel for pixel.

    PIL resizes the columns and then the rows. Each pass here pads only as far as the filter sees the picture:
    a strip of 1 x 30,000 pixels needs no square of 2.7 GB.
    """
    image = image.convert("RGB")
    side, (left, top) = max(image.size), square_offset(image.size)
    return _resize_rows(_resize_columns(image, left, side, size), top, side, size)


def _resize_columns(image: Image.Image, left: int, side: int, size: int) -> Image.Image:
    """Resize a picture that begins at column `left` of `side` padded ones to `size` columns."""
    (first, last), (begin, end), part = _touched(left, image.width, side, size)
    padded = Image.new("RGB", (end - begin, image.height), PAD_COLOUR)
    padded.paste(image, (left - begin, 0))
    box = (part[0] - begin, 0, part[1] - begin, image.height)
    resized = Image.new("RGB", (size, image.height), PAD_COLOUR)
    resized.paste(padded.resize((last - first, image.height), Image.Resampling.BICUBIC, box=box), (first, 0))
    return resized


def _resize_rows(image: Image.Image, top: int, side: int, size: int) -> Image.Image:
    """Resize a picture that begins at row `top` of `side` padded ones to `size` rows."""
    turned = image.transpose(Image.Transpose.TRANSPOSE)
    return _resize_columns(turned, top, side, size).transpose(Image.Transpose.TRANSPOSE)


def _touched(
    start: int, length: int, side: int, size: int
) -> tuple[tuple[int, int], tuple[int, int], tuple[float, float]]:
    """Which pixels of a resized line depend on a part of the line, and on which pixels these depend.

    Args:
        start, length: the part.
        side, size: the line's length before and after.
    Returns:
        The resized pixels (first, last), the line's pixels that the filter sees (begin, end), and the
        resized pixels' bounds on the line. The first is a multiple of the odd part of `size`, so that PIL,
        which keeps bounds as 32-bit floats, has them exactly.
    """
    scale = side / size
    reach = 2 * max(scale, 1.0) + 2  # of the bicubic filter, and a pixel for rounding
    odd = size // (size & -size)
    first = max(0, int((start - reach) / scale) - 1) // odd * odd
    last = min(size, -(-(int((start + length + reach) / scale) + 2) // odd) * odd)
    part = first * side / size, last * side / size
    return (first, last), (max(0, int(part[0] - reach)), min(side, int(part[1] + reach) + 1)), part


def padded_views(size_wh: tuple[int, int], crops_per_side: int) -> tuple[bool, ...]:
    """Which views hold nothing of a picture of `size_wh`: the global view, then the crops row by row."""
    x1, y1, x2, y2 = to_square((0, 0, *size_wh), size_wh)
    n = crops_per_side
    crops = [
        x2 <= column / n or x1 >= (column + 1) / n or y2 <= row / n or y1 >= (row + 1) / n
        for row in range(n)
        for column in range(n)
    ]
    return (False, *crops)


class SphinxImageProcessor(BaseImageProcessor):
    """PIL pictures -> `pixel_values` (B, 3, image_size, image_size), float32, CLIP-normalised."""

    model_input_names = ["pixel_values"]

    def __init__(
        self,
        image_size: int = 224,
        image_mean: Sequence[float] = CLIP_MEAN,
        image_std: Sequence[float] = CLIP_STD,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_size = image_size
        self.image_mean = tuple(image_mean)
        self.image_std = tuple(image_std)

    def resize(self, image: Image.Image) -> np.ndarray:
        """Pad to a square and resize with PIL's (antialiased) bicubic filter: uint8 (S, S, 3)."""
        return np.asarray(resize_padded(image, self.image_size))

    def preprocess(self, images: Any, return_tensors: str | TensorType | None = None) -> BatchFeature:
        """Make pixel values.

        Args:
            images: one picture or a list of them: PIL, or (H, W, 3) uint8 arrays.
            return_tensors: "pt" for a tensor, "np" for an array, None for a list of arrays.
        """
        mean = torch.tensor(self.image_mean)[:, None, None]
        std = torch.tensor(self.image_std)[:, None, None]
        pixels = []
        flat: Any = make_flat_list_of_images(images)
        for image in flat:
            picture = image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))
            plane = torch.from_numpy(self.resize(picture).copy()).permute(2, 0, 1)
            pixels.append(((plane.to(torch.float32) / 255 - mean) / std).numpy())
        return BatchFeature({"pixel_values": pixels}, tensor_type=return_tensors)

    def __call__(self, images: Any, return_tensors: str | TensorType | None = None) -> BatchFeature:
        """The same as `preprocess`."""
        return self.preprocess(images, return_tensors=return_tensors)


__all__ = ["SphinxImageProcessor"]
