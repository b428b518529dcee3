"""How SPHINX looks at a picture: views, encoders and their features, before the language model.

The encoders are transformers' own classes; only what the original does differently is overridden here. This
module knows tensors and configurations; it knows no words and no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import ConvNextConfig, Dinov2Config
from transformers.models.convnext.modeling_convnext import ConvNextModel
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings, Dinov2Model

from .configuration_sphinx import FUSED, SphinxConfig
from .image_processing_sphinx import CLIP_MEAN, CLIP_STD

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # what DINOv2 was trained with
IMAGENET_STD = (0.229, 0.224, 0.225)
DINOV2_OFFSET = 0.1  # patches, added to the grid before its positions are resampled (facebookresearch/dinov2)


def resize(pixels: torch.Tensor, size: int, mode: str) -> torch.Tensor:
    """Resize a batch of squares as the original does: in float16, whatever the dtype, never antialiased.

    Args:
        pixels: (N, 3, H, W), normalised, of any floating dtype.
        size: pixels, side of the result.
        mode: "bicubic" or "nearest".

    Returns:
        (N, 3, size, size), in the dtype of `pixels`.
    """
    corners = False if mode == "bicubic" else None
    half = nn.functional.interpolate(pixels.half(), size=(size, size), mode=mode, align_corners=corners)
    return half.to(pixels.dtype)


def tiles(pixels: torch.Tensor, per_side: int) -> torch.Tensor:
    """Cut (B, 3, S, S) into (B, per_side ** 2, 3, S / per_side, S / per_side), row by row."""
    b, channels, side, _ = pixels.shape
    t = side // per_side
    cut = pixels.reshape(b, channels, per_side, t, per_side, t).permute(0, 2, 4, 1, 3, 5)
    return cut.reshape(b, per_side**2, channels, t, t)


def _square(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Return the whole square at `size` pixels, untouched where it has that size already."""
    return pixels if pixels.shape[-1] == size else resize(pixels, size, "bicubic")


def split_views(
    config: SphinxConfig, pixel_values: torch.Tensor, views: int | None = None
) -> dict[str, torch.Tensor]:
    """Cut and resize the padded square into the views that the encoders look at.

    Args:
        config: of the model.
        pixel_values: (B, 3, image_size, image_size), CLIP-normalised, of any floating dtype.
        views: how many, the global view first; None is all V = `config.num_views`.

    Returns:
        "vit": (B * V, 3, view_size, view_size) for CLIP, DINOv2 and the Q-Former; "convnext": (B * V, 3,
        convnext_size, convnext_size) for the ConvNeXt. Both are image-major (all views of the first picture,
        then those of the next); a key is there only where the model has an encoder that looks at it.

    Raises:
        ValueError: for pixels of another shape, or a number of views that the model does not have.
    """
    n, side = config.crops_per_side, config.image_size
    if tuple(pixel_values.shape[1:]) != (3, side, side):
        raise ValueError(f"pixel_values must be (B, 3, {side}, {side}), got {tuple(pixel_values.shape)}")
    count = config.num_views if views is None else views
    if not 1 <= count <= config.num_views:
        raise ValueError(f"views must be 1 .. {config.num_views}, got {views}")
    vit = _square(pixel_values, config.view_size)[:, None]
    if count > 1:
        vit = torch.cat((vit, tiles(_square(pixel_values, n * config.view_size), n)), dim=1)
    vit = vit[:, :count].flatten(0, 1)
    split = {}
    if any(name in config.encoders for name in ("clip", "dinov2", "qformer")):
        split["vit"] = vit
    if config.convnext_config is not None:
        split["convnext"] = _convnext_views(config, pixel_values, vit, count)
    return split


def _convnext_views(
    config: SphinxConfig, pixel_values: torch.Tensor, vit: torch.Tensor, count: int
) -> torch.Tensor:
    """Return the ConvNeXt's views (B * count, 3, convnext_size, convnext_size); see `split_views`."""
    size = config.convnext_size
    if not config.crops_are_native_to_convnext:
        return resize(vit, size, "nearest")
    if not config.crops_per_side:
        return resize(pixel_values, size, "nearest")  # the same size: only float16's rounding
    if size == config.view_size:
        return vit
    views = resize(pixel_values, size, "bicubic")[:, None]
    if count > 1:
        views = torch.cat((views, tiles(pixel_values, config.crops_per_side)), dim=1)
    return views[:, :count].flatten(0, 1)


def for_dinov2(pixels: torch.Tensor, *, light: bool) -> torch.Tensor:
    """Turn CLIP's normalisation into ImageNet's, in the original's order of operations (and rounding).

    Args:
        pixels: (N, 3, H, W), CLIP-normalised.
        light: whether the model is a light variant (no CLIP), which computes it as one scale and one shift.
    """

    def constant(values: Sequence[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=pixels.dtype, device=pixels.device)[:, None, None]

    clip_mean, clip_std = constant(CLIP_MEAN), constant(CLIP_STD)
    mean, std = constant(IMAGENET_MEAN), constant(IMAGENET_STD)
    if light:
        return pixels * (clip_std / std) + (clip_mean - mean) / std
    return ((pixels * clip_std + clip_mean) - mean) / std


def fuse(config: SphinxConfig, features: dict[str, torch.Tensor], pooled: bool = False) -> torch.Tensor:
    """Join the ViTs and the ConvNeXt by channel, in the order of FUSED.

    Args:
        config: of the model.
        features: from `SphinxModel.encode_views`; an encoder of the model that is missing counts as zeros.
        pooled: halve the patch grid (the crops of a `pool_crops` model).

    Returns:
        (N, 1 + P, C): the class tokens, then the patches row by row, C channels of all encoders together.
    """
    grid = config.grid_size
    known = next(iter(features.values()))
    rows = known.shape[0]
    parts = []
    for name in FUSED:
        encoder = getattr(config, f"{name}_config")
        if encoder is None:
            continue
        if name not in features:
            channels = encoder.hidden_sizes[-1] if name == "convnext" else encoder.hidden_size
            parts.append(known.new_zeros(rows, 1 + grid**2, channels))
        elif name == "convnext":
            factor = grid // features[name].shape[-1]
            cells = features[name].repeat_interleave(factor, dim=3).repeat_interleave(factor, dim=2)
            cells = cells.flatten(2).transpose(1, 2)
            parts.append(torch.cat((cells.mean(dim=1, keepdim=True), cells), dim=1))
        else:
            parts.append(features[name])
    fused = torch.cat([part.to(known.device) for part in parts], dim=-1)  # encoders may lie on several GPUs
    if not pooled:
        return fused
    patches = fused[:, 1:].transpose(1, 2).reshape(rows, -1, grid, grid)
    patches = nn.functional.interpolate(patches, scale_factor=0.5, mode="bilinear")
    return torch.cat((fused[:, :1], patches.flatten(2).transpose(1, 2)), dim=1)


class SphinxDinov2Embeddings(Dinov2Embeddings):
    """Resample positions by a scale factor with an offset, as DINOv2's own code does (not by size)."""

    def interpolate_pos_encoding(self, embeddings: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Return the position embeddings (1, 1 + patches, D) for a view of `height` x `width` pixels."""
        stored = self.position_embeddings.shape[1] - 1
        if embeddings.shape[1] - 1 == stored and height == width:
            return self.position_embeddings
        side = round(stored**0.5)
        patch_h, patch_w = self.patch_embeddings.patch_size
        scale = ((height // patch_h + DINOV2_OFFSET) / side, (width // patch_w + DINOV2_OFFSET) / side)
        dim = self.position_embeddings.shape[-1]
        grid = self.position_embeddings[:, 1:].reshape(1, side, side, dim).permute(0, 3, 1, 2)
        grid = nn.functional.interpolate(grid.to(torch.float32), scale_factor=scale, mode="bicubic")
        patches = grid.permute(0, 2, 3, 1).reshape(1, -1, dim).to(self.position_embeddings.dtype)
        return torch.cat((self.position_embeddings[:, :1], patches), dim=1)


class SphinxDinov2Model(Dinov2Model):
    """DINOv2 with the resampling of positions of its own code."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__(config)
        self.embeddings = SphinxDinov2Embeddings(config)
        self.post_init()


class SphinxConvNextModel(ConvNextModel):
    """ConvNeXt as a map: the head's norm at every position, and one epsilon for all norms (OpenCLIP's)."""

    def get_correct_attn_implementation(self, *args: Any, **kwargs: Any) -> str:
        """Accept whatever attention is asked for the whole model: there is none in a ConvNeXt."""
        return "eager"

    _check_and_adjust_attn_implementation = get_correct_attn_implementation

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__(config)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = config.layer_norm_eps

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return the normalised map (N, C, h, w) of `pixel_values` (N, 3, c, c)."""
        hidden = self.encoder(self.embeddings(pixel_values)).last_hidden_state
        return self.layernorm(hidden.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SphinxProjection(nn.Module):
    """Bring features to the language model's width: a linear layer and a LayerNorm."""

    def __init__(self, in_size: int, out_size: int, eps: float) -> None:
        super().__init__()
        self.linear = nn.Linear(in_size, out_size)
        self.norm = nn.LayerNorm(out_size, eps=eps)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Project (..., in_size) to (..., out_size)."""
        return self.norm(self.linear(features))


__all__ = [
    "SphinxConvNextModel",
    "SphinxDinov2Model",
    "SphinxProjection",
    "for_dinov2",
    "fuse",
    "split_views",
]
