"""What abilities.json says of a checkpoint's words; the trainer writes what the language package reads."""

import pytest

from model.training.families import FAMILIES, trained_on
from model.training.photos.library import COCO_KINDS
from model.training.world import ACTIONS, COLOURS, PATTERNS, THING_KINDS
from pipelines.language import Vocabulary, understand
from pipelines.language.grammar import grammar
from pipelines.language.lexicon import lexicon
from pipelines.language.requests import Ask, UnknownWord
from pipelines.language.vocabulary import Learnt
from pipelines.scene import Picture, Scene
from tests.pipelines.language.score import ABILITIES

SCENE = Scene(Picture("0" * 64, (200, 200)))


def test_a_checkpoint_without_the_file_talks():
    assert Vocabulary.from_abilities({}) == Vocabulary()
    assert Vocabulary.from_abilities({"abilities": {"chart": {"trained": False}}}).untrained == ("chart",)


def test_lists_are_read_by_source():
    said = {
        "talks": False,
        "kinds": {"drawn": ["cat"], "photographs": ["cat", "sheep"]},
        "lettering": "capitals",
    }
    vocabulary = Vocabulary.from_abilities(said)
    assert not vocabulary.talks
    assert vocabulary.kinds == ("cat", "sheep")
    assert vocabulary.capitals


def test_a_checkpoint_that_talks_and_names_kinds_takes_any_words():
    assert Vocabulary.from_abilities({"talks": True, "kinds": {"photographs": ["cat"]}}).talks


def test_the_embedded_checkpoint_says_what_it_was_trained_on():
    vocabulary = Vocabulary.from_abilities(ABILITIES)
    assert {*THING_KINDS, "person"} <= set(vocabulary.kinds)
    assert set(COLOURS) <= set(vocabulary.colours)
    assert set(PATTERNS) <= set(vocabulary.patterns)
    assert set(ACTIONS) <= set(vocabulary.actions)


def test_the_trainer_writes_exactly_what_is_read():
    said = trained_on(["sheep"])
    assert set(said) == set(Learnt.model_fields) - {"abilities"}
    vocabulary = Vocabulary.from_abilities(said)
    assert vocabulary.families == tuple(FAMILIES)
    assert vocabulary.kinds[0] == "person"
    assert vocabulary.kinds[-1] == "sheep"
    assert vocabulary.capitals
    assert all(
        getattr(vocabulary, name) for name in Vocabulary.__slots__ if name not in ("talks", "untrained")
    )


def test_the_grammar_and_the_trainer_name_the_same_families():
    named = {rule.given for rule in grammar().questions}
    assert named <= set(FAMILIES)


def test_every_kind_that_can_be_learnt_has_a_place_in_the_lexicon():
    assert {*COCO_KINDS, *THING_KINDS, "person", "sign"} <= set(lexicon().data["kinds"])


@pytest.mark.parametrize("words", ["is there a sheep?", "is there a lamb?"])
def test_a_kind_learnt_from_photographs_alone_may_be_asked_for(words):
    (request,) = understand(words, SCENE, Vocabulary.from_abilities(trained_on(["sheep"]))).requests
    assert isinstance(request, Ask)
    (request,) = understand(words, SCENE, Vocabulary.from_abilities(trained_on(["dog"]))).requests
    assert isinstance(request, UnknownWord)


def test_a_value_of_another_type_is_refused():
    with pytest.raises(ValueError, match="families"):
        Vocabulary.from_abilities({"kinds": {"world": ["cat"]}, "families": ["count"]})
