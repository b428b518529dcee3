"""The page's words: both languages say the same things, none is missing and none is left over."""

from __future__ import annotations

import ast
import html
import re
import tomllib
from functools import partial
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from app import render, words
from model.checkpoints import CHECKPOINTS
from model.training.promises import PROMISES
from pipelines import intake, readings
from pipelines.abilities import ABILITIES, suggestions
from pipelines.assistant import GUESS
from pipelines.catalog import PAINTED_WITHOUT_A_MODEL
from pipelines.choices import EMBEDDED, _released
from pipelines.engine import About
from pipelines.errors import DemoError
from pipelines.scene import Box, Picture, Record, Region, Scene, Span, Turn
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
    for folder in ("app", "pipelines", "model"):
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
        for piece in re.split(r"\{\w+\}|\.\.\.|(?<=[.:]) ", said.lower())
    }
    assert [one for one in sorted(pieces) if one[1].strip(" .:") not in program] == []


NOT_ON_THE_PAGE = (  # what is refused there, a shell, a script or who starts the page reads
    "app/api.py", "app/arguments.py", "app/fetching.py", "app/leftovers.py", "app/main.py",
    "app/mcp_tools.py", "app/refusals.py", "pipelines/export/given.py", "pipelines/label/",
    "pipelines/settings.py", "pipelines/shell.py",
)  # fmt: skip


def refused() -> list[tuple[str, str]]:
    """What the program refuses with, as (where, English words); places are filled with a 7."""
    found = []
    for folder in ("app", "pipelines"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(NOT_ON_THE_PAGE):
                continue
            module = import_module(name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _is_refusal(getattr(module, _name(node.func), None)):
                    found += [
                        (f"{name}:{node.lineno}", words) for words in map(partial(_words, module), node.args)
                    ]
    return [(where, words) for where, words in found if words.strip(" 7.")]


def _is_refusal(called: object) -> bool:
    return isinstance(called, type) and issubclass(called, DemoError)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _words(module: ModuleType, node: ast.expr) -> str:
    """An expression's text; "" where it is no text of its own, such as a `Sentence`."""
    match node:
        case ast.Constant(str() as words):
            return words
        case ast.JoinedStr(values):
            return "".join(_words(module, value) or "7" for value in values)
        case ast.FormattedValue(ast.Name() as inside) | (ast.Name() as inside):
            words = getattr(module, _name(inside), "")
            return words if isinstance(words, str) else ""
    return ""


def test_every_refusal_that_the_page_may_show_is_said_in_every_language():
    assert len(refused()) > 100
    for language in words.LANGUAGES[1:]:
        assert [one for one in refused() if words.said(one[1], language) == one[1]] == []


def test_every_suggestion_of_the_page_has_a_translation():
    assert [chip for chip in suggestions() if words.said(chip, words.CHINESE) == chip] == []


NOTES = (
    readings.BESIDE, readings.NOT_A_BOX, readings.WHOLE, readings.AGAIN, f"“a cup” was {readings.NO_BOX}",
    "mask changed by hand", "nothing to outline here", GUESS[1],
)  # fmt: skip
UNREADABLE = (b"", b"%PDF", b"PK\3\4", b"GIF8", b"<svg", b"\0\0\0\0ftyp", b"\xff", b"words")


@pytest.mark.parametrize(
    "told",
    [
        *(ability.title for ability in ABILITIES.values()),
        *(f"{promise.says}: 48 %" for promise in PROMISES),
        *map(intake._why_unreadable, UNREADABLE),
        *NOTES,
        *EMBEDDED.values(),
    ],
)
def test_titles_figures_and_notes_are_said_in_every_language(told):
    for language in words.LANGUAGES[1:]:
        assert not re.search(
            "[a-z]{4}", words.said(told, language).replace("cup", "").replace("JPEG, WebP", "")
        )


RUNS = (
    "a GPU was found (NVIDIA A100)", "an Apple GPU was found", "no GPU was found", "as asked",
    "bfloat16 as asked", "float32, since the checkpoint is small", "bfloat16, half the memory of float32",
)  # fmt: skip


@pytest.mark.parametrize("reason", RUNS)
def test_why_the_models_run_where_they_do_is_said_in_every_language(reason):
    about = About("sphinx", "cpu", f"{reason}; no GPU was found", "It knows.", paints=PAINTED_WITHOUT_A_MODEL)
    for told in (render.understands(about, words.CHINESE), render.ready(about, words.CHINESE)):
        assert reason not in told
        assert "no GPU" not in told
    assert "模型对自己的说明" in render.understands(about, words.CHINESE)
    assert "nothing new" not in render.understands(about, words.CHINESE)
    assert f"cpu: {reason}; no GPU was found" in render.understands(about)


def test_a_released_checkpoint_is_described_in_every_language():
    choices = [_released(name, "bfloat16").says for name, one in CHECKPOINTS.items() if one.subfolder]
    assert choices
    assert [said for said in choices if "pixels" in words.said(said, words.CHINESE)] == []


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


def test_a_record_and_the_notes_below_an_answer_are_translated():
    spans, record = (Span(0, 13, (1,)),), Record("dense", "sphinx", 3, seconds=0.42)
    text = f"red ball (#1)\n({readings.AGAIN})"
    answer = Turn("assistant", text, spans, raw="<p>red ball</p>[0,0,1,1]", record=record)
    ball = Region(1, "red ball", Box(0, 0, 9, 9), note=f"{readings.WHOLE}; {readings.BESIDE}")
    scene = Scene(Picture("0" * 64, (20, 20)), (ball,), turns=(answer,))
    assert render.record_words(answer, words.ENGLISH) == ("dense", "0.4 s", "seed 3")
    assert render.record_words(answer, words.CHINESE) == ("说出每个区域", "0.4 秒", "种子 3")
    content = render.chat(scene, language=words.CHINESE)[0]["content"]
    content = html.unescape(re.sub("<[^>]*>", "", content))
    assert "red ball (#1)" in content
    assert "（略去了对同一位置的重复描述）" in content
    shown = render.canvas(scene, lambda picture: {}, language=words.CHINESE)["regions"][0]
    assert shown["note"] == "整数按 0..1 读取; 略去了图片之外的一个框"


def test_words_cannot_leave_their_script(monkeypatch):
    monkeypatch.setattr(words, "table", lambda language: {"top.line": "</script><b>"})
    assert "</script>" not in words.script()
