"""Poses: SPHINX gives the joints of the person in one box, so several people are found first."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from model.image_processing_sphinx import to_square
from pipelines.abilities import ABILITIES
from pipelines.engine import Engine
from pipelines.interfaces import CutReply, ReplyOptions
from pipelines.language.requests import Pose
from pipelines.readings import Finding, read_joints
from pipelines.scene import Record, Scene
from pipelines.tasks.regions import merge, need_picture, need_region
from pipelines.tasks.results import Listing, Results, TaskResult, Unmet, relay
from pipelines.tasks.targets import locate

MOST_PEOPLE = 20  # skeletons in one request


def pose(engine: Engine, scene: Scene, request: Pose, options: ReplyOptions) -> Results:
    """Give the 17 COCO joints of each person of the target."""
    size_wh, target = need_picture(scene).size_wh, request.target
    # Find the people
    ids = target.region_ids
    if target.box:
        scene, ids = merge(scene, (Finding("person", target.box),), source="box")
    elif target:
        found = yield from relay(locate(engine, scene, target, options))
        scene, ids = found.scene, found.region_ids
        if not ids or isinstance(found.outcome, Unmet):
            yield replace(found, status="final")
            return
    need_region(scene, ids[0] if ids else None)
    # Ask for the joints of each
    record = Record("pose", engine.about.model, options.seed)
    raws: list[str] = []
    posed: list[int] = []
    without: list[int] = []
    repeated = False
    for number in ids[:MOST_PEOPLE]:
        region = need_region(scene, number)
        x1, y1, x2, y2 = to_square(region.box, size_wh)
        question = ABILITIES["pose"].fill(box=(x1, y1, x2, y2))
        raw = ""
        with closing(engine.stream(scene.picture, question, options)) as replies:
            for raw in replies:
                joints, _ = read_joints(raw, size_wh)
                moving = scene.with_region(replace(region, keypoints=joints))
                yield TaskResult(moving, Listing("pose"), record, "partial", (*posed, number))
        raws.append(raw)
        repeated = repeated or isinstance(raw, CutReply)
        joints, notes = read_joints(raw, size_wh)
        if joints:
            scene = scene.with_region(replace(region, keypoints=joints, note="; ".join(notes) or region.note))
            posed.append(number)
        else:
            without.append(number)
    without += ids[MOST_PEOPLE:]
    scene = replace(scene, selected=(posed or ids)[0])
    outcome = Listing("pose", without=tuple(without))
    yield TaskResult(scene, outcome, record, region_ids=tuple(posed), raw="\n".join(raws), repeated=repeated)
