"""Files on their way in: each lies alone in a folder of this process until it is opened, and then it is gone.

What a visitor brings may say where and when it was taken. It is never served, and deleted as soon as the
picture in it was read; `pipelines.intake` says what of its metadata goes on.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.scratch import scratch_folder

MOST_BYTES = 50_000_000  # of one file
MOST_WAITING = 4  # files of one browser that wait to be opened; older ones go
SECONDS_KEPT = 600  # of a file that nobody opens


class TooLarge(ValueError):
    """The file is larger than what is taken. Its words are for the visitor."""


class Uploads:
    """Files that came and were not opened yet, by a token, each with the key of the browser that sent it."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="uploads-", dir=scratch_folder(), ignore_cleanup_errors=True)
        self._waiting: dict[str, tuple[str, float]] = {}  # token -> owner, when it came
        self._lock = threading.Lock()

    async def receive(self, owner: str, chunks: AsyncIterator[bytes]) -> str:
        """Keep a file until it is opened, and return its token.

        Raises:
            TooLarge: it has more than MOST_BYTES.
            OSError: it cannot be written; nothing is left of it.
        """
        token, size = secrets.token_urlsafe(32), 0
        path = self._path(token)
        try:
            with path.open("wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > MOST_BYTES:
                        raise TooLarge(f"a file may have {MOST_BYTES // 1_000_000} MB at most")
                    file.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._waiting[token] = owner, time.monotonic()
            self._sweep(owner)
        return token

    @contextlib.contextmanager
    def opened(self, owner: str | None, token: str) -> Iterator[Path | None]:
        """Open a file, and delete it afterwards. None where there is none of that browser."""
        with self._lock:
            sent = self._waiting.get(token)
            mine = sent is not None and sent[0] == owner
            if mine:
                del self._waiting[token]
        try:
            yield self._path(token) if mine else None
        finally:
            if mine:
                self._path(token).unlink(missing_ok=True)

    def forget(self, owner: str) -> None:
        """Delete what a browser sent."""
        with self._lock:
            for token in [token for token, (sender, _) in self._waiting.items() if sender == owner]:
                self._delete(token)

    def _sweep(self, owner: str) -> None:
        mine = [token for token, (sender, _) in self._waiting.items() if sender == owner]
        late = time.monotonic() - SECONDS_KEPT
        old = [token for token, (_, came) in self._waiting.items() if came < late]
        for token in {*mine[:-MOST_WAITING], *old}:
            self._delete(token)

    def _delete(self, token: str) -> None:
        del self._waiting[token]
        self._path(token).unlink(missing_ok=True)

    def _path(self, token: str) -> Path:
        return Path(self._folder.name) / token
