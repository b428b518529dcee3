"""The state of the models on the page, and going over to another checkpoint."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from app import models, render
from app.limits import Limits, may_switch
from app.startup import Startup
from pipelines.assistant import Assistant
from pipelines.choices import Choice
from pipelines.errors import DemoError, MissingCapability
from pipelines.progress import Stage

PATIENCE = 20  # seconds


class FakeOthers:
    """Two checkpoints, one of which does not fit; loading waits until the test lets it."""

    def __init__(self, other: Assistant) -> None:
        self.other = other
        self.gate = threading.Event()

    def choices(self) -> list[Choice]:
        return [
            Choice("fake-sphinx", "as it was started", 10**8),
            Choice("other", "a larger one", 2 * 10**9, 10**9),
            Choice("vast", "too large", 10**12, refused="vast needs 1000.0 GB of memory."),
        ]

    def load(self, assistant: Assistant, name: str, tell: Callable[[Stage], object]) -> Assistant:
        tell(Stage(f"downloading {name}", 25, 100))
        assert self.gate.wait(PATIENCE)
        if name != "other":
            raise MissingCapability(f"{name} needs 1000.0 GB of memory.")
        return self.other


@pytest.fixture
def others(assistant, vlm, about) -> FakeOthers:
    return FakeOthers(assistant.with_vlm(vlm, replace(about, model="other", most_views=1)))


def wait_until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_visits_go_on_with_the_old_checkpoint_until_the_new_one_is_there(assistant, others):
    startup = Startup(lambda: assistant, "fake-sphinx", others=others).run()
    told: list[Assistant] = []
    startup.when_ready(told.append)
    assert startup.exchange("other")
    wait_until(lambda: models.state(startup)["share"] == 0.25)
    assert startup.assistant() is assistant
    assert not startup.exchange("vast")  # one at a time
    others.gate.set()
    wait_until(lambda: startup.generation == 1)
    assert startup.assistant() is others.other
    assert startup.assistant().pictures is assistant.pictures
    assert told == [assistant, others.other]
    wait_until(lambda: not models.state(startup)["loading"])


def test_what_cannot_be_loaded_is_said_and_the_old_one_stays(assistant, others):
    startup = Startup(lambda: assistant, "fake-sphinx", others=others).run()
    others.gate.set()
    assert startup.exchange("vast")
    wait_until(lambda: startup.refusal)
    assert models.state(startup)["refused"] == "vast needs 1000.0 GB of memory."
    assert (startup.assistant(), startup.generation) == (assistant, 0)
    wait_until(lambda: startup.exchange("other"))  # and another one may be tried
    wait_until(lambda: startup.generation == 1)
    assert startup.refusal == ""


def test_without_the_hosts_leave_nothing_is_exchanged(assistant):
    startup = Startup(lambda: assistant, "fake-sphinx").run()
    with pytest.raises(DemoError, match="host"):
        startup.exchange("sphinx-nano/drawn")
    assert models.value(startup)["choices"] == []


def test_the_panel_says_what_is_loaded_what_it_holds_and_what_would_fit(assistant, others):
    value = models.value(Startup(lambda: assistant, "fake-sphinx", others=others).run())
    assert value["loaded"] == ["fake-sphinx", "fake-sam", "fake-inpainter"]
    assert value["held"].endswith("B")
    here, other, vast = value["choices"]
    assert (here["here"], other["here"], other["needs"], other["download"]) == (
        True,
        False,
        "2.0 GB",
        "1.0 GB",
    )
    assert vast["refused"]


@pytest.mark.parametrize(
    ("limits", "server", "root", "may"),
    [
        (Limits(), None, None, True),
        (Limits(), "0.0.0.0", None, False),
        (Limits(hosts="example.org"), None, None, False),  # a proxy passes others on
        (Limits(), None, "/sphinx", False),
        (Limits(switch="on"), "0.0.0.0", None, True),
        (Limits(switch="off"), None, None, False),
    ],
)
def test_a_checkpoint_is_changed_on_the_loopback_alone_unless_the_host_says_otherwise(
    monkeypatch, limits, server, root, may
):
    for name, value in (("GRADIO_SERVER_NAME", server), ("GRADIO_ROOT_PATH", root)):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    assert may_switch(limits) is may


def test_loading_is_told_with_what_is_being_done_and_how_far_it_has_come():
    said = render.waiting("sphinx-tiny", 7.2, Stage("downloading sphinx-tiny", 3 * 10**9, 6 * 10**9))
    assert "downloading sphinx-tiny, 3.0 of 6.0 GB 7 s" in said
    assert 'value="0.500"' in said
    assert "loading <b>sphinx-tiny</b> 7 s" in render.waiting("sphinx-tiny", 7.2)


def test_every_page_can_ask_what_is_on_its_way(assistant, serve):
    told = httpx.get(serve(assistant) + "models")
    assert told.json() == {"generation": 0, "loading": "", "share": None, "seconds": 0, "refused": ""}
    assert told.headers["cache-control"] == "no-store"
