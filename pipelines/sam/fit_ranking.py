"""Fit the weights with which candidates are ranked: least squares of their IoU on their features.

    python -m pipelines.sam.fit_ranking --scenes 80

Each thing of drawn scenes is clicked at its deepest point; the candidates of all looks are compared with it.
Printed are the fitted weights, how well they explain the IoU, and the mean IoU of the first candidate when
fitted weights, the weights in use, and SAM's own prediction choose, on scenes that were not fitted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from model.training import sam_evaluate
from pipelines.sam import load
from pipelines.sam.ranking import (
    CLOSER_BONUS,
    FEATURES,
    RANK_WEIGHTS,
    candidate_features,
    compared_masks,
    pairwise_iou,
)
from pipelines.sam.segmenter import SamSegmenter
from pipelines.scene import Click, Point

FIRST_SEED = 3_000_000  # of the scenes; neither trained on nor measured on elsewhere
HELD_OUT = 4  # every so-manieth thing is for measuring


@dataclass(frozen=True, slots=True, eq=False)
class Clicked:
    """One click's candidates: features (N, 6), IoU with the thing (N,), how close each look was (N,)."""

    features: np.ndarray
    iou: np.ndarray
    closeness: np.ndarray

    def chosen_iou(self, weights: Sequence[float], closer_bonus: float = CLOSER_BONUS) -> float:
        """Return the IoU of the candidate that such weights rank first."""
        rank = self.features @ np.array(weights) + closer_bonus * self.closeness
        return float(self.iou[rank.argmax()])


def click(segmenter: SamSegmenter, question: sam_evaluate.Question) -> Clicked:
    """Click a thing at its deepest point."""
    size_wh = question.image.size
    clicks = [Click(Point(*sam_evaluate.deepest(question.target)))]
    looks = segmenter.looks(question.image, question.name, clicks)
    candidates = [candidate for look in looks for candidate in look]
    masks = compared_masks(candidates, size_wh)
    overlap = pairwise_iou(masks)
    small = Image.fromarray(question.target).convert("L")
    target = np.asarray(small.resize(masks.shape[:0:-1], Image.Resampling.BOX)) > 127
    return Clicked(
        candidate_features(candidates, masks, overlap, clicks, size_wh),
        np.array([sam_evaluate.iou(mask, target) for mask in masks]),
        np.array([depth for depth, look in enumerate(looks) for _ in look]),
    )


def fit(clicked: Sequence[Clicked]) -> np.ndarray:
    """Return the weights (6,) whose sums of features are nearest to the candidates' IoU."""
    features, iou = (np.concatenate([getattr(c, name) for c in clicked]) for name in ("features", "iou"))
    return np.linalg.lstsq(features, iou, rcond=None)[0]


def explained_variance(clicked: Sequence[Clicked], weights: np.ndarray) -> float:
    """Return the share of the IoU's variance that weights explain."""
    features, iou = (np.concatenate([getattr(c, name) for c in clicked]) for name in ("features", "iou"))
    return 1 - float(((features @ weights - iou) ** 2).sum() / ((iou - iou.mean()) ** 2).sum())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.sam.fit_ranking", description=__doc__)
    parser.add_argument("--segmenter", default="sam-nano")
    parser.add_argument("--scenes", type=int, default=80)
    given = parser.parse_args(argv)
    segmenter = load(given.segmenter)
    clicked = [click(segmenter, q) for q in sam_evaluate.scenes(given.scenes, FIRST_SEED)]
    held_out = clicked[::HELD_OUT]
    fitted = fit([c for number, c in enumerate(clicked) if number % HELD_OUT])
    say = sys.stdout.write
    count = sum(len(c.iou) for c in clicked)
    say(f"{len(clicked)} things, {count} candidates, {len(held_out)} things held out\n")
    for name, new, used in zip(FEATURES, fitted, RANK_WEIGHTS, strict=True):
        say(f"{name:14} fitted {new:+.2f}, in use {used:+.2f}\n")
    say(f"variance explained: fitted {explained_variance(held_out, fitted):.2f}, ")
    say(f"in use {explained_variance(held_out, np.array(RANK_WEIGHTS)):.2f}\n")
    predicted = [float(name == "predicted IoU") for name in FEATURES]
    for name, weights in (("fitted", fitted), ("in use", RANK_WEIGHTS), ("predicted IoU", predicted)):
        chosen = np.mean([c.chosen_iou(list(weights)) for c in held_out])
        say(f"mean IoU of the first, by {name}: {chosen:.3f}\n")
    say(f"mean IoU of the best: {np.mean([c.iou.max() for c in held_out]):.3f}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
