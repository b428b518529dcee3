"""Document pages, charts and screens: what is written and laid out on flat sheets, and where it came out."""

from __future__ import annotations

import random

import numpy as np

from .canvas import Canvas, ellipse, rectangle
from .holdouts import HELD_OUT_WORDS
from .lettering import text_width, write
from .palette import COLOUR_RGB, FIXED_RGB, RGB, darker, lighter, mix
from .phrases import Described, article, joined, name, plural, sentence
from .scenes import Stage, pick_colour, pick_pattern
from .shapes import SHAPES, THING_KINDS, Look, draw_thing
from .truth import XYXY, Block, Chart, Element, Truth, Word
from .vocabulary import APPS, BODY_WORDS, BUTTONS, CHART_SETS, CHECKS, FIELDS, TITLES, allowed

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


def _words(
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


def _clip(box: XYXY, canvas: Canvas) -> XYXY:
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
    words = _words(canvas.image, title, start, y, tall, colour, 0.18)
    blocks = [Block("title", _clip(_around(*(word.box for word in words)), canvas))]
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
                blocks.append(Block("figure", _clip(box, canvas)))
                label = f"Fig {counts['figure']}: {shown[-1]}"
                while text_width(label, small) > wide * share:
                    label = label.rsplit(" ", 1)[0]
                middle = off + wide * share / 2 - text_width(label, small) / 2
                kind = "caption"
                box = write(
                    canvas.image, label, middle, top + high + small * 0.9, small, (80, 80, 90), weight=0.13
                )
            blocks.append(Block(kind, _clip(box, canvas)))
            top = box[3] + rng.uniform(0.028, 0.045) * h
    content = [article(k) for k in ("list", "table") if counts[k]]
    content += [f"a picture of {article(s)}" for s in shown[:1]]
    text = sentence(f'a page titled "{title}"' + (f" with {joined(content)}" if content else " with text"))
    named = tuple(words) if tall >= MIN_WORD * u else ()
    return Truth(
        seed, "document", stage.style, stage.size_wh, text, words=named, blocks=tuple(blocks), held_out=forced
    )


def _backing(canvas: Canvas, rng: random.Random) -> None:
    tone = rng.choice(((250, 250, 248), (246, 249, 252), (252, 248, 240), (244, 246, 242)))
    canvas.gradient(tone, darker(tone, 0.03))


def chart(stage: Stage, seed: int) -> Truth | None:
    """A bar chart with an axis or a pie with its shares; the table is what was drawn."""
    rng, canvas = stage.rng, stage.canvas
    w, h, u = canvas.width, canvas.height, canvas.unit
    _backing(canvas, rng)
    usable = [s for s in CHART_SETS if not stage.held_out or allowed(s[1], held_out=True)]
    title, labels = rng.choice(usable)
    count = rng.choices((2, 3, 4, 5), (0.15, 0.35, 0.32, 0.18))[0]
    chosen = rng.sample(allowed(labels, held_out=False), min(count, len(allowed(labels, held_out=False))))
    if stage.held_out:
        chosen[rng.randrange(len(chosen))] = rng.choice(allowed(labels, held_out=True))
    count = len(chosen)
    tall = 0.062 * u
    words = _words(canvas.image, title, w / 2 - text_width(title, tall) / 2, 0.045 * h, tall, INK, 0.17)
    top = 0.045 * h + tall * 1.7
    palette = rng.sample([c for c in COLOUR_RGB if c not in ("white", "black")], count)
    small = 0.05 * u
    if rng.random() < 0.6:
        kind = "bar"
        limit = rng.choice((5, 10, 10, 20, 50, 100))
        step = limit // 5
        values = [rng.randint(1, limit) for _ in chosen]
        if max(values) < limit * 0.4:
            values[rng.randrange(count)] = rng.randint(int(limit * 0.6), limit)
        left, right = 0.05 * w + text_width(str(limit), small) + 0.02 * w, 0.96 * w
        base = h - small * 2.3 - 0.02 * h
        roof = top + small * 1.8
        slot = (right - left) / count
        lettered = min(small, slot * 0.94 / max(text_width(c, 1.0) for c in chosen))
        for n in range(6):
            y = base + (roof - base) * n / 5
            canvas.line(np.array([(left, y), (right, y)]), (216, 218, 224), max(1.0, 0.004 * u))
            mark = str(n * step)
            write(
                canvas.image,
                mark,
                left - 0.02 * w - text_width(mark, small * 0.8),
                y - small * 0.4,
                small * 0.8,
                FAINT,
            )
        one = rng.random() < 0.35
        numbered = rng.random() < 0.6
        for i, (label, value) in enumerate(zip(chosen, values)):
            rgb = COLOUR_RGB[palette[0 if one else i]]
            x1, x2 = left + (i + 0.18) * slot, left + (i + 0.82) * slot
            y = base + (roof - base) * value / limit
            bar = rectangle(x1, y, x2, base)
            canvas.fill(bar, rgb)
            canvas.line(bar, darker(rgb, 0.4), max(1.0, 0.005 * u), closed=True)
            middle = (x1 + x2) / 2
            words += _words(
                canvas.image,
                label,
                middle - text_width(label, lettered) / 2,
                base + small * 0.7,
                lettered,
                INK,
            )
            if numbered:
                text = str(value)
                write(canvas.image, text, middle - text_width(text, small) / 2, y - small * 1.35, small, INK)
        canvas.line(np.array([(left, roof), (left, base), (right, base)]), INK, max(1.0, 0.008 * u))
        rows = [(c, str(v)) for c, v in zip(chosen, values)]
    else:
        kind = "pie"
        cuts = sorted(rng.sample(range(2, 20), count - 1))
        parts = [b - a for a, b in zip([0, *cuts], [*cuts, 20])]
        if min(parts) < 2:
            return None
        values = [p * 5 for p in parts]
        side_by_side = w >= 0.9 * h
        radius = min(0.3 * w, (h - top) * 0.44) if side_by_side else min(0.42 * w, (h - top) * 0.3)
        cx, cy = (0.04 * w + radius, (top + h) / 2) if side_by_side else (w / 2, top + radius * 1.05)
        angle = -90.0
        for i, value in enumerate(values):
            rgb = COLOUR_RGB[palette[i]]
            sweep = 3.6 * value
            t = np.radians(np.linspace(angle, angle + sweep, max(3, int(sweep / 6) + 2)))
            rim = np.stack([cx + radius * np.cos(t), cy + radius * np.sin(t)], 1)
            wedge = np.concatenate([[(cx, cy)], rim])
            canvas.fill(wedge, rgb)
            canvas.line(wedge, (255, 255, 255), max(1.0, 0.008 * u), closed=True)
            angle += sweep
        angle = -90.0
        for i, value in enumerate(values):
            middle = np.radians(angle + 1.8 * value)
            text = f"{value}%"
            size = min(small * 0.9, radius * 0.2)
            x, y = cx + 0.64 * radius * np.cos(middle), cy + 0.64 * radius * np.sin(middle)
            light = sum(COLOUR_RGB[palette[i]]) > 460
            write(
                canvas.image,
                text,
                x - text_width(text, size) / 2,
                y - size / 2,
                size,
                INK if light else (255, 255, 255),
            )
            angle += 3.6 * value
        lx = cx + radius + 0.045 * w if side_by_side else 0.2 * w
        room = h - (cy + radius) - 0.03 * h
        pitch = min(small * 2.1, 2 * radius / count) if side_by_side else room / count
        ly = cy - pitch * count / 2 if side_by_side else cy + radius + 0.03 * h
        for i, label in enumerate(chosen):
            size = min(
                small,
                (w - lx - small * 1.7 - 0.02 * w) / max(text_width(c, 1.0) for c in chosen),
                pitch * 0.6,
            )
            y = ly + i * pitch + (pitch - size) / 2
            canvas.fill(rectangle(lx, y, lx + size, y + size), COLOUR_RGB[palette[i]])
            canvas.line(rectangle(lx, y, lx + size, y + size), INK, max(1.0, 0.004 * u), closed=True)
            words += _words(canvas.image, label, lx + size * 1.7, y, size, INK)
        rows = [(c, f"{v}%") for c, v in zip(chosen, values)]
    table = Chart(kind, title, (("label", "value"), *rows))
    numbers = [int(row[1].rstrip("%")) for row in rows]
    words_for = {"bar": "bars", "pie": "parts"}
    said = f'{article(kind)} chart titled "{title}" with {count} {words_for[kind]}'
    if numbers.count(max(numbers)) == 1:
        said += f", the largest {rows[numbers.index(max(numbers))][0]}"
    return Truth(
        seed,
        "chart",
        stage.style,
        stage.size_wh,
        sentence(said),
        words=tuple(words),
        chart=table,
        held_out=stage.held_out,
    )


def screen(stage: Stage, seed: int) -> Truth | None:
    """A window with a bar on top, then fields, boxes to tick, switches, sliders and buttons."""
    rng, canvas = stage.rng, stage.canvas
    w, h, u = canvas.width, canvas.height, canvas.unit
    dark = rng.random() < 0.2
    ground: RGB = (44, 48, 58) if dark else rng.choice(((246, 247, 250), (240, 244, 248), (250, 248, 244)))
    ink: RGB = (236, 238, 242) if dark else INK
    edge = lighter(ground, 0.3) if dark else (176, 180, 190)
    canvas.gradient(ground, ground)
    accent = COLOUR_RGB[rng.choice(ACCENTS)]
    elements: list[Element] = []
    bar = rng.uniform(0.12, 0.15) * min(h, 1.4 * w)
    canvas.fill(rectangle(0, 0, w, bar), accent)
    tall = min(0.06 * u, bar * 0.45)
    forced = stage.held_out
    title = rng.choice(allowed(APPS, held_out=False))
    icons = rng.sample(("menu", "close", "search", "add"), rng.randint(1, 2))
    for i, icon in enumerate(icons):
        r = bar * 0.26
        at_left = i == 0 and icon == "menu"
        cx = bar * 0.5 if at_left else w - bar * (0.5 + 0.9 * (i - (icons[0] == "menu")))
        _icon(canvas, icon, cx, bar / 2, r)
        elements.append(
            Element("icon", icon, (cx - r * 1.15, bar / 2 - r * 1.15, cx + r * 1.15, bar / 2 + r * 1.15))
        )
    left = bar * 1.05 if icons[0] == "menu" else 0.05 * w
    words = _words(canvas.image, title, left, bar / 2 - tall / 2, tall, (255, 255, 255))
    y = bar + 0.055 * h
    small = 0.05 * u
    pad = 0.06 * w
    used: set[str] = set()
    held = rng.choice(allowed(BUTTONS, held_out=True)) if forced else None
    foot = 0.17 * h
    while y < h - foot - 0.11 * h:
        kind = rng.choices(("field", "checkbox", "switch", "slider"), (0.42, 0.24, 0.2, 0.14))[0]
        label = rng.choice([t for t in (FIELDS if kind == "field" else CHECKS) if t not in used])
        used.add(label)
        if kind == "field":
            high = small * 2.0
            split = pad + text_width("STREET", small) + 0.05 * w
            words += _words(canvas.image, label, pad, y + high / 2 - small / 2, small, ink)
            box = (split, y, w - pad, y + high)
            canvas.fill(rectangle(*box, 0.02 * u), lighter(ground, 0.1) if dark else (255, 255, 255))
            canvas.line(rectangle(*box, 0.02 * u), edge, max(1.0, 0.007 * u), closed=True)
            if rng.random() < 0.4:
                canvas.line(
                    np.array(
                        [(split + small * 0.6, y + high * 0.25), (split + small * 0.6, y + high * 0.75)]
                    ),
                    ink,
                    1,
                )
        elif kind == "checkbox":
            high = small * 1.4
            box = (pad, y, pad + high, y + high)
            ticked = rng.random() < 0.5
            canvas.fill(rectangle(*box, 0.012 * u), accent if ticked else (255, 255, 255))
            canvas.line(
                rectangle(*box, 0.012 * u),
                darker(accent, 0.3) if ticked else edge,
                max(1.0, 0.008 * u),
                closed=True,
            )
            if ticked:
                tick = np.array(
                    [
                        (pad + high * 0.22, y + high * 0.52),
                        (pad + high * 0.43, y + high * 0.74),
                        (pad + high * 0.8, y + high * 0.27),
                    ]
                )
                canvas.line(tick, (255, 255, 255), max(1.0, high * 0.13))
            words += _words(canvas.image, label, pad + high * 1.5, y + high / 2 - small / 2, small, ink)
        elif kind == "switch":
            high = small * 1.35
            on = rng.random() < 0.5
            box = (w - pad - high * 2, y, w - pad, y + high)
            canvas.fill(rectangle(*box, high / 2), accent if on else edge)
            cx = box[2] - high / 2 if on else box[0] + high / 2
            canvas.fill(ellipse(cx, y + high / 2, high * 0.38, high * 0.38, 18), (255, 255, 255))
            words += _words(canvas.image, label, pad, y + high / 2 - small / 2, small, ink)
        else:
            high = small * 1.3
            split = pad + text_width("ALERTS", small) + 0.05 * w
            words += _words(canvas.image, label, pad, y + high / 2 - small / 2, small, ink)
            box = (split, y, w - pad, y + high)
            at = split + (w - pad - split) * rng.uniform(0.15, 0.85)
            canvas.fill(rectangle(split, y + high * 0.38, w - pad, y + high * 0.62, high * 0.12), edge)
            canvas.fill(rectangle(split, y + high * 0.38, at, y + high * 0.62, high * 0.12), accent)
            canvas.fill(ellipse(at, y + high / 2, high * 0.46, high * 0.46, 18), accent)
        elements.append(Element(kind, label.lower(), box))
        y += high + rng.uniform(0.035, 0.06) * h
    free = [t for t in allowed(BUTTONS, held_out=False) if t.lower() not in icons]
    labels = rng.sample(free, rng.choice((1, 2, 2, 2)))
    if held:
        labels[0] = held
    if y > h - foot:
        return None
    size = small * 1.05
    gap = 0.05 * w
    widths = [text_width(t, size) + size * 2.2 for t in labels]
    if sum(widths) + gap * (len(labels) - 1) > w - 2 * pad:
        labels, widths = labels[:1], widths[:1]
    x = (
        (w - sum(widths) - gap * (len(labels) - 1)) / 2
        if rng.random() < 0.5
        else w - pad - sum(widths) - gap * (len(labels) - 1)
    )
    top, high = max(y, h - foot + 0.01 * h), size * 2.3
    for i, (label, wide) in enumerate(zip(labels, widths)):
        main = i == len(labels) - 1
        body = rectangle(x, top, x + wide, top + high, 0.025 * u)
        canvas.fill(body, accent if main else lighter(ground, 0.12) if dark else (228, 231, 236))
        canvas.line(body, darker(accent, 0.3) if main else edge, max(1.0, 0.007 * u), closed=True)
        words += _words(
            canvas.image,
            label,
            x + size * 1.1,
            top + high / 2 - size / 2,
            size,
            (255, 255, 255) if main else ink,
        )
        elements.append(Element("button", label.lower(), (x, top, x + wide, top + high)))
        x += wide + gap
    if not stage.held_out and any(word.text in HELD_OUT_WORDS for word in words):
        return None
    kinds = [e.kind for e in elements]
    listed = [
        article(k) if kinds.count(k) == 1 else f"{kinds.count(k)} {plural(k)}"
        for k in ("field", "checkbox", "switch", "slider", "button")
        if k in kinds
    ]
    text = sentence(f'a screen titled "{title}" with {joined(listed)}')
    clipped = tuple(Element(e.kind, e.label, _clip(e.box, canvas)) for e in elements)
    return Truth(
        seed,
        "screen",
        stage.style,
        stage.size_wh,
        text,
        words=tuple(words),
        elements=clipped,
        held_out=forced,
    )


def _icon(canvas: Canvas, icon: str, cx: float, cy: float, r: float) -> None:
    white, thick = (255, 255, 255), max(1.0, r * 0.28)
    if icon == "menu":
        for k in (-0.7, 0.0, 0.7):
            canvas.line(np.array([(cx - r, cy + k * r), (cx + r, cy + k * r)]), white, thick)
    elif icon == "close":
        for k in (-1, 1):
            canvas.line(
                np.array([(cx - r * 0.8, cy - k * r * 0.8), (cx + r * 0.8, cy + k * r * 0.8)]), white, thick
            )
    elif icon == "search":
        canvas.line(ellipse(cx - r * 0.2, cy - r * 0.2, r * 0.65, r * 0.65, 18), white, thick, closed=True)
        canvas.line(np.array([(cx + r * 0.28, cy + r * 0.28), (cx + r * 0.95, cy + r * 0.95)]), white, thick)
    else:
        canvas.line(np.array([(cx - r, cy), (cx + r, cy)]), white, thick)
        canvas.line(np.array([(cx, cy - r), (cx, cy + r)]), white, thick)
