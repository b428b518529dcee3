"""Regions that come back: the JSON of `region_json`, given to a later call, becomes regions again.

Anybody may have written it, so every value is checked, and what is wrong is said in one line. A mask is
COCO's run lengths, compressed or as a list of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipelines.errors import DemoError
from pipelines.geometry import Box, Point
from pipelines.intake import short
from pipelines.scene import COCO_JOINTS, Keypoint, Mask, Region, Scene

MOST_REGIONS = 1000  # of one call
MOST_MASK_PIXELS = 1_000_000_000  # of all masks of one call, each as large as the picture
MOST_ID = 1_000_000
LONGEST_LABEL = 200  # characters


def given_regions(rows: Any, size_wh: tuple[int, int]) -> tuple[Region, ...]:
    """Read regions for a picture of `size_wh`.

    Args:
        rows: a list of objects with `box`, or `mask`, or both; `id`, `label`, `keypoints`, `score` and `note`
            may be left out. One without a number gets the next.
    Raises:
        DemoError: they are none, or none of this picture; with the reason.
    """
    if not isinstance(rows, list):
        raise DemoError("Regions are a list of objects, as every answer has them.")
    if len(rows) > MOST_REGIONS:
        raise DemoError(f"There are {len(rows)} regions, of which {MOST_REGIONS} can be given at most.")
    masks = sum(1 for row in rows if isinstance(row, dict) and row.get("mask") is not None)
    if masks * size_wh[0] * size_wh[1] > MOST_MASK_PIXELS:
        raise DemoError(f"{masks} masks of this picture are too much for one call: give fewer of them.")
    regions: list[Region] = []
    taken: set[int] = set()
    for at, row in enumerate(rows):
        try:
            region = _region(row, size_wh, max(taken, default=0) + 1)
        except ValueError as error:
            raise DemoError(f"Region {at + 1} of the list cannot be read: {error}.") from None
        if region.id in taken:
            raise DemoError(f"Two of the regions have the number {region.id}: give each its own.")
        taken.add(region.id)
        regions.append(region)
    return tuple(regions)


def with_regions(scene: Scene, regions: Sequence[Region]) -> Scene:
    """Add regions to a scene under their own numbers. A single one is selected: "it" stands for it."""
    for region in regions:
        scene = scene.with_region(region)
    return replace(scene, selected=regions[0].id) if len(regions) == 1 else scene


def _region(row: Any, size_wh: tuple[int, int], free: int) -> Region:
    if not isinstance(row, dict):
        raise ValueError("it is no object with a box or a mask")
    number = row.get("id", free)
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_ID:
        raise ValueError(f"its id is a whole number from 1 to {MOST_ID}")
    mask = None if row.get("mask") is None else mask_of_rle(row["mask"], size_wh)
    if row.get("box") is None and mask is None:
        raise ValueError("it has neither a box nor a mask")
    box = mask.box if mask and row.get("box") is None else _box(row.get("box"), size_wh)
    score = row.get("score")
    if score is not None and not (_finite(score) and 0 <= score <= 1):
        raise ValueError("its score is a number from 0 to 1, or null")
    return Region(
        number,
        _text(row, "label"),
        box,
        mask=mask,
        keypoints=_joints(row.get("keypoints"), size_wh),
        score=None if score is None else float(score),
        source="mask" if mask else "box",
        note=_text(row, "note") or None,
    )


def _text(row: dict[str, Any], name: str) -> str:
    text = row.get(name) or ""
    if not isinstance(text, str) or len(text) > LONGEST_LABEL:
        raise ValueError(f"its {name} is a text of at most {LONGEST_LABEL} characters")
    return short(text, LONGEST_LABEL)


def _finite(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)


def _box(numbers: Any, size_wh: tuple[int, int]) -> Box:
    if not isinstance(numbers, Sequence) or len(numbers) != 4 or not all(map(_finite, numbers)):
        raise ValueError("its box is [x1, y1, x2, y2] in pixels")
    box = Box(*(round(number) for number in numbers)).within(size_wh)
    if not box.area:
        raise ValueError(f"its box has nothing of the picture, which is {size_wh[0]} x {size_wh[1]} pixels")
    return box


def _joints(rows: Any, size_wh: tuple[int, int]) -> tuple[Keypoint, ...] | None:
    if rows is None:
        return None
    good = isinstance(rows, list) and len(rows) == len(COCO_JOINTS)
    if not good or not all(
        isinstance(row, list) and len(row) == 3 and all(map(_finite, row)) for row in rows
    ):
        raise ValueError(f"its keypoints are COCO's {len(COCO_JOINTS)}, each [x, y, visible]")
    if any(row[2] not in (0, 1, 2) for row in rows):
        raise ValueError("a joint's visibility is 0, 1 or 2")
    width, height = size_wh
    if any(row[2] and not (0 <= row[0] < width and 0 <= row[1] < height) for row in rows):
        raise ValueError("a joint lies outside the picture")
    return tuple(
        Keypoint(name, Point(round(x), round(y)), int(seen)) for name, (x, y, seen) in zip(COCO_JOINTS, rows)
    )


def mask_of_rle(rle: Any, size_wh: tuple[int, int]) -> Mask:
    """Return the mask of COCO's run lengths.

    Raises:
        ValueError: they are none, or none of a picture of this size.
    """
    width, height = size_wh
    if not isinstance(rle, dict) or not {"size", "counts"} <= set(rle):
        raise ValueError("its mask is COCO's run lengths, an object with size and counts")
    if not isinstance(rle["size"], Sequence) or list(rle["size"]) != [height, width]:
        raise ValueError(
            f"its mask has the size {short(str(rle['size']), 40)}, and the picture is [{height}, {width}]"
        )
    counts = rle["counts"]
    runs = _uncompressed(counts, width * height) if isinstance(counts, str) else counts
    whole = isinstance(runs, list) and all(type(run) is int and 0 <= run <= width * height for run in runs)
    if not whole or sum(runs) != width * height:
        raise ValueError("the run lengths of its mask do not make up the picture")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask = Mask.from_array(flat.reshape(width, height).T)
    if not mask.bits:
        raise ValueError("its mask selects nothing")
    return mask


def _uncompressed(text: str, pixels: int) -> list[int]:
    """Return the run lengths in COCO's string: five bits a character, and from the fourth on differences."""
    runs: list[int] = []
    value, shift = 0, 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift > 40 or len(runs) > pixels:
            raise ValueError("the counts of its mask are not COCO's")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise ValueError("the counts of its mask break off")
    return runs
