"""The three models behind ZeroGPU: every call runs in another process that holds a GPU for a while.

    vlm, segmenter, inpainter = run_on_zero_gpu(spaces.GPU, vlm, segmenter, inpainter)

What goes there and comes back is pickled, piece by piece where a verb streams. All verbs are served by one
decorated function, so that they share one process and what it remembers of pictures and conversations. This
module knows no model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from PIL import Image

from pipelines.errors import DemoError, explained
from pipelines.interfaces import (
    GenerationOptions,
    Inpainter,
    InpaintOptions,
    Paintings,
    Replies,
    Segmenter,
    VisionLanguageModel,
)
from pipelines.scene import Box, Click, Mask

LOADING_S = 15  # of GPU that any call may take, weights loaded onto it and the picture looked at
TOKEN_S = 0.1  # that each token of an answer may take
STEP_S = 1.0  # that each step of a painting may take
LONGEST_S = 120  # that are asked for at most, which is what ZeroGPU lends a visitor at a time
"""Bounds, not measurements: a call that takes longer is ended, one that takes less gives the rest back."""

Served = Callable[..., Generator[Any, None, None]]
"""(verb, its arguments) -> its answers, one after the other."""
GpuDecorator = Callable[..., Callable[[Served], Served]]
"""`spaces.GPU` or its like: lend(duration=seconds of a call's arguments) decorates what needs the GPU."""


def run_on_zero_gpu(
    gpu: GpuDecorator, vlm: VisionLanguageModel, segmenter: Segmenter, inpainter: Inpainter
) -> tuple[VisionLanguageModel, Segmenter, Inpainter]:
    """Wrap the three models so that every call runs under the GPU decorator."""
    models = {"stream": vlm, "in_distribution": vlm, "outline": segmenter, "paint": inpainter}

    @gpu(duration=seconds)
    def serve(verb: str, *given: Any, **named: Any) -> Generator[Any, None, None]:
        try:
            with explained(models[verb].name):
                answer = getattr(models[verb], verb)(*given, **named)
                if isinstance(answer, Generator):
                    with closing(answer):
                        yield from answer
                else:
                    yield answer
        except DemoError as error:
            yield error  # as a value: ZeroGPU forwards only the name of an exception's type

    return (
        _RemoteVLM(vlm.name, serve),
        _RemoteSegmenter(segmenter.name, serve),
        _RemoteInpainter(inpainter.name, inpainter.for_photographs, serve),
    )


def seconds(verb: str, *given: Any, **named: Any) -> int:
    """Seconds of GPU to borrow for a call: asked of a visitor's quota beforehand; less is lent sooner.

    Args:
        verb: of the three models.
        given, named: the call's arguments; its `options` say how much is to be computed.
    """
    options = named.get("options")
    wanted = float(LOADING_S)
    if verb == "stream" and isinstance(options, GenerationOptions):
        wanted += TOKEN_S * options.max_new_tokens
    elif verb == "paint" and isinstance(options, InpaintOptions):
        wanted += STEP_S * options.steps
    return min(math.ceil(wanted), LONGEST_S)


def _answers(served: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """Yield the served values and raise a served refusal. Closing this generator closes the served one."""
    with closing(served):
        for answer in served:
            if isinstance(answer, DemoError):
                raise answer
            yield answer


class _RemoteVLM:
    def __init__(self, name: str, serve: Served) -> None:
        self.name = name
        self.forward_passes = 0  # as far as is seen from here: pieces that arrived
        self._serve = serve

    def stream(
        self,
        image: Image.Image | None,
        digest: str | None,
        turns: Sequence[tuple[str, str]],
        question: str,
        *,
        options: GenerationOptions,
    ) -> Replies:
        served = self._serve("stream", image, digest, tuple(turns), question, options=options)
        with closing(_answers(served)) as replies:
            for raw in replies:
                self.forward_passes += 1
                yield raw

    def in_distribution(self, image: Image.Image, digest: str) -> bool:
        (known,) = _answers(self._serve("in_distribution", image, digest))
        return known


class _RemoteSegmenter:
    def __init__(self, name: str, serve: Served) -> None:
        self.name = name
        self._serve = serve

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
        asked = {"box": box, "clicks": tuple(clicks), "confined": confined, "neighbours": tuple(neighbours)}
        (found,) = _answers(self._serve("outline", image, digest, **asked))
        return found


class _RemoteInpainter:
    def __init__(self, name: str, for_photographs: bool, serve: Served) -> None:
        self.name = name
        self.for_photographs = for_photographs
        self._serve = serve

    def paint(self, image: Image.Image, mask: np.ndarray, wish: str, *, options: InpaintOptions) -> Paintings:
        yield from _answers(self._serve("paint", image, mask, wish, options=options))
