"""Edits: a target becomes a mask, the inpainter paints inside it, and SPHINX is asked what is there now.

Where SPHINX does not see what was wished for, the inpainter tries again with the next seed, a few times; the
painting that it saw first stands, and all of them can be chosen from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from pipelines.abilities import ABILITIES
from pipelines.engine import Engine
from pipelines.errors import DemoError
from pipelines.interfaces import Painting, Paintings, ReplyOptions
from pipelines.language.colours import COLOURS, colours_in
from pipelines.language.nouns import noun
from pipelines.language.requests import Edit
from pipelines.scene import Box, Mask, Picture, Record, Region, Scene
from pipelines.tasks.ask import describe_region, name_of
from pipelines.tasks.changing import outline_foreground, outline_targets
from pipelines.tasks.masks import grown
from pipelines.tasks.regions import need_picture, need_region, without_regions
from pipelines.tasks.results import EditReport, Progress, Results, TaskResult, Verification

MARGIN = 0.014  # of the picture's longer side: masks grow by it, so that no rim of the old thing stays
LEAST_MARGIN = 3  # pixels
ROOM = 0.04  # of a mask's longer side: by so much the box of what is replaced grows
MOST_CANDIDATES = 4  # paintings of one edit


@dataclass(frozen=True, slots=True)
class EditJob:
    """One edit: what was asked, of which regions, how these are called, and what should be seen there.

    `scene` is as it was before, `plane` bool (H, W) is what is painted, and `wish` is empty for a removal.
    """

    engine: Engine
    scene: Scene
    request: Edit
    options: ReplyOptions
    names: tuple[tuple[int, str], ...]
    plane: np.ndarray
    wish: str


def edit(engine: Engine, scene: Scene, request: Edit, options: ReplyOptions) -> Results:
    """Carry out a wish on the picture."""
    if request.action == "background":
        scene, ids = (yield from outline_foreground(engine, scene, options)), ()
    else:
        targets = yield from outline_targets(engine, scene, request, options)
        if targets is None:
            return
        scene, ids = targets
    names = tuple((number, name_of(engine, scene, need_region(scene, number), options)) for number in ids)
    wish = _wish(request, names[0][1] if names else "")
    yield from _paint(EditJob(engine, scene, request, options, names, _plane(scene, ids, request), wish))


def _paint(job: EditJob) -> Results:
    """Paint, ask SPHINX, and paint again while it does not see the wish."""
    paintings: list[Picture] = []
    best: TaskResult | None = None
    report: EditReport | None = None
    verification: Verification | None = None
    for attempt in range(min(max(job.options.candidates, job.options.tries, 1), MOST_CANDIDATES)):
        satisfied = verification.satisfied if verification else None
        if attempt >= job.options.candidates and satisfied is not False:
            break
        # Paint
        seed = job.options.seed + attempt
        painting = Painting(0, 0)
        with closing(_painting_steps(job, seed)) as steps:
            for painting in steps:
                if painting.image is not None:
                    continue
                progress = Progress(painting.step, painting.steps, attempt)
                if best is None or report is None:
                    yield _preview(job, progress, painting)
                else:
                    growing = replace(report, verification=verification, progress=progress)
                    yield replace(best, status="partial", outcome=growing)
        if painting.image is None:
            raise DemoError("The inpainter gave no picture: try again with another seed or wish.")
        painted = job.engine.pictures.add(painting.image, like=need_picture(job.scene))
        if painted in paintings:
            break  # no seed changes what this inpainter does
        paintings.append(painted)
        if satisfied:
            continue  # only one more to choose from
        # Ask SPHINX what is there now
        new_report = EditReport(
            job.request.action, job.wish, job.names, painting.by or job.engine.inpainter.name
        )
        result = _painted(job, painted, new_report, seed)
        if best is None:
            yield replace(result, status="partial")
        found = _verify(job, result.scene)
        if best is None or found.satisfied:
            best, report, verification = result, new_report, found
    assert best
    assert report
    shown = best.scene.picture
    offered = tuple(sorted(paintings, key=lambda one: one != shown)) if len(paintings) > 1 else ()
    report = replace(report, verification=verification, paintings=len(paintings))
    yield replace(best, outcome=report, pictures=offered)


def _painting_steps(job: EditJob, seed: int) -> Paintings:
    """One painting as it grows."""
    image = job.engine.image(need_picture(job.scene))
    options = replace(job.options.inpainter, seed=seed, keep_shape=job.request.action == "recolour")
    return job.engine.inpainter.paint(image, job.plane, job.wish, options=options)


def _preview(job: EditJob, progress: Progress, painting: Painting) -> TaskResult:
    """The first painting as it grows."""
    shown = job.engine.pictures.add_preview(painting.preview) if painting.preview is not None else None
    record = Record("edit", job.engine.inpainter.name)
    touched = tuple(number for number, _ in job.names)
    return TaskResult(job.scene, progress, record, "preview", preview=shown, touched=touched)


def _painted(job: EditJob, picture: Picture, report: EditReport, seed: int) -> TaskResult:
    """The painted scene: what was removed is gone, what was replaced is outlined anew."""
    scene, ids = replace(job.scene, picture=picture), tuple(number for number, _ in job.names)
    if job.request.action == "remove":
        scene = without_regions(scene, ids)
    else:
        for number in ids:
            region = replace(need_region(scene, number), label=job.wish, source="edit", keypoints=None)
            if job.request.action == "replace":
                blank = replace(region, clicks=(), prompt_box=region.box, mask=None)
                region = job.engine.outline(picture, blank)
            scene = scene.with_region(region)
    details = (("action", report.action), ("wish", job.wish), *job.options.inpainter.said())
    record = Record("edit", report.inpainter, seed, details=details)
    return TaskResult(scene, report, record, region_ids=ids)


def _plane(scene: Scene, ids: Sequence[int], request: Edit) -> np.ndarray:
    """What is painted: bool (H, W)."""
    size_wh = need_picture(scene).size_wh
    regions = [need_region(scene, i) for i in ids] if ids else list(scene.regions)
    plane = np.logical_or.reduce([region.mask.array(size_wh) for region in regions if region.mask])
    if request.action == "background":
        return ~plane
    if request.action == "recolour":
        return plane
    if request.action == "replace":
        plane = np.logical_or.reduce([_room(region.mask.array(size_wh)) for region in regions if region.mask])
        others = [r.mask.array(size_wh) for r in scene.regions if r.mask and r.id not in ids]
        plane &= ~np.logical_or.reduce([np.zeros_like(plane), *others])
        if not plane.any():
            raise DemoError("What is to be replaced lies wholly under other regions: forget those first.")
        return plane
    plane = grown(plane, _margin(size_wh))
    if request.target.but:
        for region in scene.regions:
            if region.mask and region.id not in ids:
                plane &= ~region.mask.array(size_wh)
    return plane


def _room(plane: np.ndarray) -> np.ndarray:
    """Where a new thing may lie: it has an outline of its own, so the old one's box, grown."""
    box = Mask.from_array(plane).box
    room = np.zeros_like(plane)
    room[box.y1 : box.y2, box.x1 : box.x2] = True
    return grown(room, max(LEAST_MARGIN, round(ROOM * max(box.x2 - box.x1, box.y2 - box.y1))))


def _wish(request: Edit, name: str) -> str:
    """What should be seen: a recoloured red ball is a "blue ball"."""
    if request.action != "recolour":
        return request.wish
    noun = " ".join(word for word in name.split() if word.lower() not in COLOURS)
    return f"{request.wish} {noun}".strip()


def _verify(job: EditJob, scene: Scene) -> Verification:
    """Ask SPHINX what is there in the painted scene. The question does not hold the answer."""
    if job.request.action == "background":
        question = ABILITIES["short"].fill(question="What is the background of the image?")
        return Verification(job.engine.complete(need_picture(scene), question, job.options).strip())
    if job.request.action == "remove":
        return _verify_removal(job, scene)
    said = describe_region(job.engine, scene, Region(0, "", Mask.from_array(job.plane).box), job.options)
    wished = list(colours_in(job.wish))
    if job.request.action == "replace" and noun(job.wish):
        wished.append(noun(job.wish))
    return Verification(said, all(_says(said, word) for word in wished) if wished else None)


def _verify_removal(job: EditJob, scene: Scene) -> Verification:
    """Ask what is where each thing was: all must be gone."""
    said, gone = [], True
    for number, name in job.names:
        place = Region(0, "", _box(job, number))
        seen = describe_region(job.engine, scene, place, job.options)
        gone &= not name or not _says(seen, noun(name))
        said.append(seen)
    return Verification(", ".join(dict.fromkeys(filter(None, said))), gone)


def _box(job: EditJob, number: int) -> Box:
    """The box of what was painted where a thing was."""
    size_wh = need_picture(job.scene).size_wh
    mask = need_region(job.scene, number).mask
    assert mask
    return Mask.from_array(grown(mask.array(size_wh), _margin(size_wh))).box


def _margin(size_wh: tuple[int, int]) -> int:
    return max(LEAST_MARGIN, round(MARGIN * max(size_wh)))


def _says(said: str, word: str) -> bool:
    return bool(word) and bool(re.search(rf"\b{re.escape(word)}s?\b", said, re.IGNORECASE))
