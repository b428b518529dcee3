"""Where scenes take place: pale sky, ground and furniture that belong to nobody. Knows no things."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .canvas import Canvas, arc, ellipse, rectangle
from .palette import RGB, darker, lighter, mix


@dataclass(frozen=True, slots=True)
class Ground:
    """Where things may be, as shares of the height: feet between `top` and `bottom`, fliers above `sky`."""

    top: float
    bottom: float
    sky: float
    place: str  # "in a park": ends a caption


def _jitter(rgb: RGB, rng: random.Random, by: int = 6) -> RGB:
    r, g, b = (min(255, max(0, v + rng.randint(-by, by))) for v in rgb)
    return (r, g, b)


def _clouds(canvas: Canvas, rng: random.Random, below: float) -> None:
    u = canvas.unit
    for _ in range(rng.randint(1, 3)):
        x, y = (
            rng.uniform(0.05, 0.95) * canvas.width,
            rng.uniform(0.06, max(0.1, below - 0.12)) * canvas.height,
        )
        r = rng.uniform(0.035, 0.06) * u
        bumps = [ellipse(x + dx * r, y + dy * r, k * r, k * r * 0.85, 18) for dx, dy, k in
                 ((-1.3, 0.15, 0.8), (0, -0.2, 1.15), (1.3, 0.1, 0.85), (0.3, 0.35, 1.1))]  # fmt: skip
        for bump in bumps:
            canvas.fill(bump, (250, 252, 253))


def _sun(canvas: Canvas, rng: random.Random) -> None:
    if rng.random() < 0.4:
        x, y, r = rng.choice((0.0, 1.0)) * canvas.width, 0.0, rng.uniform(0.1, 0.16) * canvas.unit
        canvas.fill(ellipse(x, y, r * 1.25, r * 1.25), (252, 244, 205))
        canvas.fill(ellipse(x, y, r, r), (252, 233, 160))


def _sky(canvas: Canvas, rng: random.Random, horizon: float) -> None:
    top, low = rng.choice((((176, 214, 240), (228, 241, 248)), ((186, 222, 238), (240, 243, 232)),
                           ((196, 208, 238), (248, 232, 226))))  # fmt: skip
    canvas.gradient(_jitter(top, rng), _jitter(low, rng), 0, horizon)
    _sun(canvas, rng)
    _clouds(canvas, rng, horizon)


def _tufts(canvas: Canvas, rng: random.Random, rgb: RGB, top: float) -> None:
    u = canvas.unit
    for _ in range(rng.randint(5, 9)):
        x, y = rng.random() * canvas.width, rng.uniform(top + 0.03, 0.98) * canvas.height
        s = 0.016 * u
        tuft = np.array([(x - s, y), (x - s * 0.8, y - s), (x - s * 0.2, y - s * 0.2), (x, y - s * 1.5),
                         (x + s * 0.3, y - s * 0.2), (x + s * 0.9, y - s), (x + s, y)])  # fmt: skip
        canvas.fill(tuft, rgb)


def park(canvas: Canvas, rng: random.Random) -> Ground:
    """Meadow, hills and perhaps a path under the sky."""
    w, h = canvas.width, canvas.height
    horizon = rng.uniform(0.42, 0.52)
    _sky(canvas, rng, horizon + 0.02)
    grass = _jitter((199, 224, 170), rng)
    far = mix(grass, (200, 222, 226), 0.5)
    for k in range(2):
        x = rng.uniform(0.1, 0.9) * w
        canvas.fill(
            ellipse(x, (horizon + 0.06) * h, rng.uniform(0.35, 0.6) * w, rng.uniform(0.1, 0.16) * h, 40),
            mix(far, grass, 0.3 * k),
        )
    canvas.gradient(lighter(grass, 0.15), darker(grass, 0.06), horizon, 1)
    if rng.random() < 0.5:
        x, end = rng.uniform(0.3, 0.7) * w, rng.uniform(0.2, 0.8) * w
        path = [
            (x - 0.02 * w, horizon * h),
            (x + 0.02 * w, horizon * h),
            (end + 0.2 * w, h),
            (end - 0.16 * w, h),
        ]
        canvas.fill(np.array(path), (236, 226, 200))
    _tufts(canvas, rng, darker(grass, 0.16), horizon)
    return Ground(horizon + 0.1, 0.97, horizon - 0.02, "in a park")


def street(canvas: Canvas, rng: random.Random) -> Ground:
    """Return a road with a kerb before pale blocks of flats."""
    w, h = canvas.width, canvas.height
    horizon = rng.uniform(0.46, 0.54)
    _sky(canvas, rng, horizon)
    wall = _jitter(rng.choice(((214, 214, 224), (224, 214, 206), (208, 218, 220))), rng)
    x = -rng.random() * 0.1 * w
    while x < w:
        wide, tall = rng.uniform(0.14, 0.24) * w, rng.uniform(0.12, 0.3) * h
        tone = mix(wall, (236, 236, 240), rng.random() * 0.5)
        canvas.fill(rectangle(x, horizon * h - tall, x + wide, horizon * h), tone)
        pane = lighter(tone, 0.45)
        step_x, step_y = 0.062 * w, 0.062 * h
        for i in range(int((wide - 0.02 * w) / step_x)):
            for k in range(int((tall - 0.02 * h) / step_y)):
                px, py = x + 0.02 * w + i * step_x, horizon * h - tall + 0.02 * h + k * step_y
                canvas.fill(rectangle(px, py, px + 0.03 * w, py + 0.034 * h), pane)
        x += wide
    canvas.gradient((226, 224, 220), (216, 214, 211), horizon, horizon + 0.12)
    kerb = horizon + 0.12
    canvas.gradient((186, 188, 194), (172, 174, 181), kerb, 1)
    canvas.gradient((238, 236, 232), (238, 236, 232), kerb - 0.012, kerb + 0.004)
    y, x = (kerb + 1) / 2 * h, rng.random() * 0.1 * w
    while x < w:
        canvas.fill(rectangle(x, y, x + 0.09 * w, y + 0.016 * h), (236, 234, 226))
        x += 0.17 * w
    return Ground(horizon + 0.1, 0.96, horizon - 0.03, "on a street")


def room(canvas: Canvas, rng: random.Random) -> Ground:
    """Wall, skirting, floor boards; a window or a frame; perhaps a rug."""
    w, h = canvas.width, canvas.height
    horizon = rng.uniform(0.56, 0.64)
    wall = _jitter(
        rng.choice(((236, 228, 214), (216, 228, 232), (226, 232, 218), (238, 222, 220), (226, 222, 236))), rng
    )
    canvas.gradient(wall, darker(wall, 0.05), 0, horizon)
    if rng.random() < 0.4:
        stripe = mix(wall, (255, 255, 255), 0.3)
        step = 0.09 * w
        for i in range(0, int(w / step) + 1, 2):
            canvas.fill(rectangle(i * step, 0, (i + 1) * step, horizon * h), stripe)
    floor = _jitter(rng.choice(((222, 200, 170), (208, 190, 168), (206, 206, 204))), rng)
    canvas.gradient(darker(floor, 0.05), floor, horizon, 1)
    seam = darker(floor, 0.12)
    y, gap = horizon + 0.05, 0.05
    while y < 1:
        canvas.line(np.array([(0, y * h), (w, y * h)]), seam, 0.004 * canvas.unit)
        gap *= 1.3
        y += gap
    canvas.gradient((248, 246, 240), (242, 240, 234), horizon - 0.025, horizon)
    if rng.random() < 0.6:
        x, y, a, b = rng.uniform(0.08, 0.62) * w, rng.uniform(0.08, 0.14) * h, 0.28 * w, 0.26 * h
        canvas.fill(
            rectangle(x - 0.014 * w, y - 0.014 * h, x + a + 0.014 * w, y + b + 0.014 * h), (250, 249, 246)
        )
        canvas.fill(rectangle(x, y, x + a, y + b), (206, 230, 242))
        canvas.fill(np.array([(x, y + b), (x, y + b * 0.75), (x + a * 0.4, y + b * 0.62), (x + a,
            y + b * 0.8), (x + a, y + b)]),
                    (206, 224, 196))  # fmt: skip
        canvas.line(np.array([(x + a / 2, y), (x + a / 2, y + b)]), (250, 249, 246), 0.014 * canvas.unit)
        canvas.line(np.array([(x, y + b / 2), (x + a, y + b / 2)]), (250, 249, 246), 0.014 * canvas.unit)
    if rng.random() < 0.5:
        rug = _jitter(rng.choice(((226, 190, 186), (186, 204, 220), (214, 206, 178))), rng)
        x, y, a, b = rng.uniform(0.35, 0.65) * w, (horizon + 1) / 2 * h + 0.02 * h, 0.34 * w, 0.12 * h
        canvas.fill(ellipse(x, y, a, b, 40), rug)
        canvas.line(ellipse(x, y, a * 0.9, b * 0.86, 40), lighter(rug, 0.5), 0.008 * canvas.unit, closed=True)
    return Ground(horizon + 0.07, 0.97, horizon - 0.06, "in a room")


def beach(canvas: Canvas, rng: random.Random) -> Ground:
    """Sea between the sky and the sand."""
    w, h = canvas.width, canvas.height
    horizon = rng.uniform(0.34, 0.42)
    shore = horizon + rng.uniform(0.14, 0.18)
    _sky(canvas, rng, horizon)
    sea = _jitter((142, 200, 220), rng)
    canvas.gradient(darker(sea, 0.08), lighter(sea, 0.25), horizon, shore)
    for _ in range(6):
        x, y, a = rng.random() * w, rng.uniform(horizon + 0.02, shore - 0.02) * h, rng.uniform(0.03, 0.08) * w
        canvas.line(arc(x, y - 0.01 * h, a / 2, 0.012 * h, 20, 160, 8), (226, 244, 248), 0.006 * canvas.unit)
    sand = _jitter((244, 226, 184), rng)
    canvas.gradient(lighter(sand, 0.1), darker(sand, 0.06), shore, 1)
    x = np.linspace(0, w, 40)
    wave = shore * h + 0.012 * h * np.sin(x / w * rng.uniform(9, 14) + rng.random() * 6)
    foam = np.concatenate([np.stack([x, wave], 1), np.stack([x[::-1], wave[::-1] + 0.022 * h], 1)])
    canvas.fill(foam, (250, 252, 250))
    for _ in range(14):
        x, y, r = rng.random() * w, rng.uniform(shore + 0.06, 0.99) * h, 0.005 * canvas.unit
        canvas.fill(ellipse(x, y, r * 1.4, r, 8), darker(sand, 0.14))
    return Ground(shore + 0.1, 0.97, horizon - 0.02, "on a beach")


def table(canvas: Canvas, rng: random.Random) -> Ground:
    """Return a table-top before a wall."""
    w, h = canvas.width, canvas.height
    edge = rng.uniform(0.5, 0.58)
    wall = _jitter(rng.choice(((222, 232, 234), (238, 230, 218), (230, 224, 236), (226, 234, 220))), rng)
    canvas.gradient(lighter(wall, 0.2), darker(wall, 0.05), 0, 1)
    if rng.random() < 0.4:
        tile, line = 0.12 * canvas.unit, lighter(wall, 0.45)
        for i in range(1, int(w / tile) + 1):
            canvas.line(np.array([(i * tile, 0), (i * tile, edge * h)]), line, 0.006 * canvas.unit)
        for k in range(1, int(edge * h / tile) + 1):
            canvas.line(np.array([(0, k * tile), (w, k * tile)]), line, 0.006 * canvas.unit)
    top = _jitter(rng.choice(((228, 204, 170), (214, 190, 158), (236, 226, 210), (212, 222, 228))), rng)
    canvas.gradient(darker(top, 0.08), lighter(top, 0.08), edge, 0.95)
    grain = darker(top, 0.1)
    for _ in range(7):
        x, y, a = rng.random() * w, rng.uniform(edge + 0.03, 0.93) * h, rng.uniform(0.05, 0.18) * w
        canvas.line(np.array([(x, y), (x + a, y)]), grain, 0.004 * canvas.unit)
    canvas.gradient(darker(top, 0.28), darker(top, 0.36), 0.955, 1)
    return Ground(edge + 0.08, 0.93, edge - 0.06, "on a table")


def studio(canvas: Canvas, rng: random.Random) -> Ground:
    """Return a plain card with rounded corners, for grids."""
    w, h = canvas.width, canvas.height
    tone = _jitter(
        rng.choice(((224, 234, 238), (238, 230, 220), (230, 236, 222), (232, 226, 238), (240, 238, 232))), rng
    )
    canvas.gradient(tone, darker(tone, 0.05))
    pad = 0.025 * canvas.unit
    canvas.fill(rectangle(pad, pad, w - pad, h - pad, 0.05 * canvas.unit), lighter(tone, 0.55))
    return Ground(0.1, 0.95, 0.5, "")


BACKDROPS: dict[str, Callable[[Canvas, random.Random], Ground]] = {
    "park": park,
    "street": street,
    "room": room,
    "beach": beach,
    "table": table,
}
