"""Varied photographs by number: single ones, mosaics of four, collages; and plain ones for measuring.

Decides what a number shows; the pixels and labels are varied in `vary`, cut-outs are pasted in `collage`.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import accumulate

import cv2
import numpy as np

from model.training.world.truth import Thing, Truth

from .collage import collage
from .library import MAIN_KINDS, PhotoLibrary
from .vary import (
    BLURRED,
    ERASED,
    SIDE,
    Ignored,
    View,
    apply_view,
    erase,
    hide,
    make_truth,
    random_view,
    recolour,
    see,
    shifted,
)

MOSAICS, COLLAGES = 0.22, 0.22  # shares of pictures made of four photographs, and of those with cut-outs
MOST_OFTEN = 3.0  # times as often as one of the commonest kind, a photograph of a rare kind is shown at most


def photo_weights(library: PhotoLibrary) -> list[float]:
    """Return how often each photograph is shown: by the root of how much rarer its rarest main kind is.

    Between 1, of a photograph that shows the commonest kind alone or none of them, and MOST_OFTEN.
    """
    shown = [
        {thing.kind for thing in photo.things if thing.clear} & set(MAIN_KINDS) for photo in library.photos
    ]
    counts = Counter(kind for kinds in shown for kind in kinds)
    most = max(counts.values(), default=1)
    rarest = (min((counts[kind] for kind in kinds), default=most) for kinds in shown)
    return [min(MOST_OFTEN, (most / count) ** 0.5) for count in rarest]


@dataclass(slots=True)
class PhotoSource:
    """Varied photographs by number: `draw(number)` is a picture and its truth, always the same."""

    library: PhotoLibrary
    by_kind: dict[str, list[tuple[int, int]]] | None = (
        None  # (photograph, thing) whose outlines can be cut out
    )
    _upto: list[float] = field(init=False)  # sums of the photographs' weights

    def __post_init__(self) -> None:
        self._upto = list(accumulate(photo_weights(self.library)))

    def draw(self, number: int) -> tuple[np.ndarray, Truth]:
        """Return one varied picture, uint8 (H, W, 3) with a longer side of SIDE, and its truth."""
        rng = random.Random(f"photograph {number}")
        roll = rng.random()
        if roll < MOSAICS:
            return self.mosaic(rng, number)
        if roll < MOSAICS + COLLAGES:
            made = collage(self, rng, number)
            if made is not None:
                return made
        return self.single(rng, number)

    def plain(self, index: int) -> tuple[np.ndarray, Truth]:
        """Return the whole photograph as it is, for measuring."""
        photo = self.library.photos[index]
        view = View(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), photo.size_wh)
        things, ignored = see(photo.things, view)
        truth = make_truth(things, photo.size_wh, seed=index, known=photo.known, ignored=ignored)
        return self.library.pixels[index], truth

    def pick(self, rng: random.Random) -> int:
        """Return the index of a random photograph, rarer kinds more often than their number gives."""
        return rng.choices(range(len(self.library)), cum_weights=self._upto)[0]

    def varied(
        self, index: int, rng: random.Random, view: View | None = None
    ) -> tuple[np.ndarray, list[Thing], list[Ignored]]:
        """Return the pixels of a photograph under a view, with what is to be seen there."""
        photo = self.library.photos[index]
        view = view or random_view(photo, rng)
        fill = rng.choice(((122, 116, 104), (127, 127, 127), tuple(rng.randrange(256) for _ in range(3))))
        pixels = apply_view(self.library.pixels[index], view, fill)  # type: ignore[arg-type]
        things, ignored = see(photo.things, view)
        return pixels, things, ignored

    def finish(
        self, pixels: np.ndarray, things: list[Thing], ignored: list[Ignored], rng: random.Random,
        number: int, known: tuple[str, ...] | None, place: str = "",
    ) -> tuple[np.ndarray, Truth]:  # fmt: skip
        """Colours, blur and erased blocks over the whole picture, then its truth."""
        pixels, coloured = recolour(pixels, rng)
        if not coloured:
            things = [replace(thing, colour=None) for thing in things]
        if rng.random() < BLURRED:
            pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 1.6))
        if rng.random() < ERASED:
            pixels = np.ascontiguousarray(pixels)
            things = erase(pixels, things, rng)
        things, ignored = hide(things, ignored)
        height, width = pixels.shape[:2]
        return pixels, make_truth(
            things, (width, height), seed=number, known=known, ignored=ignored, place=place
        )

    def single(self, rng: random.Random, number: int) -> tuple[np.ndarray, Truth]:
        """Return one photograph, varied."""
        index = self.pick(rng)
        pixels, things, ignored = self.varied(index, rng)
        return self.finish(pixels, things, ignored, rng, number, self.library.photos[index].known)

    def mosaic(self, rng: random.Random, number: int) -> tuple[np.ndarray, Truth]:
        """Four photographs in one picture, parted at a random point."""
        cx, cy = (round(SIDE * rng.uniform(0.35, 0.65)) for _ in range(2))
        pixels = np.empty((SIDE, SIDE, 3), np.uint8)
        things: list[Thing] = []
        ignored: list[Ignored] = []
        known: tuple[str, ...] | None = None
        for x1, y1, x2, y2 in ((0, 0, cx, cy), (cx, 0, SIDE, cy), (0, cy, cx, SIDE), (cx, cy, SIDE, SIDE)):
            index = self.pick(rng)
            photo = self.library.photos[index]
            view = random_view(photo, rng, side=max(x2 - x1, y2 - y1))
            matrix = view.matrix.copy()
            matrix[:, 2] += ((x2 - x1) - view.size_wh[0]) / 2, ((y2 - y1) - view.size_wh[1]) / 2
            part, seen, left_out = self.varied(index, rng, View(matrix, (x2 - x1, y2 - y1), view.mirrored))
            pixels[y1:y2, x1:x2] = part
            things += [shifted(thing, x1, y1) for thing in seen]
            ignored += [(kind, (a + x1, b + y1, c + x1, d + y1)) for kind, (a, b, c, d) in left_out]
            known = photo.known if known is None else tuple(kind for kind in known if kind in photo.known)
        return self.finish(pixels, things, ignored, rng, number, known)
