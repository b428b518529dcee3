"""Two checkpoints of one SPHINX: one for drawn pictures, one for photographs; each picture has its expert.

The pictures are told apart by what the experts' encoders make of them (`model.familiarity`), and who answers
also rests on the question (`pipelines.routing`). Where a call names a beta, the mixture of the two answers.
This module knows which expert is asked; how a question is answered is `sphinx`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from model.familiarity import DRAWN
from pipelines.interfaces import GenerationOptions, Load, Replies
from pipelines.routing import DRAWN_PICTURES, expert_for
from pipelines.vlm.mixtures import Mixtures
from pipelines.vlm.sphinx import SphinxVLM

LENIENT = 1.2  # of the drawn expert's own threshold, where the other expert says that a picture is drawn


class ExpertsVLM:
    """See `interfaces.VisionLanguageModel`. Without a picture, the drawn world's expert answers."""

    def __init__(self, drawn: SphinxVLM, photographs: SphinxVLM) -> None:
        self.name = drawn.name
        self._drawn, self._photographs = drawn, photographs
        self.mixtures = Mixtures(photographs, drawn)

    @property
    def can_mix(self) -> bool:
        """Whether the two are of one architecture."""
        return self._photographs.can_be_mixed(self._drawn)

    @property
    def forward_passes(self) -> int:
        """Calls of both language models, and of their mixtures'."""
        return sum(one.forward_passes for one in (self._drawn, self._photographs, self.mixtures))

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
        """Answer with the expert for picture and question, or with the mixture that the options ask for."""
        if options.beta is not None:
            mixture = self.mixtures.at(options.beta)
            yield from mixture.stream(image, digest, turns, question, options=replace(options, beta=None))
            return
        drawn = image is None or digest is None or self.is_drawn(image, digest)
        which = expert_for(question, drawn=drawn) if image is not None else DRAWN_PICTURES
        expert = self._drawn if which == DRAWN_PICTURES else self._photographs
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
