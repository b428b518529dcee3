"""Changing masks: equal to what whole planes would give, at the cost of the mask's own box."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import mask_shapes as m
from pipelines.scene import Box, Mask

planes = st.tuples(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 60), st.floats(0.02, 0.9))


def plane_of(drawn: tuple[int, int, int, float]) -> np.ndarray:
    seed, width, height, share = drawn
    return np.random.default_rng(seed).random((height, width)) < share


@settings(max_examples=60, deadline=None)
@given(planes, st.integers(0, 10**6))
def test_sets_are_those_of_whole_planes(drawn, seed):
    one = plane_of(drawn)
    two = np.random.default_rng(seed).random(one.shape) < 0.1
    size_wh = (one.shape[1], one.shape[0])
    a, b = Mask.from_array(one), Mask.from_array(two)
    assert (m.union([a, b]).array(size_wh) == one | two).all()
    assert (m.intersection(a, b).array(size_wh) == one & two).all()
    assert (m.difference(a, [b, b]).array(size_wh) == one & ~two).all()
    assert (m.complement(a, size_wh).array(size_wh) == ~one).all()
    box = Box(3, 2, 30, 40)
    inside = np.zeros((38, 27), bool)
    part = one[2:40, 3:30]
    inside[: part.shape[0], : part.shape[1]] = part
    assert (m.window(a, box) == inside).all()


@settings(max_examples=60, deadline=None)
@given(planes, st.integers(-12, 12))
def test_growing_takes_the_pixels_within_a_distance(drawn, pixels):
    plane = plane_of(drawn)
    size_wh = (plane.shape[1], plane.shape[0])
    found = m.grow(Mask.from_array(plane), pixels, size_wh).array(size_wh)
    ys, xs = np.nonzero(plane)
    rows, columns = np.mgrid[-1 : plane.shape[0] + 1, -1 : plane.shape[1] + 1]
    if pixels >= 0:
        expected = np.zeros_like(plane)
        if len(ys):
            squared = (rows[..., None] - ys) ** 2 + (columns[..., None] - xs) ** 2
            expected = (squared.min(-1) <= pixels**2)[1:-1, 1:-1]
    else:  # the picture's edge counts as the mask's
        ys, xs = np.nonzero(~np.pad(plane, 1))
        squared = (rows[..., None] - (ys - 1)) ** 2 + (columns[..., None] - (xs - 1)) ** 2
        expected = (squared.min(-1) > pixels**2)[1:-1, 1:-1]
    assert (found == expected).all()


def test_growing_in_strips_is_growing_at_once(monkeypatch):
    plane = np.zeros((500, 300), bool)
    plane[[10, 240, 480], [290, 5, 150]] = True
    mask = Mask.from_array(plane)
    at_once = m.grow(mask, 17, (300, 500))
    monkeypatch.setattr(m, "STRIP_PIXELS", 300 * 20)
    assert m.grow(mask, 17, (300, 500)) == at_once


def test_growing_costs_what_the_mask_covers_and_not_the_picture():
    mask = Mask.from_crop(np.ones((60, 60), bool), Box(20_000, 9_000, 20_060, 9_060))
    grown = m.grow(mask, 150, (29_000, 29_000))  # a plane of it would have 841 million pixels
    assert grown.box == (19_850, 8_850, 20_210, 9_210)


def test_parts_are_the_connected_pieces_largest_first():
    plane = np.zeros((40, 60), bool)
    plane[2:5, 2:5] = plane[20:35, 30:55] = True
    plane[5, 5] = True  # touches by its corner
    found = m.parts(Mask.from_array(plane))
    assert [part.area for part in found] == [15 * 25, 10]
    assert (m.union(found).array((60, 40)) == plane).all()
    assert m.parts(m.EMPTY) == ()


def test_a_brush_adds_a_stroke_with_round_ends_and_an_eraser_takes_it():
    stroke = m.brush(None, [(20, 20), (80, 20)], 6, (120, 60))
    plane = stroke.array((120, 60))
    x1, y1, x2, y2 = stroke.box
    assert abs(x1 - 14) <= 1
    assert abs(x2 - 87) <= 1
    assert abs(y1 - 14) <= 1
    assert abs(y2 - 27) <= 1
    assert not plane[y1, x1]  # round
    assert plane[20, 15:86].all()
    disc = m.brush(None, [(50, 20)], 10, (120, 60))
    assert abs(disc.area - np.pi * 10.5**2) < 10
    both = m.brush(disc, [(20, 20), (80, 20)], 6, (120, 60))
    assert (both.array((120, 60)) == plane | disc.array((120, 60))).all()
    left = m.brush(disc, [(20, 20), (80, 20)], 6, (120, 60), erase=True)
    assert (left.array((120, 60)) == disc.array((120, 60)) & ~plane).all()


def test_a_stroke_may_leave_the_picture():
    size_wh = (50, 40)
    stroke = m.brush(None, [(-30, 10), (20, 10), (70, 60)], 3, size_wh)
    assert stroke.box.within(size_wh) == stroke.box
    assert stroke.array(size_wh)[10, :18].all()
    disc = m.brush(None, [(25, 20)], 5, size_wh)
    assert m.brush(disc, [(500, 500)], 4, size_wh) == disc
    assert m.brush(disc, [(25, 20)], 9, size_wh, erase=True) == m.EMPTY
    with pytest.raises(ValueError, match="radius"):
        m.brush(None, [(5, 5)], 0, size_wh)
    with pytest.raises(ValueError, match="points"):
        m.brush(None, [], 3, size_wh)


def test_a_thin_stroke_is_as_thick_as_was_asked():
    plane = np.zeros((60, 60), np.uint8)
    cv2.line(plane, (5, 5), (50, 40), (1,), 4)
    stroke = m.brush(None, [(5, 5), (50, 40)], 2, (60, 60)).array((60, 60))
    assert abs(int(stroke.sum()) - int(plane.sum())) < 0.2 * plane.sum()
