"""Photographs varied for training: crops, flips, turns, colours, erased blocks, mosaics and pasted cut-outs.

Every varied photograph is a picture with its own `Truth`, warped straight from the decoded pixels in memory.
The set is small, so this decides what is learnt. Knows pixels and labels; knows nothing of batches.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from model.prompts import JOINTS
from model.training.world.truth import XYXY, Thing, Truth

from .library import COCO_KINDS, Labelled, Photo
from .wording import photo_caption, photo_phrases, photo_relations

SIDE = 384  # pixels, longer side of a varied picture
CROPPED = 0.85  # of the pictures show a part of the photograph, or more than it
CROP_AREA = (0.15, 1.3)  # of the photograph's area, what a crop shows
CROP_ASPECT = 0.35  # log of how much wider or taller than the photograph a crop is at most
AIMED = 0.5  # of the crops are laid around a labelled thing
TURNED, TURN = 0.3, 8.0  # share of pictures that are turned, and by how many degrees at most
GREYED, ERASED, BLURRED = 0.1, 0.3, 0.1  # shares of pictures
ERASED_AREA = (0.02, 0.15)  # of the picture
SHOWN, TOLD = 0.35, 0.05  # share of a thing that is left: asked about from SHOWN on, ignored below it
Ignored = tuple[str, XYXY]  # a kind and a box, picture pixels
LEAST_SIDE = 10.0  # pixels of a picture of SIDE; smaller things are ignored


@dataclass(frozen=True, slots=True)
class View:
    """How a picture is made from a photograph: an affine matrix (2, 3), the new size, whether it mirrors."""

    matrix: np.ndarray
    size_wh: tuple[int, int]
    mirrored: bool = False


def whole_view(size_wh: tuple[int, int], side: int = SIDE) -> View:
    """Return the whole photograph, enlarged or reduced to a longer side of `side` pixels."""
    scale = side / max(size_wh)
    size = (max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale)))
    return View(np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]]), size)


def random_view(photo: Photo, rng: random.Random, side: int = SIDE) -> View:
    """Return a random part of the photograph, perhaps mirrored and slightly turned."""
    width, height = photo.size_wh
    left, top, wide, high = 0.0, 0.0, float(width), float(height)
    if rng.random() < CROPPED:
        area = math.exp(rng.uniform(math.log(CROP_AREA[0]), math.log(CROP_AREA[1]))) * width * height
        aspect = width / height * math.exp(rng.uniform(-CROP_ASPECT, CROP_ASPECT))
        wide, high = math.sqrt(area * aspect), math.sqrt(area / aspect)
        things = [thing for thing in photo.things if thing.clear]
        if things and rng.random() < AIMED:
            x1, y1, x2, y2 = rng.choice(things).box
            wide, high = max(wide, 0.8 * (x2 - x1)), max(high, 0.8 * (y2 - y1))
            left = (x1 + x2) / 2 - rng.uniform(0.25, 0.75) * wide
            top = (y1 + y2) / 2 - rng.uniform(0.25, 0.75) * high
            left, top = _held(left, wide, width), _held(top, high, height)
        else:
            left = rng.uniform(*sorted((0.0, width - wide)))
            top = rng.uniform(*sorted((0.0, height - high)))
    scale = side / max(wide, high)
    size = (max(16, round(wide * scale)), max(16, round(high * scale)))
    turn = math.radians(rng.uniform(-TURN, TURN)) if rng.random() < TURNED else 0.0
    mirrored = rng.random() < 0.5
    cos, sin = math.cos(turn) * scale, math.sin(turn) * scale
    sign = -1.0 if mirrored else 1.0
    cx, cy = left + wide / 2, top + high / 2
    matrix = np.array(
        [
            [sign * cos, sign * -sin, size[0] / 2 - sign * (cos * cx - sin * cy)],
            [sin, cos, size[1] / 2 - (sin * cx + cos * cy)],
        ]
    )
    return View(matrix, size, mirrored)


def _held(start: float, length: float, limit: float) -> float:
    """Return the start of a span moved so that it leaves 0..limit as little as it can."""
    low, high = sorted((0.0, limit - length))
    return min(max(start, low), high)


def apply_view(pixels: np.ndarray, view: View, fill: tuple[int, int, int]) -> np.ndarray:
    """Return the pixels of a view, uint8 (h, w, 3); what lies outside the photograph is filled."""
    return cv2.warpAffine(
        pixels, view.matrix, view.size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )  # fmt: skip


def _moved(points: Sequence[Sequence[float]], view: View) -> np.ndarray:
    return np.asarray(points, float).reshape(-1, 2) @ view.matrix[:, :2].T + view.matrix[:, 2]


def see(things: Sequence[Labelled], view: View) -> tuple[list[Thing], list[Ignored]]:
    """Return what a view shows of labelled things: Things without a phrase yet, and boxes to be ignored."""
    width, height = view.size_wh
    shown: list[Thing] = []
    ignored: list[Ignored] = []
    for thing in things:
        x1, y1, x2, y2 = thing.box
        corners = _moved(((x1, y1), (x2, y1), (x2, y2), (x1, y2)), view)
        outline = [_moved(polygon, view) for polygon in thing.outline]
        every = np.concatenate(outline) if outline else corners
        low, high = every.min(axis=0), every.max(axis=0)
        inner_low, inner_high = low.clip(0, (width, height)), high.clip(0, (width, height))
        extent = inner_high - inner_low
        visible = float(np.prod(extent)) / max(1e-6, float(np.prod(high - low)))
        if visible < TOLD or extent.min() < 2:
            continue
        box = (float(inner_low[0]), float(inner_low[1]), float(inner_high[0]), float(inner_high[1]))
        nameless = thing.kind not in COCO_KINDS
        if nameless or not thing.clear or visible < SHOWN or extent.max() < LEAST_SIDE:
            ignored.append((thing.kind, box))
            continue
        polygons = tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in outline)
        shown.append(
            Thing("", thing.kind, thing.colour, None, None, box, polygons, round(visible, 3),
                  keypoints=_joints(thing, view))
        )  # fmt: skip
    return shown, ignored


def _joints(thing: Labelled, view: View) -> tuple[tuple[float, float, int], ...] | None:
    """Return a person's joints in the view; mirrored, left and right change places."""
    if thing.points is None:
        return None
    moved = _moved([point[:2] for point in thing.points], view)
    width, height = view.size_wh
    joints = [
        (float(x), float(y), v if 0 <= x < width and 0 <= y < height else 0)
        for (x, y), (_, _, v) in zip(moved, thing.points, strict=True)
    ]
    if view.mirrored:
        swap = {"left": "right", "right": "left"}
        names = [" ".join(swap.get(word, word) for word in name.split()) for name in JOINTS]
        joints = [joints[JOINTS.index(name)] for name in names]
    return tuple(joints)


def make_truth(
    things: Sequence[Thing],
    size_wh: tuple[int, int],
    *,
    seed: int,
    known: tuple[str, ...] | None,
    ignored: Sequence[Ignored] = (),
    place: str = "",
) -> Truth:
    """Return the truth of photographed things: phrases, relations and a caption from their boxes."""
    named = [
        replace(thing, phrase=phrase)
        for thing, phrase in zip(things, photo_phrases(things, size_wh, ignored), strict=True)
    ]
    return Truth(
        seed, "photo", "photo", size_wh, photo_caption(named, size_wh, place), tuple(named),
        tuple(photo_relations(named)), known=known, ignored=tuple(ignored),
    )  # fmt: skip


def recolour(pixels: np.ndarray, rng: random.Random) -> tuple[np.ndarray, bool]:
    """Change brightness, contrast, saturation and cast; say whether colours can still be told."""
    gain = math.exp(rng.uniform(-0.3, 0.3))
    cast = np.array([math.exp(rng.uniform(-0.08, 0.08)) for _ in range(3)])
    offset = rng.uniform(-22, 22)
    saturation = math.exp(rng.uniform(-0.4, 0.3))
    greyed = rng.random() < GREYED
    if greyed:
        saturation = 0.0
    weights = np.array([0.299, 0.587, 0.114])
    matrix = saturation * np.eye(3) + (1 - saturation) * np.tile(weights, (3, 1))
    matrix = np.diag(gain * cast) @ matrix
    shifted = np.concatenate([matrix, np.full((3, 1), offset + 110 * (1 - gain))], axis=1)
    return cv2.transform(pixels, shifted.astype(np.float32)), not greyed


def erase(pixels: np.ndarray, things: list[Thing], rng: random.Random) -> list[Thing]:
    """Put a grey block on the picture, in place; things mostly under it are seen less."""
    height, width = pixels.shape[:2]
    area = rng.uniform(*ERASED_AREA) * width * height
    aspect = math.exp(rng.uniform(-0.7, 0.7))
    wide, high = min(width, math.sqrt(area * aspect)), min(height, math.sqrt(area / aspect))
    x, y = rng.uniform(0, width - wide), rng.uniform(0, height - high)
    block = (x, y, x + wide, y + high)
    pixels[int(y) : int(y + high), int(x) : int(x + wide)] = rng.randint(90, 160)
    return [
        replace(thing, visible=round(thing.visible * (1 - _covered(thing.box, block)), 3)) for thing in things
    ]


def _covered(box: XYXY, block: XYXY) -> float:
    """Return the share of a box that lies under a block."""
    wide = min(box[2], block[2]) - max(box[0], block[0])
    high = min(box[3], block[3]) - max(box[1], block[1])
    area = max(1e-6, (box[2] - box[0]) * (box[3] - box[1]))
    return max(0.0, wide) * max(0.0, high) / area


def hide(things: Sequence[Thing], ignored: Sequence[Ignored]) -> tuple[list[Thing], list[Ignored]]:
    """Things seen well enough, and the boxes to ignore with those of the others added."""
    kept = [thing for thing in things if thing.visible >= SHOWN]
    lost = [(thing.kind, thing.box) for thing in things if TOLD <= thing.visible < SHOWN]
    return kept, [*ignored, *lost]


def shifted(thing: Thing, dx: float, dy: float) -> Thing:
    """Return the same thing, moved by whole pixels."""
    x1, y1, x2, y2 = thing.box
    points = thing.keypoints
    return replace(
        thing,
        box=(x1 + dx, y1 + dy, x2 + dx, y2 + dy),
        outline=tuple(tuple((x + dx, y + dy) for x, y in polygon) for polygon in thing.outline),
        keypoints=None if points is None else tuple((x + dx, y + dy, v) for x, y, v in points),
    )
