"""Pictures and words to a model's inputs, and its reply back to words and picture pixels.

The conversation format is the original's, to the letter. This module puts a picture's placeholders where the
model expects its tokens (right after BOS) and knows how many they are; what the tokens mean is the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.feature_extraction_utils import BatchFeature
from transformers.processing_utils import ProcessorMixin

from .generation_sphinx import STOP
from .image_processing_sphinx import padded_views, to_picture
from .replies import plain_text, read_reply

SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
SEPARATOR = "###"
IMAGE = "<image>"  # the textual placeholder: accepted anywhere, never needed
CHAT_TEMPLATE = (
    "{{ '" + SYSTEM.replace("'", "\\'") + "\\n\\n###' }}"
    "{% for message in messages %}"
    "{% set role = 'Human' if message['role'] == 'user' else 'Assistant' %}"
    "{% if message['content'] is string %}{% set words = message['content'] %}"
    "{% else %}{% set parts = message['content'] | selectattr('type', 'equalto', 'text') "
    "| map(attribute='text') | list %}{% set words = parts | join('\\n') %}{% endif %}"
    "{{ ' ' + role + ': ' + (words | replace('<image>', ' ') | replace('###', '# # # ') | trim) + '\\n###' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ ' Assistant:' }}{% endif %}"
)

Turn = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class GroundedSpan:
    """Words of a reply and where they are: `text[start:end]` is `phrase`; positions are picture pixels.

    `boxes` are (x1, y1, x2, y2), `points` (x, y). `notes` say what was mended or left out.
    """

    start: int
    end: int
    phrase: str
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    points: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroundedText:
    """A reply as people read it, tied to the picture; `raw` is what the model wrote."""

    text: str
    raw: str
    spans: tuple[GroundedSpan, ...] = ()


class SphinxProcessor(ProcessorMixin):
    """An image processor, a tokenizer, and how they meet.

    Args:
        image_processor: a SphinxImageProcessor.
        tokenizer: a SphinxTokenizer.
        view_tokens: tokens of each view, start and end included, the global view first.
        query_tokens: how many of them are the Q-Former's, 0 where there is none.
        skip_tokens: tokens that stand for a crop without any picture in it; 0 encodes it as any other.
        max_length: the longest prompt (picture included) that is accepted; None does not check.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        view_tokens: Sequence[int] = (),
        query_tokens: int = 0,
        skip_tokens: int = 0,
        max_length: int | None = None,
        chat_template: str | None = None,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template or CHAT_TEMPLATE)
        self.view_tokens = list(view_tokens)
        self.query_tokens = query_tokens
        self.skip_tokens = skip_tokens
        self.max_length = max_length

    @property
    def image_token_id(self) -> int:
        """The id that holds the place of a picture's tokens."""
        return self.tokenizer.unk_token_id

    @property
    def model_input_names(self) -> list[str]:
        """What a call may return."""
        return ["input_ids", "attention_mask", "pixel_values", "skipped_views"]

    # Words in

    def prompt(self, turns: Sequence[Turn]) -> str:
        """The original's conversation.

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
        """Tokens of a picture.

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
        text: str | Sequence[str] | None = None,
        images: Any = None,
        videos: None = None,
        audio: None = None,
        *,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        return_tensors: str | None = None,
        padding: bool = True,
        max_length: int | None = None,
    ) -> BatchFeature:
        """Make a model's inputs from prompts and pictures.

        Args:
            text: one full prompt (`prompt`) or several. `<image>` in it is accepted and taken out.
            images: one picture, or one for each prompt; None in their place for a prompt without.
            videos, audio: transformers' templates pass them along; SPHINX knows neither.
            views, encoders: as they will be given to the model: they decide how many tokens a picture takes.
            return_tensors: "pt" for tensors, None for lists.
            padding: on the left, to the longest of the batch.
            max_length: the longest prompt that is accepted; None takes the processor's own.

        Returns:
            `input_ids` and `attention_mask` (B, T); with pictures `pixel_values` (pictures, 3, S, S), and
            `skipped_views` bool (pictures, V) for a model with skip tokens. Views or encoders, if given, are
            there, too, so that `model(**inputs)` agrees.

        Raises:
            ValueError: for as many pictures as neither 0 nor prompts, and for a prompt that is too long (the
                original would cut its beginning off, and the picture and the system's words with it).
        """
        if text is None:
            raise ValueError("text is needed: a full prompt, as `prompt` makes it")
        if videos is not None or audio is not None:
            raise ValueError("SPHINX takes pictures only, no videos and no audio")
        prompts = [text] if isinstance(text, str) else list(text)
        pictures = _one_each(images, len(prompts))
        limit = self.max_length if max_length is None else max_length
        ids, skips = [], []
        for prompt, picture in zip(prompts, pictures, strict=True):
            words = self.tokenizer(prompt.replace(IMAGE, "")).input_ids
            if picture is not None:
                size_wh = picture.size if hasattr(picture, "size") and not hasattr(picture, "shape") else None
                skipped = self._skipped(size_wh or picture.shape[1::-1])[: views or len(self.view_tokens)]
                count = self.image_tokens(views, encoders, skipped)
                words = words[:1] + [self.image_token_id] * count + words[1:]
                skips.append(skipped)
            if limit is not None and len(words) > limit:
                raise ValueError(f"a prompt of {len(words)} tokens, at most {limit} fit: shorten its history")
            ids.append(words)
        data: dict[str, Any] = {"input_ids": ids, "attention_mask": [[1] * len(row) for row in ids]}
        if padding:
            longest, pad = max(len(row) for row in ids), self.tokenizer.pad_token_id
            data = {
                "input_ids": [[pad] * (longest - len(row)) + row for row in ids],
                "attention_mask": [[0] * (longest - len(row)) + [1] * len(row) for row in ids],
            }
        if return_tensors == "pt":
            data = {name: torch.tensor(rows) for name, rows in data.items()}
        given = [picture for picture in pictures if picture is not None]
        if given:
            data.update(self.image_processor(given, return_tensors=return_tensors))
            if self.skip_tokens:
                data["skipped_views"] = torch.tensor(skips) if return_tensors == "pt" else skips
            if views is not None:
                data["views"] = views
            if encoders is not None:
                data["encoders"] = tuple(encoders)
        return BatchFeature(data)

    def _skipped(self, size_wh: tuple[int, int]) -> tuple[bool, ...]:
        """Which views of a picture are replaced by skip tokens."""
        if not self.skip_tokens:
            return (False,) * len(self.view_tokens)
        return padded_views(size_wh, round((len(self.view_tokens) - 1) ** 0.5))

    # Words out

    def batch_decode(self, *args: Any, **kwargs: Any) -> list[str]:
        """The tokenizer's."""
        return self.tokenizer.batch_decode(*args, **kwargs)

    def decode(self, *args: Any, **kwargs: Any) -> str:
        """The tokenizer's."""
        return self.tokenizer.decode(*args, **kwargs)

    def post_process_grounding(self, raw: str, size_wh: tuple[int, int]) -> GroundedText:
        """Tie a reply to the picture.

        Args:
            raw: what the model wrote.
            size_wh: of the picture it was asked about.
        """
        w, h = size_wh
        groups = read_reply(raw)
        text, places = plain_text(raw, groups, ended=True)
        spans = []
        for group, (start, end) in zip(groups, places, strict=True):
            boxes, notes = [], list(group.notes)
            for box in group.boxes:
                x1, y1, x2, y2 = to_picture(box, size_wh)
                inside = (min(max(x1, 0), w), min(max(y1, 0), h), min(max(x2, 0), w), min(max(y2, 0), h))
                if inside[2] <= inside[0] or inside[3] <= inside[1]:
                    notes.append("a box beside the picture was left out")
                else:
                    boxes.append(inside)
            points = []
            for point in group.points:
                x, y = to_picture(point, size_wh)
                points.append((min(max(x, 0), w - 1), min(max(y, 0), h - 1)))
            spans.append(
                GroundedSpan(
                    start, end, group.phrase, tuple(boxes), tuple(points), tuple(dict.fromkeys(notes))
                )
            )
        return GroundedText(text, raw, tuple(spans))


def _message(words: str) -> str:
    """Words that stay within their turn: what separates turns is pulled apart, as in `CHAT_TEMPLATE`."""
    return words.replace(IMAGE, " ").replace(SEPARATOR, "# # # ").strip()


def _one_each(images: Any, count: int) -> list[Any]:
    """A picture, or None, for each of `count` prompts."""
    if images is None:
        return [None] * count
    pictures = list(images) if isinstance(images, (list, tuple)) else [images]
    nested = [list(p) if isinstance(p, (list, tuple)) else [p] for p in pictures]
    if any(len(p) > 1 for p in nested):
        raise ValueError(f"SPHINX looks at one picture a conversation, got {max(len(p) for p in nested)}")
    pictures = [p[0] if p else None for p in nested]
    if len(pictures) != count:
        raise ValueError(f"one picture (or None) for each prompt: {count} prompts, {len(pictures)} pictures")
    return pictures


__all__ = ["GroundedSpan", "GroundedText", "SphinxProcessor"]
