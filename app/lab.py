"""The mixing lab on the page: its panel, and its value as `canvas/lab.js` draws it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any

import gradio as gr

from app import actions, render, scripts
from app.events import as_gradio_error
from app.labels import Labels
from app.serving import address
from app.startup import Startup
from app.words import ENGLISH, spoken, word
from app.writing import Visit
from pipelines import lab
from pipelines.engine import About
from pipelines.interfaces import ReplyOptions
from pipelines.lab import Column, Way
from pipelines.scene import Picture

EMPTY: dict[str, Any] = {"picture": None, "columns": []}
QUESTION = "describe the picture with boxes"
MIXED = "mixed"  # the choice of the mixture, whose beta the dial has
BETA = 0.4  # where the dial stands at first
EXPERTS = {0.0: "lab.drawn", 1.0: "lab.photographs"}
FIGURES = {
    "drawn scenes": "lab.of_drawn", "photographs": "lab.of_photographs", "kind": "lab.kind", "box": "lab.box",
    "is there?": "lab.there", "how many": "lab.many",
}  # fmt: skip  # what is measured, as the file of figures writes it -> the key of its words
TOGGLE = "() => document.querySelector('#lab').classList.toggle('open')"

_PIECE = re.compile(r"\w+|\W+")


def title(way: Way, about: About, language: str = ENGLISH) -> str:
    """Return a way of looking in a few words."""
    if way.beta is not None:
        key = EXPERTS.get(way.beta, "lab.mixed")
        return word(key, language, beta=f"{way.beta:.2f}")
    parts = (way.views or 1) - 1
    names = [render.ENCODER_NAMES.get(name, name) for name in way.encoders or ()]
    if not names:
        return word("lab.parts" if parts else "lab.whole", language, count=parts)
    left_out = [name for name in about.encoders if name not in (way.encoders or ())]
    if len(names) > 1 and len(left_out) == 1:
        name = render.ENCODER_NAMES.get(left_out[0], left_out[0])
        return word("lab.without", language, name=name)
    return word("lab.alone", language, name=" + ".join(names))


def choices(about: About, language: str = ENGLISH) -> Any:
    """Return the ways to choose from, the first two chosen. A choice is the way's title in English."""
    ways = [(title(way, about, language), title(way, about)) for way in lab.ways(about)]
    mixed = [(word("lab.mixed_below", language), MIXED)] if about.mixes else []
    return gr.CheckboxGroup([*ways, *mixed], value=[value for _, value in ways[:2]])


def dial(about: About) -> Any:
    """Return the dial of beta, which is there where the checkpoint's experts can be mixed."""
    return gr.Slider(visible=about.mixes)


def table(about: About, language: str = ENGLISH) -> str:
    """Return what each switch costs, as it was measured, in HTML; "" where nobody measured it.

    How it was measured is told in English, as the figures' file has it.
    """
    found = about.measured
    if not found:
        return ""
    asked = [(source, name) for source, names in found["asked"].items() for name in names]
    heads = "".join(
        f'<th colspan="{len(names)}" scope="colgroup">{html.escape(_figure(source, language))}</th>'
        for source, names in found["asked"].items()
    )
    names = "".join(f'<th scope="col">{html.escape(_figure(name, language))}</th>' for _, name in asked)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(_switch(row, about, language))}</th>'
        + "".join(f"<td>{_percent(row['figures'].get(source, {}).get(name))}</td>" for source, name in asked)
        + "</tr>"
        for row in found["rows"]
    )
    older = f" {word('lab.older', language)}" if found.get("older") else ""
    return (
        f"<details><summary>{word('lab.costs', language)}</summary>"
        f'<p><span lang="en">{html.escape(found["says"])}</span>{older}</p>'
        f'<div class="lab-wide"><table><thead><tr><td></td>{heads}</tr><tr><td></td>{names}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _switch(row: Mapping[str, Any], about: About, language: str) -> str:
    """Return what a row of the figures is of: in the file's own words in English, else as the way's title."""
    if language == ENGLISH:
        return row["switch"]
    return title(
        Way(tuple(row["encoders"]) if row["encoders"] else None, row["views"], row["beta"]), about, language
    )


def _figure(name: str, language: str) -> str:
    key = FIGURES.get(name)
    return name if key is None else word(key, language)


def measured(way: Way, about: About, language: str = ENGLISH) -> str:
    """Return what was measured of a way, in a line; "" where nobody measured it."""
    wanted = list(way.encoders) if way.encoders else None
    for row in about.measured.get("rows", ()):
        if (row["encoders"], row["views"]) == (wanted, way.views or about.views) and row["beta"] == way.beta:
            return "; ".join(
                f"{_figure(source, language)}: "
                + ", ".join(f"{_figure(name, language)} {_percent(value)}" for name, value in figures.items())
                for source, figures in row["figures"].items()
            )
    return ""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def value(
    columns: Sequence[Column],
    picture: Picture,
    about: About,
    address: Callable[[Picture], dict[str, str]],
    language: str = ENGLISH,
) -> dict[str, Any]:
    """Return what the panel shows: one picture, and a column for each way. `address`: see `app.serving`."""
    over = all(column.over for column in columns)
    return {
        "picture": address(picture),
        "size": list(picture.size_wh),
        "same": over and len({column.text for column in columns}) == 1,
        "columns": [
            {
                "title": title(column.way, about, language),
                "record": next(
                    (" · ".join(render.record_words(turn, language)) for turn in column.turns if turn.record),
                    "",
                ),
                "measured": measured(column.way, about, language),
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

    def __init__(
        self, startup: Startup, labels: Labels, button: gr.Button, visit: gr.State, events: dict[str, Any]
    ) -> None:
        self._startup = startup
        self._answers = lab.Answers()
        folder = files("app") / "canvas"
        with gr.Column(elem_id="lab"), gr.Column(elem_classes="lab-card"):
            with gr.Row(elem_classes="lab-head"):
                gr.HTML(html_template='<h2>${sphinx.word("lab.title")}</h2>', apply_default_css=False)
                close = gr.Button("×", size="sm", elem_id="lab-close")
            words = labels.make(
                gr.Textbox, {"label": "lab.question"}, QUESTION, max_length=actions.LONGEST_MESSAGE
            )
            self.ways = labels.make(gr.CheckboxGroup, {"label": "lab.ways"})
            self.beta = labels.make(
                gr.Slider, {"label": "lab.beta"}, 0, 1, BETA, step=0.05, visible=False, elem_id="lab-beta"
            )
            with gr.Row(elem_classes="lab-acts"):
                ask = labels.make(gr.Button, {"value": "lab.ask"}, variant="primary", elem_id="lab-ask")
                stop = labels.make(gr.Button, {"value": "lab.stop"}, elem_id="lab-stop")
            shown = gr.HTML(
                EMPTY,
                elem_id="lab-shown",
                html_template='<div class="lab-shown"></div>',
                js_on_load=(folder / "lab.js").read_text(),
                apply_default_css=False,
                modules=scripts.entry(),
            )
            self.table = gr.HTML(elem_id="lab-table", apply_default_css=False)
        quick = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        for one in (button, close):
            one.click(None, js=TOGGLE, **quick)
        given = [visit, words, self.ways, self.beta]
        asked = ask.click(self.compare, given, [shown], **events)
        live = {**events, "trigger_mode": "always_last"}  # while the dial turns, to its newest place
        turned = self.beta.input(self.turn, given, [self.ways, shown], **live)
        stop.click(None, cancels=[asked, turned], **quick)

    def compare(
        self, visit: Visit, words: str, chosen: Sequence[str], beta: float
    ) -> Generator[dict[str, Any]]:
        """Answer with each way that was chosen, and draw all of them as they grow."""
        with as_gradio_error():
            assistant = self._startup.assistant()
            about = assistant.about
            picture = actions.pictured(visit.timeline).picture
            assert picture is not None
            words = actions.validate_message(words)
            ways = [way for way in lab.ways(about) if title(way, about) in chosen]
            if about.mixes and MIXED in chosen:
                ways = list(dict.fromkeys([*ways, Way(None, 1, min(max(float(beta), 0.0), 1.0))]))
            answered = lab.compare(assistant, picture, words, ways, ReplyOptions(), self._answers)
            for columns in answered:
                yield value(columns, picture, about, partial(address, assistant.pictures), spoken())

    def turn(
        self, visit: Visit, words: str, chosen: Sequence[str], beta: float
    ) -> Generator[tuple[Any, dict[str, Any]]]:
        """Beta was turned: the mixture answers anew beside the other ways, which are not asked again."""
        chosen = [*(chosen[: lab.MOST - 1] if MIXED not in chosen else chosen), MIXED]
        chosen = list(dict.fromkeys(chosen))
        for shown in self.compare(visit, words, chosen, beta):
            yield gr.CheckboxGroup(value=chosen), shown
