"""The page's events: between the plain actions and Gradio.

It unpacks events, draws what changed, and turns a `DemoError` into a message on the page.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from app import actions, mending, render
from app.downloads import export, export_region, export_state
from app.events import as_gradio_error, data, index_of, point, whole
from app.serving import Keeping, address, key_of
from app.startup import Startup
from pipelines.abilities import suggestions
from pipelines.assistant import Assistant
from pipelines.errors import DemoError, UnreadablePicture
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Box, Click, Picture, Scene, Timeline, Turn

log = logging.getLogger(__name__)

POLL = 0.3  # seconds between two looks at whether the models are there

Drawn = tuple[Timeline, Any, Any, Any, Any]
"""Timeline, chat, canvas, undo button, redo button: what every event gives back."""
Begun = tuple[Timeline, str, Any, Any]
"""Timeline, the words to answer, chat, text field: what the beginning of an answer gives back."""


class Page:
    """The events of one page. Holds no visitor's data: that comes in as a Timeline and goes out as one.

    `examples`: the pictures offered, by name. `keeping`: where what comes and goes is kept.
    """

    def __init__(self, startup: Startup, examples: Mapping[str, Path], keeping: Keeping) -> None:
        self._startup = startup
        self._examples = examples
        self._keeping = keeping

    async def welcome(self) -> AsyncIterator[tuple[Any, ...]]:
        """What the visitor reads about the models: state, empty chat, what they understand, suggestions.

        And the options whose choices are the checkpoint's: its views, its encoders.
        """
        unknown = (gr.skip(),) * 3
        while not self._startup.ready:
            waiting = render.waiting(self._startup.what, self._startup.seconds)
            yield waiting, gr.skip(), gr.skip(), *unknown
            await asyncio.sleep(POLL)
        if self._startup.failure:
            reason = str(self._startup.failure)
            yield render.failed(reason), gr.skip(), reason, *unknown
            return
        about = self._startup.assistant().about
        yield (
            render.ready(about),
            gr.Chatbot(placeholder=render.greeting(about)),
            render.understands(about),
            render.chips(suggestions(), about.untrained),
            gr.Radio(render.views(about), value=about.views, visible=about.most_views > 1),
            gr.CheckboxGroup(
                render.encoders(about), value=list(about.encoders), visible=len(about.encoders) > 1
            ),
        )

    def intake(self, timeline: Timeline, event: gr.EventData, request: gr.Request) -> Drawn:
        """A file was uploaded, dropped, pasted or taken; the event has the token that it got."""
        token = str(data(event).get("token"))
        with self._keeping.uploads.opened(key_of(request), token) as path:
            return self._open(timeline, path)

    def example(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        """One of the example pictures was chosen."""
        return self._open(timeline, self._examples.get(str(data(event).get("name", ""))))

    def _open(self, timeline: Timeline, path: Path | None) -> Drawn:
        """Open a file; a refusal is said where the visitor chose it."""
        # the number makes a new value of what is opened, or refused, a second time
        number = {"number": time.monotonic_ns()}
        try:
            if path is None:
                raise UnreadablePicture("The picture did not arrive: choose it again.")
            timeline = actions.open_file(self._startup.assistant(), timeline, path)
        except DemoError as error:
            log.info("refused: %s", error)
            return timeline, gr.skip(), {"refused": str(error), **number}, gr.skip(), gr.skip()
        drawn = _draw(self._startup, timeline, None)
        return *drawn[:2], {**drawn[2], **number}, *drawn[3:]

    def begin(self, timeline: Timeline, words: str) -> Begun:
        """The words were sent: show them at once."""
        return _begin(timeline, words)

    def begin_chip(self, timeline: Timeline, event: gr.EventData) -> Begun:
        """A suggestion was chosen."""
        return _begin(timeline, str(data(event).get("words", "")))

    def begin_again(self, timeline: Timeline, event: gr.RetryData) -> Begun:
        """Ask once more, from before it was asked."""
        with as_gradio_error():
            index, words = actions.question_of(timeline.scene, index_of(event.index))
        return _begin(actions.before_turn(timeline, index), words)

    def begin_edited(self, timeline: Timeline, event: gr.EditData) -> Begun:
        """Ask an earlier question in other words, from before it was asked."""
        with as_gradio_error():
            index, _ = actions.question_of(timeline.scene, index_of(event.index))
        return _begin(actions.before_turn(timeline, index), str(event.value))

    def answer(
        self,
        timeline: Timeline,
        words: str,
        seed: float,
        temperature: float,
        length: float,
        views: int | None,
        encoders: list[str],
        steps: float,
        guidance: float,
        candidates: float,
        tries: float,
        negative: str,
    ) -> Iterator[Drawn]:
        """Draw the answer as it grows: what changed, and no more."""
        options = ReplyOptions(
            seed=int(seed or 0),
            temperature=float(temperature or 0),
            max_new_tokens=int(length or 1),
            views=views,
            encoders=self._left(encoders),
            steps=int(steps or 1),
            guidance=float(guidance or 0) or None,
            candidates=int(candidates or 1),
            tries=int(tries or 1),
            negative=negative or "",
        )
        before: Scene | None = None
        try:
            with closing(actions.ask(self._startup.assistant(), timeline, words, options)) as growing:
                for timeline, shown, _ in growing:
                    yield _draw(self._startup, timeline, before, shown=shown)
                    before = shown
        except DemoError as error:
            # in the conversation, where the answer would have been, rather than in a box that goes away
            log.info("refused: %s", error)
            began = before is not None
            yield _draw(self._startup, actions.refused(timeline, words, str(error), began=began), None)

    def _left(self, encoders: Sequence[str]) -> tuple[str, ...] | None:
        """The chosen encoders; None for all that there are, also before the page knows which."""
        there = self._startup.assistant().about.encoders
        left = tuple(name for name in there if name in encoders)
        return left if 0 < len(left) < len(there) else None

    def settle(self, timeline: Timeline) -> tuple[Any, Any]:
        """An answer is over, well or not: nothing is being written any more."""
        return render.chat(timeline.scene), self.idle()

    def stop(self, timeline: Timeline) -> tuple[Any, ...]:
        """The running answer was cancelled; keep what there is of it."""
        return *_draw(self._startup, actions.stopped(timeline), None), self.idle()

    def idle(self) -> Any:
        """Nothing is being answered: the button sends again."""
        return gr.Textbox(submit_btn=True, stop_btn=False)

    def click(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        sent = data(event)
        with as_gradio_error():
            at = Click(point(sent.get("x"), sent.get("y"), timeline), sent.get("positive") is not False)
        return self._do(timeline, lambda assistant: actions.click(assistant, timeline, at))

    def box(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        sent = data(event)
        with as_gradio_error():
            first = point(sent.get("x1"), sent.get("y1"), timeline)
            last = point(sent.get("x2"), sent.get("y2"), timeline)
        dragged = Box(
            min(first.x, last.x), min(first.y, last.y), max(first.x, last.x) + 1, max(first.y, last.y) + 1
        )
        return self._do(timeline, lambda assistant: actions.box(assistant, timeline, dragged))

    def select(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        number = data(event).get("id")
        region_id = number if isinstance(number, int) else None
        return self._do(timeline, lambda assistant: actions.select(assistant, timeline, region_id))

    def choose_mask(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            region_id, index = whole(event, "id"), whole(event, "candidate")
        return self._do(timeline, lambda on: actions.choose_mask(on, timeline, region_id, index))

    def choose_painting(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            index = whole(event, "index")
        return self._do(timeline, lambda assistant: actions.choose_painting(assistant, timeline, index))

    def export(self, timeline: Timeline, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        """A file for the visitor, as the export drawer takes it."""
        sent = data(event)
        kind, region_id = str(sent.get("kind")), sent.get("id")
        with as_gradio_error():
            if isinstance(region_id, int):
                name, content = export_region(self._startup.assistant(), timeline, kind, region_id)
            else:
                name, content = export(self._startup.assistant(), timeline, kind)
            owner = key_of(request)
            if owner is None:
                raise DemoError("This browser keeps no cookie for this page: allow it, then reload.")
            return export_state(
                name, self._keeping.downloads.save(owner, name, content, timeline.scene.picture)
            )

    def remove_region(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            region_id = whole(event, "id")
        return self._do(timeline, lambda assistant: actions.remove_region(timeline, region_id))

    def unclick(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            region_id, index = whole(event, "id"), whole(event, "click")
        return self._do(timeline, lambda assistant: actions.unclick(assistant, timeline, region_id, index))

    def rename(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            region_id, name = whole(event, "id"), str(data(event).get("label") or "")
        return self._do(timeline, lambda assistant: mending.rename(timeline, region_id, name))

    def stroke(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        """The brush or the eraser was drawn over the picture."""
        return self._do(timeline, lambda assistant: mending.paint(timeline, data(event)))

    def go_to(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        """An earlier or later state of the picture was chosen."""
        with as_gradio_error():
            step = whole(event, "step")
        return self._do(timeline, lambda assistant: mending.go_to(timeline, step))

    def undo(self, timeline: Timeline) -> Drawn:
        return self._do(timeline, lambda assistant: timeline.undo())

    def redo(self, timeline: Timeline) -> Drawn:
        return self._do(timeline, lambda assistant: timeline.redo())

    def clear(self, timeline: Timeline) -> Drawn:
        """A fresh start on the same page; undo brings everything back."""
        return _draw(self._startup, actions.clear(timeline), None)

    def clear_chat(self, timeline: Timeline) -> Drawn:
        """Clear the conversation; what was found on the picture stays."""
        return self._do(timeline, lambda assistant: actions.clear_chat(timeline))

    def _do(self, timeline: Timeline, change: Callable[[Assistant], Timeline]) -> Drawn:
        with as_gradio_error():
            return _draw(self._startup, change(self._startup.assistant()), None)


def _begin(timeline: Timeline, words: str) -> Begun:
    with as_gradio_error():
        words = actions.validate_message(words)
    asked = timeline.scene.with_turn(Turn("user", words))
    return timeline, words, render.chat(asked, live=True), gr.Textbox(submit_btn=False, stop_btn=True)


def draw(startup: Startup, timeline: Timeline) -> Drawn:
    """Everything that the page shows of a timeline."""
    return _draw(startup, timeline, None)


def _draw(startup: Startup, timeline: Timeline, before: Scene | None, *, shown: Scene | None = None) -> Drawn:
    """What the widgets show.

    Args:
        before: the scene on the page now, None where all must be drawn.
        shown: the scene to show while an answer is being written; None for that of the timeline.
    """
    scene, live = shown or timeline.scene, shown is not None
    same = before is not None and (
        before.picture == scene.picture
        and before.regions == scene.regions
        and before.selected == scene.selected
        and render.paintings(before) == render.paintings(scene)
        and render.reading_order(before) == render.reading_order(scene)
    )
    return (
        timeline,
        render.chat(scene, live=live),
        gr.skip() if same else _canvas(startup, timeline, scene),
        gr.skip() if before else gr.Button(interactive=timeline.can_undo),
        gr.skip() if before else gr.Button(interactive=timeline.can_redo),
    )


def _canvas(startup: Startup, timeline: Timeline, scene: Scene) -> dict[str, Any]:
    """The canvas's value: a scene, with the states that its picture went through."""
    states = {step: timeline.steps[step].scene.picture for step in mending.states(timeline)}
    return render.canvas(
        scene,
        partial(address, startup.assistant().pictures),
        before=_unedited(timeline),
        states={step: picture for step, picture in states.items() if picture},
    )


def _unedited(timeline: Timeline) -> Picture | None:
    """The picture before the edits of this conversation, where there were any."""
    scene = timeline.scene
    if not any(turn.record and turn.record.ability == "edit" for turn in scene.turns):
        return None
    first, earlier = scene.picture, timeline
    while earlier.can_undo:
        earlier = earlier.undo()
        then = earlier.scene
        if not then.picture or not first or then.picture.size_wh != first.size_wh:
            break
        if then.turns != scene.turns[: len(then.turns)]:
            break
        first = then.picture
    return first if first != scene.picture else None
