"""The headline figures of an evaluation: balanced by true answer, photographs apart from drawn scenes.

Knows the names of topics and scores; asks nothing and draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Found = Mapping[str, Mapping[str, float]]  # topic -> figures, as `evaluate.figures` gives them

COUNTS = tuple(f"count-{n}" for n in range(6))
TOPICS_NEEDED = (
    *COUNTS, "largest", "region-largest", "locate-largest", "is-there-present", "is-there-kind-absent",
    "locate-kind-absent", "detect-all", "detect-several", "odd", "odd-damaged", "chart", "text", "screen",
    "screen-absent", "region",
)  # fmt: skip  # for the table; "region" beside it, for the kinds of photographs one by one


@dataclass(frozen=True, slots=True)
class Headline:
    """One line of the table: what is measured, in words, its figure 0..1, and what to reach and beyond."""

    says: str
    source: str  # "photographs" | "world"
    value: float | None  # None: not measured
    reach: str
    beyond: str
    detail: str = ""  # the same by true answer


def share(found: Found, topic: str, name: str) -> float | None:
    """Return one figure, or None where it was not measured."""
    return found.get(topic, {}).get(name)


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of what was measured, or None where nothing was."""
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if told else None


def is_there(found: Found, absent: str = "is-there-kind-absent") -> float | None:
    """F1 of "yes" over as many questions about present kinds as about absent ones."""
    present, wrong = share(found, "is-there-present", "yes"), share(found, absent, "yes")
    return None if present is None or wrong is None else 2 * present / (1 + present + wrong)


def by_answer(found: Found, topics: Sequence[str], name: str) -> str:
    """ "0: 79 %, 1: 92 %, ..." by the end of each topic's name."""
    told = [(topic.rsplit("-", 1)[-1], share(found, topic, name)) for topic in topics]
    return ", ".join(f"{answer}: {100 * value:.0f} %" for answer, value in told if value is not None)


def headlines(world: Found, photographs: Found) -> list[Headline]:
    """Return the table's lines; those of a source that was not measured have no figure."""
    named, largest = share(photographs, "largest", "exact"), share(photographs, "region-largest", "kind")
    lines = []
    for source, found in (("photographs", photographs), ("world", world)):
        counted = mean([share(found, topic, "exact") for topic in COUNTS])
        lines.append(
            Headline("how many, balanced over 0 to 5", source, counted, "75 %", "85 %",
                     by_answer(found, COUNTS, "exact"))
        )  # fmt: skip
        several = share(found, "detect-several", "exact_set")
        lines.append(Headline("find all, two to five alike, exact set", source, several, "60 %", "75 %"))
    damaged = share(world, "odd-damaged", "hit")
    return [
        Headline("kind of the largest thing, asked in words", "photographs", named, "72 %", "80 %"),
        Headline("kind of the largest thing, asked by its box", "photographs", largest, "72 %", "80 %"),
        Headline("box of the largest thing for a phrase", "photographs",
                 share(photographs, "locate-largest", "hit"), "75 %", "82 %"),
        Headline("is-there, half absent, F1", "photographs", is_there(photographs), "84 %", "90 %"),
        Headline("all of a kind, F1", "photographs", share(photographs, "detect-all", "f1"), "45 %", "55 %"),
        Headline("a kind that is not there gets a box", "photographs",
                 share(photographs, "locate-kind-absent", "boxed"), "<= 12 %", "6 %"),
        *lines,
        Headline("the odd thing named and boxed", "world", share(world, "odd", "both"), "65 %", "80 %"),
        Headline("the broken thing boxed", "world", damaged, "65 %", "80 %"),
        Headline("chart cells within 5 %", "world", share(world, "chart", "cells_share"), "50 %", "75 %"),
        Headline("words read exactly", "world", share(world, "text", "words_share"), "65 %", "80 %"),
        Headline("an absent screen element is refused", "world",
                 share(world, "screen-absent", "none_right"), "85 %", "95 %"),
        Headline("a present screen element is found", "world", share(world, "screen", "hit"), "71 %", "-"),
    ]  # fmt: skip


def write_headlines(lines: Sequence[Headline]) -> str:
    """Return the table in Markdown."""
    rows = ["| | measured on | figure | to reach | beyond |", "|---|---|---|---|---|"]
    for line in lines:
        value = "-" if line.value is None else f"{100 * line.value:.0f} %"
        detail = f" ({line.detail})" if line.detail else ""
        rows.append(f"| {line.says} | {line.source} | {value}{detail} | {line.reach} | {line.beyond} |")
    return "\n".join(rows)
