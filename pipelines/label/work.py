"""The work on one picture: a job finds one class, or names everything, or writes a caption.

Jobs are plain values, so that they can be sent to another process. What a job finds are rows of JSON: those
of `export.region_json` without their numbers. A job looks at its own class alone, so that one class can be
done again without the others.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.assistant import Assistant
from pipelines.engine import Engine
from pipelines.errors import DemoError
from pipelines.export import region_json
from pipelines.interfaces import ReplyOptions
from pipelines.label.classes import Wanted, is_person, understood
from pipelines.language import requests as req
from pipelines.language.requests import Request
from pipelines.pictures import Pictures
from pipelines.scene import Picture, Region, Scene
from pipelines.tasks.dispatch import run_task
from pipelines.tasks.results import TaskResult, Unmet

SAME = 0.7  # intersection over union from which two phrases of a class found one thing
EVERYTHING, CAPTION = "everything", "caption"
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be found on each picture, and all that the answer depends on but the picture.

    Attributes:
        key: its name in the manifest: "class cat", EVERYTHING or CAPTION.
        wanted: the class that is looked for; None for the other two.
        segment: outline what is found.
        pose: find the joints of people.
        models: the weights that answer, as `weights` names them.
    """

    key: str
    wanted: Wanted | None = None
    segment: bool = False
    pose: bool = False
    seed: int = 0
    models: tuple[tuple[str, str], ...] = field(default=())

    @property
    def said(self) -> str:
        """The settings as one line of JSON, for people and for comparing."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @property
    def digest(self) -> str:
        """A short name for the settings: a job is done again when it changes."""
        return hashlib.sha256(self.said.encode()).hexdigest()[:16]


class Labeller:
    """Carries out jobs. Safe to share between threads, as the models are."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._engine: Engine = replace(assistant.engine, pictures=Pictures())
        self._held: Counter[str] = Counter()  # how many files of a digest are being worked on
        self._lock = threading.Lock()

    def check(self, jobs: Sequence[Job]) -> tuple[str, ...]:
        """Return what was mended about the phrases, a sentence each.

        Raises:
            DemoError: a phrase means nothing here, or there are no people to pose.
        """
        notes: list[str] = []
        people = any(job.key == EVERYTHING for job in jobs)
        for job in jobs:
            if job.wanted:
                finds, mended = understood(job.wanted, self._engine.about.vocabulary)
                notes += mended
                people = people or any(map(_finds_people, finds))
        if any(job.pose for job in jobs) and not people:
            raise DemoError("--pose finds the joints of people: add a class of them, such as --find person.")
        return tuple(dict.fromkeys(notes))

    def open(self, path: Path) -> Picture:
        """Open a picture, which then stays until `close`. Raises DemoError where it cannot be."""
        pictures = self._engine.pictures
        while True:
            picture = pictures.open(path)
            with self._lock:
                if picture in pictures:  # it may have been closed meanwhile, where two files are the same
                    self._held[picture.digest] += 1
                    return picture

    def close(self, picture: Picture) -> None:
        """Give a picture up; it is deleted when no other file that is the same is being worked on."""
        with self._lock:
            self._held[picture.digest] -= 1
            if not self._held[picture.digest]:
                del self._held[picture.digest]
                self._engine.pictures.discard(picture)

    def label(self, picture: Picture, job: Job) -> Rows:
        """Carry out a job on a picture.

        Raises:
            DemoError: it cannot be done, with the reason.
        """
        options = ReplyOptions(seed=job.seed)
        scene = Scene(picture)
        if job.key == CAPTION:
            return [{"caption": self._last(scene, req.WholePicture("caption"), options).raw.strip()}]
        if job.wanted is None:
            found = self._found(scene, req.WholePicture("dense"), job, options)
        else:
            found = []
            for request in understood(job.wanted, self._engine.about.vocabulary)[0]:
                found += [one for one in self._found(scene, request, job, options) if not _among(one, found)]
        return [_row(region, scene) for region in found]

    def _found(self, scene: Scene, request: Request, job: Job, options: ReplyOptions) -> list[Region]:
        """Return what one request finds, outlined and posed as the job says."""
        result = self._last(scene, request, options)
        ids = () if isinstance(result.outcome, Unmet) else result.region_ids
        scene = result.scene
        if ids and job.segment:
            scene = self._last(scene, req.Outline(req.Target(region_ids=ids)), options).scene
        people = [number for number in ids if is_person(_region(scene, number).label)]
        if people and job.pose:
            scene = self._last(scene, req.Pose(req.Target(region_ids=tuple(people))), options).scene
        return [_region(scene, number) for number in ids]

    def _last(self, scene: Scene, request: Request, options: ReplyOptions) -> TaskResult:
        return deque(run_task(self._engine, scene, request, options), maxlen=1)[0]


def _finds_people(request: req.Find) -> bool:
    return is_person(request.target.phrase if request.target else request.phrase)


def _region(scene: Scene, number: int) -> Region:
    region = scene.region(number)
    assert region
    return region


def _among(region: Region, others: Sequence[Region]) -> bool:
    return any(region.box.iou(other.box) >= SAME for other in others)


def _row(region: Region, scene: Scene) -> dict[str, Any]:
    row = region_json(region, scene)
    del row["id"]
    return {name: value for name, value in row.items() if value is not None}
