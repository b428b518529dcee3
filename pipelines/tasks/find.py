"""What is on the picture, and where: captions, lists, and boxes for what was named."""

from __future__ import annotations

from pipelines.abilities import ABILITIES
from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language.nouns import singular
from pipelines.language.requests import Find, Target, WholePicture
from pipelines.scene import Scene
from pipelines.tasks.converse import converse
from pipelines.tasks.results import Results
from pipelines.tasks.targets import locate


def whole_picture(engine: Engine, scene: Scene, request: WholePicture, options: ReplyOptions) -> Results:
    """Say something about the whole picture."""
    ability = ABILITIES[request.ability]
    return converse(engine, scene, ability, ability.fill(), options)


def find(engine: Engine, scene: Scene, request: Find, options: ReplyOptions) -> Results:
    """Give boxes for a phrase."""
    if request.target:
        return locate(engine, scene, request.target, options)
    if request.ability == "detect":
        return locate(engine, scene, Target(singular(request.phrase), every=True), options, known=False)
    if request.ability == "locate":
        return locate(engine, scene, Target(request.phrase), options, known=False)
    ability = ABILITIES[request.ability]
    return converse(engine, scene, ability, ability.fill(phrase=request.phrase), options, request.phrase)
