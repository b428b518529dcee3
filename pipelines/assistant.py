"""A picture and words go in, a `Scene` comes out: one assistant over three models.

It knows requests, abilities and scenes; which classes stand behind the three parts is `pipelines.catalog`'s
business. What takes more than a screen to serve lies in a module named after its request.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from model.replies import plain_text, read_reply
from pipelines.errors import DemoError
from pipelines.interfaces import (
    STEPS,
    TRIES,
    GenerationOptions,
    Inpainter,
    InpaintOptions,
    Replies,
    Scenes,
    Segmenter,
    VisionLanguageModel,
)
from pipelines.language import requests as req
from pipelines.language.nouns import plural, singular
from pipelines.language.requests import Target
from pipelines.language.rules import is_relation, understand
from pipelines.merge import name_regions, need_picture, need_region, show, without_regions
from pipelines.pictures import Pictures, open_picture
from pipelines.scene import Box, Click, Picture, Record, Region, Scene, Turn
from pipelines.tasks import TASKS, Piece, Reading

log = logging.getLogger(__name__)

ROOM = 0.04  # of its longer side, by which a box that words found is asked larger
REMEMBERED_TURNS = 8  # questions with their answers that are told to the vision-language model again

UNFAMILIAR = (
    "This picture is outside what {model} was trained on, so its words about it are guesses. "
    "Clicks and boxes work: click an object to outline it."
)


@dataclass(frozen=True, slots=True)
class About:
    """What the page says of the loaded models. `understands` and `cannot` are Markdown."""

    model: str
    device: str
    why: str
    understands: str = ""
    cannot: str = ""
    paints: str = ""
    """What the inpainter can and cannot paint."""
    examples: tuple[str, ...] = ()
    untrained: Mapping[str, str] = field(default_factory=dict)
    """Abilities that the checkpoint did not learn -> their measured figure, or ""."""
    short_answers: bool = False
    """Questions are asked with SPHINX's short-answer line (small checkpoints know no other answers)."""
    remembers: int = REMEMBERED_TURNS
    encoders: tuple[str, ...] = ()
    """SPHINX's visual encoders; it looks through all of them where a visitor does not leave some out."""
    views: int = 1
    """The views it looks with where a visitor does not choose: 1 is the whole picture."""
    most_views: int = 1
    """The whole picture and its sub-images."""


@dataclass(frozen=True, slots=True)
class ReplyOptions(GenerationOptions):
    """The visitor's dials for one message: the vision-language model's, and an edit's.

    An edit paints `candidates` pictures to choose from, and while SPHINX does not see what was wished for
    others, up to `tries` in all.
    """

    steps: int = STEPS
    guidance: float | None = None
    negative: str = ""
    candidates: int = 1
    tries: int = TRIES

    @property
    def inpainter(self) -> InpaintOptions:
        """What of them the inpainter needs."""
        return InpaintOptions(self.seed, self.steps, self.guidance, self.negative)


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
        self.vlm = vlm
        self.segmenter = segmenter
        self.inpainter = inpainter
        self.about = about
        self.pictures = pictures or Pictures()

    # --- pictures --------------------------------------------------------------------------------------

    def open(self, source: str | Path | bytes | Image.Image) -> Scene:
        """A new scene of a picture, with a notice when the picture is outside the model's world.

        Raises:
            DemoError: it cannot be opened.
        """
        image = open_picture(source)
        scene = Scene(self.pictures.add(image))
        assert scene.picture
        if not self.vlm.in_distribution(image, scene.picture.digest):
            scene = scene.with_turn(Turn("notice", UNFAMILIAR.format(model=self.about.model)))
        return scene

    def image(self, picture: Picture) -> Image.Image:
        """The pixels: RGB, shared; draw on a copy."""
        return self.pictures.image(picture)

    def path(self, picture: Picture) -> Path:
        """A PNG file of the picture."""
        return self.pictures.path(picture)

    @property
    def forward_passes(self) -> int:
        """Calls of the language model since it was loaded."""
        return self.vlm.forward_passes

    # --- pointing --------------------------------------------------------------------------------------

    def click(self, scene: Scene, click: Click, *, region_id: int | None = None) -> Scene:
        """Outline what is clicked: a new region, or one more click for the region `region_id`."""
        picture = need_picture(scene)
        width, height = picture.size_wh
        if not (0 <= click.point.x < width and 0 <= click.point.y < height):
            raise DemoError(f"The click is outside the picture ({width} x {height} pixels): click on it.")
        if region_id is None and not click.positive:
            region_id = scene.selected
            if region_id is None:
                raise DemoError("A subtracting click needs a region to take from: select one first.")
        if region_id is None:
            return self._outlined(
                scene, Region(scene.next_id, "", Box(0, 0, 0, 0), source="click", clicks=(click,))
            )
        region = need_region(scene, region_id)
        prompt = region.prompt_box or (region.box if not region.clicks else None)
        return self._outlined(scene, replace(region, clicks=(*region.clicks, click), prompt_box=prompt))

    def unclick(self, scene: Scene, region_id: int, index: int) -> Scene:
        """Take one click back; the region goes with its last one, unless it has a box."""
        region = need_region(scene, region_id)
        clicks = tuple(click for i, click in enumerate(region.clicks) if i != index)
        if not any(click.positive for click in clicks) and not region.prompt_box:
            return without_regions(scene, (region_id,))
        return self._outlined(scene, replace(region, clicks=clicks))

    def box(self, scene: Scene, box: Box) -> Scene:
        """Outline what a dragged box holds: a new region."""
        width, height = need_picture(scene).size_wh
        inside = box.within((width, height))
        if inside.x2 <= inside.x1 or inside.y2 <= inside.y1:
            raise DemoError(
                f"The box holds nothing of the picture ({width} x {height} pixels): drag it on the picture."
            )
        return self._outlined(scene, Region(scene.next_id, "", inside, source="box", prompt_box=inside))

    def select(self, scene: Scene, region_id: int | None) -> Scene:
        """Make a region the one that "it" stands for; None for none."""
        if region_id is not None:
            need_region(scene, region_id)
        return replace(scene, selected=region_id)

    def choose(self, scene: Scene, region_id: int, candidate: int) -> Scene:
        """Take another of the masks that were offered for a region."""
        region = need_region(scene, region_id)
        if not 0 <= candidate < len(region.candidates):
            raise DemoError(f"#{region_id} has {len(region.candidates)} masks to choose from.")
        mask, score = region.candidates[candidate]
        return scene.with_region(replace(region, mask=mask, score=score, box=mask.box))

    def choose_painting(self, scene: Scene, picture: Picture) -> Scene:
        """Take another of the paintings that an edit offered; the regions stay as they are."""
        if not any(picture in turn.pictures for turn in scene.turns):
            raise DemoError("This painting is not one of those that were offered: choose one below the edit.")
        return replace(scene, picture=picture)

    def outline(self, scene: Scene, region: Region) -> Region:
        """The region with its mask: asked with its clicks and box, or with the box that words found.

        Such a box may cut a little of its thing off, and nothing outside a box can belong to a mask, so it is
        asked a little larger.
        """
        picture = need_picture(scene)
        box = region.prompt_box or (None if region.clicks else region.box.grown(ROOM).within(picture.size_wh))
        found = self.segmenter.outline(self.image(picture), picture.digest, box=box, clicks=region.clicks)
        found = tuple((mask, score) for mask, score in found if mask.bits)
        if not found:
            return replace(region, mask=None, score=None, candidates=(), note="nothing to outline here")
        mask, score = found[0]
        return replace(region, box=mask.box, mask=mask, score=score, candidates=found, prompt_box=box)

    def _outlined(self, scene: Scene, region: Region) -> Scene:
        region = self.outline(scene, region)
        if region.mask is None and not region.box.area:
            raise DemoError("There is nothing to outline at this place: click inside an object.")
        return replace(scene.with_region(region), selected=region.id)

    # --- words -----------------------------------------------------------------------------------------

    def reply(self, scene: Scene, words: str, *, options: ReplyOptions | None = None) -> Scenes:
        """Serve a message: scenes that grow, the last one whole. Closing the iterator cancels at once.

        The answer's turn is `unfinished` in all but the last.

        Raises:
            DemoError: the request cannot be served, with the reason and what would work.
        """
        options = options or ReplyOptions()
        started = time.monotonic()
        request = understand(words, scene)
        asked = Turn("user", words.strip())
        scene = scene.with_turn(asked)
        yield scene
        last = scene
        with closing(self._serve(scene, request, options)) as scenes:
            for last in scenes:
                turn = last.turns[-1]
                yield replace(last, turns=(*last.turns[:-1], replace(turn, unfinished=turn is not asked)))
        seconds = time.monotonic() - started
        turn = last.turns[-1]
        if turn.record:
            turn = replace(turn, record=replace(turn.record, seconds=round(seconds, 3)))
        yield replace(last, turns=(*last.turns[:-1], turn))
        log.info("%s: %.2f s, %d regions", type(request).__name__, seconds, len(last.regions))

    def answer(self, scene: Scene, words: str, *, options: ReplyOptions | None = None) -> Scene:
        """The last scene of `reply`, for who does not want to watch."""
        for grown in self.reply(scene, words, options=options):
            scene = grown
        return scene

    def _serve(self, scene: Scene, request: req.Request, options: ReplyOptions) -> Scenes:
        from pipelines import ask, edit, everything, pose, reshape

        if not isinstance(request, req.Ask):
            need_picture(scene)
        match request:
            case req.Ask():
                return ask.ask(self, scene, request, options)
            case req.Look(ability):
                return self.look(scene, ability, TASKS[ability].prompt.fill(), options)
            case req.Find(phrase, ability):
                label = singular(phrase) if ability == "detect" else phrase
                return self.look(scene, ability, TASKS[ability].prompt.fill(phrase=phrase), options, label)
            case req.Outline(target):
                return self.outline_words(scene, target, options)
            case req.Describe(target):
                return ask.describe(self, scene, target, options)
            case req.Marks():
                return ask.marks(self, scene, request, options)
            case req.Pose(target):
                return pose.pose(self, scene, target, options)
            case req.Everything():
                return everything.everything(self, scene)
            case req.Edit():
                return edit.edit(self, scene, request, options)
            case req.Reshape():
                return reshape.reshape(scene, request)
            case req.Select(ids):
                return reshape.select(scene, ids)
            case req.Forget(ids):
                return reshape.forget(scene, ids)

    def stream(
        self, scene: Scene, question: str, options: ReplyOptions, history: Sequence[tuple[str, str]] = ()
    ) -> Replies:
        """Put a sentence to the vision-language model about the scene's picture: the raw reply, growing."""
        picture = scene.picture
        image = self.image(picture) if picture else None
        digest = picture.digest if picture else None
        with closing(self.vlm.stream(image, digest, history, question, options=options)) as replies:
            yield from replies

    def complete(self, scene: Scene, question: str, options: ReplyOptions) -> str:
        """The whole raw reply to a sentence that the visitor does not see."""
        raw = ""
        for grown in self.stream(scene, question, options):
            raw = grown
        return raw

    def look(
        self,
        scene: Scene,
        ability: str,
        question: str,
        options: ReplyOptions,
        phrase: str = "",
        history: Sequence[tuple[str, str]] = (),
    ) -> Scenes:
        """One sentence, one reply, drawn as it grows: the road of most abilities.

        Args:
            question: SPHINX's full sentence.
            phrase: what was asked for; names the boxes that come without words.
        """
        scene = self.warn(scene, ability)
        size_wh = scene.picture.size_wh if scene.picture else None
        details = (("question", question), *((("phrase", phrase),) if phrase else ()))
        record = Record(ability, self.about.model, options.seed, details=details)
        raw, tokens = "", 0
        for raw in self.stream(scene, question, options, history):
            tokens += 1
            turn = Turn("assistant", "", raw=raw, record=replace(record, tokens=tokens))
            yield show(scene, _read(ability, raw, size_wh, phrase, ended=False), turn)
        turn = Turn("assistant", "", raw=raw, record=replace(record, tokens=tokens))
        yield show(scene, _read(ability, raw, size_wh, phrase, ended=True), turn)

    def warn(self, scene: Scene, ability: str) -> Scene:
        """The scene with a notice, once, where the loaded checkpoint did not learn the ability."""
        if ability not in self.about.untrained:
            return scene
        figure = self.about.untrained[ability]
        title = TASKS[ability].title.lower()
        text = (
            f"{self.about.model} was not trained for this, or learned it badly ({title}): take it as a guess."
        )
        text += f" Measured: {figure}." if figure else ""
        said = any(turn.role == "notice" and turn.text == text for turn in scene.turns)
        return scene if said else scene.with_turn(Turn("notice", text))

    def outline_words(self, scene: Scene, target: Target, options: ReplyOptions) -> Scenes:
        """Find a phrase, then outline each box of it; or outline regions that are there already."""
        if target.box:
            found = self.box(scene, target.box)
            assert found.selected
            yield name_regions(found, "Outlined: ", (found.selected,), "outline", self.segmenter.name)
            return
        ids = target.region_ids
        if not target.phrase:
            for region_id in ids or (None,):
                need_region(scene, region_id)
        else:
            with closing(self.find(scene, target, options)) as scenes:
                for scene in scenes:
                    yield scene
            ids = tuple(dict.fromkeys(i for span in scene.turns[-1].spans for i in span.region_ids))
        for region_id in ids:
            scene = scene.with_region(self.outline(scene, need_region(scene, region_id)))
            if target.phrase:
                yield scene
        if not target.phrase:
            yield name_regions(
                replace(scene, selected=ids[0]), "Outlined: ", ids, "outline", self.segmenter.name
            )

    def find(self, scene: Scene, target: Target, options: ReplyOptions) -> Scenes:
        """Boxes for a target's phrase, by the ability that suits it."""
        if target.every:
            question = TASKS["detect"].prompt.fill(phrase=plural(target.phrase))
            return self.look(scene, "detect", question, options, singular(target.phrase))
        ability = "relation" if is_relation(target.phrase) else "locate"
        question = TASKS[ability].prompt.fill(phrase=target.phrase)
        return self.look(scene, ability, question, options, target.phrase)


def _read(ability: str, raw: str, size_wh: tuple[int, int] | None, phrase: str, *, ended: bool) -> Reading:
    if size_wh is None:
        return Reading((Piece(plain_text(raw, read_reply(raw), ended=ended)[0]),))
    return TASKS[ability].read(raw, size_wh, phrase, ended)
