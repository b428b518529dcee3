"""The topics of questions about a picture: each makes one question, or None where the picture has none."""

from __future__ import annotations

import re
from collections.abc import Callable

from model.prompts import JOINTS, MARK_RELATIONS, Box, Found, Group, Joint
from model.replies import write_box
from model.training.quiz import QA, SEEN, Quiz, area, element_name, fits, lies_on, middle
from model.training.scoring import iou, number
from model.training.wordings import (
    ACTION,
    BETWEEN,
    BROKEN,
    CHART_LEAST,
    CHART_MOST,
    CHART_VALUE,
    COLOUR,
    COUNT,
    COUNTS,
    IS_THERE,
    KIND,
    ODD_ONE,
    ON_WHAT,
    PATTERN,
    READ_AT,
    READ_ONE,
    READ_SIGN,
    RELATED,
    SCENE,
    SIZE,
    phrase,
)
from model.training.world import THING_KINDS
from model.training.world.phrases import article, plural
from model.training.world.truth import Thing, Word
from model.training.world.vocabulary import BUTTONS, CHECKS, FIELDS, allowed

NEEDED_SHARE = 0.7  # of the phrases with a relation prefer a kind of which there are several
MOST_WORDS = 12  # written words that one reply reads out
MOST_BOXES = 8  # boxes of one kind that one reply finds
MOST_GROUPS = 10  # phrases in one dense reply


def _kind(quiz: Quiz) -> QA | None:
    things = [thing for thing in quiz.seen if thing.kind != "person"]
    for thing in quiz.rng.sample(things, len(things)):
        looks = [{"colour": thing.colour}]
        if thing.pattern not in (None, "plain"):
            looks += [{"pattern": thing.pattern}, {"pattern": thing.pattern, "colour": thing.colour}]
        if thing.size:
            looks.append({"size": thing.size, "colour": thing.colour})
        quiz.rng.shuffle(looks)
        for look in looks:
            if None not in look.values() and quiz.one(**look) is thing:
                words = " ".join(str(look[name]) for name in ("size", "pattern", "colour") if name in look)
                return quiz.words(
                    "kind", quiz.pick(KIND, x=words), thing.kind, f"It is {article(thing.kind)}."
                )
    return None


def _colour(quiz: Quiz) -> QA | None:
    found = quiz.any_named(
        without="colour", among=lambda thing: thing.colour is not None and thing.kind != "person"
    )
    if not found:
        return None
    thing, name = found
    return quiz.words(
        "colour", quiz.pick(COLOUR, x=name), str(thing.colour), f"The {name} is {thing.colour}."
    )


def _clothes(quiz: Quiz) -> QA | None:
    found = quiz.any_named(
        without="colour", among=lambda thing: thing.colour is not None and thing.kind == "person"
    )
    if not found:
        return None
    thing, name = found
    question = quiz.pick(
        (
            "What colour does the {x} wear?",
            "What colour are the {x}'s clothes?",
            "Which colour is the {x} wearing?",
        ),
        x=name,
    )
    return quiz.words("clothes", question, str(thing.colour), f"The {name} wears {thing.colour}.")


def _size(quiz: Quiz) -> QA | None:
    found = quiz.any_named(without="size", among=lambda thing: thing.size in ("small", "large"))
    if not found:
        return None
    thing, name = found
    return quiz.words("size", quiz.pick(SIZE, x=name), str(thing.size), f"The {name} is {thing.size}.")


def _pattern(quiz: Quiz) -> QA | None:
    found = quiz.any_named(
        without="pattern", among=lambda thing: thing.pattern is not None and thing.kind != "person"
    )
    if not found:
        return None
    thing, name = found
    return quiz.words(
        "pattern", quiz.pick(PATTERN, x=name), str(thing.pattern), f"The {name} is {thing.pattern}."
    )


def _count(quiz: Quiz) -> QA | None:
    kinds = sorted({thing.kind for thing in quiz.truth.things})
    if not kinds:
        return None
    kind = quiz.rng.choice(kinds) if quiz.rng.random() < 0.9 else quiz.rng.choice(THING_KINDS)
    same = [thing for thing in quiz.truth.things if thing.kind == kind]
    if any(thing.visible < SEEN for thing in same) or len(same) >= len(COUNTS):
        return None
    number = COUNTS[len(same)]
    sentence = f"There is one {kind}." if len(same) == 1 else f"There are {number} {plural(kind)}."
    return quiz.words("count", quiz.pick(COUNT, x=plural(kind)), str(len(same)), sentence)


def _action(quiz: Quiz) -> QA | None:
    found = quiz.any_named(without="action", among=lambda thing: thing.action is not None)
    if not found:
        return None
    thing, name = found
    return quiz.words(
        "action", quiz.pick(ACTION, x=name), str(thing.action), f"The {name} is {thing.action}."
    )


def _present(quiz: Quiz) -> QA | None:
    if not quiz.seen:
        return None
    thing = quiz.rng.choice(quiz.seen)
    name = phrase(thing.kind) if quiz.rng.random() < 0.25 else phrase(thing.kind, **quiz.some_looks(thing))
    question = quiz.pick(IS_THERE, a=article(name))
    return quiz.words("is-there-present", question, "yes", f"Yes, there is {article(name)} in the image.")


def _not_there(topic: str, *, near: bool) -> Callable[[Quiz], QA | None]:
    def make(quiz: Quiz) -> QA | None:
        if (found := quiz.absent(near=near)) is None:
            return None
        question = quiz.pick(IS_THERE, a=article(found[0]))
        return quiz.words(topic, question, "no", f"No, there is no {found[0]} in the image.")

    return make


def _scene(quiz: Quiz) -> QA | None:
    """The place that the caption names, or what kind of page it is."""
    truth = quiz.truth
    places = re.findall(r"\b(?:in|on) a (park|street|room|beach|table)\b", truth.caption)
    word = (
        f"{truth.chart.kind} chart" if truth.chart else _PAGES.get(truth.kind, places[-1] if places else "")
    )
    return quiz.words("scene", quiz.pick(SCENE), word, f"It is {article(word)}.") if word else None


_PAGES = {"document": "page", "screen": "screen"}


def _relation_word(quiz: Quiz) -> QA | None:
    if (found := quiz.apart()) is None:
        return None
    _, name, _, other, relation, opposite = found
    order = (relation, opposite) if quiz.rng.random() < 0.5 else (opposite, relation)
    question = quiz.pick(BETWEEN, x=name, r=" or ".join(order).replace(" of or ", " or "), y=other)
    return quiz.words(
        "relation-word", question, relation.split()[0], f"The {name} is {relation} the {other}."
    )


def _relation_true(quiz: Quiz) -> QA | None:
    if (found := quiz.apart()) is None:
        return None
    _, name, _, other, relation, opposite = found
    true = quiz.rng.random() < 0.5
    question = quiz.pick(RELATED, x=name, r=relation if true else opposite, y=other)
    sentence = f"{'Yes' if true else 'No'}, the {name} is {relation} the {other}."
    return quiz.words("relation-true", question, "yes" if true else "no", sentence)


def _on_what(quiz: Quiz) -> QA | None:
    """What a thing stands on, where the world says so."""
    things = quiz.truth.things
    riders = [(i, j) for i, relation, j in quiz.truth.relations if relation == "on"]
    for i, j in quiz.rng.sample(riders, len(riders)):
        if things[i].visible >= SEEN and things[j].visible >= SEEN and (name := quiz.name(things[i])):
            kind = things[j].kind
            return quiz.words("on-what", quiz.pick(ON_WHAT, x=name), kind, f"The {name} is on the {kind}.")
    return None


def _locate(quiz: Quiz) -> QA | None:
    if (found := quiz.any_named()) is None:
        return None
    box = quiz.box(found[0].box)
    return quiz.task("locate", "locate", Found((box,)), exact=(box,), phrase=found[1])


def _locate_absent(topic: str, *, near: bool) -> Callable[[Quiz], QA | None]:
    def make(quiz: Quiz) -> QA | None:
        if (found := quiz.absent(near=near)) is None:
            return None
        return quiz.task(topic, "locate", Found((), found[0]), phrase=found[0])

    return make


def _locate_word(quiz: Quiz) -> QA | None:
    texts_here = [word.text for word in quiz.truth.words]
    single = [word for word in quiz.truth.words if texts_here.count(word.text) == 1]
    if not single:
        return None
    word = quiz.rng.choice(single)
    box = quiz.box(word.box)
    return quiz.task("locate-word", "locate", Found((box,)), exact=(box,), phrase=f"word {word.text}")


def _locate_block(quiz: Quiz) -> QA | None:
    kinds = [block.kind for block in quiz.truth.blocks]
    single = [block for block in quiz.truth.blocks if kinds.count(block.kind) == 1]
    if not single or quiz.truth.things:
        return None
    block = quiz.rng.choice(single)
    box = quiz.box(block.box)
    return quiz.task("locate-block", "locate", Found((box,)), exact=(box,), phrase=block.kind)


def _relation(quiz: Quiz) -> QA | None:
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


def _detect(quiz: Quiz) -> QA | None:
    kinds = sorted({thing.kind for thing in quiz.seen})
    if not kinds:
        return None
    kind = quiz.rng.choice(kinds)
    looks: dict[str, str | None] = {"kind": kind}
    if quiz.rng.random() < 0.3:
        looks["colour"] = quiz.rng.choice([thing for thing in quiz.seen if thing.kind == kind]).colour
    fitting = [thing for thing in quiz.truth.things if fits(thing, **looks)]
    if any(thing.visible < SEEN for thing in fitting):
        return None
    words = plural(kind)
    if looks.get("colour"):
        words = f"{words} in {looks['colour']}" if kind == "person" else f"{looks['colour']} {words}"
    boxes = sorted(quiz.box(thing.box) for thing in fitting)
    if len(boxes) > MOST_BOXES:
        return None
    return quiz.task("detect", "detect", Found(tuple(boxes)), exact=boxes, phrase=words)


def _detect_absent(quiz: Quiz) -> QA | None:
    if (found := quiz.absent(near=False)) is None:
        return None
    words = plural(found[1])
    return quiz.task("detect-absent", "detect", Found((), words), phrase=words)


def _region(quiz: Quiz) -> QA | None:
    """A thing's box; not one that another thing shares."""
    for thing in quiz.rng.sample(quiz.seen, len(quiz.seen)):
        box = quiz.box(thing.box)
        if all(other is thing or iou(box, quiz.box(other.box)) < 0.5 for other in quiz.truth.things):
            return quiz.task("region", "region", thing.phrase, exact=(box,), box=box)
    return None


def _region_empty(quiz: Quiz) -> QA | None:
    box = quiz.empty_place() if quiz.things and not quiz.truth.blocks else None
    return None if box is None else quiz.task("region-empty", "region", "", exact=(box,), box=box)


def _caption(quiz: Quiz) -> QA | None:
    return quiz.task("caption", "caption", quiz.truth.caption)


def _detail(quiz: Quiz) -> QA | None:
    """The caption, then where the largest things are, then what is written."""
    width, height = quiz.truth.size_wh
    sentences = [quiz.truth.caption.rstrip(".") + "."]
    largest = sorted(quiz.seen, key=lambda thing: -area(thing.box))[:4]
    for thing in sorted(largest, key=lambda thing: thing.box[0]):
        x = (thing.box[0] + thing.box[2]) / 2 / width
        y = (thing.box[1] + thing.box[3]) / 2 / height
        place = " ".join(filter(None, (_third(y, "top", "bottom"), _third(x, "left", "right")))) or "centre"
        sentences.append(f"{article(thing.phrase).capitalize()} is at the {place}.")
    if quiz.truth.words and len(quiz.truth.words) <= 3:
        sentences.append(f"The text reads {' '.join(word.text for word in quiz.truth.words)}.")
    return quiz.task("detail", "detail", " ".join(sentences)) if len(sentences) > 1 else None


def _third(value: float, low: str, high: str) -> str:
    return low if value < 1 / 3 else high if value > 2 / 3 else ""


def _grounded(quiz: Quiz) -> QA | None:
    """The caption with the boxes of what it names: the fullest names first, several alike things as one."""
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


def _dense(quiz: Quiz) -> QA | None:
    """A phrase for every thing and word from left to right; a screen or a page in reading order."""
    truth = quiz.truth
    if truth.elements:
        regions = [(element_name(element), element.box) for element in truth.elements]
    elif truth.blocks:
        regions = [(block.kind, block.box) for block in truth.blocks]
    else:
        regions = [(thing.phrase, thing.box) for thing in quiz.seen]
        regions += [(f"word {word.text}", word.box) for word in truth.words if truth.chart is None]
    if not regions or len(regions) > MOST_GROUPS:
        return None
    if truth.elements or truth.blocks:
        regions = [regions[i] for i in quiz.reading_order([box for _, box in regions])]
    else:
        regions.sort(key=lambda region: region[1][0])
    groups = [Group(name, (quiz.box(box),)) for name, box in regions]
    return quiz.task("dense", "dense", groups, exact=[group.boxes[0] for group in groups])


def _pose(*, several: bool) -> Callable[[Quiz], QA | None]:
    def make(quiz: Quiz) -> QA | None:
        people = [thing for thing in quiz.truth.things if thing.keypoints]
        shown = [thing for thing in people if thing.visible >= SEEN]
        if not shown or (len(people) > 1) is not several:
            return None
        thing = quiz.rng.choice(shown)
        joints = []
        for name, (x, y, seen) in zip(JOINTS, thing.keypoints or ()):
            if seen:
                px, py, _, _ = quiz.box((x, y, x, y))
                if 0 <= px < 1 and 0 <= py < 1:
                    joints.append(Joint(name, (px, py)))
        box = quiz.box(thing.box)
        return (
            quiz.task("pose-several" if several else "pose", "pose", joints, exact=(box,), box=box)
            if joints
            else None
        )

    return make


def _pose_absent(quiz: Quiz) -> QA | None:
    others = [thing for thing in quiz.seen if thing.kind != "person"]
    people = [quiz.box(thing.box) for thing in quiz.truth.things if thing.kind == "person"]
    for thing in quiz.rng.sample(others, len(others)):
        box = quiz.box(thing.box)
        if all(iou(box, person) < 0.1 for person in people):
            return quiz.task("pose-absent", "pose", (), exact=(box,), box=box)
    return None


def _layout(quiz: Quiz) -> QA | None:
    """Blocks by kind, in the order in which each kind first comes on the page."""
    blocks = quiz.truth.blocks
    if not blocks:
        return None
    kinds: dict[str, list[Box]] = {}
    for i in quiz.reading_order([block.box for block in blocks]):
        kinds.setdefault(blocks[i].kind, []).append(quiz.box(blocks[i].box))
    groups = [Group(kind, tuple(boxes)) for kind, boxes in kinds.items()]
    return quiz.task("layout", "layout", groups, exact=[box for group in groups for box in group.boxes])


def _no_layout(quiz: Quiz) -> QA | None:
    return None if quiz.truth.blocks else quiz.task("layout-absent", "layout", ())


def _words(quiz: Quiz) -> list[Word]:
    return [quiz.truth.words[i] for i in quiz.reading_order([word.box for word in quiz.truth.words])]


def _text(quiz: Quiz) -> QA | None:
    words = _words(quiz)
    if not words or len(words) > MOST_WORDS:
        return None
    groups = [Group(word.text, (quiz.box(word.box),)) for word in words]
    return quiz.task("text", "text", groups, exact=[group.boxes[0] for group in groups])


def _no_text(quiz: Quiz) -> QA | None:
    truth = quiz.truth
    if truth.words or truth.blocks or truth.elements or truth.chart:
        return None
    return quiz.task("text-absent", "text", ())


def _read_word(quiz: Quiz) -> QA | None:
    words = _words(quiz)
    if not words:
        return None
    if len(words) == 1:
        wordings = READ_SIGN if quiz.truth.kind == "sign" else READ_ONE
        return quiz.words("read-word", quiz.pick(wordings), words[0].text, f"It says {words[0].text}.")
    word = quiz.rng.choice(words)
    question = quiz.pick(READ_AT, box=write_box(quiz.box(word.box)))
    return quiz.words("read-word", question, word.text, f"It says {word.text}.")


def _chart(quiz: Quiz) -> QA | None:
    return quiz.task("chart", "chart", quiz.truth.chart.rows) if quiz.truth.chart else None


def _no_chart(quiz: Quiz) -> QA | None:
    return None if quiz.truth.chart else quiz.task("chart-absent", "chart", ())


def _chart_value(quiz: Quiz) -> QA | None:
    if not quiz.truth.chart or len(quiz.truth.chart.rows) < 2:
        return None
    row = quiz.rng.choice(quiz.truth.chart.rows[1:])
    return quiz.words(
        "chart-value", quiz.pick(CHART_VALUE, x=row[0]), row[1], f"The value of {row[0]} is {row[1]}."
    )


def _chart_most(quiz: Quiz) -> QA | None:
    if not quiz.truth.chart:
        return None
    rows = sorted(quiz.truth.chart.rows[1:], key=lambda row: number(row[1]) or 0.0)
    values = [number(row[1]) for row in rows]
    if len(rows) < 2 or None in values or values[0] == values[1] or values[-1] == values[-2]:
        return None
    if quiz.rng.random() < 0.5:
        return quiz.words(
            "chart-most", quiz.pick(CHART_MOST), rows[-1][0], f"{rows[-1][0]} has the largest value."
        )
    return quiz.words(
        "chart-most", quiz.pick(CHART_LEAST), rows[0][0], f"{rows[0][0]} has the smallest value."
    )


def _odd(quiz: Quiz) -> QA | None:
    if quiz.truth.odd is None:
        return None
    thing = quiz.truth.things[quiz.truth.odd]
    box = quiz.box(thing.box)
    return quiz.task("odd", "odd", Group(thing.phrase, (box,)), exact=(box,))


def _odd_word(quiz: Quiz) -> QA | None:
    if quiz.truth.odd is None:
        return None
    name = quiz.truth.things[quiz.truth.odd].phrase
    return quiz.words("odd-word", quiz.pick(ODD_ONE), name, f"The {name} is odd.")


def _nothing_odd(quiz: Quiz) -> QA | None:
    if quiz.truth.odd is not None or any(thing.damaged for thing in quiz.truth.things):
        return None
    return quiz.task("odd-absent", "odd", None)


def _damaged(quiz: Quiz) -> QA | None:
    damaged = any(thing.damaged for thing in quiz.seen)
    wanted = damaged and quiz.rng.random() < 0.5
    found = quiz.any_named(without="damaged", among=lambda thing: thing.damaged == wanted)
    if not damaged or not found:
        return None
    sentence = f"{'Yes' if wanted else 'No'}, the {found[1]} is {'broken' if wanted else 'whole'}."
    return quiz.words("damaged", quiz.pick(BROKEN, x=found[1]), "yes" if wanted else "no", sentence)


def _marks(quiz: Quiz) -> QA | None:
    """Two to four things, each marked at a point that lies on it."""
    shown = [thing for thing in quiz.seen if lies_on(thing, *middle(thing.box))]
    if len(shown) < 2:
        return None
    chosen = quiz.rng.sample(shown, quiz.rng.randint(2, min(4, len(shown))))
    marks = [(i, quiz.centre(thing.box)) for i, thing in enumerate(chosen, 1)]
    return quiz.task("marks", "marks", [(i, thing.phrase) for i, thing in enumerate(chosen, 1)], marks=marks)


def _mark_relation(quiz: Quiz) -> QA | None:
    if (found := quiz.apart()) is None:
        return None
    marks = [(1, quiz.centre(found[0].box)), (2, quiz.centre(found[2].box))]
    return quiz.task(
        "marks-relation", "marks", [(1, f"is {found[4]} <Mark 2>")], wording=MARK_RELATIONS, marks=marks
    )


def _screen(quiz: Quiz) -> QA | None:
    names = [element_name(element) for element in quiz.truth.elements]
    single = [i for i, name in enumerate(names) if names.count(name) == 1]
    if not single:
        return None
    i = quiz.rng.choice(single)
    box = quiz.box(quiz.truth.elements[i].box)
    return quiz.task("screen", "screen", Found((box,)), exact=(box,), phrase=names[i])


def _screen_absent(quiz: Quiz) -> QA | None:
    """An element of a kind and with a word that other screens have."""
    if not quiz.truth.elements:
        return None
    kind = quiz.rng.choice(tuple(LABELS))
    label = quiz.rng.choice(allowed(LABELS[kind], held_out=False)).lower()
    if label in [element.label for element in quiz.truth.elements]:
        return None
    name = f"{label} {kind}"
    return quiz.task("screen-absent", "screen", Found((), name), phrase=name)


ICONS = ("MENU", "CLOSE", "SEARCH", "ADD")
LABELS = {
    **{"button": BUTTONS, "field": FIELDS, "icon": ICONS},
    **dict.fromkeys(("checkbox", "switch", "slider"), CHECKS),
}

# topic -> how to make a question of it, and how often training asks it where it can
TOPICS: dict[str, tuple[Callable[[Quiz], QA | None], float]] = {
    "kind": (_kind, 1.5),
    "colour": (_colour, 1.2),
    "clothes": (_clothes, 0.5),
    "size": (_size, 0.5),
    "pattern": (_pattern, 0.5),
    "count": (_count, 1.2),
    "action": (_action, 2.0),
    "scene": (_scene, 0.25),
    "is-there-present": (_present, 1.3),
    "is-there-absent": (_not_there("is-there-absent", near=False), 0.45),
    "is-there-near-miss": (_not_there("is-there-near-miss", near=True), 0.65),
    "relation-word": (_relation_word, 0.9),
    "relation-true": (_relation_true, 0.4),
    "on-what": (_on_what, 0.4),
    "locate": (_locate, 2.5),
    "locate-absent": (_locate_absent("locate-absent", near=False), 0.35),
    "locate-near-miss": (_locate_absent("locate-near-miss", near=True), 0.35),
    "locate-word": (_locate_word, 0.6),
    "locate-block": (_locate_block, 1.0),
    "relation": (_relation, 0.8),
    "detect": (_detect, 1.0),
    "detect-absent": (_detect_absent, 0.25),
    "region": (_region, 1.5),
    "region-empty": (_region_empty, 0.1),
    "caption": (_caption, 0.6),
    "detail": (_detail, 0.25),
    "grounded": (_grounded, 0.5),
    "dense": (_dense, 1.2),
    "pose": (_pose(several=False), 4.0),
    "pose-several": (_pose(several=True), 3.0),
    "pose-absent": (_pose_absent, 0.03),
    "layout": (_layout, 3.0),
    "layout-absent": (_no_layout, 0.04),
    "text": (_text, 2.0),
    "text-absent": (_no_text, 0.05),
    "read-word": (_read_word, 1.5),
    "chart": (_chart, 3.0),
    "chart-absent": (_no_chart, 0.05),
    "chart-value": (_chart_value, 1.0),
    "chart-most": (_chart_most, 0.5),
    "odd": (_odd, 3.0),
    "odd-word": (_odd_word, 1.0),
    "odd-absent": (_nothing_odd, 0.1),
    "damaged": (_damaged, 1.0),
    "marks": (_marks, 0.3),
    "marks-relation": (_mark_relation, 0.25),
    "screen": (_screen, 3.0),
    "screen-absent": (_screen_absent, 0.7),
}
