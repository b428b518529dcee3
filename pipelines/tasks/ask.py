"""Open questions, the description of one region, and questions about several numbered ones.

Pronouns and numbers in a question are replaced by the names of the regions they stand for, so that a
checkpoint which remembers no conversation still knows what "it" is.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace

from model.image_processing_sphinx import to_square
from pipelines.abilities import ABILITIES
from pipelines.engine import Engine
from pipelines.errors import DemoError
from pipelines.interfaces import CutReply, ReplyOptions
from pipelines.language.nouns import singular
from pipelines.language.references import PRONOUNS
from pipelines.language.requests import Ask, Check, Describe, Marks, Target
from pipelines.readings import Finding
from pipelines.scene import Record, Region, Scene
from pipelines.tasks.check import check
from pipelines.tasks.converse import converse
from pipelines.tasks.naming import name_in, name_of, region_question
from pipelines.tasks.regions import merge, need_picture, need_region
from pipelines.tasks.results import MarkedReply, Reply, Results, TaskResult, Unmet, relay
from pipelines.tasks.targets import locate

_SHORT = re.compile(
    r"^(?:and |so |but |then )?(?:what|which|who|whose|where|when|how (?:many|much|old|big|large|tall)"
    r"|is|are|was|were|does|do|did|can|has|have|could|will)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_HOW_MANY = re.compile(r"How many (?P<things>[^#]+) are there\?")  # the family "count", as it was trained
_LIES_ON = re.compile(r"What is on (?:the )?(?P<below>[^#]+)\?")  # of the family "on-what", as it was trained
_NUMBER = r"(?:[#@]\s*|\b(?:region|number|mark|object|thing|box)\s+#?)(\d+)\b"


def ask(engine: Engine, scene: Scene, request: Ask, options: ReplyOptions) -> Results:
    """Answer an open question, with or without a picture."""
    if not request.question:
        raise DemoError("There are no words: ask something about the picture, or say what to do with it.")
    if (things := _counted(engine, scene, request)) is not None:
        counted = yield from relay(check(engine, scene, Check("count", (things,)), options))
        if counted.region_ids:
            yield counted
            return
    if (above := _on_it(engine, scene, request)) is not None:
        found = yield from relay(locate(engine, scene, above, options))
        if found.region_ids and not isinstance(found.outcome, Unmet):
            yield from describe(engine, found.scene, Describe(Target(region_ids=found.region_ids)), options)
            return
    question = _tidy(request.question)
    subjects = [region for number in request.subjects if (region := scene.region(number))]
    if subjects:
        names = {region.id: name_of(engine, scene, region, options) for region in subjects}
        question = name_subjects(question, names)
    short = scene.picture and engine.about.short_answers and _SHORT.match(question)
    ability = ABILITIES["short" if short else "ask"]
    told = history(scene, engine.about.remembers)
    with closing(
        converse(engine, scene, ability, ability.fill(question=question), options, history=told)
    ) as results:
        yield from results


def _counted(engine: Engine, scene: Scene, request: Ask) -> Target | None:
    """Return what is to be counted by finding it, None where the question is put as it is.

    On 150 drawn scenes, two alike were counted rightly in 78 % by finding them and in 28 % by the question.
    """
    things = _HOW_MANY.fullmatch(request.question) if request.family == "count" else None
    small = scene.picture is not None and not engine.about.vocabulary.talks
    if not things or not small or request.subjects or not engine.is_drawn(need_picture(scene)):
        return None
    return Target(singular(things["things"]), every=True)


def _on_it(engine: Engine, scene: Scene, request: Ask) -> Target | None:
    """Return what is to be found where a question asks what lies on a thing of a drawing, else None.

    Of 40 such questions about drawn scenes 24 were answered rightly by finding it, 21 as they were put.
    """
    below = _LIES_ON.fullmatch(request.question) if request.family == "on-what" else None
    small = scene.picture is not None and not engine.about.vocabulary.talks
    if not below or not small or request.subjects or not engine.is_drawn(need_picture(scene)):
        return None
    return Target(relation="on", near=Target(below["below"]))


def _tidy(question: str) -> str:
    """Return a question on one line, with a capital first and a question mark at its end."""
    question = question.strip()
    if _SHORT.match(question) and question[-1] not in "?!.":
        question += "?"
    return question[0].upper() + question[1:]


def history(scene: Scene, remembered: int) -> tuple[tuple[str, str], ...]:
    """Return the last questions as they were put, with their raw answers: at most `remembered`."""
    pairs = []
    for turn in scene.turns:
        if turn.role == "assistant" and turn.record and turn.raw:
            question = dict(turn.record.details).get("question")
            if question:
                pairs.append((question, turn.raw))
    return tuple(pairs[-remembered:]) if remembered else ()


def name_subjects(question: str, names: dict[int, str]) -> str:
    """Put names for numbers and pronouns: "what colour is it?" -> "what colour is the red ball?"."""

    def by_number(match: re.Match[str]) -> str:
        name = names.get(int(match[1]))
        return f"the {name}" if name else match[0]

    named = re.sub(_NUMBER, by_number, question, flags=re.IGNORECASE)
    known = [name for name in names.values() if name]
    if named != question or not known:
        return named
    if PRONOUNS["plural"].search(question):
        return PRONOUNS["plural"].sub(" and ".join(f"the {name}" for name in known), question, count=1)
    possessive = PRONOUNS["possessive"].sub(f"the {known[0]}'s", question, count=1)
    if possessive != question:
        return possessive
    return PRONOUNS["singular"].sub(f"the {known[0]}", question, count=1)


def describe(engine: Engine, scene: Scene, request: Describe, options: ReplyOptions) -> Results:
    """Say what a region is. A region without a name takes the answer as its name."""
    size_wh, target = need_picture(scene).size_wh, request.target
    ids = target.region_ids
    if target.box:
        scene, ids = merge(scene, (Finding("", target.box),), source="box")
    elif target and not ids:
        found = yield from relay(locate(engine, scene, target, options))
        scene, ids = found.scene, found.region_ids
        if not ids or isinstance(found.outcome, Unmet):
            yield replace(found, status="final")
            return
    region = need_region(scene, ids[0] if ids else None)
    scene = replace(scene, selected=region.id)
    question = region_question(region, size_wh)
    with closing(converse(engine, scene, ABILITIES["region"], question, options)) as results:
        for result in results:
            scene, outcome = result.scene, result.outcome
            assert isinstance(outcome, Reply)
            if result.status == "final" and not region.label:
                named = replace(need_region(scene, region.id), label=name_in(result.raw))
                scene = scene.with_region(named)
            ids = tuple(dict.fromkeys((region.id, *result.region_ids)))
            outcome = replace(outcome, subject=region.id)
            yield replace(result, scene=scene, outcome=outcome, region_ids=ids)


def marks(engine: Engine, scene: Scene, request: Marks, options: ReplyOptions) -> Results:
    """Describe several regions by their numbers, or say how they relate."""
    size_wh = need_picture(scene).size_wh
    regions = [need_region(scene, number) for number in request.region_ids]
    prompt = ABILITIES["marks"].prompt
    assert prompt
    points = [(region.id, _middle(region, size_wh)) for region in regions]
    wording = next((words for words in prompt.wordings if "relationship" in words), None)
    question = prompt.fill(marks=points, wording=wording if request.question else None)
    record = Record("marks", engine.about.model, options.seed)
    result = TaskResult(scene, MarkedReply(), record, "partial", request.region_ids)
    with closing(engine.stream(scene.picture, question, options)) as replies:
        for raw in replies:
            result = replace(result, raw=raw)
            yield result
    yield replace(result, status="final", repeated=isinstance(result.raw, CutReply))


def _middle(region: Region, size_wh: tuple[int, int]) -> tuple[float, float]:
    x, y = to_square(((region.box.x1 + region.box.x2) / 2, (region.box.y1 + region.box.y2) / 2), size_wh)
    return x, y
