"""Everything that a checkpoint's card is written from, measured in one run: figures under every condition.

Knows the conditions and their order; knows nothing of how the results are written down.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from model import SphinxForConditionalGeneration, SphinxProcessor
from model.generation_sphinx import stream
from model.prompts import PROMPTS
from model.training.evaluate import (
    FIRST_SEED,
    GREY,
    Conditions,
    EvalSet,
    answer,
    evaluate,
    figures,
    make_eval_set,
    photo_eval_set,
    untrained,
)
from model.training.in_distribution import fit, noticed
from model.training.learnt_kinds import named_by_kind
from model.training.photos import PhotoLibrary
from model.training.promises import BESIDES, CONTROLS, PROMISES, Found, Measured
from model.training.questions import TOPICS
from model.training.scoring import best_constant_box
from model.training.world import STYLES

TURNS = 7  # of which the speed is the median
FRESH = 400  # fresh scenes at most that should not be taken for strangers
RANDOM_COUNT = 60  # scenes a figure of the control with random weights, whose replies never end


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    count, held_out, control: scenes a figure; of held-out pairs; of those scenes, in the controls.
    fitted: pictures of the training world that familiarity is fitted to. workers: processes that ask.
    """

    count: int = 500
    held_out: int = 500
    control: int = 500
    fitted: int = 3000
    workers: int = 1


@dataclass(slots=True)
class Measurement:
    """What was found.

    conditions: "main" is what the page promises; "photographs" where there were any.
    by_kind: of photographs, see `learnt_kinds`. noticed: kind of picture -> how many of them are taken to be
    from outside the training. speed: see `speed`.
    """

    effort: Effort
    views: int | None = None
    conditions: Measured = field(default_factory=dict)
    by_kind: Found = field(default_factory=dict)
    noticed: Found = field(default_factory=dict)
    speed: dict[str, float] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Measurement:
        """Read what `save` wrote."""
        said = json.loads(path.read_text("utf-8"))
        return cls(Effort(**said.pop("effort")), **said)


@dataclass(slots=True)
class _Run:
    """One measurement under way. Every step ends by saving, so that nothing is lost if a later one fails."""

    model: SphinxForConditionalGeneration
    processor: SphinxProcessor
    found: Measurement
    save: Callable[[], None]

    @property
    def usual(self) -> Conditions:
        return Conditions(views=self.found.views)

    def answer(
        self, eval_set: EvalSet, conditions: Conditions, model: SphinxForConditionalGeneration | None = None
    ) -> None:
        answer(
            model or self.model, self.processor, eval_set, conditions,
            progress=True, workers=self.found.effort.workers,
        )  # fmt: skip

    def world(self) -> EvalSet:
        """Measure every topic on fresh scenes, and the same by style."""
        eval_set = make_eval_set(FIRST_SEED, self.found.effort.count, list(TOPICS), self.usual)
        self.answer(eval_set, self.usual)
        self.found.conditions["main"] = figures(eval_set.questions)
        for style in STYLES:
            of_style = (q for q in eval_set.questions if q.style == style)
            self.found.conditions[f"{style} style"] = figures(of_style)
        self.save()
        return eval_set

    def photographs(self, library: PhotoLibrary) -> None:
        """Measure what the labels of photographs can answer, and the kinds one by one."""
        eval_set = photo_eval_set(library)
        self.answer(eval_set, self.usual)
        self.found.conditions["photographs"] = figures(eval_set.questions)
        self.found.by_kind = named_by_kind((q.qa, q.reply) for q in eval_set.questions)
        self.save()

    def held_out(self) -> None:
        """Measure what the card shows, on combinations that training never shows."""
        topics = dict.fromkeys([*CONTROLS, *(promise.topic for promise in PROMISES), *BESIDES])
        self.found.conditions["held-out pairs"] = evaluate(
            self.model,
            self.processor,
            count=self.found.effort.held_out,
            topics=list(topics),
            conditions=replace(self.usual, held_out=True),
            progress=True,
            workers=self.found.effort.workers,
        )
        self.save()

    def controls(self, eval_set: EvalSet) -> None:
        """Ask the same with fewer or more views, without the picture, and of an untrained model."""
        other = ("five views", None) if self.found.views == 1 else ("one view", 1)
        controls = {
            other[0]: (self.model, replace(self.usual, views=other[1])),
            "picture greyed out": (self.model, replace(self.usual, grey=True)),
            "random weights": (untrained(self.model), self.usual),
        }
        for name, (model, conditions) in controls.items():
            count = self.found.effort.control
            part = again(
                eval_set, count if model is self.model else min(count, RANDOM_COUNT), grey=conditions.grey
            )
            self.answer(part, conditions, model)
            self.found.conditions[name] = figures(part.questions)
            self.save()
        boxes = [q.qa.exact[0] for q in eval_set.questions if q.qa.topic == "locate"]
        if boxes:
            self.found.conditions["best constant box"] = {
                "locate": {"n": len(boxes), **best_constant_box(boxes)}
            }

    def familiarity(
        self, folder: Path, pictures: dict[str, list[Image.Image]], trained: PhotoLibrary | None
    ) -> None:
        """Fit familiarity to these weights and count what is taken for a stranger."""
        fitted = fit(
            self.model, self.processor, folder,
            views=self.found.views, pictures=self.found.effort.fitted, photographs=trained,
        )  # fmt: skip
        self.found.noticed = {
            name: noticed(fitted, self.model, self.processor, images, self.found.views)
            for name, images in pictures.items()
        }
        self.save()


def measure(
    model: SphinxForConditionalGeneration,
    processor: SphinxProcessor,
    folder: Path,
    *,
    effort: Effort,
    views: int | None = None,
    library: PhotoLibrary | None = None,
    trained: PhotoLibrary | None = None,
    strangers: Sequence[Path] = (),
) -> Measurement:
    """Measure everything; `figures.json` in the folder is written after every step.

    Args:
        folder: of the checkpoint; `familiarity.safetensors` is fitted anew there.
        library: labelled photographs of the validation split, if it was trained on photographs.
        trained: those that it was trained on, which are familiar.
        strangers: photographs that the checkpoint should notice to be outside its training.
    """
    found = Measurement(effort, views)
    run = _Run(model, processor, found, lambda: found.save(folder / "figures.json"))
    eval_set = run.world()
    if library is not None:
        run.photographs(library)
    run.held_out()
    run.controls(eval_set)
    pictures = {"fresh scenes": [Image.fromarray(array) for array in eval_set.pictures[:FRESH]]}
    if library is not None:
        pictures["photographs kept back"] = [Image.fromarray(array) for array in library.pixels[:FRESH]]
    if strangers:
        pictures["strangers"] = [Image.open(file).convert("RGB") for file in strangers]
    run.familiarity(folder, pictures, trained)
    torch.set_num_threads(os.cpu_count() or 1)
    found.speed = speed(model, processor, Image.fromarray(eval_set.pictures[0]), views)
    run.save()
    return found


def again(eval_set: EvalSet, count: int, *, grey: bool = False) -> EvalSet:
    """Return the first `count` questions of each topic with controls, unanswered, on the same pictures."""
    asked = [
        replace(question, reply="")
        for topic in CONTROLS
        for question in [q for q in eval_set.questions if q.qa.topic == topic][:count]
    ]
    shown = [np.full_like(array, GREY) for array in eval_set.pictures] if grey else eval_set.pictures
    return EvalSet(shown, asked)


def speed(
    model: SphinxForConditionalGeneration, processor: SphinxProcessor, image: Image.Image, views: int | None
) -> dict[str, float]:
    """Medians of a few turns about a picture that is new: seconds to the first token, tokens a second.

    The picture's encoding is in the first token's time.
    """
    first, rates = [], []
    question = PROMPTS["dense"].sentence
    for _ in range(TURNS):
        started = time.perf_counter()
        inputs: Any = processor(
            text=processor.prompt([(question, None)]), images=image, views=views, return_tensors="pt"
        )
        replies = stream(model, processor.tokenizer, dict(inputs), max_new_tokens=48)
        next(replies)
        began = time.perf_counter()
        tokens = sum(1 for _ in replies)
        first.append(began - started)
        rates.append(tokens / (time.perf_counter() - began))
    return {"n": TURNS, "first_word_s": statistics.median(first), "tokens_per_s": statistics.median(rates)}
