"""The contact sheet: small pictures with what was found on them, for a person to look through.

`index.html` needs nothing but itself; many pictures become several pages. Doubtful pictures come first. What
a person strikes out there is saved as `struck.json`, which `dataset.read_struck` reads.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from pipelines.draw import PALETTE
from pipelines.intake import open_picture
from pipelines.label.dataset import Dataset, Labelled, Struck
from pipelines.label.formats.polygons import parts_of
from pipelines.label.writing import whole_file
from pipelines.scene import Region

HERE = Path(__file__).parent
THUMB = 240  # pixels, longer side of a small picture
PER_PAGE = 500
QUALITY = 75  # of the small pictures, which are JPEG
FINE = 0.4  # pixels of the small picture by which an outline may miss
MENDED = 0.5  # of certainty that a region has of which something was mended
NOTHING = 0.8  # the certainty of a picture on which nothing was found


def write_sheet(dataset: Dataset, folder: Path, struck: Struck) -> None:
    """Write the contact sheet into a folder.

    Args:
        dataset: with what was struck out before, so that it can be taken back.
        struck: what was struck out.
    """
    doubts = [(certainty(picture), picture.name, len(picture.regions)) for picture in dataset]
    names = [name for _, name, _ in sorted(doubts)]
    pages = max(1, -(-len(names) // PER_PAGE))
    shared: dict[str, Any] = {
        "folder": str(folder.resolve()),
        "classes": dataset.classes,
        "colours": PALETTE,
        "count": len(names),
        "found": sum(found for _, _, found in doubts),
        "struck": sorted([name, label, list(box)] for name, label, box in struck),
        "pages": pages,
        "passed": list(dataset.passed_over()),
    }
    for page in range(pages):
        shown = [dataset.picture(name) for name in names[page * PER_PAGE : (page + 1) * PER_PAGE]]
        data = {**shared, "page": page + 1, "pictures": [_picture(one, dataset.classes) for one in shown]}
        with whole_file(folder / _name(page)) as part:
            part.write_text(_html(data), "utf-8")
    page = pages
    while (folder / _name(page)).exists():  # of a larger data set before
        os.unlink(folder / _name(page))
        page += 1


def certainty(picture: Labelled) -> float:
    """Return how sure the least sure thing on a picture is, 0..1; one without a score counts as sure."""
    sure = [
        min(1.0 if one.score is None else one.score, MENDED if one.note else 1.0) for one in picture.regions
    ]
    return min(sure, default=NOTHING)


def _name(page: int) -> str:
    return f"index-{page + 1}.html" if page else "index.html"


def _html(data: dict[str, Any]) -> str:
    html, style, script = ((HERE / f"sheet.{suffix}").read_text("utf-8") for suffix in ("html", "css", "js"))
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {"/*STYLE*/": style, "/*SCRIPT*/": script, "/*DATA*/": written}
    for mark, text in parts.items():
        html = html.replace(mark, text, 1)
    return html


def _picture(picture: Labelled, classes: Sequence[str]) -> dict[str, Any]:
    scale = min(1.0, THUMB / max(picture.size_wh))
    size = [max(1, round(side * scale)) for side in picture.size_wh]
    small = open_picture(picture.path).resize((size[0], size[1]), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    return {
        "name": picture.name,
        "size": size,
        "scale": scale,
        "thumb": "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"),
        "caption": picture.caption,
        "regions": [_region(region, classes, scale) for region in picture.regions],
    }


def _region(region: Region, classes: Sequence[str], scale: float) -> dict[str, Any]:
    return {
        "class": classes.index(region.label),
        "box": list(region.box),
        "score": region.score,
        "note": region.note,
        "path": _path(region, scale),
    }


def _path(region: Region, scale: float) -> str:
    """Return the outline on the small picture, as SVG writes it."""
    if not region.mask:
        return ""
    rings = (
        cv2.approxPolyDP(((part + 0.5) * scale).astype(np.float32), FINE, True)[:, 0]
        for part in parts_of(region.mask)
    )
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring.tolist()) + "Z" for ring in rings)
