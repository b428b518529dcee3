"""What is said without any model: greetings, help, and what cannot be done, always with what can."""

from __future__ import annotations

from pipelines.abilities import ABILITIES
from pipelines.engine import About
from pipelines.language.requests import CannotDo, Help, NotUnderstood, SmallTalk, UnknownWord
from pipelines.tasks.results import Talk

MOST_KNOWN = 14  # words that are named of those that a checkpoint knows

SMALL_TALK = {
    "hello": "Hello!",
    "how are you": "All is well here, thank you.",
    "thanks": "You are welcome.",
    "praise": "Thank you.",
    "complaint": "That was not what you wanted, then. Say “undo” to take back what was changed.",
    "bye": "Goodbye.",
    "okay": "All right.",
}
CANNOT = {
    "stop": "Nothing is running now. The button beside the words stops an answer.",
    "download": "Nothing is saved from here: press “Export” for the picture, the masks and the session.",
    "upload": "I can't fetch a picture: drop one on the page, paste one, or choose an example.",
    "poem": "I can't write poems: I look at pictures.",
    "joke": "I can't tell jokes: I look at pictures.",
    "song": "I can't write songs: I look at pictures.",
    "story": "I can't write stories or letters: I look at pictures.",
    "translate": "I can't translate.",
    "weather": "I don't know the weather: I see this picture and nothing else.",
    "time": "I don't know the time: I see this picture and nothing else.",
    "code": "I can't write programs: I look at pictures.",
    "web": "I can't search the web: I see this picture and nothing else.",
    "knowledge": "I can't answer general questions: I see this picture and nothing else.",
    "video": "I can't make videos.",
    "style": "I can't paint the whole picture in another style; I can change one thing or the background.",
    "upscale": "I can't sharpen or enlarge a picture.",
    "light": "I can't change the light of a picture; I can change one thing's colour, or the background.",
    "rotate": "I can't turn or mirror a picture.",
    "crop": "I can't crop or scale a picture.",
    "generate": "I can't make a new picture; I can change this one.",
    "add": "I can't add a thing; I can put one in the place of another.",
    "zoom": "I can't zoom by words: turn the wheel over the picture, or pinch it.",
    "arrange": "I can't copy or arrange things; I can move one left, right, up or down.",
}  # fmt: skip


def say(request: Talk, about: About, *, pictured: bool) -> str:
    """Return the answer to a request that needs no model. `pictured`: whether a picture is open."""
    match request:
        case SmallTalk(kind=kind):
            return f"{SMALL_TALK.get(kind, 'All right.')} {_invitation(kind, pictured=pictured)}".strip()
        case Help(topic="self"):
            knows = about.understands.replace("**", "").replace("`", "")
            return f"I am {about.model}, on SPHINX, live. {knows}".strip()
        case Help():
            return _abilities(about, pictured=pictured)
        case CannotDo("language"):
            return _languages(about) + _instead(pictured=pictured)
        case CannotDo(reason=reason):
            return CANNOT.get(reason, "I can't do that.") + _instead(pictured=pictured)
        case NotUnderstood():
            return "I did not understand that." + _instead(pictured=pictured)
        case UnknownWord(word=word, known=known):
            return f"I don't know the word “{word}”. I know {_listed(known)}." + _instead(pictured=pictured)


def _invitation(kind: str, *, pictured: bool) -> str:
    """Return what a visitor may do next, where that is in place."""
    if kind not in ("hello", "how are you", "okay"):
        return ""
    if not pictured:
        return "Choose a picture to begin with, then ask about it or click a thing on it."
    return "Ask about this picture, name a thing to find or to change, or click one. For example:"


def _instead(*, pictured: bool) -> str:
    return " This works here:" if pictured else " Choose a picture, then ask about it."


def _languages(about: About) -> str:
    known = about.vocabulary.languages
    if known == ("en",):
        return f"{about.model} knows English only."
    return f"{about.model} knows these languages only: {', '.join(known)}."


def _abilities(about: About, *, pictured: bool) -> str:
    """Return what this checkpoint can do: abilities that a name completes, and ways that need no words."""
    named = [
        ability.chips[0].replace("...", "…")
        for ability in ABILITIES.values()
        if ability.chips and "..." in ability.chips[0] and ability.name not in about.untrained
    ]
    lines = ["Say, with the name of a thing: " + "; ".join(named) + "."]
    lines.append(
        "Without SPHINX: blur the background, make it grey, cut out a thing, move or enlarge it, extend the "
        "picture, undo, redo. Or click a thing to outline it."
    )
    lines.append("Press one of these:" if pictured else "Choose a picture first.")
    return "\n".join(lines)


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


def _listed(words: tuple[str, ...]) -> str:
    """ "ball, cup and 32 more"."""
    shown, more = words[:MOST_KNOWN], len(words) - MOST_KNOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
