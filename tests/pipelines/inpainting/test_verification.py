"""Whether a removal came true, on made-up pictures whose truth is known."""

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.inpainting.holes import removal_hole
from pipelines.inpainting.verification import RemovalCheck, verify_removal
from pipelines.scene import Mask

SIZE = (360, 280)


def grass(seed: int, color: tuple[int, int, int] = (80, 130, 60), grain: float = 14) -> np.ndarray:
    """A textured background of soft patches and grain."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.normal(0, 14, (7, 9)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    fine = rng.normal(0, grain, (SIZE[1], SIZE[0])).astype(np.float32)
    return np.clip(np.array(color) + soft[..., None] + fine[..., None], 0, 255).astype(np.uint8)


def thing(background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A striped red jacket on a background, and its mask."""
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.ellipse(mask, (180, 140), (45, 70), 20, 0, 360, (1,), -1)
    stripes = np.where((np.arange(SIZE[1]) // 9 % 2)[:, None, None], (190, 40, 40), (235, 225, 215))
    return np.where(mask[..., None] > 0, stripes, background).astype(np.uint8), mask.astype(bool)


def check(before: np.ndarray, after: np.ndarray, mask: np.ndarray):
    return verify_removal(Image.fromarray(before), Image.fromarray(after), Mask.from_array(mask))


def keys(found: RemovalCheck) -> set[str]:
    return {reason.key for reason in found.reasons}


@pytest.mark.parametrize("seed", range(4))
def test_the_true_background_is_a_clean_removal(seed):
    background = grass(seed)
    before, mask = thing(background)
    hole = removal_hole([Mask.from_array(mask)], SIZE).array(SIZE)
    other = np.where(hole[..., None], grass(seed + 50), background)  # the like of it, not the very same
    assert check(before, background, hole).reasons == ()
    assert check(before, other, hole).reasons == ()


def test_a_plain_background_may_be_filled_plainly():
    background = np.full((SIZE[1], SIZE[0], 3), (120, 160, 200), np.uint8)
    before, mask = thing(background)
    found = check(before, background, mask)
    assert found.clean
    assert found.texture is None


def test_what_was_not_removed_is_still_there():
    before, mask = thing(grass(0))
    found = check(before, before, mask)
    assert "left_over" in keys(found)
    assert found.leftover > 0.5
    plain = np.where(mask[..., None], (200, 30, 30), np.full_like(before, 200)).astype(np.uint8)
    assert check(plain, plain, mask).leftover > 0.1


def test_half_a_jacket_is_left():
    background = grass(1)
    before, mask = thing(background)
    after = background.copy()
    after[150:] = before[150:]
    assert "left_over" in keys(check(before, after, mask))


def test_a_grey_smear_over_grass_is_no_removal():
    background = grass(2)
    before, mask = thing(background)
    grey = background.copy()
    grey[mask] = 128
    assert {"smear", "foreign"} <= keys(check(before, grey, mask))
    smooth = cv2.GaussianBlur(background, (0, 0), 9)  # the right colour without the grain
    blurred = np.where(mask[..., None], smooth, background)
    assert keys(check(before, blurred, mask)) == {"smear"}


def test_grain_that_is_missing_is_no_smear():
    rng = np.random.default_rng(5)
    background = np.full((SIZE[1], SIZE[0], 3), (205, 200, 198), np.float32)
    grained = (background + rng.normal(0, 4, background.shape)).clip(0, 255).astype(np.uint8)
    before, mask = thing(grained)
    after = np.where(mask[..., None], background.astype(np.uint8), grained)
    assert check(before, after, mask).clean


def test_a_rim_that_the_mask_missed_is_seen():
    background = grass(3)
    before, whole = thing(background)
    mask = cv2.erode(whole.astype(np.uint8), np.ones((15, 15), np.uint8)).astype(bool)
    after = np.where(mask[..., None], background, before)
    found = check(before, after, mask)
    assert "rim" in keys(found)
    assert check(before, background, whole).sticking_out < 0.05


def test_nothing_is_compared_of_pictures_of_two_sizes_or_of_an_empty_mask():
    before, mask = thing(grass(0))
    with pytest.raises(ValueError, match="one size"):
        check(before, before[:-1], mask)
    with pytest.raises(ValueError, match="mask"):
        check(before, before, np.zeros_like(mask))
    speck = np.zeros_like(mask)
    speck[10, 10] = True
    assert check(before, before, speck).leftover == 1
