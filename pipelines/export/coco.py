"""Regions as data: one JSON object a region for programs, and a COCO data set of one picture.

What is written is read without complaint by pycocotools (COCO and COCOeval), supervision, datumaro and CVAT,
each of which wants something that COCO's own description leaves open.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import cv2
import numpy as np

from pipelines.draw import BONES
from pipelines.errors import DemoError
from pipelines.geometry import Box
from pipelines.scene import COCO_JOINTS, Mask, Region, Scene

LONGEST_POLYGON = 20_000  # corners of an outline; a longer one is written as run lengths
UNNAMED = "region"  # the category of a region without a label
INFO = {"description": "Regions found by SPHINX, live", "url": "", "version": "1.0", "contributor": ""}
LICENSES = [{"id": 1, "name": "", "url": ""}]
SKELETON = [[COCO_JOINTS.index(one) + 1, COCO_JOINTS.index(other) + 1] for one, other in BONES]


def region_json(region: Region, scene: Scene) -> dict[str, Any]:
    """Return a region for programs: pixels of the picture, mask as COCO RLE, joints as [x, y, v]."""
    size_wh = picture_size(scene)
    joints = region.keypoints
    return {
        "id": region.id,
        "label": region.label,
        "box": list(region.box),
        "mask": region.mask.rle(size_wh) if region.mask else None,
        "keypoints": [[*joint.point, joint.visible] for joint in joints] if joints else None,
        "score": region.score,
        "note": region.note,
    }


def coco(scene: Scene, file_name: str = "picture.png") -> dict[str, Any]:
    """Return the regions as a COCO data set: a category a label, an annotation a region.

    An annotation has its mask as one polygon along the pixels' edges where that is exact, else as run
    lengths; a region without a mask has its box as a polygon. Categories in which a region has joints have
    COCO's 17 and their skeleton, and no others have.
    """
    width, height = picture_size(scene)
    names = list(dict.fromkeys(region.label or UNNAMED for region in scene.regions))
    posed = {region.label or UNNAMED for region in scene.regions if region.keypoints}
    now = datetime.now().astimezone()
    return {
        "info": {**INFO, "year": now.year, "date_created": now.isoformat(timespec="seconds")},
        "licenses": LICENSES,
        "images": [
            {"id": 1, "file_name": file_name, "width": width, "height": height, "license": 1},
        ],
        "annotations": [
            annotation(
                region,
                (width, height),
                names.index(region.label or UNNAMED) + 1,
                (region.label or UNNAMED) in posed,
            )
            for region in scene.regions
        ],
        "categories": [category(number, name, name in posed) for number, name in enumerate(names, start=1)],
    }


def category(number: int, name: str, posed: bool) -> dict[str, Any]:
    """Return a row of COCO's categories; with the 17 joints where it is `posed`."""
    joints = [joint.replace(" ", "_") for joint in COCO_JOINTS] if posed else []
    # Empty rather than left out: datumaro wants both of every category.
    return {
        "id": number,
        "name": name,
        "supercategory": "",
        "keypoints": joints,
        "skeleton": SKELETON if posed else [],
    }


def annotation(
    region: Region,
    size_wh: tuple[int, int],
    category: int,
    posed: bool,
    *,
    number: int | None = None,
    image: int = 1,
) -> dict[str, Any]:
    """Return a region as a row of COCO's annotations.

    Args:
        size_wh: of its picture.
        category: the number of its category.
        posed: whether this category has joints; a region without any then has 17 that are not given.
        number: of the annotation; None takes the region's own.
        image: the number of its picture.
    """
    x1, y1, x2, y2 = region.box
    masked = region.mask is not None and bool(region.mask.bits)
    row: dict[str, Any] = {
        "id": region.id if number is None else number,
        "image_id": image,
        "category_id": category,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": region.mask.area if masked and region.mask else region.box.area,
        "segmentation": _segmentation(region.mask, size_wh) if masked else [_corners(region.box)],
        "iscrowd": 0,
        "keypoints": [],
        "num_keypoints": 0,
    }
    if posed:
        joints = region.keypoints or ()
        flat = [(*joint.point, joint.visible) if joint.visible else (0, 0, 0) for joint in joints]
        row["keypoints"] = [number for joint in flat for number in joint] or [0] * (3 * len(COCO_JOINTS))
        row["num_keypoints"] = sum(1 for joint in joints if joint.visible)
    if region.score is not None:
        row["score"] = region.score
    return row


def _segmentation(mask: Mask | None, size_wh: tuple[int, int]) -> Any:
    assert mask
    polygon = edge_polygon(mask.crop)
    if polygon is None:
        return mask.rle(size_wh)
    return [
        [int(number) for corner in polygon for number in (corner[0] + mask.box.x1, corner[1] + mask.box.y1)]
    ]


def _corners(box: Box) -> list[int]:
    x1, y1, x2, y2 = box
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def edge_polygon(plane: np.ndarray) -> list[tuple[int, int]] | None:
    """Trace the edges of a plane's pixels: the corners (x, y) of the polygon that covers just these.

    Args:
        plane: bool (H, W).
    Returns:
        The corners clockwise; None where there is no such polygon: the plane is empty, has holes or several
        parts, or has too many corners.
    """
    rows, columns = np.nonzero(plane)
    if not len(rows) or cv2.connectedComponents(plane.astype(np.uint8), connectivity=4)[0] != 2:
        return None  # of the two components one is the background
    padded = np.pad(plane, 1)
    start = x, y = int(columns[0]), int(rows[0])
    dx, dy = 1, 0  # along the first pixel's upper edge; what is covered lies on the right hand
    corners: list[tuple[int, int]] = []
    twice_area = 0
    while True:
        x, y = x + dx, y + dy
        twice_area += (x - dx) * y - x * (y - dy)
        # The two pixels before the corner; pixel (column, row) is padded[row + 1, column + 1].
        ahead_right = padded[y + (dy + dx + 1) // 2, x + (dx - dy + 1) // 2]
        ahead_left = padded[y + (dy - dx + 1) // 2, x + (dx + dy + 1) // 2]
        if not ahead_right:
            dx, dy = -dy, dx
        elif ahead_left:
            dx, dy = dy, -dx
        else:
            continue
        corners.append((x, y))
        if (x, y) == start and (dx, dy) == (1, 0):
            break
        if len(corners) > LONGEST_POLYGON:
            return None
    return corners if twice_area == 2 * len(rows) else None  # holes are inside what is traced


def picture_size(scene: Scene) -> tuple[int, int]:
    """Width and height of the scene's picture. Raises DemoError where there is none."""
    if scene.picture is None:
        raise DemoError("There is no picture yet: open one first.")
    return scene.picture.size_wh
