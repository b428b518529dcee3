"""What a visitor sees of many requests is what was recorded; see goldens.py, which records it."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path

import pytest

import pipelines

SPEC = importlib.util.spec_from_file_location("goldens", Path(__file__).with_name("goldens.py"))
assert SPEC
assert SPEC.loader
goldens = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(goldens)

RECORDED = json.loads(goldens.FILE.read_text("utf-8"))


@cache
def embedded():
    return pipelines.load(pipelines.Settings(inpainter="opencv", device="cpu"))


def plain(value):
    """As JSON has it."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("messages", goldens.REQUESTS, ids=goldens.key)
def test_the_fakes_are_answered_as_recorded(assistant, vlm, drawing, messages):
    assert (
        plain(goldens.play(assistant, drawing, messages, vlm.asked))
        == RECORDED["fakes"][goldens.key(messages)]
    )


@pytest.mark.skipif(RECORDED["weights"] != goldens.weights(), reason="recorded with other weights")
@pytest.mark.parametrize("row", goldens.EMBEDDED, ids=goldens.key)
def test_the_embedded_checkpoints_answer_as_recorded(row):
    was = RECORDED["embedded"][goldens.key(row)]
    now = plain(goldens.play(embedded(), goldens.example(row[0]), row[1:], []))
    for turn in (*now["turns"], *was["turns"]):
        turn["by"] = turn.get("by", "").rpartition(" / ")[0]  # how many pieces a reply came in is no matter
    assert now["turns"] == was["turns"]
    assert [region["label"] for region in now["regions"]] == [region["label"] for region in was["regions"]]
    for one, other in zip(now["regions"], was["regions"]):
        # another processor rounds otherwise: masks may differ in some pixels of their rims
        assert all(abs(a - b) <= 2 for a, b in zip(one["box"], other["box"]))
        assert one.get("area", 0) == pytest.approx(other.get("area", 0), rel=0.03)
