"""Convolutions with gradients as matrix products: the same numbers as torch.nn.Conv2d."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from model.training.convolution import quick_depthwise, quick_gradients


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 1, 1), (1, 1, 0), (3, 2, 0), (3, 2, 1), (4, 4, 0), (5, 1, 2)]
)
@pytest.mark.parametrize("biased", [True, False])
def test_gradients_are_those_of_torch(kernel: int, stride: int, padding: int, biased: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 10, kernel, stride, padding, bias=biased).double()
    x = torch.randn(3, 6, 17, 13, dtype=torch.double, requires_grad=True)
    wanted = torch.autograd.grad(plain(x).pow(3).sum(), [x, *plain.parameters()])
    quick = quick_gradients(plain)
    found = torch.autograd.grad(quick(x).pow(3).sum(), [x, *quick.parameters()])
    for one, other in zip(wanted, found, strict=True):
        torch.testing.assert_close(one, other)


def test_under_autocast_it_gives_what_autocast_gives() -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 8, 3, padding=1)
    x = torch.randn(2, 4, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        wanted = plain(x)
        found = quick_gradients(plain)(x)
    assert found.dtype == wanted.dtype == torch.bfloat16
    torch.testing.assert_close(found, wanted)


def test_what_it_does_not_know_stays_as_it_is() -> None:
    grouped = nn.Conv2d(4, 4, 3, padding=1, groups=4)
    quick_gradients(grouped)
    assert "forward" not in vars(grouped)


def test_a_depthwise_convolution_trains_on_every_fourth_picture() -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 8, 7, padding=3, groups=8)
    quick = quick_depthwise(copy.deepcopy(plain))
    pixels = torch.randn(8, 8, 12, 12)
    inputs = [pixels.clone().requires_grad_() for _ in range(3)]
    torch.testing.assert_close(quick(inputs[0]), plain(inputs[1]))
    quick(inputs[0]).square().sum().backward()
    plain(inputs[1]).square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    assert quick.bias is not None
    assert plain.bias is not None
    torch.testing.assert_close(quick.bias.grad, plain.bias.grad)
    plain.zero_grad()
    (plain(inputs[2][::4]).square().sum() * 4).backward()
    torch.testing.assert_close(quick.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)


def test_only_depthwise_convolutions_are_changed() -> None:
    dense = nn.Conv2d(8, 8, 3, padding=1)
    assert "forward" not in vars(quick_depthwise(dense))
