"""Rows about many visitors: together against one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pipelines.interfaces import GenerationOptions
from tests.benchmarks.checkpoint import QUESTIONS, asked, lonely, nano, picture, served
from tests.benchmarks.measure import Cost, Row, clock, in_turn, timed

VISITORS = (1, 2, 4, 8, 16)
TOKENS = 48  # of an answer, at most
TOGETHER = 8


def rows() -> Iterator[Row]:
    """All rows of this module."""
    for same in (True, False):
        for count in VISITORS:
            yield answers(count, same=same)
    yield answers(TOGETHER, same=True, alone=True)
    yield last_first_word("kept", lambda number: "known")
    numbers = itertools.count()
    yield last_first_word("new", lambda number: f"new {next(numbers) if number is None else number}")


def answers(count: int, *, same: bool, alone: bool = False) -> Row:
    """Answers a minute; every answer must be the one that is given by itself. `alone`: by one expert only."""
    ask_one = partial(asked, tokens=TOKENS, vlm=nano() if alone else lonely())
    ask_many = partial(asked, tokens=TOKENS, vlm=nano() if alone else served())
    digests = ["shared" if same else f"own {i}" for i in range(count)]
    questions = [QUESTIONS[i % len(QUESTIONS)] for i in range(count)]
    replies: dict[str, list[str]] = {}

    def one_by_one() -> None:
        replies["alone"] = [ask_one(d, q) for d, q in zip(digests, questions)]

    def together() -> None:
        with ThreadPoolExecutor(count) as pool:
            replies["together"] = list(pool.map(ask_many, digests, questions))

    single, batch = in_turn(one_by_one, together, rounds=3)
    assert replies["alone"] == replies["together"]
    where = f"{'one picture' if same else 'as many pictures'}{', one expert' if alone else ''}"
    what = f"{count} visitors of {where}: together against one by one"
    figures = f"{60 * count / batch.wall:.0f} against {60 * count / single.wall:.0f} answers a minute"
    cpu = single.cpu / batch.cpu if alone else None  # of computing only this process's seconds are known
    return Row(what, single.wall / batch.wall, cpu, figures)


def last_first_word(state: str, digest: Callable[[int | None], str]) -> Row:
    """The first word of the last of several short questions against that of one alone."""
    numbers = itertools.count()
    options = GenerationOptions(max_new_tokens=8)
    short = QUESTIONS[5:7]

    def first(name: str, question: str) -> Cost:
        replies = served().stream(picture(), name, (), question, options=options)
        cost = timed(lambda: next((None for raw in replies if raw), None))
        replies.close()
        return cost

    def alone() -> Cost:
        return first(digest(None), f"{short[0]} {next(numbers)}")

    def worst() -> Cost:
        name = digest(None)
        said: Sequence[str] = [f"{short[i % 2]} {next(numbers)}" for i in range(TOGETHER)]
        with clock() as found, ThreadPoolExecutor(TOGETHER) as pool:
            costs = list(pool.map(lambda question: first(name, question), said))
        return Cost(max(cost.wall for cost in costs), found[0].cpu)

    last, lone = in_turn(worst, alone, rounds=5)
    what = f"first word, {state} picture: the last of {TOGETHER} visitors against one alone"
    return Row(what, last.wall / lone.wall, None, f"{last.wall * 1e3:.0f} against {lone.wall * 1e3:.0f} ms")
