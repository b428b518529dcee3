"""Bar charts with an axis and pies with their shares; the table is what was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import rectangle
from .lettering import text_width, write
from .pages import FAINT, INK, draw_backing, write_words
from .palette import COLOUR_RGB, darker
from .phrases import article, sentence
from .scenes import Stage
from .truth import Chart, Truth, Word
from .vocabulary import CHART_SETS, allowed

BAR_SHARE = 0.6  # of the charts are of bars, the rest pies
Row = tuple[str, str]  # label and value, as the table has them


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is charted: labels and their colours, where the chart begins, the height of lettering (pixels)."""

    chosen: list[str]
    palette: list[str]
    top: float
    small: float


def chart(stage: Stage, seed: int) -> Truth | None:
    """Draw a bar chart with an axis or a pie with its shares; the table is what was drawn."""
    rng, canvas = stage.rng, stage.canvas
    w, h, u = canvas.width, canvas.height, canvas.unit
    draw_backing(canvas, rng)
    usable = [s for s in CHART_SETS if not stage.held_out or allowed(s[1], held_out=True)]
    title, labels = rng.choice(usable)
    count = rng.choices((2, 3, 4, 5), (0.15, 0.35, 0.32, 0.18))[0]
    chosen = rng.sample(allowed(labels, held_out=False), min(count, len(allowed(labels, held_out=False))))
    if stage.held_out:
        chosen[rng.randrange(len(chosen))] = rng.choice(allowed(labels, held_out=True))
    count = len(chosen)
    tall = 0.062 * u
    words = write_words(canvas.image, title, w / 2 - text_width(title, tall) / 2, 0.045 * h, tall, INK, 0.17)
    top = 0.045 * h + tall * 1.7
    palette = rng.sample([c for c in COLOUR_RGB if c not in ("white", "black")], count)
    small = 0.05 * u
    plan = _Plan(chosen, palette, top, small)
    kind = "bar" if rng.random() < BAR_SHARE else "pie"
    drawn = _bars(stage, plan, words) if kind == "bar" else _pie(stage, plan, words)
    if drawn is None:
        return None
    rows = drawn
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


def _bars(stage: Stage, plan: _Plan, words: list[Word]) -> list[Row]:
    """Draw an axis with its marks and a bar for each label; append what is written to `words`."""
    rng, canvas = stage.rng, stage.canvas
    w, h, u = canvas.width, canvas.height, canvas.unit
    chosen, palette, top, small = plan.chosen, plan.palette, plan.top, plan.small
    count = len(chosen)
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
        words += write_words(
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
    return [(c, str(v)) for c, v in zip(chosen, values)]


def _pie(stage: Stage, plan: _Plan, words: list[Word]) -> list[Row] | None:
    """Draw a pie of shares in steps of five with its legend; None where a share would be too thin."""
    rng, canvas = stage.rng, stage.canvas
    w, h = canvas.width, canvas.height
    chosen, top = plan.chosen, plan.top
    count = len(chosen)
    cuts = sorted(rng.sample(range(2, 20), count - 1))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, 20])]
    if min(parts) < 2:
        return None
    values = [p * 5 for p in parts]
    side_by_side = w >= 0.9 * h
    radius = min(0.3 * w, (h - top) * 0.44) if side_by_side else min(0.42 * w, (h - top) * 0.3)
    cx, cy = (0.04 * w + radius, (top + h) / 2) if side_by_side else (w / 2, top + radius * 1.05)
    _wedges(stage, plan, values, (cx, cy), radius)
    _legend(stage, plan, words, (cx, cy), radius, side_by_side=side_by_side)
    return [(c, f"{v}%") for c, v in zip(chosen, values)]


def _wedges(stage: Stage, plan: _Plan, values: list[int], centre: tuple[float, float], radius: float) -> None:
    """Draw the parts of a pie clockwise from the top, each with its share on it."""
    canvas, palette, small = stage.canvas, plan.palette, plan.small
    (cx, cy), u = centre, stage.canvas.unit
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


def _legend(
    stage: Stage,
    plan: _Plan,
    words: list[Word],
    centre: tuple[float, float],
    radius: float,
    *,
    side_by_side: bool,
) -> None:
    """Draw a coloured square and the label for each part, beside the pie or below it."""
    canvas, chosen, palette, small = stage.canvas, plan.chosen, plan.palette, plan.small
    (cx, cy), count = centre, len(plan.chosen)
    w, h, u = canvas.width, canvas.height, canvas.unit
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
        words += write_words(canvas.image, label, lx + size * 1.7, y, size, INK)
