"""One sentence to SPHINX, one reply, read as it grows: captions, lists, and boxes for a phrase."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from pipelines.abilities import ABILITIES, Ability
from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language.nouns import plural, singular
from pipelines.language.requests import Find, Look, Target
from pipelines.language.rules import is_relation
from pipelines.readings import Reading, read_without_picture
from pipelines.scene import Record, Scene
from pipelines.tasks.regions import merge
from pipelines.tasks.results import Reply, Results, TaskResult


def look(engine: Engine, scene: Scene, request: Look, options: ReplyOptions) -> Results:
    """Say something about the whole picture."""
    ability = ABILITIES[request.ability]
    return converse(engine, scene, ability, ability.fill(), options)


def find(engine: Engine, scene: Scene, request: Find, options: ReplyOptions) -> Results:
    """Give boxes for a phrase."""
    ability = ABILITIES[request.ability]
    label = singular(request.phrase) if request.ability == "detect" else request.phrase
    return converse(engine, scene, ability, ability.fill(phrase=request.phrase), options, label)


def find_target(engine: Engine, scene: Scene, target: Target, options: ReplyOptions) -> Results:
    """Give boxes for a target's phrase, by the ability that suits it."""
    if target.every:
        ability, asked, label = "detect", plural(target.phrase), singular(target.phrase)
    else:
        ability = "relation" if is_relation(target.phrase) else "locate"
        asked = label = target.phrase
    row = ABILITIES[ability]
    return converse(engine, scene, row, row.fill(phrase=asked), options, label)


def converse(
    engine: Engine,
    scene: Scene,
    ability: Ability,
    question: str,
    options: ReplyOptions,
    phrase: str = "",
    history: Sequence[tuple[str, str]] = (),
) -> Results:
    """Put one sentence to SPHINX and read its reply as it grows: the way of most abilities.

    Args:
        question: SPHINX's full sentence.
        phrase: what was asked for; names the boxes that come without words.
        history: earlier questions with their raw answers, oldest first.
    """
    details = (("question", question), *((("phrase", phrase),) if phrase else ()))
    record = Record(ability.name, engine.about.model, options.seed, details=details)
    raw, tokens = "", 0
    with closing(engine.stream(scene.picture, question, options, history)) as replies:
        for raw in replies:
            tokens += 1
            result = _read(scene, ability, raw, phrase, replace(record, tokens=tokens), ended=False)
            yield replace(result, status="partial")
    yield _read(scene, ability, raw, phrase, replace(record, tokens=tokens), ended=True)


def _read(
    scene: Scene, ability: Ability, raw: str, phrase: str, record: Record, *, ended: bool
) -> TaskResult:
    """Merge what a reply names into the scene. The first finding becomes the selected region."""
    if scene.picture is None:
        reading: Reading = read_without_picture(raw, ended)
    else:
        reading = ability.read(raw, scene.picture.size_wh, phrase, ended)
    scene, ids = merge(scene, reading.findings)
    if ids:
        scene = replace(scene, selected=ids[0])
    return TaskResult(scene, Reply(reading, ids), record, region_ids=tuple(dict.fromkeys(ids)), raw=raw)
