"""What the documents say of files, functions and commands is true at this commit."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")),
)
ELSEWHERE = ("/gradio_api/mcp/", "runs/", "images/*.jpg", "outlines/*.txt", "Annotations/*.xml")
"""Paths in backticks that are addresses, or lie in a user's own folders."""
BASES = (ROOT, ROOT / "app", ROOT / "model" / "training")


def walk() -> list[str]:
    """The stops of the walk "segment the red cup", each on one line."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    part = text.partition('## "segment the red cup"')[2]
    stops = re.split(r"^ ?\d+\. ", part.partition("A click enters")[0], flags=re.MULTILINE)[1:]
    return [" ".join(stop.split()) for stop in stops]


def test_the_walk_has_at_most_eleven_stops_and_begins_each_with_a_file() -> None:
    assert 8 <= len(walk()) <= 11
    assert all(re.match(r"`[\w/]+\.py` `", stop) for stop in walk())


@pytest.mark.parametrize("stop", walk(), ids=lambda stop: stop.partition("`:")[0][:60].strip("`"))
def test_every_file_and_function_of_the_walk_is_there(stop: str) -> None:
    names = re.findall(r"`([\w/.]+)`", stop)
    files = [ROOT / name for name in names if name.endswith(".py")]
    assert all(file.is_file() for file in files)
    sources = "".join(file.read_text() for file in files)
    pages = sources + (ROOT / "app" / "page.py").read_text() + (ROOT / "pipelines" / "engine.py").read_text()
    for name in (name for name in names if not name.endswith(".py")):
        kind, _, method = name.rpartition(".")
        if kind:
            body = re.search(rf"^class {kind}\b.*?(?=^class |\Z)", pages, re.MULTILINE | re.DOTALL)
            assert body, f"no class {kind}"
            assert re.search(rf"^    (?:async )?def {method}\(", body[0], re.MULTILINE), name
        else:
            assert re.search(rf"^(?:async )?(?:def|class) {name}\b|\b{name}\b", sources, re.MULTILINE), name
    first = re.match(r"`[\w/.]+` `([\w.]+)`", stop)
    assert first
    assert f"def {first[1].rpartition('.')[2]}(" in files[0].read_text()


def tree() -> list[Path]:
    """The files and folders of README's tree."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"^    app\.py .*?(?=^\S)", text, re.MULTILINE | re.DOTALL)
    assert block
    found, folder = [], ROOT
    for line in filter(None, block[0].splitlines()):
        indent = len(line) - len(line.lstrip())
        names = re.split(r"\s{2,}", line.strip())[0]
        base = ROOT if indent == 4 else folder
        for name in names.split(", "):
            found.append(base / name)
        if indent == 4 and names.endswith("/"):
            folder = ROOT / names
    return found


def test_the_readmes_tree_is_true() -> None:
    assert len(tree()) > 20
    assert [str(path) for path in tree() if not path.exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_and_modules_are_there(document: str) -> None:
    text = (ROOT / document).read_text()
    named = re.findall(r"`([\w.*-]+/[\w./*-]*|[\w-]+\.(?:py|toml|md|tsv|js))`", text)
    missing = [
        name
        for name in named
        if name not in ELSEWHERE and not any(next(base.glob(name), None) for base in BASES)
    ]
    assert missing == []
    for module in re.findall(r"python -m ([\w.]+)", text):
        spec = find_spec(module)
        assert spec, module
        assert not spec.submodule_search_locations or find_spec(f"{module}.__main__"), module
