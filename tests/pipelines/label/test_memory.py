"""Ten thousand empty little pictures: memory stays flat, and the manifest is small."""

import tracemalloc

from pipelines.label.classes import Wanted
from pipelines.label.dataset import Dataset
from pipelines.label.formats import write_formats
from pipelines.label.manifest import NAME, Manifest
from pipelines.label.run import Done, Finished, Opened, keep, tasks
from pipelines.label.work import Job

PICTURES = 10_000
JOBS = tuple(Job(f"class {name}", Wanted(name, (name,))) for name in ("cat", "dog", "bird", "fish"))


def test_ten_thousand_empty_pictures(tmp_path):
    """Over made-up news, since opening so many files takes minutes; what opens them keeps nothing."""

    def news(waiting):
        for task in waiting:
            yield Opened(task.name, task.name.encode() * 4, (8, 8))
            for job in task.jobs:
                yield Done(task.name, job, [])
            yield Finished(task.name)

    peaks = []
    with Manifest(tmp_path / "set") as manifest:
        for count in (PICTURES // 10, PICTURES):
            manifest.update([(f"{number:05}.png", 70, number) for number in range(count)])
            waiting = tasks(manifest, tmp_path, JOBS)
            tracemalloc.start()
            keep(manifest, news(waiting), lambda name, counts: None)
            write_formats(Dataset(manifest, tmp_path, JOBS), tmp_path / "set", ["coco", "jsonl"])
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert (tmp_path / "set" / NAME).stat().st_size < 5_000_000
    assert peaks[1] < 20_000_000  # a data set's names and sizes: two kilobytes a picture at most
    assert not list((tmp_path / "set").glob("*-wal"))
