"""The same work in several processes of this machine, for models so small that one core is enough for each.

This process works, too, while the others are still being started. It hands each of the others a picture when
one is finished there, and they tell it the news as soon as there are any; an end of this process, whatever
its reason, ends them. What a process computes with is `make`'s business.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from pipelines.errors import DemoError
from pipelines.label.run import Finished, Handout, News, Task, Works, gathered, in_threads
from pipelines.quiet import quieten


def in_processes(
    make: Callable[[], Works], works: Works, waiting: Sequence[Task], *, processes: int, at_once: int
) -> Iterator[News]:
    """Carry out tasks in so many processes, this one among them.

    Args:
        make: loads what carries them out; it is called once in each other process, and can be pickled.
        works: what carries them out in this one.
        processes: at least 1.
        at_once: pictures that each works on together.
    Raises:
        DemoError: a process was ended from outside; what was finished is kept.
        RuntimeError: something failed in a process that is no refusal, with its traceback.
    """
    left = Handout(waiting)
    context = multiprocessing.get_context("spawn")
    sources: list[Iterator[News]] = [in_threads(works, left, at_once)]
    children = []
    for _ in range(processes - 1):
        here, there = context.Pipe()
        child = context.Process(target=_work, args=(make, there, at_once), daemon=True)
        child.start()
        there.close()
        sources.append(_handed(here, left, at_once))
        children.append(child)
    try:
        with _one_core_each(processes):
            yield from gathered(sources)
    finally:
        left.stopped = True
        for child in children:
            child.kill()  # a process that has ended does not mind
        for child in children:
            child.join()


@contextmanager
def _one_core_each(processes: int) -> Iterator[None]:
    """Let this process compute with its share of the cores, as long as there are others."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // processes))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _handed(there: Connection, left: Iterator[Task], at_once: int) -> Iterator[News]:
    """Hand tasks to a process, as many as it works on together; yield what it tells."""
    try:
        for _ in range(at_once):
            there.send(next(left, None))
        while (one := there.recv()) is not None:
            if isinstance(one, str):
                raise RuntimeError(f"in a process that labels:\n{one}")
            yield one
            if isinstance(one, Finished):
                there.send(next(left, None))
    except (EOFError, ConnectionError):
        raise DemoError(
            "A process that labels was ended from outside, perhaps for want of memory: what was finished is "
            "kept; run it again with --processes 1."
        ) from None


def _work(make: Callable[[], Works], home: Connection, at_once: int) -> None:
    """What another process does: carry out the tasks that arrive until None does."""
    import torch

    quieten()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the one that reports
    torch.set_num_threads(1)
    arrived: queue.SimpleQueue[Task | None] = queue.SimpleQueue()

    def listen() -> None:
        with suppress(EOFError, OSError):
            while True:
                arrived.put(home.recv())
        os._exit(1)  # the one that reports is gone

    threading.Thread(target=listen, daemon=True).start()
    try:
        for one in in_threads(make(), iter(arrived.get, None), at_once):
            home.send(one)
        home.send(None)
    except ConnectionError:
        pass
    except BaseException:
        home.send(traceback.format_exc())
