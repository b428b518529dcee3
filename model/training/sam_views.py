"""What the segmenter is asked in training: crops of pictures, the things on them, clicks and boxes.

Knows arrays and random generators; knows nothing of networks or losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch

from model.training.sam_data import SMALLEST, Sample

MEAN = (124, 116, 104)  # colour of the padding, SAM's mean pixel


class Pictures(Protocol):
    """Pictures by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pictures (B, 3, S, S) float 0..255 and their two targets (B, 2, S, S) bool: the clicked, the boxed."""

    pictures: torch.Tensor
    targets: torch.Tensor


def view(
    sample: Sample, rng: np.random.Generator, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Cut a crop, float (side, side, 3) in 0..255, and choose two targets on it, bool (side, side).

    None where the crop holds nothing to ask for.
    """
    place = _crop(sample.things, rng)
    if place is None:
        return None
    x, y, cw, ch = place
    image, parts = sample.image[y : y + ch, x : x + cw], sample.parts[y : y + ch, x : x + cw]
    scale = side / max(cw, ch)
    to = (max(1, round(cw * scale)), max(1, round(ch * scale)))
    image = cv2.resize(image, to, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    parts = cv2.resize(parts, to, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    targets = _targets(sample.owner[parts], parts, rng)
    if targets is None:
        return None
    image = image.astype(np.float32)
    if rng.random() < 0.6:
        image = image * rng.uniform(0.8, 1.2, 3).astype(np.float32) + rng.uniform(-20, 20)
    if rng.random() < 0.3:
        image = image[..., rng.permutation(3)]
    mirrored, upended, turned = rng.random(3) < (0.5, 0.15, 0.2)
    framed = []
    for crop in (np.clip(image, 0, 255), *targets):
        crop = crop[:, ::-1] if mirrored else crop
        crop = crop[::-1] if upended else crop
        crop = crop.swapaxes(0, 1) if turned else crop
        frame = np.zeros((side, side, *crop.shape[2:]), crop.dtype)
        if crop.ndim == 3:
            frame += np.array(MEAN, np.float32)
        frame[: crop.shape[0], : crop.shape[1]] = crop
        framed.append(frame)
    return framed[0], framed[1], framed[2]


def _crop(things: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int, int] | None:
    """Return left, top, width and height of a crop; half of the time around one thing."""
    ids, counts = np.unique(things[things > 0], return_counts=True)
    ids = ids[counts >= SMALLEST]
    if not len(ids):
        return None
    h, w = things.shape
    draw = rng.random()
    if draw < 0.5:  # around one thing, as the second look does
        ys, xs = np.nonzero(things == rng.choice(ids))
        size = max(np.ptp(ys), np.ptp(xs)) * rng.uniform(1.15, 3.0)
        size = int(np.clip(size, 36, min(h, w)))
        cx = (xs.min() + xs.max()) / 2 + rng.normal(0, 0.12) * size
        cy = (ys.min() + ys.max()) / 2 + rng.normal(0, 0.12) * size
    else:
        size = int(min(h, w) * (1.0 if draw < 0.75 else rng.uniform(0.5, 1.0)))
        cx, cy = rng.uniform(0, w), rng.uniform(0, h)
    cw, ch = size, size
    if rng.random() < 0.35:  # not every picture is square
        short = max(8, int(size * rng.uniform(0.5, 1)))
        cw, ch = (size, short) if rng.random() < 0.6 else (short, size)
    return int(np.clip(cx - cw / 2, 0, w - cw)), int(np.clip(cy - ch / 2, 0, h - ch)), cw, ch


def _targets(things: np.ndarray, parts: np.ndarray, rng: np.random.Generator) -> list[np.ndarray] | None:
    """Choose two things of a crop, or now and then a part of one: bool (H, W). None where there is none."""
    ids, counts = np.unique(things[things > 0], return_counts=True)
    keep = counts >= SMALLEST
    if not keep.any():
        return None
    ids, weights = ids[keep], np.sqrt(counts[keep])
    targets = []
    for number in rng.choice(ids, 2, p=weights / weights.sum()):
        target = things == number
        if rng.random() < 0.15:  # a part of it
            pieces, areas = np.unique(parts[target], return_counts=True)
            pieces = pieces[areas >= SMALLEST]
            if len(pieces) > 1:
                target = parts == rng.choice(pieces)
        targets.append(target)
    return targets


def batch(pools: Sequence[tuple[Pictures, float]], rng: np.random.Generator, size: int, side: int) -> Batch:
    """`size` views of pictures from `pools`, each pool drawn from with its probability."""
    shares = np.array([share for _, share in pools])
    views = []
    while len(views) < size:
        pool = pools[rng.choice(len(pools), p=shares / shares.sum())][0]
        found = view(pool[int(rng.integers(len(pool)))], rng, side)
        if found is not None:
            views.append(found)
    pictures = torch.from_numpy(np.stack([v[0] for v in views])).permute(0, 3, 1, 2)
    return Batch(pictures, torch.from_numpy(np.stack([np.stack(v[1:]) for v in views])))


def inner_point(plane: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """Choose a pixel (x, y) of a plane that is not empty: its deepest half the time, else a deep one."""
    depth = cv2.distanceTransform(np.pad(plane, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    if rng.random() < 0.5:
        at = int(depth.argmax())
    else:
        flat = np.cumsum(np.minimum(depth.ravel(), 12.0))
        at = int(np.searchsorted(flat, rng.uniform(0, flat[-1]), side="right"))
        at = min(at, depth.size - 1)
    return at % plane.shape[1], at // plane.shape[1]


def jitter_box(plane: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return the box of a plane as SPHINX or a hand might draw it: xyxy, each side off by some per cent."""
    ys, xs = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    x1, y1, x2, y2 = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
    off = rng.normal(0, rng.choice([0.01, 0.03, 0.08]), 4)
    w, h = x2 - x1, y2 - y1
    side = plane.shape[0]
    box = np.clip((x1 + off[0] * w, y1 + off[1] * h, x2 + off[2] * w, y2 + off[3] * h), 0, side)
    return float(box[0]), float(box[1]), float(max(box[2], box[0] + 2)), float(max(box[3], box[1] + 2))


@dataclass(slots=True, eq=False)
class Asked:
    """Prompts of one batch in pixels: points (B, N, 2), labels (B, N), boxes (B, 4), or None."""

    points: np.ndarray | None
    labels: np.ndarray | None
    boxes: np.ndarray | None

    def with_click(self, points: np.ndarray, labels: np.ndarray) -> Asked:
        """Return the same with one click more a picture: (B, 2), (B,)."""
        if self.points is None or self.labels is None:
            return Asked(points[:, None], labels[:, None], self.boxes)
        return Asked(
            np.concatenate([self.points, points[:, None]], 1),
            np.concatenate([self.labels, labels[:, None]], 1),
            self.boxes,
        )


def ask_clicks(targets: np.ndarray, rng: np.random.Generator) -> Asked:
    """Return one click a target, or now and then two or three of both signs, for planes bool (B, S, S)."""
    count = int(rng.choice([1, 1, 1, 2, 3]))
    points, labels = [], []
    for target in targets:
        row, signs = [inner_point(target, rng)], [1]
        around = None
        while len(row) < count:
            if rng.random() < 0.6:
                row.append(inner_point(target, rng))
                signs.append(1)
                continue
            if around is None:
                x, y, w, h = cv2.boundingRect(target.astype(np.uint8))
                reach = max(4, int(0.25 * max(w, h)))
                around = np.zeros_like(target)
                around[max(0, y - reach) : y + h + reach, max(0, x - reach) : x + w + reach] = True
                around &= ~target
            if not around.any():
                around = ~target
            add = not around.any()
            row.append(inner_point(target if add else around, rng))
            signs.append(int(add))
        points.append(row)
        labels.append(signs)
    return Asked(np.array(points, np.float32), np.array(labels, np.int32), None)


def ask_boxes(targets: np.ndarray, rng: np.random.Generator) -> Asked:
    """Return a loose box a target, with a click in it now and then."""
    boxes = np.array([jitter_box(target, rng) for target in targets], np.float32)
    asked = Asked(None, None, boxes)
    if rng.random() < 0.12:
        points = np.array([inner_point(target, rng) for target in targets], np.float32)
        return asked.with_click(points, np.ones(len(targets), np.int32))
    return asked


def correct(asked: Asked, answers: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> Asked:
    """Return one click more where the answers (bool, as targets) are most wrong: adding, or taking away."""
    points, labels = [], []
    for answer, target in zip(answers, targets, strict=True):
        missing, extra = target & ~answer, answer & ~target
        add = missing.sum() >= extra.sum()
        wrong = missing if add else extra
        if not wrong.any():
            wrong, add = target, True
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=4)
        if count > 2:
            wrong = pieces == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        points.append(inner_point(wrong, rng))
        labels.append(int(add))
    return asked.with_click(np.array(points, np.float32), np.array(labels, np.int32))
