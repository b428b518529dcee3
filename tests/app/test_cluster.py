"""The demo on Ray Serve: two replicas of SPHINX, one of which dies; and what is told about them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import expect

pytest.importorskip("ray", reason="pip install -r requirements-cluster.txt")

from ray.exceptions import ActorDiedError
from ray.serve.exceptions import BackPressureError

from app import cluster
from pipelines.errors import ModelLost, TooBusy
from tests.conftest import draw_ball_and_cup

ROOT = Path(__file__).parents[2]
PATIENCE = 240  # seconds: Ray starts a dozen processes
LEFT = 1.5  # seconds after which a request that was given up computes nothing any more
MEMORY = str(120 << 20)  # bytes of Ray's object store
QUESTION = "tell me a long story"


@dataclass
class Running:
    """A cluster: the page's address, that of Serve, and where SPHINX's replicas count their passes."""

    page: str
    serve: str
    passes: Path

    def count(self) -> dict[int, int]:
        """Forward passes by process."""
        return {int(file.name): file.stat().st_size for file in self.passes.iterdir()}


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "passes").mkdir()
    page, served = free_port(), free_port()
    (folder / "serve.yaml").write_text(
        f"http_options: {{host: 127.0.0.1, port: {served}}}\n"
        "applications:\n"
        "- name: default\n"
        "  route_prefix: /\n"
        "  import_path: tests.app.fake_cluster:demo\n"
        f'  args: {{vlm_replicas: "2", cpus: 0.1, port: {page}}}\n'
    )
    environment = {
        **os.environ,
        "SPHINX_TEST_PASSES": str(folder / "passes"),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "RAY_AUTH_MODE": "disabled",
        "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": MEMORY,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": "/tmp",  # a socket's path has 107 characters at most
        "RAY_metrics_report_interval_ms": "500",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                Path(sys.executable).parent / "serve",
                "run",
                "--app-dir",
                str(ROOT),
                str(folder / "serve.yaml"),
            ],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            found = Running(f"http://127.0.0.1:{page}", f"http://127.0.0.1:{served}", folder / "passes")
            wait_until(lambda: answers(found.page), PATIENCE, process, folder / "log")
            yield found
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def answers(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(
    true: Callable[[], object],
    seconds: float = 60,
    process: subprocess.Popen[bytes] | None = None,
    log: Path | None = None,
) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end or (process and process.poll() is not None):
            pytest.fail(log.read_text()[-3000:] if log else "it did not become true")
        time.sleep(0.1)


@pytest.fixture
def drawing_file(tmp_path) -> str:
    draw_ball_and_cup().save(tmp_path / "drawing.png")
    return str(tmp_path / "drawing.png")


def test_serves_port_leads_to_the_page(running):
    answer = httpx.get(running.serve)
    assert (answer.status_code, answer.headers["location"].rstrip("/")) == (307, running.page)


def test_an_agent_is_answered_by_all_three_models(running, drawing_file):
    client = Client(running.page, verbose=False)
    found = client.predict(picture=handle_file(drawing_file), words="segment the red ball", api_name="/ask")
    assert found["regions"][0]["mask"]
    edited = client.predict(
        picture=handle_file(drawing_file), wish="remove the red ball", steps=4, api_name="/edit"
    )
    assert edited["picture"]


def test_what_is_stopped_or_left_ends_within_a_token(running, visit, browser, drawing_file):
    for leave in ("stop", "close"):
        before = sum(running.count().values())
        page = visit(running.page)
        page.set_input_files(".canvas input.file", drawing_file)
        expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
        say(page, QUESTION)
        wait_until(lambda before=before: sum(running.count().values()) >= before + 3)
        if leave == "stop":
            page.locator("#words button.stop-button").click()
        else:
            page.close()
        assert_quiet(running)


def test_a_call_that_is_dropped_ends_within_a_token(running):
    before = sum(running.count().values())
    with httpx.Client(timeout=60) as caller:
        given = caller.get(f"{running.page}/gradio_api/info").json()["named_endpoints"]["/ask"]["parameters"]
        data = [QUESTION if one["parameter_name"] == "words" else one["parameter_default"] for one in given]
        joined = caller.post(f"{running.page}/gradio_api/call/ask", json={"data": data}).json()
        with caller.stream("GET", f"{running.page}/gradio_api/call/ask/{joined['event_id']}"):
            wait_until(lambda: sum(running.count().values()) >= before + 3)
    assert_quiet(running)


def assert_quiet(running: Running) -> None:
    """Hold that no replica computes, a moment from now."""
    time.sleep(LEFT)
    stopped = running.count()
    time.sleep(LEFT)
    assert running.count() == stopped


def test_a_replica_that_dies_is_replaced_and_the_visitor_told(running, visit, drawing_file):
    page = visit(running.page)
    chat = page.locator("#chat")
    page.set_input_files(".canvas input.file", drawing_file)
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    say(page, QUESTION)
    expect(chat).to_contain_text("Word 2.")
    number = int(re.findall(r"I am (\d+)", chat.inner_text())[0])
    os.kill(number, signal.SIGKILL)
    expect(chat).to_contain_text("another takes over")
    expect(chat).to_contain_text("Word 2.")  # nothing is lost
    say(page, "what colour is the ball?")
    expect(chat).to_contain_text("red")
    client, alive = Client(running.page, verbose=False), set[int]()

    def both() -> bool:
        text = client.predict(picture=None, words="who are you?", api_name="/ask")["text"]
        alive.update(map(int, re.findall(r"I am (\d+)", text)))
        return len(alive) == 2

    wait_until(both, PATIENCE)
    assert number not in alive


def say(page: Any, words: str) -> None:
    page.locator("#words textarea").fill(words)
    page.locator("#words textarea").press("Enter")


def test_all_replicas_are_counted_at_one_address(running, drawing_file):
    client = Client(running.page, verbose=False)
    client.predict(picture=handle_file(drawing_file), words="segment the red ball", api_name="/ask")

    def told() -> str:
        return httpx.get(f"{running.serve}/metrics").text

    wait_until(lambda: "ray_sphinx_tokens_total{" in told())
    for name in ("requests_at_work", "first_answer_seconds_bucket"):
        assert f"ray_sphinx_{name}" in told()


# --- without a cluster ---------------------------------------------------------------------------------


class Handle:
    """A deployment's handle whose calls end as they are told to, one after the other."""

    def __init__(self, *ends: Any) -> None:
        self._ends = list(ends)
        self.calls = 0
        self.cancelled = 0

    def options(self, **_: Any) -> Handle:
        return self

    @property
    def serve(self) -> Handle:
        return self

    def remote(self, *_: Any, **__: Any) -> Handle:
        self.calls += 1
        self._end = self._ends.pop(0)
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    def __iter__(self) -> Iterator[Any]:
        for one in self._end:
            if isinstance(one, Exception):
                raise one
            yield one


def ask(handle: Any) -> list[Any]:
    return list(cluster.served(handle)("stream", None, None, (), "hello"))


def test_what_had_not_begun_is_asked_again_by_itself():
    handle = Handle([ActorDiedError()], ["a", "ab"])
    assert ask(handle) == ["a", "ab"]
    assert handle.calls == 2


def test_what_had_begun_is_an_error_of_its_own():
    with pytest.raises(ModelLost, match="ask again"):
        ask(Handle(["a", ActorDiedError()]))
    with pytest.raises(ModelLost):
        ask(Handle([ActorDiedError()], [ActorDiedError()]))


def test_too_many_requests_are_refused_in_words():
    full = BackPressureError(num_queued_requests=64, max_queued_requests=64)
    with pytest.raises(TooBusy, match="try again"):
        ask(Handle([full]))


def test_who_leaves_has_the_call_cancelled():
    handle = Handle(["a", "ab", "abc"])
    replies = cluster.served(handle)("stream", None, None, (), "hello")  # type: ignore[arg-type]
    next(replies)
    replies.close()
    assert handle.cancelled == 1


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ("2", {"num_replicas": 2}),
        (
            "1-4",
            {"autoscaling_config": {"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": 8}},
        ),
    ],
)
def test_replicas_are_a_number_or_a_range(said, options):
    assert cluster.scaling(said, 16) == options


def test_a_number_of_replicas_that_is_none():
    with pytest.raises(ValueError, match="2, or 1-4"):
        cluster.scaling("many", 16)


def test_what_is_loaded_is_what_was_given_else_what_the_environment_says(monkeypatch):
    monkeypatch.setenv("SPHINX_MODEL", "sphinx-tiny")
    monkeypatch.setenv("SPHINX_SEGMENTER", "sam-vit-b")
    chosen = cluster.Replicas(model="sphinx-v2-1k").settings()
    assert (chosen.model, chosen.segmenter) == ("sphinx-v2-1k", "sam-vit-b")


def test_metrics_of_several_machines_are_explained_once():
    one = '# HELP ray_sphinx_x An x.\n# TYPE ray_sphinx_x gauge\nray_sphinx_x{n="1"} 2.0\nray_other 3\n'
    other = one.replace('n="1"', 'n="2"')
    assert cluster.merged([one, other]).splitlines() == [
        "# HELP ray_sphinx_x An x.",
        "# TYPE ray_sphinx_x gauge",
        'ray_sphinx_x{n="1"} 2.0',
        'ray_sphinx_x{n="2"} 2.0',
    ]
