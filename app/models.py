"""The state of the models in the open: what is loaded, what it holds, what is on its way, what would fit.

The panel lies in the About drawer. A page asks the server for `models` now and then (`canvas/models.js`), so
that a checkpoint which one visitor went over to is known on all pages. Loading is `app.startup`'s business.
"""

from __future__ import annotations

import html
from importlib.resources import files
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app import scripts
from app.events import as_gradio_error, data
from app.startup import Startup
from app.words import ENGLISH, language_of, said, spoken
from pipelines.choices import Choice, memory
from pipelines.engine import About

_STARTUPS: WeakKeyDictionary[gr.Blocks, Startup] = WeakKeyDictionary()


def state(startup: Startup, language: str = ENGLISH) -> dict[str, Any]:
    """Return what every page may know at any time: what is on its way, and how far it has come."""
    stage = startup.stage
    return {
        "generation": startup.generation,
        "loading": said(str(stage), language) if stage else "",
        "share": stage.share if stage else None,
        "seconds": round(startup.seconds) if stage else 0,
        "refused": said(startup.refusal, language),
    }


def value(startup: Startup, language: str = ENGLISH) -> dict[str, Any]:
    """Return what the panel shows. Waits for the models."""
    engine = startup.assistant().engine
    about, now = engine.about, memory(engine.about.device)
    return {
        **state(startup, language),
        "loaded": [about.model, engine.segmenter.name, engine.inpainter.name],
        "device": about.device,
        "held": _gigabytes(now.held),
        "left": "" if now.left is None else _gigabytes(now.left),
        "choices": [_row(choice, about, language) for choice in startup.others.choices()]
        if startup.others
        else [],
    }


def _row(choice: Choice, about: About, language: str) -> dict[str, Any]:
    return {
        "name": choice.name,
        "says": said(choice.says, language),
        "needs": _gigabytes(choice.needs),
        "download": _gigabytes(choice.download) if choice.download else "",
        "refused": said(choice.refused, language),
        "here": choice.name == about.model,
    }


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"


class Models:
    """The panel. Make it inside a `gr.Blocks`, where it is to stand."""

    def __init__(self, startup: Startup) -> None:
        self._startup = startup
        self.panel: Any = gr.HTML(
            {"loaded": [], "choices": [], **state(startup)},
            elem_id="models",
            html_template='<div class="models"></div>',
            js_on_load=(files("app") / "canvas" / "models.js").read_text(),
            apply_default_css=False,
            modules=scripts.entry(),
        )

    def wire(self, page: gr.Blocks, told: Any, shown: list[Any], events: dict[str, Any]) -> None:
        """Say what the panel's events call.

        Args:
            page: the whole page, not launched yet.
            told: what tells of the loaded models, for when another checkpoint took over.
            shown: its outputs.
            events: settings of events that are served at once.
        """
        _STARTUPS[page] = self._startup
        self.panel.look(self.look, None, [self.panel], **events)
        self.panel.switch(self.switch, None, [self.panel], **events)
        self.panel.changed(told, None, shown, **events).then(self.look, None, [self.panel], **events)

    def look(self) -> dict[str, Any]:
        """The drawer was opened, or something has changed."""
        with as_gradio_error():
            return value(self._startup, spoken())

    def switch(self, event: gr.EventData) -> dict[str, Any]:
        """Another checkpoint was chosen: it is loaded, and takes over when it is there."""
        with as_gradio_error():
            if not self._startup.exchange(str(data(event).get("name"))):
                stage = self._startup.stage or "A checkpoint is on its way"
                gr.Info(html.escape(said(f"{stage}: wait until it is there.", spoken())))
            return value(self._startup, spoken())


def route(page: gr.Blocks) -> Route:
    """Return the route at which pages ask for `state`."""
    startup = _STARTUPS[page]

    async def tell(request: Request) -> JSONResponse:
        return JSONResponse(state(startup, language_of(request)), headers={"Cache-Control": "no-store"})

    return Route("/models", tell)
