"""Convolutions whose gradients are matrix products.

PyTorch's CPU build computes a convolution's gradients in bf16 tens of times slower than its forward pass;
written as matrix products they cost what they should. Training only: weights, layout and results are those of
`torch.nn.Conv2d`. Measure with `tests/benchmarks/convolution.py`.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Module = TypeVar("Module", bound=nn.Module)


class _Convolution(torch.autograd.Function):
    """F.conv2d with square kernels, one stride, one padding."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.biased = stride, padding, bias is not None
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        stride, padding, side = ctx.stride, ctx.padding, weight.shape[-1]
        for_x = for_weight = for_bias = None
        if ctx.needs_input_grad[0]:
            if stride == 1:
                turned = weight.flip(2, 3).transpose(0, 1).contiguous()
                for_x = F.conv2d(grad, turned, padding=side - 1 - padding)
            else:
                columns = torch.matmul(weight.flatten(1).T, grad.flatten(2))
                for_x = F.fold(columns, (x.shape[-2], x.shape[-1]), side, padding=padding, stride=stride)
        if ctx.needs_input_grad[1]:
            height, width = grad.shape[-2:]
            rows = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding)).contiguous()
            batch, _, wide, channels = rows.shape
            step = wide * channels
            patches = rows.as_strided(
                (batch, height, width, side, side * channels),
                (rows.stride(0), stride * step, stride * channels, step, 1),
            ).reshape(batch * height * width, side * side * channels)
            flat = grad.permute(0, 2, 3, 1).reshape(batch * height * width, -1)
            product = torch.matmul(flat.T, patches)
            for_weight = product.view(-1, side, side, channels).permute(0, 3, 1, 2)
        if ctx.biased:
            for_bias = grad.sum((0, 2, 3))
        return for_x, for_weight, for_bias, None, None


def _forward(self: nn.Conv2d, x: Tensor) -> Tensor:
    weight, bias = self.weight, self.bias
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    return _Convolution.apply(x, weight, bias, self.stride[0], self.padding[0])  # type: ignore[return-value]


def quick_gradients(module: Module) -> Module:
    """Let every square, undilated, ungrouped convolution in a module compute its gradients this way."""
    for part in module.modules():
        if (
            isinstance(part, nn.Conv2d)
            and part.groups == 1
            and part.padding_mode == "zeros"
            and isinstance(part.padding, tuple)
            and len({*part.kernel_size}) == len({*part.stride}) == len({*part.padding}) == 1
            and {*part.dilation} == {1}
        ):
            part.forward = _forward.__get__(part)
    return module


SAMPLED = 4  # every n-th picture of a batch tells the gradient of depthwise kernels


class _Depthwise(torch.autograd.Function):
    """F.conv2d with one group a channel, in fp32; the kernels' gradient comes from every SAMPLED-th picture.

    On a CPU that gradient alone takes ten times as long as the forward pass, and a kernel of 49 numbers needs
    no more pictures than these.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding, ctx.biased = padding, bias is not None
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(x, weight, bias, padding=padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        channels, padding = len(weight), [ctx.padding] * 2

        def gradients(grad: Tensor, x: Tensor, wanted: list[bool]) -> Any:
            return torch.ops.aten.convolution_backward(
                grad, x, weight, None, [1, 1], padding, [1, 1], False, [0, 0], channels, wanted
            )

        for_x = gradients(grad, x, [True, False, False])[0] if ctx.needs_input_grad[0] else None
        for_weight = None
        if ctx.needs_input_grad[1]:
            told, some = (part[::SAMPLED].contiguous(memory_format=torch.channels_last) for part in (grad, x))
            for_weight = gradients(told, some, [False, True, False])[1] * (len(x) / len(some))
        return for_x, for_weight, grad.sum((0, 2, 3)) if ctx.biased else None, None


def _depthwise_forward(self: nn.Conv2d, x: Tensor) -> Tensor:
    bias = None if self.bias is None else self.bias.float()
    return _Depthwise.apply(x.float(), self.weight.float(), bias, self.padding[0])  # type: ignore[return-value]


def quick_depthwise(module: Module) -> Module:
    """Let every depthwise convolution of stride one in a module train this way; fp32 under autocast, too."""
    for part in module.modules():
        if (
            isinstance(part, nn.Conv2d)
            and part.groups == part.in_channels == part.out_channels > 1
            and part.padding_mode == "zeros"
            and isinstance(part.padding, tuple)
            and len({*part.padding}) == len({*part.kernel_size}) == 1
            and {*part.stride} == {*part.dilation} == {1}
        ):
            part.forward = _depthwise_forward.__get__(part)
    return module
