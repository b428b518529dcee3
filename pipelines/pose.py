"""Poses: SPHINX gives the joints of the person in one box, so several people are found first."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from model.image_processing_sphinx import to_square
from pipelines.interfaces import Scenes
from pipelines.language.requests import Target
from pipelines.merge import merge, name_regions, need_picture, need_region
from pipelines.scene import Record, Scene
from pipelines.tasks import TASKS, Finding, read_joints

if TYPE_CHECKING:
    from pipelines.assistant import Assistant, ReplyOptions

MOST_PEOPLE = 20  # skeletons in one request


def pose(assistant: Assistant, scene: Scene, target: Target, options: ReplyOptions) -> Scenes:
    """The 17 COCO joints of each person of the target."""
    size_wh = need_picture(scene).size_wh
    if target.box:
        scene, ids = merge(scene, (Finding("person", target.box),), source="box")
    elif target.phrase:
        found = scene
        with closing(assistant.find(scene, target, options)) as scenes:
            for found in scenes:
                yield found
        ids = tuple(dict.fromkeys(i for span in found.turns[-1].spans for i in span.region_ids))
        if not ids:
            return
        scene = replace(scene, regions=found.regions, selected=found.selected, next_id=found.next_id)
    else:
        ids = target.region_ids
        need_region(scene, ids[0] if ids else None)
    scene = assistant.warn(scene, "pose")
    raws: list[str] = []
    shown, without = [], []
    for number in ids[:MOST_PEOPLE]:
        region = need_region(scene, number)
        x1, y1, x2, y2 = to_square(region.box, size_wh)
        question = TASKS["pose"].prompt.fill(box=(x1, y1, x2, y2))
        raw = ""
        with closing(assistant.stream(scene, question, options)) as replies:
            for raw in replies:
                joints, notes = read_joints(raw, size_wh)
                moving = scene.with_region(replace(region, keypoints=joints))
                yield name_regions(moving, "Pose of ", [*shown, number], "pose", assistant.about.model)
        raws.append(raw)
        joints, notes = read_joints(raw, size_wh)
        if joints:
            scene = scene.with_region(replace(region, keypoints=joints, note="; ".join(notes) or region.note))
            shown.append(number)
        else:
            without.append(number)
    if len(ids) > MOST_PEOPLE:
        without += ids[MOST_PEOPLE:]
    note = "no joints were given for " + ", ".join(f"#{number}" for number in without) if without else None
    words = "Pose of " if shown else "No pose was found."
    scene = name_regions(scene, words, shown, "pose", assistant.about.model, note)
    record = Record("pose", assistant.about.model, options.seed)
    turn = replace(scene.turns[-1], raw="\n".join(raws), record=record)
    yield replace(scene, selected=(shown or ids)[0], turns=(*scene.turns[:-1], turn))
