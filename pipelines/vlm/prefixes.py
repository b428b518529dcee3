"""Keys and values that later requests read again, bounded by bytes; and how many bytes suit a machine.

A trunk holds what all questions about a picture begin with: the picture and the words before the first
question. It is read in place, by any number of requests at once. A branch holds what one conversation or one
kind of question adds to its trunk; whoever begins with the same tokens copies them. So several conversations
about one picture are kept beside one another. This module knows ids and tensors; it decides nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import psutil
import torch

from pipelines.vlm.decoder import KeysValues, Trunk, keys_values_bytes

FREE_SHARE = 4  # prefixes take at most this fraction (1/4) of the memory that is free
CONTEXTS = {"cpu": 4}  # full contexts; more are not kept, however large the memory: it is all others', too
OTHER_CONTEXTS = 32  # the same on a GPU
MOST_BRANCHES = 32  # of one trunk


class _Entry:
    """A trunk and its branches, the least recently used first."""

    def __init__(self, trunk: Trunk) -> None:
        self.trunk = trunk
        self.branches: OrderedDict[tuple[int, ...], KeysValues] = OrderedDict()


class Prefixes:
    """Trunks with their branches. Not safe for several threads: the batcher's worker alone uses it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._entries: OrderedDict[Any, _Entry] = OrderedDict()

    def trunk(self, key: Any) -> Trunk | None:
        """The trunk of that name."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry.trunk

    def put_trunk(self, key: Any, trunk: Trunk) -> None:
        """Keep a trunk; one that is larger than the limit is not kept."""
        size = keys_values_bytes(trunk.layers)
        if size <= self.limit and key not in self._entries:
            self._entries[key] = _Entry(trunk)
            self.bytes += size
            self._shrink()

    def branch(self, key: Any, ids: Sequence[int]) -> tuple[int, KeysValues | None]:
        """The branch that has the most tokens in common with the beginning of `ids`, and how many."""
        entry = self._entries.get(key)
        best, found = 0, None
        for kept in entry.branches if entry else ():
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(kept, ids)))
            if common > best:
                best, found = common, kept
        if entry is None or found is None:
            return 0, None
        entry.branches.move_to_end(found)
        return best, entry.branches[found]

    def put_branch(self, key: Any, ids: Sequence[int], layers: KeysValues) -> None:
        """Keep a copy of the first `len(ids)` tokens of `layers`, in place of branches that it continues."""
        entry = self._entries.get(key)
        given = tuple(ids)
        size = keys_values_bytes(tuple(layer[:, :, : len(given)] for layer in layers))
        if entry is None or not given or size > self.limit:
            return
        for kept in list(entry.branches):
            if kept[: len(given)] == given:
                entry.branches.move_to_end(kept)
                return
            if given[: len(kept)] == kept:
                self._drop(entry, kept)
        entry.branches[given] = tuple(layer[:, :, : len(given)].clone() for layer in layers)
        self.bytes += size
        if len(entry.branches) > MOST_BRANCHES:
            self._drop(entry, next(iter(entry.branches)))
        self._entries.move_to_end(key)
        self._shrink()

    def clear(self) -> None:
        """Forget everything; a trunk that is being read lives until its last reader is done."""
        self._entries.clear()
        self.bytes = 0

    def _drop(self, entry: _Entry, ids: tuple[int, ...]) -> None:
        self.bytes -= keys_values_bytes(entry.branches.pop(ids))

    def _shrink(self) -> None:
        """Drop what was not used for longest until the limit is kept: branches, then their trunk."""
        while self.bytes > self.limit:
            key, entry = next(iter(self._entries.items()))
            if entry.branches:
                self._drop(entry, next(iter(entry.branches)))
            else:
                del self._entries[key]
                self.bytes -= keys_values_bytes(entry.trunk.layers)


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
    most = CONTEXTS.get(device.type, OTHER_CONTEXTS)
    return max(one, min(most * one, free_bytes(device) // FREE_SHARE))
