"""Enlarging small planes in strips, so that a large picture never needs a full-size float copy."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

STRIP_PIXELS = 1 << 20  # of one strip at most, or one row where a row has more


def strips(size_wh: tuple[int, int]) -> Iterator[slice]:
    """Yield slices of rows that cover a plane of (width, height), each about `STRIP_PIXELS` large."""
    width, height = size_wh
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield slice(top, min(height, top + rows))


def enlarge_rows(small: np.ndarray, size_wh: tuple[int, int], rows: slice) -> np.ndarray:
    """Return some rows of a small plane enlarged to a size by linear interpolation.

    Args:
        small: float32 (h, w) or (h, w, C).
        size_wh: (width, height) of the whole enlarged plane.
        rows: which of its rows to compute.
    Returns:
        float32 (rows, width) or (rows, width, C), as `cv2.resize` would compute them (pixel centres at .5).
    """
    width, height = size_wh
    y = (np.arange(rows.start, rows.stop) + 0.5) * (small.shape[0] / height) - 0.5
    y = np.clip(y, 0, small.shape[0] - 1)
    upper = np.minimum(y.astype(int), max(0, small.shape[0] - 2))
    share = (y - upper).astype(np.float32).reshape(-1, *([1] * (small.ndim - 1)))
    lower = np.minimum(upper + 1, small.shape[0] - 1)
    mixed = small[upper] * (1 - share) + small[lower] * share
    return cv2.resize(mixed, (width, len(mixed)), interpolation=cv2.INTER_LINEAR)


def enlarge_to_mask(probability: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Enlarge probabilities (h, w) and return where they exceed one half: bool (height, width)."""
    mask = np.empty((size_wh[1], size_wh[0]), bool)
    for rows in strips(size_wh):
        np.greater(enlarge_rows(probability, size_wh, rows), 0.5, out=mask[rows])
    return mask
