"""The same work on many machines: Ray Data hands pictures to actors, each with models of its own.

The manifest stays where the command runs, and has the news of each picture as soon as it is finished. Every
machine needs this program, the weights, and the pictures under the same path. An actor that dies is replaced,
and its pictures are done again.
"""

from __future__ import annotations

import logging
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipelines.errors import MissingCapability
from pipelines.label.run import Finished, News, Task, Works, in_threads


class Worker:
    """An actor: loads the models once, and works on a batch of pictures at once."""

    def __init__(self, make: Callable[[], Works], at_once: int) -> None:
        self._works = make()
        self._at_once = at_once

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, list[bytes]]]:
        """Yield the news of each picture of a batch.

        They come in the batch's order, whichever is finished first: where an actor died, Ray leaves out as
        many of its successor's as had arrived.
        """
        tasks = [pickle.loads(data) for data in batch["task"]]
        told: dict[str, list[News]] = {task.name: [] for task in tasks}
        left = deque(told)
        for one in in_threads(self._works, tasks, self._at_once):
            told[one.name].append(one)
            while left and told[left[0]] and isinstance(told[left[0]][-1], Finished):
                yield {"news": [pickle.dumps(told.pop(left.popleft()))]}


def in_actors(
    make: Callable[[], Works], waiting: Sequence[Task], *, actors: int, at_once: int
) -> Iterator[News]:
    """Carry out tasks in actors.

    Args:
        make: loads what carries them out; it is called once in each actor.
        actors: how many; 0 for one a GPU of the cluster, or one where there is none.
        at_once: pictures that an actor works on together.
    Raises:
        MissingCapability: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingCapability(
            "--ray needs Ray: pip install -r requirements-cluster.txt, or leave --ray out."
        ) from None
    if not waiting:
        return
    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = 1  # byte: a picture's news are not held back for those of others
    gpus = int(ray.cluster_resources().get("GPU", 0))
    rows = [{"task": pickle.dumps(task._replace(path=task.path.absolute()))} for task in waiting]
    found = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // at_once)).map_batches(
        Worker,
        fn_constructor_args=(make, at_once),
        batch_size=at_once,
        batch_format="numpy",
        num_gpus=1 if gpus else 0,
        compute=ray.data.ActorPoolStrategy(size=actors or gpus or 1),
    )
    for row in found.iter_rows():
        yield from pickle.loads(row["news"])
