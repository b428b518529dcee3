"""The contact sheet in a real browser: filter, strike out, save."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from pipelines import shell
from pipelines.label import command, weights
from tests.pipelines.label.conftest import picture
from tests.pipelines.label.faked import faked


@pytest.fixture
def page(browser, tmp_path, monkeypatch) -> Iterator[Page]:
    """The sheet of four pictures with two things each, one with nothing, and a file that is none."""
    monkeypatch.setattr(shell, "load", lambda settings: faked())
    names = {"model": "fake 1", "segmenter": "fake 2", "inpainter": "fake 3"}
    monkeypatch.setattr(weights, "weights_of", lambda settings: names)
    photos, to = tmp_path / "photos", tmp_path / "set"
    photos.mkdir()
    for name, green in (("a", 100), ("b", 0), ("c", 150), ("d", 200), ("e", 220)):
        picture(green).save(photos / f"{name}.png")
    (photos / "broken.jpg").write_bytes(b"no picture")
    words = [photos, "--find", "cup", "--find", "ball", "--segment", "--describe", "--to", to]
    assert command.main(list(map(str, words))) == 0
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((to / "index.html").as_uri())
    yield page
    context.close()
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)


@pytest.mark.browser
def test_labels_are_filtered_and_struck_out(page):
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
    page.wait_for_timeout(1000)  # Chromium stores in another process, which a reload at once may overtake
    page.reload()
    expect(page.locator("#counts")).to_contain_text("1 struck out")
    expect(page.locator("details#passed summary")).to_have_text("1 passed over")
