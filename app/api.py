"""The named endpoints for scripts and agents: /ask, /outline, /describe, /pose, /edit; the same as MCP tools.

Each call stands for itself: a picture comes in, an answer with everything that was found goes out, nothing is
kept of it. Coordinates are pixels of the given picture after EXIF rotation, origin top left, x to the right.
Every answer is an object of the one schema ANSWER.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr
from gradio.components.api_component import Api
from gradio.processing_utils import add_root_url
from mcp import types

from app.handlers import explained
from app.render import served
from app.startup import Startup
from pipelines.assistant import Assistant, ReplyOptions
from pipelines.errors import DemoError
from pipelines.export import region_json
from pipelines.scene import Box, Click, Picture, Point, Scene

_NUMBERS = {"type": "array", "items": {"type": "integer"}}
_WORDS = {"type": "string"}


def _or_null(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "description": description}


_REGION = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "description": "what a message may call #3"},
        "label": _WORDS,
        "box": {**_NUMBERS, "description": "x1, y1, x2, y2 in pixels; x2 and y2 are exclusive"},
        "mask": _or_null(
            {
                "type": "object",
                "properties": {"size": _NUMBERS, "counts": _WORDS},
                "required": ["size", "counts"],
            },
            "COCO run lengths: size is [H, W], counts are compressed",
        ),
        "keypoints": _or_null({"type": "array", "items": _NUMBERS}, "17 COCO joints [x, y, visible]"),
        "score": _or_null({"type": "number"}, "SAM's predicted IoU, 0 to 1"),
        "note": _or_null(_WORDS, "what was mended"),
    },
    "required": ["id", "label", "box", "mask", "keypoints", "score", "note"],
}
ANSWER = {
    "type": "object",
    "properties": {
        "model": _WORDS,
        "text": {**_WORDS, "description": "the answer, as a visitor reads it"},
        "raw": {**_WORDS, "description": "SPHINX's own reply"},
        "table": _or_null(
            {"type": "array", "items": {"type": "array", "items": _WORDS}}, "a chart's rows, header first"
        ),
        "regions": {"type": "array", "items": _REGION},
        "picture": _or_null(
            {"type": "object", "properties": {"url": _WORDS}, "required": ["url"]},
            "the edited picture, a file at its address",
        ),
        "notices": {"type": "array", "items": _WORDS},
        "seconds": {"type": "number"},
    },
    "required": ["model", "text", "raw", "table", "regions", "picture", "notices", "seconds"],
}
"""JSON schema of what every endpoint gives back."""
_BOX = {**_NUMBERS, "minItems": 4, "maxItems": 4}
_CLICKS = {"type": "array", "items": {**_NUMBERS, "minItems": 2, "maxItems": 3}}


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
        with explained(str):
            return self._said(self._opened(picture, needed=False), words, seed)

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
        with explained(str):
            scene = self._opened(picture)
            points = [_click(click) for click in clicks or ()]
            if phrase.strip() and not points and not box:
                return self._said(scene, f"segment {phrase.strip()}")
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
        with explained(str):
            scene = self._opened(picture)
            if box:
                scene = self._startup.assistant().box(scene, _box(box))
                return self._said(scene, f"what is #{scene.selected}?")
            how = "in detail" if detail else "with boxes"
            return self._said(scene, f"describe the picture {how}")

    def pose(self, picture: str) -> dict[str, Any]:
        """Find every person and their 17 COCO joints.

        Args:
            picture: the picture they are on.
        """
        with explained(str):
            return self._said(self._opened(picture), "show the pose of everyone")

    def edit(
        self,
        picture: str,
        wish: str,
        seed: float = 0,
        steps: float = 20,
        guidance: float = 0,
        negative: str = "",
    ) -> dict[str, Any]:
        """Change a picture: remove, replace or recolour a thing, or change the background.

        Args:
            picture: the picture to change.
            wish: such as "remove the red ball", "replace the cup with a blue star", "make the ball green".
            seed: of the random numbers.
            steps: of the painting.
            guidance: how closely the painting follows the words; 0 is what suits the inpainter.
            negative: what should not be seen.
        """
        with explained(str):
            dials = {"steps": int(steps), "guidance": float(guidance) or None, "negative": negative}
            return self._said(self._opened(picture), wish, seed, dials)

    def _opened(self, picture: str | None, *, needed: bool = True) -> Scene:
        if picture is None:
            if needed:
                raise DemoError("There is no picture: give one.")
            return Scene()
        return self._startup.assistant().open(Path(picture))

    def _said(
        self, scene: Scene, words: str, seed: float = 0, dials: Mapping[str, Any] = MappingProxyType({})
    ) -> dict[str, Any]:
        began = time.monotonic()
        assistant = self._startup.assistant()
        last = assistant.answer(scene, words, options=ReplyOptions(seed=int(seed), **dials))
        return answer(assistant, last, time.monotonic() - began, given=scene.picture)


def answer(
    assistant: Assistant, scene: Scene, seconds: float, *, given: Picture | None = None
) -> dict[str, Any]:
    """A scene as ANSWER says: the last reply and all that was found. `given`: the picture before any edit."""
    edited = scene.picture if given and scene.picture != given else None
    said = next((turn for turn in reversed(scene.turns) if turn.role == "assistant"), None)
    return {
        "model": assistant.about.model,
        "text": said.text if said else "",
        "raw": said.raw if said else "",
        "table": [list(row) for row in said.table] if said and said.table else None,
        "regions": [region_json(region, scene) for region in scene.regions],
        "picture": served(assistant.path(edited)) if edited else None,
        "notices": [turn.text for turn in scene.turns if turn.role == "notice"],
        "seconds": round(seconds, 3),
    }


def _click(numbers: Any) -> Click:
    if not isinstance(numbers, list) or len(numbers) not in (2, 3) or not _whole(numbers):
        raise DemoError("A click is [x, y] in pixels, or [x, y, 0] for one that does not belong.")
    return Click(Point(int(numbers[0]), int(numbers[1])), len(numbers) == 2 or bool(numbers[2]))


def _box(numbers: Any) -> Box:
    if not isinstance(numbers, list) or len(numbers) != 4 or not _whole(numbers):
        raise DemoError("A box is [x1, y1, x2, y2] in pixels.")
    return Box(*(int(number) for number in numbers))


def _whole(numbers: list[Any]) -> bool:
    return all(isinstance(number, int | float) and abs(number) < 1e6 for number in numbers)


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
        endpoint(on.ask, [picture(), gr.Textbox(label="words"), seed], [said])
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


def answer_in_json(page: gr.Blocks) -> None:
    """Have the MCP tools of a served page give ANSWER as JSON, and say so in their schema.

    Left alone, Gradio writes an object to MCP as Python does, and does not say what a tool gives back.
    """
    tools: Any = page.mcp_server_obj
    handlers = tools.mcp_server.request_handlers
    listed, called = handlers[types.ListToolsRequest], handlers[types.CallToolRequest]

    def written(data: Any, root_url: str) -> list[types.TextContent]:
        return [
            types.TextContent(type="text", text=json.dumps(output, ensure_ascii=False))
            for output in add_root_url(data, root_url, None)
        ]

    async def tell(request: types.ListToolsRequest) -> types.ServerResult:
        result = await listed(request)
        for tool in result.root.tools:
            tool.outputSchema = ANSWER
        return result

    async def call(request: types.CallToolRequest) -> types.ServerResult:
        result = await called(request)
        if not result.root.isError:
            result.root.structuredContent = json.loads(result.root.content[0].text)
        return result

    tools.postprocess_output_data = written
    handlers[types.ListToolsRequest], handlers[types.CallToolRequest] = tell, call
