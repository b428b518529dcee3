"""Mix two models in memory: theta = beta * A + (1 - beta) * B over all that both have in name and shape.

One of them may have more ConvNeXt blocks. To the other such a block is one of layer scale 0, which adds
nothing to its input: at beta 0 and 1 the mixture therefore says exactly what one of the two says. This module
knows tensors and their names; on disk checkpoints are mixed by `mix_weights`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .modeling_sphinx import SphinxForConditionalGeneration

BLOCK = ".convnext.encoder.stages."  # in the name of what one model alone may have
SCALE = "layer_scale_parameter"  # how the name of the factor ends by which a block counts
INCIDENTAL = ("_name_or_path", "architectures", "auto_map", "dtype", "torch_dtype", "transformers_version")
"""Fields of a configuration that may differ between two checkpoints of one architecture."""


def mix(a: Tensor, b: Tensor, beta: float) -> Tensor:
    """Return beta * a + (1 - beta) * b, computed in float32, in the dtype of `a`; exact at 0 and 1."""
    if beta in (0.0, 1.0):
        return a if beta == 1.0 else b.to(a.dtype)
    return (beta * a.float() + (1.0 - beta) * b.float()).to(a.dtype)


def mix_states(a: Mapping[str, Tensor], b: Mapping[str, Tensor], beta: float) -> dict[str, Tensor]:
    """Return the mixture of two models' weights, with the blocks of the deeper one.

    Raises:
        ValueError: a weight differs in shape, or one model alone has it and it belongs to no ConvNeXt block.
    """
    mixture = {}
    for name in (*a, *(name for name in b if name not in a)):
        one, other = a.get(name), b.get(name)
        if one is None or other is None:
            there = other if one is None else one
            assert there is not None
            if BLOCK not in f".{name}":
                raise ValueError(f"only one of the two has {name}")
            if not name.endswith(SCALE):
                mixture[name] = there
                continue
            one, other = (torch.zeros_like(there) if side is None else side for side in (one, other))
        if one.shape != other.shape:
            raise ValueError(f"{name}: expected one shape, got {tuple(one.shape)} and {tuple(other.shape)}")
        mixture[name] = mix(one, other, beta) if one.is_floating_point() else one
    return mixture


@torch.no_grad()
def mix_models(
    a: SphinxForConditionalGeneration, b: SphinxForConditionalGeneration, beta: float
) -> SphinxForConditionalGeneration:
    """Return a new model that is the mixture of two, which stay as they are.

    Args:
        a, b: of one architecture but for the depth of their ConvNeXt.
        beta: the share of `a`, 0..1.
    Raises:
        ValueError: they are of two architectures.
    """
    if different := differing(a.config, b.config):
        raise ValueError(f"the two differ in {', '.join(different)}")
    deeper = max((b, a), key=lambda model: _depth(model.config))
    mixture = copy.deepcopy(deeper)
    mixture.load_state_dict(mix_states(a.state_dict(), b.state_dict(), beta))
    return mixture.eval()


def _depth(config: Any) -> int:
    return sum(config.convnext_config.depths) if config.convnext_config is not None else 0


def differing(one: Any, other: Any) -> list[str]:
    """Return the fields in which two configurations differ so that their models cannot be mixed."""
    left, right = plain(one.to_dict()), plain(other.to_dict())
    for side in (left, right):
        if isinstance(side.get("convnext_config"), dict):
            side["convnext_config"].pop("depths", None)
    return [key for key in sorted(set(left) | set(right)) if left.get(key) != right.get(key)]


def plain(value: Any) -> Any:
    """Return a configuration's value without what may differ between two of one architecture."""
    if not isinstance(value, dict):
        return value
    return {key: plain(inner) for key, inner in value.items() if key not in INCIDENTAL}
