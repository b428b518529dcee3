"""The whole page in a real browser, over fakes of the three models: what a visitor sees and does."""

from __future__ import annotations

import re
import threading

import pytest
from playwright.sync_api import Page, expect

from app import main, ui
from app.startup import Startup

pytestmark = pytest.mark.browser


def upload(page: Page, path) -> None:
    page.set_input_files(".canvas input.file", path)
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    page.wait_for_function("document.querySelector('.canvas img.picture').naturalWidth > 0")


def say(page: Page, words: str) -> None:
    page.fill("#words textarea", words)
    page.press("#words textarea", "Enter")


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the 200 x 200 picture lies on the screen."""
    frame = page.locator(".canvas img.picture").bounding_box()
    assert frame
    return frame["x"] + (x + 0.5) / 200 * frame["width"], frame["y"] + (y + 0.5) / 200 * frame["height"]


def answer(page: Page):
    return page.locator("#chat .bot.message").last


def test_words_arrive_while_the_model_still_works_and_stop_stops_it(assistant, gated, serve, visit, picture):
    page = visit(serve(assistant))
    upload(page, picture)
    say(page, "Describe the picture with boxes")
    expect(page.locator("#chat")).to_contain_text("Describe the picture with boxes")
    gated.let_through(4)
    expect(answer(page)).to_contain_text("red ball lies")
    assert gated.forward_passes == 4 < gated.words
    # what is named lights up before the sentence is over
    expect(page.locator(".canvas .thing.region-1")).to_be_attached()
    page.evaluate("window.kept = document.querySelector('.canvas .thing.region-1')")
    gated.let_through(1)
    expect(answer(page)).to_contain_text("lies beside")
    # a word more does not redraw the canvas
    assert page.evaluate("window.kept === document.querySelector('.canvas .thing.region-1')")

    before = gated.forward_passes
    page.click("#words .stop-button")
    expect(page.locator("#chat .stopped")).to_be_visible()
    gated.run_free()
    assert gated.closed.wait(30)
    assert gated.forward_passes <= before + 1
    expect(answer(page)).not_to_contain_text("grey ground")

    # the page goes on
    say(page, "Describe the picture with boxes")
    expect(answer(page)).to_contain_text("nothing else is to be seen here.")
    expect(page.locator("#chat .caret")).to_have_count(0)
    expect(page.locator("#words .stop-button")).to_have_count(0)


def test_who_closes_the_page_stops_the_model(assistant, gated, serve, visit, picture):
    page = visit(serve(assistant))
    upload(page, picture)
    say(page, "Describe the picture with boxes")
    gated.let_through(3)
    expect(answer(page)).to_contain_text("red ball")
    page.close()
    for _ in range(6):
        gated.let_through(1)
        if gated.closed.wait(1):
            break
    assert gated.closed.is_set()
    assert gated.forward_passes < 10 < gated.words


def test_what_was_mended_is_said_beside_the_region(assistant, vlm, serve, visit, picture):
    vlm.replies["describes:"] = "[-0.10,0.40,0.25,0.60]"
    page = visit(serve(assistant))
    upload(page, picture)
    say(page, "find the red ball")
    expect(page.locator(".canvas .row .note")).to_contain_text("moved to the picture's edge")
    page.click("#chat details.raw summary")
    expect(page.locator("#chat details.raw code").last).to_have_text("[-0.10,0.40,0.25,0.60]")


def test_phrases_and_regions_light_each_other(assistant, gated, serve, visit, picture):
    gated.run_free()
    page = visit(serve(assistant))
    upload(page, picture)
    say(page, "Describe the picture with boxes")
    phrase = page.locator("#chat span.region", has_text="blue cup")
    expect(phrase).to_be_visible()
    cup, ball = page.locator(".canvas .thing.region-2"), page.locator(".canvas .thing.region-1")
    phrase.hover()
    expect(cup).to_have_class(re.compile(r"\blit\b"))
    expect(ball).not_to_have_class(re.compile(r"\blit\b"))
    page.mouse.move(*at(page, 70, 100))
    expect(ball).to_have_class(re.compile(r"\blit\b"))
    expect(page.locator("#chat span.region", has_text="red ball")).to_have_class(re.compile(r"\blit\b"))
    expect(phrase).not_to_have_class(re.compile(r"\blit\b"))
    page.mouse.move(*at(page, 5, 5))
    expect(page.locator(".region.lit")).to_have_count(0)
    # the keyboard goes through the regions too
    page.locator(".canvas .stage").focus()
    page.keyboard.press("Tab")
    expect(ball).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(cup).to_be_focused()
    expect(phrase).to_have_class(re.compile(r"\blit\b"))
    page.keyboard.press("Enter")
    expect(page.locator(".canvas .row.selected")).to_contain_text("blue cup")
    page.keyboard.press("Delete")
    expect(page.locator(".canvas .thing")).to_have_count(1)


def test_clicks_and_boxes_outline_and_every_step_can_be_undone(assistant, segmenter, serve, visit, picture):
    page = visit(serve(assistant))
    upload(page, picture)
    things, masks = page.locator(".canvas .thing"), page.locator(".canvas .thing path.mask")
    page.mouse.click(*at(page, 70, 100))
    expect(masks).to_have_count(1)
    expect(page.locator(".canvas .dot.plus")).to_have_count(1)
    assert segmenter.asked[-1][1][0].point == (70, 100)
    # a click beside it adds, Alt takes away, both to the same region
    page.mouse.click(*at(page, 92, 104))
    expect(page.locator(".canvas .dot")).to_have_count(2)
    page.keyboard.down("Alt")
    page.mouse.click(*at(page, 60, 96))
    page.keyboard.up("Alt")
    expect(page.locator(".canvas .dot.minus")).to_have_count(1)
    page.mouse.click(*at(page, 76, 112), button="right")
    expect(page.locator(".canvas .dot.minus")).to_have_count(2)
    expect(things).to_have_count(1)
    # a click on a dot takes it back
    page.locator(".canvas .dot.minus").first.click()
    expect(page.locator(".canvas .dot.minus")).to_have_count(1)
    # SAM's other answer, offered with its score
    expect(page.locator(".canvas .row .choices button")).to_have_text(["1 0.90", "2 0.50"])
    page.locator(".canvas .row .choices button").nth(1).click()
    expect(page.locator(".canvas .row .choices button").nth(1)).to_have_class("chosen")
    # a drag elsewhere is a box
    page.mouse.move(*at(page, 110, 70))
    page.mouse.down()
    page.mouse.move(*at(page, 140, 100), steps=4)
    page.mouse.move(*at(page, 170, 150), steps=4)
    page.mouse.up()
    expect(masks).to_have_count(2)
    assert segmenter.asked[-1][0] == (110, 70, 171, 151)
    for count in (1, 1, 1):
        page.click("#undo")
        expect(things).to_have_count(count)
    expect(page.locator(".canvas .dot.minus")).to_have_count(2)
    page.click("#redo")
    expect(page.locator(".canvas .dot.minus")).to_have_count(1)
    for _ in range(2):
        page.click("#redo")
    expect(things).to_have_count(2)
    page.click("#clear")
    expect(page.locator(".canvas.has-picture")).to_have_count(0)
    page.click("#undo")
    expect(things).to_have_count(2)


def test_zoom_survives_an_update_and_clicks_still_land(assistant, segmenter, serve, visit, picture):
    page = visit(serve(assistant))
    upload(page, picture)
    for _ in range(3):
        page.click(".canvas [data-act='in']")
    zoom = page.get_attribute(".canvas", "data-zoom")
    assert zoom is not None
    assert float(zoom) > 2
    page.mouse.click(*at(page, 104, 98))
    expect(page.locator(".canvas .thing path.mask")).to_have_count(1)
    assert page.get_attribute(".canvas", "data-zoom") == zoom
    assert segmenter.asked[-1][1][0].point == (104, 98)


def test_a_refusal_is_said_in_the_chat_and_nothing_of_it_is_markup(assistant, serve, visit, tmp_path):
    page = visit(serve(assistant))
    say(page, "find the <img src=x onerror=alert(1)> *ball*")
    expect(page.locator("#chat .notice")).to_contain_text("There is no picture")
    expect(page.locator("#chat .user.message")).to_contain_text(
        "find the <img src=x onerror=alert(1)> *ball*"
    )
    assert page.locator("#chat .message img").count() == 0
    (tmp_path / "text.png").write_text("not a picture")
    page.set_input_files(".canvas input.file", tmp_path / "text.png")
    expect(page.locator(".canvas .intake-message")).to_contain_text("text, not a picture")
    expect(page.locator("#words .stop-button")).to_have_count(0)


def test_two_visitors_see_only_their_own(assistant, gated, serve, visit, picture, drawing, tmp_path):
    gated.run_free()
    address = serve(assistant)
    first, second = visit(address), visit(address)
    upload(first, picture)
    say(first, "Describe the picture with boxes")
    expect(answer(first)).to_contain_text("blue cup")
    expect(second.locator(".canvas.has-picture")).to_have_count(0)
    expect(second.locator("#chat .message")).to_have_count(0)
    other = tmp_path / "other.png"
    drawing.resize((120, 90)).save(other)
    upload(second, other)
    assert second.evaluate("document.querySelector('.canvas img.picture').naturalWidth") == 120
    assert first.evaluate("document.querySelector('.canvas img.picture').naturalWidth") == 200
    expect(second.locator(".canvas .thing")).to_have_count(0)
    expect(first.locator(".canvas .thing")).to_have_count(2)


def test_a_phone_has_no_horizontal_scroll_and_a_tap_outlines(assistant, gated, serve, visit, picture):
    gated.run_free()
    page = visit(serve(assistant), phone=True)
    upload(page, picture)
    say(page, "Describe the picture with boxes")
    expect(answer(page)).to_contain_text("blue cup")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".canvas .stage").scroll_into_view_if_needed()
    page.touchscreen.tap(*at(page, 70, 100))
    expect(page.locator(".canvas .thing.region-1 path.mask")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_example_and_a_suggestion_are_enough(assistant, serve, visit, picture):
    page = visit(serve(assistant, {"ball and cup": picture}))
    page.click(".canvas .example")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    page.click("#chips button >> text=Describe the picture with boxes")
    expect(answer(page)).to_contain_text("blue cup")
    # an unfinished suggestion waits in the text field
    page.click("#chips .more")
    page.click("#chips button >> text=Replace the")
    expect(page.locator("#words textarea")).to_have_value("Replace the  with ")
    page.click("#chips button >> text=Segment the")
    expect(page.locator("#words textarea")).to_be_focused()
    page.keyboard.type("blue cup")
    page.keyboard.press("Enter")
    expect(page.locator(".canvas .thing path.mask")).to_have_count(1)


def test_asking_again_and_asking_otherwise_begin_a_branch(assistant, vlm, serve, visit, picture):
    page = visit(serve(assistant))
    upload(page, picture)
    say(page, "Describe the picture with boxes")
    expect(answer(page)).to_contain_text("blue cup")
    asked = len(vlm.asked)
    vlm.replies["bounding box for each"] = "Now a <p>blue cup</p>[0.60,0.40,0.80,0.70]."
    page.click("#chat button[aria-label='Retry']")
    expect(answer(page)).to_contain_text("Now a blue cup")
    assert len(vlm.asked) == asked + 1
    expect(page.locator("#chat .caret, #chat .dots")).to_have_count(0)
    expect(page.locator("#chat .user.message")).to_have_count(1)
    expect(answer(page)).to_contain_text("blue cup")
    # each way of it is kept, and undo leads to the one before
    expect(page.locator("#chat .which")).to_have_text("2/2")
    page.click("#undo")
    expect(page.locator("#chat .which")).to_have_text("1/2")


def test_the_page_opens_before_the_models_are_there(assistant, browser, serve):
    loaded = threading.Event()

    def load():
        loaded.wait(60)
        return assistant

    page_ = ui.build(Startup(load, "slow-model").begin(), {})
    address = main.launch(page_, wait=False)
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".top .state.waiting")).to_contain_text("slow-model")
    loaded.set()
    expect(page.locator(".top .state:not(.waiting)")).to_contain_text("fake-sphinx")
    expect(page.locator("#chat")).to_contain_text("Drawn balls and cups.")
    context.close()
    page_.close(verbose=False)


def test_a_visitor_chooses_what_sphinx_looks_with(assistant, vlm, serve, visit, picture):
    page = visit(serve(assistant))
    upload(page, picture)
    say(page, "what is this?")
    expect(page.locator("#chat .bot")).to_have_count(1)
    expect(page.locator("#chat .dots, #chat .caret")).to_have_count(0)
    assert (vlm.options[-1].views, vlm.options[-1].encoders) == (1, None)
    page.click("#acts >> text=Options")
    page.locator("#views").get_by_label("the whole and its 4 parts").check()
    page.locator("#encoders").get_by_label("DINOv2").uncheck()
    say(page, "and now?")
    expect(page.locator("#chat .bot")).to_have_count(2)
    expect(page.locator("#chat .dots, #chat .caret")).to_have_count(0)
    assert (vlm.options[-1].views, vlm.options[-1].encoders) == (5, ("clip",))


def test_an_edit_shows_its_paintings_and_a_session_is_resumed(assistant, serve, visit, picture, tmp_path):
    page = visit(serve(assistant))
    upload(page, picture)
    page.click("#acts >> text=Options")
    page.locator("#options").get_by_label("number input for Edits: paintings to choose from").fill("4")
    page.locator("#options").get_by_label("number input for Edits: paintings to choose from").press("Tab")
    say(page, "replace the red ball with a blue star")
    expect(page.locator(".canvas .painting")).to_have_count(4)
    expect(page.locator("#words .stop-button")).to_have_count(0)
    page.locator(".canvas .painting").nth(1).click()
    expect(page.locator(".canvas .painting").nth(1)).to_have_class(re.compile("chosen"))
    shown = page.get_attribute(".canvas img.picture", "src")
    page.hover(".canvas [data-hold]")
    page.mouse.down()
    expect(page.locator(".canvas img.picture")).not_to_have_attribute("src", shown or "")
    page.mouse.up()
    expect(page.locator(".canvas img.picture")).to_have_attribute("src", shown or "")

    page.click("#acts >> text=Export")
    with page.expect_download() as download:
        page.click("#export button >> text=Whole visit")
    saved = tmp_path / download.value.suggested_filename
    assert saved.name == "visit.zip"
    download.value.save_as(saved)
    page.click("#clear")
    expect(page.locator(".canvas.has-picture")).to_have_count(0)
    page.set_input_files(".canvas input.file", saved)
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    expect(page.locator("#chat .user.message")).to_contain_text("blue star")
    expect(page.locator(".canvas .painting")).to_have_count(4)


BRING = """async ([bytes, kind]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(bytes)], "brought.png", {type: "image/png"}));
  const how = {bubbles: true, cancelable: true};
  const event = kind === "paste"
    ? new ClipboardEvent("paste", {...how, clipboardData: transfer})
    : new DragEvent(kind, {...how, dataTransfer: transfer});
  document.querySelector(kind === "paste" ? "#words textarea" : ".canvas").dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_can_be_pasted_and_dropped(assistant, serve, visit, picture, kind):
    page = visit(serve(assistant))
    page.evaluate(BRING, [list(picture.read_bytes()), kind])
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    # another one, over the first
    page.evaluate(BRING, [list(picture.read_bytes()), kind])
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    expect(page.locator("#words textarea")).to_have_value("")


def test_a_file_that_is_too_large_is_refused_with_words(assistant, serve, visit, tmp_path):
    page = visit(serve(assistant))
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG" + bytes(51 * 1024**2))
    page.set_input_files(".canvas input.file", large)
    expect(page.locator(".canvas .intake-message")).to_contain_text("a file may have 50 MB at most")


PROXY = "<html><head><title>Bad Gateway</title></head><body>nginx</body></html>"
LOST = {
    "a lost connection": (None, "the connection was lost"),
    "a proxy that finds nobody": ({"status": 502, "body": PROXY}, "the connection was lost"),
    "a proxy's own limit": ({"status": 413, "body": PROXY}, "the file may be too large"),
    "a proxy's page for a login": ({"status": 200, "body": PROXY}, "the connection was lost"),
    "too many calls": ({"status": 429, "json": {"error": "It calls often. Wait."}}, "calls often. Wait."),
}  # fmt: skip


@pytest.mark.parametrize("case", LOST)
def test_an_upload_that_is_lost_is_said_in_words_and_the_next_one_works(
    assistant, serve, visit, picture, case
):
    # LLaVA #1184, #1168: the picture stays "undefined", and nothing says why
    answer, says = LOST[case]
    page = visit(serve(assistant))

    def lost(route):
        given = {"content_type": "text/html", **answer} if answer and "body" in answer else answer
        return route.fulfill(**given) if given else route.abort()

    page.route("**/kept/upload", lost)
    page.set_input_files(".canvas input.file", picture)
    message = page.locator(".canvas .intake-message")
    expect(message).to_contain_text("The upload failed: ")
    expect(message).to_contain_text(says)
    assert not re.search(r"[<{]|\.\.", message.inner_text())
    page.unroute("**/kept/upload")
    upload(page, picture)


def test_a_photo_can_be_taken(assistant, serve, visit):
    page = visit(serve(assistant))
    page.click(".canvas [data-act='camera']")
    page.wait_for_function("document.querySelector('.camera video').videoWidth > 0")
    page.click(".canvas [data-act='shoot']")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    expect(page.locator(".canvas.filming")).to_have_count(0)
