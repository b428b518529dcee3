"""The canvas's scripts: native ES modules that the app serves itself, with no build step.

The address carries a digest of the modules, so that a browser may keep them for good and never mixes those
of two versions.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(str(files("app") / "canvas" / "modules"))
ENTRY = "canvas.js"
FOREVER = "public, max-age=31536000, immutable"


class _CachedFiles(StaticFiles):
    """Static files that a browser may keep for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOREVER
        return response


def address() -> str:
    """Return the path below the page's root at which the modules lie."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.js")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"/canvas-{digest.hexdigest()[:12]}"


def route() -> Route:
    """Return the route that serves the modules; no mount, which would not find them under a proxy's path."""
    kept = _CachedFiles(directory=FOLDER)

    async def module(request: Request) -> Response:
        return await kept.get_response(request.path_params["name"], request.scope)

    return Route(f"{address()}/{{name}}", module)


def entry() -> dict[str, Any]:
    """Return the first module as a file of Gradio's: it puts the page's own root before the address."""
    url = f"{address()}/{ENTRY}"
    return {"path": str(FOLDER / ENTRY), "url": url, "meta": {"_type": "gradio.FileData"}}
