"""From the command line to settings, and what a served page promises."""

from __future__ import annotations

import base64
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import httpx
import psutil
import pytest

from app import main, sessions, ui
from app.limits import Limits, from_environment
from pipelines import Settings, scratch
from pipelines.settings import BadArguments

ROOT = Path(main.__file__).parent.parent


def test_the_command_line_becomes_settings():
    assert main.settings([]) == (Settings(), None, None, Limits())
    words = ["--model", "sphinx-tiny", "--segmenter", "sam", "--inpainter", "opencv", "--port", "8000"]
    assert main.settings(words) == (Settings("sphinx-tiny", "sam", "opencv"), None, 8000, Limits())
    assert main.settings(["--processes", "2"])[1] == 2
    words = ["--clicks", "3", "--calls", "40", "--places", "2", "--hosts", "example.org, demo.example.org"]
    assert main.settings(words)[3] == Limits(3, 40, 2, "example.org, demo.example.org")
    for wrong in ("many", "0", "70000", "9" * 5000):
        with pytest.raises(BadArguments):
            main.settings(["--port", wrong])


def test_the_environment_becomes_settings(monkeypatch):
    monkeypatch.setenv("SPHINX_MODEL", "sphinx-tiny")
    monkeypatch.setenv("SPHINX_PORT", "8001")
    monkeypatch.setenv("SPHINX_CALLS", "77")
    assert from_environment() == Limits(calls=77)
    assert main.settings([]) == (Settings("sphinx-tiny"), None, 8001, Limits(calls=77))
    assert main.settings(["--port", "8000", "--model", "sphinx"])[:3] == (Settings("sphinx"), None, 8000)
    monkeypatch.setenv("SPHINX_PORT", "many")
    with pytest.raises(BadArguments, match="--port"):
        main.settings([])


def test_help_says_what_the_environment_does(capsys):
    with pytest.raises(SystemExit) as left:
        main.settings(["--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("GRADIO_ROOT_PATH", "GRADIO_SERVER_NAME", "SPHINX_MODEL"))


@pytest.mark.parametrize("asked", ["option", "environment"])
def test_a_taken_port_is_one_line_before_anything_is_loaded(monkeypatch, capsys, asked):
    monkeypatch.setattr(main, "_serve", lambda *_: pytest.fail("it was served"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("GRADIO_SERVER_PORT", port)
        assert main.main(["--port", port] if asked == "option" else []) == 2
    err = capsys.readouterr().err
    assert port in err
    assert err.count("\n") == 1
    monkeypatch.setenv("GRADIO_SERVER_NAME", "no.such.host.invalid")
    assert main.main([]) == 2


STANDING = """
import sys, threading, torch
from app import main

def serve(*_):
    def compute():
        while True:
            torch.rand(300, 300) @ torch.rand(300, 300)
    threading.Thread(target=compute, daemon=True).start()
    print("up", flush=True)
    threading.Event().wait()

main._serve = serve
sys.exit(main.main(["--port", sys.argv[1]]))
"""  # the page as it stands while a model computes, without the seconds that Gradio takes to begin


def hear_interrupts():
    """Undo what a shell does to what it starts in the background: that ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_end_is_quick_and_clean_while_models_compute(tmp_path, sent, status):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": "."}
    with subprocess.Popen(
        [sys.executable, "-c", STANDING, str(port)], env=environment, text=True, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=hear_interrupts,
    ) as page:  # fmt: skip
        assert page.stdout
        assert page.stdout.readline() == "up\n"
        assert list(tmp_path.glob("sphinx-live-*/lock"))
        began = time.monotonic()
        page.send_signal(sent)
        said = page.stdout.read()
        assert page.wait() == status
        assert time.monotonic() - began < 2
    assert "Traceback" not in said
    assert "terminate" not in said
    assert list(tmp_path.glob("sphinx-live-*")) == []


def test_ctrl_c_ends_the_real_page_at_once_while_it_paints(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    picture = base64.b64encode((main.EXAMPLES / "05-table.png").read_bytes()).decode()
    wish = [f"data:image/png;base64,{picture}", "replace the fish with a blue star", 0, 100, 0, ""]
    log = tmp_path / "log"
    with log.open("w") as said, subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        env={**os.environ, "TMPDIR": str(tmp_path)}, cwd=ROOT, stdout=said, stderr=said,
        preexec_fn=hear_interrupts,
    ) as page:  # fmt: skip
        while "ready after" not in log.read_text():
            assert page.poll() is None
            time.sleep(0.2)
        httpx.post(f"http://127.0.0.1:{port}/gradio_api/call/edit", json={"data": wish}).raise_for_status()
        time.sleep(2)
        assert psutil.Process(page.pid).cpu_percent(1) > 3  # a hundred steps take longer
        began = time.monotonic()
        page.send_signal(signal.SIGINT)
        assert page.wait(10) == 130
        assert time.monotonic() - began < 2
    assert "Traceback" not in log.read_text()
    assert "terminate" not in log.read_text()
    assert list(tmp_path.glob("sphinx-live-*")) == []


def test_a_start_sweeps_what_a_killed_one_left(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    code = "from pipelines.scratch import scratch_folder as f; (f() / 'x').touch(); "
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    left = f"{code} import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", left], env=environment, cwd=ROOT, check=False)
    assert len(list(tmp_path.glob("sphinx-live-*/x"))) == 1
    alive = f"{code} print(f(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", alive], env=environment, cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        assert other.stdout
        held = Path(other.stdout.readline().strip())
        scratch.sweep()
        assert [path.parent for path in tmp_path.glob("sphinx-live-*/x")] == [held]
        other.communicate("\n")
    assert list(tmp_path.glob("sphinx-live-*")) == []


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
    assert page.state_holder.capacity == sessions.MOST_SESSIONS
    assert page.run_history is False
    assert not page.share
    assert page._queue.max_size == ui.QUEUE
    # every event that is no documented endpoint is private
    public = [fn.api_name for fn in page.fns.values() if fn.api_visibility == "public"]
    assert sorted(public) == ["ask", "describe", "edit", "outline", "pose"]
    # Gradio calls the first event of a name
    assert all([fn.api_name for fn in page.fns.values()].count(name) == 1 for name in public)


def test_a_proxy_and_a_busy_machine_do_not_keep_the_page_from_starting(assistant, serve, monkeypatch):
    monkeypatch.setattr("gradio.networking.httpx.head", Mock(side_effect=httpx.ReadTimeout("busy")))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody answers there
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "example.org")
    assert httpx.get(serve(assistant)).status_code == 200
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "example.org,localhost,127.0.0.1,::1"


@pytest.mark.parametrize("lent", [True, False])
def test_a_gpu_is_borrowed_where_one_is_lent(monkeypatch, lent):
    spaces = ModuleType("spaces")
    spaces.GPU = lambda **terms: lambda served: served  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", spaces if lent else None)  # None: it cannot be imported
    began = []
    monkeypatch.setattr(main, "main", lambda **given: began.append(given))
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    assert began == [{"gpu": spaces.GPU if lent else None}]


def test_a_lent_gpu_wants_the_models_loaded_before_the_page_is_served(monkeypatch, assistant):
    order = []
    monkeypatch.setattr(main.pipelines, "load", lambda *_, gpu, **_more: order.append(gpu) or assistant)
    monkeypatch.setattr(main, "launch", lambda page, port, limits: order.append("launched"))
    gpu = lambda **terms: lambda served: served  # noqa: E731
    monkeypatch.setenv("GRADIO_TEMP_DIR", "/tmp/gradio")
    main.main([], gpu=gpu)
    assert order == [gpu, "launched"]


def test_files_beside_the_pictures_are_not_served(assistant, serve):
    address = serve(assistant)
    for path in ("/etc/passwd", str(main.EXAMPLES.parent.parent / "pyproject.toml")):
        assert httpx.get(f"{address}gradio_api/file={path}").status_code in (403, 404)
