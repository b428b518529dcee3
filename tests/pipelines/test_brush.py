"""A visitor's brush and eraser on masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.brush import Stroke, stroked
from pipelines.errors import DemoError
from pipelines.scene import Box, Click, Mask, Picture, Point, Region, Scene

SIZE = (100, 60)


@pytest.fixture
def scene() -> Scene:
    plane = np.zeros((60, 100), bool)
    plane[20:40, 30:50] = True
    mask = Mask.from_array(plane)
    region = Region(
        1,
        "cup",
        mask.box,
        mask,
        score=0.9,
        clicks=(Click(Point(40, 30)),),
        candidates=((mask, 0.9), (mask, 0.5)),
    )
    return Scene(Picture("0" * 64, SIZE), (region,), next_id=2)


def plane(scene: Scene, region_id: int) -> np.ndarray:
    region = scene.region(region_id)
    assert region
    assert region.mask
    return region.mask.array(SIZE)


def test_the_brush_adds_a_round_line_and_nothing_else(scene):
    before = plane(scene, 1)
    line = (Point(45, 30), Point(80, 30))
    after = plane(stroked(scene, Stroke(line, 5), 1), 1)
    y, x = np.mgrid[:60, :100]
    distance = np.hypot(x - np.clip(x, 45, 80), y - 30)
    assert (after & before == before).all()
    added = after & ~before
    assert added[(distance <= 4) & ~before].all()
    assert not added[distance > 6].any()


def test_the_eraser_takes_away_and_what_sam_said_is_no_longer_true(scene):
    wiped = stroked(scene, Stroke((Point(30, 20), Point(50, 20)), 4, add=False), 1)
    region = wiped.region(1)
    assert region
    assert region.mask
    assert region.mask.area < 400
    assert region.box == region.mask.box == Box(30, 25, 50, 40)
    assert (region.label, region.score, region.candidates, region.clicks) == ("cup", None, (), ())
    assert not plane(wiped, 1)[20, 30:50].any()


def test_a_stroke_on_nothing_begins_a_region(scene):
    made = stroked(scene, Stroke((Point(80, 50),), 3), None)
    assert made.selected == 2
    assert plane(made, 2)[50, 80]
    assert (made.next_id, made.regions[1].source) == (3, "brush")
    assert made.regions[0] == scene.regions[0]


def test_a_stroke_over_the_edge_stays_on_the_picture(scene):
    made = stroked(scene, Stroke((Point(-20, 10), Point(120, 10)), 2), None)
    assert made.regions[1].box == Box(0, 8, 100, 13)


@pytest.mark.parametrize(
    ("stroke", "region_id", "said"),
    [
        (Stroke((Point(40, 30),), 5, add=False), None, "select a region first"),
        (Stroke((Point(40, 30),), 90, add=False), 1, "take it off the list"),
        (Stroke((Point(400, 300),), 5), None, "beside the picture"),
    ],
)
def test_what_cannot_be_drawn_is_refused(scene, stroke, region_id, said):
    with pytest.raises(DemoError, match=said):
        stroked(scene, stroke, region_id)


def test_a_box_has_nothing_to_wipe(scene):
    boxed = scene.with_region(replace(scene.regions[0], mask=None))
    with pytest.raises(DemoError, match="segment it first"):
        stroked(boxed, Stroke((Point(40, 30),), 5, add=False), 1)
