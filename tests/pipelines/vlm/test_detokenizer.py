"""Text token by token against the tokenizer's own decoding of the whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.generation_sphinx import STOP
from pipelines.vlm.detokenizer import Detokenizer
from tests.model.tiny import VOCABULARY, tiny_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def texts(tokenizer, ids) -> list[str]:
    text = Detokenizer(tokenizer)
    found = []
    for token in ids:
        text.add(token)
        found.append(text.text)
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, VOCABULARY - 1), max_size=25))
def test_any_ids(tokenizer, ids):
    found = texts(tokenizer, ids)
    assert found == [tokenizer.decode(ids[: n + 1], skip_special_tokens=True) for n in range(len(ids))]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_any_text(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert (texts(tokenizer, ids) or [""])[-1] == tokenizer.decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize("reply", ["A red ball.", "", "### no stop", "äöü \U0001f981", "two\n\nlines"])
def test_the_stop_is_seen_when_its_last_piece_comes(tokenizer, reply):
    ids = tokenizer(reply + STOP + " Human:", add_special_tokens=False).input_ids
    text = Detokenizer(tokenizer)
    for token in ids:
        text.add(token)
        assert STOP[:2] not in text.visible()
        assert text.stopped == (STOP in text.text)
        if text.stopped:
            break
    assert text.stopped
    assert text.visible(finished=True) == reply.strip()


def test_a_token_costs_the_same_in_a_long_reply(tokenizer, monkeypatch):
    decoded = []
    decode = tokenizer.decode
    monkeypatch.setattr(
        tokenizer, "decode", lambda ids, **named: decoded.append(len(ids)) or decode(ids, **named)
    )
    texts(tokenizer, tokenizer("where is the red ball? " * 30, add_special_tokens=False).input_ids)
    assert max(decoded) <= 4
