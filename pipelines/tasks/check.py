"""Questions that are answered by finding things: whether they are there, how many, and which they are."""

from __future__ import annotations

from dataclasses import replace

from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language.requests import Check, Target
from pipelines.scene import Record, Scene
from pipelines.tasks.results import Checked, Results, TaskResult, relay
from pipelines.tasks.targets import locate


def check(engine: Engine, scene: Scene, request: Check, options: ReplyOptions) -> Results:
    """Look for each target in turn."""
    found: list[tuple[Target, tuple[int, ...]]] = []
    for target in request.targets:
        alone = request.question in ("larger", "smaller")
        asked = target if target.but or alone else replace(target, every=True, count=0)
        result = yield from relay(locate(engine, scene, asked, options))
        scene = result.scene
        found.append((target, result.region_ids))
    ids = tuple(dict.fromkeys(number for _, numbers in found for number in numbers))
    record = Record("detect", engine.about.model, options.seed)
    yield TaskResult(scene, Checked(request.question, tuple(found)), record, region_ids=ids)
