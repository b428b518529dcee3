"""Mend typing errors with RapidFuzz against the lexicon. A word that exists is never touched."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from pipelines.language.grammar import grammar
from pipelines.language.lexicon import lexicon
from pipelines.language.nouns import plural

SHORTEST = 3  # letters of a word that is mended
RARE = 100  # occurrences in the word list; an English word below that may be an error for a thing's name
LONG = 6  # letters from which two errors are mended


@lru_cache(maxsize=1)
def _english() -> Mapping[str, int]:
    """160,000 English words and how often they occur. Loading takes a tenth of a second, so this waits for
    the first word that is none of the package's.
    """
    from spellchecker import SpellChecker

    return SpellChecker(language="en").word_frequency.dictionary


def is_word(word: str) -> bool:
    """Return whether a word is one of the package's or an English one that is not too rare to be an error."""
    ours = word in lexicon().vocabulary or word in lexicon().function_words or word in grammar().words
    return ours or _english().get(word, 0) >= RARE


def mend(said: str, also: Collection[str] = ()) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Put the closest known word in the place of each that is none.

    Args:
        said: a message in plain form.
        also: words that are right here, besides the lexicon's: those of the labels on the page.
    Returns: the message, and what was mended as (typed, read as).
    """
    mended: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        word = match[0]
        if word in mended:
            return mended[word]
        if len(word) < SHORTEST or word in also or is_word(word) or is_word(word.removesuffix("'s")):
            return word
        if closest := _closest(word, also):
            mended[word] = closest
        return mended.get(word, word)

    said = re.sub(r"(?<![\w#@'-])[a-z][a-z'-]*[a-z](?![\w'-])", replaced, said)
    return said, tuple(mended.items())


@lru_cache(maxsize=1)
def _candidates() -> tuple[str, ...]:
    """Return what a word may be mended to: words of the lexicon and the grammar, and plurals of things."""
    return tuple(sorted(lexicon().vocabulary | lexicon().function_words | grammar().words | _things()))


@lru_cache(maxsize=1)
def _things() -> frozenset[str]:
    kinds = [kind for kind in lexicon().kind_names if " " not in kind]
    return frozenset(kinds) | {plural(kind) for kind in kinds}


def _closest(word: str, also: Collection[str]) -> str | None:
    """Return the word that was meant, by errors, first letter, presence on this page, and frequency."""
    limit = 2 if len(word) >= LONG else 1
    rare = word in _english()
    known = (*also, *(_things() if rare else _candidates()))
    found = process.extract(word, known, scorer=OSA.distance, score_cutoff=1 if rare else limit, limit=40)
    close = [
        (distance, right[0] != word[0], right not in also, -_english().get(right, 0), right)
        for right, distance, _ in found
        if len(right) >= SHORTEST and (len(word) > SHORTEST or _slipped(word, right))
    ]
    return min(close)[-1] if close else None


def _slipped(word: str, right: str) -> bool:
    """Return whether a letter was left out or two changed places, which is all that a short word shows."""
    return sorted(word) == sorted(right) or len(right) > len(word)
