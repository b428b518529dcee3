"""Masks that were made elsewhere: a black and white picture becomes a region like any other.

White is selected, or what is opaque where the file has transparency, or what is not zero where it has two
values. Greys are cut at half. A mask of the picture's shape may have any size; another shape is refused.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pipelines.errors import DemoError, UnreadablePicture
from pipelines.intake import MAX_PIXELS, open_file, read_file
from pipelines.language import understand
from pipelines.language.requests import Request, Target
from pipelines.language.vocabulary import Vocabulary
from pipelines.scene import Mask, Region, Scene

GREY = 24  # how far apart red, green and blue may lie in a grey; JPEG moves them a little
HALF = 128
ROUNDING = 0.05  # of a shape, at most, and a pixel, by which a scaled mask may miss the picture's
HOW = "save it as black and white, white where the thing is"


def read_mask(source: Path | bytes, size_wh: tuple[int, int], *, invert: bool = False) -> Mask:
    """Read a mask for a picture of `size_wh`.

    Args:
        source: a file, or its bytes.
        size_wh: the picture's width and height.
        invert: select what is black or transparent instead.
    Raises:
        DemoError: it is none for this picture, with the reason and what would work.
    """
    data = source if isinstance(source, bytes) else read_file(source)
    image = open_file(data)
    if image.width * image.height > MAX_PIXELS:
        raise DemoError(f"The mask is too large ({image.width} x {image.height} pixels): scale it down.")
    if getattr(image, "n_frames", 1) > 1:
        raise DemoError(f"The mask has several frames, and none is known to be meant: {HOW}.")
    if image.mode.startswith("I") or image.mode == "F":
        raise DemoError(f"The mask has more than 8 bits a pixel: {HOW}, with 8 bits.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            image = ImageOps.exif_transpose(image)
            values = _values(image)
    except DemoError:
        raise
    except Exception:  # decoders fail on hostile bytes in more ways than they document
        raise UnreadablePicture(f"The mask's file ({image.format}) is broken or breaks off: {HOW}.") from None
    plane = _fitted(values, size_wh) >= HALF
    mask = Mask.from_array(~plane if invert else plane)
    if not mask.bits:
        which = "black or transparent" if invert else "white or opaque"
        raise DemoError(f"The mask selects nothing: no pixel of it is {which}. Is it the other way round?")
    return mask


def with_mask(scene: Scene, mask: Mask, label: str = "") -> Scene:
    """Add a mask as a new region, and select it."""
    if scene.picture is None:
        raise DemoError("A mask needs a picture: open one first.")
    region = Region(scene.next_id, label, mask.box, mask=mask, source="mask")
    return replace(scene.with_region(region), selected=region.id)


def requests_on_mask(scene: Scene, words: str) -> tuple[Request, ...]:
    """Understand an edit whose place is the selected region, whatever the words call it.

    "remove the date stamp" removes what the mask covers, also for a checkpoint that knows no stamps.
    """
    assert scene.selected is not None
    here = Target(region_ids=(scene.selected,))
    found = understand(words, scene, Vocabulary()).requests
    return tuple(
        replace(one, target=here) if isinstance(getattr(one, "target", None), Target) else one  # pyright: ignore
        for one in found
    )


def _values(image: Image.Image) -> np.ndarray:
    """Return how much each pixel is selected: uint8 (H, W), from 0 to 255."""
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() < 255:
            return alpha
    if image.mode == "P" and image.getcolors(2) is None and not _is_grey(image):
        raise DemoError(f"The mask has a palette of several colours, and none is known to be meant: {HOW}.")
    if image.mode not in ("1", "L", "LA") and not _is_grey(image):
        raise DemoError(f"The mask is coloured, and no colour is known to be meant: {HOW}.")
    values = np.asarray(image.convert("L"))
    low, high = int(values.min()), int(values.max())
    if low == 0 < high < HALF and not ((values != 0) & (values != high)).any():
        return (values > 0).astype(np.uint8) * 255  # 0 and 1, as programs write them
    return values


def _is_grey(image: Image.Image) -> bool:
    colours = np.asarray(image.convert("RGB")).astype(np.int16)
    return int((colours.max(axis=2) - colours.min(axis=2)).max()) <= GREY


def _fitted(values: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Return the values at the picture's size.

    Raises:
        DemoError: its shape is another.
    """
    (height, width), (wanted_w, wanted_h) = values.shape, size_wh
    if (width, height) == size_wh:
        return values
    one, other = width * wanted_h, height * wanted_w  # equal where the shapes are
    if abs(one - other) > min(max(wanted_w, wanted_h), ROUNDING * max(one, other)):
        raise DemoError(
            f"The mask is {width} x {height} pixels and the picture {wanted_w} x {wanted_h}: "
            "their shapes must be the same."
        )
    return np.asarray(Image.fromarray(values).resize(size_wh, Image.Resampling.BILINEAR))
