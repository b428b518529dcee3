"""Rows about clicks: what is kept of a picture, and what a click is made of."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from PIL import Image

from pipelines.catalog import Settings, load_segmenter
from pipelines.sam import SamSegmenter
from pipelines.scene import Box, Click, Point
from tests.benchmarks.checkpoint import picture
from tests.benchmarks.measure import Row, pair

CLICK = Click(Point(130, 150))
SIZES = (512, 1024, 2048)  # pixels


def rows() -> Iterator[Row]:
    """All rows of this module."""
    segmenter = load_segmenter(Settings().segmenter, "cpu")
    assert isinstance(segmenter, SamSegmenter)
    numbers = itertools.count()

    def click(digest: str, image: Image.Image | None = None) -> None:
        segmenter.outline(image or picture(), digest, clicks=[CLICK])

    def new() -> None:
        click(f"new {next(numbers)}")

    yield pair("a click: on a new picture against on one that is kept", new, lambda: click("kept"))

    def looked(digest: str) -> None:
        segmenter.looks(picture(), digest, [CLICK])

    what = "what a click is made of:"
    yield pair(
        f"{what} a first one against its embeddings and masks alone",
        new,
        lambda: looked(f"looked {next(numbers)}"),
    )
    yield pair(f"{what} a later one against SAM's masks alone", lambda: click("kept"), lambda: looked("kept"))
    width, height = picture().size
    box = Box(width // 4, height // 4, width // 2, height // 2)

    def boxed() -> None:
        segmenter.outline(picture(), f"box {next(numbers)}", box=box)

    yield pair("a new picture: a click against a box", new, boxed)
    for size in SIZES:
        large = picture().resize((size, size))
        yield pair(
            f"a first click: {size} pixels against {picture().size[0]}",
            lambda large=large: click(f"large {next(numbers)}", large),
            new,
            rounds=3,
        )
