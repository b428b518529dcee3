"""Tell what a visitor's words ask for: `understand` turns a message into a request.

Rules over words, tried in order; what no rule knows is an open question, never an error. This module knows
no model and no sentence of SPHINX's; `pipelines.language.references` knows what "it" and "#3" stand for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pipelines.language.colours import COLOURS
from pipelines.language.nouns import plural, singular
from pipelines.language.references import box_in, labelled, numbered, subjects, target, without_article
from pipelines.language.requests import (
    STEP,
    Ask,
    Describe,
    Edit,
    EditAction,
    Everything,
    Find,
    FindAbility,
    Forget,
    Look,
    LookAbility,
    Marks,
    MaskAction,
    Outline,
    Pose,
    Request,
    Reshape,
    Select,
    Target,
)
from pipelines.scene import Scene

LONGEST_COMMAND = 300  # characters; longer messages are questions or stories, not commands
MOST_PIXELS = 500  # pixels a mask can be told to grow or shrink by


# --- words ---------------------------------------------------------------------------------------------

_POLITE = re.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|so|now|then|and|well|alright|sphinx)[,!]?\s+(?=\w)"
    r"|please,?\s+|kindly\s+|just\s+|also\s+"
    r"|(?:can|could|would|will) (?:you|we|i)(?: please| kindly| also)?\s+"
    r"(?!see\b|tell what\b|imagine\b|guess\b|speak\b|help\b(?! me)|do\b|be\b|have\b)"
    r"|(?:can|could) i (?:have|get|see) (?=a |the |all )"
    r"|i (?:want|would like|need|wish)(?: you)? to\s+|i'd like(?: you)? to\s+"
    r"|let us\s+|let's\s+|let me\s+|help me(?: to)?\s+|try to\s+|go and\s+|do you mind\s+)",
    re.IGNORECASE,
)
_THANKS = re.compile(r"[\s,]+(?:please|thanks|thank you|for me|if you can|will you)$", re.IGNORECASE)
_END = " .?!,;:"
_PICTURE = (
    r"(?:(?:the|this|that|my|provided|given|whole|entire|following) )*"
    r"(?:image|picture|photo|photograph|scene|drawing|illustration)"
)
_SHADE = r"(?:light|dark|bright|pale|deep|neon|sky|royal|hot)"
_COLOUR = rf"(?:a )?(?:{_SHADE}[- ]?)?(?:{'|'.join(COLOURS)})(?: colou?r(?:ed)?)?"
_MASK = r"(?:(?:the|its|this|that) )?(?:masks?|outlines?|selections?|edges?|borders?|contours?)"
_BIT = r"(?:a bit|a little|slightly|some|more)"
_BY = rf"(?: (?:by )?(?:about |around )?(?P<pixels>\d{{1,4}}) ?(?:px|pixels?)?| (?:by )?{_BIT})*"
_RELATION = (
    r"(?:on top of|on|in front of|in|inside|under|underneath|below|beneath|above|over|behind"
    r"|beside|next to|near"
    r"|by|at|left of|right of|to the (?:left|right) of|on the (?:left|right)(?: side)? of|between"
    r"|against|around"
    r"|wearing|holding|riding|carrying|sitting on|sitting in|standing on|standing in|lying on|with|touching)"
)
_SCREEN = (
    r"(?:button|icon|check ?box|radio button|text ?(?:field|box)|input(?: field| box)?|search"
    r" (?:bar|box|field)"
    r"|field|menu|drop-?down|tab|toggle|switch|slider|hyperlink|link|scroll ?bar|tool ?bar|dialog)s?"
)
_ELEMENT = (
    rf"(?:the |a |an )?(?P<phrase>(?:[\w'\"&+-]+ ){{0,6}}{_SCREEN}"
    r"(?: (?:to|for|that|labell?ed|called|named|with) .{1,60})?)"
)
_FIND = (
    r"(?:find|locate|spot|detect|point (?:to|at|out)|search for|look for|show(?: me)?(?: where)?"
    r"|box|ground|mark"
    r"|pinpoint)"
)
_SHAPE = r"(?:segmentation|segment|outline|mask|contour|silhouette|cut-?out)s?"
_CUT = (
    r"(?:segment(?: out)?|outline|mask(?: out)?|cut ?out|isolate|extract|trace|highlight|crop"
    r" out|silhouette|contour)"
)
_REMOVE = (
    r"(?:remove|delete|erase|get rid of|take away|take out|wipe(?: out| away)?|eliminate|inpaint|clean up"
    r"|photoshop out|edit out|lose|hide)"
)
_JOINTS = r"(?:(?:(?:body )?key ?points?|joints?|skeletons?|poses?|postures?|stick figures?)(?: estimation)?)"
_ODD = (
    r"(?:odd|strange|weird|unusual|abnormal|anomal(?:y|ies|ous)|defects?|defective|damaged"
    r"|suspicious|out of place"
    r"|not belong|doesn't belong|odd one|not fit(?: in)?|doesn't fit(?: in)?|not normal|intruder"
    r"|different from the (?:others|rest)|wrong (?:with|in) (?:this|the) (?:image|picture|photo|scene))"
)
_ALL_THINGS = frozenset(
    [
        "everything",
        "anything",
        "all",
        "things",
        "objects",
        "thing",
        "object",
        "regions",
        "segments",
        "parts",
        "image",
        "picture",
        "whole image",
        "whole picture",
        "entire image",
        "entire picture",
        "whole thing",
    ]
)
_NOT_A_THING = re.compile(
    r"\b(?:is|are|was|were|am|be|do|does|did|has|have|had|can|could|will|would|should|shall|may"
    r"|might|must|i|you|we"
    r"|what|who|where|when|why|how|which|whose|if|because|hello|thanks|thank|tell|say|write|sing"
    r"|joke|story|poem"
    r"|yes|no|not|good|nice|great|wow|cool|ok|sorry|bye|answer|question)\b",
    re.IGNORECASE,
)
_EVERYONE = ("people", "persons", "humans", "everyone", "everybody", "figures")


def understand(words: str, scene: Scene) -> Request:
    """Tell what is asked for. Never raises.

    Args:
        words: the visitor's message, as it was typed.
        scene: what "it", "#3" and "the second one" stand for.
    """
    said = _plain(words)
    if said and len(said) <= LONGEST_COMMAND and not _VERBATIM.search(said):
        for pattern, build in _RULES:
            match = pattern.fullmatch(said)
            if match and (request := build(match, scene)):
                return request
    return Ask(words.strip(), () if _VERBATIM.search(said) else subjects(words, scene))


_VERBATIM = re.compile(r"<\s*mark \d+\s*>|\w: .+ or ", re.IGNORECASE)  # marks written out, a choice: as it is


def _plain(words: str) -> str:
    """On one line, without politeness and final punctuation."""
    said = " ".join(words[: LONGEST_COMMAND * 4].replace("’", "'").split()).strip(_END)
    while (shorter := _THANKS.sub("", _POLITE.sub("", said)).strip(_END)) != said:
        said = shorter
    return said


# --- what a match becomes ------------------------------------------------------------------------------

Build = Callable[[re.Match[str], Scene], Request | None]


def _look(ability: LookAbility) -> Build:
    return lambda match, scene: Look(ability)


def _find(ability: FindAbility) -> Build:
    def build(match: re.Match[str], scene: Scene) -> Request | None:
        aim = target(match["phrase"], scene)
        if aim.region_ids:
            return Select(aim.region_ids)
        if not aim.phrase:
            return None
        if aim.phrase.lower() in _ALL_THINGS:
            return Look("dense")
        if aim.every or ability == "detect":
            return Find(plural(aim.phrase), "detect")
        if re.fullmatch(rf"(?:.+ )?{_SCREEN}", aim.phrase, re.IGNORECASE):
            return Find(aim.phrase, "screen")
        return Find(aim.phrase, "relation" if ability == "locate" and is_relation(aim.phrase) else ability)

    return build


def _find_many(match: re.Match[str], scene: Scene) -> Request | None:
    """ "the cups": all of a kind, where no number and no relation is meant."""
    aim = target(match["phrase"], scene)
    if re.match(r"words? ", aim.phrase):
        return None
    many = plural(aim.phrase) == aim.phrase and singular(aim.phrase) != aim.phrase
    if not many or aim.phrase.lower() in _ALL_THINGS or is_relation(aim.phrase):
        return None
    return Find(aim.phrase, "detect")


def _text(match: re.Match[str], scene: Scene) -> Request | None:
    """All text; what is said of one region is a question."""
    if "[" in match[0] or numbered(match[0]):
        return Ask(match[0], numbered(match[0]))
    return Look("text")


def _outline(match: re.Match[str], scene: Scene) -> Request | None:
    aim = target(match["phrase"] or "it", scene)
    if aim.phrase.lower() in _ALL_THINGS:
        return Everything()
    return Outline(_known(aim, scene))


def _describe(match: re.Match[str], scene: Scene) -> Request | None:
    aim = target(match["phrase"], scene)
    if len(aim.region_ids) > 1:
        return Marks(aim.region_ids)
    return Describe(aim) if aim.region_ids or aim.box else None


def _marks(match: re.Match[str], scene: Scene) -> Request | None:
    aim = target(match["phrase"], scene)
    return Marks(aim.region_ids, match.string) if len(aim.region_ids) > 1 else None


def _pose(match: re.Match[str], scene: Scene) -> Request | None:
    everyone = Target(phrase="person", every=True)
    phrase = (match.groupdict().get("phrase") or "").strip()
    if box := box_in(phrase, scene):
        return Pose(Target(box=box))
    aim = target(phrase, scene) if phrase else everyone
    if aim.phrase.lower() in ("person", "human", "figure", *_EVERYONE) or not aim:
        return Pose(everyone)
    return Pose(_known(aim, scene))


def _edit(action: EditAction) -> Build:
    def build(match: re.Match[str], scene: Scene) -> Request | None:
        given = match.groupdict()
        phrase = given.get("phrase") or "it"
        wish = without_article(given.get("wish") or "")
        if re.fullmatch(r"(?:the )?(?:whole )?back ?ground", phrase, re.IGNORECASE):
            return Edit("background", Target(), wish or "plain white")
        if action != "remove" and not wish:
            return None
        aim = _known(target(phrase, scene), scene)
        if action != "remove" and re.fullmatch(_COLOUR, wish, re.IGNORECASE):
            return Edit("recolour", aim, re.sub(r" colou?r(?:ed)?$", "", wish))
        return Edit(action, aim, wish)

    return build


def _background(match: re.Match[str], scene: Scene) -> Request | None:
    wish = without_article(match["wish"])
    if not wish or _NOT_A_THING.search(wish) or re.match(r"(?:the|in|find|show|segment|describe)\b", wish):
        return None
    return Edit("background", Target(), wish)


def _reshape(action: MaskAction) -> Build:
    def build(match: re.Match[str], scene: Scene) -> Request | None:
        phrase = match["phrase"] or "it"
        phrase = re.sub(rf"^{_MASK}(?: (?:of|around) )?", "", phrase, flags=re.IGNORECASE) or "it"
        phrase = re.sub(r"(?:'s)? (?:mask|outline|selection)s?$", "", phrase, flags=re.IGNORECASE)
        aim = _known(target(phrase, scene), scene)
        if aim.phrase or aim.box:
            return None
        return Reshape(action, aim.region_ids, min(int(match["pixels"] or STEP), MOST_PIXELS))

    return build


def _join(match: re.Match[str], scene: Scene) -> Request | None:
    ids = _known(target(match["phrase"] or "them", scene), scene).region_ids
    if match["second"]:
        ids = (*ids, *_known(target(match["second"], scene), scene).region_ids)
    return Reshape("join", tuple(dict.fromkeys(ids))) if ids else None


def _subtract(match: re.Match[str], scene: Scene) -> Request | None:
    less, whole = (_known(target(match[name], scene), scene).region_ids for name in ("less", "phrase"))
    return Reshape("subtract", (whole[0], *less)) if less and whole else None


def _select(match: re.Match[str], scene: Scene) -> Request | None:
    aim = target(match["phrase"], scene)
    return Select(aim.region_ids) if aim.region_ids else None


def _forget(match: re.Match[str], scene: Scene) -> Request | None:
    phrase = match["phrase"]
    things = r"(?:regions?|boxes|masks?|marks?|drawings?|overlays?|outlines?|selections?)"
    if re.fullmatch(rf"(?:all|everything|(?:all |the |of |every )*{things})", phrase, re.IGNORECASE):
        return Forget(())
    aim = target(phrase, scene)
    return Forget(aim.region_ids) if aim.region_ids else None


def _named(match: re.Match[str], scene: Scene) -> Request | None:
    """A bare noun phrase: "people on the car", "the red cup", "#3"."""
    phrase = match[0]
    if _NOT_A_THING.search(phrase) or len(phrase.split()) > 10:
        return None
    aim = target(phrase, scene)
    if aim.region_ids:
        return Select(aim.region_ids)
    if not aim.phrase:
        return None
    if is_relation(aim.phrase):
        return Find(aim.phrase, "relation")
    if aim.every:
        return Find(plural(aim.phrase), "detect")
    one = re.match(rf"(?:the|a|an|{_COLOUR}) ", phrase, re.IGNORECASE)
    return Find(aim.phrase) if one and len(phrase.split()) <= 6 else None


def _known(aim: Target, scene: Scene) -> Target:
    """The regions of that label, where there are any on the page already."""
    if aim.phrase and not aim.every and (ids := labelled(aim.phrase, scene)):
        return Target(region_ids=ids[:1])
    return aim


def is_relation(phrase: str) -> bool:
    """Whether a noun phrase relates one thing to another ("people on the car")."""
    phrase = re.sub(rf" (?:in|with) {_COLOUR}$", "", phrase, flags=re.IGNORECASE)
    return bool(re.search(rf"\w {_RELATION} \w", phrase, re.IGNORECASE))


def _always(request: Request) -> Build:
    return lambda match, scene: request


# --- the rules, in the order they are tried ------------------------------------------------------------


def _rule(build: Build, *patterns: str) -> tuple[tuple[re.Pattern[str], Build], ...]:
    return tuple((re.compile(pattern, re.IGNORECASE), build) for pattern in patterns)


_RULES = (
    # masks come before edits: "remove #2 from #1" is about masks
    *_rule(
        _reshape("grow"),
        rf"(?:grow|expand|dilate|enlarge|widen|thicken|inflate)(?: (?P<phrase>\S.*?))??{_BY}",
        rf"make (?P<phrase>{_MASK}.*?) (?:{_BIT} )?(?:bigger|larger|wider|thicker){_BY}",
        rf"make (?P<phrase>\S+ (?:mask|outline|selection)) (?:{_BIT} )?(?:bigger|larger|wider|thicker){_BY}",
    ),
    *_rule(
        _reshape("shrink"),
        rf"(?:shrink|erode|contract|tighten|deflate)(?: (?P<phrase>\S.*?))??{_BY}",
        rf"make (?P<phrase>{_MASK}.*?) (?:{_BIT} )?(?:smaller|tighter|narrower|thinner){_BY}",
        rf"make (?P<phrase>\S+ (?:mask|outline|selection)) (?:{_BIT} )?(?:smaller|tighter|narrower"
        rf"|thinner){_BY}",
    ),
    *_rule(
        _join,
        r"(?:join|merge|unite|combine|fuse|add)(?: the)?(?: masks(?: of)?)?(?: (?P<phrase>\S.*?))??"
        r"(?: (?:with|to|into|onto) (?P<second>(?!one\b).+?))?(?: together| into one| in one)?",
    ),
    *_rule(
        _subtract,
        r"(?:subtract|remove|cut|take(?: away)?|exclude|erase|delete) (?P<less>.+?) (?:out"
        r" )?(?:from|of) (?P<phrase>.+)",
        r"(?P<phrase>.+?) (?:minus|without|except) (?P<less>.+)",
    ),
    *_rule(_select, r"(?:select|choose|pick|use|activate|focus on|go to) (?P<phrase>.+)"),
    *_rule(_forget, r"(?:forget|clear|drop|deselect|unmark)(?: about)? (?P<phrase>.+)"),
    # charts, before "turn X into Y"
    *_rule(
        _look("chart"),
        r".*\b(?:chart|graph|plot|diagram|bars?|pie)\b.*\b(?:table|csv|spreadsheet|numbers|data|values)\b.*",
        r".*\b(?:table|csv|spreadsheet|numbers|data|values)\b.*\b(?:chart|graph|plot|diagram|bars|pie)\b.*",
        r"(?:give|show|make|extract|export|read|turn|convert)(?: me)?(?: this| it)?(?: as| to| into)?"
        r" (?:the |a |its )?(?:table|csv|underlying data|chart|graph)",
    ),
    # changes to the picture
    *_rule(
        _always(Edit("background", Target(), "plain white")), rf"{_REMOVE} (?:the )?back ?ground(?: from .*)?"
    ),
    *_rule(
        _edit("remove"),
        rf"{_REMOVE} (?P<phrase>.+)",
        r"make (?P<phrase>.+?) (?:disappear|vanish|go away|invisible)",
        rf"{_PICTURE} without (?P<phrase>.+)",
    ),
    *_rule(
        _edit("replace"),
        r"(?:replace|swap|exchange|substitute)(?: out)? (?P<phrase>.+?) (?:with|by|for|to|into) (?P<wish>.+)",
        r"(?:put|place|paint|draw|add|insert) (?P<wish>.+?) (?:in place of|in the place of|instead"
        r" of) (?P<phrase>.+)",
        r"(?:put|place|paint|draw|add|insert) (?P<wish>.+?) where (?P<phrase>.+?) (?:is|was|are|were)",
        r"(?:put|paint|draw|add|insert) (?P<wish>.+?) (?P<phrase>here|there)",
        r"(?:put|paint|draw|add|insert) (?P<wish>.+?) in (?P<phrase>this region|that region|the selection)",
    ),
    *_rule(
        _edit("recolour"),
        r"(?:make|paint|colou?r|recolou?r|dye|tint|turn|have|fill) (?P<phrase>.+?)(?: be| in| to|"
        r" into| with)?"
        rf" (?P<wish>{_COLOUR})",
        rf"(?:change|set|switch|alter) (?:the )?colou?r of (?P<phrase>.+?) (?:to|into) (?P<wish>{_COLOUR})",
        rf"(?:change|set|switch|alter) (?P<phrase>.+?)(?:'s)? colou?r (?:to|into) (?P<wish>{_COLOUR})",
        rf"give (?P<phrase>.+?) (?P<wish>{_COLOUR})",
        rf"(?P<phrase>.+?) (?:should|must|shall) (?:be|become|turn) (?P<wish>{_COLOUR})",
        r"(?:i (?:want|need|prefer)|i'd (?:like|prefer)) (?P<phrase>.+?)(?: to be| to become| in)?"
        rf" (?P<wish>{_COLOUR})",
    ),
    *_rule(
        _edit("replace"),
        r"(?:turn|change|transform|convert|morph|make) (?P<phrase>.+?) (?:in)?to (?:be )?(?P<wish>.+)",
        r"(?:i (?:want|need|prefer) )?(?P<wish>(?:a|an|the) .+) instead of (?P<phrase>.+)",
    ),
    *_rule(
        _background,
        r"(?:put|place|set) (?:it|them|him|her|everything|everyone|this) (?:in front of|on|in|at|against)"
        r" (?P<wish>.+?)(?: as)? back ?ground",
        r"(?:make|paint|colou?r) (?:the )?back ?ground (?P<wish>.+)",
        r"(?:use |add |give (?:it |me )?|set |make |i want )?(?P<wish>.+?)(?: as(?: a| the)?)?"
        r" back ?ground(?: instead)?",
    ),
    # people
    *_rule(
        _pose,
        rf"(?:.*\b)?{_JOINTS}(?: (?:of|for|from|in|on) (?P<phrase>.+?))?(?: (?:shown|visible))?",
        rf"(?:what is|what's|show(?: me)?|detect|find|estimate|get|draw) (?P<phrase>.+?)(?:'s|s')? {_JOINTS}",
    ),
    # documents, words, oddities
    *_rule(
        _look("layout"),
        r"(?:.*\b)?(?:page|document)(?:'s)? (?:layout|structure|segmentation|blocks)(?: .*)?",
        r"(?:.*\b)?(?:layout|structure) of .*",
        r"(?:.*\b)?layout(?: (?:analysis|detection))?",
        r"(?:find|detect|segment|show|mark|where are)(?: me)?(?: all)?(?: the)?"
        r" (?:blocks|titles|paragraphs|tables|figures|captions)\b.*",
        r"(?:segment|parse|analy[sz]e) (?:the|this) (?:document|page)",
    ),
    *_rule(
        _text,
        r"(?:.*\b)?(?:spot|detect|find|recogni[sz]e|extract|show|locate|list)\b.*"
        r"\b(?:texts?|words|letters|writing)\b.*",
        r"(?:.*\b)?(?:read|transcribe|ocr)\b.*\b(?:texts?|words?|letters|writing|signs?|labels?|headline)\b.*",
        r"read (?:it|this|that)(?: (?:to me|aloud|out))?",
        r"(?:do )?ocr",
        r"transcribe(?: it| this)?",
        r"what (?:does|do|did) (?:it|they|(?:the|this|that) .+) say(?: on .+)?",
        r"what(?:'s| is)? (?:the )?(?:text|written|writing|words)\b.*",
        r"(?:is|are) there any (?:text|words|writing)\b.*",
    ),
    *_rule(
        _look("odd"),
        rf"(?!(?:is|are|was|does) (?:the |an? |this |that |[#@]))(?:.*\b)?{_ODD}(?: .*)?",
        r"what(?:'s| is) (?:wrong|off|broken)(?: here)?",
        r"what (?:stands|sticks) out(?: here)?",
        r"(?:is )?(?:there )?anything (?:wrong|off|broken)(?: here)?",
    ),
    # several numbered regions
    *_rule(
        _marks,
        r"(?:.*\b)?(?:relationships?|relations?|connections?|differences?|interactions?)"
        r" (?:between|among|of)(?: the)?"
        r" (?P<phrase>.+)",
        r"how (?:do|are) (?P<phrase>.+?) (?:relate|related|connected|differ|interact|compare)(?: .*)?",
        r"(?:compare|contrast|relate) (?P<phrase>.+)",
    ),
    *_rule(
        lambda match, scene: (
            Marks(ids) if len(ids := target(match["phrase"], scene).region_ids) > 1 else None
        ),
        r"(?:describe|explain|caption|name|identify|what are|who are|tell me (?:about|what)"
        r"|give a (?:short |detailed )?description (?:of|for))(?: (?:each|all|every|every one|each"
        r" one) of)?(?: the)?"
        r" (?P<phrase>.+?)(?: are| is)?",
    ),
    # the whole picture
    *_rule(
        _look("grounded_caption"),
        r".*\b(?:describe|caption|description|summari[sz]e)\b.*\b(?:box|boxes|bounding|grounded"
        r"|grounding)\b.*",
        r".*\b(?:describe|caption|description|summari[sz]e)\b.*\b(?:where (?:things|they"
        r"|everything|it)|locations?)\b.*",
        r"(?:an? |the )?grounded caption.*",
    ),
    *_rule(
        _look("dense"),
        r"(?:describe|name|label|list|caption|identify|detect|show|find|enumerate|annotate|tag"
        r"|locate|mark|box)(?: me)?"
        r" (?:all|every|each|everything|all of)(?: the| single)*"
        r"(?: (?:regions?|objects?|things?|items?|parts?|elements?))?(?: (?:in|on|of)"
        rf" {_PICTURE})?(?: and .*)?",
        r"give (?:me )?a phrase (?:and .+ )?for (?:every|each) .*",
        r"dense(?:ly)? caption(?:s|ing)?(?: .*)?",
        r"(?:what|which) (?:objects|things|items) (?:are|can you see|do you see)(?: .*)?",
        r"(?:list|detect|name|label) (?:the )?(?:objects|things|regions)(?: .*)?",
    ),
    *_rule(
        _look("caption"),
        r"(?:(?:give|provide|write|generate|make|create)(?: me)? )?(?:a |an |the )?"
        r"(?:(?:short|brief|concise|one[- ]sentence|single[- ]sentence|simple) )*caption"
        rf"(?: (?:for|of) (?:it|{_PICTURE}))?",
        rf"(?:caption|summari[sz]e|sum up) (?:it|this|{_PICTURE})(?: (?:briefly|in .*))?",
        rf"describe (?:it |this |{_PICTURE} )?(?:briefly|shortly|concisely|in (?:a|one|a single|few"
        r"|a few) .*)",
        rf"in (?:a|one) (?:sentence|word), what(?:'s| is) (?:in )?(?:this|{_PICTURE})",
        r"(?:give (?:me )?)?(?:a )?(?:one[- ]sentence|short|brief) (?:description|summary)(?: .*)?",
        rf"what(?:'s| is) (?:in|on|shown in|depicted in|going on in|happening in) {_PICTURE}",
        rf"what does {_PICTURE} show",
        rf"what(?:'s| is) {_PICTURE} (?:about|of)",
        rf"what (?:do|can) you see(?: (?:here|in {_PICTURE}))?",
        r"what am i looking at",
        r"what(?:'s| is) (?:going on|happening)(?: here)?",
    ),
    *_rule(
        _look("detail"),
        r"(?:describe|explain|analy[sz]e|tell me (?:about|more about|everything about)|talk about)"
        rf" {_PICTURE}(?: .*)?",
        r"describe (?:what|everything) (?:you (?:can )?see|is there|is shown)(?: .*)?",
        r"(?:(?:give|provide|write|generate)(?: me)? )?(?:a |the )?(?:detailed|long|full|complete|thorough)"
        r" (?:description|caption|account)(?: .*)?",
        r"tell me everything(?: .*)?",
        r"describe(?: in (?:more |great )?details?)?",
        rf"what(?:'s| is) (?:in|on) {_PICTURE} in detail",
    ),
    # masks
    *_rule(
        _always(Everything()),
        r"(?:segment|outline|mask|cut out|isolate) (?:everything|anything|all|all (?:the"
        r" )?(?:things|objects|parts|regions)"
        rf"|every (?:thing|object|part)|{_PICTURE})(?: (?:in|on|of) .*)?",
        r"(?:automatic(?:ally)? )?segment(?:ation)? (?:of )?everything",
        r"find all (?:the )?(?:segments|masks)",
    ),
    *_rule(
        _outline,
        rf"{_CUT}(?: (?P<phrase>.+))?",
        rf"(?:(?:give|show|get|draw|make|create)(?: me)? )?(?:the |a |an )?{_SHAPE} (?:of|for"
        r"|around) (?P<phrase>.+)",
        rf"(?:give|show|get|draw|make)(?: me)? (?:the |a )?(?P<phrase>.+?)(?:'s)? {_SHAPE}",
    ),
    # one region
    *_rule(
        _describe,
        r"(?:describe|explain|caption|name|label|identify|recogni[sz]e|classify|tell me (?:about"
        r"|more about|what)"
        r"|what(?:'s| is| are| was)|who(?:'s| is)|what kind of (?:thing|object) is|what object is"
        r"|(?:please )?provide a short description for) (?:in |inside |at )?(?:this region: ?|the"
        r" region |this: ?)?"
        r"(?P<phrase>.+?)(?: is| are| in detail| called)?",
        r"what do you (?:call|see) (?:in |at |inside )?(?P<phrase>.+)",
    ),
    # screens
    *_rule(
        _find("screen"),
        rf"(?:where(?:'s| is| are| do i find| can i find)|{_FIND}|click(?: on)?|press|tap(?: on)?"
        rf"|push|open) {_ELEMENT}",
        r"where (?:do|can|should|must|would) i (?:click|press|tap|type|enter|write)(?: (?:to|for"
        r"|on|in))? (?P<phrase>.+)",
        r"(?:click|press|tap)(?: on)? (?P<phrase>.+)",
        r"(?:please )?provide the bounding box coordinate of the element this sentence describes:"
        r" (?P<phrase>.+)",
    ),
    # places
    *_rule(
        _find("detect"),
        rf"(?:{_FIND}|where(?:'s| is| are)|list) (?P<phrase>(?:all|every|each|any) .+?)(?: shown)?",
    ),
    *_rule(_find_many, rf"(?:where are|{_FIND})(?: the)? (?P<phrase>.+)"),
    *_rule(
        _find("locate"),
        r"(?:please )?provide the bounding box coordinates? of (?:the )?region(?: this sentence"
        r" describes)?:? (?P<phrase>.+)",
        r"where (?:can (?:i|you|we) (?:see|find)|do (?:i|you|we) (?:see|find)|might i find) (?P<phrase>.+?)",
        r"where(?:'s| is| are) (?P<phrase>.+?)(?: (?:located|placed|standing|sitting|hiding))?",
        r"(?:show me|tell me|find out|point out) where (?P<phrase>.+?) (?:is|are)(?: located)?",
        r"(?:(?:draw|put|give|show|place|get|make|output)(?: me)? )?(?:a |the )?"
        r"(?:bounding ?box(?:es)?|box(?:es)?|rectangle|coordinates?|position|location|bbox)"
        r" (?:around|of|for|on|over) (?P<phrase>.+)",
        rf"{_FIND} (?P<phrase>.+)",
    ),
    *_rule(_named, r".+"),
)
