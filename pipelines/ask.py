"""Open questions, the description of one region, and questions about several numbered ones.

Pronouns and numbers in a question are replaced by the names of the regions they stand for, so that a
checkpoint which remembers no conversation still knows what "it" is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from model.image_processing_sphinx import to_square
from pipelines.errors import DemoError
from pipelines.interfaces import Scenes
from pipelines.language.references import PRONOUNS
from pipelines.language.requests import Ask, Marks, Target
from pipelines.merge import merge, need_picture, need_region
from pipelines.scene import Record, Region, Scene, Span, Turn
from pipelines.tasks import TASKS, Finding

if TYPE_CHECKING:
    from pipelines.assistant import Assistant, ReplyOptions

_SHORT = re.compile(
    r"^(?:and |so |but |then )?(?:what|which|who|whose|where|when|how (?:many|much|old|big|large|tall)"
    r"|is|are|was|were|does|do|did|can|has|have|could|will)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = r"(?:[#@]\s*|\b(?:region|number|mark|object|thing|box)\s+#?)(\d+)\b"


def ask(assistant: Assistant, scene: Scene, request: Ask, options: ReplyOptions) -> Scenes:
    """An open question, with or without a picture."""
    if not request.question:
        raise DemoError("There are no words: ask something about the picture, or say what to do with it.")
    question = _tidy(request.question)
    subjects = [region for number in request.subjects if (region := scene.region(number))]
    if subjects:
        names = {
            region.id: region.label or describe_silently(assistant, scene, region, options)
            for region in subjects
        }
        question = name_subjects(question, names)
    ability = "short" if scene.picture and assistant.about.short_answers and _SHORT.match(question) else "ask"
    sentence = TASKS[ability].prompt.fill(question=question)
    with closing(
        assistant.look(scene, ability, sentence, options, history=history(assistant, scene))
    ) as scenes:
        yield from scenes


def _tidy(question: str) -> str:
    """As questions are written: on a line, a capital first, a question mark where it is missing."""
    question = question.strip()
    if _SHORT.match(question) and question[-1] not in "?!.":
        question += "?"
    return question[0].upper() + question[1:]


def history(assistant: Assistant, scene: Scene) -> tuple[tuple[str, str], ...]:
    """The last questions as they were put, with their raw answers, as many as the checkpoint remembers."""
    pairs = []
    for turn in scene.turns:
        if turn.role == "assistant" and turn.record and turn.raw:
            question = dict(turn.record.details).get("question")
            if question:
                pairs.append((question, turn.raw))
    return tuple(pairs[-assistant.about.remembers :]) if assistant.about.remembers else ()


def name_subjects(question: str, names: dict[int, str]) -> str:
    """Names for numbers and pronouns: "what colour is it?" -> "what colour is the red ball?"."""

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


def describe_silently(assistant: Assistant, scene: Scene, region: Region, options: ReplyOptions) -> str:
    """What SPHINX calls a region, in a few words; empty where it says there is nothing."""
    size_wh = need_picture(scene).size_wh
    prompt = TASKS["region"].prompt
    raw = assistant.complete(scene, prompt.fill(box=_square(region, size_wh)), options)
    return str(prompt.read(raw))[:80]


def describe(assistant: Assistant, scene: Scene, target: Target, options: ReplyOptions) -> Scenes:
    """What a region is. A region without a name takes the answer as its name."""
    size_wh = need_picture(scene).size_wh
    if target.box:
        scene, ids = merge(scene, (Finding("", target.box),), source="box")
        target = Target(region_ids=ids)
    region = need_region(scene, target.region_ids[0] if target.region_ids else None)
    scene = replace(scene, selected=region.id)
    question = TASKS["region"].prompt.fill(box=_square(region, size_wh))
    grown = scene
    with closing(assistant.look(scene, "region", question, options)) as scenes:
        for grown in scenes:
            yield _about(grown, region.id)
    name = str(TASKS["region"].prompt.read(grown.turns[-1].raw))
    if name and not region.label:
        region = need_region(grown, region.id)
        yield _about(grown.with_region(replace(region, label=name[:80])), region.id)


def _about(scene: Scene, region_id: int) -> Scene:
    """The last turn with "#3: " before it, tied to the region."""
    turn = scene.turns[-1]
    head = f"#{region_id}: "
    spans = (
        Span(0, len(head) - 2, (region_id,)),
        *(Span(a + len(head), b + len(head), i) for a, b, i in turn.spans),
    )
    return replace(scene, turns=(*scene.turns[:-1], replace(turn, text=head + turn.text, spans=spans)))


def marks(assistant: Assistant, scene: Scene, request: Marks, options: ReplyOptions) -> Scenes:
    """Describe several regions by their numbers, or say how they relate."""
    size_wh = need_picture(scene).size_wh
    regions = [need_region(scene, number) for number in request.region_ids]
    prompt = TASKS["marks"].prompt
    points = [(region.id, _middle(region, size_wh)) for region in regions]
    wording = (
        next((words for words in prompt.wordings if "relationship" in words), None)
        if request.question
        else None
    )
    question = prompt.fill(marks=points, wording=wording)
    scene = assistant.warn(scene, "marks")
    turn = Turn("assistant", "", record=Record("marks", assistant.about.model, options.seed))
    raw = ""
    with closing(assistant.stream(scene, question, options)) as replies:
        for raw in replies:
            yield _marked(scene, raw, request.region_ids, replace(turn, raw=raw))
    yield _marked(scene, raw, request.region_ids, replace(turn, raw=raw))


def _marked(scene: Scene, raw: str, ids: Sequence[int], turn: Turn) -> Scene:
    """The reply with "#3" for "<Mark 3>", each tied to its region."""
    text = re.sub(r"<?\s*\bmark\s+(\d{1,6})\s*>?", r"#\1", raw, flags=re.IGNORECASE)
    spans = tuple(
        Span(match.start(), match.end(), (int(match[1]),))
        for match in re.finditer(r"#(\d+)", text)
        if int(match[1]) in ids
    )
    return scene.with_turn(replace(turn, text=text, spans=spans))


def _square(region: Region, size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = to_square(region.box, size_wh)
    return x1, y1, x2, y2


def _middle(region: Region, size_wh: tuple[int, int]) -> tuple[float, float]:
    x, y = to_square(((region.box.x1 + region.box.x2) / 2, (region.box.y1 + region.box.y2) / 2), size_wh)
    return x, y
