"""The shell command over the fakes: the JSON object, folders, files written, and bad input in one line."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from pipelines import shell
from pipelines.catalog import ASSETS
from pipelines.draw import colour, draw
from tests.pipelines.test_masks import SIZE as SIZE_OF_MASKS
from tests.pipelines.test_masks import WRONG as WRONG_MASKS


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


def test_the_json_of_an_edit_says_what_it_may_have_touched(shelled, park, capsys):
    answer = json.loads(run(capsys, park, "remove the red ball", "--json")[1])
    touched = coco.decode(answer["touched"]).astype(bool)
    before, after = np.asarray(Image.open(park).convert("RGB")), np.asarray(Image.open(answer["picture"]))
    changed = (before != after).any(axis=2)
    assert changed.any()
    assert not (changed & ~touched).any()
    assert json.loads(run(capsys, park, "segment the red ball", "--json")[1])["touched"] is None


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
    assert (region["id"], region["label"], region["box"]) == (1, "red ball", [50, 80, 90, 120])
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
    assert "#1 red ball: 50,80 to 90,120" in out


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
        (("{park}", "find the red ball", "--save", "/nowhere/at/all.png"), "no folder /nowhere/at"),
        (("{park}", "find the red ball", "--save", "out.gif"), "end in .png"),
        (("{park}", "find the red ball", "--save", "{park}"), "would be lost"),
        (("{park}", "hello", "--seed", "9223372036854775808"), "not in 0 to"),
        (("{park}", "hello", "--seed", "9" * 5000), "not in 0 to"),
        (("a" * 300 + ".png", "hello"), "cannot be read"),
        (("{park}", "hello", "--session", "out.txt"), "name a .zip"),
        (("{empty}/..", "hello", "--session", "out.zip"), "one picture"),
        (("{park}", "hello", "--mask", "{text}"), "text, not a picture"),
        (("{park}", "--box", "1,2,3,1" + "0" * 400), "not in"),
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
    assert len({colour(i) for i in range(1, 11)}) == 10
    tiny = assistant.open(Image.new("RGB", (1, 1)))
    assert draw(Image.new("RGB", (1, 1)), assistant.answer(tiny, "find the red ball")).size == (1, 1)


# --- several messages, sessions, masks, and what is written where --------------------------------------


def test_several_messages_are_one_conversation(shelled, park, capsys):
    status, out, _ = run(capsys, park, "find the red ball", "segment it", "remove #1", "--json")
    found, outlined, removed = json.loads(out)
    assert status == 0
    assert (found["regions"][0]["mask"], found["picture"]) == (None, None)
    assert outlined["regions"][0]["mask"]
    assert outlined["picture"] is None
    assert removed["regions"] == []
    assert Image.open(removed["picture"]).getpixel((70, 100)) == (128, 128, 128)


def test_a_session_is_written_and_gone_on_with(shelled, park, capsys, tmp_path):
    visit = tmp_path / "visit.zip"
    run(capsys, park, "find the red ball", "--session", visit)
    status, out, _ = run(capsys, visit, "segment #1", "find the blue cup", "--json", "--session", visit)
    assert status == 0
    assert [region["label"] for region in json.loads(out)[1]["regions"]] == ["red ball", "blue cup"]
    assert json.loads(out)[0]["regions"][0]["mask"]
    status, _, err = run(capsys, __file__, "hello")
    assert (status, "text" in err) == (2, True)
    (tmp_path / "broken.zip").write_bytes(visit.read_bytes()[:500])
    assert run(capsys, tmp_path / "broken.zip", "hello")[0] == 2


def test_a_mask_is_a_region(shelled, park, capsys, tmp_path):
    plane = np.zeros((400, 400), np.uint8)  # twice the picture's size
    plane[160:240, 100:180] = 255
    Image.fromarray(plane).save(tmp_path / "mask.png")
    answer = json.loads(run(capsys, park, "--mask", tmp_path / "mask.png", "--json")[1])
    assert answer["regions"][0]["box"] == [50, 80, 90, 120]
    _, out, _ = run(capsys, park, "remove #1", "--mask", tmp_path / "mask.png", "--json")
    assert Image.open(json.loads(out)["picture"]).getpixel((70, 100)) == (128, 128, 128)
    answer = json.loads(run(capsys, park, "--mask", tmp_path / "mask.png", "--invert", "--json")[1])
    assert coco.decode(answer["regions"][0]["mask"]).sum() == 200 * 200 - 40 * 40


@pytest.mark.parametrize("number", range(len(WRONG_MASKS)))
def test_a_wrong_mask_is_one_line_and_nothing_is_written(shelled, capsys, tmp_path, number):
    place = tmp_path / "place"
    place.mkdir()
    Image.new("RGB", SIZE_OF_MASKS, "teal").save(place / "picture.png")
    (place / "mask.png").write_bytes(WRONG_MASKS[number][0])
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    status, out, err = run(
        capsys, place / "picture.png", "remove #1", "--mask", place / "mask.png", "--save",
        place / "drawn.png", "--session", place / "visit.zip",
    )  # fmt: skip
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_nothing_is_overwritten_and_nothing_fed_back(shelled, drawing, capsys, tmp_path):
    folder = tmp_path / "holidays"
    folder.mkdir()
    drawing.save(folder / "holiday.jpg", quality=95)
    drawing.save(folder / "holiday.png")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for _ in range(2):
        for name in ("holiday.jpg", "holiday.png"):
            run(capsys, folder / name, "remove the red ball")
    assert len(list(folder.glob("holiday-edited*.png"))) == 4
    for number in ("", "-2"):
        rows = [json.loads(line) for line in run(capsys, folder, "remove the red ball")[1].splitlines()]
        assert [row["file"] for row in rows] == ["holiday.jpg", "holiday.png"]
        assert [row["picture"] for row in rows] == [
            str(folder / f"edited{number}" / name) for name in ("holiday.jpg.png", "holiday.png.png")
        ]
    assert all(path.read_bytes() == data for path, data in before.items())
    status, _, err = run(capsys, folder, "find the red ball", "--save", folder)
    assert (status, "itself" in err) == (2, True)


def test_output_names_never_collide(tmp_path):
    names = ["a.png", "A.jpg", "a.jpg", "a.jpg.webp", "b.tif", "A.JPG"]
    given = [tmp_path / name for name in names]
    named = [name.casefold() for name in shell.output_names(given).values()]
    assert len(set(named)) == len(names)


@pytest.mark.parametrize(
    ("suffix", "lossless"), [("png", True), ("webp", True), ("tif", True), ("jpg", False)]
)
def test_what_is_not_edited_is_kept(shelled, capsys, tmp_path, suffix, lossless):
    noise = Image.effect_noise((200, 200), 80).convert("RGB")
    noise.save(tmp_path / "noise.png")
    answer = json.loads(
        run(
            capsys,
            tmp_path / "noise.png",
            "remove the red ball",
            "--json",
            "--save",
            tmp_path / f"o.{suffix}",
        )[1]
    )
    change = np.abs(np.asarray(Image.open(answer["picture"]).convert("RGB"), int) - np.asarray(noise, int))
    outside = change[:, 110:]
    assert (outside.max() == 0) if lossless else (0 < outside.mean() < 4)
    assert any("JPEG" in notice for notice in answer["notices"]) != lossless


def test_a_pipe_that_is_closed_is_no_fault(shelled, park, monkeypatch, tmp_path):
    class Closed:
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            return target.fileno()

    with (tmp_path / "stdout").open("w") as target:
        monkeypatch.setattr(shell.sys, "stdout", Closed())
        assert shell.main([str(park), "find the red ball"]) == 0


def test_weights_that_are_broken_are_one_line(park, capsys, monkeypatch):
    def load(settings):
        raise RuntimeError("Error while deserializing header: incomplete metadata\nfile not fully covered")

    monkeypatch.setattr("pipelines.catalog.load", load)
    status, out, err = run(capsys, park, "hello")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "incomplete metadata" in err


DAMAGED = {
    "a truncated shard": ("--model", "sphinx-nano", "model-00001-of-00003.safetensors", 100_000),
    "an empty tokenizer": ("--model", "sphinx-nano", "tokenizer.model", 0),
    "truncated weights of the segmenter": ("--segmenter", "sam-nano", "model.safetensors", 1000),
    "empty weights of the inpainter": (
        "--inpainter",
        "diffusion-nano",
        "unet/diffusion_pytorch_model.safetensors",
        0,
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_of_the_models_are_one_line(park, capsys, tmp_path, damage):
    option, name, file, left = DAMAGED[damage]
    folder = tmp_path / name
    shutil.copytree(ASSETS / name, folder)
    (folder / file).write_bytes((ASSETS / name / file).read_bytes()[:left])
    status, out, err = run(capsys, park, "hello", option, folder)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert name in err
    assert "cannot be loaded" in err or "no inpainting pipeline" in err
    assert "Traceback" not in err


def test_the_environment_sets_options(shelled, park, capsys, monkeypatch):
    monkeypatch.setenv("SPHINX_MODEL", "sphinx-tiny")
    run(capsys, park, "hello")
    run(capsys, park, "hello", "--model", "sphinx-1k")
    assert [settings.model for settings in shelled] == ["sphinx-tiny", "sphinx-1k"]
    monkeypatch.setenv("SPHINX_SEED", "many")
    assert run(capsys, park, "hello")[0] == 2
