"""One sentence to SPHINX, one reply, read as it grows: the way of most abilities."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from pipelines.abilities import Ability
from pipelines.engine import Engine
from pipelines.interfaces import CutReply, ReplyOptions
from pipelines.readings import Reading, read_without_picture
from pipelines.routing import expert_for
from pipelines.scene import Picture, Record, Scene
from pipelines.tasks.regions import merge
from pipelines.tasks.results import Queued, Reply, Results, TaskResult


def converse(
    engine: Engine,
    scene: Scene,
    ability: Ability,
    question: str,
    options: ReplyOptions,
    phrase: str = "",
    history: Sequence[tuple[str, str]] = (),
) -> Results:
    """Put one sentence to SPHINX and read its reply as it grows.

    Args:
        question: SPHINX's full sentence.
        phrase: what was asked for; names the boxes that come without words.
        history: earlier questions with their raw answers, oldest first.
    """
    named = (("phrase", phrase),) if phrase else ()
    details = (("question", question), *named, *looked(engine, options, scene.picture, question))
    record = Record(ability.name, engine.about.model, options.seed, details=details)
    raw, tokens = "", 0
    with closing(engine.stream(scene.picture, question, options, history)) as replies:
        for grown in replies:
            if raw and grown == raw:  # said again while the model is busy with others
                continue
            if not grown and (place := engine.waiting()):
                yield TaskResult(scene, Queued("question", *place), record, "partial")
                continue
            raw, tokens = grown, tokens + 1
            result = _read(scene, ability, raw, phrase, replace(record, tokens=tokens), ended=False)
            yield replace(result, status="partial")
    result = _read(scene, ability, raw, phrase, replace(record, tokens=tokens), ended=True)
    yield replace(result, repeated=isinstance(raw, CutReply))


def looked(
    engine: Engine, options: ReplyOptions, picture: Picture | None, question: str
) -> tuple[tuple[str, str], ...]:
    """What of SPHINX was used, for the record: views, encoders, and which of its experts where it has two."""
    encoders = options.encoders or engine.about.encoders
    found = [("views", str(options.views or engine.views_of(picture)))]
    if encoders:
        found.append(("encoders", ", ".join(encoders)))
    if options.beta is not None:
        found.append(("beta", f"{options.beta:.2f}"))
    elif engine.about.experts and picture is not None:
        found.append(("expert", expert_for(question, drawn=engine.is_drawn(picture))))
    return tuple(found)


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
