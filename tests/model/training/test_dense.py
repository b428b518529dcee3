"""Dense targets: what a cell of a view is to say about the thing that lies there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from model.training.data import VIEWS
from model.training.dense import (
    CLASSES,
    CLASSIFICATIONS,
    GROUP,
    IGNORED,
    DenseHeads,
    PlacedHeads,
    dense_targets,
    stack,
)
from model.training.world.truth import Block, Thing, Truth, Word

GRID = 8
BALL = Thing(
    phrase="red ball", kind="ball", colour="red", size=None, pattern="plain", box=(160.0, 40.0, 240.0, 100.0),
    outline=(((160.0, 40.0), (240.0, 40.0), (240.0, 100.0), (160.0, 100.0)),),
)  # fmt: skip
TRUTH = Truth(1, "park", "synthetic", (256, 256), "A red ball.", things=(BALL,))
ROWS = {name: i for i, name in enumerate(CLASSIFICATIONS)}


def told(view: int, name: str) -> list[int]:
    """The distinct values that the view's cells with the ball are to say."""
    targets = dense_targets(TRUTH, VIEWS[view], GRID)
    cells = targets.classes[ROWS["kind"]] == CLASSES.index("ball")
    return sorted(set(targets.classes[ROWS[name], cells].tolist()))


def test_the_cells_of_a_thing_name_it_and_no_others_do() -> None:
    targets = dense_targets(TRUTH, VIEWS[0], GRID)
    kinds = targets.classes[ROWS["kind"]].reshape(GRID, GRID)
    assert set(map(tuple, np.argwhere(kinds))) == {(y, x) for y in (1, 2) for x in (5, 6, 7)}
    assert targets.presence[CLASSES.index("ball")] == 1
    assert targets.presence.sum() == 1
    assert dense_targets(TRUTH, VIEWS[1], GRID).presence.sum() == 0  # it lies in the right half


def test_the_whole_picture_tells_its_own_digits() -> None:
    assert [told(0, f"tens{i}") + told(0, f"units{i}") for i in range(4)] == [[6, 2], [1, 5], [9, 3], [3, 9]]
    assert told(0, "fifth0") == told(0, "fiftieth0") == [IGNORED]


def test_a_sub_image_tells_the_digits_of_the_whole_picture() -> None:
    """The box is (.625, .156, .938, .391): in the right upper quarter .5 and 0 are to be added to these."""
    found = [(told(2, f"fifth{i}"), told(2, f"fiftieth{i}")) for i in range(4)]
    assert found == [([1], [2]), ([1], [5]), ([4], [3]), ([3], [9])]


def test_a_cell_tells_which_joints_lie_in_it_and_where() -> None:
    """The nose lies in the left upper quarter, the left wrist in the right lower one."""
    keypoints = [(0.0, 0.0, 0)] * 17
    keypoints[0], keypoints[9] = (40.0, 24.0, 2), (200.0, 150.0, 1)
    person = replace(BALL, phrase="person", kind="person", keypoints=tuple(keypoints))
    truth = replace(TRUTH, things=(person,))
    whole = dense_targets(truth, VIEWS[0], GRID)
    assert set(map(tuple, np.argwhere(whole.lies[:, :17]))) == {(0 * GRID + 1, 0), (4 * GRID + 6, 9)}
    np.testing.assert_allclose(whole.places[1, :2], (40 / 256, 24 / 256))
    group = GROUP[9]
    np.testing.assert_allclose(whole.places[38, 2 * group : 2 * group + 2], (200 / 256, 150 / 256))
    assert np.isfinite(whole.places[:, :12]).sum() == 4
    quarter = dense_targets(truth, VIEWS[4], GRID)
    assert np.argwhere(quarter.lies[:, :17]).tolist() == [[1 * GRID + 4, 9]]
    np.testing.assert_allclose(quarter.places[12, 2 * group : 2 * group + 2], (72 / 128, 22 / 128), rtol=1e-6)


def test_a_cell_tells_which_corners_lie_in_it_and_where() -> None:
    """The ball's box is (160, 40, 240, 100) of 256: its left upper corner lies in the right upper quarter."""
    whole, quarter = (dense_targets(TRUTH, VIEWS[view], GRID) for view in (0, 2))
    assert set(map(tuple, np.argwhere(whole.lies))) == {(1 * GRID + 5, 17), (3 * GRID + 7, 18)}
    np.testing.assert_allclose(whole.places[13, 12:14], (160 / 256, 40 / 256))
    np.testing.assert_allclose(whole.places[31, 14:16], (240 / 256, 100 / 256))
    assert np.isfinite(whole.places).sum() == 4
    assert set(map(tuple, np.argwhere(quarter.lies))) == {(2 * GRID + 2, 17), (6 * GRID + 7, 18)}
    np.testing.assert_allclose(quarter.places[18, 12:14], (32 / 128, 40 / 128))
    assert not dense_targets(TRUTH, VIEWS[1], GRID).lies.any()


def test_a_corner_at_the_edge_of_the_picture_lies_in_the_last_cell() -> None:
    ball = replace(BALL, box=(160.0, 40.0, 256.0, 256.0), outline=())
    lies = dense_targets(replace(TRUTH, things=(ball,)), VIEWS[0], GRID).lies
    assert lies[-1, 18]


def test_of_several_corners_in_a_cell_the_smallest_box_tells_its_own() -> None:
    """A caption under its figure, and a word on both: the caption's right lower corner is told."""
    figure = Block("figure", (20.0, 20.0, 94.0, 80.0))
    caption = Block("caption", (30.0, 84.0, 90.0, 92.0))
    word = Word("A", (88.0, 84.0, 90.0, 90.0))
    for blocks in ((figure, caption), (caption, figure)):
        truth = replace(TRUTH, things=(), blocks=blocks, words=(word,))
        whole = dense_targets(truth, VIEWS[0], GRID)
        np.testing.assert_allclose(whole.places[2 * GRID + 2, 14:16], (90 / 256, 92 / 256))


def test_the_heads_learn_what_they_are_told() -> None:
    torch.manual_seed(0)
    wrist = [(0.0, 0.0, 0)] * 9 + [(200.0, 60.0, 2)] + [(0.0, 0.0, 0)] * 7
    truth = replace(TRUTH, things=(replace(BALL, kind="person", keypoints=tuple(wrist)),))
    targets = stack([dense_targets(truth, view, GRID) for view in VIEWS[:3]])
    patches, heads = torch.randn(3, GRID * GRID, 64), DenseHeads(64)
    optimizer = torch.optim.Adam(heads.parameters(), 0.02)
    losses = []
    for _ in range(60):
        loss, figures = heads(patches, patches.mean(1), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert figures["point_tens"] == figures["point_fifth"] == 1


def test_placed_heads_learn_where_in_the_whole_picture_a_sub_image_lies() -> None:
    """The same states but for what tells two quarters apart, which the language model knows."""
    torch.manual_seed(0)
    low = replace(
        BALL, box=(32.0, 40.0, 112.0, 100.0), outline=(((32.0, 40.0), (112.0, 40.0), (112.0, 100.0)),)
    )
    truth = replace(TRUTH, things=(low, BALL))
    targets = stack([dense_targets(truth, VIEWS[view], GRID) for view in (1, 2)])
    states = torch.randn(1, GRID * GRID, 32).repeat(2, 1, 1)
    states[1, :, 0] += 3.0
    heads = PlacedHeads(32)
    optimizer = torch.optim.Adam(heads.parameters(), 0.05)
    for _ in range(150):
        loss, figures = heads(states, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert figures["placed"] == 1
    box = targets["boxes"][1] * 0.5 + torch.tensor([0.5, 0.0, 0.5, 0.0])
    cell = int((~targets["boxes"][1, :, 0].isnan()).nonzero()[0])
    tens = heads.digits(states)[1, cell].view(-1, 20)[:4, :10].argmax(-1)
    assert tens.tolist() == (box[cell] * 10).long().tolist() == [6, 1, 9, 3]
