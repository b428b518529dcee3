"""COCO JSON: what pycocotools, supervision and datumaro want of it, tried with these themselves."""

import contextlib
import copy
import io
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipelines.export import coco, region_json
from pipelines.export.coco import edge_polygon
from pipelines.scene import Mask, Region, Scene

ROOT = Path(__file__).parents[3]
RUNS: Any = coco_mask.frPyObjects  # whose stubs know no polygons


@pytest.fixture
def scene(assistant, drawing):
    """Two people with joints, one without, a ball and a cup, one of them without a mask, one with holes."""
    scene = assistant.open(drawing)
    for words in ("pose of everyone", "find the red ball", "segment the blue cup", "segment #1"):
        scene = assistant.answer(scene, words)
    person, cup = scene.regions[0], scene.regions[-1]
    assert cup.mask
    plane = cup.mask.array((200, 200))
    plane[100:104, 135:140] = False
    scene = scene.with_region(replace(cup, mask=Mask.from_array(plane)))
    return scene.with_region(replace(person, id=scene.next_id, keypoints=None, mask=None, score=None))


@pytest.fixture
def read(scene, tmp_path):
    """The scene's COCO JSON as a file, read by pycocotools."""
    (tmp_path / "regions.json").write_text(json.dumps(coco(scene)))
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO(str(tmp_path / "regions.json"))
        data.info()
    return data


def results(truth: COCO, *without: str) -> COCO:
    """The annotations as if a detector had given them."""
    truth_rows: Any = copy.deepcopy(truth.dataset["annotations"])
    rows: Any = [
        {key: value for key, value in row.items() if key not in without} | {"score": 0.9}
        for row in truth_rows
        if row["num_keypoints"] or "segmentation" not in without
    ]
    for row in rows:
        if "segmentation" in row:
            row["segmentation"] = truth.annToRLE(row)
    return truth.loadRes(rows)


def test_the_scene_has_every_kind(scene):
    assert {"person", "red ball", "blue cup"} <= {region.label for region in scene.regions}
    kinds = {type(row["segmentation"]) for row in coco(scene)["annotations"]}
    assert kinds == {list, dict}  # polygons, and run lengths for the cup with a hole


def test_masks_are_those_of_the_regions(scene, read):
    for region in scene.regions:
        row = read.anns[region.id]
        plane = read.annToMask(row).astype(bool)
        if region.mask:
            assert (plane == region.mask.array((200, 200))).all()
        else:
            x1, y1, x2, y2 = region.box
            assert plane[y1:y2, x1:x2].all()
            assert plane.sum() == region.box.area
        assert row["area"] == plane.sum()
        assert row["bbox"] == [*region.box[:2], *region.box.size_wh]


def test_joints_belong_to_people_alone(scene, read):
    people = read.loadCats(read.getCatIds(["person"]))[0]
    assert people["keypoints"][:2] == ["nose", "left_eye"]
    assert [16, 14] in people["skeleton"]
    assert len(people["skeleton"]) == 19
    for category in read.loadCats(read.getCatIds()):
        person = category["name"] == "person"
        assert (len(category["keypoints"]), len(category["skeleton"])) == ((17, 19) if person else (0, 0))
        for row in read.loadAnns(read.getAnnIds(catIds=[category["id"]])):
            assert len(row["keypoints"]) == (51 if person else 0)
            assert row["num_keypoints"] == sum(1 for seen in row["keypoints"][2::3] if seen)
    assert read.anns[1]["keypoints"][:3] == [70, 90, 2]


@pytest.mark.parametrize(
    ("kind", "without"), [("bbox", ()), ("segm", ("bbox",)), ("keypoints", ("bbox", "segmentation"))]
)
def test_cocoeval(read, kind, without):
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(read, results(read, *without), kind)
        if kind == "keypoints":
            evaluation.params.catIds = read.getCatIds(["person"])
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_cocoeval_of_key_points_over_all_categories(read):
    # the specimen: KeyError 'num_keypoints'
    with contextlib.redirect_stdout(io.StringIO()):
        COCOeval(read, results(read, "bbox", "segmentation"), "keypoints").evaluate()


def test_supervision(scene, drawing, tmp_path):
    supervision = pytest.importorskip("supervision")
    drawing.save(tmp_path / "picture.png")
    (tmp_path / "regions.json").write_text(json.dumps(coco(scene)))
    data = supervision.DetectionDataset.from_coco(
        images_directory_path=str(tmp_path),
        annotations_path=str(tmp_path / "regions.json"),
        force_masks=True,
    )
    ((_, _, detections),) = data
    assert data.classes == list(dict.fromkeys(region.label for region in scene.regions))
    assert detections.xyxy.tolist() == [list(map(float, region.box)) for region in scene.regions]
    for region, plane in zip(scene.regions, detections.mask):
        wanted = region.mask.array((200, 200)) if region.mask else region_box(region)
        assert (plane & wanted).sum() / (plane | wanted).sum() > 0.9  # it draws a polygon's rim as well


def region_box(region) -> np.ndarray:
    plane = np.zeros((200, 200), bool)
    plane[region.box.y1 : region.box.y2, region.box.x1 : region.box.x2] = True
    return plane


INSTALLED_BY = {"datumaro": "make datumaro", "supervision": "make datumaro", "fiftyone": "make readers"}


def read_by(tool: str, folder: Path) -> dict[str, Any]:
    """What a tool reads that cannot live beside OpenCV 5. CI has datumaro, and fails without it."""
    python = os.environ.get("READERS", str(ROOT / ".venv-readers" / "bin" / "python"))
    package = tool.partition("_")[0]
    probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    if not Path(python).exists() or subprocess.run([python, "-c", probe], check=False).returncode:
        missing = f"{package} is not installed beside the tests: {INSTALLED_BY[package]}"
        if os.environ.get("CI") and package != "fiftyone":
            pytest.fail(missing)
        pytest.skip(missing)
    script = str(Path(__file__).parent / "readers.py")
    done = subprocess.run([python, script, tool, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_datumaro_and_so_cvat(scene, drawing, tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images" / "default").mkdir(parents=True)
    drawing.save(tmp_path / "images" / "default" / "picture.png")
    (tmp_path / "annotations" / "person_keypoints_default.json").write_text(json.dumps(coco(scene)))
    found = read_by("datumaro", tmp_path)
    assert set(found["labels"]) == {region.label for region in scene.regions}
    assert len(found["areas"]) == len(scene.regions)
    people = [region for region in scene.regions if region.label == "person"]
    assert sorted(found["joints"], reverse=True) == [17] * len(people) + [0] * (
        len(scene.regions) - len(people)
    )
    for region in scene.regions:
        assert region.mask is None or any(abs(area - region.mask.area) < 1 for area in found["areas"])


def test_an_older_supervision(scene, drawing, tmp_path):
    drawing.save(tmp_path / "picture.png")
    (tmp_path / "regions.json").write_text(json.dumps(coco(scene)))
    found = read_by("supervision", tmp_path)
    assert found["labels"] == [region.label for region in scene.regions]
    assert found["boxes"] == [list(map(float, region.box)) for region in scene.regions]


def test_fiftyone(scene, tmp_path):
    (tmp_path / "regions.json").write_text(json.dumps(coco(scene)))
    found = read_by("fiftyone", tmp_path)
    assert found["labels"] == [region.label for region in scene.regions]
    assert found["joints"] == [17] * sum(1 for region in scene.regions if region.label == "person")
    for region, area in zip(scene.regions, found["areas"]):
        wanted = region.mask.area if region.mask else region.box.area
        assert abs(area - wanted) <= 0.02 * wanted


def outlined(assistant, drawing, plane: np.ndarray) -> Scene:
    """The drawing with one region of a mask."""
    mask = Mask.from_array(plane)
    return replace(assistant.open(drawing), regions=(Region(1, "dot", mask.box, mask=mask),), next_id=2)


PLANES = {
    "a pixel": [(10, 10, 11, 11)],
    "two pixels": [(10, 10, 12, 11)],
    "a line": [(10, 10, 11, 60)],
    "a corner": [(199, 199, 200, 200)],
    "two parts": [(10, 10, 30, 30), (100, 100, 140, 120)],
    "two parts that touch at a corner": [(10, 10, 20, 20), (20, 20, 30, 30)],
    "the whole picture": [(0, 0, 200, 200)],
}


@pytest.mark.parametrize("parts", PLANES.values(), ids=PLANES)
def test_masks_of_any_shape_are_read_as_they_are(assistant, drawing, tmp_path, parts):
    # supervision #1085: an IndexError of masks below three pixels; #1209: a ValueError of masks in parts
    supervision = pytest.importorskip("supervision")
    plane = np.zeros((200, 200), bool)
    for x1, y1, x2, y2 in parts:
        plane[y1:y2, x1:x2] = True
    drawing.save(tmp_path / "picture.png")
    path = tmp_path / "regions.json"
    path.write_text(json.dumps(coco(outlined(assistant, drawing, plane))))
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO(str(path))
    ((_, row),) = data.anns.items()
    assert (data.annToMask(row).astype(bool) == plane).all()
    assert row["area"] == plane.sum()
    assert row["iscrowd"] == 0  # CVAT #7030: what has run lengths is taken for a crowd, and not evaluated
    ((_, _, found),) = supervision.DetectionDataset.from_coco(str(tmp_path), str(path), force_masks=True)
    assert (found.mask[0] & plane).sum() == plane.sum()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_coordinates_are_those_of_the_file_that_is_exported(assistant, drawing, tmp_path, orientation):
    # X-AnyLabeling #1098, labelme #1529: labels of a turned photograph lie elsewhere in the exported one
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    drawing.resize((120, 80)).save(tmp_path / "turned.jpg", exif=exif)
    scene = assistant.open(tmp_path / "turned.jpg")
    (row,) = coco(scene)["images"]
    with Image.open(assistant.pictures.original(scene.picture)) as exported:
        assert exported.size == (row["width"], row["height"])
        assert exported.getexif().get(ExifTags.Base.Orientation, 1) == 1
        assert exported.size == ((120, 80) if orientation < 5 else (80, 120))


def test_an_empty_scene_is_a_data_set_too(assistant, drawing):
    empty = coco(assistant.open(drawing))
    assert (empty["annotations"], empty["categories"]) == ([], [])
    assert json.loads(json.dumps(empty)) == empty


def test_one_region_for_programs(scene):
    ball = region_json(scene.regions[0], scene)
    assert (coco_mask.decode(ball["mask"]).astype(bool) == scene.regions[0].mask.array((200, 200))).all()


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.data())
def test_a_polygon_covers_just_the_mask_or_is_none(width, height, data):
    bits = data.draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height))
    plane = np.array(bits).reshape(height, width)
    polygon = edge_polygon(plane)
    if polygon is not None:
        flat = [float(number) for corner in polygon for number in corner]
        runs = RUNS([flat], height, width)
        assert (coco_mask.decode(runs)[..., 0].astype(bool) == plane).all()


def test_a_ring_and_two_parts_have_no_polygon():
    ring = np.ones((5, 5), bool)
    assert edge_polygon(ring) == [(5, 0), (5, 5), (0, 5), (0, 0)]
    ring[2, 2] = False
    assert edge_polygon(ring) is None
    assert edge_polygon(np.eye(2, dtype=bool)) is None
    assert edge_polygon(np.zeros((2, 2), bool)) is None
