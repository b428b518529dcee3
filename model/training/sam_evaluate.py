"""Measure a segmenter as visitors use it: boxes, one click, three clicks, on fresh scenes and on photographs.

    python -m model.training.sam_evaluate --count 200
    python -m model.training.sam_evaluate --photos DIR --json

What is measured is what `--loader` loads, by default the page's own segmenter: this module lies below it and
knows it by name only. Photographs are a folder with images/*.jpg and outlines/*.txt, one line an
object: `category x1 y1 x2 y2 ...`, fractions of width and height; or a folder of labelled photographs, as
`sphinx` is trained on, of which those kept back are asked for.
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from model.training import world
from model.training.photos import load_photos
from model.training.sam_photos import outline_mask

FIRST_SEED = 1_000_000  # of the fresh scenes; training never sees it or those after it
LEAST_AREA = {"scenes": 150, "photos": 1000}  # pixels of an object that is asked for
CLICKS = 3  # of the longest conversation with one object
DEFAULT_LOADER = "pipelines.sam:load"


class Segmenter(Protocol):
    """What is measured."""

    def planes(
        self,
        image: Image.Image,
        digest: str,
        *,
        box: tuple[int, int, int, int] | None = None,
        clicks: Sequence[tuple[int, int, bool]] = (),
    ) -> Sequence[tuple[np.ndarray, float]]:
        """Candidates bool (H, W) with predicted IoU, best first, for a box and clicks (x, y, adds?)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A picture and one object on it, bool (H, W)."""

    name: str
    image: Image.Image
    target: np.ndarray


def scenes(count: int, seed: int = FIRST_SEED) -> Iterator[Question]:
    """Yield the things of `count` fresh scenes of the illustrated world, from a seed on."""
    while count:
        pixels, truth = world.draw(seed)
        seed += 1
        if not truth.things:
            continue
        count -= 1
        image = Image.fromarray(pixels)
        for thing in truth.things:
            plane = np.zeros(pixels.shape[:2], np.uint8)
            outlines = [np.round(np.array(polygon) * 8).astype(np.int32) for polygon in thing.outline]
            cv2.fillPoly(plane, outlines, (1,), cv2.LINE_8, 3)
            if plane.sum() >= LEAST_AREA["scenes"]:
                yield Question(f"scene-{truth.seed}", image, plane.astype(bool))


def photos(folder: Path, count: int) -> Iterator[Question]:
    """Yield the objects of the first `count` photographs; of a labelled folder those kept back ("val")."""
    if (folder / "labels.jsonl").exists():
        library = load_photos(folder, "val")
        for photo, pixels in zip(library.photos[:count], library.pixels, strict=False):
            for thing in photo.things:
                plane = outline_mask(thing, photo.size_wh).astype(bool)
                if thing.clear and plane.sum() >= LEAST_AREA["photos"]:
                    yield Question(photo.file, Image.fromarray(pixels), plane)
        return
    for path in sorted((folder / "outlines").glob("*.txt"))[:count]:
        image = Image.open(next((folder / "images").glob(f"{path.stem}.*"))).convert("RGB")
        for line in path.read_text().splitlines():
            points = np.array(line.split()[1:], float).reshape(-1, 2) * image.size
            plane = np.zeros((image.height, image.width), np.uint8)
            cv2.fillPoly(plane, [np.round(points * 8).astype(np.int32)], (1,), cv2.LINE_8, 3)
            if plane.sum() >= LEAST_AREA["photos"]:
                yield Question(path.stem, image, plane.astype(bool))


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two bool planes."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def deepest(plane: np.ndarray) -> tuple[int, int]:
    """Return the pixel (x, y) farthest from a bool plane's edge."""
    depth = cv2.distanceTransform(np.pad(plane, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    at = int(depth.argmax())
    return at % plane.shape[1], at // plane.shape[1]


def extent(plane: np.ndarray) -> tuple[int, int, int, int]:
    """Return the tight box of a bool plane, xyxy."""
    ys, xs = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1


def measure(segmenter: Segmenter, questions: Sequence[Question]) -> dict[str, float]:
    """Return mean IoUs over all objects, and milliseconds.

    box: the tight box. click: the deepest point, the candidate predicted best; click of 3: the truly best.
    clicks 2, 3: each further click goes to the deepest point of the larger error. box as mask: no segmenter.
    """
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for question in tqdm(questions, desc="asking", unit="object", file=sys.stderr):
        target, box = question.target, extent(question.target)
        plane = np.zeros_like(target)
        plane[box[1] : box[3], box[0] : box[2]] = True
        note("box as mask", iou(plane, target))
        segmenter.planes(question.image, question.name, box=box)  # embeds the picture
        start = time.perf_counter()
        answers = segmenter.planes(question.image, question.name, box=box)
        note("ms a box", 1000 * (time.perf_counter() - start))
        note("box", iou(answers[0][0], target))
        clicks: list[tuple[int, int, bool]] = []
        answer = np.zeros_like(target)
        for number in range(1, CLICKS + 1):
            missing, extra = target & ~answer, answer & ~target
            add = missing.sum() >= extra.sum()
            if number == 1 or missing.any() or extra.any():
                clicks.append((*deepest(missing if add else extra), bool(add)))
            start = time.perf_counter()
            answers = segmenter.planes(question.image, question.name, clicks=clicks)
            note("ms a click", 1000 * (time.perf_counter() - start))
            answer = answers[0][0]
            note("click" if number == 1 else f"clicks {number}", iou(answer, target))
            if number == 1:
                note("click of 3", max(iou(candidate, target) for candidate, _ in answers))
    figures = {name: float(np.mean(values)) for name, values in found.items()}
    for name in ("ms a box", "ms a click"):
        figures[name] = float(np.median(found[name]))
    return {"objects": float(len(found["box"])), **figures}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training.sam_evaluate", description="Measure a segmenter."
    )
    parser.add_argument(
        "--segmenter", default="assets/sam-nano", help="a folder, or a name that the loader knows"
    )
    parser.add_argument(
        "--loader", default=DEFAULT_LOADER, help="module:function that loads what is measured"
    )
    parser.add_argument("--photos", type=Path, help="a folder of photographs with outlines")
    parser.add_argument("--count", type=int, default=100, help="scenes, and photographs at most")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    load: Callable[[str], Segmenter] = pkgutil.resolve_name(args.loader)
    segmenter = load(args.segmenter)
    results = {"scenes": measure(segmenter, list(scenes(args.count)))}
    if args.photos:
        results["photos"] = measure(segmenter, list(photos(args.photos, args.count)))
    if args.json:
        sys.stdout.write(json.dumps(results) + "\n")
        return 0
    for place, figures in results.items():
        for name, value in figures.items():
            sys.stdout.write(f"{place:8} {name:12} {value:8.3f}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
