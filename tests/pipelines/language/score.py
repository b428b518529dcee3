"""Tables of messages, and how many rows come out right: `python -m tests.pipelines.language.score FILE`.

A row is: vocabulary ("nano": the embedded checkpoint's, "open": any words), scene, message, what it becomes
in the notation of `short`, and what is noted ("typed>meant"). The scenes are "-": a picture without regions;
"+": a red ball (#1, selected), a blue cup and a person; "c": a black cat, a white cat and a dog.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipelines.language import Vocabulary, understand
from pipelines.scene import Box, Picture, Region, Scene, Span, Turn
from tests.pipelines.language.short import requests_text

FOLDER = Path(__file__).parent
PICTURE = Picture("0" * 64, (200, 200))


def _scene(selected: int | None, *regions: tuple[str, Box]) -> Scene:
    """Regions that were just named."""
    found = tuple(Region(i + 1, label, box) for i, (label, box) in enumerate(regions))
    spans = tuple(Span(3 * i, 3 * i + 1, (i + 1,)) for i in range(len(found)))
    turns = (Turn("user", "name everything"), Turn("assistant", "a, b, c", spans))
    return Scene(PICTURE, found, selected, turns, len(found) + 1)


BALL, CUP, PERSON = Box(10, 10, 40, 40), Box(100, 20, 190, 120), Box(50, 100, 90, 190)
BLACK, WHITE, DOG = Box(10, 120, 60, 180), Box(110, 100, 190, 190), Box(70, 20, 110, 70)
SCENES = {
    "-": Scene(PICTURE),
    "+": _scene(1, ("red ball", BALL), ("blue cup", CUP), ("person", PERSON)),
    "c": _scene(None, ("black cat", BLACK), ("white cat", WHITE), ("dog", DOG)),
}
ABILITIES = json.loads((FOLDER.parents[2] / "assets" / "sphinx-nano" / "abilities.json").read_text("utf-8"))
VOCABULARIES = {"nano": Vocabulary.from_abilities(ABILITIES), "open": Vocabulary()}


class Row(NamedTuple):
    vocabulary: str
    scene: str
    message: str
    becomes: str
    notes: str


def rows(name: str) -> Iterator[Row]:
    """The rows of a table beside this file."""
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line and not line.startswith("# "):
            yield Row(*line.split("\t"))


def fault(row: Row) -> str:
    """What is wrong with what came of a row, in one line; empty where it is right."""
    result = understand(row.message, SCENES[row.scene], VOCABULARIES[row.vocabulary])
    came, said = requests_text(result.requests), " ".join(map(str, result.notes))
    pairs = [pair.split(">") for pair in row.notes.split(", ") if pair]
    noted = len(pairs) == len(result.notes) and all(f"“{word}”" in said for pair in pairs for word in pair)
    if came == row.becomes and noted:
        return ""
    shown = f"{row.vocabulary} {row.scene} {row.message!r}: {came!r}, not {row.becomes!r}"
    return shown + ("" if noted else f"; noted {said!r}, not {row.notes!r}")


if __name__ == "__main__":
    faults = [fault(row) for row in rows(sys.argv[1])]
    print("\n".join(filter(None, faults)))
    print(f"{faults.count('')} of {len(faults)} right ({faults.count('') / len(faults):.1%})")
