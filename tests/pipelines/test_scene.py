"""The values that travel: boxes, masks, and what a visit holds in memory."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from pipelines.geometry import Box, Point
from pipelines.scene import Mask, Region, Scene, Timeline


def test_boxes():
    box = Box(10, 20, 40, 30)
    assert (box.size_wh, box.area) == ((30, 10), 300)
    assert Box(40, 20, 10, 30).area == 0
    assert box.grown(0.1) == Box(7, 17, 43, 33)
    assert box.grown(1).within((50, 50)) == Box(0, 0, 50, 50)
    assert box.contains(Point(10, 29))
    assert not box.contains(Point(40, 29))
    assert box.iou(box) == 1
    assert box.iou(Box(25, 20, 55, 30)) == 1 / 3


def visit(steps: int) -> Timeline:
    """Each step outlines another thing, with three masks of 1000 bytes to choose from."""
    timeline, scene = Timeline(), Scene()
    for at in range(steps):
        masks = [Mask.from_array(np.full((80, 100 + at + i), True)) for i in range(3)]
        offered = tuple((mask, 0.5) for mask in masks)
        scene = scene.with_region(Region(scene.next_id, "", masks[0].box, masks[0], candidates=offered))
        timeline = timeline.push(scene)
    return timeline


def test_a_visit_is_bounded_in_memory():
    timeline = visit(10)
    assert timeline.bounded() is timeline
    lighter = timeline.undo().bounded(30_500)
    assert (lighter.current, len(lighter.steps)) == (9, 11)
    assert [bool(region.candidates) for region in lighter.scene.regions] == [True] * 9
    assert not lighter.steps[3].scene.regions[0].candidates
    assert lighter.steps[3].scene.regions[0].mask == timeline.steps[3].scene.regions[0].mask
    assert lighter.can_redo
    shortest = timeline.bounded(10_000)
    assert shortest.scene == timeline.scene
    assert len(shortest.steps) == 2


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 14), st.integers(1, 14), st.sampled_from((0, 0.1, 0.5, 0.95, 1)))
def test_run_lengths_are_those_of_the_whole_plane(seed, width, height, share):
    plane = np.random.default_rng(seed).random((height, width)) < share
    whole: Any = coco.encode(np.asfortranarray(plane.astype(np.uint8)))
    found = Mask.from_array(plane).rle((width, height))
    assert found == {"size": [height, width], "counts": whole["counts"].decode("ascii")}


def test_a_crop_is_packed_where_it_lies():
    plane = np.zeros((4, 6), bool)
    plane[1:3, 2:5] = True
    packed = Mask.from_crop(plane, Box(10, 20, 16, 24))
    assert packed == Mask(Box(12, 21, 15, 23), Mask.from_array(plane).bits)
    assert not Mask.from_crop(plane[:1], Box(10, 20, 16, 21)).bits
