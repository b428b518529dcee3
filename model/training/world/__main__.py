"""Write pictures of the illustrated world with their truth.

python -m model.training.world --seed 1000000 --count 24 --output pictures --size 512
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2

from . import KINDS, STYLES, draw


def size(words: str) -> tuple[int, int]:
    """ "512" or "768x576" as (width, height)."""
    width, _, height = words.partition("x")
    return int(width), int(height or width)


def main(arguments: list[str] | None = None) -> None:
    """Draw what the command line asks for: PNGs and truth.jsonl, one line a picture."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training.world", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--seed", type=int, default=1_000_000, help="of the first picture; below 1000000 is training's"
    )
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="folder, made where there is none")
    parser.add_argument(
        "--size", type=size, default=(256, 256), help="pixels: one side, or WIDTHxHEIGHT; 768 at most"
    )
    parser.add_argument("--style", choices=STYLES)
    parser.add_argument(
        "--kind", nargs="+", choices=KINDS, default=[None], help="of the pictures; several in turn"
    )
    parser.add_argument(
        "--held-out", action="store_true", help="only pictures with what training never shows"
    )
    asked = parser.parse_args(arguments)
    asked.output.mkdir(parents=True, exist_ok=True)
    with (asked.output / "truth.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(asked.count):
            kind = asked.kind[number % len(asked.kind)]
            image, truth = draw(
                asked.seed + number,
                kind=kind,
                style=asked.style,
                size_wh=asked.size,
                held_out=asked.held_out,
            )
            name = f"{truth.kind}-{truth.seed}.png"
            if not cv2.imwrite(str(asked.output / name), image[..., ::-1]):
                raise OSError(f"could not write {asked.output / name}")
            row = {"file": name, "size": list(truth.size_wh), **truth.to_json()}
            lines.write(json.dumps(row) + "\n")
    print(f"{asked.count} pictures and truth.jsonl in {asked.output}")


if __name__ == "__main__":
    main()
