"""Which replies are loops, where they are cut, and which lists only look alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.repetition import stop_repetition

LOOPS = [
    ("The person in the person in the person in the person in the per", "The person in"),
    ("no no no no no no no no no no no no no no n", "no"),
    ("The cat is. The cat is. The cat is. The cat is. ", "The cat is."),
    (
        "A dog and a cat. It is a park, it is a park, it is a park, it is a park, it",
        "A dog and a cat. It is a park",
    ),
    ("一只猫" * 20, "一只猫"),
    ("ab" + "xyz" * 40, "abxyz"),
    ("a red ball\n" * 12, "a red ball"),
    ("<Mark 2> word <Mark 2> word <Mark 2> word <Mark 2> word <Mark 2> word", "<Mark 2> word"),
]
NO_LOOPS = [
    "",
    "a red ball, a red ball and a blue cup.",
    "An orange house, a blue bird and a blue bird in a park.",
    "ha ha ha ha ha",
    "left eye [0.10,0.20], right eye [0.30,0.20], left ear [0.10,0.25], right ear [0.30,0.25]",
    "<p>ball</p>[0.1,0.1,0.2,0.2], <p>ball</p>[0.3,0.1,0.4,0.2], <p>ball</p>[0.5,0.1,0.6,0.2], <p>ba",
    "A | 10\nB | 10\nC | 10\nD | 10\nE | 10\nF | 10",
    "10 | 10 | 10 | 10 | 10 | 10 | 10 | 10 | 10",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    "--------------------------------------------------------------------------",
]


@pytest.mark.parametrize(("text", "cut"), LOOPS)
def test_a_loop_is_cut_after_its_first_stretch(text, cut):
    assert stop_repetition(text) == cut


@pytest.mark.parametrize("text", NO_LOOPS)
def test_lists_and_emphasis_are_no_loops(text):
    assert stop_repetition(text) is None


@given(
    st.lists(st.sampled_from(["a", "the", "red", "ball", "cat", "on", "in", "park"]), min_size=1, max_size=8),
    st.text(max_size=40),
)
def test_whatever_is_said_thirty_times_is_noticed_and_cut_to_a_beginning(words, before):
    phrase = " ".join(words)
    text = f"{before} " + f"{phrase} " * 30
    cut = stop_repetition(text)
    assert cut is not None
    assert text.startswith(cut)
    assert len(cut) <= len(before) + 2 * len(phrase) + 2


@given(st.integers(1, 400))
def test_counting_never_repeats(count):
    assert stop_repetition(" ".join(map(str, range(count)))) is None
