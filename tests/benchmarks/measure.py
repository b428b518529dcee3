"""How a ratio is measured: both sides in turn, in one run, by medians; and how rows become a table.

Other programs disturb seconds on the clock more than seconds of computing (CPU time of this process, all
threads), so a row has both ratios where both mean something.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, and of computing."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: how many times the second figure holds the first."""

    what: str
    ratio: float | None
    cpu_ratio: float | None
    figures: str


Side = Callable[[], object]
"""One measurement; it gives a `Cost` where not all of the call counts."""


@contextmanager
def clock() -> Iterator[list[Cost]]:
    """Measure a block: the list holds its cost afterwards."""
    found: list[Cost] = []
    wall, cpu = time.perf_counter(), time.process_time()
    yield found
    found.append(Cost(time.perf_counter() - wall, time.process_time() - cpu))


def timed(side: Side) -> Cost:
    """The cost of one call."""
    with clock() as found:
        own = side()
    return own if isinstance(own, Cost) else found[0]


def in_turn(*sides: Side, rounds: int, warm: bool = True) -> list[Cost]:
    """The median costs of the sides, each measured once a round; `warm`: after one that does not count."""
    for side in sides if warm else ():
        side()
    costs = [[timed(side) for side in sides] for _ in range(rounds)]
    return [
        Cost(statistics.median(c.wall for c in column), statistics.median(c.cpu for c in column))
        for column in zip(*costs)
    ]


def pair(
    what: str, slow: Side, quick: Side, *, rounds: int = 5, unit: str = "ms", per: int = 1, scale: float = 1e3
) -> Row:
    """A row: how many times `quick` is as quick as `slow`; `per` units of work are done by each."""
    a, b = in_turn(slow, quick, rounds=rounds)
    figures = f"{a.wall * scale / per:.3g} against {b.wall * scale / per:.3g} {unit}"
    return Row(what, a.wall / b.wall, a.cpu / b.cpu, figures)


def heading() -> str:
    """Machine, threads, versions and date."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x.partition(": ")[2] for x in info.read_text().splitlines() if x.startswith("model name")]
        model = f"{names[0]}, {len(names)} cores" if names else model
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    today = datetime.now(UTC).date()
    return f"{model}{gpu}, {torch.get_num_threads()} threads, torch {torch.__version__}, {today}"


def line(row: Row) -> str:
    """A row of the Markdown table."""

    def ratio(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    return f"| {row.what} | {ratio(row.ratio)} | {ratio(row.cpu_ratio)} | {row.figures} |"
