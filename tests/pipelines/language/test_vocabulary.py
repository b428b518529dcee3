"""What abilities.json says of a checkpoint's words, and that the embedded one's is true to its training."""

from model.training.world import ACTIONS, COLOURS, PATTERNS, THING_KINDS
from pipelines.language import Vocabulary
from tests.pipelines.language.score import ABILITIES


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
