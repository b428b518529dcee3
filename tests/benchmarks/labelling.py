"""Rows about labelling a folder: several pictures together, in one process and in one a core."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from model.training.world import draw
from pipelines.evaluate import FIRST_SEED, LABELLED, SCENES
from pipelines.label.classes import Wanted
from pipelines.label.command import loaded
from pipelines.label.in_processes import in_processes
from pipelines.label.manifest import Manifest
from pipelines.label.run import in_threads, keep, scan, tasks
from pipelines.label.work import Job, Labeller
from pipelines.settings import Settings
from tests.benchmarks.measure import Cost, Row, clock, in_turn

PICTURES = 16
IN_PROCESSES = 96  # pictures, so that the start of another process is a small part
AT_ONCE = 8
SEEDS = itertools.count(FIRST_SEED, IN_PROCESSES)  # of the first picture of each run: no picture comes twice


def rows() -> Iterator[Row]:
    """All rows of this module."""
    works = loaded(Settings())
    cores = max(2, os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for segment in (False, True):
            yield together(works, folder, segment=segment)
        for segment in (False, True):
            yield together(works, folder, segment=segment, processes=cores, pictures=IN_PROCESSES)


def together(
    works: Labeller, folder: Path, *, segment: bool, processes: int = 1, pictures: int = PICTURES
) -> Row:
    """Pictures a minute; they are fresh each time, so that nothing is known of them."""
    jobs = [Job(f"class {kind}", Wanted(kind, (kind,)), segment) for kind in LABELLED]

    def labelled(at_once: int, count: int, processes: int = 1) -> Cost:
        first = next(SEEDS)
        with tempfile.TemporaryDirectory(dir=folder) as place, tempfile.TemporaryDirectory() as to:
            for number in range(count):
                array, _ = draw(first + number, kind=SCENES[number % len(SCENES)])
                Image.fromarray(array).save(Path(place) / f"{number:02}.png")
            with Manifest(Path(to)) as manifest:
                manifest.update(scan(Path(place), Path(to)))
                waiting = tasks(manifest, Path(place), jobs)
                if processes > 1:
                    make = partial(loaded, Settings())
                    news = in_processes(make, works, waiting, processes=processes, at_once=at_once)
                else:
                    news = in_threads(works, waiting, at_once)
                with clock() as cost:
                    keep(manifest, news, _quiet)
                return cost[0]

    labelled(AT_ONCE, AT_ONCE)
    one, many = in_turn(
        lambda: labelled(1, PICTURES), lambda: labelled(AT_ONCE, pictures, processes), rounds=2, warm=False
    )
    one_a_minute, many_a_minute = 60 * PICTURES / one.wall, 60 * pictures / many.wall
    what = f"a folder, {len(jobs)} phrases{', outlined' if segment else ''}: {AT_ONCE} pictures together"
    what += f" in each of {processes} processes" if processes > 1 else ""
    figures = f"{many_a_minute:.0f} against {one_a_minute:.0f} pictures a minute"
    # of computing only this process's seconds are known
    cpu = one.cpu / PICTURES / (many.cpu / pictures) if processes == 1 else None
    return Row(what, many_a_minute / one_a_minute, cpu, figures)


def _quiet(name: str, counts: Counter[str]) -> None:
    pass
