"""Grids of the same thing with one that differs in colour, kind, pattern or is broken."""

from __future__ import annotations

from dataclasses import replace

from .backdrops import studio
from .holdouts import HELD_OUT_PAIRS
from .phrases import COUNTS, Described, article, name, sentence
from .scenes import Stage, draw_items, finish, new_item, pick_colour
from .shapes import SHAPES, THING_KINDS
from .truth import Truth


def odd_one_out(stage: Stage, seed: int) -> Truth | None:
    """Return a grid of the same thing with one that differs in colour, kind, pattern or is broken."""
    rng, canvas = stage.rng, stage.canvas
    w, h, u = canvas.width, canvas.height, canvas.unit
    ground = studio(canvas, rng)
    wide = w >= h
    columns, rows = rng.choice(((3, 2), (3, 3), (3, 2), (2, 2), (4, 3)) if wide else ((2, 3), (3, 3), (2, 2)))
    total = columns * rows
    plain_kind = rng.choice(THING_KINDS)
    base = new_item(stage, plain_kind, "grid", 3)
    odd = replace(base)
    way = rng.choices(("colour", "kind", "pattern", "damage"), (0.36, 0.34, 0.15, 0.15))[0]
    if stage.held_out:
        colour, kind = rng.choice(sorted(p for p in HELD_OUT_PAIRS if p[1] in THING_KINDS))
        base = replace(base, kind=kind, colour=pick_colour(rng, kind, held_out=False))
        odd = replace(base)
        if way == "colour":
            odd = replace(base, colour=colour)
        else:
            base = odd = replace(base, colour=colour)
    elif way == "colour":
        odd = replace(base, colour=pick_colour(rng, base.kind, held_out=False, besides=(base.colour,)))
    if way == "kind":
        others = [k for k in THING_KINDS if k != base.kind and (base.colour, k) not in HELD_OUT_PAIRS]
        odd = replace(base, kind=rng.choice(others))
    elif way == "pattern":
        odd = replace(
            base, pattern=rng.choice([p for p in ("plain", "striped", "dotted") if p != base.pattern])
        )
    elif way == "damage":
        odd = replace(base, damaged=True)
    where = rng.randrange(total)
    margin = 0.06 * u
    cell_w, cell_h = (w - 2 * margin) / columns, (h - 2 * margin) / rows
    items = []
    for i in range(total):
        like = odd if i == where else base
        ex, ey = SHAPES[like.kind].extent
        side = 0.78 * min(cell_w / ex, cell_h / ey, 0.52 * u) / u
        cx, cy = margin + (i % columns + 0.5) * cell_w, margin + (i // columns + 0.5) * cell_h
        item = replace(like, side=side, stretch=1.0, turn=0.0, flip=base.flip)
        item = replace(item, x=cx + rng.uniform(-0.03, 0.03) * cell_w, foot=cy + item.extent(u)[1] / 2)
        items.append(item)
    draw_items(stage, items, shadows=False)
    common = Described(base.kind, base.colour, base.pattern, None, (0, 0, 0, 0))
    different = Described(odd.kind, odd.colour, odd.pattern, None, (0, 0, 0, 0), damaged=odd.damaged)
    show = way == "pattern"
    alike, other = name(common, pattern=show, many=True), article(name(different, pattern=show))
    text = sentence(f"{COUNTS[total - 1]} {alike} and {other}")
    return finish(stage, seed, "odd", ground, unique=False, text=text, odd=where)
