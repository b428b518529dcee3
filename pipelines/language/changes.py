"""Changes of the picture, the background and the masks: what their sentences become.

What a change is made to must be understood whole; otherwise the visitor is asked back and nothing is
changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, cast

from pipelines.language import requests as req
from pipelines.language.choosing import GENERIC, fitting, resolve
from pipelines.language.lexicon import expression, is_clause, is_colour
from pipelines.language.phrases import Noun, read_noun
from pipelines.language.references import recent, without_article
from pipelines.language.requests import Request, Target
from pipelines.language.said import Build, Built, Said, each, means_everything, resolved, unknown_word
from pipelines.sentences import sentence

MOST_PIXELS = 500  # pixels a mask can be told to grow or shrink by
ENLARGED, REDUCED = 1.5, 0.67  # times a thing's size where no number is given
MOST_TIMES = 10.0
SHARE, A_LITTLE, EXTENSION = 0.2, 0.1, 0.25  # of the picture's side: a move, a small one, what is added


def change(said: Said, slot: str, build: Callable[[Target], Request]) -> Built:
    """A change of each phrase of a slot, if all are understood whole; else the question back."""
    made: list[Request] = []
    for noun in said.nouns(slot):
        problem = _open_question(noun, said)
        if problem:
            return problem
        made.append(build(resolved(noun, said)))
    return tuple(made)


_CLAUSE = re.compile(r"\b(?:and|but|except|if|so that|because|until|unless|then|while|or)\b")


def _open_question(noun: Noun, said: Said) -> Request | None:
    """Return what must be asked before the thing is changed: None where it is understood whole."""
    if noun.unknown in said.words["picture"]:
        return req.AskBack((), sentence("which_of_picture"))
    if noun.unknown:
        return unknown_word(noun, said)
    scene, target = said.context.scene, noun.target
    if noun.extra or noun.headless or (said.context.vocabulary.talks and _CLAUSE.search(target.phrase)):
        why = sentence("not_these_words", words=noun.extra or target.phrase)
        return req.AskBack((target,) if target.phrase and noun.extra else (), why)
    if target.phrase == GENERIC and not (target.pick or target.near or target.but):
        return req.AskBack(each(recent(scene)), sentence("which_thing"))
    if _fits_several(target, said):
        fit = fitting(replace(target, pick=""), scene)
        return req.AskBack(each(fit), sentence("which_called_so"))
    return None


def _fits_several(target: Target, said: Said) -> bool:
    """Return whether a phrase for one thing, or "the other one", fits several regions of the page."""
    scene = said.context.scene
    if not target.phrase or target.every or target.near or target.but:
        return False
    several = fitting(replace(target, pick=""), scene)
    if target.pick == "other":
        return scene.selected is None or len([i for i in several if i != scene.selected]) > 1
    return not target.pick and len(several) > 1 and not resolve(target, scene).region_ids


def remove(said: Said) -> Built:
    words = said["target"]
    if means_everything(words, said) or words in ("everyone", "everybody else", "everything else"):
        return req.AskBack((), sentence("remove_all"))
    return change(said, "target", lambda target: req.Edit("remove", target))


def keep(said: Said) -> Built:
    """Remove all the others."""
    noun = said.noun("target")
    if problem := _open_question(noun, said):
        return problem
    target = replace(noun.target, but=True, every=False)
    return req.Edit("remove", resolve(target, said.context.scene)) if noun.target else None


def replace_thing(said: Said) -> Built:
    wish = without_article(said["wish"])
    colour = re.sub(_COLOURED, "", wish)
    if not wish:
        return None
    if is_colour(colour):
        return change(said, "target", lambda target: req.Edit("recolour", target, colour))
    return change(said, "target", lambda target: req.Edit("replace", target, wish))


_COLOURED = r" colour(?:ed)?$"


def recolour(said: Said) -> Built:
    """Another colour; "from red to green" says which one is meant, too."""
    colour = re.sub(_COLOURED, "", without_article(said["colour"]))
    named = without_article(said["target"])
    if named in said.words["background"]:
        return req.Background("colour", colour)
    if said["old"]:
        said = replace(said, slots={**said.slots, "target": f"{said['old']} {named}"})
    return change(said, "target", lambda target: req.Edit("recolour", target, colour))


def underspecified_edit(said: Said) -> Built:
    """A change without a wish."""
    if said.context.vocabulary.talks:
        return None
    noun = said.noun("target")
    whole = (*said.words["picture"], *said.words["background"])
    if noun.unknown and noun.unknown not in whole:
        return unknown_word(noun, said)
    known = noun.target.phrase or noun.target.region_ids
    why = sentence("change_how")
    return req.AskBack((resolved(noun, said),) if known else (), why)


def background_effect(said: Said) -> Built:
    """The background changes; all things stay as they are, or only those that are named."""
    effect = cast(req.Effect, said.given)
    if not said["kept"] or means_everything(said["kept"], said):
        return req.Background(effect)
    noun = said.noun("kept")
    if problem := _open_question(noun, said):
        return problem
    return req.Background(effect, keep=resolved(noun, said))


def background_wish(said: Said) -> Built:
    wish = without_article(said["wish"] or said["colour"])
    wish = re.sub(_COLOURED, "", re.sub(r"^(?:plain|solid|uniform|pure) (?=\S)", "", wish))
    if not wish or is_clause(wish) or re.match(r"(?:the|in|find|show|segment|describe)\b", wish):
        return None
    return req.Background("colour", wish) if is_colour(wish) else req.Edit("background", Target(), wish)


def obscure(said: Said) -> Built:
    """A thing is blurred or pixelated where it is."""
    if means_everything(said["target"], said):
        return req.AskBack((), sentence("blur_all"))
    how = cast(Literal["blur", "pixelate"], said.given)
    return change(said, "target", lambda target: req.Obscure(target, how))


_SIDES: dict[str, req.Direction] = {
    "left": "left", "right": "right", "top": "up", "up": "up", "above": "up",
    "bottom": "down", "down": "down", "below": "down",
}  # fmt: skip


def _direction(words: str) -> req.Direction:
    """ "to the left side" -> "left"; the picture's every side where none is named."""
    for word, side in _SIDES.items():
        if re.search(rf"\b{word}", words):
            return side
    return "all"


def _share(said: Said, default: float) -> float:
    return min(int(re.sub(r"\D", "", said["percent"])) / 100, 1.0) if said["percent"] else default


def extend(said: Said) -> Built:
    return req.Extend(_direction(said["direction"]), _share(said, EXTENSION))


def move(said: Said) -> Built:
    direction = _direction(said["direction"])
    little = expression(r" {bit}\b").search(said.text)
    share = _share(said, A_LITTLE if little else SHARE)
    if direction == "all":
        return None
    return change(said, "target", lambda target: req.Move(target, direction, share))


_TIMES = {"twice": 2, "double": 2, "two": 2, "half": 2, "halve": 2, "three": 3, "triple": 3, "four": 4}
_SMALLER = re.compile(r"\b(?:smaller|small|tiny|tinier|shrink|halve|half|decrease|reduce|down|downsize)\b")


def resize(said: Said) -> Built:
    """A thing made larger or smaller, by the number that was said."""
    digits = re.search(r"\b(\d{1,2}(?:\.\d)?)(?= times\b| ?x\b|$)", said.text)
    word = next((times for word, times in _TIMES.items() if re.search(rf"\b{word}\b", said.text)), 0)
    times = float(digits[1]) if digits else float(word)
    smaller = _SMALLER.search(said.text)
    if not 0 < times <= MOST_TIMES:
        factor = REDUCED if smaller else ENLARGED
    else:
        factor = round(1 / times, 2) if smaller else times
    return change(said, "target", lambda target: req.Resize(target, factor))


# --- masks -----------------------------------------------------------------------------------------------


def _reshape(action: req.MaskAction) -> Build:
    def build(said: Said) -> Built:
        words = said["numbered"] or said["target"]
        words = expression(r"^(?:the |its |a )?{mask}(?: (?:of|around))?(?: |$)").sub("", words)
        target = resolve(read_noun(words or "it", said.context).target, said.context.scene)
        if said["numbered"] and not target.region_ids:
            return None
        masks = expression(r"\b{mask}\b").search(said.text)
        if target.phrase and not masks and not said["pixels"]:
            return None  # a thing: see `resize`
        if target.phrase or target.box or target.near:
            return None
        return req.Reshape(action, target.region_ids, min(int(said["pixels"] or req.STEP), MOST_PIXELS))

    return build


def join(said: Said) -> Built:
    ids = resolved(said.noun("target", "them"), said).region_ids
    if said["other"]:
        if re.match(r"one\b", said["other"]):
            return None
        ids += resolved(said.noun("other"), said).region_ids
    ids = tuple(dict.fromkeys(ids))
    return req.Reshape("join", ids) if ids and (len(ids) > 1 or not said["other"]) else None


def subtract(said: Said) -> Built:
    less, whole = (resolved(said.noun(slot), said).region_ids for slot in ("less", "target"))
    return req.Reshape("subtract", (whole[0], *less)) if less and whole else None


def select(said: Said) -> Built:
    """A region of the page; what is not there yet is found by `building.find`."""
    target = resolved(said.noun("target"), said)
    return req.Select(target.region_ids) if target.region_ids else None


def forget(said: Said) -> Built:
    words = said["target"]
    things = r"(?:regions?|boxes|masks?|marks?|drawings?|overlays?|outlines?|selections?|page|screen)"
    if not words or re.fullmatch(rf"(?:all|everything|it all|(?:all |the |of |every )*{things})", words):
        return req.Forget(())
    target = resolved(said.noun("target"), said)
    return req.Forget(target.region_ids) if target.region_ids else None


_BUILDERS: tuple[Build, ...] = (
    remove, keep, recolour, underspecified_edit, background_effect, background_wish, obscure, extend, move,
    resize, join, subtract, select, forget,
)  # fmt: skip
BUILDERS = {build.__name__: build for build in _BUILDERS} | {
    "replace": replace_thing,
    "grow": _reshape("grow"),
    "shrink": _reshape("shrink"),
}
