"""Which kinds of things a checkpoint has learnt from photographs, by how it names them.

Knows questions with their replies; asks nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from model.prompts import PROMPTS
from model.training.photos.library import COCO_KINDS
from model.training.questions import QA
from model.training.scoring import f1, look, normal

NAMING = ("largest", "region-largest", "region")  # topics of photographs whose answer names a kind
LEARNT = 0.5  # F1 of naming a kind, from which on the checkpoint is said to know it
LEAST = 4  # things of a kind that must have been asked about before it is said to be known


def named_by_kind(asked: Iterable[tuple[QA, str]]) -> dict[str, dict[str, float]]:
    """Return how rightly each kind of photographs is named.

    Args: asked: questions with their replies; those of other topics than NAMING are ignored.
    Returns: kind -> {"n": things of it that were asked about, "f1": of naming it}. A kind that is named where
        it is not lowers its F1, so that always giving one name does not pay.
    """
    wanted: Counter[str] = Counter()
    given: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for qa, reply in asked:
        if qa.topic in NAMING:
            true, said = _kind(qa.ability, qa.answer), _kind(qa.ability, reply)
            wanted[true] += 1
            given[said] += 1
            right[true] += true == said
    return {
        kind: {"n": wanted[kind], "f1": f1(right[kind], given[kind], wanted[kind])}
        for kind in COCO_KINDS
        if wanted[kind]
    }


def _kind(ability: str, reply: str) -> str:
    return look(normal(str(PROMPTS[ability].read(reply))))[1]


def learnt(by_kind: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the kinds that are named well enough to be promised, those with most photographs first."""
    known = [kind for kind, row in by_kind.items() if row["n"] >= LEAST and row["f1"] >= LEARNT]
    return sorted(known, key=lambda kind: -by_kind[kind]["n"])
