"""A picture and words go in, a `Scene` comes out: the assistant understands, runs tasks, presents results.

It serves every visitor and holds no visitor's state. What a request does is said in `pipelines.tasks`, what
is written of it in `pipelines.presenter`, and `pipelines.catalog` decides which classes the models are of.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from pipelines.abilities import ability_said
from pipelines.conversation import whole_picture_phrases
from pipelines.engine import About, Engine
from pipelines.errors import DemoError, explain_shortage
from pipelines.interfaces import Inpainter, ReplyOptions, Scenes, Segmenter, VisionLanguageModel
from pipelines.language import requests as req
from pipelines.language import resolve
from pipelines.language import understand as understand_words
from pipelines.language.requests import (
    Help,
    Redo,
    Request,
    SmallTalk,
    Suggestion,
    Target,
    Understanding,
    Undo,
    WholePicture,
)
from pipelines.language.suggestions import suggest_without_words
from pipelines.pictures import Photo, Pictures
from pipelines.presenter import present
from pipelines.scene import Box, Click, Mask, Picture, Region, Scene, Turn, told
from pipelines.sentences import Sentence, sentence
from pipelines.tasks import pointing
from pipelines.tasks.dispatch import run_task
from pipelines.tasks.regions import need_picture
from pipelines.tasks.results import Reply, Status, TaskResult

log = logging.getLogger(__name__)

UNFAMILIAR = (
    "This picture is outside what {model} was trained on, so its words about it are guesses. "
    "Clicks and boxes work: click an object to outline it."
)

GUESS = ("guess", "the model knows pictures of this kind little or not at all")
"""The detail in the record of an answer that rests on the model's words about such a picture."""
CONTENT = ("thanks", "praise", "bye")  # small talk of a visitor who wants nothing more
NOTHING_TO_TAKE_BACK = "There is no step to take back here: undo and redo work on the page."


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
        moved: the visit goes a step back or forward, which its timeline's owner does; `rest` are the requests
            that are to be run on the scene that it then has.
    """

    status: Status
    scene: Scene
    step: int = 0
    preview: Picture | None = None
    touched: tuple[int, ...] = ()
    hole: Mask | None = None
    moved: Literal["undo", "redo"] | None = None
    rest: tuple[Request, ...] = ()

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

    def with_vlm(self, vlm: VisionLanguageModel, about: About) -> Assistant:
        """Return an assistant with another SPHINX, and the same other models, line and pictures."""
        other = Assistant(vlm, self.engine.segmenter, self.engine.inpainter, about, self.pictures)
        other.engine = replace(other.engine, painting=self.engine.painting)
        return other

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
        """Return a new scene of a picture, with a notice where the model is not at home.

        That is outside of what it was trained on, and on photographs, of which a small one knows little.

        Raises:
            DemoError: it cannot be opened.
        """
        picture = self.pictures.open(source)
        scene = Scene(picture)
        if not self.engine.vlm.in_distribution(self.image(picture), picture.digest):
            offered = tuple(one.words for one in suggest_without_words(scene))
            said = UNFAMILIAR.format(model=self.about.model)
            scene = scene.with_turn(Turn("notice", said, suggestions=offered))
        elif self.about.photographs and not self.engine.is_drawn(picture):
            scene = scene.with_turn(Turn("notice", self.about.photographs))
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

    def understand(self, scene: Scene, words: str) -> Understanding:
        """Tell what a message asks for, in order, and what was mended."""
        if ability := ability_said(words):
            name: Any = ability.name  # a new ability is not among the names that the language knows
            return Understanding((WholePicture(name),))
        return understand_words(words, scene, self.about.vocabulary)

    def run(
        self,
        scene: Scene,
        requests: Request | Sequence[Request],
        *,
        options: ReplyOptions | None = None,
        said: str | None = None,
        notes: Sequence[Sentence] = (),
    ) -> Events:
        """Carry out requests, one after the other; the first that fails stops the rest.

        Args:
            said: the visitor's words, which become a turn of their own; None where there were none.
            notes: what was mended or assumed about them, a sentence each.
        Yields:
            Events that grow; each request ends with a final one. A step of the timeline is asked for by an
            event that has `moved`; it is the last, and what is left of the message is its `rest`. Closing the
            iterator cancels at once.
        Raises:
            DemoError: a request cannot be served, with the reason and what would work. What was done before
                stays as the last event said it.
        """
        options = options or ReplyOptions()
        waiting = list(requests) if isinstance(requests, Sequence) else [requests]
        scene = _begun(scene, said, notes)
        if waiting and isinstance(waiting[0], Undo | Redo):
            yield _moved(scene, waiting, 0)
            return
        if said is not None:
            yield Event("partial", scene)
        for step, request in enumerate(waiting):
            rest = waiting[step + 1 :]
            if isinstance(request, Undo | Redo):
                yield _moved(scene, waiting[step:], step)
                return
            last: TaskResult | None = None
            try:
                with closing(self._run_one(scene, request, options, step)) as events:
                    for event, result in events:
                        yield event
                        scene, last = event.scene, result
            except DemoError as error:
                if not rest:
                    raise
                raise type(error)(*error.args, _left_undone(rest)) from error
            if rest and last and _stops(last, request, rest):
                scene = scene.with_turn(told("notice", _left_undone(rest)))
                yield Event("final", scene, step)
                return

    def _run_one(
        self, scene: Scene, request: Request, options: ReplyOptions, step: int
    ) -> Generator[tuple[Event, TaskResult], None, None]:
        """Carry out one request on a scene: each result is presented on the turns that were there before."""
        started = time.monotonic()
        request = self._resolved(scene, request)
        unsure = scene.picture is not None and not self.engine.is_sure(scene.picture)
        with (
            explain_shortage("this request"),
            closing(run_task(self.engine, scene, request, options)) as results,
        ):
            for result in results:
                if result.status == "final":
                    seconds = time.monotonic() - started
                    result = replace(result, record=replace(result.record, seconds=round(seconds, 3)))
                    log.info(
                        "%s: %.2f s, %d regions", type(request).__name__, seconds, len(result.scene.regions)
                    )
                if unsure and result.record.model == self.about.model:
                    details = (*result.record.details, GUESS)
                    result = replace(result, record=replace(result.record, details=details))
                shown = present(scene, result, self.about)
                event = Event(result.status, shown, step, result.preview, result.touched, result.hole)
                yield event, result

    def _resolved(self, scene: Scene, request: Request) -> Request:
        """Return the request with what the page tells: which region is meant, and what would work here."""
        target = getattr(request, "target", None)
        changes: dict[str, Any] = {}
        if isinstance(target, Target):
            changes["target"] = resolve(target, scene)
        if hasattr(request, "suggestions"):
            changes["suggestions"] = self._suggestions(scene, request)
        return replace(request, **changes) if changes else request

    def _suggestions(self, scene: Scene, request: Any) -> tuple[Suggestion, ...]:
        """Return what would work on this picture."""
        if scene.picture is None or (isinstance(request, SmallTalk) and request.kind in CONTENT):
            return ()
        if not self.about.vocabulary.talks and not self.engine.in_distribution(scene.picture):
            return suggest_without_words(scene)
        offered = request.suggestions
        if isinstance(request, Help):
            more = (Suggestion("", words) for words in whole_picture_phrases(self.about))
            offered = tuple({one.words: one for one in (*offered, *more)}.values())
        return offered

    def respond(self, scene: Scene, words: str, *, options: ReplyOptions | None = None) -> Events:
        """Understand a message and carry out what it asks for; events as those of `run`."""
        understood = self.understand(scene, words)
        yield from self.run(
            scene, understood.requests, options=options, said=words.strip(), notes=understood.notes
        )

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
        message: str | Request | Sequence[Request],
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


def _begun(scene: Scene, said: str | None, notes: Sequence[Sentence]) -> Scene:
    """Return the scene with the visitor's words, and with what was mended about them."""
    if said is not None:
        scene = scene.with_turn(Turn("user", said))
    return scene.with_turn(told("notice", *notes)) if notes else scene


def _moved(scene: Scene, waiting: Sequence[Request], step: int) -> Event:
    """Return a step of the timeline; whoever has none shows the scene, which says so."""
    move: Literal["undo", "redo"] = "undo" if isinstance(waiting[0], Undo) else "redo"
    scene = scene.with_turn(Turn("assistant", NOTHING_TO_TAKE_BACK))
    return Event("final", scene, step, moved=move, rest=tuple(waiting[1:]))


def _left_undone(rest: Sequence[Request]) -> Sentence:
    if len(rest) == 1:
        return sentence("one_left_undone")
    return sentence("some_left_undone", count=len(rest))


CHANGES = (
    req.Edit, req.Background, req.CutOut, req.Obscure, req.Extend, req.Move, req.Resize, req.Reshape,
    req.Forget, req.Undo,
)  # fmt: skip
"""Requests that must not be carried out where one before them in the message was not."""


def _stops(result: TaskResult, request: Request, rest: Sequence[Request]) -> bool:
    """Return whether a result stops the rest of its message: a change may rest on what was not found."""
    if result.unserved:
        return True
    missing = isinstance(result.outcome, Reply) and not result.region_ids and hasattr(request, "target")
    return missing and any(isinstance(one, CHANGES) for one in rest)
