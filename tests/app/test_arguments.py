"""Whatever a call brings, its arguments are read or refused in words that name one of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import arguments
from app.api import Endpoints
from app.arguments import BadArgument, check
from app.limits import Limits
from app.startup import Startup
from pipelines.scene import Box, Click, Point
from tests.fuzz import FUZZ, JSON, WISHES, refusal

MODELS = {
    arguments.Ask: {"words": "hello", "seed": 0},
    arguments.Outline: {"phrase": "ball", "clicks": [[1, 2], [3, 4, 0]], "box": [1, 2, 3, 4]},
    arguments.Describe: {"box": None, "detail": False},
    arguments.Edit: {
        "wish": "remove it",
        "seed": 1,
        "steps": 20,
        "guidance": 0,
        "negative": "",
        "regions": [],
    },
}
CASES = [(model, name) for model, right in MODELS.items() for name in right]
NEAR = st.lists(st.lists(st.integers() | st.floats() | st.booleans(), max_size=4), max_size=4)
NUMBERS = st.integers() | st.floats() | st.lists(st.integers(-10, 10**6) | st.floats(), max_size=5)


@pytest.mark.parametrize(("model", "name"), CASES)
@settings(max_examples=60 * FUZZ, deadline=None)
@given(value=JSON | NEAR | NUMBERS)
def test_any_value_is_read_or_refused_in_words(model, name, value):
    read, said = refusal(lambda: check(model, **{**MODELS[model], name: value}), BadArgument)
    if said is not None:
        assert name in said
        assert len(said) < 250
        return
    assert all(isinstance(point, Click) for point in getattr(read, "points", list)())
    json.dumps(read.model_dump(), allow_nan=False).encode()


@settings(max_examples=60 * FUZZ, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    phrase=JSON | st.just("") | WISHES,
    clicks=JSON | NEAR,
    box=JSON | NUMBERS,
    wish=JSON | st.text(max_size=40) | WISHES,
)
def test_endpoints_give_an_answer_or_refuse(assistant, drawing, tmp_path, phrase, clicks, box, wish):
    drawing.save(tmp_path / "drawing.png")
    on = Endpoints(Startup(lambda: assistant, "fake").run(), Limits())
    picture: Any = str(tmp_path / "drawing.png")
    for call in (
        lambda: on.outline(picture, phrase, clicks, box),
        lambda: on.describe(picture, box, regions=clicks),
        lambda: on.ask(picture, wish),
        lambda: on.edit(picture, wish, steps=2),
    ):
        given, said = refusal(call)
        assert given or said
        json.dumps(given, allow_nan=False).encode()


def test_what_is_right_is_read():
    read = check(arguments.Outline, phrase=None, clicks=[[1, 2], [3.0, 4, 0], [5, 6, True]], box=[1, 2, 3, 4])
    assert read.phrase == ""
    assert read.points() == [Click(Point(1, 2)), Click(Point(3, 4), False), Click(Point(5, 6))]
    assert read.dragged() == Box(1, 2, 3, 4)
    assert check(arguments.Edit, wish="x", seed=3.0, steps=None, guidance=2, negative=None).steps == 20
