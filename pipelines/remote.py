"""The three models in another process: what an assistant calls, and what serves the calls over there.

Arguments and answers are pickled, piece by piece where a verb streams. How they travel is the business of who
gives a `Served`: `pipelines.zero_gpu` lends a GPU, `app.cluster` has replicas on other machines. This module
knows no model.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from PIL import Image

from pipelines.errors import DemoError, explain_shortage
from pipelines.interfaces import (
    InpaintOptions,
    Paintings,
    Replies,
)
from pipelines.scene import Box, Click, Mask

Served = Callable[..., Generator[Any, None, None]]
"""(verb, its arguments) -> its answers, one after the other; a refusal is the last, as a value."""


def serve(
    models: Mapping[str, Any], verb: str, given: Sequence[Any], named: Mapping[str, Any]
) -> Generator[Any, None, None]:
    """Carry out a verb of one of the models, where the model is.

    Args:
        models: verb -> the model that has it.
    Yields:
        Its answers. A refusal is yielded as a value: ZeroGPU forwards only the name of an error's type.
    """
    try:
        with explain_shortage(models[verb].name):
            answer = getattr(models[verb], verb)(*given, **named)
            if isinstance(answer, Generator):
                with closing(answer):
                    yield from answer
            else:
                yield answer
    except DemoError as error:
        yield error


def _answers(served: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """Yield the served values and raise a served refusal. Closing this generator closes the served one."""
    with closing(served):
        for answer in served:
            if isinstance(answer, DemoError):
                raise answer
            yield answer


class RemoteVLM:
    """SPHINX elsewhere, as `interfaces.VisionLanguageModel`."""

    def __init__(self, name: str, serve: Served) -> None:
        self.name = name
        self.forward_passes = 0  # as far as is seen from here: pieces that arrived
        self._serve = serve

    def stream(self, *given: Any, **named: Any) -> Replies:
        """Forward what `VisionLanguageModel.stream` takes."""
        with closing(_answers(self._serve("stream", *given, **named))) as replies:
            for raw in replies:
                self.forward_passes += 1
                yield raw

    def in_distribution(self, image: Image.Image, digest: str) -> bool:
        (known,) = _answers(self._serve("in_distribution", image, digest))
        return known

    def is_drawn(self, image: Image.Image, digest: str) -> bool:
        (drawn,) = _answers(self._serve("is_drawn", image, digest))
        return drawn


class RemoteSegmenter:
    """The segmenter elsewhere, as `interfaces.Segmenter`."""

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


class RemoteInpainter:
    """The inpainter elsewhere, as `interfaces.Inpainter`."""

    def __init__(self, name: str, for_photographs: bool, serve: Served) -> None:
        self.name = name
        self.for_photographs = for_photographs
        self._serve = serve

    def paint(self, image: Image.Image, mask: np.ndarray, wish: str, *, options: InpaintOptions) -> Paintings:
        yield from _answers(self._serve("paint", image, mask, wish, options=options))
