"""Wishes for the inpainter: cut-outs of the illustrated world, a hole in each, and words for what fills it.

Three kinds of wish: a thing that lies in the hole ("a striped blue cup"), nothing (a hole over what is behind
the things: the empty wish, which is also guidance's "without words"), and what lies behind all things ("a
beach"). A hole never has the thing's own shape, or the shape alone would say what to paint. Each picture's
wishes are a pure function of its number. Knows the world; knows no networks.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import cv2
import numpy as np
from torch.utils.data import Dataset

from model.training.data import COMPOSED
from model.training.world import STYLES, THING_KINDS, TRAINING_SEEDS, Thing, Truth, draw

SIDE = 96  # pixels of a cut-out, as the inpainter sees it
PICTURE = 256  # pixels of a drawn picture's side
SCENES = (*COMPOSED, *COMPOSED, "people")  # of people there are few: they are many in their own scenes
LEAST_CUT = 48  # pixels of a picture that a cut-out shows at least
CONTEXT = (1.6, 1.85)  # a cut-out's side, in longer sides of its hole: as at work, give or take
SHIFT = 0.02  # of a cut-out's side, by which the hole is off its middle
LEAST_VISIBLE = 0.8  # of a thing that is asked for
LEAST_SIDE = 18  # pixels of its box
SHOWN = 0.1  # of a hole at most, that things may cover where nothing is asked for
TRIES = 12  # places tried for such a hole
HOLE_SIDES = (24, 110)  # pixels of such a hole's box
PATTERN_SAID = 0.5  # of the plain things whose plainness is not told apart from silence
THINGS_ASKED = 3  # of one picture at most
CLOSE, ROOMY = 0.06, 0.5  # longer sides of a thing that its hole leaves free at most, on each of two sides
BOXED, ROUND = 0.8, 0.9  # of the holes of things are boxes, and boxes or ellipses: at work it is a box
NOTHING = 0.6  # of the pictures have a hole where nothing is asked for
OVERLAP = 0.35  # of a hole at most, that other things cover
HULL_OVER = 1.15  # sizes of a thing's box over which another's hull is stretched
BEHIND = 0.2  # of the pictures whose background is asked for
THING = "thing"  # what a kind is called that is not said
KIND = re.compile(rf"\b({'|'.join(sorted(THING_KINDS, key=len, reverse=True))})\b")


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """A cut-out uint8 (SIDE, SIDE, 3), the hole bool (SIDE, SIDE), and the words, "" for nothing."""

    cut: np.ndarray
    hole: np.ndarray
    words: str


def words_for(thing: Thing, rng: random.Random) -> str:
    """Return how a visitor might wish for a thing: kind, mostly colour, pattern where there is one."""
    said = [thing.kind]
    if thing.colour and rng.random() < 0.9:
        said.insert(0, thing.colour)
    if thing.pattern and (thing.pattern != "plain" or rng.random() > PATTERN_SAID):
        said.insert(0, thing.pattern)
    phrase = " ".join(said)
    if thing.kind == "person":
        phrase = f"person in {thing.colour}" if thing.colour else "person"
    return phrase if rng.random() < 0.4 else f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def underspecify(words: str) -> str:
    """Return a wish with the kind of thing left unsaid ("a blue thing"); one that names none stays."""
    return KIND.sub(THING, words)


def outline(things: list[Thing], size_wh: tuple[int, int]) -> np.ndarray:
    """Return what things cover: bool (H, W)."""
    plane = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    for thing in things:
        rings = [np.round(np.array(ring) * 16).astype(np.int32) for ring in thing.outline if len(ring) > 2]
        cv2.fillPoly(plane, rings, 1, shift=4)
    return plane.astype(bool)


def _shorter(thing: Thing) -> float:
    return min(thing.box[2] - thing.box[0], thing.box[3] - thing.box[1])


def sample_hole(plane: np.ndarray, rng: random.Random, other: np.ndarray) -> np.ndarray:
    """Return a hole that holds a plane: a box or an ellipse around it, or the hull of something else.

    Never the plane's own shape, and of its own proportions only half of the time: at work a hole is that of
    the thing that was there before, and the inpainter must trust the words. The thing fills its hole from
    side to side or from top to bottom, so that its size need not be guessed.

    Args: plane, other: bool (H, W), what to hold, and what else lends its hull.
    """
    ys, xs = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    x1, y1, x2, y2 = int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1
    longer = max(x2 - x1, y2 - y1)
    wide, high = rng.sample((CLOSE, rng.choice((CLOSE, ROOMY))), 2)
    room = [rng.uniform(0.0, most) * longer for most in (wide, high, wide, high)]
    x1, y1, x2, y2 = (round(v) for v in (x1 - room[0], y1 - room[1], x2 + room[2], y2 + room[3]))
    hole = np.zeros(plane.shape, np.uint8)
    shape = rng.random()
    if shape < BOXED:
        cv2.rectangle(hole, (x1, y1), (x2, y2), 1, -1)
    elif shape < ROUND or not other.any():
        centre = ((x1 + x2) / 2, (y1 + y2) / 2)
        cv2.ellipse(hole, (centre, (1.36 * (x2 - x1), 1.36 * (y2 - y1)), 0), 1, -1)
    else:
        cv2.fillConvexPoly(hole, _hull_around(other, (x1, y1, x2, y2)), 1)
        hole[cv2.dilate(plane.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = 1
    grow = max(2, round(rng.uniform(0.02, 0.08) * longer))
    return cv2.dilate(hole, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)).astype(bool)


def _hull_around(plane: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Return the hull of a plane, stretched over a box and a little more: points (N, 1, 2), int32."""
    hull = cv2.convexHull(cv2.findNonZero(plane.astype(np.uint8)))[:, 0].astype(np.float64)
    low, high = hull.min(0), hull.max(0)
    corner, size = np.array(box[:2]), np.array(box[2:]) - np.array(box[:2])
    ring = corner + size / 2 + HULL_OVER * size * ((hull - low) / np.maximum(high - low, 1) - 0.5)
    return np.round(ring).astype(np.int32)[:, None]


def cut_around(image: np.ndarray, hole: np.ndarray, words: str, rng: random.Random) -> Wish:
    """Return the square around a hole as the inpainter would see it, with more or less context."""
    height, width = hole.shape
    ys, xs = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    longer = max(xs[-1] - xs[0], ys[-1] - ys[0]) + 1
    side = int(min(max(LEAST_CUT, longer * rng.uniform(*CONTEXT)), width, height))
    x = int(min(max(0, (xs[0] + xs[-1] - side) // 2 + rng.gauss(0, SHIFT) * side), width - side))
    y = int(min(max(0, (ys[0] + ys[-1] - side) // 2 + rng.gauss(0, SHIFT) * side), height - side))
    way = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
    cut = cv2.resize(np.ascontiguousarray(image[y : y + side, x : x + side]), (SIDE, SIDE), interpolation=way)
    plane = cv2.resize(hole[y : y + side, x : x + side].astype(np.float32), (SIDE, SIDE)) > 0
    if rng.random() < 0.5:
        cut, plane = cut[:, ::-1], plane[:, ::-1]
    return Wish(np.ascontiguousarray(cut), np.ascontiguousarray(plane), words)


def empty_hole(covered: np.ndarray, shape: np.ndarray, rng: random.Random) -> np.ndarray | None:
    """Return a hole where there is (almost) nothing but what lies behind; None where no place was found.

    Args:
        covered: bool (H, W), what things cover.
        shape: bool (H, W), a thing's outline: holes of that shape are what a removal leaves.
    """
    height, width = covered.shape
    for _ in range(TRIES):
        w, h = rng.randint(*HOLE_SIDES), rng.randint(*HOLE_SIDES)
        x, y = rng.randint(0, max(0, width - w)), rng.randint(0, max(0, height - h))
        hole = np.zeros(covered.shape, np.uint8)
        draw = rng.random()
        if draw < 0.4 and shape.any():
            left, top, wide, high = cv2.boundingRect(shape.astype(np.uint8))
            move = np.array(
                [[1, 0, rng.randint(0, width - wide) - left], [0, 1, rng.randint(0, height - high) - top]]
            )
            hole = cv2.warpAffine(shape.astype(np.uint8), move.astype(np.float32), (width, height))
            hole = cv2.dilate(hole, np.ones((7, 7), np.uint8))
        elif draw < 0.6:
            cv2.rectangle(hole, (x, y), (x + w, y + h), 1, -1)
        else:
            angles = np.sort([rng.uniform(0, 2 * np.pi) for _ in range(rng.randint(5, 12))])
            reach = np.array([rng.uniform(0.55, 1.0) for _ in angles])
            ring = np.stack(
                [x + w / 2 * (1 + reach * np.cos(angles)), y + h / 2 * (1 + reach * np.sin(angles))], 1
            )
            cv2.fillPoly(hole, [np.round(ring).astype(np.int32)], 1)
            hole = cv2.dilate(hole, np.ones((5, 5), np.uint8))
        plane = hole.astype(bool)
        if plane.sum() > 60 and (plane & covered).sum() <= SHOWN * plane.sum():
            # what little of a thing lies there stays: a hole must not teach that it vanishes by half
            plane &= ~cv2.dilate(covered.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
            if plane.sum() > 60:
                return plane
    return None


def wishes(number: int) -> list[Wish]:
    """Return the wishes of the training picture of that number, perhaps none."""
    rng = random.Random(f"wishes {number}")
    seed = TRAINING_SEEDS[number % len(TRAINING_SEEDS)]
    image, truth = draw(seed, kind=rng.choice(SCENES), style=rng.choice(STYLES), size_wh=(PICTURE, PICTURE))
    return wishes_for(image, truth, rng)


def wishes_for(image: np.ndarray, truth: Truth, rng: random.Random) -> list[Wish]:
    """Return the wishes of a drawn picture whose truth is known."""
    asked = []
    whole = [
        thing for thing in truth.things if thing.visible >= LEAST_VISIBLE and _shorter(thing) >= LEAST_SIDE
    ]  # fmt: skip
    for thing in rng.sample(whole, min(THINGS_ASKED, len(whole))):
        others = [other for other in truth.things if other is not thing]
        lent = outline([rng.choice(others)] if others else [], truth.size_wh)
        hole = sample_hole(outline([thing], truth.size_wh), rng, lent)
        others = outline(others, truth.size_wh)
        if (hole & others).sum() > OVERLAP * hole.sum():
            continue
        asked.append(cut_around(image, hole, words_for(thing, rng), rng))
    covered = outline(list(truth.things), truth.size_wh)
    shape = outline([rng.choice(truth.things)], truth.size_wh) if truth.things else np.zeros_like(covered)
    hole = empty_hole(covered, shape, rng)
    if hole is not None and rng.random() < NOTHING:
        asked.append(cut_around(image, hole, "", rng))
    if truth.things and truth.kind in COMPOSED and rng.random() < BEHIND:
        grown = cv2.dilate(covered.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
        phrase = rng.choice((f"a {truth.kind}", truth.kind, f"the {truth.kind}"))
        asked.append(cut_around(image, ~grown, phrase, rng))
    return asked


class Wishes(Dataset[list[Wish]]):
    """`self[n]` is `wishes(n)`."""

    def __len__(self) -> int:
        return len(TRAINING_SEEDS)

    def __getitem__(self, number: int) -> list[Wish]:
        return wishes(number)
