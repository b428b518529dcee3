"""What other tools read of a data set; run by their own interpreter, which has none of this project.

    .venv-readers/bin/python readers.py datumaro|datumaro_voc|supervision|fiftyone FOLDER

FOLDER is laid out as each wants it. Prints what was read as JSON: labels, boxes, areas of masks, joints.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def datumaro(folder: Path) -> dict[str, Any]:
    """What datumaro reads, and so CVAT's importer, which is built on it."""
    from datumaro import Dataset  # pyright: ignore[reportMissingImports]

    data = Dataset.import_from(str(folder), "coco")
    (item,) = data
    labels = data.categories()[next(iter(data.categories()))]
    found: dict[str, Any] = {"items": 1, "kinds": [], "labels": [], "areas": [], "joints": []}
    for one in item.annotations:
        found["kinds"].append(one.type.name)
        found["labels"].append(labels[one.label].name)
        if one.type.name in ("mask", "polygon"):
            found["areas"].append(float(one.get_area()))
        if one.type.name == "points":
            found["joints"].append(len(one.points) // 2)
    return found


def datumaro_voc(folder: Path) -> dict[str, Any]:
    """What datumaro reads of a VOC data set: for each picture boxes, and masks as indices of their pixels."""
    from datumaro import Dataset  # pyright: ignore[reportMissingImports]

    data = Dataset.import_from(str(folder), "voc")
    labels = data.categories()[next(iter(data.categories()))]
    found: dict[str, Any] = {}
    for item in data:
        told = found.setdefault(item.id, {"boxes": [], "masks": []})
        for one in item.annotations:
            if one.type.name == "bbox":
                x, y, width, height = one.get_bbox()
                told["boxes"].append([labels[one.label].name, x, y, x + width, y + height])
            if one.type.name == "mask":
                told["masks"].append([labels[one.label].name, one.image.ravel().nonzero()[0].tolist()])
    return found


def supervision(folder: Path) -> dict[str, Any]:
    """What an older supervision reads than the one that lives beside the tests; it knows no run lengths."""
    from supervision import DetectionDataset

    data = DetectionDataset.from_coco(str(folder), str(folder / "regions.json"))
    ((_, _, found),) = data
    numbers: Any = found.class_id
    return {"labels": [data.classes[number] for number in numbers], "boxes": found.xyxy.tolist()}


def fiftyone(folder: Path) -> dict[str, Any]:
    """What FiftyOne's reader of COCO files makes of ours; without its database."""
    from fiftyone.utils.coco import load_coco_detection_annotations  # pyright: ignore[reportMissingImports]

    _, classes, _, images, objects = load_coco_detection_annotations(str(folder / "regions.json"))
    ((number, image),) = images.items()
    size = (image["width"], image["height"])
    found = [one.to_detection(size, classes, load_segmentation=True) for one in objects[number]]
    joints = [one.to_keypoints(size, classes) for one in objects[number] if one.keypoints]
    return {
        "labels": [one.label for one in found],
        "boxes": [list(one.bounding_box) for one in found],
        "areas": [int(one.mask.sum()) for one in found],
        "joints": [len(one.points) for one in joints],
    }


if __name__ == "__main__":
    tool, place = sys.argv[1:]
    tools = (datumaro, datumaro_voc, supervision, fiftyone)
    sys.stdout.write(json.dumps({one.__name__: one for one in tools}[tool](Path(place))))
