"""The picture of a call, however it is named, as a file among the uploads and no larger than one may be.

A call names a picture as an uploaded file, as a web address, as a data URL, or by the address under which
this page gave it out. Web addresses are fetched from public hosts only (safehttpx checks the host that is
truly asked). This module knows addresses and bytes; whether they are a picture is the business of
`pipelines.intake`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import anyio.to_thread
import httpx
import safehttpx
from gradio.utils import get_upload_folder

from app.arguments import BadArgument
from pipelines.errors import UnreadablePicture

MOST_BYTES = 50_000_000
MOST_SECONDS = 20
MOST_REDIRECTS = 5
FILE_MARK = {"_type": "gradio.FileData"}
SERVED = "/gradio_api/file="  # how the address of a file begins that this page gave out
_WRONG = BadArgument(
    "The argument picture must be an uploaded file, a web address of a picture, a data URL, or the address "
    "that this page gave to one."
)


async def uploaded(given: Any) -> dict[str, Any] | None:
    """Return the file that an argument names, as Gradio takes it; None where it names none.

    Raises:
        BadArgument: it is nothing that names a picture, or a file that was not uploaded.
        UnreadablePicture: it cannot be fetched, or is too large.
    """
    if given is None or given == "":
        return None
    name = given
    if isinstance(given, dict):
        name = given.get("path") or given.get("url")
    if not isinstance(name, str) or "\0" in name:
        raise _WRONG
    if SERVED in name:
        path = _inside(unquote(urlsplit(name).path.partition(SERVED)[2]))
    elif name.startswith("data:"):
        path = await anyio.to_thread.run_sync(_written, name)
    elif name.lower().startswith(("http://", "https://")):
        path = await _fetched(name)
    else:
        path = _inside(name)
    return {"path": str(path), "orig_name": path.name, "meta": FILE_MARK}


def _inside(name: str) -> Path:
    """Return a file in the folder of uploads and answers; no other file is opened by its name."""
    try:
        path = Path(name).resolve()
        if path.is_relative_to(Path(get_upload_folder()).resolve()) and path.is_file():
            return path
    except (OSError, ValueError):  # a name that no file can have
        pass
    raise BadArgument("The picture is not among the files that were uploaded here: upload it first.")


def _written(address: str) -> Path:
    head, comma, packed = address.partition(",")
    if not comma or not head.endswith(";base64") or len(packed) > MOST_BYTES * 4 // 3 + 4:
        raise _WRONG
    try:
        return _kept(base64.b64decode(packed, validate=True))
    except (binascii.Error, ValueError):
        raise _WRONG from None


def _kept(data: bytes) -> Path:
    folder = Path(get_upload_folder()) / hashlib.sha256(data).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "picture"
    path.write_bytes(data)
    return path


async def _fetched(address: str) -> Path:
    try:
        with anyio.fail_after(MOST_SECONDS):
            return await anyio.to_thread.run_sync(_kept, await _downloaded(address))
    except TimeoutError:
        reason = f"it took more than {MOST_SECONDS} seconds"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
    raise UnreadablePicture(
        f"The picture cannot be fetched from that address ({reason}): check it, or upload the file."
    )


async def _downloaded(address: str) -> bytes:
    """Return what lies at an address of a public host.

    Raises:
        ValueError: the host is none, or not public; or it answers with something else.
        UnreadablePicture: it is larger than a file may be.
    """
    for _ in range(MOST_REDIRECTS):
        transport = safehttpx.AsyncSecureTransport(
            await safehttpx.async_validate_url(urlsplit(address).hostname or "")
        )
        async with (
            httpx.AsyncClient(transport=transport, timeout=MOST_SECONDS) as client,
            client.stream("GET", address, follow_redirects=False) as response,
        ):
            if response.has_redirect_location:
                address = urljoin(address, response.headers["Location"])
                continue
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"its host answers {response.status_code}")
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > MOST_BYTES:
                    raise UnreadablePicture(
                        f"The picture has more than {MOST_BYTES // 1_000_000} MB: give a smaller one."
                    )
            return bytes(data)
    raise ValueError("it is passed on too often")
