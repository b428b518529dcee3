"""Questions for a checkpoint that was trained on a few families of them: put into the wording that it learnt.

A question whose family the checkpoint does not have is not understood, so that it is never asked to guess.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from pipelines.language import requests as req
from pipelines.language.building import ask_open
from pipelines.language.choosing import GENERIC, resolve
from pipelines.language.grammar import Rule
from pipelines.language.lexicon import lexicon
from pipelines.language.nouns import plural, with_article
from pipelines.language.phrases import Noun
from pipelines.language.requests import Target
from pipelines.language.said import Built, Said, unknown_word
from pipelines.sentences import sentence

_PLACE = re.compile(r"\{(?P<form>the |a |word |)(?P<slot>[a-z])(?P<many>s?)\}")
CHECKED: dict[str, Literal["is there", "count"]] = {
    "is-there": "is there",
    "count": "count",
}  # families that finding things answers, too


def question(said: Said, rule: Rule) -> Built:
    """The question in its trained wording; None where these words are no question of the family."""
    if rule.given not in said.context.vocabulary.families:
        return None
    nouns: dict[str, tuple[Noun, ...]] = {
        slot: said.nouns(slot) for slot in ("x", "z") if slot in said.slots and said[slot]
    }
    if unknown := next((noun for found in nouns.values() for noun in found if noun.unknown), None):
        return _unknown_word(unknown, said)
    if any(noun.extra or noun.headless or noun.free for found in nouns.values() for noun in found):
        return None
    if rule.given == "is-there" and (counted := [noun.target for noun in nouns["x"] if noun.target.count]):
        return req.Check("count", tuple(counted))
    if rule.given in CHECKED and (targets := _several(nouns.get("x", ()))):
        every = rule.given == "count"
        return req.Check(CHECKED[rule.given], tuple(replace(target, every=every) for target in targets))
    if any(len(found) != 1 or found[0].target.kinds for found in nouns.values()):
        return None
    if (said["y"] and not said.noun("y").understood) or (rule.given == "count" and "z" in nouns):
        return None
    targets = {slot: _target(found[0], rule.given, said) for slot, found in nouns.items()}
    if any(not target for target in targets.values()):
        return req.AskBack((), sentence("which_thing"))
    if not _suits(rule, nouns, targets, said):
        return None
    if list(targets) == ["x"] and len(ids := targets["x"].region_ids) > 1:  # one question a region
        return tuple(_asked(rule, {"x": Target(region_ids=(i,))}, said) for i in ids)
    return _asked(rule, targets, said)


def _asked(rule: Rule, targets: dict[str, Target], said: Said) -> req.Ask:
    """Return the trained wording with its places filled."""
    written = _PLACE.sub(lambda place: _written(place, targets, said), rule.asked)
    ids = tuple(dict.fromkeys(i for target in targets.values() for i in target.region_ids))
    return req.Ask(written, ids, rule.given)


def _unknown_word(noun: Noun, said: Said) -> req.Request | None:
    """The thing is not known; but words of a question that name no thing are no unknown thing."""
    if noun.extra or not re.fullmatch(r"[a-z][a-z' -]*", noun.unknown):
        return None
    request = unknown_word(noun, said)
    return request if isinstance(request, req.UnknownWord) else None


def _several(nouns: tuple[Noun, ...]) -> tuple[Target, ...]:
    """Return the targets of a question about several kinds, or a word that stands for several."""
    if len(nouns) < 2 and not (nouns and nouns[0].target.kinds):
        return ()
    return tuple(noun.target for noun in nouns)


def _target(noun: Noun, family: str, said: Said) -> Target:
    """Return what the question is about.

    Whether and how many there are is asked about the phrase, everything else about a region. Clothes whose
    person was not named are any person's.
    """
    if family == "clothes" and not noun.target:
        return Target(phrase="person")
    return noun.target if family in CHECKED else resolve(noun.target, said.context.scene)


def _suits(rule: Rule, nouns: dict[str, tuple[Noun, ...]], targets: dict[str, Target], said: Said) -> bool:
    """Return whether the family was trained on things like these."""
    if rule.given == "kind":
        (noun,) = nouns["x"]
        return noun.generic and bool(noun.looks)
    if rule.given == "is-it" and nouns["x"][0].plural:
        return False
    if rule.given == "clothes":
        named = targets["x"].phrase.split(" in ")[0]
        return bool(nouns["x"][0].target.region_ids) or named.endswith("person")
    if "relation" in said.slots:
        relation = lexicon().relations[said["relation"]]
        return relation in said.context.vocabulary.relations and relation != "on"  # see "on-what"
    bare = [noun for found in nouns.values() for noun in found if noun.generic and not noun.looks]
    return not any(noun.target.near for found in nouns.values() for noun in found) and (
        not bare or rule.given in ("count", "size")
    )


def _written(place: re.Match[str], targets: dict[str, Target], said: Said) -> str:
    """Return a place of the wording, filled."""
    slot = place["slot"]
    if place["form"] == "word ":
        return said["n"].upper() if said.context.vocabulary.capitals else said["n"]
    if slot == "r":
        return _sides(said)
    if slot == "y":
        return _value(said)
    target = targets[slot]
    if target.region_ids:
        return " and ".join(f"#{number}" for number in target.region_ids)
    words = f"{target.pick} {target.phrase}".strip()
    if place["many"]:
        return _many(words)
    if place["form"] == "a ":
        return with_article(words)
    return f"the {words}"


def _many(words: str) -> str:
    return plural(words)


def _sides(said: Said) -> str:
    """ "left of", or the two sides that are asked between."""
    if "relation" in said.slots:
        return lexicon().relations[said["relation"]]
    return "above or below" if re.search(r"\b(?:above|below|over|under)\b", said.text) else "left or right of"


def _value(said: Said) -> str:
    """Return the colour, size, action or kind that is asked about."""
    if look := said["look"]:
        return lexicon().looks[look][1] if look in lexicon().looks else look
    noun = said.noun("y")
    phrase = noun.target.phrase if noun.understood else said["y"]
    return with_article(phrase)


def check(said: Said, rule: Rule) -> Built:
    """A question that finding things answers: "which things are not purple?"."""
    if "look" in said.slots:
        thing = "person" if said.text.startswith(" who ") else "thing"
        words = f"{said['look']} {said['x'] or thing}"
        said = Said({**said.slots, "x": words}, said.given, said.text, said.context, said.notes)
    noun = said.noun("x", "")
    if noun.unknown:
        return _unknown_word(noun, said)
    if not noun.understood or noun.free or (noun.target.phrase == GENERIC and not rule.but):
        return None
    kinds = noun.target.kinds
    if not kinds and re.match(r" (?:what|which) (?:kind|type|sort)", said.text):
        return None
    target = Target(noun.target.phrase, kinds=kinds, every=not rule.but, but=rule.but)
    return req.Check("which", (target,))


__all__ = ["ask_open", "check", "question"]
