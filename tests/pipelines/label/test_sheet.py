"""The contact sheet: what is in it, in which order; a browser's test is in `tests/app/browser`."""

from __future__ import annotations

import json
import re

import pytest

from pipelines.label.dataset import flat_names, split_names


@pytest.fixture
def made(folder, label, tmp_path):
    """A labelled folder: where its sheet lies."""
    to = tmp_path / "set"
    label(
        folder, "--find", "cup", "--find", "ball", "--segment", "--describe", "--to", to, "--format", "jsonl"
    )
    return to


def test_names_of_strangers_are_no_markup(folder, label, tmp_path):
    (folder / "a.png").rename(folder / "<b>&.png")
    to = tmp_path / "set"
    label(folder, "--find", "cup", "--to", to)
    html = (to / "index.html").read_text("utf-8")
    assert "<b>&.png" not in html
    data = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert data
    assert "<b>&.png" in [row["name"] for row in json.loads(data[1])["pictures"]]


def test_doubtful_pictures_come_first(made):
    html = (made / "index.html").read_text("utf-8")
    found = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    data = json.loads(found[1])
    sure = [min((one["score"] for one in row["regions"]), default=0.8) for row in data["pictures"]]
    assert sure == sorted(sure)


def test_names_and_splits_are_the_same_whatever_comes_in_between():
    names = ["a/x.png", "a/x.jpg", "b/x.png", "A__X_png.png"]
    flat = flat_names(names)
    assert len({one.casefold() for one in flat.values()}) == 4
    assert flat["b/x.png"] == "b__x"
    split = split_names([str(n) for n in range(10)], (0.5, 0.5), seed=1)
    assert sorted(split.values()) == ["train"] * 5 + ["val"] * 5
    assert split_names([str(n) for n in range(10)], (0.5, 0.5), seed=2) != split
