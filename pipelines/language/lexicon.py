"""The words of `lexicon.toml`, read once and ready for looking up. Knows no grammar and no picture."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("lexicon.toml")
LOOKS = {  # attribute of a thing -> the lists of [looks] that are its values
    "size": ("small", "large"),
    "pattern": ("striped", "dotted", "plain"),
    "damaged": ("broken",),
    "action": (
        "standing", "walking", "running", "sitting", "waving", "jumping", "cheering", "pointing", "kicking",
    ),
}  # fmt: skip


def one_of(words: Iterable[str]) -> str:
    """Return a regular expression for one of the words, the longest that fits first."""
    return "(?:" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + ")"


@dataclass(frozen=True)
class Lexicon:
    """The file's tables, and what follows from them."""

    data: Mapping[str, Any]

    @property
    def words(self) -> Mapping[str, list[str]]:
        """The lists that sentences of the grammar name in braces."""
        return self.data["words"]

    @cached_property
    def colours(self) -> dict[str, tuple[int, int, int]]:
        """Colour -> a typical RGB."""
        return {name: tuple(row["rgb"]) for name, row in self.data["colours"].items()}

    @cached_property
    def colour_names(self) -> dict[str, tuple[str, ...]]:
        """A word for a colour -> colours that it may stand for, the closest first."""
        found: dict[str, tuple[str, ...]] = {}
        for name, row in self.data["colours"].items():
            near = (name, row["like"]) if "like" in row else (name,)
            found[name] = near
            found.update(dict.fromkeys(row["also"], near))
        return found

    @cached_property
    def kind_names(self) -> dict[str, tuple[str, ...]]:
        """A word for a thing -> the kinds that it may stand for, the closest first."""
        found: dict[str, tuple[str, ...]] = {kind: (kind,) for kind in self.data["kinds"]}
        for kind, words in self.data["kinds"].items():
            for word in words:
                found[word] = (*found.get(word, ()), kind)
        return found

    @cached_property
    def generic(self) -> frozenset[str]:
        """Words for a thing of any kind."""
        return frozenset(self.data["generic"]["thing"])

    @cached_property
    def looks(self) -> dict[str, tuple[str, str]]:
        """A word -> the attribute and the value that it gives a thing."""
        return {
            word: (attribute, value)
            for attribute, values in LOOKS.items()
            for value in values
            for word in self.data["looks"][value]
        }

    @cached_property
    def picks(self) -> dict[str, str]:
        """A word -> which one of several it picks."""
        return {word: pick for pick, words in self.data["picks"].items() for word in words}

    @cached_property
    def relations(self) -> dict[str, str]:
        """Words between two things -> the relation."""
        found = {relation: relation for relation in self.data["relations"]}
        found.update({word: name for name, words in self.data["relations"].items() for word in words})
        return found

    @cached_property
    def conversation(self) -> dict[str, tuple[str, str]]:
        """A whole message -> ("talk", kind of small talk) or ("help", topic)."""
        found = {said: ("talk", kind) for kind, lines in self.data["small_talk"].items() for said in lines}
        return found | {said: ("help", topic) for topic, lines in self.data["help"].items() for said in lines}

    @cached_property
    def function_words(self) -> frozenset[str]:
        return frozenset(self.data["known"]["function"])

    @cached_property
    def commands(self) -> tuple[str, ...]:
        """Words that a command begins with, the longest first."""
        lists = (
            "find", "outline", "cutout", "remove", "replace", "paint", "change", "put", "describe", "grow",
            "shrink", "join", "subtract", "select", "forget", "click", "more",
        )  # fmt: skip
        found = {word for name in lists for word in self.words[name]}
        return tuple(sorted(found, key=len, reverse=True))

    @cached_property
    def lists(self) -> dict[str, str]:
        """The name of a list -> an expression for one of its words; see `expression`."""
        lists: dict[str, Iterable[str]] = {
            **self.words,
            **self.data["parts"],
            "shades": self.data["looks"]["shades"],
        }
        lists |= {"colours": self.colour_names, "relations": self.relations, "picks": self.picks}
        lists |= {"commands": self.commands, "numbers": self.data["numbers"]}
        return {name: one_of(words) for name, words in lists.items()}

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every single word of the file in a form that may be typed."""
        found: set[str] = set()
        for name, table in self.data.items():
            if name != "languages":
                _collect(table, found)
        return frozenset(word for phrase in found for word in re.findall(r"[a-z][a-z'-]*", phrase))


def _collect(table: Any, found: set[str]) -> None:
    """All strings of a table, keys included."""
    if isinstance(table, str):
        found.add(table)
    elif isinstance(table, Mapping):
        for key, value in table.items():
            found.add(key)
            _collect(value, found)
    elif isinstance(table, list):
        for value in table:
            _collect(value, found)


@cache
def lexicon() -> Lexicon:
    """Return the lexicon of the package."""
    return Lexicon(tomllib.loads(FILE.read_text("utf-8")))


@cache
def expression(notation: str) -> re.Pattern[str]:
    """Compile a regular expression in which {colours} stands for one of the words of that list."""
    return re.compile(re.sub(r"\{([a-z]+)\}", lambda match: lexicon().lists[match[1]], notation))


def is_colour(words: str) -> bool:
    """Return whether words are a colour and no more: "red", "dark green"."""
    return bool(expression(r"(?:{shades}[ -])?{colours}").fullmatch(words))


def is_relation(phrase: str) -> bool:
    """Return whether a phrase relates one thing to another ("people on the car")."""
    phrase = expression(r" (?:in|with) {colours}$").sub("", phrase)
    return bool(expression(r"\w {relations} \w").search(phrase))


def is_screen(phrase: str) -> bool:
    """Return whether a phrase names a part of a screen ("the save button")."""
    end = r"(?: (?:to|for|that|labelled|called|named|with) .+)?"
    return bool(expression(r"(?:.+ )?{screen}s?" + end).fullmatch(phrase))


def is_clause(words: str) -> bool:
    """Return whether words hold one that no name of a thing has ("who", "is")."""
    return any(word in lexicon().data["known"]["clause"] for word in words.split())
