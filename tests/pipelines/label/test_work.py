"""The work on pictures, several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pipelines.label.work import CAPTION, Job, Labeller
from tests.pipelines.label.conftest import picture
from tests.pipelines.label.faked import faked


def test_two_files_with_the_same_pixels_do_not_take_each_other_away(tmp_path):
    labeller, job = Labeller(faked()), Job(CAPTION)
    for name in ("a.png", "b.bmp"):
        picture(100).save(tmp_path / name)
    first, second = labeller.open(tmp_path / "a.png"), labeller.open(tmp_path / "b.bmp")
    assert first == second
    labeller.close(first)
    kept = labeller._engine.pictures
    assert kept.path(second).exists()
    assert labeller.label(second, job) == [{"caption": "A picture of 100."}]
    labeller.close(second)
    assert not list(kept.folder.iterdir())


def test_many_threads_open_and_close_the_same_pixels(tmp_path):
    labeller, job = Labeller(faked()), Job(CAPTION)
    picture(100).save(tmp_path / "a.png")

    def work(_: int) -> object:
        opened = labeller.open(tmp_path / "a.png")
        labeller._engine.pictures.photo(opened)
        rows = labeller.label(opened, job)
        labeller.close(opened)
        return rows

    with ThreadPoolExecutor(8) as threads:
        assert all(rows == [{"caption": "A picture of 100."}] for rows in threads.map(work, range(200)))
    assert not list(labeller._engine.pictures.folder.iterdir())
