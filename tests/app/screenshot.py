"""Take the pictures of the page that the docs show, over the embedded checkpoints, and of a contact sheet.

python tests/app/screenshot.py assets/screenshot.png --example park --say "segment the orange house"
python tests/app/screenshot.py assets/contact-sheet.jpg --sheet set/index.html
python tests/app/screenshot.py assets/states.jpg --states
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

import pipelines
from app import main, ui
from app.startup import Startup

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
PATIENCE = 120_000  # milliseconds
COLUMNS, WIDTH = 3, 1440  # of desktops in a row of the sheet of states, and its pixels
QUALITY = 78  # of a JPEG


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


def say(page: Page, words: str) -> None:
    page.fill("#words textarea", words)
    page.press("#words textarea", "Enter")
    page.wait_for_timeout(300)
    expect(page.locator("#chat .dots, #chat .caret")).to_have_count(0)
    expect(page.locator("#words .stop-button")).to_have_count(0)
    page.wait_for_timeout(500)


def states(page: Page, address: str) -> Iterator[bytes]:
    """Photograph the page in nine states, from the greeting to what is loaded."""
    page.goto(address)
    page.wait_for_selector(".top .state:not(.waiting)")
    page.wait_for_timeout(500)
    yield page.screenshot()
    page.click(".canvas .example[data-example='table']")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    say(page, "describe the picture with boxes")
    yield page.screenshot()
    say(page, "find the green fish")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)
    frame = page.locator(".canvas img.picture").bounding_box()
    assert frame
    page.mouse.click(frame["x"] + 0.82 * frame["width"], frame["y"] + 0.85 * frame["height"])
    expect(page.locator(".canvas .thing path.mask")).to_have_count(1)
    page.wait_for_timeout(500)
    yield page.screenshot()
    page.fill("#words textarea", "remove the green fish")
    page.press("#words textarea", "Enter")
    expect(page.locator(".canvas.has-hole")).to_be_visible()
    yield page.screenshot()
    expect(page.locator("#words .stop-button")).to_have_count(0)
    say(page, "remove #99")
    yield page.screenshot()
    page.locator("#chat .reword").first.click()
    expect(page.locator("#queue .rewords")).to_be_visible()
    say(page, "what is in this picture?")
    expect(page.locator("#chat .which")).to_have_text("2/2")
    yield page.screenshot()
    page.click("#acts >> text=Export")
    page.wait_for_timeout(500)
    yield page.screenshot()
    page.click("#acts >> text=About")
    expect(page.locator("#about .models p").first).to_be_visible()
    page.wait_for_timeout(500)
    yield page.screenshot()
    page.click("#acts >> text=About")
    page.click("#acts >> text=Compare")
    page.locator("#lab").get_by_label("CLIP alone").check()
    page.click("#lab-ask")
    expect(page.locator(".lab-column")).to_have_count(3)
    expect(page.locator(".lab-column .growing")).to_have_count(0)
    page.wait_for_timeout(700)
    yield page.screenshot()


def sheet_of_states(address: str) -> Image.Image:
    """Desktops in light, phones in dark, on one sheet."""
    desktops = photographs("desktop", False, lambda page: states(page, address))
    phones = photographs("phone", True, lambda page: states(page, address))
    small = [fitted(shot, WIDTH // COLUMNS) for shot in desktops]
    row = [fitted(shot, WIDTH // len(phones)) for shot in phones]
    height, rows = small[0].height, -(-len(small) // COLUMNS)
    sheet = Image.new("RGB", (WIDTH, rows * height + row[0].height), "white")
    for at, one in enumerate(small):
        sheet.paste(one, (at % COLUMNS * one.width, at // COLUMNS * height))
    for at, one in enumerate(row):
        sheet.paste(one, (at * one.width, rows * height))
    return sheet


def fitted(shot: bytes, width: int) -> Image.Image:
    """A picture with a margin, in this width."""
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    image = image.resize(
        (width - 8, round(image.height * (width - 8) / image.width)), Image.Resampling.LANCZOS
    )
    framed = Image.new("RGB", (width, image.height + 8), "white")
    framed.paste(image, (4, 4))
    return framed


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
    parser.add_argument("--states", action="store_true", help="nine states at both sizes, on one sheet")
    said = parser.parse_args()
    expect.set_options(timeout=PATIENCE)
    if said.sheet:
        address = said.sheet.resolve().as_uri()
        save(photograph(said, lambda page: page.goto(address)), said.target)
        return
    startup = Startup(pipelines.load, pipelines.Settings().model).run()
    page_ = ui.build(startup, main.example_pictures())
    address = main.launch(page_, wait=False)
    if said.states:
        sheet = io.BytesIO()
        sheet_of_states(address).save(sheet, "PNG")
        shot = sheet.getvalue()
    else:
        shot = photograph(said, lambda page: visit(page, address, said))
    page_.close(verbose=False)
    save(shot, said.target)


def photograph(said: argparse.Namespace, go: Callable[[Page], object]) -> bytes:
    """What a browser shows after `go`, as PNG."""

    def once(page: Page) -> Iterator[bytes]:
        go(page)
        yield page.screenshot()

    return photographs(said.size, said.dark, once)[0]


def photographs(size: str, dark: bool, go: Callable[[Page], Iterator[bytes]]) -> list[bytes]:
    """What a browser of this size shows, as `go` yields it."""
    width, height = SIZES[size]
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            has_touch=size == "phone",
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        shots = list(go(page))
        chromium.close()
    return shots


def save(shot: bytes, target: Path) -> None:
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    image.save(target, optimize=True, quality=QUALITY)
    print(f"{target}: {target.stat().st_size // 1000} KB")


if __name__ == "__main__":
    run()
