"""Boards with words on them, in some place, perhaps with a thing beside them."""

from __future__ import annotations

from dataclasses import replace

from .backdrops import BACKDROPS, Ground
from .canvas import rectangle
from .holdouts import HELD_OUT_PAIRS
from .lettering import text_width, write
from .palette import FIXED_RGB, RGB, darker, lighter
from .phrases import Described, article, name, sentence
from .pools import BULK, GROUND_KINDS
from .scenes import (
    Item,
    Stage,
    appearance_of,
    choose_kind,
    finish,
    new_item,
    overlap,
    pick_colour,
)
from .shapes import draw_thing
from .truth import XYXY, Truth, Word
from .vocabulary import sign_text

WHITE: RGB = (255, 255, 255)


def sign(stage: Stage, seed: int) -> Truth | None:
    """Draw one or two boards with words on them; None where two are of one colour or share a word."""
    rng, canvas = stage.rng, stage.canvas
    place = rng.choice(("park", "street", "beach"))
    ground = BACKDROPS[place](canvas, rng)
    count = 2 if rng.random() < 0.15 else 1
    words: list[Word] = []
    items: list[Item] = []
    outlines: list[XYXY] = []
    forced = stage.held_out and rng.random() < 0.75
    for k in range(count):
        lines = [sign_text(rng, held_out=forced and k == 0)]
        if count == 1 and rng.random() < 0.3:
            lines.append(sign_text(rng, held_out=False))
        item, outline, written = _board(stage, ground, lines, k, count, tuple(i.colour for i in items))
        words += written
        items.append(item)
        outlines.append(outline)
        stage.drawn.append((item, canvas.count(len(items))))
    if len({i.colour for i in items}) < len(items) or len({w.text for w in words}) < len(words):
        return None
    if rng.random() < 0.5 or (stage.held_out and not forced):
        _beside(stage, place, ground, outlines, held_out=stage.held_out and not forced)
    said = [article(name(Described(i.kind, i.colour, None, None, (0, 0, 0, 0)))) for i, _ in stage.drawn]
    text = _caption(said, items, words, ground.place)
    return finish(stage, seed, "sign", ground, words=words, text=text)


def _board(
    stage: Stage, ground: Ground, lines: list[str], k: int, count: int, taken: tuple[str, ...]
) -> tuple[Item, XYXY, list[Word]]:
    """Draw the k-th of `count` boards on its post, and its lines.

    Args: taken: colours of the boards before it.
    Returns: the board as an item, its box with the post (pixels), and the words as they were written.
    """
    rng, canvas = stage.rng, stage.canvas
    w, h, u = canvas.width, canvas.height, canvas.unit
    room = (0.86 if count == 1 else 0.42) * w
    tall = rng.uniform(0.11, 0.2) * u if count == 1 else rng.uniform(0.08, 0.12) * u
    longest = max(text_width(t, 1.0) for t in lines)
    tall = min(tall, (room - 0.1 * u) / longest, 0.24 * h / len(lines))
    wide = max(longest * tall + 1.5 * tall, 2.6 * tall)
    high = len(lines) * tall * 1.5 + 0.9 * tall
    middle = w * ((0.5 if count == 1 else 0.26 + 0.48 * k) + rng.uniform(-0.02, 0.02))
    if count == 1:
        slack = max(0.0, w / 2 - wide / 2 - 0.03 * w)
        middle = w / 2 + rng.uniform(-slack, slack)
    top = rng.uniform(0.08, 0.22) * h
    colour = pick_colour(rng, "sign", held_out=stage.held_out, besides=taken)
    rgb = stage.shade(colour)
    light = colour in ("white", "yellow", "pink", "orange")
    ident = k + 1
    foot = min(0.95 * h, max((ground.top + rng.uniform(0.1, 0.24)) * h, top + high + 0.12 * h))
    post = (178, 180, 186) if rng.random() < 0.5 else FIXED_RGB["wood"]
    for off in (-0.3, 0.3) if wide > 0.5 * u else (0.0,):
        x = middle + off * wide
        canvas.shadow(x, foot, 0.07 * u, 0.018 * u, 0.35)
        leg = rectangle(x - 0.016 * u, top + high * 0.5, x + 0.016 * u, foot)
        canvas.fill(leg, post, ident)
        canvas.line(leg, darker(post, 0.45), max(1.0, 0.006 * u), ident, closed=True)
    left, right = middle - wide / 2, middle + wide / 2
    board = rectangle(left, top, right, top + high, 0.035 * u)
    canvas.fill(board, rgb, ident)
    canvas.line(board, darker(rgb, 0.55), max(1.0, 0.012 * u), ident, closed=True)
    inset = 0.02 * u
    rim = rectangle(left + inset, top + inset, right - inset, top + high - inset, 0.022 * u)
    shade = darker(rgb, 0.3) if light else lighter(rgb, 0.55)
    canvas.line(rim, shade, max(1.0, 0.007 * u), closed=True)
    written = _letter(stage, lines, middle, top, tall, FIXED_RGB["ink"] if light else WHITE)
    item = Item("sign", colour, "plain", "fixed", wide / u, x=middle, foot=foot)
    return item, (left, top, right, foot), written


def _letter(stage: Stage, lines: list[str], middle: float, top: float, tall: float, ink: RGB) -> list[Word]:
    """Write the lines below one another around a middle; returns the words."""
    words = []
    for n, line in enumerate(lines):
        start = middle - text_width(line, tall) / 2
        y = top + 0.45 * tall + (n + 0.25) * 1.5 * tall - 0.375 * tall + 0.25 * tall
        for piece in line.split(" "):
            weight = stage.rng.uniform(0.15, 0.2)
            words.append(Word(piece, write(stage.canvas.image, piece, start, y, tall, ink, weight=weight)))
            start += text_width(piece + " -", tall) - text_width("-", tall)
    return words


def _beside(stage: Stage, place: str, ground: Ground, outlines: list[XYXY], *, held_out: bool) -> None:
    """Draw a thing where no board is, if it finds room."""
    rng, canvas = stage.rng, stage.canvas
    w, h, u = canvas.width, canvas.height, canvas.unit
    pool = tuple(k for k in GROUND_KINDS[place] if BULK.get(k, 1.0) < 1.2)
    pairs = sorted(p for p in HELD_OUT_PAIRS if p[1] in pool)
    if held_out:
        colour, kind = rng.choice(pairs)
        extra = replace(new_item(stage, kind, "ground", 4), colour=colour)
    else:
        extra = new_item(stage, choose_kind(rng, pool), "ground", 4)
    bw, bh = extra.extent(u)
    for _ in range(20):
        x, y = rng.uniform(bw / 2 + 4, w - bw / 2 - 4), rng.uniform(ground.top, ground.bottom) * h
        new = replace(extra, x=x, foot=y)
        if y - bh > 2 and all(overlap(new.box(u), outline) <= 0.02 for outline in outlines):
            ident = len(outlines) + 1
            canvas.shadow(x, y, bw * 0.56, max(2.0, 0.07 * bw), 0.3)
            draw_thing(canvas, appearance_of(stage, new), ident)
            stage.drawn.append((new, canvas.count(ident)))
            break


def _caption(said: list[str], items: list[Item], words: list[Word], place: str) -> str:
    """Return one sentence: what the board says, or what boards and things there are."""
    written = " ".join(w.text for w in words)
    if len(items) == 1:
        first = f'{said[0]} that says "{written}"'
        return sentence(first + (f" and {said[1]}" if len(said) > 1 else "") + f" {place}")
    return sentence(", ".join(said[:-1]) + f" and {said[-1]} {place}")
