"""A folder becomes a data set: what is found, what a second run does, and what is refused in one line."""

import json
import os
import shutil

import pytest
from PIL import Image

from pipelines.label.manifest import NAME
from tests.pipelines.label.conftest import picture


def rows(to):
    return [json.loads(line) for line in (to / "jsonl" / "labels.jsonl").read_text("utf-8").splitlines()]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_picture_has_a_line(folder, label, tmp_path):
    before = contents(folder)
    to = tmp_path / "set"
    status, out, err = label(
        folder, "--find", "cup", "--find", "toy=a red ball", "--segment", "--describe", "--to", to,
        "--format", "jsonl",
    )  # fmt: skip
    assert status == 0
    assert "5 pictures" in out
    assert "passed over: broken.jpg: The file holds text" in err
    found = rows(to)
    assert [row["file"] for row in found] == [
        "a.png", "b.png", "one/a.png", "one/c.bmp", "two/a.png", "broken.jpg",
    ]  # fmt: skip
    assert [region["label"] for region in found[0]["regions"]] == ["cup", "toy"]
    assert found[1]["regions"] == []
    assert found[2]["caption"] == "A picture of 150."
    assert found[0]["regions"][0]["mask"]["size"] == [48, 64]
    assert "error" in found[5]
    assert contents(folder) == before


def test_a_second_run_asks_nothing_and_a_changed_phrase_is_asked_alone(folder, label, tmp_path):
    to = tmp_path / "set"
    words = [folder, "--find", "cup", "--find", "toy=ball", "--to", to, "--format", "jsonl"]
    label(*words)
    first, asked = rows(to), len(label.asked())
    assert asked
    label(*words)
    assert len(label.asked()) == asked
    assert rows(to) == first
    words[4] = "toy=red ball"
    label(*words)
    new = label.asked()[asked:]
    assert new
    assert all("red ball" in question for question in new)
    assert rows(to)[0]["regions"][0] == first[0]["regions"][0]
    # back to the first phrase: that was found already
    words[4] = "toy=ball"
    label(*words)
    assert label.asked()[asked:] == new
    assert rows(to) == first


def test_other_weights_do_all_again_and_only_what_they_answer(folder, label, tmp_path):
    words = [folder, "--find", "cup", "--describe", "--segment", "--to", tmp_path / "set"]
    label(*words)
    asked = label.asked()
    label.names["segmenter"] = "fake 9"
    label(*words)
    again = label.asked()[len(asked) :]
    assert sorted(again) == sorted(one for one in asked if "one-sentence" not in one)


def test_what_went_is_removed_and_what_came_or_changed_is_done(folder, label, tmp_path):
    to = tmp_path / "set"
    words = [folder, "--find", "cup", "--to", to, "--format", "jsonl", "yolo"]
    label(*words)
    first, asked = rows(to), len(label.asked())
    (folder / "two" / "a.png").unlink()
    picture(40).save(folder / "new.png")
    picture(250).save(folder / "a.png")
    os.utime(folder / "one" / "a.png")  # touched, but the same
    (folder / "broken.jpg").unlink()
    label(*words)
    found = {row["file"]: row for row in rows(to)}
    assert set(found) == {"a.png", "b.png", "one/a.png", "one/c.bmp", "new.png"}
    assert found["a.png"]["regions"] != first[0]["regions"]
    assert len(label.asked()) == asked + 2
    names = {path.stem for path in (to / "yolo" / "labels" / "train").iterdir()}
    assert names == {"a", "b", "one__a", "one__c", "new"}


def test_a_format_that_was_written_before_is_kept_up(folder, label, tmp_path):
    to = tmp_path / "set"
    label(folder, "--find", "cup", "--to", to, "--format", "jsonl", "coco")
    picture(40).save(folder / "new.png")
    label(folder, "--find", "cup", "--to", to, "--format", "jsonl")
    images = json.loads((to / "coco" / "instances.json").read_text("utf-8"))["images"]
    assert "new.png" in [image["file_name"] for image in images]


def test_everything_names_its_own_classes(folder, label, tmp_path):
    to = tmp_path / "set"
    assert label(folder, "--everything", "--to", to, "--format", "jsonl")[0] == 0
    assert rows(to)[0]["regions"]


def test_struck_out_is_left_out_and_can_be_taken_back(folder, label, tmp_path):
    to = tmp_path / "set"
    words = [folder, "--find", "cup", "--to", to, "--format", "jsonl"]
    label(*words)
    box = rows(to)[0]["regions"][0]["box"]
    (to / "struck.json").write_text(json.dumps([["a.png", "cup", box]]))
    label(*words)
    assert rows(to)[0]["regions"] == []
    assert rows(to)[2]["regions"]
    assert '"struck":[["a.png","cup",' in (to / "index.html").read_text("utf-8")
    (to / "struck.json").unlink()
    label(*words)
    assert rows(to)[0]["regions"]


def test_classes_from_yaml(folder, label, tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text("cup:\ntoy: [a red ball, a blue ball]\nbox: a box\n")
    to = tmp_path / "set"
    assert label(folder, "--classes", path, "--to", to, "--format", "coco")[0] == 0
    categories = json.loads((to / "coco" / "instances.json").read_text("utf-8"))["categories"]
    assert [one["name"] for one in categories] == ["cup", "toy", "box"]


def test_splits_are_exact_and_the_same_again(tmp_path, label):
    place = tmp_path / "photos"
    place.mkdir()
    for number in range(20):
        picture(number * 10).save(place / f"{number:02}.png")
    names = []
    for to in (tmp_path / "one", tmp_path / "two"):
        label(place, "--find", "cup", "--to", to, "--format", "coco", "--split", ".8,.1,.1", "--seed", 3)
        names.append({
            path.name: [row["file_name"] for row in json.loads(path.read_text("utf-8"))["images"]]
            for path in (to / "coco").iterdir()
        })  # fmt: skip
    assert names[0] == names[1]
    assert {name: len(found) for name, found in names[0].items()} == {
        "instances_train.json": 16, "instances_val.json": 2, "instances_test.json": 2,
    }  # fmt: skip
    assert len({name for found in names[0].values() for name in found}) == 20


def test_a_data_set_inside_the_folder_is_not_labelled_itself(folder, label):
    to = folder / "set"
    for _ in range(2):
        label(folder, "--find", "cup", "--to", to, "--format", "yolo", "jsonl")
    assert len(rows(to)) == 6


YAML = {
    "text": "just words",
    "list of numbers": "- 1\n- 2\n",
    "nothing": "",
    "broken": "a: [b",
    "tabs": "a:\n\t- b",
    "nested": "a: {b: c}",
    "number as phrase": "a: 3",
    "number as name": "3: cat",
    "empty list": "a: []",
    "object": "!!python/object/apply:os.system ['true']",
    "no text": b"\xff\xfe\x00",
    "alike": "Cat: cat\ncat: cat\n",
    "long": f"{'x' * 200}: cat",
}
WRONG = [
    ([], "nothing to look for"),
    (["--find", ""], "a name and a phrase"),
    (["--find", "=cat"], "a name and a phrase"),
    (["--find", "cat="], "a name and a phrase"),
    (["--find", "cat", "--find", "Cat"], "capitals"),
    (["--find", "x" * 200], "too long"),
    (["--find", "a\x07b"], "no text"),
    (["--find", "cat", "--everything"], "leave --find"),
    (["--find", "cat", "--pose"], "people"),
    (["--describe", "--pose"], "people"),
    (["--find", "cat", "--format", "masks"], "add --segment"),
    (["--find", "cat", "--format", "csv"], "invalid choice"),
    (["--find", "cat", "--split", "1"], "no split"),
    (["--find", "cat", "--split", ".8,.3"], "no split"),
    (["--find", "cat", "--split", "a,b"], "no split"),
    (["--find", "cat", "--split", ".5,.5,0"], "no split"),
    (["--find", "cat", "--split", "nan,.5"], "no split"),
    (["--find", "cat", "--at-once", "0"], "not in 1"),
    (["--find", "cat", "--seed", "-1"], "not in 0"),
    (["--find", "cat", "--classes", "missing.yaml"], "no file"),
    *((["--classes", name], "") for name in YAML),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG)
def test_a_wrong_command_is_one_line_and_nothing_is_written(folder, label, tmp_path, arguments, says):
    if arguments[:1] == ["--classes"]:
        text = YAML[arguments[1]]
        path = tmp_path / "classes.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        arguments = ["--classes", path]
    to = tmp_path / "set"
    before = contents(tmp_path)
    status, out, err = label(folder, *arguments, "--to", to)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert says in err
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "wrong", ["missing", "file", "empty", "to is the folder", "to holds something", "to is a file"]
)
def test_a_wrong_folder_is_one_line_and_nothing_is_written(folder, label, tmp_path, wrong):
    place, to = folder, tmp_path / "set"
    if wrong == "missing":
        place = tmp_path / "none"
    elif wrong == "file":
        place = folder / "a.png"
    elif wrong == "empty":
        place = tmp_path / "empty"
        place.mkdir()
    elif wrong == "to is the folder":
        to = folder
    elif wrong == "to is a file":
        to.write_text("mine")
    else:
        to.mkdir()
        (to / "mine.txt").write_text("mine")
    before = contents(tmp_path)
    status, out, err = label(place, "--find", "cat", "--to", to)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("data", [b"", b"no base" * 200, b"[]"])
def test_a_manifest_that_is_none_is_refused(folder, label, tmp_path, data):
    to = tmp_path / "set"
    to.mkdir()
    (to / NAME).write_bytes(data)
    status, _, err = label(folder, "--find", "cat", "--to", to)
    if data:
        assert (status, err.count("\n")) == (2, 1)
        assert "no manifest" in err
        assert (to / NAME).read_bytes() == data


@pytest.mark.parametrize("text", ["{", "3", '{"a": 1}', "[1]", '[["a", "b"]]', '[["a", "b", "c"]]'])
def test_a_broken_list_of_what_is_struck_out_is_refused(folder, label, tmp_path, text):
    to = tmp_path / "set"
    label(folder, "--find", "cat", "--to", to)
    (to / "struck.json").write_text(text)
    status, _, err = label(folder, "--find", "cat", "--to", to)
    assert (status, err.count("\n")) == (2, 1)
    assert "struck out" in err


def test_other_files_of_one_stem_do_not_collide(tmp_path, label):
    place, to = tmp_path / "photos", tmp_path / "set"
    (place / "a").mkdir(parents=True)
    for name in ("x.png", "x.bmp", "x.webp", "a__y.png", "a/y.png", "X_png.png"):
        picture(100).save(place / name)
    shutil.copy(place / "x.png", place / "a" / "x.png")
    Image.new("RGB", (8, 8)).save(place / "turned.jpg", exif=turned())
    label(place, "--find", "cup", "--segment", "--to", to, "--format", "yolo", "voc", "masks")
    for part in ("yolo/images/train", "yolo/labels/train", "voc/JPEGImages", "voc/Annotations"):
        assert len({path.stem.casefold() for path in (to / part).iterdir()}) == 8
    assert len(list((to / "masks").glob("*.png"))) == 8
    assert (to / "yolo/images/train/turned.png").exists()  # upright, whatever reads it


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()
