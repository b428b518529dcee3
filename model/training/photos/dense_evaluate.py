"""`python -m model.training.photos.dense_evaluate`: what a run's dense heads say of photographs.

The heads are what training adds to the encoders; what they can say bounds what the language model can read.
The figures are those of the issue's table, asked of the heads: the kind of the largest thing when its box is
told, its box for its kind, and whether a kind is there at all.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model import SphinxForConditionalGeneration, SphinxImageProcessor
from model.image_processing_sphinx import to_square
from model.prompts import Box
from model.training.dense import CLASSES, CLASSIFICATIONS, middle_part
from model.training.network import Nano
from model.training.photos import MAIN_KINDS, PhotoLibrary, PhotoSource, load_photos
from model.training.scoring import HIT, iou
from model.training.sphinx import new_config
from model.training.world.truth import Truth

BATCH = 32


@torch.no_grad()
def read_heads(nano: Any, images: Sequence[Image.Image]) -> tuple[Tensor, Tensor, Tensor]:
    """Return kind (N, G * G, classes), boxes (N, G * G, 4) and presence (N, classes) of global views."""
    core = nano.model.model
    processor = SphinxImageProcessor(image_size=core.config.image_size)
    pixels = np.stack([processor.resize(image).transpose(2, 0, 1) for image in images])
    grid = core.config.grid_size
    with torch.autocast("cpu", torch.bfloat16):
        tokens = core.project(core.encode_views(nano.views(torch.from_numpy(pixels), 1)))
        patches, rest = tokens[:, -grid * grid :], tokens[:, : -grid * grid]
    cells = nano.heads.cell(patches.float())
    kinds = cells[..., : CLASSIFICATIONS["kind"][0]].softmax(-1)
    whole = nano.heads.whole(rest.mean(dim=1).float()).sigmoid()
    anywhere = 1 - (1 - kinds).clamp(min=1e-4).log().sum(dim=1).exp()
    presence = (whole * anywhere).sqrt()
    return kinds, cells[..., -38:-34], presence


def largest_main(truth: Truth) -> int | None:
    """Return the largest thing of a photograph, where it is of one of the main kinds."""
    areas = [(t.box[2] - t.box[0]) * (t.box[3] - t.box[1]) for t in truth.things]
    if not areas:
        return None
    largest = int(np.argmax(areas))
    return largest if truth.things[largest].kind in MAIN_KINDS else None


def cells_of(box: Box, grid: int) -> list[int]:
    """Cells whose middle lies in the middle part of a box (0..1), or the one that its middle lies in."""
    x1, y1, x2, y2 = middle_part(box)
    centres = [(i + 0.5) / grid for i in range(grid)]
    found = [
        line * grid + column
        for line, y in enumerate(centres)
        for column, x in enumerate(centres)
        if x1 <= x <= x2 and y1 <= y <= y2
    ]
    column, line = (min(grid - 1, int((low + high) / 2 * grid)) for low, high in ((x1, x2), (y1, y2)))
    return found or [line * grid + column]


def dense_figures(nano: Any, library: PhotoLibrary) -> dict[str, float]:
    """Return the figures over every photograph of the library."""
    source = PhotoSource(library)
    shown = [source.plain(i) for i in range(len(library))]
    index = [CLASSES.index(kind) for kind in MAIN_KINDS]
    named: dict[str, list[bool]] = defaultdict(list)
    boxed: list[bool] = []
    scores: list[tuple[float, bool]] = []
    grid = nano.model.model.config.grid_size
    for start in range(0, len(shown), BATCH):
        part = shown[start : start + BATCH]
        kinds, boxes, presence = read_heads(nano, [Image.fromarray(pixels) for pixels, _ in part])
        for (_, truth), kind, box, seen in zip(part, kinds, boxes, presence, strict=True):
            there = {thing.kind for thing in truth.things}
            open_kinds = {name for name, _ in truth.ignored}
            for name in set(truth.known or ()) - (open_kinds - there):
                scores.append((float(seen[CLASSES.index(name)]), name in there))
            largest = largest_main(truth)
            if largest is None:
                continue
            thing = truth.things[largest]
            x1, y1, x2, y2 = to_square(thing.box, truth.size_wh)
            told = kind[cells_of((x1, y1, x2, y2), grid)].mean(dim=0)[index]
            named[thing.kind].append(MAIN_KINDS[int(told.argmax())] == thing.kind)
            if sum(other.kind == thing.kind for other in truth.things) == 1:
                best = int(kind[:, CLASSES.index(thing.kind)].argmax())
                found = box[best].tolist()
                boxed.append(iou((found[0], found[1], found[2], found[3]), (x1, y1, x2, y2)) >= HIT)
    every = [right for rights in named.values() for right in rights]
    shares = {kind: sum(rights) / len(rights) for kind, rights in named.items()}
    return {
        "kind": sum(every) / len(every),
        "kind_balanced": sum(shares.values()) / len(shares),
        "box": sum(boxed) / max(1, len(boxed)),
        "n": len(every),
        "boxes_n": len(boxed),
        **best_f1(scores),
        **{f"kind_{kind}": shares[kind] for kind in MAIN_KINDS if kind in shares},
    }


def best_f1(scores: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Return the best F1 over thresholds, absent questions weighted so that they are half of all."""
    present = sum(there for _, there in scores)
    weight = present / max(1, len(scores) - present)
    best, at, right, wrong = 0.0, 0.0, 0.0, 0.0
    for score, there in sorted(scores, reverse=True):
        right, wrong = right + there, wrong + (not there) * weight
        f1 = 2 * right / (right + wrong + present)
        if f1 > best:
            best, at = f1, score
    return {"is_there_f1": best, "threshold": at}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training.photos.dense_evaluate",
        description="What the dense heads say of photographs.",
    )
    parser.add_argument("--state", type=Path, required=True, help="state.pt or after-*.pt of a run")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of labelled photographs")
    parser.add_argument("--split", default="val")
    parser.add_argument("--view", type=int, required=True, help="pixels, side of the run's views")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    weights = torch.load(arguments.state, weights_only=True, map_location="cpu")
    model = SphinxForConditionalGeneration(new_config(arguments.state.parent, arguments.view))
    model.set_attn_implementation("eager")
    nano = Nano(model)
    nano.load(weights.get("nano", weights))
    nano.eval()
    found = dense_figures(nano, load_photos(arguments.photos, arguments.split))
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
