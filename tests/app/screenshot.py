"""Take the README's pictures of the real page, over the embedded checkpoints, and of a contact sheet.

python tests/app/screenshot.py assets/screenshot.png --example park --say "segment the orange house"
python tests/app/screenshot.py assets/contact-sheet.jpg --sheet set/index.html
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

import pipelines
from app import main, ui
from app.startup import Startup

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
PATIENCE = 120_000  # milliseconds


def visit(page: Page, address: str, said: argparse.Namespace) -> None:
    """Choose the example, say everything, click everywhere, and point at the first phrase."""
    page.goto(address)
    page.wait_for_selector(".top .state:not(.waiting)")
    page.click(f".canvas .example[data-example='{said.example}']")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    for count, words in enumerate(said.say, 1):
        page.fill("#words textarea", words)
        page.press("#words textarea", "Enter")
        expect(page.locator("#chat .user.message")).to_have_count(count)
        expect(page.locator("#chat .dots, #chat .caret")).to_have_count(0)
        expect(page.locator("#words .stop-button")).to_have_count(0)
    frame = page.locator(".canvas img.picture").bounding_box()
    assert frame
    for x, y in said.click:
        masks = page.locator(".canvas .thing path.mask")
        count = masks.count()
        page.mouse.click(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])
        expect(masks).to_have_count(count + 1)
    phrase = page.locator("#chat span.region").first
    if said.size == "desktop" and phrase.count():
        phrase.hover()
    page.wait_for_timeout(500)  # the colours fade in


def point(words: str) -> tuple[float, float]:
    x, y = words.split(",")
    return float(x), float(y)


def run() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--example", default="park")
    parser.add_argument("--say", action="append", default=[])
    parser.add_argument(
        "--click", type=point, action="append", default=[], help="0..1 of the picture: 0.4,0.5"
    )
    parser.add_argument("--size", choices=SIZES, default="desktop")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--sheet", type=Path, help="a contact sheet to show instead of the page")
    said = parser.parse_args()
    expect.set_options(timeout=PATIENCE)
    if said.sheet:
        address = said.sheet.resolve().as_uri()
        save(photograph(said, lambda page: page.goto(address)), said.target)
        return
    startup = Startup(pipelines.load, pipelines.Settings().model).run()
    page_ = ui.build(startup, main.example_pictures())
    address = main.launch(page_, wait=False)
    shot = photograph(said, lambda page: visit(page, address, said))
    page_.close(verbose=False)
    save(shot, said.target)


def photograph(said: argparse.Namespace, go: Callable[[Page], object]) -> bytes:
    """What a browser shows after `go`, as PNG."""
    width, height = SIZES[said.size]
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if said.dark else "light"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        go(page)
        shot = page.screenshot()
        chromium.close()
    return shot


def save(shot: bytes, target: Path) -> None:
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    image.save(target, optimize=True)
    print(f"{target}: {target.stat().st_size // 1000} KB")


if __name__ == "__main__":
    run()
