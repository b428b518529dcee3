"""Check every request before Gradio sees it: a known host, the page's own origin, and not too many calls.

A page on another site can make a visitor's browser call a server on the visitor's own computer, under that
site's name (DNS rebinding) or under its own. The headers that browsers set reveal both, and both are refused.
Calls are counted for each address; behind a proxy that is the address that the proxy names (uvicorn reads
X-Forwarded-For of the proxies in FORWARDED_ALLOW_IPS). This module knows headers and numbers, and leaves what
is called to Gradio.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.limits import Limits, known_hosts

log = logging.getLogger(__name__)

FREE = ("/cancel", "/reset")  # how the paths of calls end that only release something
MINUTE = 60


class Doors:
    """An ASGI application before another."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._hosts = known_hosts(limits)
        self._minute = 0
        self._calls: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            refusal = self._stranger(headers) or self._too_often(scope, headers)
            if refusal:
                log.info("refused %s %s: %s", scope.get("client"), scope["path"], refusal.body)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _stranger(self, headers: Headers) -> JSONResponse | None:
        if self._hosts is None:
            return None
        for header, address in (("Host", f"//{headers.get('host', '')}"), ("Origin", headers.get("origin"))):
            if address is not None and _name(address) not in self._hosts:
                return _refusal(
                    403,
                    "ForeignHost",
                    f"This page is not served under the name in the request's {header}: open it by its own "
                    "address, or start it with --hosts and that name.",
                )
        return None

    def _too_often(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        if scope.get("method") != "POST" or scope["path"].rstrip("/").endswith(FREE):
            return None
        client, minute = client_of(scope), int(time.monotonic() // MINUTE)
        if minute != self._minute:
            self._minute = minute
            self._calls.clear()
        self._calls[client] += 1
        if self._calls[client] <= self._limits.calls:
            return None
        most = self._limits.calls
        return too_much(
            headers, f"Your address made more than {most} calls in a minute: go on in the next one."
        )


def too_much(headers: Headers, sentence: str) -> JSONResponse:
    """Return the refusal of a caller who exceeds a limit, as the caller's program passes it on."""
    if headers.get("user-agent", "").startswith("gradio_client"):
        # The one kind of answer whose words gradio_client passes on.
        row = {"__type__": "validate", "is_valid": False, "parameter_name": "calls", "message": sentence}
        return JSONResponse({"detail": [row]}, 422)
    return _refusal(429, "TooMuch", sentence)


def client_of(scope: Scope) -> str:
    """Return the address of the client."""
    return (scope.get("client") or ("",))[0]


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _refusal(status: int, kind: str, sentence: str) -> JSONResponse:
    headers = {"Retry-After": str(MINUTE)} if status == 429 else None
    return JSONResponse({"detail": sentence, "error": sentence, "type": kind}, status, headers)
