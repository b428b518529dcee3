"""What the browser sends, checked before it is used; and refusals as Gradio shows them."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gradio as gr

from app.actions import pictured
from app.words import refusal, spoken, word
from pipelines.errors import DemoError
from pipelines.scene import Point, Timeline

log = logging.getLogger(__name__)


@contextmanager
def as_gradio_error(written: Callable[[str], str] = html.escape) -> Iterator[None]:
    """Turn a refusal into a message, and any other error into a fault of this program with its number.

    Args:
        written: how words are written where the message is read; on the page it is HTML.
    """
    try:
        yield
    except DemoError as error:
        log.info("refused: %s", error)
        words, title = refusal(error, spoken()), word("chat.refused", spoken())
        raise gr.Error(written(words), title=title, print_exception=False) from error


def data(event: gr.EventData) -> Mapping[str, Any]:
    """Return what an event carries; empty where it is no object."""
    return event._data if isinstance(event._data, dict) else {}


def whole(event: gr.EventData, name: str) -> int:
    """Return a whole number of an event. Raises DemoError where it is none."""
    value = data(event).get(name)
    if not isinstance(value, int):
        raise DemoError("The page sent something that cannot be read: reload it.")
    return value


def index_of(index: int | tuple[int, int]) -> int:
    """Return the index of a chat message."""
    return index if isinstance(index, int) else index[0]


def point(x: Any, y: Any, timeline: Timeline) -> Point:
    """Return a point from the browser, inside the picture."""
    picture = pictured(timeline).picture
    assert picture is not None
    if not all(isinstance(value, int | float) and value == value for value in (x, y)):
        raise DemoError("The page sent a point that cannot be read: reload it.")
    width, height = picture.size_wh
    return Point(min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1))
