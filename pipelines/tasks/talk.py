"""Requests that need no model: conversation, and questions back. Nothing on the picture is changed."""

from __future__ import annotations

from dataclasses import replace

from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language.choosing import resolve
from pipelines.language.requests import AskBack
from pipelines.scene import Record, Scene
from pipelines.tasks.results import Conversation, Question, Results, Talk, TaskResult, Unmet, relay
from pipelines.tasks.targets import locate

MOST_CANDIDATES = 4  # phrases that are looked for to be lit up


def talk(engine: Engine, scene: Scene, request: Talk, options: ReplyOptions) -> Results:
    """Answer in words alone."""
    words = tuple(one.words for one in request.suggestions)
    yield TaskResult(scene, Conversation(request), Record("talk", ""), suggestions=words)


def ask_back(engine: Engine, scene: Scene, request: AskBack, options: ReplyOptions) -> Results:
    """Ask what is meant, and light up what may be."""
    ids: list[int] = []
    for target in request.candidates[:MOST_CANDIDATES]:
        target = resolve(target, scene)
        if target.phrase and scene.picture:
            found = yield from relay(locate(engine, scene, target, options))
            scene = found.scene
            ids += () if isinstance(found.outcome, Unmet) else found.region_ids
        else:
            ids += (number for number in target.region_ids if scene.region(number))
    words = tuple(one.words for one in request.suggestions)
    named = tuple(dict.fromkeys(ids))
    scene = replace(scene, selected=named[0] if len(named) == 1 else None)
    yield TaskResult(scene, Question(request), Record("talk", ""), region_ids=named, suggestions=words)
