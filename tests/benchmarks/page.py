"""Rows about the page: an answer over HTTP against one in process, its bytes, and how soon a page opens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from gradio_client import Client

from app import actions, main, ui
from app.startup import Startup
from pipelines.caching import LockedCache
from pipelines.catalog import Settings, load
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Box, Timeline
from tests.benchmarks.measure import Row, in_turn
from tests.wire import Message, Visitor

ROOT = Path(__file__).parents[2]
EXAMPLE = "street"
WORDS = "describe the picture in detail"
MASKS = 20
OPTIONS = (0, 0, 512, None, [], 20, 0, 1, 3, "")  # in the order of `ui.Options.inputs`
PATIENCE = 120  # seconds
MOST_BYTES = 400  # that a token may cost


def rows() -> Iterator[Row]:
    """All rows of this module."""
    yield from answer()
    yield opening()


def boxes() -> list[Box]:
    """Twenty boxes on a picture of 256 pixels."""
    return [Box(x, y, x + 40, y + 40) for x in range(5, 205, 44) for y in range(5, 190, 50)][:MASKS]


def answer() -> Iterator[Row]:
    """One answer over a picture with masks, as the page gets it and in process."""
    assistant = load(Settings(inpainter="opencv"))
    assistant.engine = replace(assistant.engine, said=LockedCache(0, len))  # it is to say it each time
    page = ui.build(Startup(lambda: assistant, "benchmark").run(), main.example_pictures())
    address = main.launch(page, wait=False)
    visitor, plain = visit(page, address, boxes()), visit(page, address, [])
    timeline = actions.open_file(assistant, main.example_pictures()[EXAMPLE])(Timeline())
    for box in boxes():
        timeline = actions.box(assistant, timeline, box)
    tokens, sizes = [0], [0]

    def over_the_wire() -> None:
        before = assistant.forward_passes
        messages = asked(visitor)
        tokens[0], sizes[0] = assistant.forward_passes - before, sum(message.size for message in messages)

    def in_process() -> None:
        for _ in actions.ask(assistant, timeline, WORDS, ReplyOptions()):
            pass

    page_cost, own, without = in_turn(over_the_wire, in_process, lambda: asked(plain), rounds=5)
    visitor.close()
    plain.close()
    page.close(verbose=False)
    yield Row(
        f"an answer over {MASKS} masks: through the page against in process",
        page_cost.wall / own.wall,
        page_cost.cpu / own.cpu,
        f"{page_cost.wall * 1e3:.0f} against {own.wall * 1e3:.0f} ms for {tokens[0]} tokens",
    )
    yield Row(
        f"an answer through the page: over {MASKS} masks against over none",
        page_cost.wall / without.wall,
        page_cost.cpu / without.cpu,
        f"{page_cost.wall * 1e3:.0f} against {without.wall * 1e3:.0f} ms",
    )
    yield Row(
        f"bytes on the wire for a token of that answer against {MOST_BYTES}",
        sizes[0] / tokens[0] / MOST_BYTES,
        None,
        f"{sizes[0] / tokens[0]:.0f} against {MOST_BYTES} bytes",
    )


def visit(page: Any, address: str, boxes: list[Box]) -> Visitor:
    """A visitor who has opened the example and drawn boxes on it."""
    visitor = Visitor(page, address)
    visitor.send("welcome")
    visitor.send("example", event={"name": EXAMPLE})
    for box in boxes:
        visitor.send("box", event={"x1": box.x1, "y1": box.y1, "x2": box.x2 - 1, "y2": box.y2 - 1})
    return visitor


def asked(visitor: Visitor) -> list[Message]:
    """All that the server says to one question."""
    visitor.send("begin", None, *OPTIONS, event={"words": WORDS})
    return visitor.send("answer")


def opening() -> Row:
    """From the start of `app.py` to the first word of an answer, against to the page."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port = tried.getsockname()[1]
    address, began = f"http://127.0.0.1:{port}", time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port), "--inpainter", "opencv"],
        cwd=ROOT,
        env={**os.environ, "SPHINX_DEVICE": "cpu"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _opens(address):
            time.sleep(0.05)
            assert time.monotonic() - began < PATIENCE
        opened = time.monotonic() - began
        Client(address, verbose=False).predict(picture=None, words="hello", api_name="/ask")
        answered = time.monotonic() - began
    finally:
        process.terminate()
        process.wait(30)
    what = "from the start to the first answer against to the page"
    return Row(what, answered / opened, None, f"{answered:.1f} against {opened:.1f} s")


def _opens(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False
