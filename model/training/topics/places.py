"""Where things are: to one another, for a phrase, in a region, at a mark; and where a person's joints are."""

from __future__ import annotations

from collections.abc import Callable

from model.prompts import JOINTS, MARK_RELATIONS, Found, Joint
from model.training.quiz import QA, SEEN, Quiz, area, fits, lies_on, middle
from model.training.scoring import iou
from model.training.wordings import BETWEEN, JOINT, ON_WHAT, RELATED, RIDER
from model.training.world.phrases import plural
from model.training.world.truth import Thing

NEEDED_SHARE = 0.7  # of the phrases with a relation prefer a kind of which there are several
SMALL = 0.1  # of the picture's side: what is smaller is what sub-images are for
MOST_BOXES = 8  # boxes of one kind that one reply finds
SEVERAL = range(2, 6)  # alike things that are a topic of their own


def relation_word(quiz: Quiz) -> QA | None:
    """Which of two opposite sides a thing is on, as seen from another."""
    if (found := quiz.apart()) is None:
        return None
    _, name, _, other, relation, opposite = found
    order = (relation, opposite) if quiz.rng.random() < 0.5 else (opposite, relation)
    question = quiz.pick(BETWEEN, x=name, r=" or ".join(order).replace(" of or ", " or "), y=other)
    return quiz.words(
        "relation-word", question, relation.split()[0], f"The {name} is {relation} the {other}."
    )


def relation_true(quiz: Quiz) -> QA | None:
    """Whether a thing is on that side of another; half of the time it is not."""
    if (found := quiz.apart()) is None:
        return None
    _, name, _, other, relation, opposite = found
    true = quiz.rng.random() < 0.5
    question = quiz.pick(RELATED, x=name, r=relation if true else opposite, y=other)
    sentence = f"{'Yes' if true else 'No'}, the {name} is {relation} the {other}."
    return quiz.words("relation-true", question, "yes" if true else "no", sentence)


def on_what(quiz: Quiz) -> QA | None:
    """What a thing stands on, or what stands on it, where the world says so."""
    things = quiz.truth.things
    riders = [(i, j) for i, relation, j in quiz.truth.relations if relation == "on"]
    for i, j in quiz.rng.sample(riders, len(riders)):
        if things[i].visible < SEEN or things[j].visible < SEEN:
            continue
        if quiz.rng.random() < 0.5 and sum(below == j for _, below in riders) == 1:
            if name := quiz.name(things[j]):
                kind = things[i].kind
                return quiz.words("on-what", quiz.pick(RIDER, x=name), kind, f"The {kind} is on the {name}.")
        elif name := quiz.name(things[i]):
            kind = things[j].kind
            return quiz.words("on-what", quiz.pick(ON_WHAT, x=name), kind, f"The {name} is on the {kind}.")
    return None


def locate(quiz: Quiz) -> QA | None:
    """The box of a phrase that fits one thing."""
    if (found := quiz.any_named()) is None:
        return None
    box = quiz.box(found[0].box)
    return quiz.task("locate", "locate", Found((box,)), exact=(box,), phrase=found[1])


def locate_small(quiz: Quiz) -> QA | None:
    """The box of a phrase that fits one thing, a small one."""

    def small(thing: Thing) -> bool:
        x1, y1, x2, y2 = quiz.box(thing.box)
        return max(x2 - x1, y2 - y1) < SMALL

    if (found := quiz.any_named(among=small)) is None:
        return None
    box = quiz.box(found[0].box)
    return quiz.task("locate-small", "locate", Found((box,)), exact=(box,), phrase=found[1])


def locate_absent(topic: str, *, near: bool = False, bare: bool = False) -> Callable[[Quiz], QA | None]:
    """A maker of phrases to be located that fit nothing; see `Quiz.absent`."""

    def make(quiz: Quiz) -> QA | None:
        if (found := quiz.absent(near=near, bare=bare)) is None:
            return None
        return quiz.task(topic, "locate", Found((), found[0]), phrase=found[0])

    return make


def relation(quiz: Quiz) -> QA | None:
    """Find a thing by its relation to another; mostly where several of its kind make the relation needed."""
    things = quiz.truth.things
    needed, rest = [], []
    for i, relation, j in quiz.truth.relations:
        if things[i].visible < SEEN:
            continue
        others = [k for k, thing in enumerate(things) if thing.kind == things[i].kind and k not in (i, j)]
        if any(_might(quiz, k, relation, j) for k in others):
            continue
        (needed if others else rest).append((i, relation, j))
    for chosen in (needed, rest) if quiz.rng.random() < NEEDED_SHARE else (rest, needed):
        for i, relation, j in quiz.rng.sample(chosen, min(len(chosen), 4)):
            if other := quiz.name(things[j]):
                box = quiz.box(things[i].box)
                words = f"{things[i].kind} {relation} the {other}"
                return quiz.task("relation", "relation", Found((box,)), exact=(box,), phrase=words)
    return None


def _might(quiz: Quiz, k: int, relation: str, j: int) -> bool:
    """Whether somebody might say that thing k is `relation` thing j, clearly or not."""
    if relation == "on":
        return (k, "on", j) in quiz.truth.relations
    axis, sign = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}[relation]
    things = quiz.truth.things
    return sign * (middle(things[k].box)[axis] - middle(things[j].box)[axis]) > 0


def detect(*, several: bool) -> Callable[[Quiz], QA | None]:
    """A maker of questions for the boxes of all of a kind, sometimes of one colour.

    Args: several: two to five alike, which are a topic of their own; otherwise any other number.
    """

    def make(quiz: Quiz) -> QA | None:
        asked = []
        for kind in sorted({thing.kind for thing in quiz.seen if quiz.told_whole(thing.kind)}):
            fitting = [thing for thing in quiz.truth.things if thing.kind == kind]
            asked.append((plural(kind), fitting))
            for colour in [] if quiz.is_photo else sorted({str(thing.colour) for thing in fitting}):
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
        words, fitting = quiz.rng.choice(asked)
        boxes = sorted(quiz.box(thing.box) for thing in fitting)
        topic = "detect-several" if several else "detect"
        return quiz.task(topic, "detect", Found(tuple(boxes)), exact=boxes, phrase=words)

    return make


def detect_all(quiz: Quiz) -> QA | None:
    """The boxes of all of one kind of a photograph, as many as there are."""
    if not quiz.is_photo:
        return None
    for kind in quiz.rng.sample(kinds := sorted({thing.kind for thing in quiz.seen}), len(kinds)):
        boxes = sorted(quiz.box(thing.box) for thing in quiz.truth.things if thing.kind == kind)
        if quiz.told_whole(kind) and len(boxes) <= MOST_BOXES:
            words = plural(kind)
            return quiz.task("detect-all", "detect", Found(tuple(boxes)), exact=boxes, phrase=words)
    return None


def detect_absent(quiz: Quiz) -> QA | None:
    """A kind that is not there at all."""
    if (found := quiz.absent(near=False)) is None:
        return None
    words = plural(found[1])
    return quiz.task("detect-absent", "detect", Found((), words), phrase=words)


def locate_largest(quiz: Quiz) -> QA | None:
    """The box of a photograph's largest thing, by a phrase that fits it alone."""
    thing = largest_thing(quiz)
    names = quiz.names(thing) if thing else []
    if thing is None or not names:
        return None
    box = quiz.box(thing.box)
    return quiz.task("locate-largest", "locate", Found((box,)), exact=(box,), phrase=names[0])


def region_largest(quiz: Quiz) -> QA | None:
    """What a photograph's largest thing is, asked by its box."""
    if (thing := largest_thing(quiz)) is None:
        return None
    box = quiz.box(thing.box)
    words = quiz.plain_phrase(thing)
    return quiz.task("region-largest", "region", words, exact=(box,), box=quiz.jitter_box(box))


def largest_thing(quiz: Quiz) -> Thing | None:
    """The largest thing of a photograph; of a drawn scene nobody asks."""
    if not quiz.is_photo or not quiz.seen:
        return None
    return max(quiz.seen, key=lambda thing: area(thing.box))


def region(quiz: Quiz) -> QA | None:
    """A thing's box; not one that another thing shares."""
    for thing in quiz.rng.sample(quiz.seen, len(quiz.seen)):
        box = quiz.box(thing.box)
        if all(other is thing or iou(box, quiz.box(other.box)) < 0.5 for other in quiz.truth.things):
            words = quiz.plain_phrase(thing)
            return quiz.task("region", "region", words, exact=(box,), box=quiz.jitter_box(box))
    return None


def region_empty(quiz: Quiz) -> QA | None:
    """A box with nothing of the truth in it."""
    box = quiz.empty_place() if quiz.things and not quiz.is_photo and not quiz.truth.blocks else None
    return None if box is None else quiz.task("region-empty", "region", "", exact=(box,), box=box)


def pose(*, several: bool) -> Callable[[Quiz], QA | None]:
    """A maker of questions for somebody's joints, where there is one person or where there are several."""

    def make(quiz: Quiz) -> QA | None:
        people = [thing for thing in quiz.truth.things if thing.keypoints]
        shown = [thing for thing in people if thing.visible >= SEEN]
        if not shown or (len(people) > 1) is not several:
            return None
        thing = quiz.rng.choice(shown)
        joints, box = _joints(quiz, thing), quiz.box(thing.box)
        topic = "pose-several" if several else "pose"
        return quiz.task(topic, "pose", joints, exact=(box,), box=quiz.jitter_box(box)) if joints else None

    return make


def _joints(quiz: Quiz, person: Thing) -> list[Joint]:
    """The joints that are seen, in COCO's order."""
    joints = []
    for name, (x, y, seen) in zip(JOINTS, person.keypoints or ()):
        px, py, _, _ = quiz.box((x, y, x, y))
        if seen and 0 <= px < 1 and 0 <= py < 1:
            joints.append(Joint(name, (px, py)))
    return joints


def joint(quiz: Quiz) -> QA | None:
    """One joint of somebody: it cannot be guessed from the joints before it, as in a whole pose."""
    shown = [thing for thing in quiz.seen if thing.keypoints]
    found = _joints(quiz, thing := quiz.rng.choice(shown)) if shown else []
    if not found:
        return None
    wanted, box = quiz.rng.choice(found), quiz.box(thing.box)
    return quiz.task(
        "joint", "pose", [wanted], exact=(box,),
        wording=quiz.pick(JOINT), phrase=wanted.name, box=quiz.jitter_box(box),
    )  # fmt: skip


def pose_absent(quiz: Quiz) -> QA | None:
    """A box with a thing that is nobody."""
    others = [thing for thing in quiz.seen if thing.kind != "person"]
    people = [quiz.box(thing.box) for thing in quiz.truth.things if thing.kind == "person"]
    for thing in quiz.rng.sample(others, len(others)):
        box = quiz.box(thing.box)
        if all(iou(box, person) < 0.1 for person in people):
            return quiz.task("pose-absent", "pose", (), exact=(box,), box=box)
    return None


def marks(quiz: Quiz) -> QA | None:
    """Two to four things, each marked at a point that lies on it."""
    shown = [thing for thing in quiz.seen if lies_on(thing, *middle(thing.box))]
    if len(shown) < 2:
        return None
    chosen = quiz.rng.sample(shown, quiz.rng.randint(2, min(4, len(shown))))
    numbered = list(zip(quiz.mark_numbers(len(chosen)), chosen))
    marks = [(number, quiz.centre(thing.box)) for number, thing in numbered]
    return quiz.task(
        "marks", "marks", [(number, quiz.plain_phrase(thing)) for number, thing in numbered], marks=marks
    )


def mark_relation(quiz: Quiz) -> QA | None:
    """How two marked things lie to one another."""
    if (found := quiz.apart()) is None:
        return None
    first, second = quiz.mark_numbers(2)
    marks = [(first, quiz.centre(found[0].box)), (second, quiz.centre(found[2].box))]
    said = [(first, f"is {found[4]} <Mark {second}>")]
    return quiz.task("marks-relation", "marks", said, wording=MARK_RELATIONS, marks=marks)
