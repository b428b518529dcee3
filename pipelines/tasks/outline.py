"""Masks: outline what words, numbers or a box point at."""

from __future__ import annotations

from dataclasses import replace

from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language.requests import Outline
from pipelines.scene import Record, Scene
from pipelines.tasks.pointing import outline_box
from pipelines.tasks.regions import need_picture, need_region
from pipelines.tasks.results import Listing, Results, TaskResult, Unmet, relay
from pipelines.tasks.targets import locate


def outline(engine: Engine, scene: Scene, request: Outline, options: ReplyOptions) -> Results:
    """Find a phrase, then outline each box of it; or outline a box, or regions that are there already."""
    target, picture = request.target, need_picture(scene)
    if target and not target.region_ids and not target.box:
        result = yield from relay(locate(engine, scene, target, options))
        if isinstance(result.outcome, Unmet):
            yield replace(result, status="final")
            return
        if isinstance(result.outcome, Listing):
            result = replace(result, outcome=Listing("outline"))
        for number in result.region_ids:
            region = engine.outline(picture, need_region(result.scene, number), result.scene.regions)
            result = replace(result, scene=result.scene.with_region(region))
            yield replace(result, status="partial")
        yield replace(result, status="final")
        return
    if target.box:
        scene = outline_box(engine, scene, target.box)
        ids = (need_region(scene, scene.selected).id,)
    else:
        for number in target.region_ids or (None,):
            need_region(scene, number)
        ids = target.region_ids
        for number in ids:
            scene = scene.with_region(engine.outline(picture, need_region(scene, number), scene.regions))
        scene = replace(scene, selected=ids[0])
    record = Record("outline", engine.segmenter.name)
    yield TaskResult(scene, Listing("outline"), record, region_ids=ids)
