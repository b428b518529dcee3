"""Take away and resume: regions as COCO JSON and PNG, the whole session as one ZIP, and back.

A ZIP from elsewhere is not to be trusted: names, sizes and every value are checked before they are used, and
nothing is ever unpacked to a path that it names. This module knows scenes and files; no model and no widget.

    session.zip
      session.json      format, version, every scene of the timeline; masks as base64 of their bits
      pictures/<n>.png  the pictures the scenes name, in order
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
from collections.abc import Sequence
from typing import Any

from PIL import Image

from pipelines.assistant import Assistant
from pipelines.errors import DemoError
from pipelines.pictures import open_picture
from pipelines.scene import (
    COCO_JOINTS,
    Box,
    Click,
    Keypoint,
    Mask,
    Picture,
    Point,
    Record,
    Region,
    Scene,
    Span,
    Step,
    Timeline,
    Turn,
)
from pipelines.tasks.regions import need_picture

FORMAT, VERSION = "sphinx-live session", 1
MOST_BYTES = 400_000_000  # of a ZIP unpacked
MOST_FILES = 2000
MOST_JSON = 60_000_000  # bytes of session.json
MOST_RATIO = 200  # unpacked over packed, of one file larger than a megabyte


class BrokenSession(DemoError):
    """The file is no session of this demo, or a damaged one."""


# --- single things -------------------------------------------------------------------------------------


def region_json(region: Region, scene: Scene) -> dict[str, Any]:
    """A region for programs: pixels of the picture, mask as COCO RLE, joints as [x, y, v]."""
    size_wh = need_picture(scene).size_wh
    joints = region.keypoints
    return {
        "id": region.id,
        "label": region.label,
        "box": list(region.box),
        "mask": region.mask.rle(size_wh) if region.mask else None,
        "keypoints": [[*joint.point, joint.visible] for joint in joints] if joints else None,
        "score": region.score,
        "note": region.note,
    }


def coco(scene: Scene, file_name: str = "picture.png") -> dict[str, Any]:
    """The regions in COCO's format: boxes as x, y, width, height, masks as RLE, joints, captions."""
    width, height = need_picture(scene).size_wh
    names = list(dict.fromkeys(region.label or "region" for region in scene.regions))
    annotations = []
    for region in scene.regions:
        x1, y1, x2, y2 = region.box
        row: dict[str, Any] = {
            "id": region.id,
            "image_id": 1,
            "category_id": names.index(region.label or "region") + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": region.mask.area if region.mask else region.box.area,
            "iscrowd": 0,
            "caption": region.label,
        }
        if region.mask:
            row["segmentation"] = region.mask.rle((width, height))
        if region.score is not None:
            row["score"] = region.score
        if region.keypoints:
            flat = [(*j.point, j.visible) if j.visible else (0, 0, 0) for j in region.keypoints]
            row["keypoints"] = [number for joint in flat for number in joint]
            row["num_keypoints"] = sum(1 for joint in region.keypoints if joint.visible)
        annotations.append(row)
    categories = [{"id": i + 1, "name": name, "keypoints": list(COCO_JOINTS)} for i, name in enumerate(names)]
    images = [{"id": 1, "file_name": file_name, "width": width, "height": height}]
    return {"images": images, "annotations": annotations, "categories": categories}


def mask_png(scene: Scene, region: Region) -> bytes:
    """A region's mask as a black and white PNG of the picture's size.

    Raises:
        DemoError: it has none.
    """
    plane = _mask(region).array(need_picture(scene).size_wh)
    return _png(Image.fromarray(plane).convert("L"))


def cut_out_png(assistant: Assistant, scene: Scene, region: Region) -> bytes:
    """What a region shows as a PNG of its box, transparent around its mask.

    Raises:
        DemoError: it has no mask.
    """
    mask = _mask(region)
    image = assistant.image(need_picture(scene)).crop(mask.box)
    image.putalpha(Image.fromarray(mask.crop).convert("L"))
    return _png(image)


def table_csv(turn: Turn) -> str:
    """A turn's table as CSV."""
    import csv

    if not turn.table:
        raise DemoError("This answer holds no table: ask to convert a chart to a table.")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(turn.table)
    return text.getvalue()


def _mask(region: Region) -> Mask:
    if not region.mask or not region.mask.bits:
        raise DemoError(f"#{region.id} has no mask: segment it first.")
    return region.mask


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


# --- the session ---------------------------------------------------------------------------------------


def save_session(assistant: Assistant, timeline: Timeline) -> bytes:
    """The whole visit as a ZIP."""
    pictures = _pictures(timeline)
    numbers = {picture: i for i, picture in enumerate(pictures)}
    steps = [{"scene": _scene_out(step.scene, numbers), "parent": step.parent} for step in timeline.steps]
    session = {
        "format": FORMAT,
        "version": VERSION,
        "current": timeline.current,
        "pictures": [list(picture.size_wh) for picture in pictures],
        "steps": steps,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("session.json", json.dumps(session))
        archive.writestr("recipe.json", json.dumps(recipe(timeline.scene), indent=1))
        if timeline.scene.picture:
            name = f"pictures/{numbers[timeline.scene.picture]}.png"
            archive.writestr("regions.json", json.dumps(coco(timeline.scene, name)))
        for picture, number in numbers.items():
            archive.write(assistant.path(picture), f"pictures/{number}.png", zipfile.ZIP_STORED)
    return buffer.getvalue()


def recipe(scene: Scene) -> list[dict[str, Any]]:
    """How the scene came about: each message with ability, model, seed and the sentences that were put."""
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


def _pictures(timeline: Timeline) -> tuple[Picture, ...]:
    """Every picture that a scene shows or offers, each once."""
    found: dict[Picture, None] = {}
    for step in timeline.steps:
        if step.scene.picture:
            found[step.scene.picture] = None
        for turn in step.scene.turns:
            found.update(dict.fromkeys(turn.pictures))
    return tuple(found)


def open_session(assistant: Assistant, data: bytes) -> Timeline:
    """A visit from its ZIP, ready to go on.

    Raises:
        BrokenSession: it is broken, foreign, or too large; with the reason.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError):
        raise BrokenSession("The file is not a ZIP: choose a session that was saved here.") from None
    with archive:
        _check_archive(archive)
        session = _json(archive)
        try:
            pictures = []
            for number, size in enumerate(_list(session, "pictures")):
                picture = assistant.pictures.add(open_picture(_read(archive, f"pictures/{number}.png")))
                if list(picture.size_wh) != size:
                    raise ValueError(f"picture {number} is {picture.size_wh}, not {size}")
                pictures.append(picture)
            steps = tuple(
                Step(_scene_in(_dict(step, "scene"), pictures), _int(step, "parent", -1, at - 1))
                for at, step in enumerate(_list(session, "steps"))
            )
            if not steps:
                raise ValueError("it has no steps")
            return Timeline(steps, _int(session, "current", 0, len(steps) - 1))
        except (KeyError, TypeError, ValueError, IndexError, binascii.Error) as error:
            raise BrokenSession(f"The session is damaged ({str(error)[:120]}): save it once more.") from None
        except DemoError as error:
            raise BrokenSession(f"A picture of the session cannot be read. {error}") from None


def _check_archive(archive: zipfile.ZipFile) -> None:
    files = archive.infolist()
    if len(files) > MOST_FILES:
        raise BrokenSession(f"The ZIP holds {len(files)} files (at most {MOST_FILES}): this is no session.")
    if sum(file.file_size for file in files) > MOST_BYTES:
        raise BrokenSession(f"The ZIP unpacks to more than {MOST_BYTES // 1_000_000} MB: this is no session.")
    for file in files:
        name = file.filename
        if name.startswith(("/", "\\")) or ".." in name.split("/") or "\\" in name or ":" in name:
            raise BrokenSession(f"The ZIP names a file outside itself ({name[:60]!r}): it is not opened.")
        if file.file_size > 1_000_000 and file.file_size > MOST_RATIO * max(1, file.compress_size):
            raise BrokenSession("The ZIP is packed beyond belief: it is not opened.")
        if file.flag_bits & 1:
            raise BrokenSession("The ZIP is locked with a password: save the session without one.")


def _read(archive: zipfile.ZipFile, name: str, most: int = MOST_BYTES) -> bytes:
    """A member's bytes, never more than it declared (a header may lie)."""
    try:
        with archive.open(name) as file:
            data = file.read(most + 1)
    except KeyError:
        raise BrokenSession(
            f"The ZIP lacks {name}: it is no session of this demo, or a damaged one."
        ) from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError):
        raise BrokenSession(f"The ZIP is damaged at {name}: fetch or save it again.") from None
    if len(data) > most:
        raise BrokenSession(f"{name} in the ZIP is too large: this is no session.")
    return data


def _json(archive: zipfile.ZipFile) -> dict[str, Any]:
    data = _read(archive, "session.json", MOST_JSON)
    try:
        session = json.loads(data)
    except (ValueError, RecursionError):
        raise BrokenSession(
            "The session.json in the ZIP cannot be read: save the session once more."
        ) from None
    if not isinstance(session, dict) or session.get("format") != FORMAT:
        raise BrokenSession("The ZIP is not a session of this demo: choose one that was saved here.")
    if session.get("version") != VERSION:
        raise BrokenSession(
            f"The session has version {session.get('version')!r}, this demo reads {VERSION}: update it."
        )
    return session


# --- values out ----------------------------------------------------------------------------------------


def _scene_out(scene: Scene, numbers: dict[Picture, int]) -> dict[str, Any]:
    return {
        "picture": None if scene.picture is None else numbers[scene.picture],
        "regions": [_region_out(region) for region in scene.regions],
        "selected": scene.selected,
        "turns": [_turn_out(turn, numbers) for turn in scene.turns],
        "next_id": scene.next_id,
    }


def _region_out(region: Region) -> dict[str, Any]:
    return {
        "id": region.id,
        "label": region.label,
        "box": list(region.box),
        "mask": _mask_out(region.mask),
        "keypoints": None
        if region.keypoints is None
        else [[joint.name, *joint.point, joint.visible] for joint in region.keypoints],
        "score": region.score,
        "source": region.source,
        "note": region.note,
        "clicks": [[*click.point, click.positive] for click in region.clicks],
        "prompt_box": None if region.prompt_box is None else list(region.prompt_box),
        "candidates": [[_mask_out(mask), score] for mask, score in region.candidates],
    }


def _mask_out(mask: Mask | None) -> dict[str, Any] | None:
    if mask is None:
        return None
    return {"box": list(mask.box), "bits": base64.b64encode(zlib.compress(mask.bits)).decode("ascii")}


def _turn_out(turn: Turn, numbers: dict[Picture, int]) -> dict[str, Any]:
    record = turn.record
    return {
        "role": turn.role,
        "text": turn.text,
        "spans": [[span.start, span.end, list(span.region_ids)] for span in turn.spans],
        "raw": turn.raw,
        "table": None if turn.table is None else [list(row) for row in turn.table],
        "record": None
        if record is None
        else [
            record.ability,
            record.model,
            record.seed,
            record.seconds,
            record.tokens,
            [list(d) for d in record.details],
        ],
        "unfinished": turn.unfinished,
        "pictures": [numbers[picture] for picture in turn.pictures],
        "suggestions": list(turn.suggestions),
    }


# --- values in: every one is checked, a KeyError, TypeError or ValueError refuses the session ------------


def _dict(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(inner := value[name], dict):
        raise ValueError(f"{name} is no object")
    return inner


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(inner := value[name], list):
        raise ValueError(f"{name} is no list")
    return inner


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("words are no text")
    return value


def _int(value: Any, name: str, low: int, high: int) -> int:
    return _whole(value[name], low, high, name)


def _whole(number: Any, low: int, high: int, name: str = "a number") -> int:
    if type(number) is not int or not low <= number <= high:
        raise ValueError(f"{name} is {number!r}, not in {low} to {high}")
    return number


def _real(number: Any) -> float | None:
    if number is None:
        return None
    if type(number) not in (int, float) or number != number or abs(number) == float("inf"):
        raise ValueError(f"a score is {number!r}")
    return number


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"a switch is {value!r}")
    return value


def _scene_in(value: dict[str, Any], pictures: Sequence[Picture]) -> Scene:
    number = value["picture"]
    picture = None if number is None else pictures[_whole(number, 0, len(pictures) - 1, "picture")]
    regions = tuple(_region_in(row, picture) for row in _list(value, "regions"))
    ids = [region.id for region in regions]
    if len(set(ids)) != len(ids):
        raise ValueError("two regions have one number")
    next_id = _whole(value["next_id"], max(ids, default=0) + 1, 10**9, "next_id")
    selected = value["selected"]
    if selected is not None and selected not in ids:
        raise ValueError("the selected region is not there")
    turns = tuple(_turn_in(row, pictures) for row in _list(value, "turns"))
    return Scene(picture, regions, selected, turns, next_id)


def _region_in(value: Any, picture: Picture | None) -> Region:
    if picture is None:
        raise ValueError("a region without a picture")
    keypoints = None
    if value["keypoints"] is not None:
        rows = _list(value, "keypoints")
        if [row[0] for row in rows] != list(COCO_JOINTS):
            raise ValueError("joints are not COCO's")
        keypoints = tuple(
            Keypoint(name, _point(x, y, picture), _whole(visible, 0, 2)) for name, x, y, visible in rows
        )
    return Region(
        id=_int(value, "id", 1, 10**9),
        label=_str(value["label"]),
        box=_box(value["box"], picture),
        mask=_mask_in(value["mask"], picture),
        keypoints=keypoints,
        score=_real(value["score"]),
        source=_str(value["source"]),
        note=None if value["note"] is None else _str(value["note"]),
        clicks=tuple(
            Click(_point(x, y, picture), _flag(positive)) for x, y, positive in _list(value, "clicks")
        ),
        prompt_box=None if value["prompt_box"] is None else _box(value["prompt_box"], picture),
        candidates=tuple(_candidate(row, picture) for row in _list(value, "candidates")),
    )


def _candidate(row: Any, picture: Picture) -> tuple[Mask, float]:
    mask, score = _mask_in(row[0], picture), _real(row[1])
    if mask is None or score is None:
        raise ValueError("a candidate without mask or score")
    return mask, score


def _point(x: Any, y: Any, picture: Picture) -> Point:
    return Point(_whole(x, 0, picture.size_wh[0] - 1), _whole(y, 0, picture.size_wh[1] - 1))


def _box(value: Any, picture: Picture) -> Box:
    width, height = picture.size_wh
    x1, y1, x2, y2 = value
    box = Box(_whole(x1, 0, width), _whole(y1, 0, height), _whole(x2, 0, width), _whole(y2, 0, height))
    if box.x2 < box.x1 or box.y2 < box.y1:
        raise ValueError(f"a box is {tuple(box)}")
    return box


def _mask_in(value: Any, picture: Picture) -> Mask | None:
    if value is None:
        return None
    box = _box(value["box"], picture)
    expected = (box.area + 7) // 8
    inflate = zlib.decompressobj()
    try:
        bits = inflate.decompress(base64.b64decode(_str(value["bits"]), validate=True), expected + 1)
    except zlib.error:
        raise ValueError("a mask cannot be unpacked") from None
    if len(bits) != expected:
        raise ValueError(f"a mask has {len(bits)} bytes, not {expected}")
    return Mask(box, bits)


def _turn_in(value: Any, pictures: Sequence[Picture]) -> Turn:
    role, text = value["role"], _str(value["text"])
    if role not in ("user", "assistant", "notice"):
        raise ValueError(f"a role is {role!r}")
    spans = tuple(
        Span(_whole(a, 0, len(text)), _whole(b, a, len(text)), tuple(_whole(i, 1, 10**9) for i in ids))
        for a, b, ids in _list(value, "spans")
    )
    table = value["table"]
    record = value["record"]
    if record is not None:
        ability, model, seed, seconds, tokens, details = record
        record = Record(
            _str(ability),
            _str(model),
            _whole(seed, -(2**63), 2**64),
            _real(seconds) or 0.0,
            _whole(tokens, 0, 10**9),
            tuple((_str(name), _str(words)) for name, words in details),
        )
    return Turn(
        role=role,
        text=text,
        spans=spans,
        raw=_str(value["raw"]),
        table=None if table is None else tuple(tuple(_str(cell) for cell in row) for row in table),
        record=record,
        unfinished=_flag(value["unfinished"]),
        pictures=tuple(pictures[_whole(i, 0, len(pictures) - 1)] for i in _list(value, "pictures")),
        suggestions=tuple(map(_str, value.get("suggestions", ()))),
    )
