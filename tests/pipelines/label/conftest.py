"""Folders of little pictures, and the labelling command over the fakes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipelines import shell
from pipelines.label import command, weights
from tests.pipelines.label.faked import faked


def picture(green: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture on which the fake finds something, the further right the greener it is; 0 is nothing."""
    return Image.fromarray(np.full((size[1], size[0], 3), (90, green, 30), np.uint8))


@pytest.fixture
def folder(tmp_path):
    """Six pictures, some in sub-folders with one name, and one that is none."""
    place = tmp_path / "photos"
    for name, green in [
        ("a.png", 100), ("b.png", 0), ("one/a.png", 150), ("one/c.bmp", 200), ("two/a.png", 220),
    ]:  # fmt: skip
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(green).save(path)
    (place / "broken.jpg").write_bytes(b"no picture")
    (place / "notes.txt").write_text("not looked at")
    return place


@pytest.fixture
def label(monkeypatch, capsys):
    """Run the command in this process: (status, output, errors); `label.asked` are the questions so far."""
    assistants = []

    def load(settings):
        assistants.append(faked())
        return assistants[-1]

    monkeypatch.setattr(shell, "load", load)
    names = {"model": "fake 1", "segmenter": "fake 2", "inpainter": "fake 3"}
    monkeypatch.setattr(weights, "weights_of", lambda settings: dict(names))

    def label(*arguments: object) -> tuple[int, str, str]:
        status = command.main([str(argument) for argument in arguments])
        return (status, *capsys.readouterr())

    label.names = names
    label.asked = lambda: [question for one in assistants for question in one.engine.vlm.asked]
    return label
