"""Large photographs: what removing from 24 megapixels takes, and what a long visit keeps in memory.

    python -m tests.benchmarks.large [edits] [memory]

Pictures are made here: a drawn scene enlarged and grained, and a landscape of noise that SPHINX takes for no
drawing. Figures are seconds of computing (CPU time of this process, all threads) and of the clock, and bytes
of resident memory of a process that has the whole page in it.
"""

from __future__ import annotations

import argparse
import io
import sys
import threading
import time
import warnings
from contextlib import closing
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import psutil
from PIL import Image

import pipelines
from app import actions, render, serving
from pipelines.assistant import Assistant
from pipelines.interfaces import ReplyOptions
from pipelines.quiet import quieten
from pipelines.scene import Box, Scene, Timeline
from pipelines.visit import push

EXAMPLE = Path(__file__).parent.parent.parent / "assets" / "examples" / "05-table.png"
LARGE = (6000, 4000)  # pixels: 24 megapixels
MIDDLE = (4000, 3000)  # pixels: 12 megapixels
PICTURES, EDITS = 50, 20
STEPS = 5  # of each of these edits
GRAIN = 6.0  # grey levels of noise
SETTLE_S = 3.0  # until threads that were told to end have ended


def drawn(size_wh: tuple[int, int], seed: int) -> Image.Image:
    """A drawn scene enlarged, with grain."""
    pixels = np.asarray(
        Image.open(EXAMPLE).convert("RGB").resize(size_wh, Image.Resampling.BICUBIC), np.int16
    )
    rng = np.random.default_rng(seed)
    tile = rng.normal(0, GRAIN, (512, 512, 1)).astype(np.int16)
    height, width = pixels.shape[:2]
    grain = np.tile(tile, (-(-height // 512), -(-width // 512), 1))[:height, :width]
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def landscape(size_wh: tuple[int, int], seed: int) -> Image.Image:
    """Noise of many scales, greener below, with a red thing in it."""
    rng, (width, height) = np.random.default_rng(seed), size_wh
    plane = np.zeros((height, width, 3), np.float32)
    for cells in (4, 16, 64, 256, 1024):
        noise = rng.normal(0, 40 / cells**0.3, (cells, cells, 3)).astype(np.float32)
        plane += cv2.resize(noise, size_wh, interpolation=cv2.INTER_CUBIC)
    plane += np.where(np.arange(height)[:, None, None] < height * 0.4, (120, 150, 190), (80, 110, 60))
    cv2.circle(plane, (width // 2, height // 2), height // 9, (200, 40, 30), -1)
    return Image.fromarray(np.clip(plane, 0, 255).astype(np.uint8))


def thing(size_wh: tuple[int, int], photograph: bool) -> Box:
    """Where the thing is that is removed."""
    width, height = size_wh
    if photograph:
        r = height // 8
        return Box(width // 2 - r, height // 2 - r, width // 2 + r, height // 2 + r)
    image = Image.open(EXAMPLE)
    box = Box(0, 0, image.width // 3, image.height // 2)
    return Box(*(round(v * s) for v, s in zip(box, (width / image.width, height / image.height) * 2)))


def page_draws(assistant: Assistant, scene: Scene) -> None:
    """What the page computes to show a scene."""
    render.chat(scene)
    render.canvas(scene, partial(serving.address, assistant.pictures))


def removal(assistant: Assistant, image: Image.Image, *, photograph: bool) -> None:
    """Remove a thing: time to the first preview and to the end; then again, stopped after the first step."""
    scene = assistant.box(assistant.open(image), thing(image.size, photograph))
    words = f"remove #{scene.regions[-1].id}"
    for stops in (False, True):
        began, cpu = time.perf_counter(), time.process_time()
        threads, first = threading.active_count(), ""
        with closing(assistant.respond(scene, words, options=ReplyOptions(seed=int(stops)))) as events:
            for event in events:
                page_draws(assistant, event.shown)
                if event.preview and not first:
                    first = f"first preview after {time.process_time() - cpu:.1f} s of computing, "
                    if stops:
                        break
                last = event.scene
            asked = time.perf_counter()
        ended = time.perf_counter() - asked
        if not stops:
            said = " ".join(last.turns[-1].text.split())
            print(
                f"  {first}whole edit {time.process_time() - cpu:.1f} s of computing, "
                f"{time.perf_counter() - began:.1f} s on the clock: {said[:90]}"
            )
            if not first:
                return
        else:
            time.sleep(SETTLE_S)
            left = threading.active_count() - threads
            print(f"  Stop: ended after {ended:.2f} s; {max(0, left)} threads more than before")


def edits(assistant: Assistant) -> None:
    """Removing from a drawing (by diffusion) and from a photograph (classical) of 24 megapixels."""
    for photograph, draw in ((False, drawn), (True, landscape)):
        image = draw(LARGE, 0)
        picture = assistant.open(image).picture
        assert picture
        kind = "drawn" if assistant.engine.is_drawn(picture) else "a photograph"
        print(f"24 megapixels, {draw.__name__} (taken for {kind}):", flush=True)
        removal(assistant, image, photograph=photograph)


def memory(assistant: Assistant) -> None:
    """Resident memory over a visit of many pictures and edits."""
    process, most, timeline = psutil.Process(), 0, Timeline()
    shown = [np.asarray(draw(MIDDLE, 0)) for draw in (drawn, landscape)]
    print(f"before any picture: {process.memory_info().rss / 1e6:.0f} MB", flush=True)
    for number in range(PICTURES):
        photograph = number % 2 == 1
        buffer = io.BytesIO()
        pixels = np.roll(shown[photograph], number, axis=1)  # another picture, to all who compare digests
        Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
        timeline = push(timeline, assistant.open(buffer.getvalue()))
        for _ in range(EDITS * (number + 1) // PICTURES - EDITS * number // PICTURES):
            scene = assistant.box(timeline.scene, thing(MIDDLE, photograph))
            timeline = push(timeline, scene)
            words = f"remove #{scene.regions[-1].id}"
            for growing in actions.ask(assistant, timeline, words, ReplyOptions(steps=STEPS, tries=1)):
                timeline = growing.timeline
                page_draws(assistant, growing.shown)
        page_draws(assistant, timeline.scene)
        held = process.memory_info().rss
        most = max(most, held)
        if number % 5 == 4:
            print(f"after {number + 1} pictures: {held / 1e6:.0f} MB", flush=True)
    made = len(timeline.pictures)
    print(
        f"{PICTURES} pictures of 12 megapixels and {EDITS} edits ({made} pictures kept): "
        f"{process.memory_info().rss / 1e9:.2f} GB resident, {most / 1e9:.2f} GB at most after a picture"
    )


PARTS = {"edits": edits, "memory": memory}


def main() -> int:
    """Measure what is asked for, all where nothing is."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.large")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    wanted = parser.parse_args().parts or list(PARTS)
    quieten()
    warnings.simplefilter("ignore")
    assistant = pipelines.load()
    for name in wanted:
        PARTS[name](assistant)
    return 0


if __name__ == "__main__":
    sys.exit(main())
