"""Screens: a window with a bar on top, then fields, boxes to tick, switches, sliders and buttons."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .canvas import Canvas, ellipse, rectangle
from .holdouts import HELD_OUT_WORDS
from .lettering import text_width
from .pages import ACCENTS, INK, clip_box, write_words
from .palette import COLOUR_RGB, RGB, darker, lighter
from .phrases import article, joined, plural, sentence
from .scenes import Stage
from .truth import XYXY, Element, Truth, Word
from .vocabulary import APPS, BUTTONS, CHECKS, FIELDS, allowed

WHITE: RGB = (255, 255, 255)
CONTROLS = {"field": 0.42, "checkbox": 0.24, "switch": 0.2, "slider": 0.14}  # how often each is drawn
FOOT = 0.17  # of the picture's height, kept for the buttons


@dataclass(slots=True)
class _Window:
    """A window in the making: its colours, its measures in pixels, and what is on it so far."""

    canvas: Canvas
    rng: random.Random
    dark: bool
    ground: RGB
    ink: RGB
    edge: RGB
    accent: RGB
    elements: list[Element] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)

    @property
    def small(self) -> float:
        """Height of the lettering."""
        return 0.05 * self.canvas.unit

    @property
    def pad(self) -> float:
        """Space at the left and right edge."""
        return 0.06 * self.canvas.width

    def label(self, text: str, x: float, y: float, high: float) -> None:
        """Write a control's label, its middle at that of the control."""
        small = self.small
        self.words += write_words(self.canvas.image, text, x, y + high / 2 - small / 2, small, self.ink)


def screen(stage: Stage, seed: int) -> Truth | None:
    """Draw a screen; None where it finds no room or, in training, holds a held-out word."""
    canvas, rng = stage.canvas, stage.rng
    h = canvas.height
    window = _open(canvas, rng)
    title, icons, y = _top_bar(window)
    held = rng.choice(allowed(BUTTONS, held_out=True)) if stage.held_out else None
    foot = FOOT * h
    used: set[str] = set()
    while y < h - foot - 0.11 * h:
        kind = rng.choices(tuple(CONTROLS), tuple(CONTROLS.values()))[0]
        label = rng.choice([text for text in (FIELDS if kind == "field" else CHECKS) if text not in used])
        used.add(label)
        box, high = _DRAW[kind](window, label, y)
        window.elements.append(Element(kind, label.lower(), box))
        y += high + rng.uniform(0.035, 0.06) * h
    if not _buttons(window, icons, held, y, foot):
        return None
    if not stage.held_out and any(word.text in HELD_OUT_WORDS for word in window.words):
        return None
    kinds = [element.kind for element in window.elements]
    listed = [
        article(k) if kinds.count(k) == 1 else f"{kinds.count(k)} {plural(k)}"
        for k in (*CONTROLS, "button")
        if k in kinds
    ]
    clipped = tuple(Element(e.kind, e.label, clip_box(e.box, canvas)) for e in window.elements)
    return Truth(
        seed, "screen", stage.style, stage.size_wh,
        sentence(f'a screen titled "{title}" with {joined(listed)}'),
        words=tuple(window.words), elements=clipped, held_out=stage.held_out,
    )  # fmt: skip


def _open(canvas: Canvas, rng: random.Random) -> _Window:
    """Return an empty window, light or dark, with an accent colour."""
    dark = rng.random() < 0.2
    ground: RGB = (44, 48, 58) if dark else rng.choice(((246, 247, 250), (240, 244, 248), (250, 248, 244)))
    ink: RGB = (236, 238, 242) if dark else INK
    edge = lighter(ground, 0.3) if dark else (176, 180, 190)
    canvas.gradient(ground, ground)
    return _Window(canvas, rng, dark, ground, ink, edge, COLOUR_RGB[rng.choice(ACCENTS)])


def _top_bar(window: _Window) -> tuple[str, list[str], float]:
    """Draw the bar with its icons and the title; returns the title, the icons, and where controls begin."""
    canvas, rng = window.canvas, window.rng
    w, h, u = canvas.width, canvas.height, canvas.unit
    bar = rng.uniform(0.12, 0.15) * min(h, 1.4 * w)
    canvas.fill(rectangle(0, 0, w, bar), window.accent)
    tall = min(0.06 * u, bar * 0.45)
    title = rng.choice(allowed(APPS, held_out=False))
    icons: list[str] = rng.sample(("menu", "close", "search", "add"), rng.randint(1, 2))
    for i, icon in enumerate(icons):
        r = bar * 0.26
        at_left = i == 0 and icon == "menu"
        cx = bar * 0.5 if at_left else w - bar * (0.5 + 0.9 * (i - (icons[0] == "menu")))
        _icon(canvas, icon, cx, bar / 2, r)
        window.elements.append(
            Element("icon", icon, (cx - r * 1.15, bar / 2 - r * 1.15, cx + r * 1.15, bar / 2 + r * 1.15))
        )
    left = bar * 1.05 if icons[0] == "menu" else 0.05 * w
    window.words += write_words(canvas.image, title, left, bar / 2 - tall / 2, tall, WHITE)
    return title, icons, bar + 0.055 * h


def _field(window: _Window, label: str, y: float) -> tuple[XYXY, float]:
    """Draw a box to write in behind its label; returns its box and its height."""
    canvas, small, pad, u = window.canvas, window.small, window.pad, window.canvas.unit
    high = small * 2.0
    split = pad + text_width("STREET", small) + 0.05 * canvas.width
    window.label(label, pad, y, high)
    box = (split, y, canvas.width - pad, y + high)
    canvas.fill(rectangle(*box, 0.02 * u), lighter(window.ground, 0.1) if window.dark else WHITE)
    canvas.line(rectangle(*box, 0.02 * u), window.edge, max(1.0, 0.007 * u), closed=True)
    if window.rng.random() < 0.4:
        cursor = [(split + small * 0.6, y + high * 0.25), (split + small * 0.6, y + high * 0.75)]
        canvas.line(np.array(cursor), window.ink, 1)
    return box, high


def _checkbox(window: _Window, label: str, y: float) -> tuple[XYXY, float]:
    """Draw a box to tick before its label; returns its box and its height."""
    canvas, pad, u = window.canvas, window.pad, window.canvas.unit
    high = window.small * 1.4
    box = (pad, y, pad + high, y + high)
    ticked = window.rng.random() < 0.5
    canvas.fill(rectangle(*box, 0.012 * u), window.accent if ticked else WHITE)
    rim = darker(window.accent, 0.3) if ticked else window.edge
    canvas.line(rectangle(*box, 0.012 * u), rim, max(1.0, 0.008 * u), closed=True)
    if ticked:
        tick = [
            (pad + high * 0.22, y + high * 0.52),
            (pad + high * 0.43, y + high * 0.74),
            (pad + high * 0.8, y + high * 0.27),
        ]
        canvas.line(np.array(tick), WHITE, max(1.0, high * 0.13))
    window.label(label, pad + high * 1.5, y, high)
    return box, high


def _switch(window: _Window, label: str, y: float) -> tuple[XYXY, float]:
    """Draw a switch at the right edge; returns its box and its height."""
    canvas, pad = window.canvas, window.pad
    high = window.small * 1.35
    on = window.rng.random() < 0.5
    box = (canvas.width - pad - high * 2, y, canvas.width - pad, y + high)
    canvas.fill(rectangle(*box, high / 2), window.accent if on else window.edge)
    cx = box[2] - high / 2 if on else box[0] + high / 2
    canvas.fill(ellipse(cx, y + high / 2, high * 0.38, high * 0.38, 18), WHITE)
    window.label(label, pad, y, high)
    return box, high


def _slider(window: _Window, label: str, y: float) -> tuple[XYXY, float]:
    """Draw a slider behind its label; returns its box and its height."""
    canvas, small, pad = window.canvas, window.small, window.pad
    end = canvas.width - pad
    high = small * 1.3
    split = pad + text_width("ALERTS", small) + 0.05 * canvas.width
    window.label(label, pad, y, high)
    at = split + (end - split) * window.rng.uniform(0.15, 0.85)
    canvas.fill(rectangle(split, y + high * 0.38, end, y + high * 0.62, high * 0.12), window.edge)
    canvas.fill(rectangle(split, y + high * 0.38, at, y + high * 0.62, high * 0.12), window.accent)
    canvas.fill(ellipse(at, y + high / 2, high * 0.46, high * 0.46, 18), window.accent)
    return (split, y, end, y + high), high


_DRAW: dict[str, Callable[[_Window, str, float], tuple[XYXY, float]]] = {
    "field": _field,
    "checkbox": _checkbox,
    "switch": _switch,
    "slider": _slider,
}


def _buttons(window: _Window, icons: list[str], held: str | None, y: float, foot: float) -> bool:
    """Draw one or two buttons at the foot; False where the controls left no room for them."""
    canvas, rng, accent = window.canvas, window.rng, window.accent
    w, h, u = canvas.width, canvas.height, canvas.unit
    free = [text for text in allowed(BUTTONS, held_out=False) if text.lower() not in icons]
    labels = rng.sample(free, rng.choice((1, 2, 2, 2)))
    if held:
        labels[0] = held
    if y > h - foot:
        return False
    size, gap = window.small * 1.05, 0.05 * w
    widths = [text_width(text, size) + size * 2.2 for text in labels]
    if sum(widths) + gap * (len(labels) - 1) > w - 2 * window.pad:
        labels, widths = labels[:1], widths[:1]
    gaps = gap * (len(labels) - 1)
    in_the_middle = rng.random() < 0.5
    x = (w - sum(widths) - gaps) / 2 if in_the_middle else w - window.pad - sum(widths) - gaps
    top, high = max(y, h - foot + 0.01 * h), size * 2.3
    for i, (label, wide) in enumerate(zip(labels, widths)):
        main = i == len(labels) - 1
        body = rectangle(x, top, x + wide, top + high, 0.025 * u)
        other = lighter(window.ground, 0.12) if window.dark else (228, 231, 236)
        canvas.fill(body, accent if main else other)
        canvas.line(body, darker(accent, 0.3) if main else window.edge, max(1.0, 0.007 * u), closed=True)
        ink = WHITE if main else window.ink
        window.words += write_words(canvas.image, label, x + size * 1.1, top + high / 2 - size / 2, size, ink)
        window.elements.append(Element("button", label.lower(), (x, top, x + wide, top + high)))
        x += wide + gap
    return True


def _icon(canvas: Canvas, icon: str, cx: float, cy: float, r: float) -> None:
    """Draw a white icon around a middle, r pixels to each side."""
    white, thick = WHITE, max(1.0, r * 0.28)
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
