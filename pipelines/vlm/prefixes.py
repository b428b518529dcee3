"""Keys and values that later requests read again, bounded by bytes; and how many bytes suit a machine.

A trunk holds what all questions about a picture begin with: the picture and the words before the first
question. It is read in place, by any number of requests at once. A branch holds what one conversation or one
kind of question adds to its trunk; whoever begins with the same tokens copies them. So several conversations
about one picture are kept beside one another. This module knows ids and tensors; it decides nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any

import psutil
import torch
from cachetools import LRUCache

from pipelines.vlm.decoder import KeysValues, Trunk, keys_values_bytes

FREE_SHARE = 4  # prefixes take at most this fraction (1/4) of the memory that is free
CONTEXTS = 32  # full contexts; more are not kept, however large the memory
MOST_BRANCHES = 32  # of one trunk

Ids = tuple[int, ...]


class LockedCache:
    """A library's cache, bounded by bytes, that several threads may use."""

    def __init__(self, limit: int, size: Callable[[Any], int]) -> None:
        self._kept: LRUCache[Any, Any] = LRUCache(limit, size)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Any) -> Any:
        """Return the value, or None."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Any, value: Any) -> None:
        """Keep a value. One that is larger than the bound is not kept."""
        with self._lock, suppress(ValueError):  # it is larger than the bound
            self._kept[key] = value


class Prefixes:
    """Trunks with their branches. Not safe for several threads: the batcher's worker alone uses it.

    All lie in one cache: the trunk of a key as `(key, ())`, a branch as `(key, its tokens)`. Whoever uses a
    branch uses its trunk after it, so that a trunk never goes before its branches.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._cache: LRUCache[tuple[Any, Ids], Any] = LRUCache(limit, _bytes)

    @property
    def bytes(self) -> int:
        """Bytes of all keys and values that are kept."""
        return int(self._cache.currsize)

    def trunk(self, key: Any) -> Trunk | None:
        """Return the trunk of that name."""
        return self._cache.get((key, ()))

    def put_trunk(self, key: Any, trunk: Trunk) -> None:
        """Keep a trunk; one that is larger than the limit is not kept."""
        if (key, ()) not in self._cache:
            with suppress(ValueError):  # it is larger than the limit
                self._cache[key, ()] = trunk

    def branch(self, key: Any, ids: Sequence[int]) -> tuple[int, KeysValues | None]:
        """Return how many first tokens the best branch has in common with `ids`, and the branch."""
        best, found = 0, None
        for kept in self._branches(key):
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(kept, ids)))
            if common > best:
                best, found = common, kept
        return best, None if found is None else self._use(key, found)

    def put_branch(self, key: Any, ids: Sequence[int], layers: KeysValues) -> None:
        """Keep a copy of the first `len(ids)` tokens of `layers`, in place of branches that it continues."""
        trunk, given = self.trunk(key), tuple(ids)
        size = keys_values_bytes(tuple(layer[:, :, : len(given)] for layer in layers))
        if trunk is None or not given or size + _bytes(trunk) > self.limit:
            return
        for kept in self._branches(key):
            if kept[: len(given)] == given:
                self._use(key, kept)
                return
            if given[: len(kept)] == kept:
                del self._cache[key, kept]
        self._cache[key, given] = tuple(layer[:, :, : len(given)].clone() for layer in layers)
        self.trunk(key)
        for surplus in self._branches(key)[:-MOST_BRANCHES]:
            del self._cache[key, surplus]

    def clear(self) -> None:
        """Forget everything; a trunk that is being read lives until its last reader is done."""
        self._cache.clear()

    def _branches(self, key: Any) -> list[Ids]:
        """Return the tokens of a trunk's branches, the least recently used first."""
        return [ids for name, ids in self._cache if name == key and ids]

    def _use(self, key: Any, ids: Ids) -> KeysValues:
        """Return a branch as the last but one that was used, before its trunk."""
        self._cache[key, ids] = layers = self._cache.pop((key, ids))  # iteration follows this order, too
        self.trunk(key)
        return layers


def _bytes(value: Trunk | KeysValues) -> int:
    """Return the bytes of a trunk's or a branch's keys and values."""
    return keys_values_bytes(value.layers if isinstance(value, Trunk) else value)


def free_bytes(device: torch.device) -> int:
    """Memory that is free on a device now; of the host's where the device does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def prefix_bytes(bytes_per_token: int, context: int, device: torch.device) -> int:
    """Bytes of prefixes to keep: as many full contexts as fit into a share of the free memory, one at least.

    Args:
        bytes_per_token: of keys and values, all layers.
        context: tokens of a full context.
    """
    one = bytes_per_token * context
    return max(one, min(CONTEXTS * one, free_bytes(device) // FREE_SHARE))
