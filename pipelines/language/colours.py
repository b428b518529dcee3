"""The colours that wishes name, with a typical RGB of each, from the lexicon."""

from __future__ import annotations

import re

from pipelines.language.lexicon import lexicon

COLOURS = lexicon().colours


def colours_in(words: str) -> tuple[str, ...]:
    """Return the colour words of a phrase, in its order."""
    return tuple(word for word in re.findall(r"[a-z]+", words.lower()) if word in COLOURS)
