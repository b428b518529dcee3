"""Turn pictures into pixel values, and positions to and fro: the one place that knows the padded square.

SPHINX sees a centred square padded with CLIP's mean colour; its coordinates are 0..1 of that square. The
padding and its inverse stand here side by side. The views are cut in modeling_sphinx.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import torch
from PIL import Image
from transformers.feature_extraction_utils import BatchFeature
from transformers.image_processing_backends import PilBackend
from transformers.image_utils import (
    ChannelDimension,
    SizeDict,
    infer_channel_dimension_format,
    is_valid_image,
    load_image,
)
from transformers.processing_utils import ImagesKwargs
from transformers.utils.generic import TensorType

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
CHANNELS = (1, 3, 4)  # grey, RGB, RGB with opacity
SHOWN = 60  # characters of a path, a URL or base64 that an error repeats
PAD_COLOUR = tuple(int(255 * c) for c in CLIP_MEAN)  # (122, 116, 104)


def square_offset(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Return where the picture's left upper corner lies in its padded square, in picture pixels (x, y)."""
    w, h = size_wh
    return max(h - w, 0) // 2, max(w - h, 0) // 2


def to_square(position_px: Sequence[float], size_wh: tuple[int, int]) -> tuple[float, ...]:
    """Convert picture pixels to 0..1 of the padded square.

    Args:
        position_px: x, y of a point, or x1, y1, x2, y2 of a box (any even length of x, y pairs).
        size_wh: of the picture.
    """
    side, offset = max(size_wh), square_offset(size_wh)
    return tuple((value + offset[i % 2]) / side for i, value in enumerate(position_px))


def to_picture(position: Sequence[float], size_wh: tuple[int, int]) -> tuple[int, ...]:
    """Convert 0..1 of the padded square to the nearest picture pixels, not clipped; undo `to_square`.

    Args:
        position: x, y of a point, or x1, y1, x2, y2 of a box (any even length of x, y pairs).
        size_wh: of the picture.
    """
    side, offset = max(size_wh), square_offset(size_wh)
    return tuple(round(value * side - offset[i % 2]) for i, value in enumerate(position))


def pad_to_square(image: Image.Image) -> Image.Image:
    """Return the picture in the middle of an RGB square of its longer side."""
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
    """Return which pixels of a resized line depend on a part of the line, and on which pixels these depend.

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
    """Return which views hold nothing of a picture of `size_wh`: the global one, then the crops by row."""
    x1, y1, x2, y2 = to_square((0, 0, *size_wh), size_wh)
    n = crops_per_side
    crops = [
        x2 <= column / n or x1 >= (column + 1) / n or y2 <= row / n or y1 >= (row + 1) / n
        for row in range(n)
        for column in range(n)
    ]
    return (False, *crops)


def to_rgb(
    image: Image.Image | np.ndarray | torch.Tensor, input_data_format: str | ChannelDimension | None = None
) -> Image.Image:
    """Turn one picture into an RGB PIL image.

    Args:
        image: a PIL image of any mode; or an array or a tensor (H, W), (H, W, C) or (C, H, W) with 1, 3 or 4
            channels, of bools, of integers 0 .. 255, or of floats, 0 .. 1 or 0 .. 255.
        input_data_format: "channels_first" or "channels_last"; None infers it.

    Raises:
        ValueError: for other shapes or values, with what was expected and what was found.
    """
    if isinstance(image, Image.Image):
        if not all(image.size):
            raise ValueError(f"a picture must have pixels, got {image.width} x {image.height}")
        return image.convert("RGB")
    array = image.detach().cpu().to_dense().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
    if array.ndim == 2:
        array = array[..., None]
    elif array.ndim != 3 or not {array.shape[0], array.shape[2]} & set(CHANNELS):
        raise ValueError(
            f"a picture must be (H, W), (H, W, C) or (C, H, W) with C 1, 3 or 4, got {array.shape}"
        )
    elif (
        input_data_format or infer_channel_dimension_format(array, num_channels=CHANNELS)
    ) == ChannelDimension.FIRST:
        array = np.moveaxis(array, 0, -1)
    if 0 in array.shape or array.dtype.kind not in "buif":
        raise ValueError(f"a picture must have pixels that are numbers, got {array.shape} of {array.dtype}")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):  # also for NaN
        raise ValueError(f"a picture's values must be 0 .. 1 or 0 .. 255, got {low:g} .. {high:g}")
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and high <= 1):
        array = array.astype(np.float32) * 255
    pixels = np.rint(array).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")


class SphinxImageProcessor(PilBackend):
    """Turn pictures into `pixel_values` (B, 3, image_size, image_size), float32, CLIP-normalised.

    Every picture is padded to a square with CLIP's mean colour and resized with PIL's antialiased bicubic
    filter, as the original does; the views are cut by the model.

    Args:
        image_size: pixels, side of the square; `size={"height": n, "width": n}` says the same.
        kwargs: transformers' own: `do_pad` (to a square), `do_resize`, `do_rescale`, `rescale_factor`,
            `do_normalize`, `image_mean`, `image_std`, `resample`.
    """

    model_input_names = ["pixel_values"]
    resample = Image.Resampling.BICUBIC
    size = {"height": 224, "width": 224}
    image_mean = CLIP_MEAN
    image_std = CLIP_STD
    do_convert_rgb = True
    do_pad = True
    do_resize = True
    do_rescale = True
    do_normalize = True

    def __init__(self, image_size: int | None = None, **kwargs: Unpack[ImagesKwargs]) -> None:
        if image_size is not None:
            kwargs["size"] = {"height": image_size, "width": image_size}
        super().__init__(**kwargs)

    @property
    def image_size(self) -> int:
        """Pixels, side of the square."""
        return int(self.size["height"])

    def resize(  # type: ignore[override]
        self, image: Image.Image, size: SizeDict | None = None, resample: int | None = None
    ) -> np.ndarray:
        """Pad a picture to a square and resize it: uint8 (S, S, 3).

        Args:
            image: of any mode.
            size: of the result; None is the processor's own.
            resample: PIL's number of a filter; None is the processor's own.
        """
        return _resized_square(image, size or self.size, self.resample if resample is None else resample)

    def process_image(  # type: ignore[override]
        self,
        image: Image.Image | np.ndarray | torch.Tensor,
        do_convert_rgb: bool | None = None,
        input_data_format: str | ChannelDimension | None = None,
        **kwargs: Any,
    ) -> Image.Image:
        """Return one picture as an RGB PIL image; see `to_rgb`. SPHINX sees nothing else than RGB."""
        return to_rgb(image, input_data_format)

    def fetch_images(self, image_url_or_urls: Any) -> Any:
        """Load what is given as a URL, a path or base64; pictures and None come back as they are.

        Raises:
            ValueError: in one line, for what is no picture or cannot be loaded.
        """
        given = image_url_or_urls
        if isinstance(given, (list, tuple)):
            return [self.fetch_images(one) for one in given]
        if given is None or is_valid_image(given):
            return given
        if not isinstance(given, (str, os.PathLike)):
            kind = type(given).__name__
            raise ValueError(f"a picture must be a PIL image, an array, a tensor or a string, got {kind}")
        try:
            return load_image(os.fspath(given))
        except Exception as error:  # whatever the network, the disk and PIL raise
            name = os.fspath(given)
            shown = name if len(name) <= SHOWN else f"{name[:SHOWN]}..."
            raise ValueError(
                f"{shown!r} cannot be loaded as a picture ({type(error).__name__}): expected a URL "
                "(http, https), the path of a file, or base64"
            ) from error

    def _prepare_images_structure(self, images: Any, expected_ndims: int = 3) -> list[Any]:
        """Return pictures, batches of them and nested lists as one flat list; grey pictures may be (H, W)."""
        fetched = self.fetch_images(images)
        if isinstance(fetched, (list, tuple)):
            return [one for inner in fetched for one in self._prepare_images_structure(inner)]
        if getattr(fetched, "ndim", 3) == expected_ndims + 1:
            return list(fetched)
        return [fetched]

    def _preprocess(  # type: ignore[override]
        self,
        images: list[Image.Image],
        do_resize: bool | None,
        size: SizeDict,
        resample: int | None,
        do_rescale: bool | None,
        rescale_factor: float,
        do_normalize: bool | None,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        do_pad: bool | None,
        return_tensors: str | TensorType | None,
        data_format: str | ChannelDimension | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Pad, resize, rescale and normalise RGB pictures; the names are those of `__init__`."""
        values = []
        for image in images:
            if do_pad and do_resize:
                pixels = _resized_square(image, size, resample)
            else:
                square = pad_to_square(image) if do_pad else image
                pixels = _resized(square, size, resample) if do_resize else np.asarray(square)
            plane = torch.from_numpy(pixels.copy()).permute(2, 0, 1).to(torch.float32)
            if do_rescale:  # divided, as the original does: a product with 1 / 255 rounds otherwise
                plane = plane / 255 if rescale_factor == 1 / 255 else plane * rescale_factor
            if do_normalize:
                mean, std = (
                    torch.tensor(tuple(numbers))[:, None, None] for numbers in (image_mean, image_std)
                )
                plane = (plane - mean) / std
            if data_format == ChannelDimension.LAST:
                plane = plane.permute(1, 2, 0)
            values.append(plane.numpy())
        return BatchFeature({"pixel_values": values}, tensor_type=return_tensors)


def _resized_square(image: Image.Image, size: SizeDict | dict[str, int], resample: int | None) -> np.ndarray:
    """Pad a picture to a square and resize it to `size`: uint8 (height, width, 3).

    The square is not made at the picture's own size where the result is a square by the bicubic filter.
    """
    if size["height"] and size["height"] == size["width"] and resample in (None, Image.Resampling.BICUBIC):
        return np.asarray(resize_padded(image, size["height"]))
    return _resized(pad_to_square(image), size, resample)


def _resized(image: Image.Image, size: SizeDict | dict[str, int], resample: int | None) -> np.ndarray:
    """Resize a picture to `size`: uint8 (height, width, 3)."""
    if not (size["height"] and size["width"]):
        raise ValueError(f"size must have a height and a width, got {dict(size)}")
    filter_ = Image.Resampling.BICUBIC if resample is None else Image.Resampling(resample)
    return np.asarray(image.resize((size["width"], size["height"]), filter_))


__all__ = ["SphinxImageProcessor"]
