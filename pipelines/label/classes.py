"""What is looked for: classes, each with the phrases that find it, from the command line or a YAML file.

A phrase is understood as the page understands "find all ...": typing errors are mended, and a word that the
loaded checkpoint does not know is refused before any picture is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import DemoError
from pipelines.intake import read_file, short
from pipelines.language import requests as req
from pipelines.language import understand
from pipelines.language.nouns import noun, singular
from pipelines.language.vocabulary import Vocabulary
from pipelines.scene import Picture, Scene

MOST_CLASSES = 1000
LONGEST = 100  # characters of a name or a phrase
HOW = "write one class a line, “name: phrase”, or “- name” for a class that is called as it is found"
EXAMPLE = Scene(Picture("", (256, 256)))  # that phrases are understood on


@dataclass(frozen=True, slots=True)
class Wanted:
    """A class of the data set, and the phrases that find what belongs to it."""

    name: str
    phrases: tuple[str, ...]


def said_classes(words: Sequence[str]) -> tuple[Wanted, ...]:
    """Read `--find` values: "cat", or "fence=a wooden fence". Those of one name are one class."""
    pairs = []
    for said in words:
        name, equals, phrase = said.partition("=")
        pairs.append((name, phrase if equals else name))
    return _collected(pairs)


def read_classes(path: Path) -> tuple[Wanted, ...]:
    """Read a YAML file: names with a phrase or a list of them, or a list of names.

    Raises:
        DemoError: it is none, with what would be one.
    """
    import yaml

    name = short(str(path))
    try:
        given: Any = yaml.safe_load(read_file(path).decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise DemoError(f"{name} is no YAML: {HOW}.") from None
    if isinstance(given, list) and all(isinstance(row, str) for row in given):
        return said_classes(given)
    if not isinstance(given, dict) or not given:
        raise DemoError(f"{name} names no classes: {HOW}.")
    pairs = []
    for key, value in given.items():
        phrases = value if isinstance(value, list) else [value if value is not None else key]
        if not isinstance(key, str) or not phrases or not all(isinstance(one, str) for one in phrases):
            raise DemoError(f"{name} says of {short(str(key), 40)!r} what is no phrase: {HOW}.")
        pairs += [(key, phrase) for phrase in phrases]
    return _collected(pairs)


def _collected(pairs: Iterable[tuple[str, str]]) -> tuple[Wanted, ...]:
    found: dict[str, list[str]] = {}
    for name, phrase in pairs:
        name, phrase = " ".join(name.split()), " ".join(phrase.split())
        if not name or not phrase:
            raise DemoError("A class needs a name and a phrase: “cat”, or “fence=a wooden fence”.")
        if max(len(name), len(phrase)) > LONGEST or not (name + phrase).isprintable():
            raise DemoError(f"“{short(name, 40)}” is too long, or no text: use up to {LONGEST} characters.")
        known = found.setdefault(name, [])
        if phrase not in known:
            known.append(phrase)
    alike = {name.casefold() for name in found}
    if len(alike) < len(found):
        raise DemoError("Two classes differ by capitals alone: call each something else.")
    if len(found) > MOST_CLASSES:
        raise DemoError(f"There are {len(found)} classes, of which {MOST_CLASSES} can be given at most.")
    return tuple(Wanted(name, tuple(phrases)) for name, phrases in found.items())


def understood(wanted: Wanted, vocabulary: Vocabulary) -> tuple[tuple[req.Find, ...], tuple[str, ...]]:
    """Return the requests that find all of a class, and what was mended about its phrases.

    Raises:
        DemoError: a phrase names nothing that can be looked for.
    """
    finds: list[req.Find] = []
    notes: list[str] = []
    for phrase in wanted.phrases:
        read = understand(f"find all {phrase}", EXAMPLE, vocabulary)
        for one in read.requests:
            if isinstance(one, req.UnknownWord):
                raise DemoError(
                    f"The checkpoint does not know “{one.word}” (class {wanted.name}); it knows "
                    f"{', '.join(one.known)}."
                )
            if not isinstance(one, req.Find):
                raise DemoError(
                    f"“{phrase}” (class {wanted.name}) names nothing to look for: name a thing, such as "
                    "“cat” or “red ball”; --everything takes all that is seen."
                )
            finds.append(one)
        notes += map(str, read.notes)
    return tuple(dict.fromkeys(finds)), tuple(dict.fromkeys(notes))


def is_person(label: str) -> bool:
    """Tell whether a label names a person, who has joints."""
    from pipelines.language.lexicon import lexicon

    one = singular(noun(label)).lower()
    return "person" in (one, *lexicon().kind_names.get(one, ()))
