"""Reading a ZIP that a stranger made: nothing is unpacked before the whole is known to be small and plain.

Raises `BrokenSession` throughout, each time with the reason and what would work.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

from pipelines.errors import DemoError
from pipelines.intake import short

MOST_PACKED = 200_000_000  # bytes of the ZIP
MOST_BYTES = 400_000_000  # of the ZIP unpacked
MOST_FILES = 2000
MOST_CONTENTS = 400_000  # bytes of its table of contents
MOST_RATIO = 200  # unpacked over packed, of one file larger than a megabyte
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
END, END_SIZE, ZIP64 = b"PK\x05\x06", 22, b"PK\x06\x07"


class BrokenSession(DemoError):
    """The file is no session of this demo, or a damaged one."""


def open_archive(source: bytes | Path) -> zipfile.ZipFile:
    """Open a ZIP whose names, sizes and ways of packing are all acceptable."""
    data = source if isinstance(source, bytes) else _file(source)
    _check_contents(data)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error):
        raise BrokenSession("The file is not a ZIP: choose a session that was saved here.") from None
    try:
        _check(archive.infolist())
    except BrokenSession:
        archive.close()
        raise
    return archive


def read_member(archive: zipfile.ZipFile, name: str, most: int = MOST_BYTES) -> bytes:
    """Return a member's bytes, never more than `most` (a header may lie)."""
    try:
        with archive.open(name) as file:
            data = file.read(most + 1)
    except KeyError:
        raise BrokenSession(
            f"The ZIP lacks {name}: it is no session of this demo, or a damaged one."
        ) from None
    except MemoryError:
        raise BrokenSession(
            "The memory does not suffice to open this session: close something else."
        ) from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, struct.error, RuntimeError):
        raise BrokenSession(f"The ZIP is damaged at {name}: fetch or save it again.") from None
    if len(data) > most:
        raise BrokenSession(f"{name} in the ZIP is too large: this is no session.")
    return data


def _file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_PACKED:
            raise BrokenSession(f"The ZIP has more than {MOST_PACKED // 1_000_000} MB: this is no session.")
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or "no such file"
        raise BrokenSession(
            f"The file {short(str(path))} cannot be read ({reason}): check its name."
        ) from None


def _check_contents(data: bytes) -> None:
    """Check the size of the table of contents before it is read: an entry costs a kilobyte of memory."""
    if len(data) > MOST_PACKED:
        raise BrokenSession(f"The ZIP has more than {MOST_PACKED // 1_000_000} MB: this is no session.")
    at = len(data) - END_SIZE
    if data[at : at + 4] != END or data[-2:] != b"\0\0":
        at = data.rfind(END, max(0, len(data) - END_SIZE - 65_536))
    if at < 0 or at + END_SIZE > len(data):
        raise BrokenSession("The file is not a ZIP: choose a session that was saved here.")
    if (
        data[max(0, at - 20) : at].startswith(ZIP64)
        or struct.unpack("<I", data[at + 12 : at + 16])[0] > MOST_CONTENTS
    ):
        raise BrokenSession(f"The ZIP holds too many files (at most {MOST_FILES}): this is no session.")


def _check(files: list[zipfile.ZipInfo]) -> None:
    if len(files) > MOST_FILES:
        raise BrokenSession(f"The ZIP holds {len(files)} files (at most {MOST_FILES}): this is no session.")
    if sum(file.file_size for file in files) > MOST_BYTES:
        raise BrokenSession(f"The ZIP unpacks to more than {MOST_BYTES // 1_000_000} MB: this is no session.")
    for file in files:
        name = file.filename
        if name.startswith(("/", "\\")) or ".." in name.split("/") or "\\" in name or ":" in name:
            raise BrokenSession(f"The ZIP names a file outside itself ({short(name)!r}): it is not opened.")
        if file.file_size > 1_000_000 and file.file_size > MOST_RATIO * max(1, file.compress_size):
            raise BrokenSession("The ZIP is packed beyond belief: it is not opened.")
        if file.flag_bits & 1:
            raise BrokenSession("The ZIP is locked with a password: save the session without one.")
        if file.compress_type not in METHODS:
            raise BrokenSession(
                "The ZIP is packed in a way that is not read here: pack it with the usual method (deflate)."
            )
