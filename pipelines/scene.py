"""The values that travel: a picture, what was found on it, and what was said about it.

Everything here is frozen; a change is `replace(scene, ...)`. Coordinates are pixels of the picture the
visitor sees, origin top left, x to the right; sizes are (width, height) and are called `_wh`. This module
knows nothing of models, files or widgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from pipelines.geometry import Box, Point
from pipelines.sentences import Sentence, spell

MOST_MASK_BYTES = 64_000_000  # of one visit, held in memory
STEP_BYTES = 20_000  # of a step without its masks: words, boxes, references
COCO_JOINTS = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder",
    "left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip",
    "left knee", "right knee", "left ankle", "right ankle",
)  # fmt: skip


class Click(NamedTuple):
    """A visitor's click: `positive` adds to the mask, otherwise it takes away."""

    point: Point
    positive: bool = True


class Keypoint(NamedTuple):
    """One of COCO_JOINTS; `visible` is COCO's: 0 not given, 1 hidden, 2 seen."""

    name: str
    point: Point
    visible: int


@dataclass(frozen=True, slots=True)
class Mask:
    """A bool plane, bit-packed and cropped to its own box (a full plane of a 24-megapixel photo is 24 MB)."""

    box: Box
    bits: bytes

    @classmethod
    def from_array(cls, plane: np.ndarray) -> Mask:
        """Pack a bool plane of shape (H, W)."""
        rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
        if not len(rows):
            return cls(Box(0, 0, 0, 0), b"")
        box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        return cls(box, np.packbits(plane[box.y1 : box.y2, box.x1 : box.x2]).tobytes())

    @classmethod
    def from_crop(cls, plane: np.ndarray, place: Box) -> Mask:
        """Pack a bool plane (h, w) that lies on the box `place` of the picture."""
        packed = cls.from_array(plane)
        if not packed.bits:
            return packed
        x1, y1, x2, y2 = packed.box
        return cls(Box(x1 + place.x1, y1 + place.y1, x2 + place.x1, y2 + place.y1), packed.bits)

    @property
    def crop(self) -> np.ndarray:
        """The plane inside `box`: bool (box height, box width)."""
        shape = (self.box.y2 - self.box.y1, self.box.x2 - self.box.x1)
        flat = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=shape[0] * shape[1])
        return flat.reshape(shape).astype(bool)

    def array(self, size_wh: tuple[int, int]) -> np.ndarray:
        """Return the whole plane: bool (H, W) for a picture of `size_wh`."""
        plane = np.zeros((size_wh[1], size_wh[0]), bool)
        plane[self.box.y1 : self.box.y2, self.box.x1 : self.box.x2] = self.crop
        return plane

    @property
    def area(self) -> int:
        """Pixels covered."""
        return int(self.crop.sum())

    def rle(self, size_wh: tuple[int, int]) -> dict[str, Any]:
        """COCO's run lengths with compressed counts: {"size": [H, W], "counts": str}."""
        from pycocotools import mask as coco

        width, height = size_wh
        # COCO's runs go down the columns: begin and end of each run of the crop, in whole columns
        steps = np.diff(np.pad(self.crop, ((1, 1), (0, 0))).astype(np.int8), axis=0).T
        offset = self.box.x1 * height + self.box.y1
        begins, ends = (
            offset + columns * height + rows
            for columns, rows in (np.nonzero(steps == sign) for sign in (1, -1))
        )
        # A run to the foot of a column goes on at the head of the next
        apart = begins[1:] != ends[:-1]
        begins, ends = (
            begins[np.append(True, apart)[: len(begins)]],
            ends[np.append(apart, True)[: len(ends)]],
        )
        bounds = np.concatenate([[0], np.column_stack([begins, ends]).ravel(), [width * height]])
        counts = np.diff(bounds)
        if len(counts) > 1 and counts[-1] == 0:
            counts = counts[:-1]
        encoded: dict[str, Any] = coco.frPyObjects(  # type: ignore[assignment]
            {"size": [height, width], "counts": counts.tolist()}, height, width
        )
        return {"size": list(encoded["size"]), "counts": encoded["counts"].decode("ascii")}


@dataclass(frozen=True, slots=True)
class Region:
    """One thing on the picture. `id` is what the visitor sees as #3; it never changes and is never reused.

    `source` says who found it: "sphinx", "click", "box", "everything", "edit". `score` is SAM's predicted
    IoU, 0..1. `clicks` and `prompt_box` are what the mask was asked with, `candidates` SAM's answers to the
    same question, best first. `note` says what was mended, in the visitor's words.
    """

    id: int
    label: str
    box: Box
    mask: Mask | None = None
    keypoints: tuple[Keypoint, ...] | None = None
    score: float | None = None
    source: str = "sphinx"
    note: str | None = None
    clicks: tuple[Click, ...] = ()
    prompt_box: Box | None = None
    candidates: tuple[tuple[Mask, float], ...] = ()


class Span(NamedTuple):
    """Characters `start:end` of a turn's text, tied to the regions they name."""

    start: int
    end: int
    region_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """How a turn came about: enough to do it again."""

    ability: str
    model: str
    seed: int = 0
    seconds: float = 0.0
    tokens: int = 0
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `text` is what is shown, `raw` SPHINX's reply, `table` a chart's rows (header first).

    `pictures` are the paintings that an edit offers to choose from, the shown one first. `suggestions` are
    words that can be sent next; "..." in them is for the visitor to fill in. `says` is the whole text as the
    program's own sentences, so that a door can say it in another language; empty where SPHINX's words are
    part of it. A saved session has the text alone.
    """

    role: Literal["user", "assistant", "notice"]
    text: str
    spans: tuple[Span, ...] = ()
    raw: str = ""
    table: tuple[tuple[str, ...], ...] | None = None
    record: Record | None = None
    unfinished: bool = False
    pictures: tuple[Picture, ...] = ()
    suggestions: tuple[str, ...] = ()
    says: tuple[Sentence, ...] = field(default=(), compare=False)


def told(role: Literal["assistant", "notice"], *says: Sentence, suggestions: tuple[str, ...] = ()) -> Turn:
    """Return a turn of the program's own sentences."""
    text, spans = spell(says)
    return Turn(role, text, tuple(Span(*span) for span in spans), suggestions=suggestions, says=says)


class Picture(NamedTuple):
    """A name for pixels that lie in `pipelines.pictures`: SHA-256 of the RGB bytes and size, and the size."""

    digest: str
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the page shows: the picture (or none yet), what was found on it, what was said."""

    picture: Picture | None = None
    regions: tuple[Region, ...] = ()
    selected: int | None = None
    turns: tuple[Turn, ...] = ()
    next_id: int = 1

    def region(self, region_id: int) -> Region | None:
        """Return the region of that number, or None."""
        return next((region for region in self.regions if region.id == region_id), None)

    def with_region(self, region: Region) -> Scene:
        """Add `region`, or put it in the place of the one with its id."""
        if self.region(region.id):
            regions = tuple(region if old.id == region.id else old for old in self.regions)
        else:
            regions = (*self.regions, region)
        return replace(self, regions=regions, next_id=max(self.next_id, region.id + 1))

    def with_turn(self, turn: Turn) -> Scene:
        return replace(self, turns=(*self.turns, turn))

    @property
    def answers(self) -> tuple[Turn, ...]:
        """What was answered to the last message: a turn for each request in it."""
        asked = max((i for i, turn in enumerate(self.turns) if turn.role == "user"), default=-1)
        return tuple(turn for turn in self.turns[asked + 1 :] if turn.role == "assistant")


def _without_candidates(scene: Scene) -> Scene:
    regions = tuple(
        replace(region, candidates=()) if region.candidates else region for region in scene.regions
    )
    return replace(scene, regions=regions)


def _mask_bytes(steps: Sequence[Step]) -> int:
    """Return what all different masks of the steps take."""
    sizes: dict[int, int] = {}
    for step in steps:
        for region in step.scene.regions:
            for mask in (region.mask, *(mask for mask, _ in region.candidates)):
                if mask:
                    sizes[id(mask.bits)] = len(mask.bits)
    return sum(sizes.values())


class Step(NamedTuple):
    """A scene and the index of the step it grew from (-1 for a first one)."""

    scene: Scene
    parent: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every scene of a visit. Undo and redo move `current`; going on from an earlier step makes a branch."""

    steps: tuple[Step, ...] = field(default=(Step(Scene(), -1),))
    current: int = 0

    @property
    def scene(self) -> Scene:
        return self.steps[self.current].scene

    @property
    def blank(self) -> bool:
        """Whether nothing was done yet."""
        return len(self.steps) == 1 and not self.scene.turns and self.scene.picture is None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Every picture that a scene shows or offers, each once, in the order in which they came."""
        found: dict[Picture, None] = {}
        for step in self.steps:
            if step.scene.picture:
                found[step.scene.picture] = None
            for turn in step.scene.turns:
                found.update(dict.fromkeys(turn.pictures))
        return tuple(found)

    @property
    def weight(self) -> int:
        """Bytes that the timeline takes in memory, roughly: its masks, and STEP_BYTES a step."""
        return _mask_bytes(self.steps) + STEP_BYTES * len(self.steps)

    def push(self, scene: Scene) -> Timeline:
        """Return a new step after the current one."""
        return Timeline((*self.steps, Step(scene, self.current)), len(self.steps))

    def bounded(self, most: int = MOST_MASK_BYTES) -> Timeline:
        """Return the timeline with masks of at most `most` bytes in memory, give or take the current scene.

        What goes first are the masks that earlier steps offered to choose from, and then the earlier steps.
        """
        if _mask_bytes(self.steps) <= most:
            return self
        steps = tuple(
            step if at == self.current else Step(_without_candidates(step.scene), step.parent)
            for at, step in enumerate(self.steps)
        )
        if _mask_bytes(steps) <= most:
            return Timeline(steps, self.current)
        return Timeline().push(self.scene)

    def amend(self, scene: Scene) -> Timeline:
        """Return the current step, seen further: a streamed word is not a step of its own."""
        steps = list(self.steps)
        steps[self.current] = steps[self.current]._replace(scene=scene)
        return Timeline(tuple(steps), self.current)

    @property
    def can_undo(self) -> bool:
        return self.steps[self.current].parent >= 0

    def undo(self) -> Timeline:
        """Return the step before, or the same timeline at its start."""
        return replace(self, current=self.steps[self.current].parent) if self.can_undo else self

    @property
    def _newest_child(self) -> int | None:
        children = (i for i, step in enumerate(self.steps) if step.parent == self.current)
        return max(children, default=None)

    @property
    def can_redo(self) -> bool:
        return self._newest_child is not None

    def redo(self) -> Timeline:
        """Return the newest step that grew from this one, or the same timeline where there is none."""
        child = self._newest_child
        return self if child is None else replace(self, current=child)
