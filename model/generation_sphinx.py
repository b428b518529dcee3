"""How a reply is generated: where it ends, what of it may be shown, and which random numbers draw it.

The original ends an answer at a newline and `###`, however the tokenizer splits them, and draws words with
temperature and nucleus. Here each row of a batch ends by itself, nothing of the stop is ever shown, and the
random numbers are those of the request. A checkpoint's generation configuration lists the ids that spell the
stop (`stop_sequences`), so that `generate` ends by default and needs no tokenizer for it. This module knows
ids and text; it knows no picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.cache_utils import DynamicCache
from transformers.generation.logits_process import LogitsProcessor, LogitsProcessorList
from transformers.generation.stopping_criteria import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

STOP = "\n###"
TAIL = 12  # tokens looked at for the stop: it is four, or fewer, wherever the tokenizer splits it
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
UNFINISHED = "\ufffd"  # what a character decodes to while some of its bytes are missing


def visible(text: str, finished: bool = False) -> str:
    """Return what of a growing reply may be shown: nothing of the stop, no half of a character.

    Args:
        text: all that was generated so far.
        finished: nothing will follow, so that what only looked like a stop's beginning is shown, too.
    """
    if STOP in text:
        return text[: text.index(STOP)].strip()
    if not finished:
        text = text.rstrip(UNFINISHED)
        for n in range(len(STOP) - 1, 0, -1):
            if text.endswith(STOP[:n]):
                text = text[:-n]
                break
    return text.strip()


StopSequence = Sequence[Sequence[int]]
"""Ids that spell the stop one after the other: for each position those that may stand there."""


def stop_sequences(tokenizer: PreTrainedTokenizerBase, stop: str = STOP) -> list[list[list[int]]]:
    """List every way in which the pieces of a vocabulary spell `stop` at the end of a text.

    The first piece may begin before the stop and the last one may go on after it; byte pieces count, too.

    Args:
        tokenizer: a sentencepiece tokenizer, whose pieces are named `<0x0A>` where they are bytes.
        stop: the text to spell.

    Returns:
        Sequences as `StopSequences` takes them, each a list of positions, each position the ids (ascending)
        that may stand there.
    """
    wanted = stop.encode()
    special = set(tokenizer.all_special_ids)
    pieces = {
        i: _bytes(piece) for piece, i in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    }
    steps: dict[tuple[int, int], list[int]] = {}  # (bytes spelt before, bytes spelt after) -> ids
    first: dict[int, list[int]] = {}  # bytes spelt after a first piece -> ids
    for i, piece in pieces.items():
        if i in special or not piece:
            continue
        if wanted in piece:
            first.setdefault(len(wanted), []).append(i)
        for n in range(1, len(wanted)):
            if piece.endswith(wanted[:n]) and wanted not in piece:
                first.setdefault(n, []).append(i)
            rest = wanted[n:]
            if piece.startswith(rest):
                steps.setdefault((n, len(wanted)), []).append(i)
            elif rest.startswith(piece):
                steps.setdefault((n, n + len(piece)), []).append(i)

    def spell(done: int) -> Iterator[list[list[int]]]:
        if done == len(wanted):
            yield []
        for (before, after), ids in steps.items():
            if before == done:
                yield from ([ids, *rest] for rest in spell(after))

    return [[ids, *rest] for done, ids in sorted(first.items()) for rest in spell(done)]


def _bytes(piece: str) -> bytes:
    """Return the bytes of text that a piece stands for."""
    if _BYTE.fullmatch(piece):
        return bytes([int(piece[3:5], 16)])
    return piece.replace("\u2581", " ").encode()


def generation_defaults(tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """Return the generation configuration that belongs to a checkpoint with this tokenizer.

    Replies are greedy and end at the stop; the special ids are the tokenizer's own.
    """
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
        stop_sequences=stop_sequences(tokenizer),
    )


class StopSequences(StoppingCriteria):
    """End each row of a batch where its last ids spell the stop; needs no tokenizer.

    Args:
        sequences: as `stop_sequences` returns them.

    Raises:
        ValueError: if they are not lists of lists of lists of ids.
    """

    def __init__(self, sequences: Sequence[StopSequence]) -> None:
        try:
            self.sequences = [[torch.tensor([int(i) for i in ids]) for ids in one] for one in sequences]
        except TypeError as error:
            raise ValueError(
                f"stop_sequences must be ids by position by sequence, got {sequences}"
            ) from error

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Return bool (B,): True for each row of `input_ids` (B, T) that ends with one of the sequences."""
        ended = torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
        for sequence in self.sequences:
            if len(sequence) > input_ids.shape[1]:
                continue
            tail = input_ids[:, -len(sequence) :].unbind(dim=1)
            matches = [torch.isin(ids, one.to(ids.device)) for ids, one in zip(tail, sequence, strict=True)]
            ended |= torch.stack(matches).all(dim=0)
        return ended


class TurnEnd(StoppingCriteria):
    """End each row of a batch at its own `STOP`, judged by the decoded text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, prompt_length: int) -> None:
        self.tokenizer = tokenizer
        self.prompt_length = prompt_length

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Return bool (B,): True for each row of `input_ids` (B, T) whose generated text holds the stop."""
        tails = input_ids[:, self.prompt_length :][:, -TAIL:]
        texts = [str(self.tokenizer.decode(tail, skip_special_tokens=True)) for tail in tails.tolist()]
        ended = [STOP in text for text in texts]
        return torch.tensor(ended, device=input_ids.device)


class Nucleus(LogitsProcessor):
    """Draw the next id with temperature and nucleus, and leave only that one: use with `do_sample=False`.

    transformers draws from the global random state; here each row has a generator of its own.

    Args:
        temperature: above 0, what the scores are divided by.
        top_p: of (0, 1], the probability that the ids which may be drawn have together at least.
        generators: one for each row, in order.

    Raises:
        ValueError: for numbers outside these ranges.
    """

    def __init__(
        self, temperature: float, top_p: float, generators: torch.Generator | Sequence[torch.Generator]
    ) -> None:
        if temperature <= 0 or not 0 < top_p <= 1:
            raise ValueError(f"expected temperature > 0 and 0 < top_p <= 1, got {temperature} and {top_p}")
        self.temperature = temperature
        self.top_p = top_p
        self.generators = [generators] if isinstance(generators, torch.Generator) else list(generators)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return `scores` (B, vocabulary), float, with every id but the drawn one at minus infinity."""
        if len(scores) != len(self.generators):
            raise ValueError(f"{len(scores)} rows need as many generators, got {len(self.generators)}")
        probabilities = torch.softmax(scores.float() / self.temperature, dim=-1)
        ordered, order = probabilities.sort(dim=-1, descending=True)
        ordered[ordered.cumsum(dim=-1) - ordered > self.top_p] = 0.0
        drawn = [
            torch.multinomial(row.to(generator.device), 1, generator=generator).to(scores.device)
            for row, generator in zip(ordered, self.generators, strict=True)
        ]
        chosen = order.gather(1, torch.stack(drawn))
        return torch.full_like(scores, float("-inf")).scatter(1, chosen, 0.0)


class ReplyStreamer(BaseStreamer):
    """Give the whole reply so far to `show`, each time it grows, and nothing of the stop; for one row."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, show: Callable[[str], None]) -> None:
        self.tokenizer = tokenizer
        self.show = show
        self.ids: list[int] = []
        self.shown = ""
        self.prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        """Take the prompt (first call) or the next ids."""
        if not self.prompt_seen:
            self.prompt_seen = True
            return
        self.ids += value.reshape(-1).tolist()
        self._show(finished=False)

    def end(self) -> None:
        """Show what was held back because it looked like a stop's beginning."""
        self._show(finished=True)

    def _show(self, finished: bool) -> None:
        text = visible(str(self.tokenizer.decode(self.ids, skip_special_tokens=True)), finished)
        if text != self.shown:
            self.shown = text
            self.show(text)


@torch.no_grad()
def stream(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    inputs: dict[str, Any],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    top_p: float = 0.5,
    generator: torch.Generator | None = None,
) -> Iterator[str]:
    """Generate one reply, token by token, in the caller's own thread; closing the iterator ends it at once.

    Args:
        model: a SphinxForConditionalGeneration.
        tokenizer: its tokenizer.
        inputs: of one row: `input_ids`, `attention_mask`, and `pixel_values` or `image_features`.
        max_new_tokens: the reply ends after so many.
        temperature: 0 takes the likeliest word always; above it, words are drawn with `top_p`.
        generator: the random numbers of this request; needed where the temperature is above 0.

    Yields:
        The whole reply so far, after every token, and once more at its end.
    """
    if temperature > 0 and generator is None:
        raise ValueError("drawing words needs a generator")
    draw = Nucleus(temperature, top_p, generator) if temperature > 0 and generator is not None else None
    eos = tokenizer.eos_token_id
    ids: list[int] = []
    cache = DynamicCache(config=model.config.get_text_config())
    step = dict(inputs)
    mask = step.pop("attention_mask")
    input_ids = step.pop("input_ids")
    text = ""
    while len(ids) < max_new_tokens:
        position_ids = (mask.long().cumsum(-1) - 1).clamp(min=0)[:, -input_ids.shape[1] :]
        outputs = model(
            input_ids=input_ids,
            attention_mask=mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
            **step,
        )
        scores = outputs.logits[:, -1].float()
        if draw is not None:
            scores = draw(input_ids, scores)
        input_ids = scores.argmax(dim=-1, keepdim=True)
        token = int(input_ids)
        if token == eos:
            break
        ids.append(token)
        text = str(tokenizer.decode(ids, skip_special_tokens=True))
        if STOP in text:
            break
        yield visible(text)
        mask = torch.cat((mask, mask.new_ones(1, 1)), dim=1)
        step = {}
    yield visible(text, finished=True)


def turn_end(tokenizer: PreTrainedTokenizerBase, prompt_length: int) -> StoppingCriteriaList:
    """Return what to pass to `generate` as `stopping_criteria` where the checkpoint lists no stop itself."""
    return StoppingCriteriaList([TurnEnd(tokenizer, prompt_length)])


def nucleus(
    temperature: float, top_p: float, generators: torch.Generator | Sequence[torch.Generator]
) -> LogitsProcessorList:
    """Return `logits_processor` for `generate` with `do_sample=False`; it is empty at temperature 0."""
    if temperature == 0:
        return LogitsProcessorList()
    return LogitsProcessorList([Nucleus(temperature, top_p, generators)])


__all__ = [
    "STOP",
    "Nucleus",
    "ReplyStreamer",
    "StopSequences",
    "TurnEnd",
    "generation_defaults",
    "nucleus",
    "stop_sequences",
    "stream",
    "turn_end",
    "visible",
]
