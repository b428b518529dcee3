"""What the endpoints take: one schema a endpoint, checked whole before a picture or a model is touched.

Types are strict, numbers bounded, texts hold no half characters and no more than a message may. What is
wrong is said in a sentence that names the argument and what would work. How much one request may ask for is
in `app.limits`; what an argument means is the business of `app.api`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.actions import LONGEST_MESSAGE
from pipelines.errors import DemoError
from pipelines.intake import MAX_SIDE
from pipelines.scene import Box, Click, Point

MOST_STEPS = 100  # of a painting
MOST_GUIDANCE = 50


class BadArgument(DemoError):
    """An argument of a call makes no sense; the message names it and says what would."""


def _none_is(value: Any) -> BeforeValidator:
    """Read null as `value`: programs send it for what they leave out."""
    return BeforeValidator(lambda given: value if given is None else given)


def _integral(given: Any) -> Any:
    """JSON's 3.0 is the whole number 3."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def _whole_letters(text: str) -> str:
    """Refuse the lone half of a letter, which JSON can hold and nothing behind it can write."""
    text.encode()  # a UnicodeEncodeError is a ValueError
    return text


def _plain_json(rows: list[Any]) -> list[Any]:
    """Refuse what JSON cannot hold: endless numbers, half letters."""
    json.dumps(rows, allow_nan=False, ensure_ascii=False).encode()  # both errors are ValueErrors
    return rows


_Whole = BeforeValidator(_integral)
Words = Annotated[str, _none_is(""), Field(max_length=LONGEST_MESSAGE), AfterValidator(_whole_letters)]
Seed = Annotated[int, _none_is(0), _Whole, Field(ge=0, lt=2**63)]
Pixel = Annotated[float, Field(ge=-MAX_SIDE, le=2 * MAX_SIDE, allow_inf_nan=False)]  # a box may reach beyond
Mark = Literal[0, 1, False, True]  # 1: it belongs; 0: it does not
ClickRow = tuple[Pixel, Pixel] | tuple[Pixel, Pixel, Mark]
BoxRow = tuple[Pixel, Pixel, Pixel, Pixel]
Rows = BeforeValidator(lambda given: _tuples(given))


def _tuples(given: Any, depth: int = 2) -> Any:
    """JSON's lists as tuples, which strict types ask for; no deeper than any argument goes."""
    if not isinstance(given, list) or not depth:
        return given
    return tuple(_tuples(item, depth - 1) for item in given)


class _Arguments(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class _WithRegions(_Arguments):
    """Regions are read by `pipelines.export.given` once the picture's size is known."""

    regions: Annotated[list[Any], _none_is([]), AfterValidator(_plain_json)] = []


class Ask(_WithRegions):
    words: Words
    seed: Seed


class Outline(_WithRegions):
    phrase: Words
    clicks: Annotated[tuple[ClickRow, ...], _none_is(()), Rows]
    box: Annotated[BoxRow | None, Rows]

    def points(self) -> list[Click]:
        """Return the clicks; pixels may be fractions, which the segmenter's task rounds down."""
        return [Click(Point(*click[:2]), click[2:] != (0,)) for click in self.clicks]  # pyright: ignore

    def dragged(self) -> Box | None:
        return Box(*self.box) if self.box else None  # pyright: ignore


class Describe(_WithRegions):
    box: Annotated[BoxRow | None, Rows]
    detail: Annotated[bool, _none_is(False)]

    def dragged(self) -> Box | None:
        return Box(*self.box) if self.box else None  # pyright: ignore


class Edit(_WithRegions):
    wish: Words
    seed: Seed
    steps: Annotated[int, _none_is(20), _Whole, Field(ge=1, le=MOST_STEPS)]
    guidance: Annotated[float, _none_is(0.0), Field(ge=0, le=MOST_GUIDANCE, allow_inf_nan=False)]
    negative: Words


Arguments = TypeVar("Arguments", bound=_Arguments)
_TEXT = f"text of at most {LONGEST_MESSAGE} characters"
RIGHT = {
    "words": _TEXT,
    "phrase": _TEXT,
    "wish": _TEXT,
    "negative": _TEXT,
    "seed": "a whole number from 0 to 2^63 - 1",
    "steps": f"a whole number from 1 to {MOST_STEPS}",
    "guidance": f"a number from 0 to {MOST_GUIDANCE}",
    "detail": "true or false",
    "clicks": "a list of clicks. A click is [x, y] in pixels, or [x, y, 0] for one that does not belong",
    "regions": "a list of regions, as every answer has them",
    "box": "missing or four numbers. A box is [x1, y1, x2, y2] in pixels",
}
"""Argument -> what it must be, as the end of a sentence."""


def check(model: type[Arguments], **given: Any) -> Arguments:
    """Return the arguments of a call.

    Raises:
        BadArgument: one of them makes no sense; the sentence says which, and what would.
    """
    try:
        return model(**given)
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
    raise BadArgument(f"The argument {name} must be {RIGHT[name]}.")


__all__ = ["Ask", "BadArgument", "Describe", "Edit", "Outline", "check"]
