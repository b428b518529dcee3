"""Turn pictures and words into a model's inputs, and its reply back into words and picture pixels.

The conversation format is the original's, to the letter. This module puts a picture's placeholders where the
model expects its tokens (right after BOS) and knows how many they are; what the tokens mean is the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from PIL import Image
from transformers.feature_extraction_utils import BatchFeature
from transformers.processing_utils import MultiModalData, ProcessingKwargs, ProcessorMixin
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from .configuration_sphinx import ENCODERS
from .generation_sphinx import STOP
from .grounding_sphinx import GroundedSpan, GroundedText, ground
from .image_processing_sphinx import SphinxImageProcessor, padded_views

SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
SEPARATOR = "###"
IMAGE = "<image>"  # the textual placeholder: accepted anywhere, never needed
CHAT_TEMPLATE = (
    "{%- macro words(content) -%}"
    "{%- if content is string -%}{{ content }}"
    "{%- elif content is iterable -%}"
    "{{ content | selectattr('type', 'equalto', 'text') | map(attribute='text') | join('\\n') }}"
    "{%- endif -%}{%- endmacro -%}"
    "{%- macro clean(content) -%}"
    "{{ words(content) | replace('<image>', ' ') | replace('###', '# # # ') | trim }}"
    "{%- endmacro -%}"
    "{%- if messages and messages[0]['role'] == 'system' -%}"
    "{{ clean(messages[0]['content']) + '\\n\\n###' }}"
    "{%- set turns = messages[1:] -%}"
    "{%- else -%}"
    "{{ '" + SYSTEM.replace("'", "\\'") + "\\n\\n###' }}"
    "{%- set turns = messages -%}"
    "{%- endif -%}"
    "{%- for message in turns -%}"
    "{%- if message['role'] == 'user' -%}{{ ' Human: ' + clean(message['content']) + '\\n###' }}"
    "{%- elif message['role'] == 'assistant' -%}{{ ' Assistant:' }}"
    "{%- generation -%}{{ ' ' + clean(message['content']) + '\\n###' }}{%- endgeneration -%}"
    "{%- else -%}"
    "{{ raise_exception(\"expected the roles 'user' and 'assistant', and 'system' first, got \" "
    "~ message['role']) }}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ ' Assistant:' }}{%- endif -%}"
)

Picture = Image.Image | np.ndarray | torch.Tensor | str
"""One picture: PIL, an array or a tensor (see `to_rgb`), or a URL, a path or base64."""
Pictures = Picture | Sequence[Picture | Sequence[Picture] | None] | None
"""One for all prompts, or one (or a list of one, or None) for each prompt."""

Turn = tuple[str, str | None]


class SphinxProcessorKwargs(ProcessingKwargs, total=False):
    """transformers' keyword arguments of a call, and SPHINX's own.

    `views` and `encoders` are as the model will be given them: they decide how many tokens a picture takes.
    What is named here goes to no part: `return_tensors` and `padding` must not be, the tokenizer takes them.
    """

    views: int | None
    encoders: Sequence[str] | None


if TYPE_CHECKING:

    class SphinxCallKwargs(SphinxProcessorKwargs, total=False):
        """What a call takes beside them, for type checkers."""

        return_tensors: str | None
        padding: bool | str
        truncation: bool | str
        max_length: int | None
else:
    SphinxCallKwargs = SphinxProcessorKwargs


class SphinxProcessor(ProcessorMixin):
    """An image processor, a tokenizer, and how they meet.

    Args:
        image_processor: makes the pixels.
        tokenizer: makes the ids.
        view_tokens: tokens of each view, start and end included, the global view first.
        query_tokens: how many of them are the Q-Former's, 0 where there is none.
        skip_tokens: tokens that stand for a crop without any picture in it; 0 encodes it as any other.
        max_length: the longest prompt (picture included) that is accepted; None does not check.
        encoder_names: the model's encoders, of ENCODERS; None is all of them.
        chat_template: Jinja; None is the original's conversation.
    """

    valid_processor_kwargs = SphinxProcessorKwargs
    skip_tensor_conversion = ["views", "encoders", "text_replacement_offsets"]
    text_kwargs = {"padding": True}  # type: ignore[assignment]

    image_processor: SphinxImageProcessor
    tokenizer: PreTrainedTokenizerBase

    def __init__(
        self,
        image_processor: SphinxImageProcessor | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        view_tokens: Sequence[int] = (),
        query_tokens: int = 0,
        skip_tokens: int = 0,
        max_length: int | None = None,
        encoder_names: Sequence[str] | None = None,
        chat_template: str | None = None,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template or CHAT_TEMPLATE)
        self.view_tokens = list(view_tokens)
        self.query_tokens = query_tokens
        self.skip_tokens = skip_tokens
        self.max_length = max_length
        self.encoder_names = list(ENCODERS if encoder_names is None else encoder_names)

    @property
    def image_token_id(self) -> int:
        """The id that holds the place of a picture's tokens."""
        unknown = self.tokenizer.unk_token_id
        assert isinstance(unknown, int)
        return unknown

    @property
    def image_token_ids(self) -> list[int | None]:
        """The same in a list, as transformers asks for it."""
        return [self.image_token_id]

    @property
    def model_input_names(self) -> list[str]:
        """What a call may return."""
        names = ["input_ids", "attention_mask", "pixel_values"]
        return [*names, "skipped_views"] if self.skip_tokens else names

    # Words in

    def prompt(self, turns: Sequence[Turn]) -> str:
        """Return the original's conversation.

        Args:
            turns: (question, answer) pairs, oldest first; the last answer is None: it is asked for.
        """
        text = f"{SYSTEM}\n\n{SEPARATOR}"
        for question, answer in turns:
            text += f" Human: {_message(question)}{STOP} Assistant:"
            if answer is not None:
                text += f" {_message(answer)}{STOP}"
        return text

    def shorten(
        self,
        turns: Sequence[Turn],
        max_length: int,
        *,
        picture: bool,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
    ) -> list[Turn]:
        """Drop the oldest turns until the prompt fits.

        Args:
            turns: as for `prompt`.
            max_length: tokens, the picture's included; leave room for the answer.
            picture: whether a picture goes with them.

        Raises:
            ValueError: if not even the last turn fits.
        """
        used = self.image_tokens(views, encoders) if picture else 0
        for first in range(len(turns)):
            kept = list(turns[first:])
            if used + len(self.tokenizer(self.prompt(kept)).input_ids) <= max_length:
                return kept
        raise ValueError(f"the last question does not fit into {max_length} tokens: shorten it")

    def image_tokens(
        self,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        skipped: Sequence[bool] | None = None,
    ) -> int:
        """Return how many tokens a picture has.

        Args:
            views: how many views are used, the global one first; None is all.
            encoders: those in use; None is all.
            skipped: which views hold nothing of the picture (models with skip tokens).
        """
        counts = self.view_tokens[:views]
        if encoders is not None and "qformer" not in encoders:
            counts = [count - self.query_tokens for count in counts]
        if skipped is not None and self.skip_tokens:
            counts = [self.skip_tokens + 2 if skip else count for count, skip in zip(counts, skipped)]
        return sum(counts)

    def __call__(
        self,
        images: Pictures = None,
        text: str | Sequence[str] | None = None,
        videos: None = None,
        audio: None = None,
        **kwargs: Unpack[SphinxCallKwargs],
    ) -> BatchFeature:
        """Make a model's inputs from prompts and pictures.

        Args:
            images: one `Picture`, or one for each prompt (also each in a list of its own); None in their
                place for a prompt without.
            text: one full prompt (`prompt`) or several, `<image>` is taken out; None returns pixels alone.
            videos, audio: transformers' templates pass them along; SPHINX knows neither.
            kwargs: `views`, `encoders` (see `SphinxProcessorKwargs`) and transformers' own. Rows are padded
                on the left, to the longest, unless `padding` says otherwise. `max_length` is the longest
                prompt that is accepted, or what is padded or (`truncation`) cut to; None is the processor's
                own. A picture's tokens are never cut.

        Returns:
            `input_ids` and `attention_mask` (B, T), int64; with pictures `pixel_values` (pictures, 3, S, S),
            float32, and `skipped_views` bool (pictures, V) for a model with skip tokens. Views or encoders,
            if given, are there, too, so that `model(**inputs)` agrees.

        Raises:
            ValueError: for as many pictures as neither 0 nor prompts, for a prompt that is too long (the
                original would cut its beginning off, and the picture and the system text with it), for
                views or encoders that the model does not have, and for what is no picture or no text.
        """
        if videos is not None or audio is not None:
            raise ValueError("SPHINX takes pictures only, no videos and no audio")
        if text is None and images is None:
            raise ValueError("text is needed: a full prompt, as `prompt` makes it")
        options: Any = {"tokenizer_init_kwargs": self.tokenizer.init_kwargs, **kwargs}
        merged: dict[str, Any] = self._merge_kwargs(**options)
        self._check(views := merged.get("views"), encoders := merged.get("encoders"))
        prompts = None if text is None else _prompts(text)
        count = None if prompts is None else len(prompts)
        pictures = _one_each(self.image_processor.fetch_images(images), count)
        layout = merged["images_kwargs"].get("input_data_format")
        pictures = [p if p is None else self.image_processor.process_image(p, None, layout) for p in pictures]
        skips = [self._skipped(p.size)[:views] if p is not None else None for p in pictures]
        data, options = {}, merged["text_kwargs"]
        if prompts is not None:
            counts = [0 if s is None else self.image_tokens(views, encoders, s) for s in skips]
            data = self._text_inputs(prompts, counts, options)
        shown = [p for p in pictures if p is not None]
        if shown:
            data.update(self.image_processor(shown, **merged["images_kwargs"] | {"return_tensors": None}))
            if self.skip_tokens:
                data["skipped_views"] = [list(s) for s in skips if s is not None]
            for name, value in (("views", views), ("encoders", encoders and tuple(encoders))):
                if value is not None:
                    data[name] = value
        return BatchFeature(
            data,
            tensor_type=options.get("return_tensors"),
            skip_tensor_conversion=self.skip_tensor_conversion,
        )

    def _check(self, views: int | None, encoders: Sequence[str] | None) -> None:
        """Refuse views and encoders that the model does not have.

        Raises:
            ValueError: with those that it has.
        """
        if views is not None and not 1 <= views <= len(self.view_tokens):
            raise ValueError(f"views must be 1 .. {len(self.view_tokens)}, got {views}")
        if encoders is not None:
            unknown = [name for name in encoders if name not in self.encoder_names]
            if unknown or not encoders or isinstance(encoders, str):
                raise ValueError(f"encoders must be some of {self.encoder_names}, got {encoders!r}")

    def _text_inputs(
        self, prompts: Sequence[str], counts: Sequence[int], options: dict[str, Any]
    ) -> dict[str, Any]:
        """Tokenise prompts, put `counts` placeholders behind BOS, cut and pad; lists of B rows."""
        options = dict(options)
        special = (
            "padding",
            "truncation",
            "max_length",
            "pad_to_multiple_of",
            "padding_side",
            "return_tensors",
        )
        asked = {name: options.pop(name, None) for name in special}
        type_ids = options.pop("return_mm_token_type_ids", False)
        replaced = options.pop("return_text_replacement_offsets", False)
        words = [prompt.replace(IMAGE, "") for prompt in prompts]
        encoded: Any = self.tokenizer(words, **options)
        fills = {"input_ids": self.image_token_id, "attention_mask": 1, "offset_mapping": (0, 0)}
        pads = {
            "input_ids": self.tokenizer.pad_token_id,
            "offset_mapping": (0, 0),
            "special_tokens_mask": 1,
        }
        limit = asked["max_length"] or self.max_length
        data: dict[str, Any] = {}
        for name, rows in encoded.items():
            data[name] = []
            for row, count, ids in zip(rows, counts, encoded["input_ids"], strict=True):
                start = int(bool(ids) and ids[0] == self.tokenizer.bos_token_id)
                whole = [*row[:start], *[fills.get(name, 0)] * count, *row[start:]]
                data[name].append(self._cut(whole, start + count, limit, bool(asked["truncation"])))
            _pad(data[name], pads.get(name, 0), asked, limit, self.tokenizer.padding_side)
        if type_ids:
            data["mm_token_type_ids"] = self.create_mm_token_type_ids(data["input_ids"])
        if replaced:
            data["text_replacement_offsets"] = [_removed(prompt) for prompt in prompts]
        return data

    def _cut(self, row: list[Any], picture_end: int, limit: int | None, truncation: bool) -> list[Any]:
        """Cut a row to `limit` tokens where `truncation` allows it, behind the picture.

        Raises:
            ValueError: if the row is longer and may not be cut, or the picture alone is.
        """
        if limit is None or len(row) <= limit:
            return row
        if not truncation:
            raise ValueError(f"a prompt of {len(row)} tokens, at most {limit} fit: shorten its history")
        if picture_end >= limit:
            raise ValueError(f"a picture of {picture_end} tokens with BOS does not fit into {limit} tokens")
        if getattr(self.tokenizer, "truncation_side", "right") == "right":
            return row[:limit]
        return row[:picture_end] + row[len(row) - (limit - picture_end) :]

    def _get_num_multimodal_tokens(
        self, image_sizes: Sequence[Sequence[int]] | None = None, **kwargs: Any
    ) -> MultiModalData:
        """Return how many tokens pictures of `image_sizes` (height, width) take, and their views."""
        if image_sizes is None:
            return MultiModalData()
        views, encoders = kwargs.get("views"), kwargs.get("encoders")
        self._check(views, encoders)
        tokens = [
            self.image_tokens(views, encoders, self._skipped((width, height))[:views])
            for height, width in image_sizes
        ]
        patches = [len(self.view_tokens[:views])] * len(tokens)
        return MultiModalData(num_image_tokens=tokens, num_image_patches=patches)

    def _skipped(self, size_wh: tuple[int, int]) -> tuple[bool, ...]:
        """Return which views of a picture are replaced by skip tokens."""
        if not self.skip_tokens:
            return (False,) * len(self.view_tokens)
        return padded_views(size_wh, round((len(self.view_tokens) - 1) ** 0.5))

    # Words out

    def batch_decode(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return the text of rows of ids; with `skip_special_tokens` the stop at a row's end is left out."""
        texts = self.tokenizer.batch_decode(*args, **kwargs)
        return [_ended(text) for text in texts] if kwargs.get("skip_special_tokens") else texts

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        """Return the text of ids; with `skip_special_tokens` the stop at its end is left out."""
        text = self.tokenizer.decode(*args, **kwargs)
        if not kwargs.get("skip_special_tokens"):
            return text
        return [_ended(one) for one in text] if isinstance(text, list) else _ended(text)

    def post_process_image_text_to_text(
        self, generated_outputs: Any, skip_special_tokens: bool = True, **kwargs: Any
    ) -> list[str]:
        """Return the text of generated ids (B, T), without the stop that ends it."""
        return self.batch_decode(generated_outputs, skip_special_tokens=skip_special_tokens, **kwargs)

    def post_process_grounding(self, raw: str, size_wh: tuple[int, int]) -> GroundedText:
        """Tie a reply to the picture of `size_wh` it was asked about; see `grounding_sphinx.ground`."""
        return ground(raw, size_wh)


def _message(words: str) -> str:
    """Return words that stay within their turn: separators are pulled apart, as in `CHAT_TEMPLATE`."""
    return words.replace(IMAGE, " ").replace(SEPARATOR, "# # # ").strip()


def _ended(text: str) -> str:
    """Return a text without the stop, if it ends with one."""
    return text.removesuffix(STOP)


def _prompts(text: str | Sequence[str]) -> list[str]:
    """Return prompts as a list.

    Raises:
        ValueError: for an empty list, and for what is no text.
    """
    prompts = [text] if isinstance(text, str) else list(text)
    if not prompts:
        raise ValueError("text is an empty list: give one full prompt or several")
    for prompt in prompts:
        if not isinstance(prompt, str):
            raise ValueError(f"text must be strings, got {type(prompt).__name__}")
    return prompts


def _one_each(images: Any, count: int | None) -> list[Any]:
    """Return a picture, or None, for each of `count` prompts; for as many as there are where `count` is None.

    Raises:
        ValueError: for several pictures in one conversation, and for another number of pictures.
    """
    if images is None:
        return [None] * (count or 0)
    stacked = isinstance(images, (np.ndarray, torch.Tensor)) and images.ndim == 4
    pictures = list(images) if isinstance(images, (list, tuple)) or stacked else [images]
    nested = [list(p) if isinstance(p, (list, tuple)) else [p] for p in pictures]
    if any(len(p) > 1 for p in nested):
        raise ValueError(f"SPHINX looks at one picture a conversation, got {max(len(p) for p in nested)}")
    pictures = [p[0] if p else None for p in nested]
    if count is not None and len(pictures) != count:
        raise ValueError(f"one picture (or None) for each prompt: {count} prompts, {len(pictures)} pictures")
    return pictures


def _pad(rows: list[list[Any]], value: Any, asked: dict[str, Any], limit: int | None, side: str) -> None:
    """Pad rows in place, as `padding`, `max_length`, `pad_to_multiple_of` and `padding_side` ask for.

    Raises:
        ValueError: for a padding that there is not, or "max_length" without a length.
    """
    padding = asked["padding"]
    kind = {None: "do_not_pad", False: "do_not_pad", True: "longest"}.get(
        padding, getattr(padding, "value", padding)
    )
    if kind not in ("do_not_pad", "longest", "max_length"):
        raise ValueError(f"padding must be True, False, 'longest' or 'max_length', got {padding!r}")
    if kind == "do_not_pad":
        return
    length = limit if kind == "max_length" else max(len(row) for row in rows)
    if length is None:
        raise ValueError("padding='max_length' needs a max_length")
    multiple = asked["pad_to_multiple_of"] or 1
    length = -(-length // multiple) * multiple
    for number, row in enumerate(rows):
        fill = [value] * (length - len(row))
        left = (asked["padding_side"] or side) == "left"
        rows[number] = fill + row if left else row + fill


def _removed(prompt: str) -> list[dict[str, Any]]:
    """Return where `<image>` stood in a prompt, as transformers maps characters before and after."""
    found, start, gone = [], prompt.find(IMAGE), 0
    while start >= 0:
        end = start + len(IMAGE)
        found.append({"type": "image", "span": (start, end), "new_span": (start - gone, start - gone)})
        gone += len(IMAGE)
        start = prompt.find(IMAGE, end)
    return found


__all__ = ["GroundedSpan", "GroundedText", "SphinxProcessor"]
