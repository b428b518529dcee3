"""What a nano checkpoint was trained on, in a visitor's terms: kinds by source, looks, families of questions.

`abilities.json` lists them (`pipelines/language/vocabulary.py` reads it), so that whoever reads a visitor's
words can refuse what no training ever asked. A family is a kind of question in free words; it is made of
topics (`model.training.topics`), and a test holds that every such topic belongs to one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.training.question_generator import VALUES
from model.training.world import ACTIONS, COLOURS, PATTERNS, RELATIONS, THING_KINDS

WORLD, PHOTOGRAPHS = "world", "photographs"
BOTH = (WORLD, PHOTOGRAPHS)


@dataclass(frozen=True, slots=True)
class Family:
    """One family: an example of what it asks, its topics, and the sources it is trained on."""

    example: str
    topics: tuple[str, ...]
    sources: tuple[str, ...] = BOTH


# Those with a [[question]] in `pipelines/language/grammar.toml` have its name.
FAMILIES: dict[str, Family] = {
    "kind": Family("What is the red thing?", ("kind",), (WORLD,)),
    "largest": Family("What is the largest thing?", ("largest",), (PHOTOGRAPHS,)),
    "colour": Family("What colour is the car?", ("colour",)),
    "clothes": Family("What colour does the person wear?", ("clothes",), (WORLD,)),
    "size": Family("Is the ball small or large?", ("size",), (WORLD,)),
    "pattern": Family("What pattern does the cup have?", ("pattern",), (WORLD,)),
    "action": Family("What is the person doing?", ("action",), (WORLD,)),
    "is-it": Family("Is the car red?", ("is-it",)),
    "scene": Family("What kind of place or picture is this?", ("scene",)),
    "count": Family(
        "How many dogs are there?", (*(f"count-{n}" for n in range(6)), "count-coloured")
    ),
    "is-there": Family(
        "Is there a cat?",
        ("is-there-present", "is-there-absent", "is-there-kind-absent", "is-there-near-miss"),
    ),
    "relation-word": Family("Is the dog left or right of the cat?", ("relation-word",)),
    "relation-true": Family("Is the dog left of the cat?", ("relation-true",)),
    "on-what": Family("What is the cup on?", ("on-what",), (WORLD,)),
    "damaged": Family("Is the chair broken?", ("damaged",), (WORLD,)),
    "odd-word": Family("What is odd?", ("odd-word",), (WORLD,)),
    "read-word": Family("What does the sign say?", ("read-word",), (WORLD,)),
    "chart-value": Family("What is the value of MON?", ("chart-value",), (WORLD,)),
    "chart-most": Family("Which one has the largest value?", ("chart-most",), (WORLD,)),
    "chart-least": Family("Which one has the smallest value?", ("chart-most",), (WORLD,)),
}  # fmt: skip


def trained_on(photo_kinds: Sequence[str] | None = None) -> Mapping[str, object]:
    """Return what `abilities.json` says of the training data (see `pipelines/language/vocabulary.py`).

    Args: photo_kinds: the kinds that were learnt from photographs; None where no photograph was seen.
    """
    seen = (WORLD,) if photo_kinds is None else BOTH
    families = {
        name: {"example": family.example, "sources": [s for s in family.sources if s in seen]}
        for name, family in FAMILIES.items()
    }
    return {
        "talks": False,
        "languages": ["en"],
        "kinds": {WORLD: ["person", *THING_KINDS, "sign"], PHOTOGRAPHS: list(photo_kinds or ())},
        "colours": list(COLOURS),
        "sizes": list(VALUES["size"]),
        "patterns": list(PATTERNS),
        "actions": list(ACTIONS),
        "relations": list(RELATIONS),
        "families": {name: row for name, row in families.items() if row["sources"]},
        "lettering": "capitals",
    }
