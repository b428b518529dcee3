"""An assistant that finds something else on each picture, so that a mixed-up answer is seen.

The variable LABEL_PAUSE says how many seconds an answer takes, LABEL_ASKED names a file that gets a byte for
each question.
"""

from __future__ import annotations

import os
import time

import numpy as np

from pipelines.assistant import Assistant
from pipelines.engine import About
from pipelines.label.work import Labeller
from tests.conftest import FakeInpainter, FakeSegmenter, FakeVLM


class LookingVLM(FakeVLM):
    """Finds the red ball where the upper left pixel's green says it is; nothing where that is 0."""

    def stream(self, image, digest, turns, question, *, options):
        time.sleep(float(os.environ.get("LABEL_PAUSE", "0")))
        self.asked.append(question)
        if "LABEL_ASKED" in os.environ:
            with open(os.environ["LABEL_ASKED"], "ab") as file:
                file.write(b".")
        assert image is not None
        green = int(np.asarray(image)[0, 0, 1])
        kind = sum(map(ord, question)) % 7
        box = [0.05 + green / 512, 0.1 + kind / 20, 0.25 + green / 512, 0.4 + kind / 20]
        raw = f"[{','.join(f'{number:.2f}' for number in box)}]" if green else "There is none in the image."
        if "one-sentence" in question:
            raw = f"A picture of {green}."
        yield raw[:4]
        yield raw


def faked() -> Assistant:
    """An assistant that finds something else on each picture."""
    about = About(model="fake-sphinx", device="cpu", why="the tests need no more")
    return Assistant(LookingVLM(), FakeSegmenter(), FakeInpainter(), about)


class Signing(Labeller):
    """A labeller that leaves its process's number in a folder, and takes a while for each answer."""

    def __init__(self, folder, pause):
        super().__init__(faked())
        self._pause = pause
        (folder / str(os.getpid())).touch()

    def label(self, picture, job):
        time.sleep(self._pause)
        return super().label(picture, job)
