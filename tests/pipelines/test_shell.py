"""The shell command over the fakes: the JSON object, folders, files written, and bad input in one line."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

import pipelines.__main__ as shell
from pipelines.draw import colour, draw


@pytest.fixture
def shelled(assistant, monkeypatch):
    loaded = []

    def load(settings):
        loaded.append(settings)
        return assistant

    monkeypatch.setattr(shell, "load", load)
    return loaded


@pytest.fixture
def park(drawing, tmp_path):
    path = tmp_path / "park.png"
    drawing.save(path)
    return path


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    status = shell.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_the_json_object(shelled, park, capsys):
    status, out, err = run(
        capsys, park, "segment the red ball", "--json", "--seed", 5, "--model", "sphinx-1k"
    )
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert set(answer) >= {"model", "text", "raw", "table", "regions", "picture", "seconds"}
    assert answer["model"] == "fake-sphinx"
    assert answer["text"] == "Here is the red ball (#1)."
    assert answer["raw"] == "[0.25,0.40,0.45,0.60]"
    assert answer["table"] is None
    assert answer["picture"] is None
    (region,) = answer["regions"]
    assert set(region) == {"id", "label", "box", "mask", "keypoints", "score", "note"}
    assert (region["id"], region["label"], region["box"]) == (1, "red ball", [48, 78, 92, 122])
    plane = coco.decode(region["mask"])
    assert plane.shape == (200, 200)
    assert plane[100, 70]
    assert isinstance(region["mask"]["counts"], str)
    assert shelled[0].model == "sphinx-1k"


def test_joints_and_tables(shelled, park, capsys):
    answer = json.loads(run(capsys, park, "pose of everyone", "--json")[1])
    assert answer["regions"][0]["keypoints"][0] == [70, 90, 2]
    assert len(answer["regions"][0]["keypoints"]) == 17
    answer = json.loads(run(capsys, park, "convert the chart to a table", "--json")[1])
    assert answer["table"][0] == ["fruit", "count"]


def test_clicks_and_boxes(shelled, segmenter, park, capsys):
    answer = json.loads(run(capsys, park, "--click", "70,100", "--click", "80,100", "--json")[1])
    assert len(answer["regions"]) == 1
    assert [click.point for click in segmenter.asked[-1][1]] == [(70, 100), (80, 100)]
    answer = json.loads(run(capsys, park, "what is this?", "--box", "50,80,90,120", "--json")[1])
    assert answer["text"] == "#1: red ball"
    assert answer["regions"][0]["mask"]


def test_pixels_are_those_after_rotation(shelled, drawing, tmp_path, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6
    drawing.crop((0, 0, 200, 100)).save(tmp_path / "turned.jpg", exif=exif)
    answer = json.loads(run(capsys, tmp_path / "turned.jpg", "find the red ball", "--json")[1])
    assert answer["regions"][0]["box"] == [0, 80, 40, 120]  # of 100 x 200


def test_what_is_written(shelled, park, drawing, tmp_path, capsys):
    run(capsys, park, "segment the red ball", "--save", tmp_path / "out.png")
    drawn = np.asarray(Image.open(tmp_path / "out.png"))
    assert (drawn != np.asarray(drawing)).any()
    answer = json.loads(run(capsys, park, "remove the red ball", "--json")[1])
    assert answer["picture"] == str(park.with_name("park-edited.png"))
    assert Image.open(answer["picture"]).getpixel((70, 100)) == (128, 128, 128)


def test_words_for_people(shelled, park, capsys):
    status, out, _ = run(capsys, park, "segment the red ball")
    assert status == 0
    assert "Here is the red ball" in out
    assert "#1 red ball: 48,78 to 92,122" in out


def test_a_folder_gives_lines(shelled, park, capsys, tmp_path):
    (tmp_path / "b.png").write_text("no picture")
    (tmp_path / "notes.txt").write_text("not looked at")
    status, out, err = run(capsys, tmp_path, "find the red ball", "--save", tmp_path / "out")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [row["file"] for row in rows] == ["b.png", "park.png"]
    assert "text" in rows[0]["error"]
    assert rows[1]["regions"][0]["label"] == "red ball"
    assert "2/2" in err
    assert (tmp_path / "out" / "park.png").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("missing.png", "hello"), "no file"),
        (("{text}", "hello"), "text, not a picture"),
        (("{park}", "segment #9"), "no #9"),
        (("{park}", "--click", "1"), "whole numbers"),
        (("{park}", "--click", "a,b"), "whole number"),
        (("{park}", "--click", "900,900"), "outside"),
        (("{park}", "--box", "300,300,400,400"), "nothing of the picture"),
        (("{park}", "hello", "--seed", "x"), "--seed"),
        (("{park}", "hello", "--colour"), "--colour"),
        ((), "picture"),
        (("{empty}", "hello"), "no picture in"),
        (("{park}", "find the red ball", "--save", "/nowhere/at/all.png"), "cannot be written"),
    ],
)
def test_bad_input_is_one_line_and_status_2(shelled, park, tmp_path, capsys, arguments, says):
    (tmp_path / "text.png").write_text("this is text")
    (tmp_path / "empty").mkdir()
    places = {"park": park, "text": tmp_path / "text.png", "empty": tmp_path / "empty"}
    status, out, err = run(capsys, *(argument.format(**places) for argument in arguments))
    assert (status, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_missing_weights_are_explained(park, capsys):
    status, out, err = run(capsys, park, "hello", "--model", "no-such-model")
    assert (status, out) == (2, "")
    assert "no checkpoint no-such-model" in err


def test_drawing_every_kind_of_region(assistant, drawing):
    scene = assistant.answer(assistant.open(drawing), "segment the red ball")
    scene = assistant.answer(scene, "pose of everyone")
    drawn = draw(drawing, scene)
    assert drawn.size == drawing.size
    assert np.asarray(drawing)[100, 70].tolist() == [220, 30, 30]
    assert draw(drawing, assistant.open(drawing)).tobytes() == drawing.tobytes()
    assert len({colour(i) for i in range(1, 30)}) == 29
    tiny = assistant.open(Image.new("RGB", (1, 1)))
    assert draw(Image.new("RGB", (1, 1)), assistant.answer(tiny, "find the red ball")).size == (1, 1)
