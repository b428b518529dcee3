"""Make a trained sphinx-nano larger without unlearning: a larger view, more ConvNeXt blocks, skip tokens.

Positions are resampled to the other grid, and every new block begins as almost nothing beside its input, so
that the larger model starts out saying what the smaller one said. Knows names of weights; trains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

NEW_SCALE = 0.01  # layer scale of a new ConvNeXt block
# What the name of a new weight must hold: a ConvNeXt block, or tokens for views without any picture in them
NEW_BLOCK, NEW_TOKENS = ".convnext.encoder.stages.", ".skip_tokens"


def resample_positions(table: Tensor, count: int) -> Tensor:
    """Position embeddings (..., 1 + old * old, D) resampled to `count` rows; the first (class) row is kept.

    Raises:
        ValueError: either count is not one more than a square.
    """
    rows = table.reshape(-1, table.shape[-1]).float()
    old, new = round((len(rows) - 1) ** 0.5), round((count - 1) ** 0.5)
    if 1 + old * old != len(rows) or 1 + new * new != count:
        raise ValueError(
            f"expected a class token and a square grid of positions, got {len(rows)} and {count}"
        )
    grid = rows[1:].T.reshape(1, -1, old, old)
    grid = F.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
    resampled = torch.cat([rows[:1], grid[0].flatten(1).T])
    return resampled.reshape(*table.shape[:-2], *resampled.shape).to(table.dtype)


def grow(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of `state` in the shape of `wanted`, a freshly made model's or run's own weights.

    What `state` lacks besides ConvNeXt blocks and skip tokens is left out of the result, as it is of `state`.

    Raises:
        ValueError: a weight differs in shape and is no table of positions.
    """
    grown = dict(state)
    for name, value in wanted.items():
        if name not in state:
            if NEW_BLOCK in f".{name}":
                scale = name.endswith("layer_scale_parameter")
                grown[name] = torch.full_like(value, NEW_SCALE) if scale else value.clone()
            elif f".{name}".endswith(NEW_TOKENS):
                grown[name] = value.clone()
        elif state[name].shape != value.shape:
            if "position_embedding" not in name:
                raise ValueError(f"{name}: expected {tuple(value.shape)}, got {tuple(state[name].shape)}")
            grown[name] = resample_positions(state[name], value.shape[-2])
    return grown
