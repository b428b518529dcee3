"""What SPHINX said greedily about a picture is not computed again; all else is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from pipelines.assistant import Assistant
from pipelines.engine import Engine
from pipelines.interfaces import CutReply, GenerationOptions
from tests.conftest import FakeVLM

PLAIN = GenerationOptions()


@pytest.fixture
def engine(vlm, segmenter, inpainter, about) -> Engine:
    return Assistant(vlm, segmenter, inpainter, about).engine


@pytest.fixture
def picture(engine, drawing):
    return engine.pictures.add(drawing)


def said(engine, picture, question="What is it?", options=PLAIN, history=()):
    with closing(engine.stream(picture, question, options, history)) as replies:
        return list(replies)


def test_a_greedy_reply_comes_again_at_once(engine, vlm, picture):
    first = said(engine, picture)
    assert said(engine, picture, options=replace(PLAIN, seed=7)) == first[-1:]
    assert engine.complete(picture, "What is it?", PLAIN) == first[-1]
    assert len(vlm.asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"question": "What colour is it?"},
        {"history": (("What is it?", "a ball"),)},
        {"options": replace(PLAIN, temperature=0.5)},
        {"options": replace(PLAIN, views=1)},
        {"options": replace(PLAIN, encoders=("clip",))},
        {"options": replace(PLAIN, beta=0.5)},
        {"options": replace(PLAIN, max_new_tokens=3)},
    ],
)
def test_what_may_be_said_otherwise_is_asked(engine, vlm, picture, other):
    for _ in range(2):
        said(engine, picture)
        said(engine, picture, **other)
    sampled = other.get("options", PLAIN).temperature > 0
    assert len(vlm.asked) == (3 if sampled else 2)


def test_another_picture_is_asked_about_and_none_is_each_time(engine, vlm, picture, drawing):
    said(engine, picture)
    said(engine, engine.pictures.add(drawing.rotate(90)))
    for _ in range(2):
        said(engine, None)
    assert len(vlm.asked) == 4


def test_what_was_given_up_is_computed_whole_the_next_time(engine, vlm, picture):
    whole = "There is a red ball in the middle."
    vlm.replies["What is it?"] = whole
    with closing(engine.stream(picture, "What is it?", PLAIN)) as replies:
        next(replies)
    assert said(engine, picture)[-1] == whole
    assert len(vlm.asked) == 2


def test_a_reply_that_was_cut_stays_one(engine, vlm, picture):
    vlm.replies["What is it?"] = "a ball in the " * 40
    assert isinstance(said(engine, picture)[-1], CutReply)
    (again,) = said(engine, picture)
    assert isinstance(again, CutReply)
    assert len(vlm.asked) == 1


def test_another_sphinx_remembers_nothing_of_it(vlm, segmenter, inpainter, about, drawing):
    assistant = Assistant(vlm, segmenter, inpainter, about)
    picture = assistant.engine.pictures.add(drawing)
    said(assistant.engine, picture)
    other = FakeVLM()
    beside = assistant.with_vlm(other, about)
    said(beside.engine, picture)
    assert len(other.asked) == 1
    assert beside.engine.painting is assistant.engine.painting
