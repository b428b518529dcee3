"""What a sentence of the grammar becomes: one function a name in `grammar.toml`'s `becomes`.

Each takes the match's slots and the context, and gives requests, or None where the sentence means something
else after all. What a change is made to must be understood whole; otherwise the visitor is asked back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from pipelines.language import requests as req
from pipelines.language.choosing import GENERIC, fitting, resolve
from pipelines.language.lexicon import lexicon, one_of
from pipelines.language.mending import is_word
from pipelines.language.nouns import plural
from pipelines.language.phrases import Context, Noun, is_relation, read_noun, read_nouns
from pipelines.language.references import numbered, recent, subjects, without_article
from pipelines.language.requests import Request, Target

MOST_PIXELS = 500  # pixels a mask can be told to grow or shrink by
ENLARGED, REDUCED = 1.5, 0.67  # times a thing's size where no number is given
SHARE, A_LITTLE, EXTENSION = 0.2, 0.1, 0.25  # of the picture's side: a move, a small one, what is added


@dataclass(frozen=True, slots=True)
class Said:
    """A request that fits a sentence: its slots, what the rule is given, the words, and what they refer to.

    `notes` gathers pairs of a word and what it was taken for.
    """

    slots: Mapping[str, str | None]
    given: str
    text: str
    context: Context
    notes: list[tuple[str, str]] = field(default_factory=list)

    def __getitem__(self, slot: str) -> str:
        return (self.slots.get(slot) or "").strip()

    def nouns(self, slot: str, default: str = "it") -> tuple[Noun, ...]:
        """The phrases of a slot."""
        found = read_nouns(self[slot] or default, self.context)
        for noun in found:
            self.notes.extend(noun.notes)
        return found

    def noun(self, slot: str, default: str = "it") -> Noun:
        """The only phrase of a slot."""
        noun = read_noun(self[slot] or default, self.context)
        self.notes.extend(noun.notes)
        return noun

    @property
    def words(self) -> Mapping[str, list[str]]:
        return lexicon().words


Built = tuple[Request, ...] | Request | None
Build = Callable[[Said], Built]


def _whole(words: str, said: Said) -> bool:
    """Whether words mean everything that is on the picture."""
    return words in said.words["everything"] and words != "all of them"


def _resolved(noun: Noun, said: Said) -> Target:
    return resolve(noun.target, said.context.scene)


def _unknown(noun: Noun, said: Said) -> Request:
    return req.UnknownWord(noun.unknown, said.context.vocabulary.kinds)


# --- constant requests -----------------------------------------------------------------------------------------


def undo(said: Said) -> Built:
    return req.Undo()


def redo(said: Said) -> Built:
    return req.Redo()


def nothing(said: Said) -> Built:
    """A prohibition: nothing is done."""
    return None if said.context.vocabulary.talks else req.NotUnderstood()


def cannot(said: Said) -> Built:
    return req.CannotDo(said.given)


def look(said: Said) -> Built:
    """Something about the whole picture; "this" is a region where one is selected."""
    ability = cast(req.LookAbility, said.given)
    pointed = said.context.scene.selected is not None or said.context.it
    if pointed and re.fullmatch(r" what is (?:this|that|it)|(?: describe| caption) (?:it|this)", said.text):
        return None
    return req.Look(ability)


def text(said: Said) -> Built:
    """All text; what is said of one region is a question."""
    if "[" in said.text or numbered(said.text):
        return None
    return req.Look("text")


def everything(said: Said) -> Built:
    return req.Everything()


# --- finding -----------------------------------------------------------------------------------------------------


def find(said: Said) -> Built:
    """Boxes: of one thing, of all of a kind, or of a part of a screen."""
    if _whole(said["phrase"], said):
        return req.Look("dense")
    return _each(said, "phrase", _found)


def named(said: Said) -> Built:
    """A bare noun phrase: "people on the car", "the red cup", "#3"."""
    words = said["phrase"]
    clause = words.split() if said.context.vocabulary.talks else words.split()[:1]
    if len(words.split()) > 10 or any(word in _NOT_A_THING for word in clause) or words in lexicon().commands:
        return None
    nouns = said.nouns("phrase")
    if not said.context.vocabulary.talks:
        strange = [
            noun for noun in nouns if noun.unknown and (len(words.split()) > 4 or not is_word(noun.unknown))
        ]
        if strange or any(noun.extra for noun in nouns):
            return None
        return _each(said, "phrase", _found)
    (noun, *more) = nouns
    if more or noun.target.region_ids or noun.target.every or is_relation(noun.target.phrase):
        return _each(said, "phrase", _found) if noun.target else None
    colour = rf"(?:{one_of(lexicon().data['looks']['shades'])} )?{one_of(lexicon().colour_names)}"
    one = re.match(rf"(?:the|a|an|{colour}) ", words)
    return _found(noun, said) if one and len(words.split()) <= 6 else None


_NOT_A_THING = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "am",
        "be",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "can",
        "could",
        "will",
        "would",
        "should",
        "shall",
        "may",
        "might",
        "must",
        "i",
        "you",
        "we",
        "what",
        "who",
        "where",
        "when",
        "why",
        "how",
        "which",
        "whose",
        "if",
        "because",
        "hello",
        "thanks",
        "thank",
        "tell",
        "say",
        "write",
        "sing",
        "joke",
        "story",
        "poem",
        "yes",
        "no",
        "not",
        "good",
        "nice",
        "great",
        "wow",
        "cool",
        "ok",
        "sorry",
        "bye",
        "answer",
        "question",
        "make",
        "me",
    ]
)


def _found(noun: Noun, said: Said) -> Request | None:
    """The request that finds a phrase."""
    target = resolve(noun.target, said.context.scene) if noun.target.pick or noun.target.near else noun.target
    if target.region_ids and not target.but:
        return req.Select(target.region_ids)
    if not target or noun.headless or target.box:
        return None
    if noun.target.pick == "other" and (fit := fitting(replace(target, pick=""), said.context.scene)):
        return req.AskBack(
            tuple(Target(region_ids=(i,)) for i in fit), "Which one is the other one? None is selected."
        )
    if noun.free or (said.context.vocabulary.talks and _is_screen(target.phrase)):
        return req.Find(target.phrase, "screen" if _is_screen(target.phrase) else "locate")
    if target.every:
        phrase = (
            " ".join([*target.phrase.split()[:-1], plural(target.phrase.split()[-1])])
            if target.kinds
            else plural(target.phrase)
        )
        return req.Find(phrase, "detect", None if target.plain else target)
    relation = "relation" if is_relation(target.phrase) else "locate"
    return req.Find(target.phrase or GENERIC, relation, None if target.plain else target)


def _is_screen(phrase: str) -> bool:
    screen = one_of(lexicon().data["parts"]["screen"])
    return bool(
        re.fullmatch(rf"(?:.+ )?{screen}s?(?: (?:to|for|that|labelled|called|named|with) .+)?", phrase)
    )


def screen(said: Said) -> Built:
    """A part of a screen."""
    phrase = without_article(said["phrase"]) or said.text.split()[-2] + " " + said.text.split()[-1]
    return req.Find(phrase, "screen")


def _each(said: Said, slot: str, build: Callable[[Noun, Said], Request | None]) -> Built:
    """A request for each phrase of a slot; an unknown word in the place of them all."""
    made: list[Request] = []
    for noun in said.nouns(slot):
        if noun.unknown:
            return _unknown(noun, said)
        if noun.extra and not _beside_the_point(noun, said):
            return None
        request = build(noun, said)
        if request is None:
            return None
        made.append(request)
    return tuple(made) or None


def _beside_the_point(noun: Noun, said: Said) -> bool:
    """Whether the words that were not understood may be left out, with a note: a few, of a known thing."""
    if not noun.target or noun.generic or len(noun.extra.split()) > 2:
        return False
    said.notes.extend((word, "") for word in noun.extra.split())
    return True


def outline(said: Said) -> Built:
    if _whole(said["target"], said):
        return req.Everything()
    return _each(said, "target", lambda noun, said: req.Outline(_resolved(noun, said)))


def cut_out(said: Said) -> Built:
    if _whole(said["target"], said):
        return req.Everything()
    return _change(said, "target", req.CutOut)


def pose(said: Said) -> Built:
    """Joints of one person, or of everybody."""
    words = said["target"]
    everyone = Target(phrase="person", every=True)
    if not words or words in said.words["people"] or words in ("his", "her", "their", "he", "she", "they"):
        return req.Pose(everyone)
    noun = said.noun("target")
    if noun.unknown:
        return _unknown(noun, said)
    if noun.extra or (not noun.target and words not in ("it", "them")):
        return None
    target = _resolved(noun, said)
    alone = target.phrase in ("person", "human", "figure") and target.plain
    return req.Pose(everyone if alone or not target else target)


# --- describing --------------------------------------------------------------------------------------------------


def describe(said: Said) -> Built:
    """What a region is; a phrase only where it was asked to be described."""
    if re.search(r" (?:written|doing)\b", said.text):
        return None
    noun = said.noun("target")
    target = _resolved(noun, said)
    if len(target.region_ids) > 1:
        return req.Marks(target.region_ids)
    if target.region_ids or target.box:
        return req.Describe(target)
    asked = re.match(r" (?:what|who) (?:is|are|was|kind|sort|object)\b", said.text)
    if said.context.vocabulary.talks or asked or noun.extra or not noun.target:
        return None
    return _unknown(noun, said) if noun.unknown else req.Describe(target)


def beside(said: Said) -> Built:
    """What stands next to something, or left of it."""
    relation = lexicon().relations[said["relation"]]
    if said.context.vocabulary.talks or relation in ("of", "in", "with", "wearing", "holding", "at"):
        return None
    noun = said.noun("target")
    if noun.unknown:
        return _unknown(noun, said)
    if not noun.understood:
        return None
    return req.Describe(Target(relation=relation, near=_resolved(noun, said)))


def which_one(said: Said) -> Built:
    """ "which one is the biggest?"."""
    if said.context.vocabulary.talks:
        return None
    noun = read_noun(f"{said['pick']} {said['kind'] or 'one'}", said.context)
    return _found(noun, said) if noun.understood else None


def compare(said: Said) -> Built:
    target = said.noun("target").target
    return req.Marks(target.region_ids, said.text.strip()) if len(target.region_ids) > 1 else None


def describe_marks(said: Said) -> Built:
    ids = said.noun("target").target.region_ids
    return req.Marks(ids) if len(ids) > 1 else None


# --- changes -------------------------------------------------------------------------------------------------------


def _change(said: Said, slot: str, build: Callable[[Target], Request]) -> Built:
    """A change of each phrase of a slot, if all are understood whole; else the question back."""
    made: list[Request] = []
    for noun in said.nouns(slot):
        problem = _open_question(noun, said)
        if problem:
            return problem
        made.append(build(_resolved(noun, said)))
    return tuple(made)


_CLAUSE = re.compile(r"\b(?:and|but|except|if|so that|because|until|unless|then|while|or)\b")


def _open_question(noun: Noun, said: Said) -> Request | None:
    """What must be asked before the thing is changed: None where it is understood whole."""
    if noun.unknown in said.words["picture"]:
        return req.AskBack((), "What of the picture? Name a thing, or click it.")
    if noun.unknown:
        return _unknown(noun, said)
    scene, target = said.context.scene, noun.target
    if noun.extra or noun.headless or (said.context.vocabulary.talks and _CLAUSE.search(target.phrase)):
        words = noun.extra or target.phrase
        return req.AskBack(
            (target,) if target.phrase and noun.extra else (), f"I do not understand “{words}”."
        )
    several = fitting(replace(target, pick=""), scene) if target.phrase else ()
    if target.phrase == GENERIC and not (target.pick or target.near or target.but):
        return req.AskBack(
            tuple(Target(region_ids=(i,)) for i in recent(scene)), "Which thing? Name it, or click it."
        )
    found = resolve(target, scene)
    others = target.pick == "other" and (
        not found.region_ids or len(found.region_ids) > 1 or scene.selected is None
    )
    if others or (
        target.phrase
        and not (target.every or target.pick or target.near or target.but)
        and len(several) > 1
        and not found.region_ids
    ):
        return req.AskBack(
            tuple(Target(region_ids=(i,)) for i in several), "Several are called so: which one?"
        )
    return None


def remove(said: Said) -> Built:
    if _whole(said["target"], said) or said["target"] in ("everyone", "everybody else", "everything else"):
        return req.AskBack((), "Everything? Say what should stay: “remove everything but the …”.")
    return _change(said, "target", lambda target: req.Edit("remove", target))


def keep(said: Said) -> Built:
    """Remove all the others."""
    noun = said.noun("target")
    if problem := _open_question(noun, said):
        return problem
    target = replace(noun.target, but=True, every=False)
    return req.Edit("remove", resolve(target, said.context.scene)) if noun.target else None


def replace_thing(said: Said) -> Built:
    wish = without_article(said["wish"])
    if not wish:
        return None
    if colour := _colour(wish):
        return _change(said, "target", lambda target: req.Edit("recolour", target, colour))
    return _change(said, "target", lambda target: req.Edit("replace", target, wish))


def _colour(words: str) -> str:
    """The words where they are a colour and no more, else nothing."""
    words = re.sub(r" colour(?:ed)?$", "", words)
    *shade, colour = words.replace("-", " ").split() or [""]
    shades = lexicon().data["looks"]["shades"]
    return (
        words
        if words in lexicon().colour_names
        or (len(shade) == 1 and shade[0] in shades and colour in lexicon().colour_names)
        else ""
    )


def recolour(said: Said) -> Built:
    colour = re.sub(r" colou?r(?:ed)?$", "", without_article(said["colour"]))
    if said["old"]:
        said = replace(
            said, slots={**said.slots, "target": f"{said['old']} {without_article(said['target'])}"}
        )
    if re.search(rf"^{one_of(said.words['background'])}$", without_article(said["target"])):
        return req.Background("colour", colour)
    return _change(said, "target", lambda target: req.Edit("recolour", target, colour))


def vague_edit(said: Said) -> Built:
    """A change without a wish."""
    if said.context.vocabulary.talks:
        return None
    noun = said.noun("target")
    if noun.unknown and noun.unknown not in said.words["picture"]:
        return _unknown(noun, said)
    known = noun.target.phrase or noun.target.region_ids
    return req.AskBack(
        (_resolved(noun, said),) if known else (), "How should it change? Name a colour, or another thing."
    )


def background_effect(said: Said) -> Built:
    return req.Background(cast(req.Effect, said.given))


def background_wish(said: Said) -> Built:
    wish = without_article(said["wish"] or said["colour"])
    wish = re.sub(r"^(?:plain|solid|uniform|pure) (?=\S)", "", wish)
    if (
        not wish
        or any(word in _NOT_A_THING for word in wish.split())
        or re.match(r"(?:the|in|find|show|segment|describe)\b", wish)
    ):
        return None
    if colour := _colour(wish):
        return req.Background("colour", colour)
    return req.Edit("background", Target(), wish)


def _direction(words: str) -> req.Direction:
    """ "to the left side" -> "left"; the picture's every side where none is named."""
    sides = {
        "left": "left",
        "right": "right",
        "top": "up",
        "up": "up",
        "above": "up",
        "bottom": "down",
        "down": "down",
        "below": "down",
    }
    return next(
        (cast(req.Direction, side) for word, side in sides.items() if re.search(rf"\b{word}", words)), "all"
    )


def _share(said: Said, default: float) -> float:
    return min(int(re.sub(r"\D", "", said["percent"])) / 100, 1.0) if said["percent"] else default


def extend(said: Said) -> Built:
    return req.Extend(_direction(said["direction"]), _share(said, EXTENSION))


def move(said: Said) -> Built:
    direction = _direction(said["direction"])
    little = re.search(rf" {one_of(said.words['bit'])}\b", said.text)
    share = _share(said, A_LITTLE if little else SHARE)
    return (
        None
        if direction == "all"
        else _change(said, "target", lambda target: req.Move(target, direction, share))
    )


def resize(said: Said) -> Built:
    """A thing made larger or smaller; a mask where its target is one."""
    words = said.text
    smaller = bool(
        re.search(r"\b(?:small|smaller|tiny|tinier|shrink|halve|half|decrease|reduce|down|downsize)\b", words)
    )
    times = {
        "twice": 2.0,
        "double": 2.0,
        "two": 2.0,
        "three": 3.0,
        "triple": 3.0,
        "four": 4.0,
        "half": 2.0,
        "halve": 2.0,
    }
    factor = float(said["times"]) if re.fullmatch(r"[\d.]+", said["times"]) else 0.0
    factor = factor or next((value for word, value in times.items() if re.search(rf"\b{word}\b", words)), 0.0)
    digits = re.search(r"\b(\d{1,2}) times\b", words)
    factor = float(digits[1]) if digits and not factor else factor
    if not factor or factor > 10:
        factor = REDUCED if smaller else ENLARGED
    elif smaller:
        factor = round(1 / factor, 2)
    return _change(said, "target", lambda target: req.Resize(target, factor))


# --- masks ---------------------------------------------------------------------------------------------------------


def _reshape(action: req.MaskAction) -> Build:
    def build(said: Said) -> Built:
        mask = one_of(said.words["mask"])
        words = re.sub(
            rf"^(?:the |its |a )?{mask}(?: (?:of|around))?(?: |$)", "", said["numbered"] or said["target"]
        )
        target = resolve(read_noun(words or "it", said.context).target, said.context.scene)
        if said["numbered"] and not target.region_ids:
            return None
        masks = re.search(rf"\b{mask}\b", said.text)
        if target.phrase and not masks and not said["pixels"]:
            return None  # a thing: see `resize`
        if target.phrase or target.box or target.near:
            return None
        return req.Reshape(action, target.region_ids, min(int(said["pixels"] or req.STEP), MOST_PIXELS))

    return build


def join(said: Said) -> Built:
    ids = _resolved(said.noun("target", "them"), said).region_ids
    if said["other"]:
        if re.match(r"one\b", said["other"]):
            return None
        ids += _resolved(said.noun("other"), said).region_ids
    ids = tuple(dict.fromkeys(ids))
    return req.Reshape("join", ids) if ids and (len(ids) > 1 or not said["other"]) else None


def subtract(said: Said) -> Built:
    less, whole = (_resolved(said.noun(slot), said).region_ids for slot in ("less", "target"))
    return req.Reshape("subtract", (whole[0], *less)) if less and whole else None


def select(said: Said) -> Built:
    target = _resolved(said.noun("target"), said)
    return req.Select(target.region_ids) if target.region_ids else None


def forget(said: Said) -> Built:
    words = said["target"]
    things = r"(?:regions?|boxes|masks?|marks?|drawings?|overlays?|outlines?|selections?|page|screen)"
    if not words or re.fullmatch(rf"(?:all|everything|it all|(?:all |the |of |every )*{things})", words):
        return req.Forget(())
    target = _resolved(said.noun("target"), said)
    return req.Forget(target.region_ids) if target.region_ids else None


# --- open questions --------------------------------------------------------------------------------------------------


def ask_open(words: str, context: Context) -> req.Ask:
    """A question as it was typed, for a checkpoint that takes any."""
    return req.Ask(words.strip(), subjects(words, context.scene))


BUILDERS: dict[str, Build] = {
    build.__name__: build
    for build in (
        undo, redo, nothing, cannot, look, text, everything, find, named, screen, outline, cut_out, pose,
        describe, beside, which_one, compare, describe_marks, remove, keep, recolour, vague_edit, background_effect,
        background_wish, extend, move, resize, join, subtract, select, forget,
    )
} | {"replace": replace_thing, "grow": _reshape("grow"), "shrink": _reshape("shrink")}  # fmt: skip
