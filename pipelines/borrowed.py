"""Parts whose verbs run where a GPU is lent for a while: on Hugging Face's ZeroGPU, in another process.

    speaker, outliner, painter = borrow(spaces.GPU, speaker, outliner, painter)

What goes there and comes back is pickled, piece by piece where a verb streams. All verbs are served by one
borrowed function, so that they share one process and what it remembers of pictures and conversations. This
module knows no model.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from PIL import Image

from pipelines.errors import DemoError
from pipelines.parts import Outliner, Painter, PainterOptions, Paintings, Replies, Speaker, SpeakerOptions
from pipelines.scene import Box, Click, Mask

SECONDS = {"stream": 60, "familiar": 15, "outline": 15, "paint": 60}
"""Of GPU a verb may take, loading the weights onto it included; asked of a visitor's quota beforehand."""

Served = Callable[..., Generator[Any, None, None]]
"""(verb, its arguments) -> its answers, one after the other."""
Lend = Callable[..., Callable[[Served], Served]]
"""`spaces.GPU` or its like: lend(duration=seconds of a call's arguments) decorates what needs the GPU."""


def borrow(
    lend: Lend, speaker: Speaker, outliner: Outliner, painter: Painter
) -> tuple[Speaker, Outliner, Painter]:
    """The same three parts, each call of which borrows a GPU."""
    parts = {"stream": speaker, "familiar": speaker, "outline": outliner, "paint": painter}

    @lend(duration=lambda verb, *given, **named: SECONDS[verb])
    def serve(verb: str, *given: Any, **named: Any) -> Generator[Any, None, None]:
        try:
            answer = getattr(parts[verb], verb)(*given, **named)
            if isinstance(answer, Generator):
                with closing(answer):
                    yield from answer
            else:
                yield answer
        except DemoError as error:
            yield error  # as a value: of an exception the lender tells its name only

    return _Speaker(speaker.name, serve), _Outliner(outliner.name, serve), _Painter(painter.name, serve)


def _answers(served: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """What was served, a refusal raised here. Closing it closes what serves."""
    with closing(served):
        for answer in served:
            if isinstance(answer, DemoError):
                raise answer
            yield answer


class _Speaker:
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
        options: SpeakerOptions,
    ) -> Replies:
        served = self._serve("stream", image, digest, tuple(turns), question, options=options)
        with closing(_answers(served)) as replies:
            for raw in replies:
                self.forward_passes += 1
                yield raw

    def familiar(self, image: Image.Image, digest: str) -> bool:
        (known,) = _answers(self._serve("familiar", image, digest))
        return known


class _Outliner:
    def __init__(self, name: str, serve: Served) -> None:
        self.name = name
        self._serve = serve

    def outline(
        self, image: Image.Image, digest: str, *, box: Box | None = None, clicks: Sequence[Click] = ()
    ) -> tuple[tuple[Mask, float], ...]:
        (found,) = _answers(self._serve("outline", image, digest, box=box, clicks=tuple(clicks)))
        return found


class _Painter:
    def __init__(self, name: str, serve: Served) -> None:
        self.name = name
        self._serve = serve

    def paint(self, image: Image.Image, mask: np.ndarray, wish: str, *, options: PainterOptions) -> Paintings:
        yield from _answers(self._serve("paint", image, mask, wish, options=options))
