"""Rows about one visitor's answers: what is kept, and what a decode step costs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch

from model.generation_sphinx import stream as plain_stream
from pipelines.interfaces import GenerationOptions
from pipelines.vlm.decoder import Decoder, SequenceCache
from tests.benchmarks.checkpoint import ANSWER, DEPTH, FIRST, QUESTIONS, TINY_LAYERS, nano, picture, tiny
from tests.benchmarks.measure import Cost, Row, clock, pair, timed

TOKENS = 48  # decoded for a figure
PROMPT = 450  # tokens before them


def rows() -> Iterator[Row]:
    """All rows of this module."""
    yield second_turn()
    yield after_opening()
    yield after_another_question()
    yield from decoding("sphinx-nano", nano()._model, TOKENS, rounds=5)
    yield through_the_batcher()
    yield around_the_decoder()
    shape = f"Tiny's width, {DEPTH} of {TINY_LAYERS} layers, random weights"
    yield from decoding(shape, tiny(), 8, rounds=3)
    yield tiny_second_turn(shape)
    yield weights("sphinx-nano", nano()._model, TOKENS, rounds=5)
    yield weights(shape, tiny(), 8, rounds=3)


def first_word(digest: str, turns: tuple[tuple[str, str], ...], question: str) -> Cost:
    """What the first word of a reply costs."""
    options = GenerationOptions(max_new_tokens=48)
    replies = nano().stream(picture(), digest, turns, question, options=options)
    cost = timed(lambda: next(raw for raw in replies if raw))
    replies.close()
    return cost


def second_turn() -> Row:
    """The second question of a conversation, with what is kept and from nothing."""
    numbers = itertools.count()
    turns = ((FIRST, ANSWER),)

    def kept() -> Cost:
        digest = f"kept {next(numbers)}"
        first_word(digest, (), FIRST)
        return first_word(digest, turns, QUESTIONS[0])

    def fresh() -> Cost:
        return first_word(f"fresh {next(numbers)}", turns, QUESTIONS[0])

    what = "first word of a second turn, sphinx-nano: from nothing against with what is kept"
    return pair(what, fresh, kept, rounds=5)


def after_opening() -> Row:
    """The first question about a picture that was just opened, as the page opens it and asks."""
    numbers = itertools.count()

    def opened() -> Cost:
        digest = f"opened {next(numbers)}"
        nano().in_distribution(picture(), digest)
        return first_word(digest, (), QUESTIONS[5])

    def fresh() -> Cost:
        return first_word(f"not opened {next(numbers)}", (), QUESTIONS[5])

    what = "first word of a first question, sphinx-nano: from nothing against after opening"
    return pair(what, fresh, opened, rounds=5)


def after_another_question() -> Row:
    """A conversation's next turn after a question without its history (finding, outlining)."""
    numbers = itertools.count()
    turns = ((FIRST, ANSWER), (QUESTIONS[5], "red"), (QUESTIONS[4], ANSWER * 8))

    def visit(between: bool) -> Cost:
        digest = f"after {next(numbers)}"
        first_word(digest, turns[:-1], turns[-1][0])
        first_word(digest, turns, QUESTIONS[0])
        if between:
            first_word(digest, (), QUESTIONS[2])
        return first_word(digest, turns, QUESTIONS[0])

    what = "first word of a long conversation: after a find in between against without"
    return pair(what, lambda: visit(True), lambda: visit(False))


def prompt(model: Any) -> torch.Tensor:
    """Ids (1, PROMPT) drawn from a seed."""
    high = model.config.get_text_config().vocab_size
    return torch.randint(5, high, (1, PROMPT), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def generated(model: Any, tokens: int) -> Cost:
    """Decoding `tokens` by transformers' own `generate`, without the reading of the prompt."""
    ids = prompt(model)

    def run(count: int) -> Cost:
        options = {"max_new_tokens": count, "min_new_tokens": count, "do_sample": False}
        with clock() as found:
            found_ids = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                eos_token_id=None,
                pad_token_id=0,
                stop_sequences=[],
                **options,
            )
        assert found_ids.shape[1] == ids.shape[1] + count, "it stopped before its end"
        return found[0]

    short, whole = run(1), run(tokens + 1)
    return Cost(whole.wall - short.wall, whole.cpu - short.cpu)


@torch.no_grad()
def decoded(model: Any, decoder: Decoder, tokens: int) -> Cost:
    """Decoding `tokens` by the decoder alone: no thread, no text, no queue."""
    ids = prompt(model)[0].tolist()
    cache = SequenceCache(decoder.allocate(len(ids) + tokens))
    hidden = decoder.forward(decoder.words(ids), [(cache, len(ids))])
    token = int(decoder.scores(hidden[-1:]).argmax())
    with clock() as found:
        for _ in range(tokens):
            hidden = decoder.forward(decoder.words([token]), [(cache, 1)])
            token = int(decoder.scores(hidden).argmax())
    return found[0]


def decoding(name: str, model: Any, tokens: int, *, rounds: int) -> Iterator[Row]:
    """A decode step of the decoder against `generate`."""
    decoder = Decoder(model)
    what = f"a decode step, {name}: `generate` against the decoder alone"
    yield pair(
        what,
        lambda: generated(model, tokens),
        lambda: decoded(model, decoder, tokens),
        rounds=rounds,
        per=tokens,
    )


def through_the_batcher() -> Row:
    """A token of a real answer: the plain loop of `model` against `stream` (thread, queue, text included)."""
    vlm = nano()
    processor = vlm._processor
    question = QUESTIONS[0]
    inputs = dict(
        processor(text=processor.prompt([(question, None)]), images=[picture()], return_tensors="pt")
    )
    steps = {}

    def rest(replies: Iterator[str], name: str) -> Cost:
        next(raw for raw in replies if raw)
        with clock() as found:
            steps[name] = sum(1 for _ in replies)
        return found[0]

    def plain() -> Cost:
        replies = plain_stream(vlm._model, processor.tokenizer, inputs, max_new_tokens=TOKENS)
        return rest(iter(replies), "plain")

    def ours() -> Cost:
        options = GenerationOptions(max_new_tokens=TOKENS)
        return rest(vlm.stream(picture(), "batcher", (), question, options=options), "ours")

    what = "a token of an answer, sphinx-nano: the plain loop against `stream`"
    row = pair(what, plain, ours, rounds=5, per=TOKENS)
    assert steps["plain"] == steps["ours"]
    return row


def around_the_decoder() -> Row:
    """A token of a real answer against a bare loop over the same weights."""
    vlm, question = nano(), QUESTIONS[0]
    decoder = Decoder(vlm._model)
    steps = [1]

    def answered() -> Cost:
        options = GenerationOptions(max_new_tokens=TOKENS)
        replies = vlm.stream(picture(), "around", (), question, options=options)
        next(raw for raw in replies if raw)
        with clock() as found:
            steps[0] = sum(1 for _ in replies)
        return Cost(found[0].wall / steps[0], found[0].cpu / steps[0])

    def bare() -> Cost:
        whole = decoded(vlm._model, decoder, TOKENS)
        return Cost(whole.wall / TOKENS, whole.cpu / TOKENS)

    return pair("a token of an answer, sphinx-nano: `stream` against a bare loop", answered, bare, rounds=5)


@torch.no_grad()
def tiny_second_turn(shape: str) -> Row:
    """Reading a picture of Tiny-1k and a question against the question alone."""
    model = tiny()
    decoder = Decoder(model)
    ids = prompt(model)[0].tolist()
    view = 2 + 1 + (model.config.get_text_config().hidden_size // 64) ** 2 // 4  # 259 tokens
    long = (ids * 4)[: 5 * view]

    def reading(before: list[int], after: list[int]) -> Cost:
        cache = SequenceCache(decoder.allocate(len(before) + len(after)))
        if before:
            decoder.forward(decoder.words(before), [(cache, len(before))])
        return timed(lambda: decoder.forward(decoder.words(after), [(cache, len(after))]))

    what = f"reading a picture's {len(long)} tokens and a question of 30 against the question, {shape}"
    return pair(what, lambda: reading([], long + ids[:30]), lambda: reading(long, ids[:30]), rounds=1)


def weights(name: str, model: Any, tokens: int, *, rounds: int) -> Row:
    """float32 weights against bfloat16."""
    import copy

    half = copy.deepcopy(model).to(torch.bfloat16)
    one, other = Decoder(model), Decoder(half)
    what = f"a decode step, {name}: float32 against bfloat16 weights"
    return pair(
        what,
        lambda: decoded(model, one, tokens),
        lambda: decoded(half, other, tokens),
        rounds=rounds,
        per=tokens,
    )
