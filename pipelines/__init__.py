"""Pictures, regions and requests: SPHINX chained with SAM and Stable Diffusion, without any widget.

import pipelines

assistant = pipelines.load()
scene = assistant.open("park.png")
for scene in assistant.reply(scene, "segment the red ball"):
    print(scene.turns[-1].text)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.assistant import Assistant
    from pipelines.catalog import load
    from pipelines.engine import About
    from pipelines.errors import DemoError
    from pipelines.interfaces import ReplyOptions
    from pipelines.scene import Scene, Timeline
    from pipelines.settings import Settings

_HOMES = {
    "About": "engine",
    "Assistant": "assistant",
    "DemoError": "errors",
    "ReplyOptions": "interfaces",
    "Scene": "scene",
    "Settings": "settings",
    "Timeline": "scene",
    "load": "catalog",
}
"""Name -> its module, imported when it is first asked for: PyTorch takes seconds, which no typo must cost."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = ["About", "Assistant", "DemoError", "ReplyOptions", "Scene", "Settings", "Timeline", "load"]
