"""Which task carries out which request: one row for each type of request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language.requests import (
    Ask,
    Describe,
    Edit,
    Everything,
    Find,
    Forget,
    Look,
    Marks,
    Outline,
    Pose,
    Request,
    Reshape,
    Select,
)
from pipelines.scene import Scene
from pipelines.tasks.ask import ask, describe, marks
from pipelines.tasks.edit import edit
from pipelines.tasks.find import find, look
from pipelines.tasks.masks import forget, reshape, select
from pipelines.tasks.outline import outline
from pipelines.tasks.pose import pose
from pipelines.tasks.regions import need_picture
from pipelines.tasks.results import Results
from pipelines.tasks.segment_all import segment_all

Task = Callable[[Engine, Scene, Any, ReplyOptions], Results]

TASKS: dict[type, Task] = {
    Ask: ask,
    Look: look,
    Find: find,
    Outline: outline,
    Everything: segment_all,
    Describe: describe,
    Marks: marks,
    Pose: pose,
    Edit: edit,
    Reshape: reshape,
    Select: select,
    Forget: forget,
}
WITHOUT_PICTURE = (Ask,)  # requests that can be served before a picture is there


def run_task(engine: Engine, scene: Scene, request: Request, options: ReplyOptions) -> Results:
    """Carry out a request: yield results that grow, the last one final.

    Raises:
        DemoError: it cannot be served, with the reason and what would work.
    """
    if not isinstance(request, WITHOUT_PICTURE):
        need_picture(scene)
    return TASKS[type(request)](engine, scene, request, options)
