"""What is asked about a drawn picture, and what SPHINX should reply: what training and evaluation share.

`questions` makes a varied handful for training, `eval_question` one of a given topic in SPHINX's own
sentence, `texts` small talk without a picture. How a question comes about is in `topics` (one function a
topic), `question_generator` (what can be asked without doubt), `wordings` and `talk`; how a reply is judged
is in `scoring`.
"""

from __future__ import annotations

import random

from model.training.question_generator import QA, QuestionGenerator
from model.training.talk import texts
from model.training.topics import TOPICS
from model.training.world.truth import Truth

__all__ = ["QA", "TOPICS", "eval_question", "questions", "texts"]

NO_THINGS = 0.3  # of their weight: questions about absent things where a picture has no things at all
LEAST = 0.02  # a topic's weight below which it is not asked again
AGAIN = 0.5  # a topic's weight after each question of it about the same picture


def eval_question(truth: Truth, rng: random.Random, topic: str) -> QA | None:
    """Ask one question of `topic` in its first wording, as evaluation does; None where there is none.

    Raises:
        KeyError: no such topic (they are the keys of TOPICS).
    """
    return TOPICS[topic][0](QuestionGenerator(truth, rng, varied=False))


def questions(truth: Truth, rng: random.Random, *, per_picture: int) -> list[QA]:
    """Return up to `per_picture` different questions about a picture, topics drawn by their weight."""
    generator = QuestionGenerator(truth, rng, varied=True)
    weights = {topic: weight for topic, (_, weight) in TOPICS.items()}
    if not generator.things:
        weights |= {
            topic: weights[topic] * NO_THINGS for topic in weights if topic.endswith(("-absent", "-miss"))
        }
    asked: list[QA] = []
    known: set[tuple[str, str]] = set()
    while len(asked) < per_picture and weights:
        topic = rng.choices(list(weights), list(weights.values()))[0]
        made = TOPICS[topic][0](generator)
        weights[topic] *= AGAIN
        if made is None or weights[topic] < LEAST:
            del weights[topic]
        if made is None:
            continue
        words = made.question if made.ability in ("ask", "short") else made.answer
        if (topic, words) not in known:
            known.add((topic, words))
            asked.append(made)
    return asked
