"""What is on the page, and which event calls which handler. No logic.

Everything that touches a model goes through Gradio's queue under one concurrency id, one at a time: the
models are shared, and two events of one visitor never write the same timeline at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import gradio as gr
from gradio import themes

from app import api, render, scripts
from app.handlers import Page
from app.startup import Startup
from pipelines.interfaces import MAX_NEW_TOKENS, STEPS, TRIES
from pipelines.scene import Timeline

QUEUE = 32  # visitors' requests that may wait
CACHE = (600, 3600)  # seconds: how often old files are looked for, and how old they are
STATE = 1800  # seconds a closed page's timeline is kept
VISITORS = 100  # timelines kept at once
FILE = "50mb"  # of an upload

SUGGESTIONS = {
    "Describe the picture with boxes": "grounded_caption",
    "Find the ...": "locate",
    "Segment the ...": "locate",
    "Name every object": "dense",
    "How many ...": "short",
    "Describe the picture in one sentence": "caption",
    "Describe the picture in detail": "detail",
    "Find all ...": "detect",
    "Find the ... left of the ...": "relation",
    "Where is the ... button?": "screen",
    "Segment everything": "",
    "Show the pose of everyone": "pose",
    "Read all the text": "text",
    "Show the layout of the page": "layout",
    "Convert the chart to a table": "chart",
    "What is odd here?": "odd",
    "What is #1?": "region",
    "What is the relationship between #1 and #2?": "marks",
    "Remove the ...": "",
    "Make it ...": "",
    "Replace the ... with ...": "",
    "Change the background to ...": "",
}  # what can be said -> the ability of SPHINX it needs; "..." is for the visitor to fill in
GREETING = "Choose a picture, then ask about it or click a thing on it."
SENT = """(timeline, words) => {
  const field = document.querySelector("#words textarea");
  field.value = "";
  field.dispatchEvent(new Event("input", {bubbles: true}));
  return [timeline, words];
}"""  # empty at once: what is typed while the server answers must not be lost
DRAWER = """() => {
  for (const drawer of document.querySelectorAll(".drawer")) {
    drawer.classList.toggle("open", drawer.id === "NAME" && !drawer.classList.contains("open"));
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
    """Styles for the page's head: Gradio rewrites the selectors of what it is given as `css`."""
    folder = files("app") / "canvas"
    return f"<style>{(folder / 'page.css').read_text()}\n{(folder / 'canvas.css').read_text()}</style>"


def build(startup: Startup, examples: Mapping[str, Path]) -> gr.Blocks:
    """The page. `examples`: pictures to begin with, by name."""
    on = Page(startup, examples, SUGGESTIONS)
    folder = files("app") / "canvas"

    with gr.Blocks(title=render.NAME, fill_width=True, delete_cache=CACHE, analytics_enabled=False) as page:
        timeline = gr.State(Timeline(), time_to_live=STATE)
        asked = gr.State("")
        top = gr.HTML(
            "",
            elem_id="top",
            html_template=(folder / "top.html").read_text(),
            name=render.NAME,
            line=render.LINE,
            js_on_load=(folder / "top.js").read_text(),
            apply_default_css=False,
        )
        with gr.Row(elem_id="main"):
            with gr.Column(elem_id="left"):
                canvas = gr.HTML(
                    {"picture": None, "regions": [], "selected": None, "examples": render.examples(examples)},
                    elem_id="canvas",
                    html_template=(folder / "canvas.html").read_text(),
                    js_on_load=(folder / "load.js").read_text(),
                    apply_default_css=False,
                    limbs=[list(limb) for limb in render.LIMBS],
                    modules=scripts.entry(),
                )
            with gr.Column(elem_id="right"):
                chat = gr.Chatbot(
                    elem_id="chat",
                    show_label=False,
                    placeholder=GREETING,
                    buttons=["copy"],
                    editable="user",
                    latex_delimiters=[],
                    feedback_options=None,
                )
                chips = gr.HTML(
                    render.chips(SUGGESTIONS),
                    elem_id="chips",
                    js_on_load=(folder / "chips.js").read_text(),
                    apply_default_css=False,
                )
                words = gr.Textbox(
                    elem_id="words",
                    show_label=False,
                    container=False,
                    placeholder="Ask, or name what to find. #3 means region 3.",
                    lines=1,
                    max_lines=5,
                    max_length=2000,
                    submit_btn=True,
                )
                with gr.Row(elem_id="acts"):
                    undo = gr.Button("Undo", size="sm", interactive=False, elem_id="undo")
                    redo = gr.Button("Redo", size="sm", interactive=False, elem_id="redo")
                    clear = gr.Button("Clear", size="sm", elem_id="clear")
                    export = gr.Button("Export", size="sm", elem_classes="right")
                    settings = gr.Button("Options", size="sm")
                    about = gr.Button("About", size="sm")
                with gr.Column(elem_id="export", elem_classes="drawer"):
                    takeaway = gr.HTML(
                        render.taken(None),
                        html_template=(folder / "export.html").read_text(),
                        js_on_load=(folder / "export.js").read_text(),
                        apply_default_css=False,
                    )
                with gr.Column(elem_id="options", elem_classes="drawer"):
                    seed = gr.Number(0, precision=0, minimum=0, label="Seed")
                    temperature = gr.Slider(0, 1.5, 0, step=0.05, label="Temperature (0: the likeliest word)")
                    length = gr.Slider(16, 1024, MAX_NEW_TOKENS, step=16, label="Longest answer, tokens")
                    views = gr.Radio(label="SPHINX looks at", elem_id="views")
                    encoders = gr.CheckboxGroup(
                        label="SPHINX looks through (none: all of them)", elem_id="encoders"
                    )
                    steps = gr.Slider(1, 60, STEPS, step=1, label="Edits: steps")
                    guidance = gr.Slider(
                        0,
                        15,
                        0,
                        step=0.5,
                        label="Edits: how closely to follow the words (0: as suits the model)",
                    )
                    candidates = gr.Slider(1, 4, 1, step=1, label="Edits: paintings to choose from")
                    tries = gr.Slider(
                        1,
                        4,
                        TRIES,
                        step=1,
                        label="Edits: tries until SPHINX sees the wish",
                    )
                    negative = gr.Textbox(label="Edits: what should not be seen")
                with gr.Column(elem_id="about", elem_classes="drawer"):
                    understands = gr.Markdown()

        drawn = [timeline, chat, canvas, undo, redo]
        options = [seed, temperature, length, views, encoders, steps, guidance, candidates, tries, negative]
        light = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        heavy = {
            "concurrency_id": "models",
            "concurrency_limit": 1,
            "show_progress": "hidden",
            "api_visibility": "private",
        }

        export.click(None, js=DRAWER.replace("NAME", "export"), **light)
        settings.click(None, js=DRAWER.replace("NAME", "options"), **light)
        about.click(None, js=DRAWER.replace("NAME", "about"), **light)
        page.load(
            on.welcome,
            None,
            [top, chat, understands, chips, views, encoders],
            concurrency_limit=None,
            show_progress="hidden",
            api_visibility="private",
        )

        # an answer: the question is shown at once, then the models have their turn
        begun = [timeline, asked, chat, words]
        beginnings = [
            words.submit(on.begin, [timeline, words], begun, js=SENT, **light),
            chips.say(on.begin_chip, [timeline], begun, **light),
            chat.retry(on.begin_again, [timeline], begun, **light),
            chat.edit(on.begin_edited, [timeline], begun, **light),
        ]
        answers = [
            event.success(on.answer, [timeline, asked, *options], drawn, **heavy) for event in beginnings
        ]
        for answer in answers:
            answer.then(on.settle, [timeline], [chat, words], **light)
        words.stop(on.stop, [timeline], [*drawn, words], cancels=answers, **light)

        # the picture
        canvas.intake(on.intake, [timeline], drawn, cancels=answers, **heavy).then(
            on.idle, None, [words], **light
        )
        canvas.example(on.example, [timeline], drawn, cancels=answers, **heavy).then(
            on.idle, None, [words], **light
        )
        canvas.point(on.click, [timeline], drawn, trigger_mode="multiple", **heavy)
        canvas.drag_box(on.box, [timeline], drawn, trigger_mode="multiple", **heavy)
        canvas.choose_region(on.select, [timeline], drawn, trigger_mode="multiple", **heavy)
        canvas.choose_mask(on.choose, [timeline], drawn, trigger_mode="multiple", **heavy)
        canvas.choose_painting(on.choose_painting, [timeline], drawn, trigger_mode="multiple", **heavy)
        canvas.remove(on.remove, [timeline], drawn, trigger_mode="multiple", **heavy)
        canvas.stroke(on.stroke, [timeline], drawn, trigger_mode="multiple", **heavy)
        canvas.rename(on.rename, [timeline], drawn, trigger_mode="multiple", **heavy)
        canvas.go_to(on.go_to, [timeline], drawn, trigger_mode="multiple", **heavy)
        canvas.take_back(on.take_back, [timeline], drawn, trigger_mode="multiple", **heavy)

        # the timeline
        changes = (
            (undo.click, on.undo),
            (redo.click, on.redo),
            (clear.click, on.clear),
            (chat.clear, on.forget),
        )
        for event, handler in changes:
            changed = event(handler, [timeline], drawn, cancels=answers, trigger_mode="multiple", **heavy)
            changed.then(on.idle, None, [words], **light)

        takeaway.take(on.take_away, [timeline], [takeaway], **light)

        api.declare(startup, heavy)

    page.queue(max_size=QUEUE, default_concurrency_limit=1)
    return page
