"""A generator that blocks, read from an event loop: it runs in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_thread(make: Callable[[], Generator[T, None, None]]) -> AsyncGenerator[T, None]:
    """Yield what a generator yields. Who leaves, or is cancelled, has it closed at its next value.

    Args:
        make: makes the generator; called in the thread.
    """
    loop, news = asyncio.get_running_loop(), asyncio.Queue[tuple[bool, T | BaseException | None]]()
    left = threading.Event()

    def tell(more: bool, value: T | BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(news.put_nowait, (more, value))

    def run() -> None:
        try:
            values = make()
            try:
                for value in values:
                    if left.is_set():
                        return
                    tell(True, value)
            finally:
                values.close()
            tell(False, None)
        except BaseException as error:
            tell(False, error)

    threading.Thread(target=run, name="generator", daemon=True).start()
    try:
        while True:
            more, value = await news.get()
            if isinstance(value, BaseException) and not more:
                raise value
            if not more:
                return
            yield value  # type: ignore[misc]
    finally:
        left.set()
