"""`python -m model.training.card`: measure a nano checkpoint and write down what it can and cannot do.

Writes into the checkpoint's folder, all from the same measurement: `figures.json` (every figure under every
condition), `abilities.json` (read by the page: what to promise, what to warn of) and `README.md` (the model
card); and, fitted anew to these weights and views, `familiarity.safetensors`. What a run did differently from
the recipe is given by `--note`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

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
    load,
    make_eval_set,
    photo_eval_set,
    untrained,
)
from model.training.families import trained_on
from model.training.headline import headlines, write_headlines
from model.training.in_distribution import fit, noticed
from model.training.photos import MAIN_KINDS, load_photos
from model.training.questions import TOPICS
from model.training.scoring import best_constant_box
from model.training.world import ACTIONS, COLOURS, HELD_OUT_PAIRS, STYLES, THING_KINDS


@dataclass(frozen=True, slots=True)
class Promise:
    """An ability's headline: the topic and score it is judged by, and from which figure on it is promised."""

    ability: str
    topic: str
    figure: str
    says: str
    promised: float = 0.5


PROMISES = (
    Promise("ask", "kind", "exact", "names a thing"),
    Promise("short", "colour", "exact", "names a colour", 0.7),
    Promise("caption", "caption", "exact", "caption right to the word", 0.3),
    Promise("detail", "detail", "exact", "description right to the word", 0.2),
    Promise("grounded_caption", "grounded", "look_f1", "things named and boxed, F1"),
    Promise("dense", "dense", "look_f1", "colour, kind and box, F1"),
    Promise("locate", "locate", "hit", "box at IoU 0.5"),
    Promise("relation", "relation", "hit", "box at IoU 0.5"),
    Promise("detect", "detect-several", "f1", "two to five alike, boxes at IoU 0.5, F1"),
    Promise("region", "region", "look", "colour and kind"),
    Promise("pose", "pose", "oks", "mean OKS"),
    Promise("layout", "layout", "f1", "blocks and boxes, F1"),
    Promise("text", "text", "words_share", "words read exactly"),
    Promise("chart", "chart", "cells_share", "cells within 5 %"),
    Promise("odd", "odd", "both", "odd thing named and boxed"),
    Promise("marks", "marks", "exact", "marks described exactly"),
    Promise("screen", "screen", "hit", "box at IoU 0.5"),
)
INTRODUCTION = """\
# sphinx-nano

A small SPHINX (arXiv 2311.07575): the same classes and conversation as the released checkpoints, at ten
million parameters. A CLIP-style ViT, a ConvNeXt, a DINOv2-style ViT and a Q-Former, joined by channel and by
sequence; a global view and 2 x 2 sub-images; a six-layer LLaMA. Trained from nothing by this project.

* **Data**: the illustrated world of `model/training/world`, drawn while training (seeds below 1,000,000);
  {pairs} colour-kind pairs are never shown. {photographs}
* **Recipe**: `model/training/sphinx.py`: language, encoders on dense targets, stage one on real-style and
  then synthetic pictures with the language models mixed at beta 0.3, stage two on the task mix.
* **Training**: {minutes:.0f} minutes on {device}. Measured on {today}.
{note}
## Figures

Fresh scenes, greedy, seeds from {seed:,}; up to {count} scenes a figure (synthetic and real style: the halves
of them), {held_out} of held-out pairs, {control} for the controls to their right.

"""
# topic -> score: measured with its controls
CONTROLS = {
    "kind": "exact",
    "colour": "exact",
    "is-there-present": "right",
    "is-there-absent": "right",
    "locate": "hit",
    "locate-small": "hit",
}
# topic -> score: in the table too, beside those that an ability is judged by
BESIDES = {
    **{f"count-{n}": "exact" for n in range(6)},
    "odd-damaged": "hit",
    "screen-absent": "none_right",
    "action": "exact",
    "is-there-near-miss": "right",
    "is-there-kind-absent": "right",
    "relation-word": "exact",
    "pose-several": "oks",
    "locate-absent": "none_right",
    "locate-near-miss": "none_right",
    "locate-kind-absent": "none_right",
}
# topics of is-there questions and of phrases about absent things, and what is absent there
ABSENT = (
    ("is-there-absent", "locate-absent", "unlike all that is there"),
    ("is-there-near-miss", "locate-near-miss", "differs from a present one in one word"),
    ("is-there-kind-absent", "locate-kind-absent", "named by its kind alone"),
)
# topics of absent things, the score of saying so, and what is told where that is rare
INVENTED = (
    ("text-absent", "f1", "Asked to read where nothing is written, it mostly makes words up."),
    (
        "chart-absent",
        "none_right",
        "Asked for the table of a chart that is not there, it mostly makes one up.",
    ),
    ("screen-absent", "none_right", "Asked for what a screen does not have, it mostly boxes something else."),
)
TURNS = 7  # of which the speed is the median
FRESH = 400  # fresh scenes that should not be taken for strangers
RANDOM_COUNT = 60  # scenes a figure of the control with random weights, whose replies never end


Found = dict[str, dict[str, float]]  # topic -> figures
Measured = dict[str, Found]  # condition -> what was found under it


def figure(found: Found, promise: Promise) -> float:
    """The headline of an ability; 0 where it was not measured."""
    return found.get(promise.topic, {}).get(promise.figure, 0.0)


NO_PHOTOGRAPH = "No photograph, no text from elsewhere."
SOURCES = (
    "Photographs of PASCAL VOC 2007 and 2012 (with the outlines of SBD), COCO 2017, Penn-Fudan and Animal "
    "Pose, read from a folder while training and never part of the project: the photographs are their "
    "authors', VOC's from Flickr under its terms, COCO's under Creative Commons licences; COCO's annotations "
    "are CC BY 4.0."
)


def abilities(found: Found, views: int | None = None, photographs: Found | None = None) -> dict[str, object]:
    """What the page reads: words for the visitor, what was trained, and whether each ability is promised.

    Args: photographs: figures on photographs, of a checkpoint that was trained on some.
    """
    rows = {
        p.ability: {
            "trained": figure(found, p) >= p.promised,
            "figure": f"{p.says}: {100 * figure(found, p):.0f} %",
        }
        for p in PROMISES
    }
    weak = [name for name, row in rows.items() if not row["trained"]]
    on_photographs = (
        f" In **photographs** it knows {', '.join(MAIN_KINDS)} and, less well, a few kinds more."
        if photographs
        else ""
    )
    of_photographs = (
        f"In photographs the largest thing is named rightly in {_share(photographs, 'largest', 'exact')}; "
        "what holds none of the kinds it knows is answered at random. "
        if photographs
        else "It has never seen a photograph and answers about one at random; clicks and boxes still work "
        "there. "
    )
    return {
        "views": views,
        "understands": (
            f"`sphinx-nano` knows an **illustrated world**: {len(THING_KINDS)} kinds of things "
            f"({', '.join(THING_KINDS[:12])}, ...) in {len(COLOURS)} colours, people who are "
            f"{', '.join(ACTIONS)}, signs, document pages, charts and screens.{on_photographs} "
            "Try the example pictures, or draw more with `python -m model.training.world`."
        ),
        "cannot": (
            of_photographs
            + (f"Weak so far, by measurement: {', '.join(weak)}. " if weak else "")
            + _imagined(found)
        ),
        **trained_on(photographs=photographs is not None),
        "headlines": {
            f"{line.source}: {line.says}": round(line.value, 3)
            for line in headlines(found, photographs or {})
            if line.value is not None
        },
        "abilities": rows,
    }


def _imagined(found: Found) -> str:
    """What is found that is not there."""
    said = []
    if "locate-kind-absent" in found:
        boxed = _share(found, "locate-kind-absent", "boxed")
        said.append(
            f"Asked to find a kind of thing that is not there, it boxes something in {boxed} of pictures."
        )
    said += [words for topic, score, words in INVENTED if found.get(topic, {}).get(score, 1.0) < 0.5]
    return " ".join(said)


def _share(found: Found, topic: str, score: str) -> str:
    return f"{100 * found[topic][score]:.0f} %" if topic in found else "-"


def is_there_f1(found: Found, absent: str) -> float:
    """F1 of "yes" over as many questions about present things as about absent ones of that topic."""
    present, wrong = found["is-there-present"]["yes"], found[absent]["yes"]
    return 2 * present / (1 + present + wrong)


def _row(name: str, score: str, measured: Measured, columns: Sequence[str], topic: str, key: str) -> str:
    cells = " | ".join(_share(measured[column], topic, key) for column in columns)
    return f"| {name} | {score} | {cells} |"


def card(
    measured: Measured,
    strangers: Found,
    pace: dict[str, float],
    *,
    minutes: float,
    device: str,
    count: int,
    held_out: int,
    control: int,
    note: str = "",
) -> str:
    """The model card.

    Args:
        measured: condition -> topic -> figures; "main" is what the page promises.
        strangers: kind of picture -> how many of them are taken to be from outside the world.
        pace: what `speed` found.
        minutes, device: of the training. count, held_out, control: scenes a figure, as measured.
        note: what the run did differently from the recipe.
    """
    main = measured["main"]
    lines = INTRODUCTION.format(
        pairs=len(HELD_OUT_PAIRS),
        minutes=minutes,
        device=device,
        today=date.today().isoformat(),
        count=count,
        held_out=held_out,
        control=control,
        seed=FIRST_SEED,
        photographs=SOURCES if "photographs" in measured else NO_PHOTOGRAPH,
        note=f"* **Departures from that recipe**: {note}\n" if note else "",
    ).splitlines()
    photographs = measured.get("photographs")
    lines += [write_headlines(headlines(main, photographs or {})), ""]
    columns = list(measured)
    lines += [
        f"| ability | measured as | {' | '.join('all' if name == 'main' else name for name in columns)} |",
        "|---|---|" + "---|" * len(columns),
    ]
    lines += [_row(topic, key, measured, columns, topic, key) for topic, key in CONTROLS.items()]
    lines += [
        _row(p.ability, p.says, measured, columns, p.topic, p.figure)
        for p in PROMISES
        if p.topic not in CONTROLS
    ]
    lines += [_row(topic, key, measured, columns, topic, key) for topic, key in BESIDES.items()]
    lines += ["", "Is-there questions, half of them about absent things, and phrases for absent things:", ""]
    lines += ["| the absent thing | F1 | a box is drawn for it |", "|---|---|---|"]
    for asked, located, says in ABSENT:
        if asked in main:
            lines.append(f"| {says} | {is_there_f1(main, asked):.2f} | {_share(main, located, 'boxed')} |")
    shares = ", ".join(
        f"{_share(strangers, name, 'noticed')} of {found['n']:.0f} {name}"
        for name, found in strangers.items()
    )
    lines += ["", f"Taken to be from outside its world: {shares}."]
    lines += [
        "",
        f"On a device like that of the training: first word of a reply about a new picture after "
        f"{pace['first_word_s']:.2f} s, then {pace['tokens_per_s']:.0f} tokens a second.",
    ]
    lines += ["", "All that was measured, in the words of `model/training/scoring.py`:", ""]
    for topic in sorted(main):
        shown = ", ".join(f"{name} {value:.2f}" for name, value in main[topic].items() if name != "n")
        lines.append(f"* {topic} (n = {main[topic]['n']:.0f}): {shown}")
    said = abilities(main, photographs=photographs)
    limits = [row for row in said["abilities"].items() if not row[1]["trained"]]  # type: ignore[union-attr]
    lines += ["", "## Limits", "", str(said["cannot"]), ""]
    lines += [f"* {name}: {row['figure']}" for name, row in limits]
    return "\n".join(lines) + "\n"


def photographs(folder: Path) -> list[Path]:
    """The JPEG files in `folder`.

    Raises:
        ValueError: there is none.
    """
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        raise ValueError(f"no .jpg in {folder}: name the folder that the photographs themselves are in")
    return files


def again(eval_set: EvalSet, count: int, *, grey: bool = False) -> EvalSet:
    """The first `count` questions of each topic that has controls, unanswered, about the same pictures."""
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
    """Medians of a few turns about a picture that was never seen: seconds to the first word, words a second.

    A word is a token here, and the picture's encoding is in the first one's time.
    """
    first, rates = [], []
    question = PROMPTS["dense"].sentence
    for _ in range(TURNS):
        started = time.perf_counter()
        inputs = processor(
            text=processor.prompt([(question, None)]), images=image, views=views, return_tensors="pt"
        )
        replies = stream(model, processor.tokenizer, dict(inputs), max_new_tokens=48)
        next(replies)
        heard = time.perf_counter()
        words = sum(1 for _ in replies)
        first.append(heard - started)
        rates.append(words / (time.perf_counter() - heard))
    return {"n": TURNS, "first_word_s": statistics.median(first), "tokens_per_s": statistics.median(rates)}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training.card", description="Measure a checkpoint; write its card."
    )
    parser.add_argument("--checkpoint", type=Path, default=Path("assets/sphinx-nano"))
    parser.add_argument("--count", type=int, default=500, help="scenes a figure")
    parser.add_argument("--held-out-count", type=int, default=500, help="scenes a figure of held-out pairs")
    parser.add_argument("--control-count", type=int, default=500, help="of those scenes, in the controls")
    parser.add_argument("--minutes", type=float, required=True, help="of training, for the card")
    parser.add_argument("--hardware", required=True, help="what it was trained on, for the card")
    parser.add_argument(
        "--note", default="", help="what the run did differently from the recipe, for the card"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that ask, of one thread each")
    parser.add_argument("--photos", type=Path, help="a folder of labelled photographs that it was trained on")
    parser.add_argument("--strangers", type=Path, help="a folder of photographs, to be noticed as strangers")
    parser.add_argument("--views", type=int, help="what the page looks with: 1 is the global view only")
    arguments = parser.parse_args(argv)
    try:  # the better part of an hour before they are looked at
        photos = photographs(arguments.strangers) if arguments.strangers else []
        library = load_photos(arguments.photos, "val") if arguments.photos else None
    except ValueError as error:
        parser.error(str(error))
    if arguments.workers > 1:
        torch.set_num_threads(1)  # threads do not survive the fork
    folder: Path = arguments.checkpoint
    model, processor = load(folder)

    def keep(found: Mapping[str, object]) -> None:
        (folder / "figures.json").write_text(json.dumps(found, indent=1) + "\n")

    usual = Conditions(views=arguments.views)
    other = ("one view", 1) if arguments.views != 1 else ("five views", None)
    eval_set = make_eval_set(FIRST_SEED, arguments.count, list(TOPICS), usual)
    answer(model, processor, eval_set, usual, progress=True, workers=arguments.workers)
    measured: Measured = {"main": figures(eval_set.questions)}
    for style in STYLES:
        measured[f"{style} style"] = figures(q for q in eval_set.questions if q.style == style)
    keep(measured)
    if library is not None:
        asked = photo_eval_set(library)
        answer(model, processor, asked, usual, progress=True, workers=arguments.workers)
        measured["photographs"] = figures(asked.questions)
        keep(measured)
    measured["held-out pairs"] = evaluate(
        model,
        processor,
        count=arguments.held_out_count,
        topics=list(dict.fromkeys([*CONTROLS, *(promise.topic for promise in PROMISES), *BESIDES])),
        conditions=replace(usual, held_out=True),
        progress=True,
        workers=arguments.workers,
    )
    keep(measured)
    controls = {
        other[0]: (model, replace(usual, views=other[1])),
        "picture greyed out": (model, replace(usual, grey=True)),
        "random weights": (untrained(model), usual),
    }
    for name, (asked, conditions) in controls.items():
        count = RANDOM_COUNT if asked is not model else arguments.control_count
        part = again(eval_set, count, grey=conditions.grey)
        answer(asked, processor, part, conditions, progress=True, workers=arguments.workers)
        measured[name] = figures(part.questions)
        keep(measured)
    boxes = [q.qa.exact[0] for q in eval_set.questions if q.qa.topic == "locate"]
    measured["best constant box"] = {"locate": {"n": len(boxes), **best_constant_box(boxes)}}
    familiarity = fit(model, processor, folder, views=arguments.views)
    pictures = {"fresh scenes": [Image.fromarray(array) for array in eval_set.pictures[:FRESH]]}
    if photos:
        pictures["photographs"] = [Image.open(file).convert("RGB") for file in photos]
    strangers = {
        name: noticed(familiarity, model, processor, images, arguments.views)
        for name, images in pictures.items()
    }
    torch.set_num_threads(os.cpu_count() or 1)
    pace = speed(model, processor, Image.fromarray(eval_set.pictures[0]), arguments.views)
    keep({**measured, "noticed": strangers, "speed": pace})
    (folder / "abilities.json").write_text(
        json.dumps(abilities(measured["main"], arguments.views, measured.get("photographs")), indent=1) + "\n"
    )
    (folder / "README.md").write_text(
        card(
            measured,
            strangers,
            pace,
            minutes=arguments.minutes,
            device=arguments.hardware,
            count=arguments.count,
            held_out=arguments.held_out_count,
            control=arguments.control_count,
            note=arguments.note,
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
