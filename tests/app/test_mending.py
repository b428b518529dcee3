"""Names, strokes and earlier states, from data that a browser sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import mending
from pipelines.errors import DemoError
from pipelines.scene import Box, Picture, Point, Region, Scene, Timeline, Turn

FIRST, EDITED, AGAIN = (Picture(letter * 64, (100, 60)) for letter in "abc")
OTHER = Picture("d" * 64, (50, 50))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"points": [], "radius": 3},
        {"points": [[1, 2]], "radius": "3"},
        {"points": [[1, 2]], "radius": float("nan")},
        {"points": [[1]], "radius": 3},
        {"points": [[1, None]], "radius": 3},
        {"points": [[1, 1e300]], "radius": 3},
        {"points": [[1, 2]] * 5000, "radius": 3},
        {"points": "12", "radius": 3},
    ],
)
def test_what_is_no_stroke_is_refused(data):
    with pytest.raises(DemoError, match="cannot be read"):
        mending.read_stroke(data)


def test_a_stroke_is_read():
    stroke = mending.read_stroke({"points": [[1, 2], [3.7, -4]], "radius": 2.5, "add": False})
    assert stroke == ((Point(1, 2), Point(3, -4)), 2.5, False)


def test_a_region_gets_another_name():
    scene = Scene(FIRST, (Region(1, "cup", Box(1, 2, 3, 4)),))
    assert mending.rename(scene, 1, "  my\n mug ").regions[0].label == "my mug"
    assert len(mending.rename(scene, 1, "x" * 500).regions[0].label) == mending.NAME
    with pytest.raises(DemoError, match="no region #2"):
        mending.rename(scene, 2, "mug")


def test_a_stroke_is_a_step_and_needs_a_picture():
    timeline = Timeline().push(Scene(FIRST))
    painted = mending.paint(timeline, {"points": [[20, 20], [40, 20]], "radius": 4, "add": True, "id": None})
    assert (painted.scene.selected, painted.scene.regions[0].source) == (1, "brush")
    assert painted.undo().scene.regions == ()
    with pytest.raises(DemoError, match="no picture"):
        mending.paint(Timeline(), {"points": [[1, 1]], "radius": 4})


def pushed(*pictures: Picture | None) -> Timeline:
    timeline = Timeline()
    for picture in pictures:
        timeline = timeline.push(Scene(picture))
    return timeline


def test_the_states_of_a_picture_are_those_of_its_edits():
    timeline = pushed(FIRST, FIRST, EDITED, EDITED, AGAIN)
    assert mending.states(timeline) == [2, 4, 5]
    # from an earlier one the later ones are still within reach
    assert mending.states(replace(timeline, current=2)) == [2, 4, 5]
    assert mending.go_to(timeline, 2).scene.picture == FIRST
    # another picture begins anew, and is no state of the one before
    then = pushed(FIRST, EDITED, OTHER, OTHER)
    assert mending.states(then) == [4]
    assert mending.states(replace(then, current=2)) == [1, 2]
    # a message that was said in other words goes back to before the edit: that state is not there twice
    assert mending.states(pushed(FIRST, EDITED, FIRST)) == [3, 2]
    assert mending.states(Timeline()) == []


@pytest.mark.parametrize("step", [-1, 99])
def test_a_step_that_is_not_kept_is_refused(step):
    with pytest.raises(DemoError, match="not kept"):
        mending.go_to(pushed(FIRST), step)


def said(*texts: str) -> tuple[Turn, ...]:
    return tuple(Turn(("user", "assistant")[at % 2], text) for at, text in enumerate(texts))


def test_a_message_that_was_said_in_other_words_has_both_ways_to_go_to():
    timeline = Timeline().push(Scene(FIRST))
    timeline = timeline.push(Scene(FIRST, turns=said("a cat?", "yes")))
    timeline = timeline.push(Scene(FIRST, turns=said("a cat?", "yes", "where?", "left")))
    old = timeline.current
    assert mending.branches(timeline, timeline.scene) == {}
    timeline = timeline.push(Scene(FIRST, turns=said("a dog?", "no")))
    assert mending.branches(timeline, timeline.scene) == {0: ((old, timeline.current), 1)}
    # undo leads to the way that was there before
    assert timeline.undo().current == old
    assert mending.branches(timeline.undo(), timeline.undo().scene) == {0: ((old, old + 1), 0)}
    # another answer to the same words is another way, too; what is said after it belongs to that way
    timeline = timeline.push(Scene(FIRST, turns=said("a dog?", "perhaps")))
    timeline = timeline.push(Scene(FIRST, turns=said("a dog?", "perhaps", "why?", "ears")))
    assert mending.branches(timeline, timeline.scene) == {0: ((old, old + 1, old + 3), 2)}


def test_what_is_said_after_a_fresh_start_is_no_branch():
    timeline = Timeline().push(Scene(FIRST, turns=said("a cat?", "yes")))
    timeline = timeline.push(Scene(FIRST)).push(Scene(FIRST, turns=said("a dog?", "no")))
    assert mending.branches(timeline, timeline.scene) == {}
