"""Pictures of each source are familiar, those of no source are not, and older files are still read."""

import pytest
import torch
from safetensors.torch import save_file

from model.familiarity import FILE, Familiarity, summary

WIDTH = 6


def vectors(centre, count=400, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return centre + torch.randn(count, WIDTH, generator=generator)


@pytest.fixture
def two_sources():
    return Familiarity.fit([vectors(0.0), vectors(30.0, seed=1)])


def test_pictures_of_every_source_are_familiar_and_others_are_not(two_sources):
    shares = {
        centre: sum(float(two_sources.distance(row)) <= 1 for row in vectors(centre, 200, seed=2)) / 200
        for centre in (0.0, 30.0, 15.0)
    }
    assert shares[0.0] > 0.85
    assert shares[30.0] > 0.85
    assert shares[15.0] == 0


def test_only_what_is_like_the_first_source_is_drawn(two_sources):
    drawn = torch.zeros(2, WIDTH // 2)
    photograph = (30 + torch.tensor([[30.0], [-30.0]]) / 2**0.5).expand(2, WIDTH // 2)  # mean and spread: 30
    assert two_sources.in_distribution(drawn)
    assert two_sources.is_drawn(drawn)
    assert two_sources.in_distribution(photograph)
    assert not two_sources.is_drawn(photograph)
    assert not two_sources.is_drawn(drawn + 15)


def test_what_is_saved_judges_alike(two_sources, tmp_path):
    two_sources.save(tmp_path)
    loaded = Familiarity.load(tmp_path)
    row = vectors(3.0, 1)[0]
    assert loaded is not None
    assert float(loaded.distance(row)) == pytest.approx(float(two_sources.distance(row)), rel=1e-2)


def test_a_file_of_one_source_is_read(tmp_path):
    state = {"mean": torch.zeros(WIDTH), "whitening": torch.eye(WIDTH).half(), "threshold": torch.tensor(2.0)}
    save_file(state, tmp_path / FILE)
    loaded = Familiarity.load(tmp_path)
    assert loaded is not None
    assert float(loaded.distance(torch.full((WIDTH,), 2.0))) == pytest.approx(1.0)


def test_a_folder_without_the_file_has_none(tmp_path):
    assert Familiarity.load(tmp_path) is None


def test_a_summary_is_mean_and_spread():
    tokens = torch.tensor([[0.0, 2.0], [2.0, 2.0]])
    assert summary(tokens).tolist() == pytest.approx([1.0, 2.0, 2**0.5, 0.0])
