"""The page's events: between the plain actions and Gradio.

It unpacks events, draws what changed, and turns a `DemoError` into a message on the page.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync

from app import actions, lab, mending, render
from app.downloads import export, export_region, export_state
from app.events import as_gradio_error, data, index_of, point, whole
from app.screen import Screen, Shown, paced, same_canvas
from app.serving import Keeping, address, key_of
from app.startup import Startup
from app.words import refusal, spoken, word
from app.writing import Message, Patch, Visit, Writer
from pipelines.abilities import suggestions
from pipelines.assistant import Assistant
from pipelines.errors import DemoError, UnreadablePicture, fault
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Box, Click, Mask, Picture, Scene, Timeline, Turn

log = logging.getLogger(__name__)

POLL = 0.3  # seconds between two looks at whether the models are there

Drawn = tuple[Visit, Any, Any, Any, Any]
"""Visit, chat, canvas, undo button, redo button: what every event gives back."""
Answered = tuple[Visit, Any, Any, Any, Any, Any, Any]
"""What is drawn, the text field, the messages that wait: what a growing answer gives back."""
Begun = tuple[Visit, Any, Any, Any]
"""Visit, chat, the messages that wait, text field: what the beginning of an answer gives back."""


class Page:
    """The events of one page. Holds no visitor's data: that comes in with each event, as a `Visit`.

    `examples`: the pictures offered, by name. `keeping`: where what comes and goes is kept.
    """

    def __init__(self, startup: Startup, examples: Mapping[str, Path], keeping: Keeping) -> None:
        self._startup = startup
        self._examples = examples
        self._keeping = keeping

    async def welcome(self) -> AsyncIterator[tuple[Any, ...]]:
        """Yield what the visitor reads about the models: state, empty chat, abilities, suggestions.

        The options whose choices depend on the checkpoint (views, encoders) come with them.
        """
        unknown = (gr.skip(),) * 6
        while not self._startup.ready:
            on = self._startup
            waiting = render.waiting(on.what, on.seconds, on.stage, spoken())
            yield waiting, gr.skip(), gr.skip(), *unknown
            await asyncio.sleep(POLL)
        if self._startup.failure:
            reason = refusal(self._startup.failure, spoken())
            yield render.failed(reason), gr.skip(), reason, *unknown
            return
        yield self.told()

    def told(self) -> tuple[Any, ...]:
        """Return what the visitor reads about the models that are loaded now, and their options."""
        about, language = self._startup.assistant().about, spoken()
        return (
            render.ready(about, language),
            gr.Chatbot(placeholder=render.greeting(about, self._examples, language)),
            render.understands(about, language),
            render.chips(suggestions(), about.untrained, language),
            gr.Radio(
                render.views(about, language), value=render.usual_views(about), visible=about.most_views > 1
            ),
            gr.CheckboxGroup(
                render.encoders(about), value=list(about.encoders), visible=len(about.encoders) > 1
            ),
            lab.choices(about, language),
            lab.dial(about),
            lab.table(about, language),
        )

    def intake(self, visit: Visit, event: gr.EventData, request: gr.Request) -> Drawn:
        """A file was uploaded, dropped, pasted or taken; the event has the token that it got."""
        with self._uploaded(event, request) as path:
            return self._open(visit, path)

    def use_mask(self, visit: Visit, event: gr.EventData, request: gr.Request) -> Drawn:
        """A file is a mask of the open picture, as the visitor said: it becomes a region."""
        with self._uploaded(event, request) as path:
            return self._open(visit, path, as_mask=True)

    def _uploaded(self, event: gr.EventData, request: gr.Request) -> AbstractContextManager[Path | None]:
        """Return the uploaded file that an event's token stands for."""
        return self._keeping.uploads.opened(key_of(request), str(data(event).get("token")))

    def example(self, visit: Visit, event: gr.EventData) -> Drawn:
        """One of the example pictures was chosen."""
        return self._open(visit, self._examples.get(str(data(event).get("name", ""))))

    def _open(self, visit: Visit, path: Path | None, *, as_mask: bool = False) -> Drawn:
        """Open a file; a refusal is said where the visitor chose it."""
        # the number makes the value a new one when the same file is opened, or refused, again
        number = {"number": time.monotonic_ns()}
        try:
            if path is None:
                raise UnreadablePicture("The picture did not arrive: choose it again.")
            opened = actions.use_mask(path) if as_mask else actions.open_file(self._startup.assistant(), path)
            visit.change(opened)
        except DemoError as error:
            log.info("refused: %s", error)
            return visit, gr.skip(), {"refused": refusal(error, spoken()), **number}, gr.skip(), gr.skip()
        drawn = self._drawn(visit)
        return *drawn[:2], {**drawn[2], **number}, *drawn[3:]

    # --- messages --------------------------------------------------------------------------------------

    def begin(self, visit: Visit, event: gr.EventData, *chosen: Any) -> Begun:
        """The field's words were sent: they are shown at once. What cannot be sent goes back there."""
        words = str(data(event).get("words", ""))
        base = None if visit.editing is None else actions.before_turn(visit.timeline, visit.editing)
        try:
            visit.send(words, self._options(*chosen), base)
        except DemoError as error:
            gr.Info(refusal(error, spoken()), title=word("chat.not_sent", spoken()))
            back = {"words": words, "number": time.monotonic_ns()}  # the same words may be refused again
            return visit, gr.skip(), gr.HTML(_queue(visit), back=back), _field(visit)
        visit.editing = None
        return self._begun(visit)

    def begin_chip(self, visit: Visit, event: gr.EventData, *chosen: Any) -> Begun:
        """A suggestion was chosen; one of the greeting brings its example picture with it."""
        example = self._examples.get(str(data(event).get("example", "")))
        with as_gradio_error():
            if example:
                visit.change(actions.open_file(self._startup.assistant(), example))
            visit.send(str(data(event).get("words", "")), self._options(*chosen))
        return self._begun(visit)

    def begin_again(self, visit: Visit, event: gr.RetryData, *chosen: Any) -> Begun:
        """Ask once more: another branch, from before it was asked."""
        timeline = visit.timeline
        with as_gradio_error():
            index, words = actions.question_of(timeline.scene, index_of(event.index))
            visit.send(words, self._options(*chosen), actions.before_turn(timeline, index))
        return self._begun(visit)

    def _begun(self, visit: Visit) -> Begun:
        drawn = gr.skip() if visit.answering else self._chat(visit)
        return visit, drawn, _queue(visit), _field(visit, running=True)

    def reword(self, visit: Visit, event: gr.EventData) -> tuple[Any, Any]:
        """A message is to be said in other words: what is sent next takes its place."""
        with as_gradio_error():
            index, words = actions.question_of(visit.timeline.scene, whole(event, "turn"))
        visit.editing = index
        return _queue(visit), gr.Textbox(words)

    def take_back(self, visit: Visit, written: str, event: gr.EventData) -> tuple[Any, Any]:
        """A message that waits goes back into the field; or none is to be said in other words any more."""
        number = data(event).get("number")
        if number is None:
            visit.editing = None
            return _queue(visit), gr.Textbox("")
        taken = visit.take_back(number) if isinstance(number, int) else None
        words = "\n".join(filter(None, (taken.words if taken else "", written.strip())))
        return _queue(visit), gr.Textbox(words) if taken else gr.skip()

    def answer(self, visit: Visit) -> Generator[Answered]:
        """Answer the messages of a visit, one after the other, until none waits."""
        if not visit.claim():
            # the running answer goes on to this message; without a yield, Gradio would empty everything
            skip = gr.skip()
            yield visit, skip, skip, skip, skip, skip, _queue(visit)
            return
        screen = Screen()
        try:
            while message := visit.next_message():
                with closing(self._answer(visit, message, screen)) as drawn:
                    for one in drawn:
                        yield *one, gr.skip(), _queue(visit)
        except BaseException:
            visit.release()  # the page was closed: nobody reads on
            raise
        last = _draw(self._startup, visit, screen.scene, same_hole=screen.hole is None)
        yield *last, _field(visit), _queue(visit)

    def _answer(self, visit: Visit, message: Message, screen: Screen) -> Generator[Drawn]:
        """Draw one answer as it grows: what changed, no more, and not oftener than one can read."""
        writer = visit.begin_answer(message)
        if writer is None:
            return
        screen.begin(writer.base.scene if message.base is None else None)
        words, base = message.words, message.base
        try:
            with closing(paced(self._growing(visit, writer, message), screen)) as growing:
                for shown, hole in growing:
                    same_hole = hole == screen.hole
                    before = screen.draw(shown, hole)
                    yield _draw(self._startup, visit, before, shown=shown, hole=hole, same_hole=same_hole)
        except Exception as error:
            # in the conversation, where the answer would have been, rather than in a box that goes away
            if isinstance(error, DemoError):
                log.info("refused: %s", error)
            reason = error if isinstance(error, DemoError) else fault(error)
            began = screen.began
            timeline = visit.timeline if began else writer.base
            visit.write(writer, actions.refused(timeline, words, reason, began=began, base=base))
        finally:
            visit.end(writer)

    def _growing(self, visit: Visit, writer: Writer, message: Message) -> Generator[Shown]:
        """Write one answer into the visit as it grows, until the visitor ends it."""
        assistant = self._startup.assistant()
        growing = actions.ask(assistant, writer.base, message.words, message.options, message.base)
        with closing(growing):
            for timeline, shown, hole in growing:
                if not visit.write(writer, timeline):
                    return
                shown = writer.patched(shown)
                yield shown, hole if shown.turns and shown.turns[-1].unfinished else None

    def stop(self, visit: Visit) -> Drawn:
        """End the running answer; what there is of it stays, and the next message has its turn."""
        visit.stop()
        return self._drawn(visit)

    def _options(self, *chosen: Any) -> ReplyOptions:
        """Return the visitor's options, in the order of `ui.Options.inputs`."""
        seed, temperature, length, views, encoders, steps, guidance, candidates, tries, negative = chosen
        return ReplyOptions(
            seed=int(seed or 0),
            temperature=float(temperature or 0),
            max_new_tokens=int(length or 1),
            views=views or None,
            encoders=self._left(encoders),
            steps=int(steps or 1),
            guidance=float(guidance or 0) or None,
            candidates=int(candidates or 1),
            tries=int(tries or 1),
            negative=negative or "",
        )

    def _left(self, encoders: Sequence[str]) -> tuple[str, ...] | None:
        """Return the chosen encoders; None stands for all, also before the page knows which there are."""
        if not self._startup.ready:
            return None
        there = self._startup.assistant().about.encoders
        left = tuple(name for name in there if name in encoders)
        return left if 0 < len(left) < len(there) else None

    # --- by hand, with a model: one after the other ----------------------------------------------------

    async def click(self, visit: Visit, event: gr.EventData) -> Drawn:
        sent = data(event)
        with as_gradio_error():
            at = Click(point(sent.get("x"), sent.get("y"), visit.timeline), sent.get("positive") is not False)
        return await self._by_hand(visit, lambda assistant, timeline: actions.click(assistant, timeline, at))

    async def box(self, visit: Visit, event: gr.EventData) -> Drawn:
        sent = data(event)
        with as_gradio_error():
            first = point(sent.get("x1"), sent.get("y1"), visit.timeline)
            last = point(sent.get("x2"), sent.get("y2"), visit.timeline)
        dragged = Box(
            min(first.x, last.x), min(first.y, last.y), max(first.x, last.x) + 1, max(first.y, last.y) + 1
        )
        return await self._by_hand(visit, lambda on, timeline: actions.box(on, timeline, dragged))

    async def unclick(self, visit: Visit, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            region_id, index = whole(event, "id"), whole(event, "click")
        return await self._by_hand(visit, lambda on, line: actions.unclick(on, line, region_id, index))

    async def stroke(self, visit: Visit, event: gr.EventData) -> Drawn:
        """The brush or the eraser was drawn over the picture."""
        return await self._by_hand(visit, lambda _, timeline: mending.paint(timeline, data(event)))

    async def _by_hand(self, visit: Visit, change: Callable[[Assistant, Timeline], Timeline]) -> Drawn:
        """Carry out what a model is needed for, after what was begun before it."""
        with as_gradio_error():
            async with visit.hand() as writer:
                visit.write(writer, await run_sync(lambda: change(self._startup.assistant(), writer.base)))
            return await run_sync(lambda: self._drawn(visit))

    # --- at once: no model is needed -------------------------------------------------------------------

    def select(self, visit: Visit, event: gr.EventData) -> Drawn:
        number = data(event).get("id")
        region_id = number if isinstance(number, int) else None
        # looking at something is not a step: undo does not bring it back
        return self._patch(visit, lambda scene: actions.select(scene, region_id), step=False)

    def choose_mask(self, visit: Visit, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            region_id, index = whole(event, "id"), whole(event, "candidate")
        return self._patch(visit, lambda scene: actions.choose_mask(scene, region_id, index))

    def remove_region(self, visit: Visit, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            region_id = whole(event, "id")
        return self._patch(visit, lambda scene: actions.remove_region(scene, region_id))

    def rename(self, visit: Visit, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            region_id, name = whole(event, "id"), str(data(event).get("label") or "")
        return self._patch(visit, lambda scene: mending.rename(scene, region_id, name))

    def choose_painting(self, visit: Visit, event: gr.EventData) -> Drawn:
        with as_gradio_error():
            index = whole(event, "index")
        on = self._startup.assistant
        return self._change(visit, lambda timeline: actions.choose_painting(on(), timeline, index))

    def go_to(self, visit: Visit, event: gr.EventData) -> Drawn:
        """An earlier or later state of the picture was chosen, or another branch of the conversation."""
        with as_gradio_error():
            step = whole(event, "step")
        return self._change(visit, lambda timeline: mending.go_to(timeline, step))

    def undo(self, visit: Visit) -> Drawn:
        return self._change(visit, Timeline.undo)

    def redo(self, visit: Visit) -> Drawn:
        return self._change(visit, Timeline.redo)

    def clear(self, visit: Visit) -> Drawn:
        """A fresh start on the same page; undo brings everything back."""
        return self._change(visit, actions.clear)

    def clear_chat(self, visit: Visit) -> Drawn:
        """Clear the conversation; what was found on the picture stays."""
        return self._change(visit, actions.clear_chat)

    def _change(self, visit: Visit, change: Callable[[Timeline], Timeline]) -> Drawn:
        with as_gradio_error():
            visit.change(change)
            return self._drawn(visit)

    def _patch(self, visit: Visit, patch: Patch, *, step: bool = True) -> Drawn:
        with as_gradio_error():
            visit.patch(patch, step=step)
            return self._drawn(visit)

    def export(self, visit: Visit, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        """A file for the visitor, as the export drawer takes it."""
        sent, timeline = data(event), visit.timeline
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

    # --- drawing ---------------------------------------------------------------------------------------

    def _drawn(self, visit: Visit) -> Drawn:
        """Return everything as it is now."""
        return _draw(self._startup, visit, None)

    def _chat(self, visit: Visit) -> Any:
        return _chat(visit, visit.timeline.scene)


def _queue(visit: Visit) -> dict[str, Any]:
    """Return what stands above the field: the messages that wait, and the one that is said in other words."""
    turns, at = visit.timeline.scene.turns, visit.editing
    return {
        "waiting": [{"number": message.number, "words": message.words} for message in visit.waiting],
        "editing": turns[at].text if at is not None and at < len(turns) else None,
    }


def draw(startup: Startup, visit: Visit) -> Drawn:
    """Return everything that the page shows of a visit."""
    return _draw(startup, visit, None)


def _field(visit: Visit, *, running: bool | None = None) -> Any:
    """Return the field for words: it can be stopped while an answer runs, and sends at any time.

    Its words are left alone: the visitor may be writing the next ones.
    """
    return gr.Textbox(stop_btn=visit.answering if running is None else running)


def _chat(visit: Visit, scene: Scene, *, live: bool = False) -> Any:
    """Return the conversation, with the message that is about to be answered."""
    branches = mending.branches(visit.timeline, scene)
    if not live and (asked := visit.asked):
        scene, live = (asked.base or scene).with_turn(Turn("user", asked.words)), True
    return render.chat(scene, live=live, branches=branches, language=spoken())


def _draw(
    startup: Startup,
    visit: Visit,
    before: Scene | None,
    *,
    shown: Scene | None = None,
    hole: Mask | None = None,
    same_hole: bool = True,
) -> Drawn:
    """Return what the widgets show.

    Args:
        before: the scene on the page now, None where all must be drawn.
        shown: the scene to show while an answer is being written; None for that of the timeline.
        hole: the pixels that are about to change.
        same_hole: whether these are on the page already.
    """
    timeline = visit.timeline
    scene, live = shown or timeline.scene, shown is not None
    same = before is not None and same_hole and same_canvas(before, scene)
    return (
        visit,
        _chat(visit, scene, live=live),
        gr.skip() if same else _canvas(startup, timeline, scene, hole),
        gr.skip() if live else gr.Button(interactive=timeline.can_undo),
        gr.skip() if live else gr.Button(interactive=timeline.can_redo),
    )


def _canvas(startup: Startup, timeline: Timeline, scene: Scene, hole: Mask | None = None) -> dict[str, Any]:
    """Return the canvas's value: a scene, with the states that its picture went through."""
    states = {step: timeline.steps[step].scene.picture for step in mending.states(timeline)}
    return render.canvas(
        scene,
        partial(address, startup.assistant().pictures),
        before=_unedited(timeline),
        states={step: picture for step, picture in states.items() if picture},
        hole=hole,
        language=spoken(),
    )


def _unedited(timeline: Timeline) -> Picture | None:
    """Return the picture before the edits of this conversation, where there were any."""
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
