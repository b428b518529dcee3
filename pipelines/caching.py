"""A cache that is bounded by bytes, for several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cachetools import LRUCache


class LockedCache:
    """Things that are dear to compute; what was not used for longest goes when they take too much."""

    def __init__(self, limit: int, size: Callable[[Any], int]) -> None:
        """Keep things of `limit` bytes together. `size`: the bytes of one."""
        self._kept: LRUCache[Any, Any] = LRUCache(limit, size)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """Bytes of all things together."""
        return int(self._kept.currsize)

    def get(self, key: Any) -> Any:
        """Return the thing, or None."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Any, thing: Any) -> None:
        """Keep a thing. One that is larger than the bound is not kept."""
        with self._lock, suppress(ValueError):  # it is larger than the bound
            self._kept[key] = thing
