"""What a thing is, how it looks, what it does, how many there are, and whether there is one at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from model.training.question_generator import QA, SEEN, VALUES, QuestionGenerator, area, fits
from model.training.wordings import (
    ACTION,
    BROKEN,
    COLOUR,
    COUNT,
    COUNTS,
    IS_IT,
    IS_THERE,
    KIND,
    LARGEST,
    PATTERN,
    SCENE,
    SIZE,
    phrase,
)
from model.training.world.phrases import article, plural
from model.training.world.truth import Thing

CLEARLY = 1.4  # how many times larger than any other thing the largest is, where training asks for it


def kind(generator: QuestionGenerator) -> QA | None:
    """Ask what the red thing is, where its colour, pattern or size is its own."""
    things = [thing for thing in generator.seen if thing.kind != "person" and not generator.is_photo]
    for thing in generator.rng.sample(things, len(things)):
        looks = [{"colour": thing.colour}]
        if thing.pattern not in (None, "plain"):
            looks += [{"pattern": thing.pattern}, {"pattern": thing.pattern, "colour": thing.colour}]
        if thing.size:
            looks.append({"size": thing.size, "colour": thing.colour})
        generator.rng.shuffle(looks)
        for look in looks:
            if None not in look.values() and generator.one(**look) is thing:
                words = " ".join(str(look[name]) for name in ("size", "pattern", "colour") if name in look)
                return generator.words(
                    "kind", generator.pick(KIND, x=words), thing.kind, f"It is {article(thing.kind)}."
                )
    return None


def colour(generator: QuestionGenerator) -> QA | None:
    """Ask for the colour of a thing that can be named without it."""
    found = generator.any_named(
        without="colour", among=lambda thing: thing.colour is not None and thing.kind != "person"
    )
    if not found:
        return None
    thing, name = found
    return generator.words(
        "colour", generator.pick(COLOUR, x=name), str(thing.colour), f"The {name} is {thing.colour}."
    )


def clothes(generator: QuestionGenerator) -> QA | None:
    """Ask for the colour that somebody wears."""
    found = generator.any_named(
        without="colour", among=lambda thing: thing.colour is not None and thing.kind == "person"
    )
    if not found:
        return None
    thing, name = found
    question = generator.pick(
        (
            "What colour does the {x} wear?",
            "What colour are the {x}'s clothes?",
            "Which colour is the {x} wearing?",
        ),
        x=name,
    )
    return generator.words("clothes", question, str(thing.colour), f"The {name} wears {thing.colour}.")


def size(generator: QuestionGenerator) -> QA | None:
    """Ask whether a thing that has a word for its size is "small" or "large"."""
    found = generator.any_named(without="size", among=lambda thing: thing.size in ("small", "large"))
    if not found:
        return None
    thing, name = found
    return generator.words(
        "size", generator.pick(SIZE, x=name), str(thing.size), f"The {name} is {thing.size}."
    )


def pattern(generator: QuestionGenerator) -> QA | None:
    """Ask for the pattern of a thing that can be named without it."""
    found = generator.any_named(
        without="pattern", among=lambda thing: thing.pattern is not None and thing.kind != "person"
    )
    if not found:
        return None
    thing, name = found
    return generator.words(
        "pattern", generator.pick(PATTERN, x=name), str(thing.pattern), f"The {name} is {thing.pattern}."
    )


def count(wanted: int) -> Callable[[QuestionGenerator], QA | None]:
    """Return a maker of questions how many of a kind there are, where there are `wanted`, none half hidden.

    One topic for each number, so that every answer is as frequent as the others: otherwise "1" is nearly
    always right.
    """

    def make(generator: QuestionGenerator) -> QA | None:
        if wanted == 0:
            found = generator.absent(bare=True)
            kinds = [found[1]] if found else []
        else:
            numbers = Counter(thing.kind for thing in generator.truth.things)
            hidden = {thing.kind for thing in generator.truth.things if thing.visible < SEEN}
            kinds = [kind for kind in sorted(numbers) if numbers[kind] == wanted and kind not in hidden]
            kinds = [kind for kind in kinds if generator.told_whole(kind)]
        if not kinds:
            return None
        kind = generator.rng.choice(kinds)
        sentence = f"There is one {kind}." if wanted == 1 else f"There are {COUNTS[wanted]} {plural(kind)}."
        return generator.words(
            f"count-{wanted}", generator.pick(COUNT, x=plural(kind)), str(wanted), sentence
        )

    return make


def count_coloured(generator: QuestionGenerator) -> QA | None:
    """Ask how many things have a colour, or how many things there are."""
    if generator.is_photo:
        return None
    things = [thing for thing in generator.truth.things if thing.kind != "person"]
    colour = generator.rng.choice((None, *(thing.colour for thing in things)))
    fitting = [thing for thing in things if fits(thing, colour=colour)]
    if (
        len(things) < len(generator.truth.things)
        or any(thing.visible < SEEN for thing in things)
        or len(fitting) > 10
    ):
        return None
    words = f"{colour} things" if colour else "things"
    sentence = f"There {'is' if len(fitting) == 1 else 'are'} {COUNTS[len(fitting)]}."
    return generator.words("count-coloured", generator.pick(COUNT, x=words), str(len(fitting)), sentence)


def action(generator: QuestionGenerator) -> QA | None:
    """Ask what somebody is doing."""
    found = generator.any_named(without="action", among=lambda thing: thing.action is not None)
    if not found:
        return None
    thing, name = found
    return generator.words(
        "action", generator.pick(ACTION, x=name), str(thing.action), f"The {name} is {thing.action}."
    )


def is_it(generator: QuestionGenerator) -> QA | None:
    """Ask whether a thing is of that colour, size, pattern, or does that; half of the time it is not."""
    looks = generator.rng.sample(("colour", "colour", "size", "pattern", "action"), 5)
    for look in looks:
        found = generator.any_named(without=look, among=lambda thing, look=look: _may_ask(thing, look))
        if not found:
            continue
        thing, name = found
        true = str(getattr(thing, look))
        wrong = [
            value
            for value in (*VALUES[look], "plain")
            if value != true and (look == "pattern" or value != "plain")
        ]
        said = true if generator.rng.random() < 0.5 else generator.rng.choice(wrong)
        question = generator.pick(IS_IT, x=name, y=said)
        sentence = f"{'Yes' if said == true else 'No'}, the {name} is {true}."
        return generator.words("is-it", question, "yes" if said == true else "no", sentence)
    return None


def _may_ask(thing: Thing, look: str) -> bool:
    """Return whether the thing has that look, and it is its own: a person's colour is that of the clothes."""
    return getattr(thing, look) is not None and (thing.kind != "person" or look in ("size", "action"))


def damaged(generator: QuestionGenerator) -> QA | None:
    """Ask whether a thing is broken, in a picture where one is."""
    damaged = any(thing.damaged for thing in generator.seen)
    wanted = damaged and generator.rng.random() < 0.5
    found = generator.any_named(without="damaged", among=lambda thing: thing.damaged == wanted)
    if not damaged or not found:
        return None
    sentence = f"{'Yes' if wanted else 'No'}, the {found[1]} is {'broken' if wanted else 'whole'}."
    return generator.words("damaged", generator.pick(BROKEN, x=found[1]), "yes" if wanted else "no", sentence)


def present(generator: QuestionGenerator) -> QA | None:
    """Ask whether there is something that is there."""
    if not generator.seen:
        return None
    thing = generator.rng.choice(generator.seen)
    name = (
        phrase(thing.kind)
        if generator.rng.random() < 0.25
        else phrase(thing.kind, **generator.some_looks(thing))
    )
    question = generator.pick(IS_THERE, a=article(name))
    return generator.words(
        "is-there-present", question, "yes", f"Yes, there is {article(name)} in the image."
    )


def not_there(
    topic: str, *, near: bool = False, bare: bool = False
) -> Callable[[QuestionGenerator], QA | None]:
    """Return a maker of questions for something that is not there; see `QuestionGenerator.absent`."""

    def make(generator: QuestionGenerator) -> QA | None:
        if (found := generator.absent(near=near, bare=bare)) is None:
            return None
        question = generator.pick(IS_THERE, a=article(found[0]))
        return generator.words(topic, question, "no", f"No, there is no {found[0]} in the image.")

    return make


def scene(generator: QuestionGenerator) -> QA | None:
    """Ask for the place that the caption names, or what kind of page it is."""
    truth = generator.truth
    places = re.findall(r"\b(?:in|on) a (park|street|room|beach|table)\b", truth.caption)
    word = (
        f"{truth.chart.kind} chart" if truth.chart else _PAGES.get(truth.kind, places[-1] if places else "")
    )
    return generator.words("scene", generator.pick(SCENE), word, f"It is {article(word)}.") if word else None


def largest(generator: QuestionGenerator) -> QA | None:
    """Ask for the kind of a photograph's largest thing; in training only where no other is as large."""
    if not generator.is_photo or not generator.seen:
        return None
    by_area = sorted(generator.seen, key=lambda thing: -area(thing.box))
    others = [area(thing.box) for thing in by_area[1:] if thing.kind != by_area[0].kind]
    others += [area(box) for kind, box in generator.truth.ignored if kind != by_area[0].kind]
    if generator.varied and others and max(others) * CLEARLY > area(by_area[0].box):
        return None
    kind = by_area[0].kind
    return generator.words("largest", generator.pick(LARGEST), kind, f"It is {article(kind)}.")


_PAGES = {"document": "page", "screen": "screen", "photo": "photograph"}
