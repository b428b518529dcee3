"""Further checkpoints of one SPHINX in another process of this machine, so that two cores answer at once.

A small model's calls are too short to be shared by threads, and two models in one process take the
interpreter from one another. Visitors of one model gain little by a second process (16 answers took 174 ms in
place of 213, 8 no less than in one): what they ask goes through its layers together. So each model stays
whole, and the second process has others. It is started when two visitors ask at the same time, so that a
lonely one pays for none. This module knows pipes; what is loaded there is the business of who gives `Make`.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from PIL import Image

from pipelines import heap, remote
from pipelines.errors import LOST, DemoError, ModelLost
from pipelines.interfaces import Replies
from pipelines.quiet import quieten

log = logging.getLogger(__name__)

PIPES = 16  # answers that the process gives at once

Make = Callable[[], Mapping[str, Any]]
"""Loads models by their names. It is called in the other process: it can be pickled."""
Ask = Callable[..., Replies]
"""`VisionLanguageModel.stream` of a model in this process."""


class _Said(Enum):
    """What a process says beside its answers."""

    READY = auto()
    WANTED = auto()  # the picture of the request
    OVER = auto()


@dataclass(frozen=True, slots=True)
class _Failed:
    """An error over there that is no refusal, as text: not every error can be pickled."""

    traceback: str


class _GivenUp(Exception):
    """Nobody wants the answer any more, and nobody sends the picture."""


class Beside:
    """A process beside this one, and what it is asked. May be asked from any thread."""

    def __init__(self, make: Make) -> None:
        """Take note of what is to be loaded; nothing is started yet."""
        self.pieces = 0  # of answers that arrived
        self._make = make
        self._other: _Other | None = None
        self._lock = threading.Lock()

    @property
    def process(self) -> int | None:
        """The number of the process, where it can be asked now."""
        other = self._other
        return other.number if other and other.ready and not other.gone else None

    def start(self) -> None:
        """Have a process started where there is none, and return at once; one that cannot load, only once."""
        with self._lock:
            if self._other is None or (self._other.gone and self._other.ready):
                self._other = _Other(self._make)

    def stream(self, name: str, here: Ask, image: Image.Image | None, *asked: Any, **named: Any) -> Replies:
        """Have a model answer there; `here` is the same in this process, for as long as there is none.

        Greedy answers are the same, token for token.

        Args:
            image, asked, named: as `VisionLanguageModel.stream` has them; pixels travel if wanted.
        Raises:
            DemoError: as the model does.
            ModelLost: the process has ended in the middle of the answer.
        """
        other = self._other
        pipe = other.take() if other else None
        if other and pipe:
            began = False
            try:
                with closing(other.answers(pipe, image, (name, asked, named), whole=False)) as replies:
                    for raw in replies:
                        began, self.pieces = True, self.pieces + 1
                        yield raw
                return
            except ModelLost:
                if began:
                    raise
        yield from here(image, *asked, **named)

    def ahead(self, name: str, here: Ask, image: Image.Image | None, *asked: Any, **named: Any) -> Replies:
        """Have a model begin to answer there now, and yield the whole answer when it is asked for.

        Where there is no process, or it has ended, the model in this one answers, when it is asked for.
        """
        whole = self._whole(image, (name, asked, named), lambda: here(image, *asked, **named))
        next(whole)  # it is sent
        return whole

    def _whole(
        self, image: Image.Image | None, asked: tuple[Any, ...], here: Callable[[], Replies]
    ) -> Replies:
        """Yield "" once it was asked there, and then the whole answer, wherever it comes from."""
        other = self._other
        pipe = other.take() if other else None
        began = False
        if other and pipe:
            with suppress(ModelLost), closing(other.answers(pipe, image, asked, whole=True)) as replies:
                for raw in replies:
                    yield raw
                    began, self.pieces = bool(raw), self.pieces + bool(raw)
        else:
            yield ""
        if not began:
            yield from here()


class _Other:
    """The process. It ends when nobody holds this any more, and with the process that holds it."""

    def __init__(self, make: Make) -> None:
        """Begin to start it, and return at once."""
        self._state = _State()
        ends = [multiprocessing.Pipe() for _ in range(PIPES)]
        self._free = [here for here, _ in ends]
        args = (make, [there for _, there in ends], self._state)
        threading.Thread(target=_start, args=args, name="start", daemon=True).start()

    @property
    def number(self) -> int | None:
        return self._state.process and self._state.process.pid

    @property
    def ready(self) -> bool:
        """Whether it has loaded its models, though it may have ended since."""
        return self._state.ready

    @property
    def gone(self) -> bool:
        return self._state.gone

    def take(self) -> Connection | None:
        """Return a pipe for one request; None where all are in use, or it cannot be asked."""
        with suppress(IndexError):
            if self.ready and not self.gone:
                return self._free.pop()
        return None

    def answers(
        self, pipe: Connection, image: Image.Image | None, asked: tuple[Any, ...], *, whole: bool
    ) -> Replies:
        """Yield what it answers. The picture travels only where it was not looked at yet.

        `whole`: yields "" once it was asked, and then the whole answer only.
        """
        try:
            pipe.send((*asked, whole))
            if whole:
                yield ""
            while True:
                answer = pipe.recv()
                if answer is _Said.WANTED:
                    pipe.send(image)
                elif answer is _Said.OVER:
                    return
                elif isinstance(answer, _Failed):
                    raise RuntimeError(f"in the process beside this one:\n{answer.traceback}")
                elif isinstance(answer, DemoError):
                    _give_up(pipe)
                    raise answer
                else:
                    yield answer
                    pipe.send(True)
        except GeneratorExit:
            with suppress(EOFError, ConnectionError):
                _give_up(pipe)
            raise
        except (EOFError, ConnectionError):
            self._state.gone = True
            raise ModelLost(LOST) from None
        finally:
            self._free.append(pipe)


class _State:
    """What is known of a process; apart from `_Other`, whose end ends the process."""

    process: BaseProcess | None = None
    ready = gone = False


def _give_up(pipe: Connection) -> None:
    """End the request of a pipe, and wait until nothing is computed for it any more."""
    pipe.send(False)
    while (said := pipe.recv()) is not _Said.OVER and not isinstance(said, _Failed):
        pass


def _start(make: Make, pipes: Sequence[Connection], state: _State) -> None:
    """Start a process, and note when it is ready and when it is gone."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    try:
        state.process = context.Process(target=_serve, args=(make, pipes, there), daemon=True)
        state.process.start()
        for end in (there, *pipes):
            end.close()
        state.ready = here.recv() is _Said.READY
        log.info("process %d answers, too", state.process.pid)
        here.recv()  # nothing more is said: this is its end
    except (EOFError, ConnectionError):
        log.info("the process beside this one has ended")
    finally:
        state.gone = True
    if state.process and state.process.pid:
        state.process.join()


def _serve(make: Make, pipes: Sequence[Connection], home: Connection) -> None:
    """What the other process does: answer what comes through the pipes until the first process is gone."""
    import torch

    quieten()
    heap.settle()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the first process
    torch.set_num_threads(1)
    models = make()
    for pipe in pipes:
        threading.Thread(target=_attend, args=(models, pipe), daemon=True).start()
    with suppress(EOFError, ConnectionError):
        home.send(_Said.READY)
        home.recv()
    os._exit(0)


def _attend(models: Mapping[str, Any], pipe: Connection) -> None:
    """Answer the requests of one pipe, one after the other; each piece waits until the last was taken."""
    try:
        while True:
            name, asked, named, whole = pipe.recv()

            @cache
            def image() -> Image.Image:
                pipe.send(_Said.WANTED)
                picture = pipe.recv()
                if picture is False:
                    raise _GivenUp
                return picture

            answers = remote.serve({"stream": models[name]}, "stream", (image, *asked), named)
            try:
                with closing(answers):
                    for answer in _last(answers, pipe) if whole else answers:
                        pipe.send(answer)
                        if not pipe.recv():
                            break
                pipe.send(_Said.OVER)
            except _GivenUp:
                pipe.send(_Said.OVER)
            except (EOFError, ConnectionError):
                raise
            except Exception:
                pipe.send(_Failed(traceback.format_exc()))
    except (EOFError, ConnectionError):
        os._exit(0)  # nobody is there any more


def _last(answers: Generator[Any, None, None], pipe: Connection) -> Generator[Any, None, None]:
    """Yield the last answer only; all are computed, unless the request is given up."""
    last = None
    for answer in answers:
        last = answer
        if pipe.poll():
            break
    yield last
