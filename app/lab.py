"""The mixing lab on the page: its panel, and its value as `canvas/lab.js` draws it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from functools import partial
from importlib.resources import files
from typing import Any

import gradio as gr

from app import actions, render, scripts
from app.events import as_gradio_error
from app.serving import address
from app.startup import Startup
from app.writing import Visit
from pipelines import lab
from pipelines.engine import About
from pipelines.interfaces import ReplyOptions
from pipelines.lab import Column, Way
from pipelines.scene import Picture

EMPTY: dict[str, Any] = {"picture": None, "columns": []}
QUESTION = "describe the picture with boxes"
TOGGLE = "() => document.querySelector('#lab').classList.toggle('open')"

_PIECE = re.compile(r"\w+|\W+")


def title(way: Way) -> str:
    """Return a way of looking in a few words."""
    names = [render.ENCODER_NAMES.get(name, name) for name in way.encoders or ()]
    through = " + ".join(names) + " alone" if names else "all encoders"
    parts = f"with its {way.views - 1} parts" if way.views and way.views > 1 else "whole picture"
    return f"{through}, {parts}"


def choices(about: About) -> Any:
    """Return the ways to choose from, the first two chosen."""
    titles = [title(way) for way in lab.ways(about)]
    return gr.CheckboxGroup(titles, value=titles[:2])


def value(
    columns: Sequence[Column], picture: Picture, address: Callable[[Picture], dict[str, str]]
) -> dict[str, Any]:
    """Return what the panel shows: one picture, and a column for each way. `address`: see `app.serving`."""
    over = all(column.over for column in columns)
    return {
        "picture": address(picture),
        "size": list(picture.size_wh),
        "same": over and len({column.text for column in columns}) == 1,
        "columns": [
            {
                "title": title(column.way),
                "hue": at + 1,
                "over": column.over,
                "pieces": _pieces(column.text, lab.own_words(columns, at)),
                "boxes": [
                    {"box": list(box), "own": own}
                    for box, own in zip(column.boxes, lab.own_boxes(columns, at), strict=True)
                ],
                "seconds": sum(turn.record.seconds for turn in column.turns if turn.record),
            }
            for at, column in enumerate(columns)
        ],
    }


def _pieces(text: str, own: frozenset[str]) -> list[list[Any]]:
    """Return the text in pieces: [words, whether another column lacks them]."""
    return [[piece, piece.lower() in own] for piece in _PIECE.findall(text)]


class Lab:
    """The panel of the lab, laid over the page. Make it inside a `gr.Blocks`."""

    def __init__(self, startup: Startup, button: gr.Button, visit: gr.State, events: dict[str, Any]) -> None:
        self._startup = startup
        folder = files("app") / "canvas"
        with gr.Column(elem_id="lab"), gr.Column(elem_classes="lab-card"):
            with gr.Row(elem_classes="lab-head"):
                gr.HTML("<h2>One question, several ways of looking</h2>", apply_default_css=False)
                close = gr.Button("×", size="sm", elem_id="lab-close")
            words = gr.Textbox(QUESTION, label="Question", max_length=actions.LONGEST_MESSAGE)
            self.ways = gr.CheckboxGroup(label="Ways of looking to compare, two to four")
            with gr.Row(elem_classes="lab-acts"):
                ask = gr.Button("Ask them all", variant="primary", elem_id="lab-ask")
                stop = gr.Button("Stop", elem_id="lab-stop")
            shown = gr.HTML(
                EMPTY,
                elem_id="lab-shown",
                html_template='<div class="lab-shown"></div>',
                js_on_load=(folder / "lab.js").read_text(),
                apply_default_css=False,
                modules=scripts.entry(),
            )
        quick = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        for one in (button, close):
            one.click(None, js=TOGGLE, **quick)
        asked = ask.click(self.compare, [visit, words, self.ways], [shown], **events)
        stop.click(None, cancels=[asked], **quick)

    def compare(self, visit: Visit, words: str, chosen: Sequence[str]) -> Generator[dict[str, Any]]:
        """Answer with each way that was chosen, and draw all of them as they grow."""
        with as_gradio_error():
            assistant = self._startup.assistant()
            picture = actions.pictured(visit.timeline).picture
            assert picture is not None
            words = actions.validate_message(words)
            ways = [way for way in lab.ways(assistant.about) if title(way) in chosen]
            for columns in lab.compare(assistant, picture, words, ways, ReplyOptions()):
                yield value(columns, picture, partial(address, assistant.pictures))
