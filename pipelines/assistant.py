"""A picture and words go in, a `Scene` comes out: the assistant understands, runs tasks, presents results.

It serves every visitor and holds no visitor's state. What a request does is said in `pipelines.tasks`, what
is written of it in `pipelines.presenter`, and `pipelines.catalog` decides which classes the models are of.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from pipelines.abilities import ability_said
from pipelines.engine import About, Engine
from pipelines.interfaces import Inpainter, ReplyOptions, Scenes, Segmenter, VisionLanguageModel
from pipelines.language.requests import Look, Request
from pipelines.language.rules import understand as understand_words
from pipelines.pictures import Photo, Pictures
from pipelines.presenter import present
from pipelines.scene import Box, Click, Mask, Picture, Region, Scene, Turn
from pipelines.tasks import pointing
from pipelines.tasks.dispatch import run_task
from pipelines.tasks.regions import need_picture
from pipelines.tasks.results import Status

log = logging.getLogger(__name__)

UNFAMILIAR = (
    "This picture is outside what {model} was trained on, so its words about it are guesses. "
    "Clicks and boxes work: click an object to outline it."
)

Pending = Request | Callable[[Scene], Request]
"""A request, or one that is resolved against the scene when its turn comes ("... and make it blue")."""


@dataclass(frozen=True, slots=True)
class Event:
    """How far a message is served.

    Attributes:
        status: "preview" (a painting on its way is shown), "partial" (an answer that grows), or "final".
        scene: what stays if the message is stopped here; a preview is never part of it.
        step: which request of the message it belongs to, from 0; each is a step of the timeline.
        preview: an unfinished painting, to be shown in place of the scene's picture.
        touched: the regions that are about to change.
        hole: the pixels that may change; no other will.
    """

    status: Status
    scene: Scene
    step: int = 0
    preview: Picture | None = None
    touched: tuple[int, ...] = ()
    hole: Mask | None = None

    @property
    def shown(self) -> Scene:
        """The scene as the visitor sees it now."""
        return replace(self.scene, picture=self.preview) if self.preview else self.scene


Events = Generator[Event, None, None]


class Assistant:
    """Serves every visitor; holds no visitor's state."""

    def __init__(
        self,
        vlm: VisionLanguageModel,
        segmenter: Segmenter,
        inpainter: Inpainter,
        about: About,
        pictures: Pictures | None = None,
    ) -> None:
        self.engine = Engine(vlm, segmenter, inpainter, about, pictures or Pictures())

    @property
    def about(self) -> About:
        """What is known of the loaded models."""
        return self.engine.about

    @property
    def pictures(self) -> Pictures:
        """The store that the scenes' pictures lie in."""
        return self.engine.pictures

    # --- pictures --------------------------------------------------------------------------------------

    def open(self, source: str | Path | bytes | Image.Image | Photo) -> Scene:
        """Return a new scene of a picture, with a notice when the picture is outside the model's world.

        Raises:
            DemoError: it cannot be opened.
        """
        picture = self.pictures.open(source)
        scene = Scene(picture)
        if not self.engine.vlm.in_distribution(self.image(picture), picture.digest):
            scene = scene.with_turn(Turn("notice", UNFAMILIAR.format(model=self.about.model)))
        return scene

    def image(self, picture: Picture) -> Image.Image:
        """Return the pixels: RGB, shared; draw on a copy."""
        return self.pictures.image(picture)

    def path(self, picture: Picture) -> Path:
        """Return a PNG file of the picture."""
        return self.pictures.path(picture)

    @property
    def forward_passes(self) -> int:
        """Calls of the language model since it was loaded."""
        return self.engine.vlm.forward_passes

    # --- pointing --------------------------------------------------------------------------------------

    def click(self, scene: Scene, click: Click, *, region_id: int | None = None) -> Scene:
        """Outline what is clicked: a new region, or one more click for the region `region_id`.

        Raises:
            DemoError: the click is outside the picture, or there is nothing to outline or to take from.
        """
        return pointing.click(self.engine, scene, click, region_id)

    def unclick(self, scene: Scene, region_id: int, index: int) -> Scene:
        """Take one click back; the region goes with its last one, unless it has a box."""
        return pointing.unclick(self.engine, scene, region_id, index)

    def box(self, scene: Scene, box: Box) -> Scene:
        """Outline what a dragged box holds: a new region.

        Raises:
            DemoError: the box holds nothing of the picture.
        """
        return pointing.outline_box(self.engine, scene, box)

    def select(self, scene: Scene, region_id: int | None) -> Scene:
        """Make a region the one that "it" stands for; None for none."""
        return pointing.select(scene, region_id)

    def choose(self, scene: Scene, region_id: int, candidate: int) -> Scene:
        """Take another of the masks that were offered for a region."""
        return pointing.choose_mask(scene, region_id, candidate)

    def choose_painting(self, scene: Scene, picture: Picture) -> Scene:
        """Take another of the paintings that an edit offered; the regions stay as they are."""
        return pointing.choose_painting(scene, picture)

    def outline(self, scene: Scene, region: Region) -> Region:
        """Return the region with its mask, from its clicks and box; see `Engine.outline`."""
        return self.engine.outline(need_picture(scene), region)

    # --- words -----------------------------------------------------------------------------------------

    def understand(self, scene: Scene, words: str) -> tuple[Pending, ...]:
        """Tell what a message asks for, in the order in which it is to be carried out."""
        if ability := ability_said(words):
            name: Any = ability.name  # a new ability is not among the names that the language knows
            return (Look(name),)
        return (understand_words(words, scene),)

    def run(
        self,
        scene: Scene,
        requests: Pending | Sequence[Pending],
        *,
        options: ReplyOptions | None = None,
        said: str | None = None,
    ) -> Events:
        """Carry out requests, one after the other; the first that fails stops the rest.

        Args:
            said: the visitor's words, which become a turn of their own; None where there were none.
        Yields:
            Events that grow; each request ends with a final one. Closing the iterator cancels at once.
        Raises:
            DemoError: a request cannot be served, with the reason and what would work. What was done before
                stays as the last event said it.
        """
        options = options or ReplyOptions()
        if said is not None:
            scene = scene.with_turn(Turn("user", said))
            yield Event("partial", scene)
        for step, pending in enumerate(requests if isinstance(requests, Sequence) else (requests,)):
            request = pending(scene) if callable(pending) else pending
            with closing(self._run_one(scene, request, options, step)) as events:
                for event in events:
                    yield event
                    scene = event.scene

    def _run_one(self, scene: Scene, request: Request, options: ReplyOptions, step: int) -> Events:
        """Carry out one request on a scene: each result is presented on the turns that were there before."""
        started = time.monotonic()
        with closing(run_task(self.engine, scene, request, options)) as results:
            for result in results:
                if result.status == "final":
                    seconds = time.monotonic() - started
                    result = replace(result, record=replace(result.record, seconds=round(seconds, 3)))
                    log.info(
                        "%s: %.2f s, %d regions", type(request).__name__, seconds, len(result.scene.regions)
                    )
                shown = present(scene, result, self.about)
                yield Event(result.status, shown, step, result.preview, result.touched, result.hole)

    def respond(self, scene: Scene, words: str, *, options: ReplyOptions | None = None) -> Events:
        """Understand a message and carry out what it asks for; events as those of `run`."""
        yield from self.run(scene, self.understand(scene, words), options=options, said=words.strip())

    def reply(self, scene: Scene, words: str, *, options: ReplyOptions | None = None) -> Scenes:
        """Serve a message: scenes as the visitor sees them, the last one whole.

        The answer's turn is `unfinished` in all but the last. Closing the iterator cancels at once.

        Raises:
            DemoError: the request cannot be served, with the reason and what would work.
        """
        with closing(self.respond(scene, words, options=options)) as events:
            for event in events:
                yield event.shown

    def answer(
        self,
        scene: Scene,
        message: str | Pending | Sequence[Pending],
        *,
        options: ReplyOptions | None = None,
    ) -> Scene:
        """Return the scene after words, a request, or several requests: for who does not want to watch."""
        if isinstance(message, str):
            events = self.respond(scene, message, options=options)
        else:
            events = self.run(scene, message, options=options)
        for event in events:
            scene = event.scene
        return scene
