"""The mixing lab: one question, answered with several ways of looking, and what differs between the answers.

A way is a choice of SPHINX's encoders and views. Nothing of it touches a visit: each answer begins from the
bare picture. This module knows no page.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from pipelines.assistant import Assistant
from pipelines.engine import About
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Box, Picture, Scene, Turn

FEWEST, MOST = 2, 4  # ways that are compared
SAME_PLACE = 0.5  # IoU of boxes from which two ways point at the same place

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Way:
    """How SPHINX looks: through which encoders (None: all), and with how many views (None: as it is set)."""

    encoders: tuple[str, ...] | None = None
    views: int | None = None


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


def ways(about: About) -> tuple[Way, ...]:
    """Return the ways that a checkpoint can look: all of it, with its parts, and each encoder alone."""
    found = [Way(None, 1), *([Way(None, about.most_views)] if about.most_views > 1 else [])]
    if len(about.encoders) > 1:
        found += [Way((name,), 1) for name in about.encoders]
    return tuple(found)


def compare(
    assistant: Assistant, picture: Picture, words: str, chosen: Sequence[Way], options: ReplyOptions
) -> Generator[tuple[Column, ...]]:
    """Answer a question with one way after the other: yield all columns whenever one has grown.

    Raises:
        DemoError: fewer or more ways are chosen than can be compared.
    """
    if not FEWEST <= len(chosen) <= MOST:
        raise DemoError(f"Choose {FEWEST} to {MOST} ways of looking to compare.")
    columns = [Column(way) for way in chosen]
    yield tuple(columns)
    for at, way in enumerate(chosen):
        looking = replace(options, views=way.views, encoders=way.encoders)
        try:
            with closing(assistant.respond(Scene(picture), words, options=looking)) as events:
                for event in events:
                    columns[at] = replace(columns[at], scene=event.scene)
                    yield tuple(columns)
        except DemoError as error:
            columns[at] = replace(columns[at], refused=str(error))
        columns[at] = replace(columns[at], over=True)
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
