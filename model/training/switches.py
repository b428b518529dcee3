"""`python -m model.training.switches`: what each switch of the mixing lab costs, measured into a small file.

Switches are: an encoder left out, the whole picture alone or with its parts, beta between the two experts.
The questions are the same for all, about fresh scenes and photographs kept back, balanced by true answer.
Run it again whenever the weights of one of the experts change; the file says which weights it is true of.

    python -m model.training.switches --photos DIR
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from model import SphinxForConditionalGeneration
from model.checkpoints import digest_of_weights
from model.mixing import differing, mix_models
from model.training.evaluate import (
    FIRST_SEED,
    Conditions,
    EvalSet,
    answer,
    figures,
    load,
    make_eval_set,
    photo_eval_set,
)
from model.training.headline import COUNTS, Found, is_there, mean, share
from model.training.photos import load_photos

log = logging.getLogger(__name__)

FILE = "switches.json"
EXPERT = "photographs"  # the folder, in a checkpoint's own, of its expert for photographs
BETAS = (0.2, 0.4, 0.6, 0.8)  # between the two experts themselves
DRAWN, PHOTOGRAPHS = "drawn scenes", "photographs"
KIND, BOX, THERE, COUNT = "kind", "box", "is there?", "how many"
TOPICS = {
    DRAWN: ("region", "locate", "is-there-present", "is-there-kind-absent", *COUNTS),
    PHOTOGRAPHS: ("region-largest", "locate-largest", "is-there-present", "is-there-kind-absent", *COUNTS),
}
COUNT_SHARE = 4  # of a topic's questions each number of "how many" gets this fraction (1/4), six in all
PHOTOS_LOOKED_AT = 8  # times as many photographs as questions wanted, until each topic has its share
NAMES = {"clip": "CLIP", "convnext": "ConvNeXt", "dinov2": "DINOv2", "qformer": "Q-Former"}


@dataclass(frozen=True, slots=True)
class Switch:
    """One way to look: through which encoders, with how many views, with which mixture (None: the expert)."""

    says: str
    encoders: tuple[str, ...] | None
    views: int
    beta: float | None = None


def switches(encoders: Sequence[str], most_views: int, *, mixes: bool) -> Iterator[Switch]:
    """Yield all that are measured, the one that the others are compared with first."""
    yield Switch("all encoders, whole picture, the expert for it", None, 1)
    for name in encoders:
        left = tuple(other for other in encoders if other != name)
        yield Switch(f"without {NAMES.get(name, name)}", left, 1)
    if most_views > 1:
        yield Switch(f"with its {most_views - 1} parts", None, most_views)
    for beta in (0.0, *(BETAS if mixes else ()), 1.0):
        alone = {0.0: " (the expert for drawn pictures)", 1.0: " (the expert for photographs)"}.get(beta, "")
        yield Switch(f"β {beta:.1f}{alone}", None, 1, beta)


def bounded(eval_set: EvalSet, most: Mapping[str, int]) -> EvalSet:
    """Return as many questions of each topic as are wanted, the first ones; pictures stay as they are."""
    asked = dict.fromkeys(most, 0)
    kept = EvalSet(eval_set.pictures)
    for question in eval_set.questions:
        topic = question.qa.topic
        if asked[topic] < most[topic]:
            asked[topic] += 1
            kept.questions.append(question)
    return kept


def wanted(source: str, count: int) -> dict[str, int]:
    """Return how many questions each topic of a source gets."""
    return {topic: max(1, count // COUNT_SHARE) if topic in COUNTS else count for topic in TOPICS[source]}


def questions(count: int, photos: Path | None, seed: int = FIRST_SEED) -> dict[str, EvalSet]:
    """Return the questions by source.

    Raises:
        ValueError: the folder holds no photographs that were kept back.
    """
    main = make_eval_set(seed, count, [topic for topic in TOPICS[DRAWN] if topic not in COUNTS])
    counted = make_eval_set(seed, count, COUNTS)  # more than wanted, since some numbers are rare
    for question in counted.questions:
        question.picture += len(main.pictures)
    drawn = EvalSet(main.pictures + counted.pictures, main.questions + counted.questions)
    found = {DRAWN: bounded(drawn, wanted(DRAWN, count))}
    if photos:
        library = load_photos(photos, "val", count * PHOTOS_LOOKED_AT)
        asked = photo_eval_set(library, TOPICS[PHOTOGRAPHS])
        found[PHOTOGRAPHS] = bounded(asked, wanted(PHOTOGRAPHS, count))
    return found


def told(source: str, found: Found) -> dict[str, float]:
    """Return the figures of a source, 0..1."""
    kind, box = ("region", "locate") if source == DRAWN else ("region-largest", "locate-largest")
    figure = {
        KIND: share(found, kind, "kind"),
        BOX: share(found, box, "hit"),
        THERE: is_there(found),
        COUNT: mean([share(found, topic, "exact") for topic in COUNTS]),
    }
    return {name: round(value, 3) for name, value in figure.items() if value is not None}


def measure(
    folder: Path, asked: Mapping[str, EvalSet], count: int, *, progress: bool = False
) -> dict[str, Any]:
    """Measure all switches of a checkpoint that has an expert for photographs.

    Args:
        asked: questions by source, as `questions` gives them; replies are written into them.
        count: questions of a topic, to be told.
    """
    drawn, processor = load(folder, "cpu")
    expert, _ = load(folder / EXPERT, "cpu")
    experts = {DRAWN: drawn, PHOTOGRAPHS: expert}
    mixes = not differing(drawn.config, expert.config)
    rows: list[dict[str, Any]] = []
    for switch in switches(drawn.config.encoders, drawn.config.num_views, mixes=mixes):
        began, row = time.process_time(), {}
        for source, eval_set in asked.items():
            model = experts[source] if switch.beta is None else _at(drawn, expert, switch.beta)
            answer(model, processor, eval_set, Conditions(switch.views, switch.encoders))
            row[source] = told(source, figures(eval_set.questions))
        rows.append(
            {
                "switch": switch.says,
                "encoders": switch.encoders,
                "views": switch.views,
                "beta": switch.beta,
                "figures": row,
            }
        )
        if progress:
            log.info("%s: %s (%.0f s of computing)", switch.says, row, time.process_time() - began)
    return {
        "says": _says(count, asked),
        "weights": digest_of_weights(folder, folder / EXPERT),
        "asked": {source: [KIND, BOX, THERE, COUNT] for source in asked},
        "rows": rows,
    }


@torch.no_grad()
def _at(
    drawn: SphinxForConditionalGeneration, expert: SphinxForConditionalGeneration, beta: float
) -> SphinxForConditionalGeneration:
    if beta in (0.0, 1.0):
        return expert if beta else drawn
    return mix_models(expert, drawn, beta)


def _says(count: int, asked: Mapping[str, EvalSet]) -> str:
    """What was measured, in words."""
    few = max(1, count // COUNT_SHARE)
    numbers = " and ".join(f"{len(one.questions)} about {source}" for source, one in asked.items())
    return (
        f"{numbers.capitalize()}, the same for every row; greedy answers about pictures never trained on. "
        f"Kind: of a thing in a box, {count} things. Box: IoU of at least 0.5, {count} phrases. Is there: "
        f"F1, {count} that are there and {count} that are not. How many, asked in words: the mean over 0 to "
        f"5, {few} each. The standard error of a share of {count} is up to {50 / count**0.5:.0f} points."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training.switches", description="What each switch of the mixing lab costs."
    )
    parser.add_argument("--checkpoint", type=Path, default=Path("assets/sphinx-nano"))
    parser.add_argument("--photos", type=Path, help="a folder of labelled photographs, asked about too")
    parser.add_argument("--count", type=int, default=48, help="questions of a topic")
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument(
        "--output", type=Path, help=f"{FILE} in the checkpoint's folder where nothing is said"
    )
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        asked = questions(given.count, given.photos, given.seed)
    except ValueError as error:
        parser.error(str(error))
    found = measure(given.checkpoint, asked, given.count, progress=True)
    output = given.output or given.checkpoint / FILE
    output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
