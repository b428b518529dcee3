"""What `abilities.json` says that a checkpoint was trained on."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from model.training.evaluate import PHOTO_TOPICS
from model.training.families import FAMILIES, PHOTOGRAPHS, WORLD, trained_on
from model.training.photos import PhotoSource, load_photos
from model.training.questions import eval_question
from model.training.topics import TOPICS
from model.training.world import KINDS, draw

ABILITIES = Path(__file__).parents[3] / "assets" / "sphinx-nano" / "abilities.json"
FREE_WORDS = ("short", "ask")


def topics(source: str) -> set[str]:
    return {topic for family in FAMILIES.values() if source in family.sources for topic in family.topics}


def test_every_topic_of_questions_in_free_words_belongs_to_a_family() -> None:
    asked, others = set(), set()
    for i in range(400):
        _, truth = draw(70_000_000 + i, kind=list(KINDS)[i % len(KINDS)])
        rng = random.Random(i)
        for topic in set(TOPICS) - asked - others:
            if (qa := eval_question(truth, rng, topic)) is not None:
                (asked if qa.ability in FREE_WORDS else others).add(topic)
    assert asked == topics(WORLD)
    assert not topics(WORLD) & others


def test_what_is_asked_of_photographs_is_trained_on_them(photos: Path) -> None:
    library = load_photos(photos, "train")
    source = PhotoSource(library)
    truths = [source.plain(number)[1] for number in range(len(library))]
    asked = {
        qa.topic
        for truth in truths
        for topic in TOPICS
        if (qa := eval_question(truth, random.Random(0), topic)) is not None and qa.ability in FREE_WORDS
    }
    assert asked <= topics(PHOTOGRAPHS)
    assert {topic for topic in PHOTO_TOPICS if any(topic in f.topics for f in FAMILIES.values())} <= topics(
        PHOTOGRAPHS
    )


def test_a_checkpoint_that_saw_no_photograph_says_so() -> None:
    said: Any = trained_on()
    assert said["kinds"]["photographs"] == []
    assert all(row["sources"] == ["world"] for row in said["families"].values())
    assert "largest" not in said["families"]


def test_a_checkpoint_says_which_kinds_it_learnt_from_photographs() -> None:
    said: Any = trained_on(["dog", "sheep"])
    assert said["kinds"]["photographs"] == ["dog", "sheep"]
    assert said["families"]["count"]["sources"] == ["world", "photographs"]


def test_the_shipped_checkpoint_says_it_in_the_same_schema() -> None:
    said = json.loads(ABILITIES.read_text())
    photographs = said["kinds"]["photographs"] if "largest" in said["families"] else None
    wanted = trained_on(photographs)
    assert {name: said[name] for name in wanted} == wanted
