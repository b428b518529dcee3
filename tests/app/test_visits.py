"""Which visit a page goes on with, and which visits are kept where."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from app import visits as module
from app.visits import Visits
from app.writing import Visit
from pipelines.pictures import Pictures
from pipelines.scene import Mask, Region, Scene, Timeline, Turn

OWNER, OTHER = "A" * 43, "B" * 43


class Clock:
    """Seconds as the test says."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def monotonic_ns(self) -> int:
        return int(self.now * 1e9)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def visits(clock) -> Visits[Visit]:
    return Visits(Visit)


@pytest.fixture
def store(tmp_path, visits) -> Pictures:
    store = Pictures(tmp_path)
    visits.watch(store)
    return store


def said(words: str) -> Timeline:
    return Timeline().push(Scene(turns=(Turn("user", words),)))


def shown(store: Pictures, colour: int) -> Timeline:
    return Timeline().push(Scene(store.add(Image.new("RGB", (32, 32), (colour, 0, 0)))))


def digest_of(timeline):
    """The name of the picture that a timeline shows."""
    assert timeline.scene.picture
    return timeline.scene.picture.digest


def test_a_reload_goes_on_with_the_tabs_visit(visits):
    visits.enter("page-1", OWNER, "tab").timeline = said("hello")
    visits.leave("page-1")
    assert visits.enter("page-2", OWNER, "tab").timeline.scene.turns[0].text == "hello"
    # a page that the browser only seemed to have closed works on the same visit
    assert visits.state("page-1") is visits.state("page-2")


def test_a_new_tab_goes_on_with_what_was_closed_last_and_with_nothing_that_is_open(visits, clock):
    for number in (1, 2, 3):
        clock.now += 1
        visits.enter(f"page-{number}", OWNER, f"tab-{number}", fresh=True).timeline = said(str(number))
    assert visits.enter("page-4", OWNER, "tab-4", fresh=True).timeline == Timeline()
    for number in (2, 1):
        clock.now += 1
        visits.leave(f"page-{number}")
    assert visits.enter("page-5", OWNER, "tab-5", fresh=True).timeline.scene.turns[0].text == "1"
    assert visits.enter("page-6", OWNER, "tab-6", fresh=True).timeline.scene.turns[0].text == "2"


def test_a_tabs_name_is_worth_nothing_without_the_browsers_key(visits):
    visits.enter("page-1", OWNER, "tab").timeline = said("a secret")
    visits.leave("page-1")
    assert visits.enter("page-2", OTHER, "tab").timeline == Timeline()
    assert visits.enter("page-3", OTHER, "other", fresh=True).timeline == Timeline()


def test_an_open_visit_outlasts_a_week_and_a_closed_one_a_day(visits, clock):
    visits.enter("open", OWNER, "tab-1").timeline = said("open")
    visits.enter("closed", OWNER, "tab-2").timeline = said("closed")
    visits.leave("closed")
    clock.now += module.KEPT - 1
    visits.tidy()
    assert len(visits.of(OWNER)) == 2
    clock.now += 7 * module.KEPT
    visits.tidy()
    state = visits.state("open")
    assert state
    assert state.timeline.scene.turns[0].text == "open"
    assert visits.state("closed") is None


def test_what_memory_has_no_room_for_lies_on_disk_and_comes_back_whole(visits, clock, monkeypatch):
    plane = np.random.default_rng(0).random((2000, 2000)) < 0.5  # 500 kB, packed
    mask = Mask.from_array(plane)
    region = Region(1, "noise", mask.box, mask, candidates=((mask, 0.9),))
    first = said("look").push(Scene(regions=(region,), selected=1, next_id=2))
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 1_000_000)
    for number in range(4):
        visits.enter(f"page-{number}", OWNER, f"tab-{number}").timeline = first
        clock.now += 1
    assert all(visit.state for visit in visits.of(OWNER))  # they are in use
    clock.now += 2 * module.IDLE
    visits.tidy()
    assert [visit.state is None for visit in visits.of(OWNER)] == [True, True, True, False]
    state = visits.state("page-0")
    assert state
    assert state.timeline == first
    assert state.timeline.weight == first.weight  # masks that were shared still are
    assert state.timeline.undo().scene.turns[0].text == "look"


def test_room_is_made_by_the_visit_that_was_closed_longest_ago(visits, clock, store):
    lines = {}
    for at, name in enumerate(("open", "first", "second")):
        lines[name] = visits.enter(name, OWNER, name).timeline = shown(store, at)
    clock.now += 10
    visits.leave("first")
    clock.now += 10
    visits.leave("second")
    assert len(visits.claimed()) == 3
    assert visits.make_room()
    assert visits.state("first") is None
    with pytest.raises(Exception, match="open it again"):
        store.path(lines["first"].scene.picture)
    assert visits.make_room()
    assert visits.state("second") is None
    assert not visits.make_room()  # the open one is in use
    clock.now += 2 * module.IDLE
    assert visits.make_room()


def test_a_picture_is_its_visits_until_that_is_cleared(visits, store):
    line = shown(store, 1)
    digest = digest_of(line)
    state = visits.enter("page", OWNER, "tab")
    state.timeline = line
    assert visits.owns(OWNER, digest)
    assert not visits.owns(OTHER, digest)
    state.timeline = line.push(Scene())
    assert not visits.owns(OWNER, digest)
    state.timeline = state.timeline.undo()
    assert visits.owns(OWNER, digest)


def test_forgetting_deletes_what_no_other_visit_has(visits, store):
    mine, ours = shown(store, 1), shown(store, 2)
    visits.enter("mine", OWNER, "tab-1").timeline = mine
    visits.enter("also", OWNER, "tab-2").timeline = ours
    visits.leave("also")
    visits.enter("theirs", OTHER, "tab").timeline = ours
    visits.forget(OWNER)
    state = visits.state("mine")
    assert state
    assert state.timeline == Timeline()
    assert visits.state("also") is None
    assert [path.stem for path in store.folder.iterdir()] == [digest_of(ours)]
    assert visits.owns(OTHER, digest_of(ours))


def test_the_pages_of_a_visit_are_few_however_often_it_is_loaded(visits):
    for number in range(100):
        visits.enter(f"page-{number}", OWNER, "tab")
        visits.leave(f"page-{number}")
    assert len(visits._pages) <= module.MOST_PAGES + 1
