"""Ask about a picture's truth: which things can be named without doubt, which are absent, and where they are.

Nothing ambiguous leaves this module: a name fits one thing only, and what is absent fits nothing, not even a
thing that is mostly hidden. Knows the world's truth and `model.prompts`; the topics are in `topics`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.image_processing_sphinx import to_square
from model.prompts import PROMPTS, Box, Point
from model.training.photos.wording import unique_names
from model.training.wordings import phrase
from model.training.world import ACTIONS, COLOURS, PATTERNS, THING_KINDS
from model.training.world.holdouts import HELD_OUT_PAIRS, INVERSE, is_held_out
from model.training.world.truth import XYXY, Element, Thing, Truth

# Kinds of photographs that no drawn scene shows, so that they may be called absent there.
NEVER_DRAWN = ("sheep", "horse", "cow", "train", "sofa", "motorbike", "bicycle", "plane", "elephant", "truck")
UNDRAWN_SHARE = 0.25  # of the kinds that are called absent from a drawn scene
SEEN = 0.35  # of a thing must be visible for a question to be about it
HINTED = 0.05  # of a thing is enough for it not to count as absent
LINE = 0.03  # of the padded square's side: boxes whose tops are closer than this stand in one line
SHORT_SHARE = 0.7  # of the questions in free words carry SPHINX's short-answer line; the rest get a sentence
SHAKE = 0.06  # of a box's side, how far its corners are off at most
LOOSE_SHARE = 0.2  # of the questions in free words are typed carelessly
MOST_MARKS = 20  # the highest number of a mark
MAIN_SHARE = 0.5  # of the messages in training use SPHINX's own sentence; the rest another wording

VALUES = {
    "kind": tuple(THING_KINDS),
    "colour": tuple(COLOURS),
    "size": ("small", "large"),
    "pattern": tuple(pattern for pattern in PATTERNS if pattern != "plain"),
    "action": tuple(ACTIONS),
}


@dataclass(frozen=True, slots=True)
class QA:
    """A message and the reply to learn. `topic` is finer than the ability and is what evaluation counts by.

    `exact` holds the boxes of the reply before rounding, 0..1 of the padded square (of a pose: the person's).
    """

    ability: str
    question: str
    answer: str
    topic: str
    exact: tuple[Box, ...] = ()


def fits(
    thing: Thing,
    *,
    kind: str | None = None,
    colour: str | None = None,
    size: str | None = None,
    pattern: str | None = None,
    action: str | None = None,
) -> bool:
    """Return whether the thing might be called so; what the truth leaves open (None) might be anything."""
    return (
        kind in (None, thing.kind)
        and (None in (colour, thing.colour) or colour == thing.colour)
        and (None in (size, thing.size) or size == thing.size)
        and (None in (pattern, thing.pattern) or pattern == thing.pattern)
        and (None in (action, thing.action) or action == thing.action)
    )


class QuestionGenerator:
    """Makes questions about one picture. `varied` chooses other wordings and sentence answers too."""

    def __init__(self, truth: Truth, rng: random.Random, *, varied: bool) -> None:
        self.truth, self.rng, self.varied = truth, rng, varied
        self.things = [thing for thing in truth.things if thing.visible >= HINTED]
        self.seen = [thing for thing in self.things if thing.visible >= SEEN]
        self.is_photo = truth.style == "photo"

    # What is where

    def box(self, box: XYXY) -> Box:
        """Turn picture pixels into 0..1 of the padded square."""
        x1, y1, x2, y2 = to_square(box, self.truth.size_wh)
        return (x1, y1, x2, y2)

    def jitter_box(self, box: Box) -> Box:
        """Return a box as it comes from a visitor or an earlier reply: in training sometimes a little off."""
        if not self.varied or self.rng.random() < 0.5:
            return box
        reach = SHAKE * (box[2] - box[0]), SHAKE * (box[3] - box[1])
        x1, y1, x2, y2 = (
            value + self.rng.uniform(-reach[i % 2], reach[i % 2]) for i, value in enumerate(box)
        )
        return (x1, y1, x2, y2)

    def centre(self, box: XYXY) -> Point:
        x1, y1, x2, y2 = self.box(box)
        return ((x1 + x2) / 2, (y1 + y2) / 2)

    def reading_order(self, boxes: Sequence[XYXY]) -> list[int]:
        """Order boxes by index from top to bottom; what starts at about one height, left to right."""
        left, line = sorted(range(len(boxes)), key=lambda i: boxes[i][1]), []
        order: list[int] = []
        for i in left:
            if line and boxes[i][1] > boxes[line[0]][1] + LINE * max(self.truth.size_wh):
                order += sorted(line, key=lambda i: boxes[i][0])
                line = []
            line.append(i)
        return order + sorted(line, key=lambda i: boxes[i][0])

    # What is said

    def pick(self, wordings: Sequence[str], **places: str) -> str:
        """Return one wording with its places filled; the first where evaluation asks."""
        chosen = (
            wordings[0] if not self.varied or self.rng.random() < MAIN_SHARE else self.rng.choice(wordings)
        )
        for name, words in places.items():
            chosen = chosen.replace("{" + name + "}", words)
        return chosen

    def mark_numbers(self, count: int) -> list[int]:
        """1, 2, 3 ... or, in training, any rising numbers: a visitor's regions have numbers of their own."""
        if not self.varied or self.rng.random() < 0.5:
            return list(range(1, count + 1))
        return sorted(self.rng.sample(range(1, MOST_MARKS + 1), count))

    def vary_spelling(self, question: str) -> str:
        """Return the question as visitors type it: in training sometimes without capital or question mark."""
        if not self.varied or self.rng.random() >= LOOSE_SHARE:
            return question
        loose = question[0].lower() + question[1:] if self.rng.random() < 0.7 else question
        return loose.rstrip("?.") if self.rng.random() < 0.7 else loose

    def words(self, topic: str, question: str, short: str, sentence: str) -> QA:
        """Return a question in free words, with its short answer or (in training, sometimes) its sentence."""
        question = self.vary_spelling(question)
        if not self.varied or self.rng.random() < SHORT_SHARE:
            return QA("short", PROMPTS["short"].fill(question=question), short, topic)
        return QA("ask", PROMPTS["ask"].fill(question=question), sentence, topic)

    def task(
        self,
        topic: str,
        ability: str,
        values: object,
        *,
        exact: Sequence[Box] = (),
        wording: str | None = None,
        **places: object,
    ) -> QA:
        """Return a task-specific message with the reply its ability writes."""
        row = PROMPTS[ability]
        if wording is None and self.varied and row.wordings and self.rng.random() >= MAIN_SHARE:
            wording = self.rng.choice(row.wordings)
        return QA(ability, row.fill(wording=wording, **places), row.write(values), topic, tuple(exact))  # type: ignore[arg-type]

    # Which things can be named without doubt

    def told_whole(self, kind: str) -> bool:
        """Return whether every thing of that kind is among the things: always in a drawn scene."""
        known = self.truth.known is None or kind in self.truth.known
        return known and all(other != kind for other, _ in self.truth.ignored)

    def some_kind(self) -> str | None:
        """Choose a kind that may be called absent; None where the labels tell no kind whole."""
        if self.truth.known is not None:
            kinds = [kind for kind in self.truth.known if self.told_whole(kind)]
            return self.rng.choice(kinds) if kinds else None
        if self.varied and self.rng.random() < UNDRAWN_SHARE:
            return self.rng.choice(NEVER_DRAWN)
        return self.rng.choice((*THING_KINDS, "person"))

    def plain_phrase(self, thing: Thing) -> str:
        """Return what a thing is called: its phrase, without left or right where it is photographed."""
        return phrase(thing.kind, colour=thing.colour) if self.is_photo else thing.phrase

    def one(self, **looks: str | None) -> Thing | None:
        """Return the only thing that fits, if it is seen well."""
        fitting = [thing for thing in self.things if fits(thing, **looks)]
        return fitting[0] if len(fitting) == 1 and fitting[0].visible >= SEEN else None

    def names(self, thing: Thing, *, without: str = "") -> list[str]:
        """Return phrases that fit this thing alone, shortest first; `without` the attribute asked for."""
        found = []
        if self.is_photo:
            index = next(i for i, other in enumerate(self.truth.things) if other is thing)
            names = unique_names(index, self.truth.things, self.truth.size_wh, self.truth.ignored)
            return [
                words for words in names if without != "colour" or not words.startswith(f"{thing.colour} ")
            ]
        for use in (
            (),
            ("colour",),
            ("action",),
            ("size",),
            ("pattern",),
            ("size", "colour"),
            ("pattern", "colour"),
            ("action", "colour"),
            ("size", "pattern", "colour"),
        ):
            looks = {name: getattr(thing, name) for name in use}
            if without in use or None in looks.values() or looks.get("pattern") == "plain":
                continue
            if self.one(kind=thing.kind, **looks) is thing:
                found.append(phrase(thing.kind, **looks))
        return list(dict.fromkeys(found))

    def name(self, thing: Thing, *, without: str = "") -> str | None:
        """Return one phrase that fits this thing only: mostly the shortest, in training any."""
        found = self.names(thing, without=without)
        if not without and not self.is_photo and self.only_one(thing):
            found.append(thing.phrase)
        if not found:
            return None
        return self.rng.choice(found) if self.varied or not without else found[0]

    def only_one(self, thing: Thing) -> bool:
        """Return whether the world's phrase for it fits nothing else, a broken one of its kind included."""
        alike = [other for other in self.things if (other.kind, other.colour) == (thing.kind, thing.colour)]
        return all(
            other is thing or (other.phrase != thing.phrase and (thing.damaged or not other.damaged))
            for other in alike
        )

    def any_named(
        self, *, without: str = "", among: Callable[[Thing], bool] = lambda _: True
    ) -> tuple[Thing, str] | None:
        """Return a thing seen well and a phrase for it alone."""
        for thing in self.rng.sample(self.seen, len(self.seen)):
            if among(thing) and (name := self.name(thing, without=without)):
                return thing, name
        return None

    def absent(self, *, near: bool = False, bare: bool = False) -> tuple[str, str] | None:
        """Return a phrase that fits nothing here, and its kind.

        `near`: one word away from a thing that is here; `bare`: the kind and no more, as people mostly ask.

        Nothing is called absent from a page with figures: what they show is no thing of the truth.
        """
        if any(block.kind == "figure" for block in self.truth.blocks):
            return None
        for _ in range(12):
            looks: dict[str, str | None]
            if self.is_photo:
                if near or (kind := self.some_kind()) is None:
                    return None
                if all(thing.kind != kind for thing in self.truth.things):
                    return kind, kind
                continue
            if near:
                if not self.seen:
                    return None
                thing = self.rng.choice(self.seen)
                looks = {"kind": thing.kind, **self.some_looks(thing)}
                changed = self.rng.choice([name for name in ("kind", "colour", *looks) if looks.get(name)])
                looks[changed] = self.rng.choice(VALUES[changed])
                if thing.kind == "person" and looks["kind"] != "person":
                    continue  # "running ball in red"
            else:
                looks = {"kind": self.some_kind()}
                if any(fits(thing, **looks) for thing in self.truth.things):
                    continue
                if not bare and self.rng.random() < 0.7:
                    looks["colour"] = self.rng.choice(COLOURS)
                extra = self.rng.choice(("size", "pattern") if looks["kind"] != "person" else ("action",))
                if not bare and self.rng.random() < 0.25:
                    looks[extra] = self.rng.choice(VALUES[extra])
            if not self.truth.held_out and (looks.get("colour"), looks["kind"]) in HELD_OUT_PAIRS:
                continue  # or training would teach that these are never there
            if not any(fits(thing, **looks) for thing in self.truth.things):
                return phrase(**looks), str(looks["kind"])  # type: ignore[arg-type]
        return None

    def some_looks(self, thing: Thing) -> dict[str, str | None]:
        """Return the colour of a thing and sometimes more of what it looks like, as phrases say it."""
        use = ["colour", *(name for name in ("size", "pattern", "action") if self.rng.random() < 0.25)]
        if thing.kind == "person":
            use = [name for name in use if name not in ("size", "pattern")]
        looks = {name: getattr(thing, name) for name in use}
        return {name: value for name, value in looks.items() if value not in (None, "plain")}

    def apart(self) -> tuple[Thing, str, Thing, str, str, str] | None:
        """Return two things on clearly different sides: thing, name, other, its name, relation, opposite."""
        things, sides = self.truth.things, [held for held in self.truth.relations if held[1] in INVERSE]
        for i, relation, j in self.rng.sample(sides, min(len(sides), 6)):
            opposite = INVERSE[relation]
            if not self.truth.held_out and is_held_out(things[i].kind, opposite, things[j].kind):
                continue  # what training never shows is not said in training either
            if min(things[i].visible, things[j].visible) < SEEN:
                continue
            name, other = self.name(things[i]), self.name(things[j])
            if name and other:
                return things[i], name, things[j], other, relation, opposite
        return None

    def empty_place(self) -> Box | None:
        """Return a box of the picture with nothing of the truth in it."""
        width, height = self.truth.size_wh
        taken = [
            item.box
            for group in (self.truth.things, self.truth.words, self.truth.blocks, self.truth.elements)
            for item in group
        ]
        for _ in range(10):
            side = self.rng.uniform(0.15, 0.3) * min(width, height)
            x, y = self.rng.uniform(0, width - side), self.rng.uniform(0, height - side)
            if all(x >= b[2] or b[0] >= x + side or y >= b[3] or b[1] >= y + side for b in taken):
                return self.box((x, y, x + side, y + side))
        return None


def element_name(element: Element) -> str:
    """Return what a visitor would call it: "search button"."""
    return element.label if element.label.endswith(element.kind) else f"{element.label} {element.kind}"


def area(box: XYXY) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def middle(box: XYXY) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def lies_on(thing: Thing, x: float, y: float) -> bool:
    """Return whether a pixel lies in one of the thing's polygons (even-odd rule)."""
    for polygon in thing.outline:
        inside = False
        for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0])):
            if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
                inside = not inside
        if inside:
            return True
    return False
