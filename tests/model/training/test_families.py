"""What `abilities.json` says that a checkpoint was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.training.evaluate import PHOTO_TOPICS
from model.training.families import FAMILIES, PHOTOGRAPHS, trained_on
from model.training.topics import TOPICS

ABILITIES = Path(__file__).parents[3] / "assets" / "sphinx-nano" / "abilities.json"


def test_every_topic_belongs_to_one_family() -> None:
    topics = [topic for family in FAMILIES.values() for topic in family.topics]
    assert sorted(topics) == sorted(TOPICS)


def test_what_is_measured_on_photographs_is_said_to_be_trained_on_them() -> None:
    asked = {
        topic for family in FAMILIES.values() if PHOTOGRAPHS in family.sources for topic in family.topics
    }
    assert set(PHOTO_TOPICS) <= asked


def test_a_checkpoint_that_saw_no_photograph_says_so() -> None:
    said = trained_on(photographs=False)
    assert said["kinds"]["photographs"] == []  # type: ignore[index]
    assert all(row["sources"] == ["world"] for row in said["question_families"].values())  # type: ignore[union-attr]
    assert "dog" in trained_on(photographs=True)["kinds"]["photographs"]  # type: ignore[index]


def test_the_shipped_checkpoint_lists_what_it_was_trained_on() -> None:
    said = json.loads(ABILITIES.read_text())
    trained: Any = trained_on(photographs=bool(said["kinds"].get("photographs")))
    kinds = trained.pop("kinds")
    assert {name: said[name] for name in trained} == trained
    assert {kind for source in kinds.values() for kind in source} <= {
        kind for source in said["kinds"].values() for kind in source
    }
