"""Literal replies -> what is read from them; and what is written is read back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.replies import plain_text, read_reply, write_box, write_boxes, write_points
from tests.fuzz import FUZZ

BOX = (0.41, 0.37, 0.58, 0.72)
OTHER = (0.1, 0.2, 0.3, 0.4)
NOTHING: tuple[()] = ()


@pytest.mark.parametrize(
    ("raw", "text", "groups"),  # groups: (phrase, boxes, points)
    [
        ("", "", []),
        ("A red ball.", "A red ball.", []),
        # one box, alone
        ("[0.41,0.37,0.58,0.72]", "", [("", [BOX], [])]),
        # spaces after commas vary
        ("[ 0.41, 0.37,0.58 , 0.72 ]", "", [("", [BOX], [])]),
        # a phrase and its box
        ("It is <p>a ball</p>[0.41,0.37,0.58,0.72] here.", "It is a ball here.", [("a ball", [BOX], [])]),
        # a space before the list
        ("<p>a ball</p> [0.41,0.37,0.58,0.72]", "a ball", [("a ball", [BOX], [])]),
        # several boxes of one phrase
        ("<p>balls</p>[0.41,0.37,0.58,0.72;0.1,0.2,0.3,0.4]", "balls", [("balls", [BOX, OTHER], [])]),
        # nested brackets
        ("<p>balls</p>[[0.41,0.37,0.58,0.72],[0.1,0.2,0.3,0.4]]", "balls", [("balls", [BOX, OTHER], [])]),
        # a point, several points
        ("<p>left eye</p>[0.46,0.31]", "left eye", [("left eye", [], [(0.46, 0.31)])]),
        ("[0.5,0.25;0.75,0.5]", "", [("", [], [(0.5, 0.25), (0.75, 0.5)])]),
        # whole numbers, which the original's demo lost
        ("<p>all</p>[0,0,1,1]", "all", [("all", [(0, 0, 1, 1)], [])]),
        ("[0,0.2,0.3,1]", "", [("", [(0, 0.2, 0.3, 1)], [])]),
        # a detection sentence: the word in front of the list is the phrase
        ("There are two text[0.1,0.2,0.3,0.4;0.41,0.37,0.58,0.72], figure[0.5,0.5,0.6,0.6] in it.",
         "There are two text, figure in it.",
         [("text", [OTHER, BOX], []), ("figure", [(0.5, 0.5, 0.6, 0.6)], [])]),
        # citations and years stay words
        ("As shown [1], in [2023] and [2, 3].", "As shown [1], in [2023] and [2, 3].", []),
        # so they do at the end
        ("See [1] and [2, 3].", "See [1] and [2, 3].", []),
        ("See [1] and [2, 3]", "See [1] and [2, 3]", []),
        ("A <p>ball</p>[0.41,0.37,0.58,0.72], see [1]", "A ball, see [1]", [("ball", [BOX], [])]),
        # tags without a list
        ("<p>a ball</p> is red", "a ball is red", [("a ball", [], [])]),
        # corners swapped, numbers a little outside: mended
        ("[0.58,0.72,0.41,0.37]", "", [("", [BOX], [])]),
        ("[-0.1,0.2,1.2,0.4]", "", [("", [(0, 0.2, 1, 0.4)], [])]),
        # three numbers, five numbers, numbers far outside: left out
        ("<p>x</p>[0.1,0.2,0.3]", "x", [("x", [], [])]),
        ("<p>x</p>[0.1,0.2,0.3,0.4,0.5]", "x", [("x", [], [])]),
        ("<p>x</p>[41,37,58,72]", "x", [("x", [], [])]),
        # eight numbers are two boxes
        ("<p>x</p>[0.41,0.37,0.58,0.72,0.1,0.2,0.3,0.4]", "x", [("x", [BOX, OTHER], [])]),
        # still being written: nothing half of it is shown
        ("There is <p>a ball</p>[0.41,0.3", "There is a ball", [("a ball", [], [])]),
        ("There is <p>a b", "There is a b", []),
        ("There is <", "There is ", []),
        ("Words [0.1,", "Words", []),
        # not markup at all
        ("3 < 4 and <b>bold</b>", "3 < 4 and <b>bold</b>", []),
    ],
)  # fmt: skip
def test_replies(raw: str, text: str, groups: list[tuple[str, list[object], list[object]]]) -> None:
    found = read_reply(raw)
    assert [(g.phrase, list(g.boxes), list(g.points)) for g in found] == groups
    shown, places = plain_text(raw, found)
    assert shown == text
    assert [shown[start:end] for start, end in places] == [g.phrase for g in found]


@pytest.mark.parametrize(
    ("raw", "growing", "ended"),
    [
        # an open bracket of whole numbers may still become a box; once nothing follows, it is words
        ("See [1", "See", "See [1"),
        ("See [1] and [2, 3", "See [1] and", "See [1] and [2, 3"),
        ("Is 2 <", "Is 2 ", "Is 2 <"),
        # a box that was cut off is no words
        ("It is here [0.41,0.37,0.5", "It is here", "It is here"),
        ("<p>balls</p>[[0.4,0.3,0.5,0.7],[0.1", "balls", "balls"),
        ("It is <p", "It is ", "It is "),
        ("It is here [", "It is here", "It is here"),
    ],
)
def test_the_end_of_a_reply(raw: str, growing: str, ended: str) -> None:
    assert plain_text(raw, read_reply(raw))[0].rstrip(",") == growing
    assert plain_text(raw, read_reply(raw), ended=True)[0].rstrip(",") == ended


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        ("<p>x</p>[0.1,0.2,0.3]", "a position of 3 numbers was left out"),
        ("<p>x</p>[41,37,58,72]", "a position far outside the picture was left out"),
        ("[-0.1,0.2,1.2,0.4]", "a position was moved to the picture's edge"),
        ("[0.58,0.72,0.41,0.37]", "a box was written with its corners swapped"),
        ("[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8;0.1,0.2,0.3,0.4]", "several boxes were written as one"),
    ],
)
def test_what_was_mended_is_said(raw: str, note: str) -> None:
    assert note in read_reply(raw)[0].notes


def test_written_as_sphinx_writes() -> None:
    assert write_box(BOX) == "[0.41,0.37,0.58,0.72]"
    assert write_box((-0.2, 0.0, 0.999, 1.0)) == "[0.00,0.00,0.99,0.99]"
    assert write_boxes([BOX, OTHER]) == "[0.41,0.37,0.58,0.72;0.10,0.20,0.30,0.40]"
    assert write_points([(0.5, 0.25)]) == "[0.50,0.25]"


hundredths = st.integers(0, 99).map(lambda n: n / 100)
boxes = st.tuples(hundredths, hundredths, hundredths, hundredths).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@given(st.lists(boxes, min_size=1, max_size=5))
def test_what_is_written_is_read_back(written: list[tuple[float, float, float, float]]) -> None:
    (group,) = read_reply(f"<p>things</p>{write_boxes(written)}")
    assert list(group.boxes) == written
    assert not group.notes


@given(st.text(alphabet="<p>/[]0123456789.,; ab\n", max_size=60))
def test_any_text_is_read_without_complaint(raw: str) -> None:
    groups = read_reply(raw)
    shown, places = plain_text(raw, groups)
    assert [shown[a:b] for a, b in places] == [g.phrase for g in groups]
    assert all(0 <= n <= 1 for g in groups for box in g.boxes for n in box)
    assert all(a.end <= b.start for a, b in pairwise(groups))


FRAGMENTS = (
    "<p>",
    "</p>",
    "[",
    "]",
    ";",
    ",",
    "0.5",
    "-1",
    "1e9",
    "9" * 400,
    ".",
    " ",
    "\n",
    "#",
    "<",
    "ä",
    "\ud800",
)


@settings(max_examples=200 * FUZZ, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=6), max_size=40).map("".join), st.booleans())
def test_no_reply_whatever_breaks_the_reader(raw, ended):
    groups = read_reply(raw)
    text, spans = plain_text(raw, groups, ended=ended)
    assert len(spans) == len(groups)
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert all(0 <= number <= 1 for group in groups for box in group.boxes for number in box)


@pytest.mark.parametrize(
    "piece", ["<p>", "[", "[0.1,", "<p>a</p>[0.1,0.2,0.3,0.4]", "[0.1,0.2,0.3,0.4;", " ", "a-", "[[", "</"]
)
def test_a_long_reply_is_read_in_little_time(piece):
    import time

    raw = piece * (20_000 // len(piece))
    began = time.process_time()
    plain_text(raw, read_reply(raw))
    assert time.process_time() - began < 2
