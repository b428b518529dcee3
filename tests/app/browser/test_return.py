"""A visit comes back, is nobody else's, and is forgotten when the visitor says so."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app import main

pytestmark = pytest.mark.browser


@pytest.fixture
def asked(opened):
    """A visitor's page with a picture, an answer, two regions (the second one chosen), in the dark."""

    def asked() -> Page:
        page = opened()
        page.fill("#words textarea", "Describe the picture with boxes")
        page.press("#words textarea", "Enter")
        expect(page.locator(".canvas .thing.region-2")).to_be_attached()
        expect(page.locator("#chat .bot.message").last).to_contain_text("blue cup")
        expect(page.locator("#words .submit-button")).to_be_visible()
        page.click(".canvas .regions button[data-act='pick'][data-region='2']")
        expect(page.locator(".canvas.has-selected")).to_be_visible()
        if not page.evaluate("document.body.classList.contains('dark')"):
            page.click(".theme")
        return page

    return asked


def is_whole(page: Page) -> None:
    """The visit is there, as it was left."""
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    page.wait_for_function("document.querySelector('.canvas img.picture').naturalWidth === 200")
    expect(page.locator(".canvas .thing")).to_have_count(2)
    expect(page.locator(".canvas .refining")).to_contain_text("#2")
    expect(page.locator("#chat .user.message")).to_contain_text("Describe the picture with boxes")
    expect(page.locator("#chat .bot.message").last).to_contain_text("blue cup")
    assert page.evaluate("document.body.classList.contains('dark')")


def picture_of(page: Page) -> str:
    return page.evaluate("document.querySelector('.canvas img.picture').src")


def key_of(page: Page) -> dict[str, str]:
    """What this browser sends, for a client of its own."""
    return {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}  # pyright: ignore


def test_a_reload_brings_the_visit_back_with_its_undo(asked):
    page = asked()
    page.reload()
    is_whole(page)
    page.click("#undo")
    expect(page.locator(".canvas .thing")).to_have_count(0)
    expect(page.locator(".canvas.has-picture")).to_be_visible()
    page.click("#redo")
    expect(page.locator(".canvas .thing")).to_have_count(2)


def test_back_brings_the_visit_back(asked):
    page = asked()
    address = page.url
    page.goto("about:blank")
    page.go_back()
    assert page.url == address
    is_whole(page)


def test_a_tab_that_is_opened_again_goes_on_and_one_beside_it_begins_anew(asked):
    page = asked()
    beside = page.context.new_page()
    beside.goto(page.url)
    expect(beside.locator(".top .state:not(.waiting)")).to_be_visible()
    expect(beside.locator("#words .submit-button")).to_be_visible()
    expect(beside.locator(".canvas.has-picture")).to_have_count(0)
    beside.close()
    address = page.url
    again = page.context.new_page()
    page.close()
    again.wait_for_timeout(500)
    again.goto(address)
    is_whole(again)


def test_words_that_were_not_sent_are_in_the_field_again(opened):
    page = opened()
    page.fill("#words textarea", "half a question")
    page.reload()
    expect(page.locator("#words textarea")).to_have_value("half a question")
    expect(page.locator(".canvas.has-picture")).to_be_visible()


def test_the_browser_asks_first_where_the_visit_cannot_be_brought_back(opened):
    page = opened()
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.type), dialog.accept()))
    page.reload()
    assert dialogs == []  # nothing is lost
    expect(page.locator(".canvas.has-picture")).to_be_visible()
    page.evaluate("delete Storage.prototype.setItem")  # a frame that is allowed no storage
    page.click("#undo")  # leaving is only asked about where the visitor did something
    page.click("#redo")
    expect(page.locator(".canvas.has-picture")).to_be_visible()
    page.reload()
    assert dialogs == ["beforeunload"]


def test_a_picture_is_its_visits_alone(asked, visit):
    page = asked()
    address = picture_of(page)
    assert re.search(r"/kept/[0-9a-f]{64}\.png$", address)
    assert page.request.get(address).status == 200
    assert httpx.get(address).status_code == 403
    other = visit(page.url)
    assert other.request.get(address).status == 403
    # after Clear, too; undo brings it back
    page.click("#clear")
    expect(page.locator(".canvas.has-picture")).to_have_count(0)
    assert page.request.get(address).status == 403
    page.click("#undo")
    expect(page.locator(".canvas.has-picture")).to_be_visible()
    assert page.request.get(address).status == 200


def test_an_export_is_its_visits_alone(asked, visit):
    page = asked()
    page.click("#acts button >> text=Export")
    with page.expect_download() as download:
        page.click("#export button[data-kind='picture']")
    address = download.value.url
    assert "/kept/files/" in address
    with Image.open(download.value.path()) as image:
        assert image.size == (200, 200)
    assert page.request.get(address).status == 200
    assert httpx.get(address).status_code == 403
    assert visit(page.url).request.get(address).status == 403
    page.click("#clear")
    expect(page.locator(".canvas.has-picture")).to_have_count(0)
    assert page.request.get(address).status == 403


def test_forget_my_pictures_now(asked, assistant):
    page = asked()
    address = picture_of(page)
    beside = page.context.new_page()
    beside.goto(page.url)
    expect(beside.locator(".top .state:not(.waiting)")).to_be_visible()
    assert list(Path(assistant.pictures.folder).iterdir())
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#acts button >> text=About")
    page.click("#about .forget")
    expect(page.locator(".canvas.has-picture")).to_have_count(0)
    expect(page.locator("#chat .message")).to_have_count(0)
    expect(page.locator("#undo")).to_be_disabled()
    assert page.request.get(address).status == 403
    assert list(Path(assistant.pictures.folder).iterdir()) == []
    page.reload()
    expect(page.locator(".top .state:not(.waiting)")).to_be_visible()
    expect(page.locator("#words .submit-button")).to_be_visible()
    expect(page.locator(".canvas.has-picture")).to_have_count(0)


def test_the_page_says_so_where_a_visit_is_no_longer_kept(asked, assistant, serve, visit, monkeypatch):
    page = asked()
    address = picture_of(page)
    other = serve(assistant)  # the page, started anew
    key = key_of(page)
    assert httpx.get(address.replace(page.url, other), cookies=key).status_code == 403
    port = int(httpx.URL(page.url).port or 0)
    for served in serve.pages[:1]:
        served.close(verbose=False)
    monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
    again = serve(assistant)
    assert again == page.url
    page.goto(again)
    expect(page.locator(".intake-message")).to_contain_text("no longer kept")
    assert page.request.get(address).status == 403


def test_a_session_holds_the_current_picture_and_the_visit_all(asked, drawing, tmp_path):
    page = asked()
    other = tmp_path / "other.png"
    drawing.resize((120, 90)).save(other)
    page.set_input_files(".canvas input.file", other)
    page.wait_for_function("document.querySelector('.canvas img.picture').naturalWidth === 120")
    page.click("#acts button >> text=Export")
    held = {}
    for kind in ("session", "visit"):
        with page.expect_download() as download:
            page.click(f"#export button[data-kind='{kind}']")
        with zipfile.ZipFile(download.value.path()) as archive:
            pictures = [name for name in archive.namelist() if name.startswith("pictures/")]
            held[kind] = [Image.open(io.BytesIO(archive.read(name))).size for name in pictures]
    assert held == {"session": [(120, 90)], "visit": [(200, 200), (120, 90)]}


def test_what_a_photo_says_of_its_place_is_gone_with_the_upload(assistant, serve, visit, tmp_path, drawing):
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    exif[0x0110] = "Model 3"
    photo = tmp_path / "photo.jpg"
    drawing.save(photo, exif=exif)
    raw = photo.read_bytes()
    page = visit(serve(assistant))
    page.set_input_files(".canvas input.file", photo)
    page.wait_for_function("document.querySelector('.canvas img.picture').naturalWidth === 200")
    with Image.open(io.BytesIO(page.request.get(picture_of(page)).body())) as served:
        assert not served.getexif().get_ifd(0x8825)
    places = [Path(main.scratch_folder()), Path(assistant.pictures.folder)]
    kept = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert not any(path.read_bytes() == raw for path in kept)
    assert not any(path.suffix == ".part" for path in kept)
