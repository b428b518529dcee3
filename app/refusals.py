"""The page as Gradio's blocks whose refusals are always in words: through every door, with their type.

A `DemoError` is told as it is; anything else is a fault of ours, and is told with the number under which the
log has it. This module knows errors and doors, and leaves what is done to the handlers.
"""

from __future__ import annotations

import html
import logging
from typing import Any

import gradio as gr
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from gradio.block_function import BlockFunction
from gradio.context import LocalContext
from gradio.route_utils import FnIndexInferError

from app.arguments import BadArgument
from app.doors import client_of, too_much
from app.fetching import uploaded
from app.limits import Limits
from app.words import ENGLISH, language_of, word
from app.words import refusal as words_of
from pipelines.errors import DemoError, Fault, TooMuch, fault

log = logging.getLogger(__name__)

LAST = ("mask", "regions")  # arguments that stand last and may be left out
CALLS = ("/call/", "/queue/join", "/run/", "/api/")  # in the paths of calls
NOT_A_CALL = BadArgument(
    "That is no call of this page: its API page (the link at its foot, or /gradio_api/info) says what can be "
    "called, and with what."
)


def picture_file(name: str = "picture") -> gr.Image:
    """Return a component for a call's picture, which passes its path on; the file is checked when opened."""
    picture = gr.Image(type="filepath", image_mode=None, label=name, visible=False)
    # No subclass: Gradio would write a file of types for it beside this one.
    picture.preprocess = lambda payload: payload and payload.path  # pyright: ignore[reportAttributeAccessIssue]
    return picture


class Answering(gr.Blocks):
    """Blocks that say why, whatever goes wrong."""

    async def process_api(self, block_fn: Any, inputs: Any, *given: Any, **named: Any) -> dict[str, Any]:
        """Carry out a call. Raises gr.Error, always in words; its title names the type at an endpoint."""
        if isinstance(block_fn, int):
            block_fn = self.fns[block_fn]
        try:
            return await super().process_api(block_fn, inputs, *given, **named)
        except gr.Error:
            raise
        except Exception as error:
            request = named.get("request", given[1] if len(given) > 1 else None)
            public = block_fn.api_visibility == "public"
            raise to_gradio_error(error, public=public, language=language_of(request)) from error

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], *given: Any, **named: Any
    ) -> list[Any]:
        """Prepare the arguments of a call; an endpoint's picture may be named in any way."""
        if block_fn.api_visibility == "public":
            most = len(block_fn.inputs)
            least = most - sum(1 for block in block_fn.inputs if getattr(block, "label", "") in LAST)
            if not least <= len(inputs) <= most:
                count = f"{least} to {most}" if least < most else f"{most}"
                raise BadArgument(
                    f"/{block_fn.api_name} takes {count} arguments, and {len(inputs)} came: its API page "
                    "names them."
                )
            inputs = [*inputs, *[None] * (most - len(inputs))]
            inputs = [
                await uploaded(value) if isinstance(block, gr.Image) else value
                for block, value in zip(block_fn.inputs, inputs)
            ]
        return await super().preprocess_data(block_fn, inputs, *given, **named)


def to_gradio_error(error: Exception, *, public: bool, language: str = ENGLISH) -> gr.Error:
    """Return an error as Gradio passes it on.

    Args:
        public: it is read by programs, which are told its type and plain words; the page shows HTML.
        language: of the visitor who reads it on the page.
    """
    refusal = error if isinstance(error, DemoError) else fault(error)
    if not isinstance(refusal, Fault):
        log.info("refused: %s", refusal)
    if public:
        return gr.Error(str(refusal), title=type(refusal).__name__, print_exception=False)
    words = html.escape(words_of(refusal, language))
    return gr.Error(words, title=word("chat.refused", language), print_exception=False)


def abandoned() -> bool:
    """Return whether who made the call that is being carried out has left: nobody waits for its answer."""
    page, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if page is None or event_id is None:
        return False
    queue: Any = page._queue
    jobs = [job for job in queue.active_jobs if job]
    return any(event._id == event_id and not event.alive for job in jobs for event in job)


def busy(page: gr.Blocks, client: str) -> int:
    """Return how many calls of an address wait or are at work."""
    queue: Any = page._queue
    events = [event for waiting in queue.event_queue_per_concurrency_id.values() for event in waiting.queue]
    events += [event for job in queue.active_jobs if job for event in job]
    return sum(1 for event in events if event.request.client and event.request.client.host == client)


def limit_places(page: gr.Blocks, limits: Limits) -> None:
    """Have a served page refuse what would wait where its address has its share of the queue already.

    What does not wait, such as Stop, is never refused.
    """
    queue: Any = page._queue
    push = queue.push

    async def push_one(body: Any, request: Request, username: str | None) -> Any:
        fn = page.fns.get(body.fn_index)
        client = client_of(request.scope)
        if fn and fn.queue and busy(page, client) >= limits.places:
            raise TooMuch(
                f"Your address has {limits.places} calls waiting or at work already: wait for one to end."
            )
        return await push(body=body, request=request, username=username)

    queue.push = push_one


async def _too_much(request: Request, error: Exception) -> JSONResponse:
    return too_much(request.headers, str(error))


async def _wrong(request: Request, error: Exception) -> JSONResponse:
    if not any(part in request.url.path for part in CALLS):
        return _said(fault(error), 500)
    log.info("refused: %s: %s", type(error).__name__, error)
    return _said(NOT_A_CALL, 422)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    return _said(fault(error), 500)


def _said(error: DemoError, status: int) -> JSONResponse:
    words = str(error)
    return JSONResponse({"detail": words, "error": words, "type": type(error).__name__}, status)


HANDLERS: dict[Any, Any] = {
    TooMuch: _too_much,
    RequestValidationError: _wrong,
    FnIndexInferError: _wrong,
    TypeError: _wrong,
    KeyError: _wrong,
    ValueError: _wrong,
    Exception: _unforeseen,
}
"""What is answered to calls that fail before they are events: they name no endpoint, or no argument of it."""
