"""`python -m pipelines.evaluate`: the whole chain, measured on fresh scenes whose truth is known.

SPHINX, the segmenter and the inpainter together, through the assistant as a visitor uses it: a phrase to its
mask, boxes for things that are absent, poses, dense captions, and edits judged by SPHINX's own words (the
same question about the unedited scene is the control) and by the pixels alone. Single models are measured in
`model.training`.

    python -m pipelines.evaluate --count 50 --json
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from pipelines.abilities import ABILITIES
from pipelines.assistant import Assistant
from pipelines.catalog import Settings, load
from pipelines.errors import DemoError, MissingCapability
from pipelines.interfaces import ReplyOptions
from pipelines.language.colours import COLOURS
from pipelines.language.nouns import noun, plural
from pipelines.quiet import quieten
from pipelines.scene import Box, Mask, Region, Scene
from pipelines.tasks.naming import describe_region

if TYPE_CHECKING:
    from model.training.world import Thing, Truth

FIRST_SEED = 60_000_000  # training draws from 0 to 999,999
SCENES = ("park", "street", "room", "beach", "table")  # with things to find and to edit
HIT = 0.5  # IoU from which a box counts as found
LEAST_VISIBLE = 0.5  # of a thing, to be asked about
LEAST_SIDE = 14  # pixels of a thing's box, to be asked about
SIGMAS = np.array(
    [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]
) / 1000.0  # fmt: skip  # COCO's spread of each joint
LABELLED = ("balloon", "butterfly", "bench", "ball")  # kinds of which all are looked for
WISHED_KINDS = ("star", "ball", "cup", "heart")  # that things are replaced with
SILHOUETTE = 64  # pixels, side of a shape that is compared
DIFFERENT = 30.0  # CIELAB distance from which two colours count as different

SHEET_EDITS, SHEET_ROW, SHEET_SIDE = (
    48,
    6,
    150,
)  # edits of a sheet, in a row of it, pixels of a picture's side

Scores = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Shown:
    """An edit for the sheet: what was said, the picture before and after."""

    words: str
    before: Image.Image
    after: Image.Image


@dataclass(frozen=True, slots=True)
class Case:
    """A fresh scene: picture, truth, the generator that draws the questions, and where edits are kept."""

    image: Image.Image
    truth: Truth
    generator: random.Random
    album: list[Shown] = field(default_factory=list)


def outline(thing: Thing, size_wh: tuple[int, int]) -> np.ndarray:
    """Return the visible part of a thing: bool (H, W)."""
    plane = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    rings = [np.round(np.array(ring) * 16).astype(np.int32) for ring in thing.outline if len(ring) > 2]
    cv2.fillPoly(plane, rings, 1, shift=4)
    return plane.astype(bool)


def plane_iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two bool planes; 0 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


def box_of(thing: Thing) -> Box:
    """Return a thing's box in whole pixels."""
    x1, y1, x2, y2 = thing.box
    return Box(round(x1), round(y1), round(x2), round(y2))


def oks(region: Region, thing: Thing) -> float:
    """COCO's object keypoint similarity over the joints that the truth gives, 0..1."""
    if not region.keypoints or not thing.keypoints:
        return 0.0
    x1, y1, x2, y2 = thing.box
    area = max(1.0, (x2 - x1) * (y2 - y1) * 0.53)  # COCO's usual share of a person's box
    scores = []
    for joint, (x, y, visible), sigma in zip(region.keypoints, thing.keypoints, SIGMAS):
        if visible:
            squared = (joint.point.x - x) ** 2 + (joint.point.y - y) ** 2
            near = np.exp(-squared / (2 * area * (2 * sigma) ** 2))
            scores.append(float(near) if joint.visible else 0.0)
    return float(np.mean(scores)) if scores else 0.0


def colour_seen(image: Image.Image, plane: np.ndarray) -> tuple[float, float, float]:
    """Return the median colour under a mask, in CIELAB: a judge that is no model."""
    pixels = np.asarray(image)[plane].reshape(-1, 1, 3).astype(np.float32) / 255
    light, a, b = np.median(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[:, 0], axis=0)
    return float(light), float(a), float(b)


def nearest_colour(lab: Sequence[float]) -> str:
    """Return the colour word whose typical RGB is nearest in CIELAB."""
    names = list(COLOURS)
    table = cv2.cvtColor(np.array([list(COLOURS.values())], np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    return names[int(np.linalg.norm(table - np.array(lab), axis=1).argmin())]


def in_own_box(plane: np.ndarray) -> np.ndarray:
    """Return a bool plane's shape alone: cut to its box and stretched to SILHOUETTE x SILHOUETTE, bool."""
    crop = Mask.from_array(plane).crop.astype(np.uint8)
    return cv2.resize(crop, (SILHOUETTE, SILHOUETTE), interpolation=cv2.INTER_AREA).astype(bool)


@cache
def silhouette(kind: str) -> np.ndarray:
    """Return the shape of a kind of thing as the world draws it: bool (SILHOUETTE, SILHOUETTE)."""
    from model.training.world.shapes import SHAPES

    plane = np.zeros((256, 256), np.uint8)
    for part in SHAPES[kind].parts:
        if not part.width:
            corners = part.points * 200 + (128, 228)  # the origin is the middle of its foot
            cv2.fillPoly(plane, [np.round(corners).astype(np.int32)], (1,))
    return in_own_box(plane.astype(bool))


def nearest_kind(plane: np.ndarray, kinds: Sequence[str]) -> str:
    """Return the kind whose shape a mask has most of, mirrored or not: a judge that is no model."""
    shape = in_own_box(plane)
    return max(
        kinds,
        key=lambda kind: max(plane_iou(shape, silhouette(kind)), plane_iou(shape[:, ::-1], silhouette(kind))),
    )


# --- what is measured ----------------------------------------------------------------------------------


def phrase_to_mask(assistant: Assistant, case: Case, scores: Scores) -> None:
    """ "segment the X" for a thing that is there."""
    things = [thing for thing in case.truth.things if _askable(thing)]
    if not things:
        return
    thing = case.generator.choice(things)
    scene = assistant.answer(assistant.open(case.image), f"segment the {thing.phrase}")
    wanted = outline(thing, case.image.size)
    masks = [region.mask.array(case.image.size) for region in scene.regions if region.mask]
    found = plane_iou(masks[0], wanted) if masks else 0.0
    box = max((region.box.iou(box_of(thing)) for region in scene.regions), default=0.0)
    scores["phrase to mask, mean IoU"].append(found)
    scores["phrase to mask, IoU at least 0.5"].append(float(found >= HIT))
    scores["phrase to box, IoU at least 0.5"].append(float(box >= HIT))
    scene = assistant.box(assistant.open(case.image), box_of(thing))
    assert scene.regions[0].mask
    given = plane_iou(scene.regions[0].mask.array(case.image.size), wanted)
    scores["true box to mask, mean IoU"].append(given)


def absent(assistant: Assistant, case: Case, scores: Scores) -> None:
    """ "segment the X" for a thing that is not there: is anything lit up under that name?"""
    from model.training.world import THING_KINDS

    if not case.truth.things:
        return
    kinds = {thing.kind for thing in case.truth.things}
    kind = case.generator.choice([kind for kind in THING_KINDS if kind not in kinds])
    scene = assistant.answer(assistant.open(case.image), f"segment the {kind}")
    scores["absent thing gets a box"].append(float(any(kind in one.label.lower() for one in scene.regions)))


def pose(assistant: Assistant, case: Case, scores: Scores) -> None:
    """ "pose of everyone" against every person's joints."""
    if any(thing.keypoints for thing in case.truth.things):
        scene = assistant.answer(assistant.open(case.image), "show the pose of everyone")
        score_poses(scene.regions, case, scores)


def score_poses(regions: Sequence[Region], case: Case, scores: Scores) -> None:
    """Judge joints that were found; a person who was not found counts 0."""
    for person in case.truth.things:
        if person.keypoints:
            near = [region for region in regions if region.box.iou(box_of(person)) >= HIT]
            scores["pose, mean OKS"].append(max((oks(region, person) for region in near), default=0.0))


def dense(assistant: Assistant, case: Case, scores: Scores) -> None:
    """ "name every object" against every thing: a hit has IoU 0.5, the kind, and the colour."""
    things = [thing for thing in case.truth.things if thing.visible >= LEAST_VISIBLE]
    if not things:
        return
    scene = assistant.answer(assistant.open(case.image), "name every object")
    left = list(things)
    hits = 0
    for region in scene.regions:
        same = [
            thing for thing in left if region.box.iou(box_of(thing)) >= HIT and _says(region.label, thing)
        ]
        if same:
            left.remove(same[0])
            hits += 1
    scores["dense captions, F1"].append(2 * hits / (len(scene.regions) + len(things)))


def edits(assistant: Assistant, case: Case, scores: Scores) -> None:
    """Remove, recolour and replace one thing; judged by SPHINX's words, by the control, and by the pixels."""
    things = [thing for thing in case.truth.things if _askable(thing) and thing.colour in COLOURS]
    if not things:
        return
    thing = case.generator.choice(things)
    opened = assistant.box(assistant.open(case.image), box_of(thing))
    region = opened.regions[0]
    plane = outline(thing, case.image.size)
    if not plane.any():
        return
    opened = opened.with_region(_with_mask(region, plane, thing.phrase))
    before = _described(assistant, opened, region.box)
    scores["control: unedited thing named"].append(float(noun(thing.phrase) in before))
    colour = case.generator.choice(
        [name for name in ("red", "blue", "green", "yellow") if name != thing.colour]
    )
    kind = case.generator.choice([kind for kind in WISHED_KINDS if kind != thing.kind])
    for action, words, wish in (
        ("remove", "remove #1", ""),
        ("recolour", f"make #1 {colour}", colour),
        ("replace", f"replace #1 with a {colour} {kind}", f"{colour} {kind}"),
    ):
        options = ReplyOptions(seed=case.truth.seed % 1000)
        may_change = np.zeros_like(plane)
        scene = opened
        try:
            for event in assistant.respond(opened, words, options=options):
                scene = event.scene
                if event.hole:
                    may_change |= event.hole.array(case.image.size)
        except MissingCapability:
            scores[f"{action}: refused by the inpainter"].append(1.0)
            continue
        assert scene.picture
        after = assistant.image(scene.picture)
        case.album.append(Shown(words.replace("#1", f"the {thing.phrase}"), case.image, after))
        said = _described(assistant, scene, region.box)
        changed = np.any(np.asarray(after) != np.asarray(case.image), axis=2)
        scores[f"{action}: pixels outside changed"].append(float((changed & ~may_change).any()))
        if action == "remove":
            _judge_removal(case, thing, plane, after, before, said, scores)
            continue
        scores[f"{action}: named as wished"].append(float(all(word in said for word in wish.split())))
        scores[f"{action}: named so without the edit"].append(
            float(all(word in before for word in wish.split()))
        )
        outlined = assistant.outline(scene, Region(0, "", region.box)).mask
        shape = outlined.array(case.image.size) if outlined else np.zeros_like(plane)
        if action == "recolour":
            near = nearest_colour(colour_seen(after, plane))
            scores["recolour: colour of the pixels as wished"].append(float(near == colour))
            scores["recolour: outline kept, mean IoU"].append(plane_iou(shape, plane))
        else:
            first = kind in said and not scene.turns[-1].pictures
            scores["replace: kind named as wished"].append(float(kind in said))
            scores["replace: kind named as wished, by the first painting"].append(float(first))
            _judge_replacement(plane, shape, after, colour, kind, scores)


def _judge_removal(
    case: Case,
    thing: Thing,
    plane: np.ndarray,
    after: Image.Image,
    before: str,
    said: str,
    scores: Scores,
) -> None:
    """Whether a removed thing is gone, by SPHINX's words and by the pixels."""
    if noun(thing.phrase) in before:
        scores["remove: no longer named, of those named before"].append(float(noun(thing.phrase) not in said))
    far = np.linalg.norm(np.subtract(colour_seen(after, plane), colour_seen(case.image, plane)))
    scores["remove: colour gone from the pixels"].append(float(far >= DIFFERENT))


def _judge_replacement(
    plane: np.ndarray, shape: np.ndarray, after: Image.Image, colour: str, kind: str, scores: Scores
) -> None:
    """Whether a new thing has the wished colour and kind, by the pixels."""
    # a new thing may be smaller than what was there: its colour is that inside its own outline
    seen = colour_seen(after, plane)
    there = colour_seen(after, shape) if shape.any() else seen
    scores["replace: colour of the pixels as wished"].append(float(nearest_colour(there) == colour))
    scores["replace: colour where the old thing was"].append(float(nearest_colour(seen) == colour))
    near = nearest_kind(shape, WISHED_KINDS) if shape.any() else ""
    scores[f"replace: outline as wished, of {len(WISHED_KINDS)} kinds"].append(float(near == kind))


def kinds(assistant: Assistant, case: Case, scores: Scores) -> None:
    """ "segment all balls", and so on: every thing of a kind, as labelling a folder asks for it."""
    for kind in LABELLED:
        scene = assistant.answer(assistant.open(case.image), f"segment all {plural(kind)}")
        score_kind(scene.regions, case, kind, scores)


def score_kind(regions: Sequence[Region], case: Case, kind: str, scores: Scores) -> None:
    """Judge what was found of a kind: the boxes' F1 (a hit has IoU 0.5), and the masks of the hits."""
    left = [thing for thing in case.truth.things if thing.kind == kind and thing.visible >= LEAST_VISIBLE]
    if not left and not regions:
        return
    count, hits = len(left), 0
    for region in regions:
        best = max(left, key=lambda thing: region.box.iou(box_of(thing)), default=None)
        if best is None or region.box.iou(box_of(best)) < HIT:
            continue
        left.remove(best)
        hits += 1
        mask = region.mask.array(case.image.size) if region.mask else np.zeros((1, 1), bool)
        scores["all of a kind, mean mask IoU of hits"].append(plane_iou(mask, outline(best, case.image.size)))
    scores["all of a kind, box F1"].append(2 * hits / (len(regions) + count))


Measure = Callable[[Assistant, Case, Scores], None]
MEASURES: dict[str, tuple[Measure, tuple[str, ...]]] = {
    "phrases": (phrase_to_mask, SCENES),
    "absent": (absent, SCENES),
    "pose": (pose, ("people",)),
    "dense": (dense, SCENES),
    "edits": (edits, SCENES),
    "kinds": (kinds, SCENES),
}
"""name -> what it does with a case, and on which kinds of scenes."""


def measures_of(abilities: Sequence[str]) -> tuple[str, ...]:
    """Return the measures that judge these abilities, as the registry says.

    Raises:
        ValueError: an ability that is not in the registry, or that no measure judges.
    """
    unknown = [name for name in abilities if name not in ABILITIES or not ABILITIES[name].measures]
    if unknown:
        known = ", ".join(name for name, ability in ABILITIES.items() if ability.measures)
        raise ValueError(f"no measure judges {', '.join(unknown)}: choose of {known}")
    return tuple(dict.fromkeys(measure for name in abilities for measure in ABILITIES[name].measures))


def evaluate(
    assistant: Assistant,
    *,
    seed: int = FIRST_SEED,
    count: int = 100,
    measures: Sequence[str] = tuple(MEASURES),
    album: list[Shown] | None = None,
    at_once: int = 1,
) -> dict[str, dict[str, float]]:
    """Return every figure with its mean and how many answers it is over.

    Args:
        album: takes every edit that is made.
        at_once: scenes that are asked about together; the figures are the same.

    Raises:
        ValueError: the seeds reach into those of training.
    """
    from tqdm import tqdm

    from model.training.world import TRAINING_SEEDS, draw

    if seed < TRAINING_SEEDS.stop:
        raise ValueError(f"seeds below {TRAINING_SEEDS.stop} are for training: {seed} is too small")
    scores: Scores = defaultdict(list)

    def judged(name: str, i: int) -> tuple[Scores, list[Shown]]:
        measure, kinds = MEASURES[name]
        array, truth = draw(seed + i, kind=kinds[i % len(kinds)])
        case = Case(Image.fromarray(array), truth, random.Random(seed + i))
        own: Scores = defaultdict(list)
        measure(assistant, case, own)
        return own, case.album

    asked = [(name, i) for name in measures for i in range(count)]
    with ThreadPoolExecutor(at_once) as pool, tqdm(total=len(asked), unit="scene", file=sys.stderr) as bar:
        for own, shown in pool.map(lambda one: judged(*one), asked):
            for name, values in own.items():
                scores[name] += values
            if album is not None:
                album += shown
            bar.update()
    return {name: {"mean": float(np.mean(values)), "n": len(values)} for name, values in scores.items()}


def sheet(album: Sequence[Shown]) -> Image.Image:
    """Edits before and after, side by side, each under what was said."""
    from PIL import ImageDraw

    wide, high = 2 * SHEET_SIDE + 12, SHEET_SIDE + 26
    rows = -(-len(album) // SHEET_ROW)
    page = Image.new("RGB", (SHEET_ROW * wide, rows * high), "white")
    pen = ImageDraw.Draw(page)
    for number, shown in enumerate(album):
        x, y = number % SHEET_ROW * wide, number // SHEET_ROW * high
        pen.text((x + 4, y + 4), shown.words[:52], fill="black")
        for side, picture in enumerate((shown.before, shown.after)):
            small = picture.resize((SHEET_SIDE, SHEET_SIDE), Image.Resampling.LANCZOS)
            page.paste(small, (x + 4 + side * (SHEET_SIDE + 2), y + 22))
    return page


def _askable(thing: Thing) -> bool:
    box = box_of(thing)
    return thing.visible >= LEAST_VISIBLE and min(box.x2 - box.x1, box.y2 - box.y1) >= LEAST_SIDE


def _says(label: str, thing: Thing) -> bool:
    words = label.lower().split()
    return thing.kind.split()[-1] in words and (thing.colour is None or thing.colour in words)


def _with_mask(region: Region, plane: np.ndarray, label: str) -> Region:
    mask = Mask.from_array(plane)
    return Region(region.id, label, mask.box, mask, source="box", prompt_box=mask.box)


def _described(assistant: Assistant, scene: Scene, box: Box) -> str:
    """Return what SPHINX says is in a box."""
    return describe_region(assistant.engine, scene, Region(0, "", box), ReplyOptions()).lower()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.evaluate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first scene (%(default)s)")
    parser.add_argument("--count", type=int, default=100, help="scenes a measure (%(default)s)")
    parser.add_argument(
        "--measures", nargs="+", choices=list(MEASURES), default=list(MEASURES), metavar="NAME"
    )
    parser.add_argument("--abilities", nargs="+", metavar="NAME", help="the measures of these abilities only")
    parser.add_argument("--at-once", type=int, default=1, help="scenes that are asked about together")
    parser.add_argument("--model", default=defaults.model)
    parser.add_argument("--segmenter", default=defaults.segmenter)
    parser.add_argument("--inpainter", default=defaults.inpainter)
    parser.add_argument("--device", default=defaults.device)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--sheet", help=f"a picture to write, of the first {SHEET_EDITS} edits")
    given = parser.parse_args(arguments)
    quieten()
    try:
        measures = measures_of(given.abilities) if given.abilities else given.measures
        assistant = load(Settings(given.model, given.segmenter, given.inpainter, given.device))
        album: list[Shown] = []
        options = {"seed": given.seed, "count": given.count, "at_once": given.at_once}
        found = evaluate(assistant, **options, measures=measures, album=album)
        if given.sheet:
            sheet(album[:SHEET_EDITS]).save(given.sheet)
    except (DemoError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    report: dict[str, Any] = {
        "model": assistant.about.model,
        "segmenter": assistant.engine.segmenter.name,
        "inpainter": assistant.engine.inpainter.name,
        "seed": given.seed,
        "figures": found,
    }
    if given.json:
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        lines = [f"{row['mean']:6.3f}  {name} (n = {row['n']})" for name, row in found.items()]
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
