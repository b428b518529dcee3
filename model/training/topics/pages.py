"""What is written and laid out: words, documents, charts and screens."""

from __future__ import annotations

from model.prompts import Found, Group
from model.replies import write_box
from model.training.question_generator import QA, QuestionGenerator, element_name
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


def layout(generator: QuestionGenerator) -> QA | None:
    """Ask for the blocks as they are read, column by column, each with its kind."""
    blocks = generator.truth.blocks
    if not blocks:
        return None
    groups = [Group(block.kind, (generator.box(block.box),)) for block in blocks]
    return generator.task("layout", "layout", groups, exact=[group.boxes[0] for group in groups])


def detect_block(generator: QuestionGenerator) -> QA | None:
    """Ask for the boxes of all blocks of a kind, as they are read."""
    blocks = generator.truth.blocks
    if not blocks or generator.truth.things:
        return None
    kind = generator.rng.choice(sorted({block.kind for block in blocks}))
    boxes = [generator.box(block.box) for block in blocks if block.kind == kind]
    return generator.task("detect-block", "detect", Found(tuple(boxes)), exact=boxes, phrase=f"{kind} blocks")


def no_layout(generator: QuestionGenerator) -> QA | None:
    """Ask for the layout of a picture that is no document."""
    return None if generator.truth.blocks else generator.task("layout-absent", "layout", ())


def locate_block(generator: QuestionGenerator) -> QA | None:
    """Ask for the box of the only block of its kind."""
    kinds = [block.kind for block in generator.truth.blocks]
    single = [block for block in generator.truth.blocks if kinds.count(block.kind) == 1]
    if not single or generator.truth.things:
        return None
    block = generator.rng.choice(single)
    box = generator.box(block.box)
    return generator.task("locate-block", "locate", Found((box,)), exact=(box,), phrase=block.kind)


def _words(generator: QuestionGenerator) -> list[Word]:
    """Ask for the written words in reading order."""
    return [
        generator.truth.words[i]
        for i in generator.reading_order([word.box for word in generator.truth.words])
    ]


def text(generator: QuestionGenerator) -> QA | None:
    """Ask for all written words with their boxes."""
    words = _words(generator)
    if not words or len(words) > MOST_WORDS:
        return None
    groups = [Group(word.text, (generator.box(word.box),)) for word in words]
    return generator.task("text", "text", groups, exact=[group.boxes[0] for group in groups])


def no_text(generator: QuestionGenerator) -> QA | None:
    """Ask for the words of a picture without any."""
    truth = generator.truth
    if truth.words or truth.blocks or truth.elements or truth.chart or generator.is_photo:
        return None  # what is written on a photograph is not labelled
    return generator.task("text-absent", "text", ())


def read_word(generator: QuestionGenerator) -> QA | None:
    """Ask what the only word says, or the word in a box."""
    words = _words(generator)
    if not words:
        return None
    if len(words) == 1:
        wordings = READ_SIGN if generator.truth.kind == "sign" else READ_ONE
        return generator.words(
            "read-word", generator.pick(wordings), words[0].text, f"It says {words[0].text}."
        )
    word = generator.rng.choice(words)
    question = generator.pick(READ_AT, box=write_box(generator.box(word.box)))
    return generator.words("read-word", question, word.text, f"It says {word.text}.")


def locate_word(generator: QuestionGenerator) -> QA | None:
    """Ask for the box of a word that is written once."""
    texts_here = [word.text for word in generator.truth.words]
    single = [word for word in generator.truth.words if texts_here.count(word.text) == 1]
    if not single:
        return None
    word = generator.rng.choice(single)
    box = generator.box(word.box)
    return generator.task("locate-word", "locate", Found((box,)), exact=(box,), phrase=f"word {word.text}")


def chart(generator: QuestionGenerator) -> QA | None:
    """Ask for the chart's table."""
    return generator.task("chart", "chart", generator.truth.chart.rows) if generator.truth.chart else None


def no_chart(generator: QuestionGenerator) -> QA | None:
    """Ask for the table of a picture without a chart."""
    return None if generator.truth.chart else generator.task("chart-absent", "chart", ())


def chart_value(generator: QuestionGenerator) -> QA | None:
    """Ask for the value of one label."""
    if not generator.truth.chart or len(generator.truth.chart.rows) < 2:
        return None
    row = generator.rng.choice(generator.truth.chart.rows[1:])
    return generator.words(
        "chart-value", generator.pick(CHART_VALUE, x=row[0]), row[1], f"The value of {row[0]} is {row[1]}."
    )


def chart_most(generator: QuestionGenerator) -> QA | None:
    """Ask for the label with the largest or the smallest value, where there is one."""
    if not generator.truth.chart:
        return None
    rows = sorted(generator.truth.chart.rows[1:], key=lambda row: number(row[1]) or 0.0)
    values = [number(row[1]) for row in rows]
    if len(rows) < 2 or None in values or values[0] == values[1] or values[-1] == values[-2]:
        return None
    if generator.rng.random() < 0.5:
        return generator.words(
            "chart-most", generator.pick(CHART_MOST), rows[-1][0], f"{rows[-1][0]} has the largest value."
        )
    return generator.words(
        "chart-most", generator.pick(CHART_LEAST), rows[0][0], f"{rows[0][0]} has the smallest value."
    )


def screen(generator: QuestionGenerator) -> QA | None:
    """Ask for the box of the only element of its name."""
    names = [element_name(element) for element in generator.truth.elements]
    single = [i for i, name in enumerate(names) if names.count(name) == 1]
    if not single:
        return None
    i = generator.rng.choice(single)
    box = generator.box(generator.truth.elements[i].box)
    return generator.task("screen", "screen", Found((box,)), exact=(box,), phrase=names[i])


def screen_absent(generator: QuestionGenerator) -> QA | None:
    """Ask for an element that this screen lacks and others have; sometimes with a word of this one."""
    elements = generator.truth.elements
    if not elements:
        return None
    here = {element_name(element) for element in elements}
    labels = {element.label for element in elements}
    for _ in range(12):
        kind = generator.rng.choice(tuple(LABELS))
        if generator.rng.random() < NEAR_SHARE:
            kind = generator.rng.choice(elements).kind  # of a kind that is here
        if kind not in LABELS:
            continue
        label = generator.rng.choice(allowed(LABELS[kind], held_out=False)).lower()
        name = f"{label} {kind}"
        if label not in labels and name not in here:
            return generator.task("screen-absent", "screen", Found((), name), phrase=name)
    return None


def locate_word_absent(generator: QuestionGenerator) -> QA | None:
    """Ask for the box of a word that is not written here, where others are."""
    texts_here = {word.text for word in generator.truth.words}
    if not texts_here:
        return None
    word = generator.rng.choice(allowed(SIGN_WORDS, held_out=False))
    if word in texts_here:
        return None
    return generator.task("locate-word-absent", "locate", Found((), f"word {word}"), phrase=f"word {word}")
