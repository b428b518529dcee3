"""Pascal VOC: the folders of the devkit, with one XML a picture and, where things were outlined, class masks.

Boxes are the devkit's: numbers from 1, both corners inside. An outline is also in the XML, as polygons. Class
and object masks are PNGs with VOC's palette; where two regions overlap, the smaller one is on top.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import numpy as np
from PIL import Image

from pipelines.errors import DemoError
from pipelines.label.dataset import Dataset, Labelled
from pipelines.label.formats.polygons import parts_of
from pipelines.label.writing import put_picture
from pipelines.scene import Region

MOST = 254  # classes, and things of a picture, that a mask of 8 bits tells apart
BACKGROUND = "background"


def write_voc(dataset: Dataset, folder: Path) -> None:
    """Write the data set as the VOC devkit has it.

    Raises:
        DemoError: there are more classes than a class mask can hold.
    """
    if dataset.outlined and len(dataset.classes) > MOST:
        raise DemoError(f"VOC's class masks tell {MOST} classes apart, not {len(dataset.classes)}: use coco.")
    names = ["JPEGImages", "Annotations", "ImageSets/Main"]
    if dataset.outlined:
        names += ["SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"]
    for name in names:
        (folder / name).mkdir(parents=True)
    _write_labelmap(dataset, folder / "labelmap.txt")
    lists: dict[str, list[str]] = {split or "train": [] for split in dataset.splits}
    for picture in dataset:
        file = put_picture(picture.path, folder / "JPEGImages", picture.flat)
        tree = ElementTree(_annotation(picture, file, dataset.outlined))
        indent(tree)
        tree.write(folder / "Annotations" / f"{picture.flat}.xml", encoding="utf-8")
        lists[picture.split or "train"].append(picture.flat)
        if dataset.outlined:
            _write_masks(dataset, picture, folder)
    for name in names:
        if name.startswith("ImageSets"):
            for split, flat in lists.items():
                (folder / name / f"{split}.txt").write_text("".join(f"{one}\n" for one in flat), "utf-8")


def _annotation(picture: Labelled, file: str, outlined: bool) -> Element:
    root = Element("annotation")
    _say(root, "folder", "JPEGImages")
    _say(root, "filename", file)
    size = SubElement(root, "size")
    for name, value in zip(("width", "height", "depth"), (*picture.size_wh, 3)):
        _say(size, name, value)
    _say(root, "segmented", int(outlined))
    for region in picture.regions:
        _add_object(root, region, picture.size_wh)
    return root


def _add_object(root: Element, region: Region, size_wh: tuple[int, int]) -> None:
    x1, y1, x2, y2 = region.box
    thing = SubElement(root, "object")
    _say(thing, "name", region.label)
    _say(thing, "pose", "Unspecified")
    _say(thing, "truncated", int(x1 == 0 or y1 == 0 or x2 == size_wh[0] or y2 == size_wh[1]))
    _say(thing, "difficult", 0)
    box = SubElement(thing, "bndbox")
    for name, value in zip(("xmin", "ymin", "xmax", "ymax"), (x1 + 1, y1 + 1, x2, y2)):
        _say(box, name, value)
    for polygon in parts_of(region.mask) if region.mask else ():
        part = SubElement(thing, "polygon")
        for number, (x, y) in enumerate(polygon.tolist(), start=1):
            _say(part, f"x{number}", x + 1)
            _say(part, f"y{number}", y + 1)


def _say(parent: Element, name: str, value: object) -> None:
    SubElement(parent, name).text = str(value)


def _write_masks(dataset: Dataset, picture: Labelled, folder: Path) -> None:
    numbers = {name: number for number, name in enumerate(dataset.classes, start=1)}
    kinds = np.zeros((picture.size_wh[1], picture.size_wh[0]), np.uint8)
    things = kinds.copy()
    outlined = [region for region in picture.regions if region.mask][:MOST]
    for region in sorted(outlined, key=lambda one: -one.mask.area if one.mask else 0):
        assert region.mask
        x1, y1, x2, y2 = region.mask.box
        inside = region.mask.crop
        kinds[y1:y2, x1:x2][inside] = numbers[region.label]
        things[y1:y2, x1:x2][inside] = min(region.id, MOST)
    for name, plane in (("SegmentationClass", kinds), ("SegmentationObject", things)):
        image = Image.fromarray(plane)
        image.putpalette(palette().ravel().tolist())
        image.save(folder / name / f"{picture.flat}.png", "PNG")


def _write_labelmap(dataset: Dataset, path: Path) -> None:
    """The names of the palette's colours, which some readers ask for."""
    lines = ["# label:color_rgb:parts:actions\n"]
    for name, colour in zip((BACKGROUND, *dataset.classes), palette()):
        lines.append(f"{name}:{','.join(map(str, colour.tolist()))}::\n")
    path.write_text("".join(lines), "utf-8")


def palette() -> np.ndarray:
    """VOC's 256 colours: uint8 (256, 3). A number's bits, three at a time, are the highest of r, g and b."""
    colours = np.zeros((256, 3), np.uint8)
    for number in range(256):
        left = number
        for bit in range(7, -1, -1):
            for channel in range(3):
                colours[number, channel] |= (left >> channel & 1) << bit
            left >>= 3
    return colours
