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

PATIENCE_S = 5.0  # seconds after which a reader that takes nothing is passed over
HEARTBEAT_S = 0.5  # seconds between two reports to those who wait, at which they can leave
TYPICAL_S = 10.0  # of one turn, until one was measured
SMOOTHING = 0.3  # weight of the newest turn in the mean duration

T = TypeVar("T")


class Waiting(NamedTuple):
    """A place in a line: how many are before it, and roughly for how many seconds."""

    before: int
    seconds: float


class Line:
    """First come, first served. May be used from any thread."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._line: list[object] = []
        self._moved = threading.Condition()
        self._typical_s = TYPICAL_S
        self._patience_s = patience_s
        self._unread_since: float | None = (
            None  # when the one at the head gave something, until that is taken
        )

    def take_turn(self, work: Generator[T, Any, Any]) -> Generator[Waiting | T, None, None]:
        """Yield the place in the line until its turn, then what the work yields; closing closes the work."""
        ticket = object()
        with self._moved:
            self._line.append(ticket)
        try:
            with closing(work):
                while before := self._before(ticket):
                    yield Waiting(before, before * self._typical_s)
                    with self._moved:
                        self._moved.wait_for(lambda: not self._before(ticket), HEARTBEAT_S)
                began = time.monotonic()
                for piece in work:
                    self._given(ticket, time.monotonic())
                    yield piece
                    self._given(ticket, None)
                self._typical_s += SMOOTHING * (time.monotonic() - began - self._typical_s)
        finally:
            self._leave(ticket)

    def _before(self, ticket: object) -> int:
        """Return how many are before; one whose reader has gone is not, any more."""
        with self._moved:
            since = self._unread_since
            if self._line[0] is not ticket and since and time.monotonic() - since > self._patience_s:
                self._leave(self._line[0])
            return self._line.index(ticket)

    def _given(self, ticket: object, at: float | None) -> None:
        with self._moved:
            if self._line and self._line[0] is ticket:
                self._unread_since = at

    def _leave(self, ticket: object) -> None:
        with self._moved:
            if ticket in self._line:
                if self._line[0] is ticket:
                    self._unread_since = None
                self._line.remove(ticket)
                self._moved.notify_all()
