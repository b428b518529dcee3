"""What calls leave in the server's memory when they are over, fetched or not."""

from __future__ import annotations

import time
from functools import partial

import httpx
import pytest

from app import leftovers
from app.leftovers import Leftovers
from pipelines.errors import TooMuch

post = partial(httpx.post, timeout=60)
HELLO = {"data": [None, "hello", 0]}


def settled(true, seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.fixture
def served(assistant, serve):
    """The address of a page, and its queue."""
    address = serve(assistant)
    return address, serve.pages[-1]._queue


def idle(queue) -> bool:
    return not queue.event_ids_to_events and not any(queue.active_jobs)


def call(address: str) -> str:
    return post(f"{address}gradio_api/call/ask", json=HELLO).json()["event_id"]


def fetch(address: str, event: str) -> httpx.Response:
    return httpx.get(f"{address}gradio_api/call/ask/{event}", timeout=60)


def test_calls_that_are_over_leave_nothing(served):
    address, queue = served
    for _ in range(12):
        assert "event: complete" in fetch(address, call(address)).text
    settled(lambda: idle(queue))
    call(address)
    assert len(queue.pending_messages_per_session) == len(queue.pending_event_ids_session) == 1
    assert len(queue.event_analytics) == 1
    assert queue.cached_event_analytics_summary == {"functions": {}}


def test_an_answer_that_nobody_fetches_waits_a_while_and_goes(served, monkeypatch):
    address, queue = served
    waiting = [call(address) for _ in range(3)]
    settled(lambda: idle(queue))
    late = call(address)
    settled(lambda: idle(queue))
    assert "event: complete" in fetch(address, waiting[0]).text
    monkeypatch.setattr(leftovers, "UNFETCHED", -1)
    last = call(address)
    assert set(queue.pending_messages_per_session) == {last}
    assert "event: complete" in fetch(address, last).text
    for gone in (late, waiting[0], "0" * 32):
        said = fetch(address, gone)
        assert (said.status_code, said.json()["type"]) == (404, "NotKept")
        assert "Call again" in said.json()["error"]


def test_who_fetches_nothing_is_refused_in_words(served, monkeypatch):
    address, queue = served
    monkeypatch.setattr(leftovers, "MOST_UNFETCHED", 3)
    index = next(fn._id for fn in queue.blocks.fns.values() if fn.api_name == "ask")
    body = {**HELLO, "fn_index": index, "session_hash": "mine"}
    said = []
    for _ in range(5):
        said.append(post(f"{address}gradio_api/queue/join", json=body))
        settled(lambda: idle(queue))
    assert said[0].status_code == 200
    assert said[-1].status_code == 429
    assert "wait to be fetched" in said[-1].json()["error"]


class Line:
    """A queue of Gradio's in which nothing is at work."""

    def __init__(self, messages, calls) -> None:
        self.pending_messages_per_session, self.pending_event_ids_session = messages, calls
        self.event_queue_per_concurrency_id, self.event_ids_to_events = {}, {}
        self.active_jobs = [None]


class Unread(list):
    def qsize(self) -> int:
        return len(self)


def test_a_page_that_listens_is_never_forgotten():
    """Of a page whose call was cancelled an entry stays: it may listen still, and has nothing to fetch."""
    now = [0.0]
    line = Line({"page": Unread(), "gone": Unread("m")}, {"page": {"1"}, "gone": {"2"}})
    books = Leftovers(line, lambda: now[0])
    for now[0] in (0.0, leftovers.UNFETCHED, leftovers.UNFETCHED + 1):
        books.sweep()
    assert set(line.pending_event_ids_session) == set(line.pending_messages_per_session) == {"page"}
    books.require_reader("page")
    line.pending_messages_per_session["page"] = Unread("m" * 1000)
    with pytest.raises(TooMuch):
        books.require_reader("page")
