"""What SPHINX calls a region: asked in a sentence that the visitor does not see.

Knows one ability, the description of a region; who asks for it, and why, is left to the tasks.
"""

from __future__ import annotations

from model.image_processing_sphinx import to_square
from pipelines.abilities import ABILITIES
from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Region, Scene
from pipelines.tasks.regions import need_picture

LONGEST_NAME = 80  # characters of a region's name


def name_of(engine: Engine, scene: Scene, region: Region, options: ReplyOptions) -> str:
    """Return what a region is called: its label, or what SPHINX calls it."""
    return region.label or describe_region(engine, scene, region, options)


def describe_region(engine: Engine, scene: Scene, region: Region, options: ReplyOptions) -> str:
    """Return what SPHINX calls a region, in a few words; empty where it says there is nothing."""
    picture = need_picture(scene)
    raw = engine.complete(picture, region_question(region, picture.size_wh), options)
    return name_in(raw)


def name_in(raw: str) -> str:
    """Return the name in SPHINX's description of a region."""
    prompt = ABILITIES["region"].prompt
    assert prompt
    return str(prompt.read(raw))[:LONGEST_NAME]


def region_question(region: Region, size_wh: tuple[int, int]) -> str:
    """Return SPHINX's full sentence that asks what a region is."""
    x1, y1, x2, y2 = to_square(region.box, size_wh)
    return ABILITIES["region"].fill(box=(x1, y1, x2, y2))
