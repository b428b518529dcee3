"""What a drawn picture truly shows. Boxes are pixels of the picture, xyxy, floats; sizes are (width, height).

These values are made only by the drawing program and read only by training, tests and evaluation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

XYXY = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Thing:
    """One drawn object. `phrase` is unique in its picture where possible ("small striped red ball").

    `outline` holds the polygons of what is *visible* of it. `box` is the tight box of the visible part.
    `keypoints` (people only) are the 17 COCO joints as (x, y, v), v: 0 outside, 1 hidden, 2 seen.
    """

    phrase: str
    kind: str
    colour: str | None
    size: str | None  # "small" | "large" | None
    pattern: str | None  # "plain" | "striped" | "dotted" | ...
    box: XYXY
    outline: tuple[tuple[tuple[float, float], ...], ...]
    visible: float = 1.0  # fraction of the thing's area that is not hidden
    action: str | None = None
    keypoints: tuple[tuple[float, float, int], ...] | None = None
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A written word or number and its tight box."""

    text: str
    box: XYXY


@dataclass(frozen=True, slots=True)
class Block:
    """A document block: kind is title, text, list, table, figure or caption."""

    kind: str
    box: XYXY


@dataclass(frozen=True, slots=True)
class Element:
    """A screen element: kind is button, field, checkbox, icon, ...; `label` what a user would call it."""

    kind: str
    label: str
    box: XYXY


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart's table: header row first, then (label, value) rows; values as they were drawn."""

    kind: str  # "bar" | "pie"
    title: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything about one picture. `relations` are (index of a thing, relation, index of a thing)."""

    seed: int
    kind: str  # the scene: one of world.KINDS, such as "park", "people", "document" or "odd"
    style: str  # "synthetic" | "real"
    size_wh: tuple[int, int]
    caption: str
    things: tuple[Thing, ...] = ()
    relations: tuple[tuple[int, str, int], ...] = ()
    words: tuple[Word, ...] = ()
    blocks: tuple[Block, ...] = ()  # in reading order: column by column, a figure's caption after it
    elements: tuple[Element, ...] = ()
    chart: Chart | None = None
    odd: int | None = None  # index into things
    held_out: bool = False
    known: tuple[str, ...] | None = None  # kinds of which every instance is among `things`; None: all kinds
    # Kind and place of what is there but neither asked about nor taken to be absent.
    ignored: tuple[tuple[str, XYXY], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
