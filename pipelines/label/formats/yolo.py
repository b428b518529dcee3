"""YOLO: `images/` and `labels/` a split, and `data.yaml`.

Pictures are copied, since YOLO wants both side by side. A line is a class and a box, or, where things were
outlined, a class and one polygon.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from pipelines.geometry import Box
from pipelines.label.dataset import Dataset, Labelled
from pipelines.label.formats.polygons import polygon_of
from pipelines.label.writing import put_picture
from pipelines.scene import Region

INSIDE = 0.25  # of a pixel, added to a corner: it is the same pixel for who rounds and for who cuts off


def write_yolo(dataset: Dataset, folder: Path) -> None:
    """Write the data set as YOLO reads it: for detection, or for segmentation where things were outlined."""
    numbers = {name: number for number, name in enumerate(dataset.classes)}
    places = {split: split or "train" for split in dataset.splits}
    for place in places.values():
        (folder / "images" / place).mkdir(parents=True)
        (folder / "labels" / place).mkdir(parents=True)
    for picture in dataset:
        place = places[picture.split]
        put_picture(picture.path, folder / "images" / place, picture.flat)
        lines = [
            f"{numbers[region.label]} {_numbers(region, picture, dataset.outlined)}"
            for region in picture.regions
        ]
        text = "".join(f"{line}\n" for line in lines)
        (folder / "labels" / place / f"{picture.flat}.txt").write_text(text, "utf-8")
    said = {place: f"images/{place}" for place in places.values()}
    said.setdefault("val", said["train"])  # which YOLO wants, also of a data set that is not split
    about = {**said, "nc": len(numbers), "names": {number: name for name, number in numbers.items()}}
    written = yaml.safe_dump(about, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(written, "utf-8")


def _numbers(region: Region, picture: Labelled, outlined: bool) -> str:
    size = np.array(picture.size_wh, np.float64)
    if not outlined:
        x1, y1, x2, y2 = region.box
        centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) / size
        return _written([*centre, *(np.array([x2 - x1, y2 - y1]) / size)])
    polygon = polygon_of(region.mask) if region.mask else None
    polygon = _corners(region.box) if polygon is None else polygon
    return _written(((polygon + INSIDE) / size).ravel())


def _corners(box: Box) -> np.ndarray:
    x1, y1, x2, y2 = box
    return np.array([[x1, y1], [x2 - 1, y1], [x2 - 1, y2 - 1], [x1, y2 - 1]])


def _written(numbers: np.ndarray | list[float]) -> str:
    return " ".join(f"{number:.7g}" for number in numbers)
