"""Cut-outs of photographed things pasted onto photographs and drawn backdrops: exact truth, any number.

Each cut-out is scaled, mirrored, lit like its surroundings, given soft edges and sometimes a shadow; often
several of a kind stand together, so that fours and fives are seen. Knows pixels and outlines only.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from model.training.world.backdrops import BACKDROPS
from model.training.world.canvas import Canvas
from model.training.world.truth import XYXY, Thing, Truth

from .library import Labelled, PhotoLibrary
from .vary import SIDE, Ignored, View, random_view, see

if TYPE_CHECKING:
    from .source import PhotoSource

LEAST_CUT = 36.0  # pixels of a photograph, shorter side of an outline's box that is cut out
DRAWN = 0.35  # of the collages have a drawn backdrop, the rest a photograph
SEVERAL = 0.55  # of the collages show several of one kind
HEIGHT = (0.16, 0.62)  # of the picture, the longer side of a cut-out that stands alone
SHADOWS = 0.5  # of the cut-outs have one
MATCHED = 0.35  # how far a cut-out's brightness is moved to that of its surroundings
# How often a kind is cut out: the rarer and the harder ones more often than there are outlines of them.
WANTED = {
    "cow": 3.0, "bus": 3.0, "plant": 3.0, "horse": 2.0, "sheep": 2.0, "bottle": 2.0, "chair": 2.0, "car": 2.0,
    "train": 2.0, "dog": 1.5, "cat": 1.5, "bird": 1.5, "boat": 1.5, "bicycle": 1.5, "motorbike": 1.5,
    "plane": 1.5, "person": 1.0, "sofa": 0.7, "screen": 0.7, "cup": 0.7, "bowl": 0.5, "elephant": 0.7,
    "bench": 0.5, "truck": 0.7, "umbrella": 0.5, "book": 0.3, "kite": 0.3, "clock": 0.3, "apple": 0.3,
}  # fmt: skip


def cuttable(library: PhotoLibrary) -> dict[str, list[tuple[int, int]]]:
    """(photograph, thing) of every outline worth cutting out, by kind."""
    found: dict[str, list[tuple[int, int]]] = {}
    for i, photo in enumerate(library.photos):
        for j, thing in enumerate(photo.things):
            x1, y1, x2, y2 = thing.box
            if thing.outline and thing.clear and min(x2 - x1, y2 - y1) >= LEAST_CUT and thing.kind in WANTED:
                found.setdefault(thing.kind, []).append((i, j))
    return found


def collage(source: PhotoSource, rng: random.Random, number: int) -> tuple[np.ndarray, Truth] | None:
    """Paste one to six cut-outs on a photograph or a drawn backdrop; None where there are none."""
    if source.by_kind is None:
        source.by_kind = cuttable(source.library)
    if not source.by_kind:
        return None
    place, known = "", None
    things: list[Thing] = []
    ignored: list[Ignored] = []
    if rng.random() < DRAWN:
        pixels = _drawn_backdrop(rng)
    else:
        index = source.pick(rng)
        known = source.library.photos[index].known
        pixels, things, ignored = source.varied(index, rng, random_view(source.library.photos[index], rng))
        pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    raster = np.zeros((height, width), np.uint8)  # 1 + number of the cut-out that owns a pixel
    pasted: list[tuple[Thing, int]] = []
    boxes: list[XYXY] = []
    for kind, size in _wanted_cuts(source.by_kind, rng):
        i, j = rng.choice(source.by_kind[kind])
        cut = source.library.photos[i].things[j]
        placed = _place(cut, size * max(width, height), (width, height), boxes, rng)
        if placed is None:
            continue
        thing, area = _paste(pixels, raster, source.library.pixels[i], cut, placed, len(pasted) + 1, rng)
        if thing is not None:
            pasted.append((thing, area))
            boxes.append(thing.box)
    covered = [
        replace(thing, visible=round(thing.visible * (1 - _hidden(thing, raster)), 3)) for thing in things
    ]
    tops = [
        replace(thing, visible=round(float((raster == k).sum()) / max(1, area), 3))
        for k, (thing, area) in enumerate(pasted, 1)
    ]
    return source.finish(pixels, [*covered, *tops], ignored, rng, number, known, place)


def _wanted_cuts(by_kind: dict[str, list[tuple[int, int]]], rng: random.Random) -> list[tuple[str, float]]:
    """Kinds to paste and the longer side of each, as a share of the picture."""
    kinds = sorted(by_kind)
    weights = [WANTED[kind] for kind in kinds]
    first = rng.choices(kinds, weights)[0]
    count = rng.choice((2, 3, 4, 5, 5)) if rng.random() < SEVERAL else 1
    low, high = HEIGHT
    size = math.exp(rng.uniform(math.log(low), math.log(high))) * {1: 1.0, 2: 0.8, 3: 0.65}.get(count, 0.55)
    cuts = [(first, max(0.1, size * rng.uniform(0.8, 1.2))) for _ in range(count)]
    for _ in range(rng.choice((0, 0, 1, 2))):
        cuts.append((rng.choices(kinds, weights)[0], math.exp(rng.uniform(math.log(low), math.log(high)))))
    rng.shuffle(cuts)
    return cuts


def _drawn_backdrop(rng: random.Random) -> np.ndarray:
    """Return an empty scene of the drawn world."""
    short = SIDE if rng.random() < 0.4 else round(SIDE * rng.uniform(0.62, 1.0))
    size = (SIDE, short) if rng.random() < 0.6 else (short, SIDE)
    canvas = Canvas(size)
    BACKDROPS[rng.choice(sorted(BACKDROPS))](canvas, rng)
    return np.ascontiguousarray(canvas.image)


def _place(
    cut: Labelled, side: float, size_wh: tuple[int, int], boxes: list[XYXY], rng: random.Random
) -> View | None:
    """Return where a cut-out goes: mostly inside, hardly over earlier ones. None where there is no room."""
    x1, y1, x2, y2 = cut.box
    scale = side / max(x2 - x1, y2 - y1)
    wide, high = (x2 - x1) * scale, (y2 - y1) * scale
    mirrored = rng.random() < 0.5
    for _ in range(14):
        x = rng.uniform(-0.1 * wide, size_wh[0] - 0.9 * wide)
        y = rng.uniform(-0.05 * high, size_wh[1] - 0.92 * high)
        box = (x, y, x + wide, y + high)
        if all(_shared(box, other) < 0.25 for other in boxes):
            sx = -scale if mirrored else scale
            tx = x + wide + scale * x1 if mirrored else x - scale * x1
            return View(np.array([[sx, 0.0, tx], [0.0, scale, y - scale * y1]]), size_wh, mirrored)
    return None


def _shared(a: XYXY, b: XYXY) -> float:
    """Overlap as a share of the smaller box."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / max(1e-6, min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])))


def _paste(
    pixels: np.ndarray, raster: np.ndarray, source: np.ndarray, cut: Labelled, view: View, ident: int,
    rng: random.Random,
) -> tuple[Thing | None, int]:  # fmt: skip
    """Paste a cut-out, in place; returns what it shows, and how many pixels it has."""
    shown, _ = see([cut], view)
    if not shown:
        return None, 0
    width, height = view.size_wh
    x1, y1, x2, y2 = shown[0].box
    left, top = max(0, int(x1) - 3), max(0, int(y1) - 3)
    right, bottom = min(width, int(x2) + 4), min(height, int(y2) + 4)
    matrix = view.matrix - np.array([[0, 0, left], [0, 0, top]])
    size = (right - left, bottom - top)
    patch = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size[1], size[0]), np.uint8)
    polygons = [np.round(np.asarray(p) - (left, top)).astype(np.int32) for p in shown[0].outline]
    cv2.fillPoly(mask, polygons, 255)
    inside = mask > 127
    if not inside.any():
        return None, 0
    alpha = (
        cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)), (0, 0), rng.uniform(0.7, 1.5)) / 255.0
    )
    part = np.s_[top:bottom, left:right]
    if rng.random() < SHADOWS:
        _shadow(pixels, (x1, y1, x2, y2), rng)
    below = pixels[part].astype(np.float32)
    light = float(patch[inside].mean()), float(below.mean())
    lit = patch.astype(np.float32) + MATCHED * rng.random() * (light[1] - light[0])
    pixels[part] = np.clip(below + alpha[..., None] * (lit - below), 0, 255).astype(np.uint8)
    raster[part][inside] = ident
    return shown[0], int(inside.sum())


def _shadow(pixels: np.ndarray, box: XYXY, rng: random.Random) -> None:
    """Darken the ground under a box, in place."""
    height, width = pixels.shape[:2]
    x1, _, x2, y2 = box
    rx, ry = (x2 - x1) * rng.uniform(0.4, 0.6), max(3.0, (x2 - x1) * rng.uniform(0.05, 0.14))
    cx, cy = (x1 + x2) / 2 + rng.uniform(-0.1, 0.1) * (x2 - x1), y2 - ry / 2
    left, top = max(0, int(cx - 1.6 * rx)), max(0, int(cy - 2.5 * ry))
    right, bottom = min(width, int(cx + 1.6 * rx) + 1), min(height, int(cy + 2.5 * ry) + 1)
    if right - left < 2 or bottom - top < 2:
        return
    xs, ys = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    fall = np.exp(-(((xs - cx) / rx) ** 2 + ((ys - cy) / ry) ** 2))
    dark = 1 - rng.uniform(0.2, 0.5) * fall
    pixels[top:bottom, left:right] = (pixels[top:bottom, left:right] * dark[..., None]).astype(np.uint8)


def _hidden(thing: Thing, raster: np.ndarray) -> float:
    """Return the share of a thing's outline, or of its box, that cut-outs cover."""
    height, width = raster.shape
    x1, y1, x2, y2 = thing.box
    left, top = max(0, int(x1)), max(0, int(y1))
    right, bottom = min(width, math.ceil(x2)), min(height, math.ceil(y2))
    part = raster[top:bottom, left:right]
    if not part.size or not part.any():
        return 0.0
    mask = np.ones(part.shape, np.uint8)
    if thing.outline:
        mask[:] = 0
        cv2.fillPoly(mask, [np.round(np.asarray(p) - (left, top)).astype(np.int32) for p in thing.outline], 1)
    return float(((part > 0) & (mask > 0)).sum()) / max(1, int(mask.sum()))
