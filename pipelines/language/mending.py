"""Mend typing errors with RapidFuzz against the lexicon. A word that exists is never touched."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from pipelines.language.lexicon import lexicon

SHORTEST = 3  # letters of a word that is mended
LONG = 6  # letters from which two errors are mended


@lru_cache(maxsize=1)
def _english() -> Collection[str]:
    """160,000 English words; loading them takes a tenth of a second, so this waits for the first strange word."""
    from spellchecker import SpellChecker

    return SpellChecker(language="en").word_frequency.dictionary


def is_word(word: str) -> bool:
    """Whether a word is one of the lexicon's or an English one."""
    return word in lexicon().vocabulary or word in lexicon().function_words or word in _english()


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
    words = lexicon().vocabulary | lexicon().function_words
    foreign = {word for words in lexicon().data["languages"].values() for word in words}
    kept = {word for word in words if word not in foreign or word in lexicon().function_words}
    plurals = {f"{kind}s" for kind in lexicon().kind_names if " " not in kind}
    return tuple(sorted(kept | plurals))


def _closest(word: str, also: Collection[str]) -> str | None:
    """The word that was meant: the fewest errors, then the same first and last letter, then one on the page."""
    limit = 2 if len(word) >= LONG else 1
    found = process.extract(word, (*also, *_candidates()), scorer=OSA.distance, score_cutoff=limit, limit=30)
    close = [(distance, right) for right, distance, _ in found if len(right) >= SHORTEST]

    def worse(one: tuple[float, str]) -> tuple[float, bool, bool, bool, bool, str]:
        distance, right = one
        letters = sorted(right) == sorted(word)
        return (
            distance,
            right[0] != word[0],
            not letters and right[-1] != word[-1],
            right not in also,
            not letters,
            right,
        )

    return min(close, key=worse)[1] if close else None
