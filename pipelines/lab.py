"""The mixing lab: one question, answered with several ways of looking, and what differs between the answers.

A way is a choice of SPHINX's encoders and views, and of its experts: each picture's own, or a mixture of the
two at some beta. Nothing of it touches a visit: each answer begins from the bare picture. This module knows
no page.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Hashable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from cachetools import LRUCache

from pipelines.assistant import Assistant
from pipelines.engine import About
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Box, Picture, Scene, Turn

FEWEST, MOST = 2, 4  # ways that are compared
MOST_KEPT = 96  # finished answers that are kept
SAME_PLACE = 0.5  # IoU of boxes from which two ways point at the same place

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Way:
    """How SPHINX looks: through which encoders (None: all), and with how many views (None: as it is set).

    `beta`: the share of the expert for photographs in a mixture; None is the picture's own expert.
    """

    encoders: tuple[str, ...] | None = None
    views: int | None = None
    beta: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One way's answer so far. `refused`: why there is none."""

    way: Way
    scene: Scene = field(default_factory=Scene)
    refused: str = ""
    over: bool = False

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was answered."""
        return tuple(turn for turn in self.scene.turns if turn.role != "user")

    @property
    def text(self) -> str:
        """The answer in words."""
        return self.refused or "\n".join(turn.text for turn in self.turns)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The places that it names."""
        return tuple(region.box for region in self.scene.regions)


class Answers:
    """Finished columns of earlier questions, so that a beta is turned without asking the other ways again.

    May be used from any thread.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._kept: LRUCache[Hashable, Column] = LRUCache(most)
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Column | None:
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Hashable, column: Column) -> None:
        with self._lock:
            self._kept[key] = column


def ways(about: About, beta: float | None = None) -> tuple[Way, ...]:
    """Return the ways that a checkpoint can look: whole, with its parts, by fewer encoders, by mixed experts.

    Args:
        beta: of the mixture that is among them where the checkpoint has two experts; None for no mixture.
    """
    found = [Way(None, 1), *([Way(None, about.most_views)] if about.most_views > 1 else [])]
    if len(about.encoders) > 1:
        found += [Way((name,), 1) for name in about.encoders]
    if len(about.encoders) > 2:
        found += [Way(tuple(n for n in about.encoders if n != name), 1) for name in about.encoders]
    if about.mixes:
        found += [Way(None, 1, 0.0), Way(None, 1, 1.0), *([] if beta is None else [Way(None, 1, beta)])]
    return tuple(dict.fromkeys(found))


def compare(
    assistant: Assistant,
    picture: Picture,
    words: str,
    chosen: Sequence[Way],
    options: ReplyOptions,
    answers: Answers | None = None,
) -> Generator[tuple[Column, ...]]:
    """Answer a question with one way after the other: yield all columns whenever one has grown.

    Args:
        answers: where finished answers are looked up and kept; None asks all ways.
    Raises:
        DemoError: fewer or more ways are chosen than can be compared.
    """
    if not FEWEST <= len(chosen) <= MOST:
        raise DemoError(f"Choose {FEWEST} to {MOST} ways of looking to compare.")
    answers = answers or Answers()
    keys = [(assistant.about.model, picture, words, way, options) for way in chosen]
    columns = [answers.get(key) or Column(way) for key, way in zip(keys, chosen)]
    yield tuple(columns)
    for at, way in enumerate(chosen):
        if columns[at].over:
            continue
        looking = replace(options, views=way.views, encoders=way.encoders, beta=way.beta)
        try:
            with closing(assistant.respond(Scene(picture), words, options=looking)) as events:
                for event in events:
                    columns[at] = replace(columns[at], scene=event.scene)
                    yield tuple(columns)
        except DemoError as error:
            columns[at] = replace(columns[at], refused=str(error))
        columns[at] = replace(columns[at], over=True)
        if not columns[at].refused:
            answers.put(keys[at], columns[at])
        yield tuple(columns)


def own_words(columns: Sequence[Column], at: int) -> frozenset[str]:
    """Return the words of one column that some other finished column lacks, in lower case."""
    mine = _words(columns[at])
    others = [_words(column) for number, column in enumerate(columns) if number != at and column.over]
    return frozenset(word for word in mine if any(word not in other for other in others))


def own_boxes(columns: Sequence[Column], at: int) -> tuple[bool, ...]:
    """Say of each box of one column whether some other finished column has none there."""
    others = [column.boxes for number, column in enumerate(columns) if number != at and column.over]
    return tuple(
        any(all(box.iou(other) < SAME_PLACE for other in boxes) for boxes in others)
        for box in columns[at].boxes
    )


def _words(column: Column) -> frozenset[str]:
    return frozenset(_WORD.findall(column.text.lower()))
