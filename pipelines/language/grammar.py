"""The rules of `grammar.toml`, compiled: sentences with slots become anchored regular expressions.

The notation is explained at the top of that file. Every sentence is matched against a whole request in plain
form; a comma may stand before any word.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pipelines.language.lexicon import Lexicon, lexicon, one_of

FILE = Path(__file__).with_name("grammar.toml")
GAP = "(?:,? )"  # before each word; a request in plain form begins with a blank
_TOKEN = re.compile(r"\s*([\[\](|)]|\{[^}]*\}|<[^>]*>|[^\s\[\](|)<>{}]+)")


@dataclass(frozen=True)
class Sentence:
    """A sentence as an expression. `first` holds the words that it can begin with; None for any word."""

    expression: str
    first: frozenset[str] | None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The expression, compiled when it is first needed: all of them together take a second."""
        return re.compile(self.expression)

    def match(self, text: str, first_word: str) -> re.Match[str] | None:
        """Fit a whole request in plain form, a blank before it."""
        if self.first is not None and first_word not in self.first:
            return None
        return self.pattern.fullmatch(text)


@dataclass(frozen=True, slots=True)
class Rule:
    """What its sentences become: a function's name, and what it is given."""

    becomes: str
    given: str
    sentences: tuple[Sentence, ...]
    asked: str = ""
    but: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a sentence: its expression, the words that it can begin with, and whether it may be empty."""

    pattern: str
    first: frozenset[str] | None
    empty: bool = False


class _Compiler:
    """Recursive descent over the notation; `phrases` are the file's own abbreviations."""

    def __init__(self, words: Lexicon, phrases: Mapping[str, str]) -> None:
        self.words = words
        self.phrases = phrases
        self.slots = _slots(words)

    def sentence(self, notation: str) -> Sentence:
        piece = self._choice(_TOKEN.findall(notation), 0)[0]
        return Sentence(piece.pattern, piece.first)

    def _choice(self, tokens: list[str], at: int) -> tuple[_Piece, int]:
        """Alternatives up to a closing bracket or the end."""
        pieces, at = [], at - 1
        while True:
            piece, at = self._sequence(tokens, at + 1)
            pieces.append(piece)
            if at >= len(tokens) or tokens[at] != "|":
                break
        firsts = [piece.first for piece in pieces]
        first = None if None in firsts else frozenset().union(*(one for one in firsts if one))
        pattern = pieces[0].pattern if len(pieces) == 1 else "(?:" + "|".join(p.pattern for p in pieces) + ")"
        return _Piece(pattern, first, any(piece.empty for piece in pieces)), at

    def _sequence(self, tokens: list[str], at: int) -> tuple[_Piece, int]:
        """Elements one after the other."""
        pattern, first, empty = "", frozenset[str](), True
        while at < len(tokens) and tokens[at] not in "|])":
            if tokens[at] in "[(":
                optional = tokens[at] == "["
                piece, at = self._choice(tokens, at + 1)
                if optional:
                    piece = _Piece(f"(?:{piece.pattern})?", piece.first, True)
            else:
                piece = self._word(tokens[at])
            at += 1
            if empty:
                first = None if first is None or piece.first is None else first | piece.first
                empty = piece.empty
            pattern += piece.pattern
        return _Piece(pattern, first, empty), at

    def _word(self, token: str) -> _Piece:
        if token.startswith("<"):
            name = token[1:-1]
            expression = self.slots.get(name, r"\S.*?")
            group = f"(?:{expression})" if name == "anything" else f"(?P<{name.split()[-1]}>{expression})"
            return _Piece(GAP + group, None)
        if not token.startswith("{"):
            return _Piece(GAP + re.escape(token), frozenset([token]))
        name = token[1:-1]
        if name in self.phrases:
            return self._choice(_TOKEN.findall(self.phrases[name]), 0)[0]
        words = self.words.words.get(name) or self.words.data["parts"][name]
        if name in self.words.data["parts"]:
            words = [*words, *(f"{word}s" for word in words)]
        return _Piece(GAP + one_of(words), frozenset(word.split()[0].rstrip(",") for word in words))


def _slots(words: Lexicon) -> dict[str, str]:
    """Return what the slots of a few names take; all others take any words."""
    shade = one_of(words.data["looks"]["shades"])
    colour = rf"(?:{shade}[- ]?)?{one_of(words.colour_names)}(?: colour(?:ed)?)?"
    side = (
        "left|right|top|bottom|up|down|above|below|upwards|downwards|upward|downward|leftwards|rightwards"
        "|all directions|all sides|every side|each side|sides|both sides"
    )
    times = r"(?:\d{1,2}(?:\.\d)?|two|three|four)"
    return {
        "one": r"\S+",
        "entry": "(?:log in|sign in|sign up|register|search|pay|check out)",
        "pixels": r"\d{1,4}",
        "percent": r"\d{1,3} ?(?:%|percent|per cent)",
        "times": times,
        "sum": r"\d[\d .]*(?: ?(?:\+|-|\*|/|x|plus|minus|times|divided by) ?\d[\d .]*)+=?",
        "colour": colour,
        "old": colour,
        "look": rf"(?:(?:{shade}[- ])?{one_of(words.colour_names)}|{one_of(words.looks)})",
        "direction": rf"(?:(?:to|on|at|towards|toward|in) )?(?:the )?(?:{side})(?: side| edge| of it)?",
        "relation": one_of(words.relations),
        "pick": one_of(words.picks),
        "scale": rf"(?:(?:twice|{times} times|half) as (?:large|big|tall|wide|small)"
        rf"|(?:twice|half|double|{times} times) the size"
        r"|bigger|larger|smaller|taller|tinier|huge|tiny|as (?:big|large) again)",
        "numbered": r"(?:[#@]\d{1,6}|\S+)",
        "article wish": r"(?:a|an|the) \S.*?",
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grammar:
    """All rules, in the order in which they are tried.

    `talk` are rules for a checkpoint that does not talk; `questions` and `checks` are, too,
    and stand before the last rules.
    """

    rules: tuple[Rule, ...]
    last: tuple[Rule, ...]
    talk: tuple[Rule, ...]
    questions: tuple[Rule, ...]
    checks: tuple[Rule, ...]
    words: frozenset[str]
    """Every word that the sentences spell out."""


LAST = ("beside", "which_one", "describe", "named")  # rules that come after the questions


@lru_cache(maxsize=1)
def grammar() -> Grammar:
    """Return the grammar of the package."""
    data = tomllib.loads(FILE.read_text("utf-8"))
    compiler = _Compiler(lexicon(), data["phrases"])

    def rules(table: str, becomes: str = "") -> tuple[Rule, ...]:
        return tuple(_rule(row, compiler, becomes) for row in data[table])

    all_rules = rules("rule")
    return Grammar(
        tuple(rule for rule in all_rules if rule.becomes not in LAST),
        tuple(rule for rule in all_rules if rule.becomes in LAST),
        rules("talk"),
        rules("question", "question"),
        rules("check", "check"),
        _words(data),
    )


def _rule(row: Mapping[str, Any], compiler: _Compiler, becomes: str) -> Rule:
    name, _, given = row.get("becomes", "").partition(" ")
    given = given or row.get("family", "") or row.get("question", "")
    sentences = tuple(compiler.sentence(notation) for notation in row["says"])
    return Rule(becomes or name, given, sentences, row.get("asked", ""), row.get("but", False))


def _words(data: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of all sentences, without the names of lists and slots."""
    tables = (row for table in ("rule", "talk", "question", "check") for row in data[table])
    notations = [*data["phrases"].values(), *(notation for row in tables for notation in row["says"])]
    spelt_out = " ".join(re.sub(r"[{<][^}>]*[}>]", " ", notation) for notation in notations)
    return frozenset(re.findall(r"[a-z][a-z'-]*[a-z]", spelt_out))
