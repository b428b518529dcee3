"""The same edit to a folder: what is written, where masks say it, what a second run does."""

import json

import numpy as np
import pytest
from PIL import Image

from pipelines import shell
from pipelines.label import command, weights
from tests.pipelines.label.test_command import contents


@pytest.fixture
def photos(drawing, tmp_path):
    """Two drawings of one stem, one in a sub-folder, and a grey picture."""
    place = tmp_path / "photos"
    (place / "sub").mkdir(parents=True)
    drawing.save(place / "park.png")
    drawing.save(place / "park.bmp")
    drawing.save(place / "sub" / "park.png")
    noise = np.random.default_rng(0).integers(100, 150, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(place / "grey.png")
    return place


@pytest.fixture
def edit(monkeypatch, capsys, assistant):
    monkeypatch.setattr(shell, "load", lambda settings: assistant)
    names = {"model": "fake 1", "segmenter": "fake 2", "inpainter": "fake 3"}
    monkeypatch.setattr(weights, "weights_of", lambda settings: dict(names))

    def edit(*arguments):
        status = command.main([str(argument) for argument in arguments])
        return (status, *capsys.readouterr())

    return edit


@pytest.fixture
def masks(tmp_path):
    """Masks of the cup for two of the pictures, one named as labelling writes it."""
    place = tmp_path / "masks"
    place.mkdir()
    plane = np.zeros((200, 200), np.uint8)
    plane[80:140, 120:160] = 255
    for name in ("grey.png", "sub__park.png"):
        Image.fromarray(plane).save(place / name)
    return place


def lines(to):
    return [json.loads(line) for line in (to / "edits.jsonl").read_text("utf-8").splitlines()]


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def test_every_picture_is_edited_into_a_file_of_its_own(photos, edit, tmp_path):
    before, to = contents(photos), tmp_path / "clean"
    status, out, _ = edit(photos, "--edit", "remove the red ball", "--to", to)
    assert (status, out.splitlines()[0]) == (0, "4 changed, 0 left as they are")
    written = {row["file"]: row["picture"] for row in lines(to)}
    assert written == {
        "grey.png": "grey.png", "park.bmp": "park_bmp.png", "park.png": "park_png.png",
        "sub/park.png": "sub/park.png",
    }  # fmt: skip
    assert tuple(pixels(to / "sub/park.png")[100, 70]) != (220, 30, 30)
    assert lines(to)[0]["touched"]["size"] == [200, 200]
    assert contents(photos) == before


def test_masks_say_where_and_what_has_none_is_passed_over(photos, edit, masks, inpainter, tmp_path):
    to = tmp_path / "clean"
    status, out, err = edit(photos, "--edit", "remove the date stamp", "--masks", masks, "--to", to)
    assert (status, out.splitlines()[0]) == (0, "2 changed, 0 left as they are")
    assert err.count("there is no mask of its name") == 2
    changed = (pixels(to / "sub/park.png") != pixels(photos / "sub/park.png")).any(axis=2)
    assert changed[110, 140]
    assert not changed[:, :100].any()


def test_a_second_run_does_what_is_left(photos, edit, masks, inpainter, tmp_path):
    to = tmp_path / "clean"
    words = [photos, "--edit", "remove it", "--masks", masks, "--to", to]
    edit(*words)
    first, asked = contents(to), len(inpainter.asked)
    edit(*words)
    assert len(inpainter.asked) == asked
    (to / "grey.png").unlink()
    edit(*words)
    again = {name: data for name, data in contents(to).items() if "manifest" not in name}
    assert again == {name: data for name, data in first.items() if "manifest" not in name}
    # a changed mask is done again, a picture that went takes its result along
    asked = len(inpainter.asked)
    Image.fromarray(np.full((200, 200), 255, np.uint8)).save(masks / "grey.png")
    (photos / "sub" / "park.png").unlink()
    edit(*words)
    assert len(inpainter.asked) > asked
    assert not (to / "sub" / "park.png").exists()


def test_what_is_not_there_leaves_the_picture_as_it_is(photos, edit, tmp_path):
    to = tmp_path / "clean"
    status, out, _ = edit(photos, "--edit", "remove the purple elephant", "--to", to)
    assert (status, out.splitlines()[0]) == (0, "0 changed, 4 left as they are")
    assert not list(to.rglob("*.png"))


def test_a_mask_of_another_shape_is_said(photos, edit, masks, tmp_path):
    Image.new("L", (50, 90), 255).save(masks / "grey.png")
    status, _, err = edit(photos, "--edit", "remove it", "--masks", masks, "--to", tmp_path / "clean")
    assert status == 2
    assert "grey.png: edit: The mask is 50 x 90" in err
    assert (tmp_path / "clean" / "sub" / "park.png").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--edit", ""], "says nothing"),
        (["--edit", "what is this?"], "is no edit"),
        (["--edit", "find the ball"], "is no edit"),
        (["--edit", "blur the background", "--find", "cat"], "leave the options"),
        (["--edit", "blur the background", "--segment"], "leave the options"),
        (["--edit", "remove it", "--masks", "missing"], "no folder"),
        (["--edit", "remove it", "--masks", "other"], "No mask in"),
        (["--find", "cat", "--masks", "other"], "add --edit"),
        (["--find", "cat", "--invert"], "add --edit"),
    ],
)
def test_a_wrong_command_is_one_line_and_nothing_is_written(photos, edit, tmp_path, arguments, says):
    (tmp_path / "other").mkdir()
    arguments = [tmp_path / one if one in ("missing", "other") else one for one in arguments]
    before = contents(tmp_path)
    status, out, err = edit(photos, *arguments, "--to", tmp_path / "clean")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert contents(tmp_path) == before
