"""Masks as PNG, white on black: `NAME.png` for all that was found, `NAME/1-cat.png` for each thing.

Those of whole pictures are what `--masks` of a folder edit takes.
"""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from pipelines.label.dataset import Dataset
from pipelines.mask_shapes import EMPTY, union
from pipelines.scene import Mask


def write_masks(dataset: Dataset, folder: Path) -> None:
    """Write a mask for each picture, black where nothing was found, and one for each outlined region."""
    for picture in dataset:
        masks = [region.mask for region in picture.regions if region.mask]
        together = union(masks) if masks else EMPTY
        _save(together, picture.size_wh, folder / f"{picture.flat}.png")
        if masks:
            (folder / picture.flat).mkdir()
        for region in picture.regions:
            if region.mask:
                name = re.sub(r"[^\w.-]+", "-", region.label).strip(".-") or "thing"
                _save(region.mask, picture.size_wh, folder / picture.flat / f"{region.id}-{name[:60]}.png")


def _save(mask: Mask, size_wh: tuple[int, int], path: Path) -> None:
    Image.fromarray(mask.array(size_wh)).save(path, "PNG")
