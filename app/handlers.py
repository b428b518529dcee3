"""What happens when the visitor does something: (assistant, timeline, input) -> timeline.

The functions are plain and know no widgets. `Page` at the end stands between them and Gradio: it unpacks
events, draws what changed, and is the one place where a `DemoError` becomes a message on the page. Event
data comes from the browser and is checked before it is used.
"""

from __future__ import annotations

import asyncio
import html
import io
import json
import logging
import re
import shutil
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from app import mending, render
from app.startup import Startup
from pipelines.assistant import Assistant, ReplyOptions
from pipelines.draw import draw
from pipelines.errors import DemoError, UnreadablePicture
from pipelines.export import coco, cut_out_png, mask_png, open_session, save_session, table_csv
from pipelines.scene import Box, Click, Picture, Point, Region, Scene, Timeline, Turn

log = logging.getLogger(__name__)

WORDS = 2000  # characters a message may have
STEPS = 400  # steps a visit may have before the oldest are forgotten
NEAR = 0.2  # how far beside the selected region, in its own size, a click still refines it
SMALLER = 0.6  # of a mask's area; a thing that lies on another one is smaller than this
WITHIN = 0.8  # of a mask that must lie on the selected one for its thing to lie there
ZIP = b"PK\x03\x04"  # how a ZIP begins
KEPT = 600  # seconds a file that was made to be taken away is kept
POLL = 0.3  # seconds between two looks at whether the models are there


def open_file(assistant: Assistant, timeline: Timeline, path: Path) -> Timeline:
    """A picture begins a new scene, with the scenes before within reach of undo; a session's ZIP goes on.

    Raises:
        DemoError: it is neither.
    """
    with path.open("rb") as file:
        zipped = file.read(len(ZIP)) == ZIP
    if zipped:
        return open_session(assistant, path.read_bytes())
    return _push(timeline, assistant.open(path))


def ask(assistant: Assistant, timeline: Timeline, words: str, options: ReplyOptions) -> Generator[Timeline]:
    """One step that grows with the answer. Closing the iterator stops the models.

    Raises:
        DemoError: nothing was said, or the assistant refuses.
    """
    words, began = checked(words), False
    with closing(assistant.reply(timeline.scene, words, options=options)) as scenes:
        for scene in scenes:
            timeline = timeline.amend(scene) if began else _push(timeline, scene)
            began = True
            yield timeline


def checked(words: str) -> str:
    """A message that can be answered.

    Raises:
        DemoError: it is empty or too long.
    """
    words = words.strip()
    if not words:
        raise DemoError("There is no question: write one, or choose one of the suggestions.")
    if len(words) > WORDS:
        raise DemoError(f"The message has {len(words)} characters: at most {WORDS} are read.")
    return words


def before_turn(timeline: Timeline, index: int) -> Timeline:
    """The newest step from which turn `index` had not been said yet, as a place to go on from."""
    while timeline.can_undo and len(timeline.scene.turns) > index:
        timeline = timeline.undo()
    return timeline


def question_of(scene: Scene, index: int) -> tuple[int, str]:
    """The index and the words of the visitor's message that turn `index` is, or answers."""
    for at in range(min(index, len(scene.turns) - 1), -1, -1):
        if scene.turns[at].role == "user":
            return at, scene.turns[at].text
    raise DemoError("There is no question to ask again: write one.")


def stopped(timeline: Timeline) -> Timeline:
    """The answer as far as it came. One that is being written says so itself; an empty one is added here."""
    timeline = _unpainted(timeline)
    scene = timeline.scene
    if not scene.turns or scene.turns[-1].role != "user":
        return timeline
    return timeline.amend(scene.with_turn(Turn("assistant", "", unfinished=True)))


def _unpainted(timeline: Timeline) -> Timeline:
    """The picture as it was, where a painting was left on its way: a preview is not to be worked on."""
    turn = timeline.scene.turns[-1] if timeline.scene.turns else None
    if turn and turn.unfinished and turn.record and turn.record.ability == "edit" and not turn.record.details:
        return timeline.amend(replace(timeline.scene, picture=timeline.undo().scene.picture))
    return timeline


def refused(timeline: Timeline, words: str, reason: str) -> Timeline:
    """The question with the reason why it has no answer, after what there is of one."""
    timeline = _unpainted(timeline)
    turns = timeline.scene.turns
    asked = turns[:-1] if turns and turns[-1].unfinished else turns
    if asked and asked[-1].role == "user" and asked[-1].text == words:
        return timeline.amend(timeline.scene.with_turn(Turn("notice", reason)))
    return _push(timeline, timeline.scene.with_turn(Turn("user", words)).with_turn(Turn("notice", reason)))


def aim(scene: Scene, click: Click) -> tuple[str, int | None]:
    """What a click on the picture means: ("click", the region it refines or None) or ("select", id).

    Near the selected region it refines that one; on its mask it means a thing that lies on it: one that is
    known is selected, any other begins a new region. On another region's mask it selects it; inside a box
    that has no mask yet it asks for that mask; anywhere else it begins a new region. Taking away needs
    something to take from.
    """
    selected = scene.region(scene.selected) if scene.selected is not None else None
    under = sorted((r for r in scene.regions if _inside(r.box, click.point)), key=lambda r: r.box.area)
    covering = next((r for r in under if r.mask and _covers(r, click.point)), None)
    if selected and _inside(_grown(selected.box, NEAR), click.point):
        if click.positive and _covers(selected, click.point):
            # there is nothing to add here: a thing on the selected one is meant
            return ("select", covering.id) if covering and covering != selected else ("click", None)
        return "click", selected.id
    if not click.positive:
        target = covering or selected or next(iter(under), None)
        if target is None:
            raise DemoError(
                "There is nothing to take away from here: click a thing first, or select a region."
            )
        return "click", target.id
    if covering:
        return "select", covering.id
    unmasked = next((r for r in under if r.mask is None and r.keypoints is None), None)
    return "click", unmasked.id if unmasked else None


def click(assistant: Assistant, timeline: Timeline, at: Click) -> Timeline:
    """Outline what was clicked, refine the selected region, or select the one under the pointer."""
    scene = _pictured(timeline)
    verb, region_id = aim(scene, at)
    if verb == "select":
        return select(assistant, timeline, region_id)
    made = assistant.click(scene, at, region_id=region_id)
    selected = scene.region(scene.selected) if scene.selected is not None else None
    on_it = selected is not None and at.positive and _covers(selected, at.point)
    if region_id is None and selected and on_it and not _lies_on(made.regions[-1], selected, scene):
        # nothing smaller lies there: the selected thing itself is meant
        made = assistant.click(scene, at, region_id=selected.id)
    return _push(timeline, made)


def box(assistant: Assistant, timeline: Timeline, dragged: Box) -> Timeline:
    """Outline the thing in a dragged box."""
    return _push(timeline, assistant.box(_pictured(timeline), dragged))


def select(assistant: Assistant, timeline: Timeline, region_id: int | None) -> Timeline:
    """Select a region, or none. Looking at something is not a step: undo does not bring it back."""
    scene = timeline.scene
    if region_id is not None:
        _region(scene, region_id)
    return timeline if region_id == scene.selected else timeline.amend(assistant.select(scene, region_id))


def choose(assistant: Assistant, timeline: Timeline, region_id: int, candidate: int) -> Timeline:
    """Take another of SAM's answers for a region."""
    region = _region(timeline.scene, region_id)
    if not 0 <= candidate < len(region.candidates):
        raise DemoError(f"Region #{region_id} has no candidate {candidate + 1}.")
    return _push(timeline, assistant.choose(timeline.scene, region_id, candidate))


def choose_painting(assistant: Assistant, timeline: Timeline, index: int) -> Timeline:
    """Take another of the paintings that the last edit offers."""
    pictures = render.paintings(timeline.scene)
    if not 0 <= index < len(pictures):
        raise DemoError(f"There is no painting {index + 1}.")
    return _push(timeline, assistant.choose_painting(timeline.scene, pictures[index]))


def remove(timeline: Timeline, region_id: int) -> Timeline:
    """Take a region off the picture. Its number is not given away again."""
    region = _region(timeline.scene, region_id)
    return _push(timeline, _without(timeline.scene, region))


def take_back(assistant: Assistant, timeline: Timeline, region_id: int, index: int) -> Timeline:
    """Remove one click of a region, and ask again with what is left."""
    region = _region(timeline.scene, region_id)
    if not 0 <= index < len(region.clicks):
        raise DemoError(f"Region #{region_id} has no click {index + 1}.")
    return _push(timeline, assistant.unclick(timeline.scene, region_id, index))


def take_away(
    assistant: Assistant, timeline: Timeline, kind: str, region_id: int | None = None
) -> tuple[str, bytes]:
    """What the visitor takes home: a file's name and content. `kind` is one of render.TAKE_AWAY.

    `region_id`: a single region, whose cut-out is a picture and not a ZIP.

    Raises:
        DemoError: there is nothing of that kind yet.
    """
    if kind == "session":
        return "session.zip", save_session(assistant, timeline)
    scene = timeline.scene
    if kind == "table":
        table = next((turn for turn in reversed(scene.turns) if turn.table), None)
        if table is None:
            raise DemoError("There is no table yet: ask to convert a chart to a table.")
        return "table.csv", table_csv(table).encode()
    scene = _pictured(timeline)
    assert scene.picture
    if kind == "picture":
        return "picture.png", assistant.path(scene.picture).read_bytes()
    if kind == "drawn":
        return "picture-with-regions.png", _png(draw(assistant.image(scene.picture), scene))
    if kind == "coco":
        return "regions.json", json.dumps(coco(scene)).encode()
    masked = [region for region in scene.regions if region.mask and region.mask.bits]
    if not masked:
        raise DemoError("There is no mask yet: segment something, or click a thing.")
    if kind == "masks":
        return "masks.zip", _zip({_file(region): mask_png(scene, region) for region in masked})
    if kind == "cut-outs" and region_id is not None:
        region = _region(scene, region_id)
        if region not in masked:
            raise DemoError(f"Region #{region_id} has no mask yet: segment it first.")
        return _file(region), cut_out_png(assistant, scene, region)
    if kind == "cut-outs":
        return "cut-outs.zip", _zip(
            {_file(region): cut_out_png(assistant, scene, region) for region in masked}
        )
    raise DemoError("The page asked for something that cannot be taken away: reload it.")


def _file(region: Region) -> str:
    label = re.sub(r"[^\w-]+", "-", region.label).strip("-")[:40]
    return f"{region.id}-{label}.png" if label else f"{region.id}.png"


def _zip(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _without(scene: Scene, region: Region) -> Scene:
    regions = tuple(old for old in scene.regions if old.id != region.id)
    return replace(scene, regions=regions, selected=None if scene.selected == region.id else scene.selected)


def _push(timeline: Timeline, scene: Scene) -> Timeline:
    if len(timeline.steps) >= STEPS:
        # a visit of that many steps begins anew from where it is; its undo is what is given up
        return Timeline().push(timeline.scene).push(scene)
    return timeline.push(scene)


def _pictured(timeline: Timeline) -> Scene:
    if timeline.scene.picture is None:
        raise DemoError("There is no picture yet: choose one first.")
    return timeline.scene


def _region(scene: Scene, region_id: int) -> Region:
    region = scene.region(region_id)
    if region is None:
        raise DemoError(f"There is no region #{region_id} on the picture any more.")
    return region


def _inside(area: Box, point: Point) -> bool:
    return area.x1 <= point.x < area.x2 and area.y1 <= point.y < area.y2


def _grown(area: Box, share: float) -> Box:
    dx, dy = round((area.x2 - area.x1) * share), round((area.y2 - area.y1) * share)
    return Box(area.x1 - dx, area.y1 - dy, area.x2 + dx, area.y2 + dy)


def _lies_on(thing: Region, other: Region, scene: Scene) -> bool:
    """Say whether a mask is of a smaller thing on another one, and not of that one or what is beside it."""
    if not thing.mask or not other.mask or not scene.picture:
        return False
    upper, lower = (region.mask.array(scene.picture.size_wh) for region in (thing, other) if region.mask)
    return bool(upper.sum() <= SMALLER * lower.sum() and (upper & lower).sum() >= WITHIN * upper.sum())


def _covers(region: Region, point: Point) -> bool:
    mask = region.mask
    if mask is None or not _inside(mask.box, point):
        return False
    return bool(mask.crop[point.y - mask.box.y1, point.x - mask.box.x1])


# --- between these and Gradio ---

Drawn = tuple[Timeline, Any, Any, Any, Any]
"""Timeline, chat, canvas, undo button, redo button: what every event gives back."""
Begun = tuple[Timeline, str, Any, Any]
"""Timeline, the words to answer, chat, text field: what the beginning of an answer gives back."""


class Page:
    """The events of one page. Holds no visitor's data: that comes in as a Timeline and goes out as one.

    `examples`: the pictures offered, by name. `suggestions`: what can be said -> the ability it needs.
    """

    def __init__(
        self, startup: Startup, examples: Mapping[str, Path], suggestions: Mapping[str, str]
    ) -> None:
        self._startup = startup
        self._examples = examples
        self._suggestions = suggestions
        self._folder = TemporaryDirectory(prefix="sphinx-live-", ignore_cleanup_errors=True)

    async def welcome(self) -> AsyncIterator[tuple[Any, ...]]:
        """What the visitor reads about the models: state, empty chat, what they understand, suggestions.

        And the dials whose choices are the checkpoint's: its views, its encoders.
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
            render.chips(self._suggestions, about.untrained),
            gr.Radio(render.views(about), value=about.views, visible=about.most_views > 1),
            gr.CheckboxGroup(
                render.encoders(about), value=list(about.encoders), visible=len(about.encoders) > 1
            ),
        )

    def intake(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        """A file was uploaded, dropped, pasted or taken; the event says where it lies."""
        folder = Path(get_upload_folder()).resolve()
        path = Path(str(_data(event).get("path", ""))).resolve()
        # the path comes from the browser: nothing but what was uploaded may be opened by it
        return self._open(timeline, path if path.is_relative_to(folder) and path.is_file() else None)

    def example(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        """One of the example pictures was chosen."""
        return self._open(timeline, self._examples.get(str(_data(event).get("name", ""))))

    def _open(self, timeline: Timeline, path: Path | None) -> Drawn:
        """Open a file; a refusal is said where the visitor chose it."""
        # the number makes a new value of what is opened, or refused, a second time
        number = {"number": time.monotonic_ns()}
        try:
            if path is None:
                raise UnreadablePicture("The picture did not arrive: choose it again.")
            timeline = open_file(self._startup.assistant(), timeline, path)
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
        return _begin(timeline, str(_data(event).get("words", "")))

    def begin_again(self, timeline: Timeline, event: gr.RetryData) -> Begun:
        """Ask once more, from before it was asked."""
        with explained():
            index, words = question_of(timeline.scene, _index(event.index))
        return _begin(before_turn(timeline, index), words)

    def begin_edited(self, timeline: Timeline, event: gr.EditData) -> Begun:
        """Ask an earlier question in other words, from before it was asked."""
        with explained():
            index, _ = question_of(timeline.scene, _index(event.index))
        return _begin(before_turn(timeline, index), str(event.value))

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
            with closing(ask(self._startup.assistant(), timeline, words, options)) as growing:
                for timeline in growing:
                    yield _draw(self._startup, timeline, before, live=True)
                    before = timeline.scene
        except DemoError as error:
            # in the conversation, where the answer would have been, rather than in a box that goes away
            log.info("refused: %s", error)
            yield _draw(self._startup, refused(timeline, words, str(error)), None)

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
        return *_draw(self._startup, stopped(timeline), None), self.idle()

    def idle(self) -> Any:
        """Nothing is being answered: the button sends again."""
        return gr.Textbox(submit_btn=True, stop_btn=False)

    def click(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        data = _data(event)
        with explained():
            at = Click(_point(data.get("x"), data.get("y"), timeline), data.get("positive") is not False)
        return self._do(timeline, lambda assistant: click(assistant, timeline, at))

    def box(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        data = _data(event)
        with explained():
            first = _point(data.get("x1"), data.get("y1"), timeline)
            last = _point(data.get("x2"), data.get("y2"), timeline)
        dragged = Box(
            min(first.x, last.x), min(first.y, last.y), max(first.x, last.x) + 1, max(first.y, last.y) + 1
        )
        return self._do(timeline, lambda assistant: box(assistant, timeline, dragged))

    def select(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        number = _data(event).get("id")
        region_id = number if isinstance(number, int) else None
        return self._do(timeline, lambda assistant: select(assistant, timeline, region_id))

    def choose(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with explained():
            region_id, index = _whole(event, "id"), _whole(event, "candidate")
        return self._do(timeline, lambda assistant: choose(assistant, timeline, region_id, index))

    def choose_painting(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with explained():
            index = _whole(event, "index")
        return self._do(timeline, lambda assistant: choose_painting(assistant, timeline, index))

    def take_away(self, timeline: Timeline, event: gr.EventData) -> dict[str, Any]:
        """A file for the visitor, as the export drawer takes it."""
        number = _data(event).get("id")
        with explained():
            name, content = take_away(
                self._startup.assistant(),
                timeline,
                str(_data(event).get("kind")),
                number if isinstance(number, int) else None,
            )
        folder = Path(self._folder.name)
        for old in folder.iterdir():
            if time.time() - old.stat().st_mtime > KEPT:
                shutil.rmtree(old, ignore_errors=True)
        path = Path(mkdtemp(dir=folder)) / name
        path.write_bytes(content)
        return render.taken(path)

    def remove(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with explained():
            region_id = _whole(event, "id")
        return self._do(timeline, lambda assistant: remove(timeline, region_id))

    def take_back(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with explained():
            region_id, index = _whole(event, "id"), _whole(event, "click")
        return self._do(timeline, lambda assistant: take_back(assistant, timeline, region_id, index))

    def rename(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        with explained():
            region_id, name = _whole(event, "id"), str(_data(event).get("label") or "")
        return self._do(
            timeline, lambda assistant: _push(timeline, mending.renamed(timeline.scene, region_id, name))
        )

    def stroke(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        """The brush or the eraser was drawn over the picture."""
        data = _data(event)
        return self._do(timeline, lambda assistant: _push(timeline, mending.painted(timeline.scene, data)))

    def go_to(self, timeline: Timeline, event: gr.EventData) -> Drawn:
        """An earlier or later state of the picture was chosen."""
        with explained():
            step = _whole(event, "step")
        return self._do(timeline, lambda assistant: mending.gone_to(timeline, step))

    def undo(self, timeline: Timeline) -> Drawn:
        return self._do(timeline, lambda assistant: timeline.undo())

    def redo(self, timeline: Timeline) -> Drawn:
        return self._do(timeline, lambda assistant: timeline.redo())

    def clear(self, timeline: Timeline) -> Drawn:
        """A fresh start on the same page; undo brings everything back."""
        scene = timeline.scene
        empty = not scene.turns and not scene.regions
        return _draw(
            self._startup, timeline if empty and not scene.picture else _push(timeline, Scene()), None
        )

    def forget(self, timeline: Timeline) -> Drawn:
        """Clear the conversation; what was found on the picture stays."""
        return self._do(timeline, lambda assistant: _push(timeline, replace(timeline.scene, turns=())))

    def _do(self, timeline: Timeline, change: Callable[[Assistant], Timeline]) -> Drawn:
        with explained():
            return _draw(self._startup, change(self._startup.assistant()), None)


def _begin(timeline: Timeline, words: str) -> Begun:
    with explained():
        words = checked(words)
    asked = timeline.scene.with_turn(Turn("user", words))
    return timeline, words, render.chat(asked, live=True), gr.Textbox(submit_btn=False, stop_btn=True)


def _draw(startup: Startup, timeline: Timeline, before: Scene | None, *, live: bool = False) -> Drawn:
    """What the widgets show. `before`: the scene on the page now, None where all must be drawn."""
    scene = timeline.scene
    same = before is not None and (
        before.picture == scene.picture
        and before.regions == scene.regions
        and before.selected == scene.selected
        and render.paintings(before) == render.paintings(scene)
    )
    return (
        timeline,
        render.chat(scene, live=live),
        gr.skip() if same else _canvas(startup, timeline),
        gr.skip() if before else gr.Button(interactive=timeline.can_undo),
        gr.skip() if before else gr.Button(interactive=timeline.can_redo),
    )


def _canvas(startup: Startup, timeline: Timeline) -> dict[str, Any]:
    states = {step: timeline.steps[step].scene.picture for step in mending.states(timeline)}
    return render.canvas(
        timeline.scene,
        startup.assistant().path,
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


@contextmanager
def explained(written: Callable[[str], str] = html.escape) -> Iterator[None]:
    """A refusal becomes a message; anything else is a fault of ours, and is said to be one.

    Args: written: how words are written where the message is read; on the page it is HTML.
    """
    try:
        yield
    except DemoError as error:
        log.info("refused: %s", error)
        raise gr.Error(written(str(error)), title="That did not work", print_exception=False) from error


def _data(event: gr.EventData) -> Mapping[str, Any]:
    return event._data if isinstance(event._data, dict) else {}


def _whole(event: gr.EventData, name: str) -> int:
    value = _data(event).get(name)
    if not isinstance(value, int):
        raise DemoError("The page sent something that cannot be read: reload it.")
    return value


def _index(index: int | tuple[int, int]) -> int:
    return index if isinstance(index, int) else index[0]


def _point(x: Any, y: Any, timeline: Timeline) -> Point:
    """A point from the browser, inside the picture."""
    picture = _pictured(timeline).picture
    assert picture is not None
    if not all(isinstance(value, int | float) and value == value for value in (x, y)):
        raise DemoError("The page sent a point that cannot be read: reload it.")
    width, height = picture.size_wh
    return Point(min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1))
