"""Where things are: to one another, for a phrase, in a region, at a mark; and where a person's joints are."""

from __future__ import annotations

from collections.abc import Callable

from model.prompts import JOINTS, MARK_RELATIONS, Found, Joint
from model.training.question_generator import QA, SEEN, QuestionGenerator, area, fits, lies_on, middle
from model.training.scoring import iou
from model.training.wordings import BETWEEN, JOINT, ON_WHAT, RELATED, RIDER
from model.training.world.phrases import plural
from model.training.world.truth import Thing

NEEDED_SHARE = 0.7  # of the phrases with a relation prefer a kind of which there are several
SMALL = 0.1  # of the picture's side: what is smaller is what sub-images are for
MOST_BOXES = 8  # boxes of one kind that one reply finds
SEVERAL = range(2, 6)  # alike things that are a topic of their own


def relation_word(generator: QuestionGenerator) -> QA | None:
    """Ask which of two opposite sides a thing is on, as seen from another."""
    if (found := generator.apart()) is None:
        return None
    _, name, _, other, relation, opposite = found
    order = (relation, opposite) if generator.rng.random() < 0.5 else (opposite, relation)
    question = generator.pick(BETWEEN, x=name, r=" or ".join(order).replace(" of or ", " or "), y=other)
    return generator.words(
        "relation-word", question, relation.split()[0], f"The {name} is {relation} the {other}."
    )


def relation_true(generator: QuestionGenerator) -> QA | None:
    """Ask whether a thing is on that side of another; half of the time it is not."""
    if (found := generator.apart()) is None:
        return None
    _, name, _, other, relation, opposite = found
    true = generator.rng.random() < 0.5
    question = generator.pick(RELATED, x=name, r=relation if true else opposite, y=other)
    sentence = f"{'Yes' if true else 'No'}, the {name} is {relation} the {other}."
    return generator.words("relation-true", question, "yes" if true else "no", sentence)


def on_what(generator: QuestionGenerator) -> QA | None:
    """Ask what a thing stands on, or what stands on it, where the world says so."""
    things = generator.truth.things
    riders = [(i, j) for i, relation, j in generator.truth.relations if relation == "on"]
    for i, j in generator.rng.sample(riders, len(riders)):
        if things[i].visible < SEEN or things[j].visible < SEEN:
            continue
        if generator.rng.random() < 0.5 and sum(below == j for _, below in riders) == 1:
            if name := generator.name(things[j]):
                kind = things[i].kind
                return generator.words(
                    "on-what", generator.pick(RIDER, x=name), kind, f"The {kind} is on the {name}."
                )
        elif name := generator.name(things[i]):
            kind = things[j].kind
            return generator.words(
                "on-what", generator.pick(ON_WHAT, x=name), kind, f"The {name} is on the {kind}."
            )
    return None


def locate(generator: QuestionGenerator) -> QA | None:
    """Ask for the box of a phrase that fits one thing."""
    if (found := generator.any_named()) is None:
        return None
    box = generator.box(found[0].box)
    return generator.task("locate", "locate", Found((box,)), exact=(box,), phrase=found[1])


def locate_small(generator: QuestionGenerator) -> QA | None:
    """Ask for the box of a phrase that fits one thing, a small one."""

    def small(thing: Thing) -> bool:
        x1, y1, x2, y2 = generator.box(thing.box)
        return max(x2 - x1, y2 - y1) < SMALL

    if (found := generator.any_named(among=small)) is None:
        return None
    box = generator.box(found[0].box)
    return generator.task("locate-small", "locate", Found((box,)), exact=(box,), phrase=found[1])


def locate_absent(
    topic: str, *, near: bool = False, bare: bool = False
) -> Callable[[QuestionGenerator], QA | None]:
    """Return a maker of phrases to be located that fit nothing; see `QuestionGenerator.absent`."""

    def make(generator: QuestionGenerator) -> QA | None:
        if (found := generator.absent(near=near, bare=bare)) is None:
            return None
        return generator.task(topic, "locate", Found((), found[0]), phrase=found[0])

    return make


def relation(generator: QuestionGenerator) -> QA | None:
    """Find a thing by its relation to another; mostly where several of its kind make the relation needed."""
    things = generator.truth.things
    needed, rest = [], []
    for i, relation, j in generator.truth.relations:
        if things[i].visible < SEEN:
            continue
        others = [k for k, thing in enumerate(things) if thing.kind == things[i].kind and k not in (i, j)]
        if any(_might(generator, k, relation, j) for k in others):
            continue
        (needed if others else rest).append((i, relation, j))
    for chosen in (needed, rest) if generator.rng.random() < NEEDED_SHARE else (rest, needed):
        for i, relation, j in generator.rng.sample(chosen, min(len(chosen), 4)):
            if other := generator.name(things[j]):
                box = generator.box(things[i].box)
                words = f"{things[i].kind} {relation} the {other}"
                return generator.task("relation", "relation", Found((box,)), exact=(box,), phrase=words)
    return None


def _might(generator: QuestionGenerator, k: int, relation: str, j: int) -> bool:
    """Return whether somebody might say that thing k is `relation` thing j, clearly or not."""
    if relation == "on":
        return (k, "on", j) in generator.truth.relations
    axis, sign = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}[relation]
    things = generator.truth.things
    return sign * (middle(things[k].box)[axis] - middle(things[j].box)[axis]) > 0


def detect(*, several: bool) -> Callable[[QuestionGenerator], QA | None]:
    """Return a maker of questions for the boxes of all of a kind, sometimes of one colour.

    Args: several: two to five alike, which are a topic of their own; otherwise any other number.
    """

    def make(generator: QuestionGenerator) -> QA | None:
        asked = []
        for kind in sorted({thing.kind for thing in generator.seen if generator.told_whole(thing.kind)}):
            fitting = [thing for thing in generator.truth.things if thing.kind == kind]
            asked.append((plural(kind), fitting))
            for colour in [] if generator.is_photo else sorted({str(thing.colour) for thing in fitting}):
                alike = [thing for thing in fitting if fits(thing, colour=colour)]
                named = f"{plural(kind)} in {colour}" if kind == "person" else f"{colour} {plural(kind)}"
                asked.append((named, alike))
        asked = [
            (words, fitting)
            for words, fitting in asked
            if len(fitting) <= MOST_BOXES
            and (len(fitting) in SEVERAL) is several
            and all(thing.visible >= SEEN for thing in fitting)
        ]
        if not asked:
            return None
        words, fitting = generator.rng.choice(asked)
        boxes = sorted(generator.box(thing.box) for thing in fitting)
        topic = "detect-several" if several else "detect"
        return generator.task(topic, "detect", Found(tuple(boxes)), exact=boxes, phrase=words)

    return make


def detect_all(generator: QuestionGenerator) -> QA | None:
    """Ask for the boxes of all of one kind of a photograph, as many as there are."""
    if not generator.is_photo:
        return None
    for kind in generator.rng.sample(kinds := sorted({thing.kind for thing in generator.seen}), len(kinds)):
        boxes = sorted(generator.box(thing.box) for thing in generator.truth.things if thing.kind == kind)
        if generator.told_whole(kind) and len(boxes) <= MOST_BOXES:
            words = plural(kind)
            return generator.task("detect-all", "detect", Found(tuple(boxes)), exact=boxes, phrase=words)
    return None


def detect_absent(generator: QuestionGenerator) -> QA | None:
    """Ask for all of a kind that is not there at all."""
    if (found := generator.absent(near=False)) is None:
        return None
    words = plural(found[1])
    return generator.task("detect-absent", "detect", Found((), words), phrase=words)


def locate_largest(generator: QuestionGenerator) -> QA | None:
    """Ask for the box of a photograph's largest thing, by a phrase that fits it alone."""
    thing = largest_thing(generator)
    names = generator.names(thing) if thing else []
    if thing is None or not names:
        return None
    box = generator.box(thing.box)
    return generator.task("locate-largest", "locate", Found((box,)), exact=(box,), phrase=names[0])


def region_largest(generator: QuestionGenerator) -> QA | None:
    """Ask what a photograph's largest thing is, asked by its box."""
    if (thing := largest_thing(generator)) is None:
        return None
    box = generator.box(thing.box)
    words = generator.plain_phrase(thing)
    return generator.task("region-largest", "region", words, exact=(box,), box=generator.jitter_box(box))


def largest_thing(generator: QuestionGenerator) -> Thing | None:
    """Return the largest thing of a photograph; of a drawn scene nobody asks."""
    if not generator.is_photo or not generator.seen:
        return None
    return max(generator.seen, key=lambda thing: area(thing.box))


def region(generator: QuestionGenerator) -> QA | None:
    """Ask what is in a thing's box; not in one that another thing shares."""
    for thing in generator.rng.sample(generator.seen, len(generator.seen)):
        box = generator.box(thing.box)
        if all(
            other is thing or iou(box, generator.box(other.box)) < 0.5 for other in generator.truth.things
        ):
            words = generator.plain_phrase(thing)
            return generator.task("region", "region", words, exact=(box,), box=generator.jitter_box(box))
    return None


def region_empty(generator: QuestionGenerator) -> QA | None:
    """Ask what is in a box with nothing of the truth in it."""
    box = (
        generator.empty_place()
        if generator.things and not generator.is_photo and not generator.truth.blocks
        else None
    )
    return None if box is None else generator.task("region-empty", "region", "", exact=(box,), box=box)


def pose(*, several: bool) -> Callable[[QuestionGenerator], QA | None]:
    """Return a maker of questions for somebody's joints, where there is one person, or several."""

    def make(generator: QuestionGenerator) -> QA | None:
        people = [thing for thing in generator.truth.things if thing.keypoints]
        shown = [thing for thing in people if thing.visible >= SEEN]
        if not shown or (len(people) > 1) is not several:
            return None
        thing = generator.rng.choice(shown)
        joints, box = _joints(generator, thing), generator.box(thing.box)
        topic = "pose-several" if several else "pose"
        return (
            generator.task(topic, "pose", joints, exact=(box,), box=generator.jitter_box(box))
            if joints
            else None
        )

    return make


def _joints(generator: QuestionGenerator, person: Thing) -> list[Joint]:
    """Return the joints that are seen, in COCO's order."""
    joints = []
    for name, (x, y, seen) in zip(JOINTS, person.keypoints or ()):
        px, py, _, _ = generator.box((x, y, x, y))
        if seen and 0 <= px < 1 and 0 <= py < 1:
            joints.append(Joint(name, (px, py)))
    return joints


def joint(generator: QuestionGenerator) -> QA | None:
    """Ask for one joint of somebody: it cannot be guessed from the joints before it, as in a whole pose."""
    shown = [thing for thing in generator.seen if thing.keypoints]
    found = _joints(generator, thing := generator.rng.choice(shown)) if shown else []
    if not found:
        return None
    wanted, box = generator.rng.choice(found), generator.box(thing.box)
    return generator.task(
        "joint", "pose", [wanted], exact=(box,),
        wording=generator.pick(JOINT), phrase=wanted.name, box=generator.jitter_box(box),
    )  # fmt: skip


def pose_absent(generator: QuestionGenerator) -> QA | None:
    """Ask for the pose in a box with a thing that is nobody."""
    others = [thing for thing in generator.seen if thing.kind != "person"]
    people = [generator.box(thing.box) for thing in generator.truth.things if thing.kind == "person"]
    for thing in generator.rng.sample(others, len(others)):
        box = generator.box(thing.box)
        if all(iou(box, person) < 0.1 for person in people):
            return generator.task("pose-absent", "pose", (), exact=(box,), box=box)
    return None


def marks(generator: QuestionGenerator) -> QA | None:
    """Ask what two to four marks show, each at a point that lies on a thing."""
    shown = [thing for thing in generator.seen if lies_on(thing, *middle(thing.box))]
    if len(shown) < 2:
        return None
    chosen = generator.rng.sample(shown, generator.rng.randint(2, min(4, len(shown))))
    numbered = list(zip(generator.mark_numbers(len(chosen)), chosen))
    marks = [(number, generator.centre(thing.box)) for number, thing in numbered]
    return generator.task(
        "marks", "marks", [(number, generator.plain_phrase(thing)) for number, thing in numbered], marks=marks
    )


def mark_relation(generator: QuestionGenerator) -> QA | None:
    """Ask how two marked things lie to one another."""
    if (found := generator.apart()) is None:
        return None
    first, second = generator.mark_numbers(2)
    marks = [(first, generator.centre(found[0].box)), (second, generator.centre(found[2].box))]
    said = [(first, f"is {found[4]} <Mark {second}>")]
    return generator.task("marks-relation", "marks", said, wording=MARK_RELATIONS, marks=marks)
