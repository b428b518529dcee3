"""When an answer that grows is drawn, and that who leaves ends it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from app.screen import EVERY, Screen, paced
from pipelines.scene import Box, Region, Scene, Turn

ASKED = Scene().with_turn(Turn("user", "what is this?"))


def saying(words: str, *regions: Region) -> Scene:
    return replace(ASKED.with_turn(Turn("assistant", words)), regions=regions)


def drawn(growing, screen: Screen | None = None) -> list[Scene]:
    screen, scenes = screen or Screen(), []
    screen.begin(Scene())
    for shown, _ in paced(growing, screen):
        screen.draw(shown, None)
        scenes.append(shown)
    return scenes


def test_words_that_come_quickly_are_drawn_together():
    scenes = drawn((saying("word " * count), None) for count in range(1, 200))
    assert len(scenes) < 20
    assert scenes[0] == saying("word ")


def test_what_lights_up_is_drawn_at_once():
    ball = Region(1, "ball", Box(0, 0, 9, 9))
    growing = [(saying("A"), None), (saying("A ball"), None), (saying("A ball", ball), None)]
    scenes = drawn(one for one in growing)
    assert scenes == [growing[0][0], growing[2][0]]


def test_words_that_wait_are_drawn_although_nothing_follows():
    gate = threading.Event()

    def growing():
        yield saying("A"), None
        yield saying("A ball"), None
        gate.wait(10)

    screen = Screen()
    screen.begin(Scene())
    answer = paced(growing(), screen)
    for words in ("A", "A ball"):
        shown, _ = next(answer)
        screen.draw(shown, None)
        assert shown == saying(words)
    gate.set()
    assert list(answer) == []


def test_who_leaves_ends_the_answer_at_its_next_value():
    given, closed = [], threading.Event()

    def growing():
        try:
            for number in range(1000):
                given.append(number)
                yield saying(f"word {number}"), None
                time.sleep(EVERY)
        finally:
            closed.set()

    answer = paced(growing(), Screen())
    next(answer)
    answer.close()
    assert closed.wait(10)
    assert len(given) <= 2


def test_a_fault_is_the_readers():
    def growing():
        yield saying("A"), None
        raise ValueError("of the model")

    with pytest.raises(ValueError, match="of the model"):
        drawn(growing())
