"""A mask that is dropped on the page: the visitor is asked whether it is a region or a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Opened = Callable[..., Page]


@pytest.fixture
def mask(tmp_path) -> Path:
    """The red ball's box, white on black, at half the picture's size."""
    plane = np.zeros((100, 100), np.uint8)
    plane[40:60, 25:45] = 255
    path = tmp_path / "ball.png"
    Image.fromarray(plane).save(path)
    return path


def give(page: Page, path: Path) -> None:
    page.set_input_files(".canvas input.file", path)


def test_a_mask_becomes_a_region(opened: Opened, mask: Path):
    page = opened()
    shown = page.get_attribute(".canvas img.picture", "src")
    give(page, mask)
    expect(page.locator(".intake-mask p")).to_have_text("ball.png looks like a mask of this picture.")
    page.click("text=Use as a region")
    expect(page.locator(".canvas .thing path.mask")).to_have_count(1)
    expect(page.locator(".canvas.choosing")).to_have_count(0)
    expect(page.locator(".detail .facts")).to_contain_text("from a mask")
    assert page.get_attribute(".canvas img.picture", "src") == shown


def test_or_it_is_opened_as_a_picture(opened: Opened, mask: Path):
    page = opened()
    shown = page.get_attribute(".canvas img.picture", "src")
    give(page, mask)
    page.click("text=Open as a picture")
    expect(page.locator(".canvas img.picture")).not_to_have_attribute("src", shown or "")
    expect(page.locator(".canvas .thing")).to_have_count(0)


def test_escape_leaves_all_as_it_was(opened: Opened, mask: Path):
    page = opened()
    give(page, mask)
    expect(page.locator(".intake-mask")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".canvas.choosing")).to_have_count(0)
    page.click("[data-act='new']")
    expect(page.locator(".intake-mask")).to_be_hidden()


@pytest.mark.parametrize("kind", ["another shape", "a photograph", "grey"])
def test_what_is_no_mask_of_it_is_opened_at_once(opened: Opened, tmp_path: Path, kind: str):
    page = opened()
    plane = np.zeros((80, 200) if kind == "another shape" else (200, 200), np.uint8)
    plane[20:60, 20:60] = 255
    if kind == "grey":
        plane[:, 100:] = np.arange(100, 200)
    image = Image.fromarray(plane)
    if kind == "a photograph":
        image = Image.merge("RGB", (image, image, Image.new("L", image.size, 200)))
    image.save(tmp_path / "other.png")
    shown = page.get_attribute(".canvas img.picture", "src")
    give(page, tmp_path / "other.png")
    expect(page.locator(".canvas img.picture")).not_to_have_attribute("src", shown or "")
