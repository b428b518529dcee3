"""A thing is removed with the small parts that its mask missed, and without its neighbours."""

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.inpainting.holes import removal_hole, removal_margin
from pipelines.inpainting.opencv import OpenCVInpainter
from pipelines.inpainting.shadows import removal_hole_with_shadows
from pipelines.inpainting.tips import tips_of
from pipelines.interfaces import InpaintOptions
from pipelines.scene import Mask

SIZE = (400, 300)
GROUND, BALL, OTHER = (222, 196, 170), (200, 50, 50), (40, 60, 200)
MARGIN = removal_margin(SIZE)


def disc() -> np.ndarray:
    plane = np.zeros((300, 400), np.uint8)
    cv2.circle(plane, (200, 150), 50, (1,), -1)
    return plane.astype(bool)


def fin(length: int) -> np.ndarray:
    """What sticks out of the disc at its top."""
    plane = np.zeros((300, 400), bool)
    plane[100 - length : 102, 196:204] = True
    return plane & ~disc()


def picture(part: np.ndarray, colour: tuple[int, int, int] = BALL) -> Image.Image:
    pixels = np.full((300, 400, 3), GROUND, np.uint8)
    pixels[part] = colour
    pixels[disc()] = BALL
    return Image.fromarray(pixels)


@pytest.mark.parametrize("length", [MARGIN - 1, MARGIN + 3])
def test_a_tip_that_the_mask_missed_goes_with_the_thing(length):
    image, ball, tip = picture(fin(length)), Mask.from_array(disc()), fin(length)
    hole = removal_hole_with_shadows(image, [ball]).array(SIZE)
    assert hole[tip].all()
    assert not (hole & ~removal_hole([Mask.from_array(disc() | tip)], SIZE).array(SIZE)).any()
    *_, painted = OpenCVInpainter().paint(image, hole, "", options=InpaintOptions())
    assert painted.image
    assert np.abs(np.asarray(painted.image).astype(int) - GROUND).max() <= 2


def test_of_a_large_picture_it_is_seen_in_small():
    part = fin(MARGIN + 3)
    large = picture(part).resize((2400, 1800), Image.Resampling.NEAREST)
    ball, tip = (np.array(Image.fromarray(one).resize(large.size)) for one in (disc(), part))
    hole = removal_hole_with_shadows(large, [Mask.from_array(ball)]).array(large.size)
    assert hole[tip].all()


@pytest.mark.parametrize(
    ("part", "colour", "others"),
    [
        (fin(2 * MARGIN + 4), BALL, False),  # it goes on: another thing
        (fin(MARGIN), OTHER, False),  # another colour
        (fin(MARGIN), BALL, True),  # another region
        (np.zeros((300, 400), bool), BALL, False),  # nothing
    ],
)
def test_what_goes_on_has_other_colours_or_is_another_region_is_no_tip(part, colour, others):
    known = [Mask.from_array(part)] if others else []
    assert not tips_of(picture(part, colour), Mask.from_array(disc()), known).bits


def test_where_the_ground_is_not_known_nothing_is_taken():
    tiles = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    tiles[disc() | fin(MARGIN)] = BALL
    assert not tips_of(Image.fromarray(tiles), Mask.from_array(disc())).bits
    assert not tips_of(Image.fromarray(tiles), Mask.from_array(np.ones((300, 400), bool))).bits
