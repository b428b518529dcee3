"""The registry of abilities: a new row works on the page, in the shell and over HTTP."""

from __future__ import annotations

import json

import pytest

from app import actions, api, render
from app.limits import Limits
from app.startup import Startup
from model.prompts import Prompt
from pipelines import evaluate, gallery, shell
from pipelines.abilities import ABILITIES, Ability, ability_said, suggestions
from pipelines.interfaces import ReplyOptions
from pipelines.readings import read_list
from pipelines.scene import Timeline

FLAGS = Ability(
    "flags",
    "Count flags",
    "list the flags",
    chips=("List the flags",),
    prompt=Prompt("flags", "Name every flag in the image.", str, str),
    read=read_list,
    patterns=(r"(?:please )?list (?:all )?the flags",),
    picture="01-park",
    messages=("list the flags",),
    measures=("dense",),
)
FLAG = "<p>red flag</p>[0.25,0.40,0.45,0.60]"


@pytest.fixture
def flags(vlm, monkeypatch) -> Ability:
    """An ability of one row; and a model that knows it."""
    monkeypatch.setitem(ABILITIES, FLAGS.name, FLAGS)
    vlm.replies["every flag"] = FLAG
    return FLAGS


def test_a_new_row_works_on_the_page(assistant, flags, drawing):
    assert 'data-words="List the flags" data-send="1"' in render.chips(suggestions())
    assert "doubt" in render.chips({"List the flags": suggestions()["List the flags"]}, {"flags"})
    timeline = Timeline().push(assistant.open(drawing))
    *_, (timeline, *_) = actions.ask(assistant, timeline, "Please list the flags.", ReplyOptions())
    assert [region.label for region in timeline.scene.regions] == ["red flag"]
    assert render.chat(timeline.scene)[-1]["content"].startswith('<span class="region region-1')
    assert render.canvas(timeline.scene, assistant.path)["regions"][0]["label"] == "red flag"


def test_a_new_row_works_in_the_shell(assistant, flags, drawing, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pipelines.catalog.load", lambda settings: assistant)
    drawing.save(tmp_path / "picture.png")
    assert shell.main([str(tmp_path / "picture.png"), "list the flags", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [region["label"] for region in said["regions"]] == ["red flag"]
    with pytest.raises(SystemExit):
        shell.main(["--help"])
    assert "Count flags: “list the flags”" in capsys.readouterr().out


def test_a_new_row_works_over_http(assistant, flags, drawing, tmp_path):
    drawing.save(tmp_path / "picture.png")
    endpoints = api.Endpoints(Startup(lambda: assistant, "fake").run(), Limits())
    said = endpoints.ask(str(tmp_path / "picture.png"), "list the flags")
    assert said["text"] == "red flag (#1)"
    assert "Count flags: “list the flags”" in str(api.with_examples(endpoints.ask).__doc__)


def test_a_new_row_is_in_the_gallery_and_the_evaluation(assistant, flags):
    picture, text, correction = gallery.show(assistant, flags)
    assert picture.width == gallery.WIDTH
    assert (text, correction) == ("red flag (#1)", "")
    assert evaluate.measures_of(["flags"]) == ("dense",)
    with pytest.raises(ValueError, match="no measure judges chart"):
        evaluate.measures_of(["chart"])


def test_rows_hold_together():
    for name, ability in ABILITIES.items():
        assert ability.name == name
        assert set(ability.needs) <= set(ABILITIES)
        assert set(ability.measures) <= set(evaluate.MEASURES)
        assert (gallery.EXAMPLES / f"{ability.picture}.png").exists()
    assert ability_said("list the flags") is None
    with pytest.raises(ValueError, match="no sentence"):
        ABILITIES["segment"].fill()
