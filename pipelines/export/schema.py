"""The schema of a session's values: what comes from a file is checked here, whole, before any of it is used.

Types are strict, numbers are bounded, texts hold no half characters. What depends on more than one value
(a box inside its picture, an index into a list) is checked where the values are put together,
in `pipelines.export.session`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.intake import MAX_SIDE

FORMAT = "sphinx-live session"
VERSIONS = (1, 2)  # 1 writes the regions and turns of every step out; 2 writes each once and refers to it
MOST_STEPS = 2000  # the page keeps 400
MOST_PICTURES = 1000

Index = Annotated[int, Field(ge=0, le=10**6)]
RegionId = Annotated[int, Field(ge=1, le=10**9)]
Side = Annotated[int, Field(ge=0, le=MAX_SIDE)]
Corners = tuple[Side, Side, Side, Side]
Score = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=1_000_000)]
Name = Annotated[str, Field(max_length=10_000)]


class _Row(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class MaskRow(_Row):
    box: Corners
    bits: str  # base64 of zlib of the packed bits


class RegionRow(_Row):
    id: RegionId
    label: Name
    box: Corners
    mask: MaskRow | Index | None
    keypoints: list[tuple[Name, Side, Side, Literal[0, 1, 2]]] | None
    score: Score | None
    source: Name
    note: Name | None
    clicks: list[tuple[Side, Side, bool]]
    prompt_box: Corners | None
    candidates: list[tuple[MaskRow | Index, Score]]


class TurnRow(_Row):
    role: Literal["user", "assistant", "notice"]
    text: Text
    spans: list[tuple[Index, Index, list[RegionId]]]
    raw: Text
    table: list[list[Text]] | None
    record: (
        tuple[
            Name,
            Name,
            Annotated[int, Field(ge=-(2**63), le=2**64)],
            Seconds | None,
            Annotated[int, Field(ge=0, le=10**9)],
            list[tuple[Name, Text]],
        ]
        | None
    )
    unfinished: bool
    pictures: list[Index]
    suggestions: Annotated[list[Name], Field(max_length=100)] = []


class SceneRow(_Row):
    picture: Index | None
    regions: list[RegionRow | Index]
    selected: RegionId | None
    turns: list[TurnRow | Index]
    next_id: Annotated[int, Field(ge=1, le=10**9 + 1)]


class StepRow(_Row):
    scene: SceneRow
    parent: Annotated[int, Field(ge=-1, le=MOST_STEPS)]


class SessionHead(_Row):
    """What is looked at first, so that a foreign or newer file is called by its name."""

    format: str
    version: int


class SessionRow(SessionHead):
    current: Annotated[int, Field(ge=0, le=MOST_STEPS)]
    pictures: Annotated[list[tuple[Side, Side]], Field(max_length=MOST_PICTURES)]
    masks: list[MaskRow] = []
    regions: list[RegionRow] = []
    turns: list[TurnRow] = []
    steps: Annotated[list[StepRow], Field(min_length=1, max_length=MOST_STEPS)]
