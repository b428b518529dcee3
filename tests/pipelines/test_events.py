"""What the assistant's events say: status, steps, previews; typed requests; several requests in a row."""

from __future__ import annotations

import pytest

import pipelines
from pipelines import catalog
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.language.requests import Edit, Find, Forget, Outline, Reshape, Target
from pipelines.scene import Box, Click, Point
from pipelines.tasks import dispatch
from pipelines.tasks.results import Reply

BALL = Outline(Target(phrase="red ball"))


def test_a_request_needs_no_words(assistant, vlm, drawing):
    scene = assistant.answer(assistant.open(drawing), BALL)
    assert [turn.role for turn in scene.turns] == ["assistant"]
    assert scene.regions[0].mask
    assert not scene.turns[-1].unfinished
    assert len(vlm.asked) == 1


@pytest.mark.parametrize("phrase", ["pie on the table", "damaged car", "page layout icon"])
def test_a_typed_outline_is_never_read_as_words(assistant, vlm, drawing, phrase):
    scene = assistant.answer(assistant.open(drawing), Outline(Target(phrase=phrase)))
    assert [region.label for region in scene.regions] == [phrase]
    assert phrase in vlm.asked[0]


def test_several_requests_are_steps_in_order(assistant, drawing):
    opened = assistant.open(drawing)
    requests = (BALL, Reshape("grow", (1,), 5), Find("blue cup"))
    events = list(assistant.run(opened, requests, said="segment the red ball, grow it, find the cup"))
    assert [event.step for event in events] == sorted(event.step for event in events)
    assert [event.step for event in events if event.status == "final"] == [0, 1, 2]
    texts = [turn.text for turn in events[-1].scene.turns]
    assert texts[0].startswith("segment the red ball, grow")
    assert texts[1:] == [
        "Here is the red ball (#1).",
        "Grown by 5 px: red ball (#1).",
        "Here is the blue cup (#2).",
    ]


def test_the_first_request_that_fails_stops_the_rest(assistant, vlm, drawing):
    events, opened = [], assistant.open(drawing)

    def watch() -> None:
        for event in assistant.run(opened, (BALL, Forget((9,)), Find("blue cup"))):
            events.append(event)

    with pytest.raises(DemoError, match="no #9"):
        watch()
    assert {event.step for event in events} == {0}
    assert events[-1].scene.regions[0].mask
    assert len(vlm.asked) == 1


def test_a_preview_is_shown_and_never_kept(assistant, drawing):
    scene = assistant.answer(assistant.open(drawing), BALL)
    edit = Edit("replace", Target(region_ids=(1,)), "star")
    events = list(assistant.run(scene, edit, options=ReplyOptions(steps=6, tries=1)))
    previews = [event for event in events if event.status == "preview"]
    assert any(event.preview for event in previews)
    assert all(event.scene.picture == scene.picture for event in previews)
    assert all(event.touched == (1,) for event in previews)
    assert {event.shown.picture for event in previews} > {scene.picture}
    assert events[-1].status == "final"
    assert events[-1].scene.picture != scene.picture


def test_a_task_yields_results_and_knows_no_turns(assistant, drawing):
    scene = assistant.open(drawing)
    *_, found = dispatch.run_task(assistant.engine, scene, Find("red ball"), ReplyOptions())
    assert found.status == "final"
    assert found.region_ids == (1,)
    assert isinstance(found.outcome, Reply)
    assert found.raw == "[0.25,0.40,0.45,0.60]"
    assert found.scene.turns == scene.turns


def test_pixels_may_be_floats(assistant, segmenter, drawing):
    opened = assistant.open(drawing)
    scene = assistant.box(opened, Box(50.5, 80.2, 89.5, 119.9))  # type: ignore[arg-type]
    assert segmenter.asked[-1][0] == Box(50, 80, 90, 120)
    scene = assistant.click(scene, Click(Point(140.7, 100.2)))  # type: ignore[arg-type]
    assert segmenter.asked[-1][1] == (Click(Point(140, 100)),)
    assert all(isinstance(value, int) for region in scene.regions for value in region.box)
    scene = assistant.answer(opened, Outline(Target(box=Box(50.5, 80.0, 89.5, 120.0))))  # type: ignore[arg-type]
    assert scene.regions[0].prompt_box == Box(50, 80, 90, 120)
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(DemoError, match="no place on the picture"):
            assistant.box(opened, Box(0, 0, wrong, 5))  # type: ignore[arg-type]
        with pytest.raises(DemoError, match="no place on the picture"):
            assistant.click(opened, Click(Point(wrong, 5)))  # type: ignore[arg-type]


def test_a_model_may_be_given_by_its_name_alone(monkeypatch, vlm, segmenter, inpainter, about):
    asked = []
    monkeypatch.setattr(catalog, "load_vlm", lambda model, *_, **_more: asked.append(model) or (vlm, about))
    monkeypatch.setattr(catalog, "load_segmenter", lambda *_: segmenter)
    monkeypatch.setattr(catalog, "load_inpainter", lambda *_: inpainter)
    assert pipelines.load("sphinx-tiny").engine.vlm is vlm
    assert asked == ["sphinx-tiny"]
