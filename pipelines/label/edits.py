"""The same edit to every picture of a folder: words say what changes, masks from elsewhere may say where.

Edited pictures are new files without loss, under the names of the originals; what the words name is not on
every picture, and a picture on which nothing changed is not written. `edits.jsonl` has a line for each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.assistant import Assistant
from pipelines.errors import DemoError
from pipelines.export.files import write_picture
from pipelines.intake import read_file, short
from pipelines.interfaces import ReplyOptions
from pipelines.label.classes import EXAMPLE
from pipelines.label.dataset import flat_names
from pipelines.label.manifest import Manifest
from pipelines.label.run import Task, scan
from pipelines.label.work import Rows
from pipelines.label.writing import whole_file
from pipelines.language import requests as req
from pipelines.mask_shapes import union
from pipelines.masks import read_mask, requests_on_mask, with_mask
from pipelines.pictures import Pictures
from pipelines.scene import Box, Mask, Picture, Scene

LIST = "edits.jsonl"
DOT = Mask(Box(0, 0, 1, 1), b"\x80")  # a mask to understand words with
CHANGES = (req.Edit, req.Background, req.CutOut, req.Obscure, req.Extend, req.Move, req.Resize)


@dataclass(frozen=True, slots=True)
class EditJob:
    """What is to be done on one picture, and all that the result depends on but the picture.

    Attributes:
        target: the new file, below the folder of results.
        mask: where the mask lies; empty for none. `mask_digest` is its content.
    """

    words: str
    target: str
    mask: str = ""
    mask_digest: str = ""
    invert: bool = False
    seed: int = 0
    models: tuple[tuple[str, str], ...] = ()
    key: str = "edit"
    wanted: None = None

    @property
    def said(self) -> str:
        """The settings as one line of JSON; where the mask lies is none of them."""
        row = asdict(self)
        del row["mask"], row["wanted"]
        return json.dumps(row, ensure_ascii=False, sort_keys=True)

    @property
    def digest(self) -> str:
        """A short name for the settings."""
        return hashlib.sha256(self.said.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Desk:
    """A picture that is worked on, in a store of its own, which goes with it."""

    assistant: Assistant
    picture: Picture

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.picture.size_wh


class Editor:
    """Edits pictures. Safe to share between threads, as the models are."""

    def __init__(self, assistant: Assistant, to: Path) -> None:
        self._assistant = assistant
        self._to = to

    def check(self, words: str, *, masked: bool) -> None:
        """Refuse words that change nothing. Raises DemoError."""
        vocabulary = self._assistant.about.vocabulary
        if masked:
            asked = requests_on_mask(with_mask(EXAMPLE, DOT), words)
        else:
            asked = self._assistant.understand(EXAMPLE, words).requests
        for one in asked:
            if isinstance(one, req.UnknownWord):
                raise DemoError(
                    f"The checkpoint does not know “{one.word}”; it knows {', '.join(vocabulary.kinds)}. "
                    "--masks says where without a word."
                )
        if not asked or not all(isinstance(one, CHANGES) for one in asked):
            raise DemoError(
                f"“{short(words)}” is no edit: say what is to change, such as “remove the red ball” or “blur "
                "the background”."
            )

    def open(self, path: Path) -> Desk:
        """Open a picture. Raises DemoError where it cannot be."""
        engine = self._assistant.engine
        own = Assistant(engine.vlm, engine.segmenter, engine.inpainter, engine.about, Pictures())
        return Desk(own, own.pictures.open(path))

    def close(self, desk: Desk) -> None:
        """Give a picture up."""

    def label(self, desk: Desk, job: EditJob) -> Rows:
        """Edit a picture and write the result. Returns one row: what was said, what pixels may differ."""
        scene = Scene(desk.picture)
        if job.mask:
            scene = with_mask(scene, read_mask(Path(job.mask), desk.size_wh, invert=job.invert))
            asked = requests_on_mask(scene, job.words)
        else:
            asked = desk.assistant.understand(scene, job.words).requests
        holes: dict[Mask, None] = {}
        for event in desk.assistant.run(scene, asked, options=ReplyOptions(seed=job.seed)):
            scene = event.scene
            holes |= {event.hole: None} if event.hole else {}
        said = " ".join(turn.text for turn in scene.turns if turn.role == "assistant")
        assert scene.picture
        if scene.picture == desk.picture:
            return [{"picture": None, "text": said}]
        target = self._to / job.target
        target.parent.mkdir(parents=True, exist_ok=True)
        write_picture(desk.assistant.pictures.photo(scene.picture), target)
        touched = union(list(holes)).rle(scene.picture.size_wh) if holes else None
        return [{"picture": job.target, "text": said, "touched": touched}]


def edit_jobs(
    names: Sequence[str], words: str, masks: Mapping[str, Path], **settings: Any
) -> dict[str, EditJob]:
    """Return the job of each picture; one without a mask, where masks are given, has none."""
    flat = flat_names(names, joint="/")
    jobs = {}
    for name in names:
        path = masks.get(name)
        if masks and path is None:
            continue
        digest = hashlib.sha256(read_file(path)).hexdigest()[:16] if path else ""
        jobs[name] = EditJob(
            words, f"{flat[name]}.png", str(path.absolute()) if path else "", digest, **settings
        )
    return jobs


def masks_for(names: Sequence[str], folder: Path) -> dict[str, Path]:
    """Find each picture's mask: "a/cat.jpg" has "a/cat.png", or "a__cat.png" as labelling writes it.

    Raises:
        DemoError: no mask has the name of a picture.
    """
    there = {name.rpartition(".")[0]: folder / name for name, _, _ in scan(folder, folder / LIST)}
    flat = flat_names(names)
    found = {}
    for name in names:
        path = there.get(name.rpartition(".")[0]) or there.get(flat[name])
        if path:
            found[name] = path
    if not found:
        raise DemoError(
            f"No mask in {short(str(folder))} has the name of a picture: “cat.jpg” has the mask “cat.png”."
        )
    return found


def edit_tasks(manifest: Manifest, folder: Path, to: Path, jobs: Mapping[str, EditJob]) -> list[Task]:
    """Return what is left to do: what was done and still lies there is not done again."""
    tasks = []
    for entry in manifest.entries():
        job = jobs.get(entry.name)
        if job is None or entry.trouble:
            continue
        rows = manifest.found(entry.name, job.digest) if entry.size_wh else None
        done = rows is not None and (rows[0]["picture"] is None or (to / rows[0]["picture"]).is_file())
        if not done:
            tasks.append(Task(entry.name, folder / entry.name, None, (), (job,)))  # pyright: ignore
    return tasks


def write_list(manifest: Manifest, to: Path, jobs: Mapping[str, EditJob]) -> tuple[int, int]:
    """Write `edits.jsonl`, and delete what an earlier run wrote and no picture stands for any more.

    Returns how many pictures were changed, and how many were not.
    """
    before = _listed(to / LIST)
    kept: set[str] = set()
    changed = unchanged = 0
    with whole_file(to / LIST) as part, part.open("w", encoding="utf-8") as file:
        for entry in manifest.entries():
            job = jobs.get(entry.name)
            row: dict[str, Any] = {"file": entry.name}
            found = manifest.found(entry.name, job.digest) if job else None
            if entry.trouble or found is None:
                row["error"] = entry.trouble or ("not done" if job else "there is no mask of its name")
            else:
                row |= found[0]
                kept |= {row["picture"]} if row["picture"] else set()
                changed, unchanged = changed + bool(row["picture"]), unchanged + (not row["picture"])
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    for name in before - kept:
        (to / name).unlink(missing_ok=True)
    return changed, unchanged


def _listed(path: Path) -> set[str]:
    """Return the files that the list of an earlier run names."""
    if not path.exists():
        return set()
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {row["picture"] for row in rows if row.get("picture")}
