"""Fakes of the three models: they answer at once, from tables and geometry, and count what they were asked.

Use the fixtures `vlm`, `segmenter`, `inpainter` and `assistant`; a test that needs other words sets
`vlm.replies["red ball"] = "..."` (the longest key that occurs in the question answers it).
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.assistant import Assistant
from pipelines.caching import LockedCache
from pipelines.engine import About
from pipelines.errors import MissingCapability
from pipelines.interfaces import GenerationOptions, InpaintOptions, Painting
from pipelines.pictures import Pictures
from pipelines.scene import Box, Click, Mask

RED_BALL = (0.25, 0.40, 0.45, 0.60)  # of the fake picture's square, which is 200 x 200
BLUE_CUP = (0.60, 0.40, 0.80, 0.70)

REPLIES = {
    "describes: purple elephant": "There is no purple elephant in the image.",
    "describes: blue cup": "[0.60,0.40,0.80,0.70]",
    "describes: people": "[0.25,0.40,0.45,0.60]",
    "describes:": "[0.25,0.40,0.45,0.60]",
    "Detect all people": "[0.25,0.40,0.45,0.60;0.60,0.40,0.80,0.70]",
    "Detect all regions in the image and": "<p>red ball</p>[0.25,0.40,0.45,0.60], "
    "<p>blue cup</p>[0.60,0.40,0.80,0.70]",
    "Detect all": "[0.25,0.40,0.45,0.60]",
    "key points": "<p>nose</p>[0.35,0.45], <p>left eye</p>[0.37,0.43], <p>right eye</p>[0.33,0.43]",
    "short description for this region": "red ball",
    "layout": "<p>title</p>[0.10,0.05,0.90,0.15], <p>text</p>[0.10,0.20,0.90,0.90]",
    "detect all texts and": "<p>STOP</p>[0.25,0.40,0.45,0.60]",
    "chart": "fruit | count\napples | 3\npears | 5",
    "odd": "<p>blue cup</p>[0.60,0.40,0.80,0.70]",
    "marks": "<Mark 1> red ball, <Mark 2> blue cup",
    "bounding box for each": "A <p>red ball</p>[0.25,0.40,0.45,0.60] beside a "
    "<p>blue cup</p>[0.60,0.40,0.80,0.70].",
    "one-sentence": "A red ball beside a blue cup.",
    "detailed": "A red ball lies on the left. A blue cup stands on the right. The ground is grey.",
    "colour": "red",
    "How many": "two",
    "background": "grey",
}  # fmt: skip


class FakeVLM:
    """Says what its table holds, a few letters (one forward pass) at a time."""

    name = "fake-sphinx"

    def __init__(self) -> None:
        self.replies = dict(REPLIES)
        self.otherwise = "This is a fake answer with several words in it."
        self.forward_passes = 0
        self.pause = 0.0  # seconds before each piece
        self.asked: list[str] = []
        self.turns: list[tuple[tuple[str, str], ...]] = []
        self.options: list[GenerationOptions] = []
        self.unfamiliar: set[str] = set()
        self.photographs: set[str] = set()
        self.closed = 0
        self.by_encoders: dict[
            tuple[str, ...] | None, str
        ] = {}  # what it says through these, whatever is asked

    def stream(
        self,
        image: Image.Image | None,
        digest: str | None,
        turns: Sequence[tuple[str, str]],
        question: str,
        *,
        options: GenerationOptions,
    ) -> Generator[str, None, None]:
        self.asked.append(question)
        self.turns.append(tuple(turns))
        self.options.append(options)
        keys = [key for key in self.replies if key.lower() in question.lower()]
        raw = self.replies[max(keys, key=len)] if keys else self.otherwise
        raw = self.by_encoders.get(options.encoders, raw)
        try:
            for end in range(4, len(raw) + 4, 4):
                self.forward_passes += 1
                if self.pause:
                    time.sleep(self.pause)
                yield raw[:end]
        finally:
            self.closed += 1

    def in_distribution(self, image: Image.Image, digest: str) -> bool:
        return digest not in self.unfamiliar

    def is_drawn(self, image: Image.Image, digest: str) -> bool:
        return self.in_distribution(image, digest) and digest not in self.photographs


class FakeSegmenter:
    """Ellipses: inside the box, or around the first click; subtracting clicks bite a disc out."""

    name = "fake-sam"
    radius = 20  # pixels around a click

    def __init__(self) -> None:
        self.asked: list[tuple[Box | None, tuple[Click, ...]]] = []

    def outline(
        self,
        image: Image.Image,
        digest: str,
        *,
        box: Box | None = None,
        clicks: Sequence[Click] = (),
        confined: bool = True,
        neighbours: Sequence[Box | Mask] = (),
    ) -> tuple[tuple[Mask, float], ...]:
        self.asked.append((box, tuple(clicks)))
        plane = Image.new("1", image.size)
        pen = ImageDraw.Draw(plane)
        if box:
            draw = pen.ellipse if min(box.x2 - box.x1, box.y2 - box.y1) > 4 else pen.rectangle
            draw((box.x1, box.y1, box.x2 - 1, box.y2 - 1), fill=1)
        for (x, y), positive in clicks:
            r = self.radius if positive else self.radius // 2
            pen.ellipse((x - r, y - r, x + r, y + r), fill=int(positive))
        whole = Mask.from_array(np.asarray(plane))
        part = np.asarray(plane).copy()
        part[:, : (whole.box.x1 + whole.box.x2) // 2] = False
        return ((whole, 0.9), (Mask.from_array(part), 0.5)) if whole.bits else ()


class FakeInpainter:
    """Fills the mask with one flat colour, in `steps` steps; `cannot` wishes are refused.

    Where nothing is wished for, the colour is that of the surroundings.
    """

    name = "fake-inpainter"
    for_photographs = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, InpaintOptions]] = []
        self.cannot: set[str] = set()
        self.pause = 0.0  # seconds before each step

    def paint(
        self, image: Image.Image, mask: np.ndarray, wish: str, *, options: InpaintOptions
    ) -> Generator[Painting, None, None]:
        self.asked.append((wish, options))
        if wish in self.cannot:
            raise MissingCapability(f"The inpainter cannot paint “{wish}”: removing works.")
        pixels = np.asarray(image).copy()
        around = np.median(pixels[~mask], axis=0) if not mask.all() else (128, 128, 128)
        pixels[mask] = (40 + options.seed % 200, 60, 220) if wish else around
        done = Image.fromarray(pixels)
        for step in range(1, options.steps):
            time.sleep(self.pause)
            yield Painting(step, options.steps, done if step == options.steps // 2 else None)
        yield Painting(options.steps, options.steps, image=done)


@pytest.fixture
def vlm() -> FakeVLM:
    return FakeVLM()


@pytest.fixture
def segmenter() -> FakeSegmenter:
    return FakeSegmenter()


@pytest.fixture
def inpainter() -> FakeInpainter:
    return FakeInpainter()


@pytest.fixture
def about() -> About:
    return About(
        model="fake-sphinx",
        device="cpu",
        why="the tests need no more",
        understands="Drawn balls and cups.",
        cannot="Anything else.",
        examples=("find the red ball", "segment the blue cup", "what colour is the ball?"),
        encoders=("clip", "dinov2"),
        views=1,
        most_views=5,
    )


@pytest.fixture
def assistant(vlm, segmenter, inpainter, about, tmp_path) -> Assistant:
    """One that asks its SPHINX each time: tests give `vlm` another reply to the same question."""
    assistant = Assistant(vlm, segmenter, inpainter, about, Pictures(tmp_path / "pictures"))
    assistant.engine = replace(assistant.engine, said=LockedCache(0, len))
    return assistant


def draw_ball_and_cup() -> Image.Image:
    """A red ball and a blue cup on grey, 200 x 200."""
    image = Image.new("RGB", (200, 200), (128, 128, 128))
    pen = ImageDraw.Draw(image)
    pen.ellipse((50, 80, 89, 119), fill=(220, 30, 30))
    pen.rectangle((120, 80, 159, 139), fill=(30, 30, 220))
    return image


@pytest.fixture
def drawing() -> Image.Image:
    return draw_ball_and_cup()
