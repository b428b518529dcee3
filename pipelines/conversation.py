"""What is said without any model: greetings, help, and what cannot be done, always with what can."""

from __future__ import annotations

from pipelines.abilities import ABILITIES
from pipelines.engine import About
from pipelines.language.requests import CannotDo, Help, NotUnderstood, SmallTalk, UnknownWord
from pipelines.sentences import Sentence, english, sentence
from pipelines.tasks.results import Talk

MOST_KNOWN = 14  # words that are named of those that a checkpoint knows


def say(request: Talk, about: About, *, pictured: bool) -> tuple[Sentence, ...]:
    """Return the answer to a request that needs no model. `pictured`: whether a picture is open."""
    instead = sentence("with_picture" if pictured else "without_picture")
    match request:
        case SmallTalk(kind=kind):
            return _known(f"talk_{kind.replace(' ', '_')}", "talk_okay"), *_invitation(
                kind, pictured=pictured
            )
        case Help(topic="self"):
            knows = about.understands.replace("**", "").replace("`", "")
            return (sentence("this_is", model=about.model, knows=knows),)
        case Help():
            return _abilities(about, pictured=pictured)
        case CannotDo("language"):
            return _languages(about), instead
        case CannotDo(reason=reason):
            return _known(f"cannot_{reason}", "cannot"), instead
        case NotUnderstood():
            return sentence("not_understood"), instead
        case UnknownWord(word=word, known=known):
            shown, more = ", ".join(known[:MOST_KNOWN]), len(known) - MOST_KNOWN
            if more > 0:
                return sentence("unknown_word_of_many", word=word, known=shown, more=more), instead
            return sentence("unknown_word", word=word, known=shown), instead


def _known(key: str, otherwise: str) -> Sentence:
    return sentence(key if key in english() else otherwise)


def _invitation(kind: str, *, pictured: bool) -> tuple[Sentence, ...]:
    """Return what a visitor may do next, where that is in place."""
    if kind not in ("hello", "how are you", "okay"):
        return ()
    return (sentence("ask_now" if pictured else "ask_first"),)


def _languages(about: About) -> Sentence:
    known = about.vocabulary.languages
    if known == ("en",):
        return sentence("knows_english", model=about.model)
    return sentence("knows_languages", model=about.model, languages=", ".join(known))


def _abilities(about: About, *, pictured: bool) -> tuple[Sentence, ...]:
    """Return what this checkpoint can do: abilities that a name completes, and ways that need no words."""
    named = [
        ability.chips[0].replace("...", "…")
        for ability in ABILITIES.values()
        if ability.chips and "..." in ability.chips[0] and ability.name not in about.untrained
    ]
    return (
        sentence("can_named", abilities="; ".join(named)),
        sentence("can_without"),
        sentence("press_one" if pictured else "picture_first"),
    )


def whole_picture_phrases(about: About) -> tuple[str, ...]:
    """Return what can be said of any picture that the checkpoint was trained on, without naming a thing."""
    return tuple(
        ability.example
        for ability in ABILITIES.values()
        if ability.chips and "..." not in ability.chips[0] and not _needs_other(ability.name, about)
    )


def _needs_other(name: str, about: About) -> bool:
    """Return whether an ability was not learnt, or needs a page, a person or regions."""
    return name in about.untrained or name in ("region", "marks", "pose", "text", "layout", "chart", "screen")
