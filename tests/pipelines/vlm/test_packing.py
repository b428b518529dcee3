"""Packed weights multiply as the weights do, and are no longer those of a model that was copied."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pipelines.vlm import packing
from pipelines.vlm.packing import linear, pack


@pytest.fixture
def layer():
    torch.manual_seed(3)
    return nn.Linear(24, 40)


@pytest.fixture
def x():
    return torch.randn(2, 5, 24, generator=torch.Generator().manual_seed(4))


@torch.no_grad()
@pytest.mark.parametrize("most", [packing.PACKED_BYTES, 0])
@pytest.mark.parametrize("bias", [True, False])
def test_it_multiplies_as_the_weight(monkeypatch, layer, x, most, bias):
    monkeypatch.setattr(packing, "PACKED_BYTES", most)
    given = layer.bias if bias else None
    torch.testing.assert_close(linear(layer.weight, given)(x), nn.functional.linear(x, layer.weight, given))


@torch.no_grad()
def test_the_layers_of_a_module_are_packed_but_for_those_that_are_not_plain(layer, x):
    class Own(nn.Linear):
        pass

    own = Own(40, 8)
    module = nn.Sequential(layer, nn.GELU(), nn.Sequential(own))
    before = module(x)
    pack(module)
    torch.testing.assert_close(module(x), before)
    assert "forward" in vars(layer)
    assert "forward" not in vars(own)


@torch.no_grad()
def test_a_copy_with_other_weights_is_right_once_it_is_packed_itself(layer, x):
    pack(layer)
    other = copy.deepcopy(layer)
    other.weight.zero_()
    pack(other)
    torch.testing.assert_close(other(x), other.bias.expand(2, 5, -1))
