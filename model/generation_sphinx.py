"""How a reply is generated: where it ends, what of it may be shown, and whose dice are thrown.

The original ends an answer at a newline and `###`, however the tokenizer splits them, and draws words with
temperature and nucleus. Here each row of a batch ends by itself, nothing of the stop is ever shown, and the
random numbers are those of the request. This module knows ids and text; it knows no picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache
from transformers.generation.logits_process import LogitsProcessor, LogitsProcessorList
from transformers.generation.stopping_criteria import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

STOP = "\n###"
TAIL = 12  # tokens looked at for the stop: it is four, or fewer, wherever the tokenizer splits it
UNFINISHED = "\ufffd"  # what a character decodes to while some of its bytes are missing


def visible(text: str, finished: bool = False) -> str:
    """What of a growing reply may be shown: nothing of the stop, no half of a character.

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


class TurnEnd(StoppingCriteria):
    """Ends each row of a batch at its own `STOP`, judged by the decoded text."""

    def __init__(self, tokenizer: Any, prompt_length: int) -> None:
        self.tokenizer = tokenizer
        self.prompt_length = prompt_length

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """True for each row (B,) whose generated text holds the stop."""
        tails = input_ids[:, self.prompt_length :][:, -TAIL:]
        ended = [STOP in self.tokenizer.decode(tail, skip_special_tokens=True) for tail in tails.tolist()]
        return torch.tensor(ended, device=input_ids.device)


class Nucleus(LogitsProcessor):
    """Draws the next id with temperature and nucleus, and leaves only that one: use with `do_sample=False`.

    transformers draws from the global random state; here each row has a generator of its own.
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
        """(B, vocabulary) scores -> the same with every id but the drawn one at minus infinity."""
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
    """Gives the whole reply so far, each time it grows, to `show`; for one row. Never any of the stop."""

    def __init__(self, tokenizer: Any, show: Callable[[str], None]) -> None:
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
        text = visible(self.tokenizer.decode(self.ids, skip_special_tokens=True), finished)
        if text != self.shown:
            self.shown = text
            self.show(text)


@torch.no_grad()
def stream(
    model: Any,
    tokenizer: Any,
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
        generator: the dice of this request; needed where the temperature is above 0.

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
        text = tokenizer.decode(ids, skip_special_tokens=True)
        if STOP in text:
            break
        yield visible(text)
        mask = torch.cat((mask, mask.new_ones(1, 1)), dim=1)
        step = {}
    yield visible(text, finished=True)


def turn_end(tokenizer: Any, prompt_length: int) -> StoppingCriteriaList:
    """What to pass to `generate` as `stopping_criteria`."""
    return StoppingCriteriaList([TurnEnd(tokenizer, prompt_length)])


def nucleus(
    temperature: float, top_p: float, generators: torch.Generator | Sequence[torch.Generator]
) -> LogitsProcessorList:
    """What to pass to `generate` as `logits_processor`, with `do_sample=False`; empty at temperature 0."""
    if temperature == 0:
        return LogitsProcessorList()
    return LogitsProcessorList([Nucleus(temperature, top_p, generators)])


__all__ = ["STOP", "Nucleus", "ReplyStreamer", "TurnEnd", "nucleus", "stream", "turn_end", "visible"]
