"""Whose visit is whose, and how much of them is kept: what makes a reload bring a visit back.

A browser is known by a secret key (see `app.serving`), and each of its tabs by a name that the tab makes up;
the name is no secret, since it counts only together with the key. A visit stays in memory while it is used,
and lies on disk when all visits together become too large. What must go is the visit that was closed longest
ago; one that stands open goes only where no closed one is left.

This module knows timelines, seconds and bytes. It knows no widgets, no requests and no addresses.
"""

from __future__ import annotations

import logging
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pipelines.pictures import Pictures
from pipelines.scene import Timeline
from pipelines.scratch import scratch_folder

log = logging.getLogger(__name__)

KEPT = 24 * 3600  # seconds a closed visit is kept
IDLE = 120  # seconds without use after which a visit may go to disk, since nothing of it runs any more
MOST_IN_MEMORY = 256_000_000  # bytes of all visits' timelines
MOST_ON_DISK = 2_000_000_000  # bytes of timelines; pictures are counted where they are kept
MOST_VISITS = 2000
MOST_PAGES = 8  # pages of one visit that are remembered, closed ones included


class State(Protocol):
    """What a page works on: it has a timeline, and can end what runs and forget everything."""

    timeline: Timeline

    @property
    def answering(self) -> bool: ...

    def abandon(self) -> None: ...


StateT = TypeVar("StateT", bound=State)


@dataclass(eq=False)
class StoredVisit(Generic[StateT]):
    """One visit: whose it is, what its tab calls it, its pages (open or closed), and where it lies."""

    owner: str
    tab: str
    state: StateT | None
    used: float = field(default_factory=time.monotonic)
    pages: dict[str, bool] = field(default_factory=dict)
    file: Path | None = None
    size: int = 0  # bytes, on disk
    names: frozenset[str] = frozenset()  # of the pictures, while it lies on disk
    bare: bool = True  # it shows no picture now; while it lies on disk

    @property
    def open(self) -> bool:
        return any(self.pages.values())

    @property
    def blank(self) -> bool:
        """Whether nothing was done in it yet."""
        return self.file is None and (self.state is None or self.state.timeline.blank)

    @property
    def digests(self) -> frozenset[str]:
        """The names of all its pictures."""
        if self.state is None:
            return self.names
        return frozenset(picture.digest for picture in self.state.timeline.pictures)

    @property
    def shows(self) -> bool:
        """Whether it shows a picture now. One that was cleared does not, although undo can bring it back."""
        return not self.bare if self.state is None else self.state.timeline.scene.picture is not None


class Visits(Generic[StateT]):
    """All visits. May be used from any thread. `new`: makes a page's state of a timeline."""

    def __init__(self, new: Callable[[Timeline], StateT]) -> None:
        self._new = new
        self._visits: list[StoredVisit[StateT]] = []
        self._pages: dict[str, StoredVisit[StateT]] = {}
        self._pictures: Pictures | None = None
        self._folder: Path | None = None
        self._lock = threading.RLock()

    def watch(self, pictures: Pictures) -> None:
        """Have a store keep the visits' pictures, and ask here when it needs room."""
        self._pictures = pictures
        pictures.claimed, pictures.make_room = self.claimed, self.make_room

    # --- pages -----------------------------------------------------------------------------------------

    def enter(self, page: str, owner: str, tab: str, *, fresh: bool = False) -> StateT:
        """A page was opened or loaded again: return the state that it goes on with.

        Args:
            page: what the server calls the page; another one after each reload.
            owner: the browser's secret key.
            tab: what the tab calls itself.
            fresh: the tab is new; it goes on with the visit that this browser closed last, if there is one.
        """
        with self._lock:
            self.tidy()
            mine = self.of(owner)
            found = next((visit for visit in mine if visit.tab == tab), None)
            if found is None and fresh:
                closed = (visit for visit in mine if not visit.open)
                found = max(closed, key=lambda visit: visit.used, default=None)
            if found is None:
                found = StoredVisit(owner, tab, self._new(Timeline()))
                self._visits.append(found)
            found.tab = tab
            found.pages[page] = True
            self._pages[page] = found
            for old in [name for name, open in found.pages.items() if not open][:-MOST_PAGES]:
                del found.pages[old], self._pages[old]
            return self._used(found)

    def leave(self, page: str) -> None:
        """A page was closed, or its connection broke: it may still come back."""
        with self._lock:
            visit = self._pages.get(page)
            if visit:
                visit.pages[page] = False
                visit.used = time.monotonic()

    def state(self, page: str) -> StateT | None:
        """Return what a page works on; None for one that never entered."""
        with self._lock:
            visit = self._pages.get(page)
            return self._used(visit) if visit else None

    def is_open(self, page: str) -> bool:
        """Return whether a page stands open."""
        with self._lock:
            visit = self._pages.get(page)
            return visit is not None and visit.pages[page]

    # --- what is whose ---------------------------------------------------------------------------------

    def owns(self, owner: str, digest: str) -> bool:
        """Return whether a browser may see a picture: a visit of its own has it, and has not been cleared."""
        with self._lock:
            return any(v.owner == owner and v.shows and digest in v.digests for v in self._visits)

    def of(self, owner: str) -> list[StoredVisit[StateT]]:
        """Return the visits of a browser."""
        with self._lock:
            return [visit for visit in self._visits if visit.owner == owner]

    def claimed(self) -> Collection[str]:
        """Return the pictures of all visits."""
        with self._lock:
            return frozenset().union(*(visit.digests for visit in self._visits))

    def forget(self, owner: str) -> None:
        """Forget all visits of a browser with their pictures, at once; its open pages begin anew."""
        with self._lock:
            for visit in self.of(owner):
                if visit.open:
                    lost = visit.digests
                    self._put_away(visit)
                    visit.state = self._new(Timeline())
                    self._delete(lost)
                else:
                    self._drop(visit)

    # --- bounds ----------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Forget closed visits that are too old or too many, and put on disk what memory has no room for."""
        with self._lock:
            now = time.monotonic()
            for visit in [v for v in self._visits if not v.open and now - v.used > KEPT]:
                self._drop(visit)
            while len(self._visits) > MOST_VISITS and self.make_room():
                pass
            room = MOST_IN_MEMORY
            for visit in sorted(self._visits, key=lambda visit: -visit.used):
                if visit.state is None:
                    continue
                room -= visit.state.timeline.weight
                if room < 0 and now - visit.used > IDLE and not visit.state.answering:
                    self._to_disk(visit)
            while sum(v.size for v in self._visits if v.state is None) > MOST_ON_DISK and self.make_room():
                pass

    def make_room(self) -> bool:
        """Forget the visit that was closed longest ago, else the one that stood open unused for longest.

        Return False where there is none that is not in use.
        """
        with self._lock:
            unused = [
                visit for visit in self._visits if time.monotonic() - visit.used > IDLE or not visit.open
            ]
            if not unused:
                return False
            oldest = min(unused, key=lambda visit: (visit.open, visit.used))
            log.info("a visit that was last used %.0f s ago goes", time.monotonic() - oldest.used)
            self._drop(oldest)
            return True

    def _drop(self, visit: StoredVisit[StateT]) -> None:
        lost = visit.digests
        self._put_away(visit)
        self._visits.remove(visit)
        for page in visit.pages:
            del self._pages[page]
        self._delete(lost)

    def _put_away(self, visit: StoredVisit[StateT]) -> None:
        """End what runs in a visit, and delete its file."""
        if visit.state:
            visit.state.abandon()
        if visit.file:
            visit.file.unlink(missing_ok=True)
        visit.state, visit.file, visit.size, visit.names, visit.bare = None, None, 0, frozenset(), True

    def _delete(self, digests: frozenset[str]) -> None:
        """Delete pictures that no visit has any more."""
        if self._pictures and digests:
            self._pictures.forget(digests.difference(self.claimed()))

    def _used(self, visit: StoredVisit[StateT]) -> StateT:
        visit.used = time.monotonic()
        if visit.state is None:
            visit.state = self._new(self._from_disk(visit))
        return visit.state

    def _to_disk(self, visit: StoredVisit[StateT]) -> None:
        assert visit.state
        data = pickle.dumps(visit.state.timeline)
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="visits-", dir=scratch_folder()))
        visit.file = visit.file or self._folder / f"{time.monotonic_ns()}.pickle"
        try:
            visit.file.write_bytes(data)
        except OSError as error:
            # better too much memory than a visit lost
            log.warning("a visit cannot be put on disk: %s", error.strerror)
            visit.file.unlink(missing_ok=True)
            visit.file = None
            return
        visit.names, visit.bare, visit.size = visit.digests, not visit.shows, len(data)
        visit.state = None

    def _from_disk(self, visit: StoredVisit[StateT]) -> Timeline:
        if visit.file is None:
            return Timeline()
        with visit.file.open("rb") as file:
            timeline = _Reader(file).load()
        visit.file.unlink(missing_ok=True)
        visit.file = None
        return timeline


class _Reader(pickle.Unpickler):
    """Reads a timeline that this process wrote, and nothing but the values of one."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("pipelines.scene", "pipelines.geometry"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"a visit holds no {module}.{name}")
