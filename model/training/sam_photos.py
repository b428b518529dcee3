"""Photographs with outlines for teaching and measuring a segmenter: which pixels belong to which thing.

Read from a folder of labelled photographs (`model.training.photos`). What has no outline stays background and
is never asked for. Knows photographs and masks; knows no network and no prompts.
"""

from __future__ import annotations

import cv2
import numpy as np

from model.training.photos import Labelled, PhotoLibrary
from model.training.sam_data import Sample

MOST_THINGS = 255  # numbers that a plane of uint8 has


def outline_mask(thing: Labelled, size_wh: tuple[int, int]) -> np.ndarray:
    """Return the pixels inside a thing's outline, uint8 (H, W), 0 or 1."""
    mask = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    polygons = [np.round(np.array(polygon) * 8).astype(np.int32) for polygon in thing.outline]
    cv2.fillPoly(mask, polygons, (1,), cv2.LINE_8, 3)
    return mask


class PhotoPool:
    """The outlined photographs of a library as Samples, by number; things lie over larger ones."""

    def __init__(self, library: PhotoLibrary) -> None:
        """Raises ValueError where no photograph has an outline."""
        self._library = library
        self._numbers = [
            i for i, photo in enumerate(library.photos) if any(t.outline and t.clear for t in photo.things)
        ]
        if not self._numbers:
            raise ValueError("expected photographs with outlines, found none")

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Sample:
        number = self._numbers[index]
        photo, pixels = self._library.photos[number], self._library.pixels[number]
        masks = [outline_mask(t, photo.size_wh) for t in photo.things if t.outline and t.clear]
        masks = sorted(masks, key=lambda mask: -int(mask.sum()))[:MOST_THINGS]
        parts = np.zeros(pixels.shape[:2], np.uint8)
        for k, mask in enumerate(masks, 1):
            parts[mask > 0] = k
        return Sample(pixels, parts, np.arange(256, dtype=np.uint8))
