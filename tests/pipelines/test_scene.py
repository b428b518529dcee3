"""Masks as values: run lengths are made of the crop and are pycocotools' own."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from pipelines.scene import Box, Mask


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 14), st.integers(1, 14), st.sampled_from((0, 0.1, 0.5, 0.95, 1)))
def test_run_lengths_are_those_of_the_whole_plane(seed, width, height, share):
    plane = np.random.default_rng(seed).random((height, width)) < share
    whole = coco.encode(np.asfortranarray(plane.astype(np.uint8)))
    found = Mask.from_array(plane).rle((width, height))
    assert found == {"size": [height, width], "counts": whole["counts"].decode("ascii")}


def test_a_crop_is_packed_where_it_lies():
    plane = np.zeros((4, 6), bool)
    plane[1:3, 2:5] = True
    packed = Mask.from_crop(plane, Box(10, 20, 16, 24))
    assert packed == Mask(Box(12, 21, 15, 23), Mask.from_array(plane).bits)
    assert not Mask.from_crop(plane[:1], Box(10, 20, 16, 21)).bits
