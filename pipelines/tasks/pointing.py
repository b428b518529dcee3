"""Pointing: clicks and dragged boxes become masks, and masks and paintings are chosen from what was offered.

These tasks are over at once: each returns the new scene. Pixels may be given as floats.
"""

from __future__ import annotations

import math
from dataclasses import replace

from pipelines.engine import Engine
from pipelines.errors import DemoError
from pipelines.scene import Box, Click, Picture, Point, Region, Scene
from pipelines.tasks.regions import need_picture, need_region, without_regions


def whole_box(box: Box) -> Box:
    """Return the smallest box of whole pixels that holds a box of floats.

    Raises:
        DemoError: a side is no finite number.
    """
    _check_finite(box)
    return Box(math.floor(box.x1), math.floor(box.y1), math.ceil(box.x2), math.ceil(box.y2))


def whole_point(point: Point) -> Point:
    """Return the pixel that a point of floats lies in.

    Raises:
        DemoError: a coordinate is no finite number.
    """
    _check_finite(point)
    return Point(math.floor(point.x), math.floor(point.y))


def _check_finite(pixels: Box | Point) -> None:
    if not all(math.isfinite(value) for value in pixels):
        raise DemoError(
            f"{tuple(pixels)} is no place on the picture: give pixels as numbers, counted from the top left."
        )


def click(engine: Engine, scene: Scene, given: Click, region_id: int | None = None) -> Scene:
    """Outline what is clicked: a new region, or one more click for the region `region_id`."""
    width, height = need_picture(scene).size_wh
    given = Click(whole_point(given.point), given.positive)
    if not (0 <= given.point.x < width and 0 <= given.point.y < height):
        raise DemoError(f"The click is outside the picture ({width} x {height} pixels): click on it.")
    if region_id is None and not given.positive:
        region_id = scene.selected
        if region_id is None:
            raise DemoError("A subtracting click needs a region to take from: select one first.")
    if region_id is None:
        region = Region(scene.next_id, "", Box(0, 0, 0, 0), source="click", clicks=(given,))
        return _outlined(engine, scene, region)
    region = need_region(scene, region_id)
    prompt = region.prompt_box or (region.box if not region.clicks else None)
    return _outlined(engine, scene, replace(region, clicks=(*region.clicks, given), prompt_box=prompt))


def unclick(engine: Engine, scene: Scene, region_id: int, index: int) -> Scene:
    """Take one click back; the region goes with its last one, unless it has a box."""
    region = need_region(scene, region_id)
    clicks = tuple(click for i, click in enumerate(region.clicks) if i != index)
    if not any(click.positive for click in clicks) and not region.prompt_box:
        return without_regions(scene, (region_id,))
    return _outlined(engine, scene, replace(region, clicks=clicks))


def outline_box(engine: Engine, scene: Scene, box: Box) -> Scene:
    """Outline what a box holds: a new region."""
    width, height = need_picture(scene).size_wh
    inside = whole_box(box).within((width, height))
    if inside.x2 <= inside.x1 or inside.y2 <= inside.y1:
        raise DemoError(
            f"The box holds nothing of the picture ({width} x {height} pixels): drag it on the picture."
        )
    return _outlined(engine, scene, Region(scene.next_id, "", inside, source="box", prompt_box=inside))


def select(scene: Scene, region_id: int | None) -> Scene:
    """Make a region the one that "it" stands for; None for none."""
    if region_id is not None:
        need_region(scene, region_id)
    return replace(scene, selected=region_id)


def choose_mask(scene: Scene, region_id: int, candidate: int) -> Scene:
    """Take another of the masks that were offered for a region."""
    region = need_region(scene, region_id)
    if not 0 <= candidate < len(region.candidates):
        raise DemoError(f"#{region_id} has {len(region.candidates)} masks to choose from.")
    mask, score = region.candidates[candidate]
    return scene.with_region(replace(region, mask=mask, score=score, box=mask.box))


def choose_painting(scene: Scene, picture: Picture) -> Scene:
    """Take another of the paintings that an edit offered; the regions stay as they are."""
    if not any(picture in turn.pictures for turn in scene.turns):
        raise DemoError("This painting is not one of those that were offered: choose one below the edit.")
    return replace(scene, picture=picture)


def _outlined(engine: Engine, scene: Scene, region: Region) -> Scene:
    region = engine.outline(need_picture(scene), region)
    if region.mask is None and not region.box.area:
        raise DemoError("There is nothing to outline at this place: click inside an object.")
    return replace(scene.with_region(region), selected=region.id)
