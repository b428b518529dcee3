"""A tiny folder of labelled photographs, in the format that training reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def entry(kind: str, box: tuple[float, float, float, float], **more: Any) -> dict[str, Any]:
    """A label: a thing whose outline is its box, unless `outline` says otherwise."""
    x1, y1, x2, y2 = box
    outline = [[x1, y1, x2, y1, x2, y2, x1, y2]]
    return {"kind": kind, "box": list(box), "outline": outline, "difficult": False, "truncated": None, **more}


SKELETON = {"nose": [100, 30], "left_eye": [105, 25], "right_eye": [95, 25], "left_wrist": [130, 80]}
PICTURES: tuple[tuple[str, str | None, list[dict[str, Any]]], ...] = (
    (
        "train",
        "voc20",
        [
            entry("dog", (20, 20, 80, 90)),
            entry("dog", (110, 20, 150, 60), outline=None),
            entry("car", (90, 70, 150, 110)),
        ],
    ),
    ("train", "voc20", [entry("cat", (30, 30, 120, 100)), entry("person", (2, 2, 20, 30), difficult=True)]),
    ("train", None, [entry("person", (60, 10, 140, 115), points=SKELETON)]),
    ("train", "coco80", [entry("sheep", (10, 10, 60, 60)), entry("zebra", (80, 20, 140, 90))]),
    ("val", "voc20", [entry("cow", (20, 20, 140, 110))]),
)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photographs to train on and one to measure on, 160 x 120, each thing a plain patch on noise."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "images").mkdir()
    noise = np.random.default_rng(0)
    lines = []
    for number, (split, complete, things) in enumerate(PICTURES):
        pixels = noise.integers(90, 160, (120, 160, 3), np.uint8)
        for thing in things:
            x1, y1, x2, y2 = (int(value) for value in thing["box"])
            pixels[y1:y2, x1:x2] = (20, 20, 22) if thing["kind"] in ("dog", "cow") else (200, 30, 30)
        file = f"images/{number}.jpg"
        Image.fromarray(pixels).save(folder / file, quality=95)
        row = {"file": file, "width": 160, "height": 120, "source": "made up", "split": split}
        lines.append(json.dumps({**row, "complete": complete, "caption": None, "objects": things}))
    (folder / "labels.jsonl").write_text("\n".join(lines) + "\n")
    return folder
