"""A fair line before something that serves one at a time, such as the inpainter.

Whoever waits is told, every half second, how many are before and roughly how long it takes; closing the
iterator leaves the line. This module knows no models.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing
from typing import Any, NamedTuple, TypeVar

HEARTBEAT_S = 0.5  # who waits is told so often, and can leave
TYPICAL_S = 10.0  # of one turn, until one was measured
SMOOTHING = 0.3  # weight of the newest turn in the mean duration

T = TypeVar("T")


class Waiting(NamedTuple):
    """One's place in a line: how many are before, and roughly for how many seconds."""

    before: int
    seconds: float


class Line:
    """First come, first served. May be used from any thread."""

    def __init__(self) -> None:
        self._line: list[object] = []
        self._moved = threading.Condition()
        self._typical_s = TYPICAL_S

    def take_turn(self, work: Generator[T, Any, Any]) -> Generator[Waiting | T, None, None]:
        """Yield one's place while others are before, then what the work yields; closing closes the work."""
        ticket = object()
        with self._moved:
            self._line.append(ticket)
        try:
            with closing(work):
                while before := self._before(ticket):
                    yield Waiting(before, before * self._typical_s)
                    with self._moved:
                        self._moved.wait_for(lambda: self._line[0] is ticket, HEARTBEAT_S)
                began = time.monotonic()
                yield from work
                self._typical_s += SMOOTHING * (time.monotonic() - began - self._typical_s)
        finally:
            with self._moved:
                self._line.remove(ticket)
                self._moved.notify_all()

    def _before(self, ticket: object) -> int:
        with self._moved:
            return self._line.index(ticket)
