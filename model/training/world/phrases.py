"""Words for what was drawn: relations, phrases that single a thing out, captions. Knows boxes, not pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .truth import XYXY

RELATIONS = ("left of", "right of", "above", "below", "on")
SMALL, LARGE = 0.17, 0.32  # of the picture's shorter side: what is called small, what large
APART = 0.12  # of the picture's side, between centres that may be called left and right
TOUCH = 0.1  # of the smaller extent, overlap that still counts as beside
COUNTS = (
    "no",
    "a",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
COUNTS += ("thirteen", "fourteen", "fifteen", "sixteen")


@dataclass(frozen=True, slots=True)
class Described:
    """What can be said of a thing."""

    kind: str
    colour: str | None
    pattern: str | None
    size: str | None
    box: XYXY
    action: str | None = None
    damaged: bool = False


def size_word(box: XYXY, size_wh: tuple[int, int]) -> str | None:
    """ "small", "large" or None by the longer side of the box."""
    side = max(box[2] - box[0], box[3] - box[1]) / min(size_wh)
    return "small" if side <= SMALL else "large" if side >= LARGE else None


def plural(kind: str) -> str:
    """More than one of a kind."""
    special = {"fish": "fish", "sheep": "sheep", "person": "people", "butterfly": "butterflies"}
    return special.get(kind) or kind + ("es" if kind.endswith(("s", "x", "ch")) else "s")


def article(phrase: str) -> str:
    """Return the phrase with "a" or "an"."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def name(
    thing: Described, *, size: bool = False, pattern: bool = False, action: bool = False, many: bool = False
) -> str:
    """ "red ball", with as much more as is asked for."""
    noun = plural(thing.kind) if many else thing.kind
    words = [
        thing.size if size and thing.size else "",
        "broken" if thing.damaged else "",
        thing.action if action and thing.action else "",
        thing.pattern if pattern and thing.pattern else "",
    ]
    if thing.kind == "person":
        words += [noun, f"in {thing.colour}" if thing.colour else ""]
    else:
        words += [thing.colour or "", noun]
    return " ".join(w for w in words if w)


def _positions(
    group: list[int], things: Sequence[Described], size_wh: tuple[int, int]
) -> dict[int, str] | None:
    """Say where each of two or three alike things is, or None where no word tells them apart."""
    if not 2 <= len(group) <= 3:
        return None
    for axis, words in ((0, ("left", "middle", "right")), (1, ("upper", "middle", "lower"))):
        centre = {i: (things[i].box[axis] + things[i].box[axis + 2]) / 2 for i in group}
        order = sorted(group, key=lambda i: centre[i])
        gaps = [centre[b] - centre[a] for a, b in pairwise(order)]
        if min(gaps) >= APART * size_wh[axis]:
            chosen = words if len(group) == 3 else (words[0], words[2])
            return dict(zip(order, chosen))
    return None


def phrases(things: Sequence[Described], size_wh: tuple[int, int]) -> list[str]:
    """Return each thing's shortest phrase that no other answers to, or its plain name where there is none."""
    out = []
    ways = (
        {},
        {"pattern": True},
        {"action": True},
        {"size": True},
        {"pattern": True, "size": True},
    )
    for i, thing in enumerate(things):
        phrase = ""
        for way in ways:
            wanted = name(thing, **way)
            if way and wanted == name(thing):
                continue
            if way.get("size") and not thing.size:
                continue
            if sum(_answers(other, thing, way) for other in things) == 1:
                phrase = wanted
                break
        if not phrase:
            alike = [k for k, other in enumerate(things) if name(other) == name(thing)]
            where = _positions(alike, things, size_wh)
            phrase = f"{where[i]} {name(thing)}" if where else name(thing)
        out.append(phrase)
    return out


def _answers(other: Described, thing: Described, way: dict[str, bool]) -> bool:
    """Return whether `other` fits the name of `thing`; a size that `other` has no word for might fit too."""
    if name(other) != name(thing):
        return False
    if way.get("pattern") and other.pattern != thing.pattern:
        return False
    if way.get("action") and other.action != thing.action:
        return False
    return not (way.get("size") and other.size not in (thing.size,))


def relation(a: XYXY, b: XYXY) -> str | None:
    """Return where `a` is as seen from `b`: one of RELATIONS but "on", or None where none holds clearly."""
    dx, dy = (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2
    narrow, low = min(a[2] - a[0], b[2] - b[0]), min(a[3] - a[1], b[3] - b[1])
    across = min(a[2], b[2]) - max(a[0], b[0])
    along = min(a[3], b[3]) - max(a[1], b[1])
    if across <= TOUCH * narrow and abs(dx) >= abs(dy):
        return "left of" if dx < 0 else "right of"
    if along <= TOUCH * low and abs(dy) > abs(dx):
        return "above" if dy < 0 else "below"
    return None


def joined(parts: Sequence[str]) -> str:
    """ "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def sentence(words: str) -> str:
    """With a capital and a full stop."""
    return words[0].upper() + words[1:] + "."


def caption(things: Sequence[Described], on: Sequence[tuple[int, int]], place: str) -> str:
    """Return one sentence: who does what and what there is, from left to right, then where.

    Args:
        on: (rider, support) indices.
    """
    order = sorted(range(len(things)), key=lambda i: things[i].box[0] + things[i].box[2])
    people = [
        f"{article(name(things[i]))} is {things[i].action}" for i in order if things[i].kind == "person"
    ]
    rest: list[str] = []
    riders, supports = dict(on), {s for _, s in on}
    done: set[int] = set()
    for i in order:
        if things[i].kind == "person" or i in done or i in supports:
            continue
        if i in riders:
            rest.append(f"{article(name(things[i]))} on {article(name(things[riders[i]]))}")
            done |= {i, riders[i]}
            continue
        alike = [
            k for k in order
            if name(things[k]) == name(things[i]) and k not in riders and k not in supports and k not in done
        ]  # fmt: skip
        done |= set(alike)
        count = len(alike)
        rest.append(
            article(name(things[i])) if count == 1 else f"{COUNTS[count]} {name(things[i], many=True)}"
        )
    where = f" {place}" if place else ""
    if people:
        return sentence(joined(people) + where + (f", with {joined(rest)}" if rest else ""))
    return sentence(joined(rest) + where)
