"""The kinds of things and how each is drawn. Knows nothing of scenes, sizes or truth.

A kind is a list of parts on a grid of its own (about 100 wide, y down), scaled when the table is read so that
its longer side is 1, with the origin at the middle of its foot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .canvas import POINTS, Canvas, arc, ellipse, rectangle, smooth
from .palette import roles

PATTERNS = ("plain", "striped", "dotted")
STRIPE = 0.16  # of the thing's side, one stripe and its gap
DOT = 0.17  # of the thing's side, from dot to dot
OUTLINE = 0.023  # of the thing's side, width of the ink around it


class Part(NamedTuple):
    """One stroke or filled polygon. `width` 0 fills; a body carries the thing's colour and pattern."""

    points: POINTS
    role: str
    width: float = 0.0
    closed: bool = False
    inked: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind's parts, and its extent (width, height), the longer side 1. `top`: where things stand on it."""

    parts: tuple[Part, ...]
    extent: tuple[float, float]
    top: float | None = None  # share of the height, from its upper edge; None: nothing stands on it


def _fill(points: POINTS | list[tuple[float, float]], role: str = "main", *, inked: bool = True) -> Part:
    return Part(np.asarray(points, float), role, inked=inked)


def _line(
    points: POINTS | list[tuple[float, float]], role: str, width: float, *, closed: bool = False
) -> Part:
    return Part(np.asarray(points, float), role, width, closed, False)


def _shape(*parts: Part, top: float | None = None) -> Shape:
    every = np.concatenate([p.points for p in parts])
    (x1, y1), (x2, y2) = every.min(0), every.max(0)
    side = max(x2 - x1, y2 - y1)
    origin = np.array([(x1 + x2) / 2, y2])
    placed = tuple(p._replace(points=(p.points - origin) / side, width=p.width / side) for p in parts)
    share = None if top is None else (top - y1) / (y2 - y1)
    return Shape(placed, ((x2 - x1) / side, (y2 - y1) / side), share)


def _ring(cx: float, cy: float, rx: float, ry: float, width: float, start: float, stop: float) -> POINTS:
    outer, inner = arc(cx, cy, rx, ry, start, stop), arc(cx, cy, rx - width, ry - width, stop, start)
    return np.concatenate([outer, inner])


def _star() -> POINTS:
    angles = np.radians(np.arange(10) * 36 - 90)
    radius = np.where(np.arange(10) % 2 == 0, 50, 23)
    return np.stack([50 + radius * np.cos(angles), 50 + radius * np.sin(angles)], 1)


def _heart() -> POINTS:
    t = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x, y], 1) * 3 + 50


def _cloud(cx: float, cy: float, rx: float, ry: float, bumps: int, depth: float) -> POINTS:
    t = np.linspace(0, 2 * np.pi, bumps * 8, endpoint=False)
    r = 1 - depth + depth * np.abs(np.sin(t * bumps / 2))
    return np.stack([cx + rx * r * np.cos(t), cy + ry * r * np.sin(t)], 1)


def _eye(x: float, y: float, r: float = 4.0) -> tuple[Part, Part]:
    return (
        _fill(ellipse(x, y, r, r, 12), "ink", inked=False),
        _fill(ellipse(x + r * 0.3, y - r * 0.35, r * 0.35, r * 0.35, 8), "shine", inked=False),
    )


def _wheel(x: float, y: float, r: float) -> tuple[Part, Part]:
    return (
        _fill(ellipse(x, y, r, r, 20), "tyre"),
        _fill(ellipse(x, y, r * 0.5, r * 0.5, 12), "metal", inked=False),
    )


SHAPES: dict[str, Shape] = {
    "ball": _shape(
        _fill(ellipse(50, 50, 50, 50, 36)),
        _line(arc(-12, 50, 52, 62, -46, 46), "deep", 3.5),
        _line(arc(112, 50, 52, 62, 134, 226), "deep", 3.5),
        _fill(ellipse(36, 24, 9, 6, 12), "light", inked=False),
    ),
    "cup": _shape(
        _fill(_ring(74, 52, 26, 27, 11, -90, 90)),
        _fill([(4, 12), (76, 12), (73, 88), (62, 97), (18, 97), (7, 88)]),
        _fill(ellipse(40, 12, 36, 9, 24), "light"),
        _fill(ellipse(40, 13, 28, 5.5, 20), "deep", inked=False),
    ),
    "star": _shape(_fill(_star()), _fill(ellipse(42, 40, 6, 4, 10), "light", inked=False)),
    "tree": _shape(
        _fill([(43, 60), (57, 60), (58, 100), (64, 106), (36, 106), (42, 100)], "wood"),
        _fill(_cloud(50, 36, 44, 38, 9, 0.16)),
        _line(arc(42, 30, 16, 12, 150, 260), "light", 4),
        _line(arc(62, 48, 16, 12, -20, 80), "dark", 4),
    ),
    "house": _shape(
        _fill(rectangle(12, 44, 88, 100)),
        _fill([(66, 12), (78, 12), (78, 34), (66, 26)], "dark"),
        _fill([(50, 4), (100, 48), (0, 48)], "dark"),
        _fill(rectangle(42, 66, 60, 100), "wood"),
        _fill(rectangle(20, 58, 35, 74), "glass"),
        _fill(rectangle(66, 58, 81, 74), "glass"),
    ),
    "car": _shape(
        _fill(
            smooth(
                [(0, 38), (3, 26), (20, 22), (34, 4), (46, 0), (64, 1), (80, 22), (96, 26), (100, 36), (98,
                46),
                 (84, 47), (16, 47), (2, 46)]
            )
        ),
        _fill([(27, 22), (37, 7), (49, 6), (49, 22)], "glass"),
        _fill([(53, 22), (53, 6), (63, 7), (73, 22)], "glass"),
        *_wheel(23, 46, 12),
        *_wheel(77, 46, 12),
        _fill(ellipse(97, 33, 3, 4, 10), "cream", inked=False),
    ),
    "bus": _shape(
        _fill(rectangle(0, 0, 120, 54, 8)),
        *(_fill(rectangle(x, 9, x + 17, 27, 2), "glass") for x in (8, 30, 52, 74)),
        _fill(rectangle(97, 9, 114, 46, 2), "glass"),
        _fill(rectangle(0, 34, 92, 39), "light", inked=False),
        *_wheel(26, 54, 11),
        *_wheel(86, 54, 11),
    ),
    "boat": _shape(
        _line([(50, 4), (50, 72)], "wood", 5),
        _fill(smooth([(54, 6), (74, 30), (88, 60), (54, 60)], steps=3)),
        _fill([(46, 18), (46, 60), (18, 60)], "cream"),
        _fill([(0, 68), (100, 68), (84, 94), (18, 94)]),
        _line([(6, 77), (93, 77)], "light", 4),
    ),
    "fish": _shape(
        _fill([(72, 30), (100, 8), (94, 32), (100, 56), (72, 36)], "dark"),
        _fill([(34, 10), (52, -2), (62, 14)], "dark"),
        _fill(smooth([(0, 32), (18, 12), (42, 5), (66, 18), (80, 32), (66, 46), (42, 59), (18, 52)])),
        _fill([(42, 34), (58, 28), (56, 44)], "dark"),
        _line(arc(16, 32, 14, 22, -50, 50), "deep", 2.5),
        _fill(ellipse(16, 26, 6, 6, 14), "shine", inked=False),
        _fill(ellipse(15, 26, 3.4, 3.4, 12), "ink", inked=False),
    ),
    "cat": _shape(
        _fill(_ring(72, 76, 24, 24, 9, -70, 130)),
        _fill(smooth([(28, 96), (26, 74), (34, 52), (50, 46), (66, 52), (74, 74), (72, 96), (50, 99)])),
        _fill([(24, 26), (26, -4), (44, 12)]),
        _fill([(76, 26), (74, -4), (56, 12)]),
        _fill(ellipse(50, 28, 29, 25, 28)),
        *_eye(40, 26),
        *_eye(60, 26),
        _fill([(46, 35), (54, 35), (50, 39)], "beak", inked=False),
        _line([(50, 39), (44, 43)], "line", 2),
        _line([(50, 39), (56, 43)], "line", 2),
        _line([(14, 32), (32, 35)], "line", 1.5),
        _line([(86, 32), (68, 35)], "line", 1.5),
        _line([(44, 96), (44, 80)], "deep", 2.5),
        _line([(56, 96), (56, 80)], "deep", 2.5),
    ),
    "dog": _shape(
        _fill(smooth([(4, 20), (0, 8), (6, 6), (12, 22), (20, 34), (14, 42)], steps=3)),
        *(_fill(rectangle(x, 56, x + 11, 88, 3), "dark") for x in (24, 62)),
        _fill(smooth([(12, 40), (22, 32), (50, 33), (70, 30), (78, 44), (74, 60), (48, 62), (18, 60), (11,
            50)])),
        *(_fill(rectangle(x, 54, x + 12, 90, 3)) for x in (13, 73 - 8)),
        _fill(smooth([(60, 24), (64, 8), (78, 4), (88, 12), (100, 20), (100, 29), (88, 33), (74, 40), (62,
            36)])),
        _fill(smooth([(62, 10), (70, 6), (74, 18), (70, 34), (62, 34), (58, 22)]), "dark"),
        *_eye(80, 15, 3.4),
        _fill(ellipse(98, 20, 4, 3.6, 12), "ink", inked=False),
    ),
    "bird": _shape(
        _line([(46, 66), (44, 84)], "beak", 3.5),
        _line([(56, 66), (56, 84)], "beak", 3.5),
        _fill([(26, 44), (-2, 30), (4, 48), (24, 58)], "dark"),
        _fill(smooth([(18, 48), (34, 34), (56, 26), (66, 8), (82, 6), (90, 20), (82, 46), (64, 66), (40,
            68)])),
        _fill([(88, 14), (106, 21), (88, 26)], "beak"),
        _fill(smooth([(30, 46), (50, 38), (66, 44), (54, 58), (36, 58)]), "dark"),
        *_eye(78, 17, 3.8),
    ),
    "flower": _shape(
        _line([(50, 46), (50, 104)], "leaf", 6),
        _fill(smooth([(50, 90), (62, 74), (80, 72), (70, 88)]), "leaf"),
        _fill(smooth([(50, 96), (38, 82), (22, 80), (32, 94)]), "leaf"),
        *(
            _fill(ellipse(50 + 23 * math.cos(a), 32 + 23 * math.sin(a), 15, 15, 16))
            for a in np.radians(np.arange(6) * 60 + 30)
        ),
        _fill(ellipse(50, 32, 13, 13, 18), "heart"),
    ),
    "mushroom": _shape(
        _fill(smooth([(38, 50), (62, 50), (62, 78), (70, 96), (50, 99), (30, 96), (38, 78)]), "cream"),
        _fill(np.concatenate([arc(50, 50, 50, 46, 180, 360, 24), arc(50, 50, 46, 9, 0, 180, 12)])),
        _line(arc(50, 50, 36, 33, 205, 260), "light", 4),
    ),
    "umbrella": _shape(
        _line(
            np.concatenate([[(50.0, 4.0), (50.0, 88.0)], arc(42, 88, 8, 9, 0, 180, 8)]), "wood", 5
        ),
        _fill(
            np.concatenate(
                [arc(50, 50, 50, 44, 180, 360, 24)]
                + [arc(50 + x, 50, 12.5, 7, 0, -180, 6) for x in (37.5, 12.5, -12.5, -37.5)]
            )
        ),
        _line(arc(50, 50, 25, 44, 180, 270), "deep", 2.5),
        _line(arc(50, 50, 25, 44, 270, 360), "deep", 2.5),
        _line([(50, 6), (50, 46)], "deep", 2.5),
    ),
    "kite": _shape(
        _line(smooth([(50, 76), (58, 84), (44, 94), (54, 104), (46, 112)], closed=False), "ink", 2),
        _fill([(44, 94), (34, 88), (34, 100)], "dark"),
        _fill([(44, 94), (54, 88), (54, 100)], "dark"),
        _fill([(50, 0), (82, 32), (50, 78), (18, 32)]),
        _line([(50, 0), (50, 78)], "deep", 2.5),
        _line([(18, 32), (82, 32)], "deep", 2.5),
    ),
    "balloon": _shape(
        _line(smooth([(40, 88), (46, 98), (36, 108), (41, 120)], closed=False), "ink", 2),
        _fill([(40, 82), (47, 92), (33, 92)], "dark"),
        _fill(smooth([(40, 0), (66, 10), (78, 38), (66, 68), (40, 86), (14, 68), (2, 38), (14, 10)])),
        _line(arc(40, 40, 25, 28, 190, 250), "light", 5),
    ),
    "butterfly": _shape(
        _fill(smooth([(48, 40), (38, 8), (8, 0), (0, 24), (16, 44)])),
        _fill(smooth([(52, 40), (62, 8), (92, 0), (100, 24), (84, 44)])),
        _fill(smooth([(48, 42), (24, 42), (10, 60), (24, 78), (44, 62)])),
        _fill(smooth([(52, 42), (76, 42), (90, 60), (76, 78), (56, 62)])),
        _line([(48, 22), (36, 2)], "ink", 2.5),
        _line([(52, 22), (64, 2)], "ink", 2.5),
        _fill(ellipse(50, 44, 5, 26, 18), "ink", inked=False),
    ),
    "hat": _shape(
        _fill(ellipse(50, 58, 50, 11, 28)),
        _fill(smooth([(24, 56), (25, 26), (34, 6), (50, 1), (66, 6), (75, 26), (76, 56), (50, 61)])),
        _fill(np.concatenate([arc(50, 42, 26.5, 5, 180, 0, 10), arc(50, 54, 26.5, 6, 0, 180, 10)]), "deep"),
    ),
    "book": _shape(
        _fill([(8, 88), (74, 88), (74, 98), (8, 98)], "eval_set"),
        _fill([(10, 0), (78, 0), (78, 90), (10, 90)]),
        _fill([(2, 2), (10, 0), (10, 90), (4, 90), (4, 96), (10, 102), (78, 102), (78, 97), (12, 97), (2,
            92)], "dark"),
        _fill(rectangle(26, 18, 66, 38), "eval_set"),
        _line([(33, 25), (59, 25)], "ink", 2.5),
        _line([(33, 31), (52, 31)], "ink", 2.5),
    ),
    "lamp": _shape(
        _fill(rectangle(46, 46, 54, 94), "metal"),
        _fill(np.concatenate([arc(50, 98, 24, 10, 180, 360, 12)]), "dark"),
        _fill([(32, 0), (68, 0), (88, 50), (12, 50)]),
        _fill([(12, 50), (88, 50), (88, 55), (12, 55)], "light"),
    ),
    "chair": _shape(
        _fill(rectangle(56, 58, 62, 96), "dark"),
        _fill(rectangle(18, 58, 24, 96), "dark"),
        _fill(rectangle(4, 0, 15, 100, 3)),
        _fill(rectangle(4, 50, 72, 62, 4)),
        _fill(rectangle(61, 58, 70, 100, 2)),
        _fill(rectangle(15, 8, 20, 44, 2), "dark"),
        top=52,
    ),
    "desk": _shape(
        _fill(rectangle(20, 12, 27, 54), "dark"),
        _fill(rectangle(83, 12, 90, 54), "dark"),
        _fill(rectangle(6, 10, 15, 62)),
        _fill(rectangle(95, 10, 104, 62)),
        _fill(rectangle(8, 8, 102, 20), "dark"),
        _fill(rectangle(0, 0, 110, 11, 3)),
        top=2,
    ),
    "bench": _shape(
        _fill(rectangle(14, 36, 20, 58), "metal"),
        _fill(rectangle(90, 36, 96, 58), "metal"),
        _fill(rectangle(12, 0, 18, 40), "metal"),
        _fill(rectangle(92, 0, 98, 40), "metal"),
        _fill(rectangle(2, 0, 108, 11, 3)),
        _fill(rectangle(2, 15, 108, 26, 3)),
        _fill(rectangle(0, 34, 110, 44, 3)),
        top=38,
    ),
    "clock": _shape(
        _line([(26, 92), (18, 104)], "line", 8),
        _line([(74, 92), (82, 104)], "line", 8),
        _fill(np.concatenate([arc(0, 0, 17, 14, 180, 360, 10)]) @ [[0.79, -0.61], [0.61, 0.79]] + (22, 20),
            "dark"),
        _fill(np.concatenate([arc(0, 0, 17, 14, 180, 360, 10)]) @ [[0.79, 0.61], [-0.61, 0.79]] + (78, 20),
            "dark"),
        _fill(ellipse(50, 56, 46, 46, 32)),
        _fill(ellipse(50, 56, 33, 33, 28), "eval_set"),
        _line([(50, 56), (50, 34)], "ink", 4.5),
        _line([(50, 56), (66, 64)], "ink", 4.5),
        _fill(ellipse(50, 56, 4, 4, 10), "ink", inked=False),
    ),
    "teapot": _shape(
        _fill(_ring(84, 54, 25, 24, 10, -100, 100)),
        _fill(smooth([(26, 60), (10, 44), (-8, 24), (-1, 21), (12, 30), (24, 40), (34, 46)], steps=3)),
        _fill(smooth([(18, 60), (26, 36), (52, 28), (78, 36), (86, 60), (76, 84), (52, 89), (28, 84)])),
        _fill(np.concatenate([arc(52, 33, 22, 12, 180, 360, 14)]), "dark"),
        _fill(ellipse(52, 17, 6, 6, 14), "dark"),
        _line(arc(48, 58, 24, 22, 170, 230), "light", 4),
    ),
    "bottle": _shape(
        _fill(
            smooth(
                [(24, 10), (36, 10), (36, 34), (50, 48), (54, 62), (54, 112), (46, 118), (14, 118), (6,
                112), (6, 62),
                 (10, 48), (24, 34)], steps=3
            )
        ),
        _fill(rectangle(21, 0, 39, 13, 2), "deep"),
        _fill(rectangle(6, 68, 54, 96), "eval_set"),
        _fill(ellipse(30, 82, 9, 9, 14), "dark", inked=False),
    ),
    "apple": _shape(
        _fill(
            smooth(
                [(50, 24), (66, 16), (84, 20), (94, 42), (88, 70), (70, 94), (58, 96), (50, 92), (42, 96),
                (30, 94),
                 (12, 70), (6, 42), (16, 20), (34, 16)]
            )
        ),
        _line(smooth([(50, 26), (51, 14), (57, 4)], closed=False), "wood", 6),
        _fill(smooth([(54, 14), (68, 0), (86, 2), (76, 14), (62, 17)]), "leaf"),
        _line(arc(32, 46, 15, 18, 170, 240), "light", 5),
    ),
    "box": _shape(
        _fill([(0, 22), (24, 0), (100, 0), (78, 22)], "light"),
        _fill([(78, 22), (100, 0), (100, 68), (78, 92)], "dark"),
        _fill(rectangle(0, 22, 78, 92)),
        _fill([(32, 22), (54, 0), (66, 0), (46, 22), (46, 46), (32, 46)], "cream", inked=False),
        top=10,
    ),
    "guitar": _shape(
        _fill(rectangle(44, 8, 54, 64), "wood"),
        _fill([(40, -6), (58, -6), (56, 12), (42, 12)], "ink"),
        _fill(
            smooth(
                [(49, 54), (64, 54), (72, 64), (68, 76), (76, 90), (76, 108), (62, 120), (49, 122), (36,
                120), (22, 108),
                 (22, 90), (30, 76), (26, 64), (34, 54)]
            )
        ),
        _fill(ellipse(49, 80, 9, 9, 16), "ink", inked=False),
        _fill(rectangle(38, 102, 60, 107), "wood", inked=False),
        _line([(47, 4), (47, 104)], "cream", 1.2),
        _line([(51, 4), (51, 104)], "cream", 1.2),
    ),
    "heart": _shape(_fill(_heart()), _line(arc(36, 34, 14, 14, 180, 250), "light", 5)),
    "rocket": _shape(
        _fill(smooth([(42, 96), (50, 92), (58, 96), (54, 108), (50, 118), (46, 108)]), "beak"),
        _fill([(34, 62), (14, 88), (14, 100), (36, 90)], "dark"),
        _fill([(66, 62), (86, 88), (86, 100), (64, 90)], "dark"),
        _fill(smooth([(50, 0), (64, 18), (70, 46), (68, 76), (62, 96), (38, 96), (32, 76), (30, 46), (36,
            18)])),
        _fill(ellipse(50, 40, 11, 11, 18), "glass"),
        _fill(smooth([(50, 66), (54, 80), (54, 98), (46, 98), (46, 80)], steps=3), "dark"),
    ),
}  # fmt: skip
THING_KINDS = tuple(SHAPES)


def _pattern_layer(pattern: str, layer: np.ndarray, ink: np.ndarray, side: float, phase: float) -> np.ndarray:
    """Put stripes or dots of `ink` over `layer` (h, w, 3) float."""
    h, w = layer.shape[:2]
    x, y = np.arange(w, dtype=np.float32)[None, :], np.arange(h, dtype=np.float32)[:, None]
    if pattern == "striped":
        period = max(STRIPE * side, 4.5)
        wave = (
            np.abs(((x + y) * 0.7071 / period + phase) % 1.0 - 0.5) * period
        )  # pixels from a stripe's middle line
        share = np.clip(period * 0.21 - wave + 0.5, 0, 1)
    else:
        pitch = max(DOT * side, 5.0)
        row = y / pitch + phase
        u = x / pitch + 0.5 * (np.floor(row) % 2)
        away = np.hypot(u % 1.0 - 0.5, row % 1.0 - 0.5) * pitch
        share = np.clip(pitch * 0.28 - away + 0.5, 0, 1)
    return layer + (ink - layer) * share[..., None]


@dataclass(frozen=True, slots=True)
class Appearance:
    """How one thing is drawn: `x`, `foot` (the middle of its foot) and `side` in pixels, `turn` degrees."""

    kind: str
    colour: str
    rgb: tuple[int, int, int]
    pattern: str
    x: float
    foot: float
    side: float
    stretch: float = 1.0
    turn: float = 0.0
    flip: bool = False
    phase: float = 0.0
    relief: float = 0.1  # light at its top and shade at its foot, share of the colour

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height in pixels, not turned."""
        w, h = SHAPES[self.kind].extent
        return w * self.side * self.stretch, h * self.side


def draw_thing(canvas: Canvas, look: Appearance, ident: int) -> None:
    """Draw `look`, its pixels owned by `ident` (0: a mere decoration)."""
    shape = SHAPES[look.kind]
    paint = roles(look.colour, look.rgb)
    ink = paint["line"]
    angle = math.radians(look.turn)
    cos, sin = math.cos(angle), math.sin(angle)
    sx = look.side * look.stretch * (-1 if look.flip else 1)
    centre = shape.extent[1] * look.side / 2  # turned about its middle
    thick = max(1.0, OUTLINE * look.side)
    for part in shape.parts:
        px, py = part.points[:, 0] * sx, part.points[:, 1] * look.side + centre
        placed = np.stack([look.x + px * cos - py * sin, look.foot - centre + px * sin + py * cos], 1)
        if part.width:
            canvas.line(placed, paint[part.role], part.width * look.side, ident, closed=part.closed)
            continue
        if part.role == "main":
            x1, y1, x2, y2 = canvas.window(placed)
            if x2 <= x1 or y2 <= y1:
                continue
            light = np.linspace(1 + look.relief, 1 - look.relief, y2 - y1, dtype=np.float32)
            layer = np.minimum(light[:, None, None] * np.array(paint["main"], np.float32), 255)
            if look.pattern != "plain":
                wide = np.broadcast_to(layer, (y2 - y1, x2 - x1, 3))
                layer = _pattern_layer(
                    look.pattern, wide, np.array(paint["pattern"], np.float32), look.side, look.phase
                )
            canvas.blend(placed, layer, ident=ident)
        else:
            canvas.fill(placed, paint[part.role], ident)
        if part.inked:
            canvas.line(placed, ink, thick, ident, closed=True)
