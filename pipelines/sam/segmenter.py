"""The segmenter: what a box or clicks point at, as masks at the picture's own resolution.

A small segmenter sees a large picture coarsely. A click is therefore asked about on crops of the picture as
well, a box on a crop around it, and the edge of the answer is refined on the picture's own pixels.
This module knows pictures, clicks, boxes and masks; it knows no page and no words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image
from segment_anything.modeling import Sam

from pipelines.sam.crops import clip_box, grid, square_around, with_positive_clicks
from pipelines.sam.prediction import CACHE_BYTES, CachedPredictor, Candidate
from pipelines.sam.ranking import rank_candidates
from pipelines.sam.refinement import RefinementConfig, refine
from pipelines.scene import Box, Click, Mask, Point

CLOSER_SHARES = (0.55, 0.35)  # of the picture's longer side: crops around a click that are asked as well
LARGEST_SPREAD = 0.7  # of a crop's side; clicks that lie farther apart are not asked on such a crop
SMALLEST_CROP = 24  # pixels, side of a crop
SMALL_IN_PICTURE = 0.62  # of the picture's longer side; a smaller box is asked on a crop around it
MARGIN = 0.35  # of a box's longer side, left around it on that crop
REACH = 0.2  # of a box's longer side: how far a thing may reach beyond a box that words found
SAME = 0.9  # IoU from which two masks are one


class SamSegmenter:
    """SAM asked on several crops, its answers ranked and refined. One verb: `outline`."""

    def __init__(
        self,
        sam: Sam,
        *,
        name: str,
        refinement: RefinementConfig | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.name = name
        self.refinement = refinement or RefinementConfig()
        self.predictor = CachedPredictor(sam, cache_bytes=cache_bytes)

    def outline(
        self,
        image: Image.Image,
        digest: str,
        *,
        box: Box | None = None,
        clicks: Sequence[Click] = (),
        confined: bool = True,
        neighbours: Sequence[Box | Mask] = (),
    ) -> tuple[tuple[Mask, float], ...]:
        """Outline what a box, clicks, or both point at.

        Args:
            image: upright RGB, any size.
            digest: its name, under which its embeddings are cached.
            box: pixels of the picture; sides in any order, cut at the picture's edge.
            clicks: positive ones add, negative ones take away.
            confined: nothing outside the box belongs to a mask, as a visitor who draws a box means it; a
                positive click beyond the box extends it. A box that words found may miss a part of its thing:
                with False the mask may reach `REACH` of the box's longer side beyond it.
            neighbours: other things, whose pixels a mask beyond the box never takes.
        Returns:
            Masks with their predicted IoU (0..1), best first, doubles left out; at least one.
        Raises:
            ValueError: neither a box nor a click is given.
        """
        if box is None and not clicks:
            raise ValueError("expected a box or at least one click, got neither")
        whole = Box(0, 0, *image.size)
        box = None if box is None else clip_box(box, whole)
        clicks = [_clip_click(click, image.size) for click in clicks]
        if box is None:
            candidates = self.rank_for_clicks(image, digest, clicks)
        else:
            candidates = self._predict_in_box(image, digest, box, clicks)
        answers: list[tuple[np.ndarray, Box]] = []
        found: list[tuple[Mask, float]] = []
        for candidate in candidates:
            mask, place = refine(
                image, candidate, box, clicks,
                sharpen=self.refinement.sharpen, best=not answers, confined=confined,
            )  # fmt: skip
            if box is not None:
                limit = with_positive_clicks(box, clicks)
                if not confined:
                    mask = stop_at_neighbours(mask, place, limit, neighbours)
                    limit = limit.grown(REACH)
                mask, place = _cut(mask, place, limit)
            if any(_iou(mask, place, *other) >= SAME for other in answers):
                continue
            answers.append((mask, place))
            found.append((Mask.from_crop(mask, place), min(1.0, max(0.0, candidate.score))))
        return tuple(found)

    def planes(
        self,
        image: Image.Image,
        digest: str,
        *,
        box: tuple[int, int, int, int] | None = None,
        clicks: Sequence[tuple[int, int, bool]] = (),
    ) -> list[tuple[np.ndarray, float]]:
        """`outline` in plain numbers, for measuring: masks bool (H, W); clicks are (x, y, adds?)."""
        asked = [Click(Point(x, y), positive) for x, y, positive in clicks]
        found = self.outline(image, digest, box=None if box is None else Box(*box), clicks=asked)
        return [(mask.array(image.size), score) for mask, score in found]

    def rank_for_clicks(self, image: Image.Image, digest: str, clicks: Sequence[Click]) -> list[Candidate]:
        """Return the candidates for clicks, best first."""
        looks = self.looks(image, digest, clicks)
        return rank_candidates(looks, clicks, image.size) if self.refinement.closer else looks[0]

    def looks(self, image: Image.Image, digest: str, clicks: Sequence[Click]) -> list[list[Candidate]]:
        """Return SAM's candidates for clicks on the whole picture, and on closer and closer crops of it."""
        asked = {Box(0, 0, *image.size): list(clicks)}
        if self.refinement.closer:
            asked |= _closer_crops(clicks, image.size)
        self.predictor.embed(image, digest, list(asked))
        return [self.predictor.predict(image, digest, crop, None, seen) for crop, seen in asked.items()]

    def _predict_in_box(
        self, image: Image.Image, digest: str, box: Box, clicks: Sequence[Click]
    ) -> list[Candidate]:
        """Return the candidates for a box, on a crop around it where it is small in the picture."""
        crop, seen = Box(0, 0, *image.size), list(clicks)
        if not self.refinement.closer:
            return self.predictor.predict(image, digest, crop, box, seen)
        around = with_positive_clicks(box, clicks)
        side = max(around.x2 - around.x1, around.y2 - around.y1)
        if side <= SMALL_IN_PICTURE * max(image.size):
            crop = square_around(around, max(SMALLEST_CROP, round(side * (1 + 2 * MARGIN))), image.size)
            seen = [click for click in clicks if crop.contains(click.point)]
        best, *rest = self.predictor.predict(image, digest, crop, box, seen)
        # A box is rarely ambiguous: its three candidates are averaged, as three estimates of one mask
        return [best._replace(agreeing=tuple(rest)), *rest]


def stop_at_neighbours(
    mask: np.ndarray, place: Box, box: Box, neighbours: Sequence[Box | Mask]
) -> np.ndarray:
    """Return a mask, bool (h, w) on `place`, without neighbours' pixels and loose parts beyond `box`.

    Inside the box all is kept. Beyond it, pixels of a neighbour go, and then the parts that are no longer
    connected to the mask inside the box.
    """
    inside = np.zeros_like(mask)
    inside[_window(box, place)] = True
    kept = mask.copy()
    for neighbour in neighbours:
        taken = np.zeros_like(mask)
        if isinstance(neighbour, Mask):
            ours, theirs = _window(neighbour.box, place), _window(place, neighbour.box)
            taken[ours] = neighbour.crop[theirs]
        else:
            taken[_window(neighbour, place)] = True
        kept &= ~(taken & ~inside)
    if not (kept & ~inside).any():
        return kept
    _, labels = cv2.connectedComponents(kept.astype(np.uint8), connectivity=8)
    return kept & (inside | np.isin(labels, np.unique(labels[inside & kept])))


def _window(box: Box, place: Box) -> tuple[slice, slice]:
    """Return the part of an array that lies on `place` which `box` covers; empty where it covers none."""
    x1, y1 = max(0, box.x1 - place.x1), max(0, box.y1 - place.y1)
    x2, y2 = min(box.x2, place.x2) - place.x1, min(box.y2, place.y2) - place.y1
    return slice(y1, max(y1, y2)), slice(x1, max(x1, x2))


def _clip_click(click: Click, size_wh: tuple[int, int]) -> Click:
    """Return a click, moved to the nearest pixel of the picture."""
    x, y = (min(max(value, 0), length - 1) for value, length in zip(click.point, size_wh))
    return click._replace(point=Point(x, y))


def _closer_crops(clicks: Sequence[Click], size_wh: tuple[int, int]) -> dict[Box, list[Click]]:
    """Return crops around the positive clicks, closer and closer, with the clicks that lie on each.

    Crops lie on a grid, so that a later click nearby meets an embedding that is cached.
    """
    points = [click.point for click in clicks if click.positive]
    if not points:
        return {}
    x1, x2 = min(p.x for p in points), max(p.x for p in points)
    y1, y2 = min(p.y for p in points), max(p.y for p in points)
    found: dict[Box, list[Click]] = {}
    for share in CLOSER_SHARES:
        side = round(share * max(size_wh))
        if side < SMALLEST_CROP or max(x2 - x1, y2 - y1) > LARGEST_SPREAD * side:
            break
        crop = min(
            grid(size_wh, side), key=lambda c: math.dist((c.x1 + c.x2, c.y1 + c.y2), (x1 + x2, y1 + y2))
        )
        seen = [click for click in clicks if crop.contains(click.point)]
        if any(click.positive for click in seen):
            found[crop] = seen
    return found


def _cut(mask: np.ndarray, place: Box, limit: Box) -> tuple[np.ndarray, Box]:
    """Return the part of a mask, bool (h, w) on `place`, that lies inside `limit`."""
    kept = clip_box(limit, place)
    inside = mask[kept.y1 - place.y1 : kept.y2 - place.y1, kept.x1 - place.x1 : kept.x2 - place.x1]
    return inside, kept


def _iou(mask: np.ndarray, place: Box, other: np.ndarray, other_place: Box) -> float:
    """Return the intersection over union of two masks, each on its own box; 1 where both are empty."""
    x1, y1 = max(place.x1, other_place.x1), max(place.y1, other_place.y1)
    x2, y2 = min(place.x2, other_place.x2), min(place.y2, other_place.y2)
    shared = 0
    if x1 < x2 and y1 < y2:
        one = mask[y1 - place.y1 : y2 - place.y1, x1 - place.x1 : x2 - place.x1]
        two = other[y1 - other_place.y1 : y2 - other_place.y1, x1 - other_place.x1 : x2 - other_place.x1]
        shared = np.count_nonzero(one & two)
    total = np.count_nonzero(mask) + np.count_nonzero(other) - shared
    return shared / total if total else 1.0
