"""Folders of little pictures, and the labelling command over the fakes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipelines import shell
from pipelines.label import command, weights
from pipelines.label.classes import Wanted
from pipelines.label.manifest import Manifest
from pipelines.label.run import keep, scan, tasks
from pipelines.label.work import CAPTION, Job
from tests.pipelines.label.faked import faked

PICTURES = 24
JOBS = (Job("class cup", Wanted("cup", ("cup",)), segment=True), Job(CAPTION))


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
def photos(tmp_path):
    """A folder of `PICTURES` pictures."""
    place = tmp_path / "photos"
    place.mkdir()
    for number in range(PICTURES):
        picture(number * 10).save(place / f"{number:02}.png")
    return place


def done(photos, to, work):
    """Carry out `JOBS` on them by `work`; what lies in the manifest afterwards."""
    with Manifest(to) as manifest:
        manifest.update(scan(photos, to))
        finished, failed = keep(manifest, work(tasks(manifest, photos, JOBS)), lambda name, counts: None)
        assert (finished, failed) == (PICTURES, [])
        assert not tasks(manifest, photos, JOBS)
        return [
            (entry, *(manifest.found(entry.name, job.digest) for job in JOBS)) for entry in manifest.entries()
        ]


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
