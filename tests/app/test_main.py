"""From the command line to settings, and what a served page promises."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

from app import main, ui
from pipelines import Settings


def test_the_command_line_becomes_settings():
    assert main.settings([]) == (Settings(), None)
    words = ["--model", "sphinx-tiny", "--segmenter", "sam", "--inpainter", "opencv", "--port", "8000"]
    assert main.settings(words) == (Settings("sphinx-tiny", "sam", "opencv"), 8000)
    with pytest.raises(SystemExit):
        main.settings(["--port", "many"])


def test_the_examples_are_there():
    pictures = main.example_pictures()
    assert len(pictures) >= 8
    assert {"park", "people", "chart", "document", "screen", "odd", "sign"} <= set(pictures)
    assert all(path.stat().st_size < 100_000 for path in pictures.values())


def test_the_page_is_served_on_the_loopback_with_mcp_and_limits(assistant, serve):
    address = serve(assistant)
    assert address.startswith("http://127.0.0.1:")
    (page,) = serve.pages
    assert page.mcp_server
    assert page.max_file_size == 50 * 1024**2
    assert page.state_session_capacity == ui.VISITORS
    assert page.run_history is False
    assert not page.share
    assert page._queue.max_size == ui.QUEUE
    # every event that is no documented endpoint is private
    public = [fn.api_name for fn in page.fns.values() if fn.api_visibility == "public"]
    assert sorted(public) == ["ask", "describe", "edit", "outline", "pose"]


@pytest.mark.parametrize("lent", [True, False])
def test_a_gpu_is_borrowed_where_one_is_lent(monkeypatch, lent):
    spaces = ModuleType("spaces")
    spaces.GPU = lambda **terms: lambda served: served  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", spaces if lent else None)  # None: it cannot be imported
    began = []
    monkeypatch.setattr(main, "main", lambda **given: began.append(given))
    runpy.run_path(str(Path(main.__file__).parent.parent / "app.py"), run_name="__main__")
    assert began == [{"gpu": spaces.GPU if lent else None}]


def test_a_lent_gpu_wants_the_models_loaded_before_the_page_is_served(monkeypatch, assistant):
    order = []
    monkeypatch.setattr(main.pipelines, "load", lambda *_, gpu: order.append(gpu) or assistant)
    monkeypatch.setattr(main, "launch", lambda page, port: order.append("launched"))
    gpu = lambda **terms: lambda served: served  # noqa: E731
    main.main([], gpu=gpu)
    assert order == [gpu, "launched"]


def test_files_beside_the_pictures_are_not_served(assistant, serve):
    import httpx

    address = serve(assistant)
    for path in ("/etc/passwd", str(main.EXAMPLES.parent.parent / "pyproject.toml")):
        assert httpx.get(f"{address}gradio_api/file={path}").status_code in (403, 404)
