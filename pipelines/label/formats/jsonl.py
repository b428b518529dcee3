"""JSON lines: a picture a line, with the regions as every other door gives them."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.export import region_json
from pipelines.label.dataset import Dataset
from pipelines.scene import Picture, Scene


def write_jsonl(dataset: Dataset, folder: Path) -> None:
    """Write `labels.jsonl`: file, width, height, split, caption, regions; or file and error."""
    with (folder / "labels.jsonl").open("w", encoding="utf-8") as file:
        for picture in dataset:
            scene = Scene(Picture("", picture.size_wh))
            row = {
                "file": picture.name,
                "width": picture.size_wh[0],
                "height": picture.size_wh[1],
                "split": picture.split or None,
                "caption": picture.caption,
                "regions": [region_json(region, scene) for region in picture.regions],
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        for name, trouble in dataset.passed_over():
            file.write(json.dumps({"file": name, "error": trouble}, ensure_ascii=False) + "\n")
