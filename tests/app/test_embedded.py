"""The page over the embedded checkpoints in a real browser, against what a drawn picture truly shows."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Generator
from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import pipelines
from model.training.world import draw
from pipelines.caching import LockedCache
from pipelines.interfaces import GenerationOptions, VisionLanguageModel
from pipelines.scene import Box

pytestmark = pytest.mark.browser

FIRST_SEED, KIND = 1_000_600, "table"  # never trained on
SCENES = 4  # that are asked about
SIDE = 256  # pixels
LARGE = 48  # pixels, shorter side of a box: what is small is the card's to say


class Gated:
    """A model that waits before each forward pass, once `shut`, until the test lets it through."""

    def __init__(self, vlm: VisionLanguageModel) -> None:
        self._vlm = vlm
        self.name = vlm.name
        self.gate = threading.Semaphore(0)
        self.shut = False
        self.closed = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vlm, name)  # forward_passes, in_distribution

    def stream(self, *given: Any, options: GenerationOptions) -> Generator[str, None, None]:
        self.closed.clear()
        replies = self._vlm.stream(*given, options=options)
        try:
            while True:
                if self.shut:
                    self.gate.acquire()
                reply = next(replies, None)
                if reply is None:
                    return
                yield reply
        finally:
            replies.close()
            self.closed.set()


@pytest.fixture(scope="module")
def embedded():
    """One whose SPHINX can be held, and is asked each time."""
    assistant = pipelines.load()
    gated = cast(VisionLanguageModel, Gated(assistant.engine.vlm))
    assistant.engine = replace(assistant.engine, vlm=gated, said=LockedCache(0, len))
    return assistant


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """The first few pictures with two or three things, each of another kind, the largest two not small."""
    folder, found = tmp_path_factory.mktemp("world"), []
    for seed in itertools.count(FIRST_SEED):
        pixels, truth = draw(seed, kind=KIND, style="synthetic", size_wh=(SIDE, SIDE))
        things = sorted(truth.things, key=lambda thing: -true_box(thing).area)
        kinds = {thing.kind for thing in things}
        if len(things) not in (2, 3) or len(kinds) < len(things) or min(map(shorter, things[:2])) < LARGE:
            continue
        Image.fromarray(pixels).save(folder / f"{seed}.png")
        found.append((folder / f"{seed}.png", things))
        if len(found) == SCENES:
            return found


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    frame = page.locator(".canvas img.picture").bounding_box()
    assert frame
    return frame["x"] + (x + 0.5) / SIDE * frame["width"], frame["y"] + (y + 0.5) / SIDE * frame["height"]


def drawn_box(page: Page, number: int) -> Box:
    rectangle = page.locator(f".canvas .thing.region-{number} rect.box")
    x, y, w, h = (float(rectangle.get_attribute(name) or "nan") for name in ("x", "y", "width", "height"))
    return Box(int(x), int(y), int(x + w), int(y + h))


def drawn_mask(page: Page, number: int) -> np.ndarray:
    """The outline on the page, filled even-odd: bool (SIDE, SIDE)."""
    path = page.locator(f".canvas .thing.region-{number} path.mask").get_attribute("d") or ""
    plane = np.zeros((SIDE, SIDE), np.uint8)
    for part in path.split("M")[1:]:
        points = [[float(number) for number in pair.split()] for pair in part.rstrip("Z").split("L")]
        filled = np.zeros_like(plane)
        cv2.fillPoly(filled, [np.round(np.array(points) - 0.5).astype(np.int32)], 1)
        plane ^= filled
    return plane.astype(bool)


def true_mask(thing: Any) -> np.ndarray:
    plane = np.zeros((SIDE, SIDE), np.uint8)
    for polygon in thing.outline:
        cv2.fillPoly(plane, [np.round(np.array(polygon) - 0.5).astype(np.int32)], 1)
    return plane.astype(bool)


def true_box(thing: Any) -> Box:
    return Box(*(round(number) for number in thing.box))


def shorter(thing: Any) -> float:
    box = true_box(thing)
    return min(box.x2 - box.x1, box.y2 - box.y1) if thing.visible > 0.9 else 0


def opened(page: Page, path: Any) -> None:
    page.set_input_files(".canvas input.file", path)
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    expect(page.locator("#chat .user.message")).to_have_count(0)
    page.wait_for_function("document.querySelector('.canvas img.picture').naturalWidth > 0")
    expect(page.locator("#chat .notice")).to_have_count(0)  # a drawn picture is nothing unin_distribution


def say(page: Page, words: str) -> None:
    """Send a message and see it arrive in the chat."""
    messages = page.locator("#chat .user.message")
    count = messages.count()
    page.fill("#words textarea", words)
    page.press("#words textarea", "Enter")
    expect(messages).to_have_count(count + 1)


def answered(page: Page) -> None:
    """Wait until nothing is being written any more."""
    expect(page.locator("#chat .dots, #chat .caret")).to_have_count(0)
    expect(page.locator("#words .stop-button")).to_have_count(0)


def test_named_things_get_their_boxes_and_masks_and_a_click_its_own(embedded, scenes, serve, visit):
    page = visit(serve(embedded))
    right = []
    for path, (thing, *others) in scenes:
        opened(page, path)
        say(page, f"find the {thing.phrase}")
        answered(page)
        expect(page.locator("#chat .bot.message").last).to_contain_text(thing.phrase)
        if not page.locator(".canvas .thing rect.box").count():
            continue
        found = drawn_box(page, 1)
        if found.iou(true_box(thing)) >= 0.5:
            assert found.iou(true_box(thing)) > max(found.iou(true_box(other)) for other in others)
            right.append((path, thing, others[0]))
    assert len(right) >= 0.7 * SCENES
    path, thing, other = right[-1]
    opened(page, path)
    say(page, f"segment the {thing.phrase}")
    expect(page.locator(".canvas .thing.region-1 path.mask")).to_be_attached()
    answered(page)
    outlined, truly = drawn_mask(page, 1), true_mask(thing)
    assert (outlined & truly).sum() / (outlined | truly).sum() >= 0.5

    # a click on another thing
    page.keyboard.press("Escape")
    ys, xs = np.nonzero(cv2.erode(true_mask(other).astype(np.uint8), np.ones((9, 9))))
    middle = len(xs) // 2
    page.mouse.click(*on_screen(page, xs[middle], ys[middle]))
    expect(page.locator(".canvas .thing.region-2 path.mask")).to_be_attached()
    outlined, truly = drawn_mask(page, 2), true_mask(other)
    assert (outlined & truly).sum() / (outlined | truly).sum() >= 0.5


def test_words_come_one_by_one_and_stop_stops_the_model(embedded, scenes, serve, visit, monkeypatch):
    monkeypatch.setattr("pipelines.vlm.batcher.AHEAD_S", 0)  # the reader is woken for each token ...
    monkeypatch.setattr("pipelines.vlm.batcher.TOLD_S", 0)  # ... and the model waits for it
    page = visit(serve(embedded))
    opened(page, scenes[0][0])
    vlm = embedded.engine.vlm
    before = vlm.forward_passes
    say(page, "describe the picture with boxes")
    answered(page)
    whole = vlm.forward_passes - before

    vlm.shut = True
    before = vlm.forward_passes
    say(page, "describe the picture with boxes")
    vlm.gate.release(8)
    # the caret stands behind the first words, while the model has words to go
    expect(page.locator("#chat .bot.message:has(.caret)")).to_be_visible()
    assert page.locator("#chat .bot.message").last.inner_text().strip()
    at_stop = vlm.forward_passes
    assert before < at_stop < before + whole
    page.click("#words .stop-button")
    expect(page.locator("#chat .stopped")).to_be_visible()
    at_stop = vlm.forward_passes
    vlm.shut = False
    vlm.gate.release(1000)
    assert vlm.closed.wait(60)
    assert vlm.forward_passes <= at_stop + 1

    vlm.gate = threading.Semaphore(0)
    say(page, "describe the picture with boxes")
    answered(page)
    expect(page.locator("#chat .stopped")).to_have_count(1)


def test_a_photograph_is_noticed_and_clicks_work_on_it(embedded, serve, visit, tmp_path):
    noise = np.random.default_rng(7).normal(size=(48, 64, 3))
    photo = cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC) * 60 + 110
    photo += np.random.default_rng(8).normal(size=photo.shape) * 12
    cv2.circle(photo, (320, 240), 90, (40.0, 60.0, 190.0), -1)
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).save(path)
    page = visit(serve(embedded))
    page.set_input_files(".canvas input.file", path)
    expect(page.locator("#chat .notice")).to_contain_text(re.compile("outside what|looks like a photograph"))
    frame = page.locator(".canvas img.picture").bounding_box()
    assert frame
    page.mouse.click(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    expect(page.locator(".canvas .thing path.mask")).to_be_attached()
