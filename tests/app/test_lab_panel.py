"""The panel of the mixing lab: titles, the dial of beta, and the measured table behind each switch."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app import lab
from app.writing import Visit
from pipelines.lab import Way, ways
from pipelines.scene import Timeline

MEASURED = {
    "says": "8 questions about <drawn> scenes.",
    "asked": {"drawn scenes": ["kind", "box"], "photographs": ["kind"]},
    "rows": [
        {
            "switch": "without CLIP",
            "encoders": ["convnext", "dinov2"],
            "views": 1,
            "beta": None,
            "figures": {"drawn scenes": {"kind": 0.5, "box": 0.25}, "photographs": {"kind": 0.125}},
        },
        {
            "switch": "β 0.4",
            "encoders": None,
            "views": 1,
            "beta": 0.4,
            "figures": {"drawn scenes": {"kind": 1}},
        },
    ],
}


@pytest.fixture
def mixing(about):
    return replace(
        about, experts=True, mixes=True, encoders=("clip", "convnext", "dinov2"), measured=MEASURED
    )


def test_every_way_has_a_title_of_its_own(mixing):
    titles = [lab.title(way, mixing) for way in ways(mixing, 0.4)]
    assert len(set(titles)) == len(titles)
    assert lab.title(Way(("convnext", "dinov2"), 1), mixing) == "without CLIP"
    assert lab.title(Way(None, 1, 0.4), mixing) == "the two experts mixed, β 0.40"
    assert lab.title(Way(None, 1, 1.0), mixing) == "the expert for photographs (β 1)"


def test_the_dial_is_there_where_experts_can_be_mixed(mixing, about):
    assert lab.dial(mixing).visible
    assert not lab.dial(about).visible
    assert lab.MIXED in [value for _, value in lab.choices(mixing).choices]
    assert lab.MIXED not in [value for _, value in lab.choices(about).choices]


def test_the_table_says_what_was_measured_and_whether_it_still_holds(mixing, about):
    table = lab.table(mixing)
    assert "8 questions about &lt;drawn&gt; scenes." in table
    assert '<th scope="row">without CLIP</th><td>50 %</td><td>25 %</td><td>12 %</td>' in table
    assert "<td>100 %</td><td></td><td></td>" in table  # what was not measured stays empty
    assert "changed since" not in table
    assert "changed since" in lab.table(replace(mixing, measured={**MEASURED, "older": True}))
    assert lab.table(about) == ""


def test_a_way_knows_the_figures_of_its_own_switch(mixing, about):
    said = lab.measured(Way(("convnext", "dinov2"), 1), mixing)
    assert said == "drawn scenes: kind 50 %, box 25 %; photographs: kind 12 %"
    assert lab.measured(Way(None, 1, 0.4), mixing) == "drawn scenes: kind 100 %"
    assert lab.measured(Way(None, 1), mixing) == ""
    assert lab.measured(Way(None, 1), about) == ""


def test_turning_the_dial_adds_the_mixture_to_at_most_three_other_ways(assistant, mixing, drawing, vlm):
    assistant.engine = replace(assistant.engine, about=mixing)
    panel = object.__new__(lab.Lab)
    panel._startup = cast(Any, SimpleNamespace(assistant=lambda: assistant))
    panel._answers = lab.lab.Answers()
    visit = Visit(Timeline().push(assistant.open(drawing)))
    chosen = [lab.title(way, mixing) for way in ways(mixing)[:4]]
    *_, (boxes, shown) = panel.turn(visit, "find the red ball", chosen, 0.35)
    assert boxes.value == [*chosen[:3], lab.MIXED]
    assert [column["title"] for column in shown["columns"]][-1] == "the two experts mixed, β 0.35"
    assert "β 0.35" in shown["columns"][-1]["record"]
    count = len(vlm.asked)
    *_, (_, shown) = panel.turn(visit, "find the red ball", boxes.value, 0.6)
    assert len(vlm.asked) == count + 1
    assert "β 0.60" in shown["columns"][-1]["record"]
