"""What a phrase of a class means to a checkpoint that knows few words."""

import pytest

from pipelines.errors import DemoError
from pipelines.label.classes import Wanted, is_person, said_classes, understood
from pipelines.language.vocabulary import Vocabulary

KNOWS = Vocabulary(talks=False, kinds=("ball", "cat", "dog", "person"), colours=("red", "blue"))


def test_names_and_phrases():
    assert said_classes(["cat", "toy=a red ball", "toy=blue ball", "cat"]) == (
        Wanted("cat", ("cat",)),
        Wanted("toy", ("a red ball", "blue ball")),
    )


def test_a_typing_error_is_mended_and_said():
    (find,), notes = understood(Wanted("cat", ("catt",)), KNOWS)
    assert find.phrase == "cats"
    assert "“catt” was read as “cat”" in notes[0]


@pytest.mark.parametrize(
    ("phrase", "says"),
    [
        ("zebra", "does not know “zebra”.*ball, cat"),
        ("everything", "nothing to look for"),
        ("?", "nothing to look"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(phrase, says):
    with pytest.raises(DemoError, match=says):
        understood(Wanted("one", (phrase,)), KNOWS)


def test_people_have_joints():
    assert all(map(is_person, ("person", "woman in blue", "people", "the man")))
    assert not any(map(is_person, ("cat", "red ball", "")))
