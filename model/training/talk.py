"""Talk without a picture: what warms the language model up and keeps it talking when there is nothing to see.

Small talk about itself, sums, spelling, and pictures that are only told, boxes and all, so that the language
model knows the tasks before it sees.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from model.prompts import PROMPTS
from model.training.question_generator import QA, VALUES, QuestionGenerator
from model.training.scoring import iou
from model.training.topics import TOPICS
from model.training.wordings import COUNTS, phrase
from model.training.world import ACTIONS, COLOURS, THING_KINDS
from model.training.world.holdouts import HELD_OUT_PAIRS, is_held_out
from model.training.world.phrases import article, relation
from model.training.world.truth import Thing, Truth

ABOUT = (
    "I am sphinx-nano, a small SPHINX. I look at drawn pictures, answer questions and find things in them."
)
NO_PICTURE = "There is no picture yet. Please add one."
_SMALL_TALK = (
    (
        ("Hello", "Hello!", "Hi", "Hi there", "Good morning", "Hey"),
        "Hello! Show me a picture and ask about it.",
    ),
    (("Thank you", "Thanks", "Thanks a lot", "Great, thank you"), "You are welcome."),
    (("Bye", "Goodbye", "See you"), "Goodbye!"),
    (("How are you?", "How do you do?"), "I am well. Show me a picture."),
    (("Who are you?", "What is your name?", "What are you?", "Which model are you?"), ABOUT),
    (
        ("What can you do?", "Help", "What can I ask?", "How can you help me?", "What do you do?"),
        "I describe pictures, find things, count them, read words and charts, and show poses.",
    ),
    (
        (
            "What can you not do?",
            "What are your limits?",
            "Do you know photos?",
            "Do you understand photographs?",
        ),
        "I know drawn pictures, and people, animals and a few other things in photographs.",
    ),
    (
        ("What do you know?", "Which things do you know?", "What is in your world?"),
        "I know parks, streets, rooms, beaches, tables, people, signs, pages, charts and screens.",
    ),
    (("Which colours do you know?", "Name your colours.", "List the colours."), ", ".join(COLOURS) + "."),
    (("Are you human?", "Are you a person?"), "No, I am a small model."),
)
_KNOWN = (
    ("grass", "green"),
    ("snow", "white"),
    ("the sky by day", "blue"),
    ("a leaf", "green"),
    ("coal", "black"),
    ("a lemon", "yellow"),
    ("a tomato", "red"),
    ("a carrot", "orange"),
    ("milk", "white"),
    ("chocolate", "brown"),
    ("the sea", "blue"),
    ("a strawberry", "red"),
    ("the night", "black"),
    ("wood", "brown"),
    ("a banana", "yellow"),
)
_UNSEEN = (
    "What colour is the {x}?",
    "Where is the {x}?",
    "Is there a {x} in the image?",
    "How many {x} are there?",
    "What's in the image?",
    "Describe the image in one sentence.",
    "What is this?",
    "Find the {x}.",
    "Generate a detailed description about the image.",
    "Segment the {x}.",
)
_TOLD = (
    "kind",
    "colour",
    "size",
    *(f"count-{n}" for n in range(6)),
    "is-there-present",
    "is-there-absent",
    "is-there-kind-absent",
    "is-there-near-miss",
    "relation-word",
    "relation-true",
    "relation",
    "locate",
    "locate-absent",
    "locate-kind-absent",
    "locate-near-miss",
    "detect",
    "region",
    "dense",
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _say(rng: random.Random, wordings: Sequence[str], answer: str, topic: str) -> QA:
    return QA("ask", rng.choice(wordings), answer, topic)


def _small_talk(rng: random.Random) -> QA:
    wordings, answer = rng.choice(_SMALL_TALK)
    return _say(rng, wordings, answer, "talk")


def _unseen(rng: random.Random) -> QA:
    question = rng.choice(_UNSEEN).replace("{x}", rng.choice(tuple(THING_KINDS)))
    ability = rng.choice(("ask", "short"))
    return QA(ability, PROMPTS[ability].fill(question=question), NO_PICTURE, "talk-no-picture")


def _sum(rng: random.Random) -> QA:
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    if rng.random() < 0.5:
        return _say(
            rng, (f"What is {a} + {b}?", f"What is {a} plus {b}?", f"{a} + {b} = ?"), str(a + b), "talk-sum"
        )
    return _say(rng, (f"What is {a + b} - {b}?", f"What is {a + b} minus {b}?"), str(a), "talk-sum")


def _number_word(rng: random.Random) -> QA:
    n = rng.randrange(len(COUNTS))
    if rng.random() < 0.5:
        return _say(rng, (f"Write {n} as a word.", f"Which word means {n}?"), COUNTS[n], "talk-number")
    return _say(
        rng, (f"Write {COUNTS[n]} in digits.", f"Which number is {COUNTS[n]}?"), str(n), "talk-number"
    )


def _known_colour(rng: random.Random) -> QA:
    what, colour = rng.choice(_KNOWN)
    return QA("short", PROMPTS["short"].fill(question=f"What colour is {what}?"), colour, "talk-colour")


def _colour(rng: random.Random, kind: str) -> str:
    """Return a colour that training may show on things of this kind."""
    return rng.choice([colour for colour in COLOURS if (colour, kind) not in HELD_OUT_PAIRS])


def _some_phrase(rng: random.Random) -> str:
    if rng.random() < 0.15:
        return phrase("person", action=rng.choice((None, *ACTIONS)), colour=_colour(rng, "person"))
    kind = rng.choice(tuple(THING_KINDS))
    looks = {name: rng.choice(VALUES[name]) if rng.random() < 0.4 else None for name in ("size", "pattern")}
    return phrase(kind, colour=_colour(rng, kind), **looks)


def _repeat(rng: random.Random) -> QA:
    words = _some_phrase(rng)
    return _say(rng, (f"Say: {words}", f"Repeat: {words}", f"Write the words {words}."), words, "talk-repeat")


def _spell(rng: random.Random) -> QA:
    word = "".join(rng.choices(LETTERS, k=rng.randint(2, 6)))
    if rng.random() < 0.5:
        word = rng.choice(tuple(THING_KINDS)).upper().replace(" ", "")
    return _say(rng, (f"Spell {word}.", f"How is {word} spelt?"), " ".join(word), "talk-spell")


def _part(rng: random.Random) -> QA:
    """Return what a phrase says: its colour or its kind."""
    kind = rng.choice(tuple(THING_KINDS))
    colour = _colour(rng, kind)
    words = phrase(kind, colour=colour, size=rng.choice((None, "small", "large")))
    if rng.random() < 0.5:
        return _say(
            rng,
            (f"Which colour is {article(words)}?", f"{words.capitalize()}: which colour?"),
            colour,
            "talk-part",
        )
    return _say(
        rng,
        (f"What kind of thing is {article(words)}?", f"{words.capitalize()}: which thing?"),
        kind,
        "talk-part",
    )


def told_truth(rng: random.Random, count: int) -> Truth:
    """Return a picture that is only told: things of random looks in random places that hardly overlap."""
    things: list[Thing] = []
    for _ in range(count * 4):
        width, height = rng.uniform(20, 90), rng.uniform(20, 90)
        x, y = rng.uniform(0, 256 - width), rng.uniform(0, 256 - height)
        box = (x, y, x + width, y + height)
        if len(things) == count or any(iou(box, other.box) > 0.1 for other in things):
            continue
        kind = rng.choice([thing.kind for thing in things]) if things and rng.random() < 0.3 else None
        kind = kind or rng.choice(tuple(THING_KINDS))
        colour, size = _colour(rng, kind), rng.choice(("small", "large"))
        things.append(Thing(phrase(kind, colour=colour, size=size), kind, colour, size, "plain", box, ()))
    relations = [
        (i, word, j)
        for i, first in enumerate(things)
        for j, second in enumerate(things)
        if i != j
        and (word := relation(first.box, second.box))
        and not is_held_out(first.kind, word, second.kind)
    ]
    return Truth(-1, "told", "synthetic", (256, 256), "", tuple(things), tuple(relations))


def _told(rng: random.Random) -> QA:
    """Ask about things that are told in words with boxes, so that the language model learns the tasks."""
    while True:
        generator = QuestionGenerator(told_truth(rng, rng.randint(2, 4)), rng, varied=True)
        topic = rng.choice(_TOLD)
        listed, made = TOPICS["dense"][0](generator), TOPICS[topic][0](generator)
        if listed and made:
            return QA(
                made.ability, f"{listed.answer}\n{made.question}", made.answer, f"told-{topic}", made.exact
            )


_TALK = (
    (_small_talk, 2.0),
    (_unseen, 1.0),
    (_sum, 1.0),
    (_number_word, 0.5),
    (_known_colour, 0.5),
    (_repeat, 1.0),
    (_spell, 1.0),
    (_part, 1.0),
    (_told, 4.0),
)


def texts(rng: random.Random) -> QA:
    """Ask and answer without a picture: small talk, sums, spelling, and pictures told in words."""
    return rng.choices([make for make, _ in _TALK], [weight for _, weight in _TALK])[0](rng)
