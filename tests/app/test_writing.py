"""Who may write a visit's timeline: answers, hands, and what comes at once beside them."""

from __future__ import annotations

import asyncio
import threading
from copy import deepcopy
from dataclasses import replace

import pytest

from app import actions, mending
from app.writing import MOST_WAITING, Visit
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Box, Picture, Region, Scene, Timeline, Turn

PICTURE = Picture("a" * 64, (100, 80))
CUP, BALL = Region(1, "cup", Box(1, 2, 30, 40)), Region(2, "ball", Box(50, 2, 80, 40))
OPENED = Timeline().push(Scene(PICTURE, (CUP,)))


@pytest.fixture
def visit() -> Visit:
    return Visit(OPENED)


def begin(visit: Visit, words: str = "what is it?"):
    visit.send(words, ReplyOptions())
    assert visit.claim()
    message = visit.next_message()
    assert message
    writer = visit.begin_answer(message)
    assert writer
    return writer


def answered(timeline: Timeline, text: str) -> Timeline:
    scene = timeline.scene.with_turn(Turn("user", "what is it?"))
    return timeline.push(scene.with_turn(Turn("assistant", text, unfinished=True)))


def test_messages_wait_in_order_and_can_be_taken_back(visit: Visit):
    writer = begin(visit, "first")
    second, third = visit.send("second", ReplyOptions()), visit.send("third", ReplyOptions(seed=3))
    assert [message.words for message in visit.waiting] == ["second", "third"]
    assert not visit.claim()
    assert visit.take_back(second.number) == second
    assert visit.take_back(second.number) is None
    visit.end(writer)
    assert visit.next_message() == third
    assert visit.waiting == ()
    assert visit.take_back(third.number) is None  # it is being answered
    assert visit.next_message() is None
    assert not visit.answering
    assert visit.claim()


def test_there_is_an_end_to_what_may_wait(visit: Visit):
    for number in range(MOST_WAITING):
        visit.send(f"message {number}", ReplyOptions())
    with pytest.raises(DemoError, match="take one back"):
        visit.send("one more", ReplyOptions())
    with pytest.raises(DemoError, match="no question"):
        Visit().send("  ", ReplyOptions())


def test_a_change_ends_the_answer_which_stays_as_far_as_it_came(visit: Visit):
    writer = begin(visit)
    assert visit.write(writer, answered(writer.base, "It is a"))
    visit.change(Timeline.undo)
    assert visit.timeline.scene == OPENED.scene
    assert not visit.write(writer, answered(writer.base, "It is a cup."))
    assert visit.timeline.redo().scene.turns[-1].text == "It is a"
    # another one may write at once, while the first one's thread has not noticed yet
    assert visit.answering
    visit.send("and now?", ReplyOptions())
    message = visit.next_message()
    assert message
    assert visit.begin_answer(message)


def test_a_change_that_is_refused_ends_nothing(visit: Visit):
    writer = begin(visit)
    with pytest.raises(DemoError):
        visit.change(lambda timeline: mending.go_to(timeline, 99))
    assert visit.write(writer, answered(writer.base, "It is a"))


def test_a_patch_lies_on_what_is_written_later(visit: Visit):
    writer = begin(visit)
    visit.patch(lambda scene: mending.rename(scene, 1, "mug"))
    visit.patch(lambda scene: actions.select(scene, 1), step=False)
    found = answered(writer.base, "It is a ball")
    assert visit.write(writer, found.amend(replace(found.scene.with_region(BALL), selected=2)))
    scene = visit.timeline.scene
    assert [region.label for region in scene.regions] == ["mug", "ball"]
    assert scene.selected == 1
    assert visit.timeline.undo().scene.regions[0].label == "mug"
    # where the region has gone meanwhile, there is nothing to patch
    gone = found.amend(replace(found.scene, regions=(BALL,)))
    assert visit.write(writer, gone)
    assert visit.timeline.scene.regions == (BALL,)
    visit.end(writer)
    visit.patch(lambda scene: mending.rename(scene, 2, "bowl"))
    assert visit.timeline.undo().scene.regions == (BALL,)


def test_stop_before_the_first_word_leaves_the_question(visit: Visit):
    visit.send("what is it?", ReplyOptions())
    visit.claim()
    message = visit.next_message()
    assert message
    visit.stop()
    assert [turn.text for turn in visit.timeline.scene.turns] == ["what is it?", ""]
    assert visit.timeline.scene.turns[-1].unfinished
    assert visit.begin_answer(message) is None


def test_hands_wait_for_an_answer_and_for_one_another(visit: Visit):
    writer, order = begin(visit), []

    async def click(name: str) -> None:
        async with visit.hand() as hand:
            order.append(name)
            await asyncio.sleep(0.01)
            visit.write(hand, hand.base.push(hand.base.scene.with_turn(Turn("notice", name))))

    async def both() -> None:
        clicks = asyncio.gather(click("first"), click("second"))
        await asyncio.sleep(0.1)
        assert order == []
        visit.write(writer, answered(writer.base, "A cup."))
        visit.end(writer)
        await clicks

    asyncio.run(both())
    assert order == ["first", "second"]
    assert [turn.text for turn in visit.timeline.scene.turns] == ["what is it?", "A cup.", "first", "second"]


def test_an_answer_waits_for_a_hand(visit: Visit):
    begun = threading.Event()

    def ask() -> None:
        begin(visit)
        begun.set()

    async def click() -> None:
        async with visit.hand() as hand:
            thread = threading.Thread(target=ask)
            thread.start()
            await asyncio.sleep(0.1)
            assert not begun.is_set()
            visit.write(hand, hand.base.push(hand.base.scene.with_region(BALL)))
        await asyncio.to_thread(thread.join)

    asyncio.run(click())
    assert begun.is_set()
    assert visit.timeline.scene.regions == (CUP, BALL)


def test_every_page_has_a_visit_of_its_own(visit: Visit):
    begin(visit)
    other = deepcopy(visit)
    assert not other.answering
    other.change(actions.clear)
    assert visit.timeline.scene.picture == PICTURE
