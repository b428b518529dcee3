"""The program's own sentences by their keys, apart from the language that they are said in.

A `Sentence` is a key and what fills its places: words, things with their numbers, or another sentence.
`spell` writes sentences by a table of templates: the English one, `sentences.toml`, or that of a door which
speaks another language. What SPHINX itself replied is no sentence of the program; at most it fills a place
of one.

This module knows neither tasks nor doors.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

JOINT = "joint"  # the key of what stands between two sentences
_PLACE = re.compile(r"\{(\w+)\}")

Templates = Mapping[str, str]
Spelled = tuple[str, tuple[tuple[int, int, tuple[int, ...]], ...]]
"""A text, and which of its characters name which regions: start, end, numbers."""


class Thing(NamedTuple):
    """Regions under one name, which may be empty: "fish (#1, #2)"."""

    name: str
    region_ids: tuple[int, ...]

    def __str__(self) -> str:
        numbers = ", ".join(f"#{number}" for number in self.region_ids)
        return f"{self.name} ({numbers})" if self.name else numbers


@dataclass(frozen=True, slots=True)
class Sentence:
    """One of the program's sentences: its key, and what fills its places. As a string it is English."""

    key: str
    values: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        return spell((self,))[0]


Value = str | tuple[Thing, ...] | Sentence


def sentence(key: str, **values: Value | int) -> Sentence:
    """Return a sentence with its places filled."""
    filled = ((name, str(value) if isinstance(value, int) else value) for name, value in values.items())
    return Sentence(key, tuple(filled))


@cache
def english() -> Templates:
    """Return the English templates by their keys."""
    return tomllib.loads((files("pipelines") / "sentences.toml").read_text("utf-8"))


def spell(said: Iterable[Sentence], templates: Templates | None = None) -> Spelled:
    """Write sentences one after the other.

    Args:
        templates: of the language; None for English.
    Raises:
        KeyError: a key has no template, or a place of it is not filled.
    """
    templates = english() if templates is None else templates
    writer = _Writer(templates)
    for one in said:
        if writer.text and not templates[one.key].startswith("\n"):
            writer.text += templates[JOINT]
        writer.write(one)
    return writer.text, tuple(writer.spans)


class _Writer:
    """A text that grows, with its spans."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self.text = ""
        self.spans: list[tuple[int, int, tuple[int, ...]]] = []

    def write(self, said: Sentence) -> None:
        values = dict(said.values)
        for at, piece in enumerate(_PLACE.split(self._templates[said.key])):  # text, name, text, name, ...
            value = values[piece] if at % 2 else piece
            if isinstance(value, Sentence):
                self.write(value)
            elif isinstance(value, str):
                self.text += value
            else:
                self._write_things(value)

    def _write_things(self, things: tuple[Thing, ...]) -> None:
        for at, thing in enumerate(things):
            self.text += ", " if at else ""
            start = len(self.text)
            self.text += str(thing)
            self.spans.append((start, len(self.text), thing.region_ids))
