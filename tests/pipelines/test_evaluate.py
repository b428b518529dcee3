"""The measure itself: an assistant that knows the truth scores high, one that knows nothing scores low."""

import json

import numpy as np
import pytest
from PIL import Image

from model.replies import write_box
from model.training.world import draw
from pipelines import evaluate as chain
from pipelines.scene import COCO_JOINTS, Box, Keypoint, Mask, Point, Region


@pytest.fixture
def seeing(assistant, vlm, segmenter, monkeypatch):
    """The assistant whose vision-language model and segmenter look into the truth of the scene."""
    truths = {}

    def known(seed, **options):
        array, truth = draw(seed, **options)
        truths[assistant.pictures.add(Image.fromarray(array)).digest] = truth
        return array, truth

    def square(box):
        return tuple(value / 256 for value in box)

    def stream(image, digest, turns, question, *, options):
        truth = truths.get(digest)
        named = [thing for thing in truth.things if f": {thing.phrase}." in question] if truth else []
        if "Detect all regions" in question and truth:
            yield ", ".join(f"<p>{t.phrase}</p>{write_box(square(t.box))}" for t in truth.things)
        elif named:
            yield write_box(square(named[0].box))
        else:
            yield "There is nothing in the image."

    def outline(image, digest, *, box=None, clicks=(), confined=True, neighbours=()):
        for thing in truths[digest].things:
            if box and chain.box_of(thing).iou(box) > 0.7:
                return ((Mask.from_array(chain.outline(thing, image.size)), 1.0),)
        plane = np.zeros((image.height, image.width), bool)
        if box:
            plane[box.y1 : box.y2, box.x1 : box.x2] = True
        return ((Mask.from_array(plane), 0.5),)

    monkeypatch.setattr("model.training.world.draw", known)
    vlm.stream = stream
    segmenter.outline = outline
    return assistant


def test_who_knows_the_truth_scores_high(seeing):
    found = chain.evaluate(seeing, count=4, measures=("phrases", "absent", "dense"))
    assert found["phrase to mask, mean IoU"]["mean"] > 0.9
    assert found["true box to mask, mean IoU"]["mean"] > 0.9
    assert found["absent thing gets a box"]["mean"] == 0
    assert found["dense captions, F1"]["mean"] > 0.8


def test_scenes_together_give_the_same_figures(seeing):
    measures = ("phrases", "dense", "kinds")
    assert chain.evaluate(seeing, count=4, measures=measures, at_once=3) == chain.evaluate(
        seeing, count=4, measures=measures
    )


def test_who_knows_nothing_scores_low(assistant):
    found = chain.evaluate(assistant, count=4)
    assert found["phrase to mask, mean IoU"]["mean"] < 0.4
    assert found["absent thing gets a box"]["mean"] == 1
    assert found["dense captions, F1"]["mean"] < 0.3
    assert found["pose, mean OKS"]["mean"] < 0.4
    assert found["remove: pixels outside changed"]["mean"] == 0
    assert found["remove: colour gone from the pixels"]["n"] >= 3
    # the fake segmenter sees ellipses everywhere, whatever was painted
    assert found["replace: outline as wished, of 4 kinds"]["mean"] < 0.8
    assert found["replace: outline as wished, of 4 kinds"]["n"] == found["recolour: named as wished"]["n"]


def test_training_seeds_are_refused(assistant):
    with pytest.raises(ValueError, match="training"):
        chain.evaluate(assistant, seed=5, count=1)


def test_perfect_joints_score_one():
    _, truth = draw(60_000_000, kind="people")
    person = next(thing for thing in truth.things if thing.keypoints)
    assert person.keypoints
    joints = tuple(
        Keypoint(n, Point(round(x), round(y)), 2) for n, (x, y, _) in zip(COCO_JOINTS, person.keypoints)
    )
    assert chain.oks(Region(1, "person", Box(0, 0, 9, 9), keypoints=joints), person) > 0.9
    assert chain.oks(Region(1, "person", Box(0, 0, 9, 9)), person) == 0


def test_colours_are_judged_from_the_pixels():
    image = Image.new("RGB", (20, 20), (214, 40, 40))
    assert chain.nearest_colour(chain.colour_seen(image, np.ones((20, 20), bool))) == "red"


def test_outlines_are_judged_by_their_shape():
    right: dict[str, list[bool]] = {kind: [] for kind in chain.WISHED_KINDS}
    for i in range(60):
        array, truth = draw(60_000_000 + i, kind=chain.SCENES[i % len(chain.SCENES)])
        for thing in truth.things:
            if thing.kind in right and thing.visible > 0.95:
                plane = chain.outline(thing, (array.shape[1], array.shape[0]))
                right[thing.kind].append(chain.nearest_kind(plane, chain.WISHED_KINDS) == thing.kind)
    assert all(len(hits) >= 4 and np.mean(hits) >= 0.75 for hits in right.values()), right


def test_the_command(assistant, monkeypatch, capsys):
    monkeypatch.setattr(chain, "load", lambda settings: assistant)
    assert chain.main(["--count", "1", "--measures", "absent", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["figures"]["absent thing gets a box"]["n"] == 1
    assert chain.main(["--seed", "5"]) == 2


def test_the_command_writes_a_sheet_of_edits(assistant, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(chain, "load", lambda settings: assistant)
    path = tmp_path / "sheet.png"
    assert chain.main(["--count", "2", "--measures", "edits", "--sheet", str(path)]) == 0
    with Image.open(path) as page:
        assert page.width == chain.SHEET_ROW * (2 * chain.SHEET_SIDE + 12)
        assert np.asarray(page).std() > 10
    capsys.readouterr()
