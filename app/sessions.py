"""Gradio's state of each page, tied to the visits: what a page works on lies with `app.visits`.

Gradio keeps the values of a page under the name of its session. It may delete those of an open page, keeps
those of a closed one for an hour, and counts a call of an endpoint as a page. Here a page's visit outlives
its session, and a page that stands open is never thrown out.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.blocks import Blocks
from gradio.state_holder import SessionState, StateHolder

from app.visits import Visits

GONE = (
    "What you did here before is no longer kept: it was closed for more than a day, its room was needed, or "
    "the page was started anew. Save a session to keep one for longer."
)
MOST_SESSIONS = 100  # of Gradio's, beside those of the pages that stand open


class Session(SessionState):
    """The values of one page; that of `held` lies with the visits, where the page entered one."""

    def __init__(self, blocks: Blocks, page: str, held: int, visits: Visits[Any]) -> None:
        super().__init__(blocks)
        self._page, self._held, self._visits = page, held, visits
        self._entered = False

    def __getitem__(self, key: int) -> Any:
        if key == self._held:
            state = self._visits.state(self._page)
            self._entered = self._entered or state is not None
            if state is not None:
                return state
            if self._entered:  # a computer that slept for long, for example
                raise gr.Error(GONE, title="Reload the page", duration=None, print_exception=False)
        return super().__getitem__(key)

    def __setitem__(self, key: int, value: Any) -> None:
        # a visit is changed, never replaced: one that comes back late, after it was forgotten, stays away
        if key != self._held or self._visits.state(self._page) is None:
            super().__setitem__(key, value)


class Sessions(StateHolder):
    """The sessions of a served page. `held`: the component whose value is the visit."""

    def __init__(self, held: gr.State, visits: Visits[Any]) -> None:
        super().__init__()
        self._held, self._visits = held._id, visits

    def serve(self, page: gr.Blocks) -> None:
        """Take the place of Gradio's own holder."""
        page.app.state_holder = self
        self.set_blocks(page)
        self.capacity = MOST_SESSIONS

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = Session(self.blocks, session_id, self._held, self._visits)
        return super().__getitem__(session_id)

    def update(self, session_id: str) -> None:
        """Note that a session is used; the one that was not used for longest goes, if no page shows it."""
        with self.lock:
            if session_id in self.session_data:
                self.session_data.move_to_end(session_id)
            shut = [name for name in list(self.session_data) if not self._visits.is_open(name)]
            for name in shut[: max(0, len(shut) - self.capacity)]:
                if name != session_id:
                    del self.session_data[name]
                    self.time_last_used.pop(name, None)
