"""Mixtures of two checkpoints at any beta, made when they are asked for and kept within a bound of memory.

A mixture costs as much memory as one checkpoint; those that were not asked for longest go. One that goes
while it answers lives until its answer is whole. What mixing means is said in `model.mixing`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from pipelines.errors import DemoError
from pipelines.vlm.sphinx import SphinxVLM

MOST_BYTES = 200 << 20  # of weights; sphinx-nano takes 43 MB
STEP = 0.01  # betas that are nearer to one another count as one


class Mixtures:
    """theta = beta * A + (1 - beta) * B. May be asked from any thread."""

    def __init__(self, a: SphinxVLM, b: SphinxVLM, *, most_bytes: int = MOST_BYTES) -> None:
        self._a, self._b = a, b
        self._most_bytes = most_bytes
        self._kept: OrderedDict[float, SphinxVLM] = OrderedDict()
        self._lock = threading.Lock()
        self._passes = 0  # forward passes of the mixtures that went

    @property
    def forward_passes(self) -> int:
        """Calls of all mixtures' language models."""
        with self._lock:
            return self._passes + sum(vlm.forward_passes for vlm in self._kept.values())

    @property
    def kept(self) -> tuple[float, ...]:
        """The betas of the mixtures in memory, that of the last one asked for at the end."""
        with self._lock:
            return tuple(self._kept)

    def at(self, beta: float) -> SphinxVLM:
        """Return the mixture at a beta; at 0 and 1 one of the two themselves.

        Raises:
            DemoError: beta is not in 0..1, or the two cannot be mixed.
        """
        if not 0 <= beta <= 1:
            raise DemoError(f"Beta is 0 to 1, not {beta:g}.")
        beta = round(round(beta / STEP) * STEP, 4)
        if beta in (0.0, 1.0):
            return self._a if beta else self._b
        with self._lock:
            vlm = self._kept.pop(beta, None)
            if vlm is None:
                try:
                    vlm = self._a.mixed(self._b, beta)
                except ValueError as error:
                    raise DemoError(f"These two checkpoints cannot be mixed: {error}.") from None
            self._kept[beta] = vlm
            most = max(1, self._most_bytes // vlm.weight_bytes)
            while len(self._kept) > most:
                _, gone = self._kept.popitem(last=False)
                self._passes += gone.forward_passes
            return vlm
