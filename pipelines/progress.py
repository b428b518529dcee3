"""How far something long has come, as a value that a page can show. Imports no model library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """What is being done now.

    Attributes:
        what: in words, as the middle of a sentence: "downloading sphinx-tiny".
        done, total: bytes; a total of 0 where it is not known.
        part, parts: which of the models it is for, from 1, and of how many; 0 where there is only one.
    """

    what: str
    done: int = 0
    total: int = 0
    part: int = 0
    parts: int = 0

    @property
    def share(self) -> float | None:
        """How much of it is done, 0..1; None where that is not known."""
        return min(1.0, self.done / self.total) if self.total else None

    def __str__(self) -> str:
        which = f" ({self.part} of {self.parts})" if self.parts else ""
        if not self.total:
            return f"{self.what}{which}"
        return f"{self.what}{which}, {self.done / 1e9:.1f} of {self.total / 1e9:.1f} GB"


Tell = Callable[[Stage], object]


def unheard(stage: Stage) -> None:
    """The default of who tells nobody."""
