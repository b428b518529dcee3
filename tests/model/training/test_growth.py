"""A larger sphinx-nano starts out as what it was grown from."""

from __future__ import annotations

import pytest
import torch

from model import SphinxForConditionalGeneration
from model.training.growth import NEW_SCALE, grow, resample_positions
from model.training.nano import nano_config


def test_positions_keep_their_class_row_and_their_order() -> None:
    grid = torch.arange(16.0).view(16, 1)
    larger = resample_positions(torch.cat([torch.full((1, 1), -7.0), grid]), 1 + 64)
    assert larger.shape == (65, 1)
    assert larger[0, 0] == -7
    assert (larger[1:].view(8, 8).diff(dim=1) > -0.2).all()
    same = torch.randn(1, 17, 3)
    torch.testing.assert_close(resample_positions(same, 17), same)


def test_positions_of_no_square_are_refused() -> None:
    with pytest.raises(ValueError, match="square grid"):
        resample_positions(torch.zeros(12, 4), 17)


def test_a_larger_view_and_more_blocks_are_given_to_old_weights() -> None:
    small, large = nano_config(300, 128), nano_config(300, 192)
    small.convnext_config.depths = [1, 2, 6]
    state = SphinxForConditionalGeneration(small).state_dict()
    model = SphinxForConditionalGeneration(large)
    grown = grow(state, model.state_dict())
    model.load_state_dict(grown)
    new = [name for name in grown if name not in state]
    assert new
    assert all(".convnext.encoder.stages.2.layers." in name for name in new)
    scales = [grown[name] for name in new if name.endswith("layer_scale_parameter")]
    assert len(scales) == 2
    assert all((scale == NEW_SCALE).all() for scale in scales)
    position = "model.clip.embeddings.position_embedding.weight"
    assert len(grown[position]) == 1 + large.grid_size**2


def test_skip_tokens_are_given_to_old_weights() -> None:
    state = SphinxForConditionalGeneration(nano_config(300, 64)).state_dict()
    model = SphinxForConditionalGeneration(nano_config(300, 64, crops_per_side=3, skip_tokens=2))
    fresh = model.model.skip_tokens.detach().clone()
    grown = grow(state, model.state_dict())
    model.load_state_dict(grown)
    assert set(grown) - set(state) == {"model.skip_tokens"}
    assert torch.equal(model.model.skip_tokens, fresh)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        grow({"a.weight": torch.zeros(3)}, {"a.weight": torch.zeros(4)})
