"""What a visitor can ask for: a closed union of requests, and the target that a request points at.

Plain values: this module knows no words and no model. Whoever serves a request turns what a target leaves
open (`pick`, `near`, `kinds`, ...) into regions with `pipelines.language.references.resolve`, once the things
that it names have been found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.scene import Box
from pipelines.sentences import Sentence

STEP = 4  # pixels a mask grows or shrinks by when no number is given

WholePictureAbility = Literal[
    "caption", "detail", "grounded_caption", "dense", "layout", "text", "chart", "odd"
]
FindAbility = Literal["locate", "relation", "detect", "screen"]
EditAction = Literal["remove", "replace", "recolour", "background"]
MaskAction = Literal["grow", "shrink", "join", "subtract"]
Effect = Literal["blur", "grey", "cut out", "colour"]
Direction = Literal["left", "right", "up", "down", "all"]


@dataclass(frozen=True, slots=True)
class Target:
    """What is pointed at: regions by number, or a box, or a phrase still to be found; nothing at all when
    a pronoun had nothing to stand for.

    `every` is set for "all the cups", with `count` where a number was said ("both cats", 0 otherwise). `pick`
    says which one of those that fit the phrase, in words that `choosing.pick` knows: "largest", "left",
    "second from right". `kinds` are those that a more general word stands for ("vehicle": car, bus, boat).
    `but` turns the target round: all things that are not it. `relation` and `near` tie it to another thing
    ("next to", Target("cup")).
    """

    phrase: str = ""
    region_ids: tuple[int, ...] = ()
    box: Box | None = None
    every: bool = False
    count: int = 0
    pick: str = ""
    kinds: tuple[str, ...] = ()
    but: bool = False
    relation: str = ""
    near: Target | None = None

    def __bool__(self) -> bool:
        return bool(self.phrase or self.region_ids or self.box or self.pick or self.near or self.but)

    @property
    def plain(self) -> bool:
        """Whether the phrase alone says what is meant, so that SPHINX can be asked for it."""
        return bool(self.phrase) and not (self.pick or self.but or self.near or self.kinds or self.count)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something that works here: words to send, and the ability that they are for."""

    ability: str
    words: str


# --- requests to SPHINX --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """An open question. `subjects` are the regions that its pronouns and numbers stand for.

    `family` is the question family of the loaded checkpoint ("colour", "count"), whose trained wording the
    question then has; it is empty for a checkpoint that takes questions of any kind.
    """

    question: str
    subjects: tuple[int, ...] = ()
    family: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A question that is answered by finding things: whether they are there, how many, or which they are.

    For what a checkpoint was not asked in one sentence: "is there a dog or a cat?", "how many animals?",
    "which things are not purple?", "which is larger, the cat or the dog?" (by their boxes).
    """

    question: Literal["is there", "count", "which", "larger", "smaller"]
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class WholePicture:
    """Something about the whole picture."""

    ability: WholePictureAbility


@dataclass(frozen=True, slots=True)
class Find:
    """Boxes for a phrase. `target` is given where the phrase does not say it all ("the largest fish")."""

    phrase: str
    ability: FindAbility = "locate"
    target: Target | None = None


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


# --- changes -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edit:
    """Change the picture. `wish` is what should be seen there afterwards; empty for a removal."""

    action: EditAction
    target: Target
    wish: str = ""


@dataclass(frozen=True, slots=True)
class Background:
    """Change what is behind the things without a model: blurred, grey, transparent, or of one colour.

    `keep` is what stays as it is, all things where it is None.
    """

    effect: Effect
    colour: str = ""
    keep: Target | None = None


@dataclass(frozen=True, slots=True)
class CutOut:
    """A picture of the target alone, transparent around it."""

    target: Target


@dataclass(frozen=True, slots=True)
class Obscure:
    """Make a thing unrecognisable where it is, without a model: blurred, or in a coarse mosaic."""

    target: Target
    how: Literal["blur", "pixelate"] = "blur"


@dataclass(frozen=True, slots=True)
class Extend:
    """Paint more of the picture beyond its edges, by a share of its side."""

    direction: Direction = "all"
    share: float = 0.25


@dataclass(frozen=True, slots=True)
class Move:
    """Cut a thing out, fill its place, and paste it elsewhere, by a share of the picture's side."""

    target: Target
    direction: Direction
    share: float = 0.2


@dataclass(frozen=True, slots=True)
class Resize:
    """Cut a thing out, fill its place, and paste it `factor` times as large."""

    target: Target
    factor: float


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


@dataclass(frozen=True, slots=True)
class Undo:
    """One step back on the timeline."""


@dataclass(frozen=True, slots=True)
class Redo:
    """One step forward again."""


# --- conversation --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Help:
    """What can be done here, or who is speaking."""

    topic: Literal["abilities", "self"] = "abilities"
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class SmallTalk:
    """A greeting, thanks, a goodbye, praise, a complaint; `kind` is the name of its list in the lexicon."""

    kind: str
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class CannotDo:
    """Something that nothing here does; `reason` is one word of `grammar.toml` ("poem"), or "language"."""

    reason: str
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A message that no rule takes and that the loaded checkpoint was not trained to answer."""

    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class UnknownWord:
    """A thing was named that the loaded checkpoint does not know; `known` are those it does."""

    word: str
    known: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class AskBack:
    """A change whose target was not understood whole, or fits several: nothing is changed.

    `candidates` are what may be meant, to be lit up; `why` says in one sentence what is open.
    """

    candidates: tuple[Target, ...]
    why: Sentence
    suggestions: tuple[Suggestion, ...] = ()


Request = (
    Ask | Check | WholePicture | Find | Outline | Everything | Describe | Pose | Marks
    | Edit | Background | CutOut | Obscure | Extend | Move | Resize | Reshape | Select | Forget | Undo | Redo
    | Help | SmallTalk | CannotDo | NotUnderstood | UnknownWord | AskBack
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a message asks for, in order, and what was mended or assumed, a sentence each."""

    requests: tuple[Request, ...]
    notes: tuple[Sentence, ...] = ()
