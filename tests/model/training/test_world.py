"""The illustrated world: same seed, same picture; the truth is the picture's; hold-outs hold."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.training.world import (
    ACTIONS,
    COLOURS,
    HELD_OUT_PAIRS,
    HELD_OUT_RELATIONS,
    HELD_OUT_WORDS,
    KINDS,
    PATTERNS,
    RELATIONS,
    STYLES,
    THING_KINDS,
    TRAINING_SEEDS,
    Thing,
    Truth,
    draw,
)
from model.training.world.__main__ import main
from model.training.world.lettering import GLYPHS
from model.training.world.phrases import Described, caption, phrases, relation, size_word
from model.training.world.vocabulary import SIGN_WORDS

SEEDS = range(1_000_000, 1_000_006)
INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def held_out_in(truth: Truth) -> bool:
    """Found independently of the drawing program's own check."""
    for thing in truth.things:
        if (thing.colour, thing.kind) in HELD_OUT_PAIRS:
            return True
    for a, word, b in truth.relations:
        first, second = truth.things[a].kind, truth.things[b].kind
        if (first, word, second) in HELD_OUT_RELATIONS:
            return True
        if word in INVERSE and (second, INVERSE[word], first) in HELD_OUT_RELATIONS:
            return True
    labels = {word.text for word in truth.words} | {element.label.upper() for element in truth.elements}
    return bool(labels & HELD_OUT_WORDS)


def test_the_world_is_wide_enough() -> None:
    assert len(THING_KINDS) >= 24
    assert len(COLOURS) == 10
    assert len(ACTIONS) >= 6
    assert set(PATTERNS) == {"plain", "striped", "dotted"}
    assert set(RELATIONS) == {"left of", "right of", "above", "below", "on"}
    assert range(1_000_000) == TRAINING_SEEDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("style", STYLES)
def test_same_arguments_same_bytes(kind: str, style: str) -> None:
    once, truth = draw(7, kind=kind, style=style)
    draw(8, kind=kind, style=style)
    again, same = draw(7, kind=kind, style=style)
    assert once.tobytes() == again.tobytes()
    assert truth == same
    assert once.dtype == np.uint8
    assert once.shape == (256, 256, 3)
    assert (truth.kind, truth.style, truth.size_wh, truth.seed) == (kind, style, (256, 256), 7)
    assert draw(9, kind=kind, style=style)[0].tobytes() != once.tobytes()


def test_the_seed_alone_chooses_kind_and_style() -> None:
    seen = [draw(seed)[1] for seed in range(60)]
    assert len({truth.kind for truth in seen}) >= 9
    assert {truth.style for truth in seen} == set(STYLES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size_wh", [(256, 256), (768, 512), (240, 400)])
def test_truth_lies_in_the_picture(kind: str, size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    for seed in SEEDS[:3]:
        image, truth = draw(seed, kind=kind, size_wh=size_wh, style="synthetic")
        assert image.shape == (height, width, 3)
        boxes = [thing.box for thing in truth.things] + [word.box for word in truth.words]
        boxes += [block.box for block in truth.blocks] + [element.box for element in truth.elements]
        assert boxes
        for x1, y1, x2, y2 in boxes:
            assert 0 <= x1 < x2 <= width
            assert 0 <= y1 < y2 <= height
        assert truth.caption[0].isupper()
        assert truth.caption.endswith(".")


def _check_thing(thing: Thing, size_wh: tuple[int, int]) -> None:
    points = np.array([p for polygon in thing.outline for p in polygon])
    x1, y1, x2, y2 = thing.box
    low, high = points.min(0), points.max(0)
    # Outlines run through the middles of the border pixels, boxes around these pixels.
    assert np.all(np.abs(low - (x1, y1)) <= 2.5), (thing.phrase, low, thing.box)
    assert np.all(np.abs(high - (x2, y2)) <= 2.5), (thing.phrase, high, thing.box)
    assert 0.5 <= thing.visible <= 1.0
    mask = np.zeros(size_wh[::-1], np.uint8)
    cv2.fillPoly(mask, [np.array(p, np.int32) for p in thing.outline], 1)
    assert mask.sum() >= 12
    assert thing.colour in COLOURS
    assert thing.kind in THING_KINDS or thing.kind in ("person", "sign")


@pytest.mark.parametrize(
    "kind", ["park", "street", "room", "beach", "table", "people", "sign", "odd", "damaged"]
)
def test_things_are_outlined_and_named(kind: str) -> None:
    for seed in SEEDS:
        _, truth = draw(seed, kind=kind)
        for thing in truth.things:
            _check_thing(thing, truth.size_wh)
            assert thing.kind in thing.phrase
            assert thing.colour is None or thing.colour in thing.phrase
            assert ("broken" in thing.phrase) == thing.damaged
        if kind != "odd":
            assert len({thing.phrase for thing in truth.things}) == len(truth.things)
        for a, word, b in truth.relations:
            assert a != b
            assert word in RELATIONS


def test_outlines_follow_the_pixels() -> None:
    """A red ball's outline holds red pixels."""
    found = 0
    for seed in range(1_000_000, 1_000_080):
        image, truth = draw(seed, kind="room", style="synthetic")
        for thing in truth.things:
            if thing.colour != "red" or thing.pattern != "plain" or thing.kind in ("clock", "bottle"):
                continue
            mask = np.zeros(image.shape[:2], np.uint8)
            cv2.fillPoly(mask, [np.array(p, np.int32) for p in thing.outline], 1)
            r, g, b = (float(v) for v in np.median(image[mask == 1], 0))
            assert r > 1.3 * max(g, b), (seed, thing.phrase, (r, g, b))
            found += 1
    assert found >= 5


def test_people_have_joints_where_they_are() -> None:
    seen = set()
    for seed in range(1_000_000, 1_000_030):
        _, truth = draw(seed, kind="people")
        width, height = truth.size_wh
        people = [thing for thing in truth.things if thing.kind == "person"]
        assert 1 <= len(people) <= 3
        for person in people:
            assert person.keypoints is not None
            assert len(person.keypoints) == 17
            x1, y1, x2, y2 = person.box
            for x, y, v in person.keypoints:
                assert v in (0, 1, 2)
                if v == 2:
                    assert x1 - 1 <= x <= x2 + 1
                    assert y1 - 1 <= y <= y2 + 1
                elif v == 1:
                    assert 0 <= x < width
                    assert 0 <= y < height
            assert sum(v == 2 for _, _, v in person.keypoints) >= 8
            seen.add(person.action)
    assert len(seen) >= 6
    assert seen <= set(ACTIONS)


def test_the_left_of_a_person_facing_us_is_on_our_right() -> None:
    for seed in range(1_000_000, 1_000_020):
        for person in draw(seed, kind="people")[1].things:
            if person.action in ("waving", "jumping", "cheering") and person.keypoints:
                assert person.keypoints[5][0] > person.keypoints[6][0]  # left shoulder, right shoulder
                assert person.keypoints[1][0] > person.keypoints[2][0]  # left eye, right eye


@pytest.mark.parametrize("kind", KINDS)
def test_training_never_shows_what_is_held_out(kind: str) -> None:
    for seed in range(12):
        truth = draw(seed, kind=kind, style="synthetic")[1]
        assert not truth.held_out
        assert not held_out_in(truth), (seed, truth.caption)


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_pictures_show_it(kind: str) -> None:
    for seed in SEEDS:
        truth = draw(seed, kind=kind, style="synthetic", held_out=True)[1]
        assert truth.held_out
        assert held_out_in(truth), (seed, truth.caption)


def test_hold_outs_can_be_drawn() -> None:
    assert all(colour in COLOURS for colour, _ in HELD_OUT_PAIRS)
    assert all(kind in (*THING_KINDS, "person", "sign") for _, kind in HELD_OUT_PAIRS)
    assert all({a, b} <= set(THING_KINDS) and r in RELATIONS for a, r, b in HELD_OUT_RELATIONS)


def test_the_odd_one_is_odd() -> None:
    for seed in range(1_000_000, 1_000_020):
        _, truth = draw(seed, kind="odd")
        assert truth.odd is not None

        def key(thing: Thing) -> tuple[object, ...]:
            return thing.kind, thing.colour, thing.pattern, thing.damaged

        others = {key(thing) for i, thing in enumerate(truth.things) if i != truth.odd}
        assert len(others) == 1
        assert key(truth.things[truth.odd]) not in others


def test_a_damaged_scene_says_which_is_broken() -> None:
    for seed in SEEDS:
        _, truth = draw(seed, kind="damaged")
        assert truth.odd is not None
        assert [i for i, thing in enumerate(truth.things) if thing.damaged] == [truth.odd]


def test_pages_say_what_is_on_them() -> None:
    for seed in SEEDS:
        page = draw(seed, kind="document")[1]
        kinds = [block.kind for block in page.blocks]
        assert kinds[0] == "title"
        assert set(kinds) <= {"title", "text", "list", "table", "figure", "caption"}
        assert kinds.count("caption") == kinds.count("figure")
        for block, following in itertools.pairwise(page.blocks):  # column by column
            below = following.box[1] >= block.box[3]
            beside = following.box[0] > block.box[2] and following.box[1] < block.box[1]
            assert below or beside
            assert block.kind != "figure" or (below and following.kind == "caption")
        plot = draw(seed, kind="chart")[1].chart
        assert plot is not None
        assert plot.kind in ("bar", "pie")
        assert plot.rows[0] == ("label", "value")
        if plot.kind == "pie":
            assert sum(int(value.rstrip("%")) for _, value in plot.rows[1:]) == 100
        window = draw(seed, kind="screen")[1]
        labels = [element.label for element in window.elements]
        assert len(set(labels)) == len(labels)
        assert any(element.kind == "button" for element in window.elements)


def test_every_sign_can_be_lettered() -> None:
    assert all(letter in GLYPHS for word in SIGN_WORDS for letter in word)


def test_signs_are_large_enough_to_read() -> None:
    heights = []
    for seed in range(1_000_000, 1_000_030):
        truth = draw(seed, kind="sign")[1]
        assert truth.words
        heights += [(word.box[3] - word.box[1]) / min(truth.size_wh) for word in truth.words]
    assert np.mean(np.array(heights) >= 0.1) >= 0.6


def _ball(box: tuple[float, float, float, float], colour: str = "red", pattern: str = "plain") -> Described:
    return Described("ball", colour, pattern, size_word(box, (100, 100)), box)


@pytest.mark.parametrize(
    ("things", "expected"),
    [
        ([_ball((0, 0, 20, 20))], ["red ball"]),
        ([_ball((0, 0, 20, 20)), _ball((50, 0, 70, 20), "blue")], ["red ball", "blue ball"]),
        (
            [_ball((0, 0, 20, 20)), _ball((50, 0, 70, 20), pattern="striped")],
            ["plain red ball", "striped red ball"],
        ),
        ([_ball((0, 0, 10, 10)), _ball((50, 0, 90, 40))], ["small red ball", "large red ball"]),
        ([_ball((0, 0, 20, 20)), _ball((50, 0, 70, 20))], ["left red ball", "right red ball"]),
        ([_ball((40, 60, 60, 80)), _ball((41, 0, 61, 20))], ["lower red ball", "upper red ball"]),
    ],
)
def test_phrases_are_as_short_as_they_can_be(things: list[Described], expected: list[str]) -> None:
    assert phrases(things, (100, 100)) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (20, 0, 30, 10), "left of"),
        ((20, 5, 30, 15), (0, 0, 10, 10), "right of"),
        ((0, 0, 10, 10), (0, 30, 10, 40), "above"),
        ((0, 30, 10, 40), (4, 0, 14, 10), "below"),
        ((0, 0, 10, 10), (4, 4, 14, 14), None),  # they overlap
    ],
)
def test_relations_follow_the_boxes(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float], expected: str | None
) -> None:
    assert relation(a, b) == expected


def test_captions_are_one_sentence() -> None:
    things = [_ball((0, 0, 20, 20)), _ball((50, 0, 70, 20)), _ball((30, 0, 49, 20), "orange")]
    assert caption(things, [], "in a park") == "Two red balls and an orange ball in a park."
    assert caption(things[1:], [(0, 1)], "in a room") == "A red ball on an orange ball in a room."


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "moon"}, {"style": "oil"}, {"size_wh": (2000, 100)}, {"size_wh": (10, 10)}],
)
def test_wrong_arguments_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        draw(1, **wrong)
    with pytest.raises(ValueError, match="seed"):
        draw(-1)


def test_the_command_draws_kinds_in_turn(tmp_path: Path) -> None:
    main(["--count", "5", "--kind", "park", "table", "--output", str(tmp_path)])
    rows = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["park", "table", "park", "table", "park"]
    assert [row["seed"] for row in rows] == list(range(1_000_000, 1_000_005))


def test_the_command_writes_pictures_and_truth(tmp_path: Path) -> None:
    main(
        [
            "--seed",
            "1000000",
            "--count",
            "5",
            "--output",
            str(tmp_path / "out"),
            "--size",
            "192x128",
            "--held-out",
        ]
    )
    lines = (tmp_path / "out" / "truth.jsonl").read_text().splitlines()
    assert len(lines) == 5
    for line in lines:
        row = json.loads(line)
        picture = cv2.imread(str(tmp_path / "out" / row["file"]))
        assert picture is not None
        assert picture.shape == (128, 192, 3)
        assert row["size"] == [192, 128]
        assert row["held_out"]
        assert {"caption", "things", "words", "blocks", "elements", "chart", "odd"} <= set(row)


def test_four_and_five_alike_are_drawn_as_often_as_two() -> None:
    counts: Counter[int] = Counter()
    for seed in range(60):
        _, truth = draw(2_000_000 + seed, kind="several", size_wh=(160, 128))
        counts[max(Counter(thing.kind for thing in truth.things).values())] += 1
    assert min(counts[n] for n in (2, 3, 4, 5)) >= 4, counts


def test_seeds_by_themselves_draw_what_they_always_drew() -> None:
    assert "several" in KINDS
    assert {draw(2_000_000 + seed, size_wh=(96, 96))[1].kind for seed in range(40)} <= set(KINDS) - {
        "several"
    }
