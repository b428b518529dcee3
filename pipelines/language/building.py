"""What a sentence of the grammar becomes: one function a name in `grammar.toml`'s `becomes`.

Each takes the slots of the match and gives requests, or None where the sentence means something else after
all. Changes of the picture are in `changes`, questions in `questions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, cast

from pipelines.language import changes
from pipelines.language import requests as req
from pipelines.language.choosing import GENERIC, fitting, resolve
from pipelines.language.lexicon import expression, is_clause, is_relation, is_screen, lexicon
from pipelines.language.mending import is_word
from pipelines.language.nouns import plural
from pipelines.language.phrases import Context, Noun, read_noun
from pipelines.language.references import numbered, subjects, without_article
from pipelines.language.requests import Request, Target
from pipelines.language.said import Build, Built, Said, each, means_everything, resolved, unknown_word
from pipelines.sentences import sentence


def undo(said: Said) -> Built:
    return req.Undo()


def redo(said: Said) -> Built:
    return req.Redo()


def nothing(said: Said) -> Built:
    """A prohibition: nothing is done."""
    return None if said.context.vocabulary.talks else req.NotUnderstood()


def cannot(said: Said) -> Built:
    return req.CannotDo(said.given)


def whole_picture(said: Said) -> Built:
    """Something about the whole picture; "this" is a region where one is selected."""
    ability = cast(req.WholePictureAbility, said.given)
    pointed = said.context.scene.selected is not None or said.context.it
    if pointed and re.fullmatch(r" what is (?:this|that|it)|(?: describe| caption) (?:it|this)", said.text):
        return None
    return req.WholePicture(ability)


def text(said: Said) -> Built:
    """All text; what is said of one region is a question."""
    if "[" in said.text or numbered(said.text):
        return None
    return req.WholePicture("text")


def everything(said: Said) -> Built:
    return req.Everything()


# --- finding ---------------------------------------------------------------------------------------------


def find(said: Said) -> Built:
    """Boxes: of one thing, of all of a kind, or of a part of a screen."""
    if means_everything(said["phrase"], said):
        return req.WholePicture("dense")
    return _each(said, "phrase", _found)


def named(said: Said) -> Built:
    """A bare noun phrase: "people on the car", "the red cup", "#3"."""
    words = said["phrase"]
    talks = said.context.vocabulary.talks
    if (
        len(words.split()) > 10
        or words in lexicon().commands
        or is_clause(words if talks else words.split()[0])
    ):
        return None
    nouns = said.nouns("phrase")
    if not talks:
        long = len(words.split()) > 4
        strange = any(noun.extra or (noun.unknown and (long or not is_word(noun.unknown))) for noun in nouns)
        return None if strange else _each(said, "phrase", _found)
    (noun, *more) = nouns
    if more or noun.target.region_ids or noun.target.every or is_relation(noun.target.phrase):
        return _each(said, "phrase", _found) if noun.target else None
    one = expression(r"(?:the|a|an|(?:{shades} )?{colours}) ").match(words)
    return _found(noun, said) if one and len(words.split()) <= 6 else None


def _found(noun: Noun, said: Said) -> Request | None:
    """Return the request that finds a phrase."""
    target = resolve(noun.target, said.context.scene) if noun.target.pick or noun.target.near else noun.target
    if target.region_ids and not target.but:
        return req.Select(target.region_ids)
    if not target or noun.headless or target.box:
        return None
    if noun.target.pick == "other" and (fit := fitting(replace(target, pick=""), said.context.scene)):
        return req.AskBack(each(fit), sentence("which_other"))
    if noun.free and target.every:
        return req.Find(f"{target.phrase} blocks", "detect")
    if noun.free or (said.context.vocabulary.talks and is_screen(target.phrase)):
        return req.Find(target.phrase, "screen" if is_screen(target.phrase) else "locate")
    if target.every:
        return req.Find(plural(target.phrase), "detect", None if target.plain else target)
    relation = "relation" if is_relation(target.phrase) else "locate"
    return req.Find(target.phrase or GENERIC, relation, None if target.plain else target)


def screen(said: Said) -> Built:
    """A part of a screen."""
    phrase = without_article(said["phrase"]) or said["entry"]
    noun = read_noun(phrase, said.context)
    if not said.context.vocabulary.talks and noun.understood and not noun.free:
        return _found(noun, said)  # "click on the fish"
    if not said.context.vocabulary.talks and not is_screen(phrase):
        phrase = f"{phrase} button"  # "click on update": small checkpoints were told what it is
    return req.Find(phrase, "screen")


def _each(said: Said, slot: str, build: Callable[[Noun, Said], Request | None]) -> Built:
    """A request for each phrase of a slot; an unknown word in the place of them all."""
    made: list[Request] = []
    for noun in said.nouns(slot):
        if noun.unknown:
            return unknown_word(noun, said)
        if noun.extra and not _beside_the_point(noun, said):
            return None
        request = build(noun, said)
        if request is None:
            return None
        made.append(request)
    return tuple(made) or None


def _beside_the_point(noun: Noun, said: Said) -> bool:
    """Return whether the few words about a known thing that were not understood may be left out."""
    choices = any(word in lexicon().picks for word in noun.extra.split())
    if not noun.target or noun.generic or choices or len(noun.extra.split()) > 2:
        return False
    said.notes.extend((word, "") for word in noun.extra.split())
    return True


def outline(said: Said) -> Built:
    if means_everything(said["target"], said):
        return req.Everything()
    return _each(said, "target", lambda noun, said: req.Outline(resolved(noun, said)))


def cut_out(said: Said) -> Built:
    if means_everything(said["target"], said):
        return req.Everything()
    return changes.change(said, "target", req.CutOut)


def pose(said: Said) -> Built:
    """Joints of one person, or of everybody."""
    words = said["target"]
    everyone = Target(phrase="person", every=True)
    if not words or words in said.words["people"] or words in ("his", "her", "their", "he", "she", "they"):
        return req.Pose(everyone)
    if words == "its":
        said, words = replace(said, slots={**said.slots, "target": "it"}), "it"
    noun = said.noun("target")
    if noun.unknown:
        return unknown_word(noun, said)
    if noun.extra or (not noun.target and words not in ("it", "them")):
        return None
    target = resolved(noun, said)
    alone = target.phrase in ("person", "human", "figure") and target.plain
    return req.Pose(everyone if alone or not target else target)


# --- describing ------------------------------------------------------------------------------------------


def describe(said: Said) -> Built:
    """What a region is; a phrase only where it was asked to be described."""
    if re.search(r" (?:written|doing)\b", said.text):
        return None
    noun = said.noun("target")
    target = resolved(noun, said)
    if len(target.region_ids) > 1:
        return req.Marks(target.region_ids)
    if target.region_ids or target.box:
        return req.Describe(target)
    asked = re.match(r" (?:what|who) (?:is|are|was|kind|sort|object)\b", said.text)
    if said.context.vocabulary.talks or noun.extra or not noun.target:
        return None
    if asked and not (target.pick or target.near):
        return None
    return unknown_word(noun, said) if noun.unknown else req.Describe(target)


def beside(said: Said) -> Built:
    """What stands next to something, or left of it."""
    relation = lexicon().relations[said["relation"]]
    if said.context.vocabulary.talks or relation in ("of", "in", "with", "wearing", "holding", "at"):
        return None
    noun = said.noun("target")
    if noun.unknown:
        return unknown_word(noun, said)
    if not noun.understood:
        return None
    return req.Describe(Target(relation=relation, near=resolved(noun, said)))


def which_one(said: Said) -> Built:
    """ "which one is the biggest?"."""
    if said.context.vocabulary.talks:
        return None
    noun = read_noun(f"{said['pick']} {said['kind'] or 'one'}", said.context)
    if re.match(" what is (?:on|at|in|to) ", said.text):
        return req.Describe(resolved(noun, said))
    return _found(noun, said) if noun.understood else None


def compare_sizes(said: Said) -> Built:
    """ "which is larger, the cat or the dog?": told from their boxes."""
    if said.context.vocabulary.talks:
        return None
    nouns = (said.noun("x"), said.noun("z"))
    if unknown := next((noun for noun in nouns if noun.unknown), None):
        return unknown_word(unknown, said)
    if not all(noun.understood and not noun.free and not noun.generic for noun in nouns):
        return None
    question: Literal["larger", "smaller"] = "larger" if said.given == "larger" else "smaller"
    return req.Check(question, tuple(resolved(noun, said) for noun in nouns))


def compare(said: Said) -> Built:
    target = said.noun("target").target
    return req.Marks(target.region_ids, said.text.strip()) if len(target.region_ids) > 1 else None


def describe_marks(said: Said) -> Built:
    ids = said.noun("target").target.region_ids
    return req.Marks(ids) if len(ids) > 1 else None


# --- open questions --------------------------------------------------------------------------------------


def ask_open(words: str, context: Context) -> req.Ask:
    """Return a question as it was typed, for a checkpoint that takes any."""
    return req.Ask(words.strip(), subjects(words, context.scene))


_BUILDERS: tuple[Build, ...] = (
    undo, redo, nothing, cannot, whole_picture, text, everything, find, named, screen, outline, cut_out, pose,
    describe, beside, which_one, compare, compare_sizes, describe_marks,
)  # fmt: skip
BUILDERS = {build.__name__: build for build in _BUILDERS} | changes.BUILDERS
