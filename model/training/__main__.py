"""`python -m model.training sphinx|sam|diffusion ...`: train one of the embedded checkpoints."""

from __future__ import annotations

import importlib
import sys

TRAINERS = {
    "sphinx": "model.training.sphinx",
    "sam": "model.training.sam",
    "diffusion": "model.training.diffusion",
}


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in TRAINERS:
        print(f"usage: python -m model.training {{{','.join(TRAINERS)}}} [options]", file=sys.stderr)
        return 2
    return importlib.import_module(TRAINERS[argv[0]]).main(argv[1:])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
