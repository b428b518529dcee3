"""The same work in several processes gives the same; one that is killed costs what it had in hand."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from functools import partial

import psutil
import pytest

from pipelines.errors import DemoError
from pipelines.label import command
from pipelines.label.in_processes import in_processes
from pipelines.label.manifest import Manifest
from pipelines.label.run import in_threads, keep, scan, tasks
from pipelines.label.work import Labeller
from pipelines.settings import Settings
from tests.pipelines.label.conftest import JOBS, PICTURES, done
from tests.pipelines.label.faked import Signing, faked


class Broken(Labeller):
    """A labeller that fails at once."""

    def __init__(self):
        super().__init__(faked())

    def label(self, picture, job):
        raise ZeroDivisionError("broken")


@pytest.fixture
def signed(tmp_path):
    """A folder in which each process that labels leaves a file of its number."""
    folder = tmp_path / "signed"
    folder.mkdir()
    return folder


def processes(signed, waiting, *, pause=0.1, at_once=2):
    """Carry out tasks in this process and one more."""
    make = partial(Signing, signed, pause)
    return in_processes(make, make(), waiting, processes=2, at_once=at_once)


def gone(number):
    """Whether a process has ended, or does within ten seconds."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_two_processes_give_what_threads_give(photos, signed, tmp_path):
    alone = done(photos, tmp_path / "threads", partial(in_threads, Labeller(faked()), at_once=2))
    # so slow that the other process is there before all is done
    assert done(photos, tmp_path / "processes", partial(processes, signed, pause=0.5)) == alone
    numbers = {int(path.name) for path in signed.iterdir()}
    assert len(numbers) == 2
    assert all(gone(number) for number in numbers - {os.getpid()})


def test_a_killed_process_is_said_and_the_rest_is_done_by_the_next_run(photos, signed, tmp_path):
    with Manifest(tmp_path / "set") as manifest:
        manifest.update(scan(photos, tmp_path / "set"))

        def killing():
            for one in processes(signed, tasks(manifest, photos, JOBS), pause=0.5):
                yield one
                for path in signed.iterdir():
                    if int(path.name) != os.getpid():
                        os.kill(int(path.name), signal.SIGKILL)

        with pytest.raises(DemoError, match=r"ended from outside.*--processes 1"):
            keep(manifest, killing(), lambda name, counts: None)
        left = tasks(manifest, photos, JOBS)
        assert 0 < len(left) < PICTURES
        assert keep(manifest, processes(signed, left), lambda name, counts: None) == (len(left), [])


def test_what_fails_in_another_process_is_told_with_its_place(photos, signed, tmp_path):
    with Manifest(tmp_path / "set") as manifest:
        manifest.update(scan(photos, tmp_path / "set"))
        works = Signing(signed, 0.5)
        news = in_processes(Broken, works, tasks(manifest, photos, JOBS), processes=2, at_once=1)
        with pytest.raises(RuntimeError, match="ZeroDivisionError: broken"):
            list(news)


def reporting(photos, signed, to):
    """Label in this process and another one, for long."""
    with Manifest(to) as manifest:
        manifest.update(scan(photos, to))
        keep(manifest, processes(signed, tasks(manifest, photos, JOBS), pause=2), lambda name, counts: None)


def test_the_others_end_with_the_one_that_reports(photos, signed, tmp_path):
    context = multiprocessing.get_context("spawn")
    first = context.Process(target=reporting, args=(photos, signed, tmp_path / "set"))
    first.start()
    ends = time.monotonic() + 60
    while len(numbers := {int(path.name) for path in signed.iterdir()}) < 2 and time.monotonic() < ends:
        time.sleep(0.05)
    first.kill()
    first.join()
    assert len(numbers) == 2
    assert all(gone(number) for number in numbers)


@pytest.mark.parametrize(
    ("settings", "pictures", "count"),
    [
        (Settings(device="cpu"), 10_000, 6),
        (Settings(device="cpu"), 2 * command.WORTH, 2),
        (Settings(device="cpu"), 2 * command.WORTH - 1, 1),
        (Settings(device="cpu"), 1, 1),
        (Settings(model="sphinx-tiny-1k", device="cpu"), 10_000, 1),
        (Settings(segmenter="sam-vit-b", device="cpu"), 10_000, 1),
    ],
)
def test_only_small_models_on_many_pictures_get_more_processes(settings, pictures, count, monkeypatch):
    monkeypatch.setattr(command.os, "sched_getaffinity", lambda process: range(6), raising=False)
    assert command._processes(settings, pictures) == count
