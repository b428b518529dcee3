"""Changing masks by word: grow, shrink, join, subtract; and selecting and forgetting regions."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipelines.errors import DemoError
from pipelines.interfaces import Scenes
from pipelines.language.requests import Reshape
from pipelines.merge import name_regions, need_picture, need_region, without_regions
from pipelines.scene import Mask, Region, Scene

BY_HAND = "by hand"  # the model of a turn that no model made


def grown(plane: np.ndarray, pixels: int) -> np.ndarray:
    """A bool plane (H, W) grown by `pixels`, or shrunk where that is negative; corners stay round."""
    size = 2 * abs(pixels) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    change = cv2.dilate if pixels > 0 else cv2.erode
    return change(plane.astype(np.uint8), disc, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)


def reshape(scene: Scene, request: Reshape) -> Scenes:
    """Carry out a change of masks."""
    size_wh = need_picture(scene).size_wh
    regions = [_masked(scene, number) for number in request.region_ids or (None,)]
    planes = [region.mask.array(size_wh) for region in regions if region.mask]
    if request.action in ("grow", "shrink"):
        pixels = request.pixels if request.action == "grow" else -request.pixels
        for region, plane in zip(regions, planes):
            scene = scene.with_region(_with_plane(region, grown(plane, pixels)))
        words = f"{'Grown' if pixels > 0 else 'Shrunk'} by {abs(pixels)} px: "
        ids = [region.id for region in regions]
    else:
        if len(regions) < 2:
            raise DemoError(f"To {request.action}, name two regions or more: “{request.action} #1 and #2”.")
        rest = np.logical_or.reduce(planes[1:])
        plane = planes[0] | rest if request.action == "join" else planes[0] & ~rest
        scene = scene.with_region(_with_plane(regions[0], plane))
        if request.action == "join":
            scene = without_regions(scene, [region.id for region in regions[1:]])
        words = "Joined: " if request.action == "join" else "Subtracted, leaving: "
        ids = [regions[0].id]
    yield name_regions(replace(scene, selected=ids[0]), words, ids, request.action, BY_HAND)


def select(scene: Scene, ids: tuple[int, ...]) -> Scenes:
    """Make a region the selected one."""
    region = need_region(scene, ids[0])
    yield name_regions(replace(scene, selected=region.id), "Selected: ", (region.id,), "select", BY_HAND)


def forget(scene: Scene, ids: tuple[int, ...]) -> Scenes:
    """Take regions off the page; no numbers means all."""
    for number in ids:
        need_region(scene, number)
    gone = ids or tuple(region.id for region in scene.regions)
    words = (
        "Taken off the page: " + ", ".join(f"#{number}" for number in gone) + "."
        if gone
        else "No region is here."
    )
    yield name_regions(without_regions(scene, gone), words, (), "forget", BY_HAND)


def _masked(scene: Scene, number: int | None) -> Region:
    region = need_region(scene, number)
    if region.mask is None:
        raise DemoError(f"#{region.id} has no mask yet: say “segment #{region.id}” first.")
    return region


def _with_plane(region: Region, plane: np.ndarray) -> Region:
    mask = Mask.from_array(plane)
    if not mask.bits:
        raise DemoError(f"Nothing of #{region.id} would be left: use fewer pixels.")
    return replace(region, mask=mask, box=mask.box, candidates=(), score=None, note="mask changed by hand")
