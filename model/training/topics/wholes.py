"""The whole picture: captions, a phrase for every region, and what is odd in it."""

from __future__ import annotations

import re
from collections.abc import Callable

from model.prompts import Group
from model.training.photos.wording import caption_pieces
from model.training.question_generator import QA, QuestionGenerator, area, element_name
from model.training.wordings import ODD_ONE, phrase
from model.training.world.phrases import article, plural
from model.training.world.truth import Thing

MOST_GROUPS = 10  # phrases in one dense reply


def caption(generator: QuestionGenerator) -> QA | None:
    """Ask for the caption."""
    if generator.is_photo and not (generator.truth.known and generator.truth.things):
        return None
    return generator.task("caption", "caption", generator.truth.caption)


def detail(generator: QuestionGenerator) -> QA | None:
    """Ask for the caption, then where the largest things are, then what is written."""
    if generator.is_photo and not (generator.truth.known and generator.truth.things):
        return None
    width, height = generator.truth.size_wh
    sentences = [generator.truth.caption.rstrip(".") + "."]
    largest = sorted(generator.seen, key=lambda thing: -area(thing.box))[:4]
    for thing in sorted(largest, key=lambda thing: thing.box[0]):
        x = (thing.box[0] + thing.box[2]) / 2 / width
        y = (thing.box[1] + thing.box[3]) / 2 / height
        place = " ".join(filter(None, (_third(y, "top", "bottom"), _third(x, "left", "right")))) or "centre"
        sentences.append(f"{article(generator.plain_phrase(thing)).capitalize()} is at the {place}.")
    if generator.truth.words and len(generator.truth.words) <= 3:
        sentences.append(f"The text reads {' '.join(word.text for word in generator.truth.words)}.")
    return generator.task("detail", "detail", " ".join(sentences)) if len(sentences) > 1 else None


def _third(value: float, low: str, high: str) -> str:
    """Return which third of the picture a value of 0..1 is in."""
    return low if value < 1 / 3 else high if value > 2 / 3 else ""


def grounded(generator: QuestionGenerator) -> QA | None:
    """Ask for the caption with boxes: the fullest names first, several alike things as one."""
    if generator.is_photo:
        return _grounded_photo(generator)
    caption = generator.truth.caption
    marks: list[tuple[int, int, list[Thing]]] = []
    waiting = generator.seen
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
        boxes = tuple(sorted(generator.box(thing.box) for thing in things))
        pieces += [caption[at:start], Group(caption[start:end], boxes)]
        at = end
    kept = tuple(piece for piece in (*pieces, caption[at:]) if piece)
    exact = [box for piece in kept if isinstance(piece, Group) for box in piece.boxes]
    return (
        generator.task("grounded", "grounded_caption", kept, exact=exact)
        if len(exact) <= MOST_GROUPS
        else None
    )


def _grounded_photo(generator: QuestionGenerator) -> QA | None:
    """Ask for the caption of a photograph with the boxes of what it names."""
    truth = generator.truth
    if not truth.known or not truth.things:
        return None
    pieces: list[str | Group] = []
    for words, indices in caption_pieces(truth.things, truth.size_wh):
        boxes = tuple(sorted(generator.box(truth.things[i].box) for i in indices))
        pieces.append(Group(words, boxes) if boxes else words)
    exact = [box for piece in pieces if isinstance(piece, Group) for box in piece.boxes]
    if len(exact) > MOST_GROUPS:
        return None
    return generator.task("grounded", "grounded_caption", tuple(pieces), exact=exact)


def dense(generator: QuestionGenerator) -> QA | None:
    """Ask for a phrase for every thing and word from left to right; a screen or a page in reading order."""
    truth = generator.truth
    if truth.elements:
        regions = [(element_name(element), element.box) for element in truth.elements]
    elif truth.blocks:
        regions = [(block.kind, block.box) for block in truth.blocks]
    else:
        if generator.is_photo and not truth.known:
            return None
        regions = [(generator.plain_phrase(thing), thing.box) for thing in generator.seen]
        regions += [(f"word {word.text}", word.box) for word in truth.words if truth.chart is None]
    if not regions or len(regions) > MOST_GROUPS:
        return None
    if truth.elements or truth.blocks:
        regions = [regions[i] for i in generator.reading_order([box for _, box in regions])]
    else:
        regions.sort(key=lambda region: region[1][0])
    groups = [Group(name, (generator.box(box),)) for name, box in regions]
    return generator.task("dense", "dense", groups, exact=[group.boxes[0] for group in groups])


def odd(*, damaged: bool) -> Callable[[QuestionGenerator], QA | None]:
    """Return a maker of questions for the odd thing, or with `damaged` the broken one, named and boxed."""

    def make(generator: QuestionGenerator) -> QA | None:
        if generator.truth.odd is None:
            return None
        thing = generator.truth.things[generator.truth.odd]
        if thing.damaged is not damaged:
            return None
        box = generator.box(thing.box)
        topic = "odd-damaged" if damaged else "odd"
        return generator.task(topic, "odd", Group(thing.phrase, (box,)), exact=(box,))

    return make


def odd_word(generator: QuestionGenerator) -> QA | None:
    """Ask for the odd or broken thing, named."""
    if generator.truth.odd is None:
        return None
    name = generator.truth.things[generator.truth.odd].phrase
    return generator.words("odd-word", generator.pick(ODD_ONE), name, f"The {name} is odd.")


def nothing_odd(generator: QuestionGenerator) -> QA | None:
    """Ask what is odd in a picture in which nothing is."""
    if (
        generator.is_photo
        or generator.truth.odd is not None
        or any(thing.damaged for thing in generator.truth.things)
    ):
        return None
    return generator.task("odd-absent", "odd", None)
