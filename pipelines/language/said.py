"""A request that fits a sentence of the grammar, with what its slots name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.language import requests as req
from pipelines.language.choosing import resolve
from pipelines.language.lexicon import is_clause, lexicon
from pipelines.language.phrases import Context, Noun, read_noun, read_nouns
from pipelines.language.requests import Request, Target


@dataclass(frozen=True, slots=True)
class Said:
    """A request that fits a sentence: its slots, what the rule is given, the words, and what they refer to.

    `notes` gathers pairs of a word and what it was taken for.
    """

    slots: Mapping[str, str | None]
    given: str
    text: str
    context: Context
    notes: list[tuple[str, str]] = field(default_factory=list)

    def __getitem__(self, slot: str) -> str:
        return (self.slots.get(slot) or "").strip()

    def nouns(self, slot: str, default: str = "it") -> tuple[Noun, ...]:
        """Return the phrases of a slot."""
        found = read_nouns(self[slot] or default, self.context)
        for noun in found:
            self.notes.extend(noun.notes)
        return found

    def noun(self, slot: str, default: str = "it") -> Noun:
        """Return the only phrase of a slot."""
        noun = read_noun(self[slot] or default, self.context)
        self.notes.extend(noun.notes)
        return noun

    @property
    def words(self) -> Mapping[str, list[str]]:
        return lexicon().words


Built = tuple[Request, ...] | Request | None
Build = Callable[[Said], Built]


def means_everything(words: str, said: Said) -> bool:
    """Return whether words mean everything that is on the picture."""
    return words in said.words["everything"] and words != "all of them"


def resolved(noun: Noun, said: Said) -> Target:
    return resolve(noun.target, said.context.scene)


def unknown_word(noun: Noun, said: Said) -> Request:
    """Return the reply to a thing that the checkpoint does not know, or to words that name no thing."""
    words = lexicon()
    other = ("background", "picture", "text", "mask", "chart", "chartpart", "table", "pose", "places")
    if (
        noun.unknown in words.function_words
        or is_clause(noun.unknown)
        or noun.unknown in words.data["parts"]["page"]
        or any(noun.unknown in words.words[name] for name in other)
    ):
        return req.NotUnderstood()
    return req.UnknownWord(noun.unknown, said.context.vocabulary.kinds)


def each(ids: Iterable[int]) -> tuple[Target, ...]:
    """Return a target for each region: what is lit up when the visitor is asked back."""
    return tuple(Target(region_ids=(i,)) for i in ids)
