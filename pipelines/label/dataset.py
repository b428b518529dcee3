"""What was found in a folder, as one data set: pictures in order, each with its regions, captions and split.

It is read from the manifest picture by picture, so that memory stays flat however many there are. Regions
that a person struck out on the contact sheet are not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.errors import DemoError
from pipelines.export.given import given_regions
from pipelines.intake import read_file, short
from pipelines.label.manifest import Manifest
from pipelines.label.work import CAPTION, EVERYTHING, Job
from pipelines.scene import Region

SPLITS = ("train", "val", "test")
STRUCK = "struck.json"
Struck = frozenset[tuple[str, str, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture with what was found on it.

    Attributes:
        name: relative to the folder, with "/" between.
        flat: a name without folders and suffix, of which no two pictures have the same.
        regions: numbered from 1; their labels are classes.
        split: one of SPLITS, or "" where the data set is not split.
    """

    number: int
    name: str
    flat: str
    path: Path
    size_wh: tuple[int, int]
    regions: tuple[Region, ...]
    caption: str | None = None
    split: str = ""


class Dataset:
    """A folder's data set. Iterate over it for its pictures."""

    def __init__(
        self,
        manifest: Manifest,
        folder: Path,
        jobs: Sequence[Job],
        *,
        shares: Sequence[float] = (),
        seed: int = 0,
        struck: Struck = frozenset(),
    ) -> None:
        """Describe a data set.

        Args:
            shares: of train, val and test; none for a data set that is not split.
            seed: of the split.
            struck: (picture, class, box) of what is left out.
        """
        self._manifest, self._folder, self._jobs, self._struck = manifest, folder, jobs, struck
        entries = [(entry.name, entry.size_wh) for entry in manifest.entries() if entry.size_wh]
        self._sizes = {name: size_wh for name, size_wh in entries if size_wh}
        self._numbers = {name: number for number, name in enumerate(self._sizes, start=1)}
        self._flat = flat_names(list(self._sizes))
        self._split = split_names(list(self._sizes), shares, seed)
        self.splits = SPLITS[: len(shares)] or ("",)
        self.outlined = any(job.segment for job in jobs)
        self.described = any(job.key == CAPTION for job in jobs)
        self.classes, self.posed = self._looked_through()

    def __iter__(self) -> Iterator[Labelled]:
        return map(self.picture, self._sizes)

    def picture(self, name: str) -> Labelled:
        """Return the picture of that name."""
        number, size_wh = self._numbers[name], self._sizes[name]
        regions, caption = self._found(name, size_wh)
        split = self._split.get(name, "")
        return Labelled(number, name, self._flat[name], self._folder / name, size_wh, regions, caption, split)

    def __len__(self) -> int:
        return len(self._sizes)

    def passed_over(self) -> Iterator[tuple[str, str]]:
        """Pictures that could not be opened, with the reason."""
        for entry in self._manifest.entries():
            if entry.trouble:
                yield entry.name, entry.trouble

    def _looked_through(self) -> tuple[tuple[str, ...], frozenset[str]]:
        """Return all classes, and those of which some have joints."""
        named = [job.wanted.name for job in self._jobs if job.wanted]
        open_names: set[str] = set()
        posed: set[str] = set()
        everything = any(job.key == EVERYTHING for job in self._jobs)
        if everything or any(job.pose for job in self._jobs):
            for picture in self:
                open_names.update(region.label for region in picture.regions)
                posed.update(region.label for region in picture.regions if region.keypoints)
        return (*named, *sorted(open_names - set(named))), frozenset(posed)

    def _found(self, name: str, size_wh: tuple[int, int]) -> tuple[tuple[Region, ...], str | None]:
        regions: list[Region] = []
        caption = None
        for job in self._jobs:
            rows = self._manifest.found(name, job.digest) or []
            if job.key == CAPTION:
                caption = rows[0]["caption"] if rows else None
                continue
            for region in given_regions(rows, size_wh):
                label = job.wanted.name if job.wanted else region.label or "thing"
                if (name, label, tuple(region.box)) not in self._struck:
                    regions.append(replace(region, id=len(regions) + 1, label=label))
        return tuple(regions), caption


def flat_names(names: Sequence[str], joint: str = "__") -> dict[str, str]:
    """Give each picture a name without folders and suffix, no two alike even without regard to capitals.

    "a/cat.png" becomes "a__cat"; where that is taken, the suffix is added ("a__cat_jpg"), or a number.

    Args:
        joint: what stands between folder and file.
    """
    plain = {name: name.rpartition(".")[0].replace("/", joint) for name in names}
    often: dict[str, int] = {}
    for stem in plain.values():
        often[stem.casefold()] = often.get(stem.casefold(), 0) + 1
    taken: set[str] = set()
    flat: dict[str, str] = {}
    # Those that keep their plain name come first, so that no made-up name takes it
    for name in sorted(names, key=lambda one: (often[plain[one].casefold()] > 1, one)):
        stem = plain[name]
        if often[stem.casefold()] > 1:
            stem += "_" + name.rpartition(".")[2]
        free, number = stem, 1
        while free.casefold() in taken:
            number += 1
            free = f"{stem}_{number}"
        taken.add(free.casefold())
        flat[name] = free
    return flat


def split_names(names: Sequence[str], shares: Sequence[float], seed: int) -> dict[str, str]:
    """Share pictures out among the splits at random, always the same way for the same seed."""
    if not shares:
        return {}
    order = sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    found: dict[str, str] = {}
    total, begin = 0.0, 0
    for split, share in zip(SPLITS, shares):
        total += share
        end = round(total * len(order))
        found.update(dict.fromkeys(order[begin:end], split))
        begin = end
    return found


def read_struck(path: Path) -> Struck:
    """Read what was struck out on the contact sheet.

    Raises:
        DemoError: the file is none of its kind.
    """
    try:
        rows: Any = json.loads(read_file(path))
        return frozenset((str(name), str(label), tuple(map(int, box))) for name, label, box in rows)
    except (ValueError, TypeError, RecursionError):
        raise DemoError(
            f"{short(str(path))} is no list of what was struck out: save it from the contact sheet again."
        ) from None
