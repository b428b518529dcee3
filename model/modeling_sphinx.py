"""SPHINX: pictures through mixed encoders into tokens, tokens and words through a language model.

A picture's path is a chain of public steps, each of which training calls by itself:

    pixel_values (B, 3, S, S)
      split_views   the global view and the crops, at the sizes the encoders want       (B*V, 3, v, v)
      encode_views  each encoder's own features                                           dict of tensors
      project       joined by channel and by sequence, at the language model's width      (B*V, tokens, D)
      get_image_features  start and end around each view, the views one after another     (B, image_tokens, D)

The encoders and the language models are transformers' own classes; only what the original does differently is
overridden here. This module knows nothing of words, files or pictures as files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoModel
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.cache_utils import Cache
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming
from transformers.generation.utils import GenerationMixin
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.modeling_utils import PreTrainedModel, slice_logits_to_keep
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel, Blip2VisionModel
from transformers.models.clip.modeling_clip import CLIPVisionModel
from transformers.models.convnext.modeling_convnext import ConvNextModel
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings, Dinov2Model
from transformers.models.mixtral.modeling_mixtral import MixtralModel
from transformers.utils.generic import ModelOutput, can_return_tuple
from transformers.utils.import_utils import torch_compilable_check

from .configuration_sphinx import FUSED, SphinxConfig
from .image_processing_sphinx import CLIP_MEAN, CLIP_STD

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # what DINOv2 was trained with
IMAGENET_STD = (0.229, 0.224, 0.225)
DINOV2_OFFSET = 0.1  # patches, added to the grid before its positions are resampled (facebookresearch/dinov2)
PICTURE_INPUTS = ("pixel_values", "image_features", "views", "encoders", "skipped_views")


def resize(pixels: torch.Tensor, size: int, mode: str) -> torch.Tensor:
    """Resize (N, 3, H, W) to (N, 3, size, size) as the original does: in float16, whatever the dtype.

    Args:
        pixels: normalised pixels.
        size: pixels.
        mode: "bicubic" or "nearest"; never antialiased.
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


def count_positions(attention_mask: torch.Tensor) -> torch.Tensor | None:
    """Positions (B, T) that do not count the padding in front; None for a mask that is not (B, T)."""
    if attention_mask.ndim != 2:
        return None
    return (attention_mask.long().cumsum(dim=-1) - 1).clamp(min=0)


class SphinxDinov2Embeddings(Dinov2Embeddings):
    """Positions resampled by a scale factor with an offset, as in DINOv2's own code (not by size)."""

    def interpolate_pos_encoding(self, embeddings: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Position embeddings (1, 1 + patches, D) for a view of `height` x `width` pixels."""
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
    """DINOv2 with its own code's resampling of positions."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embeddings = SphinxDinov2Embeddings(config)
        self.post_init()


class SphinxConvNextModel(ConvNextModel):
    """ConvNeXt as a map: the head's norm at every position, one epsilon for all norms (OpenCLIP's 1e-5)."""

    def get_correct_attn_implementation(self, *args: Any, **kwargs: Any) -> str:
        """There is no attention in it: whatever is asked for the whole model is fine here."""
        return "eager"

    _check_and_adjust_attn_implementation = get_correct_attn_implementation

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = config.layer_norm_eps

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(N, 3, c, c) -> the normalised map (N, C, h, w)."""
        hidden = self.encoder(self.embeddings(pixel_values)).last_hidden_state
        return self.layernorm(hidden.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SphinxProjection(nn.Module):
    """Features to the language model's width: a linear layer and a LayerNorm."""

    def __init__(self, in_size: int, out_size: int, eps: float) -> None:
        super().__init__()
        self.linear = nn.Linear(in_size, out_size)
        self.norm = nn.LayerNorm(out_size, eps=eps)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(..., in_size) -> (..., out_size)."""
        return self.norm(self.linear(features))


class SphinxExpert(nn.Module):
    """One expert of a Mixtral, as linear layers."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w2 = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.w3 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """(tokens, D) -> (tokens, D)."""
        return self.w2(self.act_fn(self.w1(hidden_states)) * self.w3(hidden_states))


class SphinxExperts(nn.ModuleList):
    """A Mixtral's experts one by one; transformers' own are 3-D parameters, which quantisation passes by."""

    def __init__(self, config: Any) -> None:
        super().__init__(SphinxExpert(config) for _ in range(config.num_local_experts))

    def forward(
        self, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
    ) -> torch.Tensor:
        """(tokens, D) through the experts of `top_k_index` (tokens, k), summed with `top_k_weights`."""
        total = torch.zeros_like(hidden_states)
        for number in top_k_index.unique().tolist():
            tokens, rank = torch.where(top_k_index == number)
            out = self[number](hidden_states[tokens]) * top_k_weights[tokens, rank, None]
            total.index_add_(0, tokens, out.to(total.dtype))
        return total


class SphinxMixtralModel(MixtralModel):
    """A Mixtral whose experts can be quantised."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        for layer in self.layers:
            layer.mlp.experts = SphinxExperts(config)  # type: ignore[union-attr]
        self.post_init()


register_checkpoint_conversion_mapping(
    SphinxMixtralModel.__name__, [WeightRenaming(".block_sparse_moe.", ".mlp.")], overwrite=True
)


class SphinxPreTrainedModel(PreTrainedModel):
    """What transformers asks of a model: names, initialisation, what it can do."""

    config: SphinxConfig
    config_class = SphinxConfig
    base_model_prefix = "model"
    input_modalities = ["image", "text"]
    supports_gradient_checkpointing = True
    _no_split_modules = ["SphinxProjection", "SphinxDinov2Embeddings", "Blip2QFormerLayer"]
    _skip_keys_device_placement = ["past_key_values"]
    _supports_flash_attn = True
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, SphinxModel):
            for name in ("start_img", "end_img", "query_tokens", "skip_tokens"):
                parameter = getattr(module, name, None)
                if parameter is not None:
                    init.normal_(parameter, mean=0.0, std=self.config.initializer_range)


class SphinxModel(SphinxPreTrainedModel):
    """The encoders, the projections and the language model, without its output head."""

    def __init__(self, config: SphinxConfig) -> None:
        super().__init__(config)
        width, eps = config.text_config.hidden_size, config.projection_norm_eps
        self.clip: Any = CLIPVisionModel(config.clip_config) if config.clip_config else None
        self.convnext: Any = SphinxConvNextModel(config.convnext_config) if config.convnext_config else None
        self.dinov2: Any = SphinxDinov2Model(config.dinov2_config) if config.dinov2_config else None
        self.qformer_vision: Any = (
            Blip2VisionModel(config.qformer_vision_config) if config.qformer_vision_config else None
        )
        self.qformer: Any = Blip2QFormerModel(config.qformer_config) if config.qformer_config else None
        if config.fused_size:
            self.visual_proj = SphinxProjection(config.fused_size, width, eps)
        if config.qformer_config:
            self.query_tokens = nn.Parameter(
                torch.zeros(1, config.num_query_tokens, config.qformer_config.hidden_size)
            )
            self.qformer_proj = SphinxProjection(config.qformer_config.hidden_size, width, eps)
        if config.encoders:
            self.start_img = nn.Parameter(torch.zeros(1, 1, width))
            self.end_img = nn.Parameter(torch.zeros(1, 1, width))
        if config.skip_tokens:
            self.skip_tokens = nn.Parameter(torch.zeros(1, config.skip_tokens, width))
        apart = getattr(config, "quantization_config", None) is not None
        if apart and config.text_config.model_type == "mixtral":
            self.language_model = SphinxMixtralModel(config.text_config)
        else:
            self.language_model = AutoModel.from_config(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The language model's word embeddings."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the language model's word embeddings."""
        self.language_model.set_input_embeddings(value)

    # A picture, step by step

    def split_views(self, pixel_values: torch.Tensor, views: int | None = None) -> dict[str, torch.Tensor]:
        """Cut and resize the square into views.

        Args:
            pixel_values: (B, 3, image_size, image_size), CLIP-normalised.
            views: how many, the global view first; None is all V = config.num_views.

        Returns:
            "vit": (B*V, 3, view_size, view_size) for CLIP, DINOv2 and the Q-Former; "convnext": (B*V, 3,
            convnext_size, convnext_size) for the ConvNeXt; both image-major (all views of the first picture,
            then the next), and only what the encoders of this model look at.
        """
        config, n = self.config, self.config.crops_per_side
        expected = (3, config.image_size, config.image_size)
        if tuple(pixel_values.shape[1:]) != expected:
            raise ValueError(f"pixel_values must be (B, {expected}), got {tuple(pixel_values.shape)}")
        count = config.num_views if views is None else views
        if not 1 <= count <= config.num_views:
            raise ValueError(f"views must be 1 .. {config.num_views}, got {views}")
        split = {}
        if not n:
            vit = self._square(pixel_values, config.view_size)[:, None]
        else:
            vit = self._square(pixel_values, config.view_size)[:, None]
            if count > 1:
                crops = tiles(self._square(pixel_values, n * config.view_size), n)
                vit = torch.cat((vit, crops), dim=1)
        vit = vit[:, :count].flatten(0, 1)
        if any(name in config.encoders for name in ("clip", "dinov2", "qformer")):
            split["vit"] = vit
        if config.convnext_config is not None:
            size = config.convnext_size
            if not config.crops_are_native_to_convnext:
                convnext = resize(vit, size, "nearest")
            elif not n:
                convnext = resize(pixel_values, size, "nearest")  # same size: only float16's rounding
            elif size == config.view_size:
                convnext = vit
            else:
                convnext = resize(pixel_values, size, "bicubic")[:, None]
                if count > 1:
                    convnext = torch.cat((convnext, tiles(pixel_values, n)), dim=1)
                convnext = convnext[:, :count].flatten(0, 1)
            split["convnext"] = convnext
        return split

    @staticmethod
    def _square(pixels: torch.Tensor, size: int) -> torch.Tensor:
        """The whole square at `size` pixels, untouched where it has that size already."""
        return pixels if pixels.shape[-1] == size else resize(pixels, size, "bicubic")

    def encode_views(
        self, views: dict[str, torch.Tensor], encoders: Sequence[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """Run the encoders.

        Args:
            views: from `split_views` (or rows of it).
            encoders: the ones to run, of ENCODERS; None is all that are there.

        Returns:
            For N views: "clip" (N, 1 + P, C), "convnext" (N, C, h, w), "dinov2" (N, 1 + P, C), "qformer"
            (N, queries, C), each with its own C; P patches, row by row.
        """
        used = self._used(encoders)
        features = {}
        if "clip" in used:
            hidden = self.clip(views["vit"]).last_hidden_state
            features["clip"] = self.clip.post_layernorm(hidden)
        if "convnext" in used:
            features["convnext"] = self.convnext(views["convnext"])
        if "dinov2" in used:
            features["dinov2"] = self.dinov2(self._for_dinov2(views["vit"])).last_hidden_state
        if "qformer" in used:
            patches = self.qformer_vision(views["vit"]).last_hidden_state
            queries = self.query_tokens.to(patches.device).expand(len(patches), -1, -1)
            outputs = self.qformer(query_embeds=queries, encoder_hidden_states=patches)
            features["qformer"] = outputs.last_hidden_state
        return features

    def _used(self, encoders: Sequence[str] | None) -> tuple[str, ...]:
        """Names of this model's encoders among `encoders`; None is all."""
        there = self.config.encoders
        if encoders is None:
            return there
        unknown = set(encoders) - set(there)
        if unknown or not encoders:
            raise ValueError(f"encoders must be some of {there}, got {tuple(encoders)}")
        return tuple(name for name in there if name in encoders)

    def _for_dinov2(self, pixels: torch.Tensor) -> torch.Tensor:
        """From CLIP's normalisation to ImageNet's, in the original's order of operations (and rounding)."""

        def constant(values: Sequence[float]) -> torch.Tensor:
            return torch.tensor(values, dtype=pixels.dtype, device=pixels.device)[:, None, None]

        clip_mean, clip_std = constant(CLIP_MEAN), constant(CLIP_STD)
        mean, std = constant(IMAGENET_MEAN), constant(IMAGENET_STD)
        if self.clip is None:  # the light variants
            return pixels * (clip_std / std) + (clip_mean - mean) / std
        return ((pixels * clip_std + clip_mean) - mean) / std

    def fuse(self, features: dict[str, torch.Tensor], pooled: bool = False) -> torch.Tensor:
        """Join the ViTs and the ConvNeXt by channel: (N, 1 + P, C), in the order of FUSED.

        Args:
            features: from `encode_views`; an encoder of this model that is missing counts as zeros.
            pooled: halve the patch grid (the crops of a `pool_crops` model).
        """
        config, grid = self.config, self.config.grid_size
        known = next(iter(features.values()))
        rows = len(known)
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
        fused = torch.cat(
            [part.to(known.device) for part in parts], dim=-1
        )  # encoders may lie on several GPUs
        if not pooled:
            return fused
        patches = fused[:, 1:].transpose(1, 2).reshape(rows, -1, grid, grid)
        patches = nn.functional.interpolate(patches, scale_factor=0.5, mode="bilinear")
        patches = patches.flatten(2).transpose(1, 2)
        return torch.cat((fused[:, :1], patches), dim=1)

    def project(self, features: dict[str, torch.Tensor], pooled: bool = False) -> torch.Tensor:
        """Features to tokens: the Q-Former's, then the joined ones: (N, tokens, D), without start and end.

        Args:
            features: from `encode_views`.
            pooled: halve the patch grid (the crops of a `pool_crops` model).
        """
        tokens = []
        if "qformer" in features:
            tokens.append(self.qformer_proj(features["qformer"]))
        if self.config.fused_size:
            tokens.append(self.visual_proj(self.fuse(features, pooled)))
        return torch.cat([part.to(tokens[-1].device) for part in tokens], dim=1)

    def enclose(self, tokens: torch.Tensor) -> torch.Tensor:
        """Put start and end around each view: (N, T, D) -> (N, T + 2, D)."""
        around = [tag.to(tokens.device).expand(len(tokens), -1, -1) for tag in (self.start_img, self.end_img)]
        return torch.cat((around[0], tokens, around[1]), dim=1)

    def get_image_features(
        self,
        pixel_values: torch.Tensor,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        skipped_views: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """A picture as the language model reads it; can be passed again as `image_features`.

        Args:
            pixel_values: (B, 3, image_size, image_size), CLIP-normalised.
            views: how many views are used, the global one first; None is all.
            encoders: those in use; None is all. One that is left out counts as zeros where it is joined by
                channel; the tokens of a Q-Former that is left out are omitted.
            skipped_views: bool (B, V), the views without any picture in them (models with skip tokens).

        Returns:
            (B, image_tokens, D); where pictures differ in length (skipped views), zeros follow.
        """
        if not self.config.encoders:
            raise ValueError("this model has no encoder: it cannot take a picture")
        b = len(pixel_values)
        split = self.split_views(pixel_values.to(self.start_img.dtype), views)
        if self.config.skip_tokens and skipped_views is not None:
            return self._with_skips(split, skipped_views, b, encoders)
        features = self.encode_views(split, encoders)
        if not self.config.pool_crops:
            tokens = self.enclose(self.project(features))
            return tokens.reshape(b, -1, tokens.shape[-1])
        by_view = {name: value.unflatten(0, (b, -1)) for name, value in features.items()}
        whole = self.enclose(self.project({name: value[:, 0] for name, value in by_view.items()}))
        if next(iter(by_view.values())).shape[1] == 1:
            return whole
        crops = {name: value[:, 1:].flatten(0, 1) for name, value in by_view.items()}
        tokens = self.enclose(self.project(crops, pooled=True))
        return torch.cat((whole, tokens.reshape(b, -1, tokens.shape[-1])), dim=1)

    def _with_skips(
        self,
        split: dict[str, torch.Tensor],
        skipped_views: torch.Tensor,
        b: int,
        encoders: Sequence[str] | None,
    ) -> torch.Tensor:
        """Encode only the views that show something; skip tokens stand for the others."""
        if self.config.pool_crops:
            raise ValueError("skip tokens and pooled crops are not used together")
        count = len(next(iter(split.values()))) // b
        kept = ~skipped_views[:, :count].reshape(-1)
        features = self.encode_views({name: value[kept] for name, value in split.items()}, encoders)
        encoded = iter(self.enclose(self.project(features)))
        skip = self.enclose(self.skip_tokens)[0]
        blocks = [(next(encoded) if keep else skip).to(self.skip_tokens.device) for keep in kept.tolist()]
        rows = [torch.cat(blocks[i * count : (i + 1) * count]) for i in range(b)]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)

    def place_pictures(
        self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor, image_features: torch.Tensor
    ) -> torch.Tensor:
        """Put each picture's tokens where its placeholders are.

        Args:
            input_ids: (B, T), or None: then placeholders are found by their embedding.
            inputs_embeds: (B, T, D).
            image_features: (pictures, N, D), one for each row with placeholders, in the order of the rows. A
                row takes as many of the N as it has placeholders (placeholders beyond N stay words).

        Raises:
            ValueError: if the number of rows with placeholders is not that of the pictures.
        """
        if input_ids is None:
            token = torch.tensor(self.config.image_token_id, device=inputs_embeds.device)
            places = (inputs_embeds == self.get_input_embeddings()(token)).all(-1)
        else:
            places = input_ids == self.config.image_token_id
        pictures, length, _ = image_features.shape
        shortest = length
        if self.config.skip_tokens:
            shortest = min(length, self.config.view_tokens(0, ("convnext",)))
        shown = places.sum(dim=1) >= shortest
        torch_compilable_check(
            shown.sum() == pictures,
            lambda: (
                f"{pictures} pictures of {length} tokens were given, but the rows have "
                f"{places.sum(dim=1).tolist()} placeholders"
            ),
        )
        rank = places.cumsum(dim=1) - 1
        places = places & shown[:, None] & (rank < length)
        row = (shown.cumsum(dim=0) - 1).clamp(min=0)
        picked = image_features.to(inputs_embeds.device, inputs_embeds.dtype)[
            row[:, None], rank.clamp(0, length - 1)
        ]
        return torch.where(places[..., None], picked, inputs_embeds)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        image_features: torch.Tensor | None = None,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        skipped_views: torch.Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> SphinxModelOutput:
        """Read words and pictures.

        Args:
            input_ids: (B, T), a picture's placeholders included; or `inputs_embeds` (B, T, D) instead.
            pixel_values: (pictures, 3, S, S); or `image_features` (pictures, N, D) instead.
            attention_mask: (B, T) of 0 and 1, or additive (B, 1, T, past + T).
            position_ids: (B, T); None counts the attended positions.
            views, encoders, skipped_views: see `get_image_features`.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if pixel_values is not None and image_features is not None:
            raise ValueError("give either pixel_values or image_features")
        embeds: torch.Tensor = (
            self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        )
        if pixel_values is not None:
            image_features = self.get_image_features(pixel_values, views, encoders, skipped_views)
        if image_features is not None:
            embeds = self.place_pictures(input_ids, embeds, image_features)
        if position_ids is None and past_key_values is None and attention_mask is not None:
            position_ids = count_positions(attention_mask)
        outputs = self.language_model(
            inputs_embeds=embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            **kwargs,
        )
        return SphinxModelOutput(
            last_hidden_state=outputs.last_hidden_state,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            router_logits=outputs.get("router_logits"),
            image_hidden_states=image_features,
        )


@dataclass
class SphinxModelOutput(BaseModelOutputWithPast):
    """Hidden states (B, T, D), the cache, and the tokens (pictures, N, D) of the pictures."""

    router_logits: tuple[torch.Tensor, ...] | None = None
    image_hidden_states: torch.Tensor | None = None


@dataclass
class SphinxCausalLMOutput(ModelOutput):
    """Logits (B, T, vocabulary) of every position, the loss where labels were given, the cache."""

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None
    router_logits: tuple[torch.Tensor, ...] | None = None
    image_hidden_states: torch.Tensor | None = None


class SphinxForConditionalGeneration(SphinxPreTrainedModel, GenerationMixin):
    """SPHINX with its output head: what one loads, asks and trains."""

    _tied_weights_keys = {"lm_head.weight": "model.language_model.embed_tokens.weight"}
    generate: Any  # GenerationMixin's; its own annotation asks for a protocol no PreTrainedModel meets

    def __init__(self, config: SphinxConfig) -> None:
        super().__init__(config)
        self.model = SphinxModel(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The language model's word embeddings."""
        return self.model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the language model's word embeddings."""
        self.model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The output head."""
        return self.lm_head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the output head."""
        self.lm_head = new_embeddings

    @property
    def language_model(self) -> nn.Module:
        """The language model without its head."""
        return self.model.language_model

    def split_views(self, pixel_values: torch.Tensor, views: int | None = None) -> dict[str, torch.Tensor]:
        """See `SphinxModel.split_views`."""
        return self.model.split_views(pixel_values, views)

    def encode_views(
        self, views: dict[str, torch.Tensor], encoders: Sequence[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """See `SphinxModel.encode_views`."""
        return self.model.encode_views(views, encoders)

    def project(self, features: dict[str, torch.Tensor], pooled: bool = False) -> torch.Tensor:
        """See `SphinxModel.project`."""
        return self.model.project(features, pooled)

    def get_image_features(
        self,
        pixel_values: torch.Tensor,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        skipped_views: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See `SphinxModel.get_image_features`."""
        return self.model.get_image_features(pixel_values, views, encoders, skipped_views)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        image_features: torch.Tensor | None = None,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        skipped_views: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> SphinxCausalLMOutput:
        """Read words and pictures, and score the next words.

        Args:
            labels: (B, T) ids, -100 where nothing is to be learned (on a picture's placeholders, too).
            logits_to_keep: only the last so many positions; 0 is all.

        All others: see `SphinxModel.forward`.
        """
        outputs = self.model(
            input_ids=input_ids,
            pixel_values=pixel_values,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            image_features=image_features,
            views=views,
            encoders=encoders,
            skipped_views=skipped_views,
            use_cache=use_cache,
            **kwargs,
        )
        logits = self.lm_head(slice_logits_to_keep(outputs.last_hidden_state, logits_to_keep))
        loss = None
        if labels is not None:
            loss = self.loss_function(
                logits=logits, labels=labels, vocab_size=self.config.text_config.vocab_size, **kwargs
            )
        return SphinxCausalLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            router_logits=outputs.router_logits,
            image_hidden_states=outputs.image_hidden_states,
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.Tensor,
        inputs_embeds: torch.Tensor | None = None,
        is_first_iteration: bool | None = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Pictures go in once, with the prompt; afterwards the cache holds them."""
        parent: Any = super()
        inputs = parent.prepare_inputs_for_generation(
            input_ids, inputs_embeds=inputs_embeds, is_first_iteration=is_first_iteration, **kwargs
        )
        if not is_first_iteration and inputs.get("use_cache", True):
            for name in PICTURE_INPUTS:
                inputs.pop(name, None)
        return inputs


__all__ = ["SphinxForConditionalGeneration", "SphinxModel", "SphinxPreTrainedModel"]
