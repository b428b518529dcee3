"""Answers of the process beside this one are those given here; its end costs what it had begun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from pipelines import catalog
from pipelines.errors import DemoError, ModelLost
from pipelines.interfaces import GenerationOptions
from pipelines.settings import Settings
from pipelines.vlm import Beside, ExpertsVLM

ROOT = Path(catalog.__file__).parent.parent
PICTURE = Image.new("RGB", (8, 8), "red")
PLAIN = GenerationOptions()
WAIT_S = 60.0  # for a process to start, or to end


class Telling:
    """Tells its process, the colour of the picture, what was said, and numbers, of which it keeps a file."""

    name = "telling"

    def __init__(self, told: Path):
        self.told = told
        self.known: dict[str, Any] = {}

    def stream(self, image: Any, digest, turns, question, *, options):
        if question == "refuse":
            raise DemoError("The question is too long: shorten it.")
        if question == "break":
            raise ZeroDivisionError("broken")
        if digest not in self.known:
            picture: Any = image() if callable(image) else image
            self.known[digest] = picture.getpixel((0, 0))
        for number in range(100):
            time.sleep(0.005)
            with self.told.open("a") as file:
                file.write(f"{os.getpid()} {number}\n")
            yield f"{os.getpid()} {self.known[digest]} {turns} {number}"


def make(told):
    return {"telling": Telling(told)}


def unloadable():
    raise MemoryError


def until(true):
    """Wait until something is true."""
    ends = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def other_of(beside) -> Any:
    return beside._other


def number_of(beside) -> int:
    assert beside.process
    return beside.process


def ended(number):
    return not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def begun(told):
    """One whose process can be asked."""
    beside = Beside(partial(make, told))
    beside.start()
    until(lambda: beside.process)
    return beside


def asked(beside, told, digest="red", question="?", image: Any = PICTURE, *, ahead=False):
    ask = beside.ahead if ahead else beside.stream
    here = Telling(told).stream
    return closing(ask("telling", here, image, digest, (("what?", "a cat"),), question, options=PLAIN))


def place(replies):
    """The process that answers."""
    return int(next(replies).split()[0])


@pytest.fixture
def told(tmp_path):
    return tmp_path / "told"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One for those who end no process, and its file."""
    told = tmp_path_factory.mktemp("beside") / "told"
    return begun(told), told


def test_this_process_answers_until_there_is_another(told):
    beside = Beside(partial(make, told))
    assert beside.process is None
    for ahead in (False, True):
        with asked(beside, told, ahead=ahead) as replies:
            assert place(replies) == os.getpid()
    beside.start()
    with asked(beside, told) as replies:  # nobody waits for the start
        assert place(replies) == os.getpid()
    until(lambda: beside.process)
    with asked(beside, told) as replies:
        assert place(replies) == beside.process != os.getpid()
    beside.start()
    assert beside.pieces == 1


def test_an_answer_is_about_the_picture_and_knows_the_conversation(shared):
    beside, told = shared
    blue = Image.new("RGB", (8, 8), "blue")
    with asked(beside, told) as one, asked(beside, told, "blue", image=blue) as two:
        assert next(one) == f"{beside.process} (255, 0, 0) (('what?', 'a cat'),) 0"
        assert next(two) == f"{beside.process} (0, 0, 255) (('what?', 'a cat'),) 0"
        assert next(one).endswith(" 1")


def test_a_picture_travels_once(shared):
    beside, told = shared
    sent = []

    class Noted:
        def __reduce__(self):
            sent.append(self)
            return Image.new, ("RGB", (8, 8), "red")

    for _ in range(3):
        with asked(beside, told, "noted", image=Noted()) as replies:
            assert place(replies) == beside.process
    assert len(sent) == 1


def test_what_is_asked_ahead_is_computed_before_it_is_read(shared):
    beside, told = shared
    with asked(beside, told):
        pass
    before = len(told.read_text().splitlines()) if told.exists() else 0
    with asked(beside, told, ahead=True) as replies:
        until(lambda: len(told.read_text().splitlines()) == before + 100)
        assert [raw.split()[-1] for raw in replies] == ["99"]


@pytest.mark.parametrize("ahead", [False, True])
def test_what_is_given_up_is_not_computed_any_further(shared, ahead):
    beside, told = shared
    told.write_text("")
    with asked(beside, told, ahead=ahead) as replies:
        if not ahead:
            assert [next(replies) for _ in range(2)]
    lines = told.read_text().splitlines()
    time.sleep(0.5)
    assert told.read_text().splitlines() == lines
    assert len(lines) < 100 if ahead else lines == [f"{beside.process} 0", f"{beside.process} 1"]
    with asked(beside, told) as replies:
        assert place(replies) == beside.process
    assert len(other_of(beside)._free) == 16


def test_what_is_given_up_before_the_picture_came_is_over(shared):
    beside, told = shared
    with asked(beside, told, "not sent", ahead=True):
        time.sleep(0.2)  # it waits for the picture
    with asked(beside, told) as replies:
        assert place(replies) == beside.process
    assert len(other_of(beside)._free) == 16


def test_a_refusal_comes_as_itself_and_a_fault_with_its_traceback(shared):
    beside, told = shared
    for ahead in (False, True):
        refused = asked(beside, told, question="refuse", ahead=ahead)
        with refused as replies, pytest.raises(DemoError, match="shorten it"):
            list(replies)
        broken = asked(beside, told, question="break", ahead=ahead)
        with broken as replies, pytest.raises(RuntimeError, match="ZeroDivisionError"):
            list(replies)
        with asked(beside, told) as replies:  # it goes on, in the same pipe
            assert place(replies) == beside.process


def test_who_finds_no_place_there_is_answered_here(shared):
    beside, told = shared
    with ExitStack() as visits:
        places = [place(visits.enter_context(asked(beside, told))) for _ in range(17)]
    assert places == [*[beside.process] * 16, os.getpid()]


def test_its_end_costs_what_it_had_begun_and_another_is_started(told):
    beside = begun(told)
    number = number_of(beside)
    with asked(beside, told) as begun_one, asked(beside, told, ahead=True) as ahead:
        next(begun_one)
        os.kill(number, signal.SIGKILL)
        until(lambda: ended(number))
        with pytest.raises(ModelLost, match="ask again"):
            list(begun_one)
        assert place(ahead) in (os.getpid(), number)  # it may have been whole before
        with asked(beside, told) as replies:
            assert place(replies) == os.getpid()
    beside.start()
    until(lambda: beside.process)
    assert beside.process != number


def test_one_that_ended_unnoticed_is_not_missed(told):
    beside = begun(told)
    number = number_of(beside)
    os.kill(number, signal.SIGKILL)
    until(lambda: ended(number))
    for ahead in (False, True):
        other_of(beside)._state.gone = False
        with asked(beside, told, ahead=ahead) as replies:
            assert place(replies) == os.getpid()


def test_what_cannot_be_loaded_is_tried_once(told):
    beside = Beside(unloadable)
    beside.start()
    other = other_of(beside)
    until(lambda: other.gone)
    beside.start()
    assert other_of(beside) is other
    with asked(beside, told) as replies:
        assert place(replies) == os.getpid()


def test_it_ends_when_nobody_holds_it_any_more(told):
    beside = begun(told)
    number = number_of(beside)
    del beside
    until(lambda: ended(number))


ENDING = """
import sys, time
from pathlib import Path
from tests.pipelines.vlm.test_beside import begun
if __name__ == "__main__":
    beside = begun(Path(sys.argv[1]))
    print(beside.process, flush=True)
    time.sleep(100)
"""


def test_it_ends_with_the_first_process_whatever_ended_that(told):
    told.with_suffix(".py").write_text(ENDING)
    with subprocess.Popen(
        [sys.executable, str(told.with_suffix(".py")), str(told)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as first:  # fmt: skip
        assert first.stdout
        number = int(first.stdout.readline())
        assert psutil.pid_exists(number)
        first.kill()
    until(lambda: ended(number))


def test_the_embedded_experts_say_the_same_there():
    vlm, _ = catalog.load_vlm(Settings().model, "cpu", "float32", "", beside=True)
    assert isinstance(vlm, ExpertsVLM)
    other = vlm._beside
    assert other
    picture = Image.open(ROOT / "assets/examples/05-table.png").convert("RGB")

    def ask(question):
        return list(vlm.stream(picture, "table", (), question, options=PLAIN))[-1]

    questions = [
        "Detect all fish shown in the image.",
        "Provide a one-sentence caption for the provided image.",
    ]
    alone = [ask(question) for question in questions]
    assert other.pieces == 0
    one, two = (vlm.stream(picture, "table", (), questions[0], options=PLAIN) for _ in range(2))
    for replies in (one, two):  # at a time
        next(replies)
    until(lambda: other.process)
    one.close()
    two.close()
    assert [ask(question) for question in questions] == alone
    assert other.pieces == 1  # all of a kind: the one for counting, whose answer is wanted whole
    name = vlm._names[vlm._photographs]
    for question in questions:
        given = (picture, "table", (), question)
        here = list(vlm._photographs.stream(*given, options=PLAIN))[-1]
        assert list(other.stream(name, vlm._photographs.stream, *given, options=PLAIN))[-1] == here


@pytest.mark.parametrize(
    ("settings", "device", "count"),
    [(Settings(), "cpu", 6), (Settings("sphinx-tiny-1k"), "cpu", 1), (Settings(), "cuda", 1)],
)
def test_small_models_without_a_gpu_use_the_cores(monkeypatch, settings, device, count):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(6), raising=False)
    assert catalog.useful_processes(settings, device) == count
