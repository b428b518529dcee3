"""`serve run tests.app.fake_cluster:demo`: the cluster with fakes for models, which answer slowly and count.

Each forward pass adds a byte to a file that is named after the process, in the folder SPHINX_TEST_PASSES.
"""

import os
import time
from pathlib import Path
from typing import Any

from ray import serve

from app.cluster import Replicas, application
from pipelines.engine import About
from pipelines.interfaces import Replies
from pipelines.settings import Settings
from tests.conftest import FakeInpainter, FakeSegmenter, FakeVLM

PAUSE = 0.3  # seconds a forward pass
LONG = "a long story"  # what is asked for so that the answer takes PASSES


class SlowVLM(FakeVLM):
    """Says its process's number, and that in many passes where it is asked for a story."""

    def stream(self, *given: Any, **named: Any) -> Replies:
        if LONG not in given[3]:
            self.otherwise = f"I am {os.getpid()}."
            yield from super().stream(*given, **named)
            return
        passes = Path(os.environ["SPHINX_TEST_PASSES"]) / str(os.getpid())
        said = f"I am {os.getpid()}."
        for number in range(100):
            time.sleep(PAUSE)
            with passes.open("a") as file:
                file.write(".")
            said += f" Word {number}."
            yield said


def fakes(kind: str, settings: Settings) -> tuple[Any, About | None]:
    """A fake in place of each model."""
    if kind == "segmenter":
        return FakeSegmenter(), None
    if kind == "inpainter":
        return FakeInpainter(), None
    return SlowVLM(), About(model="fake-sphinx", device="cpu", why="the tests need no more", most_views=5)


def demo(args: Replicas) -> serve.Application:
    """The application that `serve run` runs."""
    return application(args, fakes)
