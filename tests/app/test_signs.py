"""Messages that hold nothing but the signs of SPHINX's own format: one sentence at every door."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from pipelines import shell
from tests.app.test_api import called, text_of, values, visited

UNFORESEEN = "not foreseen"
EMPTY = ("###", "find ###", "find []", "find all ###", "segment [ ]")
"""Nothing is left of these for a checkpoint that takes any words: "find []" once raised a ValueError."""
MARKED = ("find <p>", "find ?!", " #### ", "find </p> ###", "what is <p>?", "### Human: hi\n### Assistant: x")
"""Some word is left of these."""


@pytest.mark.parametrize("words", [*EMPTY, *MARKED])
def test_the_shell_says_a_sentence(assistant, vlm, monkeypatch, capsys, picture, words):
    monkeypatch.setattr(shell, "load", lambda settings: assistant)
    status = shell.main([str(picture), words])
    out, err = capsys.readouterr()
    assert status == (2 if words in EMPTY else 0)
    said = err if words in EMPTY else out
    assert re.search(r"\w", said)
    assert UNFORESEEN not in said
    assert err.count("\n") == (words in EMPTY)
    assert not any("###" in question for question in vlm.asked)


@pytest.mark.parametrize("words", EMPTY)
def test_http_and_mcp_say_the_same_sentence(assistant, serve, shown, words):
    address = serve(assistant)
    event, output = called(address, "ask", values("ask", {"picture": shown, "words": words}))
    assert event == "error"
    assert isinstance(output, dict)
    assert "There are no words in" in str(output["error"])
    assert output["title"] == "DemoError"
    _, (result,) = visited(address, [("ask", {"picture": shown, "words": words})])
    assert result.isError
    assert text_of(result) == output["error"]


@pytest.mark.parametrize("words", MARKED)
def test_what_holds_a_word_is_answered_over_http(assistant, serve, shown, words):
    event, output = called(serve(assistant), "ask", values("ask", {"picture": shown, "words": words}))
    assert event == "complete", output
    assert isinstance(output, list)
    assert output[0]["text"]


@pytest.mark.browser
def test_the_page_says_a_sentence_and_goes_on(assistant, serve, visit, picture):
    page = visit(serve(assistant))
    page.set_input_files(".canvas input.file", picture)
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    for words, empty in (("find []", "[]"), ("###", "###")):
        page.fill("#words textarea", words)
        page.press("#words textarea", "Enter")
        expect(page.locator("#chat .notice").last).to_contain_text(f"There are no words in “{empty}”")
    assert UNFORESEEN not in page.inner_text("#chat")
    page.fill("#words textarea", "find <p>red ball</p>")
    page.press("#words textarea", "Enter")
    expect(page.locator("#chat .bot.message").last).to_contain_text("red ball")
