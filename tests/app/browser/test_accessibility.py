"""axe finds nothing serious on the page, in its states, light and dark, on a desk and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

SERIOUS = ("serious", "critical")


def faults(page: Page, state: str) -> list[str]:
    """Return what axe holds to be serious: the rule, the state of the page, and the element."""
    page.emulate_media(reduced_motion="reduce")  # no colour on its way from one to another
    page.wait_for_timeout(200)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{state}: {fault['id']} ({fault['help']}): {node['html'][:160]} {node.get('any', [{}])[:1]}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


def answered(page: Page) -> None:
    page.fill("#words textarea", "Describe the picture with boxes")
    page.press("#words textarea", "Enter")
    expect(page.locator("#chat .bot.message").last).to_contain_text("blue cup")
    expect(page.locator("#words .stop-button")).to_have_count(0)
    expect(page.locator("#chat .caret, #chat .dots")).to_have_count(0)
    page.wait_for_timeout(500)  # the answer may have selected what it named: a click would let go of it
    if page.locator(".canvas .row.selected").count() == 0:
        page.locator(".canvas .row-main").first.click()
    expect(page.locator(".canvas .detail")).to_be_visible()


def check(found: list[str]) -> None:
    said = "\n".join(sorted({re.sub(r"svelte-\w+|id=\"[^\"]*\"", "", fault) for fault in found}))
    assert not said, said


def colour(page: Page, dark: bool) -> None:
    page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", dark)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(opened: Callable[..., Page], dark):
    page = opened()
    colour(page, dark)
    found = faults(page, "a picture")
    answered(page)
    page.locator(".canvas [data-tool='brush']").click()
    found += faults(page, "an answer, a region selected, the brush in hand")
    page.locator("#acts >> text=Options").click()
    found += faults(page, "the options")
    page.locator("#acts >> text=Export").click()
    found += faults(page, "the export")
    page.locator("#acts >> text=About").click()
    found += faults(page, "what is kept")
    page.locator("#acts >> text=About").click()
    page.locator("#chat .reword").first.click()
    expect(page.locator("#queue .rewords")).to_be_visible()
    found += faults(page, "a message to be said in other words")
    page.click("#queue .rewords button")
    page.locator("#acts >> text=Compare").click()
    page.click("#lab-ask")
    expect(page.locator(".lab-column .growing")).to_have_count(0)
    found += faults(page, "the lab")
    page.keyboard.press("Escape")
    page.locator(".canvas [data-act='new']").click()
    found += faults(page, "another picture to choose")
    page.locator(".canvas [data-act='close']").click()
    page.click("#clear")
    expect(page.locator(".canvas.has-picture")).to_have_count(0)
    found += faults(page, "the empty page")
    check(found)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_after_an_edit(opened: Callable[..., Page], dark):
    page = opened()
    colour(page, dark)
    page.fill("#words textarea", "remove the red ball")
    page.press("#words textarea", "Enter")
    expect(page.locator(".canvas .history .thumb")).to_have_count(2)
    expect(page.locator("#words .stop-button")).to_have_count(0)
    found = faults(page, "an edit with its history")
    page.click(".canvas [data-hold]")
    expect(page.locator(".canvas .split")).to_be_visible()
    found += faults(page, "before and after by the slider")
    check(found)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_on_a_phone(opened: Callable[..., Page], dark):
    page = opened(phone=True, locale="zh-CN" if dark else "en-US")
    colour(page, dark)
    answered(page)
    check(faults(page, "an answer, a region selected"))
