"""What the model card and the page are told, from figures made up here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.training.abilities_file import abilities
from model.training.card import main, photographs
from model.training.evaluate import Conditions, figures, load, make_eval_set
from model.training.families import FAMILIES
from model.training.measuring import Effort, Measurement, again, speed
from model.training.model_card import Training, is_there_f1, model_card
from model.training.promises import PROMISES
from model.training.questions import TOPICS
from pipelines.language import Vocabulary

CHECKPOINT = Path(__file__).parents[3] / "assets" / "sphinx-nano"
PACE = {"n": 3.0, "first_word_s": 0.25, "tokens_per_s": 80.0}
FOUND = {
    topic: {"n": 10.0, "exact": 0.9, "right": 0.9, "yes": 0.1, "boxed": 0.2, "none_right": 0.8, "hit": 0.5}
    for topic in TOPICS
}
FOUND |= {promise.topic: FOUND[promise.topic] | {promise.figure: 0.9} for promise in PROMISES}
FOUND["pose-several"]["oks"] = 0.4
FOUND["is-there-present"] = {"n": 10.0, "right": 0.8, "yes": 0.8}
FOUND |= {
    f"is-there-{absent}": {"n": 10.0, "right": 0.9, "yes": 0.1}
    for absent in ("absent", "near-miss", "kind-absent")
}


def test_what_is_below_its_promise_is_named_a_weakness() -> None:
    said = abilities(FOUND | {"chart": {"n": 10.0, "cells_share": 0.11}}, views=5)
    assert said["views"] == 5
    assert "Weak so far, by measurement: chart." in str(said["cannot"])
    assert "Weak" not in str(abilities(FOUND)["cannot"])


def test_what_is_made_up_is_told() -> None:
    assert "makes" not in str(abilities(FOUND)["cannot"])
    worse = FOUND | {"chart-absent": {"n": 10.0, "none_right": 0.4}}
    assert "a chart that is not there, it mostly makes one up" in str(abilities(worse)["cannot"])


def test_a_checkpoint_that_saw_photographs_says_which_kinds_it_knows_there() -> None:
    said = abilities(
        FOUND, photographs={"largest": {"n": 10.0, "exact": 0.7}}, photo_kinds=["person", "sheep"]
    )
    assert "never seen a photograph" not in str(said["of_photographs"])
    assert "named rightly in 70 %" in str(said["of_photographs"])
    assert said["kinds"]["photographs"] == ["person", "sheep"]  # type: ignore[index]
    assert "It knows person, sheep best." in str(said["photographs"])
    assert said["headlines"]["photographs: kind of the largest thing, asked in words"] == 0.7  # type: ignore[index]
    assert "never seen a photograph" in str(abilities(FOUND)["of_photographs"])


def test_f1_of_is_there_counts_both_kinds_of_question_alike() -> None:
    # of 10 present things 8 are affirmed, of 10 absent ones 1: precision 8 / 9, recall 8 / 10
    assert is_there_f1(FOUND, "is-there-absent") == pytest.approx(2 * (8 / 9) * 0.8 / (8 / 9 + 0.8))


def test_the_card_has_a_column_for_each_condition_and_a_dash_where_nothing_was_measured() -> None:
    measured = {"main": FOUND, "held-out pairs": FOUND, "one view": {"kind": {"n": 5.0, "exact": 0.5}}}
    found = Measurement(
        Effort(10, 10, 5),
        conditions=measured,
        by_kind={"dog": {"n": 12.0, "f1": 0.75}},
        noticed={"fresh scenes": {"n": 40.0, "noticed": 0.05}},
        speed=PACE,
    )
    text = model_card(found, Training(1, "a core", "None."))
    assert "| ability | measured as | all | held-out pairs | one view |" in text
    assert "| kind | exact | 90 % | 90 % | 50 % |" in text
    assert "| colour | exact | 90 % | 90 % | - |" in text
    assert "| pose-several | oks | 40 % | 40 % | - |" in text
    assert "after 0.25 s, then 80 tokens a second" in text
    assert "5 % of 40 fresh scenes" in text
    assert "| named by its kind alone | 0.84 | 20 % |" in text
    assert "| dog | 12 | 0.75 |" in text


def test_the_halves_by_style_make_up_the_whole() -> None:
    eval_set = make_eval_set(60_000_000, 6, ["kind"], Conditions())
    halves = [figures(e for e in eval_set.questions if e.style == style) for style in ("synthetic", "real")]
    assert (
        sum(half.get("kind", {"n": 0})["n"] for half in halves)
        == figures(eval_set.questions)["kind"]["n"]
        == 6
    )


def test_controls_ask_the_same_questions_about_the_same_pictures() -> None:
    eval_set = make_eval_set(60_000_000, 3, ["kind", "locate", "count-1"])
    for question in eval_set.questions:
        question.reply = "said"
    part = again(eval_set, 2, grey=True)
    assert [e.qa for e in part.questions if e.qa.topic == "kind"] == [
        e.qa for e in eval_set.questions if e.qa.topic == "kind"
    ][:2]
    assert {e.qa.topic for e in part.questions} == {"kind", "locate"}
    assert {e.reply for e in part.questions} == {""}
    assert len(np.unique(part.pictures[0])) == 1 < len(np.unique(eval_set.pictures[0]))


def test_a_folder_without_photographs_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "images" / "1.JPG")
    assert [file.name for file in photographs(tmp_path / "images")] == ["1.JPG"]
    with pytest.raises(SystemExit):
        main(["--minutes", "1", "--hardware", "a core", "--strangers", str(tmp_path)])
    assert "no .jpg in" in capsys.readouterr().err


def test_speed_is_of_a_picture_and_its_reply() -> None:
    model, processor = load(CHECKPOINT, "cpu")
    pace = speed(model, processor, Image.new("RGB", (300, 200), "white"), 1)
    assert 0 < pace["first_word_s"] < 60
    assert pace["tokens_per_s"] > 0


def test_a_few_scenes_give_a_card_that_can_be_written_again(tmp_path: Path, photos: Path) -> None:
    folder = tmp_path / "sphinx-nano"
    shutil.copytree(CHECKPOINT, folder)
    for written in ("README.md", "abilities.json", "figures.json", "familiarity.safetensors"):
        (folder / written).unlink()
    command = ["--checkpoint", str(folder), "--minutes", "1", "--hardware", "a core", "--views", "1"]
    assert main([*command, "--scenes", "1", "--fitted", "10", "--photos", str(photos), "--limit", "1"]) == 0
    assert (folder / "familiarity.safetensors").exists()
    said = json.loads((folder / "abilities.json").read_text())
    assert said["views"] == 1
    assert said["families"]["count"]["sources"] == ["world", "photographs"]
    assert Vocabulary.from_abilities(said).families == tuple(FAMILIES)
    texts = [(folder / name).read_text() for name in ("abilities.json", "README.md")]
    assert main([*command, "--rewrite"]) == 0
    assert [(folder / name).read_text() for name in ("abilities.json", "README.md")] == texts
