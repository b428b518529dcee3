"""Masks: outline what words, numbers or a box point at."""

from __future__ import annotations

from dataclasses import replace

from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language.requests import Outline
from pipelines.scene import Record, Scene
from pipelines.tasks.find import find_target
from pipelines.tasks.pointing import outline_box
from pipelines.tasks.regions import need_picture, need_region
from pipelines.tasks.results import Listing, Results, TaskResult, relay


def outline(engine: Engine, scene: Scene, request: Outline, options: ReplyOptions) -> Results:
    """Find a phrase, then outline each box of it; or outline a box, or regions that are there already."""
    target, picture = request.target, need_picture(scene)
    if target.phrase:
        result = yield from relay(find_target(engine, scene, target, options))
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
