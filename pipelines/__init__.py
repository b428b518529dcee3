"""Pictures, regions and requests: SPHINX chained with SAM and Stable Diffusion, without any widget.

import pipelines

assistant = pipelines.load()
scene = assistant.open("park.png")
for scene in assistant.reply(scene, "segment the red ball"):
    print(scene.turns[-1].text)
"""

from pipelines.assistant import Assistant
from pipelines.catalog import Settings, load
from pipelines.engine import About
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Scene, Timeline

__all__ = ["About", "Assistant", "DemoError", "ReplyOptions", "Scene", "Settings", "Timeline", "load"]
