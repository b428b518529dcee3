"""The mixing lab: the same question with several ways of looking, and what differs."""

from __future__ import annotations

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
