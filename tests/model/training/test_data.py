"""Training rows: what is shown to the model and what it is to say."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from model import SphinxProcessor
from model.training import data
from model.training.data import IGNORED, ROW, Conversations, pack
from model.training.questions import QA

NANO = Path(__file__).parents[3] / "assets" / "sphinx-nano"
PAIRS = (
    QA("locate", "Where is the cup?", "[0.12,0.34,0.56,0.78]", "locate"),
    QA("pose", "Where is the nose?", "<p>nose</p>[0.41,0.09]", "joint"),
    QA("short", "How many are at [0.11,0.22,0.33,0.44]?", "42", "count"),
)


@pytest.fixture(scope="module")
def conversations() -> Conversations:
    return Conversations(SphinxProcessor.from_pretrained(NANO))


def rows(conversations: Conversations, share: float, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    monkeypatch.setattr(data, "SMUDGED", share)
    return [conversations.row(PAIRS, random.Random(seed)) for seed in range(40)]


def test_a_row_shows_what_it_wants_said(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in rows(conversations, 0.0, monkeypatch):
        wanted = row["labels"] != IGNORED
        assert (row["ids"][wanted] == row["labels"][wanted]).all()
        assert wanted.any()
        assert len(row["ids"]) <= ROW
        assert ((row["weights"] > 0) == wanted).all()


def test_smudging_changes_the_last_digits_of_answered_coordinates_only(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = rows(conversations, 0.0, monkeypatch)
    changed = set()
    for before, after in zip(clean, rows(conversations, 1.0, monkeypatch), strict=True):
        assert (before["labels"] == after["labels"]).all()
        for i in (before["ids"] != after["ids"]).nonzero()[0]:
            assert before["labels"][i] == before["ids"][i] != IGNORED  # of an answer
            assert after["ids"][i - 2] in conversations.openings  # "[0." or ",0.", then the first digit
            assert {int(before["ids"][i]), int(after["ids"][i])} <= set(conversations.digits)
            changed.add(conversations.digits.index(int(before["ids"][i])))
    assert changed == {2, 4, 6, 8, 1, 9}  # of .12 .34 .56 .78 and .41 .09; never of a question, nor of "42"


def test_padding_is_seen_by_nobody(conversations: Conversations) -> None:
    short = conversations.row(PAIRS[:1], random.Random(0))
    long = conversations.row(PAIRS, random.Random(0))
    packed = pack([short, long])
    assert packed["ids"].shape == packed["segments"].shape
    assert packed["ids"].shape[1] % data.STRIDE == 0
    padding = packed["segments"][0, len(short["ids"]) :]
    assert len(padding)
    assert (padding == -1).all()
    assert (packed["labels"][0, len(short["ids"]) :] == IGNORED).all()
