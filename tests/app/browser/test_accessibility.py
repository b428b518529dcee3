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
    page.wait_for_timeout(400)  # colours fade in
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{state}: {fault['id']} ({fault['help']}): {node['html'][:160]} {node.get('any', [{}])[:1]}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("phone", [False, True])
def test_axe_finds_nothing_serious(opened: Callable[..., Page], phone):
    page = opened(phone=phone)
    found = []
    for dark in (False, True):
        page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", dark)
        mode = "dark" if dark else "light"
        found += faults(page, f"{mode}, a picture")
        page.fill("#words textarea", "Describe the picture with boxes")
        page.press("#words textarea", "Enter")
        expect(page.locator("#chat .bot.message").last).to_contain_text("blue cup")
        expect(page.locator("#chat .caret, #chat .dots")).to_have_count(0)
        found += faults(page, f"{mode}, an answer")
        page.locator(".canvas .row-main").first.click()
        expect(page.locator(".canvas .detail")).to_be_visible()
        page.locator(".canvas [data-tool='brush']").click()
        found += faults(page, f"{mode}, a region selected and the brush in hand")
        page.locator(".canvas [data-tool='point']").click()
        page.locator("#acts >> text=Options").click()
        found += faults(page, f"{mode}, the options")
        page.locator("#acts >> text=Export").click()
        found += faults(page, f"{mode}, the export")
        page.locator(".canvas [data-act='new']").click()
        found += faults(page, f"{mode}, another picture to choose")
        page.locator(".canvas [data-act='close']").click()
        page.locator("#acts >> text=Export").click()
        page.click("#clear")
        expect(page.locator(".canvas.has-picture")).to_have_count(0)
        found += faults(page, f"{mode}, the empty page")
        page.click("#undo")
        expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
        page.locator("#words textarea").fill("")
    said = "\n".join(sorted({re.sub(r"svelte-\w+|id=\"[^\"]*\"", "", fault) for fault in found}))
    assert not said, said
