"""Checkpoints of one SPHINX: one for drawn pictures, one for photographs, perhaps one for counting.

Pictures are told apart by what the experts' encoders make of them (`model.familiarity`). All of a kind in a
drawing is also asked of the one for counting, or else of that for photographs, and the boxes are put together
(`pipelines.routing` knows these questions). Where a call names a beta, the mixture of the first two answers.
Where several visitors ask at once, all but the first expert may answer in a process `beside` this one.
This module knows which expert is asked; how a question is answered is `sphinx`'s business.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from PIL import Image

from model.familiarity import DRAWN
from model.prompts import PROMPTS, Found
from pipelines.geometry import Box
from pipelines.interfaces import Load, Replies
from pipelines.routing import BOTH, expert_for
from pipelines.vlm.beside import Beside
from pipelines.vlm.mixtures import Mixtures
from pipelines.vlm.sphinx import SphinxVLM

PHOTOGRAPHS, COUNTING = "photographs", "counting"  # names of the experts beside
SAME = 0.4  # intersection over union from which the experts' boxes are of one thing
LENIENT = 1.2  # of the drawn expert's own threshold, where the other expert says that a picture is drawn


class ExpertsVLM:
    """See `interfaces.VisionLanguageModel`. Without a picture, the drawn world's expert answers."""

    def __init__(
        self,
        drawn: SphinxVLM,
        photographs: SphinxVLM,
        counting: SphinxVLM | None = None,
        *,
        beside: Beside | None = None,
    ) -> None:
        """Put experts together. `beside`: has PHOTOGRAPHS and, where it is given here, COUNTING, too."""
        self.name = drawn.name
        self._drawn, self._photographs = drawn, photographs
        self._counting = counting or photographs
        self._beside = beside
        self._names = {photographs: PHOTOGRAPHS, self._counting: COUNTING if counting else PHOTOGRAPHS}
        self._visitors = 0  # whose answers are under way
        self._lock = threading.Lock()
        self.mixtures = Mixtures(photographs, drawn)

    @property
    def can_mix(self) -> bool:
        """Whether the two are of one architecture."""
        return self._photographs.can_be_mixed(self._drawn)

    @property
    def forward_passes(self) -> int:
        """Calls of all language models, of their mixtures', and pieces of answers from beside."""
        beside = self._beside.pieces if self._beside else 0
        return sum(one.forward_passes for one in (*self._all, self.mixtures)) + beside

    @property
    def _all(self) -> tuple[SphinxVLM, ...]:
        return tuple(dict.fromkeys((self._drawn, self._photographs, self._counting)))

    def load(self) -> Load:
        """Return how busy the busiest of them is."""
        return max((one.load() for one in self._all), key=lambda load: load.wait_s)

    def stream(
        self, image: Image.Image | None, digest: str | None, turns: Any, question: str, **named: Any
    ) -> Replies:
        """Answer with the picture's expert; with two, where all of a kind in a drawing is asked for.

        With the mixture of both, where the options ask for one.
        """
        options = named["options"]
        if options.beta is not None:
            mixture = self.mixtures.at(options.beta)
            named = {**named, "options": replace(options, beta=None)}
            yield from mixture.stream(image, digest, turns, question, **named)
            return
        with self._counted():
            asked = (image, digest, turns, question)
            known = image is None or digest is None or self.is_drawn(image, digest)
            if image is None or expert_for(question, drawn=known) != BOTH:
                yield from self._ask(self._drawn if known else self._photographs, *asked, named=named)
                return
            with closing(self._ask(self._counting, *asked, named=named, ahead=True)) as others:
                raw = ""
                for raw in self._ask(self._drawn, *asked, named=named):
                    yield raw
                yield together(raw, *deque(others, maxlen=1))

    def _ask(self, expert: SphinxVLM, *asked: Any, named: dict[str, Any], ahead: bool = False) -> Replies:
        """Have an expert answer, in the process beside this one where that has it; `ahead`: from now on."""
        if self._beside is None or expert is self._drawn:
            return expert.stream(*asked, **named)
        ask = self._beside.ahead if ahead else self._beside.stream
        return ask(self._names[expert], expert.stream, *asked, **named)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a visitor; the second at a time has a process started beside this one."""
        with self._lock:
            self._visitors += 1
            several = self._visitors > 1
        if several and self._beside:
            self._beside.start()
        try:
            yield
        finally:
            with self._lock:
                self._visitors -= 1

    def in_distribution(self, image: Image.Image, digest: str) -> bool:
        """Return whether the picture is of the kind that its expert was trained on."""
        return self.is_drawn(image, digest) or self._photographs.in_distribution(image, digest)

    def is_drawn(self, image: Image.Image, digest: str) -> bool:
        """Return whether the picture is nearer to the drawn world than to photographs, and no stranger to it.

        Of 100 drawn scenes 100 are taken for such, of 100 photographs 2.
        """
        nearest = self._photographs.distances(image, digest)
        if not nearest or nearest[DRAWN] > min(nearest):
            return False
        return min(self._drawn.distances(image, digest), default=0.0) <= LENIENT


def together(first: str, second: str = "") -> str:
    """Return a raw reply with the boxes of two, each thing once; the first itself if the second has none."""
    prompt = PROMPTS["detect"]
    one, two = prompt.read(first), prompt.read(second)
    if not two.boxes:
        return first
    found: dict[Box, tuple[float, float, float, float]] = {}  # by their thousandths
    for box in (*one.boxes, *two.boxes):
        thousandths = Box(*(round(1000 * side) for side in box))
        if all(thousandths.iou(other) < SAME for other in found):
            found[thousandths] = box
    return prompt.write(Found(tuple(found.values())))
