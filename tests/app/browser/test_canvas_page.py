"""What a visitor does on the canvas in a real browser, by pointer, finger and keyboard."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from pipelines.scene import Box, Mask

pytestmark = pytest.mark.browser

Opened = Callable[..., Page]


def at(page: Page, x: float, y: float, size: tuple[int, int] = (200, 200)) -> tuple[float, float]:
    """Return where a pixel of the picture lies on the screen."""
    frame = page.locator(".canvas img.picture").bounding_box()
    assert frame
    return frame["x"] + (x + 0.5) / size[0] * frame["width"], frame["y"] + (y + 0.5) / size[1] * frame[
        "height"
    ]


def say(page: Page, words: str) -> None:
    page.fill("#words textarea", words)
    page.press("#words textarea", "Enter")


def things(page: Page) -> Locator:
    return page.locator(".canvas .thing")


def masks(page: Page) -> Locator:
    return page.locator(".canvas .thing path.mask")


def zoom(page: Page) -> float:
    return float(page.get_attribute(".canvas", "data-zoom") or 0)


def drag(page: Page, *points: tuple[float, float], release: bool = True) -> None:
    page.mouse.move(*at(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*at(page, *point), steps=4)
    if release:
        page.mouse.up()


def test_words_pasted_from_an_office_program_stay_words(opened: Opened):
    page = opened()
    page.mouse.click(*at(page, 70, 100))
    expect(masks(page)).to_have_count(1)
    shown = page.get_attribute(".canvas img.picture", "src")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    bitmap = io.BytesIO()
    Image.new("RGB", (120, 40), "white").save(bitmap, "PNG")
    page.evaluate(
        """async (bitmap) => navigator.clipboard.write([new ClipboardItem({
            'text/plain': new Blob(['find the red ball'], {type: 'text/plain'}),
            'text/html': new Blob(['<b>find the red ball</b>'], {type: 'text/html'}),
            'image/png': await (await fetch('data:image/png;base64,' + bitmap)).blob(),
        })])""",
        base64.b64encode(bitmap.getvalue()).decode(),
    )
    page.focus("#words textarea")
    page.keyboard.press("Control+V")
    expect(page.locator("#words textarea")).to_have_value("find the red ball")
    page.wait_for_timeout(500)
    assert page.get_attribute(".canvas img.picture", "src") == shown
    expect(page.locator(".canvas.choosing")).to_have_count(0)
    expect(masks(page)).to_have_count(1)
    # an undo key in the field is the field's own
    page.keyboard.press("Control+Z")
    expect(masks(page)).to_have_count(1)


HOST = """<!doctype html><body style="margin: 0">
<iframe id="f" style="width: 1200px; height: START; border: 0" src="ADDRESS"></iframe>
<script>
  // what a page does that gives the frame the height which the page in it asks for
  const frame = document.querySelector("#f");
  window.asked = [];
  const begin = () => frame.contentWindow.postMessage(
    "[iFrameSizer]f:0:false:true:32:true:true:null:bodyOffset:null:null:0:false:parent:scroll:true", "*");
  frame.addEventListener("load", begin);
  setInterval(begin, 500);
  addEventListener("message", ({data}) => {
    if (typeof data !== "string" || !data.startsWith("[iFrameSizer]f:")) return;
    const height = Number(data.slice(15).split(":")[0]);
    if (!(height > 0)) return;
    window.asked.push(height);
    frame.style.height = height + "px";
  });
</script>"""


@pytest.fixture
def host() -> Iterator[Callable[[str], str]]:
    """Serve a page of another origin, and return its address."""
    page = b""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()

    def host(content: str) -> str:
        nonlocal page
        page = content.encode()
        return f"http://127.0.0.1:{server.server_port}/"

    yield host
    server.shutdown()
    server.server_close()


def test_a_frame_that_follows_the_page_neither_shrinks_nor_grows_for_ever(assistant, serve, browser, host):
    address = serve(assistant)
    context = browser.new_context(viewport={"width": 1240, "height": 900})
    for start in ("400px", "1600px"):
        page = context.new_page()
        page.goto(host(HOST.replace("ADDRESS", address).replace("START", start)))
        frame = page.frame_locator("#f")
        expect(frame.locator(".top .state:not(.waiting)")).to_be_visible()
        page.wait_for_function("window.asked.length > 0")
        page.wait_for_timeout(2000)
        height = page.evaluate("document.querySelector('#f').offsetHeight")
        assert 500 < height < 2000
        expect(frame.locator(".canvas .intake [data-act=file]")).to_be_in_viewport()
        page.wait_for_timeout(1500)
        assert abs(page.evaluate("document.querySelector('#f').offsetHeight") - height) < 50
        page.close()
    context.close()


def test_a_phone_opens_at_its_top_and_keeps_the_message_box_in_reach(opened: Opened):
    page = opened(phone=True)
    assert page.evaluate("[scrollY, document.activeElement === document.body]") == [0, True]
    words = page.locator("#words textarea")
    expect(words).to_be_in_viewport()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(words).to_be_in_viewport()
    expect(page.locator("#acts")).to_be_in_viewport()
    say(page, "Describe the picture with boxes")
    answer = page.locator("#chat .bot.message").last
    expect(answer).to_contain_text("blue cup")
    expect(answer).to_be_in_viewport()
    box, field = answer.bounding_box(), page.locator("#words").bounding_box()
    assert box
    assert field
    assert box["y"] + box["height"] <= field["y"] + 1
    # a phrase brings the picture back into sight
    page.locator("#chat span.region", has_text="red ball").tap()
    expect(page.locator(".canvas .row.selected")).to_contain_text("red ball")
    expect(page.locator(".canvas .stage")).to_be_in_viewport(ratio=0.9)


def test_on_a_phone_the_picture_stays_in_sight_beside_every_answer(opened: Opened):
    page = opened(phone=True)
    stage, canvas = page.locator(".canvas .stage"), page.locator(".canvas")
    expect(canvas).not_to_have_class(re.compile("afloat"))
    whole = stage.bounding_box()
    for count in range(1, 4):
        say(page, "Describe the picture with boxes")
        expect(page.locator("#chat .bot.message .region")).to_have_count(2 * count)
        expect(page.locator("#words .stop-button")).to_have_count(0)
    expect(canvas).to_have_class(re.compile("afloat"))
    expect(stage).to_be_in_viewport(ratio=0.99)
    answer = page.locator("#chat .bot.message").last
    expect(answer).to_be_in_viewport(ratio=0.99)
    small, words = stage.bounding_box(), answer.bounding_box()
    assert whole
    assert small
    assert words
    assert 0.25 * 844 < small["height"] < whole["height"]
    assert words["y"] >= small["y"] + small["height"]  # the picture hides nothing of it
    img = page.locator(".canvas img.picture").bounding_box()
    assert img
    assert img["height"] <= small["height"]  # all of it is shown
    # a phrase lights its thing, and a tap outlines it, where the picture is now
    answer.locator("span.region", has_text="blue cup").tap()
    expect(page.locator(".canvas .row.selected")).to_contain_text("blue cup")
    page.touchscreen.tap(*at(page, 70, 100))
    expect(masks(page)).to_have_count(1)
    # it makes room for a drawer, and its arrow leads back to its own place
    page.locator("#acts >> text=Options").tap()
    expect(page.locator("#options.open")).to_be_in_viewport(ratio=0.9)
    expect(page.locator(".canvas .to-picture")).to_be_hidden()
    page.locator("#acts >> text=Options").tap()
    page.locator(".canvas .to-picture").tap()
    expect(canvas).not_to_have_class(re.compile("afloat"))
    expect(page.locator(".canvas-bar")).to_be_in_viewport()
    again = stage.bounding_box()
    assert again
    assert again["height"] == pytest.approx(whole["height"], abs=2)


def test_a_drawer_opens_in_sight_above_the_message_box_of_a_phone(opened: Opened):
    page = opened(phone=True)
    for name in ("Export", "About"):
        page.locator(f"#acts >> text={name}").tap()
        drawer = page.locator(f"#{name.lower()}.open")
        expect(drawer).to_be_in_viewport(ratio=0.9)
        shown, field = drawer.bounding_box(), page.locator("#words").bounding_box()
        assert shown
        assert field
        assert shown["y"] + shown["height"] <= field["y"] + 1
    expect(page.locator("#about .forget")).to_be_in_viewport()


def test_a_file_that_is_chosen_before_the_scripts_are_there_is_opened(assistant, serve, visit, picture):
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page = visit(serve(assistant), prepare=lambda page: page.route("**/intake.js*", hold))
    page.set_input_files(".canvas input.file", picture)
    while not held:
        page.wait_for_timeout(50)
    for route in held:
        route.continue_()
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()


def test_a_finger_that_is_up_lights_nothing(opened: Opened):
    page = opened(phone=True)
    page.touchscreen.tap(*at(page, 70, 100))
    expect(masks(page)).to_have_count(1)
    say(page, "Describe the picture with boxes")
    expect(things(page)).to_have_count(2)
    expect(page.locator("#words .stop-button")).to_have_count(0)
    expect(page.locator(".canvas.lighting")).to_have_count(0)


def press_long(page: Page, x: float, y: float) -> None:
    touch = page.context.new_cdp_session(page)
    point = [{"x": x, "y": y}]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": point})
    # the finger is still down when the answer is drawn under it
    expect(page.locator(".canvas .dot.minus")).to_have_count(1)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_long_press_subtracts(opened: Opened, segmenter):
    page = opened(phone=True)
    page.touchscreen.tap(*at(page, 70, 100))
    expect(masks(page)).to_have_count(1)
    press_long(page, *at(page, 76, 108))
    page.wait_for_timeout(300)  # what the release would press
    expect(page.locator(".canvas .dot.minus")).to_have_count(1)
    asked = [[click.positive for click in clicks] for _, clicks in segmenter.asked]
    assert [True, False] in asked


@pytest.mark.parametrize("size", [(3000, 240), (240, 3000)])
def test_a_panorama_fills_a_phone_and_a_finger_moves_it(opened: Opened, tmp_path, size):
    path = tmp_path / "long.png"
    Image.effect_noise(size, 60).convert("RGB").save(path)
    page = opened(phone=True, path=path)
    stage = page.locator(".canvas .stage").bounding_box()
    before = page.locator(".canvas img.picture").bounding_box()
    assert stage
    assert before
    assert before["width"] >= stage["width"] - 3
    assert before["height"] >= stage["height"] - 3
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    touch = page.context.new_cdp_session(page)
    dx, dy = (-90, 0) if size[0] > size[1] else (0, -90)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for part in (0.3, 0.6, 1):
        point = {"x": x + part * dx, "y": y + part * dy}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    after = page.locator(".canvas img.picture").bounding_box()
    assert after
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((dx, dy), abs=15)
    expect(page.locator(".canvas .thing")).to_have_count(0)


@pytest.mark.parametrize("size", [(3000, 150), (150, 3000)])
def test_beside_the_answers_a_sliver_is_whole_and_back_in_its_place_it_fills(opened: Opened, tmp_path, size):
    path = tmp_path / "long.png"
    Image.effect_noise(size, 60).convert("RGB").save(path)
    page = opened(phone=True, path=path)
    canvas, picture = page.locator(".canvas"), page.locator(".canvas img.picture")
    filled = picture.bounding_box()
    for count in range(1, 4):
        say(page, "Describe the picture with boxes")
        expect(page.locator("#chat .user.message")).to_have_count(count)
        expect(page.locator("#words .stop-button")).to_have_count(0)
    expect(canvas).to_have_class(re.compile("afloat"))
    expect(canvas).to_have_attribute("data-zoom", "1.00")
    expect(picture).to_be_in_viewport(ratio=0.99)
    page.locator(".canvas .to-picture").tap()
    expect(canvas).not_to_have_class(re.compile("afloat"))
    page.wait_for_timeout(500)  # it scrolls smoothly
    back = picture.bounding_box()
    assert filled
    assert back
    assert (back["width"], back["height"]) == pytest.approx((filled["width"], filled["height"]), abs=2)


def test_escape_cancels_a_drag_and_leaves_things_one_by_one(opened: Opened, segmenter):
    page = opened()
    page.mouse.click(*at(page, 70, 100))
    expect(masks(page)).to_have_count(1)
    asked = len(segmenter.asked)
    drag(page, (110, 70), (160, 150), release=False)
    expect(page.locator(".canvas .rubber")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".canvas .rubber")).to_be_hidden()
    page.mouse.move(*at(page, 180, 180))
    page.mouse.up()
    page.wait_for_timeout(300)
    assert len(segmenter.asked) == asked
    # then the full screen, then the selection
    page.keyboard.press("f")
    expect(page.locator(".canvas.full")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".canvas.full")).to_have_count(0)
    expect(page.locator(".canvas .row.selected")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".canvas .row.selected")).to_have_count(0)


@pytest.mark.parametrize("size", [(900, 300), (120, 400)])
def test_a_mask_lies_on_its_thing_at_any_size_of_picture_and_window(opened: Opened, tmp_path, size):
    # segment-anything #795: the outline is drawn beside its thing where the picture is shown at another size
    Image.effect_noise(size, 60).convert("RGB").save(tmp_path / "long.png")
    page = opened(path=tmp_path / "long.png")
    page.mouse.click(*at(page, 60, 100, size))
    expect(masks(page)).to_have_count(1)
    for width, height in ((1440, 900), (1100, 640), (700, 900)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)  # the page settles
        frame = page.locator(".canvas img.picture").bounding_box()
        shape = masks(page).bounding_box()
        assert frame
        assert shape
        scale = frame["width"] / size[0]
        assert frame["height"] / size[1] == pytest.approx(scale, rel=0.02)
        x, y = at(page, 60, 100, size)
        assert shape["x"] + shape["width"] / 2 == pytest.approx(x, abs=2)
        assert shape["y"] + shape["height"] / 2 == pytest.approx(y, abs=2)
        assert shape["width"] == pytest.approx(41 * scale, abs=2 * scale + 3)  # the fake's disc


def test_the_wheel_zooms_and_the_picture_fits_both_ways(opened: Opened):
    page = opened()
    page.mouse.move(*at(page, 150, 120))
    page.mouse.wheel(0, -500)
    page.wait_for_function("Number(document.querySelector('.canvas').dataset.zoom) > 1.5")
    page.keyboard.press("0")  # a shortcut of the picture; nothing has the focus yet
    page.click(".canvas [data-act='fit']")
    assert zoom(page) == 1
    page.click(".canvas [data-act='fill']")
    stage, img = page.locator(".canvas .stage").bounding_box(), page.locator("img.picture").bounding_box()
    assert stage
    assert img
    assert img["width"] >= stage["width"] - 3
    assert img["height"] >= stage["height"] - 3
    page.locator(".canvas .stage").focus()
    page.keyboard.press("0")
    assert zoom(page) == 1


def test_a_brush_adds_an_eraser_takes_and_keys_undo(opened: Opened, assistant):
    page = opened()
    page.click(".canvas [data-tool='brush']")
    drag(page, (40, 40), (90, 40), release=False)
    expect(page.locator(".canvas .stroke path")).to_be_attached()
    page.mouse.up()
    expect(masks(page)).to_have_count(1)
    expect(page.locator(".canvas .stroke path")).to_have_count(0)
    expect(page.locator(".canvas .detail .facts")).to_contain_text("painted by hand")
    before = page.get_attribute(".canvas .thing path.mask", "d")
    drag(page, (90, 40), (90, 90))
    expect(page.locator(".canvas .thing path.mask")).not_to_have_attribute("d", before or "")
    expect(things(page)).to_have_count(1)
    page.click(".canvas [data-tool='eraser']")
    whole = page.get_attribute(".canvas .thing path.mask", "d")
    drag(page, (30, 40), (60, 40))
    expect(page.locator(".canvas .thing path.mask")).not_to_have_attribute("d", whole or "")
    page.keyboard.press("Control+Z")
    expect(page.locator(".canvas .thing path.mask")).to_have_attribute("d", whole or "")
    page.keyboard.press("Control+Z")
    expect(page.locator(".canvas .thing path.mask")).to_have_attribute("d", before or "")
    page.keyboard.press("Control+Shift+Z")
    expect(page.locator(".canvas .thing path.mask")).to_have_attribute("d", whole or "")
    # Escape drops a stroke
    drag(page, (90, 90), (150, 90), release=False)
    page.keyboard.press("Escape")
    expect(page.locator(".canvas .stroke path")).to_have_count(0)
    page.mouse.up()
    expect(page.locator(".canvas .thing path.mask")).to_have_attribute("d", whole or "")


def test_the_keyboard_alone_clicks_boxes_and_chooses(opened: Opened, segmenter):
    page = opened()
    stage = page.locator(".canvas .stage")
    stage.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    expect(page.locator(".canvas .cursor")).to_be_visible()
    expect(page.locator(".canvas .spoken")).to_have_text(re.compile(r"^\d+, 99$"))
    page.keyboard.press("Enter")
    expect(masks(page)).to_have_count(1)
    (x, y), positive = segmenter.asked[-1][1][0]
    assert (y, positive) == (99, True)
    assert x < 100
    expect(page.locator(".canvas .spoken")).not_to_be_empty()
    expect(stage).to_be_focused()
    page.keyboard.press("Alt+Enter")
    expect(page.locator(".canvas .dot.minus")).to_have_count(1)
    # SAM's other answers by their numbers
    page.keyboard.press("2")
    expect(page.locator(".canvas .row .choices button").nth(1)).to_have_class("chosen")
    page.keyboard.press("1")
    expect(page.locator(".canvas .row .choices button").nth(0)).to_have_class("chosen")
    # a box: its first corner, its other one
    page.keyboard.press("Escape")
    expect(page.locator(".canvas .row.selected")).to_have_count(0)
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("b")
    for _ in range(6):
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(masks(page)).to_have_count(2)
    box = segmenter.asked[-1][0]
    assert isinstance(box, Box)
    assert box.x2 - box.x1 > 3
    assert box.y2 - box.y1 > 3
    # the alternative text says what was found
    alt = page.get_attribute(".canvas img.picture", "alt")
    assert alt is not None
    assert "Found: #1" in alt


def test_each_of_sams_three_outlines_is_chosen_by_its_number(opened: Opened, segmenter, monkeypatch):
    outline = segmenter.outline

    def three(*given, **named):
        whole, part = outline(*given, **named)
        return whole, part, (Mask.from_crop(np.ones((9, 9), bool), Box(60, 90, 69, 99)), 0.25)

    monkeypatch.setattr(segmenter, "outline", three)
    page = opened()
    page.mouse.click(*at(page, 70, 100))
    choices = page.locator(".canvas .row .choices button")
    expect(choices).to_have_text(["1 0.90", "2 0.50", "3 0.25"])
    first = page.get_attribute(".canvas .thing path.mask", "d")
    page.keyboard.press("3")
    expect(choices.nth(2)).to_have_class("chosen")
    expect(page.locator(".canvas .detail .facts")).to_contain_text("0.2 % of the picture")
    assert page.get_attribute(".canvas .thing path.mask", "d") != first
    page.keyboard.press("4")  # there is none
    page.keyboard.press("2")
    expect(choices.nth(1)).to_have_class("chosen")
    page.keyboard.press("1")
    expect(page.locator(".canvas .thing path.mask")).to_have_attribute("d", first or "")
    # while words are typed, a number is a number
    page.click("#words textarea")
    page.keyboard.press("3")
    expect(page.locator("#words textarea")).to_have_value("3")
    expect(choices.nth(0)).to_have_class("chosen")


def test_the_alternative_text_tells_what_was_found_and_where(opened: Opened):
    page = opened()
    picture = page.locator(".canvas img.picture")
    expect(picture).to_have_attribute(
        "alt", "A picture of 200 by 200 pixels. Nothing has been found on it yet."
    )
    say(page, "Describe the picture with boxes")
    expect(picture).to_have_attribute(
        "alt",
        "A picture of 200 by 200 pixels. Found: #1 red ball in the middle, #2 blue cup at the right.",
    )
    expect(page.locator("#words .stop-button")).to_have_count(0)
    page.locator(".canvas .row.region-1 .gone").click()
    expect(picture).to_have_attribute("alt", re.compile(r"Found: #2 blue cup at the right\.$"))
    for name in page.locator("img:visible").evaluate_all(
        "images => images.map((img) => img.getAttribute('alt'))"
    ):
        assert name is not None


def test_the_tray_hides_renames_names_in_words_and_acts(opened: Opened):
    page = opened()
    say(page, "Describe the picture with boxes")
    expect(things(page)).to_have_count(2)
    expect(page.locator("#words .stop-button")).to_have_count(0)
    # the eye
    eye = page.locator(".canvas .row.region-2 .eye")
    eye.click()
    expect(things(page)).to_have_count(1)
    expect(page.locator(".canvas .tag.region-2")).to_have_count(0)
    expect(page.locator(".canvas .row.region-2 .eye")).to_be_focused()
    page.locator(".canvas .row.region-2 .eye").click()
    expect(things(page)).to_have_count(2)
    # choosing puts the name into the words, where the caret is
    page.fill("#words textarea", "Replace  with a star")
    page.evaluate("document.querySelector('#words textarea').setSelectionRange(8, 8)")
    page.locator(".canvas .row.region-2 .row-main").click()
    expect(page.locator("#words textarea")).to_have_value("Replace @2 with a star")
    expect(page.locator(".canvas .row.selected")).to_contain_text("blue cup")
    # another name, and the focus stays in its field
    page.fill(".canvas .detail input.rename", "my mug")
    page.keyboard.press("Enter")
    expect(page.locator(".canvas .row.region-2")).to_contain_text("my mug")
    expect(page.locator(".canvas .detail input.rename")).to_be_focused()
    # what can be done with it
    page.fill("#words textarea", "")
    page.locator(".canvas .detail button", has_text="Replace").click()
    expect(page.locator("#words textarea")).to_have_value("Replace @2 with ")
    expect(page.locator("#words textarea")).to_be_focused()
    page.locator(".canvas .detail button", has_text="Segment").click()
    expect(page.locator("#chat .user.message").last).to_contain_text("Segment @2")
    expect(masks(page)).to_have_count(1)
    expect(page.locator(".canvas .detail .facts")).to_contain_text("% of the picture")
    with page.expect_download() as download:
        page.locator(".canvas .detail button", has_text="Cut out").click()
    assert download.value.suggested_filename == "2-my-mug.png"


def test_the_tray_asks_removes_and_saves_a_mask_and_tells_the_score(opened: Opened):
    page = opened()
    page.mouse.click(*at(page, 70, 100))
    expect(masks(page)).to_have_count(1)
    expect(page.locator(".canvas .row .score")).to_have_text("90%")
    expect(page.locator(".canvas .detail .facts")).to_contain_text("outlined from clicks")
    acts = page.locator(".canvas .detail-acts button")
    expect(acts).to_have_text(["Ask", "Remove", "Replace …", "Cut out", "Mask"])
    with page.expect_download() as download:
        acts.nth(4).click()
    plane = np.asarray(Image.open(download.value.path()))
    assert plane.shape == (200, 200)
    assert plane[100, 70] == 255
    assert plane[5, 5] == 0
    acts.nth(0).click()
    expect(page.locator("#chat .user.message").last).to_contain_text("What is @1?")
    expect(page.locator("#words .stop-button")).to_have_count(0)
    acts.nth(1).click()
    expect(page.locator("#chat .user.message").last).to_contain_text("Remove @1")
    expect(page.locator(".canvas.has-before")).to_be_visible()
    expect(page.locator("#words .stop-button")).to_have_count(0)


def test_a_click_on_a_thing_on_the_selected_thing_begins_a_new_region(opened: Opened, segmenter):
    page = opened()
    page.mouse.click(*at(page, 100, 100))
    expect(page.locator(".canvas .row.selected")).to_contain_text("#1")
    segmenter.radius = 5  # what lies there is smaller
    page.mouse.click(*at(page, 108, 92))
    expect(masks(page)).to_have_count(2)
    expect(page.locator(".canvas .row.selected")).to_contain_text("#2")
    # the smaller one is chosen by a click, though the larger one lies below it
    page.locator(".canvas .row.region-1 .row-main").click()
    expect(page.locator(".canvas .row.selected")).to_contain_text("#1")
    page.mouse.click(*at(page, 112, 92))  # beside the dot, which would take the click back
    expect(page.locator(".canvas .row.selected")).to_contain_text("#2")


def test_a_region_is_saved_in_the_colour_that_the_page_gives_it(opened: Opened):
    page = opened()
    say(page, "Describe the picture with boxes")
    expect(things(page)).to_have_count(2)
    expect(page.locator("#words .stop-button")).to_have_count(0)
    colours = [
        page.locator(f".canvas .thing.region-{number} .box").evaluate(
            "(node) => getComputedStyle(node).stroke"
        )
        for number in (1, 2)
    ]
    page.click("#acts >> text=Export")
    with page.expect_download() as download:
        page.click("#export button >> text=Picture with regions")
    drawn = {
        tuple(pixel) for pixel in np.asarray(Image.open(download.value.path()).convert("RGB")).reshape(-1, 3)
    }
    for colour in colours:
        assert tuple(int(part) for part in re.findall(r"\d+", colour)[:3]) in drawn


def test_the_focus_stays_on_what_was_pressed(opened: Opened):
    page = opened()
    say(page, "Describe the picture with boxes")
    expect(things(page)).to_have_count(2)
    expect(page.locator("#words .stop-button")).to_have_count(0)
    row = page.locator(".canvas .row.region-2 .row-main")
    row.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".canvas .row.selected")).to_contain_text("blue cup")
    expect(row).to_be_focused()
    # what is taken away leaves the focus on the picture
    page.locator(".canvas .row.region-2 .gone").focus()
    page.keyboard.press("Enter")
    expect(things(page)).to_have_count(1)
    expect(page.locator(".canvas .stage")).to_be_focused()


def test_before_and_after_by_slider_and_key_and_the_states_between(opened: Opened):
    page = opened()
    say(page, "remove the red ball")
    expect(page.locator(".canvas.has-before")).to_be_visible()
    expect(page.locator("#words .stop-button")).to_have_count(0)
    shown = page.get_attribute(".canvas img.picture", "src") or ""
    page.locator(".canvas .stage").focus()
    page.keyboard.down("v")
    expect(page.locator(".canvas img.picture")).not_to_have_attribute("src", shown)
    page.keyboard.up("v")
    expect(page.locator(".canvas img.picture")).to_have_attribute("src", shown)
    page.click(".canvas [data-hold]")
    before = page.locator(".canvas img.before")
    expect(before).to_be_visible()
    clip = before.evaluate("(node) => getComputedStyle(node).clipPath")
    page.locator(".canvas .split").focus()
    page.keyboard.press("End")
    assert before.evaluate("(node) => getComputedStyle(node).clipPath") != clip
    # at its right end all of the picture is the one before
    shown_px, wide = before.evaluate(
        "(node) => [parseFloat(getComputedStyle(node).clipPath.match(/([0-9.]+)px\\)/)[1]), node.offsetWidth]"
    )
    assert shown_px >= wide - 1
    page.click(".canvas [data-hold]")
    expect(before).to_be_hidden()
    # the strip of states goes back and forth
    states = page.locator(".canvas .history .thumb")
    expect(states).to_have_count(2)
    states.first.click()
    expect(page.locator(".canvas img.picture")).not_to_have_attribute("src", shown)
    expect(states.first).to_have_class(re.compile("chosen"))
    states.nth(1).click()
    expect(page.locator(".canvas img.picture")).to_have_attribute("src", shown)


def test_labels_keep_clear_of_one_another_and_a_layout_shows_its_order(opened: Opened, vlm):
    vlm.replies["layout"] = (
        "<p>title</p>[0.10,0.05,0.90,0.15], <p>text</p>[0.10,0.20,0.45,0.90], "
        "<p>text</p>[0.55,0.20,0.90,0.90]"
    )
    page = opened()
    say(page, "show the layout of the page")
    expect(things(page)).to_have_count(3)
    expect(page.locator(".canvas .order-line")).to_have_count(1)
    for x, y in ((40, 60), (60, 160), (140, 60), (150, 160)):
        drag(page, (x, y), (x + 30, y + 20))
        page.keyboard.press("Escape")
        page.wait_for_timeout(100)
    expect(masks(page)).to_have_count(4)
    page.wait_for_timeout(300)
    rects = page.evaluate(
        """[...document.querySelectorAll('.canvas .tag:not(.unplaced)')].map((tag) => {
            const {left, top, right, bottom} = tag.getBoundingClientRect();
            return [left, top, right, bottom];
        })"""
    )
    assert len(rects) >= 5
    for index, (left, top, right, bottom) in enumerate(rects):
        for other in rects[:index]:
            assert left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]


def test_light_or_dark_is_remembered(assistant, serve, visit):
    page = visit(serve(assistant))
    dark = page.evaluate("document.body.classList.contains('dark')")
    page.click(".top .theme")
    page.reload()
    page.wait_for_selector(".top .state:not(.waiting)")
    assert page.evaluate("document.body.classList.contains('dark')") != dark
