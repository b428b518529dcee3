"""What the page itself says, in the visitor's language: the words of `languages/`.

A visitor's language is the one that the page's switch has put into a cookie, else the first that the browser
asks for, where it is one of the page's; else English. Gradio's own `gr.I18n` is not used: it follows the
browser alone and cannot be switched, and it reaches neither the canvas nor what the server says. What SPHINX
answers, and what is said to it, stays English.

The program's own sentences come as keys with values, and are worded here. Other notices and the suggestions
come in English, by which their translation is found.

This module knows keys, words and cookies; it knows no widgets.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from gradio.context import LocalContext

from pipelines.errors import DemoError
from pipelines.sentences import Sentence, Spelled, english, sentence, spell

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)
COOKIE = "sphinx-language"  # also in `canvas/language.js`
SENTENCES = "said."  # how the keys begin of words that are found by their English, see `said`
SENTENCE_IN = "said_"  # how the places begin of such words that hold others, which are found likewise
PROGRAM = "sentence."  # how the keys begin of the program's sentences, of which `pipelines` has the English
NOTE = "note"  # the key of the program's sentence that is a note on what was mended

_PLACE = re.compile(r"\{(\w+)\}")


@cache
def table(language: str) -> Mapping[str, str]:
    """Return the words of a language by their keys; what it lacks is in English."""
    text = (files("app") / "languages" / f"{language}.toml").read_text("utf-8")
    own = {
        f"{part}.{key}": words for part, rows in tomllib.loads(text).items() for key, words in rows.items()
    }
    return own if language == ENGLISH else {**table(ENGLISH), **own}


def word(key: str, language: str = ENGLISH, /, **places: object) -> str:
    """Return words by their key, with their places filled.

    Raises:
        KeyError: there is no such key, or a place is not filled.
    """
    return _filled(table(language)[key], places)


def spelled(says: Iterable[Sentence], language: str) -> Spelled:
    """Return the program's sentences in a language; one that it lacks is in English."""
    return spell((_with_note(one, language) for one in says), _templates(language))


def _with_note(one: Sentence, language: str) -> Sentence:
    """Return a sentence; one that holds a note on what was mended, with that note in a language."""
    return sentence(NOTE, note=said(str(dict(one.values)["note"]), language)) if one.key == NOTE else one


def with_notes(reply: str, language: str) -> str:
    """Return SPHINX's reply with the program's notes below it, a line each, in a language."""
    lines = reply.split("\n")
    for at, line in enumerate(lines):
        if line.startswith("(") and line.endswith(")") and (told := said(line[1:-1], language)) != line[1:-1]:
            lines[at] = spelled((sentence(NOTE, note=told),), language)[0].strip()
    return "\n".join(lines)


@cache
def _templates(language: str) -> Mapping[str, str]:
    own = {
        key.removeprefix(PROGRAM): words for key, words in table(language).items() if key.startswith(PROGRAM)
    }
    return {**english(), **own}


def refusal(error: DemoError, language: str) -> str:
    """Return what an error says, in a language where that is known."""
    return spelled(error.says, language)[0] if error.says else said(str(error), language)


def said(words: str, language: str) -> str:
    """Return one of the program's English sentences in a language; itself where it has no translation."""
    return words if language == ENGLISH else _said(words, language)


@lru_cache(maxsize=4096)
def _said(words: str, language: str) -> str:
    for key, pattern in _patterns():
        if found := pattern.fullmatch(words):
            places = {
                place: said(held, language) if place.startswith(SENTENCE_IN) else held
                for place, held in found.groupdict().items()
            }
            return _filled(table(language)[key], places)
    return words


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """The English sentences as patterns with a group for each place; what leaves least open comes first."""
    rows = [(key, words) for key, words in table(ENGLISH).items() if key.startswith(SENTENCES)]
    rows.sort(key=lambda row: ("{" in row[1], -len(_PLACE.sub("", row[1]))))
    return [(key, _pattern(words)) for key, words in rows]


def _pattern(words: str) -> re.Pattern[str]:
    pieces = _PLACE.split(words)  # text, name, text, name, ...
    pattern = "".join(f"(?P<{p}>.*?)" if at % 2 else re.escape(p) for at, p in enumerate(pieces))
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


def _filled(words: str, places: Mapping[str, object]) -> str:
    return _PLACE.sub(lambda place: str(places[place[1]]), words)


def language_of(request: Any) -> str:
    """Return the language of who sends a request, Starlette's or Gradio's; English where there is none."""
    if request is None:
        return ENGLISH
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    first = str(request.headers.get("accept-language", "")).strip()[:2].lower()
    return first if first in LANGUAGES else ENGLISH


def spoken() -> str:
    """Return the language of the visitor whose call Gradio is carrying out; English beside any call."""
    return language_of(LocalContext.request.get(None))


def script() -> str:
    """Return the script that gives the page's scripts and templates their words, as `sphinx.word(key)`."""
    words = {
        language: {
            key: text for key, text in table(language).items() if not key.startswith((SENTENCES, PROGRAM))
        }
        for language in LANGUAGES
    }
    data = json.dumps(words, ensure_ascii=False).replace("</", "<\\/")
    return (files("app") / "canvas" / "language.js").read_text("utf-8").replace('"WORDS"', data)
