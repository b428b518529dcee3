"""The same work in two actors of Ray Data gives the same; an actor that is killed is replaced."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import time
from functools import partial

import numpy as np
import pytest

pytest.importorskip("ray.data", reason="pip install -r requirements-cluster.txt")

import ray

from pipelines.label.on_ray import Worker, in_actors
from pipelines.label.run import Finished, Opened, Task, in_threads
from pipelines.label.work import Labeller
from tests.pipelines.label.conftest import JOBS, done
from tests.pipelines.label.faked import Signing, faked


@pytest.fixture(scope="module")
def cluster():
    ray.init(num_cpus=2, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    yield
    ray.shutdown()


class Slower(Labeller):
    """A labeller that takes the longer the earlier a picture comes."""

    def label(self, picture, job):
        green = np.asarray(self._engine.pictures.photo(picture).image)[0, 0, 1]
        time.sleep(0.1 if green == 0 else 0)
        return super().label(picture, job)


def test_an_actor_tells_of_each_picture_by_itself_and_in_order(photos):
    names = [path.name for path in sorted(photos.iterdir())][:6]
    given = [pickle.dumps(Task(name, photos / name, None, (), JOBS)) for name in names]
    worker = Worker(lambda: Slower(faked()), at_once=3)
    rows = [pickle.loads(data) for row in worker({"task": given}) for data in row["news"]]
    assert [[one.name for one in row] for row in rows] == [[name] * 4 for name in names]
    assert all(isinstance(row[0], Opened) and isinstance(row[-1], Finished) for row in rows)


def test_two_actors_give_what_threads_give_also_when_one_is_killed(cluster, photos, tmp_path):
    alone = done(photos, tmp_path / "threads", partial(in_threads, Labeller(faked()), at_once=2))
    signed = tmp_path / "signed"
    signed.mkdir()

    def killing(waiting):
        killed = False
        for one in in_actors(partial(Signing, signed, 0.2), waiting, actors=2, at_once=2):
            yield one
            there = [int(path.name) for path in signed.iterdir()]
            if not killed and len(there) == 2:
                os.kill(there[0], signal.SIGKILL)
                killed = True
        assert killed

    assert done(photos, tmp_path / "actors", killing) == alone
    assert len(list(signed.iterdir())) == 3
