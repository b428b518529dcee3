"""The families of questions a checkpoint is trained on, in a visitor's terms, with the sources of each.

`abilities.json` lists them, so that whoever reads a visitor's words can refuse what no training ever asked.
A family is made of topics (`model.training.topics`); a test holds that every topic belongs to one.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.training.photos.library import VOC_KINDS
from model.training.world import ACTIONS, COLOURS, PATTERNS, THING_KINDS

WORLD, PHOTOGRAPHS = "world", "photographs"
BOTH = (WORLD, PHOTOGRAPHS)


@dataclass(frozen=True, slots=True)
class Family:
    """One family: an example of what it asks, its topics, and the sources it is trained on."""

    example: str
    topics: tuple[str, ...]
    sources: tuple[str, ...] = BOTH


FAMILIES: dict[str, Family] = {
    "kind": Family("What is the red thing?", ("kind", "largest")),
    "colour": Family("What colour is the car?", ("colour", "is-it")),
    "clothes": Family("What colour does the person wear?", ("clothes",), (WORLD,)),
    "size": Family("Is the ball small or large?", ("size",), (WORLD,)),
    "pattern": Family("What pattern does the cup have?", ("pattern",), (WORLD,)),
    "action": Family("What is the person doing?", ("action",), (WORLD,)),
    "place": Family("What kind of place or picture is this?", ("scene",)),
    "count": Family("How many dogs are there?", tuple(f"count-{n}" for n in range(6))),
    "count-coloured": Family("How many red things are there?", ("count-coloured",), (WORLD,)),
    "is-there": Family(
        "Is there a cat?",
        ("is-there-present", "is-there-absent", "is-there-kind-absent", "is-there-near-miss"),
    ),
    "sides": Family("Is the dog left or right of the cat?", ("relation-word", "relation-true")),
    "on-what": Family("What is the cup on?", ("on-what",), (WORLD,)),
    "locate": Family(
        "Find the left dog.",
        (
            "locate", "locate-small", "locate-largest", "locate-absent", "locate-kind-absent",
            "locate-near-miss",
        ),
    ),
    "locate-relation": Family("Find the dog left of the car.", ("relation",)),
    "find-all": Family("Find all people.", ("detect", "detect-several", "detect-all", "detect-absent")),
    "region": Family("What is in this region?", ("region", "region-largest", "region-empty")),
    "caption": Family("Describe the picture in one sentence.", ("caption",)),
    "detail": Family("Describe the picture in detail.", ("detail",)),
    "grounded-caption": Family("Describe the picture with a box for each thing.", ("grounded",)),
    "dense": Family("Name every thing with its box.", ("dense",)),
    "pose": Family("Give the pose of the person in this region.", ("pose", "pose-several", "pose-absent")),
    "joint": Family("Where is the left elbow of the person in this region?", ("joint",)),
    "marks": Family("What are marks 1 and 2?", ("marks", "marks-relation")),
    "odd": Family(
        "What is odd?", ("odd", "odd-damaged", "odd-word", "odd-absent", "damaged"), (WORLD,)
    ),
    "layout": Family(
        "Show the layout of the page.",
        ("layout", "layout-absent", "detect-block", "locate-block"),
        (WORLD,),
    ),
    "text": Family(
        "Read all words.",
        ("text", "text-absent", "read-word", "locate-word", "locate-word-absent"),
        (WORLD,),
    ),
    "chart": Family(
        "Give the chart as a table.", ("chart", "chart-absent", "chart-value", "chart-most"), (WORLD,)
    ),
    "screen": Family("Find the save button.", ("screen", "screen-absent"), (WORLD,)),
}  # fmt: skip


def trained_on(*, photographs: bool) -> dict[str, object]:
    """What `abilities.json` says of the data: kinds by source, colours, actions, patterns, families.

    Args: photographs: whether the checkpoint has seen any.
    """
    kinds = {WORLD: ["person", *THING_KINDS], PHOTOGRAPHS: list(VOC_KINDS) if photographs else []}
    seen = BOTH if photographs else (WORLD,)
    families = {
        name: {"example": family.example, "sources": [s for s in family.sources if s in seen]}
        for name, family in FAMILIES.items()
    }
    return {
        "kinds": kinds,
        "colours": list(COLOURS),
        "actions": list(ACTIONS),
        "patterns": list(PATTERNS),
        "question_families": {name: row for name, row in families.items() if row["sources"]},
    }
