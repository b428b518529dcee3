"""`python -m model.training.card`: measure a nano checkpoint and write down what it can and cannot do.

Writes into the checkpoint's folder, all from the same measurement: `figures.json` (every figure under every
condition), `abilities.json` (read by the page: what to promise, what to warn of) and `README.md` (the model
card); and, fitted anew to these weights and views, `familiarity.safetensors`. `--rewrite` writes the second
and the third again from `figures.json`, without measuring. What a run did differently from the recipe is
given by `--note`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from model.training.evaluate import load
from model.training.measuring import Effort, Measurement, measure
from model.training.model_card import Training, abilities_of, model_card
from model.training.photos import load_photos


def photographs(folder: Path) -> list[Path]:
    """Return the JPEG files in `folder`.

    Raises:
        ValueError: there is none.
    """
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        raise ValueError(f"no .jpg in {folder}: name the folder that the photographs themselves are in")
    return files


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.training.card", description="Measure a checkpoint; write its card."
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, default=Path("assets/sphinx-nano"))
    add("--count", "--scenes", type=int, default=500, help="scenes a figure")
    add("--held-out-count", type=int, help="scenes a figure of held-out pairs (default: as --count)")
    add("--control-count", type=int, help="of those scenes, in the controls (default: as --count)")
    add("--fitted", type=int, default=3000, help="pictures that familiarity is fitted to")
    add("--minutes", type=float, required=True, help="of training, for the card")
    add("--hardware", required=True, help="what it was trained on, for the card")
    add("--note", default="", help="what the run did differently from the recipe, for the card")
    add("--workers", type=int, default=1, help="processes that ask, of one thread each")
    add("--photos", type=Path, help="a folder of labelled photographs that it was trained on")
    add("--limit", type=int, help="labelled photographs at most")
    add("--strangers", type=Path, help="a folder of photographs, to be noticed as strangers")
    add("--views", type=int, help="what the page looks with: 1 is the global view only")
    add("--rewrite", action="store_true", help="measure nothing: write again from figures.json")
    return parser


def write(folder: Path, found: Measurement, training: Training) -> None:
    """Write `abilities.json` and the card into the checkpoint's folder."""
    (folder / "abilities.json").write_text(json.dumps(abilities_of(found), indent=1) + "\n", "utf-8")
    (folder / "README.md").write_text(model_card(found, training), "utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return an exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    folder: Path = arguments.checkpoint
    training = Training(arguments.minutes, arguments.hardware, arguments.note)
    if arguments.rewrite:
        write(folder, Measurement.load(folder / "figures.json"), training)
        return 0
    try:  # before hours of measuring
        strangers = photographs(arguments.strangers) if arguments.strangers else []
        library = load_photos(arguments.photos, "val", arguments.limit) if arguments.photos else None
        trained = load_photos(arguments.photos, "train", arguments.fitted) if arguments.photos else None
    except ValueError as error:
        parser.error(str(error))
    if arguments.workers > 1:
        torch.set_num_threads(1)  # threads do not survive the fork
    count = arguments.count
    effort = Effort(
        count,
        count if arguments.held_out_count is None else arguments.held_out_count,
        count if arguments.control_count is None else arguments.control_count,
        arguments.fitted,
        arguments.workers,
    )
    model, processor = load(folder)
    found = measure(
        model, processor, folder,
        effort=effort, views=arguments.views, library=library, trained=trained, strangers=strangers,
    )  # fmt: skip
    write(folder, found, training)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
