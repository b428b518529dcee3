"""Who may write a visit's timeline, and when: the one value of a page that changes.

A visit has at most one *writer* at a time: an answer that grows, or something done by hand that a model must
see, such as a click. What the visitor does meanwhile without a model comes at once: a *change* (undo, another
picture) ends the writer, whose later writes are refused; a *patch* (a name, a selection) lies on top of what
the writer still writes. Messages that are sent while an answer runs wait here and can be taken back.

This module knows timelines and threads; it knows no models and no widgets.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from app import actions
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Scene, Timeline, Turn
from pipelines.visit import push

MOST_WAITING = 6  # messages of one visit that may wait for their answer
MOST_HANDS = 12  # clicks and strokes of one visit that may wait for their turn
LOOK = 0.02  # seconds between two looks at whether a writer has come to its end

Patch = Callable[[Scene], Scene]
"""A change of a scene that needs no model and suits any later scene of the same visit."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Message:
    """Words that were sent: they are answered with the options of that moment.

    `base` is the scene that they are said to, where that is not the newest one: an earlier message is said in
    other words then, and the answer begins a branch.
    """

    words: str
    options: ReplyOptions = field(default_factory=ReplyOptions)
    base: Scene | None = None
    number: int = field(default_factory=lambda: next(_numbers))


@dataclass(eq=False, slots=True)
class Writer:
    """One who writes a timeline step by step, from `base` on. `ended`: the visitor has ended it."""

    base: Timeline
    message: Message | None = None
    patches: list[Patch] = field(default_factory=list)
    ended: bool = False

    def patched(self, scene: Scene) -> Scene:
        """Return a scene with what the visitor did to it meanwhile; what no longer suits it is left out."""
        for patch in self.patches:
            with suppress(DemoError):
                scene = patch(scene)
        return scene


class Visit:
    """A timeline, its writer, and the messages that wait. May be used from any thread."""

    def __init__(self, timeline: Timeline | None = None) -> None:
        self.timeline = timeline or Timeline()
        self.editing: int | None = None
        """The turn that the next message is said in place of."""
        self._waiting: list[Message] = []
        self._asked: Message | None = None
        self._answering = False
        self._writer: Writer | None = None
        self._lock = threading.RLock()
        self._hands = asyncio.Lock()
        self._hands_waiting = 0

    def __deepcopy__(self, memo: object) -> Visit:
        """Return a new visit: Gradio copies the first one for every page."""
        return Visit(self.timeline)

    # --- messages --------------------------------------------------------------------------------------

    @property
    def answering(self) -> bool:
        """Whether an answer runs, or is about to."""
        return self._answering

    @property
    def asked(self) -> Message | None:
        """The message that is about to be answered and is not in the timeline yet."""
        return self._asked if self._answering else next(iter(self._waiting), None)

    @property
    def waiting(self) -> Sequence[Message]:
        """The messages that wait behind the one that is being answered, or is about to be."""
        with self._lock:
            return tuple(self._waiting if self._answering else self._waiting[1:])

    def send(self, words: str, options: ReplyOptions, base: Scene | None = None) -> Message:
        """Put a message behind those that wait.

        Raises:
            DemoError: it is empty or too long, or too many wait.
        """
        message = Message(actions.validate_message(words), options, base)
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                raise DemoError(
                    f"{MOST_WAITING} messages are waiting already: take one back, or wait a moment."
                )
            self._waiting.append(message)
        return message

    def take_back(self, number: int) -> Message | None:
        """Take back a message that waits; None where it is being answered already."""
        with self._lock:
            found = next((one for one in self.waiting if one.number == number), None)
            if found:
                self._waiting.remove(found)
            return found

    def claim(self) -> bool:
        """Become the one who answers this visit's messages; False where another one does."""
        with self._lock:
            if self._answering:
                return False
            self._answering = True
            return True

    def next_message(self) -> Message | None:
        """Return the next message to answer; None where there is none, and the claim is given up."""
        with self._lock:
            self._asked = self._waiting.pop(0) if self._waiting else None
            self._answering = self._asked is not None
            return self._asked

    def release(self) -> None:
        """Give up the claim, for example since the page was closed."""
        with self._lock:
            self._answering, self._asked = False, None

    # --- writers ---------------------------------------------------------------------------------------

    def begin_answer(self, message: Message) -> Writer | None:
        """Wait for what is done by hand, then write an answer; None where it was stopped before."""
        while self._asked is message:
            writer = self._begin(message)
            if writer:
                return writer
            time.sleep(LOOK)
        return None

    @asynccontextmanager
    async def hand(self) -> AsyncIterator[Writer]:
        """Write what is done by hand: one after the other, and after a running answer.

        Raises:
            DemoError: too much waits already.
        """
        if self._hands_waiting >= MOST_HANDS:
            raise DemoError("That was too fast: wait until the clicks before this one are done.")
        self._hands_waiting += 1
        try:
            async with self._hands:
                while (writer := self._begin()) is None:
                    await asyncio.sleep(LOOK)
                try:
                    yield writer
                finally:
                    self.end(writer)
        finally:
            self._hands_waiting -= 1

    def _begin(self, message: Message | None = None) -> Writer | None:
        with self._lock:
            if self._writer:
                return None
            if message:
                self._asked = None
            self._writer = Writer(self.timeline, message)
            return self._writer

    def write(self, writer: Writer, timeline: Timeline) -> bool:
        """Write a timeline; False where the writer was ended, and nothing is changed."""
        with self._lock:
            if writer.ended:
                return False
            if writer.patches:
                steps = list(timeline.steps)
                for at in {writer.base.current, *range(len(writer.base.steps), len(steps)), timeline.current}:
                    if at < len(steps):
                        steps[at] = steps[at]._replace(scene=writer.patched(steps[at].scene))
                timeline = replace(timeline, steps=tuple(steps))
            self.timeline = timeline
            return True

    def end(self, writer: Writer) -> None:
        """A writer has come to its end."""
        with self._lock:
            if self._writer is writer:
                self._writer = None
            writer.ended = True

    # --- what comes at once ----------------------------------------------------------------------------

    def change(self, change: Callable[[Timeline], Timeline]) -> None:
        """Change the timeline at once; a running answer stays as far as it came.

        Raises:
            DemoError: it cannot be changed so; nothing has happened then.
        """
        with self._lock:
            writer = self._writer
            timeline = actions.stopped(self.timeline) if writer and writer.message else self.timeline
            changed = change(timeline)
            if writer:
                self.end(writer)
            self.timeline = changed
            self.editing = None

    def stop(self) -> None:
        """End the running answer; what there is of it stays."""
        with self._lock:
            if self._writer and self._writer.message:
                self.timeline = actions.stopped(self.timeline)
                self.end(self._writer)
            elif message := self._asked:
                asked = (message.base or self.timeline.scene).with_turn(Turn("user", message.words))
                self.timeline = actions.stopped(push(self.timeline, asked))
                self._asked = None

    def abandon(self) -> None:
        """End what runs and what waits, and forget all: who still holds this visit finds nothing in it."""
        with self._lock:
            self._waiting.clear()
            self.stop()
            if self._writer:
                self.end(self._writer)
            self.timeline, self.editing = Timeline(), None

    def patch(self, patch: Patch, *, step: bool = True) -> None:
        """Patch the scene at once, also the scenes that a writer has yet to write.

        Args:
            step: whether undo takes it back by itself, where nothing is being written.
        Raises:
            DemoError: it does not suit the scene.
        """
        with self._lock:
            patched = patch(self.timeline.scene)
            if self._writer:
                self._writer.patches.append(patch)
                self.timeline = self.timeline.amend(patched)
            else:
                self.timeline = push(self.timeline, patched) if step else self.timeline.amend(patched)
