"""The illustrated world: pictures drawn by program, with exact truth.

`draw(seed)` is all that training, tests and evaluation call. Same arguments, same bytes; nothing is
remembered between calls. Seeds in TRAINING_SEEDS are for training, all others for looking and measuring.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from .canvas import Canvas
from .charts import chart
from .holdouts import HELD_OUT_PAIRS, HELD_OUT_RELATIONS, HELD_OUT_WORDS
from .odd import odd_one_out
from .pages import document
from .palette import COLOURS
from .people import ACTIONS
from .phrases import RELATIONS
from .scenes import COMPOSED, Stage, composed, crowd, damaged
from .screens import screen
from .several import several
from .shapes import PATTERNS, THING_KINDS
from .signs import sign
from .style import STYLES, photograph
from .truth import Block, Chart, Element, Thing, Truth, Word

__all__ = [
    "ACTIONS", "COLOURS", "HELD_OUT_PAIRS", "HELD_OUT_RELATIONS", "HELD_OUT_WORDS", "KINDS", "PATTERNS",
    "RELATIONS", "STYLES", "THING_KINDS", "TRAINING_SEEDS", "Block", "Chart", "Element", "Thing", "Truth",
    "Word", "draw",
]  # fmt: skip

TRAINING_SEEDS = range(0, 1_000_000)
# How often each kind is drawn when none is asked for.
SHARES: dict[str, float] = {
    "park": 0.1, "street": 0.09, "room": 0.1, "beach": 0.09, "table": 0.1,
    "people": 0.14, "sign": 0.09, "document": 0.08, "chart": 0.07, "screen": 0.05, "odd": 0.06,
    "damaged": 0.03,
}  # fmt: skip
KINDS = (*SHARES, "several")  # drawn only where it is asked for: what seeds draw by themselves stays
MAX_SIDE = 768  # pixels
MIN_SIDE = 64  # pixels
TRIES = 400  # pictures begun before giving up; one in a few fails
_MAKERS: dict[str, Callable[[Stage, int], Truth | None]] = {
    "people": crowd,
    "sign": sign,
    "document": document,
    "chart": chart,
    "screen": screen,
    "odd": odd_one_out,
    "damaged": damaged,
    "several": several,
}


def draw(
    seed: int,
    *,
    kind: str | None = None,
    style: str | None = None,
    size_wh: tuple[int, int] = (256, 256),
    held_out: bool = False,
) -> tuple[np.ndarray, Truth]:
    """Draw one picture.

    Args:
        seed: which picture, not negative.
        kind: one of KINDS; None lets the seed choose.
        style: one of STYLES; None lets the seed choose.
        size_wh: width and height, MIN_SIDE to MAX_SIDE pixels each.
        held_out: False keeps every held-out combination out of the picture, True puts at least one in.

    Returns:
        uint8 (H, W, 3) RGB, and what it shows.

    Raises:
        ValueError: for an argument outside these.
    """
    if seed < 0:
        raise ValueError(f"expected a seed that is not negative, got {seed}")
    if kind is not None and kind not in KINDS:
        raise ValueError(f"expected a kind of {', '.join(KINDS)}, got {kind!r}")
    if style is not None and style not in STYLES:
        raise ValueError(f"expected a style of {', '.join(STYLES)}, got {style!r}")
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size_wh):
        raise ValueError(f"expected sides of {MIN_SIDE} to {MAX_SIDE} pixels, got {size_wh}")
    choice = random.Random(seed)
    kind = kind or choice.choices(tuple(SHARES), tuple(SHARES.values()))[0]
    style = style or choice.choice(STYLES)
    for attempt in range(TRIES):
        rng = random.Random(f"{seed} {kind} {attempt}")
        stage = Stage(Canvas(size_wh), rng, style, held_out)
        truth = composed(stage, seed, kind) if kind in COMPOSED else _MAKERS[kind](stage, seed)
        if truth is not None:
            image = stage.canvas.image
            return (photograph(image, rng) if style == "real" else image), truth
    raise RuntimeError(f"no picture for seed {seed}, kind {kind}, size {size_wh}, held_out {held_out}")
