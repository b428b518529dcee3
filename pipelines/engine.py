"""The engine that tasks run on: the three models, the picture store, and what is known of the models.

It holds nothing of any visitor or conversation. Each model may be local, behind a GPU decorator, or a handle
to another process: only the methods of `pipelines.interfaces` are called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from pipelines.caching import LockedCache
from pipelines.errors import explain_shortage
from pipelines.geometry import bounding_box
from pipelines.interfaces import (
    CutReply,
    GenerationOptions,
    Inpainter,
    Replies,
    Segmenter,
    VisionLanguageModel,
)
from pipelines.language.vocabulary import Vocabulary
from pipelines.line import Line, Waiting
from pipelines.pictures import Pictures
from pipelines.repetition import stop_repetition
from pipelines.scene import Picture, Region

REMEMBERED_TURNS = 8  # questions with their answers that are told to the vision-language model again
KEPT_CHARACTERS = 4 << 20  # of replies
SAME_OBJECT = 0.7  # IoU of boxes from which two regions are one object, and not neighbours


@dataclass(frozen=True, slots=True)
class About:
    """What the page says of the loaded models. `understands` and `cannot` are Markdown."""

    model: str
    device: str
    why: str
    understands: str = ""
    cannot: str = ""
    photographs: str = ""
    """What is said when a photograph is opened, where the checkpoint has seen some."""
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
    photo_views: int | None = None
    """The views that an expert for photographs looks with; None where there is none of its own."""
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    """The words that the checkpoint knows."""
    experts: bool = False
    """It has an expert for drawn pictures and one for photographs."""
    mixes: bool = False
    """The two can be mixed."""
    measured: Mapping[str, Any] = field(default_factory=dict)
    """What its switches cost, as `model.training.switches` measured it; empty where nobody did."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Three models, a picture store, and what is known of the models."""

    vlm: VisionLanguageModel
    segmenter: Segmenter
    inpainter: Inpainter
    about: About
    pictures: Pictures
    painting: Line = field(default_factory=Line)
    """Before the inpainter, which paints for one visitor at a time."""
    said: LockedCache = field(default_factory=lambda: LockedCache(KEPT_CHARACTERS, len))
    """Greedy replies of this vision-language model about pictures, whole, by all that they depend on."""

    def waiting(self) -> Waiting | None:
        """Return how many questions wait for SPHINX, and roughly how long; None where none is known to."""
        load = getattr(self.vlm, "load", None)
        now = load() if load else None
        return Waiting(now.waiting, now.wait_s) if now and now.waiting else None

    def stream(
        self,
        picture: Picture | None,
        question: str,
        options: GenerationOptions,
        history: Sequence[tuple[str, str]] = (),
    ) -> Replies:
        """Put a sentence to the vision-language model: yield the raw reply so far, growing.

        A reply that repeats itself is stopped at once; the last that is yielded of it is a `CutReply`. What
        was said greedily about a picture is not computed again: it comes at once, as a whole.

        Args:
            picture: the picture it is about, or None to talk without one.
            question: SPHINX's full sentence.
            history: earlier questions with their raw answers, oldest first.
        """
        image = self.image(picture) if picture else None
        digest = picture.digest if picture else None
        key = _name_of_reply(picture, history, question, options)
        if key is not None and (said := self.said.get(key)) is not None:
            yield said
            return
        raw = ""
        with closing(self.vlm.stream(image, digest, history, question, options=options)) as replies:
            for raw in replies:
                cut = stop_repetition(raw)
                if cut is not None:
                    replies.close()  # the model is free before anybody reads the rest
                    raw = CutReply(cut)
                    yield raw
                    break
                yield raw
        if key is not None and raw:
            self.said.put(key, raw)

    def complete(self, picture: Picture, question: str, options: GenerationOptions) -> str:
        """Return the whole raw reply to a sentence that the visitor does not see."""
        raw = ""
        for grown in self.stream(picture, question, options):
            raw = grown
        return raw

    def in_distribution(self, picture: Picture) -> bool:
        """Return whether the picture is of the kind that the vision-language model was trained on."""
        with explain_shortage(self.vlm.name):
            return self.vlm.in_distribution(self.image(picture), picture.digest)

    def is_sure(self, picture: Picture) -> bool:
        """Return whether SPHINX can be relied on: it knows such pictures, and knows them well."""
        return self.in_distribution(picture) and (not self.about.photographs or self.is_drawn(picture))

    def views_of(self, picture: Picture | None) -> int:
        """Return the views that a picture is looked at with where a visitor does not choose."""
        about = self.about
        if picture is None or about.photo_views is None or self.is_drawn(picture):
            return about.views
        return about.photo_views

    def is_drawn(self, picture: Picture) -> bool:
        """Return whether the picture looks like the drawn world of the embedded inpainter's training."""
        return self.vlm.is_drawn(self.image(picture), picture.digest)

    def image(self, picture: Picture) -> Image.Image:
        """Return the pixels of a picture: RGB, shared; draw on a copy."""
        return self.pictures.image(picture)

    def outline(self, picture: Picture, region: Region, others: Sequence[Region] = ()) -> Region:
        """Return the region with its mask, from its clicks and dragged box, or from the box that words found.

        A box that a visitor dragged confines the mask. One that words found may miss a part of its object, a
        beak or a tail, so the mask may reach a little beyond it, but not into one of the `others`.
        """
        box = region.prompt_box
        from_words = box is None and not region.clicks
        if from_words:
            box = region.box.within(picture.size_wh)
        neighbours = [
            other.mask or other.box
            for other in others
            if from_words and other.id != region.id and other.box.iou(region.box) < SAME_OBJECT
        ]
        with explain_shortage(self.segmenter.name):
            found = self.segmenter.outline(
                self.image(picture),
                picture.digest,
                box=box,
                clicks=region.clicks,
                confined=not from_words,
                neighbours=neighbours,
            )
        found = tuple((mask, score) for mask, score in found if mask.bits)
        if not found:
            return replace(region, mask=None, score=None, candidates=(), note="nothing to outline here")
        mask, score = found[0]
        if from_words and box is not None:
            box = bounding_box([box, mask.box])  # a later click keeps what reaches beyond the words' box
        return replace(region, box=mask.box, mask=mask, score=score, candidates=found, prompt_box=box)


def _name_of_reply(
    picture: Picture | None, history: Sequence[tuple[str, str]], question: str, options: GenerationOptions
) -> tuple[Any, ...] | None:
    """Return all that a greedy reply depends on; None where it is not to be kept."""
    if picture is None or options.temperature > 0:
        return None
    looked = (options.views, options.encoders, options.beta, options.max_new_tokens)
    return (picture.digest, tuple(history), question, *looked)
