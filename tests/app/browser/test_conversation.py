"""Messages in a real browser: none is lost, each can be said otherwise, and nothing waits behind a model."""

from __future__ import annotations

import re
import threading

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def say(page: Page, words: str, *, stays: bool = False) -> None:
    """Send a message and see the field empty, as a hand would before it types on; or see that it stays."""
    page.fill("#words textarea", words)
    page.press("#words textarea", "Enter")
    expect(page.locator("#words textarea")).to_have_value(words if stays else "")


def questions(page: Page):
    return page.locator("#chat .user.message")


def idle(page: Page) -> None:
    expect(page.locator("#words .stop-button")).to_have_count(0)
    expect(page.locator("#chat .dots, #chat .caret")).to_have_count(0)


def test_a_message_sent_while_an_answer_runs_waits_in_sight_and_can_be_taken_back(opened, gated):
    page = opened()
    say(page, "Describe the picture with boxes")
    gated.let_through(3)
    expect(page.locator("#chat .bot.message").last).to_contain_text("red ball")
    for words in ("what is this?", "and what is that?", "and why?"):
        say(page, words)
        expect(page.locator("#words textarea")).to_have_value("")
    expect(page.get_by_role("button", name="Stop the answer")).to_be_visible()
    waits = page.locator("#queue .waits span")
    expect(waits).to_have_text(["what is this?", "and what is that?", "and why?"])
    expect(questions(page)).to_have_count(1)
    # one is taken back into the field, in front of what is being written there
    page.fill("#words textarea", "something new")
    page.click("#queue .waits:nth-child(2) button")
    expect(waits).to_have_text(["what is this?", "and why?"])
    expect(page.locator("#words textarea")).to_have_value("and what is that?\nsomething new")
    gated.run_free()
    expect(questions(page)).to_have_count(3)
    idle(page)
    expect(page.locator("#queue .queued")).to_have_count(0)
    assert page.get_by_role("button", name="Send", exact=True).count() == 1
    assert [one.split("✎")[0].strip() for one in questions(page).all_inner_texts()] == [
        "Describe the picture with boxes", "what is this?", "and why?",
    ]  # fmt: skip
    expect(page.locator("#words textarea")).to_have_value("and what is that?\nsomething new")


def test_words_typed_right_after_a_message_was_sent_stay(opened, gated):
    page = opened()
    field = page.locator("#words textarea")
    field.focus()
    page.keyboard.type("what is this?\nand why?")
    expect(questions(page)).to_have_text([re.compile(r"^\s*what is this\?\s*✎\s*$")])
    expect(field).to_have_value("and why?")
    page.click("#words .submit-button")
    field.focus()
    page.keyboard.type("and")
    expect(page.locator("#queue .waits span")).to_have_text(["and why?"])
    gated.run_free()
    expect(questions(page)).to_have_count(2)
    idle(page)
    expect(field).to_have_value("and")


def test_stop_ends_one_answer_and_the_next_message_has_its_turn(opened, gated):
    page = opened()
    say(page, "Describe the picture with boxes")
    gated.let_through(3)
    expect(page.locator("#chat .bot.message").last).to_contain_text("red ball")
    say(page, "what is this?")
    expect(page.locator("#queue .waits")).to_have_count(1)
    page.click("#words .stop-button")
    expect(page.locator("#chat .stopped")).to_be_visible()
    gated.run_free()
    expect(questions(page)).to_have_count(2)
    idle(page)
    expect(page.locator("#chat .bot.message").last).to_contain_text("nothing else is to be seen")


def test_what_cannot_be_sent_stays_in_the_field(opened, gated):
    page = opened()
    say(page, "Describe the picture with boxes")
    for number in range(6):
        say(page, f"question {number}?")
        expect(page.locator("#queue .waits")).to_have_count(number + 1)
    say(page, "one too many", stays=True)
    expect(page.locator("#queue .waits")).to_have_count(6)
    # it comes back in front of what was written meanwhile
    page.keyboard.type("\nand more")
    expect(page.locator("#words textarea")).to_have_value("one too many\nand more")
    gated.run_free()


def test_a_message_said_in_other_words_branches_and_undo_reaches_the_old_one(opened):
    page = opened()
    say(page, "What's the <b>#1</b> & this?")
    idle(page)
    say(page, "find the red ball")
    idle(page)
    expect(page.locator(".canvas .thing")).to_have_count(1)
    questions(page).first.hover()
    # a reader of screens hears the words, not the markup that Gradio would name a message by
    expect(page.locator("#chat .message [aria-label*='<']")).to_have_count(0)
    page.locator("#chat .reword").first.click()
    field = page.locator("#words textarea")
    expect(field).to_have_value("What's the <b>#1</b> & this?")
    expect(page.locator("#queue .rewords")).to_contain_text("What's the <b>#1</b> & this?")
    # it may stay as it was
    page.click("#queue .rewords button")
    expect(page.locator("#queue .queued")).to_have_count(0)
    expect(field).to_have_value("")
    page.locator("#chat .reword").first.click()
    expect(page.locator("#queue .rewords")).to_be_visible()
    say(page, "Describe the picture with boxes")
    expect(questions(page)).to_have_count(1)
    idle(page)
    expect(page.locator("#chat .which")).to_have_text("2/2")
    expect(page.locator(".canvas .thing")).to_have_count(2)
    page.locator("#chat .branch", has_text="‹").click()
    expect(page.locator("#chat .which")).to_have_text("1/2")
    expect(questions(page)).to_have_count(2)
    expect(page.locator(".canvas .thing")).to_have_count(1)
    page.locator("#chat .branch", has_text="›").press("Enter")
    expect(page.locator("#chat .which")).to_have_text("2/2")
    page.click("#undo")
    expect(questions(page)).to_have_count(2)
    page.click("#redo")
    expect(questions(page)).to_have_count(1)


def test_nothing_that_needs_no_model_waits_behind_one(assistant, gated, serve, visit, picture):
    page = visit(serve(assistant, {"ball and cup": picture}))
    page.click(".canvas .example")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    say(page, "Describe the picture with boxes")
    gated.let_through(3)
    expect(page.locator(".canvas .row")).to_have_count(1)
    # the tray, while the answer runs; what was done stays when the answer goes on
    page.fill(".canvas .detail .rename", "my ball")
    page.press(".canvas .detail .rename", "Enter")
    expect(page.locator(".canvas .row")).to_contain_text("my ball")
    page.click("#acts >> text=Export")
    with page.expect_download() as download:
        page.click("#export button >> text=COCO JSON")
    assert download.value.suggested_filename == "regions.json"
    gated.let_through(7)
    expect(page.locator(".canvas .row")).to_have_count(2)
    expect(page.locator(".canvas .row").first).to_contain_text("my ball")
    # undo ends the answer
    page.click("#undo")
    expect(page.locator(".canvas .row")).to_have_count(0)
    expect(page.locator("#chat .message")).to_have_count(0)
    gated.let_through(1)  # at its next token the model is free
    assert gated.closed.wait(30)
    idle(page)
    # so does another picture, while the model is still held up
    say(page, "Describe the picture with boxes")
    expect(questions(page)).to_have_count(1)
    page.click(".canvas [data-act='new']")
    page.click(".canvas .example")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    expect(questions(page)).to_have_count(0)
    gated.run_free()
    idle(page)
    expect(page.locator("#chat .message")).to_have_count(0)


def test_a_click_does_not_wait_for_the_answer_of_another_visitor(assistant, gated, serve, visit, picture):
    address = serve(assistant, {"ball and cup": picture})
    first, second = visit(address), visit(address)
    for page in (first, second):
        page.click(".canvas .example")
        expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
        page.wait_for_function("document.querySelector('.canvas img.picture').naturalWidth > 0")
    say(first, "Describe the picture with boxes")
    expect(first.locator("#chat .dots")).to_be_visible()
    frame = second.locator(".canvas img.picture").bounding_box()
    assert frame
    second.mouse.click(frame["x"] + 0.35 * frame["width"], frame["y"] + 0.5 * frame["height"])
    expect(second.locator(".canvas .thing path.mask")).to_have_count(1)
    expect(first.locator("#chat .dots")).to_be_visible()
    gated.run_free()
    idle(first)


def test_an_edit_shows_what_it_will_touch_before_it_paints(opened, inpainter, vlm):
    page = opened()
    inpainter.pause = 0.4
    say(page, "remove the red ball")
    expect(page.locator(".canvas.has-hole .overlay .hole-shade")).to_be_attached()
    expect(page.locator(".canvas .hole-said")).to_have_text("Only what the dashed line encloses changes")
    idle(page)
    expect(page.locator(".canvas.has-hole")).to_have_count(0)
    # of a background, what stays is the bright part; all things are found first
    page.click("#undo")
    expect(page.locator(".canvas .thing")).to_have_count(0)
    say(page, "segment the red ball")
    idle(page)
    say(page, "change the background to a beach")
    expect(page.locator(".canvas .hole-said")).to_have_text("Everything but the outlined things changes")
    expect(page.locator(".canvas .thing path.mask")).to_have_count(2)
    idle(page)


def test_on_an_unknown_kind_of_picture_every_answer_is_a_guess_and_edits_ask_first(
    assistant, vlm, inpainter, serve, visit, picture
):
    vlm.in_distribution = lambda image, digest: False
    page = visit(serve(assistant, {"ball and cup": picture}))
    page.click(".canvas .example")
    expect(page.locator("#chat .notice .say")).to_have_text("segment everything")
    offered = page.locator("#chips button:visible")
    expect(offered).to_have_text(["Segment everything", "Make it …", "Change the background to …"])
    for count, words in enumerate(("find the red ball", "what is this?"), 1):
        say(page, words)
        expect(page.locator("#chat .guess")).to_have_count(count)
        idle(page)
    say(page, "segment #1")
    idle(page)
    painted = len(inpainter.asked)
    say(page, "change the background to a beach")
    expect(page.locator("#chat .bot.message").last).to_contain_text("say it again")
    idle(page)
    assert len(inpainter.asked) == painted
    say(page, "change the background to a beach")
    expect(page.locator("#chat .bot.message").last).to_contain_text("Changed the background")
    idle(page)
    assert len(inpainter.asked) > painted
    say(page, "remove #1")
    expect(page.locator("#chat .bot.message").last).to_contain_text("knows little of pictures of this kind")
    expect(page.locator("#chat")).not_to_contain_text("the wish came true")


def test_the_greetings_sentences_can_be_pressed_and_change_with_a_picture(
    assistant, serve, visit, drawing, tmp_path
):
    path = tmp_path / "01-park.png"
    drawing.save(path)
    page = visit(serve(assistant, {"park": path}))
    say_ = page.locator("#chat .before-picture .say")
    expect(say_).to_have_text("describe the picture with boxes")
    expect(page.locator("#chat .with-picture")).to_be_hidden()
    expect(page.locator("#chat")).not_to_contain_text("python")
    say_.press("Enter")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    expect(page.locator("#chat .bot.message").last).to_contain_text("blue cup")
    idle(page)
    page.click("#undo")
    expect(page.locator("#chat .message")).to_have_count(0)
    expect(page.locator("#chat .with-picture")).to_be_visible()
    expect(page.locator("#chat .before-picture")).to_be_hidden()


def test_a_chosen_region_is_named_in_an_empty_message_too(opened):
    page = opened()
    say(page, "Describe the picture with boxes")
    idle(page)
    page.click(".canvas .row-main >> text=blue cup")
    field = page.locator("#words textarea")
    expect(field).to_have_value("@2 ")
    page.click(".canvas .row-main >> text=red ball")
    expect(field).to_have_value("@1 ")
    page.click(".canvas .row-main >> text=red ball")
    expect(field).to_have_value("")


def test_a_stroke_that_is_being_drawn_outlives_the_answer_to_a_click(opened, segmenter):
    page = opened()
    frame = page.locator(".canvas img.picture").bounding_box()
    assert frame
    x, y = frame["x"] + 0.35 * frame["width"], frame["y"] + 0.5 * frame["height"]
    outline, held = segmenter.outline, threading.Event()

    def slow(*given, **named):
        held.wait(30)
        return outline(*given, **named)

    segmenter.outline = slow
    page.mouse.click(x, y)
    page.click(".canvas [data-tool='brush']")
    page.mouse.move(x, y + 60)
    page.mouse.down()
    page.mouse.move(x + 30, y + 70, steps=3)
    held.set()
    expect(page.locator(".canvas .thing path.mask")).to_have_count(1)
    before = page.locator(".canvas .thing path.mask").get_attribute("d")
    page.mouse.move(x + 60, y + 70, steps=3)
    page.mouse.up()
    expect(page.locator(".canvas .thing path.mask")).not_to_have_attribute("d", before or "")
    expect(page.locator(".canvas .thing")).to_have_count(1)


def test_the_lab_answers_one_question_with_several_ways_of_looking(opened, vlm):
    page = opened()
    vlm.by_encoders = {("clip",): "A <p>red ball</p>[0.25,0.40,0.45,0.60] alone."}
    page.click("#acts >> text=Compare")
    panel = page.locator("#lab.open")
    expect(panel).to_be_visible()
    panel.get_by_label("CLIP alone").check()
    page.click("#lab-ask")
    columns = page.locator(".lab-column")
    expect(columns).to_have_count(3)
    expect(page.locator(".lab-column .growing")).to_have_count(0)
    expect(columns.nth(0)).to_contain_text("a blue cup")
    expect(columns.nth(2).locator("mark")).to_have_text(["alone"])
    expect(page.locator(".lab-stage .own")).to_have_count(2)  # the cup, which the third does not see
    expect(page.locator(".lab-stage .shared")).to_have_count(3)
    expect(page.locator(".lab-stage")).to_be_in_viewport(
        ratio=0.9
    )  # where the answers are, without scrolling
    # the visit itself is as it was
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.locator("#chat .message")).to_have_count(0)
    expect(page.locator(".canvas .thing")).to_have_count(0)


def test_the_tour_shows_what_the_page_can_do_on_the_first_example(assistant, serve, visit, picture):
    page = visit(serve(assistant, {"ball and cup": picture}))
    page.click("#chat .tour")
    card = page.locator(".tour-card")
    expect(card).to_contain_text("1 of 5")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    for count in (2, 3, 4):
        page.click(".tour-card .primary")
        expect(card).to_contain_text(f"{count} of 5")
        if count == 2:
            expect(page.locator("#chat .bot.message").last).to_contain_text("blue cup")
            expect(page.locator("#chat.toured")).to_be_attached()
        if count == 3:
            expect(page.locator("#chat span.region.lit").first).to_be_visible()
    expect(page.locator(".canvas .detail.toured")).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    expect(page.locator(".toured")).to_have_count(0)
    idle(page)


def test_while_one_visitor_edits_another_clicks_asks_and_reads_how_long_an_edit_waits(
    assistant, inpainter, serve, visit, picture
):
    address = serve(assistant, {"ball and cup": picture})
    first, second = visit(address), visit(address)
    for page in (first, second):
        page.click(".canvas .example")
        expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
        page.wait_for_function("document.querySelector('.canvas img.picture').naturalWidth > 0")
    inpainter.pause = 3.0  # seconds a step: the edit would take a minute
    say(first, "remove the red ball")
    expect(first.locator(".canvas.has-hole")).to_be_visible()
    # another visitor's click and question are answered meanwhile
    frame = second.locator(".canvas img.picture").bounding_box()
    assert frame
    second.mouse.click(frame["x"] + 0.35 * frame["width"], frame["y"] + 0.5 * frame["height"])
    expect(second.locator(".canvas .thing path.mask")).to_have_count(1)
    say(second, "Describe the picture with boxes")
    expect(second.locator("#chat .bot.message").last).to_contain_text("blue cup")
    idle(second)
    # an edit waits in line, which is said with a rough time, and can leave it
    say(second, "remove the blue cup")
    expect(second.locator("#chat .bot.message").last).to_contain_text(
        re.compile(r"1 edit waits before this one: about \d+ s")
    )
    second.click("#words .stop-button")
    idle(second)
    expect(first.locator(".canvas.has-hole")).to_be_visible()  # which still paints
    # Stop ends it within a step
    first.click("#words .stop-button")
    expect(first.locator(".canvas.has-hole")).to_have_count(0)
    idle(first)
    inpainter.pause = 0.0
    say(second, "remove the blue cup")
    expect(second.locator("#chat .bot.message").last).to_contain_text("Removed blue cup")
    idle(second)
