"""The page before the weights are there, another checkpoint for all visitors, and the dial of beta."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from app import main, ui
from app.startup import Startup
from pipelines.assistant import Assistant
from pipelines.choices import Choice
from pipelines.errors import MissingCapability
from pipelines.progress import Stage

GB = 10**9


class Others:
    """Another checkpoint that comes when the test lets it, and one that does not fit."""

    def __init__(self, other: Assistant) -> None:
        self.other = other
        self.gate = threading.Event()

    def choices(self) -> list[Choice]:
        return [
            Choice("fake-sphinx", "as it was started", 10**8),
            Choice("other", "a larger one", 2 * GB, 6 * GB),
            Choice(
                "vast", "too large", 999 * GB, refused="vast needs 999.0 GB of memory; cpu has 8.0 GB left."
            ),
            Choice("broken", "whose files are not whole", GB),
        ]

    def load(self, assistant: Assistant, name: str, tell: Callable[[Stage], object]) -> Assistant:
        tell(Stage(f"downloading {name}", 3 * GB, 6 * GB))
        assert self.gate.wait(60)
        if name == "broken":
            raise MissingCapability("broken cannot be loaded: its files are not whole.")
        return self.other


@pytest.fixture
def served(assistant, vlm, about, drawing, tmp_path):
    """A page whose host lets visitors change the checkpoint."""
    about = replace(
        about, model="other", encoders=("clip", "convnext"), most_views=1, experts=True, mixes=True
    )
    others = Others(assistant.with_vlm(vlm, about))
    startup = Startup(lambda: assistant, "fake-sphinx", others=others).run()
    path = tmp_path / "ball and cup.png"
    drawing.save(path)
    page = ui.build(startup, {"ball and cup": path})
    yield main.launch(page, wait=False), others
    others.gate.set()
    page.close(verbose=False)


def say(page: Page, words: str) -> None:
    page.fill("#words textarea", words)
    page.press("#words textarea", "Enter")


def test_the_page_is_there_before_the_weights_and_says_how_far_they_have_come(assistant, visit):
    gate = threading.Event()

    def load() -> Assistant:
        startup.tell(Stage("downloading sphinx-tiny", 3 * GB, 6 * GB, 1, 3))
        assert gate.wait(60)
        return assistant

    startup = Startup(load, "sphinx-tiny")
    startup.begin()
    page_ = ui.build(startup, {})
    address = main.launch(page_, wait=False)
    try:
        context_page = visit(address, until=".top .state.waiting progress")
        expect(context_page.locator(".top .state")).to_contain_text(
            "downloading sphinx-tiny (1 of 3), 3.0 of 6.0 GB"
        )
        gate.set()
        expect(context_page.locator(".top .state b")).to_have_text("fake-sphinx")
    finally:
        gate.set()
        page_.close(verbose=False)


def test_another_checkpoint_is_loaded_for_all_and_every_visit_stays_as_it_was(served, visit):
    address, others = served
    page, neighbour = visit(address), visit(address)
    for one in (page, neighbour):
        one.click(".canvas .example")
        expect(one.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
        say(one, "find the red ball")
        expect(one.locator(".canvas .thing")).to_have_count(1)
    page.click("#about-button")
    panel = page.locator("#about .models")
    expect(panel).to_contain_text("fake-sphinx, fake-sam, fake-inpainter on cpu")
    expect(panel.get_by_role("button", name="Loaded: fake-sphinx")).to_be_disabled()
    expect(panel.get_by_role("button", name="Load vast")).to_be_disabled()
    expect(panel.locator("li.refused")).to_contain_text("vast needs 999.0 GB of memory")
    panel.get_by_role("button", name="Load other").click()
    expect(panel.locator("progress")).to_be_visible()
    expect(panel).to_contain_text("downloading other, 3.0 of 6.0 GB")
    expect(page.locator(".top .model-coming")).to_contain_text("50 %")
    say(page, "find the blue cup")  # meanwhile the old one answers
    expect(page.locator(".canvas .thing")).to_have_count(2)
    others.gate.set()
    for one in (page, neighbour):
        expect(one.locator(".top .state b")).to_have_text("other")
    expect(page.locator("#chat .user.message")).to_have_count(2)
    expect(neighbour.locator(".canvas .thing")).to_have_count(1)
    expect(panel.get_by_role("button", name="Loaded: other")).to_be_disabled()
    say(neighbour, "find the blue cup")
    expect(neighbour.locator(".canvas .thing")).to_have_count(2)


def test_a_checkpoint_that_cannot_be_loaded_is_said_and_the_old_one_stays(served, visit):
    address, others = served
    page = visit(address)
    page.click("#about-button")
    panel = page.locator("#about .models")
    others.gate.set()
    panel.get_by_role("button", name="Load broken").click()
    expect(panel.locator(".model-refused")).to_have_text("broken cannot be loaded: its files are not whole.")
    expect(page.locator(".top .state b")).to_have_text("fake-sphinx")


def test_beta_is_turned_live_and_the_other_columns_stay(served, visit, vlm):
    address, others = served
    others.gate.set()
    page = visit(address)
    page.click(".canvas .example")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    page.click("#about-button")
    page.get_by_role("button", name="Load other").click()
    expect(page.locator(".top .state b")).to_have_text("other")
    page.click("#acts >> text=Compare")
    panel = page.locator("#lab.open")
    panel.get_by_label("the expert for photographs (β 1)").check()
    page.click("#lab-ask")
    columns = page.locator(".lab-column")
    expect(columns).to_have_count(3)
    expect(page.locator(".lab-column .growing")).to_have_count(0)
    asked = len(vlm.asked)
    dial = panel.locator("#lab-beta input[type=range]")
    dial.focus()
    dial.press("ArrowRight")
    expect(columns).to_have_count(4)
    expect(columns.last.locator("h3")).to_have_text("the two experts mixed, β 0.45")
    expect(columns.last.locator(".lab-record")).to_contain_text("β 0.45")
    expect(page.locator(".lab-column .growing")).to_have_count(0)
    assert len(vlm.asked) == asked + 1
    assert vlm.options[-1].beta == 0.45
