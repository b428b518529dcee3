"""The three models behind ZeroGPU: every call runs in another process that holds a GPU for a while.

    vlm, segmenter, inpainter = run_on_zero_gpu(spaces.GPU, vlm, segmenter, inpainter)

All verbs are served by one decorated function, so that they share one process and what it remembers of
pictures and conversations. This module knows seconds; `pipelines.remote` knows the verbs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

from pipelines import remote
from pipelines.interfaces import (
    GenerationOptions,
    Inpainter,
    InpaintOptions,
    Segmenter,
    VisionLanguageModel,
)

LOADING_S = 15  # of GPU that any call may take, weights loaded onto it and the picture looked at
TOKEN_S = 0.1  # that each token of an answer may take
STEP_S = 1.0  # that each step of a painting may take
LONGEST_S = 120  # that are asked for at most, which is what ZeroGPU lends a visitor at a time
"""Bounds, not measurements: a call that takes longer is ended, one that takes less gives the rest back."""

GpuDecorator = Callable[..., Callable[[remote.Served], remote.Served]]
"""`spaces.GPU` or its like: lend(duration=seconds of a call's arguments) decorates what needs the GPU."""


def run_on_zero_gpu(
    gpu: GpuDecorator, vlm: VisionLanguageModel, segmenter: Segmenter, inpainter: Inpainter
) -> tuple[VisionLanguageModel, Segmenter, Inpainter]:
    """Wrap the three models so that every call runs under the GPU decorator."""
    models = {
        "stream": vlm,
        "in_distribution": vlm,
        "is_drawn": vlm,
        "outline": segmenter,
        "paint": inpainter,
    }

    @gpu(duration=seconds)
    def serve(verb: str, *given: Any, **named: Any) -> Generator[Any, None, None]:
        yield from remote.serve(models, verb, given, named)

    return (
        remote.RemoteVLM(vlm.name, serve),
        remote.RemoteSegmenter(segmenter.name, serve),
        remote.RemoteInpainter(inpainter.name, inpainter.for_photographs, serve),
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
