"""What a visitor can save: pictures, masks, cut-outs, COCO JSON, a table, the whole session."""

from __future__ import annotations

import io
import json
import re
import shutil
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from PIL import Image

from app.render import served
from pipelines.assistant import Assistant
from pipelines.draw import draw
from pipelines.errors import DemoError
from pipelines.export import coco, cut_out_png, mask_png, save_session, table_csv
from pipelines.scene import Region, Timeline
from pipelines.scratch import scratch_folder

SECONDS_KEPT = 600  # of a file that was made to be downloaded
KINDS = {
    "drawn": "Picture with regions",
    "picture": "Picture",
    "masks": "Masks",
    "cut-outs": "Cut-outs",
    "coco": "COCO JSON",
    "table": "Table as CSV",
    "session": "Session, to go on later",
}  # what can be exported, and what its button says


class Downloads:
    """A folder of exported files, each kept for a while."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="exports-", dir=scratch_folder(), ignore_cleanup_errors=True)

    def save(self, name: str, content: bytes) -> Path:
        """Write a file under a path of its own; old ones go."""
        folder = Path(self._folder.name)
        for old in folder.iterdir():
            if time.time() - old.stat().st_mtime > SECONDS_KEPT:
                shutil.rmtree(old, ignore_errors=True)
        path = Path(mkdtemp(dir=folder)) / name
        path.write_bytes(content)
        return path


def export_state(path: Path | None) -> dict[str, Any]:
    """Return the export drawer's value: its buttons, and the file that is to be saved now."""
    return {
        "kinds": [{"kind": kind, "title": title} for kind, title in KINDS.items()],
        "file": {**served(path), "orig_name": path.name} if path else None,
    }


def export(assistant: Assistant, timeline: Timeline, kind: str) -> tuple[str, bytes]:
    """Return the name and the content of a file. `kind` is one of KINDS.

    Raises:
        DemoError: there is nothing of that kind yet.
    """
    if kind == "session":
        return "session.zip", save_session(assistant, timeline)
    scene = timeline.scene
    if kind == "table":
        table = next((turn for turn in reversed(scene.turns) if turn.table), None)
        if table is None:
            raise DemoError("There is no table yet: ask to convert a chart to a table.")
        return "table.csv", table_csv(table).encode()
    if scene.picture is None:
        raise DemoError("There is no picture yet: choose one first.")
    if kind == "picture":
        return "picture.png", assistant.pictures.original(scene.picture).read_bytes()
    if kind == "drawn":
        return "picture-with-regions.png", _png(draw(assistant.image(scene.picture), scene))
    if kind == "coco":
        return "regions.json", json.dumps(coco(scene)).encode()
    masked = [region for region in scene.regions if region.mask and region.mask.bits]
    if not masked:
        raise DemoError("There is no mask yet: segment something, or click a thing.")
    if kind == "masks":
        return "masks.zip", _zip({_file(region): mask_png(scene, region) for region in masked})
    if kind == "cut-outs":
        return "cut-outs.zip", _zip(
            {_file(region): cut_out_png(assistant, scene, region) for region in masked}
        )
    raise DemoError("The page asked for something that cannot be exported: reload it.")


def export_region(assistant: Assistant, timeline: Timeline, kind: str, region_id: int) -> tuple[str, bytes]:
    """Return the name and the content of a file of one region: its "cut-outs" or its "masks".

    Raises:
        DemoError: the region is not there any more, or has no mask.
    """
    scene = timeline.scene
    region = scene.region(region_id)
    if region is None:
        raise DemoError(f"There is no region #{region_id} on the picture any more.")
    if region.mask is None or not region.mask.bits:
        raise DemoError(f"Region #{region_id} has no mask yet: segment it first.")
    if kind == "cut-outs":
        return _file(region), cut_out_png(assistant, scene, region)
    if kind == "masks":
        return _file(region), mask_png(scene, region)
    raise DemoError("The page asked for something that cannot be exported: reload it.")


def _file(region: Region) -> str:
    label = re.sub(r"[^\w-]+", "-", region.label).strip("-")[:40]
    return f"{region.id}-{label}.png" if label else f"{region.id}.png"


def _zip(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
