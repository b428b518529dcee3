"""The assistant while it is still being made ready, or exchanged for another: the page opens at once.

This module knows threads and seconds; which models are loaded, and how, is the business of who starts it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from pipelines.errors import DemoError, MissingCapability, loading_failed
from pipelines.progress import Stage, Tell

if TYPE_CHECKING:
    from pipelines.assistant import Assistant
    from pipelines.choices import Choice

log = logging.getLogger(__name__)


class Others(Protocol):
    """The checkpoints that the page may go over to; see `pipelines.choices.Others`."""

    def choices(self) -> Sequence[Choice]: ...

    def load(self, assistant: Assistant, name: str, tell: Tell) -> Assistant: ...


class Startup:
    """Makes an assistant in a thread of its own.

    `what`: the name the visitor reads meanwhile. `others`: what the host lets visitors go over to.
    """

    def __init__(self, load: Callable[[], Assistant], what: str, *, others: Others | None = None) -> None:
        self.what = what
        self.others = others
        self.stage: Stage | None = None
        """What is being done now; None where nothing is loaded."""
        self.generation = 0
        """How often another checkpoint took over."""
        self.refusal = ""
        """Why the last exchange failed; "" where it did not."""
        self._load = load
        self._began = time.monotonic()
        self._done = threading.Event()
        self._exchanging = threading.Lock()
        self._assistant: Assistant | None = None
        self._failure: DemoError | None = None
        self._waiting: list[Callable[[Assistant], None]] = []

    def when_ready(self, tell: Callable[[Assistant], None]) -> None:
        """Have something told of the assistant before anybody works with it."""
        self._waiting.append(tell)
        if self._assistant:
            tell(self._assistant)

    def begin(self) -> Startup:
        """Start loading and return at once."""
        threading.Thread(target=self.run, name="startup", daemon=True).start()
        return self

    def tell(self, stage: Stage) -> None:
        """Take note of what is being done. May be called from any thread."""
        self.stage = stage

    def run(self) -> Startup:
        """Load here and now; a failure is kept for the visitor to read."""
        try:
            assistant = self._load()
            for tell in self._waiting:
                tell(assistant)
            self._assistant = assistant
            log.info("%s is ready after %.1f s", self.what, self.seconds)
        except Exception as error:
            self._failure = _said(self.what, error)
        finally:
            self.stage = None
            self._done.set()
        return self

    def exchange(self, name: str) -> bool:
        """Start to load another checkpoint and return; visits go on with the old one until it is there.

        Returns: False where another one is being loaded already.
        Raises:
            DemoError: the host does not allow it, or nothing was loaded in the first place.
        """
        if self.others is None:
            raise MissingCapability("The host of this page does not let visitors change the checkpoint.")
        assistant = self.assistant()
        if not self._exchanging.acquire(blocking=False):
            return False
        self.refusal, self.stage, self._began = "", Stage(f"loading {name}"), time.monotonic()
        threading.Thread(target=self._exchange, args=(assistant, name), name="exchange", daemon=True).start()
        return True

    def _exchange(self, assistant: Assistant, name: str) -> None:
        assert self.others
        try:
            other = self.others.load(assistant, name, self.tell)
            for tell in self._waiting:
                tell(other)
            self._assistant, self.what = other, other.about.model
            self.generation += 1
            log.info("%s took over after %.1f s", name, self.seconds)
        except Exception as error:
            self.refusal = str(_said(name, error))
        finally:
            self.stage = None
            self._exchanging.release()

    @property
    def seconds(self) -> float:
        """Since loading began."""
        return time.monotonic() - self._began

    @property
    def ready(self) -> bool:
        """Loading is over, well or not."""
        return self._done.is_set()

    @property
    def failure(self) -> DemoError | None:
        return self._failure

    def assistant(self) -> Assistant:
        """Return the assistant, waiting for it where it must.

        Raises:
            DemoError: it could not be loaded.
        """
        self._done.wait()
        if self._failure:
            raise self._failure
        assert self._assistant is not None
        return self._assistant


def _said(what: str, error: Exception) -> DemoError:
    """Return a failure as a visitor may read it, and log its reason."""
    if isinstance(error, DemoError):
        log.error("%s cannot be loaded: %s", what, error)
        return error
    log.error("%s", loading_failed(what, error))
    log.debug("%s cannot be loaded", what, exc_info=error)
    # The reason may name files of this computer, which are no visitor's business.
    return MissingCapability(
        f"{what} could not be loaded; the reason is in the terminal where the page was started."
    )
