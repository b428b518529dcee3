"""The contact sheet in a real browser: filter, strike out, save; and what of it is seen without one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from pipelines.label.dataset import flat_names, split_names
from tests.app.conftest import browser  # noqa: F401


@pytest.fixture
def made(folder, label, tmp_path):
    """A labelled folder: where its sheet lies."""
    to = tmp_path / "set"
    label(
        folder, "--find", "cup", "--find", "ball", "--segment", "--describe", "--to", to, "--format", "jsonl"
    )
    return to


@pytest.fixture
def page(browser, made) -> Iterator[Page]:  # noqa: F811
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((made / "index.html").as_uri())
    yield page
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    context.close()


@pytest.mark.browser
def test_labels_are_filtered_and_struck_out(page, made, tmp_path):
    shown = page.locator("article:visible")
    expect(shown).to_have_count(5)
    expect(page.locator("#counts")).to_contain_text("5 pictures, 8 found, 0 struck out")
    page.check("#nothing")
    expect(shown).to_have_count(1)
    expect(shown.locator("h2")).to_have_text("b.png")
    page.uncheck("#nothing")
    page.select_option("#class", label="cup")
    expect(shown).to_have_count(4)
    expect(page.locator(".labels button:visible")).to_have_count(4)
    page.locator(".labels button:visible").first.click()
    expect(page.locator("#counts")).to_contain_text("1 struck out")
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "struck.json"
    rows = json.loads(download.value.path().read_text())
    assert len(rows) == 1
    assert rows[0][1] == "cup"
    page.reload()
    expect(page.locator("#counts")).to_contain_text("1 struck out")
    expect(page.locator("details#passed summary")).to_have_text("1 passed over")


def test_names_of_strangers_are_no_markup(folder, label, tmp_path):
    (folder / "a.png").rename(folder / "</script><b>.png")
    to = tmp_path / "set"
    label(folder, "--find", "cup", "--to", to)
    html = (to / "index.html").read_text("utf-8")
    assert "</script><b>" not in html
    data = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert data
    assert "</script><b>.png" in [row["name"] for row in json.loads(data[1])["pictures"]]


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
