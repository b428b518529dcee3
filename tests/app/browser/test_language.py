"""The page in English and in Chinese: by the browser's language, and by the switch, which is remembered."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

CHINESE = re.compile(r"[\u4e00-\u9fff]")
ASKED = "Describe the picture with boxes"
# names of widgets that Gradio words itself, and what models and files are called
FOREIGN = re.compile(r"^[\W\d]*$|SPHINX|SAM|fake-|COCO|English|CLIP|DINOv2|^#\d+ |gradio|red ball|blue cup")

NAMES = """() => [...document.querySelectorAll(
    '.top :is(button, p), .canvas :is(button, h2, p, input, [aria-label]), #chips button, #acts button, ' +
    '#options :is(label > span, span[data-testid="block-info"]), #export button, #about .privacy *, ' +
    '#models :is(p, small, button), ' +
    '#lab :is(h2, label > span, span[data-testid="block-info"], button), ' +
    '#lab :is(img, h3, small, .lab-note, th, summary)'
)].flatMap((node) => [
    node.title, node.ariaLabel, node.placeholder, node.childElementCount ? '' : node.innerText,
]).filter(Boolean)"""


def say(page: Page, words: str) -> None:
    page.fill("#words textarea", words)
    page.press("#words textarea", "Enter")


def test_a_chinese_browser_gets_a_chinese_page_and_speaks_english_with_sphinx(opened):
    page = opened(locale="zh-CN")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    expect(page.locator("#undo")).to_have_text("撤销")
    expect(page.locator("#words textarea")).to_have_attribute("placeholder", re.compile("英文"))
    expect(page.locator("#chat .with-picture")).to_contain_text("请就这张图片提问")
    # what is pressed is shown in Chinese and sent in English
    page.click("#chips button >> text=描述图片并画框")
    expect(page.locator("#chat .user.message")).to_contain_text(ASKED)
    expect(page.locator("#chat .bot.message").last).to_contain_text("blue cup")
    expect(page.locator("#words .stop-button")).to_have_count(0)
    page.wait_for_timeout(500)  # the answer may have selected what it named: a click would let go of it
    if page.locator(".canvas .row.selected").count() == 0:
        page.locator(".canvas .row-main").first.click()
    expect(page.locator(".canvas .detail .facts")).to_contain_text("由 SPHINX 找到")
    alt = page.get_attribute(".canvas img.picture", "alt")
    assert alt is not None
    assert alt.startswith("一张 200 × 200 像素的图片。 已找到：#1 red ball")
    # what the program says itself is Chinese, with its things still lit up; what SPHINX says is English
    say(page, "find the purple elephant")
    expect(page.locator("#chat .bot.message").last).to_contain_text("没有在图中找到 purple elephant。")
    say(page, "segment the red ball")
    expect(page.locator("#chat .bot.message").last).to_contain_text("已勾出轮廓：")
    expect(page.locator("#chat .bot.message").last.locator("span.region-1")).to_have_text("red ball (#1)")
    # so are records, but for the names of models
    for record in page.locator("#chat :is(.record, summary)").all_inner_texts():
        assert re.search("[a-z]{4}", record.replace("fake", "")) is None
    # a refusal
    page.click("#acts >> text=导出")
    page.click("#export >> text=CSV 表格")
    expect(page.get_by_text("还没有表格：请先让它把图表变成表格。")).to_be_visible()
    # the lab, too: names of encoders and of SPHINX's abilities stay
    page.click("#acts >> text=比较")
    page.click("#lab-ask >> text=全部提问")
    expect(page.locator(".lab-column .growing")).to_have_count(0)
    expect(page.locator(".lab-column h3")).to_have_text(["全部编码器，整张图片", re.compile("连同 4 个部分")])
    expect(page.locator(".lab-note")).to_have_text("它们说的都一样。")
    # nothing that the page says itself is left in English
    names = page.evaluate(NAMES)
    assert len(names) > 80
    assert sorted({name for name in names if not CHINESE.search(name) and not FOREIGN.search(name)}) == []


def test_a_notice_is_in_chinese_before_there_is_a_picture(assistant, serve, visit):
    page = visit(serve(assistant), locale="zh-CN")
    expect(page.locator("#chat .before-picture")).to_contain_text("SPHINX 只懂英语")
    expect(page.locator(".canvas .intake h2")).to_have_text("将图片拖到这里")
    say(page, "find the red ball")
    expect(page.locator("#chat .notice")).to_contain_text("还没有图片")


def test_the_switch_is_remembered_and_the_visit_comes_back_in_the_other_language(opened):
    page = opened()
    say(page, ASKED)
    expect(page.locator(".canvas .thing")).to_have_count(2)
    expect(page.locator("#words .stop-button")).to_have_count(0)
    switch = page.locator(".top .language")
    expect(switch).to_have_text("中文")
    switch.click()
    expect(switch).to_have_text("English")
    expect(page.locator("#undo")).to_have_text("撤销")
    expect(page.locator(".canvas .thing")).to_have_count(2)
    expect(page.locator("#chat .user.message")).to_contain_text(ASKED)
    page.reload()
    expect(page.locator("#undo")).to_have_text("撤销")
    page.locator(".top .language").click()
    expect(page.locator("#undo")).to_have_text("Undo")
    expect(page.locator(".canvas .thing")).to_have_count(2)
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_tour_is_told_in_chinese(assistant, serve, visit, picture):
    page = visit(serve(assistant, {"ball and cup": picture}), locale="zh-CN")
    page.click("#chat .tour")
    expect(page.locator(".tour-card")).to_contain_text("先要有一张图片")
    expect(page.locator(".tour-card")).to_contain_text("第 1 步，共 5 步")
    page.keyboard.press("Escape")
