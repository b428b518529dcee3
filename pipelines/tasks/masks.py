"""Changing masks by word: grow, shrink, join, subtract; and selecting and forgetting regions."""

from __future__ import annotations

from dataclasses import replace

from pipelines.engine import Engine
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.language.requests import Forget, Reshape, Select
from pipelines.mask_shapes import difference, grow, union
from pipelines.scene import Mask, Record, Region, Scene
from pipelines.tasks.regions import need_picture, need_region, without_regions
from pipelines.tasks.results import Listing, Results, TaskResult

BY_HAND = "by hand"  # the model of a turn that no model made


def reshape(engine: Engine, scene: Scene, request: Reshape, options: ReplyOptions) -> Results:
    """Carry out a change of masks."""
    size_wh = need_picture(scene).size_wh
    regions = [_masked(scene, number) for number in request.region_ids or (None,)]
    masks = [region.mask for region in regions if region.mask]
    if request.action in ("grow", "shrink"):
        pixels = request.pixels if request.action == "grow" else -request.pixels
        for region, mask in zip(regions, masks):
            scene = scene.with_region(_with_mask(region, grow(mask, pixels, size_wh)))
        ids = tuple(region.id for region in regions)
    else:
        if len(regions) < 2:
            raise DemoError(f"To {request.action}, name two regions or more: “{request.action} #1 and #2”.")
        joined = request.action == "join"
        mask = union(masks) if joined else difference(masks[0], masks[1:])
        scene = scene.with_region(_with_mask(regions[0], mask))
        if joined:
            scene = without_regions(scene, [region.id for region in regions[1:]])
        ids = (regions[0].id,)
    yield _by_hand(replace(scene, selected=ids[0]), Listing(request.action, request.pixels), ids)


def select(engine: Engine, scene: Scene, request: Select, options: ReplyOptions) -> Results:
    """Make a region the selected one."""
    region = need_region(scene, request.region_ids[0])
    yield _by_hand(replace(scene, selected=region.id), Listing("select"), (region.id,))


def forget(engine: Engine, scene: Scene, request: Forget, options: ReplyOptions) -> Results:
    """Take regions off the page; no numbers means all."""
    for number in request.region_ids:
        need_region(scene, number)
    gone = request.region_ids or tuple(region.id for region in scene.regions)
    yield _by_hand(without_regions(scene, gone), Listing("forget", without=gone))


def _by_hand(scene: Scene, outcome: Listing, ids: tuple[int, ...] = ()) -> TaskResult:
    return TaskResult(scene, outcome, Record(outcome.action, BY_HAND), region_ids=ids)


def _masked(scene: Scene, number: int | None) -> Region:
    region = need_region(scene, number)
    if region.mask is None:
        raise DemoError(f"#{region.id} has no mask yet: say “segment #{region.id}” first.")
    return region


def _with_mask(region: Region, mask: Mask) -> Region:
    if not mask.bits:
        raise DemoError(f"Nothing of #{region.id} would be left: use fewer pixels.")
    return replace(region, mask=mask, box=mask.box, candidates=(), score=None, note="mask changed by hand")
