"""A page is opened, for the first time or again; it is left; what is kept for its visitor is forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from app import render
from app.serving import Keeping, key_of
from app.sessions import GONE
from app.visits import State

CANVAS = 2  # the place of the canvas among what is drawn
TAB = re.compile(r"[0-9a-f]{32}")  # what `canvas/enter.js` calls a tab
FORGOTTEN = "Your pictures, conversations and exports are deleted."
NO_COOKIE = (
    "This browser keeps no cookie for this page, so that pictures cannot be shown to you alone: "
    "allow it, then reload."
)


class Returning:
    """The events of coming, going and forgetting. `draw`: everything that the page shows of a visit."""

    def __init__(
        self, keeping: Keeping, examples: Mapping[str, Path], draw: Callable[[Any], Sequence[Any]]
    ) -> None:
        self._keeping = keeping
        self._examples = render.examples(examples)
        self._draw = draw

    def enter(self, facts: str, begun: State, request: gr.Request) -> tuple[Any, ...]:
        """The page was loaded: bring the visit back.

        Args:
            facts: what the tab says of itself, as JSON.
            begun: what a quick visitor did before this came.
        """
        owner, page = key_of(request), request.session_hash
        if owner is None or page is None:
            return self._said(NO_COOKIE, kept=False)
        tab, fresh, had = _read(facts)
        visits = self._keeping.visits
        state = visits.enter(page, owner, tab, fresh=fresh)
        if state.timeline.blank:
            state.timeline = begun.timeline
        if not state.timeline.blank or state.asked:
            drawn = list(self._draw(state))
            # the first value, which has the examples, may not have been drawn yet
            drawn[CANVAS] = {**drawn[CANVAS], "examples": self._examples}
            return {"kept": True, "waiting": state.asked is not None}, *drawn
        lost = had and all(visit.blank for visit in visits.of(owner))
        return self._said(GONE) if lost else ({"kept": True}, *[gr.skip()] * 5)

    def leave(self, request: gr.Request) -> None:
        """The page was closed, or its connection broke."""
        if request.session_hash:
            self._keeping.visits.leave(request.session_hash)

    def forget(self, request: gr.Request) -> tuple[Any, ...]:
        """Forget all that is kept for this browser, now."""
        owner, page = key_of(request), request.session_hash
        if owner is None or page is None:
            return self._said(NO_COOKIE, kept=False)
        for kept in (self._keeping.visits, self._keeping.uploads, self._keeping.downloads):
            kept.forget(owner)
        state = self._keeping.visits.state(page)
        drawn = list(self._draw(state)) if state else [gr.skip()] * 5
        if state:
            drawn[CANVAS] = {**drawn[CANVAS], "said": FORGOTTEN}
        return {"kept": True}, *drawn

    def _said(self, words: str, *, kept: bool = True) -> tuple[Any, ...]:
        """Say something where a picture is chosen."""
        skip = gr.skip()
        return {"kept": kept}, skip, skip, {"refused": words}, skip, skip


def _read(facts: str) -> tuple[str, bool, bool]:
    """Return the tab's name, whether it is new, and whether it had anything in it."""
    try:
        read = json.loads(facts)
    except ValueError:
        read = None
    read = read if isinstance(read, dict) else {}
    tab = read.get("tab")
    if not isinstance(tab, str) or not TAB.fullmatch(tab):
        return "", True, False
    return tab, read.get("fresh") is True, read.get("had") is True
