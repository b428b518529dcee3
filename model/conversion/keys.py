"""Names: which stored tensor each tensor of a converted checkpoint is made of, and how.

The table is the whole mapping: what it does not list is refused, and `None` means known and not used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.configuration_sphinx import SphinxConfig


class ConversionError(ValueError):
    """The input cannot be converted; names the key or the file, what was expected and what was found."""


_TEXT, _CLIP, _CONV = "model.language_model", "model.clip", "model.convnext"
_DINO, _EVA, _QF = "model.dinov2", "model.qformer_vision", "model.qformer"
_LAYER, _BLOCK = f"{_TEXT}.layers.{{}}", f"{_CLIP}.encoder.layers.{{}}"
_CELL, _PART = f"{_CONV}.encoder.stages.{{}}.layers.{{}}", f"{_DINO}.encoder.layer.{{}}"
_EXPERT = f"{_LAYER}.block_sparse_moe.experts.{{}}"

# How a stored tensor becomes the new one(s): see `take`. {} is a number, * whatever follows.
KEYS: dict[str, tuple[tuple[str, str], ...] | None] = {
    "llma.tok_embeddings.weight": ((f"{_TEXT}.embed_tokens.weight", "same"),),
    "llma.norm.weight": ((f"{_TEXT}.norm.weight", "same"),),
    "llma.output.weight": (("lm_head.weight", "same"),),
    "llma.layers.{}.attention.wq.weight": ((f"{_LAYER}.self_attn.q_proj.weight", "rotary_q"),),
    "llma.layers.{}.attention.wk.weight": ((f"{_LAYER}.self_attn.k_proj.weight", "rotary_k"),),
    "llma.layers.{}.attention.wv.weight": ((f"{_LAYER}.self_attn.v_proj.weight", "same"),),
    "llma.layers.{}.attention.wqkv.weight": (  # InternLM2: per key-value head its queries, key and value
        (f"{_LAYER}.self_attn.q_proj.weight", "fused_q"),
        (f"{_LAYER}.self_attn.k_proj.weight", "fused_k"),
        (f"{_LAYER}.self_attn.v_proj.weight", "fused_v"),
    ),
    "llma.layers.{}.attention.wo.weight": ((f"{_LAYER}.self_attn.o_proj.weight", "same"),),
    "llma.layers.{}.attention_norm.weight": ((f"{_LAYER}.input_layernorm.weight", "same"),),
    "llma.layers.{}.ffn_norm.weight": ((f"{_LAYER}.post_attention_layernorm.weight", "same"),),
    "llma.layers.{}.feed_forward.w1.weight": ((f"{_LAYER}.mlp.gate_proj.weight", "same"),),
    "llma.layers.{}.feed_forward.w2.weight": ((f"{_LAYER}.mlp.down_proj.weight", "same"),),
    "llma.layers.{}.feed_forward.w3.weight": ((f"{_LAYER}.mlp.up_proj.weight", "same"),),
    "llma.layers.{}.feed_forward.gate.weight": ((f"{_LAYER}.block_sparse_moe.gate.weight", "same"),),
    "llma.layers.{}.feed_forward.w1": ((f"{_EXPERT}.w1.weight", "expert"),),
    "llma.layers.{}.feed_forward.w2": ((f"{_EXPERT}.w2.weight", "expert_transposed"),),
    "llma.layers.{}.feed_forward.w3": ((f"{_EXPERT}.w3.weight", "expert"),),
    "llma.rope.freqs": None,
    "llma.start_img": (("model.start_img", "same"),),
    "llma.end_img": (("model.end_img", "same"),),
    "llma.visual_proj.0.*": (("model.visual_proj.linear.*", "same"),),
    "llma.visual_proj.1.*": (("model.visual_proj.norm.*", "same"),),
    "llma.qformer_proj.0.*": (("model.qformer_proj.linear.*", "same"),),
    "llma.qformer_proj.1.*": (("model.qformer_proj.norm.*", "same"),),
    # CLIP ViT-L/14 as open_clip names it; its text side came along and is not used
    "llma.clip.positional_embedding": None,
    "llma.clip.text_projection": None,
    "llma.clip.logit_scale": None,
    "llma.clip.token_embedding.weight": None,
    "llma.clip.ln_final.*": None,
    "llma.clip.attn_mask": None,
    "llma.clip.visual.proj": None,
    "llma.clip.visual.class_embedding": ((f"{_CLIP}.embeddings.class_embedding", "same"),),
    "llma.clip.visual.positional_embedding": ((f"{_CLIP}.embeddings.position_embedding.weight", "same"),),
    "llma.clip.visual.conv1.weight": ((f"{_CLIP}.embeddings.patch_embedding.weight", "same"),),
    "llma.clip.visual.ln_pre.*": ((f"{_CLIP}.pre_layrnorm.*", "same"),),
    "llma.clip.visual.ln_post.*": ((f"{_CLIP}.post_layernorm.*", "same"),),
    "llma.clip.visual.transformer.resblocks.{}.ln_1.*": ((f"{_BLOCK}.layer_norm1.*", "same"),),
    "llma.clip.visual.transformer.resblocks.{}.ln_2.*": ((f"{_BLOCK}.layer_norm2.*", "same"),),
    "llma.clip.visual.transformer.resblocks.{}.attn.in_proj_weight": (
        (f"{_BLOCK}.self_attn.q_proj.weight", "1/3"),
        (f"{_BLOCK}.self_attn.k_proj.weight", "2/3"),
        (f"{_BLOCK}.self_attn.v_proj.weight", "3/3"),
    ),
    "llma.clip.visual.transformer.resblocks.{}.attn.in_proj_bias": (
        (f"{_BLOCK}.self_attn.q_proj.bias", "1/3"),
        (f"{_BLOCK}.self_attn.k_proj.bias", "2/3"),
        (f"{_BLOCK}.self_attn.v_proj.bias", "3/3"),
    ),
    "llma.clip.visual.transformer.resblocks.{}.attn.out_proj.*": (
        (f"{_BLOCK}.self_attn.out_proj.*", "same"),
    ),
    "llma.clip.visual.transformer.resblocks.{}.mlp.c_fc.*": ((f"{_BLOCK}.mlp.fc1.*", "same"),),
    "llma.clip.visual.transformer.resblocks.{}.mlp.c_proj.*": ((f"{_BLOCK}.mlp.fc2.*", "same"),),
    # ConvNeXt-XXL as timm names it
    "llma.openclip_convnext_xxl.stem.0.*": ((f"{_CONV}.embeddings.patch_embeddings.*", "same"),),
    "llma.openclip_convnext_xxl.stem.1.*": ((f"{_CONV}.embeddings.layernorm.*", "same"),),
    "llma.openclip_convnext_xxl.stages.{}.downsample.{}.*": (
        (f"{_CONV}.encoder.stages.{{}}.downsampling_layer.{{}}.*", "same"),
    ),
    "llma.openclip_convnext_xxl.stages.{}.blocks.{}.conv_dw.*": ((f"{_CELL}.dwconv.*", "same"),),
    "llma.openclip_convnext_xxl.stages.{}.blocks.{}.norm.*": ((f"{_CELL}.layernorm.*", "same"),),
    "llma.openclip_convnext_xxl.stages.{}.blocks.{}.mlp.fc1.*": ((f"{_CELL}.pwconv1.*", "same"),),
    "llma.openclip_convnext_xxl.stages.{}.blocks.{}.mlp.fc2.*": ((f"{_CELL}.pwconv2.*", "same"),),
    "llma.openclip_convnext_xxl.stages.{}.blocks.{}.gamma": ((f"{_CELL}.layer_scale_parameter", "same"),),
    "llma.openclip_convnext_xxl.head.norm.*": ((f"{_CONV}.layernorm.*", "same"),),
    # DINOv2 ViT-g/14 as its own repository names it
    "llma.dinov2_vitg14.mask_token": None,
    "llma.dinov2_vitg14.cls_token": ((f"{_DINO}.embeddings.cls_token", "same"),),
    "llma.dinov2_vitg14.pos_embed": ((f"{_DINO}.embeddings.position_embeddings", "same"),),
    "llma.dinov2_vitg14.patch_embed.proj.*": ((f"{_DINO}.embeddings.patch_embeddings.projection.*", "same"),),
    "llma.dinov2_vitg14.norm.*": ((f"{_DINO}.layernorm.*", "same"),),
    "llma.dinov2_vitg14.blocks.{}.norm1.*": ((f"{_PART}.norm1.*", "same"),),
    "llma.dinov2_vitg14.blocks.{}.norm2.*": ((f"{_PART}.norm2.*", "same"),),
    "llma.dinov2_vitg14.blocks.{}.attn.qkv.*": (
        (f"{_PART}.attention.q_proj.*", "1/3"),
        (f"{_PART}.attention.k_proj.*", "2/3"),
        (f"{_PART}.attention.v_proj.*", "3/3"),
    ),
    "llma.dinov2_vitg14.blocks.{}.attn.proj.*": ((f"{_PART}.attention.o_proj.*", "same"),),
    "llma.dinov2_vitg14.blocks.{}.ls1.gamma": ((f"{_PART}.layer_scale1.lambda1", "same"),),
    "llma.dinov2_vitg14.blocks.{}.ls2.gamma": ((f"{_PART}.layer_scale2.lambda1", "same"),),
    "llma.dinov2_vitg14.blocks.{}.mlp.w12.*": (
        (f"{_PART}.mlp.gate_proj.*", "1/2"),
        (f"{_PART}.mlp.up_proj.*", "2/2"),
    ),
    "llma.dinov2_vitg14.blocks.{}.mlp.w3.*": ((f"{_PART}.mlp.down_proj.*", "same"),),
    # BLIP-2: transformers' own names
    "llma.qformer.query_tokens": (("model.query_tokens", "same"),),
    "llma.qformer.vision_model.*": ((f"{_EVA}.*", "same"),),
    "llma.qformer.qformer.*": ((f"{_QF}.*", "same"),),
}

# The dimension along which a tensor-parallel shard holds its part; all others are whole in every shard.
SPLIT = {
    r"llma\.tok_embeddings\.weight": 1,
    r"llma\.output\.weight": 0,
    r"llma\.layers\.\d+\.attention\.(w[qkv]|wqkv)\.weight": 0,
    r"llma\.layers\.\d+\.attention\.wo\.weight": 1,
    r"llma\.layers\.\d+\.feed_forward\.w[13]\.weight": 0,
    r"llma\.layers\.\d+\.feed_forward\.w2\.weight": 1,
}
EXPERTS = re.compile(r"llma\.layers\.\d+\.feed_forward\.w[123]")


def _pattern(name: str) -> re.Pattern[str]:
    """Compile a name of the table: {} is a number, a last * is whatever follows."""
    escaped = re.escape(name).replace(r"\{\}", r"(\d+)").replace(r"\*", "(.+)")
    return re.compile(escaped)


def _fill(name: str, groups: Sequence[str]) -> str:
    """Fill the {} and * of a name of the table, in order."""
    values = iter(groups)
    return re.sub(r"\{\}|\*", lambda _: next(values), name)


_SEPARATE = tuple(f"llma.layers.{{}}.attention.{w}.weight" for w in ("wq", "wk", "wv"))
_OLD = [(_pattern(old), new) for old, new in KEYS.items()]
_NEW = [(_pattern(name), old, how) for old, new in KEYS.items() for name, how in new or ()]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a new tensor comes from: the stored key, what is done with it, and which expert it is."""

    key: str
    how: str
    expert: int = 0


def origin(name: str, *, fused: bool = False) -> Origin:
    """Return the stored tensor that `name` (of a converted checkpoint) is made of.

    Args:
        name: of a tensor.
        fused: whether queries, keys and values are stored in one tensor, as InternLM2 does.

    Raises:
        ConversionError: if the table has no stored key for it.
    """
    for pattern, old, how in _NEW:
        match = pattern.fullmatch(name)
        if match and not (old in _SEPARATE if fused else how.startswith("fused")):
            groups = list(match.groups())
            expert = int(groups.pop()) if how.startswith("expert") else 0
            return Origin(_fill(old, groups), how, expert)
    raise ConversionError(f"{name}: no stored key is known for this part of the model")


def is_known(key: str) -> bool:
    """Return whether the table has this stored key."""
    return any(pattern.fullmatch(key) for pattern, _ in _OLD)


def is_dropped(key: str) -> bool:
    """Return whether the table has this stored key, and has no use for it."""
    return any(new is None and pattern.fullmatch(key) for pattern, new in _OLD)


def stored_shape(shape: Sequence[int], how: str, experts: int, group: int = 1) -> tuple[int, ...]:
    """Return the shape a stored tensor must have so that its new one(s) have `shape`.

    Args:
        shape: of the new tensor.
        how: of the table.
        experts: of the language model.
        group: queries that share one key-value head.
    """
    first, *rest = shape
    if how == "expert":
        return (experts * first, *rest)
    if how == "expert_transposed":
        return (experts * rest[0], first)
    if how.startswith("fused"):
        return (first // group * (group + 2) if how == "fused_q" else first * (group + 2), *rest)
    return (first * int(how[-1]), *rest) if "/" in how else (first, *rest)


def take(tensor: torch.Tensor, origin: Origin, config: SphinxConfig) -> torch.Tensor:
    """Make the new tensor from the stored (merged) one, in its dtype."""
    how = origin.how
    text = config.text_config
    if how == "same":
        return tensor
    if how in ("rotary_q", "rotary_k"):  # Meta rotates neighbouring pairs, transformers the halves of a head
        heads = text.num_attention_heads if how == "rotary_q" else text.num_key_value_heads
        return tensor.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)
    if how.startswith("fused"):
        group = text.num_attention_heads // text.num_key_value_heads
        parts = tensor.unflatten(0, (text.num_key_value_heads, group + 2, -1))
        index = {"fused_k": group, "fused_v": group + 1}
        return parts[:, :group].flatten(0, 2) if how == "fused_q" else parts[:, index[how]].flatten(0, 1)
    if how.startswith("expert"):
        one = tensor.unflatten(0, (text.num_local_experts, -1))[origin.expert]
        return one.T if how == "expert_transposed" else one
    part, parts_ = (int(n) for n in how.split("/"))
    return tensor.chunk(parts_)[part - 1]
