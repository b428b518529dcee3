"""What an answer costs on the wire: bytes for each token, and messages a second."""

from __future__ import annotations

import time

import pytest

from app import main, ui
from app.screen import EVERY
from app.startup import Startup
from pipelines.scene import Box
from tests.wire import Visitor

MASKS = 20
MOST_BYTES = 400  # for each token that arrives, everything that an answer brings included
OPTIONS = (0, 0, 512, None, [], 20, 0, 1, 3, "")  # in the order of `ui.Options.inputs`
STORY = " ".join(f"word {number}" for number in range(40))


@pytest.fixture
def visitor(assistant, drawing, tmp_path):
    """A visitor of a page with a picture and 20 masks on it."""
    drawing.save(tmp_path / "drawing.png")
    startup = Startup(lambda: assistant, assistant.about.model).run()
    page = ui.build(startup, {"drawing": tmp_path / "drawing.png"})
    visitor = Visitor(page, main.launch(page, wait=False))
    visitor.send("welcome")
    visitor.send("example", event={"name": "drawing"})
    for number in range(MASKS):
        x, y = number % 5 * 38, number // 5 * 45
        drawn = visitor.send("box", event=dict(zip(("x1", "y1", "x2", "y2"), Box(x, y, x + 34, y + 40))))
    assert len(drawn[-1].output["data"][2]["regions"]) == MASKS
    yield visitor
    visitor.close()
    page.close(verbose=False)


def ask(visitor: Visitor, words: str):
    visitor.send("begin", None, *OPTIONS, event={"words": words})
    return visitor.send("answer")


@pytest.mark.parametrize("pause", [0.0, 2 * EVERY])
def test_a_token_costs_few_bytes_and_the_masks_none(visitor, vlm, pause):
    vlm.otherwise, vlm.pause = STORY, pause
    before = vlm.forward_passes
    messages = ask(visitor, "tell me a story")
    tokens = vlm.forward_passes - before
    assert tokens > 50
    assert sum(message.size for message in messages) / tokens < MOST_BYTES
    # a token that is drawn by itself is an addition to the text
    growing = [message for message in messages if message.kind == "process_generating"][1:-1]
    changes = [change for message in growing for change in message.output["data"][1]]
    assert sum(change[0] != "append" for change in changes) <= 2  # the dots give way to the first words
    assert len(growing) >= (tokens * 0.8 if pause else 0)
    # the whole answer is there in the end
    assert "word 39" in str(messages[-1].output["data"][1])


def test_words_are_drawn_no_oftener_than_they_can_be_read(visitor, vlm):
    vlm.otherwise, vlm.pause = STORY * 2, EVERY / 10
    began = time.monotonic()
    messages = ask(visitor, "tell me a story")
    assert len(messages) < (time.monotonic() - began) / EVERY + 8


def test_what_is_found_is_drawn_at_once(visitor, vlm):
    messages = ask(visitor, "describe the picture with boxes")
    drawn = [message for message in messages if message.output.get("data", [None] * 3)[2]]
    assert len(drawn) >= 2  # the two things that the answer names light up one after the other
