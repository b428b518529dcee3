"""The named endpoints for scripts and agents: /ask, /outline, /describe, /pose, /edit; the same as MCP tools.

Each call is independent: it takes a picture, returns everything that was found, and keeps nothing. To
continue, a caller passes the answer's picture and regions to the next call. Coordinates are pixels of the
given picture after EXIF rotation, with the origin at the top left and x to the right. Every answer follows
one schema, `app.schema.ANSWER`. Only /ask and /edit take free words; the others build a request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.api_component import Api

from app import arguments
from app.actions import validate_message
from app.limits import Limits
from app.refusals import abandoned, picture_file
from app.schema import ANSWER, NUMBERS, answer
from app.startup import Startup
from pipelines.abilities import help_lines
from pipelines.errors import DemoError, TooMuch
from pipelines.export.given import given_regions, with_regions
from pipelines.interfaces import ReplyOptions
from pipelines.language.requests import (
    Background,
    CutOut,
    Describe,
    Edit,
    Everything,
    Extend,
    Move,
    Obscure,
    Outline,
    Pose,
    Request,
    Resize,
    Target,
    WholePicture,
)
from pipelines.masks import read_mask, requests_on_mask, with_mask
from pipelines.scene import Mask, Scene

CHANGES = (Edit, Background, CutOut, Obscure, Extend, Move, Resize)
"""Requests that give another picture: /edit takes these and no others, /ask takes all but these."""
EVERYTHING = ("everything", "all", "all things", "all objects")  # phrases that mean no one thing
_BOX = {**NUMBERS, "minItems": 4, "maxItems": 4}
_REGIONS: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
_CLICKS = {"type": "array", "items": {**NUMBERS, "minItems": 2, "maxItems": 3}}
_WORDS, _WHOLE, _NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}


class Endpoints:
    """The functions behind the endpoints. Their docstrings are the documentation that agents read.

    Arguments are checked by `app.arguments`. A refusal is a DemoError, which `app.refusals` passes on.
    """

    def __init__(self, startup: Startup, limits: Limits) -> None:
        self._startup = startup
        self._limits = limits

    def ask(
        self,
        picture: str | None = None,
        words: str = "",
        seed: int = 0,
        mask: str | None = None,
        regions: list[Any] | None = None,
    ) -> dict[str, Any]:
        """Say anything about a picture: ask, find, segment, read, count. What is named comes with its place.

        Args:
            picture: the picture to talk about; may be left out to just chat.
            words: the message, such as "what is the person doing?" or "segment the red ball".
            seed: of the random numbers, where there are any.
            mask: a picture of the same shape, white where the thing is that "it" stands for.
            regions: what an earlier answer gave, so that a message may say #1 or "it".
        """
        given = arguments.check(arguments.Ask, words=words, seed=seed, regions=regions)
        scene = self._opened(picture, mask, given.regions, needed=False)
        understood = self._startup.assistant().understand(scene, given.words)
        if any(isinstance(request, CHANGES) for request in understood.requests):
            raise DemoError(f"“{given.words.strip()}” asks for a change of the picture: call /edit with it.")
        return self._answered(scene, given.words, ReplyOptions(seed=given.seed))

    def outline(
        self,
        picture: str,
        phrase: str = "",
        clicks: list[Any] | None = None,
        box: list[Any] | None = None,
        mask: str | None = None,
        regions: list[Any] | None = None,
    ) -> dict[str, Any]:
        """Outline a thing: its mask, from a phrase, from clicks, from a box, or from clicks in a box.

        Args:
            picture: the picture it is on.
            phrase: what to outline, such as "the red ball"; empty where clicks or a box say it.
            clicks: pixels as [x, y], or [x, y, 0] for one that does not belong to it.
            box: x1, y1, x2, y2 in pixels.
            mask: a picture of the same shape, white where the thing is; clicks then mend it.
            regions: what an earlier answer gave. Those without a mask get one where nothing else is said;
                clicks mend a single one.
        """
        began = time.monotonic()
        given = arguments.check(arguments.Outline, phrase=phrase, clicks=clicks, box=box, regions=regions)
        said, points, dragged = given.phrase.strip(), given.points(), given.dragged()
        if len(points) > self._limits.clicks:
            raise TooMuch(f"One call takes {self._limits.clicks} clicks at most, and {len(points)} came.")
        if not said and not points and not dragged and not mask and not given.regions:
            raise DemoError("There is nothing to outline: give a phrase, clicks, or a box.")
        scene = self._opened(picture, mask, given.regions)
        if not said and not points and not dragged:
            bare = tuple(region.id for region in scene.regions if not region.mask)
            if bare:
                return self._answered(scene, Outline(Target(region_ids=bare)))
            return answer(self._startup.assistant(), scene, time.monotonic() - began)
        if not points and not dragged:
            if said.lower() in EVERYTHING:
                return self._answered(scene, Everything())
            return self._answered(scene, f"segment {said}")
        assistant = self._startup.assistant()
        if dragged:
            scene = assistant.box(scene, dragged)
        for click in points:
            _go_on()
            scene = assistant.click(scene, click, region_id=scene.selected)
        return answer(assistant, scene, time.monotonic() - began)

    def describe(
        self,
        picture: str,
        box: list[Any] | None = None,
        detail: bool = False,
        mask: str | None = None,
        regions: list[Any] | None = None,
    ) -> dict[str, Any]:
        """Describe a picture with the place of everything named; or one region of it.

        Args:
            picture: the picture.
            box: x1, y1, x2, y2 in pixels of the region to describe; left out for the whole picture.
            detail: a long description instead of one with places.
            mask: a picture of the same shape, white where the thing is that is to be described.
            regions: what an earlier answer gave: each of them is described.
        """
        given = arguments.check(arguments.Describe, box=box, detail=detail, regions=regions)
        scene = self._opened(picture, mask, given.regions)
        if dragged := given.dragged():
            scene = self._startup.assistant().box(scene, dragged)
            assert scene.selected is not None
            return self._answered(scene, Describe(Target(region_ids=(scene.selected,))))
        if scene.regions:
            return self._answered(scene, [Describe(Target(region_ids=(one.id,))) for one in scene.regions])
        return self._answered(scene, WholePicture("detail" if given.detail else "grounded_caption"))

    def pose(self, picture: str) -> dict[str, Any]:
        """Find every person and their 17 COCO joints.

        Args:
            picture: the picture they are on.
        """
        return self._answered(self._opened(picture), Pose(Target(phrase="person", every=True)))

    def edit(
        self,
        picture: str,
        wish: str,
        seed: int = 0,
        steps: int = 20,
        guidance: float = 0,
        negative: str = "",
        mask: str | None = None,
        regions: list[Any] | None = None,
    ) -> dict[str, Any]:
        """Change a picture: remove, replace, recolour, move or cut out a thing, or change the background.

        Args:
            picture: the picture to change.
            wish: such as "remove the red ball", "replace the cup with a blue star", "make the ball green".
            seed: of the random numbers.
            steps: of the painting.
            guidance: how closely the painting follows the words; 0 is what suits the inpainter.
            negative: what should not be seen.
            mask: a picture of the same shape, white where it is to change; the wish says how.
            regions: what an earlier answer gave, so that the wish may say #1 or "it".
        """
        given = arguments.check(
            arguments.Edit,
            wish=wish,
            seed=seed,
            steps=steps,
            guidance=guidance,
            negative=negative,
            regions=regions,
        )
        scene = self._opened(picture, mask, given.regions)
        if mask:
            requests = requests_on_mask(scene, given.wish)
        else:
            requests = self._startup.assistant().understand(scene, given.wish).requests
        if not any(isinstance(request, CHANGES) for request in requests):
            raise DemoError(
                f"“{given.wish.strip()}” is no edit: say what is to change, such as “remove the red ball”, "
                "“make the ball green” or “replace the cup with a blue star”."
            )
        options = ReplyOptions(
            seed=given.seed, steps=given.steps, guidance=given.guidance or None, negative=given.negative
        )
        return self._answered(scene, requests if mask else given.wish, options)

    def _opened(
        self,
        picture: str | None,
        mask: str | None = None,
        regions: Sequence[Any] = (),
        *,
        needed: bool = True,
    ) -> Scene:
        """Return the picture's scene with the regions that were given; what "it" stands for is selected."""
        if picture is None:
            if needed or mask or regions:
                raise DemoError("There is no picture: give one.")
            return Scene()
        scene = self._startup.assistant().open(Path(picture))
        assert scene.picture
        size_wh = scene.picture.size_wh
        scene = with_regions(scene, given_regions(list(regions), size_wh))
        return with_mask(scene, read_mask(Path(mask), size_wh)) if mask else scene

    def _answered(
        self,
        scene: Scene,
        message: str | Request | Sequence[Request],
        options: ReplyOptions | None = None,
    ) -> dict[str, Any]:
        """Serve a message or a request to its end, or as far as the caller waits for it."""
        began, given = time.monotonic(), scene.picture
        assistant = self._startup.assistant()
        if isinstance(message, str):
            events = assistant.respond(scene, validate_message(message), options=options)
        else:
            events = assistant.run(scene, message, options=options)
        holes: dict[Mask, None] = {}
        with closing(events):
            for event in events:
                _go_on()
                scene = event.scene
                holes |= {event.hole: None} if event.hole else {}
        return answer(assistant, scene, time.monotonic() - began, given=given, holes=list(holes))


def _go_on() -> None:
    """Stop the work if the caller has left. Raises TooMuch, which nobody will read."""
    if abandoned():
        raise TooMuch("Who made this call has left.")


def with_examples(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with the registry's example messages added to its docstring."""

    @wraps(fn)
    def call(*given: Any, **named: Any) -> Any:
        return fn(*given, **named)

    summary, _, rest = (fn.__doc__ or "").partition("\n\n")
    call.__doc__ = f"{summary} It can do this. {'; '.join(help_lines())}.\n\n{rest}"
    return call


def declare(startup: Startup, events: dict[str, Any], limits: Limits) -> None:
    """Declare the endpoints inside a `gr.Blocks`. `events`: the queue's settings for what touches a model."""
    on = Endpoints(startup, limits)

    def endpoint(fn: Callable[..., Any], *inputs: Any) -> None:
        gr.Button(visible=False).click(
            fn,
            [picture_file(), *inputs],
            [said],
            api_name=fn.__name__,
            **{**events, "api_visibility": "public"},
        )

    with gr.Row(visible=False):
        # All are plain values but for the picture; `app.arguments` alone checks them.
        seed = Api(0, _WHOLE, "seed")
        box = Api(None, _BOX, "box")
        regions = Api(None, _REGIONS, "regions")
        said = Api(None, ANSWER, "answer")
        endpoint(with_examples(on.ask), Api(None, _WORDS, "words"), seed, picture_file("mask"), regions)
        endpoint(
            on.outline,
            Api("", _WORDS, "phrase"),
            Api(None, _CLICKS, "clicks"),
            box,
            picture_file("mask"),
            regions,
        )
        detail = Api(False, {"type": "boolean"}, "detail")
        endpoint(on.describe, box, detail, picture_file("mask"), regions)
        endpoint(on.pose)
        endpoint(
            on.edit,
            Api(None, _WORDS, "wish"),
            seed,
            Api(20, _WHOLE, "steps"),
            Api(0, _NUMBER, "guidance"),
            Api("", _WORDS, "negative"),
            picture_file("mask"),
            regions,
        )
