"""The model card of a nano checkpoint, in Markdown, from what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from model.training.abilities_file import abilities, share
from model.training.evaluate import FIRST_SEED
from model.training.headline import headlines, write_headlines
from model.training.learnt_kinds import LEARNT, learnt
from model.training.measuring import Measurement
from model.training.promises import ABSENT, BESIDES, CONTROLS, PROMISES, Found, Measured
from model.training.world import HELD_OUT_PAIRS

INTRODUCTION = """\
# sphinx-nano

A small SPHINX (arXiv 2311.07575): the same classes and conversation as the released checkpoints, at ten
million parameters. A CLIP-style ViT, a ConvNeXt, a DINOv2-style ViT and a Q-Former, joined by channel and by
sequence; a global view and 2 x 2 sub-images; a six-layer LLaMA. Trained from nothing by this project.

* **Data**: the illustrated world of `model/training/world`, drawn while training (seeds below 1,000,000);
  {pairs} colour-kind pairs are never shown. {photographs}
* **Recipe**: `model/training/recipe.py`: language, encoders on dense targets, stage one on real-style and
  then synthetic pictures with the language models mixed at beta 0.3, stage two on the task mix.
* **Training**: {minutes:.0f} minutes on {device}. Measured on {today}.
{note}
## Figures

Fresh scenes, greedy, seeds from {seed:,}; up to {count} scenes a figure (synthetic and real style: the halves
of them), {held_out} of held-out pairs, {control} for the controls to their right.

"""
NO_PHOTOGRAPH = "No photograph, no text from elsewhere."
SOURCES = (
    "Photographs of PASCAL VOC 2007 and 2012 (with the outlines of SBD), COCO 2017, Penn-Fudan and Animal "
    "Pose, read from a folder while training and never part of the project: the photographs are their "
    "authors', VOC's from Flickr under its terms, COCO's under Creative Commons licences; COCO's annotations "
    "are CC BY 4.0."
)


@dataclass(frozen=True, slots=True)
class Training:
    """What the card says of the training: minutes, on which device, and departures from the recipe."""

    minutes: float
    device: str
    note: str = ""


def model_card(found: Measurement, training: Training) -> str:
    """Return the whole card."""
    main, photographs = found.conditions["main"], found.conditions.get("photographs")
    return "\n".join(
        [
            *_introduction(found, training),
            write_headlines(headlines(main, photographs or {})),
            "",
            *_table(found.conditions),
            *_absent(main),
            *_by_kind(found.by_kind),
            *_beside_the_figures(found),
            *_everything(main),
            *_limits(found),
        ]
    )


def _introduction(found: Measurement, training: Training) -> list[str]:
    return INTRODUCTION.format(
        pairs=len(HELD_OUT_PAIRS),
        minutes=training.minutes,
        device=training.device,
        today=date.today().isoformat(),
        count=found.effort.count,
        held_out=found.effort.held_out,
        control=found.effort.control,
        seed=FIRST_SEED,
        photographs=SOURCES if "photographs" in found.conditions else NO_PHOTOGRAPH,
        note=f"* **Departures from that recipe**: {training.note}\n" if training.note else "",
    ).splitlines()


def _table(measured: Measured) -> list[str]:
    """Return a row for each topic, a column for each condition."""
    columns = list(measured)
    rows = [(topic, key, topic, key) for topic, key in CONTROLS.items()]
    rows += [(p.ability, p.says, p.topic, p.figure) for p in PROMISES if p.topic not in CONTROLS]
    rows += [(topic, key, topic, key) for topic, key in BESIDES.items()]
    lines = [
        f"| ability | measured as | {' | '.join('all' if name == 'main' else name for name in columns)} |",
        "|---|---|" + "---|" * len(columns),
    ]
    for name, score, topic, key in rows:
        cells = " | ".join(share(measured[column], topic, key) for column in columns)
        lines.append(f"| {name} | {score} | {cells} |")
    return lines


def _absent(main: Found) -> list[str]:
    """Return how phrases and questions about absent things are answered."""
    if "is-there-present" not in main:
        return []
    lines = ["", "Is-there questions, half of them about absent things, and phrases for absent things:", ""]
    lines += ["| the absent thing | F1 | a box is drawn for it |", "|---|---|---|"]
    return lines + [
        f"| {says} | {is_there_f1(main, asked):.2f} | {share(main, located, 'boxed')} |"
        for asked, located, says in ABSENT
        if asked in main
    ]


def is_there_f1(found: Found, absent: str) -> float:
    """F1 of "yes" over as many questions about present things as about absent ones of that topic."""
    present, wrong = found["is-there-present"]["yes"], found[absent]["yes"]
    return 2 * present / (1 + present + wrong)


def _by_kind(by_kind: Found) -> list[str]:
    """Return how rightly each kind is named in photographs."""
    if not by_kind:
        return []
    lines = [
        "",
        f"In photographs, by kind; from an F1 of {LEARNT} on the page says that it knows the kind:",
        "",
    ]
    lines += ["| kind | things asked about | F1 of naming it |", "|---|---|---|"]
    return lines + [f"| {kind} | {row['n']:.0f} | {row['f1']:.2f} |" for kind, row in by_kind.items()]


def _beside_the_figures(found: Measurement) -> list[str]:
    lines = []
    if found.noticed:
        shares = ", ".join(
            f"{share(found.noticed, name, 'noticed')} of {row['n']:.0f} {name}"
            for name, row in found.noticed.items()
        )
        lines += ["", f"Taken to be from outside its world: {shares}."]
    if found.speed:
        lines += [
            "",
            f"On a device like that of the training: first word of a reply about a new picture after "
            f"{found.speed['first_word_s']:.2f} s, then {found.speed['tokens_per_s']:.0f} tokens a second.",
        ]
    return lines


def _everything(main: Found) -> list[str]:
    lines = ["", "All that was measured, in the words of `model/training/scoring.py`:", ""]
    for topic in sorted(main):
        shown = ", ".join(f"{name} {value:.2f}" for name, value in main[topic].items() if name != "n")
        lines.append(f"* {topic} (n = {main[topic]['n']:.0f}): {shown}")
    return lines


def _limits(found: Measurement) -> list[str]:
    said = abilities_of(found)
    rows = said["abilities"].items()  # type: ignore[attr-defined]
    weak = [f"* {name}: {row['figure']}" for name, row in rows if not row["trained"]]
    return ["", "## Limits", "", f"{said['of_photographs']} {said['cannot']}", "", *weak, ""]


def abilities_of(found: Measurement) -> dict[str, object]:
    """Return the content of `abilities.json`."""
    return abilities(
        found.conditions["main"], found.views, found.conditions.get("photographs"), learnt(found.by_kind)
    )
