"""The named endpoints for scripts and agents: /ask, /outline, /describe, /pose, /edit; the same as MCP tools.

Each call stands for itself: a picture comes in, an answer with everything that was found goes out, nothing is
kept of it. Coordinates are pixels of the given picture after EXIF rotation, origin top left, x to the right.
Every answer is an object of the one schema `app.schema.ANSWER`. Only /ask and /edit take free words; the
others say what they want as a request.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.api_component import Api

from app.events import as_gradio_error
from app.schema import ANSWER, NUMBERS, answer
from app.startup import Startup
from pipelines.abilities import help_lines
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.language.requests import (
    Background,
    CutOut,
    Describe,
    Edit,
    Everything,
    Extend,
    Look,
    Move,
    Obscure,
    Pose,
    Request,
    Resize,
    Target,
)
from pipelines.scene import Box, Click, Point, Scene

CHANGES = (Edit, Background, CutOut, Obscure, Extend, Move, Resize)
"""Requests that give another picture: /edit takes these and no others, /ask takes all but these."""
EVERYTHING = ("everything", "all", "all things", "all objects")  # phrases that mean no one thing
_BOX = {**NUMBERS, "minItems": 4, "maxItems": 4}
_CLICKS = {"type": "array", "items": {**NUMBERS, "minItems": 2, "maxItems": 3}}


class Endpoints:
    """The functions behind the endpoints. Their docstrings are the documentation that agents read."""

    def __init__(self, startup: Startup) -> None:
        self._startup = startup

    def ask(self, picture: str | None, words: str, seed: float = 0) -> dict[str, Any]:
        """Say anything about a picture: ask, find, segment, read, count. What is named comes with its place.

        Args:
            picture: the picture to talk about; may be left out to just chat.
            words: the message, such as "what is the person doing?" or "segment the red ball".
            seed: of the random numbers, where there are any.
        """
        with as_gradio_error(str):
            scene = self._opened(picture, needed=False)
            understood = self._startup.assistant().understand(scene, words)
            if any(isinstance(request, CHANGES) for request in understood.requests):
                raise DemoError(f"“{words.strip()}” asks for a change of the picture: call /edit with it.")
            return self._answered(scene, words, ReplyOptions(seed=int(seed)))

    def outline(
        self, picture: str, phrase: str = "", clicks: list[Any] | None = None, box: list[Any] | None = None
    ) -> dict[str, Any]:
        """Outline a thing: its mask, from a phrase, from clicks, from a box, or from clicks in a box.

        Args:
            picture: the picture it is on.
            phrase: what to outline, such as "the red ball"; empty where clicks or a box say it.
            clicks: pixels as [x, y], or [x, y, 0] for one that does not belong to it.
            box: x1, y1, x2, y2 in pixels.
        """
        began = time.monotonic()
        with as_gradio_error(str):
            scene = self._opened(picture)
            points = [_click(click) for click in clicks or ()]
            if phrase.strip() and not points and not box:
                if phrase.strip().lower() in EVERYTHING:
                    return self._answered(scene, Everything())
                return self._answered(scene, f"segment {phrase.strip()}")
            if not points and not box:
                raise DemoError("There is nothing to outline: give a phrase, clicks, or a box.")
            assistant = self._startup.assistant()
            if box:
                scene = assistant.box(scene, _box(box))
            for click in points:
                scene = assistant.click(scene, click, region_id=scene.selected)
            return answer(assistant, scene, time.monotonic() - began)

    def describe(self, picture: str, box: list[Any] | None = None, detail: bool = False) -> dict[str, Any]:
        """Describe a picture with the place of everything named; or one region of it.

        Args:
            picture: the picture.
            box: x1, y1, x2, y2 in pixels of the region to describe; left out for the whole picture.
            detail: a long description instead of one with places.
        """
        with as_gradio_error(str):
            scene = self._opened(picture)
            if box:
                scene = self._startup.assistant().box(scene, _box(box))
                assert scene.selected is not None
                return self._answered(scene, Describe(Target(region_ids=(scene.selected,))))
            return self._answered(scene, Look("detail" if detail else "grounded_caption"))

    def pose(self, picture: str) -> dict[str, Any]:
        """Find every person and their 17 COCO joints.

        Args:
            picture: the picture they are on.
        """
        with as_gradio_error(str):
            return self._answered(self._opened(picture), Pose(Target(phrase="person", every=True)))

    def edit(
        self,
        picture: str,
        wish: str,
        seed: float = 0,
        steps: float = 20,
        guidance: float = 0,
        negative: str = "",
    ) -> dict[str, Any]:
        """Change a picture: remove, replace, recolour, move or cut out a thing, or change the background.

        Args:
            picture: the picture to change.
            wish: such as "remove the red ball", "replace the cup with a blue star", "make the ball green".
            seed: of the random numbers.
            steps: of the painting.
            guidance: how closely the painting follows the words; 0 is what suits the inpainter.
            negative: what should not be seen.
        """
        with as_gradio_error(str):
            scene = self._opened(picture)
            requests = self._startup.assistant().understand(scene, wish).requests
            if not any(isinstance(request, CHANGES) for request in requests):
                raise DemoError(
                    f"“{wish.strip()}” is no edit: say what is to change, such as “remove the red ball”, "
                    "“make the ball green” or “replace the cup with a blue star”."
                )
            options = ReplyOptions(
                seed=int(seed), steps=int(steps), guidance=float(guidance) or None, negative=negative
            )
            return self._answered(scene, wish, options)

    def _opened(self, picture: str | None, *, needed: bool = True) -> Scene:
        if picture is None:
            if needed:
                raise DemoError("There is no picture: give one.")
            return Scene()
        return self._startup.assistant().open(Path(picture))

    def _answered(
        self,
        scene: Scene,
        message: str | Request,
        options: ReplyOptions | None = None,
    ) -> dict[str, Any]:
        began = time.monotonic()
        assistant = self._startup.assistant()
        last = assistant.answer(scene, message, options=options)
        return answer(assistant, last, time.monotonic() - began, given=scene.picture)


def _click(numbers: Any) -> Click:
    if not isinstance(numbers, list) or len(numbers) not in (2, 3) or not _finite(numbers):
        raise DemoError("A click is [x, y] in pixels, or [x, y, 0] for one that does not belong.")
    return Click(Point(numbers[0], numbers[1]), len(numbers) == 2 or bool(numbers[2]))


def _box(numbers: Any) -> Box:
    if not isinstance(numbers, list) or len(numbers) != 4 or not _finite(numbers):
        raise DemoError("A box is [x1, y1, x2, y2] in pixels.")
    return Box(*numbers)


def _finite(numbers: list[Any]) -> bool:
    return all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)


def with_examples(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function, documented with what can be said to it: the registry of abilities."""

    @wraps(fn)
    def call(*given: Any, **named: Any) -> Any:
        return fn(*given, **named)

    summary, _, rest = (fn.__doc__ or "").partition("\n\n")
    call.__doc__ = f"{summary} It can do this. {'; '.join(help_lines())}.\n\n{rest}"
    return call


def declare(startup: Startup, events: dict[str, Any]) -> None:
    """Declare the endpoints inside a `gr.Blocks`. `events`: the queue's settings for what touches a model."""
    on = Endpoints(startup)

    def picture() -> gr.Image:
        return gr.Image(type="filepath", image_mode=None, label="picture", visible=False)

    def endpoint(fn: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
        gr.Button(visible=False).click(
            fn, inputs, outputs, api_name=fn.__name__, **{**events, "api_visibility": "public"}
        )

    with gr.Row(visible=False):
        seed = gr.Number(0, label="seed", precision=0)
        box = Api(None, _BOX, "box")
        said = Api(None, ANSWER, "answer")
        endpoint(with_examples(on.ask), [picture(), gr.Textbox(label="words"), seed], [said])
        endpoint(
            on.outline,
            [picture(), gr.Textbox("", label="phrase"), Api(None, _CLICKS, "clicks"), box],
            [said],
        )
        endpoint(on.describe, [picture(), box, gr.Checkbox(False, label="detail")], [said])
        endpoint(on.pose, [picture()], [said])
        endpoint(
            on.edit,
            [
                picture(),
                gr.Textbox(label="wish"),
                seed,
                gr.Number(20, label="steps", precision=0),
                gr.Number(0, label="guidance"),
                gr.Textbox("", label="negative"),
            ],
            [said],
        )
