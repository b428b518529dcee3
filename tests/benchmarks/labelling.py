"""Rows about labelling a folder: several pictures together against one after the other."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from model.training.world import draw
from pipelines.catalog import load
from pipelines.evaluate import FIRST_SEED, LABELLED, SCENES
from pipelines.label.classes import Wanted
from pipelines.label.manifest import Manifest
from pipelines.label.run import in_threads, keep, scan, tasks
from pipelines.label.work import Job, Labeller
from tests.benchmarks.measure import Row, in_turn

PICTURES = 16
AT_ONCE = 8


def rows() -> Iterator[Row]:
    """All rows of this module."""
    assistant = load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for segment in (False, True):
            yield together(Labeller(assistant), folder, segment=segment)


def together(works: Labeller, folder: Path, *, segment: bool) -> Row:
    """Pictures a minute; they are fresh each time, so that nothing is known of them."""
    jobs = [Job(f"class {kind}", Wanted(kind, (kind,)), segment) for kind in LABELLED]
    seeds = iter(range(FIRST_SEED, FIRST_SEED + 10**6, PICTURES))

    def labelled(at_once: int, count: int = PICTURES) -> None:
        first = next(seeds)
        with tempfile.TemporaryDirectory(dir=folder) as place, tempfile.TemporaryDirectory() as to:
            for number in range(count):
                array, _ = draw(first + number, kind=SCENES[number % len(SCENES)])
                Image.fromarray(array).save(Path(place) / f"{number:02}.png")
            with Manifest(Path(to)) as manifest:
                manifest.update(scan(Path(place), Path(to)))
                keep(manifest, in_threads(works, tasks(manifest, Path(place), jobs), at_once), _quiet)

    labelled(AT_ONCE, AT_ONCE)
    one, many = in_turn(lambda: labelled(1), lambda: labelled(AT_ONCE), rounds=2, warm=False)
    what = f"a folder, {len(jobs)} phrases{', outlined' if segment else ''}: {AT_ONCE} pictures together"
    figures = f"{60 * PICTURES / many.wall:.0f} against {60 * PICTURES / one.wall:.0f} pictures a minute"
    return Row(what, one.wall / many.wall, one.cpu / many.cpu, figures)


def _quiet(name: str, counts: Counter[str]) -> None:
    pass
