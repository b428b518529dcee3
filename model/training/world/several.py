"""Several of a kind: rows on the ground, flocks in the air, shelves and loose groups, a little overlapping.

Composed scenes hardly ever hold four or five alike; here two to six are, as often as one another, so that
counting and finding all can be learnt. A try may end without a picture (None), as in `scenes`.
"""

from __future__ import annotations

import random
from dataclasses import replace

from .backdrops import BACKDROPS, Ground
from .canvas import rectangle
from .holdouts import HELD_OUT_PAIRS
from .palette import FIXED_RGB, darker
from .pools import BULK, GROUND_KINDS, SKY_KINDS
from .scenes import (
    COMPOSED,
    Item,
    Stage,
    choose_kind,
    draw_items,
    finish,
    new_item,
    overlap,
    pick_colour,
)
from .truth import XYXY, Truth

NUMBERS = {2: 0.2, 3: 0.22, 4: 0.25, 5: 0.25, 6: 0.08}  # alike -> how often
ONE_COLOUR = 0.5  # of the groups are of one colour; in the others every thing has its own
OTHERS = {0: 0.25, 1: 0.35, 2: 0.25, 3: 0.15}  # things of other kinds beside them -> how often
SHELVES = 0.5  # of the rows in a room or on a table stand on a drawn shelf
OVERLAP = 0.12  # of a thing's width that its neighbour in a row may hide
TRIES = 30  # places tried for each loose thing


def several(stage: Stage, seed: int) -> Truth | None:
    """Draw two to six of a kind in a place, with up to three other things."""
    rng = stage.rng
    place = rng.choice(COMPOSED)
    ground = BACKDROPS[place](stage.canvas, rng)
    count = rng.choices(list(NUMBERS), list(NUMBERS.values()))[0]
    flying = rng.random() < 0.3
    kind = choose_kind(rng, SKY_KINDS[place] if flying else GROUND_KINDS[place])
    colours = _colours(stage, kind, count)
    if stage.held_out:
        pool = SKY_KINDS[place] if flying else GROUND_KINDS[place]
        pairs = sorted(pair for pair in HELD_OUT_PAIRS if pair[1] in pool)
        if not pairs:
            return None
        colour, kind = rng.choice(pairs)
        colours = [colour] * count if len(set(colours)) == 1 else [colour, *_colours(stage, kind, count)[1:]]
    items = [
        replace(new_item(stage, kind, "sky" if flying else "ground", count), colour=colour)
        for colour in colours
    ]
    if flying:
        placed = _scattered(stage, items, (0.03, max(0.45, ground.sky)), [])
    elif rng.random() < 0.55:
        placed = _row(stage, items, ground, place)
    else:
        placed = _scattered(stage, items, (ground.top, ground.bottom), [], feet=True)
    if len(placed) != count:
        return None
    others = rng.choices(list(OTHERS), list(OTHERS.values()))[0]
    pool = tuple(k for k in GROUND_KINDS[place] if k != kind and BULK.get(k, 1.0) < 1.3)
    extra = [new_item(stage, choose_kind(rng, pool), "ground", count + others) for _ in range(others)]
    boxes = [item.box(stage.canvas.unit) for item in placed]
    placed += _scattered(stage, extra, (ground.top, ground.bottom), boxes, feet=True)
    draw_items(stage, placed)
    return finish(stage, seed, "several", ground, unique=False)


def _colours(stage: Stage, kind: str, count: int) -> list[str]:
    """Return one colour for all, or any for each."""
    alike = stage.rng.random() < ONE_COLOUR
    first = pick_colour(stage.rng, kind, held_out=False)
    rest = [first if alike else pick_colour(stage.rng, kind, held_out=False) for _ in range(count - 1)]
    return [first, *rest]


def _row(stage: Stage, items: list[Item], ground: Ground, place: str) -> list[Item]:
    """Side by side on the ground or on a shelf, of about one size; nothing where they do not fit."""
    canvas, rng = stage.canvas, stage.rng
    unit, width, height = canvas.unit, canvas.width, canvas.height
    side = min(item.side for item in items) * rng.uniform(0.8, 1.1)
    sized = [replace(item, side=side * rng.uniform(0.94, 1.06), turn=0.0) for item in items]
    total = sum(item.extent(unit)[0] for item in sized)
    room = width * rng.uniform(0.72, 0.95)
    loosest = 1.35 if rng.random() < 0.5 else 1.08
    shrink = min(1.0, room / ((1 - OVERLAP) * total))
    sized = [replace(item, side=item.side * shrink) for item in sized]
    spread = min(loosest, room / max(1e-6, total * shrink))
    tall = max(item.extent(unit)[1] for item in sized)
    low, high = max(ground.top * height, tall + 4), ground.bottom * height
    if low >= high or min(item.side for item in sized) < 0.06:
        return []
    foot = rng.uniform(low, high)
    if place in ("room", "table") and rng.random() < SHELVES:
        foot = rng.uniform(tall + 4, max(tall + 5, 0.8 * height))
        _shelf(stage, foot)
    used = total * shrink * spread
    x = rng.uniform(0.02 * width, max(0.03 * width, width - used - 0.02 * width))
    placed = []
    for item in sized:
        wide = item.extent(unit)[0]
        placed.append(replace(item, x=x + wide * spread / 2, foot=foot + rng.uniform(0, 0.01) * height))
        x += wide * spread
    return placed


def _shelf(stage: Stage, y: float) -> None:
    """Draw a plank across the picture that things stand on."""
    canvas, unit = stage.canvas, stage.canvas.unit
    margin = stage.rng.uniform(0, 0.03) * canvas.width
    plank = rectangle(margin, y - 0.004 * unit, canvas.width - margin, y + 0.035 * unit)
    canvas.fill(plank, FIXED_RGB["wood"], 0)
    canvas.line(plank, darker(FIXED_RGB["wood"], 0.5), max(1.0, 0.006 * unit), 0, closed=True)


def _scattered(
    stage: Stage, items: list[Item], span: tuple[float, float], taken: list[XYXY], *, feet: bool = False
) -> list[Item]:
    """Items in random places that hardly overlap; what finds no room is left out.

    Args:
        span: of the picture's height, where the items lie, or with `feet` where they stand.
        taken: boxes that are in use already, picture pixels.
    """
    canvas, rng = stage.canvas, stage.rng
    boxes, placed = list(taken), []
    loose = OVERLAP if rng.random() < 0.4 else 0.02
    for item in items:
        for attempt in range(TRIES):
            small = replace(item, side=item.side * (1.0 if attempt < TRIES // 2 else 0.8))
            moved = _somewhere(small, canvas.unit, (canvas.width, canvas.height), span, feet, rng)
            if moved is None or any(overlap(moved.box(canvas.unit), box) > loose for box in boxes):
                continue
            placed.append(moved)
            boxes.append(moved.box(canvas.unit))
            break
    return placed


def _somewhere(
    item: Item,
    unit: float,
    size_wh: tuple[int, int],
    span: tuple[float, float],
    feet: bool,
    rng: random.Random,
) -> Item | None:
    """Place the item at random in the span, wholly inside the picture; None where it does not fit."""
    width, height = size_wh
    wide, high = item.extent(unit)
    low, top = wide / 2 + 0.02 * width, span[0] * height + (0 if feet else high)
    bottom = span[1] * height + (0 if feet else 0.5 * high)
    top, bottom = max(top, high + 3), min(bottom, 0.98 * height)
    if 2 * low > width or top > bottom:
        return None
    return replace(item, x=rng.uniform(low, width - low), foot=rng.uniform(top, bottom))
