"""Rank the candidates of several crops by how likely a click meant them.

SAM's own prediction says little about a picture unlike those that it was trained on. A candidate ranks higher
if it is stable, is not cut off at its crop's edge, agrees with the clicks, has the first click in its middle,
and is the same on near and far crops.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.sam.prediction import Candidate
from pipelines.scene import Box, Click

FEATURES = ("constant", "predicted IoU", "stability", "cut off", "agreement", "centrality")
# The estimated IoU of a candidate is the weighted sum of its features. Fitted by `fit_ranking.py`, save that
# being cut off counts four times as much as was fitted: as good by IoU, and few answers end at a straight
# line. On 2,889 candidates of other scenes the program gave -.48, .17, .32, -.21, .63, .39; of 81 things that
# were held out, the first candidate then has a mean IoU of .824, and of .837 with the weights here
RANK_WEIGHTS = (-0.38, 0.21, 0.33, -0.69, 0.66, 0.21)
CLOSER_BONUS = 0.04  # estimated IoU that each closer crop adds
STABLE = (0.3, 0.7)  # probabilities; the more alike the areas above the two are, the stabler a candidate is
COMPARED_SIDE = 192  # pixels, longer side at which candidates are compared
AGREEING = 0.5  # IoU from which candidates are averaged
DISTINCT = 0.7  # IoU up to which a candidate is offered beside a better one
OFFERED = 3


def rank_candidates(
    looks: Sequence[Sequence[Candidate]], clicks: Sequence[Click], size_wh: tuple[int, int]
) -> list[Candidate]:
    """Return up to three candidates that differ, best first, the best with those that agree with it.

    Args:
        looks: candidates on the whole picture and on ever closer crops of it.
        clicks: what they were asked for.
        size_wh: (width, height) of the picture.
    """
    candidates = [candidate for look in looks for candidate in look]
    masks = compared_masks(candidates, size_wh)
    overlap = pairwise_iou(masks)
    features = candidate_features(candidates, masks, overlap, clicks, size_wh)
    disobeyed = [_disobeyed(mask, clicks, size_wh) for mask in masks]
    closeness = np.array([depth for depth, look in enumerate(looks) for _ in look])
    rank = features @ np.array(RANK_WEIGHTS) - np.array(disobeyed) + CLOSER_BONUS * closeness
    chosen: list[int] = []
    for number in np.argsort(-rank, kind="stable"):
        if len(chosen) < OFFERED and all(overlap[number, better] <= DISTINCT for better in chosen):
            chosen.append(int(number))
    best = chosen[0]
    ranked = [candidate._replace(score=float(value)) for candidate, value in zip(candidates, rank)]
    agreeing = tuple(c for n, c in enumerate(ranked) if n != best and overlap[n, best] >= AGREEING)
    return [ranked[n]._replace(agreeing=agreeing if n == best else ()) for n in chosen]


def compared_masks(candidates: Sequence[Candidate], size_wh: tuple[int, int]) -> np.ndarray:
    """Return the candidates' masks on the whole picture, made small: bool (N, h, w)."""
    scale = COMPARED_SIDE / max(size_wh)
    to_wh = (max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale)))
    whole = Box(0, 0, *size_wh)
    return np.stack([c.resample(whole, to_wh, outside=0.0) > 0.5 for c in candidates])


def candidate_features(
    candidates: Sequence[Candidate],
    masks: np.ndarray,
    overlap: np.ndarray,
    clicks: Sequence[Click],
    size_wh: tuple[int, int],
) -> np.ndarray:
    """Return the `FEATURES` of each candidate: float64 (N, 6).

    Args:
        masks: as `compared_masks` returns them.
        overlap: IoU of each pair of masks, (N, N).
    """
    agreement = (overlap.sum(1) - overlap.diagonal()) / max(1, len(masks) - 1)
    x, y = _compared_pixel(clicks[0], masks[0], size_wh)
    whole = Box(0, 0, *size_wh)
    return np.array(
        [
            (
                1.0,
                candidate.score,
                stability(candidate.probability),
                cut_off(candidate, whole),
                agreement[number],
                centrality(masks[number], x, y) if clicks[0].positive else 0.0,
            )
            for number, candidate in enumerate(candidates)
        ]
    )


def stability(probability: np.ndarray) -> float:
    """Return how alike the areas are in which probabilities (H, W) exceed a low and a high level: 0..1."""
    low, high = (int((probability > level).sum()) for level in STABLE)
    return high / max(1, low)


def centrality(mask: np.ndarray, x: int, y: int) -> float:
    """Return how deep in a mask, bool (H, W), a pixel lies: 0 outside of it, 1 where it is deepest."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return float(depth[y, x]) / max(1.0, float(depth.max()))


def cut_off(candidate: Candidate, whole: Box) -> float:
    """Return the largest share of an edge of its crop, where the picture goes on, that a candidate covers."""
    mask, crop = candidate.probability > 0.5, candidate.crop
    edges = (
        (crop.x1 > whole.x1, mask[:, :2].any(1)),
        (crop.x2 < whole.x2, mask[:, -2:].any(1)),
        (crop.y1 > whole.y1, mask[:2].any(0)),
        (crop.y2 < whole.y2, mask[-2:].any(0)),
    )
    return max((float(reached.mean()) for goes_on, reached in edges if goes_on), default=0.0)


def pairwise_iou(masks: np.ndarray) -> np.ndarray:
    """Return the IoU of each pair of masks, bool (N, h, w): float32 (N, N)."""
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    areas, shared = flat.sum(1), flat @ flat.T
    return shared / np.maximum(1, areas[:, None] + areas - shared)


def _compared_pixel(click: Click, mask: np.ndarray, size_wh: tuple[int, int]) -> tuple[int, int]:
    """Return where a click lies on a mask that was made small, (x, y)."""
    height, width = mask.shape
    return int(click.point.x * width / size_wh[0]), int(click.point.y * height / size_wh[1])


def _disobeyed(mask: np.ndarray, clicks: Sequence[Click], size_wh: tuple[int, int]) -> float:
    """Return the share of clicks that a mask, bool (h, w), contradicts."""
    places = [_compared_pixel(click, mask, size_wh) for click in clicks]
    return float(np.mean([mask[y, x] != click.positive for click, (x, y) in zip(clicks, places)]))
