"""What a visitor can ask for: a closed union of requests, and the target that a request points at.

Plain values: this module knows no words and no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.scene import Box

STEP = 4  # pixels a mask grows or shrinks by when no number is given

LookAbility = Literal["caption", "detail", "grounded_caption", "dense", "layout", "text", "chart", "odd"]
FindAbility = Literal["locate", "relation", "detect", "screen"]
EditAction = Literal["remove", "replace", "recolour", "background"]
MaskAction = Literal["grow", "shrink", "join", "subtract"]


@dataclass(frozen=True, slots=True)
class Target:
    """What is pointed at: regions by number, or a box, or a phrase still to be found; nothing at all when
    a pronoun had nothing to stand for. `every` is set for "all the cups"."""

    phrase: str = ""
    region_ids: tuple[int, ...] = ()
    box: Box | None = None
    every: bool = False

    def __bool__(self) -> bool:
        return bool(self.phrase or self.region_ids or self.box)


@dataclass(frozen=True, slots=True)
class Ask:
    """An open question. `subjects` are the regions that its pronouns and numbers stand for."""

    question: str
    subjects: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Something about the whole picture."""

    ability: LookAbility


@dataclass(frozen=True, slots=True)
class Find:
    """Boxes for a phrase."""

    phrase: str
    ability: FindAbility = "locate"


@dataclass(frozen=True, slots=True)
class Outline:
    """Masks for a target."""

    target: Target


@dataclass(frozen=True, slots=True)
class Everything:
    """Masks for all that can be told apart."""


@dataclass(frozen=True, slots=True)
class Describe:
    """Say what a region is."""

    target: Target


@dataclass(frozen=True, slots=True)
class Pose:
    """Joints of a person, of several, or of everyone."""

    target: Target


@dataclass(frozen=True, slots=True)
class Marks:
    """A question about several numbered regions; without a question, each is described."""

    region_ids: tuple[int, ...]
    question: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Change the picture. `wish` is what should be seen there afterwards; empty for a removal."""

    action: EditAction
    target: Target
    wish: str = ""


@dataclass(frozen=True, slots=True)
class Reshape:
    """Change masks: grow and shrink by `pixels`; join all into the first; subtract the others from it."""

    action: MaskAction
    region_ids: tuple[int, ...]
    pixels: int = STEP


@dataclass(frozen=True, slots=True)
class Select:
    """Make a region the one that "it" stands for."""

    region_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forget:
    """Take regions off the page; no number in the list means all."""

    region_ids: tuple[int, ...]


Request = (
    Ask | Look | Find | Outline | Everything | Describe | Pose | Marks | Edit | Reshape | Select | Forget
)  # fmt: skip
