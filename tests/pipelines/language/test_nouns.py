"""One, many, and the word that names the thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.language.nouns import noun, plural, singular


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("red ball", "red balls"),
        ("person", "people"),
        ("bus", "buses"),
        ("box", "boxes"),
        ("cherry", "cherries"),
        ("key", "keys"),
        ("glass", "glasses"),
        ("man holding an umbrella", "men holding an umbrella"),
        ("fish", "fish"),
        ("blue house", "blue houses"),
        ("blouse", "blouses"),
        ("octopus", "octopuses"),
        ("wolf", "wolves"),
        ("snowman", "snowmen"),
        ("policewoman", "policewomen"),
        ("goose", "geese"),
        ("potato", "potatoes"),
        ("lens", "lenses"),
        ("deer", "deer"),
        ("human", "humans"),
        ("horse", "horses"),
        ("clock", "clocks"),
    ],
)
def test_one_and_many(one, many):
    assert plural(one) == many
    assert singular(many) == one
    assert plural(many) == many
    assert singular(one) == one


@pytest.mark.parametrize(
    ("phrase", "word"),
    [("small blue star on a stick", "star"), ("star", "star"), ("", ""), ("cup of tea", "cup"), ("...", "")],
)
def test_the_noun(phrase, word):
    assert noun(phrase) == word


@given(st.text(max_size=60))
def test_any_words_are_survived(words):
    for change in (plural, singular, noun):
        assert isinstance(change(words), str)
