"""How right a reply is: pure functions from values, and `score` for a question with its reply.

Boxes are 0..1 of the padded square. Every figure `score` gives is 0..1, or a count that is summed over
questions before it is divided (keys "right", "given", "wanted", for a micro-averaged F1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from model.prompts import JOINTS, PROMPTS, Box, Found, Group, Joint, is_none
from model.training.world import COLOURS

if TYPE_CHECKING:
    from model.training.question_generator import QA

HIT = 0.5  # IoU from which a box is right (RefCOCO's convention)
CHART_TOLERANCE = 0.05  # relative, as ChartQA's relaxed accuracy
# COCO's per-joint standard deviations, in the order of JOINTS
SIGMAS = (
    .026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089,
)  # fmt: skip


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where both are empty."""
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = _area(a) + _area(b) - shared
    return shared / union if union > 0 else 0.0


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def normal(answer: str) -> str:
    """As the original's evaluation compares: without full stops, stripped, lower case."""
    return answer.replace(".", "").strip().lower()


def exact_match(reply: str, answer: str) -> bool:
    """Return whether the short answers are the same."""
    return normal(reply) == normal(answer)


def says_yes(reply: str) -> bool | None:
    """Return whether a reply is a yes (True), a no (False) or neither, by its first word."""
    first = re.match(r"\W*(yes|no)\b", reply, re.IGNORECASE)
    return None if first is None else first[1].lower() == "yes"


def number(text: str) -> float | None:
    """Return the number that a chart's cell or an answer is, without unit; None where it is none."""
    match = re.fullmatch(r"\s*[$€£]?\s*(-?\d+(?:[.,]\d+)?)\s*[%a-zA-Z$€£]*\s*", text)
    return float(match[1].replace(",", ".")) if match else None


def matches(
    given: Sequence[tuple[str, Box]],
    wanted: Sequence[tuple[str, Box]],
    same: Callable[[str, str], bool] = lambda a, b: a == b,
    threshold: float = HIT,
) -> int:
    """Return how many of `given` find a partner of the same label and IoU >= threshold; best pairs first."""
    pairs = sorted(
        (
            (iou(box, other), i, j)
            for i, (label, box) in enumerate(given)
            for j, (other_label, other) in enumerate(wanted)
            if same(label, other_label)
        ),
        reverse=True,
    )
    used_given, used_wanted = set(), set()
    for overlap, i, j in pairs:
        if overlap >= threshold and i not in used_given and j not in used_wanted:
            used_given.add(i)
            used_wanted.add(j)
    return len(used_given)


def f1(right: float, given: float, wanted: float) -> float:
    """F1 from counts; 1 where nothing was wanted and nothing given."""
    return 2 * right / (given + wanted) if given + wanted else 1.0


def oks(given: Sequence[Joint], wanted: Sequence[Joint], area: float) -> float:
    """COCO's object keypoint similarity over the wanted joints; one that is not given counts 0.

    Args:
        given, wanted: joints, 0..1 of the padded square.
        area: of the person, in the same unit squared.
    """
    if not wanted:
        return 0.0 if given else 1.0
    places = {joint.name: joint.point for joint in given}
    total = 0.0
    for joint in wanted:
        if joint.name in places:
            x, y = places[joint.name]
            distance = (x - joint.point[0]) ** 2 + (y - joint.point[1]) ** 2
            sigma = SIGMAS[JOINTS.index(joint.name)]
            total += math.exp(-distance / (2 * max(area, 1e-9) * (2 * sigma) ** 2))
    return total / len(wanted)


def same_cell(given: str, wanted: str) -> bool:
    """Return whether a chart's cells agree: numbers within CHART_TOLERANCE, words but for case."""
    a, b = number(given), number(wanted)
    if a is None or b is None:
        return normal(given) == normal(wanted)
    return abs(a - b) <= CHART_TOLERANCE * abs(b) + 1e-9


def chart_cells(given: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Right cells and cells in all, below the header, place by place."""
    right = sum(
        same_cell(cell, other)
        for row, other_row in zip(given[1:], wanted[1:])
        for cell, other in zip(row, other_row)
    )
    return right, sum(len(row) for row in wanted[1:])


def chart_values(given: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Right numbers and numbers in all: the second column, rows matched by their label."""
    values = {normal(row[0]): row[1] for row in given[1:] if len(row) > 1}
    right = sum(same_cell(values.get(normal(row[0]), ""), row[1]) for row in wanted[1:])
    return right, len(wanted[1:])


def look(phrase: str) -> tuple[str | None, str]:
    """Read colour and kind: "striped red ball" -> ("red", "ball"), "person in red" -> ("red", "person")."""
    words = phrase.lower().split()
    colour = next((word for word in words if word in COLOURS), None)
    if "person" in words:
        return colour, "person"
    return colour, " ".join(words[words.index(colour) + 1 :]) if colour else (words[-1] if words else "")


def same_look(phrase: str, other: str) -> bool:
    """Return whether two phrases agree in colour and kind."""
    return look(phrase) == look(other)


def _pairs(groups: Sequence[Group]) -> list[tuple[str, Box]]:
    return [(group.phrase, box) for group in groups for box in group.boxes]


def _found(reply: Found, qa: QA) -> dict[str, float]:
    wanted = list(qa.exact)
    scores = {"boxed": float(bool(reply)), "none_right": float(bool(reply) == bool(wanted))}
    if len(wanted) == 1:
        overlap = iou(reply.boxes[0], wanted[0]) if reply else 0.0
        scores |= {"iou": overlap, "hit": float(overlap >= HIT)}
    given = [("", box) for box in reply.boxes]
    right = matches(given, [("", box) for box in wanted])
    scores["exact_set"] = float(right == len(given) == len(wanted))
    return scores | _counts("", right, len(given), len(wanted))


def _counts(name: str, right: float, given: float, wanted: float) -> dict[str, float]:
    prefix = f"{name}_" if name else ""
    return {f"{prefix}right": right, f"{prefix}given": given, f"{prefix}wanted": wanted}


def score(qa: QA, reply: str) -> dict[str, float]:
    """Return the figures of one reply, by the ability of its question.

    short, ask, caption, detail: exact (yes/no questions also: yes). locate, relation, detect, screen: boxed,
    none_right, exact_set, right/given/wanted, and iou and hit where one box is wanted. dense,
    grounded_caption, text, layout: right/given/wanted (label and box), box_right (box alone) and, for
    phrases, look_right (colour and kind and box). region: exact, look, kind. pose: oks, complete. chart:
    none_right, cells_right/cells_wanted and values_right/values_wanted. odd: hit, look, both (or exact where
    nothing is odd). marks: exact.
    """
    row = PROMPTS[qa.ability]
    wanted, given = row.read(qa.answer), row.read(reply)
    if qa.ability in ("short", "ask", "caption", "detail"):
        scores = {"exact": float(exact_match(reply, qa.answer))}
        if says_yes(qa.answer) is not None:
            yes = says_yes(reply)
            scores |= {"yes": float(yes is True), "right": float(yes == says_yes(qa.answer))}
        return scores
    if qa.ability in ("locate", "relation", "detect", "screen"):
        return _found(given, qa)
    if qa.ability in ("dense", "grounded_caption", "text", "layout"):
        pairs = _pairs([group for group in given if isinstance(group, Group)])
        labels = [label for label, _ in _pairs([group for group in wanted if isinstance(group, Group)])]
        exact = list(zip(labels, qa.exact))
        scores = _counts("", matches(pairs, exact), len(pairs), len(exact))
        scores["box_right"] = matches(pairs, exact, lambda a, b: True)
        if qa.ability in ("dense", "grounded_caption"):
            scores["look_right"] = matches(pairs, exact, same_look)
        if qa.ability == "text":
            texts = [label for label, _ in pairs]
            scores["words_wanted"] = len(labels)
            scores["words_right"] = sum(min(texts.count(word), labels.count(word)) for word in set(labels))
        return scores
    if qa.ability == "region":
        return {"exact": float(exact_match(given, wanted)), "look": float(same_look(given, wanted)),
                "kind": float(look(given)[1] == look(wanted)[1])}  # fmt: skip
    if qa.ability == "pose":
        area = _area(qa.exact[0]) if qa.exact else 0.0
        return {"oks": oks(given, wanted, area), "complete": float(len(given) == len(wanted))}
    if qa.ability == "chart":
        cells, values = chart_cells(given, wanted), chart_values(given, wanted)
        return {"none_right": float(bool(given) == bool(wanted)), "cells_right": cells[0],
                "cells_wanted": cells[1], "values_right": values[0], "values_wanted": values[1]}  # fmt: skip
    if qa.ability == "odd":
        if wanted is None:
            return {"exact": float(given is None and is_none(reply))}
        hit = float(given is not None and bool(given.boxes) and iou(given.boxes[0], qa.exact[0]) >= HIT)
        same = float(given is not None and same_look(given.phrase, wanted.phrase))
        return {"hit": hit, "look": same, "both": hit * same}
    return {"exact": float(given == wanted)}  # marks


def best_constant_box(wanted: Sequence[Box]) -> dict[str, float]:
    """Return the scores ("iou", "hit") of the one box with the best mean IoU on these very questions."""
    edges = [i / 10 for i in range(11)]
    spans = [(a, b) for i, a in enumerate(edges) for b in edges[i + 1 :]]
    best = max(
        ([iou((x1, y1, x2, y2), box) for box in wanted] for x1, x2 in spans for y1, y2 in spans), key=sum
    )
    return {"iou": sum(best) / len(best), "hit": sum(overlap >= HIT for overlap in best) / len(best)}
