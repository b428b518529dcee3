"""What the visitor mends by hand on the canvas: names, strokes, and the way back to an earlier state.

Plain functions of values, like the actions; data from the browser is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

from app.actions import find_region, pictured, push
from pipelines.brush import MAX_POINTS, Stroke, stroked
from pipelines.errors import DemoError
from pipelines.scene import Picture, Point, Scene, Timeline

NAME = 80  # characters a region's name may have
UNREADABLE = "The page sent something that cannot be read: reload it."


def rename(scene: Scene, region_id: int, name: str) -> Scene:
    """Give a region another name; an empty one takes the old name away.

    Raises:
        DemoError: the region is not there any more.
    """
    region = find_region(scene, region_id)
    name = name.encode("utf-8", "replace").decode()
    return scene.with_region(replace(region, label=" ".join(name.split())[:NAME]))


def read_stroke(data: Mapping[str, Any]) -> Stroke:
    """Return the stroke that the page sent.

    Raises:
        DemoError: it is not one.
    """
    points, radius = data.get("points"), data.get("radius")
    if (
        not isinstance(points, list)
        or not 0 < len(points) <= MAX_POINTS
        or not isinstance(radius, int | float)
    ):
        raise DemoError(UNREADABLE)
    if not _number(radius) or not all(_pair(point) for point in points):
        raise DemoError(UNREADABLE)
    line = tuple(Point(int(x), int(y)) for x, y in points)
    return Stroke(line, min(max(float(radius), 0.5), 10_000), data.get("add") is not False)


def paint(timeline: Timeline, data: Mapping[str, Any]) -> Timeline:
    """Put the page's stroke on the region that it names, or on a new one.

    Raises:
        DemoError: there is no picture, or the stroke cannot be read or drawn.
    """
    scene, number = pictured(timeline), data.get("id")
    return push(timeline, stroked(scene, read_stroke(data), number if isinstance(number, int) else None))


def states(timeline: Timeline) -> list[int]:
    """Return a step for every state of the shown picture, oldest first: the last step that shows that state.

    They lie on the way from where a picture of this size was opened to the newest step after this one.
    A state to which a branch went back is there once.
    """
    if timeline.scene.picture is None:
        return []
    size_wh = timeline.scene.picture.size_wh
    found: dict[Picture, int] = {}
    for index in _way(timeline):
        picture = timeline.steps[index].scene.picture
        if picture is None or picture.size_wh != size_wh:
            if index > timeline.current:
                break
            found = {}
        else:
            found[picture] = index  # where a branch goes on from an earlier state, that keeps its place
    return list(found.values())


def branches(timeline: Timeline, shown: Scene) -> dict[int, tuple[tuple[int, ...], int]]:
    """Return the messages that were said in other words, or answered again: where each way of it leads.

    Args:
        shown: the scene on the page.
    Returns:
        Turn -> (the newest step of each way, oldest way first; which of them is shown). Turns with one way
        only are left out.
    """
    found = {}
    for index, turn in enumerate(shown.turns):
        if turn.role != "user":
            continue
        begun: dict[int, int] = {}  # step -> the step from which the message was first said
        for step, (scene, parent) in enumerate(timeline.steps):
            if len(scene.turns) > index and scene.turns[:index] == shown.turns[:index]:
                begun[step] = begun.get(parent, parent)
        newest = {
            _way_said(timeline.steps[step].scene, index): step
            for step, first in begun.items()
            if first == begun.get(timeline.current)
        }
        ways, now = list(newest), _way_said(shown, index)
        if len(ways) > 1 and now in ways:
            found[index] = (tuple(newest.values()), ways.index(now))
    return found


def _way_said(scene: Scene, index: int) -> tuple[str, ...]:
    """Return a message with the beginning of its answer, which tells it from the other ways it was said."""
    return tuple(turn.text for turn in scene.turns[index : index + 2])


def _way(timeline: Timeline) -> list[int]:
    """Return the steps from the first to the current one, and on by redo to the newest."""
    way, index = [], timeline.current
    while index >= 0:
        way.append(index)
        index = timeline.steps[index].parent
    way.reverse()
    while timeline.can_redo:
        timeline = timeline.redo()
        way.append(timeline.current)
    return way


def go_to(timeline: Timeline, step: int) -> Timeline:
    """Go to an earlier or later step; going on from there makes a branch.

    Raises:
        DemoError: there is no such step.
    """
    if not 0 <= step < len(timeline.steps):
        raise DemoError("That state is not kept any more.")
    return replace(timeline, current=step)


def _number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and isfinite(value)
        and abs(value) < 1e7
    )


def _pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_number, value))
