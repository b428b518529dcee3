"""The one temporary folder of this process: made when it is first asked for, gone when the process ends.

A process that is killed leaves its folder behind, visitors' pictures in it. The next start deletes it: each
folder holds a locked file, and the operating system
lets go of the lock when the process dies, however it dies.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: nothing is swept there
    fcntl = None

PREFIX = "sphinx-live-"
LOCK = "lock"
_made: dict[Path, tuple[int, IO[bytes] | None]] = {}  # folder -> the process that made it, its lock


@cache
def scratch_folder() -> Path:
    """Return this process's own folder, deleted when it ends; those of dead processes are deleted now."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    _made[folder] = os.getpid(), _locked(folder / LOCK)
    atexit.register(clean_up)
    return folder


def clean_up() -> None:
    """Delete the folder now. A forked child that ends deletes nothing of its parent's."""
    for folder, (owner, held) in _made.items():
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
            if held:
                held.close()


def sweep() -> None:
    """Delete the folders that processes left behind which are no longer alive."""
    if fcntl is None:
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            ours = folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid()
            if ours and (folder / LOCK).exists() and (held := _locked(folder / LOCK)):
                shutil.rmtree(folder, ignore_errors=True)
                held.close()


def _locked(path: Path) -> IO[bytes] | None:
    """Return the file, locked for as long as it is open; None where another process holds it."""
    file = path.open("ab")
    if fcntl:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
    return file
