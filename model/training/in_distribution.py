"""Teach a checkpoint to know its own sources: fit `model.familiarity` to what its encoders make of them.

The sources are the drawn world and, for a checkpoint that was trained on photographs, those photographs.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from model import SphinxForConditionalGeneration, SphinxProcessor
from model.familiarity import Familiarity, summary
from model.training.data import KIND_WEIGHTS, draw_for_training
from model.training.photos import PhotoLibrary

PICTURES = 3000
FIRST = 700_000  # number of the first picture
SIZES = (256, 320, 384, 512)  # pixels: visitors see the world at more sizes than training does


@torch.no_grad()
def summaries(
    model: SphinxForConditionalGeneration,
    processor: SphinxProcessor,
    images: Iterable[Image.Image],
    views: int | None,
) -> Tensor:
    """Return a row for each picture: what `Familiarity` judges."""
    rows = []
    for image in images:
        made: Any = processor(images=[image], views=views, return_tensors="pt")
        pixels = made["pixel_values"].to(model.device, model.dtype)
        skipped = made.get("skipped_views")
        tokens = model.get_image_features(pixels, views, skipped_views=skipped).pooler_output
        assert tokens is not None
        rows.append(summary(tokens[0].cpu()))
    return torch.stack(rows)


def fit(
    model: SphinxForConditionalGeneration,
    processor: SphinxProcessor,
    folder: Path,
    *,
    views: int | None,
    pictures: int = PICTURES,
    photographs: PhotoLibrary | None = None,
) -> Familiarity:
    """Fit to `pictures` of the training world, and as many photographs where it was trained on some.

    The result is written into the checkpoint's folder.
    """

    def drawn() -> Iterable[Image.Image]:
        for number in tqdm(range(FIRST, FIRST + pictures), desc="getting familiar", mininterval=5.0):
            size = random.Random(f"familiar {number}").choice(SIZES)
            yield Image.fromarray(draw_for_training(number, size=size, shares=KIND_WEIGHTS)[0])

    sources = [summaries(model, processor, drawn(), views)]
    if photographs is not None:
        seen = tqdm(photographs.pixels[:pictures], desc="photographs", mininterval=5.0)
        sources.append(summaries(model, processor, map(Image.fromarray, seen), views))
    familiarity = Familiarity.fit(sources)
    familiarity.save(folder)
    return familiarity


def noticed(
    familiarity: Familiarity,
    model: SphinxForConditionalGeneration,
    processor: SphinxProcessor,
    images: Iterable[Image.Image],
    views: int | None,
) -> dict[str, float]:
    """Return how many pictures there are ("n") and the share taken to be from elsewhere ("noticed")."""
    rows = summaries(model, processor, images, views)
    strange = [float(familiarity.distance(row)) > 1 for row in rows]
    return {"n": len(strange), "noticed": sum(strange) / len(strange)}
