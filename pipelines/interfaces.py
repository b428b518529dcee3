"""The three models behind an assistant as one-verb Protocols, and the options of one call of each.

`pipelines.catalog` decides which classes implement them; nothing else needs to know. Calls take and return
small values that can be pickled, so that a model may run in another process.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from pipelines.scene import Box, Click, Mask, Scene

MAX_NEW_TOKENS = 512  # of one reply
STEPS = 20  # of diffusion
TRIES = 3  # paintings of an edit, until SPHINX sees what was wished for
GUIDANCE = 7.5  # how closely diffusion follows the words where an inpainter says nothing: diffusers' own


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How one reply is generated. `views` and `encoders` leave parts of SPHINX's sight out; None is all.

    `beta`: the share of the expert for photographs in a mixture of both; None is each picture's expert.
    """

    seed: int = 0
    temperature: float = 0.0
    top_p: float = 0.75
    max_new_tokens: int = MAX_NEW_TOKENS
    views: int | None = None
    encoders: tuple[str, ...] | None = None
    beta: float | None = None


@dataclass(frozen=True, slots=True)
class InpaintOptions:
    """How one painting is made. `negative`: what should not be seen; `keep_shape`: recolour only.

    `guidance`: how closely the words are followed; None is what suits the inpainter.
    """

    seed: int = 0
    steps: int = STEPS
    guidance: float | None = None
    negative: str = ""
    keep_shape: bool = False

    def said(self) -> tuple[tuple[str, str], ...]:
        """Return the dials in words, for a turn's record."""
        return (
            ("steps", str(self.steps)),
            ("guidance", "as suits the model" if self.guidance is None else str(self.guidance)),
            ("negative", self.negative),
        )


@dataclass(frozen=True, slots=True)
class ReplyOptions(GenerationOptions):
    """The visitor's options for one message: those of the vision-language model, and those of an edit.

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
        """The part of the options that the inpainter takes."""
        return InpaintOptions(self.seed, self.steps, self.guidance, self.negative)


@dataclass(frozen=True, slots=True)
class Painting:
    """A painting after `step` of `steps`: a preview on the way where there is one, the picture at the end.

    `by`: what painted it, where that is not the inpainter as it is named.
    """

    step: int
    steps: int
    preview: Image.Image | None = None
    image: Image.Image | None = None
    by: str = ""


class CutReply(str):
    """A raw reply that was stopped since it repeated itself, cut after the first of the repetitions."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a model is: requests it answers together, that wait, that may wait.

    `wait_s`: roughly the seconds until a request that comes now is begun.
    """

    places: int
    answering: int
    waiting: int
    most_waiting: int
    wait_s: float


Scenes = Generator[Scene, None, None]
Replies = Generator[str, None, None]
Paintings = Generator[Painting, None, None]


class VisionLanguageModel(Protocol):
    """SPHINX."""

    name: str

    @property
    def forward_passes(self) -> int:
        """Calls of the language model since it was loaded, each for all who are answered then."""
        ...

    def stream(
        self,
        image: Image.Image | None,
        digest: str | None,
        turns: Sequence[tuple[str, str]],
        question: str,
        *,
        options: GenerationOptions,
    ) -> Replies:
        """Answer. May be called from several threads; closing the iterator stops within one token.

        Args:
            image: upright RGB, or None to talk without a picture.
            digest: the picture's name, under which its visual tokens are kept.
            turns: the conversation so far: (question, raw answer), oldest first.
            question: SPHINX's full sentence.
        Yields:
            The whole raw reply so far, growing, after every token; never any of the stop. Where nothing was
            added for a while (the request waits for a place) the same comes again: a caller can close then.
        """
        ...

    def in_distribution(self, image: Image.Image, digest: str) -> bool:
        """Return whether the picture is of the kind that the model was trained on."""
        ...

    def is_drawn(self, image: Image.Image, digest: str) -> bool:
        """Return whether the picture looks like the drawn world of the embedded inpainter's training."""
        ...


class Segmenter(Protocol):
    """The segmenter."""

    name: str

    def outline(
        self,
        image: Image.Image,
        digest: str,
        *,
        box: Box | None = None,
        clicks: Sequence[Click] = (),
        confined: bool = True,
        neighbours: Sequence[Box | Mask] = (),
    ) -> tuple[tuple[Mask, float], ...]:
        """Outline what a box, clicks, or both point at: masks with their predicted IoU (0..1), best first.

        Args:
            confined: nothing outside the box belongs to a mask; False where words found the box, so that the
                thing may reach a little beyond it, but never into `neighbours`.
        """
        ...


class Inpainter(Protocol):
    """The inpainter. `for_photographs`: whether it is for photographs as well as for drawn pictures."""

    name: str
    for_photographs: bool

    def paint(self, image: Image.Image, mask: np.ndarray, wish: str, *, options: InpaintOptions) -> Paintings:
        """Paint inside a mask; every pixel outside it stays bit-identical. Closing the iterator cancels.

        Args:
            image: upright RGB.
            mask: bool (H, W).
            wish: what should be seen there afterwards; empty to remove what is there.
        Raises:
            MissingCapability: it cannot paint such a wish.
        """
        ...
