"""Edits: a target becomes a mask, the inpainter paints inside it, and SPHINX is asked what is there now.

Where SPHINX does not see what was wished for, the inpainter tries again with the next seed, a few times; the
painting that it saw first stands, and all of them can be chosen from.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from PIL import Image

from pipelines.abilities import ABILITIES
from pipelines.engine import Engine
from pipelines.errors import DemoError
from pipelines.inpainting.choosing import inpainter_for
from pipelines.inpainting.holes import background_hole, removal_hole, replacement_hole
from pipelines.inpainting.plainness import is_plain
from pipelines.inpainting.shadows import removal_hole_with_shadows
from pipelines.inpainting.verification import verify_removal
from pipelines.interfaces import Inpainter, Painting, ReplyOptions
from pipelines.language.colours import COLOURS, colours_in
from pipelines.language.nouns import head, noun
from pipelines.language.requests import Edit, EditAction
from pipelines.line import Waiting
from pipelines.mask_shapes import difference, intersection, parts, union
from pipelines.scene import Box, Mask, Picture, Record, Region, Scene
from pipelines.tasks.changing import outline_foreground, outline_targets
from pipelines.tasks.naming import describe_region, name_of
from pipelines.tasks.regions import need_picture, need_region, without_regions
from pipelines.tasks.results import (
    EditReport,
    Progress,
    Queued,
    Results,
    TaskResult,
    Unmet,
    Verification,
)
from pipelines.tasks.targets import locate

MOST_CANDIDATES = 4  # paintings of one edit
MOST_PARTS = 8  # of a replaced region, the largest, that are outlined anew


@dataclass(frozen=True, slots=True)
class EditJob:
    """One edit: what was asked, of which regions, how these are called, and what should be seen there.

    `scene` is as it was before, `hole` holds the pixels that may change, and `wish` is empty for a removal.
    """

    engine: Engine
    scene: Scene
    request: Edit
    options: ReplyOptions
    names: tuple[tuple[int, str], ...]
    hole: Mask
    wish: str
    inpainter: Inpainter


def edit(engine: Engine, scene: Scene, request: Edit, options: ReplyOptions) -> Results:
    """Carry out a wish on the picture."""
    if request.action == "background":
        foreground = yield from outline_foreground(engine, scene, options)
        if foreground is None:
            return
        scene, ids = foreground, ()
    else:
        targets = yield from outline_targets(engine, scene, request, options)
        if targets is None:
            return
        scene, ids = targets
    names = tuple((number, name_of(engine, scene, need_region(scene, number), options)) for number in ids)
    wish = _wish(request, names[0][1] if names else "")
    hole = _hole(engine, scene, ids, request)
    inpainter = _inpainter(engine, scene, hole, wish)
    job = EditJob(engine, scene, request, options, names, hole, wish, inpainter)
    yield _preview(job, Progress(0, options.steps), Painting(0, options.steps))  # what it is about to touch
    yield from _paint(job)


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
            for step in steps:
                if isinstance(step, Waiting):
                    yield _queued(job, best, step)
                    continue
                painting = step
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
        by = painting.by or job.inpainter.name
        new_report = EditReport(job.request.action, job.wish, job.names, by, hole=job.hole)
        result = _painted(job, painted, new_report, seed)
        if best is None:
            yield replace(result, status="partial")
        found = _verify(job, result.scene, painting.image)
        if best is None or found.satisfied:
            best, report, verification = result, new_report, found
    assert best
    assert report
    if verification and verification.satisfied and job.request.action == "remove":
        verification = _look_again(job, best.scene, verification)
    shown = best.scene.picture
    offered = tuple(sorted(paintings, key=lambda one: one != shown)) if len(paintings) > 1 else ()
    report = replace(report, verification=verification, paintings=len(paintings))
    yield replace(best, outcome=report, pictures=offered)


def _queued(job: EditJob, best: TaskResult | None, place: Waiting) -> TaskResult:
    """Return the place in the line before the inpainter."""
    queued = Queued("edit", *place)
    if best is not None:
        return replace(best, status="partial", outcome=queued)
    return replace(_preview(job, Progress(0, job.options.steps), Painting(0, 0)), outcome=queued)


def _painting_steps(job: EditJob, seed: int) -> Generator[Waiting | Painting, None, None]:
    """Return one painting as it grows, or the place in the line before it."""
    image = job.engine.image(need_picture(job.scene))
    options = replace(job.options.inpainter, seed=seed, keep_shape=job.request.action == "recolour")
    painting = job.inpainter.paint(image, job.hole.array(image.size), job.wish, options=options)
    return job.engine.painting.take_turn(painting)


def _inpainter(engine: Engine, scene: Scene, hole: Mask, wish: str) -> Inpainter:
    """Return the inpainter for a wish on the scene's picture."""
    if wish:
        return engine.inpainter
    picture = need_picture(scene)
    image = engine.image(picture)
    plain = is_plain(image, hole.array(image.size))
    return inpainter_for(engine.inpainter, wish, photograph=not engine.is_drawn(picture), plain=plain)


def _preview(job: EditJob, progress: Progress, painting: Painting) -> TaskResult:
    """Return the first painting as it grows."""
    shown = job.engine.pictures.add_preview(painting.preview) if painting.preview is not None else None
    record = Record("edit", job.inpainter.name)
    touched = tuple(number for number, _ in job.names)
    return TaskResult(job.scene, progress, record, "preview", preview=shown, touched=touched, hole=job.hole)


def _painted(job: EditJob, picture: Picture, report: EditReport, seed: int) -> TaskResult:
    """Return the painted scene: what was removed is gone, what was replaced is outlined anew."""
    scene, ids = replace(job.scene, picture=picture), tuple(number for number, _ in job.names)
    if job.request.action == "remove":
        scene = without_regions(scene, ids)
    else:
        for number in ids:
            region = replace(need_region(scene, number), label=job.wish, source="edit", keypoints=None)
            if job.request.action == "replace":
                region = _outline_replacement(job, picture, region)
            scene = scene.with_region(region)
    details = (("action", report.action), ("wish", job.wish), *job.options.inpainter.said())
    record = Record("edit", report.inpainter, seed, details=details)
    return TaskResult(scene, report, record, region_ids=ids, hole=job.hole)


def _outline_replacement(job: EditJob, picture: Picture, region: Region) -> Region:
    """Return the region with the outline of what was painted in its place: one in each of its holes."""
    hole = replacement_hole([region.mask], [], picture.size_wh) if region.mask else job.hole
    found = region
    masks = []
    for part in parts(hole)[:MOST_PARTS]:
        blank = replace(region, clicks=(), prompt_box=part.box, mask=None)
        found = job.engine.outline(picture, blank)
        if found.mask:
            masks.append(intersection(found.mask, part))
    mask = union(masks)
    if len(masks) < 2 or not mask.bits:
        return found
    return replace(found, mask=mask, box=mask.box, candidates=(), prompt_box=hole.box)


def _hole(engine: Engine, scene: Scene, ids: Sequence[int], request: Edit) -> Mask:
    """Return the pixels that may change."""
    picture = need_picture(scene)
    size_wh = picture.size_wh
    regions = [need_region(scene, i) for i in ids] if ids else list(scene.regions)
    masks = [region.mask for region in regions if region.mask]
    others = [other.mask for other in scene.regions if other.mask and other.id not in ids]
    match request.action:
        case "background":
            return background_hole(masks, size_wh)
        case "recolour":
            return union(masks)
        case "replace":
            return replacement_hole(masks, others, size_wh)
    hole = removal_hole_with_shadows(engine.image(picture), masks, others)
    return difference(hole, others) if request.target.but and others else hole


def _wish(request: Edit, name: str) -> str:
    """Return what should be seen: a recoloured red ball is a "blue ball"."""
    if request.action != "recolour":
        return request.wish
    noun = " ".join(word for word in name.split() if word.lower() not in COLOURS)
    return f"{request.wish} {noun}".strip()


def _verify(job: EditJob, scene: Scene, painted: Image.Image) -> Verification:
    """Ask SPHINX what is there in the painted scene, and the pixels whether something of the old is left.

    The question does not hold the answer. Of a picture that SPHINX does not know well, the pixels alone tell.
    """
    if not job.engine.is_sure(need_picture(job.scene)):
        before = job.engine.image(need_picture(job.scene))
        removed = job.request.action == "remove"
        doubts = verify_removal(before, painted, job.hole).reasons if removed else ()
        return Verification("", False if doubts else None, doubts, judged=False)
    if job.request.action == "background":
        question = ABILITIES["short"].fill(question="What is the background of the image?")
        return Verification(job.engine.complete(need_picture(scene), question, job.options).strip())
    if job.request.action == "remove":
        return _verify_removal(job, scene, painted)
    said, verdicts = [], []
    for number, name in job.names:
        seen = describe_region(job.engine, scene, Region(0, "", _place(job, number)), job.options)
        said.append(seen)
        verdicts.append(_came_true(job.request.action, job.wish, name, seen))
    satisfied = False if False in verdicts else None if None in verdicts else True
    return Verification(", ".join(dict.fromkeys(filter(None, said))), satisfied)


def _place(job: EditJob, number: int) -> Box:
    """Return where something else should be seen now in place of a region."""
    mask = need_region(job.scene, number).mask
    assert mask
    if job.request.action == "replace":
        return replacement_hole([mask], [], need_picture(job.scene).size_wh).box
    return mask.box


def _came_true(action: EditAction, wish: str, name: str, said: str) -> bool | None:
    """Return whether SPHINX's name for a place has the wished colours, no other, and the thing.

    None where that tells nothing: it calls what was recoloured another thing, or names no colour.

    Args:
        name: what the thing was called before.
    """
    wished, seen = set(colours_in(wish)), set(colours_in(head(said)))
    if wished and seen and wished != seen:
        return False
    thing = noun(wish if action == "replace" else name)
    if thing and not _says(said, thing):
        return False if action == "replace" else None
    return None if wished > seen or not (wished or thing) else True


def _verify_removal(job: EditJob, scene: Scene, painted: Image.Image) -> Verification:
    """Ask what is where each thing was: all must be gone, by SPHINX's words and by the pixels."""
    picture = need_picture(job.scene)
    said, gone = [], True
    for number, name in job.names:
        mask = need_region(job.scene, number).mask
        assert mask
        place = Region(0, "", removal_hole([mask], picture.size_wh).box)
        seen = describe_region(job.engine, scene, place, job.options)
        gone &= not name or not _says(seen, noun(name))
        said.append(seen)
    doubts = verify_removal(job.engine.image(picture), painted, job.hole).reasons
    return Verification(", ".join(dict.fromkeys(filter(None, said))), gone and not doubts, doubts)


def _look_again(job: EditJob, scene: Scene, verification: Verification) -> Verification:
    """Look in the whole painted scene for what was to be removed: gone from its place is not gone.

    A number, a click or "it" means that region alone; a phrase means what it names, wherever it is.
    """
    target = job.request.target
    if not target.phrase or target.but or target.pick or target.near:
        return verification
    *_, found = locate(job.engine, replace(scene, regions=()), target, job.options, known=False)
    if isinstance(found.outcome, Unmet) or not found.region_ids:
        return verification
    return replace(verification, satisfied=False, left=target.phrase)


def _says(said: str, word: str) -> bool:
    return bool(word) and bool(re.search(rf"\b{re.escape(word)}s?\b", said, re.IGNORECASE))
