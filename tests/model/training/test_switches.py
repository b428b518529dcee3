"""What each switch of the lab costs: which switches, how many questions, which figures."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from model.training import switches
from model.training.switches import DRAWN, PHOTOGRAPHS, Switch

ENCODERS = ("clip", "convnext", "dinov2", "qformer")
ASSETS = Path("assets")


def test_each_encoder_is_left_out_once_and_beta_goes_from_end_to_end():
    found = list(switches.switches(ENCODERS, 5, mixes=True))
    assert found[0] == Switch(found[0].says, None, 1)
    assert [one.encoders for one in found[1:5]] == [
        tuple(name for name in ENCODERS if name != left) for left in ENCODERS
    ]
    assert (found[5].views, found[5].encoders) == (5, None)
    assert [one.beta for one in found[6:]] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    # two of two architectures are measured each by itself, one view has no parts
    ends = list(switches.switches(ENCODERS, 1, mixes=False))[5:]
    assert [one.beta for one in ends] == [0.0, 1.0]


def test_the_questions_are_fresh_and_balanced():
    asked = switches.questions(4, None)[DRAWN]
    topics = Counter(question.qa.topic for question in asked.questions)
    assert set(topics) == set(switches.TOPICS[DRAWN])
    assert topics["is-there-present"] == topics["is-there-kind-absent"] == 4
    assert {topics[f"count-{number}"] for number in range(6)} == {1}
    assert all(question.picture < len(asked.pictures) for question in asked.questions)
    with pytest.raises(ValueError, match="trained on"):
        switches.questions(1, None, seed=5)


def test_figures_are_told_by_source():
    found = {
        "region": {"kind": 0.5},
        "locate": {"hit": 0.75},
        "is-there-present": {"yes": 1.0},
        "is-there-kind-absent": {"yes": 0.0},
        "count-0": {"exact": 1.0},
        "count-1": {"exact": 0.5},
    }
    told = switches.told(DRAWN, found)
    assert told == {"kind": 0.5, "box": 0.75, "is there?": 1.0, "how many": 0.75}
    assert switches.told(PHOTOGRAPHS, {"region-largest": {"kind": 0.25}}) == {"kind": 0.25}


def test_every_shipped_table_has_all_switches():
    for path in ASSETS.glob(f"*/{switches.FILE}"):
        found = json.loads(path.read_text("utf-8"))
        named = [row["switch"] for row in found["rows"]]
        assert named == [one.says for one in switches.switches(ENCODERS, 5, mixes=True)]
        assert set(found["asked"]) == {DRAWN, PHOTOGRAPHS}
        for row in found["rows"]:
            for source, names in found["asked"].items():
                assert all(0 <= row["figures"][source][name] <= 1 for name in names)
