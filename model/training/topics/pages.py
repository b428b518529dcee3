"""What is written and laid out: words, documents, charts and screens."""

from __future__ import annotations

from model.prompts import Found, Group
from model.replies import write_box
from model.training.quiz import QA, Quiz, element_name
from model.training.scoring import number
from model.training.wordings import CHART_LEAST, CHART_MOST, CHART_VALUE, READ_AT, READ_ONE, READ_SIGN
from model.training.world.truth import Word
from model.training.world.vocabulary import BUTTONS, CHECKS, FIELDS, SIGN_WORDS, allowed

MOST_WORDS = 12  # written words that one reply reads out
ICONS = ("MENU", "CLOSE", "SEARCH", "ADD")
NEAR_SHARE = 0.5  # of the absent elements are of a kind that the screen has
LABELS = {
    **{"button": BUTTONS, "field": FIELDS, "icon": ICONS},
    **dict.fromkeys(("checkbox", "switch", "slider"), CHECKS),
}


def layout(quiz: Quiz) -> QA | None:
    """The blocks as they are read, column by column, each with its kind."""
    blocks = quiz.truth.blocks
    if not blocks:
        return None
    groups = [Group(block.kind, (quiz.box(block.box),)) for block in blocks]
    return quiz.task("layout", "layout", groups, exact=[group.boxes[0] for group in groups])


def detect_block(quiz: Quiz) -> QA | None:
    """The boxes of all blocks of a kind, as they are read."""
    blocks = quiz.truth.blocks
    if not blocks or quiz.truth.things:
        return None
    kind = quiz.rng.choice(sorted({block.kind for block in blocks}))
    boxes = [quiz.box(block.box) for block in blocks if block.kind == kind]
    return quiz.task("detect-block", "detect", Found(tuple(boxes)), exact=boxes, phrase=f"{kind} blocks")


def no_layout(quiz: Quiz) -> QA | None:
    """A picture that is no document."""
    return None if quiz.truth.blocks else quiz.task("layout-absent", "layout", ())


def locate_block(quiz: Quiz) -> QA | None:
    """The box of the only block of its kind."""
    kinds = [block.kind for block in quiz.truth.blocks]
    single = [block for block in quiz.truth.blocks if kinds.count(block.kind) == 1]
    if not single or quiz.truth.things:
        return None
    block = quiz.rng.choice(single)
    box = quiz.box(block.box)
    return quiz.task("locate-block", "locate", Found((box,)), exact=(box,), phrase=block.kind)


def _words(quiz: Quiz) -> list[Word]:
    """The written words in reading order."""
    return [quiz.truth.words[i] for i in quiz.reading_order([word.box for word in quiz.truth.words])]


def text(quiz: Quiz) -> QA | None:
    """All written words with their boxes."""
    words = _words(quiz)
    if not words or len(words) > MOST_WORDS:
        return None
    groups = [Group(word.text, (quiz.box(word.box),)) for word in words]
    return quiz.task("text", "text", groups, exact=[group.boxes[0] for group in groups])


def no_text(quiz: Quiz) -> QA | None:
    """A picture without a word."""
    truth = quiz.truth
    if truth.words or truth.blocks or truth.elements or truth.chart or quiz.is_photo:
        return None  # what is written on a photograph is not labelled
    return quiz.task("text-absent", "text", ())


def read_word(quiz: Quiz) -> QA | None:
    """What the only word says, or the word in a box."""
    words = _words(quiz)
    if not words:
        return None
    if len(words) == 1:
        wordings = READ_SIGN if quiz.truth.kind == "sign" else READ_ONE
        return quiz.words("read-word", quiz.pick(wordings), words[0].text, f"It says {words[0].text}.")
    word = quiz.rng.choice(words)
    question = quiz.pick(READ_AT, box=write_box(quiz.box(word.box)))
    return quiz.words("read-word", question, word.text, f"It says {word.text}.")


def locate_word(quiz: Quiz) -> QA | None:
    """The box of a word that is written once."""
    texts_here = [word.text for word in quiz.truth.words]
    single = [word for word in quiz.truth.words if texts_here.count(word.text) == 1]
    if not single:
        return None
    word = quiz.rng.choice(single)
    box = quiz.box(word.box)
    return quiz.task("locate-word", "locate", Found((box,)), exact=(box,), phrase=f"word {word.text}")


def chart(quiz: Quiz) -> QA | None:
    """The chart's table."""
    return quiz.task("chart", "chart", quiz.truth.chart.rows) if quiz.truth.chart else None


def no_chart(quiz: Quiz) -> QA | None:
    """A picture without a chart."""
    return None if quiz.truth.chart else quiz.task("chart-absent", "chart", ())


def chart_value(quiz: Quiz) -> QA | None:
    """The value of one label."""
    if not quiz.truth.chart or len(quiz.truth.chart.rows) < 2:
        return None
    row = quiz.rng.choice(quiz.truth.chart.rows[1:])
    return quiz.words(
        "chart-value", quiz.pick(CHART_VALUE, x=row[0]), row[1], f"The value of {row[0]} is {row[1]}."
    )


def chart_most(quiz: Quiz) -> QA | None:
    """The label with the largest or the smallest value, where there is one."""
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


def screen(quiz: Quiz) -> QA | None:
    """The box of the only element of its name."""
    names = [element_name(element) for element in quiz.truth.elements]
    single = [i for i, name in enumerate(names) if names.count(name) == 1]
    if not single:
        return None
    i = quiz.rng.choice(single)
    box = quiz.box(quiz.truth.elements[i].box)
    return quiz.task("screen", "screen", Found((box,)), exact=(box,), phrase=names[i])


def screen_absent(quiz: Quiz) -> QA | None:
    """An element of a kind and with a word that other screens have; sometimes a word of this one's."""
    elements = quiz.truth.elements
    if not elements:
        return None
    here = {element_name(element) for element in elements}
    labels = {element.label for element in elements}
    for _ in range(12):
        kind = quiz.rng.choice(tuple(LABELS))
        if quiz.rng.random() < NEAR_SHARE:
            kind = quiz.rng.choice(elements).kind  # of a kind that is here
        if kind not in LABELS:
            continue
        label = quiz.rng.choice(allowed(LABELS[kind], held_out=False)).lower()
        name = f"{label} {kind}"
        if label not in labels and name not in here:
            return quiz.task("screen-absent", "screen", Found((), name), phrase=name)
    return None


def locate_word_absent(quiz: Quiz) -> QA | None:
    """A word that is not written here, where others are."""
    texts_here = {word.text for word in quiz.truth.words}
    if not texts_here:
        return None
    word = quiz.rng.choice(allowed(SIGN_WORDS, held_out=False))
    if word in texts_here:
        return None
    return quiz.task("locate-word-absent", "locate", Found((), f"word {word}"), phrase=f"word {word}")
