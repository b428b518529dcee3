"""Rows about growth: views, picture size, turns; and about memory and the start."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import torch

from pipelines.interfaces import GenerationOptions
from pipelines.vlm.prefixes import prefix_bytes
from tests.benchmarks.checkpoint import ANSWER, FIRST, QUESTIONS, asked, lonely, picture
from tests.benchmarks.measure import Cost, Row, pair, timed

PICTURES = 50
TURNS = 8
SIDES = (512, 2048)  # pixels
BYTES_13B = 2 * 40 * 40 * 128 * 2  # keys and values, layers, heads, size of a head, bytes: of a token
CONTEXT_13B = 4096  # tokens
FIXED = 2 << 30  # bytes that were kept, whatever the model
START = """
import time; started = time.perf_counter()
import pipelines
assistant = pipelines.load()
loaded = time.perf_counter()
scene = assistant.open({path!r})
for scene in assistant.reply(scene, "describe the picture in one sentence"):
    if scene.turns[-1].role == "assistant" and scene.turns[-1].raw:
        break
print(loaded - started, time.perf_counter() - started)
"""


def rows() -> Iterator[Row]:
    """All rows of this module."""
    numbers = itertools.count()

    def first(views: int | None = None, side: int | None = None) -> Cost:
        image = picture().resize((side, side)) if side else picture()
        options = GenerationOptions(max_new_tokens=4, views=views)
        replies = lonely().stream(image, f"growth {next(numbers)}", (), FIRST, options=options)
        cost = timed(lambda: next((None for raw in replies if raw), None))
        replies.close()
        return cost

    yield pair("first word of a new picture: 5 views against 1", lambda: first(5), lambda: first(1), rounds=3)
    for side in SIDES:
        yield pair(
            f"first word of a new picture: {side} pixels against 256",
            lambda side=side: first(side=side),
            lambda: first(side=256),
            rounds=3,
        )

    def turn(count: int) -> Cost:
        digest = f"turns {next(numbers)}"
        turns = tuple((FIRST, ANSWER) for _ in range(count))
        asked(digest, FIRST, turns[:-1], tokens=16)
        return timed(lambda: asked(digest, QUESTIONS[0], turns, tokens=4))

    yield pair(
        f"a short answer: turn {TURNS} against turn 2", lambda: turn(TURNS - 1), lambda: turn(1), rounds=3
    )
    yield kept_tokens()
    yield memory()
    yield start()


def kept_tokens() -> Row:
    """Tokens of conversations that this machine would keep for LLaMA2-13B in bfloat16."""
    kept = prefix_bytes(BYTES_13B, CONTEXT_13B, torch.device("cpu")) // BYTES_13B
    fixed = FIXED // BYTES_13B
    what = "tokens of conversations that are kept at 13B: by free memory against 2 GiB"
    return Row(what, kept / fixed, None, f"{kept} against {fixed} tokens")


def memory() -> Row:
    """Memory of this process after one and after many pictures that were asked about."""
    process = psutil.Process()
    asked("memory", FIRST)
    one = process.memory_info().rss
    for number in range(PICTURES):
        asked(f"memory {number}", FIRST, number=number)
    many = process.memory_info().rss
    return Row(
        f"memory: after {PICTURES} more pictures against before",
        many / one,
        None,
        f"{many / 1e6:.0f} against {one / 1e6:.0f} MB",
    )


def start() -> Row:
    """A new process: models loaded, first word of a first answer."""
    from tests.benchmarks.checkpoint import EXAMPLES

    path = str(sorted(EXAMPLES.glob("*.png"))[2])
    found = []
    for _ in range(2):
        began = time.perf_counter()
        script = START.format(path=path)
        out = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        found.append((time.perf_counter() - began, *map(float, out.split())))
    _, loaded, said = min(found)
    return Row(
        "a new process: to the first word against to the loaded models",
        said / loaded,
        None,
        f"{said:.1f} against {loaded:.1f} s",
    )
