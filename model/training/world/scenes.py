"""Composed scenes, people, signs, grids with an odd one, scenes with a broken thing: placing and recording.

A try may end without a picture (None): something came out hidden, nameless or, in training, held out.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

import numpy as np

from . import figure, people
from .backdrops import BACKDROPS, Ground
from .canvas import Canvas
from .holdouts import HELD_OUT_PAIRS, HELD_OUT_RELATIONS, HELD_OUT_WORDS, is_held_out
from .palette import COLOUR_RGB, COLOURS, RGB
from .phrases import Described, caption, phrases, relation, size_word
from .pools import BULK, CHANCE, GROUND_KINDS, RIDERS, SKY_KINDS, SUPPORTS
from .shapes import SHAPES, Appearance, draw_thing
from .truth import XYXY, Thing, Truth, Word

COMPOSED = ("park", "street", "room", "beach", "table")
MIN_VISIBLE = 0.5  # of a thing's area; a picture that hides more is drawn again
SMALL_SHARE = 0.12  # of composed scenes that hold small things
SMALL_SIDE = (0.062, 0.095)  # of the picture's shorter side
DAMAGE_GAP = 0.13  # of the thing's side, the jagged gap of a broken thing
PERSON_SHARE = 0.12  # of composed outdoor scenes with somebody in them


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be placed. `zone`: "ground", "sky", "on"; `side`: share of the picture's shorter side."""

    kind: str
    colour: str
    pattern: str
    zone: str
    side: float
    support: int | None = None
    damaged: bool = False
    pose: people.Pose | None = None
    x: float = 0.0  # pixels
    foot: float = 0.0  # pixels
    turn: float = 0.0
    flip: bool = False
    stretch: float = 1.0

    def box(self, unit: float) -> XYXY:
        """Return where it will be, roughly, pixels."""
        w, h = self.extent(unit)
        return (self.x - w / 2, self.foot - h, self.x + w / 2, self.foot)

    def extent(self, unit: float) -> tuple[float, float]:
        """Width and height, pixels."""
        side = self.side * unit
        if self.pose:
            j = people.joints(self.pose)
            return (float(np.ptp(j[:, 0])) + 0.16) * side, (-float(j[:, 1].min()) + 0.12) * side
        w, h = SHAPES[self.kind].extent
        if self.turn:
            a = math.radians(abs(self.turn))
            w, h = w * math.cos(a) + h * math.sin(a), h * math.cos(a) + w * math.sin(a)
        return w * side * self.stretch, h * side


@dataclass(slots=True)
class Stage:
    """A picture in the making: what is drawn so far and what is known of it."""

    canvas: Canvas
    rng: random.Random
    style: str
    held_out: bool
    body: np.ndarray = field(init=False)
    drawn: list[tuple[Item, int]] = field(default_factory=list)  # with the pixels it had when it was drawn
    joints: dict[int, np.ndarray] = field(default_factory=dict)
    shades: dict[str, RGB] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.body = np.zeros_like(self.canvas.ids)

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.canvas.width, self.canvas.height

    def shade(self, colour: str) -> RGB:
        """Return the colour as it comes out in this picture: one picture's red is quite another's."""
        if colour not in self.shades:
            spread = 0.05 if self.style == "synthetic" else 0.1
            by = 1 + self.rng.uniform(-spread, spread * 0.5)
            r, g, b = (
                min(255, max(0, round(v * by * (1 + self.rng.uniform(-spread, spread) * 0.5))))
                for v in COLOUR_RGB[colour]
            )
            self.shades[colour] = (r, g, b)
        return self.shades[colour]


def pick_colour(rng: random.Random, kind: str, *, held_out: bool, besides: tuple[str, ...] = ()) -> str:
    """Return a colour for `kind`, one that training may show unless `held_out`."""
    allowed = [c for c in COLOURS if c not in besides and (held_out or (c, kind) not in HELD_OUT_PAIRS)]
    return rng.choice(allowed)


def pick_pattern(rng: random.Random, kind: str) -> str:
    """Plain more often than not."""
    if kind == "person":
        return "plain"
    return rng.choices(("plain", "striped", "dotted"), (0.62, 0.19, 0.19))[0]


def choose_kind(rng: random.Random, pool: tuple[str, ...]) -> str:
    """Return a kind from the pool, so that all kinds come out about equally often over the scenes."""
    return rng.choices(pool, [CHANCE.get(k, 1.0) for k in pool])[0]


def _side(rng: random.Random, kind: str, count: int, small: bool) -> float:
    if small:
        return rng.uniform(*SMALL_SIDE)
    crowd = {1: 1.3, 2: 1.15, 3: 1.0, 4: 0.92, 5: 0.86, 6: 0.8}[min(6, max(1, count))]
    return min(0.55, rng.uniform(0.19, 0.34) * BULK.get(kind, 1.0) * crowd)


def new_item(stage: Stage, kind: str, zone: str, count: int, *, small: bool = False) -> Item:
    rng = stage.rng
    turn = rng.uniform(-14, 14) if zone == "sky" and kind not in ("clock", "bird") else rng.uniform(-3, 3)
    if zone == "ground" and kind in ("ball", "star", "heart"):
        turn = rng.uniform(-25, 25) if kind == "ball" else rng.uniform(-10, 10)
    return Item(
        kind,
        pick_colour(rng, kind, held_out=stage.held_out),
        pick_pattern(rng, kind),
        zone,
        _side(rng, kind, count, small),
        turn=turn,
        flip=rng.random() < 0.5,
        stretch=rng.uniform(0.92, 1.08),
    )


def _person(stage: Stage, height: float) -> Item:
    rng = stage.rng
    how = people.pose(rng.choice(people.ACTIONS), rng)
    colour = pick_colour(rng, "person", held_out=stage.held_out)
    return Item("person", colour, "plain", "ground", height, pose=how)


def overlap(a: XYXY, b: XYXY) -> float:
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / max(1.0, min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])))


def _place(stage: Stage, ground: Ground, items: list[Item]) -> list[Item]:
    """Place the items in their order; what finds no room is left out, with what stands on it."""
    canvas, rng = stage.canvas, stage.rng
    w, h, u = canvas.width, canvas.height, canvas.unit
    placed: dict[int, Item] = {}
    large_first = sorted(range(len(items)), key=lambda i: (items[i].support is not None, -items[i].side))
    for index in large_first:
        item = items[index]
        if item.support is not None:
            if item.support not in placed:
                continue
            base = placed[item.support]
            top = SHAPES[base.kind].top
            assert top is not None
            bw, bh = base.extent(u)
            side = min(item.side, 0.62 * bw / (max(0.3, SHAPES[item.kind].extent[0]) * u), 0.24)
            off = rng.uniform(-0.12, 0.12) * bw
            if base.kind == "chair":
                off = (0.02 if not base.flip else -0.02) * bw
            seat = base.foot - bh * (1 - top)
            new = replace(item, side=side, x=base.x + off, foot=seat, turn=0.0)
            x1, y1, x2, _ = new.box(u)
            clash = any(overlap(new.box(u), o.box(u)) > 0.1 for k, o in placed.items() if k != item.support)
            if y1 > 2 and x1 > 2 and x2 < w - 2 and not clash:
                placed[index] = new
            continue
        loose = 0.34 if rng.random() < 0.45 else 0.02
        for attempt in range(36):
            shrunk = item.side * (1.0 if attempt < 20 else 0.86)
            if item.zone == "sky":
                new = replace(item, side=shrunk)
                bw, bh = new.extent(u)
                low = max(bh + 0.02 * h, min(ground.sky * h + 0.25 * bh, 0.9 * h))
                y = rng.uniform(bh + 0.02 * h, low)
            else:
                y = rng.uniform(ground.top, ground.bottom) * h
                depth = (y / h - ground.top) / max(1e-6, ground.bottom - ground.top)
                new = replace(item, side=shrunk * (1.0 if item.pose else 0.86 + 0.24 * depth))
                bw, bh = new.extent(u)
            pad = bw / 2 + 0.02 * w
            if 2 * pad > w or y - bh < 2:
                continue
            new = replace(new, x=rng.uniform(pad, w - pad), foot=y)
            if all(overlap(new.box(u), other.box(u)) <= loose for other in placed.values()):
                placed[index] = new
                break
    kept = sorted(placed)
    renumber = {old: i for i, old in enumerate(kept)}
    return [
        replace(placed[k], support=None if placed[k].support is None else renumber[placed[k].support or 0])
        for k in kept
    ]


def _order(items: list[Item]) -> list[int]:
    """Far things first, riders right after what carries them."""

    def depth(i: int) -> tuple[float, int]:
        support = items[i].support
        return (items[i].foot, 0) if support is None else (items[support].foot, 1)

    sky = [i for i, item in enumerate(items) if item.zone == "sky"]
    rest = [i for i, item in enumerate(items) if item.zone != "sky"]
    return sky + sorted(rest, key=depth)


def appearance_of(stage: Stage, item: Item) -> Appearance:
    u = stage.canvas.unit
    return Appearance(
        item.kind, item.colour, stage.shade(item.colour), item.pattern, item.x, item.foot,
        item.side * u, item.stretch, item.turn, item.flip, stage.rng.random(),
            0.08 if stage.style == "synthetic" else 0.17,
    )  # fmt: skip


def _break(canvas: Canvas, before: np.ndarray, item: Item, ident: int, rng: random.Random) -> None:
    """Take a jagged gap out of what was just drawn, showing what was there `before`."""
    u = canvas.unit
    x1, y1, x2, y2 = item.box(u)
    side = max(x2 - x1, y2 - y1)
    gap = DAMAGE_GAP * side
    upright = (x2 - x1) >= (y2 - y1) * 0.9  # across the shorter way
    cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
    steps = np.linspace(-0.6, 0.6, 7) * side
    zigzag = np.where(np.arange(7) % 2 == 0, -1.0, 1.0) * gap * 0.62
    slope = rng.uniform(-0.3, 0.3) * steps
    a, b = zigzag + slope - gap / 2, zigzag + slope + gap / 2
    if upright:
        edges = np.stack([cx + a, cy + steps], 1), np.stack([cx + b, cy + steps], 1)
    else:
        edges = np.stack([cx + steps, cy + a], 1), np.stack([cx + steps, cy + b], 1)
    polygon = np.concatenate([edges[0], edges[1][::-1]])
    px1, py1, px2, py2 = canvas.window(polygon, 3)
    part = np.s_[py1:py2, px1:px2]
    owned = canvas.ids[part] == ident
    kept = canvas.image[part].copy()
    crack = Canvas((max(1, px2 - px1), max(1, py2 - py1)))
    crack.image[:] = kept
    crack.fill(polygon - (px1, py1), (0, 0, 0), 1)
    crack.image[crack.ids == 1] = before[part][crack.ids == 1]
    for edge in edges:
        crack.line(edge - (px1, py1), (36, 30, 40), max(1.0, 0.02 * side))
    canvas.image[part] = np.where(owned[..., None], crack.image, kept)
    canvas.ids[part][owned & (crack.ids == 1)] = 0


def draw_items(stage: Stage, items: list[Item], shadows: bool = True) -> None:
    """Draw all items; item i owns the pixels i + 1."""
    canvas, u = stage.canvas, stage.canvas.unit
    pixels = [0] * len(items)
    for i in _order(items):
        item, ident = items[i], i + 1
        bw, bh = item.extent(u)
        if item.pose:
            how = item.pose
            height = item.side * u
            canvas.shadow(
                item.x,
                item.foot - 0.01 * height,
                bw * (0.36 if how.lift > 0.05 else 0.5),
                0.045 * height,
                0.3,
            )
            if how.action == "sitting":
                figure.stool(canvas, how, item.x, item.foot, height, (196, 164, 124))
            wear = figure.dress(stage.shade(item.colour), stage.rng)
            stage.joints[i] = figure.draw_person(
                canvas, stage.body, how, wear, item.x, item.foot, height, ident
            )
        else:
            if shadows and item.zone == "ground":
                canvas.shadow(
                    item.x + 0.04 * bw, item.foot - 0.01 * bh, bw * 0.56, max(2.0, 0.07 * bw + 0.02 * bh), 0.3
                )
            before = canvas.image.copy() if item.damaged else canvas.image
            draw_thing(canvas, appearance_of(stage, item), ident)
            if item.damaged:
                _break(canvas, before, item, ident, stage.rng)
        pixels[i] = canvas.count(ident)
    stage.drawn = list(zip(items, pixels))


def _record(stage: Stage) -> tuple[list[Thing], list[tuple[int, str, int]]] | None:
    """Things and relations as they came out, or None where a thing is hidden too much."""
    canvas = stage.canvas
    seen = []
    for i, (_, pixels) in enumerate(stage.drawn):
        found = canvas.visible(i + 1)
        if found is None or found[2] < MIN_VISIBLE * pixels or found[2] < 12 or not found[1]:
            return None
        seen.append(found)
    described = [
        Described(item.kind, item.colour, None if item.pose else item.pattern, size_word(box,
            stage.size_wh), box,
                  item.pose.action if item.pose else None, item.damaged)
        for (item, _), (box, _, _) in zip(stage.drawn, seen)
    ]  # fmt: skip
    words = phrases(described, stage.size_wh)
    things = []
    for i, ((item, pixels), (box, outline, area)) in enumerate(zip(stage.drawn, seen)):
        points = None
        if item.pose:
            points = people.visibility(stage.joints[i], item.pose, canvas, stage.body, i + 1)
        d = described[i]
        things.append(
            Thing(words[i], d.kind, d.colour, d.size, d.pattern, box, outline, round(area / max(1, pixels),
                3),
                  d.action, points, d.damaged)
        )  # fmt: skip
    on = {(i, item.support) for i, (item, _) in enumerate(stage.drawn) if item.support is not None}
    relations = []
    for i, a in enumerate(things):
        for k, b in enumerate(things):
            if i == k or (k, i) in on:
                continue
            word = "on" if (i, k) in on else relation(a.box, b.box)
            if word:
                relations.append((i, word, k))
    return things, relations


def holds_held_out(things: list[Thing], relations: list[tuple[int, str, int]], words: list[Word]) -> bool:
    """Return whether any combination or word is one that training never shows."""
    return (
        any((t.colour, t.kind) in HELD_OUT_PAIRS for t in things)
        or any(is_held_out(things[i].kind, r, things[k].kind) for i, r, k in relations)
        or any(w.text in HELD_OUT_WORDS for w in words)
    )


def finish(
    stage: Stage, seed: int, kind: str, ground: Ground, *, unique: bool = True,
        words: list[Word] | None = None,
    text: str | None = None, odd: int | None = None,
) -> Truth | None:  # fmt: skip
    recorded = _record(stage)
    if recorded is None:
        return None
    things, relations = recorded
    if unique and len({t.phrase for t in things}) < len(things):
        return None
    words = words or []
    if holds_held_out(things, relations, words) != stage.held_out:
        return None
    if not unique:
        relations = []  # between things that share a phrase they would say nothing
    on = [(i, k) for i, r, k in relations if r == "on"]
    if text is None:
        described = [
            Described(t.kind, t.colour, t.pattern, t.size, t.box, t.action, t.damaged) for t in things
        ]
        text = caption(described, on, ground.place)
    return Truth(
        seed, kind, stage.style, stage.size_wh, text, tuple(things), tuple(relations), tuple(words), odd=odd,
        held_out=stage.held_out,
    )  # fmt: skip


def _force(
    stage: Stage, items: list[Item], pool: tuple[str, ...], sky: tuple[str, ...], count: int
) -> list[Item]:
    """Put a held-out pair or relation among the items."""
    rng = stage.rng
    pairs = sorted(p for p in HELD_OUT_PAIRS if p[1] in pool or p[1] in sky)
    relations = sorted(
        r for r in HELD_OUT_RELATIONS
        if (r[0] in pool or r[0] in sky or r[1] == "on") and (r[2] in pool or r[2] in sky)
    )  # fmt: skip
    if relations and (rng.random() < 0.45 or not pairs):
        first, word, second = rng.choice(relations)
        base = new_item(stage, second, "ground", count)
        if word == "on":
            made = [base, replace(new_item(stage, first, "on", count), support=0)]
        else:
            made = [new_item(stage, first, "sky" if word == "above" else "ground", count), base]
        made = [replace(m, colour=pick_colour(rng, m.kind, held_out=False)) for m in made]
        return made + [i for i in items if i.support is None][: max(0, len(items) - 2)]
    colour, kind = rng.choice(pairs)
    zone = "sky" if kind in sky and kind not in pool else "ground"
    free = [i for i in items if i.support is None]
    return [replace(new_item(stage, kind, zone, count), colour=colour), *free[1:]]


def composed(
    stage: Stage, seed: int, kind: str, *, damage: bool = False, scene: str | None = None
) -> Truth | None:
    """Draw two to six things in a place; with `damage` one of them is broken and is the odd one."""
    rng, canvas = stage.rng, stage.canvas
    place = scene or kind
    ground = BACKDROPS[place](canvas, rng)
    pool, sky = GROUND_KINDS[place], SKY_KINDS[place]
    count = rng.choice((2, 3, 3, 4)) if damage else rng.choices((1, 2, 3, 4, 5, 6), (6, 24, 27, 22, 13, 8))[0]
    small = not damage and rng.random() < SMALL_SHARE
    items: list[Item] = []
    while len(items) < count:
        roll = rng.random()
        tiny = small and len(items) < 2
        if items and roll < 0.2:  # another one like it
            like = rng.choice(items)
            if like.zone == "on":
                continue
            new = new_item(stage, like.kind, like.zone, count, small=tiny)
            items.append(replace(new, colour=like.colour) if rng.random() < 0.45 else new)
        elif not tiny and roll < (0.28 if place == "table" else 0.36) and len(items) + 2 <= count:
            options = [k for k in SUPPORTS if k in pool]
            if not options:
                items.append(new_item(stage, choose_kind(rng, pool), "ground", count))
                continue
            items.append(new_item(stage, choose_kind(rng, tuple(options)), "ground", count))
            items.append(replace(new_item(stage, rng.choice(RIDERS), "on", count), support=len(items) - 1))
        elif roll < 0.5:
            items.append(new_item(stage, choose_kind(rng, sky), "sky", count, small=tiny))
        else:
            items.append(new_item(stage, choose_kind(rng, pool), "ground", count, small=tiny))
    if not damage and place in ("park", "street", "beach") and rng.random() < PERSON_SHARE:
        items = [*items[:3], _person(stage, rng.uniform(0.38, 0.55))]
        items = [i for i in items if i.support is None or i.support < 3]
    if stage.held_out:
        items = _force(stage, items, pool, sky, count)
    odd_item = None
    if damage:
        odd_item = rng.randrange(len(items))
        if items[odd_item].support is not None or any(i.support == odd_item for i in items):
            return None
        broken = items[odd_item]
        items[odd_item] = replace(broken, damaged=True, side=max(broken.side, 0.24))
    items = _place(stage, ground, items)
    if not items or (damage and not any(i.damaged for i in items)) or (count > 1 and len(items) < 2):
        return None
    draw_items(stage, items)
    odd = next((i for i, item in enumerate(items) if item.damaged), None)
    return finish(stage, seed, kind, ground, odd=odd)


def damaged(stage: Stage, seed: int) -> Truth | None:
    """Return a scene with one broken thing."""
    return composed(stage, seed, "damaged", damage=True, scene=stage.rng.choice(COMPOSED))


def crowd(stage: Stage, seed: int) -> Truth | None:
    """Return one to three people doing something, perhaps with a thing beside them."""
    rng = stage.rng
    place = rng.choice(("park", "street", "room", "beach"))
    ground = BACKDROPS[place](stage.canvas, rng)
    ground = replace(ground, top=max(ground.top, 0.74))
    count = rng.choices((1, 2, 3), (0.48, 0.32, 0.2))[0]
    tall = {1: (0.5, 0.8), 2: (0.45, 0.68), 3: (0.42, 0.6)}[count]
    height = rng.uniform(*tall)
    items = [_person(stage, height * rng.uniform(0.9, 1.08)) for _ in range(count)]
    if rng.random() < 0.35 or stage.held_out:
        pool = tuple(k for k in GROUND_KINDS[place] if BULK.get(k, 1.0) < 1.2)
        extra = new_item(stage, choose_kind(rng, pool), "ground", 3)
        if stage.held_out:
            pairs = sorted(p for p in HELD_OUT_PAIRS if p[1] in (*pool, "person"))
            colour, kind = rng.choice(pairs)
            if kind == "person":
                items[0] = replace(items[0], colour=colour)
            else:
                extra = replace(new_item(stage, kind, "ground", 3), colour=colour)
                items.append(extra)
        else:
            items.append(extra)
    items = _place(stage, ground, items)
    if sum(i.pose is not None for i in items) < count:
        return None
    draw_items(stage, items)
    return finish(stage, seed, "people", ground)
