"""Segment everything: clicks on a grid, each answered by the segmenter, doubles thrown away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipelines.merge import name_regions, need_picture
from pipelines.parts import Scenes
from pipelines.scene import Click, Mask, Point, Region, Scene

if TYPE_CHECKING:
    from pipelines.assistant import Assistant

GRID = 10  # clicks a side
LEAST_SCORE = 0.6  # predicted IoU below which a mask is not taken
LEAST_AREA, MOST_AREA = 0.0008, 0.6  # of the picture
DOUBLE = 0.6  # IoU from which two masks are one thing
MOST = 40  # regions


def everything(assistant: Assistant, scene: Scene) -> Scenes:
    """Outline all that can be told apart; regions that are there already keep their place."""
    picture = need_picture(scene)
    image = assistant.image(picture)
    width, height = picture.size_wh
    taken: list[Mask] = [region.mask for region in scene.regions if region.mask]
    offered: list[tuple[float, Mask, Click, tuple[tuple[Mask, float], ...]]] = []
    covered = np.zeros((height, width), bool)
    for index in range(GRID * GRID):
        row, column = divmod(index, GRID)
        point = Point(int((column + 0.5) * width / GRID), int((row + 0.5) * height / GRID))
        if covered[point.y, point.x]:
            continue
        click = Click(point)
        for mask, score in (candidates := assistant.outliner.outline(image, picture.digest, clicks=(click,))):
            if score >= LEAST_SCORE and LEAST_AREA <= mask.area / (width * height) <= MOST_AREA:
                offered.append((score, mask, click, candidates))
                if mask.area < 0.15 * width * height:
                    covered |= mask.array(picture.size_wh)
                break
        if column == GRID - 1:
            yield name_regions(scene, f"Looking: {100 * (index + 1) // GRID**2} % …", (), "everything", "")
    new: list[int] = []
    for score, mask, click, candidates in sorted(offered, key=lambda offer: -offer[0]):
        if len(new) < MOST and all(overlap(mask, other) < DOUBLE for other in taken):
            taken.append(mask)
            region = Region(
                scene.next_id,
                "",
                mask.box,
                mask,
                score=score,
                source="everything",
                clicks=(click,),
                candidates=candidates,
            )
            scene = scene.with_region(region)
            new.append(region.id)
    words = f"Outlined {len(new)}: " if new else "Nothing more could be told apart."
    yield replace(name_regions(scene, words, new, "everything", assistant.outliner.name), selected=None)


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks, worked out inside their common box."""
    x1, y1 = max(one.box.x1, other.box.x1), max(one.box.y1, other.box.y1)
    x2, y2 = min(one.box.x2, other.box.x2), min(one.box.y2, other.box.y2)
    if x2 <= x1 or y2 <= y1:
        return 0.0
    planes = [
        mask.crop[y1 - mask.box.y1 : y2 - mask.box.y1, x1 - mask.box.x1 : x2 - mask.box.x1]
        for mask in (one, other)
    ]
    shared = int((planes[0] & planes[1]).sum())
    union = one.area + other.area - shared
    return shared / union if union else 0.0
