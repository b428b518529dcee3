"""The page's words: both languages say the same things, none is missing and none is left over."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import render, words
from pipelines.abilities import suggestions
from pipelines.scene import Scene, Turn
from pipelines.sentences import english

ROOT = Path(__file__).parents[2]
PLACE = re.compile(r"\{(\w+)\}")
FILES = (".html", ".js", ".css", ".png")  # their names look like keys


def own(language: str) -> dict[str, str]:
    text = (files("app") / "languages" / f"{language}.toml").read_text("utf-8")
    return {f"{part}.{key}": said for part, rows in tomllib.loads(text).items() for key, said in rows.items()}


def is_sentence(key: str) -> bool:
    return key.startswith(words.PROGRAM)


def code() -> str:
    """The page's code, without the words themselves."""
    kinds = ("*.py", "*.js", "*.html")
    return "\n".join(path.read_text("utf-8") for kind in kinds for path in (ROOT / "app").rglob(kind))


def written() -> str:
    """Every text that stands in the program."""
    texts = []
    for folder in ("app", "pipelines"):
        for path in (ROOT / folder).rglob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text("utf-8")))
            texts += [node.value for node in nodes if isinstance(node, ast.Constant)]
    return "\0".join(text for text in texts if isinstance(text, str)).lower()


def test_every_language_has_the_same_keys_with_the_same_places():
    english = own(words.ENGLISH)
    for language in words.LANGUAGES:
        other = {key: said for key, said in own(language).items() if not is_sentence(key)}
        assert sorted(other) == sorted(english)
        places = {key: sorted(PLACE.findall(said)) for key, said in other.items()}
        assert places == {key: sorted(PLACE.findall(said)) for key, said in english.items()}


def test_every_sentence_of_the_program_is_said_in_every_language_with_the_same_places():
    def places(said: str) -> list[str]:
        return sorted(place.removeprefix("a_") for place in PLACE.findall(said))  # no article in Chinese

    for language in words.LANGUAGES[1:]:
        table = own(language)
        other = {key.removeprefix(words.PROGRAM): said for key, said in table.items() if is_sentence(key)}
        assert sorted(other) == sorted(english())
        assert {key: places(said) for key, said in other.items()} == {
            key: places(said) for key, said in english().items()
        }


def test_every_key_is_used_and_every_key_that_is_used_is_there():
    english = {key for key in own(words.ENGLISH) if not key.startswith(words.SENTENCES)}
    parts = "|".join(sorted({key.partition(".")[0] for key in english}))
    used = set(re.findall(rf"""["'`]((?:{parts})\.\w+)["'`]""", code()))
    assert {name for name in used if not name.endswith(FILES)} == english


def test_every_sentence_that_has_a_translation_is_one_of_the_program():
    program = written()
    sentences = {key: said for key, said in own(words.ENGLISH).items() if key.startswith(words.SENTENCES)}
    pieces = {
        (key, piece)
        for key, said in sentences.items()
        for piece in re.split(r"\{\w+\}|\.\.\.|(?<=\.) ", said.lower())
    }
    assert [one for one in sorted(pieces) if one[1].strip() and one[1].strip() not in program] == []


def test_every_suggestion_of_the_page_has_a_translation():
    assert [chip for chip in suggestions() if words.said(chip, words.CHINESE) == chip] == []


def test_what_a_language_lacks_is_in_english(monkeypatch):
    monkeypatch.setattr(
        words.tomllib,
        "loads",
        lambda text: (
            {"acts": {"undo": "撤销"}} if "简" in text else {"acts": {"undo": "Undo", "redo": "Redo"}}
        ),
    )
    monkeypatch.setattr(words, "files", lambda package: Path("/"))
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: "简" if path.stem == "zh" else "")
    words.table.cache_clear()
    try:
        assert words.word("acts.undo", words.CHINESE) == "撤销"
        assert words.word("acts.redo", words.CHINESE) == "Redo"
    finally:
        words.table.cache_clear()


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("There is no region #3 on the picture any more.", "图上已经没有区域 #3。"),
        ("Region #12 has no mask yet: segment it first.", "区域 #12 还没有蒙版：请先分割它。"),
        ("describe the picture with boxes", "描述图片并画框"),
        ("remove #3", "移除 #3"),
        ("remove the red ball", "移除 red ball"),
        ("A sentence that nobody translated.", "A sentence that nobody translated."),
    ],
)
def test_a_sentence_of_the_program_is_found_by_its_english(sentence, said):
    assert words.said(sentence, words.CHINESE) == said
    assert words.said(sentence, words.ENGLISH) == sentence


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "en-GB,zh;q=0.9", "en"),
        (None, "de-DE", "en"),
        (None, None, "en"),
        ("zh", "en-GB", "zh"),
        ("en", "zh-CN", "en"),
        ("<script>", "zh-TW", "zh"),
    ],
)
def test_the_language_is_the_one_that_was_chosen_or_else_the_browsers_first(cookie, header, language):
    request = SimpleNamespace(
        cookies={words.COOKIE: cookie} if cookie else {},
        headers={"accept-language": header} if header else {},
    )
    assert words.language_of(request) == language
    assert words.language_of(None) == "en"


def test_notices_are_translated_and_what_sphinx_answers_is_not():
    notice = Turn("notice", "There is no picture yet: choose one first.", suggestions=("segment everything",))
    answer = Turn("assistant", "remove #3", raw="remove #3")
    chat = render.chat(Scene(turns=(notice, answer)), language=words.CHINESE)
    assert "还没有图片" in chat[0]["content"]
    # what is pressed is sent in English, which the title has
    assert 'class="say told" role="button" tabindex="0" title="segment everything"' in chat[0]["content"]
    assert "分割一切" in chat[0]["content"]
    assert "移除" not in chat[1]["content"]


def test_words_cannot_leave_their_script(monkeypatch):
    monkeypatch.setattr(words, "table", lambda language: {"top.line": "</script><b>"})
    assert "</script>" not in words.script()
