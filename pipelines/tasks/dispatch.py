"""Which task carries out which request: one row for each type of request.

Undo and redo are not among them: they act on the visit's timeline, which its owner holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language import requests as req
from pipelines.language.requests import Request
from pipelines.scene import Scene
from pipelines.tasks.alter import background, extend, move, obscure, show_alone
from pipelines.tasks.ask import ask, describe, marks
from pipelines.tasks.check import check
from pipelines.tasks.edit import edit
from pipelines.tasks.find import find, whole_picture
from pipelines.tasks.masks import forget, reshape, select
from pipelines.tasks.outline import outline
from pipelines.tasks.pose import pose
from pipelines.tasks.regions import need_picture
from pipelines.tasks.results import Results
from pipelines.tasks.segment_all import segment_all
from pipelines.tasks.talk import ask_back, talk

Task = Callable[[Engine, Scene, Any, ReplyOptions], Results]

TASKS: dict[type, Task] = {
    req.Ask: ask,
    req.Check: check,
    req.WholePicture: whole_picture,
    req.Find: find,
    req.Outline: outline,
    req.Everything: segment_all,
    req.Describe: describe,
    req.Marks: marks,
    req.Pose: pose,
    req.Edit: edit,
    req.Background: background,
    req.CutOut: show_alone,
    req.Obscure: obscure,
    req.Extend: extend,
    req.Move: move,
    req.Resize: move,
    req.Reshape: reshape,
    req.Select: select,
    req.Forget: forget,
    req.Help: talk,
    req.SmallTalk: talk,
    req.CannotDo: talk,
    req.NotUnderstood: talk,
    req.UnknownWord: talk,
    req.AskBack: ask_back,
}
WITHOUT_PICTURE = (
    req.Ask, req.Help, req.SmallTalk, req.CannotDo, req.NotUnderstood, req.UnknownWord, req.AskBack,
)  # fmt: skip
"""Requests that can be served before a picture is there."""


def run_task(engine: Engine, scene: Scene, request: Request, options: ReplyOptions) -> Results:
    """Carry out a request: yield results that grow, the last one final.

    Raises:
        DemoError: it cannot be served, with the reason and what would work.
    """
    about_picture = isinstance(request, req.Ask) and request.family
    if about_picture or not isinstance(request, WITHOUT_PICTURE):
        need_picture(scene)
    return TASKS[type(request)](engine, scene, request, options)
