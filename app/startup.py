"""The assistant while it is still being made ready: the page opens at once, the models come after.

This module knows threads and seconds; which models are loaded, and how, is the business of who starts it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipelines.errors import DemoError, MissingCapability, loading_failed

if TYPE_CHECKING:
    from pipelines.assistant import Assistant

log = logging.getLogger(__name__)


class Startup:
    """Makes an assistant in a thread of its own. `what`: the name the visitor reads meanwhile."""

    def __init__(self, load: Callable[[], Assistant], what: str) -> None:
        self.what = what
        self._load = load
        self._began = time.monotonic()
        self._done = threading.Event()
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

    def run(self) -> Startup:
        """Load here and now; a failure is kept for the visitor to read."""
        try:
            assistant = self._load()
            for tell in self._waiting:
                tell(assistant)
            self._assistant = assistant
            log.info("%s is ready after %.1f s", self.what, self.seconds)
        except DemoError as error:
            self._failure = error
            log.error("%s cannot be loaded: %s", self.what, error)
        except Exception as error:
            # The reason may name files of this computer, which are no visitor's business.
            self._failure = MissingCapability(
                f"{self.what} could not be loaded; the reason is in the terminal where the page was started."
            )
            log.error("%s", loading_failed(self.what, error))
            log.debug("%s cannot be loaded", self.what, exc_info=True)
        finally:
            self._done.set()
        return self

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
