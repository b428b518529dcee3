"""What a folder's labels are: the answers that the page gives about each picture, kind by kind."""

import shutil

import pytest
from pycocotools.coco import COCO

import pipelines
from pipelines.catalog import ASSETS
from pipelines.label import command

KINDS = ("person", "bird", "house", "fish")
PICTURES = ("01-park", "03-people", "04-street", "05-table")


@pytest.fixture
def scenes(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    for name in PICTURES:
        shutil.copy(ASSETS / "examples" / f"{name}.png", folder)
    return folder


def test_labels_are_what_the_page_answers(scenes, tmp_path):
    finds = [word for kind in KINDS for word in ("--find", kind)]
    to = tmp_path / "set"
    made = ["--segment", "--inpainter", "opencv", "--format", "coco"]
    assert command.main([str(scenes), *finds, *made, "--to", str(to)]) == 0
    read = COCO(str(to / "coco" / "instances.json"))
    assistant = pipelines.load(pipelines.Settings(inpainter="opencv"))
    found = 0
    for picture in read.loadImgs(read.getImgIds()):
        opened = assistant.open(scenes / picture["file_name"])
        for kind in KINDS:
            answer = assistant.answer(opened, f"segment all the {kind}s")
            wanted = [region for region in answer.regions if region.label.endswith(kind)]
            rows = read.loadAnns(read.getAnnIds(picture["id"], read.getCatIds(kind)))
            boxes = {(x, y, x + w, y + h) for x, y, w, h in (row["bbox"] for row in rows)}
            assert boxes == {tuple(region.box) for region in wanted}, (picture["file_name"], kind)
            areas = sorted(row["area"] for row in rows)
            assert areas == sorted(region.mask.area for region in wanted if region.mask)
            found += len(rows)
    assert found > 4
