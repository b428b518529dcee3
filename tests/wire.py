"""A visitor without a browser: sends the page's events over HTTP and reads what comes back, bytes counted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr
import httpx

PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Message:
    """One message of the server: its kind, its output, and its bytes on the wire."""

    kind: str
    output: dict[str, Any]
    size: int


class Visitor:
    """One open page. `page`: the Blocks that are served at `address`."""

    def __init__(self, page: gr.Blocks, address: str) -> None:
        self._functions = {
            fn.name: number
            for number, fn in reversed(list(page.fns.items()))
            if fn.api_visibility == "private"
        }
        self._inputs = {number: len(fn.inputs) for number, fn in page.fns.items()}
        self._api = f"{address.rstrip('/')}/gradio_api"
        self._session = uuid.uuid4().hex[:11]
        self._http = httpx.Client(timeout=PATIENCE)

    def close(self) -> None:
        """Leave."""
        self._http.close()

    @contextmanager
    def sent(self, handler: str, *data: Any, event: Any = None) -> Iterator[tuple[str, Iterator[Message]]]:
        """Send an event to a handler of the page: its id, and the messages that answer it.

        Args:
            handler: the name of the handler's method.
            data: values of its inputs; a state's is None.
            event: what the component says of it.
        """
        number = self._functions[handler]
        given = [*data, *[None] * (self._inputs[number] - len(data))]
        body = {"data": given, "event_data": event, "fn_index": number, "session_hash": self._session}
        joined = self._http.post(f"{self._api}/queue/join", json=body)
        joined.raise_for_status()
        where = {"session_hash": self._session}
        with self._http.stream("GET", f"{self._api}/queue/data", params=where) as stream:
            yield joined.json()["event_id"], self._messages(stream)

    def send(self, handler: str, *data: Any, event: Any = None) -> list[Message]:
        """Send an event and return all messages that answer it."""
        with self.sent(handler, *data, event=event) as (_, messages):
            return list(messages)

    def cancel(self, event_id: str) -> None:
        """Cancel an event, as the page does when Stop is pressed."""
        body = {"session_hash": self._session, "fn_index": 0, "event_id": event_id}
        self._http.post(f"{self._api}/cancel", json=body).raise_for_status()

    def _messages(self, stream: httpx.Response) -> Iterator[Message]:
        for line in stream.iter_lines():
            if not line.startswith("data: "):
                continue
            said = json.loads(line.removeprefix("data: "))
            yield Message(said["msg"], said.get("output") or {}, len(line.encode()) + 2)
            if said["msg"] in ("process_completed", "close_stream"):
                return
