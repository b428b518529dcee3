"""The canvas's modules in a page of their own, and what the tests of the canvas share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app import scripts, words

ORIGIN = "http://modules.test/"  # answered from the folder, never fetched


@pytest.fixture(scope="session")
def modules(browser: Browser) -> Iterator[Callable[[str, str], Any]]:
    """Evaluate an expression over one module, for example `modules("view", "m.whole()")`."""
    context = browser.new_context()
    page = context.new_page()

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(ORIGIN)
        if name:
            route.fulfill(body=(scripts.FOLDER / name).read_text(), content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html><body></body>", content_type="text/html")

    page.route(ORIGIN + "**", answer)
    page.goto(ORIGIN)
    page.evaluate(words.script())

    def evaluate(module: str, expression: str, argument: Any = None) -> Any:
        code = f"async (given) => {{ const m = await import('/{module}.js'); return {expression}; }}"
        return page.evaluate(code, argument)

    yield evaluate
    context.close()


@pytest.fixture
def opened(assistant, serve, visit, picture) -> Callable[..., Page]:
    """Open the page on the picture of a red ball and a blue cup, or on another one."""

    def opened(*, phone: bool = False, path: Any = None, locale: str = "en-US") -> Page:
        page = visit(serve(assistant), phone=phone, locale=locale)
        page.set_input_files(".canvas input.file", path or picture)
        expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
        page.wait_for_function("document.querySelector('.canvas img.picture').naturalWidth > 0")
        return page

    return opened
