"""Scores of replies: tables of what a reply is worth."""

from __future__ import annotations

import math

import pytest

from model.prompts import Joint
from model.training import scoring
from model.training.question_generator import QA

A, B, C = (0.1, 0.1, 0.3, 0.3), (0.2, 0.1, 0.4, 0.3), (0.6, 0.6, 0.9, 0.9)


@pytest.mark.parametrize(
    ("a", "b", "wanted"), [(A, A, 1.0), (A, C, 0.0), (A, B, 1 / 3), (A, (0.1, 0.1, 0.1, 0.1), 0.0)]
)
def test_iou(a: scoring.Box, b: scoring.Box, wanted: float) -> None:
    assert scoring.iou(a, b) == pytest.approx(wanted)
    assert scoring.iou(b, a) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("reply", "answer", "same"),
    [
        ("Red.", "red", True),
        (" red ", "red", True),
        ("dark red", "red", False),
        ("", "red", False),
        ("2", "2", True),
    ],
)
def test_exact_match(reply: str, answer: str, same: bool) -> None:
    assert scoring.exact_match(reply, answer) is same


@pytest.mark.parametrize(
    ("reply", "yes"),
    [
        ("yes", True),
        ("Yes, there is.", True),
        ("no", False),
        ("No.", False),
        ("nothing", None),
        ("", None),
        ("red", None),
    ],
)
def test_says_yes(reply: str, yes: bool | None) -> None:
    assert scoring.says_yes(reply) is yes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12.0),
        ("12%", 12.0),
        ("$3.5", 3.5),
        ("3,5", 3.5),
        (" 7 kg", 7.0),
        ("-4", -4.0),
        ("DOG", None),
        ("", None),
    ],
)
def test_number(text: str, value: float | None) -> None:
    assert scoring.number(text) == value


def test_matches_pairs_each_box_once() -> None:
    assert scoring.matches([("", A), ("", A)], [("", A)]) == 1
    assert scoring.matches([("ball", A), ("cup", C)], [("cup", C), ("ball", A)]) == 2
    assert scoring.matches([("ball", A)], [("cup", A)]) == 0
    assert scoring.matches([("", A)], [("", B)]) == 0
    assert scoring.matches([("", A)], [("", B)], threshold=0.3) == 1


def test_f1() -> None:
    assert scoring.f1(0, 0, 0) == 1
    assert scoring.f1(1, 2, 2) == 0.5
    assert scoring.f1(0, 3, 0) == 0


def test_oks_is_cocos() -> None:
    nose, eye = Joint("nose", (0.5, 0.5)), Joint("left eye", (0.6, 0.5))
    assert scoring.oks([nose, eye], [nose, eye], 0.1) == 1
    assert scoring.oks([nose], [nose, eye], 0.1) == 0.5
    assert scoring.oks([], [], 0.1) == 1
    assert scoring.oks([nose], [], 0.1) == 0
    moved = Joint("nose", (0.51, 0.5))
    assert scoring.oks([moved], [nose], 0.1) == pytest.approx(math.exp(-(0.01**2) / (2 * 0.1 * 0.052**2)))


def test_charts_are_right_within_five_per_cent() -> None:
    wanted = [("label", "value"), ("DOG", "100"), ("CAT", "20%")]
    assert scoring.chart_cells([("a", "b"), ("dog", "104"), ("CAT", "22")], wanted) == (3, 4)
    assert scoring.chart_values([("a", "b"), ("CAT", "20"), ("DOG", "96")], wanted) == (2, 2)
    assert scoring.chart_values([], wanted) == (0, 2)
    assert scoring.same_cell("0", "0")


@pytest.mark.parametrize(
    ("phrase", "wanted"),
    [
        ("small striped red ball", ("red", "ball")),
        ("broken pink bottle", ("pink", "bottle")),
        ("waving person in red", ("red", "person")),
        ("A red ball", ("red", "ball")),
        ("ball", (None, "ball")),
        ("", (None, "")),
    ],
)
def test_look(phrase: str, wanted: tuple[str | None, str]) -> None:
    assert scoring.look(phrase) == wanted


ROWS = [
    # ability, answer, exact boxes, reply, what must be among the scores
    ("short", "red", (), "Red.", {"exact": 1}),
    ("short", "yes", (), "Yes, there is.", {"right": 1, "yes": 1}),
    ("short", "no", (), "yes", {"right": 0, "yes": 1, "exact": 0}),
    ("ask", "No, there is no ball.", (), "No.", {"right": 1, "yes": 0}),
    ("locate", "[0.10,0.10,0.30,0.30]", (A,), "[0.10,0.10,0.30,0.30]", {"iou": 1, "hit": 1, "boxed": 1}),
    ("locate", "[0.10,0.10,0.30,0.30]", (A,), "nonsense", {"iou": 0, "hit": 0, "boxed": 0, "none_right": 0}),
    ("locate", "There is no ball in the image.", (), "[0.10,0.10,0.30,0.30]", {"boxed": 1, "none_right": 0}),
    ("locate", "There is no ball in the image.", (), "There is none.", {"boxed": 0, "none_right": 1}),
    ("detect", "[0.10,0.10,0.30,0.30;0.60,0.60,0.90,0.90]", (A, C), "[0.60,0.60,0.90,0.90]",
     {"right": 1, "given": 1, "wanted": 2}),
    ("dense", "<p>red ball</p>[0.10,0.10,0.30,0.30]", (A,), "<p>small red ball</p>[0.10,0.10,0.30,0.30]",
     {"right": 0, "look_right": 1, "box_right": 1, "given": 1, "wanted": 1}),
    ("layout", "<p>title</p>[0.10,0.10,0.30,0.30]", (A,), "<p>text</p>[0.10,0.10,0.30,0.30]",
     {"right": 0, "box_right": 1}),
    ("text", "<p>STOP</p>[0.10,0.10,0.30,0.30]", (A,), "<p>STOP</p>[0.60,0.60,0.90,0.90]",
     {"words_right": 1, "right": 0}),
    ("region", "striped red ball", (A,), "red ball", {"exact": 0, "look": 1}),
    ("pose", "<p>nose</p>[0.20,0.20]", (A,), "<p>nose</p>[0.20,0.20]", {"oks": 1, "complete": 1}),
    ("chart", "label | value\nDOG | 12", (), "label | value\nDOG | 12",
     {"cells_right": 2, "values_right": 1}),
    ("odd", "<p>red ball</p>[0.10,0.10,0.30,0.30]", (A,), "<p>red ball</p>[0.60,0.60,0.90,0.90]",
     {"hit": 0, "look": 1, "both": 0}),
    ("odd", "There is nothing odd in the image.", (), "There is nothing odd in the image.", {"exact": 1}),
    ("marks", "<Mark 1> red ball", (), "<Mark 1> red ball", {"exact": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("ability", "answer", "exact", "reply", "wanted"), ROWS)
def test_score(ability: str, answer: str, exact: tuple, reply: str, wanted: dict[str, float]) -> None:
    scores = scoring.score(QA(ability, "?", answer, "topic", exact), reply)
    assert wanted.items() <= scores.items()
