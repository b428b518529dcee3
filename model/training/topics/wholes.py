"""The whole picture: captions, a phrase for every region, and what is odd in it."""

from __future__ import annotations

import re
from collections.abc import Callable

from model.prompts import Group
from model.training.photos.wording import caption_pieces
from model.training.quiz import QA, Quiz, area, element_name
from model.training.wordings import ODD_ONE, phrase
from model.training.world.phrases import article, plural
from model.training.world.truth import Thing

MOST_GROUPS = 10  # phrases in one dense reply


def caption(quiz: Quiz) -> QA | None:
    """The caption."""
    if quiz.is_photo and not (quiz.truth.known and quiz.truth.things):
        return None
    return quiz.task("caption", "caption", quiz.truth.caption)


def detail(quiz: Quiz) -> QA | None:
    """The caption, then where the largest things are, then what is written."""
    if quiz.is_photo and not (quiz.truth.known and quiz.truth.things):
        return None
    width, height = quiz.truth.size_wh
    sentences = [quiz.truth.caption.rstrip(".") + "."]
    largest = sorted(quiz.seen, key=lambda thing: -area(thing.box))[:4]
    for thing in sorted(largest, key=lambda thing: thing.box[0]):
        x = (thing.box[0] + thing.box[2]) / 2 / width
        y = (thing.box[1] + thing.box[3]) / 2 / height
        place = " ".join(filter(None, (_third(y, "top", "bottom"), _third(x, "left", "right")))) or "centre"
        sentences.append(f"{article(quiz.plain_phrase(thing)).capitalize()} is at the {place}.")
    if quiz.truth.words and len(quiz.truth.words) <= 3:
        sentences.append(f"The text reads {' '.join(word.text for word in quiz.truth.words)}.")
    return quiz.task("detail", "detail", " ".join(sentences)) if len(sentences) > 1 else None


def _third(value: float, low: str, high: str) -> str:
    """Which third of the picture a value of 0..1 is in."""
    return low if value < 1 / 3 else high if value > 2 / 3 else ""


def grounded(quiz: Quiz) -> QA | None:
    """The caption with the boxes of what it names: the fullest names first, several alike things as one."""
    if quiz.is_photo:
        return _grounded_photo(quiz)
    caption = quiz.truth.caption
    marks: list[tuple[int, int, list[Thing]]] = []
    waiting = quiz.seen
    for use in (("size", "pattern"), ("size",), ("pattern",), ()):
        named: dict[str, list[Thing]] = {}
        for thing in waiting:
            words = [str(getattr(thing, name) or "") for name in use]
            words += ["broken" if thing.damaged else "", phrase(thing.kind, colour=thing.colour)]
            named.setdefault(" ".join(filter(None, words)), []).append(thing)
        for words, things in named.items():
            said = words if len(things) == 1 else words.replace(things[0].kind, plural(things[0].kind), 1)
            match = re.search(rf"\b{re.escape(said)}\b", caption, re.IGNORECASE)
            if match and all(match.end() <= start or stop <= match.start() for start, stop, _ in marks):
                marks.append((*match.span(), things))
                waiting = [thing for thing in waiting if thing not in things]
    if not marks:
        return None
    pieces: list[str | Group] = []
    at = 0
    for start, end, things in sorted(marks, key=lambda mark: mark[0]):
        boxes = tuple(sorted(quiz.box(thing.box) for thing in things))
        pieces += [caption[at:start], Group(caption[start:end], boxes)]
        at = end
    kept = tuple(piece for piece in (*pieces, caption[at:]) if piece)
    exact = [box for piece in kept if isinstance(piece, Group) for box in piece.boxes]
    return quiz.task("grounded", "grounded_caption", kept, exact=exact) if len(exact) <= MOST_GROUPS else None


def _grounded_photo(quiz: Quiz) -> QA | None:
    """The caption of a photograph with the boxes of what it names."""
    truth = quiz.truth
    if not truth.known or not truth.things:
        return None
    pieces: list[str | Group] = []
    for words, indices in caption_pieces(truth.things, truth.size_wh):
        boxes = tuple(sorted(quiz.box(truth.things[i].box) for i in indices))
        pieces.append(Group(words, boxes) if boxes else words)
    exact = [box for piece in pieces if isinstance(piece, Group) for box in piece.boxes]
    if len(exact) > MOST_GROUPS:
        return None
    return quiz.task("grounded", "grounded_caption", tuple(pieces), exact=exact)


def dense(quiz: Quiz) -> QA | None:
    """A phrase for every thing and word from left to right; a screen or a page in reading order."""
    truth = quiz.truth
    if truth.elements:
        regions = [(element_name(element), element.box) for element in truth.elements]
    elif truth.blocks:
        regions = [(block.kind, block.box) for block in truth.blocks]
    else:
        if quiz.is_photo and not truth.known:
            return None
        regions = [(quiz.plain_phrase(thing), thing.box) for thing in quiz.seen]
        regions += [(f"word {word.text}", word.box) for word in truth.words if truth.chart is None]
    if not regions or len(regions) > MOST_GROUPS:
        return None
    if truth.elements or truth.blocks:
        regions = [regions[i] for i in quiz.reading_order([box for _, box in regions])]
    else:
        regions.sort(key=lambda region: region[1][0])
    groups = [Group(name, (quiz.box(box),)) for name, box in regions]
    return quiz.task("dense", "dense", groups, exact=[group.boxes[0] for group in groups])


def odd(*, damaged: bool) -> Callable[[Quiz], QA | None]:
    """A maker of questions for the odd thing, or with `damaged` the broken one, named and boxed."""

    def make(quiz: Quiz) -> QA | None:
        if quiz.truth.odd is None:
            return None
        thing = quiz.truth.things[quiz.truth.odd]
        if thing.damaged is not damaged:
            return None
        box = quiz.box(thing.box)
        topic = "odd-damaged" if damaged else "odd"
        return quiz.task(topic, "odd", Group(thing.phrase, (box,)), exact=(box,))

    return make


def odd_word(quiz: Quiz) -> QA | None:
    """The odd or broken thing, named."""
    if quiz.truth.odd is None:
        return None
    name = quiz.truth.things[quiz.truth.odd].phrase
    return quiz.words("odd-word", quiz.pick(ODD_ONE), name, f"The {name} is odd.")


def nothing_odd(quiz: Quiz) -> QA | None:
    """A picture in which nothing is odd."""
    if quiz.is_photo or quiz.truth.odd is not None or any(thing.damaged for thing in quiz.truth.things):
        return None
    return quiz.task("odd-absent", "odd", None)
