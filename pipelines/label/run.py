"""Carrying jobs through a folder: several pictures at once, each answer kept as soon as it is there.

A run never begins anew: it does what the manifest lacks. This module knows files, threads and the manifest;
what a job does is `work`'s business.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipelines.errors import DemoError
from pipelines.intake import read_file, short
from pipelines.label.manifest import Manifest
from pipelines.label.work import CAPTION, Job, Rows
from pipelines.shell import SUFFIXES


class Works(Protocol):
    """What carries out jobs on an opened picture, which has a `size_wh`: `work.Labeller`, `edits.Editor`."""

    def open(self, path: Path) -> Any: ...

    def close(self, picture: Any) -> None: ...

    def label(self, picture: Any, job: Any) -> Rows: ...


class Task(NamedTuple):
    """A picture with work on it: `left` are the jobs if its content has the digest `known`, `jobs` all."""

    name: str
    path: Path
    known: bytes | None
    left: tuple[Job, ...]
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture was opened."""

    name: str
    digest: bytes
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Done:
    """A job was done on a picture."""

    name: str
    job: Job
    rows: Rows


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A picture cannot be opened, and is left out."""

    name: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A job could not be done on a picture; the next run tries it again."""

    name: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing is left to do on a picture."""

    name: str


News = Opened | Done | PassedOver | Failed | Finished


def scan(folder: Path, without: Path) -> list[tuple[str, int, int]]:
    """Return the pictures of a folder and its sub-folders by name: (name, bytes, modified in ns).

    Hidden files and folders are left out, and so is the folder `without`, where results go.

    Raises:
        DemoError: the folder cannot be read, or a file's name cannot be written down.
    """
    found = []

    def refuse(error: OSError) -> None:
        raise DemoError(f"The folder {short(str(error.filename))} cannot be read ({error.strerror}).")

    skipped = os.path.realpath(without)
    for root, folders, files in os.walk(folder, onerror=refuse):
        here = Path(root)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and os.path.realpath(here / name) != skipped
        )
        for file in files:
            path = here / file
            if file.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            name = path.relative_to(folder).as_posix()
            try:
                name.encode("utf-8")
                known = path.stat()
            except UnicodeEncodeError:
                raise DemoError(f"The name of {short(name)} is no text: rename the file.") from None
            except OSError:
                continue  # it went meanwhile, or is a link to nowhere
            if path.is_file():
                found.append((name, known.st_size, known.st_mtime_ns))
    return sorted(found)


def tasks(manifest: Manifest, folder: Path, jobs: Sequence[Job]) -> list[Task]:
    """Return what is left to do, in the order of the pictures' names."""
    by_digest = {job.digest: job for job in jobs}
    return [
        Task(name, folder / name, known, tuple(by_digest[one] for one in left), tuple(jobs))
        for name, known, left in manifest.missing(list(by_digest))
    ]


def work_on(works: Works, task: Task) -> Iterator[News]:
    """Carry out a task; the last news of it is `Finished`."""
    try:
        data = read_file(task.path)
        picture = works.open(task.path)
    except DemoError as error:
        yield PassedOver(task.name, str(error))
        yield Finished(task.name)
        return
    digest = hashlib.sha256(data).digest()
    del data
    yield Opened(task.name, digest, picture.size_wh)
    try:
        for job in task.left if digest == task.known else task.jobs:
            try:
                yield Done(task.name, job, works.label(picture, job))
            except DemoError as error:
                yield Failed(task.name, f"{job.key}: {error}")
    finally:
        works.close(picture)
    yield Finished(task.name)


class Handout:
    """Gives each task to one of those who ask, whichever thread they are in, until it is `stopped`."""

    def __init__(self, waiting: Iterable[Task]) -> None:
        self._left = iter(waiting)
        self._lock = threading.Lock()
        self.stopped = False

    def __iter__(self) -> Handout:
        return self

    def __next__(self) -> Task:
        with self._lock:
            if self.stopped:
                raise StopIteration
            return next(self._left)


def in_threads(works: Works, waiting: Iterable[Task], at_once: int) -> Iterator[News]:
    """Carry out tasks, several at once. An error that is no refusal is raised here."""
    left = Handout(waiting)
    try:
        yield from gathered([_each(works, left) for _ in range(at_once)])
    finally:
        left.stopped = True


def _each(works: Works, waiting: Iterable[Task]) -> Iterator[News]:
    for task in waiting:
        yield from work_on(works, task)


def gathered(sources: Sequence[Iterator[News]]) -> Iterator[News]:
    """Yield what several sources tell, each in a thread of its own. An error of one is raised here."""
    news: queue.Queue[News | BaseException | None] = queue.Queue(maxsize=4 * len(sources))

    def run(source: Iterator[News]) -> None:
        try:
            for one in source:
                news.put(one)
        except BaseException as error:
            news.put(error)
        news.put(None)

    # Daemons, so that Ctrl-C ends at once: what was not kept yet is done again
    for source in sources:
        threading.Thread(target=run, args=(source,), daemon=True).start()
    running = len(sources)
    while running:
        one = news.get()
        if one is None:
            running -= 1
        elif isinstance(one, BaseException):
            raise one
        else:
            yield one


def _labels(job: Any, rows: Rows) -> list[str]:
    """Return what is counted of a job's rows."""
    if job.key == CAPTION:
        return []
    return [job.wanted.name if job.wanted else row.get("label") or "changed" for row in rows]


def keep(
    manifest: Manifest, news: Iterator[News], shown: Callable[[str, Counter[str]], None]
) -> tuple[int, list[tuple[str, str]]]:
    """Write news into the manifest as they come.

    Args:
        shown: is told of each picture that is finished, and how often each class was found so far.
    Returns:
        How many pictures were finished, and what failed: (name, why).
    """
    finished, failed, counts = 0, [], Counter()
    for one in news:
        match one:
            case Opened(name, digest, size_wh):
                manifest.opened(name, digest, size_wh)
            case Done(name, job, rows):
                manifest.add(name, job.key, job.digest, job.said, rows)
                counts.update(_labels(job, rows))
            case PassedOver(name, trouble):
                manifest.passed_over(name, trouble)
            case Failed(name, trouble):
                failed.append((name, trouble))
            case Finished(name):
                finished += 1
                shown(name, counts)
    return finished, failed
