"""The mixing lab on the page: its panel, and its value as `canvas/lab.js` draws it."""

from __future__ import annotations

import html
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
MIXED = "the two experts mixed, at the beta below"
BETA = 0.4  # where the dial stands at first
EXPERTS = {0.0: "the expert for drawn pictures (β 0)", 1.0: "the expert for photographs (β 1)"}
TOGGLE = "() => document.querySelector('#lab').classList.toggle('open')"

_PIECE = re.compile(r"\w+|\W+")


def title(way: Way, about: About) -> str:
    """Return a way of looking in a few words."""
    if way.beta is not None:
        return EXPERTS.get(way.beta, f"the two experts mixed, β {way.beta:.2f}")
    parts = f"with its {way.views - 1} parts" if way.views and way.views > 1 else "whole picture"
    names = [render.ENCODER_NAMES.get(name, name) for name in way.encoders or ()]
    if not names:
        return f"all encoders, {parts}"
    left_out = [name for name in about.encoders if name not in (way.encoders or ())]
    if len(names) > 1 and len(left_out) == 1:
        return f"without {render.ENCODER_NAMES.get(left_out[0], left_out[0])}, {parts}"
    return f"{' + '.join(names)} alone, {parts}"


def choices(about: About) -> Any:
    """Return the ways to choose from, the first two chosen."""
    titles = [title(way, about) for way in lab.ways(about)]
    return gr.CheckboxGroup([*titles, *([MIXED] if about.mixes else [])], value=titles[:2])


def dial(about: About) -> Any:
    """Return the dial of beta, which is there where the checkpoint's experts can be mixed."""
    return gr.Slider(visible=about.mixes)


def table(about: About) -> str:
    """Return what each switch costs, as it was measured, in HTML; "" where nobody measured it."""
    found = about.measured
    if not found:
        return ""
    asked = [(source, name) for source, names in found["asked"].items() for name in names]
    heads = "".join(
        f'<th colspan="{len(names)}" scope="colgroup">{html.escape(source)}</th>'
        for source, names in found["asked"].items()
    )
    names = "".join(f'<th scope="col">{html.escape(name)}</th>' for _, name in asked)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(row["switch"])}</th>'
        + "".join(f"<td>{_percent(row['figures'].get(source, {}).get(name))}</td>" for source, name in asked)
        + "</tr>"
        for row in found["rows"]
    )
    older = " The weights have changed since." if found.get("older") else ""
    return (
        f"<details><summary>What each switch costs, as it was measured</summary>"
        f"<p>{html.escape(found['says'])}{older}</p>"
        f'<div class="lab-wide"><table><thead><tr><td></td>{heads}</tr><tr><td></td>{names}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def measured(way: Way, about: About) -> str:
    """Return what was measured of a way, in a line; "" where nobody measured it."""
    wanted = list(way.encoders) if way.encoders else None
    for row in about.measured.get("rows", ()):
        if (row["encoders"], row["views"]) == (wanted, way.views or about.views) and row["beta"] == way.beta:
            return "; ".join(
                f"{source}: " + ", ".join(f"{name} {_percent(value)}" for name, value in figures.items())
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
) -> dict[str, Any]:
    """Return what the panel shows: one picture, and a column for each way. `address`: see `app.serving`."""
    over = all(column.over for column in columns)
    return {
        "picture": address(picture),
        "size": list(picture.size_wh),
        "same": over and len({column.text for column in columns}) == 1,
        "columns": [
            {
                "title": title(column.way, about),
                "record": next((" · ".join(render.record_words(t)) for t in column.turns if t.record), ""),
                "measured": measured(column.way, about),
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
        self._answers = lab.Answers()
        folder = files("app") / "canvas"
        with gr.Column(elem_id="lab"), gr.Column(elem_classes="lab-card"):
            with gr.Row(elem_classes="lab-head"):
                gr.HTML("<h2>One question, several ways of looking</h2>", apply_default_css=False)
                close = gr.Button("×", size="sm", elem_id="lab-close")
            words = gr.Textbox(QUESTION, label="Question", max_length=actions.LONGEST_MESSAGE)
            self.ways = gr.CheckboxGroup(label="Ways of looking to compare, two to four")
            self.beta = gr.Slider(
                0,
                1,
                BETA,
                step=0.05,
                label="β: the share of the expert for photographs in θ = β · photographs + (1 − β) · drawn",
                visible=False,
                elem_id="lab-beta",
            )
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
                yield value(columns, picture, about, partial(address, assistant.pictures))

    def turn(
        self, visit: Visit, words: str, chosen: Sequence[str], beta: float
    ) -> Generator[tuple[Any, dict[str, Any]]]:
        """Beta was turned: the mixture answers anew beside the other ways, which are not asked again."""
        chosen = [*(chosen[: lab.MOST - 1] if MIXED not in chosen else chosen), MIXED]
        chosen = list(dict.fromkeys(chosen))
        for shown in self.compare(visit, words, chosen, beta):
            yield gr.CheckboxGroup(value=chosen), shown
