"""A run that is killed at any moment, and run again, gives what an undisturbed one gives."""

import multiprocessing
import os
import random
import re
import signal
import time

import pytest

from pipelines import shell
from pipelines.label import command, weights
from pipelines.label.manifest import Manifest
from tests.pipelines.label.conftest import picture
from tests.pipelines.label.faked import faked
from tests.pipelines.label.test_command import contents

KILLS = 5
AT_ONCE = 2
PAUSE = 0.03  # seconds an answer takes


@pytest.fixture
def many(tmp_path):
    place = tmp_path / "photos"
    (place / "more").mkdir(parents=True)
    for number in range(40):
        picture(number * 6).save(place / ("more" if number % 3 else ".") / f"{number:02}.png")
    return place


def run(place, to, asked, kill_after=None):
    """Label in a process of its own, over the fakes; killed after so many seconds. The exit status.

    It is forked, since importing takes longer than all that is to be interrupted.
    """
    process = multiprocessing.get_context("fork").Process(target=labelling, args=(place, to, asked))
    process.start()
    process.join(kill_after)
    process.kill()
    process.join()
    return process.exitcode


def labelling(place, to, asked):
    os.environ |= {"LABEL_PAUSE": str(PAUSE), "LABEL_ASKED": str(asked)}
    shell.load = lambda settings: faked()
    weights.weights_of = lambda settings: {"model": "fake 1", "segmenter": "fake 2", "inpainter": "fake 3"}
    arguments = [
        place, "--find", "cup", "--find", "ball", "--segment", "--describe", "--to", to, "--at-once", AT_ONCE,
        "--format", "coco", "yolo", "voc", "masks", "jsonl", "--split", ".8,.1,.1",
    ]  # fmt: skip
    os._exit(command.main(list(map(str, arguments))))


def timeless(to):
    """The files of a data set, without the manifest and without dates."""
    return {
        name: re.sub(rb'"date_created": "[^"]*"|"folder":"[^"]*"', b"", data)
        for name, data in contents(to).items()
        if not name.startswith("manifest")
    }


def test_killed_at_five_moments_it_goes_on_and_ends_the_same(many, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    needed, asked = tmp_path / "needed", tmp_path / "asked"
    began = time.monotonic()
    assert run(many, whole, needed) == 0
    lasted = time.monotonic() - began
    rng = random.Random(29)
    counted = [0]
    for _ in range(KILLS):
        assert run(many, killed, asked, kill_after=rng.uniform(0.1, 0.5) * lasted) in (0, -signal.SIGKILL)
        assert all(name.startswith(".") for name in contents(killed) if ".part" in name or ".old" in name)
        with Manifest(killed) as manifest:
            counted.append(sum(1 for entry in manifest.entries() if entry.size_wh))
    assert counted == sorted(counted)
    assert run(many, killed, asked) == 0
    assert timeless(killed) == timeless(whole)
    assert not [path for path in killed.iterdir() if path.name.startswith(".")]
    # every answer is kept by itself: a kill costs of each picture that is worked on the answer that was being
    # found, and one that was on its way into the manifest
    assert asked.stat().st_size - needed.stat().st_size <= 2 * KILLS * AT_ONCE


def test_two_runs_at_once_are_refused(many, tmp_path, label):
    with Manifest(tmp_path / "set"):
        status, _, err = label(many, "--find", "cup", "--to", tmp_path / "set")
    assert (status, err.count("\n")) == (2, 1)
    assert "Another run" in err
