"""The mixing lab: the same question with several ways of looking, and what differs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines import lab
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.lab import Column, Way
from pipelines.scene import Box, Region, Scene, Turn


def test_a_checkpoint_has_its_ways_of_looking(about):
    assert lab.ways(about) == (Way(None, 1), Way(None, 5), Way(("clip",), 1), Way(("dinov2",), 1))


def test_each_way_answers_the_same_question_from_the_bare_picture(assistant, vlm, drawing):
    picture = assistant.open(drawing).picture
    chosen = (Way(None, 1), Way(("clip",), 1))
    grown = list(lab.compare(assistant, picture, "find the red ball", chosen, ReplyOptions(seed=3)))
    assert not any(column.over for column in grown[0])
    assert all(column.over for column in grown[-1])
    assert [column.boxes for column in grown[-1]] == [(Box(50, 80, 90, 120),)] * 2
    assert [(asked.encoders, asked.views, asked.seed) for asked in vlm.options] == [
        (None, 1, 3), (("clip",), 1, 3),
    ]  # fmt: skip
    # what was used is in the record of each answer
    records = [dict(turn.record.details)["encoders"] for c in grown[-1] for turn in c.turns if turn.record]
    assert records == ["clip, dinov2", "clip"]


def test_two_experts_can_be_asked_alone_and_mixed_at_a_beta(about):
    about = replace(about, experts=True, mixes=True, encoders=("clip", "convnext", "dinov2"))
    found = lab.ways(about, 0.3)
    assert found[-3:] == (Way(None, 1, 0.0), Way(None, 1, 1.0), Way(None, 1, 0.3))
    assert Way(("convnext", "dinov2"), 1) in found  # CLIP left out
    assert lab.ways(about)[-1] == Way(None, 1, 1.0)
    assert lab.ways(about, 1.0) == lab.ways(about)  # the end of the dial is the expert itself
    assert not any(way.beta for way in lab.ways(replace(about, mixes=False), 0.3))


def test_turning_beta_asks_the_other_ways_no_second_time(assistant, vlm, drawing):
    assistant.engine = replace(assistant.engine, about=replace(assistant.about, experts=True, mixes=True))
    picture = assistant.open(drawing).picture
    answers = lab.Answers()

    def compared(beta: float) -> tuple[Column, ...]:
        chosen = (Way(None, 1), Way(None, 1, beta))
        *_, columns = lab.compare(assistant, picture, "find the red ball", chosen, ReplyOptions(), answers)
        return columns

    first = compared(0.25)
    assert [asked.beta for asked in vlm.options] == [None, 0.25]
    second = compared(0.5)
    assert [asked.beta for asked in vlm.options] == [None, 0.25, 0.5]
    assert second[0] is first[0]
    # what was used is in the record of each answer
    details = [dict(turn.record.details) for column in second for turn in column.turns if turn.record]
    assert (details[0]["expert"], details[1]["beta"]) == ("drawn pictures", "0.50")
    assert "beta" not in details[0]


def test_a_refusal_is_asked_again(assistant, vlm, drawing, monkeypatch):
    picture, answers = assistant.open(drawing).picture, lab.Answers()
    chosen = (Way(None, 1), Way(None, 5))
    with monkeypatch.context() as broken:
        broken.setattr(vlm, "stream", lambda *_, **options: (_ for _ in ()).throw(DemoError("no room")))
        *_, columns = lab.compare(assistant, picture, "what is this?", chosen, ReplyOptions(), answers)
        assert [column.text for column in columns] == ["no room"] * 2
    *_, columns = lab.compare(assistant, picture, "what is this?", chosen, ReplyOptions(), answers)
    assert all(not column.refused for column in columns)


def test_one_way_is_nothing_to_compare(assistant, drawing):
    picture = assistant.open(drawing).picture
    for chosen in ((Way(),), (Way(),) * 5):
        with pytest.raises(DemoError, match="2 to 4"):
            list(lab.compare(assistant, picture, "what is this?", chosen, ReplyOptions()))


def test_a_refusal_is_a_columns_own(assistant, drawing):
    picture = assistant.open(drawing).picture
    chosen = (Way(None, 1), Way(None, 1))
    *_, columns = lab.compare(assistant, picture, "what is #7?", chosen, ReplyOptions())
    assert all(column.over and column.text for column in columns)


def column(text: str, *boxes: Box, over: bool = True) -> Column:
    regions = tuple(Region(number, "", box) for number, box in enumerate(boxes, 1))
    return Column(Way(), Scene(None, regions, turns=(Turn("assistant", text),)), over=over)


def test_what_differs_is_told():
    here, there = Box(0, 0, 10, 10), Box(50, 50, 70, 70)
    columns = (column("A red ball.", here, there), column("A blue ball", Box(1, 0, 10, 10)))
    assert lab.own_words(columns, 0) == {"red"}
    assert lab.own_words(columns, 1) == {"blue"}
    assert lab.own_boxes(columns, 0) == (False, True)
    assert lab.own_boxes(columns, 1) == (False,)
    # one that is still being answered says nothing about the others
    unfinished = (columns[0], column("A", over=False))
    assert lab.own_words(unfinished, 0) == frozenset()
    assert lab.own_boxes(unfinished, 0) == (False, False)
