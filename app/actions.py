"""What happens when the visitor does something: (assistant, timeline, input) -> timeline.

The functions are plain: they know no widgets and no events. `app.page` stands between them and Gradio.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from app import render
from pipelines.assistant import Assistant
from pipelines.errors import DemoError
from pipelines.export import open_session
from pipelines.interfaces import ReplyOptions
from pipelines.masks import read_mask, with_mask
from pipelines.scene import Box, Click, Point, Region, Scene, Timeline, Turn, told
from pipelines.tasks import pointing
from pipelines.tasks.regions import without_regions
from pipelines.visit import Growing, push, serve

LONGEST_MESSAGE = 2000  # characters
NEAR = 0.2  # how far beside the selected region, in its own size, a click still refines it
SMALLER = 0.6  # of a mask's area; a thing that lies on another one is smaller than this
WITHIN = 0.8  # of a mask that must lie on the selected one for its thing to lie there
ZIP = b"PK\x03\x04"  # how a ZIP begins


def open_file(assistant: Assistant, path: Path) -> Callable[[Timeline], Timeline]:
    """Open a file: a picture begins a new scene, with those before within reach of undo; a session goes on.

    Returns: what becomes of the timeline that there is when the file has been read.
    Raises:
        DemoError: it is neither a picture nor a session's ZIP.
    """
    with path.open("rb") as file:
        zipped = file.read(len(ZIP)) == ZIP
    if zipped:
        session = open_session(assistant, path)
        return lambda timeline: session
    scene = assistant.open(path)
    return lambda timeline: push(timeline, scene)


def use_mask(path: Path) -> Callable[[Timeline], Timeline]:
    """Read a mask that was made elsewhere: it becomes a region of the open picture, and is selected.

    Raises:
        DemoError: it is none for this picture, or there is no picture; by what is returned.
    """

    def change(timeline: Timeline) -> Timeline:
        if timeline.scene.picture is None:
            raise DemoError("A mask needs a picture: open one first.")
        return push(timeline, with_mask(timeline.scene, read_mask(path, timeline.scene.picture.size_wh)))

    return change


def ask(
    assistant: Assistant, timeline: Timeline, words: str, options: ReplyOptions, base: Scene | None = None
) -> Generator[Growing]:
    """Serve a message: one step for each request in it, which grows. Closing the iterator stops the models.

    Args:
        base: the scene that it is said to; None for the newest.
    Raises:
        DemoError: nothing was said, or the assistant refuses.
    """
    yield from serve(assistant, timeline, validate_message(words), options=options, base=base)


def validate_message(words: str) -> str:
    """Return a message that can be answered.

    Raises:
        DemoError: it is empty or too long.
    """
    words = words.encode("utf-8", "replace").decode().strip()  # half a letter cannot be written anywhere
    if not words:
        raise DemoError("There is no question: write one, or choose one of the suggestions.")
    if len(words) > LONGEST_MESSAGE:
        raise DemoError(f"The message has {len(words)} characters: at most {LONGEST_MESSAGE} are read.")
    return words


def before_turn(timeline: Timeline, index: int) -> Scene:
    """Return the newest scene in which turn `index` of the shown one had not been said yet.

    Where that one is not kept any more: the shown scene without what was said since.
    """
    shown = timeline.scene
    said = shown.turns[:index]
    while timeline.can_undo and timeline.scene.turns != said:
        timeline = timeline.undo()
    return timeline.scene if timeline.scene.turns == said else replace(shown, turns=said)


def question_of(scene: Scene, index: int) -> tuple[int, str]:
    """Return the index and the words of the visitor's message that turn `index` is, or answers."""
    for at in range(min(index, len(scene.turns) - 1), -1, -1):
        if scene.turns[at].role == "user":
            return at, scene.turns[at].text
    raise DemoError("There is no question to ask again: write one.")


def stopped(timeline: Timeline) -> Timeline:
    """Return the timeline with the unfinished answer; an empty answer is added where there is none yet."""
    scene = timeline.scene
    if not scene.turns or scene.turns[-1].role != "user":
        return timeline
    return timeline.amend(scene.with_turn(Turn("assistant", "", unfinished=True)))


def refused(
    timeline: Timeline, words: str, reason: DemoError, *, began: bool, base: Scene | None = None
) -> Timeline:
    """Return the question with the reason why it has no answer, after what there is of one.

    Args:
        began: whether the question is in the timeline already.
        base: the scene that it was said to; None for the newest.
    """
    notice = told("notice", *reason.says) if reason.says else Turn("notice", str(reason))
    if began:
        return timeline.amend(timeline.scene.with_turn(notice))
    return push(timeline, (base or timeline.scene).with_turn(Turn("user", words)).with_turn(notice))


def resolve_click(scene: Scene, click: Click) -> tuple[Literal["click", "select"], int | None]:
    """Return what a click on the picture means: ("click", the region it refines or None) or ("select", id).

    Near the selected region it refines that one; on its mask it means a thing that lies on it: one that is
    known is selected, any other begins a new region. On another region's mask it selects it; inside a box
    that has no mask yet it asks for that mask; anywhere else it begins a new region. Taking away needs
    something to take from.
    """
    selected = scene.region(scene.selected) if scene.selected is not None else None
    under = sorted((r for r in scene.regions if _inside(r.box, click.point)), key=lambda r: r.box.area)
    covering = next((r for r in under if r.mask and _covers(r, click.point)), None)
    if selected and _inside(_grown(selected.box, NEAR), click.point):
        if click.positive and _covers(selected, click.point):
            # there is nothing to add here: a thing on the selected one is meant
            return ("select", covering.id) if covering and covering != selected else ("click", None)
        return "click", selected.id
    if not click.positive:
        target = covering or selected or next(iter(under), None)
        if target is None:
            raise DemoError(
                "There is nothing to take away from here: click a thing first, or select a region."
            )
        return "click", target.id
    if covering:
        return "select", covering.id
    unmasked = next((r for r in under if r.mask is None and r.keypoints is None), None)
    return "click", unmasked.id if unmasked else None


def click(assistant: Assistant, timeline: Timeline, at: Click) -> Timeline:
    """Outline what was clicked, refine the selected region, or select the one under the pointer."""
    scene = pictured(timeline)
    verb, region_id = resolve_click(scene, at)
    if verb == "select":
        return timeline.amend(select(scene, region_id))
    made = assistant.click(scene, at, region_id=region_id)
    selected = scene.region(scene.selected) if scene.selected is not None else None
    on_it = selected is not None and at.positive and _covers(selected, at.point)
    if region_id is None and selected and on_it and not _lies_on(made.regions[-1], selected, scene):
        # nothing smaller lies there: the selected thing itself is meant
        made = assistant.click(scene, at, region_id=selected.id)
    return push(timeline, made)


def box(assistant: Assistant, timeline: Timeline, dragged: Box) -> Timeline:
    """Outline the thing in a dragged box."""
    return push(timeline, assistant.box(pictured(timeline), dragged))


def select(scene: Scene, region_id: int | None) -> Scene:
    """Select a region, or none."""
    if region_id is not None:
        find_region(scene, region_id)
    return replace(scene, selected=region_id)


def choose_mask(scene: Scene, region_id: int, candidate: int) -> Scene:
    """Take another of SAM's answers for a region."""
    region = find_region(scene, region_id)
    if not 0 <= candidate < len(region.candidates):
        raise DemoError(f"Region #{region_id} has no candidate {candidate + 1}.")
    return pointing.choose_mask(scene, region_id, candidate)


def choose_painting(assistant: Assistant, timeline: Timeline, index: int) -> Timeline:
    """Take another of the paintings that the last edit offers."""
    pictures = render.paintings(timeline.scene)
    if not 0 <= index < len(pictures):
        raise DemoError(f"There is no painting {index + 1}.")
    return push(timeline, assistant.choose_painting(timeline.scene, pictures[index]))


def remove_region(scene: Scene, region_id: int) -> Scene:
    """Take a region off the picture. Its number is not given away again."""
    return without_regions(scene, (find_region(scene, region_id).id,))


def unclick(assistant: Assistant, timeline: Timeline, region_id: int, index: int) -> Timeline:
    """Remove one click of a region, and ask again with what is left."""
    region = find_region(timeline.scene, region_id)
    if not 0 <= index < len(region.clicks):
        raise DemoError(f"Region #{region_id} has no click {index + 1}.")
    return push(timeline, assistant.unclick(timeline.scene, region_id, index))


def clear(timeline: Timeline) -> Timeline:
    """A fresh start on the same page; undo brings everything back."""
    scene = timeline.scene
    empty = not scene.turns and not scene.regions and not scene.picture
    return timeline if empty else push(timeline, Scene())


def clear_chat(timeline: Timeline) -> Timeline:
    """Clear the conversation; what was found on the picture stays."""
    return push(timeline, replace(timeline.scene, turns=()))


def pictured(timeline: Timeline) -> Scene:
    """Return the scene. Raises DemoError where it has no picture."""
    if timeline.scene.picture is None:
        raise DemoError("There is no picture yet: choose one first.")
    return timeline.scene


def find_region(scene: Scene, region_id: int) -> Region:
    """Return a region by its number. Raises DemoError where there is none."""
    region = scene.region(region_id)
    if region is None:
        raise DemoError(f"There is no region #{region_id} on the picture any more.")
    return region


def _inside(area: Box, point: Point) -> bool:
    return area.x1 <= point.x < area.x2 and area.y1 <= point.y < area.y2


def _grown(area: Box, share: float) -> Box:
    dx, dy = round((area.x2 - area.x1) * share), round((area.y2 - area.y1) * share)
    return Box(area.x1 - dx, area.y1 - dy, area.x2 + dx, area.y2 + dy)


def _lies_on(thing: Region, other: Region, scene: Scene) -> bool:
    """Say whether a mask is of a smaller thing on another one, and not of that one or what is beside it."""
    if not thing.mask or not other.mask or not scene.picture:
        return False
    upper, lower = (region.mask.array(scene.picture.size_wh) for region in (thing, other) if region.mask)
    return bool(upper.sum() <= SMALLER * lower.sum() and (upper & lower).sum() >= WITHIN * upper.sum())


def _covers(region: Region, point: Point) -> bool:
    mask = region.mask
    if mask is None or not _inside(mask.box, point):
        return False
    return bool(mask.crop[point.y - mask.box.y1, point.x - mask.box.x1])
