"""What an edit may change is said beforehand: the mask and a stated margin, two parts are two holes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import DemoError
from pipelines.inpainting import holes
from pipelines.scene import Box, Mask

SIZE = (400, 300)


def ellipse(x: int, y: int, a: int, b: int, size_wh: tuple[int, int] = SIZE) -> np.ndarray:
    rows, columns = np.mgrid[: size_wh[1], : size_wh[0]]
    return ((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 <= 1


def reach_of(mask: np.ndarray, hole: np.ndarray) -> float:
    """How far a hole reaches beyond a mask, in pixels."""
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float(distance[hole].max())


def test_two_parts_are_two_holes_and_what_lies_between_stays():
    # The box over both parts was one hole: 71,043 pixels outside the mask changed, half a book among them
    clock, fish = ellipse(70, 60, 40, 40), ellipse(320, 230, 45, 25)
    hole = holes.replacement_hole([Mask.from_array(clock | fish)], [], SIZE).array(SIZE)
    assert hole[clock | fish].all()
    assert not hole[140:180, 150:250].any()
    count, _ = cv2.connectedComponents(hole.astype(np.uint8))
    assert count - 1 == 2
    assert hole.sum() < 1.6 * (clock | fish).sum()


def test_a_thing_behind_a_pole_is_one_hole_that_spares_the_pole():
    cup, pole = ellipse(200, 150, 60, 60), np.zeros((300, 400), bool)
    pole[:, 195:200] = True
    hole = holes.replacement_hole([Mask.from_array(cup & ~pole)], [Mask.from_array(pole)], SIZE).array(SIZE)
    assert not (hole & pole).any()
    assert hole[(cup & ~pole)].all()
    rows = np.flatnonzero(hole.any(1))
    assert (rows[0], rows[-1]) == (85, 215)  # the grown box of both halves


def test_a_new_thing_has_the_room_of_the_old_ones_box():
    fish = ellipse(200, 150, 60, 40)
    hole = holes.replacement_hole([Mask.from_array(fish)], [], SIZE)
    assert hole.box == (135, 105, 266, 196)
    assert hole.array(SIZE)[105, 200]
    assert reach_of(fish, hole.array(SIZE)) <= holes.REPLACEMENT_REACH * 121 + 1


def test_a_long_diagonal_thing_does_not_take_its_whole_box():
    rope = np.zeros((300, 400), np.uint8)
    cv2.line(rope, (30, 30), (370, 270), (1,), 6)
    hole = holes.replacement_hole([Mask.from_array(rope.astype(bool))], [], SIZE).array(SIZE)
    assert not hole[25:60, 330:].any()
    assert hole[rope.astype(bool)].all()


def test_removing_takes_a_margin_and_recolouring_and_backgrounds_none():
    disc = ellipse(200, 150, 50, 50)
    hole = holes.removal_hole([Mask.from_array(disc)], SIZE).array(SIZE)
    assert hole[disc].all()
    assert reach_of(disc, hole) <= round(holes.REMOVAL_MARGIN * 400)
    assert hole.sum() > disc.sum()
    assert (holes.background_hole([Mask.from_array(disc)], SIZE).array(SIZE) == ~disc).all()


def test_what_lies_wholly_under_others_cannot_be_replaced():
    disc = Mask.from_array(ellipse(200, 150, 50, 50))
    with pytest.raises(DemoError, match="under other regions"):
        holes.replacement_hole([disc], [Mask.from_array(np.ones((300, 400), bool))], SIZE)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 90), st.integers(1, 90))
def test_no_hole_is_more_than_its_mask_and_the_stated_margin(seed, width, height):
    rng = np.random.default_rng(seed)
    plane = cv2.resize(rng.random((4, 4)).astype(np.float32), (width, height)) > rng.uniform(0.2, 0.8)
    plane[rng.integers(height), rng.integers(width)] = True
    mask, size_wh = Mask.from_array(plane), (width, height)
    margin = max(holes.LEAST_MARGIN, round(holes.REMOVAL_MARGIN * max(size_wh)))
    removed = holes.removal_hole([mask], size_wh).array(size_wh)
    assert removed[plane].all()
    assert reach_of(plane, removed) <= margin
    replaced = holes.replacement_hole([mask], [], size_wh).array(size_wh)
    assert replaced[plane].all()
    box = mask.box
    longest = max(box.x2 - box.x1, box.y2 - box.y1)
    assert reach_of(plane, replaced) <= max(holes.LEAST_MARGIN, round(holes.REPLACEMENT_REACH * longest))


def test_a_speck_gets_a_margin_and_no_room():
    plane = ellipse(100, 100, 50, 50)
    plane[250, 350] = True
    hole = holes.replacement_hole([Mask.from_array(plane)], [], SIZE)
    around = hole.array(SIZE)[240:262, 340:362]
    assert 1 < around.sum() <= (2 * holes.LEAST_MARGIN + 1) ** 2
    assert hole.box.x2 == 350 + 1 + holes.LEAST_MARGIN
    assert isinstance(hole.box, Box)
