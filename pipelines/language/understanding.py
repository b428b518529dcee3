"""Understand a message: put it into plain form, mend typing errors, split it into single requests, and parse
each by the rules of `grammar.toml`. Never raises; knows no model.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from pipelines.language import requests as req
from pipelines.language.building import BUILDERS, Built, Said, ask_open
from pipelines.language.grammar import Rule, grammar
from pipelines.language.lexicon import expression, lexicon
from pipelines.language.mending import mend
from pipelines.language.normalise import language, plain, without_politeness
from pipelines.language.nouns import singular
from pipelines.language.phrases import Context
from pipelines.language.questions import check, question
from pipelines.language.requests import Request, Target, Understanding
from pipelines.language.suggestions import suggest
from pipelines.language.vocabulary import Vocabulary
from pipelines.scene import Scene
from pipelines.sentences import sentence

LONGEST = 300  # characters of a command; longer messages are questions or stories
MOST_PARTS = 12  # requests of one message
Notes = tuple[tuple[str, str], ...]
Parsed = tuple[tuple[Request, ...], Notes]

_VERBATIM = re.compile(r"<\s*mark \d+\s*>|\w: .+ or ", re.IGNORECASE)  # marks written out, a choice
_CHANGES = (
    req.Edit,
    req.Background,
    req.Obscure,
    req.Extend,
    req.Move,
    req.Resize,
    req.Reshape,
    req.Forget,
    req.Undo,
    req.Redo,
)
_UNSURE = (req.NotUnderstood, req.AskBack, req.UnknownWord)


def understand(words: str, scene: Scene, vocabulary: Vocabulary | None = None) -> Understanding:
    """Tell what is asked for, in order.

    Args:
        words: the visitor's message, as it was typed.
        scene: what "it", "#3" and "the second one" stand for.
        vocabulary: what the loaded checkpoint knows; any words where it is not given.
    """
    vocabulary = vocabulary or Vocabulary()
    if len(words.strip()) > LONGEST or (vocabulary.talks and _VERBATIM.search(words)):
        return _finished(((_left_over(words, scene, vocabulary),), ()), (), scene, vocabulary)
    spoken = language(words)
    if spoken != "en":
        known = vocabulary.talks or spoken in vocabulary.languages
        request = ask_open(words, Context(scene)) if known else req.CannotDo("language")
        return _finished(((request,), ()), (), scene, vocabulary)
    labels = {word for region in scene.regions for word in re.findall(r"[a-z']+", region.label.lower())}
    said, mended = mend(plain(words), labels | set(_words_of(vocabulary)))
    parsed = _message(said, Context(scene, vocabulary)) if said else None
    if parsed is None:
        return _finished(((_left_over(words, scene, vocabulary),), ()), (), scene, vocabulary)
    if vocabulary.talks:
        parsed = tuple(_as_typed(request, words) for request in parsed[0]), parsed[1]
    return _finished(parsed, mended, scene, vocabulary)


def _as_typed(request: Request, words: str) -> Request:
    """Return the request with written words in capitals as they were typed ("find the word HISTORY")."""
    capitals = re.findall(r"\b[A-Z]{2,}\b", words)
    if not isinstance(request, req.Find) or not capitals or words.isupper():
        return request
    written = {word.lower(): word for word in capitals}
    return replace(request, phrase=" ".join(written.get(word, word) for word in request.phrase.split()))


@lru_cache(maxsize=8)
def _words_of(vocabulary: Vocabulary) -> tuple[str, ...]:
    lists = (*vocabulary.kinds, *vocabulary.colours, *vocabulary.actions)
    return tuple(word for phrase in lists for word in phrase.split())


def _left_over(words: str, scene: Scene, vocabulary: Vocabulary) -> Request:
    """Return what no rule takes: a question for a checkpoint that talks."""
    if not vocabulary.talks:
        return req.NotUnderstood()
    return req.Ask(words.strip()) if _VERBATIM.search(words) else ask_open(words, Context(scene))


def _finished(parsed: Parsed, mended: Notes, scene: Scene, vocabulary: Vocabulary) -> Understanding:
    """With suggestions where nothing is done, and the notes in sentences."""
    requests, taken = parsed
    offered = suggest(scene, vocabulary)
    requests = tuple(
        replace(one, suggestions=offered) if hasattr(one, "suggestions") else one for one in requests
    )
    notes = [sentence("read_as", typed=typed, meant=right) for typed, right in mended]
    for word, right in dict.fromkeys(taken):
        taken_as = sentence("taken_as", typed=word, meant=right)
        notes.append(taken_as if right else sentence("left_out", typed=word))
    return Understanding(requests, tuple(notes))


# --- one message: sentences, requests, lists -------------------------------------------------------------

_THEN = re.compile(
    r"(?:, (?:and )?| and )(?:then|after that|afterwards|finally|lastly|next|also),? (?=\w)| then (?=\w)"
)


def _message(said: str, context: Context) -> Parsed | None:
    """Return all sentences of a message. None where one of them is not understood by any rule."""
    if whole := _fixed(said.replace(" ; ", " "), context):
        return whole
    requests: list[Request] = []
    notes: list[tuple[str, str]] = []
    verb = ""
    for part in [one for whole in said.split(" ; ") for one in _sequence(whole)][:MOST_PARTS]:
        parsed = _fixed(part, context)
        parsed = parsed or _sentence(without_politeness(part), replace(context, it=_named(requests)), verb)
        if parsed is None:
            return None
        requests += parsed[0]
        notes += parsed[1]
        verb = _verb(part) or verb
    work = list(dict.fromkeys(one for one in requests if not isinstance(one, req.SmallTalk)))
    unsure = [one for one in work if isinstance(one, _UNSURE)]
    if unsure and any(isinstance(one, _CHANGES) for one in work):
        work = unsure[:1]  # nothing is changed before the whole message is understood
    return tuple(work or requests[:1]), tuple(notes)


_FIXED = (req.WholePicture, req.Everything, req.Undo, req.Redo, req.SmallTalk, req.Help)


def _fixed(sentence: str, context: Context) -> Parsed | None:
    """Return what means something as a whole, whatever could be split off it."""
    parsed = _request(sentence, context) or _request(without_politeness(sentence), context)
    return parsed if parsed and isinstance(parsed[0][0], _FIXED) else None


def _sequence(sentence: str) -> list[str]:
    """ "find the fish, then remove it" in two."""
    return [part for part in _THEN.split(sentence) if part]


def _named(requests: list[Request]) -> tuple[Target, ...]:
    """Return what "it" and "them" stand for after these requests: the things that the last of them named."""
    found: list[Target] = []
    kind = type(requests[-1]) if requests else None
    for request in reversed(requests):
        if type(request) is not kind:
            break
        target = getattr(request, "target", None)
        if target is None and isinstance(request, req.Find):
            every = request.ability == "detect"
            target = Target(singular(request.phrase) if every else request.phrase, every=every)
        if target:
            found.insert(0, target)
    return tuple(found)


def _sentence(sentence: str, context: Context, verb: str) -> Parsed | None:
    """Return one sentence: split before a further command, else in a list done with one verb, else whole."""
    if parsed := _commands(sentence, context):
        return parsed
    if parsed := _list(sentence, context):
        return parsed
    if parsed := _request(sentence, context):
        return parsed
    return _request(f"{verb} {sentence}", context) if verb else None


def _commands(sentence: str, context: Context) -> Parsed | None:
    """ "find the fish and remove it": each part begins with a command and is understood."""
    command = r"(?:{commands}|where|what|how many)\b"
    for match in expression(rf",? and (?=(?:please )?{command})|, (?={command})").finditer(sentence):
        left = _sentence(sentence[: match.start()], context, "")
        if not left or any(isinstance(one, _UNSURE) for one in left[0]):
            continue
        rest = without_politeness(sentence[match.end() :])
        right = _sentence(rest, replace(context, it=_named(list(left[0])) or context.it), "")
        if right and not any(isinstance(one, req.NotUnderstood) for one in right[0]):
            return left[0] + _for_each(rest, right, left, context), left[1] + right[1]
    return None


def _for_each(rest: str, right: Parsed, left: Parsed, context: Context) -> tuple[Request, ...]:
    """Return the right part's requests; for "them", once for each thing that the left part named."""
    named = _named(list(left[0]))
    if len(named) < 2 or not re.search(r"\b(?:them|both|these|those)\b", rest):
        return right[0]
    made: list[Request] = []
    for target in named:
        parsed = _request(
            re.sub(r"\b(?:them(?: all)?|both(?: of them)?|these|those)\b", "it", rest),
            replace(context, it=(target,)),
        )
        made += parsed[0] if parsed else ()
    return tuple(made) or right[0]


def _list(sentence: str, context: Context) -> Parsed | None:
    """ "make the clock green and the book yellow": the first part's verb stands before each part."""
    verb = _verb(sentence)
    if not verb or not re.search(r" and |, ", sentence) or re.search(r"[#@\[]\d", sentence):
        return None
    parts = [part for part in re.split(r",? and |, ", sentence) if part]
    if any(part.split()[-1] in ("one", "ones") for part in parts):
        return None  # "the red ball and the blue one": see `phrases.read_nouns`
    requests: list[Request] = []
    notes: list[tuple[str, str]] = []
    for part in [parts[0], *(f"{verb} {part}" for part in parts[1:])]:
        parsed = _request(part, context)
        if not parsed or any(isinstance(one, _UNSURE) for one in parsed[0]):
            return None
        if requests and type(parsed[0][0]) is not type(requests[0]):
            return None
        requests += parsed[0]
        notes += parsed[1]
    return tuple(requests), tuple(notes)


def _verb(sentence: str) -> str:
    """Return the command that a sentence begins with."""
    match = expression(r"{commands}\b").match(sentence)
    return match[0] if match else ""


# --- one request -----------------------------------------------------------------------------------------


def _request(sentence: str, context: Context) -> Parsed | None:
    """Return the first rule that fits the whole sentence and means something here."""
    text = f" {sentence.strip(' ,.')}"
    first = text.split()[0].rstrip(",") if text.strip() else ""
    if not first:
        return None
    rules, closed = grammar(), not context.vocabulary.talks
    if talk := _conversation(text, closed):
        return (talk,), ()
    groups = (
        rules.talk if closed else (),
        rules.rules,
        (*rules.questions, *rules.checks) if closed else (),
        rules.last,
    )
    unsure: Parsed | None = None
    for rule in (rule for group in groups for rule in group):
        for one in rule.sentences:
            if (match := one.match(text, first)) and (parsed := _built(rule, match, context)):
                if not isinstance(parsed[0][0], _UNSURE):
                    return parsed
                unsure = unsure or parsed
    return unsure


def _conversation(text: str, closed: bool) -> Request | None:
    """Small talk, and what can be done here. A checkpoint that talks leaves only "help" to the page."""
    kind, topic = lexicon().conversation.get(re.sub(r"[,.]", "", text).strip(), ("", ""))
    if kind == "help" and (closed or text.strip() in ("help", "what can you do", "what can i do here")):
        return req.Help("self" if topic == "self" else "abilities")
    return req.SmallTalk(topic) if kind == "talk" and closed else None


def _built(rule: Rule, match: re.Match[str], context: Context) -> Parsed | None:
    said = Said(match.groupdict(), rule.given, match.string, context)
    made: Built
    if rule.becomes == "question":
        made = question(said, rule)
    elif rule.becomes == "check":
        made = check(said, rule)
    else:
        made = BUILDERS[rule.becomes](said)
    if made is None:
        return None
    requests = made if isinstance(made, tuple) else (made,)
    return requests, () if isinstance(requests[0], req.UnknownWord) else tuple(said.notes)
