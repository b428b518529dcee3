"""A whole visit as one ZIP, and back.

A ZIP from elsewhere is not to be trusted: its names and sizes are checked in `pipelines.export.archive`, its
values by `pipelines.export.schema`, and its cost here (`Budget`), before a picture or a mask is decoded.

    session.zip
      session.json      format, version, and every value once: masks, regions, turns; steps refer to them
      pictures/<n>.png  the pictures the scenes name, in order, with all that they carry
      recipe.json       what was said, with models, seeds and prompts, for people to read
      regions.json      COCO JSON of the current scene
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from pipelines.errors import DemoError
from pipelines.export.archive import BrokenSession, open_archive, read_member
from pipelines.export.coco import coco
from pipelines.export.schema import (
    FORMAT,
    VERSIONS,
    Corners,
    MaskRow,
    RegionRow,
    SceneRow,
    SessionHead,
    SessionRow,
    TurnRow,
)
from pipelines.geometry import Box, Point
from pipelines.intake import picture_size
from pipelines.scene import (
    COCO_JOINTS,
    Click,
    Keypoint,
    Mask,
    Picture,
    Record,
    Region,
    Scene,
    Span,
    Step,
    Timeline,
    Turn,
)

if TYPE_CHECKING:
    from pipelines.assistant import Assistant
    from pipelines.pictures import Pictures

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Budget:
    """What one session may cost, checked before anything of it is decoded."""

    json_bytes: int = 24_000_000  # of session.json
    values: int = 1_000_000  # in it: numbers, texts, lists
    mask_bytes: int = 64_000_000  # of all different masks, as they are held in memory
    pixels: int = 150_000_000  # of all pictures
    pixels_per_byte: int = 2000  # of one picture; a blank one saved here has 344
    regions: int = 50_000  # of all steps together, so that a visit's drawing stays quick


BUDGET = Budget()
_DAMAGED = "The session is damaged ({}): save it once more."


def save_session(assistant: Assistant, timeline: Timeline) -> bytes:
    """Return the whole visit as a ZIP; where that would be too much to be opened again, the newest of it."""
    for kept in _shorter(timeline):
        pictures = kept.pictures
        session = _Writer(pictures).session(kept)
        written = json.dumps(session).encode()
        if _affordable(kept, pictures, written):
            break
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("session.json", written)
        archive.writestr("recipe.json", json.dumps(recipe(kept.scene), indent=1))
        if kept.scene.picture:
            name = f"pictures/{pictures.index(kept.scene.picture)}.png"
            archive.writestr("regions.json", json.dumps(coco(kept.scene, name)))
        for number, picture in enumerate(pictures):
            original = assistant.pictures.original(picture)
            archive.write(original, f"pictures/{number}.png", zipfile.ZIP_STORED)
    return buffer.getvalue()


def _shorter(timeline: Timeline) -> list[Timeline]:
    """Return the timeline, then ever shorter ones: the steps that led here, their newer half, ..."""
    way = [timeline.current]
    while (parent := timeline.steps[way[-1]].parent) >= 0:
        way.append(parent)
    shorter = [timeline]
    while len(way) > 1:
        scenes = [timeline.steps[at].scene for at in reversed(way)]
        shorter.append(
            Timeline(tuple(Step(scene, at - 1) for at, scene in enumerate(scenes)), len(scenes) - 1)
        )
        way = way[: len(way) // 2]
    return [*shorter, Timeline((Step(timeline.scene, -1),), 0)]


def alone(timeline: Timeline) -> Timeline:
    """Return the steps that led here since the current picture came, without any other picture."""
    picture, way = timeline.scene.picture, [timeline.current]
    while (parent := timeline.steps[way[-1]].parent) >= 0 and timeline.steps[parent].scene.picture == picture:
        way.append(parent)
    steps = []
    for at, index in enumerate(reversed(way)):
        scene = timeline.steps[index].scene
        turns = tuple(
            replace(turn, pictures=tuple(shown for shown in turn.pictures if shown == picture))
            for turn in scene.turns
        )
        steps.append(Step(replace(scene, turns=turns), at - 1))
    return Timeline(tuple(steps), len(steps) - 1)


def _affordable(timeline: Timeline, pictures: Sequence[Picture], written: bytes) -> bool:
    masks = {mask for step in timeline.steps for region in step.scene.regions for mask in _masks(region)}
    return (
        len(written) <= BUDGET.json_bytes
        and count_values(written) <= BUDGET.values
        and sum(len(mask.bits) for mask in masks) <= BUDGET.mask_bytes
        and sum(picture.size_wh[0] * picture.size_wh[1] for picture in pictures) <= BUDGET.pixels
        and sum(len(step.scene.regions) for step in timeline.steps) <= BUDGET.regions
    )


def _masks(region: Region) -> list[Mask]:
    return [*([region.mask] if region.mask else []), *(mask for mask, _ in region.candidates)]


def recipe(scene: Scene) -> list[dict[str, Any]]:
    """Return how the scene came about: each message with ability, model, seed and the questions put."""
    rows = []
    for turn in scene.turns:
        row: dict[str, Any] = {"role": turn.role, "text": turn.text}
        if turn.raw:
            row["raw"] = turn.raw
        if turn.record:
            record = turn.record
            row |= {
                "ability": record.ability,
                "model": record.model,
                "seed": record.seed,
                **dict(record.details),
            }
        rows.append(row)
    return rows


def open_session(assistant: Assistant, source: bytes | Path) -> Timeline:
    """Return a visit from its ZIP, ready to go on.

    Raises:
        BrokenSession: it is broken, foreign, or too large; with the reason.
    """
    with open_archive(source) as archive:
        session = _session(read_member(archive, "session.json", BUDGET.json_bytes))
        if sum(len(step.scene.regions) for step in session.steps) > BUDGET.regions:
            raise BrokenSession(f"The session has more than {BUDGET.regions} regions: this is too much.")
        try:
            reader = _Reader(session)
            _check_pictures(archive, session.pictures)
            return reader.timeline(_opened(assistant.pictures, archive, session.pictures))
        except (ValueError, IndexError, binascii.Error) as error:
            raise BrokenSession(_DAMAGED.format(str(error)[:120])) from None
        except MemoryError:
            raise BrokenSession("The memory does not suffice to open this session.") from None


def _session(data: bytes) -> SessionRow:
    """Return the values of session.json, each of the right kind."""
    if count_values(data) > BUDGET.values:
        raise BrokenSession(f"The session holds more than {BUDGET.values} values: this is too much.")
    try:
        head = SessionHead.model_validate_json(data)
    except ValidationError as error:
        if error.errors(include_input=False)[0]["type"] == "json_invalid":
            raise BrokenSession(
                "The session.json in the ZIP cannot be read: save the session once more."
            ) from None
        raise BrokenSession(
            "The ZIP is not a session of this demo: choose one that was saved here."
        ) from None
    if head.format != FORMAT:
        raise BrokenSession("The ZIP is not a session of this demo: choose one that was saved here.")
    if head.version not in VERSIONS:
        raise BrokenSession(
            f"The session has version {head.version}, this demo reads up to {VERSIONS[-1]}: update it."
        )
    try:
        return SessionRow.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BrokenSession(_DAMAGED.format(f"{where}: {first['msg']}"[:160])) from None


def count_values(data: bytes) -> int:
    """Return an upper bound of the values in a JSON text, counted without reading it."""
    return sum(data.count(mark) for mark in (b"{", b"[", b","))


def _check_pictures(archive: zipfile.ZipFile, sizes: Sequence[tuple[int, int]]) -> None:
    """Check what the pictures would cost, by what session.json says and by the heads of their files."""
    if sum(width * height for width, height in sizes) > BUDGET.pixels:
        raise BrokenSession(
            f"The session's pictures have more than {BUDGET.pixels // 1_000_000} million pixels together: "
            "this is too much to be opened."
        )
    for number, (width, height) in enumerate(sizes):
        data = read_member(archive, f"pictures/{number}.png")
        try:
            if picture_size(data) not in ((width, height), (height, width)):
                raise BrokenSession(_DAMAGED.format(f"picture {number} is not {width} x {height}"))
        except DemoError as error:
            raise BrokenSession(f"A picture of the session cannot be read. {error}") from None
        if width * height > BUDGET.pixels_per_byte * len(data):
            raise BrokenSession("A picture of the session is packed beyond belief: it is not opened.")


def _opened(store: Pictures, archive: zipfile.ZipFile, sizes: Sequence[tuple[int, int]]) -> list[Picture]:
    pictures = []
    for number, size_wh in enumerate(sizes):
        try:
            picture = store.open(read_member(archive, f"pictures/{number}.png"), remember=False)
        except DemoError as error:
            raise BrokenSession(f"A picture of the session cannot be read. {error}") from None
        if picture.size_wh != size_wh:
            raise ValueError(f"picture {number} is {picture.size_wh}, not {size_wh}")
        pictures.append(picture)
    return pictures


# --- values out ----------------------------------------------------------------------------------------


class _Table:
    """Values, each written once, by the number under which it is referred to."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def number(self, value: Value, write: Callable[[Value], Any]) -> int:
        if value not in self._numbers:
            row = write(value)
            self._numbers[value] = len(self.rows)
            self.rows.append(row)
        return self._numbers[value]


class _Writer:
    """Writes a timeline as session.json's values."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._pictures = {picture: number for number, picture in enumerate(pictures)}
        self._masks, self._regions, self._turns = _Table(), _Table(), _Table()

    def session(self, timeline: Timeline) -> dict[str, Any]:
        steps = [{"scene": self._scene(step.scene), "parent": step.parent} for step in timeline.steps]
        return {
            "format": FORMAT,
            "version": VERSIONS[-1],
            "current": timeline.current,
            "pictures": [list(picture.size_wh) for picture in self._pictures],
            "masks": self._masks.rows,
            "regions": self._regions.rows,
            "turns": self._turns.rows,
            "steps": steps,
        }

    def _scene(self, scene: Scene) -> dict[str, Any]:
        return {
            "picture": None if scene.picture is None else self._pictures[scene.picture],
            "regions": [self._regions.number(region, self._region) for region in scene.regions],
            "selected": scene.selected,
            "turns": [self._turns.number(turn, self._turn) for turn in scene.turns],
            "next_id": scene.next_id,
        }

    def _mask(self, mask: Mask) -> int:
        return self._masks.number(
            mask,
            lambda mask: {
                "box": list(mask.box),
                "bits": base64.b64encode(zlib.compress(mask.bits)).decode("ascii"),
            },
        )

    def _region(self, region: Region) -> dict[str, Any]:
        joints = region.keypoints
        return {
            "id": region.id,
            "label": region.label,
            "box": list(region.box),
            "mask": None if region.mask is None else self._mask(region.mask),
            "keypoints": joints and [[joint.name, *joint.point, joint.visible] for joint in joints],
            "score": region.score,
            "source": region.source,
            "note": region.note,
            "clicks": [[*click.point, click.positive] for click in region.clicks],
            "prompt_box": None if region.prompt_box is None else list(region.prompt_box),
            "candidates": [[self._mask(mask), score] for mask, score in region.candidates],
        }

    def _turn(self, turn: Turn) -> dict[str, Any]:
        record = turn.record
        return {
            "role": turn.role,
            "text": turn.text,
            "spans": [[span.start, span.end, list(span.region_ids)] for span in turn.spans],
            "raw": turn.raw,
            "table": None if turn.table is None else [list(row) for row in turn.table],
            "record": record
            and [
                record.ability,
                record.model,
                record.seed,
                record.seconds,
                record.tokens,
                [list(detail) for detail in record.details],
            ],
            "unfinished": turn.unfinished,
            "pictures": [self._pictures[picture] for picture in turn.pictures],
            "suggestions": list(turn.suggestions),
        }


# --- values in: a ValueError or IndexError refuses the session -------------------------------------------


class _Reader:
    """Puts a session's checked values together. Raises ValueError or IndexError where they do not fit."""

    def __init__(self, session: SessionRow) -> None:
        self._session = session
        self._masks: dict[tuple[Corners, str], Mask] = {}
        self._regions: dict[tuple[int, tuple[int, int]], Region] = {}
        self._check_masks()

    def _check_masks(self) -> None:
        """Check what all different masks together cost, before one is unpacked."""
        rows = [step.scene.regions for step in self._session.steps]
        regions = [*self._session.regions, *(row for all in rows for row in all if not isinstance(row, int))]
        masks = [*self._session.masks]
        for region in regions:
            masks += [
                row
                for row in (region.mask, *(row for row, _ in region.candidates))
                if isinstance(row, MaskRow)
            ]
        different = {(mask.box, mask.bits) for mask in masks}
        if sum((_whole_box(box).area + 7) // 8 for box, _ in different) > BUDGET.mask_bytes:
            raise BrokenSession(
                f"The session's masks take more than {BUDGET.mask_bytes // 1_000_000} MB: this is too much."
            )

    def timeline(self, pictures: Sequence[Picture]) -> Timeline:
        steps = []
        for at, row in enumerate(self._session.steps):
            if row.parent >= at:
                raise ValueError(f"step {at} grew from a later one")
            steps.append(Step(self._scene(row.scene, pictures), row.parent))
        if self._session.current >= len(steps):
            raise ValueError("the current step is not there")
        return Timeline(tuple(steps), self._session.current)

    def _scene(self, row: SceneRow, pictures: Sequence[Picture]) -> Scene:
        picture = None if row.picture is None else pictures[row.picture]
        if row.regions and picture is None:
            raise ValueError("a region without a picture")
        regions = tuple(self._region(region, picture) for region in row.regions if picture)
        ids = {region.id for region in regions}
        if len(ids) != len(regions):
            raise ValueError("two regions have one number")
        if row.next_id <= max(ids, default=0):
            raise ValueError("the next number is taken")
        if row.selected is not None and row.selected not in ids:
            raise ValueError("the selected region is not there")
        return Scene(
            picture, regions, row.selected, tuple(self._turn(t, pictures) for t in row.turns), row.next_id
        )

    def _region(self, row: RegionRow | int, picture: Picture) -> Region:
        """Return a region; one that several scenes refer to is one value in all of them."""
        if isinstance(row, int):
            key = (row, picture.size_wh)
            if key not in self._regions:
                self._regions[key] = self._region(self._session.regions[row], picture)
            return self._regions[key]
        if row.keypoints is not None and [joint[0] for joint in row.keypoints] != list(COCO_JOINTS):
            raise ValueError("joints are not COCO's")
        return Region(
            id=row.id,
            label=row.label,
            box=_box(row.box, picture),
            mask=None if row.mask is None else self._mask(row.mask, picture),
            keypoints=None
            if row.keypoints is None
            else tuple(Keypoint(name, _point(x, y, picture), seen) for name, x, y, seen in row.keypoints),
            score=row.score,
            source=row.source,
            note=row.note,
            clicks=tuple(Click(_point(x, y, picture), positive) for x, y, positive in row.clicks),
            prompt_box=None if row.prompt_box is None else _box(row.prompt_box, picture),
            candidates=tuple((self._mask(mask, picture), score) for mask, score in row.candidates),
        )

    def _mask(self, row: MaskRow | int, picture: Picture) -> Mask:
        if isinstance(row, int):
            row = self._session.masks[row]
        box, key = _box(row.box, picture), (row.box, row.bits)
        if key not in self._masks:
            self._masks[key] = Mask(box, _bits(row.bits, box))
        return self._masks[key]

    def _turn(self, row: TurnRow | int, pictures: Sequence[Picture]) -> Turn:
        if isinstance(row, int):
            row = self._session.turns[row]
        if any(not start <= end <= len(row.text) for start, end, _ in row.spans):
            raise ValueError("words are named that are not there")
        record = None
        if row.record is not None:
            ability, model, seed, seconds, tokens, details = row.record
            record = Record(ability, model, seed, seconds or 0.0, tokens, tuple(details))
        return Turn(
            role=row.role,
            text=row.text,
            spans=tuple(Span(start, end, tuple(ids)) for start, end, ids in row.spans),
            raw=row.raw,
            table=None if row.table is None else tuple(tuple(cells) for cells in row.table),
            record=record,
            unfinished=row.unfinished,
            pictures=tuple(pictures[number] for number in row.pictures),
            suggestions=tuple(row.suggestions),
        )


def _point(x: int, y: int, picture: Picture) -> Point:
    if x >= picture.size_wh[0] or y >= picture.size_wh[1]:
        raise ValueError(f"a point is {x}, {y}, outside the picture")
    return Point(x, y)


def _whole_box(corners: Corners) -> Box:
    box = Box(*corners)
    if box.x2 < box.x1 or box.y2 < box.y1:
        raise ValueError(f"a box is {tuple(box)}")
    return box


def _box(corners: Corners, picture: Picture) -> Box:
    box = _whole_box(corners)
    if box.x2 > picture.size_wh[0] or box.y2 > picture.size_wh[1]:
        raise ValueError(f"a box is {tuple(box)}, outside the picture")
    return box


def _bits(packed: str, box: Box) -> bytes:
    """Unpack a mask's bits, never more of them than its box has pixels."""
    expected = (box.area + 7) // 8
    try:
        bits = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), expected + 1)
    except zlib.error:
        raise ValueError("a mask cannot be unpacked") from None
    if len(bits) != expected:
        raise ValueError(f"a mask has {len(bits)} bytes, not {expected}")
    return bits
