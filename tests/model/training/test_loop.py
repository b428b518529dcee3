"""The optimisers that every training run shares."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.training.loop import Clock, Optimizers


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_kernels_learn_as_matrices_in_either_layout(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3)).to(memory_format=layout)
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizers = Optimizers([(network, 1e-2)])
    assert [kernel.shape for kernel, _ in optimizers.kernels] == [(16, 16, 3, 3)]
    pictures = torch.randn(8, 3, 9, 9).contiguous(memory_format=layout)
    clock, losses = Clock(0, steps=30), []
    for _ in range(30):
        loss = (network(pictures) - 1).square().mean()
        losses.append(loss.item())
        optimizers.step(loss, clock)
        clock.tick()
    assert losses[-1] < 0.9 * losses[0]
    assert all(not torch.equal(before[name], value) for name, value in network.named_parameters())


def test_layout_does_not_change_what_is_learnt() -> None:
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        network = nn.Conv2d(16, 16, 3).to(memory_format=layout)
        optimizers = Optimizers([(network, 1e-2)])
        for _ in range(3):
            optimizers.step(network(torch.ones(1, 16, 5, 5)).square().mean(), Clock(0, steps=9))
        found.append(network.weight.detach().contiguous())
    torch.testing.assert_close(found[0], found[1], atol=5e-4, rtol=0)  # Muon rounds in bf16


def test_the_state_survives() -> None:
    network = nn.Conv2d(16, 16, 3)
    first = Optimizers([(network, 1e-2)])
    first.step(network(torch.ones(1, 16, 5, 5)).square().mean(), Clock(0, steps=9))
    second = Optimizers([(network, 1e-2)])
    second.load_state_dict(first.state_dict())
    for one, other in zip(first.parts, second.parts):
        assert str(one.state_dict()) == str(other.state_dict())
