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
        size = (self.image_size, self.image_size)
        return np.asarray(pad_to_square(image).resize(size, Image.Resampling.BICUBIC))

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
