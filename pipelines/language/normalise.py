"""Put a message into plain form: lower case, British spelling, no contractions, no politeness, and in which
language it is. Knows single words, no grammar.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from pipelines.language.lexicon import lexicon, one_of

OTHER_SCRIPT = 0.3  # share of letters that are not Latin from which a message is not English
_QUOTES = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "…": ".", "–": "-", "—": "-", "？": "?", "！": "!"}
)
_LIST = re.compile(r"\[[\d\s.,]*\]")
_END = re.compile(r"(?<!\bno)(?:[.!?;]+(?=\s|$)|\n+)")  # of a sentence; "no. 3" is none
_EDGE = " \t\n.,;:!?\"'()-"


def plain(words: str) -> str:
    """Return a message in plain form; sentences are parted by " ; "."""
    said = unicodedata.normalize("NFKC", words.translate(_QUOTES)).lower()
    said = _LIST.sub(lambda match: re.sub(r"\s", "", match[0]), said)
    said = _END.sub(" ; ", said)
    said = re.sub(r"[^\w\s#@\[\].,;:'\"%&+*/=()-]", " ", said)
    said = re.sub(r":(?=\s|$)", " : ", said)
    said = re.sub(r"(?<=\d)(?=(?:px|pixels?|%)\b)", " ", said)
    contractions, spellings = _replacements()
    said = contractions[0].sub(lambda match: contractions[1][match[0]], said)
    said = spellings[0].sub(lambda match: spellings[1][match[0]], " ".join(said.split()))
    said = re.sub(r"\s*,\s*(?![\d.])", ", ", said)
    return re.sub(r"(?: ?; ?)+", " ; ", " ".join(said.split())).strip(_EDGE)


@lru_cache(maxsize=1)
def _replacements() -> tuple[tuple[re.Pattern[str], dict[str, str]], tuple[re.Pattern[str], dict[str, str]]]:
    """Contractions and spellings: what to look for, and what stands for it."""
    tables = (lexicon().data["contractions"], lexicon().data["spellings"])
    first, second = ((re.compile(rf"(?<![\w'-]){one_of(table)}(?![\w'-])"), table) for table in tables)
    return first, second


def without_politeness(said: str) -> str:
    """Return a request in plain form without "could you please" and "thanks"."""
    before, after = _politeness()
    while True:
        shorter = after.sub("", before.sub("", said, count=1)).strip(_EDGE)
        if shorter == said or not shorter:
            return said
        said = shorter


@lru_cache(maxsize=1)
def _politeness() -> tuple[re.Pattern[str], re.Pattern[str]]:
    polite = lexicon().data["polite"]
    asking = [words for words in polite["before"] if words.endswith((" you", " i", " we"))]
    plainly = [words for words in polite["before"] if words not in asking]
    before = rf"^(?:{one_of(plainly)}\b,? +|{one_of(asking)} +(?!{one_of(polite['not_before'])}\b))(?=\S)"
    before += rf"|^(?:first|next|finally|lastly),? +(?={one_of(lexicon().commands)}\b)"
    return re.compile(before), re.compile(rf",? +{one_of(polite['after'])}$")


def language(words: str) -> str:
    """Return the ISO 639 code of the message's language, as far as it can be told; "?" for another script."""
    letters = [letter for letter in words[:2000] if letter.isalpha()]
    if not letters:
        return "en"
    if sum(ord(letter) > 0x24F for letter in letters) > OTHER_SCRIPT * len(letters):
        return "?"
    tokens = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*(?:-[^\W\d_]+)*", words[:2000].lower().translate(_QUOTES))
    lists = lexicon().data["languages"]
    counts = {code: sum(token in stop for token in tokens) for code, stop in lists.items()}
    best = max(counts, key=lambda code: counts[code])
    known = lexicon().function_words | lexicon().vocabulary
    english = sum(token in known for token in tokens)
    return best if counts[best] > english and counts[best] >= min(2, len(tokens)) else "en"
