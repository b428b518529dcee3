"""Rows about pixels: what is done at the size that it needs against the same at the picture's full size."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image
from pycocotools import mask as coco

from model.image_processing_sphinx import pad_to_square, resize_padded
from pipelines.catalog import Settings, load_segmenter
from pipelines.inpainting.color import LEAST_KNOWN, MATCH_REACH, match_color
from pipelines.mask_shapes import grow
from pipelines.pictures import Pictures
from pipelines.sam.crops import grid
from pipelines.sam.segmenter import CLOSER_SHARES, SMALLEST_CROP
from pipelines.scene import Box, Click, Mask, Point
from tests.benchmarks.checkpoint import picture
from tests.benchmarks.measure import Row, pair

MATCHED = 512  # pixels, side of the painting whose tone is matched
LARGE = (6000, 4000)  # pixels
GROWN = 60  # pixels
OPENED = 4000  # pixels, the longer side of a photograph


def rows() -> Iterator[Row]:
    """All rows of this module."""
    yield _tone()
    yield _first_click()
    thing = np.random.default_rng(0).random((800, 900)) < 0.999
    mask = Mask.from_crop(thing, Box(2000, 1500, 2900, 2300))
    plane = mask.array(LARGE)
    yield pair(
        "run lengths at 24 megapixels: of the plane against of the crop",
        lambda: coco.encode(np.asfortranarray(plane.astype(np.uint8))),
        lambda: mask.rle(LARGE),
        rounds=3,
    )
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * GROWN + 1,) * 2)
    yield pair(
        f"a mask grown by {GROWN} at 24 megapixels: dilation of the plane against distances on its box",
        lambda: cv2.dilate(plane.astype(np.uint8), disc),
        lambda: grow(mask, GROWN, LARGE),
        rounds=1,
    )
    yield _opening()
    photograph = Image.new("RGB", LARGE, "teal")
    yield pair(
        "SPHINX's picture of 24 megapixels: padded and resized against resized and padded",
        lambda: pad_to_square(photograph).resize((256, 256), Image.Resampling.BICUBIC),
        lambda: resize_padded(photograph, 256),
        rounds=3,
    )


def _opening() -> Row:
    """A photograph as a file, opened and kept."""

    def file(side: int) -> bytes:
        buffer = io.BytesIO()
        picture().resize((side, side * 3 // 4), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()

    large, small = file(OPENED), file(256)

    def opened(data: bytes) -> None:
        Pictures().open(data)

    what = f"opening a photograph: {OPENED} pixels wide against 256"
    return pair(what, lambda: opened(large), lambda: opened(small), rounds=3)


def _tone() -> Row:
    """Matching the tone of a painting by a blur at its full size, and on a small copy."""
    rng = np.random.default_rng(0)
    seen, painted = (rng.uniform(0, 255, (MATCHED, MATCHED, 3)).astype(np.float32) for _ in range(2))
    mask = np.zeros((MATCHED, MATCHED), bool)
    mask[150:350, 150:350] = True
    known = (~mask).astype(np.float32)

    def full() -> np.ndarray:
        difference = cv2.GaussianBlur((seen - painted) * known[..., None], (0, 0), MATCH_REACH * MATCHED)
        share = cv2.GaussianBlur(known, (0, 0), MATCH_REACH * MATCHED)[..., None]
        return np.clip(painted + difference / np.maximum(share, LEAST_KNOWN), 0, 255)

    what = f"the tone of a painting of {MATCHED} pixels: blurred at full size against on a small copy"
    return pair(what, full, lambda: match_color(painted, seen, mask))


def _first_click() -> Row:
    """The first click: all crops of the picture are embedded beforehand, or those that it needs."""
    segmenter = load_segmenter(Settings().segmenter, "cpu")
    image, numbers = picture(), itertools.count()
    sides = [side for share in CLOSER_SHARES if (side := round(share * max(image.size))) >= SMALLEST_CROP]
    crops = [crop for side in sides for crop in grid(image.size, side)]
    clicks = [Click(Point(130, 150))]

    def all_crops() -> None:
        digest = f"all {next(numbers)}"
        segmenter.predictor.embed(image, digest, crops)  # type: ignore[attr-defined]
        segmenter.outline(image, digest, clicks=clicks)

    return pair(
        f"a first click: {len(crops) + 1} crops embedded beforehand against those that it needs",
        all_crops,
        lambda: segmenter.outline(image, f"needed {next(numbers)}", clicks=clicks),
        rounds=3,
    )
