"""The shipped sphinx-nano truly sees: it must beat itself shown a grey picture, and a box that never moves.

The same judgement over random weights must fail, or it would judge nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model import SphinxForConditionalGeneration, SphinxProcessor
from model.training.evaluate import (
    Conditions,
    EvalQuestion,
    EvalSet,
    answer,
    evaluate,
    figures,
    load,
    main,
    make_eval_set,
    photo_eval_set,
    untrained,
)
from model.training.photos import load_photos
from model.training.scoring import best_constant_box

ROOT = Path(__file__).parents[3]
CHECKPOINT = ROOT / "assets" / "sphinx-nano"
SEED = 71_000_000
COUNT = 50
BETTER = 0.20  # share of questions, above the same model shown a grey picture
BETTER_BOX = 0.10  # mean IoU, above the best constant box
NAMED = ("colour", "kind", "is-there-present", "is-there-absent")


def views() -> int | None:
    return json.loads((CHECKPOINT / "abilities.json").read_text())["views"]


def sees(model: SphinxForConditionalGeneration, processor: SphinxProcessor) -> dict[str, float]:
    """How far the model is above its controls, by topic; is-there questions count together."""
    above: dict[str, float] = {}
    found = {}
    for grey in (False, True):
        conditions = Conditions(views=views(), grey=grey)
        found[grey] = evaluate(model, processor, seed=SEED, count=COUNT, topics=NAMED, conditions=conditions)
    for topic in ("colour", "kind"):
        above[topic] = found[False][topic]["exact"] - found[True][topic]["exact"]
    above["is-there"] = sum(
        (found[False][topic]["right"] - found[True][topic]["right"]) / 2
        for topic in ("is-there-present", "is-there-absent")
    )
    eval_set = make_eval_set(SEED, COUNT, ["locate"])
    answer(model, processor, eval_set, Conditions(views=views()))
    still = best_constant_box([question.qa.exact[0] for question in eval_set.questions])
    above["locate"] = figures(eval_set.questions)["locate"]["iou"] - still["iou"]
    return above


def judge(above: dict[str, float]) -> None:
    for topic in ("colour", "kind", "is-there"):
        assert above[topic] >= BETTER, (topic, above)
    assert above["locate"] >= BETTER_BOX, above


def test_the_shipped_checkpoint_truly_sees() -> None:
    judge(sees(*load(CHECKPOINT, "cpu")))


def test_random_weights_do_not_pass_for_seeing() -> None:
    shipped, processor = load(CHECKPOINT, "cpu")
    with pytest.raises(AssertionError):
        judge(sees(untrained(shipped), processor))


def test_training_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="may have been trained on"):
        make_eval_set(999_999, 1, ["kind"])


def test_replies_do_not_depend_on_what_is_asked_beside_them() -> None:
    model, processor = load(CHECKPOINT, "cpu")
    together = make_eval_set(SEED, 3, ["kind", "locate", "caption"])
    answer(model, processor, together, Conditions(views=views()))
    for question in together.questions:
        alone = EvalSet(together.pictures, [EvalQuestion(question.qa, question.picture, question.style)])
        answer(model, processor, alone, Conditions(views=views()))
        assert alone.questions[0].reply == question.reply != ""


def test_asking_in_two_processes_finds_the_same() -> None:
    def found(workers: int) -> str:
        command = [sys.executable, "-m", "model.training.evaluate", "--json", "--count", "3"]
        command += ["--topics", "kind", "caption", "--workers", str(workers)]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert json.loads(found(2)) == json.loads(found(1)) != {}


def test_photographs_are_asked_about_beside_the_world(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--count", "1", "--topics", "kind", "largest", "count-0", "--photos", str(photos)]
    assert main([*command, "--split", "train", "--views", "1"]) == 0
    said = capsys.readouterr().out
    assert "photographs\n" in said
    assert "| kind of the largest thing, asked in words | photographs |" in said
    with pytest.raises(SystemExit):
        main([*command, "--split", "none"])


def test_of_photographs_only_the_main_kinds_are_headlines(photos: Path) -> None:
    eval_set = photo_eval_set(load_photos(photos, "train"))
    largest = [question for question in eval_set.questions if question.qa.topic == "largest"]
    assert [question.qa.answer for question in largest] == ["dog", "cat", "person", "sheep"]
    assert {question.style for question in eval_set.questions} == {"photo"}
