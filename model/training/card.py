"""`python -m model.training.card`: measure a nano checkpoint and write down what it can and cannot do.

Writes three files into the checkpoint's folder, all from the same measurement: `figures.json` (every figure
under every condition), `abilities.json` (read by the page: what to promise, what to warn of) and `README.md`
(the model card). What a run did differently from the recipe is given by `--note`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from model.training.evaluate import FIRST_SEED, Conditions, evaluate, load, set_paper, untrained
from model.training.questions import TOPICS
from model.training.scoring import best_constant_box
from model.training.world import ACTIONS, COLOURS, HELD_OUT_PAIRS, THING_KINDS


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
    Promise("detect", "detect", "f1", "boxes at IoU 0.5, F1"),
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
  {pairs} colour-kind pairs are never shown. No photograph, no text from elsewhere.
* **Recipe**: `model/training/sphinx.py`: language, encoders on dense targets, stage one on real-style and
  then synthetic pictures with the language models mixed at beta 0.3, stage two on the task mix.
* **Training**: {minutes:.0f} minutes on {device}. Measured on {today}.
{note}
## Figures

Fresh scenes, greedy, seeds from {seed:,}; {control} scenes for the first {controls}, {count} for the others.

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
RANDOM_COUNT = 60  # scenes a figure of the control with random weights, whose replies never end


def figure(found: dict[str, dict[str, float]], promise: Promise) -> float:
    """The headline of an ability; 0 where it was not measured."""
    return found.get(promise.topic, {}).get(promise.figure, 0.0)


def abilities(found: dict[str, dict[str, float]], views: int | None = None) -> dict[str, object]:
    """What the page reads: words for the visitor, and for each ability whether it is promised."""
    rows = {
        p.ability: {
            "trained": figure(found, p) >= p.promised,
            "figure": f"{p.says}: {100 * figure(found, p):.0f} %",
        }
        for p in PROMISES
    }
    weak = [name for name, row in rows.items() if not row["trained"]]
    return {
        "views": views,
        "understands": (
            f"`sphinx-nano` knows an **illustrated world**: {len(THING_KINDS)} kinds of things "
            f"({', '.join(THING_KINDS[:12])}, ...) in {len(COLOURS)} colours, people who are "
            f"{', '.join(ACTIONS)}, signs, document pages, charts and screens. "
            "Try the example pictures, or draw more with `python -m model.training.world`."
        ),
        "cannot": (
            "It has never seen a photograph and answers about one at random; clicks and "
            "boxes still work there. "
            + (f"Weak so far, by measurement: {', '.join(weak)}. " if weak else "")
            + _imagined(found)
        ),
        "abilities": rows,
    }


def _imagined(found: dict[str, dict[str, float]]) -> str:
    """How often something is found that is not there."""
    if "locate-kind-absent" not in found:
        return ""
    boxed = _share(found, "locate-kind-absent", "boxed")
    return f"Asked to find a kind of thing that is not there, it boxes something in {boxed} of pictures."


def _share(found: dict[str, dict[str, float]], topic: str, score: str) -> str:
    return f"{100 * found[topic][score]:.0f} %" if topic in found else "-"


def is_there_f1(found: dict[str, dict[str, float]], absent: str) -> float:
    """F1 of "yes" over as many questions about present things as about absent ones of that topic."""
    present, wrong = found["is-there-present"]["yes"], found[absent]["yes"]
    return 2 * present / (1 + present + wrong)


def _percent(found: dict[str, dict[str, float]], promise: Promise) -> str:
    return _share(found, promise.topic, promise.figure)


def card(
    measured: dict[str, dict[str, dict[str, float]]],
    minutes: float,
    device: str,
    count: int,
    control: int,
    note: str = "",
) -> str:
    """The model card."""
    main = measured["main"]
    lines = INTRODUCTION.format(
        pairs=len(HELD_OUT_PAIRS),
        minutes=minutes,
        device=device,
        today=date.today().isoformat(),
        count=count,
        control=control,
        controls=len(CONTROLS),
        seed=FIRST_SEED,
        note=f"* **Departures from that recipe**: {note}\n" if note else "",
    ).splitlines()
    names = [name for name in measured if name != "main"]
    lines += [f"| ability | measured as | all | {' | '.join(names)} |", "|---|---|---|" + "---|" * len(names)]
    for topic, score in CONTROLS.items():
        cells = " | ".join(_share(measured[name], topic, score) for name in names)
        lines.append(f"| {topic} | {score} | {_share(main, topic, score)} | {cells} |")
    for promise in PROMISES:
        if promise.topic in CONTROLS:
            continue
        cells = " | ".join(_percent(measured[name], promise) for name in names)
        lines.append(f"| {promise.ability} | {promise.says} | {_percent(main, promise)} | {cells} |")
    far, near = (is_there_f1(main, f"is-there-{kind}") for kind in ("absent", "near-miss"))
    lines += ["", f"Is-there questions, half of them about absent things: F1 {far:.2f};"]
    lines += [f"where the absent thing differs from a present one in one word: F1 {near:.2f}."]
    if "is-there-kind-absent" in main:  # "is there a dog?", where there is none
        bare, boxed = is_there_f1(main, "is-there-kind-absent"), _share(main, "locate-kind-absent", "boxed")
        lines += [
            f"Where the absent thing is named by its kind alone: F1 {bare:.2f}; it is boxed in {boxed}."
        ]
    lines += ["", "Everything else that was measured is in `figures.json`. All of it, in words:", ""]
    for topic in sorted(main):
        shown = ", ".join(f"{name} {value:.2f}" for name, value in main[topic].items() if name != "n")
        lines.append(f"* {topic} (n = {main[topic]['n']:.0f}): {shown}")
    limits = [row for row in abilities(main)["abilities"].items() if not row[1]["trained"]]  # type: ignore[union-attr]
    lines += ["", "## Limits", "", str(abilities(main)["cannot"]), ""]
    lines += [f"* {name}: {row['figure']}" for name, row in limits]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training.card", description="Measure a checkpoint; write its card."
    )
    parser.add_argument("--checkpoint", type=Path, default=Path("assets/sphinx-nano"))
    parser.add_argument("--count", type=int, default=500, help="scenes a figure of most figures")
    parser.add_argument(
        "--control-count", type=int, default=500, help="scenes of the figures that have controls"
    )
    parser.add_argument("--minutes", type=float, required=True, help="of training, for the card")
    parser.add_argument("--hardware", required=True, help="what it was trained on, for the card")
    parser.add_argument(
        "--note", default="", help="what the run did differently from the recipe, for the card"
    )
    parser.add_argument("--views", type=int, help="what the page looks with: 1 is the global view only")
    arguments = parser.parse_args(argv)
    model, processor = load(arguments.checkpoint)
    conditions = {
        "main": Conditions(views=arguments.views),
        "picture greyed out": Conditions(views=arguments.views, grey=True),
        "synthetic": Conditions(views=arguments.views, style="synthetic"),
        "real style": Conditions(views=arguments.views, style="real"),
        "held-out pairs": Conditions(views=arguments.views, held_out=True),
        "one view" if arguments.views != 1 else "five views": Conditions(
            views=None if arguments.views == 1 else 1
        ),
    }
    measured: dict[str, dict[str, dict[str, float]]] = {}
    for name, condition in conditions.items():
        plain = name in ("main", "picture greyed out")
        measured[name] = evaluate(
            model,
            processor,
            count=arguments.control_count if plain else arguments.count,
            topics=tuple(CONTROLS),
            conditions=condition,
            progress=True,
        )
    measured["random weights"] = evaluate(
        untrained(model), processor, count=RANDOM_COUNT, topics=tuple(CONTROLS), conditions=conditions["main"]
    )
    rest = [topic for topic in TOPICS if topic not in CONTROLS]
    paper = set_paper(FIRST_SEED, arguments.control_count, ["locate"])
    still = best_constant_box([exam.qa.exact[0] for exam in paper.exams])
    measured["best constant box"] = {"locate": {"n": len(paper.exams), **still}}
    measured["main"] |= evaluate(
        model, processor, count=arguments.count, topics=rest, conditions=conditions["main"], progress=True
    )
    folder: Path = arguments.checkpoint
    (folder / "figures.json").write_text(json.dumps(measured, indent=1) + "\n")
    (folder / "abilities.json").write_text(
        json.dumps(abilities(measured["main"], arguments.views), indent=1) + "\n"
    )
    (folder / "README.md").write_text(
        card(
            measured,
            arguments.minutes,
            arguments.hardware,
            arguments.count,
            arguments.control_count,
            arguments.note,
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
