"""Two checkpoints of one SPHINX: one for drawn pictures, one for photographs; each picture has its expert.

The pictures are told apart by what the experts' encoders make of them (`model.familiarity`). Counting is the
business of the photographs' expert everywhere, since only it was trained on as many twos, threes and fours as
ones. This module knows which expert is asked; how a question is answered is `sphinx`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from PIL import Image

from model.familiarity import DRAWN
from pipelines.interfaces import GenerationOptions, Load, Replies
from pipelines.vlm.sphinx import SphinxVLM

COUNTING = re.compile(r"\s*(?:How many\b|Detect all (?!regions\b))")  # a question that counts, or finds all
LENIENT = 1.2  # of the drawn expert's own threshold, where the other expert says that a picture is drawn


class ExpertsVLM:
    """See `interfaces.VisionLanguageModel`. Without a picture, the drawn world's expert answers."""

    def __init__(self, drawn: SphinxVLM, photographs: SphinxVLM) -> None:
        self.name = drawn.name
        self._drawn, self._photographs = drawn, photographs

    @property
    def forward_passes(self) -> int:
        """Calls of both language models."""
        return self._drawn.forward_passes + self._photographs.forward_passes

    def load(self) -> Load:
        """How busy the busier of the two is."""
        return max(self._drawn.load(), self._photographs.load(), key=lambda load: load.wait_s)

    def stream(
        self,
        image: Image.Image | None,
        digest: str | None,
        turns: Sequence[tuple[str, str]],
        question: str,
        *,
        options: GenerationOptions,
    ) -> Replies:
        """Answer with the expert for the picture and the question."""
        known = image is None or digest is None or self.is_drawn(image, digest)
        counts = image is not None and COUNTING.match(question) is not None
        expert = self._drawn if known and not counts else self._photographs
        yield from expert.stream(image, digest, turns, question, options=options)

    def in_distribution(self, image: Image.Image, digest: str) -> bool:
        """Whether the picture is of the kind that its expert was trained on."""
        return self.is_drawn(image, digest) or self._photographs.in_distribution(image, digest)

    def is_drawn(self, image: Image.Image, digest: str) -> bool:
        """Whether the picture is nearer to the drawn world than to photographs, and no stranger to it.

        Of 100 drawn scenes 99 are taken for such, of 100 photographs 4; by either expert alone 95 and 9, or
        100 and 6.
        """
        nearest = self._photographs.distances(image, digest)
        if not nearest or nearest[DRAWN] > min(nearest):
            return False
        return min(self._drawn.distances(image, digest), default=0.0) <= LENIENT
