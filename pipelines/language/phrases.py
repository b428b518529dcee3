"""Read a noun phrase: which thing it names, how it looks, how many are meant and which of them.

For a checkpoint that knows a list of kinds, the phrase is put into the words that it was trained on ("the kid
who is running" -> "running person"), and what it does not know is told apart from what it does. For any other
the visitor's words are kept. Knows no verbs and no requests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache

from pipelines.language.choosing import GENERIC, ORDINALS, resolve
from pipelines.language.lexicon import expression, is_colour, is_relation, is_screen, lexicon, one_of
from pipelines.language.nouns import plural, singular
from pipelines.language.references import PLURAL, SINGULAR, bare, box_in, numbered, recent, selected
from pipelines.language.requests import Target
from pipelines.language.vocabulary import Vocabulary
from pipelines.scene import Scene

MOST_WORDS = 16  # of a phrase; what is longer is a clause
_EVERY = re.compile(r"^(?:all(?: of)?(?: the)?|every(?: single)?|each(?: of the)?|any)\s+(?=\S)")
_DETERMINER = re.compile(
    r"^(?:the|a|an|some|my|that|this|these|those|its|of|your|single|only|exactly|same|whole|most|far|very|really|no)\s+(?=\S)"
)
_BUT = re.compile(
    r"(?:everything|all|all things|all objects|everyone|everybody|anything|things|objects)(?: else)?,? "
    r"(?:but|except for|except|besides|apart from|other than|without) (?P<rest>.+)"
)
_THE_ONE = re.compile(r"^(?:the |that )?one (?=(?:who|that|which|in|on|at|with|wearing|to|next|near|from)\b)")
_CALLED = re.compile(
    r"(?P<what>button|icon|field|checkbox|switch|slider|tab|link) "
    r"(?:called |named |labelled |that says |with )?"
    r"\"?(?P<name>(?!on |in |at |for |to |of |next )[\w-]+)\"?"
)
_IS = re.compile(r"\b(?:who|that|which) (?:is|are|has|have)? ?(?=\S)")


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun phrase as it was read. `unknown` is a thing that the checkpoint does not know, `extra` are words
    that were not understood, `notes` pairs of a word and what it was taken for."""

    target: Target
    unknown: str = ""
    extra: str = ""
    plural: bool = False
    headless: bool = False
    free: bool = False
    looks: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def understood(self) -> bool:
        return bool(self.target) and not self.unknown and not self.extra and not self.headless

    @property
    def generic(self) -> bool:
        """Whether it may be a thing of any kind."""
        return self.target.phrase.split()[-1:] == [GENERIC] and not self.target.kinds


@dataclass(frozen=True, slots=True)
class Context:
    """What phrases are read against. `it` is what the message named before."""

    scene: Scene
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    it: tuple[Target, ...] = ()


def read_noun(phrase: str, context: Context) -> Noun:
    """Return one noun phrase. What the page has already stays a phrase: see `choosing.resolve`."""
    phrase = re.sub(r"(?:'s|(?<=s)')$", "", bare(phrase))
    if box := box_in(phrase, context.scene):
        return Noun(Target(box=box))
    if numbers := numbered(phrase):
        return Noun(Target(region_ids=numbers), plural=len(numbers) > 1)
    if (pronoun := _pronoun(phrase, context)) is not None:
        return pronoun
    if match := _BUT.fullmatch(phrase):
        noun = read_noun(match["rest"], context)
        return replace(noun, target=replace(noun.target, but=True, every=False))
    if not phrase or len(phrase.split()) > MOST_WORDS:
        return Noun(Target(), extra=phrase)
    return _read_open(phrase, context) if context.vocabulary.talks else _read_closed(phrase, context)


def read_nouns(phrase: str, context: Context) -> tuple[Noun, ...]:
    """Return the phrases of "the fish, the book and the lamp"; one where it is not a list of phrases."""
    parts = re.split(r"\s*,\s*(?:and |or )?|\s+(?:and|or|&|plus|as well as)\s+", phrase)
    whole = read_noun(phrase, context) if not numbered(phrase) else None
    if whole is None or len(parts) < 2 or not all(parts) or (context.vocabulary.talks and not _listed(parts)):
        return (whole or read_noun(phrase, context),)
    if whole.understood and not context.vocabulary.talks:
        return (whole,)
    nouns: list[Noun] = []
    for part, following in zip(parts, [*parts[1:], ""]):
        noun = read_noun(part, context)
        if noun.headless and following:  # "the red and the blue ball"
            noun = read_noun(f"{part} {following.split()[-1]}", context)
        if noun.generic and nouns and part.split()[-1] in ("one", "ones"):  # "the red ball and the blue one"
            head = nouns[-1].target.phrase.split()[-1:]
            noun = read_noun(" ".join([*part.split()[:-1], *head]), context)
        nouns.append(noun)
    return tuple(nouns) if not any(noun.extra or noun.headless for noun in nouns) else (whole,)


def _listed(parts: list[str]) -> bool:
    """Return whether each part begins as a phrase of its own does."""
    return all(re.match(r"(?:the|a|an|all|my|every|both|#|@)\b", part) for part in parts)


def _pronoun(phrase: str, context: Context) -> Noun | None:
    """ "it", "them", "both": what the message named before, or else the page's."""
    one, many = re.fullmatch(SINGULAR, phrase), re.fullmatch(PLURAL, phrase)
    if not one and not many:
        return None
    if many and re.search(r"boxes|things|objects|people", phrase) and not context.scene.regions:
        return None
    if context.it and not re.search(r"click|select|region|here|there", phrase):
        target = context.it[0] if len(context.it) == 1 or one else Target()
        if target:
            return Noun(target, plural=target.every)
    ids = selected(context.scene) if one else recent(context.scene)
    someone = re.fullmatch(r"he|him|his|she|her", phrase)
    if not ids and someone and "person" in context.vocabulary.kinds:
        return Noun(Target("person"))
    return Noun(Target(region_ids=ids), plural=bool(many))


# --- any words -------------------------------------------------------------------------------------------


def _read_open(phrase: str, context: Context) -> Noun:
    """Read any words without article; only numbers and references to the page's regions are taken out."""
    every = bool(_EVERY.match(phrase))
    rest = _EVERY.sub("", phrase)
    count = 0
    if match := expression(r"(?:the )?(?P<number>\d{1,2}|{numbers}) (?:of the )?(?=\S)").match(rest):
        count, rest = _counted(match["number"]), rest[match.end() :]
    elif match := re.match(r"both(?: of)?(?: the)? (?=\S)", rest):
        count, rest = 2, rest[match.end() :]
    while (shorter := _DETERMINER.sub("", rest)) != rest:
        rest = shorter
    if chosen := _pick_on_page(rest, context):
        return chosen
    many = plural(rest) == rest and singular(rest) != rest
    every = every or (many and not is_relation(rest)) or count > 1
    return Noun(
        Target(phrase=rest if not every else singular(rest), every=every, count=count if count > 1 else 0),
        plural=many,
    )


def _pick_on_page(rest: str, context: Context) -> Noun | None:
    """ "second one", "last person", "biggest" of the regions on the page."""
    match = expression(r"(?P<pick>{picks})(?: (?P<noun>.+))?").fullmatch(rest)
    if not match or not context.scene.regions:
        return None
    if (
        not match["noun"]
        and lexicon().picks[match["pick"]] in ("left", "right", "top", "bottom")
        and match["pick"] == rest
        and "most" not in rest
    ):
        return None
    noun = match["noun"] or "one"
    name = GENERIC if noun in lexicon().generic or noun in ("of them", "box", "mark", "region") else noun
    target = Target(phrase=name, pick=lexicon().picks[match["pick"]])
    return Noun(target) if resolve(target, context.scene).region_ids else None


# --- a list of kinds -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reading:
    """What was read of a phrase so far."""

    looks: dict[str, str] = field(default_factory=dict)
    picks: list[str] = field(default_factory=list)
    count: int = 0
    every: bool = False
    plural: bool = False
    head: str = ""
    kinds: tuple[str, ...] = ()
    unknown: str = ""
    dressed: bool = False
    extra: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    relation: str = ""
    near: Noun | None = None


def _read_closed(phrase: str, context: Context) -> Noun:
    """In the words of the checkpoint."""
    if free := _part_of_page(phrase, context.vocabulary):
        return free
    phrase = _THE_ONE.sub("thing ", phrase)
    if partitive := _part_of_several(phrase, context):
        return partitive
    reading = _Reading()
    rest = _aside(_IS.sub("", phrase), reading, context)
    _read_words(_quantity(rest, reading).split(), reading, context.vocabulary)
    return _noun(reading, context.vocabulary)


def _part_of_several(phrase: str, context: Context) -> Noun | None:
    """ "the smallest of the balls"; which is meant by "one of the balls" is not understood."""
    match = expression(
        r"(?:the )?(?P<which>{picks}|{numbers}|some|any|none|half|most)(?: ones?)? of "
        r"(?:the|all|all the|these|those|my) (?P<rest>.+)"
    ).fullmatch(phrase)
    if not match:
        return None
    noun = read_noun(match["rest"], context)
    if pick := lexicon().picks.get(match["which"]):
        return replace(noun, target=replace(noun.target, pick=pick, every=False))
    return replace(noun, extra=f"{match['which']} of")


def _part_of_page(phrase: str, vocabulary: Vocabulary) -> Noun | None:
    """Return a part of a screen or page, or a written word: their names are free words."""
    rest = _DETERMINER.sub("", phrase)
    if match := re.fullmatch(r"(?:word|text|label) \"?(?P<word>[\w' -]+?)\"?", rest):
        word = match["word"].upper() if vocabulary.capitals else match["word"]
        return Noun(Target(phrase=f"word {word}"), free=True)
    if match := _CALLED.fullmatch(rest):  # "the button ADD"
        rest = f"{match['name']} {match['what']}"
    one = singular(of_several := _EVERY.sub("", rest))
    if one in lexicon().data["parts"]["page"]:
        every = one != of_several
        return Noun(Target(phrase=one, every=every), plural=every, free=True)
    if one != of_several and is_screen(one):  # no checkpoint here was asked for all buttons
        return Noun(Target(), extra=phrase)
    return Noun(Target(phrase=rest), free=True) if is_screen(rest) and len(rest.split()) <= 8 else None


def _aside(phrase: str, reading: _Reading, context: Context) -> str:
    """Take "in red", "on the left" and "next to the tree" off a phrase."""
    colour, ordinal, side, relation = _asides()
    if match := colour.fullmatch(phrase):
        reading.dressed = match["how"] in ("wearing", "dressed in", "wears")
        _add_colour(match["colour"], reading, context.vocabulary)
        return _aside(match["rest"], reading, context)
    if match := ordinal.fullmatch(phrase):
        reading.picks.append(f"{lexicon().picks[match['pick']]} from {match['side']}")
        return " ".join(filter(None, (match["before"], match["after"], match["tail"])))
    if match := side.fullmatch(phrase):
        reading.picks.append(lexicon().picks[match["pick"]])
        return _aside(match["rest"], reading, context)
    if match := re.fullmatch(r"(?P<near>\S.*?)(?:'s|(?<=s)') (?P<rest>\S.*)", phrase):
        near = read_noun(match["near"], context)
        if near.understood:
            reading.relation, reading.near = "of", near
            return match["rest"]
    if match := relation.fullmatch(phrase):
        near = read_noun(match["near"], context)
        if near.unknown in lexicon().words["places"] and match["relation"] in ("on", "in", "at", "by"):
            reading.notes.append((f"{match['relation']} {match['near']}", ""))
            return _aside(match["rest"], reading, context)
        if near.understood or near.unknown:
            reading.relation, reading.near = lexicon().relations[match["relation"]], near
            return match["rest"]
    return phrase


@cache
def _asides() -> tuple[re.Pattern[str], ...]:
    """Compile what may follow a thing: a worn colour, an order from one side, a side, another thing."""
    words = lexicon()
    sides = one_of(
        word for word, pick in words.picks.items() if re.search("left|right|top|bottom|middle", pick)
    )
    ordinals = one_of(word for word, pick in words.picks.items() if pick in (*ORDINALS, "last"))
    parts = "side|corner|hand side|part|edge|half|end|one"
    return (
        expression(
            r"(?P<rest>\S.*?),? (?P<how>in|with|wearing|dressed in|wears)(?: a| an| the)? "
            r"(?P<colour>(?:{shades}[ -])?{colours})(?: colour)?(?: {clothes})?"
        ),
        re.compile(
            rf"(?:(?P<before>\S.*?) )?(?P<pick>{ordinals})(?: (?P<after>\S.*?))? (?:from|to) (?:the )?"
            r"(?P<side>left|right|top|bottom)(?: (?P<tail>\S.*))?"
        ),
        re.compile(
            r"(?P<rest>\S.*?),? (?:on|at|to|in|from|of)(?: the)?(?: far| very| most)? "
            rf"(?P<pick>{sides})(?: (?:{parts}))?"
        ),
        expression(r"(?P<rest>\S.*?),? (?P<relation>{relations}) (?P<near>\S.*)"),
    )


def _quantity(rest: str, reading: _Reading) -> str:
    """Take "all the", "both", "the two" off a phrase."""
    while True:
        if match := _EVERY.match(rest):
            reading.every = True
        elif match := re.match(r"both(?: of)?(?: the)? (?=\S)", rest):
            reading.every, reading.count = True, 2
        elif match := _DETERMINER.match(rest):
            pass
        elif match := expression(r"(?P<number>\d{1,2}|{numbers}) (?:of the )?(?=\S)").match(rest):
            number = _counted(match["number"])
            reading.count, reading.every = (number, True) if number > 1 else (reading.count, reading.every)
        else:
            return rest
        rest = rest[match.end() :]


def _counted(word: str) -> int:
    return int(word) if word.isdigit() else lexicon().data["numbers"][word]


def _read_words(words: list[str], reading: _Reading, vocabulary: Vocabulary) -> None:
    """Each word or pair of words: a look, a choice, the thing itself, or none of them."""
    at, unknown = 0, []
    while at < len(words):
        for length in (3, 2, 1):
            piece = " ".join(words[at : at + length])
            if at + length <= len(words) and _read_piece(
                piece, reading, vocabulary, last=at + length == len(words)
            ):
                at += length
                break
        else:
            unknown.append(words[at])
            at += 1
    if unknown and not reading.head:
        name = singular(unknown[-1])
        reading.plural = reading.plural or name != unknown[-1]
        reading.unknown, unknown = name, unknown[:-1]
    reading.extra += unknown


def _read_piece(piece: str, reading: _Reading, vocabulary: Vocabulary, *, last: bool) -> bool:
    """Return whether the words are ones that a noun phrase is made of."""
    words = lexicon()
    if piece in words.looks and (piece not in words.kind_names or not last):
        attribute, value = words.looks[piece]
        if attribute in reading.looks or value not in vocabulary.values(attribute):
            return False
        reading.looks[attribute] = value
        return True
    if is_colour(piece) and not (last and not reading.head and _read_head(piece, reading, vocabulary)):
        _add_colour(piece, reading, vocabulary)
        return True
    if piece in words.picks:
        reading.picks.append(words.picks[piece])
        return True
    return not reading.head and _read_head(piece, reading, vocabulary)


def _add_colour(piece: str, reading: _Reading, vocabulary: Vocabulary) -> None:
    """A colour, in the checkpoint's words."""
    names = lexicon().colour_names
    near = names.get(piece) or names[piece.replace("-", " ").split()[-1]]
    colour = next((name for name in near if name in vocabulary.colours), None)
    if colour is None:
        reading.unknown = piece
    elif "colour" in reading.looks:
        reading.extra.append(piece)
    else:
        reading.looks["colour"] = colour
        if colour != piece:
            reading.notes.append((piece, colour))


def _read_head(piece: str, reading: _Reading, vocabulary: Vocabulary) -> bool:
    """The thing itself: a kind or a word for one, a more general word, or "thing"."""
    words, one = lexicon(), singular(piece)
    if piece in words.generic:
        reading.head, reading.plural = GENERIC, one != piece or piece in _CROWDS or reading.plural
        return True
    for name in (piece, one):
        known = name if name in vocabulary.kinds else None
        kind = known or next(
            (kind for kind in words.kind_names.get(name, ()) if kind in vocabulary.kinds), None
        )
        if kind:
            reading.head, reading.plural = kind, name != piece or piece in _CROWDS
            if kind != one:
                reading.notes.append((piece, plural(kind) if reading.plural else kind))
            return True
        if name in words.data["general"]:
            kinds = tuple(kind for kind in words.data["general"][name] if kind in vocabulary.kinds)
            reading.head, reading.kinds, reading.plural = name, kinds, name != piece
            reading.unknown = "" if kinds else name
            return True
    return False


_CROWDS = frozenset(["folk", "folks", "everyone", "everybody", "people", "everything"])


def _noun(reading: _Reading, vocabulary: Vocabulary) -> Noun:
    """Return what was read, as a target in the checkpoint's own order of words."""
    head, looks = reading.head, reading.looks
    notes = tuple(reading.notes)
    if len(set(reading.picks)) > 1:
        reading.extra += reading.picks[1:]
    if head == GENERIC and ("action" in looks or reading.dressed):
        head = "person"  # "the one who is running"
    if reading.dressed and head != "person":
        reading.extra.append("wearing")
    headless = not head and not reading.unknown
    if headless and reading.picks and not looks:
        head, headless = GENERIC, False
    phrase = _in_order(head, looks)
    every = reading.every or (reading.plural and not reading.picks)
    pick = reading.picks[0] if reading.picks else ""
    unknown = reading.unknown
    target = Target(phrase=phrase, every=every, count=reading.count, pick=pick, kinds=reading.kinds)
    if reading.near:
        notes += reading.near.notes
        unknown = unknown or reading.near.unknown
        near = reading.near.target
        if (
            reading.relation in vocabulary.relations
            and near.plain
            and not near.every
            and target.plain
            and head != GENERIC
        ):
            target = replace(target, phrase=f"{phrase} {reading.relation} the {near.phrase}")
        else:
            target = replace(target, relation=reading.relation, near=near)
    return Noun(
        target, unknown, " ".join(reading.extra), reading.plural, headless, looks=tuple(looks), notes=notes
    )  # fmt: skip


def _in_order(head: str, looks: dict[str, str]) -> str:
    """ "small running person in red", "small striped red ball"."""
    names = (
        ("size", "damaged", "action", "pattern")
        if head == "person"
        else ("size", "damaged", "action", "pattern", "colour")
    )
    words = " ".join([*(looks[name] for name in names if name in looks), head]).strip()
    return f"{words} in {looks['colour']}" if head == "person" and "colour" in looks else words
