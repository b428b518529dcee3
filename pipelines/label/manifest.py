"""The manifest: what was done with which picture, by which settings and weights, and what was found.

One SQLite file, which keeps every answer as soon as it is there, whole or not at all; a killed run leaves
nothing to be mended. Names are relative to the folder, with "/" between.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.errors import DemoError
from pipelines.intake import short

NAME = "manifest.sqlite"
VERSION = 1
_TABLES = """
CREATE TABLE pictures (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    digest BLOB,            -- SHA-256 of the file; NULL until it was opened
    width INTEGER,
    height INTEGER,
    trouble TEXT            -- why it was passed over
);
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    said TEXT NOT NULL      -- the settings and weights, as JSON
);
CREATE TABLE found (
    picture INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    job INTEGER NOT NULL REFERENCES jobs,
    rows TEXT NOT NULL,     -- JSON
    PRIMARY KEY (picture, job)
) WITHOUT ROWID;
"""


class Entry(NamedTuple):
    """A picture of the manifest. `size_wh` and `trouble` are None where it was not opened, or could be."""

    name: str
    size_wh: tuple[int, int] | None
    trouble: str | None


class Manifest:
    """The manifest of one folder of results. One process writes it at a time; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Open the manifest of a folder, or begin one.

        Raises:
            DemoError: another run has it, it is none, or it cannot be written.
        """
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(self.path, timeout=1, isolation_level=None)
            self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = NORMAL")
            self._base.execute("PRAGMA foreign_keys = ON")
            self._base.execute("BEGIN EXCLUSIVE")
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise DemoError(f"{short(str(self.path))} is of a newer program: choose another folder.")
            if version == 0:
                for statement in _TABLES.split(";\n"):
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA user_version = {VERSION}")
            self._base.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise DemoError(
                    f"Another run is writing to {short(str(folder))}: wait, or choose another folder."
                ) from None
            raise DemoError(f"{short(str(self.path))} cannot be written ({error}).") from None
        except (sqlite3.DatabaseError, OSError) as error:
            reason = getattr(error, "strerror", None) or "it is no manifest"
            raise DemoError(f"{short(str(self.path))} cannot be opened ({reason}).") from None

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    # --- pictures --------------------------------------------------------------------------------------

    def update(self, files: Iterable[tuple[str, int, int]]) -> None:
        """Take in what is in the folder now: (name, bytes, modified in ns). What went is forgotten."""
        base = self._base
        base.execute("BEGIN")
        base.execute("CREATE TEMP TABLE there (name TEXT PRIMARY KEY, bytes, modified_ns) WITHOUT ROWID")
        base.executemany("INSERT INTO there VALUES (?, ?, ?)", files)
        base.execute("DELETE FROM pictures WHERE name NOT IN (SELECT name FROM there)")
        base.execute(
            "INSERT INTO pictures (name, bytes, modified_ns) SELECT name, bytes, modified_ns FROM there "
            "WHERE name NOT IN (SELECT name FROM pictures) ORDER BY name"
        )
        # A file that was written to is looked at again: its content may be the same
        base.execute(
            "UPDATE pictures SET bytes = there.bytes, modified_ns = there.modified_ns, width = NULL, "
            "height = NULL, trouble = NULL FROM there WHERE there.name = pictures.name "
            "AND (there.bytes != pictures.bytes OR there.modified_ns != pictures.modified_ns)"
        )
        base.execute("DROP TABLE there")
        base.execute("COMMIT")

    def opened(self, name: str, digest: bytes, size_wh: tuple[int, int]) -> None:
        """Keep what a picture is; where its content is another than before, what was found there goes."""
        base = self._base
        base.execute("BEGIN")
        base.execute(
            "DELETE FROM found WHERE picture IN (SELECT id FROM pictures WHERE name = ? AND digest != ?)",
            (name, digest),
        )
        base.execute(
            "UPDATE pictures SET digest = ?, width = ?, height = ?, trouble = NULL WHERE name = ?",
            (digest, *size_wh, name),
        )
        base.execute("COMMIT")

    def passed_over(self, name: str, trouble: str) -> None:
        """Keep why a picture was passed over."""
        self._base.execute("UPDATE pictures SET trouble = ? WHERE name = ?", (trouble, name))

    def entries(self) -> Iterator[Entry]:
        """All pictures in the order of their names."""
        for name, width, height, trouble in self._base.execute(
            "SELECT name, width, height, trouble FROM pictures ORDER BY name"
        ):
            yield Entry(name, (width, height) if width else None, trouble)

    # --- jobs ------------------------------------------------------------------------------------------

    def missing(self, digests: Sequence[str]) -> Iterator[tuple[str, bytes | None, tuple[str, ...]]]:
        """Pictures on which something is to be done: the name, the content's digest, and the jobs.

        One that was passed over is not tried again before its file changes. A picture whose file was written
        to since has all jobs; those that were done stay done where its content is the same.
        """
        marks = ", ".join("?" * len(digests))
        cursor = self._base.execute(
            "SELECT name, pictures.digest, width, group_concat(jobs.digest, ' ') FROM pictures "
            "LEFT JOIN found ON found.picture = pictures.id "
            f"LEFT JOIN jobs ON jobs.id = found.job AND jobs.digest IN ({marks}) "
            "WHERE trouble IS NULL GROUP BY pictures.id ORDER BY name",
            digests,
        )
        for name, digest, width, done in cursor.fetchall():
            left = [one for one in digests if one not in (done or "").split()]
            if left or width is None:
                yield name, digest, tuple(left)

    def add(self, name: str, key: str, digest: str, said: str, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what a job found on a picture."""
        base = self._base
        base.execute("BEGIN")
        base.execute("INSERT OR IGNORE INTO jobs (key, digest, said) VALUES (?, ?, ?)", (key, digest, said))
        written = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
        base.execute(
            "INSERT OR REPLACE INTO found SELECT pictures.id, jobs.id, ? FROM pictures, jobs "
            "WHERE name = ? AND jobs.digest = ?",
            (written, name, digest),
        )
        base.execute("COMMIT")

    def found(self, name: str, digest: str) -> list[dict[str, Any]] | None:
        """What a job found on a picture; None where it was not done."""
        row = self._base.execute(
            "SELECT rows FROM found JOIN pictures ON pictures.id = picture JOIN jobs ON jobs.id = job "
            "WHERE name = ? AND jobs.digest = ?",
            (name, digest),
        ).fetchone()
        return None if row is None else json.loads(row[0])
