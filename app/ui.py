"""What is on the page, and which event calls which handler. No logic.

Only a growing answer goes through Gradio's queue. Everything else is served at once, beside it: who may write
a visit's timeline, and when, is said in `app.writing`, and the models take care of those who share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import themes

from app import api, render, scripts
from app.actions import LONGEST_MESSAGE
from app.downloads import Downloads, export_state
from app.lab import Lab
from app.labels import Labels
from app.limits import Limits, from_environment
from app.models import Models
from app.page import Page, draw
from app.refusals import Answering
from app.returning import Returning
from app.serving import Keeping, keep_for
from app.sessions import Sessions
from app.startup import Startup
from app.uploads import Uploads
from app.visits import Visits
from app.words import script, word
from app.writing import Visit
from pipelines.abilities import suggestions
from pipelines.interfaces import MAX_NEW_TOKENS, STEPS, TRIES

QUEUE = 32  # visitors' requests that may wait
CACHE = (60, 600)  # seconds: how often files that an endpoint was sent are looked for, and how old they are
FILE = "50mb"  # of an upload
LIGHT: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
HEAVY: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
"""Settings of events that are served at once, and of answers, which grow."""
CALLS: dict[str, Any] = {**HEAVY, "concurrency_id": "models", "concurrency_limit": 16}
"""Settings of the endpoints: as many calls are served at a time as SPHINX answers together."""
FILES: dict[str, Any] = {**HEAVY, "concurrency_id": "files", "concurrency_limit": 2}
"""Of events that open or write whole files, which may take a gigabyte for a moment: two of all visitors."""

DRAWER = """() => {
  for (const drawer of document.querySelectorAll(".drawer")) {
    const open = drawer.classList.toggle("open", drawer.id === "NAME" && !drawer.classList.contains("open"));
    if (!open) continue;
    const see = () => drawer.scrollIntoView({block: "nearest"});
    const growing = new ResizeObserver(see);  // the models are listed in it once the server has told them
    growing.observe(drawer);
    setTimeout(() => growing.disconnect(), 2000);
    see();
  }
}"""


def theme() -> themes.Base:
    """Colours and fonts. Only fonts of the visitor's own machine: the page fetches nothing from elsewhere."""
    return themes.Base(
        primary_hue=themes.colors.indigo,
        secondary_hue=themes.colors.indigo,
        neutral_hue=themes.colors.slate,
        radius_size=themes.sizes.radius_lg,
        font=["Inter", "ui-sans-serif", "system-ui", "Segoe UI", "Helvetica Neue", "Arial", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )


def head() -> str:
    """The page's words and styles, for its head: Gradio rewrites the selectors of styles given as `css`."""
    folder = files("app") / "canvas"
    styles = f"{(folder / 'page.css').read_text()}\n{(folder / 'canvas.css').read_text()}"
    return f"<script>{script()}</script><style>{styles}</style>"


@dataclass(frozen=True)
class Canvas:
    """The picture, and the line above it."""

    top: gr.HTML
    picture: Any  # a gr.HTML with the events that load.js names


@dataclass(frozen=True)
class Conversation:
    """The chat, the suggestions, what waits, and the field for words."""

    chat: gr.Chatbot
    chips: Any  # a gr.HTML with the event that chips.js triggers
    queue: Any  # a gr.HTML with the events that queue.js triggers
    words: gr.Textbox


@dataclass(frozen=True)
class Buttons:
    """The row of buttons below the field."""

    undo: gr.Button
    redo: gr.Button
    clear: gr.Button
    export: gr.Button
    lab: gr.Button
    options: gr.Button
    about: gr.Button


@dataclass(frozen=True)
class Options:
    """The drawer of the visitor's options."""

    inputs: list[Any]  # in the order in which `Page.answer` takes them
    views: gr.Radio
    encoders: gr.CheckboxGroup


def build(startup: Startup, examples: Mapping[str, Path], limits: Limits | None = None) -> gr.Blocks:
    """Return the page. `examples`: pictures to begin with, by name; `limits`: what a call may ask for."""
    visits = Visits(Visit)
    startup.when_ready(lambda assistant: visits.watch(assistant.pictures))
    public = tuple(examples.values())
    keeping = Keeping(visits, Uploads(), Downloads(), lambda: startup.assistant().pictures, public)
    gr.set_static_paths(list(public))  # served from where they are
    on, labels = Page(startup, examples, keeping), Labels()
    with Answering(title=render.NAME, fill_width=True, delete_cache=CACHE, analytics_enabled=False) as page:
        visit = gr.State(Visit())
        top = _top()
        with gr.Row(elem_id="main"):
            with gr.Column(elem_id="left"):
                canvas = Canvas(top, _picture(examples))
            with gr.Column(elem_id="right"):
                talk = _conversation(labels)
                buttons = _buttons(labels)
                exported = _export_drawer()
                options = _options_drawer(labels)
                models, understands, keeper = _about_drawer(startup)
        compared = Lab(startup, labels, buttons.lab, visit, HEAVY)
        drawn = [visit, talk.chat, canvas.picture, buttons.undo, buttons.redo]

        _wire_drawers(buttons)
        lab = [compared.ways, compared.beta, compared.table]
        told = [top, talk.chat, understands, talk.chips, options.views, options.encoders, *lab]
        page.load(
            on.welcome,
            None,
            told,
            concurrency_limit=None,
            show_progress="hidden",
            api_visibility="private",
        )
        page.load(labels.speak, None, labels.components, **LIGHT)
        models.wire(page, on.told, told, LIGHT)
        api.declare(
            startup, CALLS, limits or from_environment()
        )  # first, since no event may take their names
        _wire_answers(on, visit, talk, options, drawn)
        _wire_canvas(on, visit, canvas, drawn)
        _wire_timeline(on, visit, buttons, talk, drawn)
        returning = Returning(keeping, examples, lambda kept: draw(startup, kept))
        _wire_return(page, returning, keeper, drawn)
        keeper.resume(on.answer, [visit], [*drawn, talk.words, talk.queue], **HEAVY)
        exported.take(on.export, [visit], [exported], **FILES)

    page.queue(max_size=QUEUE, default_concurrency_limit=1, api_open=False)
    keep_for(page, keeping, Sessions(visit, visits))
    return page


# --- panels --------------------------------------------------------------------------------------------


def _file(name: str) -> str:
    return (files("app") / "canvas" / name).read_text()


def _top() -> gr.HTML:
    return gr.HTML(
        "",
        elem_id="top",
        html_template=_file("top.html"),
        name=render.NAME,
        js_on_load=_file("top.js"),
        apply_default_css=False,
    )


def _picture(examples: Mapping[str, Path]) -> Any:
    return gr.HTML(
        {"picture": None, "regions": [], "selected": None, "examples": render.examples(examples)},
        elem_id="canvas",
        html_template=_file("canvas.html"),
        js_on_load=_file("load.js"),
        apply_default_css=False,
        limbs=[list(limb) for limb in render.LIMBS],
        modules=scripts.entry(),
    )


def _conversation(labels: Labels) -> Conversation:
    chat = gr.Chatbot(
        elem_id="chat",
        show_label=False,
        placeholder=word("chat.greeting"),
        buttons=["copy"],
        latex_delimiters=[],
        feedback_options=None,
    )
    chips = gr.HTML(
        render.chips(suggestions()),
        elem_id="chips",
        js_on_load=_file("chips.js"),
        apply_default_css=False,
    )
    with gr.Column(elem_id="saying"):
        queue = gr.HTML(
            {"waiting": [], "editing": None},
            elem_id="queue",
            html_template='<div class="queue"></div>',
            js_on_load=_file("queue.js"),
            apply_default_css=False,
        )
        words = labels.make(
            gr.Textbox,
            {"placeholder": "chat.field", "label": "chat.field_name"},
            elem_id="words",
            show_label=False,
            container=False,
            lines=1,
            max_lines=5,
            max_length=LONGEST_MESSAGE,
            submit_btn=True,
        )
    return Conversation(chat, chips, queue, words)


def _buttons(labels: Labels) -> Buttons:
    def button(key: str, **settings: Any) -> gr.Button:
        return labels.make(gr.Button, {"value": key}, size="sm", **settings)

    with gr.Row(elem_id="acts"):
        return Buttons(
            undo=button("acts.undo", interactive=False, elem_id="undo"),
            redo=button("acts.redo", interactive=False, elem_id="redo"),
            clear=button("acts.clear", elem_id="clear"),
            export=button("acts.export", elem_classes="right"),
            lab=button("acts.lab"),
            options=button("acts.options"),
            about=button("acts.about", elem_id="about-button"),
        )


def _export_drawer() -> Any:
    with gr.Column(elem_id="export", elem_classes="drawer"):
        return gr.HTML(
            export_state(),
            html_template=_file("export.html"),
            js_on_load=_file("export.js"),
            apply_default_css=False,
            modules=scripts.entry(),
        )


def _options_drawer(labels: Labels) -> Options:
    def option(kind: Any, key: str, *given: Any, **settings: Any) -> Any:
        return labels.make(kind, {"label": key}, *given, **settings)

    with gr.Column(elem_id="options", elem_classes="drawer"):
        seed = option(gr.Number, "options.seed", 0, precision=0, minimum=0)
        temperature = option(gr.Slider, "options.temperature", 0, 1.5, 0, step=0.05)
        length = option(gr.Slider, "options.length", 16, 1024, MAX_NEW_TOKENS, step=16)
        views = option(gr.Radio, "options.views", elem_id="views")
        encoders = option(gr.CheckboxGroup, "options.encoders", elem_id="encoders")
        steps = option(gr.Slider, "options.steps", 1, 60, STEPS, step=1)
        guidance = option(gr.Slider, "options.guidance", 0, 15, 0, step=0.5)
        candidates = option(gr.Slider, "options.candidates", 1, 4, 1, step=1)
        tries = option(gr.Slider, "options.tries", 1, 4, TRIES, step=1)
        negative = option(gr.Textbox, "options.negative")
    inputs = [seed, temperature, length, views, encoders, steps, guidance, candidates, tries, negative]
    return Options(inputs, views, encoders)


def _about_drawer(startup: Startup) -> tuple[Models, gr.Markdown, Any]:
    """Which models are loaded, what they understand, and what is kept of a visit."""
    with gr.Column(elem_id="about", elem_classes="drawer"):
        return (
            Models(startup),
            gr.Markdown(),
            gr.HTML(
                {"kept": False},
                html_template=_file("visit.html"),
                js_on_load=_file("visit.js"),
                apply_default_css=False,
            ),
        )


# --- events --------------------------------------------------------------------------------------------


def _wire_return(page: gr.Blocks, on: Returning, keeper: Any, drawn: list[Any]) -> None:
    """The page is loaded, again or for the first time; it is left; what it keeps is forgotten."""
    tab = gr.Textbox(visible=False)
    tells = _file("enter.js").partition("\n")[2]  # without the line for the linter
    page.load(on.enter, [tab, drawn[0]], [keeper, *drawn], js=tells, **LIGHT)
    page.unload(on.leave)
    keeper.forget(on.forget, None, [keeper, *drawn], **LIGHT)


def _wire_drawers(buttons: Buttons) -> None:
    for name, button in (("export", buttons.export), ("options", buttons.options), ("about", buttons.about)):
        button.click(None, js=DRAWER.replace("NAME", name), **LIGHT)


def _wire_answers(on: Page, visit: gr.State, talk: Conversation, options: Options, drawn: list[Any]) -> None:
    """An answer: the question is shown at once, then the models have their turn."""
    begun = [visit, talk.chat, talk.queue, talk.words]
    beginnings = [
        talk.queue.send(on.begin, [visit, *options.inputs], begun, trigger_mode="multiple", **LIGHT),
        talk.chips.say(on.begin_chip, [visit, *options.inputs], begun, trigger_mode="multiple", **LIGHT),
        talk.chat.retry(on.begin_again, [visit, *options.inputs], begun, **LIGHT),
    ]
    for event in beginnings:
        event.success(on.answer, [visit], [*drawn, talk.words, talk.queue], trigger_mode="multiple", **HEAVY)
    talk.words.stop(on.stop, [visit], drawn, **LIGHT)
    talk.queue.reword(on.reword, [visit], [talk.queue, talk.words], **LIGHT)
    talk.queue.take_back(
        on.take_back, [visit, talk.words], [talk.queue, talk.words], trigger_mode="multiple", **LIGHT
    )
    talk.queue.go_to(on.go_to, [visit], drawn, **LIGHT)


def _wire_canvas(on: Page, visit: gr.State, canvas: Canvas, drawn: list[Any]) -> None:
    picture = canvas.picture
    for event, handler in (
        (picture.intake, on.intake),
        (picture.use_mask, on.use_mask),
        (picture.example, on.example),
    ):
        event(handler, [visit], drawn, trigger_mode="multiple", **FILES)
    for event, handler in (
        (picture.point, on.click),
        (picture.drag_box, on.box),
        (picture.choose_region, on.select),
        (picture.choose_mask, on.choose_mask),
        (picture.choose_painting, on.choose_painting),
        (picture.remove, on.remove_region),
        (picture.take_back, on.unclick),
        (picture.stroke, on.stroke),
        (picture.rename, on.rename),
        (picture.go_to, on.go_to),
    ):
        event(handler, [visit], drawn, trigger_mode="multiple", **LIGHT)


def _wire_timeline(on: Page, visit: gr.State, buttons: Buttons, talk: Conversation, drawn: list[Any]) -> None:
    for event, handler in (
        (buttons.undo.click, on.undo),
        (buttons.redo.click, on.redo),
        (buttons.clear.click, on.clear),
        (talk.chat.clear, on.clear_chat),
    ):
        event(handler, [visit], drawn, trigger_mode="multiple", **LIGHT)
