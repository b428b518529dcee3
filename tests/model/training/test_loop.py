"""The optimisers that every training run shares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


PEER = """
import sys, time
import torch
from torch import nn
from model.training.loop import Clock, Optimizers, join, leave, place, save_state

join()
number, count = place()
torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3))
pictures = torch.randn(8, 3, 7, 7)
optimizers, clock = Optimizers([(network, 1e-2)]), Clock(60.0)
time.sleep(0.2 * number)
optimizers.step(network(pictures[number::count]).square().mean(), clock)
clock.tick()
state = {
    "weights": network.state_dict(), "gradients": [part.grad for part in network.parameters()],
    "elapsed": clock.elapsed,
}
torch.save(state, f"{sys.argv[1]}/{number}.pt")
save_state(__import__("pathlib").Path(sys.argv[1]) / "state.pt", {"by": number})
leave()
"""


def test_two_processes_learn_together_what_one_learns_alone(tmp_path: Path) -> None:
    found = []
    for count in (1, 2):
        folder = tmp_path / str(count)
        folder.mkdir()
        script = folder / "peer.py"
        script.write_text(PEER)
        together = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        subprocess.run(
            [sys.executable, *(together if count > 1 else []), str(script), str(folder)],
            check=True, timeout=240, env={**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        found += [torch.load(folder / f"{number}.pt", weights_only=True) for number in range(count)]
        assert torch.load(folder / "state.pt", weights_only=True) == {"by": 0}
    alone, first, second = found
    for one, other in zip(alone["gradients"], first["gradients"], strict=True):
        torch.testing.assert_close(one, other)
    for name, weight in first["weights"].items():
        torch.testing.assert_close(weight, second["weights"][name], rtol=0, atol=0)
    assert first["elapsed"] == second["elapsed"]
