"""What a noun phrase points at: "it", "the second one", "#3", "@3", "the left one", a box, or still a phrase.

Resolved against the scene alone. This module may name regions that do not exist ("#9"); whoever serves the
request says so. It knows no verbs and no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pipelines.language.requests import Target
from pipelines.scene import Box, Region, Scene

_NUMBERED = re.compile(
    r"(?:[#@]\s*|\b(?:regions?|numbers?|no\.|marks?|objects?|things?|boxe?s?)\s+#?)(\d{1,6})\b"
    r"((?:\s*(?:,|and|&|\+|,\s*and)\s*[#@]?\d{1,6}\b)*)",
    re.IGNORECASE,
)
SINGULAR = (
    r"(?:it|this|that|him|his|her|he|she|(?:this|that) (?:one|thing|object|region|area|place|person|part)"
    r"|(?:the )?(?:selected|current|marked|clicked) (?:one|thing|object|region|area|person|part)"
    r"|(?:the )?selection|(?:my|the) click|what i (?:clicked|selected|marked)|here|there)"
)
PLURAL = (
    r"(?:them(?: all)?|they|these|those|both|both of them|all of (?:them|these|those)"
    r"|(?:all |all the |the )?(?:ones|regions|marks|boxes|masks)|(?:these|those) (?:things|objects|people))"
)
_A_KIND = re.compile(r"boxes|things|objects|people", re.IGNORECASE)  # they may be on the picture, too
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = re.compile(
    rf"(?:the )?(?:(?P<word>{'|'.join(_ORDINALS)}|last|final)|(?P<digit>\d{{1,2}})(?:st|nd|rd|th))"
    r"(?: (?P<noun>[\w\- ]{1,40}))?",
    re.IGNORECASE,
)
_PLACES: dict[str, Callable[[Region], float]] = {
    "left": lambda region: region.box.x1 + region.box.x2,
    "right": lambda region: -(region.box.x1 + region.box.x2),
    "top": lambda region: region.box.y1 + region.box.y2,
    "upper": lambda region: region.box.y1 + region.box.y2,
    "bottom": lambda region: -(region.box.y1 + region.box.y2),
    "lower": lambda region: -(region.box.y1 + region.box.y2),
    "biggest": lambda region: -region.box.area,
    "bigger": lambda region: -region.box.area,
    "largest": lambda region: -region.box.area,
    "larger": lambda region: -region.box.area,
    "smallest": lambda region: region.box.area,
    "smaller": lambda region: region.box.area,
    "tallest": lambda region: region.box.y1 - region.box.y2,
    "widest": lambda region: region.box.x1 - region.box.x2,
}
_PLACE = re.compile(
    rf"(?:the )?(?P<place>{'|'.join(_PLACES)})(?:[- ]?most)?(?: one| region| thing)?", re.IGNORECASE
)
_OTHER = re.compile(r"(?:the )?other (?:one|region|thing|person)", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|a|an|some|my|that|this|these|those|its|of)\s+(?=\S)", re.IGNORECASE)
_IN_PICTURE = re.compile(
    r"[\s,]+(?:(?:(?:that (?:is|are) )?(?:shown |visible )?(?:in|on|from|within|of|out of) "
    r"(?:the|this|that|my) (?:whole |entire )?(?:image|picture|photo|photograph|scene|drawing))"
    r"|from here|please)$",
    re.IGNORECASE,
)
_EVERY = re.compile(
    r"^(?:all(?: of)?(?: the)?|every(?: single)?|each(?: of the)?|any)\s+(?=\S)", re.IGNORECASE
)
_BOX = re.compile(r"\[\s*(\d*\.?\d+)\s*,\s*(\d*\.?\d+)\s*,\s*(\d*\.?\d+)\s*,\s*(\d*\.?\d+)\s*\]")


def numbered(words: str) -> tuple[int, ...]:
    """Region numbers named with a sign ("#3", "@3") or a word ("region 3"), in order, each once."""
    found: list[int] = []
    for match in _NUMBERED.finditer(words):
        found += [int(match[1]), *(int(number) for number in re.findall(r"\d+", match[2]))]
    return tuple(dict.fromkeys(found))


def recent(scene: Scene) -> tuple[int, ...]:
    """Return the regions that were named last and are still there; all regions when none was named."""
    alive = {region.id for region in scene.regions}
    for turn in reversed(scene.turns):
        named = dict.fromkeys(i for span in turn.spans for i in span.region_ids if i in alive)
        if turn.role == "assistant" and named:
            return tuple(named)
    return tuple(sorted(alive))


def selected(scene: Scene) -> tuple[int, ...]:
    """Return what "it" stands for: the selected region, or else the first that was named last."""
    if scene.selected is not None and scene.region(scene.selected):
        return (scene.selected,)
    return recent(scene)[:1]


def target(phrase: str, scene: Scene) -> Target:
    """Return what a noun phrase points at."""
    phrase = bare(phrase)
    if box := box_in(phrase, scene):
        return Target(box=box)
    if numbers := numbered(phrase):
        return Target(region_ids=numbers)
    if re.fullmatch(SINGULAR, phrase, re.IGNORECASE):
        return Target(region_ids=selected(scene))
    if re.fullmatch(PLURAL, phrase, re.IGNORECASE) and not (_A_KIND.search(phrase) and not scene.regions):
        return Target(region_ids=recent(scene))
    if (found := _counted(phrase, scene)) or (found := _placed(phrase, scene)):
        return Target(region_ids=found)
    every = bool(_EVERY.match(phrase))
    return Target(phrase=without_article(_EVERY.sub("", phrase)), every=every)


def box_in(words: str, scene: Scene) -> Box | None:
    """Return a box written out: pixels, or 0..1 of the picture's padded square as SPHINX writes them."""
    match = _BOX.search(words)
    if not match or not scene.picture:
        return None
    x1, y1, x2, y2 = (float(number) for number in match.groups())
    width, height = scene.picture.size_wh
    if max(x1, y1, x2, y2) <= 1:
        from model.image_processing_sphinx import to_picture

        x1, y1, x2, y2 = to_picture((x1, y1, x2, y2), (width, height))
    x1, x2 = sorted((min(max(round(x1), 0), width), min(max(round(x2), 0), width)))
    y1, y2 = sorted((min(max(round(y1), 0), height), min(max(round(y2), 0), height)))
    return Box(x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def without_article(phrase: str) -> str:
    """ "the red cup" -> "red cup"."""
    return _ARTICLE.sub("", phrase.strip())


def bare(phrase: str) -> str:
    """Without "in the picture" and final punctuation."""
    phrase = phrase.strip(" \t\n.,;:!?\"'")
    while (shorter := _IN_PICTURE.sub("", phrase)) != phrase:
        phrase = shorter.strip(" .,;:!?\"'")
    return phrase


def _counted(phrase: str, scene: Scene) -> tuple[int, ...]:
    """ "the second one", "the 3rd", "the last person"."""
    match = _ORDINAL.fullmatch(phrase)
    if not match:
        return ()
    noun = (match["noun"] or "one").lower()
    if noun in ("one", "region", "thing", "object", "box", "mark", "of them"):
        ids = recent(scene)
    else:
        ids = tuple(region.id for region in scene.regions if _is_called(region, noun))
    if not match["word"]:
        at = int(match["digit"]) - 1
    else:
        word = match["word"].lower()
        at = _ORDINALS.index(word) if word in _ORDINALS else len(ids) - 1
    return ids[at : at + 1] if at >= 0 else ()


def _placed(phrase: str, scene: Scene) -> tuple[int, ...]:
    """ "the left one", "the biggest", "the other one"."""
    ids = recent(scene)
    if _OTHER.fullmatch(phrase):
        others = tuple(i for i in ids if i != scene.selected)
        return others[:1]
    match = _PLACE.fullmatch(phrase)
    regions = [region for i in ids if (region := scene.region(i))]
    if not match or not regions or phrase.lower() in ("left", "right", "top", "bottom", "upper", "lower"):
        return ()
    return (min(regions, key=_PLACES[match["place"].lower()]).id,)


def _is_called(region: Region, noun: str) -> bool:
    label = region.label.lower()
    return label == noun or label.endswith(f" {noun}") or f"{label}s" == noun


def labelled(phrase: str, scene: Scene) -> tuple[int, ...]:
    """Regions already on the page under exactly this label."""
    name = without_article(phrase).lower()
    return tuple(region.id for region in scene.regions if name and region.label.lower() == name)


_ENDS = r"(?=\s*(?:$|[?.!,]|(?:is|was|are|were|does|do|did|has|have)\b))"  # "this" alone, not "this street"
PRONOUNS = {
    "possessive": re.compile(r"\b(?:its|his|her)\b(?= \w)", re.IGNORECASE),
    "singular": re.compile(
        rf"\b(?:it|he|she|him|her|(?:this|that)(?: one| thing| object)?{_ENDS})(?!['\w])", re.IGNORECASE
    ),
    "plural": re.compile(
        rf"\b(?:they|them|(?:these|those)(?: ones| things| objects)?{_ENDS})(?!['\w])", re.IGNORECASE
    ),
}
_NO_PRONOUN = re.compile(
    r"\b(?:image|picture|photo|photograph|scene|place)\b|\bwhat time is it|\bhow is it going"
    r"|\b(?:is|was) it (?:a )?(?:day|night|rain|snow|sunny|dark|cold|warm|indoors|outdoors|winter|summer)",
    re.IGNORECASE,
)


def subjects(words: str, scene: Scene) -> tuple[int, ...]:
    """Return the regions that the numbers and pronouns of a question stand for; none where it has none."""
    if numbers := numbered(words):
        return numbers
    if _NO_PRONOUN.search(words):
        return ()
    if PRONOUNS["plural"].search(words):
        return recent(scene)
    return selected(scene) if any(pattern.search(words) for pattern in PRONOUNS.values()) else ()
