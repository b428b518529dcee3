"""The program's sentences: written with their things, in English or by another door's templates."""

from __future__ import annotations

import pickle

import pytest

from pipelines.errors import DemoError, TooMuch
from pipelines.scene import Scene, Span, told
from pipelines.sentences import Thing, english, sentence, spell

BALLS = (Thing("red ball", (1,)), Thing("", (2, 3)))


def test_things_are_named_with_their_numbers_and_tied_to_their_regions():
    text, spans = spell((sentence("outlined", found=BALLS), sentence("nothing_more")))
    assert text == "Outlined: red ball (#1), #2, #3. Nothing more could be told apart."
    assert [(text[start:end], ids) for start, end, ids in spans] == [
        ("red ball (#1)", (1,)),
        ("#2, #3", (2, 3)),
    ]


def test_a_sentence_may_be_part_of_another_and_a_note_stands_on_a_line_of_its_own():
    seen = sentence("sees", said="a {thing}")
    said = (
        sentence("missed", seen=seen, tried=sentence("after_paintings", count=3)),
        sentence("note", note="!"),
    )
    tried = "not what was wished for, after 3 paintings, try another seed."
    assert spell(said)[0] == f"SPHINX now sees there: “a {{thing}}”: {tried}\n(!)"


def test_another_language_has_another_order():
    templates = {**english(), "only": "{found}, {thing}?"}
    assert spell((sentence("only", thing="cup", found=BALLS[:1]),), templates) == (
        "red ball (#1), cup?",
        ((0, 13, (1,)),),
    )


def test_a_place_that_is_not_filled_is_an_error():
    with pytest.raises(KeyError):
        spell((sentence("absent"),))


def test_a_turn_has_the_english_and_what_it_says():
    turn = told("notice", sentence("selected", found=BALLS[:1]))
    assert (turn.text, turn.spans) == ("Selected: red ball (#1).", (Span(10, 23, (1,)),))
    assert turn.says
    assert Scene().with_turn(turn).turns == (turn,)


def test_an_error_is_english_or_can_be_said_otherwise():
    error = TooMuch(sentence("no_region_yet", number=9))
    assert str(error) == "There is no #9: no region was found yet."
    assert pickle.loads(pickle.dumps(error)).says == error.says
    assert DemoError("Not foreseen.").says == ()
    mixed = DemoError("Not foreseen.", sentence("one_left_undone"))
    assert str(mixed) == "Not foreseen. The other request of this message was not carried out."
    assert mixed.says == ()
