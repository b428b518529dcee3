"""What Gradio keeps of calls that are over, kept small: answers that nobody fetches, books that nobody reads.

Gradio keeps an entry of every call for ever, each answer until it is fetched, and makes a table of the
last 10,000 calls after each. Here an entry goes with its answer, an answer that is not fetched goes after a
while, and no table is made. This module knows Gradio's queue, and nothing of what is answered.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import Any

import gradio as gr
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pipelines.errors import TooMuch

UNFETCHED = 120  # seconds after its end that an answer waits to be fetched
MOST_UNFETCHED = 256  # messages of one session that wait to be fetched; then no further call is taken

NOT_KEPT = (
    "There is no such call here: its answer was fetched, or nobody fetched it for too long. Call again."
)
_FETCH = re.compile(r".*/call/(?:v2/)?[^/]+/([^/]+)")


class Leftovers:
    """The books of a page's queue. Used in its event loop alone. `now`: a clock, in seconds."""

    def __init__(self, queue: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._now = now
        self._over: dict[
            str, float
        ] = {}  # session -> since when all its calls are over, and something is left

    def sweep(self) -> None:
        """Forget the sessions with nothing left to fetch, and what nobody fetched for UNFETCHED seconds."""
        queue, now = self._queue, self._now()
        messages, calls = queue.pending_messages_per_session, queue.pending_event_ids_session
        working = self._working()
        over: dict[str, float] = {}
        for session in {*messages, *calls} - working:
            unread = messages[session].qsize() if session in messages else 0
            fetched = not calls.get(session)
            alone = calls.get(session) == {session}  # one call of an endpoint, which has no page
            if not fetched and (unread or alone):
                over[session] = self._over.get(session, now)
            if fetched or now - over.get(session, now) > UNFETCHED:
                messages.pop(session, None)
                calls.pop(session, None)
                over.pop(session, None)
        self._over = over

    def require_reader(self, session: str | None) -> None:
        """Refuse a call of a session that does not fetch its answers.

        Raises:
            TooMuch: with what to do.
        """
        messages = self._queue.pending_messages_per_session
        if session in messages and messages[session].qsize() > MOST_UNFETCHED:
            raise TooMuch("Answers to your earlier calls wait to be fetched: fetch them first.")

    def _working(self) -> set[str]:
        """The sessions with calls that wait or are at work."""
        waiting = [
            event for line in self._queue.event_queue_per_concurrency_id.values() for event in line.queue
        ]
        active = [event for job in self._queue.active_jobs if job for event in job]
        held = self._queue.event_ids_to_events.values()
        return {event.session_hash for event in (*waiting, *active, *held)}


def keep_little(page: gr.Blocks) -> None:
    """Have a served page forget calls that are over."""
    queue: Any = page._queue
    queue.ANALYTICS_MAX_EVENTS, queue.ANAYLTICS_CACHE_FREQUENCY = 1, sys.maxsize
    push, leftovers = queue.push, Leftovers(queue)

    async def push_and_sweep(body: Any, request: Any, username: str | None) -> Any:
        leftovers.sweep()
        leftovers.require_reader(body.session_hash)
        return await push(body=body, request=request, username=username)

    queue.push = push_and_sweep


class Fetching:
    """An ASGI application before another: who asks for an answer that is not kept is told so.

    `page`: whose calls they are.
    """

    def __init__(self, app: ASGIApp, *, page: gr.Blocks) -> None:
        self._app = app
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _FETCH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if asked and scope["method"] == "GET" and not self._kept(asked[1]):
            said = {"detail": NOT_KEPT, "error": NOT_KEPT, "type": "NotKept"}
            await JSONResponse(said, 404)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _kept(self, call: str) -> bool:
        queue: Any = self._page._queue
        if call in queue.event_ids_to_events:
            return True
        return any(call in calls for calls in queue.pending_event_ids_session.values())
