"""Edits: a target becomes a mask, the inpainter paints inside it, and SPHINX is asked what is there now.

Where SPHINX does not see what was wished for, the inpainter tries again with the next seed, a few times; the
painting that it saw first stands, and all of them can be chosen from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pipelines import ask
from pipelines.errors import DemoError
from pipelines.interfaces import Painting, Paintings, Scenes
from pipelines.language.colours import COLOURS, colours_in
from pipelines.language.nouns import noun
from pipelines.language.requests import Edit, Target
from pipelines.merge import need_picture, need_region, without_regions
from pipelines.reshape import grown
from pipelines.scene import Mask, Picture, Record, Region, Scene, Span, Turn
from pipelines.tasks import TASKS

if TYPE_CHECKING:
    from pipelines.assistant import Assistant, ReplyOptions

MARGIN = 0.014  # of the picture's longer side: masks grow by it, so that no rim of the old thing stays
LEAST_MARGIN = 3  # pixels
ROOM = 0.04  # of a mask's longer side: by so much the box of what is replaced grows
MOST_CANDIDATES = 4  # paintings of one edit
DONE = {
    "remove": "Removed ",
    "replace": "Replaced ",
    "recolour": "Recoloured ",
    "background": "Changed the background",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One edit: what was asked, of which regions, how these are called, and what should be seen there.

    `scene` is as it was before, `plane` bool (H, W) is what is painted, and `wish` is empty for a removal.
    """

    assistant: Assistant
    scene: Scene
    request: Edit
    options: ReplyOptions
    names: Mapping[int, str]
    plane: np.ndarray
    wish: str


def edit(assistant: Assistant, scene: Scene, request: Edit, options: ReplyOptions) -> Scenes:
    """Carry out a wish on the picture."""
    need_picture(scene)
    if request.action == "background":
        found = yield from _foreground(assistant, scene, options)
    else:
        found = yield from _targets(assistant, scene, request.target, options)
    if found is None:
        return
    scene, ids = found
    names = {number: _name(assistant, scene, number, options) for number in ids}
    wish = _wish(request, names[ids[0]] if ids else "")
    yield from _painted(Job(assistant, scene, request, options, names, _plane(scene, ids, request), wish))


def _painted(job: Job) -> Scenes:
    """Paint, ask SPHINX, and paint again while it does not see the wish."""
    paintings: list[Picture] = []
    best: Told | None = None
    seen, show = Seen(""), partial(_on_the_way, job)
    for attempt in range(min(max(job.options.candidates, job.options.tries, 1), MOST_CANDIDATES)):
        if attempt >= job.options.candidates and seen.came is not False:
            break
        seed = job.options.seed + attempt
        painting = Painting(0, 0)
        with closing(_steps(job, seed)) as steps:
            for painting in steps:
                if painting.image is None:
                    yield show(painting, attempt)
        if painting.image is None:
            raise DemoError("The inpainter gave no picture: try again with another seed or wish.")
        painted = job.assistant.pictures.add(painting.image)
        if painted in paintings:
            break  # no seed changes what this inpainter does
        paintings.append(painted)
        if seen.came:
            continue  # only one more to choose from
        after = _after(job, painted)
        told = partial(_told, job, after, painting.by or job.assistant.inpainter.name, seed)
        if best is None:
            yield told("")
        found = _seen(job, after)
        if best is None or found.came:
            seen, best, show = found, told, partial(_once_more, told, found)
    assert best
    final = best(_verdict(job.request, seen, len(paintings)))
    offered = tuple(sorted(paintings, key=lambda one: one != final.picture))  # the shown one first
    turn = replace(final.turns[-1], pictures=offered if len(offered) > 1 else ())
    yield replace(final, turns=(*final.turns[:-1], turn))


def _steps(job: Job, seed: int) -> Paintings:
    """One painting as it grows."""
    image = job.assistant.image(need_picture(job.scene))
    dials = replace(job.options.inpainter, seed=seed, keep_shape=job.request.action == "recolour")
    return job.assistant.inpainter.paint(image, job.plane, job.wish, options=dials)


Found = tuple[Scene, tuple[int, ...]]
Told = Callable[[str], Scene]  # a verdict -> the scene that tells of a painting


def _targets(
    assistant: Assistant, scene: Scene, target: Target, options: ReplyOptions
) -> Generator[Scene, None, Found | None]:
    """The regions that are to change, with masks; None where SPHINX found none, and has said so."""
    if target.region_ids and all((region := scene.region(i)) and region.mask for i in target.region_ids):
        return replace(scene, selected=target.region_ids[0]), target.region_ids
    found = scene
    with closing(assistant.outline_words(scene, target, options)) as scenes:
        for found in scenes:
            yield found
    named = dict.fromkeys(i for span in found.turns[-1].spans for i in span.region_ids)
    ids = tuple(i for i in named if (region := found.region(i)) and region.mask)
    if not ids:
        return None
    return replace(found, turns=scene.turns), ids


def _foreground(
    assistant: Assistant, scene: Scene, options: ReplyOptions
) -> Generator[Scene, None, Found | None]:
    """All regions with masks; where there are none, SPHINX names what is there and each is outlined."""
    if not any(region.mask for region in scene.regions):
        found = scene
        with closing(assistant.look(scene, "dense", TASKS["dense"].prompt.fill(), options)) as scenes:
            for found in scenes:
                yield found
        for region in found.regions:
            found = found.with_region(assistant.outline(found, region))
        scene = replace(found, turns=scene.turns)
    if not any(region.mask for region in scene.regions):
        raise DemoError(
            "What is the foreground? Click or segment what should stay, then change the background."
        )
    return scene, ()


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
    return grown(plane, max(LEAST_MARGIN, round(MARGIN * max(size_wh))))


def _room(plane: np.ndarray) -> np.ndarray:
    """Where a new thing may lie: it has an outline of its own, so the old one's box, grown."""
    box = Mask.from_array(plane).box
    room = np.zeros_like(plane)
    room[box.y1 : box.y2, box.x1 : box.x2] = True
    return grown(room, max(LEAST_MARGIN, round(ROOM * max(box.x2 - box.x1, box.y2 - box.y1))))


def _name(assistant: Assistant, scene: Scene, number: int, options: ReplyOptions) -> str:
    """What a region is called, by its label or by SPHINX."""
    region = need_region(scene, number)
    return region.label or ask.describe_silently(assistant, scene, region, options)


def _wish(request: Edit, name: str) -> str:
    """What should be seen: a recoloured red ball is a "blue ball"."""
    if request.action != "recolour":
        return request.wish
    noun = " ".join(word for word in name.split() if word.lower() not in COLOURS)
    return f"{request.wish} {noun}".strip()


def _on_the_way(job: Job, painting: Painting, attempt: int) -> Scene:
    """The first painting as it grows."""
    scene = job.scene
    if painting.preview is not None:
        scene = replace(scene, picture=job.assistant.pictures.add(painting.preview))
    record = Record("edit", job.assistant.inpainter.name)
    words = f"Painting, step {painting.step} of {painting.steps} …"
    return scene.with_turn(Turn("assistant", words, record=record))


def _once_more(told: Told, seen: Seen, painting: Painting, attempt: int) -> Scene:
    """The best painting until now, which stays if the visitor stops, and how far the next one is."""
    wished = f"{seen.words}: not what was wished for." if seen.came is False else f"{seen.words}."
    return told(f"{wished} Painting no. {attempt + 1}, step {painting.step} of {painting.steps} …")


def _after(job: Job, picture: Picture) -> Scene:
    """The painted scene: what was removed is gone, what was replaced is outlined anew."""
    scene = replace(job.scene, picture=picture)
    if job.request.action == "remove":
        return without_regions(scene, tuple(job.names))
    for number in job.names:
        region = replace(need_region(scene, number), label=job.wish, source="edit", keypoints=None)
        if job.request.action == "replace":
            region = job.assistant.outline(
                scene, replace(region, clicks=(), prompt_box=region.box, mask=None)
            )
        scene = scene.with_region(region)
    return scene


@dataclass(frozen=True, slots=True)
class Seen:
    """What SPHINX says of a painting, and whether the wish came true; None where that cannot be judged."""

    words: str
    came: bool | None = None


def _seen(job: Job, scene: Scene) -> Seen:
    """Ask SPHINX what is there in the painted scene. The question does not hold the answer."""
    if job.request.action == "background":
        question = TASKS["short"].prompt.fill(question="What is the background of the image?")
        said = job.assistant.complete(scene, question, job.options).strip()
        return Seen(f" Asked for the background, SPHINX says: “{said}”")
    place = Region(0, "", Mask.from_array(job.plane).box)
    said = ask.describe_silently(job.assistant, scene, place, job.options)
    if job.request.action == "remove":
        name = next(iter(job.names.values()))
        words = f" SPHINX now sees there: “{said}”" if said else " SPHINX sees nothing there now"
        return Seen(words, not name or not _says(said, noun(name)))
    wished = list(colours_in(job.wish))
    if job.request.action == "replace" and noun(job.wish):
        wished.append(noun(job.wish))
    came = all(_says(said, word) for word in wished) if wished else None
    return Seen(f" SPHINX now sees there: “{said or 'nothing'}”", came)


def _verdict(request: Edit, seen: Seen, paintings: int) -> str:
    """The sentence that says whether the wish came true, after so many paintings."""
    if seen.came is None:
        return f"{seen.words}."
    tried = f", after {paintings} paintings" if paintings > 1 else ""
    if seen.came:
        return f"{seen.words}: the wish came true{tried}."
    if request.action == "remove":
        return f"{seen.words}: it may still be there{tried}, try another seed."
    return f"{seen.words}: not what was wished for{tried}, try another seed."


def _says(said: str, word: str) -> bool:
    return bool(word) and bool(re.search(rf"\b{re.escape(word)}s?\b", said, re.IGNORECASE))


def _told(job: Job, scene: Scene, inpainter: str, seed: int, verdict: str) -> Scene:
    """The painted scene with the turn that says what was done, by whom, and what SPHINX thinks of it."""
    action, wish = job.request.action, job.wish
    text = DONE[action]
    spans: list[Span] = []
    for number, name in job.names.items():
        named = f"{name} (#{number})" if name else f"#{number}"
        text += ", " if spans else ""
        spans.append(Span(len(text), len(text) + len(named), (number,)))
        text += named
    if action != "remove":
        text += f": {wish}" if action == "background" else f", now: {wish}"
    text += f" (by {inpainter})."
    details = (("action", action), ("wish", wish), *job.options.inpainter.said())
    record = Record("edit", inpainter, seed, details=details)
    return scene.with_turn(Turn("assistant", text + verdict, tuple(spans), record=record))
