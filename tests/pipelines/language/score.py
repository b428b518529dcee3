"""`python tests/pipelines/language/score.py FILE`: how many rows of a table of messages come out right."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[2]))
sys.path.insert(0, str(FOLDER))

import json

from short import requests_text

from pipelines.language.understanding import understand
from pipelines.language.vocabulary import Vocabulary
from pipelines.scene import Box, Picture, Region, Scene, Span, Turn

PICTURE = Picture("0" * 64, (200, 200))


def _scene(selected: int | None, *regions: tuple[str, Box]) -> Scene:
    found = tuple(Region(i + 1, label, box) for i, (label, box) in enumerate(regions))
    spans = tuple(Span(3 * i, 3 * i + 1, (i + 1,)) for i in range(len(found)))
    turns = (Turn("user", "name everything"), Turn("assistant", "a, b, c", spans))
    return Scene(PICTURE, found, selected, turns, len(found) + 1)


SCENES = {
    "-": Scene(PICTURE),
    "+": _scene(
        1,
        ("red ball", Box(10, 10, 40, 40)),
        ("blue cup", Box(100, 20, 190, 120)),
        ("person", Box(50, 100, 90, 190)),
    ),
    "c": _scene(
        None,
        ("black cat", Box(10, 120, 60, 180)),
        ("white cat", Box(110, 100, 190, 190)),
        ("dog", Box(70, 20, 110, 70)),
    ),
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
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line and not line.startswith("# "):
            yield Row(*line.split("\t"))


def failures(name: str) -> tuple[list[str], int]:
    """A line a wrong row, and the number of rows."""
    wrong, count = [], 0
    for row in rows(name):
        count += 1
        result = understand(row.message, SCENES[row.scene], VOCABULARIES[row.vocabulary])
        came = requests_text(result.requests)
        said = " ".join(result.notes)
        pairs = [pair.split(">") for pair in row.notes.split(", ") if pair]
        noted = len(pairs) == len(result.notes) and all(
            f"“{a}”" in said and f"“{b}”" in said for a, b in pairs
        )
        if came != row.becomes or not noted:
            shown = f"{row.vocabulary}{row.scene} {row.message!r}: {came!r}, not {row.becomes!r}"
            wrong.append(shown + ("" if noted else f"; noted {said!r}, not {row.notes!r}"))
    return wrong, count


if __name__ == "__main__":
    lines, total = failures(sys.argv[1])
    print("\n".join(lines))
    print(f"{total - len(lines)} of {total} right ({(total - len(lines)) / total:.1%})")
