"""Words for what a photograph shows: phrases for one thing, relations, captions. Knows boxes only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from model.training.world.phrases import article, plural, relation
from model.training.world.truth import XYXY, Thing

APART = 0.1  # of the picture's side, between middles that may be called left and right
LARGER = 1.6  # how many times larger than the next the largest of a kind is
MOST_ALIKE = 3  # things of a kind that left, middle and right tell apart
COUNTS = ("no", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NAMED_AREA = 0.01  # of the picture, from which a thing is named in a caption
PLACES = {
    "sofa": "on",
    "chair": "on",
    "bed": "on",
    "horse": "on",
    "bicycle": "on",
    "motorbike": "on",
    "boat": "in",
}
CARRIED = ("person", "dog", "cat")  # what may be on or in one of PLACES


def _area(box: XYXY) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _middle(box: XYXY) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def photo_phrases(
    things: Sequence[Thing], size_wh: tuple[int, int], ignored: Sequence[tuple[str, XYXY]] = ()
) -> list[str]:
    """Return a phrase for each thing that fits it alone where there is one, and its kind otherwise."""
    names = (unique_names(i, things, size_wh, ignored) for i in range(len(things)))
    return [found[0] if found else thing.kind for found, thing in zip(names, things, strict=True)]


def unique_names(
    index: int,
    things: Sequence[Thing],
    size_wh: tuple[int, int],
    ignored: Sequence[tuple[str, XYXY]] = (),
) -> list[str]:
    """Return phrases that fit this thing alone, shortest first; none where more of its kind may be there.

    The kind alone, its colour where every other thing of the kind has another one that is known, left,
    middle and right among two or three, and the largest where it is clearly so.
    """
    thing = things[index]
    if any(kind == thing.kind for kind, _ in ignored):
        return []
    alike = [i for i, other in enumerate(things) if other.kind == thing.kind]
    coloured = f"{thing.colour} {thing.kind}" if thing.colour else ""
    if len(alike) == 1:
        return [thing.kind, coloured] if coloured else [thing.kind]
    names = []
    others = [things[i].colour for i in alike if i != index]
    if coloured and None not in others and thing.colour not in others:
        names.append(coloured)
    if len(alike) <= MOST_ALIKE:
        order = sorted(alike, key=lambda i: _middle(things[i].box)[0])
        middles = [_middle(things[i].box)[0] for i in order]
        if min(b - a for a, b in pairwise(middles)) >= APART * size_wh[0]:
            words = ("left", "right") if len(order) == 2 else ("left", "middle", "right")
            names.append(f"{words[order.index(index)]} {thing.kind}")
    sizes = sorted((_area(things[i].box) for i in alike), reverse=True)
    if _area(thing.box) == sizes[0] and sizes[0] >= LARGER * sizes[1]:
        names.append(f"largest {thing.kind}")
    return names


def photo_relations(things: Sequence[Thing]) -> list[tuple[int, str, int]]:
    """(index, relation, index) of things on clearly different sides of one another."""
    found = []
    for i, first in enumerate(things[:8]):
        for j, second in enumerate(things[:8]):
            word = relation(first.box, second.box) if i != j else None
            if word:
                found.append((i, word, j))
    return found


def _carried(things: Sequence[Thing]) -> list[tuple[int, int, str]]:
    """(index, index of what carries it, "on" or "in"): its foot lies in the upper part of the other."""
    found = []
    for i, thing in enumerate(things):
        if thing.kind not in CARRIED:
            continue
        for j, other in enumerate(things):
            word = PLACES.get(other.kind)
            if word is None or i == j:
                continue
            x = _middle(thing.box)[0]
            inside = other.box[0] <= x <= other.box[2]
            height = other.box[3] - other.box[1]
            foot = (thing.box[3] - other.box[1]) / max(1e-6, height)
            above = (
                thing.box[1]
                < other.box[1] + (0.15 if other.kind in ("horse", "bicycle", "motorbike") else 0.4) * height
            )
            if inside and 0.25 <= foot <= 1.05 and above:
                found.append((i, j, word))
                break
    return found


Piece = tuple[str, tuple[int, ...]]  # words of a caption, and the things they name


def photo_caption(things: Sequence[Thing], size_wh: tuple[int, int], place: str = "") -> str:
    """ "A dog and a person on a sofa.": the largest first, with colours where they are known."""
    return "".join(words for words, _ in caption_pieces(things, size_wh, place))


def caption_pieces(things: Sequence[Thing], size_wh: tuple[int, int], place: str = "") -> list[Piece]:
    """Return the caption in pieces; a piece that names things says which."""
    named = [i for i, t in enumerate(things) if _area(t.box) >= NAMED_AREA * size_wh[0] * size_wh[1]]
    named = named or list(range(len(things)))
    if not named:
        return [("A photograph.", ())]
    carried = [(i, j, word) for i, j, word in _carried(things) if i in named and j in named]
    base = carried[0][1] if carried else None
    riders = [i for i, j, _ in carried if j == base]
    rest = [i for i in named if i not in riders and i != base]
    if base is None:
        pieces = _listed(rest, things)
    else:
        pieces = [*_listed(riders, things), (f" {carried[0][2]} ", ()), *_listed([base], things)]
        if rest:
            pieces += [(", with ", ()), *_listed(rest, things)]
    pieces.append((f" {place}." if place else ".", ()))
    first, indices = pieces[0]
    return [(first[0].upper() + first[1:], indices), *pieces[1:]]


def _listed(indices: Sequence[int], things: Sequence[Thing]) -> list[Piece]:
    """ "two dogs", " and ", "a black cat": the largest first, one piece for those of a kind."""
    groups: dict[str, list[int]] = {}
    for i in indices:
        groups.setdefault(things[i].kind, []).append(i)
    ordered = sorted(groups.items(), key=lambda item: -max(_area(things[i].box) for i in item[1]))
    parts: list[Piece] = []
    for kind, members in ordered:
        colours = {things[i].colour for i in members}
        colour = f"{things[members[0]].colour} " if len(colours) == 1 and None not in colours else ""
        count = len(members)
        words = article(f"{colour}{kind}")
        if count > 1:
            number = COUNTS[count] if count < len(COUNTS) else "many"
            words = f"{number} {colour}{plural(kind)}"
        if parts:
            parts.append((" and " if len(parts) == 2 * len(ordered) - 3 else ", ", ()))
        parts.append((words, tuple(members)))
    return parts
