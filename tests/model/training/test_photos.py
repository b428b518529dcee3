"""Photographs of a folder: read as labelled, varied with exact truth, and asked about without doubt."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.prompts import JOINTS, PROMPTS, Found, Group
from model.training.dense import CLASSES, IGNORED, UNKNOWN, dense_targets
from model.training.photos import PhotoLibrary, PhotoSource, load_photos
from model.training.photos.collage import collage, cuttable
from model.training.photos.colours import plain_colour
from model.training.photos.dense_evaluate import best_f1, cells_of
from model.training.photos.source import MOST_OFTEN, photo_weights
from model.training.photos.vary import SIDE, View, random_view, see, whole_view
from model.training.photos.wording import photo_caption, unique_names
from model.training.question_generator import QuestionGenerator
from model.training.questions import eval_question, questions
from model.training.scoring import iou, score
from model.training.world.truth import Thing

WHOLE = (0.0, 0.0, 1.0, 1.0)
KIND = 0  # row of DenseTargets.classes


@pytest.fixture(scope="module")
def source(photos: Path) -> PhotoSource:
    return PhotoSource(load_photos(photos, "train"))


def thing(kind: str, x: float, y: float, w: float = 40, h: float = 40, colour: str | None = None) -> Thing:
    return Thing(kind, kind, colour, None, None, (x, y, x + w, y + h), ())


# --- what is read --------------------------------------------------------------------------------------


def test_the_labels_of_a_split_are_read(photos: Path, source: PhotoSource) -> None:
    assert len(source.library) == 4
    assert len(load_photos(photos, "val")) == 1
    first, second, third, fourth = source.library.photos
    assert [thing.kind for thing in first.things] == ["dog", "dog", "car"]
    assert "cow" in first.known
    assert third.known == ()
    assert not second.things[1].clear
    assert first.things[0].colour == "black"
    assert first.things[2].colour == "red"
    assert first.things[1].colour is None  # no outline
    joints = third.things[0].points
    assert joints is not None
    assert joints[JOINTS.index("left wrist")] == (130, 80, 2)
    assert joints[JOINTS.index("left ankle")][2] == 0
    assert "umbrella" in fourth.known


def test_a_rarer_kind_is_shown_more_often(source: PhotoSource) -> None:
    common, rare = source.library.photos[0], source.library.photos[1]
    rare = replace(rare, things=(replace(common.things[0], kind="bus"),))
    library = PhotoLibrary([common] * 16 + [rare], [source.library.pixels[0]] * 17)
    weights = photo_weights(library)
    assert weights[0] == 1
    assert weights[-1] == MOST_OFTEN  # the root of 16 is more
    rng = random.Random(1)
    drawn = [PhotoSource(library).pick(rng) for _ in range(2000)]
    assert drawn.count(16) / 2000 == pytest.approx(MOST_OFTEN / (16 + MOST_OFTEN), abs=0.03)


def test_a_folder_that_is_none_is_refused(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(ValueError, match=r"labels\.jsonl"):
        load_photos(tmp_path, "train")
    with pytest.raises(ValueError, match="'test'"):
        load_photos(photos, "test")


@pytest.mark.parametrize(
    ("rgb", "name"),
    [((15, 15, 15), "black"), ((240, 240, 238), "white"), ((200, 20, 20), "red"), ((30, 60, 200), "blue"),
     ((110, 70, 40), "brown"), ((128, 128, 128), None)],
)  # fmt: skip
def test_plain_colours(rgb: tuple[int, int, int], name: str | None) -> None:
    assert plain_colour(np.full((500, 3), rgb, np.uint8)) == name


def test_no_colour_prevails_in_a_motley_thing() -> None:
    pixels = np.array([(200, 20, 20), (30, 60, 200), (20, 150, 40)] * 200, np.uint8)
    assert plain_colour(pixels) is None


# --- how it is varied ----------------------------------------------------------------------------------


def test_the_whole_view_scales_boxes(source: PhotoSource) -> None:
    photo = source.library.photos[0]
    view = whole_view(photo.size_wh)
    assert view.size_wh == (SIDE, round(SIDE * 120 / 160))
    things, ignored = see(photo.things, view)
    assert not ignored
    scale = SIDE / 160
    assert things[0].box == pytest.approx([20 * scale, 20 * scale, 80 * scale, 90 * scale])


def test_a_mirrored_person_has_its_left_on_the_other_side(source: PhotoSource) -> None:
    person = source.library.photos[2].things[0]
    mirror = View(np.array([[-1.0, 0.0, 160.0], [0.0, 1.0, 0.0]]), (160, 120), mirrored=True)
    (shown,), _ = see([person], mirror)
    assert shown.keypoints is not None
    assert shown.keypoints[JOINTS.index("right wrist")] == (30, 80, 2)
    assert shown.keypoints[JOINTS.index("left wrist")][2] == 0


def test_what_is_difficult_or_mostly_outside_is_ignored(source: PhotoSource) -> None:
    photo = source.library.photos[1]
    things, ignored = see(photo.things, whole_view(photo.size_wh))
    assert [thing.kind for thing in things] == ["cat"]
    assert [kind for kind, _ in ignored] == ["person"]
    cut = View(np.array([[1.0, 0.0, -100.0], [0.0, 1.0, 0.0]]), (60, 120))
    things, ignored = see(photo.things[:1], cut)
    assert not things
    assert [kind for kind, _ in ignored] == ["cat"]


def test_a_kind_without_a_name_is_ignored(source: PhotoSource) -> None:
    _, truth = source.plain(3)
    assert [thing.kind for thing in truth.things] == ["sheep"]
    assert [kind for kind, _ in truth.ignored] == ["zebra"]


def test_varied_pictures_are_repeatable_and_their_truth_lies_in_them(source: PhotoSource) -> None:
    for number in range(60):
        pixels, truth = source.draw(number)
        again, same = source.draw(number)
        assert (pixels == again).all()
        assert truth == same
        height, width = pixels.shape[:2]
        assert (width, height) == truth.size_wh
        assert max(width, height) == SIDE
        for shown in truth.things:
            x1, y1, x2, y2 = shown.box
            assert 0 <= x1 < x2 <= width
            assert 0 <= y1 < y2 <= height


def test_views_hold_what_they_are_laid_around(source: PhotoSource) -> None:
    photo = source.library.photos[0]
    shown = sum(bool(see(photo.things, random_view(photo, random.Random(n)))[0]) for n in range(40))
    assert shown >= 30


def test_cut_outs_are_told_where_they_lie(source: PhotoSource) -> None:
    assert set(cuttable(source.library)) == {"dog", "car", "cat", "person", "sheep"}
    several = 0
    for number in range(40):
        made = collage(source, random.Random(number), number)
        assert made is not None
        _, truth = made
        kinds = [thing.kind for thing in truth.things]
        several += any(kinds.count(kind) >= 3 for kind in kinds)
    assert several >= 5


def test_a_cut_out_covers_what_lies_below_it(source: PhotoSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.training.photos.source.ERASED", 0.0)
    for number in range(30):
        made = collage(source, random.Random(number), number)
        assert made is not None
        assert all(thing.visible >= 0.35 for thing in made[1].things)


# --- what the cells are told ---------------------------------------------------------------------------


def test_cells_of_a_photograph_leave_open_what_its_labels_do_not_tell(source: PhotoSource) -> None:
    _, truth = source.plain(0)
    targets = dense_targets(truth, WHOLE, 12)
    kinds = targets.classes[KIND]
    assert set(kinds) == {IGNORED, 0, CLASSES.index("dog"), CLASSES.index("car")}
    assert targets.presence[CLASSES.index("dog")] == 1
    assert targets.presence[CLASSES.index("cow")] == 0
    assert np.isnan(targets.presence[CLASSES.index("teapot")])
    assert set(np.unique(targets.lies[:, : len(JOINTS)])) == {UNKNOWN}
    _, positives_only = source.plain(2)
    open_targets = dense_targets(positives_only, WHOLE, 12)
    assert set(open_targets.classes[KIND]) == {IGNORED, CLASSES.index("person")}
    assert np.isnan(open_targets.presence[CLASSES.index("dog")])
    assert open_targets.lies[:, JOINTS.index("left wrist")].tolist().count(1) == 1


def test_what_is_ignored_is_not_called_absent(source: PhotoSource) -> None:
    _, truth = source.plain(1)
    assert np.isnan(dense_targets(truth, WHOLE, 12).presence[CLASSES.index("person")])
    generator = QuestionGenerator(truth, random.Random(0), varied=False)
    assert "person" not in {found[0] for _ in range(60) if (found := generator.absent(bare=True))}


def test_the_middle_of_a_box_has_cells() -> None:
    assert cells_of((0.0, 0.0, 1.0, 1.0), 4) == [5, 6, 9, 10]
    assert cells_of((0.9, 0.9, 0.95, 0.95), 4) == [15]


def test_the_best_threshold_counts_absent_kinds_as_half_of_all() -> None:
    found = best_f1([(0.9, True), (0.8, True), (0.7, False), (0.1, False), (0.1, False)])
    assert found["is_there_f1"] == 1.0
    assert found["threshold"] == 0.8


# --- what is asked -------------------------------------------------------------------------------------


def test_phrases_tell_alike_things_apart() -> None:
    things = [thing("dog", 10, 50), thing("dog", 100, 50, 60, 60), thing("cat", 200, 50, colour="black")]
    assert unique_names(0, things, (300, 200)) == ["left dog"]
    assert unique_names(1, things, (300, 200)) == ["right dog", "largest dog"]
    assert unique_names(2, things, (300, 200)) == ["cat", "black cat"]
    assert unique_names(2, things, (300, 200), [("cat", (0, 0, 9, 9))]) == []


def test_captions_say_who_is_on_what() -> None:
    sofa = thing("sofa", 20, 80, 200, 100)
    assert photo_caption([sofa, thing("dog", 60, 70, 50, 60)], (300, 200)) == "A dog on a sofa."
    dogs = [thing("dog", 0, 0), thing("dog", 60, 0, colour="black"), thing("cat", 100, 100, 30, 30)]
    assert photo_caption(dogs, (300, 200)) == "Two dogs and a cat."
    assert photo_caption([thing("bus", 0, 0, 90, 90), *dogs], (300, 200)) == "A bus, two dogs and a cat."


def test_questions_about_photographs_are_answered_by_their_labels(source: PhotoSource) -> None:
    _, truth = source.plain(0)
    assert eval_question(truth, random.Random(0), "count-2").answer == "2"  # type: ignore[union-attr]
    found = eval_question(truth, random.Random(0), "detect-several")
    assert found is not None
    assert len(found.exact) == 2
    largest = eval_question(truth, random.Random(0), "largest")
    assert largest is not None
    assert largest.answer == "dog"
    grounded = eval_question(truth, random.Random(0), "grounded")
    assert grounded is not None
    pieces = PROMPTS["grounded_caption"].read(grounded.answer)
    assert [len(piece.boxes) for piece in pieces if isinstance(piece, Group)] == [2, 1]
    assert eval_question(truth, random.Random(0), "kind") is None
    assert eval_question(truth, random.Random(0), "scene").answer == "photograph"  # type: ignore[union-attr]


def test_a_right_reply_about_a_photograph_gets_full_marks(source: PhotoSource) -> None:
    for number in range(30):
        _, truth = source.draw(number)
        for qa in questions(truth, random.Random(number), per_picture=14):
            scores = score(qa, qa.answer)
            for name in ("exact", "hit", "exact_set", "look", "kind"):
                assert scores.get(name, 1.0) == 1.0, qa
            if qa.ability == "locate" and qa.exact:
                reply = PROMPTS["locate"].read(qa.answer)
                assert isinstance(reply, Found)
                assert iou(reply.boxes[0], qa.exact[0]) > 0.3


def test_labels_that_tell_no_kind_whole_are_never_counted_or_missed(source: PhotoSource) -> None:
    _, truth = source.plain(2)
    for topic in ("count-0", "count-1", "is-there-absent", "locate-kind-absent", "caption", "detect"):
        assert eval_question(truth, random.Random(0), topic) is None, topic
    assert eval_question(truth, random.Random(0), "is-there-present") is not None
    assert eval_question(replace(truth, known=("person", "dog")), random.Random(0), "caption") is not None
