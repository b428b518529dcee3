"""Who may ask a served page: known hosts and origins; and the page behind a proxy, under a path."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from gradio_client import Client
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from app.doors import Doors
from app.limits import Limits, known_hosts
from tests.app.test_api import visited
from tests.loops import run

PREFIX = "/sphinx"
FOREIGN = ("evil.example", "evil.example:7860", "127.0.0.1.evil.example", "[::2]", "", "a:b:c", "\xe9")


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_is_refused_in_one_line(assistant, serve, host):
    address = serve(assistant)
    for path in ("", "config", "gradio_api/info", "gradio_api/mcp/"):
        answer = httpx.get(f"{address}{path}", headers=[(b"Host", host.encode("latin-1"))])
        if answer.status_code == 400:
            assert host in ("", "\xe9")  # the HTTP server itself will not have it
            continue
        assert answer.status_code == 403
        assert "--hosts" in answer.json()["error"]


def test_a_foreign_origin_is_refused_and_our_own_is_not(assistant, serve):
    address = serve(assistant)
    call = {"data": [None, "hello", 0]}
    for origin in ("https://evil.example", "null", "file://", "http://127.0.0.1.evil.example"):
        refused = httpx.post(f"{address}gradio_api/call/ask", headers={"Origin": origin}, json=call)
        assert refused.status_code == 403
        assert "Origin" in refused.json()["error"]
    for origin in (address.rstrip("/"), "http://localhost:3000", "http://[::1]:7860"):
        answer = httpx.post(f"{address}gradio_api/call/ask", headers={"Origin": origin}, json=call)
        assert answer.status_code == 200


def test_hosts_are_those_of_the_loopback_and_those_that_are_named(monkeypatch):
    monkeypatch.delenv("GRADIO_ROOT_PATH", raising=False)
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    assert known_hosts(Limits()) == {"localhost", "127.0.0.1", "::1"}
    assert "demo.example.org" in (known_hosts(Limits(hosts="Demo.example.org , x.org")) or ())
    monkeypatch.setenv("GRADIO_ROOT_PATH", "https://example.org/sphinx")
    assert "example.org" in (known_hosts(Limits()) or ())
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    assert known_hosts(Limits()) is None
    assert known_hosts(Limits(hosts="x.org")) == {"localhost", "127.0.0.1", "::1", "x.org", "example.org"}


def test_calls_are_counted_for_each_address_and_minute(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("app.doors.time.monotonic", lambda: now[0])
    passed: list[str] = []

    async def inner(scope, receive, send):
        passed.append(scope["client"][0])

    said: list[int] = []

    async def send(message):
        if message["type"] == "http.response.start":
            said.append(message["status"])

    doors = Doors(inner, limits=Limits(calls=2))

    async def call(client: str, path: str = "/gradio_api/upload", method: str = "POST") -> None:
        scope = {
            "type": "http", "method": method, "path": path, "client": (client, 1),
            "headers": [(b"host", b"localhost")],
        }  # fmt: skip
        await doors(scope, None, send)  # pyright: ignore

    async def calls() -> None:
        for client in ("a", "a", "b", "a"):
            await call(client)
        await call("a", method="GET")
        await call("a", "/gradio_api/cancel")
        now[0] = 61
        await call("a")

    run(calls())
    assert (passed, said) == (["a", "a", "b", "a", "a", "a"], [429])


@pytest.fixture
def proxied(assistant, serve, monkeypatch) -> Iterator[str]:
    """The address of the page under a path of a proxy that passes the Host on, as README says."""
    monkeypatch.setenv("GRADIO_ROOT_PATH", PREFIX)
    inner = serve(assistant)

    async def forward(request: Request) -> StreamingResponse:
        client = httpx.AsyncClient(timeout=60)
        url = inner.rstrip("/") + request.url.path.removeprefix(PREFIX)
        asked = client.build_request(
            request.method,
            url,
            params=request.query_params,
            headers=request.headers.raw,
            content=await request.body(),
        )
        answer = await client.send(asked, stream=True)

        async def pieces():
            async for piece in answer.aiter_raw():
                yield piece
            await client.aclose()

        return StreamingResponse(pieces(), answer.status_code, dict(answer.headers))

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = Starlette(routes=[Route(PREFIX + "/{path:path}", forward, methods=["GET", "POST", "HEAD"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}{PREFIX}/"
    server.should_exit = True
    thread.join(10)


def test_the_endpoints_work_under_a_path(proxied):
    said = Client(proxied, verbose=False).predict(picture=None, words="hello", api_name="/ask")
    assert said["model"] == "fake-sphinx"


def test_mcp_works_under_a_path(proxied):
    # gradio #11225: the session's address held the path twice, and every message to it was a 404
    _, (result,) = visited(proxied, [("ask", {"words": "hello"})])
    assert not result.isError, result.content
    assert (result.structuredContent or {})["model"] == "fake-sphinx"


@pytest.mark.browser
def test_the_page_works_under_a_path(proxied, visit, drawing, tmp_path):
    drawing.save(tmp_path / "drawing.png")
    page = visit(proxied)  # which fails where anything is fetched from outside the path
    page.set_input_files(".canvas input.file", tmp_path / "drawing.png")
    expect(page.locator(".canvas.has-picture:not(.choosing)")).to_be_visible()
    page.wait_for_function("document.querySelector('.canvas img.picture').naturalWidth > 0")
    page.fill("#words textarea", "segment the red ball")
    page.press("#words textarea", "Enter")
    expect(page.locator(".canvas .thing.region-1 path.mask")).to_be_attached()
