"""The speaker: SPHINX with a memory for pictures and for the conversation so far.

A picture's visual tokens and the key-value prefix of a conversation are dear, and are kept under names that
say all they depend on (picture, views, encoders, token ids). This module knows prompts, ids and tensors; it
knows no regions and no requests.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from transformers.cache_utils import DynamicCache

from model import STOP, SphinxForConditionalGeneration, SphinxProcessor
from model.familiarity import Familiarity
from model.generation_sphinx import Nucleus, visible
from pipelines.errors import DemoError, MissingCapability
from pipelines.parts import Replies, SpeakerOptions

log = logging.getLogger(__name__)

KEPT_PICTURES = 256 << 20  # bytes of visual tokens
KEPT_PREFIXES = 2 << 30  # bytes of keys and values
ANSWER_SHARE = 4  # the prompt leaves at least this fraction (1/4) of the context to the answer

Key = tuple[str | None, int | None, tuple[str, ...] | None]
"""Picture digest, views, encoders: what visual tokens depend on, besides the checkpoint."""


class Kept:
    """A dictionary of dear things, bounded by bytes; the least recently used go first."""

    def __init__(self, limit: int, size: Callable[[Any], int]) -> None:
        self._limit = limit
        self._size = size
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Any) -> Any:
        """The thing, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def take(self, key: Any) -> Any:
        """The thing, for the caller alone; or None."""
        with self._lock:
            return self._kept.pop(key, None)

    def put(self, key: Any, thing: Any) -> None:
        """Keep a thing. One that is larger than the bound is not kept."""
        if self._size(thing) > self._limit:
            return
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = thing
            while sum(map(self._size, self._kept.values())) > self._limit:
                self._kept.popitem(last=False)


def _tensor_bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _prefix_bytes(prefix: tuple[list[int], DynamicCache]) -> int:
    layers: Any = prefix[1].layers
    return sum(
        _tensor_bytes(layer.keys) + _tensor_bytes(layer.values) for layer in layers if layer.is_initialized
    )


class SphinxSpeaker:
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
        prefix_bytes: int = KEPT_PREFIXES,
    ) -> None:
        self.name = name
        self.forward_passes = 0
        self._model = model.eval()
        self._processor = processor
        self._familiarity = familiarity
        self._views = views  # what a call looks with where it does not say; None is all
        self._pictures = Kept(picture_bytes, _tensor_bytes)
        self._prefixes = Kept(prefix_bytes, _prefix_bytes)

    @property
    def context(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        return self._model.config.get_text_config().max_position_embeddings

    @torch.no_grad()
    def stream(
        self,
        image: Image.Image | None,
        digest: str | None,
        turns: Sequence[tuple[str, str]],
        question: str,
        *,
        options: SpeakerOptions,
    ) -> Replies:
        """See `pipelines.parts.Speaker`. Each `next` is one forward pass or none; closing ends it at once.

        Raises:
            DemoError: the question is too long, or the options do not suit the checkpoint.
            MissingCapability: the memory does not suffice.
        """
        self._check(options)
        views = options.views or self._views
        key: Key = (digest, views, options.encoders) if image is not None else (None, None, None)
        try:
            features = None if image is None else self._visual_tokens(image, key)
            ids = self._prompt(turns, question, options, features)
            yield from self._generate(key, ids, features, options)
        except torch.OutOfMemoryError:
            raise MissingCapability(
                f"The memory does not suffice for {self.name}: use fewer views, or a smaller checkpoint."
            ) from None

    @torch.no_grad()
    def familiar(self, image: Image.Image, digest: str) -> bool:
        """Whether the picture is of the kind that the checkpoint was trained on; True where not known."""
        if self._familiarity is None:
            return True
        tokens = self._visual_tokens(image, (digest, self._views, None))
        return self._familiarity.is_familiar(tokens[0].float().cpu())

    def _check(self, options: SpeakerOptions) -> None:
        config = self._model.config
        if options.views is not None and not 1 <= options.views <= config.num_views:
            raise DemoError(f"{self.name} looks with 1 to {config.num_views} views, not {options.views}.")
        unknown = set(options.encoders or ()) - set(config.encoders)
        if unknown or options.encoders == ():
            raise DemoError(f"{self.name} has the encoders {', '.join(config.encoders)}: choose among them.")
        if not 0 <= options.temperature <= 5 or not 0 < options.top_p <= 1 or options.max_new_tokens < 1:
            raise DemoError(
                "A temperature is 0 to 5, top-p above 0 and up to 1, an answer one token or more."
            )

    def _visual_tokens(self, image: Image.Image, key: Key) -> torch.Tensor:
        """A picture's tokens (1, N, D), made once."""
        features = self._pictures.get(key)
        if features is None:
            _, views, encoders = key
            inputs = self._processor(
                text="", images=[image], return_tensors="pt", views=views, encoders=encoders
            )
            given = {name: inputs[name] for name in ("pixel_values", "skipped_views") if name in inputs}
            given = {name: tensor.to(self._model.device) for name, tensor in given.items()}
            features = self._model.get_image_features(**given, views=views, encoders=encoders).pooler_output
            self._pictures.put(key, features)
        return features

    def _prompt(
        self,
        turns: Sequence[tuple[str, str]],
        question: str,
        options: SpeakerOptions,
        features: torch.Tensor | None,
    ) -> list[int]:
        """The ids of the conversation, the picture's placeholders behind BOS; old turns go where needed."""
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
        return [*words[:1], *[processor.image_token_id] * picture, *words[1:]]

    def _generate(
        self, key: Key, ids: list[int], features: torch.Tensor | None, options: SpeakerOptions
    ) -> Replies:
        tokenizer, device = self._processor.tokenizer, self._model.device
        draw = None
        if options.temperature > 0:
            dice = torch.Generator().manual_seed(options.seed)
            draw = Nucleus(options.temperature, options.top_p, dice)
        picture = 0 if features is None else features.shape[1]
        done, cache = self._prefix(key, ids, 1 + picture)
        step: dict[str, Any] = {"image_features": features} if features is not None and not done else {}
        fed, reply = list(ids[:done]), []
        try:
            waiting = ids[done:]
            while len(reply) < min(options.max_new_tokens, self.context - len(ids)):
                input_ids = torch.tensor([waiting], device=device)
                total = len(fed) + len(waiting)
                outputs = self._model(
                    input_ids=input_ids,
                    attention_mask=torch.ones((1, total), dtype=torch.long, device=device),
                    position_ids=torch.arange(len(fed), total, device=device)[None],
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                    **step,
                )
                self.forward_passes += 1
                fed += waiting
                step = {}
                scores = outputs.logits[:, -1].float()
                token = int((draw(input_ids, scores) if draw else scores).argmax())
                if token == tokenizer.eos_token_id:
                    break
                reply.append(token)
                waiting = [token]
                text = tokenizer.decode(reply, skip_special_tokens=True)
                if STOP in text:
                    break
                yield visible(text)
            yield visible(tokenizer.decode(reply, skip_special_tokens=True), finished=True)
        finally:
            self._prefixes.put(key, (fed, cache))

    def _prefix(self, key: Key, ids: list[int], picture_end: int) -> tuple[int, DynamicCache]:
        """How many of the ids were read before, and their keys and values, cut to so many."""
        kept = self._prefixes.take(key)
        if kept:
            fed, cache = kept
            common = next((i for i, (a, b) in enumerate(zip(fed, ids)) if a != b), min(len(fed), len(ids)))
            common = min(common, len(ids) - 1)  # the last one is read again: its scores are needed
            if common >= picture_end:
                cache.crop(common - len(fed))
                return common, cache
        return 0, DynamicCache(config=self._model.config.get_text_config())
