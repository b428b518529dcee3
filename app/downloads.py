"""What a visitor can save: pictures, masks, cut-outs, COCO JSON, a table, the whole session."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import secrets
import shutil
import threading
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from gradio.utils import get_upload_folder
from PIL import Image

from pipelines.assistant import Assistant
from pipelines.draw import draw
from pipelines.errors import DemoError
from pipelines.export import alone, coco, cut_out_png, mask_png, save_session, table_csv
from pipelines.scene import Picture, Region, Timeline
from pipelines.scratch import scratch_folder

SECONDS_KEPT = 600  # of a file that was made to be downloaded
MOST_EXPORTS = 4  # files of one browser; older ones go
ANSWER_KEPT = 600  # seconds of a file that an endpoint gave back
KINDS = {
    "drawn": "Picture with regions",
    "picture": "Picture",
    "masks": "Masks",
    "cut-outs": "Cut-outs",
    "coco": "COCO JSON",
    "table": "Table as CSV",
    "session": "Session with this picture",
    "visit": "Whole visit, all its pictures",
}  # what can be exported, and what its button says


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was made for a browser, and the picture that it was made of."""

    owner: str
    path: Path
    digest: str | None


class Downloads:
    """A folder of exported files, each kept for a while."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="exports-", dir=scratch_folder(), ignore_cleanup_errors=True)
        self._exports: dict[str, Export] = {}
        self._lock = threading.Lock()

    def save(self, owner: str, name: str, content: bytes, picture: Picture | None) -> str:
        """Write a file, and return its address from the folder of the page's scripts; old ones go.

        Args:
            owner: the key of the browser that it is made for.
            picture: what it was made of; the file is given away as long as that picture is.
        Raises:
            DemoError: there is no room for it.
        """
        token = secrets.token_urlsafe(24)
        path = Path(self._folder.name) / token / name
        try:
            path.parent.mkdir()
            path.write_bytes(content)
        except OSError as error:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise DemoError(f"The file cannot be written ({error.strerror}): try again later.") from error
        with self._lock:
            self._exports[token] = Export(owner, path, picture.digest if picture else None)
            mine = [name for name, export in self._exports.items() if export.owner == owner]
            self._delete({*mine[:-MOST_EXPORTS], *filter(self._old, self._exports)})
        return f"../kept/files/{token}/{quote(name)}"

    def find(self, owner: str, token: str, name: str) -> Export | None:
        """Return the file of a browser; None where it has none of that name."""
        export = self._exports.get(token)
        if export is None or export.owner != owner or export.path.name != name:
            return None
        return export if export.path.exists() else None

    def forget(self, owner: str) -> None:
        """Delete the files of a browser."""
        with self._lock:
            self._delete({token for token, export in self._exports.items() if export.owner == owner})

    def _old(self, token: str) -> bool:
        return _age(self._exports[token].path) > SECONDS_KEPT

    def _delete(self, tokens: set[str]) -> None:
        for token in tokens:
            shutil.rmtree(self._exports.pop(token).path.parent, ignore_errors=True)


@cache
def answers_folder() -> Path:
    """Return the folder of what endpoints gave back. Its name is another one in each process.

    It lies where Gradio keeps uploads, so that a caller may send back what it got.
    """
    folder = Path(os.path.abspath(get_upload_folder())) / f"answers-{secrets.token_urlsafe(12)}"
    folder.mkdir(parents=True)
    return folder


def hand_out(path: Path) -> Path:
    """Copy a file to where its address alone is enough to have it; old ones go.

    An endpoint's caller has no cookie: the address is unguessable, and known to the caller alone.
    """
    for old in answers_folder().iterdir():
        if _age(old) > ANSWER_KEPT:
            shutil.rmtree(old, ignore_errors=True)
    copy = answers_folder() / secrets.token_urlsafe(24) / "picture.png"
    copy.parent.mkdir()
    shutil.copyfile(path, copy)
    return copy


def _age(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime
    return 0.0


def export_state(name: str = "", address: str = "") -> dict[str, Any]:
    """Return the export drawer's value: its buttons, and the file that is to be saved now."""
    return {
        "kinds": [{"kind": kind, "title": title} for kind, title in KINDS.items()],
        "file": {"url": address, "orig_name": name} if address else None,
    }


def export(assistant: Assistant, timeline: Timeline, kind: str) -> tuple[str, bytes]:
    """Return the name and the content of a file. `kind` is one of KINDS.

    Raises:
        DemoError: there is nothing of that kind yet.
    """
    if kind in ("session", "visit"):
        return f"{kind}.zip", save_session(assistant, timeline if kind == "visit" else alone(timeline))
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
