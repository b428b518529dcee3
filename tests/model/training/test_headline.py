"""The headline table: balanced by answer, by source, and honest about what was not measured."""

from __future__ import annotations

import pytest

from model.training.headline import COUNTS, TOPICS_NEEDED, headlines, is_there, write_headlines

WORLD = {topic: {"n": 10.0, "exact": 0.2 * n} for n, topic in enumerate(COUNTS)} | {
    "screen-absent": {"n": 5.0, "none_right": 0.5}
}
PHOTOGRAPHS = {
    "largest": {"n": 9.0, "exact": 0.5},
    "is-there-present": {"n": 9.0, "yes": 0.8},
    "is-there-kind-absent": {"n": 9.0, "yes": 0.2},
}


def test_the_headline_of_counting_weighs_every_answer_alike() -> None:
    lines = [line for line in headlines(WORLD, {}) if line.says.startswith("how many")]
    assert [line.value for line in lines] == [None, pytest.approx(0.5)]
    assert lines[1].detail.startswith("0: 0 %, 1: 20 %")


def test_f1_of_is_there_takes_half_of_the_questions_as_absent() -> None:
    assert is_there(PHOTOGRAPHS) == pytest.approx(2 * 0.8 / (1 + 0.8 + 0.2))
    assert is_there({}) is None


def test_the_topics_that_the_table_needs_fill_it() -> None:
    names: list[str] = ["exact", "kind", "hit", "yes", "f1", "boxed", "exact_set", "both"]
    names += ["cells_share", "words_share", "none_right"]
    found = {topic: dict.fromkeys(names, 0.5) for topic in TOPICS_NEEDED}
    assert all(line.value is not None for line in headlines(found, found))
    for topic in set(TOPICS_NEEDED) - {"region"}:
        fewer = {name: row for name, row in found.items() if name != topic}
        assert headlines(fewer, fewer) != headlines(found, found)


def test_the_table_has_a_dash_where_nothing_was_measured() -> None:
    text = write_headlines(headlines(WORLD, PHOTOGRAPHS))
    assert "| kind of the largest thing, asked in words | photographs | 50 % | 72 % | 80 % |" in text
    assert "| an absent screen element is refused | world | 50 % | 85 % | 95 % |" in text
    assert "| words read exactly | world | - | 65 % | 80 % |" in text
