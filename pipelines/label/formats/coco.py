"""COCO: `instances.json`, and `captions.json` where pictures were described; one of each a split.

Rows are those of `export.coco`. A picture is named by its path below the folder that was labelled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from pipelines.export.coco import INFO, LICENSES, annotation, category
from pipelines.label.dataset import Dataset


def write_coco(dataset: Dataset, folder: Path) -> None:
    """Write the data set as COCO JSON."""
    for split in dataset.splits:
        ending = f"_{split}" if split else ""
        with (folder / f"instances{ending}.json").open("w", encoding="utf-8") as file:
            _write(file, dataset, split, _annotations(dataset, split), _categories(dataset))
        if dataset.described:
            with (folder / f"captions{ending}.json").open("w", encoding="utf-8") as file:
                _write(file, dataset, split, _captions(dataset, split), None)


def _write(
    file: TextIO,
    dataset: Dataset,
    split: str,
    annotations: Iterable[dict[str, Any]],
    categories: Iterable[dict[str, Any]] | None,
) -> None:
    """Write row by row: a large data set does not fit into memory as one object."""
    now = datetime.now().astimezone()
    info = {**INFO, "year": now.year, "date_created": now.isoformat(timespec="seconds")}
    file.write(f'{{"info": {json.dumps(info)},\n"licenses": {json.dumps(LICENSES)}')
    images = (
        {
            "id": picture.number,
            "file_name": picture.name,
            "width": picture.size_wh[0],
            "height": picture.size_wh[1],
            "license": 1,
        }
        for picture in dataset
        if picture.split == split
    )
    for name, rows in (("images", images), ("annotations", annotations), ("categories", categories)):
        if rows is None:
            continue  # captions have no categories, and pycocotools takes it amiss where they do
        file.write(f',\n"{name}": [')
        for number, row in enumerate(rows):
            file.write((",\n" if number else "\n") + json.dumps(row, ensure_ascii=False))
        file.write("]")
    file.write("}\n")


def _categories(dataset: Dataset) -> Iterator[dict[str, Any]]:
    for number, name in enumerate(dataset.classes, start=1):
        yield category(number, name, name in dataset.posed)


def _annotations(dataset: Dataset, split: str) -> Iterator[dict[str, Any]]:
    numbers = {name: number for number, name in enumerate(dataset.classes, start=1)}
    last = 0
    for picture in dataset:
        if picture.split != split:
            continue
        for region in picture.regions:
            last += 1
            posed = region.label in dataset.posed
            yield annotation(
                region, picture.size_wh, numbers[region.label], posed, number=last, image=picture.number
            )


def _captions(dataset: Dataset, split: str) -> Iterator[dict[str, Any]]:
    for picture in dataset:
        if picture.split == split and picture.caption is not None:
            yield {"id": picture.number, "image_id": picture.number, "caption": picture.caption}
