"""Document pages, charts and screens: what is written and laid out on flat sheets, and where it came out."""

from __future__ import annotations

import random

import numpy as np

from .canvas import Canvas, ellipse, rectangle
from .lettering import text_width, write
from .palette import COLOUR_RGB, FIXED_RGB, RGB, darker, mix
from .phrases import Described, article, joined, name, sentence
from .scenes import Stage, pick_colour, pick_pattern
from .shapes import SHAPES, THING_KINDS, Look, draw_thing
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
    """Write `text` word by word and say where each came out."""
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
    """Lines of small print from x1 to x2; the last one ends early. Returns the tight box."""
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
    """A framed picture of one thing. Returns what it shows."""
    canvas, rng = stage.canvas, stage.rng
    tone = rng.choice(((214, 230, 240), (238, 228, 210), (222, 236, 214), (238, 222, 226)))
    canvas.fill(rectangle(x1, y1, x2, y2), tone)
    canvas.fill(rectangle(x1, y1 + (y2 - y1) * 0.68, x2, y2), darker(tone, 0.1))
    kind = rng.choice(THING_KINDS)
    colour = pick_colour(rng, kind, held_out=False)
    ex, ey = SHAPES[kind].extent
    side = 0.78 * min((x2 - x1) / ex, (y2 - y1) / ey)
    look = Look(
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


def document(stage: Stage, seed: int) -> Truth | None:
    """A page with a title, then text, lists, tables and figures with captions in one or two columns."""
    rng, canvas = stage.rng, stage.canvas
    w, h, u = canvas.width, canvas.height, canvas.unit
    desk = rng.choice(((206, 214, 222), (222, 212, 200), (214, 220, 206)))
    canvas.gradient(desk, darker(desk, 0.08))
    margin = rng.uniform(0.015, 0.05)
    px1, py1, px2, py2 = margin * w, margin * 0.7 * h, (1 - margin) * w, (1 - margin * 0.7) * h
    canvas.shadow((px1 + px2) / 2, py2, (px2 - px1) * 0.62, 0.04 * h, 0.3)
    canvas.fill(
        rectangle(px1, py1, px2, py2), rng.choice(((253, 253, 251), (250, 246, 236), (246, 249, 252)))
    )
    canvas.line(rectangle(px1, py1, px2, py2), darker(desk, 0.25), max(1.0, 0.003 * u), closed=True)
    pad = 0.055 * w
    x1, x2, y, bottom = px1 + pad, px2 - pad, py1 + 0.05 * h, py2 - 0.045 * h
    forced = stage.held_out
    title = rng.choice(allowed(TITLES, held_out=forced))
    tall = min(rng.uniform(0.055, 0.08) * u, (x2 - x1) / max(1.0, text_width(title, 1.0)) * 0.98)
    start = x1 if rng.random() < 0.5 else (x1 + x2) / 2 - text_width(title, tall) / 2
    colour = mix(INK, COLOUR_RGB[rng.choice(ACCENTS)], rng.choice((0.0, 0.0, 0.7)))
    words = write_words(canvas.image, title, start, y, tall, colour, 0.18)
    blocks = [Block("title", clip_box(_around(*(word.box for word in words)), canvas))]
    y += tall * 1.25 + 0.03 * h
    columns = 2 if rng.random() < 0.4 and w >= 0.7 * h else 1
    gutter = 0.05 * w
    wide = (x2 - x1 - (columns - 1) * gutter) / columns
    small = 0.021 * u
    shown: list[str] = []
    counts = {"text": 0, "list": 0, "table": 0, "figure": 0}
    for column in range(columns):
        left, top, last = x1 + column * (wide + gutter), y, ""
        while top < bottom - 0.07 * h:
            kind = rng.choices(("text", "list", "table", "figure"), (0.4, 0.2, 0.18, 0.22))[0]
            if kind == last and kind != "text":
                continue
            last, room = kind, bottom - top
            counts[kind] += 1
            if kind == "text":
                lines = min(rng.randint(3, 7), int(room / (small * 1.75)))
                box = _paragraph(canvas, rng, left, top, left + wide, max(1, lines), small)
            elif kind == "list":
                lines = min(rng.randint(3, 5), int(room / (small * 2.1)))
                boxes = []
                for n in range(max(1, lines)):
                    row = top + n * small * 2.1
                    dot = ellipse(left + small * 0.6, row + small * 0.5, small * 0.36, small * 0.36, 10)
                    canvas.fill(dot, INK)
                    boxes.append((float(left + small * 0.2), row, left + small, row + small))
                    end = left + wide * rng.uniform(0.6, 1.0)
                    boxes.append(_paragraph(canvas, rng, left, row, end, 1, small, small * 2))
                box = _around(*boxes)
            elif kind == "table":
                high = min(room, rng.uniform(0.15, 0.24) * h)
                if high < 0.12 * h:
                    break
                box = _table(canvas, rng, left, top, left + wide, top + high, small * 1.25)
            else:
                high = min(room - small * 2.4, rng.uniform(0.2, 0.32) * h)
                if high < 0.14 * h:
                    break
                share = rng.uniform(0.6, 1.0) if columns == 1 else 1.0
                off = left + wide * (1 - share) / 2
                shown.append(_figure(stage, off, top, off + wide * share, top + high, 0))
                box = (off, top, off + wide * share, top + high)
                blocks.append(Block("figure", clip_box(box, canvas)))
                label = f"Fig {counts['figure']}: {shown[-1]}"
                while text_width(label, small) > wide * share:
                    label = label.rsplit(" ", 1)[0]
                middle = off + wide * share / 2 - text_width(label, small) / 2
                kind = "caption"
                box = write(
                    canvas.image, label, middle, top + high + small * 0.9, small, (80, 80, 90), weight=0.13
                )
            blocks.append(Block(kind, clip_box(box, canvas)))
            top = box[3] + rng.uniform(0.028, 0.045) * h
    content = [article(k) for k in ("list", "table") if counts[k]]
    content += [f"a picture of {article(s)}" for s in shown[:1]]
    text = sentence(f'a page titled "{title}"' + (f" with {joined(content)}" if content else " with text"))
    named = tuple(words) if tall >= MIN_WORD * u else ()
    return Truth(
        seed, "document", stage.style, stage.size_wh, text, words=named, blocks=tuple(blocks), held_out=forced
    )


def draw_backing(canvas: Canvas, rng: random.Random) -> None:
    tone = rng.choice(((250, 250, 248), (246, 249, 252), (252, 248, 240), (244, 246, 242)))
    canvas.gradient(tone, darker(tone, 0.03))
