"""Small grammar of noun phrases: one and many, and the word that names the thing. Knows English only.

A visitor's word may be one or many already, and must then stay. `inflect` answers for a word of which that is
known: it makes "peoples" of people and "bu" of bus, so it could not stand in place of these rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_VES = ("leaf", "shelf", "wolf", "calf", "half", "scarf", "loaf", "elf", "thief", "knife", "wife", "life")
_MEN = ("", "snow", "fire", "police", "fisher", "sales", "business", "sports", "post", "camera", "milk")
_OES = ("potato", "tomato", "hero", "echo", "mango")
_SAME = (  # one is called as many are
    "fish", "sheep", "deer", "moose", "bison", "aircraft", "series", "species", "scissors", "trousers",
    "jeans", "pants", "shorts", "sunglasses", "binoculars",
)  # fmt: skip
_ONE_IN_S = ("gas", "lens", "canvas", "atlas")  # one of them ends in an s
MANY = {
    "person": "people", "child": "children", "grandchild": "grandchildren", "foot": "feet", "tooth": "teeth",
    "goose": "geese", "mouse": "mice", "ox": "oxen",
    **{one: f"{re.sub('fe?$', '', one)}ves" for one in _VES},
    **{f"{who}{man}": f"{who}{men}" for who in _MEN for man, men in (("man", "men"), ("woman", "women"))},
    **{one: f"{one}es" for one in (*_OES, *_ONE_IN_S)},
    **{one: one for one in _SAME},
}  # fmt: skip
ONE = {many: one for one, many in MANY.items()} | {"everyone": "person", "everybody": "person"}
PREPOSITIONS = (
    "on", "in", "with", "of", "under", "over", "at", "by", "near", "behind", "below", "above", "beside",
    "holding", "wearing", "left", "right", "between",
)  # fmt: skip
_LAST = re.compile(r"[A-Za-z][\w'-]*$")


def head(phrase: str) -> str:
    """Return what stands before the first preposition: "blue star on a stick" -> "blue star"."""
    return re.split(rf"\s(?:{'|'.join(PREPOSITIONS)})\s", f"{phrase.strip()} ", maxsplit=1)[0].strip()


def noun(phrase: str) -> str:
    """Return the word that names the thing: "small blue star on a stick" -> "star"."""
    words = re.findall(r"\w[\w'-]*", head(phrase))
    return words[-1] if words else ""


def plural(phrase: str) -> str:
    """Many of them: "red ball" -> "red balls"; what is many already stays."""
    return _with_last(phrase, _many)


def singular(phrase: str) -> str:
    """Return one of them: "red balls" -> "red ball"; what is one already stays."""
    return _with_last(phrase, _one)


def with_article(phrase: str) -> str:
    """Return the phrase of a thing not yet spoken of: "orange ball" -> "an orange ball"."""
    return f"{'an' if phrase[:1] in 'aeiou' else 'a'} {phrase}"


def _with_last(phrase: str, change: Callable[[str], str]) -> str:
    whole = head(phrase)
    match = _LAST.search(whole)
    if not match:
        return phrase
    return whole[: match.start()] + change(match[0]) + phrase.strip()[len(whole) :]


def _many(word: str) -> str:
    low = word.lower()
    if low in MANY:
        return MANY[low]
    if low in ONE or (low.endswith("s") and not low.endswith(("ss", "us"))):
        return word
    if low.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    if re.search(r"[^aeiou]y$", low):
        return word[:-1] + "ies"
    return word + "s"


def _one(word: str) -> str:
    low = word.lower()
    if low in ONE or low in MANY:
        return ONE.get(low, low)
    if low.endswith("ies") and len(low) > 4:
        return word[:-3] + "y"
    if re.search(r"(?:ss|x|ch|sh|[^aeo]us)es$", low):
        return word[:-2]
    if low.endswith("s") and not low.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
