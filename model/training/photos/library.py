"""The photographs of a folder, decoded once and kept in memory, with their labels as values.

Knows the folder's format and pixels; knows nothing of augmentation or of questions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from model.prompts import JOINTS
from model.training.world.truth import XYXY

from .colours import plain_colour

Polygon = tuple[tuple[float, float], ...]

VOC_KINDS = (
    "person", "dog", "cat", "car", "sheep", "horse", "cow", "bus", "train", "chair", "plant", "bottle",
    "sofa", "screen", "motorbike", "table", "boat", "bicycle", "bird", "plane",
)  # fmt: skip
MAIN_KINDS = VOC_KINDS[:12]  # what the headline figures are measured on
# Kinds of COCO whose names the drawn world or the language model knows; its other kinds are only ignored.
COCO_KINDS = (
    *VOC_KINDS, "bench", "umbrella", "kite", "cup", "apple", "book", "clock", "bowl", "truck", "elephant",
)  # fmt: skip
COMPLETE = {"voc20": VOC_KINDS, "coco80": COCO_KINDS}  # kinds of which every clear instance is labelled
LEAST_COLOURED = 400  # pixels of an outline, below which no colour is told


@dataclass(frozen=True, slots=True)
class Labelled:
    """One labelled thing of a photograph, in pixels of the photograph.

    `clear` is False for what the labels call difficult and for crowds: neither asked about nor taken to be
    absent. `points` are the 17 COCO joints of a person as (x, y, v) with v 0 (not known) or 2.
    """

    kind: str
    box: XYXY
    outline: tuple[Polygon, ...]
    clear: bool
    truncated: bool
    colour: str | None = None
    points: tuple[tuple[float, float, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """One photograph. `known`: the kinds all of whose clear instances are labelled; none: positives only."""

    file: str
    size_wh: tuple[int, int]
    source: str
    things: tuple[Labelled, ...]
    known: tuple[str, ...]
    captions: tuple[str, ...]


@dataclass(slots=True)
class PhotoLibrary:
    """Photographs and their decoded pixels, uint8 (H, W, 3) RGB, in one order."""

    photos: list[Photo] = field(default_factory=list)
    pixels: list[np.ndarray] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.photos)


def load_photos(folder: Path, split: str, limit: int | None = None) -> PhotoLibrary:
    """Read the photographs of one split ("train" or "val") with their labels.

    Raises:
        ValueError: the folder has no `labels.jsonl`, or no photograph of that split.
    """
    labels = folder / "labels.jsonl"
    if not labels.exists():
        raise ValueError(f"expected {labels}: the folder of photographs holds labels.jsonl and images/")
    library = PhotoLibrary()
    with labels.open() as file:
        for line in file:
            row = json.loads(line)
            if row["split"] != split or (limit is not None and len(library) >= limit):
                continue
            decoded = cv2.imread(str(folder / row["file"]), cv2.IMREAD_COLOR)
            if decoded is None:
                raise ValueError(f"expected a picture at {folder / row['file']}")
            pixels = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
            library.photos.append(_photo(row, pixels))
            library.pixels.append(pixels)
    if not library.photos:
        raise ValueError(f"expected photographs of the split {split!r} in {labels}, found none")
    return library


def _photo(row: dict[str, Any], pixels: np.ndarray) -> Photo:
    things = tuple(_labelled(entry, pixels) for entry in row["objects"])
    captions = row.get("caption") or ()
    return Photo(
        row["file"],
        (row["width"], row["height"]),
        row["source"],
        things,
        COMPLETE.get(row["complete"] or "", ()),
        (captions,) if isinstance(captions, str) else tuple(captions),
    )


def _labelled(entry: dict[str, Any], pixels: np.ndarray) -> Labelled:
    outline = tuple(
        tuple(zip(polygon[::2], polygon[1::2], strict=True))
        for polygon in _polygons(entry.get("outline"))
        if len(polygon) >= 6
    )
    x1, y1, x2, y2 = entry["box"]
    return Labelled(
        entry["kind"],
        (x1, y1, x2, y2),
        outline,
        clear=not entry.get("difficult") and not entry.get("crowd"),
        truncated=bool(entry.get("truncated")),
        colour=_colour(entry["kind"], outline, pixels),
        points=_joints(entry["kind"], entry.get("points")),
    )


def _polygons(outline: Any) -> list[list[float]]:
    """Return the outline's polygons: a list of flat lists, or one flat list."""
    if not outline:
        return []
    return [outline] if isinstance(outline[0], (int, float)) else list(outline)


def _colour(kind: str, outline: tuple[Polygon, ...], pixels: np.ndarray) -> str | None:
    """Return the plain colour of the pixels inside an outline; people have none of their own."""
    if kind == "person" or not outline:
        return None
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(polygon).astype(np.int32) for polygon in outline], 1)
    mask = cv2.erode(mask, np.ones((3, 3), np.uint8))
    return plain_colour(pixels[mask > 0]) if int(mask.sum()) >= LEAST_COLOURED else None


def _joints(kind: str, points: dict[str, Any] | None) -> tuple[tuple[float, float, int], ...] | None:
    """COCO's 17 joints in COCO's order; None where they are not known."""
    if kind != "person" or not points:
        return None
    named = {name.replace("_", " "): point for name, point in points.items()}
    return tuple(
        (float(named[joint][0]), float(named[joint][1]), 2) if joint in named else (0.0, 0.0, 0)
        for joint in JOINTS
    )
