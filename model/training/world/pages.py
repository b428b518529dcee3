"""Draw document pages: what is written and laid out on a sheet, and where each part lies."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from .canvas import Canvas, ellipse, rectangle
from .lettering import text_width, write
from .palette import COLOUR_RGB, FIXED_RGB, RGB, darker, mix
from .phrases import Described, article, joined, name, sentence
from .scenes import Stage, pick_colour, pick_pattern
from .shapes import SHAPES, THING_KINDS, Appearance, draw_thing
from .truth import XYXY, Block, Truth, Word
from .vocabulary import BODY_WORDS, TITLES, allowed

INK = FIXED_RGB["ink"]
FAINT: RGB = (150, 150, 158)
MIN_WORD = 0.045  # of the picture's shorter side; smaller lettering is not recorded as words
ACCENTS = ("red", "orange", "green", "blue", "purple", "brown")


def _around(*boxes: XYXY) -> XYXY:
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )


def write_words(
    image: np.ndarray, text: str, left: float, top: float, height: float, rgb: RGB, weight: float = 0.16
) -> list[Word]:
    """Write `text` word by word; return where each word lies."""
    out = []
    for piece in text.split(" "):
        out.append(Word(piece, write(image, piece, left, top, height, rgb, weight=weight)))
        left += text_width(piece + " x", height) - text_width("x", height)
    return out


def _paragraph(
    canvas: Canvas,
    rng: random.Random,
    x1: float,
    top: float,
    x2: float,
    lines: int,
    size: float,
    indent: float = 0.0,
) -> XYXY:
    """Write lines of small print from x1 to x2, the last one shorter; return their tight box."""
    boxes = []
    for n in range(lines):
        room = (x2 - x1) * (rng.uniform(0.35, 0.75) if n == lines - 1 and lines > 1 else 1.0) - indent
        text = rng.choice(BODY_WORDS)
        while text_width(text, size) < room:
            longer = f"{text} {rng.choice(BODY_WORDS)}"
            if text_width(longer, size) > room:
                break
            text = longer
        if n == 0:
            text = text[0].upper() + text[1:]
        boxes.append(
            write(canvas.image, text, x1 + indent, top + n * size * 1.75, size, (92, 92, 100), weight=0.12)
        )
    return _around(*boxes)


def _figure(stage: Stage, x1: float, y1: float, x2: float, y2: float, ident: int) -> str:
    """Return a framed picture of one thing. Returns what it shows."""
    canvas, rng = stage.canvas, stage.rng
    tone = rng.choice(((214, 230, 240), (238, 228, 210), (222, 236, 214), (238, 222, 226)))
    canvas.fill(rectangle(x1, y1, x2, y2), tone)
    canvas.fill(rectangle(x1, y1 + (y2 - y1) * 0.68, x2, y2), darker(tone, 0.1))
    kind = rng.choice(THING_KINDS)
    colour = pick_colour(rng, kind, held_out=False)
    ex, ey = SHAPES[kind].extent
    side = 0.78 * min((x2 - x1) / ex, (y2 - y1) / ey)
    look = Appearance(
        kind, colour, stage.shade(colour), pick_pattern(rng, kind), (x1 + x2) / 2, y1 + (y2 - y1) * 0.9, side
    )
    draw_thing(canvas, look, 0)
    canvas.line(rectangle(x1, y1, x2, y2), (120, 120, 128), max(1.0, 0.006 * canvas.unit), closed=True)
    return name(Described(kind, colour, None, None, (0, 0, 0, 0)))


def _table(
    canvas: Canvas, rng: random.Random, x1: float, y1: float, x2: float, y2: float, size: float
) -> XYXY:
    """Ruled rows and columns of numbers under a shaded header."""
    columns = rng.randint(2, 4)
    rows = max(3, min(5, int((y2 - y1) / (size * 2.6))))
    step_x, step_y = (x2 - x1) / columns, (y2 - y1) / rows
    canvas.fill(rectangle(x1, y1, x2, y1 + step_y), (214, 222, 234))
    for r in range(rows):
        for c in range(columns):
            text = (
                rng.choice(("ITEM", "SUM", "YEAR", "COST", "DAY", "NO"))
                if r == 0
                else str(rng.randint(1, 99))
            )
            tall = min(size, step_y * 0.5, step_x * 0.74 / max(1e-3, text_width(text, 1.0)))
            write(
                canvas.image,
                text,
                x1 + (c + 0.12) * step_x,
                y1 + (r + 0.5) * step_y - tall / 2,
                tall,
                (70, 70, 80),
            )
    grid, thin = (140, 146, 160), max(1.0, 0.004 * canvas.unit)
    for r in range(rows + 1):
        canvas.line(np.array([(x1, y1 + r * step_y), (x2, y1 + r * step_y)]), grid, thin)
    for c in range(columns + 1):
        canvas.line(np.array([(x1 + c * step_x, y1), (x1 + c * step_x, y2)]), grid, thin)
    return (x1 - thin / 2, y1 - thin / 2, x2 + thin / 2, y2 + thin / 2)


def clip_box(box: XYXY, canvas: Canvas) -> XYXY:
    return (
        max(0.0, box[0]),
        max(0.0, box[1]),
        min(float(canvas.width), box[2]),
        min(float(canvas.height), box[3]),
    )


@dataclass(slots=True)
class _Page:
    """A page being filled: where its content may stand, and what it holds so far. Lengths are pixels."""

    stage: Stage
    left: float
    right: float
    top: float
    bottom: float
    blocks: list[Block] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)  # what its figures show
    counts: Counter[str] = field(default_factory=Counter)  # blocks by kind

    @property
    def small(self) -> float:
        """Height of the small print."""
        return 0.021 * self.stage.canvas.unit

    def add(self, kind: str, box: XYXY) -> None:
        self.blocks.append(Block(kind, clip_box(box, self.stage.canvas)))

    def title(self, text: str) -> tuple[list[Word], float]:
        """Write the title and go below it; its words and its height."""
        rng, canvas, wide = self.stage.rng, self.stage.canvas, self.right - self.left
        tall = min(rng.uniform(0.055, 0.08) * canvas.unit, wide / max(1.0, text_width(text, 1.0)) * 0.98)
        middle = (self.left + self.right) / 2 - text_width(text, tall) / 2
        start = self.left if rng.random() < 0.5 else middle
        colour = mix(INK, COLOUR_RGB[rng.choice(ACCENTS)], rng.choice((0.0, 0.0, 0.7)))
        words = write_words(canvas.image, text, start, self.top, tall, colour, 0.18)
        self.add("title", _around(*(word.box for word in words)))
        self.top += tall * 1.25 + 0.03 * canvas.height
        return words, tall

    def columns(self) -> None:
        """Fill one column or two with blocks."""
        rng, w, h = self.stage.rng, self.stage.canvas.width, self.stage.canvas.height
        count = 2 if rng.random() < 0.4 and w >= 0.7 * h else 1
        gutter = 0.05 * w
        wide = (self.right - self.left - (count - 1) * gutter) / count
        for column in range(count):
            self._column(self.left + column * (wide + gutter), wide, single=count == 1)

    def _column(self, left: float, wide: float, *, single: bool) -> None:
        rng, h = self.stage.rng, self.stage.canvas.height
        top, last = self.top, ""
        while top < self.bottom - 0.07 * h:
            kind = rng.choices(("text", "list", "table", "figure"), (0.4, 0.2, 0.18, 0.22))[0]
            if kind == last and kind != "text":
                continue
            last, room = kind, self.bottom - top
            self.counts[kind] += 1
            box = self._block(kind, left, top, wide, room, single=single)
            if box is None:
                break
            self.add("caption" if kind == "figure" else kind, box)
            top = box[3] + rng.uniform(0.028, 0.045) * h

    def _block(
        self, kind: str, left: float, top: float, wide: float, room: float, *, single: bool
    ) -> XYXY | None:
        """Draw a block into a column; its box (a figure's caption's), or None where it finds no room."""
        canvas, rng, small = self.stage.canvas, self.stage.rng, self.small
        if kind == "text":
            lines = min(rng.randint(3, 7), int(room / (small * 1.75)))
            return _paragraph(canvas, rng, left, top, left + wide, max(1, lines), small)
        if kind == "list":
            return self._list(left, top, wide, room)
        if kind == "table":
            high = min(room, rng.uniform(0.15, 0.24) * canvas.height)
            if high < 0.12 * canvas.height:
                return None
            return _table(canvas, rng, left, top, left + wide, top + high, small * 1.25)
        high = min(room - small * 2.4, rng.uniform(0.2, 0.32) * canvas.height)
        if high < 0.14 * canvas.height:
            return None
        share = rng.uniform(0.6, 1.0) if single else 1.0
        return self._figure(left + wide * (1 - share) / 2, top, wide * share, high)

    def _list(self, left: float, top: float, wide: float, room: float) -> XYXY:
        canvas, rng, small = self.stage.canvas, self.stage.rng, self.small
        lines = min(rng.randint(3, 5), int(room / (small * 2.1)))
        boxes = []
        for n in range(max(1, lines)):
            row = top + n * small * 2.1
            dot = ellipse(left + small * 0.6, row + small * 0.5, small * 0.36, small * 0.36, 10)
            canvas.fill(dot, INK)
            boxes.append((float(left + small * 0.2), row, left + small, row + small))
            end = left + wide * rng.uniform(0.6, 1.0)
            boxes.append(_paragraph(canvas, rng, left, row, end, 1, small, small * 2))
        return _around(*boxes)

    def _figure(self, left: float, top: float, wide: float, high: float) -> XYXY:
        """Draw a figure with a caption below it; the caption's box."""
        small = self.small
        self.shown.append(_figure(self.stage, left, top, left + wide, top + high, 0))
        self.add("figure", (left, top, left + wide, top + high))
        label = f"Fig {self.counts['figure']}: {self.shown[-1]}"
        while text_width(label, small) > wide:
            label = label.rsplit(" ", 1)[0]
        middle = left + wide / 2 - text_width(label, small) / 2
        image = self.stage.canvas.image
        return write(image, label, middle, top + high + small * 0.9, small, (80, 80, 90), weight=0.13)


def _sheet(stage: Stage) -> _Page:
    """Draw an empty sheet on a desk."""
    rng, canvas = stage.rng, stage.canvas
    w, h, u = canvas.width, canvas.height, canvas.unit
    desk = rng.choice(((206, 214, 222), (222, 212, 200), (214, 220, 206)))
    canvas.gradient(desk, darker(desk, 0.08))
    margin = rng.uniform(0.015, 0.05)
    px1, py1, px2, py2 = margin * w, margin * 0.7 * h, (1 - margin) * w, (1 - margin * 0.7) * h
    canvas.shadow((px1 + px2) / 2, py2, (px2 - px1) * 0.62, 0.04 * h, 0.3)
    paper = rng.choice(((253, 253, 251), (250, 246, 236), (246, 249, 252)))
    canvas.fill(rectangle(px1, py1, px2, py2), paper)
    canvas.line(rectangle(px1, py1, px2, py2), darker(desk, 0.25), max(1.0, 0.003 * u), closed=True)
    pad = 0.055 * w
    return _Page(stage, px1 + pad, px2 - pad, py1 + 0.05 * h, py2 - 0.045 * h)


def document(stage: Stage, seed: int) -> Truth | None:
    """Draw a page: a title, then text, lists, tables and figures with captions in one or two columns."""
    page = _sheet(stage)
    title = stage.rng.choice(allowed(TITLES, held_out=stage.held_out))
    words, tall = page.title(title)
    page.columns()
    content = [article(k) for k in ("list", "table") if page.counts[k]]
    content += [f"a picture of {article(s)}" for s in page.shown[:1]]
    text = sentence(f'a page titled "{title}"' + (f" with {joined(content)}" if content else " with text"))
    named = tuple(words) if tall >= MIN_WORD * stage.canvas.unit else ()
    return Truth(
        seed, "document", stage.style, stage.size_wh, text,
        words=named, blocks=tuple(page.blocks), held_out=stage.held_out,
    )  # fmt: skip


def draw_backing(canvas: Canvas, rng: random.Random) -> None:
    tone = rng.choice(((250, 250, 248), (246, 249, 252), (252, 248, 240), (244, 246, 242)))
    canvas.gradient(tone, darker(tone, 0.03))
