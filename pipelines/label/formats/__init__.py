"""A data set as files, one module a format; each writes into a folder of its own.

Which of them are read back by which library, to which pixel, is held by the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines.label.dataset import Dataset
from pipelines.label.formats.coco import write_coco
from pipelines.label.formats.jsonl import write_jsonl
from pipelines.label.formats.masks import write_masks
from pipelines.label.formats.voc import write_voc
from pipelines.label.formats.yolo import write_yolo
from pipelines.label.writing import replaced

FORMATS: dict[str, Callable[[Dataset, Path], None]] = {
    "coco": write_coco,
    "yolo": write_yolo,
    "voc": write_voc,
    "masks": write_masks,
    "jsonl": write_jsonl,
}


def write_formats(dataset: Dataset, folder: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Write a data set in these formats, and in those that the folder has already, each whole or not at all.

    Returns the formats that were written. Raises DemoError where one cannot be.
    """
    names = tuple(name for name in FORMATS if name in names or (folder / name).is_dir())
    for name in names:
        with replaced(folder / name) as part:
            FORMATS[name](dataset, part)
    return names


__all__ = ["FORMATS", "write_formats"]
