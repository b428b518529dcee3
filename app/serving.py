"""Who may have which file: the one door through which pictures, exports and uploads pass.

A browser is known by a secret key in a cookie that no script can read. A picture, and a file made from it, is
given only to the browser whose visit shows it; everybody else gets 403, and so does the browser itself after
Clear, after "forget my pictures now", and after a restart. Gradio's own door for files is shut but for two
kinds: what belongs to the page (its examples and scripts), and what an endpoint gave back, which lies under
an unguessable name (see `app.downloads`).

    GET   kept/<digest>.png          a picture of the visit
    GET   kept/files/<token>/<name>  an export
    POST  kept/upload                a file of the visitor's; the answer is the token to open it by
"""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.downloads import Downloads, answers_folder
from app.sessions import Sessions
from app.uploads import TooLarge, Uploads
from app.visits import Visits
from pipelines.errors import DemoError
from pipelines.pictures import Pictures
from pipelines.scene import Picture

COOKIE = "sphinx-visit"
COOKIE_SECONDS = 30 * 24 * 3600  # longer than any visit is kept, so that an open page outlasts its nights
KEY = re.compile(r"[\w-]{43}")  # what `secrets.token_urlsafe(32)` gives
NOT_YOURS = "This file belongs to another visit, or is no longer kept.\n"
PRIVATE = {
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_PICTURE = re.compile(r"/kept/([0-9a-f]{64})\.png")
_EXPORT = re.compile(r"/kept/files/([\w-]+)/([^/]+)")
_GRADIO_FILE = re.compile(r"/gradio_api/file[=/](.*)", re.DOTALL)


@dataclass(frozen=True)
class Keeping:
    """What is kept for the visitors of one page. `store` gives the pictures, once the models are there."""

    visits: Visits[Any]
    uploads: Uploads
    downloads: Downloads
    store: Callable[[], Pictures]
    public: Collection[Path] = ()  # files and folders that everybody may have

    def may_have(self, owner: str | None, digest: str) -> bool:
        return owner is not None and self.visits.owns(owner, digest)


_KEPT: WeakKeyDictionary[gr.Blocks, tuple[Keeping, Sessions]] = WeakKeyDictionary()


def keep_for(page: gr.Blocks, keeping: Keeping, sessions: Sessions) -> None:
    """Say what is kept for the visitors of a page, for when it is launched."""
    _KEPT[page] = keeping, sessions


def door_of(page: gr.Blocks) -> Middleware:
    """Return the door of a page that is about to be launched."""
    return Middleware(FileDoor, _KEPT[page][0])


def take_over(page: gr.Blocks) -> None:
    """Tie the sessions of a launched page to its visits."""
    _KEPT[page][1].serve(page)


def key_of(request: Request | gr.Request) -> str | None:
    """Return the secret key of the browser; None where it sends none, or one that nobody gave it."""
    key = request.cookies.get(COOKIE, "")
    return key if KEY.fullmatch(key) else None


def address(store: Pictures, picture: Picture) -> dict[str, str]:
    """Return a picture's address for the browser, relative to the page's scripts; a preview as a data URL."""
    preview = store.preview(picture)
    if preview:
        return {"url": f"data:image/jpeg;base64,{base64.b64encode(preview).decode()}"}
    return {"url": f"../kept/{picture.digest}.png"}


class FileDoor:
    """ASGI middleware: gives browsers their key, serves what is kept, and shuts Gradio's door for files."""

    def __init__(self, app: ASGIApp, keeping: Keeping) -> None:
        self._app = app
        self._keeping = keeping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
        response = await self._answer(request, path)
        if response:
            await response(scope, receive, send)
        elif path in ("", "/") and request.method == "GET" and key_of(request) is None:
            await self._app(scope, receive, _with_key(request, send))
        else:
            await self._app(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response | None:
        """Return what is answered here; None for what is the page's own business."""
        if path.startswith("/kept/"):
            return await self._kept(request, path)
        asked = _GRADIO_FILE.search(path)
        if asked and not self._public(asked.group(1)):
            return PlainTextResponse(NOT_YOURS, 403, PRIVATE)
        if path.startswith("/gradio_api/deep_link"):
            return PlainTextResponse("A visit has no address of its own.\n", 404)
        return None

    async def _kept(self, request: Request, path: str) -> Response:
        owner = key_of(request)
        if path == "/kept/upload" and request.method == "POST":
            return await self._receive(request, owner)
        file = await run_in_threadpool(self._file, owner, path) if request.method in ("GET", "HEAD") else None
        if file is None:
            return PlainTextResponse(NOT_YOURS, 403, PRIVATE)
        shown = file.suffix == ".png" and not path.startswith("/kept/files/")
        return FileResponse(
            file,
            headers=PRIVATE,
            filename=file.name,
            content_disposition_type="inline" if shown else "attachment",
        )

    def _file(self, owner: str | None, path: str) -> Path | None:
        """Return the file at an address, where this browser may have it."""
        keeping = self._keeping
        if owner is None:
            return None
        if (found := _PICTURE.fullmatch(path)) and keeping.may_have(owner, found.group(1)):
            try:
                return keeping.store().path(Picture(found.group(1), (0, 0)))
            except DemoError:
                return None
        if found := _EXPORT.fullmatch(path):
            export = keeping.downloads.find(owner, *found.groups())
            if export and (export.digest is None or keeping.may_have(owner, export.digest)):
                return export.path
        return None

    async def _receive(self, request: Request, owner: str | None) -> Response:
        if owner is None:
            return PlainTextResponse("this browser keeps no cookie for the page: allow it, then reload", 403)
        try:
            token = await self._keeping.uploads.receive(owner, request.stream())
        except TooLarge as error:
            return PlainTextResponse(str(error), 413)
        except OSError as error:
            return PlainTextResponse(f"it cannot be kept here ({error.strerror}): try again later", 507)
        return PlainTextResponse(token, 200, PRIVATE)

    def _public(self, path: str) -> bool:
        """Return whether everybody who knows a file's path may have it."""
        if ".." in path.replace("\\", "/").split("/"):
            return False
        asked = Path(os.path.abspath(path))
        return any(asked.is_relative_to(folder) for folder in (*self._keeping.public, answers_folder()))


def _with_key(request: Request, send: Send) -> Send:
    """Give the browser a key with the answer."""
    forwarded = request.headers.get("x-forwarded-proto", request.url.scheme)
    # within a frame on another site only a partitioned cookie is sent, and only over https
    safe = "SameSite=None; Secure; Partitioned" if forwarded.startswith("https") else "SameSite=Lax"
    cookie = f"{COOKIE}={secrets.token_urlsafe(32)}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; {safe}"

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", cookie)
        await send(message)

    return sending
