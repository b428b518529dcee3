"""Regions that come back are those that went out, and what is none is refused in one line."""

import json
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from pipelines.errors import DemoError
from pipelines.export import region_json
from pipelines.export.given import given_regions, mask_of_rle, with_regions
from pipelines.scene import COCO_JOINTS, Keypoint, Mask, Picture, Point, Region, Scene

SIZE = (40, 20)
SCENE = Scene(Picture("", SIZE))
PLANE = np.random.default_rng(5).random((20, 40)) > 0.4
MASK = Mask.from_array(PLANE)


def test_they_come_back_as_they_went():
    joints = tuple(Keypoint(name, Point(at, at % 20), at % 3) for at, name in enumerate(COCO_JOINTS))
    regions = (
        Region(3, "red ball", MASK.box, MASK, score=0.5, source="mask"),
        Region(7, "person", MASK.box, keypoints=joints, note="mended", source="box"),
    )
    rows = json.loads(json.dumps([region_json(region, SCENE) for region in regions]))
    assert given_regions(rows, SIZE) == regions
    scene = with_regions(SCENE, regions)
    assert (scene.next_id, scene.selected) == (8, None)
    assert with_regions(SCENE, regions[:1]).selected == 3


@pytest.mark.parametrize("seed", range(20))
def test_run_lengths_are_read_as_pycocotools_reads_them(seed):
    draws = np.random.default_rng(seed)
    plane = draws.random((int(draws.integers(1, 300)), int(draws.integers(1, 300)))) > draws.random()
    plane[0, 0] = True
    rle: Any = coco.encode(np.asfortranarray(plane.astype(np.uint8)))
    written = {"size": list(plane.shape), "counts": rle["counts"].decode()}
    size_wh = (plane.shape[1], plane.shape[0])
    assert (mask_of_rle(written, size_wh).array(size_wh) == plane).all()


def test_plain_counts_and_a_mask_alone():
    (region,) = given_regions([{"mask": {"size": [20, 40], "counts": [100, 5, 695]}}], SIZE)
    assert region.mask
    assert (region.id, region.label, region.box) == (1, "", region.mask.box)
    assert region.mask.area == 5


RLE = MASK.rle(SIZE)
BOX = [1, 2, 10, 12]
WRONG = [
    None,
    {"box": BOX},
    "regions",
    [[1, 2, 3, 4]],
    ["#1"],
    [{}],
    [{"label": "ball"}],
    [{"box": [1, 2, 3]}],
    [{"box": ["a", 1, 2, 3]}],
    [{"box": [float("nan"), 1, 2, 3]}],
    [{"box": [5, 5, 5, 9]}],
    [{"box": [100, 100, 120, 130]}],
    [{"box": [-9, -9, 0, 0]}],
    [{"box": [10, 12, 1, 2]}],
    [{"box": BOX, "id": 0}],
    [{"box": BOX, "id": "one"}],
    [{"box": BOX, "id": 1.5}],
    [{"box": BOX, "id": 10**9}],
    [{"box": BOX, "id": 2}, {"box": BOX, "id": 2}],
    [{"box": BOX, "label": 3}],
    [{"box": BOX, "label": "x" * 500}],
    [{"box": BOX, "score": 2}],
    [{"box": BOX, "score": "high"}],
    [{"box": BOX, "keypoints": [[1, 2, 2]]}],
    [{"box": BOX, "keypoints": [[1, 2]] * 17}],
    [{"box": BOX, "keypoints": [[500, 2, 2]] * 17}],
    [{"box": BOX, "keypoints": [[1, 2, 7]] * 17}],
    [{"mask": "mask.png"}],
    [{"mask": {"size": [20, 40]}}],
    [{"mask": {**RLE, "size": [40, 20]}}],
    [{"mask": {**RLE, "size": [200, 400]}}],
    [{"mask": {**RLE, "size": "20x40"}}],
    [{"mask": {**RLE, "counts": "é"}}],
    [{"mask": {**RLE, "counts": RLE["counts"][:-1]}}],
    [{"mask": {**RLE, "counts": "P" * 900}}],
    [{"mask": {**RLE, "counts": "o" * 100}}],
    [{"mask": {**RLE, "counts": ""}}],
    [{"mask": {**RLE, "counts": [800]}}],
    [{"mask": {**RLE, "counts": [-1, 801]}}],
    [{"mask": {**RLE, "counts": [1.5, 798.5]}}],
    [{"mask": {**RLE, "counts": [10**12]}}],
    [{"mask": {**RLE, "counts": None}}],
    [{"box": BOX}] * 1001,
]


@pytest.mark.parametrize("rows", WRONG)
def test_what_is_no_region_is_refused_in_a_line(rows):
    with pytest.raises(DemoError) as error:
        given_regions(rows, SIZE)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_too_many_large_masks_are_refused_before_they_are_unpacked():
    rle = {"size": [5000, 5000], "counts": [0, 25_000_000]}
    with pytest.raises(DemoError, match="too much"):
        given_regions([{"mask": rle}] * 50, (5000, 5000))
