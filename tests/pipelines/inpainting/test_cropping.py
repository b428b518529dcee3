"""Pasting: bit-identical outside the mask at any size, in strips, and stopped between two of them."""

import numpy as np
import pytest
from PIL import Image

from pipelines import resampling
from pipelines.inpainting import cropping
from pipelines.inpainting.cropping import Cancelled, context_crop, hole_boxes, paste, shrink_mask


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8))


def two_blobs(width: int, height: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[height // 8 : height // 3, : width // 4] = True
    mask[height // 2 : -height // 9, width // 2 : -width // 7] = True
    return mask


def test_pasting_in_strips_is_pasting_at_once(monkeypatch):
    image, mask = noise(300, 220), two_blobs(300, 220)
    painted, crop = noise(64, 50), context_crop(mask, 64)
    at_once = np.asarray(paste(image, painted, crop, mask)).astype(int)
    monkeypatch.setattr(resampling, "STRIP_PIXELS", 1500)
    in_strips = np.asarray(paste(image, painted, crop, mask)).astype(int)
    assert np.abs(at_once - in_strips).max() <= 1  # the enlargement's box is rounded to float32
    assert (in_strips[~mask] == np.asarray(image)[~mask]).all()
    assert (in_strips[mask] != np.asarray(image)[mask]).any(axis=1).mean() > 0.9


def test_pasting_stops_before_the_next_strip(monkeypatch):
    monkeypatch.setattr(resampling, "STRIP_PIXELS", 1500)
    asked = []
    with pytest.raises(Cancelled):
        paste(
            noise(300, 220), noise(8, 8), context_crop(two_blobs(300, 220), 8), two_blobs(300, 220),
            cancelled=lambda: asked.append(1) or len(asked) > 3,
        )  # fmt: skip
    assert len(asked) == 4


def test_the_seam_is_blended_inside_the_mask_and_not_at_the_pictures_edge():
    image, mask = Image.new("RGB", (400, 300), (0, 0, 0)), np.zeros((300, 400), bool)
    mask[100:, :200] = True
    crop = context_crop(mask, 64)
    column = np.asarray(paste(image, Image.new("RGB", (9, 9), "white"), crop, mask))[:, 20, 0]
    assert (column[:100] == 0).all()
    assert 0 < column[100] < column[101] < 255
    assert (column[110:] == 255).all()  # down to the picture's edge


@pytest.mark.parametrize("painted_wh", [(64, 64), (200, 200), (1024, 1024), (96, 64)])
def test_a_painting_of_another_size_lands_where_it_was_cut_out(painted_wh):
    # diffusers #9166: a crop that was painted at another size was put elsewhere in the picture
    image, mask = Image.new("RGB", (700, 300)), np.zeros((300, 700), bool)
    mask[40:240, 450:650] = True
    crop = context_crop(mask, 64)
    painted = np.zeros((painted_wh[1], painted_wh[0], 3), np.uint8)
    painted[:, : round((550 - crop.x1) / (crop.x2 - crop.x1) * painted_wh[0])] = (255, 0, 0)
    painted[: round((140 - crop.y1) / (crop.y2 - crop.y1) * painted_wh[1]), :, 2] = 255
    pasted = np.asarray(paste(image, Image.fromarray(painted), crop, mask))
    quarters = [pasted[y, x].tolist() for y, x in ((80, 500), (80, 600), (200, 500), (200, 600))]
    assert quarters == [[255, 0, 255], [0, 0, 255], [255, 0, 0], [0, 0, 0]]
    assert abs(int((pasted[200, :, 0] > 127).sum()) - 100) <= 12  # pixels of the left half
    assert (pasted[~mask] == 0).all()


def test_a_mask_that_is_made_smaller_holds_every_pixel_of_it():
    mask = np.zeros((997, 1501), bool)
    for y, x in ((0, 0), (996, 1500), (500, 333), (17, 1200)):
        mask[y, x] = True
    small = shrink_mask(mask, (64, 40))
    for y, x in np.argwhere(mask):
        assert small[y * 40 // 997, x * 64 // 1501]
    assert small.sum() < 17
    assert (shrink_mask(mask[:5, :5], (50, 50)).sum()) >= 100
    assert cropping.mask_box(mask) == (0, 0, 1501, 997)


def test_holes_far_apart_are_painted_one_by_one_and_those_nearby_together():
    mask = np.zeros((300, 900), bool)
    mask[100:140, 50:100] = mask[200:230, 800:850] = True
    apart = hole_boxes(mask)
    assert len(apart) == 2
    for box, exact in zip(apart, ((50, 100, 100, 140), (800, 200, 850, 230)), strict=True):
        assert np.abs(np.subtract(box, exact)).max() <= 2  # told apart on a smaller copy
        assert mask[box.y1 : box.y2, box.x1 : box.x2].sum() == (exact[2] - exact[0]) * (exact[3] - exact[1])
    mask[100:140, 110:130] = True
    assert hole_boxes(mask)[0].x2 >= 130
    assert len(hole_boxes(mask)) == 2
    assert hole_boxes(~mask) == ((0, 0, 900, 300),)
    mask[::60, ::90] = True
    assert len(hole_boxes(mask)) == 1  # too many
