"""SPHINX for many visitors: a question about a picture goes in, the growing raw reply comes out.

A picture's visual tokens are dear, and are kept under a name that says all they depend on. This module knows
prompts, ids and options; who is computed when is `batcher`'s business. It knows no regions and no requests.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image

from model import SphinxForConditionalGeneration, SphinxProcessor
from model.familiarity import Familiarity, summary
from model.generation_sphinx import Nucleus
from model.mixing import differing, mix_models
from pipelines.caching import LockedCache
from pipelines.errors import DemoError, explain_shortage
from pipelines.interfaces import GenerationOptions, Load, Replies
from pipelines.vlm.batcher import PLACES, WAITING, Batcher, Request
from pipelines.vlm.decoder import Decoder
from pipelines.vlm.detokenizer import Detokenizer
from pipelines.vlm.packing import pack
from pipelines.vlm.prefixes import Prefixes, free_bytes, prefix_bytes

log = logging.getLogger(__name__)

KEPT_PICTURES = 128 << 20  # bytes of visual tokens
KEPT_DISTANCES = 4096  # pictures whose distances from the training's sources are kept
KEPT_BY_A_MIXTURE = 32 << 20  # bytes of visual tokens, and as much of keys and values
ANSWER_SHARE = 4  # the prompt leaves at least this fraction (1/4) of the context to the answer
RUNNING_SHARE = 2  # the requests of a batch take at most this fraction (1/2) of the memory that is free

Picture = Image.Image | Callable[[], Image.Image]
"""Upright RGB, or what fetches it; only a picture whose visual tokens are not kept is fetched."""
Features = tuple[int, torch.Tensor]
"""How many views were looked at, and their visual tokens (1, N, D)."""


def _features_bytes(features: Features) -> int:
    return features[1].numel() * features[1].element_size()


class SphinxVLM:
    """One checkpoint, shared by all visitors; what one call needs is made for that call."""

    def __init__(
        self,
        model: SphinxForConditionalGeneration,
        processor: SphinxProcessor,
        *,
        name: str,
        familiarity: Familiarity | None = None,
        views: int | None = None,
        picture_bytes: int = KEPT_PICTURES,
        kept_bytes: int | None = None,
        places: int = PLACES,
        waiting: int = WAITING,
        chunk: int | None = None,
    ) -> None:
        """Serve a checkpoint.

        Args:
            views: how many views a call looks with where it does not say; None is all.
            picture_bytes: of visual tokens to keep.
            kept_bytes: of keys and values to keep; None suits the model and the memory that is free.
            places, waiting, chunk: see `Batcher`.
        """
        self.name = name
        self._model = model.eval()
        pack(*(part for name, part in model.model.named_children() if name != "language_model"))
        self._processor = processor
        self._familiarity = familiarity
        self._views = views or model.config.num_views
        self._pictures = LockedCache(picture_bytes, _features_bytes)
        self._distances = LockedCache(KEPT_DISTANCES, lambda _: 1)  # asked for several times an answer
        self._encoding = threading.Lock()  # pictures are encoded one after the other, and each once
        self._kept_bytes = kept_bytes
        self._limits: dict[str, Any] = {"places": places, "waiting": waiting, "chunk": chunk}
        self._starting = threading.Lock()
        self._started: Batcher | None = None
        self._opening = self._common_words()

    @property
    def context(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        return self._model.config.get_text_config().max_position_embeddings

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights."""
        return sum(p.numel() * p.element_size() for p in self._model.parameters())

    def can_be_mixed(self, other: SphinxVLM) -> bool:
        """Whether two checkpoints are of one architecture and know the same words."""
        alike = self._processor.tokenizer.get_vocab() == other._processor.tokenizer.get_vocab()
        return alike and not differing(self._model.config, other._model.config)

    def mixed(self, other: SphinxVLM, beta: float) -> SphinxVLM:
        """Return a new one: beta of this checkpoint's weights, the rest of another's.

        Raises:
            ValueError: they are of two architectures.
        """
        return SphinxVLM(
            mix_models(self._model, other._model, beta),
            self._processor,
            name=self.name,
            views=self._views,
            picture_bytes=KEPT_BY_A_MIXTURE,
            kept_bytes=KEPT_BY_A_MIXTURE,
            **self._limits,
        )

    @property
    def forward_passes(self) -> int:
        """Calls of the language model, each for all requests that were answered then."""
        return self._started.forward_passes if self._started else 0

    def load(self) -> Load:
        """Return how busy the model is, and how long a question that is asked now would roughly wait."""
        return self._batcher().load()

    def stream(
        self,
        image: Image.Image | None,
        digest: str | None,
        turns: Sequence[tuple[str, str]],
        question: str,
        *,
        options: GenerationOptions,
    ) -> Replies:
        """See `interfaces.VisionLanguageModel`. Closing gives the place in the batch up within one token.

        The reply so far comes again where nothing was added to it for a while (the request waits, or its
        prompt is being read), so that a reader can leave.

        Raises:
            DemoError: the question is too long, the options do not suit the checkpoint, or too many wait.
            MissingCapability: the memory does not suffice.
        """
        self._check(options)
        batcher = self._batcher()
        batcher.require_room()
        views = options.views or self._views
        encoders = self._encoders(options)
        with explain_shortage(self.name, "use fewer views, or a smaller checkpoint"):
            features = None if image is None else self._visual_tokens(image, digest, views, encoders)
            key = (digest, views, encoders) if image is not None else None
            yield from batcher.answer(self._request(key, turns, question, options, features))

    def in_distribution(self, image: Image.Image, digest: str) -> bool:
        """Return whether the picture is of a kind that the checkpoint was trained on; True if unknown."""
        return self._familiarity is None or self._familiarity.in_distribution(self._tokens(image, digest))

    def is_drawn(self, image: Image.Image, digest: str) -> bool:
        """Return whether the picture looks like the embedded checkpoints' drawn world; False if unknown."""
        return self._familiarity is not None and self._familiarity.is_drawn(self._tokens(image, digest))

    def distances(self, image: Image.Image, digest: str) -> tuple[float, ...]:
        """Return how far the picture is from each source of the training (1 is the edge); () if unknown."""
        if self._familiarity is None:
            return ()
        kept: tuple[float, ...] | None = self._distances.get(digest)
        if kept is None:
            kept = tuple(self._familiarity.distances(summary(self._tokens(image, digest))).tolist())
            self._distances.put(digest, kept)
        return kept

    def _tokens(self, image: Image.Image, digest: str) -> torch.Tensor:
        """Return the picture's visual tokens (N, D), as it is looked at by default."""
        tokens = self._visual_tokens(image, digest, self._views, self._model.config.encoders)
        return tokens[0].float().cpu()

    def _batcher(self) -> Batcher:
        """Return the batcher, made when it is first needed: a GPU may be there only then."""
        with self._starting:
            if self._started is None:
                decoder = Decoder(self._model)
                kept = self._kept_bytes
                if kept is None:
                    kept = prefix_bytes(decoder.bytes_per_token, self.context, decoder.device)
                log.info("%s keeps up to %.1f GB of conversations", self.name, kept / 1e9)
                eos: Any = self._processor.tokenizer.eos_token_id
                self._started = Batcher(
                    decoder,
                    Prefixes(kept),
                    eos=eos,
                    own_bytes=free_bytes(decoder.device) // RUNNING_SHARE,
                    **self._limits,
                )
            return self._started

    def _check(self, options: GenerationOptions) -> None:
        config = self._model.config
        if options.beta is not None:
            raise DemoError(f"{self.name} is one checkpoint: there is nothing to mix it with.")
        if options.views is not None and not 1 <= options.views <= config.num_views:
            raise DemoError(f"{self.name} looks with 1 to {config.num_views} views, not {options.views}.")
        unknown = set(options.encoders or ()) - set(config.encoders)
        if unknown or options.encoders == ():
            raise DemoError(f"{self.name} has the encoders {', '.join(config.encoders)}: choose among them.")
        if not 0 <= options.temperature <= 5 or not 0 < options.top_p <= 1 or options.max_new_tokens < 1:
            raise DemoError(
                "A temperature is 0 to 5, top-p above 0 and up to 1, an answer one token or more."
            )

    def _encoders(self, options: GenerationOptions) -> tuple[str, ...]:
        """Return the encoders in use, in the checkpoint's order, so that one choice has one name."""
        there = self._model.config.encoders
        return there if options.encoders is None else tuple(n for n in there if n in options.encoders)

    def _visual_tokens(
        self, image: Picture, digest: str | None, views: int, encoders: tuple[str, ...]
    ) -> torch.Tensor:
        """Return a picture's tokens (1, N, D), cached; fewer views have the first of the tokens of more."""
        config = self._model.config
        key = (digest, encoders, views) if config.skip_tokens else (digest, encoders)
        with self._encoding:
            kept: Features | None = self._pictures.get(key)
            if kept is None or kept[0] < views:
                kept = views, self._encode(image, views, encoders)
                self._pictures.put(key, kept)
        if kept[0] == views:
            return kept[1]
        return kept[1][:, : config.image_tokens(views, encoders)]

    @torch.no_grad()
    def _encode(self, image: Picture, views: int, encoders: tuple[str, ...]) -> torch.Tensor:
        image = image() if callable(image) else image
        inputs = self._processor(text="", images=[image], return_tensors="pt", views=views, encoders=encoders)
        given = {name: inputs[name] for name in ("pixel_values", "skipped_views") if name in inputs}
        given = {name: tensor.to(self._model.device) for name, tensor in given.items()}
        features = self._model.get_image_features(**given, views=views, encoders=encoders).pooler_output
        assert features is not None
        return features

    def _common_words(self) -> list[int]:
        """Return the ids that every prompt begins with, whatever is asked."""
        one, other = (self._processor.tokenizer(self._processor.prompt([(w, None)])).input_ids for w in "a?")
        return one[: _common(one, other)]

    def _request(
        self,
        key: Any,
        turns: Sequence[tuple[str, str]],
        question: str,
        options: GenerationOptions,
        features: torch.Tensor | None,
    ) -> Request:
        """Return the request of a conversation, placeholders behind BOS, with old turns left out if needed.

        Raises:
            DemoError: the question alone is too long.
        """
        processor = self._processor
        said: list[tuple[str, str | None]] = [*turns, (question, None)]
        picture = 0 if features is None else features.shape[1]
        room = self.context - max(
            self.context // ANSWER_SHARE, min(options.max_new_tokens, self.context // 2)
        )
        try:
            kept = processor.shorten(said, room - picture, picture=False)
        except ValueError:
            raise DemoError(f"The question is too long for {self.name}: shorten it.") from None
        words = processor.tokenizer(processor.prompt(kept)).input_ids
        ids = [*words[:1], *[processor.image_token_id] * picture, *words[1:]]
        draw = None
        if options.temperature > 0:
            draw = Nucleus(options.temperature, options.top_p, torch.Generator().manual_seed(options.seed))
        common = min(_common(words, self._opening), len(words) - 1)
        return Request(
            ids,
            trunk_key=(key, common),
            trunk_length=picture + common,
            features=features,
            limit=min(options.max_new_tokens, self.context - len(ids)),
            draw=draw,
            detokenizer=Detokenizer(processor.tokenizer),
        )


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many ids two sequences begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
