"""What a page shows of an answer that grows: what must be drawn, and when.

Words are drawn at most every EVERY seconds, as many as came meanwhile; anything else is drawn at once. The
answer is computed in a thread of its own. This module knows scenes and seconds, no widgets.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator

from app import render
from pipelines.scene import Mask, Scene

EVERY = (
    0.05  # seconds between two drawings of words: more cannot be read, and each costs the server and the wire
)


Shown = tuple[Scene, Mask | None]
"""A scene, and the pixels that are about to change."""


class Screen:
    """The scene that the page shows, as far as its canvas goes; None where that is not known."""

    def __init__(self) -> None:
        self.scene: Scene | None = None
        self.hole: Mask | None = None
        """The pixels that are about to change, as far as the page shows them."""
        self.began = False
        """Whether something of the answer was drawn."""
        self._at = 0.0
        self._turns = -1

    def begin(self, scene: Scene | None) -> None:
        """An answer begins. `scene`: what the page shows."""
        self.scene, self.began, self._at, self._turns = scene, False, 0.0, -1

    def is_due(self, scene: Scene, hole: Mask | None) -> bool:
        """Return whether a scene must be drawn now: words alone may wait."""
        same = self.scene is not None and hole == self.hole and same_canvas(self.scene, scene)
        return not same or len(scene.turns) != self._turns or time.monotonic() - self._at >= EVERY

    def draw(self, scene: Scene, hole: Mask | None) -> Scene | None:
        """A scene is drawn. Return the one before it."""
        before, self.scene, self.hole, self.began = self.scene, scene, hole, True
        self._at, self._turns = time.monotonic(), len(scene.turns)
        return before


def paced(growing: Generator[Shown], screen: Screen) -> Generator[Shown]:
    """Yield what is to be drawn of an answer. Closing this closes the answer at its next value."""
    news: queue.Queue[Shown | BaseException | None] = queue.Queue()
    left = threading.Event()

    def run() -> None:
        end = None
        try:
            for shown in growing:
                if left.is_set():
                    break
                news.put(shown)
        except BaseException as error:
            end = error
        finally:
            growing.close()
            news.put(end)

    threading.Thread(target=run, name="answer", daemon=True).start()
    waiting: Shown | None = None
    try:
        while True:
            try:
                item = news.get(timeout=EVERY if waiting else None)
            except queue.Empty:
                item, waiting = waiting, None
            else:
                if isinstance(item, tuple) and not screen.is_due(*item):
                    waiting = item
                    continue
            if isinstance(item, BaseException):
                raise item
            if item is None:
                return  # what still waits is drawn with the whole answer
            waiting = None
            yield item
    finally:
        left.set()


def same_canvas(one: Scene, other: Scene) -> bool:
    """Return whether two scenes look the same on the canvas, whatever was said."""
    return (
        one.picture == other.picture
        and one.regions == other.regions
        and one.selected == other.selected
        and render.paintings(one) == render.paintings(other)
        and render.reading_order(one) == render.reading_order(other)
    )
