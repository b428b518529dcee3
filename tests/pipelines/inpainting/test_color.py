"""Colours of paintings: the tone is matched on a small copy, to within one level of the full blur."""

import cv2
import numpy as np
import pytest

from pipelines.inpainting.color import LEAST_KNOWN, MATCH_REACH, match_color


def disc(width: int, height: int, x: int, y: int, r: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return (columns - x) ** 2 + (rows - y) ** 2 <= r * r


def blurred_at_full_size(painted: np.ndarray, seen: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What `match_color` approximates."""
    known = (~mask).astype(np.float32)
    sigma = MATCH_REACH * max(mask.shape)
    difference = cv2.GaussianBlur((seen - painted) * known[..., None], (0, 0), sigma)
    share = cv2.GaussianBlur(known, (0, 0), sigma)[..., None]
    return np.clip(painted + difference / np.maximum(share, LEAST_KNOWN), 0, 255)


def test_a_painting_takes_the_tone_of_its_surroundings():
    seen = np.full((40, 40, 3), 120, np.float32)
    mask = disc(40, 40, 20, 20, 8)
    painted = seen + 15  # an autoencoder's tint, all over
    painted[mask] += (60, 0, 0)
    found = match_color(painted, seen, mask)
    assert np.abs(found[~mask] - 120).max() < 1
    assert np.abs(found[mask] - (180, 120, 120)).max() < 1
    assert (match_color(painted, seen, np.ones((40, 40), bool)) == painted).all()


@pytest.mark.parametrize(("width", "height"), [(512, 512), (700, 300), (130, 260)])
def test_the_small_copy_differs_from_the_full_blur_by_one_level_at_most(width, height):
    rng = np.random.default_rng(width)
    coarse = rng.uniform(60, 190, (6, 6, 3)).astype(np.float32)
    seen = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    seen += rng.normal(0, 12, seen.shape).astype(np.float32)
    tint = cv2.resize(rng.uniform(-20, 20, (3, 3, 3)).astype(np.float32), (width, height))
    painted = seen + tint + rng.normal(0, 6, seen.shape).astype(np.float32)
    mask = disc(width, height, width // 2, height // 2, min(width, height) // 4)
    painted[mask] = (200, 30, 90)
    exact = blurred_at_full_size(painted, seen, mask)
    assert np.abs(match_color(painted, seen, mask) - exact).max() <= 1
