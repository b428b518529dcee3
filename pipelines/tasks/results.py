"""What a task yields: what was found or done, as values; `pipelines.presenter` puts them in words.

A task yields results that grow: previews, which nothing is kept of; partial ones, which stand as they are if
the visitor stops; and at the end the final one.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Literal

from pipelines.language.requests import (
    AskBack,
    CannotDo,
    CutOut,
    EditAction,
    Effect,
    Extend,
    Help,
    MaskAction,
    Move,
    NotUnderstood,
    Obscure,
    Resize,
    SmallTalk,
    Target,
    UnknownWord,
)
from pipelines.readings import Reading
from pipelines.scene import Mask, Picture, Record, Scene
from pipelines.sentences import Sentence

Status = Literal["preview", "partial", "final"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of SPHINX that was read. `finding_ids`: the number of each of the reading's findings.

    `subject` is the region that the reply is about, where it is about one.
    """

    reading: Reading
    finding_ids: tuple[int, ...] = ()
    subject: int | None = None


@dataclass(frozen=True, slots=True)
class MarkedReply:
    """A raw reply that calls regions by their numbers: "<Mark 3> a red ball"."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Something was done to the regions that the result names. `pixels`: by how much; `without`: those it
    could not be done to, or, of a "forget", those that are gone."""

    action: MaskAction | Literal["outline", "pose", "everything", "select", "forget", "find"]
    pixels: int = 0
    without: tuple[int, ...] = ()


Talk = Help | SmallTalk | CannotDo | NotUnderstood | UnknownWord
"""Requests that are answered in words alone."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request that is answered in words alone, without any model."""

    request: Talk


@dataclass(frozen=True, slots=True)
class Question:
    """The visitor is asked back, and nothing is changed. The result names the regions that may be meant."""

    request: AskBack


@dataclass(frozen=True, slots=True)
class Unmet:
    """What was pointed at is not there, or not as often as was said; the result names what is there instead.

    `found` counts what fits the target but for its number or its choice ("the second cat").
    """

    target: Target
    found: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """A question that was answered by finding: each target with the regions that were found for it."""

    question: Literal["is there", "count", "which", "larger", "smaller"]
    found: tuple[tuple[Target, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Alteration:
    """The picture was changed by computation, and its gaps were filled by the inpainter.

    `effect` is that of a background; `inpainter` is empty where nothing was painted.
    """

    request: Extend | Move | Resize | CutOut | Obscure | Effect
    colour: str = ""
    inpainter: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long task is: step of steps; `attempt` counts paintings from 0."""

    step: int
    steps: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Searching(Progress):
    """How far the search for everything that can be told apart is."""


@dataclass(frozen=True, slots=True)
class Queued:
    """Others are served first. `what`: what waits in the line: "question" or "edit"."""

    what: Literal["question", "edit"]
    before: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Verification:
    """What SPHINX says of a painting. `satisfied`: whether the wish came true; None where nothing tells.

    `judged`: whether SPHINX was asked at all; it is not about a picture of a kind that it does not know.

    `doubts`: what the pixels say against a removal, see `pipelines.inpainting.verification`.

    `left`: what was to be removed and is found in the picture still, in words; empty where nothing is.
    """

    said: str
    satisfied: bool | None = None
    doubts: tuple[Sentence, ...] = ()
    left: str = ""
    judged: bool = True


@dataclass(frozen=True, slots=True)
class EditReport:
    """A painted picture. `names`: (region, what it is called) for each that was changed.

    `verification` is None until SPHINX was asked; `paintings` counts those made so far; `progress` is that of
    the next painting, while one is being made. `hole`: the pixels that may have changed; no other has.
    """

    action: EditAction
    wish: str
    names: tuple[tuple[int, str], ...]
    inpainter: str
    verification: Verification | None = None
    paintings: int = 1
    progress: Progress | None = None
    hole: Mask | None = None


Outcome = (
    Reply
    | MarkedReply
    | Listing
    | Conversation
    | Question
    | Unmet
    | Checked
    | Alteration
    | Progress
    | Queued
    | EditReport
)


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a task found or did.

    Attributes:
        scene: the picture, the regions and the selection as they are now; its turns are those it was given.
        outcome: what is to be said of it.
        record: which ability and model it comes from.
        status: "preview" (nothing of it stays), "partial" (it stands as it is if stopped here), or "final".
        region_ids: the regions that it names, in their order.
        raw: SPHINX's own reply.
        pictures: paintings to choose from, the shown one first.
        preview: an unfinished painting, to be shown in place of the scene's picture.
        touched: the regions that the task is about to change.
        suggestions: words that can be sent next.
        repeated: whether SPHINX's reply was stopped since it repeated itself.
        hole: the pixels that the task may change, before it does; no other will.
    """

    scene: Scene
    outcome: Outcome
    record: Record
    status: Status = "final"
    region_ids: tuple[int, ...] = ()
    raw: str = ""
    pictures: tuple[Picture, ...] = ()
    preview: Picture | None = None
    touched: tuple[int, ...] = ()
    suggestions: tuple[str, ...] = ()
    repeated: bool = False
    hole: Mask | None = None

    @property
    def unserved(self) -> bool:
        """Whether what was asked for could not be done: later requests of the message may rest on it."""
        if isinstance(self.outcome, Conversation):
            return not isinstance(self.outcome.request, Help | SmallTalk)
        return isinstance(self.outcome, Unmet | Question)


Results = Generator[TaskResult, None, None]


def relay(results: Results) -> Generator[TaskResult, None, TaskResult]:
    """Yield another task's results as partial ones and return the last: `yield from relay(...)`."""
    last = None
    for last in results:
        yield replace(last, status="partial") if last.status == "final" else last
    assert last is not None, "a task yields at least one result"
    return last
