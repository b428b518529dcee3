"""Linear layers as a CPU computes them quickest: float32 weights packed for oneDNN.

Torch gives float32 matrices to MKL, which on AMD takes 1.5 to 2.5 times as long as oneDNN with a packed
weight, and hands no weight to oneDNN itself; torch.compile calls it as it is called here. Nothing changes
elsewhere, or where a weight is large. What comes out differs in the last bits of a float.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

PACKED_BYTES = 16 << 20  # of a weight: what is larger is not held twice

Linear = Callable[[torch.Tensor], torch.Tensor]


def linear(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    """Return a linear layer, (N, in) -> (N, out); its weight is packed, as a copy, where that is quicker."""
    if not _is_worth_packing(weight):
        return lambda x: F.linear(x, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
    multiply = torch.ops.mkldnn._linear_pointwise.default
    return lambda x: multiply(x, packed, bias, "none", [], "")


def pack(*modules: nn.Module) -> None:
    """Have the plain linear layers in modules compute with packed weights from now on, without gradients.

    Their own weights stay as they are, and are not looked at any more.
    """
    for module in modules:
        for layer in module.modules():
            plain: Any = layer
            if (
                type(layer) is nn.Linear
                and not hasattr(layer, "_hf_hook")
                and _is_worth_packing(layer.weight)
            ):
                plain.forward = linear(layer.weight, layer.bias)


def _is_worth_packing(weight: torch.Tensor) -> bool:
    there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    small = weight.numel() * weight.element_size() <= PACKED_BYTES
    return there and small and weight.device.type == "cpu" and weight.dtype is torch.float32
