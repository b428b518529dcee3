"""A browser and a served page for the tests of the page."""

from __future__ import annotations

import base64
import os
import shutil
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app import main, ui
from app.startup import Startup
from pipelines.interfaces import GenerationOptions

CHROMIUM = "chromium"  # Debian's package
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",  # a camera that shows a test card
)  # fmt: skip
PATIENCE = 60_000  # milliseconds after which something is held never to happen; slow machines are not a fault
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


REPLY = (
    "A <p>red ball</p>[0.25,0.40,0.45,0.60] lies beside a <p>blue cup</p>[0.60,0.40,0.80,0.70] "
    "on a grey ground and nothing else is to be seen here."
)


class GatedVLM:
    """Says REPLY a word a forward pass, and waits before each pass until the test lets it through."""

    name = "fake-sphinx"

    def __init__(self) -> None:
        self.forward_passes = 0
        self.gate = threading.Semaphore(0)
        self.open = False
        self.closed = threading.Event()

    def stream(
        self,
        image: object,
        digest: str | None,
        turns: Sequence[tuple[str, str]],
        question: str,
        *,
        options: GenerationOptions,
    ) -> Generator[str, None, None]:
        words = REPLY.split(" ")
        self.closed.clear()
        try:
            for count in range(1, len(words) + 1):
                if not self.open:
                    self.gate.acquire()
                self.forward_passes += 1
                yield " ".join(words[:count])
        finally:
            self.closed.set()

    def in_distribution(self, image: object, digest: str) -> bool:
        return True

    def is_drawn(self, image: object, digest: str) -> bool:
        return True

    @property
    def words(self) -> int:
        """Of the whole reply."""
        return len(REPLY.split())

    def let_through(self, passes: int) -> None:
        self.gate.release(passes)

    def run_free(self) -> None:
        self.open = True
        self.gate.release(100)


@pytest.fixture
def picture(drawing, tmp_path) -> Path:
    """A file of a red ball and a blue cup."""
    path = tmp_path / "drawing.png"
    drawing.save(path)
    return path


@pytest.fixture
def shown(picture) -> str:
    """That picture as an agent gives it."""
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()


@pytest.fixture
def gated(assistant) -> GatedVLM:
    gated = GatedVLM()
    assistant.engine = replace(assistant.engine, vlm=gated)
    return gated


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which(CHROMIUM)
    if path is None:
        missing = "The page's tests drive Debian's chromium, which is not installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def serve():
    """Serve a page over an assistant, and give its address."""

    def serve(assistant, examples=None, limits=None) -> str:
        startup = Startup(lambda: assistant, assistant.about.model).run()
        page = ui.build(startup, examples or {}, limits)
        serve.pages.append(page)
        return main.launch(page, wait=False, limits=limits)

    serve.pages = []
    yield serve
    for page in serve.pages:
        page.close(verbose=False)


@pytest.fixture
def visit(browser):
    """Open an address as a new visitor. A fault in the page's scripts fails the test."""
    contexts, faults = [], []

    def visit(
        address: str,
        *,
        phone: bool = False,
        locale: str = "en-US",
        until: str = ".top .state:not(.waiting)",
        prepare: Callable[[Page], None] = lambda page: None,
    ) -> Page:
        context = browser.new_context(viewport=PHONE if phone else DESKTOP, has_touch=phone, locale=locale)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: _outside(request.url, address, faults))
        prepare(page)
        page.goto(address)
        page.wait_for_selector(until)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert faults == []


def _outside(url: str, address: str, faults: list[str]) -> None:
    if not url.startswith((address, "data:", "blob:")):
        faults.append(f"the page fetched {url}")
