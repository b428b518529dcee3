"""Configuration: what the original's arguments and the shapes of the tensors say of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    Blip2QFormerConfig,
    CLIPVisionConfig,
    ConvNextConfig,
    Dinov2Config,
    LlamaConfig,
    MixtralConfig,
)
from transformers.configuration_utils import PreTrainedConfig
from transformers.models.blip_2.configuration_blip_2 import Blip2VisionConfig

from model.configuration_sphinx import SphinxConfig

from .keys import ConversionError
from .shards import Weights

VIEW = 224  # pixels, side of a view for the ViTs, in every variant
HEAD_WIDTH = 64  # channels of an attention head in CLIP ViT-L, DINOv2 ViT-g and the Q-Former
EVA_HEAD_WIDTH = 88  # the same in EVA-ViT-g, which the Q-Former looks through
CONTEXT = 4096  # tokens, what the original's loader gives every model


@dataclass(frozen=True, slots=True)
class Variant:
    """What `llama_type` says of the views: sides in pixels, crops per side, whether crops are pooled."""

    image_size: int
    convnext_size: int
    crops_per_side: int = 0
    pool_crops: bool = False


VARIANTS = {
    "llama_ens": Variant(224, 256),
    "llama_ens5": Variant(448, 256, 2),
    "llama_ens5p2": Variant(448, 256, 2, pool_crops=True),
    "llama_ens10": Variant(672, 256, 3),
    "llama_ens_light": Variant(512, 512),
    "llama_ens5_light": Variant(1024, 512, 2),
    "mixtral_sparse_ens": Variant(512, 512),
    "mixtral_sparse_ens5": Variant(1024, 512, 2),
}


INTERNLM2 = {  # InternLM2's names of the arguments -> the original's
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "num_key_value_heads": "n_kv_heads",
    "rms_norm_eps": "norm_eps",
    "max_position_embeddings": "max_seq_len",
}


def _count(values: dict[str, Any], name: str, where: str, default: int | None = None) -> int:
    """Return a positive whole number of the arguments.

    Raises:
        ConversionError: if it is missing and has no default, or is something else.
    """
    found = default if values.get(name) is None else values[name]
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise ConversionError(f"{where}: expected {name!r}, a positive whole number, found {found!r}")
    return found


def _number(values: dict[str, Any], name: str, default: float) -> float:
    """Return a positive number of config.json, or `default` where it is missing or null."""
    found = default if values.get(name) is None else values[name]
    if not isinstance(found, (int, float)) or isinstance(found, bool) or not found > 0:
        raise ConversionError(f"config.json: expected {name!r}, a positive number, found {found!r}")
    return float(found)


def _part(values: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    """Return a dictionary within a dictionary, {} where it is missing."""
    found = values.get(name) or {}
    if not isinstance(found, dict):
        raise ConversionError(f"{where}: expected {name!r}, an object, found {found!r}")
    return found


def _heads(width: int, of_head: int, given: int | None, what: str) -> int:
    """Return how many attention heads `width` channels have: those given, or of `of_head` channels each."""
    heads = width / of_head if given is None else given
    if heads != int(heads) or heads < 1 or width % int(heads):
        raise ConversionError(
            f"{what}: expected heads that divide its width of {width}, found {heads:g}: "
            "say its heads with --architecture"
        )
    return int(heads)


def _rope(args: dict[str, Any]) -> dict[str, Any]:
    """Return transformers' rotary parameters.

    The original's `rope_scaling` is a number that positions are multiplied by; InternLM2's is an object of a
    type ("dynamic", "linear") and a factor.
    """
    rope = {"rope_type": "default", "rope_theta": _number(args, "rope_theta", 10000.0)}
    scaling = args.get("rope_scaling")
    if isinstance(scaling, dict):
        kind = scaling.get("type") or scaling.get("rope_type")
        if kind not in ("dynamic", "linear"):
            raise ConversionError(
                f"config.json: expected a rope_scaling of type dynamic or linear, found {kind!r}"
            )
        return rope | {"rope_type": kind, "factor": _number(scaling, "factor", 1.0)}
    if scaling:
        return rope | {"rope_type": "linear", "factor": 1.0 / _number(args, "rope_scaling", 1.0)}
    return rope


def _attention_heads(weights: Weights, args: dict[str, Any], width: int) -> dict[str, int]:
    """Return heads, key-value heads and their width, checked against the stored tensors.

    Raises:
        ConversionError: if the arguments and the tensors disagree.
    """
    heads = _count(args, "n_heads", "config.json")
    groups = _count(args, "n_kv_heads", "config.json", heads)
    if width % heads or heads % groups:
        raise ConversionError(
            f"config.json: expected n_heads that divide dim and n_kv_heads that divide n_heads, "
            f"found dim {width}, n_heads {heads}, n_kv_heads {groups}"
        )
    size = _count(args, "head_dim", "config.json", width // heads)
    root = "llma.layers.0.attention"
    rows = {"wq": heads * size, "wk": groups * size, "wqkv": (heads + 2 * groups) * size}
    for name, expected in rows.items():
        key = f"{root}.{name}.weight"
        if key in weights.names and _shape(weights, key, 2)[0] != expected:
            raise ConversionError(
                f"{key}: expected {expected} rows for {heads} heads, {groups} key-value heads of {size}, "
                f"found {weights.shape(key)[0]}"
            )
    if size % 2:
        raise ConversionError(f"config.json: expected heads of an even width, found {size}")
    return {"num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": size}


def _layers(weights: Weights, args: dict[str, Any]) -> int:
    """Return the number of layers, of which there must be at least as many in the checkpoint.

    Raises:
        ConversionError: if there are fewer, before a model with so many is made.
    """
    layers, stored = _count(args, "n_layers", "config.json"), weights.count("llma.layers")
    if layers > stored:
        raise ConversionError(
            f"llma.layers.{stored}: expected in the checkpoint (config.json has n_layers {layers}), "
            "found nothing"
        )
    return layers


def _text_config(weights: Weights, args: dict[str, Any], dtype: torch.dtype) -> PreTrainedConfig:
    """Return the language model's configuration, from the original's arguments and the tensors."""
    args = {INTERNLM2.get(name, name): value for name, value in args.items()}
    width = _count(args, "dim", "config.json")
    rope = _rope(args)
    context = _count(args, "max_seq_len", "config.json", CONTEXT)
    if rope["rope_type"] != "dynamic":  # which counts from the length that the model was trained with
        context = max(context, CONTEXT)
    layer = "llma.layers.0.feed_forward"
    moe = _part(args, "moe", "config.json")
    common: dict[str, Any] = {
        "vocab_size": _shape(weights, "llma.tok_embeddings.weight", 2)[0],
        "hidden_size": width,
        "num_hidden_layers": _layers(weights, args),
        **_attention_heads(weights, args, width),
        "rms_norm_eps": _number(args, "norm_eps", 1e-5),
        "max_position_embeddings": context,
        "rope_parameters": rope,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": None,
        "tie_word_embeddings": False,
        "dtype": dtype,
    }
    if not moe:
        return LlamaConfig(**common, intermediate_size=_shape(weights, f"{layer}.w1.weight", 2)[0])
    experts, chosen = (_count(moe, n, "config.json, moe") for n in ("num_experts", "num_experts_per_tok"))
    rows = _shape(weights, f"{layer}.w1", 2)[0]
    if rows % experts or chosen > experts:
        raise ConversionError(
            f"config.json, moe: expected experts that share {rows} rows evenly and at least as many as are "
            f"chosen, found {chosen} of {experts}"
        )
    return MixtralConfig(
        **common,
        intermediate_size=rows // experts,
        num_local_experts=experts,
        num_experts_per_tok=chosen,
        sliding_window=None,
    )


def _check_kind(weights: Weights, llama_type: str, args: dict[str, Any]) -> None:
    """Compare what `llama_type` says with the tensors: experts, CLIP, Q-Former.

    Raises:
        ConversionError: naming the tensor that is missing or should not be there.
    """
    light, sparse = llama_type.endswith("_light"), llama_type.startswith("mixtral")
    expected = {
        "llma.clip.visual.conv1.weight": not light,
        "llma.qformer.query_tokens": not light,
        "llma.layers.0.feed_forward.gate.weight": sparse,
    }
    for key, there in expected.items():
        if (key in weights.names) != there:
            raise ConversionError(
                f"{key}: expected {'in' if there else 'not in'} a {llama_type}, found "
                f"{'nothing' if there else 'it'}: meta.json and the weights disagree"
            )
    if bool(args.get("moe")) != sparse:
        raise ConversionError(
            f"config.json: expected {'an' if sparse else 'no'} object 'moe' for a {llama_type}, "
            f"found {args.get('moe')!r}"
        )


def _shape(weights: Weights, key: str, dims: int) -> tuple[int, ...]:
    if key not in weights.names:
        raise ConversionError(f"{key}: expected in the checkpoint, found nothing")
    shape = weights.shape(key)
    if len(shape) != dims:
        raise ConversionError(f"{key}: expected {dims} dimensions, found {shape}")
    return shape


def _clip_config(weights: Weights, given: dict[str, Any], activation: str) -> CLIPVisionConfig:
    root = "llma.clip.visual"
    width, _, patch, _ = _shape(weights, f"{root}.conv1.weight", 4)
    blocks = f"{root}.transformer.resblocks"
    heads = given["width"] // given["head_width"] if given else None
    return CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=_shape(weights, f"{blocks}.0.mlp.c_fc.weight", 2)[0],
        num_hidden_layers=given.get("layers") or weights.count(blocks),
        num_attention_heads=_heads(width, HEAD_WIDTH, heads, "CLIP"),
        patch_size=patch,
        image_size=VIEW,
        hidden_act=activation,
        layer_norm_eps=1e-5,
    )


def _convnext_config(weights: Weights, given: dict[str, Any]) -> ConvNextConfig:
    root = "llma.openclip_convnext_xxl.stages"
    stages = weights.count(root)
    depths = given.get("depths") or [weights.count(f"{root}.{stage}.blocks") for stage in range(stages)]
    dims = given.get("dims") or [
        _shape(weights, f"{root}.{stage}.blocks.0.conv_dw.bias", 1)[0] for stage in range(stages)
    ]
    return ConvNextConfig(
        hidden_sizes=list(dims),
        depths=list(depths),
        num_stages=len(depths),
        patch_size=_shape(weights, "llma.openclip_convnext_xxl.stem.0.weight", 4)[-1],
        layer_norm_eps=given.get("norm_eps") or 1e-5,
        layer_scale_init_value=1e-6,
    )


def _dinov2_config(weights: Weights, given: dict[str, Any]) -> Dinov2Config:
    root = "llma.dinov2_vitg14"
    width, _, patch, _ = _shape(weights, f"{root}.patch_embed.proj.weight", 4)
    positions = _shape(weights, f"{root}.pos_embed", 3)[1] - 1
    return Dinov2Config(
        hidden_size=width,
        num_hidden_layers=given.get("depth") or weights.count(f"{root}.blocks"),
        num_attention_heads=_heads(width, HEAD_WIDTH, given.get("num_heads"), "DINOv2"),
        mlp_ratio=given.get("mlp_ratio") or 4,
        patch_size=patch,
        image_size=given.get("img_size") or round(positions**0.5) * patch,
        use_swiglu_ffn=True,
        use_mask_token=False,
        layer_norm_eps=1e-6,
    )


def _qformer_configs(weights: Weights, given: dict[str, Any]) -> dict[str, Any]:
    vision, former = given.get("vision", {}), given.get("qformer", {})
    eva, queries = "llma.qformer.vision_model", "llma.qformer.qformer.encoder.layer"
    width, _, patch, _ = _shape(weights, f"{eva}.embeddings.patch_embedding.weight", 4)
    layers = weights.count(f"{eva}.encoder.layers")
    own = _shape(weights, "llma.qformer.query_tokens", 3)
    return {
        "qformer_vision_config": Blip2VisionConfig(
            hidden_size=width,
            intermediate_size=_shape(weights, f"{eva}.encoder.layers.0.mlp.fc1.weight", 2)[0],
            num_hidden_layers=vision.get("num_hidden_layers") or layers,
            num_attention_heads=_heads(width, EVA_HEAD_WIDTH, vision.get("num_attention_heads"), "EVA"),
            patch_size=patch,
            image_size=VIEW,
            layer_norm_eps=1e-6,
        ),
        "qformer_config": Blip2QFormerConfig(
            hidden_size=own[2],
            num_hidden_layers=former.get("num_hidden_layers") or weights.count(queries),
            num_attention_heads=_heads(own[2], HEAD_WIDTH, former.get("num_attention_heads"), "Q-Former"),
            intermediate_size=_shape(weights, f"{queries}.0.intermediate_query.dense.weight", 2)[0],
            encoder_hidden_size=width,
        ),
        "num_query_tokens": own[1],
    }


def read_config(
    weights: Weights,
    llama_type: str,
    args: dict[str, Any],
    *,
    architecture: dict[str, Any] | None = None,
    dtype: torch.dtype | None = None,
    clip_activation: str = "gelu",
    skip_tokens: int = 0,
) -> SphinxConfig:
    """Return the configuration of a stored checkpoint.

    Args:
        weights: the stored tensors; their shapes say most of it.
        llama_type: of VARIANTS.
        args: the original's model arguments (config.json).
        architecture: what the shapes do not say of widths other than the released ones: a dictionary with the
            parts "llm", "clip", "convnext", "dinov2" and "blip2".
        dtype: recorded as the weights'; None is that of the stored ones.
        clip_activation: "gelu", which the released code runs, or "quick_gelu", which CLIP was trained with.
        skip_tokens: new, learned tokens for crops without any picture in them; the original has none.

    Raises:
        ConversionError: if the arguments, `llama_type` and the tensors do not belong together.
    """
    if llama_type not in VARIANTS:
        raise ConversionError(f"llama_type: expected one of {sorted(VARIANTS)}, found {llama_type!r}")
    variant, given = VARIANTS[llama_type], architecture or {}
    if not isinstance(given, dict) or not isinstance(args, dict):
        raise ConversionError("expected an object in config.json and in --architecture, found something else")
    dtype = dtype or weights.dtype()
    language = {**_part(given, "llm", "architecture"), **args}
    _check_kind(weights, llama_type, language)
    values: dict[str, Any] = {
        "text_config": _text_config(weights, language, dtype),
        "image_size": variant.image_size,
        "view_size": VIEW,
        "convnext_size": variant.convnext_size,
        "crops_per_side": variant.crops_per_side,
        "pool_crops": variant.pool_crops,
        "skip_tokens": skip_tokens,
        "dtype": dtype,
    }
    light = llama_type.endswith("_light")
    if not light:
        values["clip_config"] = _clip_config(weights, _part(given, "clip", "architecture"), clip_activation)
    values["convnext_config"] = _convnext_config(weights, _part(given, "convnext", "architecture"))
    values["dinov2_config"] = _dinov2_config(weights, _part(given, "dinov2", "architecture"))
    if not light:
        values |= _qformer_configs(weights, _part(given, "blip2", "architecture"))
    return SphinxConfig(**values)
