"""The segmenter's training: what is drawn and asked; a run lowers its loss and can be resumed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from model import segmenter
from model.segmenter import SegmenterConfig
from model.training import loop, sam, sam_data, sam_evaluate, sam_views
from model.training.photos import load_photos
from model.training.sam import Recipe
from model.training.sam_data import Pool
from model.training.sam_photos import PhotoPool
from model.training.sam_views import Asked, batch

TINY = SegmenterConfig(
    image_size=64, stem_dims=(16, 16), vit_dim=32, vit_depth=1, vit_heads=2, prompt_dim=32, decoder_mlp=32
)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    folder = tmp_path_factory.mktemp("pictures")
    return Pool([sam_data.write_shard(folder, source, 0, 12) for source in ("collage", "world")])


def test_a_collage_is_its_number() -> None:
    one, again, other = sam_data.collage(5), sam_data.collage(5), sam_data.collage(6)
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.parts, again.parts)
    assert (one.image != other.image).any()
    assert one.image.shape == (sam_data.SIDE, sam_data.SIDE, 3)
    assert one.owner[0] == 0
    assert one.things.max() >= 1


def test_world_pictures_have_things_where_the_truth_says(pool: Pool) -> None:
    assert all(pool[index].things.max() >= 1 for index in range(12, 24))


def test_views_hold_two_things_to_ask_for(pool: Pool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        seen = sam_views.view(pool[3], rng, 64)
        if seen is None:
            continue
        image, clicked, boxed = seen
        assert image.shape == (64, 64, 3)
        assert 0 <= image.min() <= image.max() <= 255
        assert clicked.any()
        assert boxed.any()


def disc(x: int, y: int, radius: int, side: int = 64) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def test_a_correction_adds_what_is_missing_and_takes_away_what_is_too_much() -> None:
    rng = np.random.default_rng(0)
    target = disc(30, 30, 12)
    asked = Asked(np.zeros((2, 1, 2), np.float32), np.ones((2, 1), np.int32), None)
    answers = np.stack([np.zeros_like(target), target | disc(50, 50, 9)])
    more = sam_views.correct(asked, answers, np.stack([target, target]), rng)
    assert more.points is not None
    assert more.labels is not None
    assert more.labels[:, 1].tolist() == [1, 0]
    (x, y), (u, v) = more.points[:, 1].astype(int)
    assert target[y, x]
    assert disc(50, 50, 9)[v, u]


def test_a_loose_box_stays_on_the_picture_and_near_the_thing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        x1, y1, x2, y2 = sam_views.jitter_box(disc(8, 40, 14), rng)
        assert 0 <= x1 < x2 <= 64
        assert 0 <= y1 < y2 <= 64
        assert abs(x2 - 23) < 14


def test_the_right_answer_costs_less_and_the_best_candidate_counts() -> None:
    target = torch.from_numpy(disc(15, 15, 8, 32)).float()[None]
    right = (target * 2 - 1)[:, None] * 9
    logits = torch.cat([-right, right, -right, -right], 1)
    loss, figures, _ = sam.answer_loss(logits, torch.tensor([[0.0, 1.0, 0.0, 0.0]]), target, single=False)
    wrong, _, _ = sam.answer_loss(-right.expand(-1, 4, -1, -1), torch.zeros(1, 4), target, single=False)
    assert figures["iou"] == pytest.approx(1.0)
    assert float(loss) < 0.3 < float(wrong)


def run(folder: Path, pool: Pool, *, steps: int, halt: int | None = None, resume: bool = False) -> None:
    start = folder.parent / "start"
    if not start.exists():
        torch.manual_seed(0)
        segmenter.save(segmenter.build(TINY), TINY, start, dtype=torch.float32)
    recipe = Recipe(steps=steps, halt=halt, batch=6, rate=3e-3, autocast=False)
    pieces = [(pool, 1.0)]
    sam.train(recipe, pieces, folder, start=None if resume else start, resume=resume)


def mean_loss(weights: Path, pool: Pool) -> float:
    """Of fixed questions on fixed pictures."""
    network = segmenter.load(weights).train()
    batches = [sam_views.batch([(pool, 1.0)], np.random.default_rng(number), 12, 64) for number in range(3)]
    with torch.no_grad():
        losses = [
            sam.step_loss(network, pictures, np.random.default_rng(9), autocast=False)[1]["loss"]
            for pictures in batches
        ]
    return float(np.mean(losses))


def test_a_run_lowers_its_loss(tmp_path: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "WARM_UP", 5)
    run(tmp_path / "run", pool, steps=50)
    assert mean_loss(tmp_path / "run", pool) < mean_loss(tmp_path / "start", pool) - 0.03
    with (tmp_path / "run" / "curve.csv").open() as file:
        assert {name for *_, name, _ in csv.reader(file)} >= {"loss", "click iou", "box iou"}


def test_killed_and_resumed_it_ends_where_the_whole_run_ends(tmp_path: Path, pool: Pool) -> None:
    run(tmp_path / "whole", pool, steps=6)
    run(tmp_path / "broken", pool, steps=6, halt=3)
    run(tmp_path / "broken", pool, steps=6, resume=True)
    one = torch.load(tmp_path / "whole" / "checkpoint.pt", weights_only=True)["weights"]
    other = torch.load(tmp_path / "broken" / "checkpoint.pt", weights_only=True)["weights"]
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=0, atol=0, msg=name)


class Perfect:
    """A segmenter that knows the answer."""

    def __init__(self, target: np.ndarray) -> None:
        self.target = target

    def planes(self, image: object, digest: str, *, box: object = None, clicks: object = ()) -> list:
        return [(self.target, 1.0)]


def test_the_measure_gives_the_truth_one_and_its_box_less() -> None:
    questions = [next(sam_evaluate.scenes(1))]
    figures = sam_evaluate.measure(Perfect(questions[0].target), questions)
    assert figures["box"] == figures["click"] == figures["clicks 3"] == 1.0
    assert figures["box as mask"] < 1.0


def test_outlined_photographs_are_a_pool(photos: Path) -> None:
    pool = PhotoPool(load_photos(photos, "train"))
    assert len(pool) == 4
    first = pool[0]
    assert first.image.shape == (120, 160, 3)
    assert sorted(np.unique(first.things)) == [0, 1, 2]  # the dog without an outline is nobody's
    assert first.things[60, 50] == 1
    made = batch([(pool, 1.0)], np.random.default_rng(0), 3, 64)
    assert made.targets.shape == (3, 2, 64, 64)
    assert made.targets.flatten(2).any(-1).all()


def test_photographs_kept_back_are_measured(photos: Path) -> None:
    (question,) = sam_evaluate.photos(photos, 10)
    assert question.target.shape == (120, 160)
    assert question.target.sum() == pytest.approx(120 * 90, rel=0.03)
