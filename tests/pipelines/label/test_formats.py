"""Each format read back by the libraries that people use: the same boxes to a pixel, the same masks."""

import json
import shutil
from typing import Any

import cv2
import numpy as np
import pytest
import supervision as sv
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipelines.export import region_json
from pipelines.label.classes import Wanted
from pipelines.label.dataset import Dataset
from pipelines.label.formats import FORMATS, write_formats
from pipelines.label.formats.polygons import parts_of, polygon_of
from pipelines.label.manifest import Manifest
from pipelines.label.work import CAPTION, Job
from pipelines.scene import COCO_JOINTS, Keypoint, Mask, Picture, Point, Region, Scene
from tests.pipelines.export.test_coco import read_by

SIZE = (120, 90)


def blob(seed: int, size=SIZE) -> np.ndarray:
    """A ragged plane with holes and several parts: bool (H, W)."""
    noise = np.random.default_rng(seed).normal(size=(size[1], size[0])).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 5) > 0.02


def largest_part(plane: np.ndarray) -> np.ndarray:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(plane.astype(np.uint8), connectivity=8)
    return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())


def shapes() -> list[np.ndarray]:
    ring = np.zeros((SIZE[1], SIZE[0]), bool)
    ring[10:70, 20:100] = True
    ring[25:50, 40:80] = False
    whole = np.ones_like(ring)
    dot = np.zeros_like(ring)
    dot[3, 5] = True
    line = np.zeros_like(ring)
    line[40, 10:60] = True
    corner = np.zeros_like(ring)
    corner[80:, 110:] = True
    return [ring, whole, dot, line, corner, *(blob(seed) for seed in range(6))]


def regions(picture: int) -> list[Region]:
    planes = [shapes()[0], shapes()[4], largest_part(blob(picture))] if picture else []
    found = []
    for number, plane in enumerate(planes, start=1):
        mask = Mask.from_array(plane)
        joints = tuple(Keypoint(name, Point(30 + at, 40), 2) for at, name in enumerate(COCO_JOINTS))
        found.append(
            Region(
                number, "", mask.box, mask, score=0.5 + number / 10, keypoints=joints if number == 1 else None
            )
        )
    return found


@pytest.fixture(params=[True, False], ids=["outlined", "boxes"])
def written(request, tmp_path):
    """Four pictures in every format: (folder, data set), with outlines and without."""
    photos, to = tmp_path / "photos", tmp_path / "set"
    jobs = [
        Job(f"class {name}", Wanted(name, (name,)), segment=request.param, pose=name == "person")
        for name in ("person", "wooden fence")
    ]
    jobs.append(Job(CAPTION))
    with Manifest(to) as manifest:
        for number in range(4):
            path = photos / f"deep/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", SIZE, (number, 20, 30)).save(path)
        manifest.update([(f"deep/{number}.png", 1, 1) for number in range(4)])
        for number in range(4):
            name = f"deep/{number}.png"
            manifest.opened(name, bytes(32), SIZE)
            for at, job in enumerate(jobs[:2]):
                rows = [region_json(one, Scene(Picture("", SIZE))) for one in regions(number)]
                rows = [row for row in rows if (row["id"] == 1) == (at == 0)]
                for row in rows:
                    row["mask"] = row["mask"] if request.param else None
                manifest.add(name, job.key, job.digest, job.said, rows)
            manifest.add(name, CAPTION, jobs[2].digest, jobs[2].said, [{"caption": f"picture {number}"}])
        dataset = Dataset(manifest, photos, jobs)
        assert write_formats(dataset, to, [name for name in FORMATS if request.param or name != "masks"])
        yield to, photos, dataset


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def compare(detections: Any, names, truth, outlined: bool, least: float = 0.99) -> None:
    """The same things: boxes to a pixel, masks to an IoU of `least`."""
    assert len(detections) == len(truth.regions)
    for region in truth.regions:
        near = np.abs(detections.xyxy - np.array(region.box)).max(1)
        at = int(near.argmin())
        assert near[at] <= 1
        assert names[int(detections.class_id[at])] == region.label
        if outlined:
            assert iou(detections.mask[at].astype(bool), region.mask.array(SIZE)) >= least


def by_stem(read: sv.DetectionDataset):
    return {path.rpartition("/")[2].rpartition(".")[0]: found for path, _, found in read}


def test_coco_is_read_by_pycocotools_and_evaluated(written, capsys):
    to, _, dataset = written
    read: Any = COCO(str(to / "coco" / "instances.json"))
    for picture in dataset:
        rows = read.loadAnns(read.getAnnIds(imgIds=[picture.number]))
        assert len(rows) == len(picture.regions)
        for row, region in zip(rows, picture.regions):
            x, y, w, h = row["bbox"]
            assert (x, y, x + w, y + h) == region.box
            assert read.cats[row["category_id"]]["name"] == region.label
            if region.mask:
                assert iou(read.annToMask(row).astype(bool), region.mask.array(SIZE)) >= 0.99
    assert sum(row["num_keypoints"] for row in read.anns.values()) == 3 * 17
    found = [
        {
            **{k: row[k] for k in ("image_id", "category_id", "bbox", "segmentation", "keypoints")},
            "score": 1.0,
        }
        for row in read.anns.values()
    ]
    for kind in ("bbox", "segm"):
        judged = COCOeval(read, read.loadRes(json.loads(json.dumps(found))), kind)
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
        assert judged.stats[0] == pytest.approx(1.0)
    captions: Any = COCO(str(to / "coco" / "captions.json"))
    assert [row["caption"] for row in captions.anns.values()] == [f"picture {n}" for n in range(4)]


def test_coco_is_read_by_supervision(written):
    """It fills polygons a pixel further to the right and down than COCO does."""
    to, photos, dataset = written
    read = sv.DetectionDataset.from_coco(
        str(photos), str(to / "coco" / "instances.json"), force_masks=dataset.outlined
    )
    found = by_stem(read)
    for picture in dataset:
        compare(found[picture.name[5:-4]], read.classes, picture, dataset.outlined, least=0.8)


def test_yolo_is_read_by_supervision(written):
    to, _, dataset = written
    place = to / "yolo"
    read = sv.DetectionDataset.from_yolo(
        str(place / "images/train"), str(place / "labels/train"), str(place / "data.yaml"), force_masks=False
    )
    assert read.classes == list(dataset.classes)
    for picture in dataset:
        compare(by_stem(read)[picture.flat], read.classes, picture, dataset.outlined)


def test_voc_is_read_by_supervision(written):
    to, _, dataset = written
    place = to / "voc"
    read = sv.DetectionDataset.from_pascal_voc(
        str(place / "JPEGImages"), str(place / "Annotations"), force_masks=dataset.outlined
    )
    for picture in dataset:
        compare(by_stem(read)[picture.flat], read.classes, picture, dataset.outlined)


def test_voc_is_read_by_datumaro(written):
    to, _, dataset = written
    read = read_by("datumaro_voc", to / "voc")
    for picture in dataset:
        told = read[picture.flat]
        assert len(told["boxes"]) == len(picture.regions)
        for region in picture.regions:
            boxes = [box for label, *box in told["boxes"] if label == region.label]
            assert min(np.abs(np.subtract(box, region.box)).max() for box in boxes) <= 1
            if region.mask:
                planes = [flat_plane(pixels) for label, pixels in told["masks"] if label == region.label]
                assert max(iou(plane, on_top(region, picture.regions)) for plane in planes) >= 0.99


def flat_plane(pixels: list[int]) -> np.ndarray:
    plane = np.zeros(SIZE[0] * SIZE[1], bool)
    plane[pixels] = True
    return plane.reshape(SIZE[1], SIZE[0])


def on_top(region: Region, regions) -> np.ndarray:
    """What VOC's flat masks show of a region: smaller ones lie on top."""
    assert region.mask
    plane = region.mask.array(SIZE)
    for other in regions:
        if other.mask.area < region.mask.area:
            plane &= ~other.mask.array(SIZE)
    return plane


def test_voc_masks_have_the_class_and_the_thing(written):
    to, _, dataset = written
    if not dataset.outlined:
        assert not (to / "voc" / "SegmentationClass").exists()
        return
    for picture in dataset:
        things = np.asarray(Image.open(to / "voc" / "SegmentationObject" / f"{picture.flat}.png"))
        kinds = np.asarray(Image.open(to / "voc" / "SegmentationClass" / f"{picture.flat}.png"))
        assert ((things > 0) == (kinds > 0)).all()
        for region in picture.regions:
            inside = region.mask.array(SIZE)
            assert (inside[things == region.id]).all()
            assert set(kinds[things == region.id]) <= {dataset.classes.index(region.label) + 1}


def test_mask_files_are_the_masks_and_come_back_as_regions(written):
    from pipelines.masks import read_mask

    to, _, dataset = written
    if not dataset.outlined:
        return
    for picture in dataset:
        if not picture.regions:
            assert not np.asarray(Image.open(to / "masks" / f"{picture.flat}.png")).any()
        for region, path in zip(picture.regions, sorted((to / "masks" / picture.flat).glob("*.png"))):
            assert read_mask(path, SIZE) == region.mask
            assert region.label.replace(" ", "-") in path.name


def test_pictures_are_beside_their_labels(written):
    to, photos, _ = written
    for number in range(4):
        for place in ("yolo/images/train", "voc/JPEGImages"):
            assert (to / place / f"deep__{number}.png").read_bytes() == (
                photos / f"deep/{number}.png"
            ).read_bytes()


@pytest.mark.parametrize("number", range(11))
def test_a_polygon_fills_to_its_mask(number):
    plane = shapes()[number]
    mask = Mask.from_array(plane)
    filled = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    for part in parts_of(mask):
        assert len(part) >= 3
        cv2.fillPoly(filled, [part], (1,))
    assert iou(filled.astype(bool), plane) >= 0.99
    whole = np.zeros_like(filled)
    polygon = polygon_of(mask)
    assert polygon is not None
    cv2.fillPoly(whole, [polygon], (1,))
    assert iou(whole.astype(bool), plane) >= (0.99 if number < 5 else 0.95)  # seams between the many parts


def test_more_classes_than_a_class_mask_holds_are_refused(tmp_path):
    from pipelines.errors import DemoError

    jobs = [Job(f"class {n}", Wanted(str(n), (str(n),)), segment=True) for n in range(300)]
    (tmp_path / "photos").mkdir()
    with Manifest(tmp_path / "set") as manifest:
        dataset = Dataset(manifest, tmp_path / "photos", jobs)
        with pytest.raises(DemoError, match="254 classes"):
            write_formats(dataset, tmp_path / "set", ["voc"])
    assert not list((tmp_path / "set").glob("*voc*"))
    shutil.rmtree(tmp_path / "set")
