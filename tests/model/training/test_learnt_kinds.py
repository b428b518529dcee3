"""Which kinds of photographs a checkpoint is said to know."""

from __future__ import annotations

import pytest

from model.training.learnt_kinds import learnt, named_by_kind
from model.training.questions import QA


def asked(true: str, said: str, topic: str = "region") -> tuple[QA, str]:
    return QA("short" if topic == "largest" else "region", "?", true, topic), said


def test_naming_a_kind_where_it_is_not_counts_against_it() -> None:
    rows = named_by_kind(
        [
            *[asked("dog", "brown dog")] * 3,
            asked("dog", "Dog.", "largest"),
            *[asked("cat", "dog")] * 4,
            asked("sheep", "sheep"),
            asked("dog", "no idea", "caption"),
        ]
    )
    assert rows["dog"] == {"n": 4, "f1": pytest.approx(2 * 4 / (4 + 8))}
    assert rows["cat"] == {"n": 4, "f1": 0.0}
    assert "cow" not in rows
    assert learnt(rows) == ["dog"]  # of one sheep nothing is concluded


def test_the_kind_with_most_photographs_comes_first() -> None:
    rows = {"car": {"n": 5.0, "f1": 0.9}, "dog": {"n": 50.0, "f1": 0.6}, "cow": {"n": 90.0, "f1": 0.4}}
    assert learnt(rows) == ["dog", "car"]
