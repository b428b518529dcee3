"""The original's checkpoints to transformers': a table of names, and one tensor at a time.

Reads `consolidated.NN-of-MM.model.pth` (any number of tensor-parallel shards), Meta's own
`consolidated.NN.pth`, and `...model-diff.pth`, a delta that is added to what was given before it. The
shards are memory-mapped and opened with `weights_only=True`; what is written is streamed to disk as it is
made, file by file, so that an interrupted conversion goes on where it stopped. Everything is checked before
the first byte is written: a key that is unknown, missing, given twice or of another shape than the model
wants is named, with what was expected and what was found.

    python -m model.convert_sphinx_to_hf --input Alpha-VLLM/LLaMA2-Accessory \\
        --subfolder finetune/mm/SPHINX/SPHINX-Tiny --output sphinx-tiny
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shutil
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm
from transformers import (
    Blip2QFormerConfig,
    CLIPVisionConfig,
    ConvNextConfig,
    Dinov2Config,
    GenerationConfig,
    LlamaConfig,
    MixtralConfig,
)
from transformers.configuration_utils import PreTrainedConfig
from transformers.models.blip_2.configuration_blip_2 import Blip2VisionConfig

from .configuration_sphinx import SphinxConfig
from .image_processing_sphinx import SphinxImageProcessor
from .modeling_sphinx import SphinxForConditionalGeneration
from .processing_sphinx import SphinxProcessor
from .tokenization_sphinx import SphinxTokenizer

log = logging.getLogger(__name__)

VIEW = 224  # pixels, side of a view for the ViTs, in every variant
HEAD_WIDTH = 64  # channels of an attention head in CLIP ViT-L, DINOv2 ViT-g and the Q-Former
EVA_HEAD_WIDTH = 88  # the same in EVA-ViT-g, which the Q-Former looks through
CONTEXT = 4096  # tokens, what the original's loader gives every model
SHARD = 5 * 10**9  # bytes, a written file's largest size
SPARE = 64 * 2**20  # bytes left free on the disk beside the weights
SMALL = 2**16  # elements; replicas of small tensors are compared, large ones trusted


class ConversionError(ValueError):
    """The input cannot be converted; says which key or file, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What `llama_type` says of the views (pixels)."""

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

# Names

_TEXT, _CLIP, _CONV = "model.language_model", "model.clip", "model.convnext"
_DINO, _EVA, _QF = "model.dinov2", "model.qformer_vision", "model.qformer"
_LAYER, _BLOCK = f"{_TEXT}.layers.{{}}", f"{_CLIP}.encoder.layers.{{}}"
_CELL, _PART = f"{_CONV}.encoder.stages.{{}}.layers.{{}}", f"{_DINO}.encoder.layer.{{}}"
_EXPERT = f"{_LAYER}.block_sparse_moe.experts.{{}}"

# How a stored tensor becomes the new one(s): see `_take`. {} is a number, * whatever follows.
KEYS: dict[str, tuple[tuple[str, str], ...] | None] = {
    "llma.tok_embeddings.weight": ((f"{_TEXT}.embed_tokens.weight", "same"),),
    "llma.norm.weight": ((f"{_TEXT}.norm.weight", "same"),),
    "llma.output.weight": (("lm_head.weight", "same"),),
    "llma.layers.{}.attention.wq.weight": ((f"{_LAYER}.self_attn.q_proj.weight", "rotary_q"),),
    "llma.layers.{}.attention.wk.weight": ((f"{_LAYER}.self_attn.k_proj.weight", "rotary_k"),),
    "llma.layers.{}.attention.wv.weight": ((f"{_LAYER}.self_attn.v_proj.weight", "same"),),
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
    r"llma\.layers\.\d+\.attention\.w[qkv]\.weight": 0,
    r"llma\.layers\.\d+\.attention\.wo\.weight": 1,
    r"llma\.layers\.\d+\.feed_forward\.w[13]\.weight": 0,
    r"llma\.layers\.\d+\.feed_forward\.w2\.weight": 1,
}
_EXPERTS = re.compile(r"llma\.layers\.\d+\.feed_forward\.w[123]")


def _pattern(name: str) -> re.Pattern[str]:
    """A name of the table as a regular expression: {} is a number, a last * is whatever follows."""
    escaped = re.escape(name).replace(r"\{\}", r"(\d+)").replace(r"\*", "(.+)")
    return re.compile(escaped)


def _fill(name: str, groups: Sequence[str]) -> str:
    """A name of the table with its {} and * filled, in order."""
    values = iter(groups)
    return re.sub(r"\{\}|\*", lambda _: next(values), name)


_OLD = [(_pattern(old), new) for old, new in KEYS.items()]
_NEW = [(_pattern(name), old, how) for old, new in KEYS.items() for name, how in new or ()]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a new tensor comes from: the stored key, what is done with it, and which expert it is."""

    key: str
    how: str
    expert: int = 0


def origin(name: str) -> Origin:
    """The stored tensor that `name` (of a converted checkpoint) is made of."""
    for pattern, old, how in _NEW:
        match = pattern.fullmatch(name)
        if match:
            groups = list(match.groups())
            expert = int(groups.pop()) if how.startswith("expert") else 0
            return Origin(_fill(old, groups), how, expert)
    raise ConversionError(f"{name}: no stored key is known for this part of the model")


def is_known(key: str) -> bool:
    """Whether the table has this stored key."""
    return any(pattern.fullmatch(key) for pattern, _ in _OLD)


def is_dropped(key: str) -> bool:
    """Whether the table has this stored key, and has no use for it."""
    return any(new is None and pattern.fullmatch(key) for pattern, new in _OLD)


def stored_shape(shape: Sequence[int], how: str, experts: int) -> tuple[int, ...]:
    """The shape a stored tensor must have so that its new one(s) have `shape`."""
    first, *rest = shape
    if how == "expert":
        return (experts * first, *rest)
    if how == "expert_transposed":
        return (experts * rest[0], first)
    return (first * int(how[-1]), *rest) if "/" in how else (first, *rest)


def _take(tensor: torch.Tensor, origin: Origin, config: SphinxConfig) -> torch.Tensor:
    """Make the new tensor from the stored (merged) one."""
    how = origin.how
    text = config.text_config
    if how == "same":
        return tensor
    if how in (
        "rotary_q",
        "rotary_k",
    ):  # Meta turns neighbouring pairs, transformers the two halves of a head
        heads = text.num_attention_heads if how == "rotary_q" else text.num_key_value_heads
        return tensor.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)
    if how.startswith("expert"):
        one = tensor.unflatten(0, (text.num_local_experts, -1))[origin.expert]
        return one.T if how == "expert_transposed" else one
    part, parts = (int(n) for n in how.split("/"))
    return tensor.chunk(parts)[part - 1]


# Input

_FORMATS = {
    "shards": re.compile(r"consolidated\.(\d+)-of-(\d+)\.model\.pth"),
    "delta": re.compile(r"consolidated\.(\d+)-of-(\d+)\.model-diff\.pth"),
    "meta": re.compile(r"consolidated\.(\d+)\.pth"),
}


@dataclass
class Stored:
    """One folder of memory-mapped shards, read as if it were one file."""

    folder: Path
    kind: str
    paths: list[Path]
    shards: list[dict[str, torch.Tensor]] = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> Stored:
        """Map the shards of a folder.

        Raises:
            ConversionError: for a folder with none or several formats, shards that are missing, damaged or
                disagree on their keys.
        """
        found = {
            kind: sorted(p for p in folder.iterdir() if pattern.fullmatch(p.name))
            for kind, pattern in _FORMATS.items()
        }
        kinds = [kind for kind, paths in found.items() if paths]
        if len(kinds) != 1:
            expected = "consolidated.NN-of-MM.model.pth, ...model-diff.pth or consolidated.NN.pth"
            names = sorted(p.name for p in folder.iterdir() if p.suffix == ".pth")
            raise ConversionError(f"{folder}: expected one format of {expected}, found {names or 'none'}")
        kind = kinds[0]
        paths = found[kind]
        cls._check_names(folder, kind, paths)
        shards = [cls._load(path) for path in paths]
        if kind == "meta":
            shards = [{f"llma.{key}": value for key, value in shard.items()} for shard in shards]
        for path, shard in zip(paths[1:], shards[1:], strict=True):
            difference = sorted(set(shard) ^ set(shards[0]))
            if difference:
                raise ConversionError(
                    f"{path}: expected the keys of {paths[0].name}, found a difference in {difference[:5]}"
                )
        return cls(folder, kind, paths, shards)

    @staticmethod
    def _check_names(folder: Path, kind: str, paths: Sequence[Path]) -> None:
        groups = [_FORMATS[kind].fullmatch(p.name).groups() for p in paths]  # type: ignore[union-attr]
        totals = {int(g[1]) for g in groups} if kind != "meta" else {len(paths)}
        numbers = [int(g[0]) for g in groups]
        if len(totals) != 1 or numbers != list(range(max(totals))):
            raise ConversionError(
                f"{folder}: expected shards 0 .. {max(totals) - 1} once each, found {[p.name for p in paths]}"
            )

    @staticmethod
    def _load(path: Path) -> dict[str, torch.Tensor]:
        try:
            content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        except Exception as error:
            raise ConversionError(
                f"{path}: expected a complete PyTorch file, found {path.stat().st_size:,} bytes that cannot "
                f"be read ({str(error).splitlines()[0]}): it may be cut short; fetch it again"
            ) from error
        state = content.get("model", content) if isinstance(content, dict) else content
        if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
            raise ConversionError(f"{path}: expected named tensors, found {type(state).__name__}")
        return state

    @property
    def names(self) -> set[str]:
        """Keys of the stored tensors."""
        return set(self.shards[0])

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of a tensor when its shards are put together."""
        parts = [tuple(shard[key].shape) for shard in self.shards]
        dim = self._dim(key)
        if dim is None or len(parts) == 1:
            return parts[0]
        if len(set(parts)) != 1 or len(parts[0]) <= dim:
            raise ConversionError(f"{key}: expected parts of one shape, found {parts}")
        whole = list(parts[0])
        whole[dim] *= len(parts)
        return tuple(whole)

    @staticmethod
    def _dim(key: str) -> int | None:
        if _EXPERTS.fullmatch(key):
            return 0
        return next((dim for pattern, dim in SPLIT.items() if re.fullmatch(pattern, key)), None)

    def get(self, key: str, experts: int) -> torch.Tensor:
        """A tensor, its shards put together. `experts`: of the language model."""
        parts = [shard[key] for shard in self.shards]
        if len(parts) == 1:
            return parts[0]
        if _EXPERTS.fullmatch(key):  # every shard holds a slice of each expert
            return torch.cat([part.unflatten(0, (experts, -1)) for part in parts], dim=1).flatten(0, 1)
        dim = self._dim(key)
        if dim is not None:
            return torch.cat(parts, dim=dim)
        if parts[0].numel() <= SMALL and not all(torch.equal(parts[0], part) for part in parts[1:]):
            log.warning("%s: the shards hold different copies; the first one is taken", key)
        return parts[0]


class Weights:
    """Several folders, one over the other: later ones override, deltas are added."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.layers = [Stored.open(folder) for folder in folders]
        if self.layers[0].kind == "delta":
            raise ConversionError(
                f"{folders[0]}: expected full weights first, found a delta: give what it is over before it"
            )
        self._fuse_biases()

    def _fuse_biases(self) -> None:
        """Older BLIP-2 code stored the query's and the value's bias apart; the key has none."""
        for layer in self.layers:
            for shard in layer.shards:
                for key in [k for k in shard if k.endswith(".self_attn.q_bias")]:
                    stem = key.removesuffix("q_bias")
                    if f"{stem}qkv.bias" in shard:
                        raise ConversionError(
                            f"{stem}qkv.bias: expected one bias, found it and {key} as well"
                        )
                    if f"{stem}v_bias" not in shard:
                        raise ConversionError(f"{stem}v_bias: expected beside {key}, found nothing")
                    q, v = shard.pop(key), shard.pop(f"{stem}v_bias")
                    shard[f"{stem}qkv.bias"] = torch.cat((q, torch.zeros_like(v), v))

    @cached_property
    def names(self) -> set[str]:
        """Keys of all stored tensors."""
        return set().union(*(layer.names for layer in self.layers))

    def _of(self, key: str) -> tuple[Stored, list[Stored]]:
        """The layer that gives a tensor, and the deltas added to it."""
        base, deltas = None, []
        for layer in self.layers:
            if key not in layer.names:
                continue
            if layer.kind == "delta":
                deltas.append(layer)
            else:
                base, deltas = layer, []
        if base is None:
            raise ConversionError(f"{key}: expected in the weights under the delta, found only in the delta")
        return base, deltas

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of a tensor; a delta must have the same."""
        base, deltas = self._of(key)
        shape = base.shape(key)
        for delta in deltas:
            if delta.shape(key) != shape:
                raise ConversionError(f"{key}: expected a delta of shape {shape}, found {delta.shape(key)}")
        return shape

    def dtype(self) -> torch.dtype:
        """What most of the weights are stored in."""
        base, _ = self._of("llma.tok_embeddings.weight")
        return base.shards[0]["llma.tok_embeddings.weight"].dtype

    def get(self, key: str, experts: int) -> torch.Tensor:
        """A whole tensor."""
        base, deltas = self._of(key)
        tensor = base.get(key, experts)
        for delta in deltas:
            tensor = (tensor.float() + delta.get(key, experts).float()).to(tensor.dtype)
        return tensor

    def count(self, stem: str) -> int:
        """How many layers are numbered after `stem`."""
        numbers = [m.group(1) for key in self.names if (m := re.match(re.escape(stem) + r"\.(\d+)\.", key))]
        return 1 + max((int(n) for n in numbers), default=-1)


# Configuration


def _need(values: dict[str, Any], name: str, where: str) -> Any:
    if values.get(name) is None:
        raise ConversionError(f"{where}: expected {name!r}, found {sorted(values)}")
    return values[name]


def _heads(width: int, of_head: int, given: int | None, what: str) -> int:
    if given is not None:
        return given
    if width % of_head:
        raise ConversionError(
            f"{what}: expected a width that is a multiple of {of_head}, found {width}: "
            "say its heads with --architecture"
        )
    return width // of_head


def _text_config(weights: Weights, args: dict[str, Any], dtype: torch.dtype) -> PreTrainedConfig:
    """The language model's configuration from the original's arguments and the tensors."""
    width = _need(args, "dim", "config.json")
    heads = _need(args, "n_heads", "config.json")
    layer = "llma.layers.0.feed_forward"
    moe = args.get("moe")
    common: dict[str, Any] = {
        "vocab_size": _shape(weights, "llma.tok_embeddings.weight", 2)[0],
        "hidden_size": width,
        "num_hidden_layers": _need(args, "n_layers", "config.json"),
        "num_attention_heads": heads,
        "num_key_value_heads": args.get("n_kv_heads") or heads,
        "head_dim": args.get("head_dim") or width // heads,
        "rms_norm_eps": args.get("norm_eps") or 1e-5,
        "max_position_embeddings": max(args.get("max_seq_len") or CONTEXT, CONTEXT),
        "rope_parameters": {"rope_type": "default", "rope_theta": float(args.get("rope_theta") or 10000.0)},
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": None,
        "tie_word_embeddings": False,
        "dtype": dtype,
    }
    if args.get("rope_scaling"):  # the original multiplies the positions
        common["rope_parameters"] |= {"rope_type": "linear", "factor": 1.0 / float(args["rope_scaling"])}
    if moe:
        experts = _need(moe, "num_experts", "config.json, moe")
        return MixtralConfig(
            **common,
            intermediate_size=_shape(weights, f"{layer}.w1", 2)[0] // experts,
            num_local_experts=experts,
            num_experts_per_tok=_need(moe, "num_experts_per_tok", "config.json, moe"),
            sliding_window=None,
        )
    return LlamaConfig(**common, intermediate_size=_shape(weights, f"{layer}.w1.weight", 2)[0])


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
) -> SphinxConfig:
    """The configuration of a stored checkpoint.

    Args:
        weights: the stored tensors; their shapes say most of it.
        llama_type: of VARIANTS.
        args: the original's model arguments (config.json).
        architecture: what the shapes do not say of widths other than the released ones: a dictionary with the
            parts "llm", "clip", "convnext", "dinov2" and "blip2".
        dtype: recorded as the weights'; None is that of the stored ones.
        clip_activation: "gelu", which the released code runs, or "quick_gelu", which CLIP was trained with.
    """
    if llama_type not in VARIANTS:
        raise ConversionError(f"llama_type: expected one of {sorted(VARIANTS)}, found {llama_type!r}")
    variant, keys, given = VARIANTS[llama_type], weights.names, architecture or {}
    dtype = dtype or weights.dtype()
    values: dict[str, Any] = {
        "text_config": _text_config(weights, {**given.get("llm", {}), **args}, dtype),
        "image_size": variant.image_size,
        "view_size": VIEW,
        "convnext_size": variant.convnext_size,
        "crops_per_side": variant.crops_per_side,
        "pool_crops": variant.pool_crops,
        "dtype": dtype,
    }
    light = llama_type.endswith("_light")
    if not light or any(key.startswith("llma.clip.") for key in keys):
        values["clip_config"] = _clip_config(weights, given.get("clip", {}), clip_activation)
    values["convnext_config"] = _convnext_config(weights, given.get("convnext", {}))
    values["dinov2_config"] = _dinov2_config(weights, given.get("dinov2", {}))
    if not light or any(key.startswith("llma.qformer.") for key in keys):
        values |= _qformer_configs(weights, given.get("blip2", {}))
    return SphinxConfig(**values)


# Plan


def target_shapes(config: SphinxConfig) -> dict[str, tuple[int, ...]]:
    """Every tensor of a converted checkpoint, as it lies on disk, and its shape (built on meta)."""
    with torch.device("meta"):
        model = SphinxForConditionalGeneration(config)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in model.state_dict().items():
        shape = tuple(tensor.shape)
        stem, dot, part = name.partition(".mlp.experts.")
        if dot and part == "gate_up_proj":  # on disk Mixtral's experts lie one by one
            for expert in range(shape[0]):
                for w in ("w1", "w3"):
                    shapes[f"{stem}.block_sparse_moe.experts.{expert}.{w}.weight"] = (shape[1] // 2, shape[2])
        elif dot:
            for expert in range(shape[0]):
                shapes[f"{stem}.block_sparse_moe.experts.{expert}.w2.weight"] = shape[1:]
        else:
            shapes[name.replace(".mlp.gate.weight", ".block_sparse_moe.gate.weight")] = shape
    return shapes


def check(
    stored: dict[str, tuple[int, ...]], shapes: dict[str, tuple[int, ...]], config: SphinxConfig
) -> dict[str, Origin]:
    """Match what is stored with what the model wants.

    Args:
        stored: every stored key and its whole shape.
        shapes: from `target_shapes`.

    Returns:
        The origin of each new tensor.

    Raises:
        ConversionError: naming the first keys that are unknown, missing or of a wrong shape, with what was
            expected and what was found.
    """
    experts = getattr(config.text_config, "num_local_experts", 1)
    origins = {name: origin(name) for name in shapes}
    wanted = {o.key: stored_shape(shapes[name], o.how, experts) for name, o in origins.items()}
    unknown = sorted(key for key in stored if key not in wanted and not is_dropped(key))
    if unknown:
        told = [f"{key} {stored[key]}" for key in unknown[:5]]
        kind = "known, but no part of this model" if is_known(unknown[0]) else "unknown"
        raise ConversionError(
            f"{unknown[0]}: expected only keys of this architecture, found {len(unknown)} "
            f"others ({kind}): {told}"
        )
    missing = sorted(key for key in wanted if key not in stored)
    if missing:
        told = [f"{key} {wanted[key]}" for key in missing[:5]]
        raise ConversionError(f"{missing[0]}: expected {len(missing)} keys that were not found: {told}")
    for key, shape in wanted.items():
        if stored[key] != shape:
            raise ConversionError(f"{key}: expected shape {shape}, found {stored[key]}")
    return origins


@dataclass(frozen=True, slots=True)
class File:
    """One file to be written: its name, and its tensors in order with their bytes."""

    name: str
    tensors: tuple[tuple[str, int], ...]

    @property
    def bytes(self) -> int:
        """Of its tensors."""
        return sum(size for _, size in self.tensors)


def plan_files(shapes: dict[str, tuple[int, ...]], dtype: torch.dtype, max_shard_size: int) -> list[File]:
    """Share the tensors out to files of at most `max_shard_size` bytes each (a larger tensor has its own)."""
    groups: list[list[tuple[str, int]]] = [[]]
    for name, shape in shapes.items():
        size = torch.Size(shape).numel() * dtype.itemsize
        if groups[-1] and sum(s for _, s in groups[-1]) + size > max_shard_size:
            groups.append([])
        groups[-1].append((name, size))
    if len(groups) == 1:
        return [File("model.safetensors", tuple(groups[0]))]
    count = len(groups)
    return [File(f"model-{i:05d}-of-{count:05d}.safetensors", tuple(g)) for i, g in enumerate(groups, 1)]


# Output

_DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


def write_safetensors(
    path: Path,
    tensors: Sequence[tuple[str, int]],
    shapes: dict[str, tuple[int, ...]],
    dtype: torch.dtype,
    get: Callable[[str], torch.Tensor],
    progress: Callable[[int], object] | None = None,
) -> None:
    """Write a safetensors file, one tensor in memory at a time; it appears under its name when it is whole.

    Args:
        tensors: names and bytes, in the order in which they are written.
        get: gives the tensor of a name.
        progress: called with the bytes of each tensor written.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, size in tensors:
        header[name] = {
            "dtype": _DTYPES[dtype],
            "shape": list(shapes[name]),
            "data_offsets": [start, start + size],
        }
        start += size
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)))
        file.write(encoded)
        for name, size in tensors:
            tensor = get(name).to(dtype).contiguous()
            if tuple(tensor.shape) != shapes[name]:
                raise ConversionError(f"{name}: expected shape {shapes[name]}, found {tuple(tensor.shape)}")
            file.write(tensor.view(-1).view(torch.uint8).numpy().data)
            if progress is not None:
                progress(size)
    part.replace(path)


def write_index(output: Path, files: Sequence[File]) -> None:
    """Write which file holds which tensor, where there are several files."""
    if len(files) == 1:
        return
    index = {
        "metadata": {"total_size": sum(file.bytes for file in files)},
        "weight_map": {name: file.name for file in files for name, _ in file.tensors},
    }
    (output / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def require_disk(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        ConversionError: with the bytes needed and free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise ConversionError(
            f"{folder}: expected {needed / 1e9:.1f} GB of free disk, found {free / 1e9:.1f} GB"
        )


def _read_json(folders: Sequence[Path], *names: str) -> dict[str, Any]:
    """The last folder's JSON file of one of `names`; {} where there is none."""
    for folder in reversed(folders):
        for name in names:
            if (folder / name).is_file():
                return json.loads((folder / name).read_text())
    return {}


def _fingerprint(weights: Weights, files: Sequence[File], dtype: torch.dtype) -> dict[str, Any]:
    """What a half-done conversion must agree on to be gone on with."""
    sources = [
        [path.name, path.stat().st_size, path.stat().st_mtime_ns]
        for layer in weights.layers
        for path in layer.paths
    ]
    return {"sources": sources, "dtype": str(dtype), "files": [[file.name, file.bytes] for file in files]}


def convert(
    folders: Sequence[Path],
    output: Path,
    *,
    architecture: dict[str, Any] | None = None,
    llama_type: str | None = None,
    dtype: torch.dtype | None = None,
    max_shard_size: int = SHARD,
    clip_activation: str = "gelu",
    quiet: bool = False,
) -> SphinxConfig:
    """Convert a checkpoint.

    Args:
        folders: the original's files; a later folder overrides an earlier one, a delta is added to it.
        output: is made; an interrupted conversion of the same input is gone on with.
        architecture: see `read_config`.
        llama_type: for old checkpoints without a meta.json.
        dtype: of what is written; None is that of the stored weights.
        max_shard_size: bytes, a written file's largest size.
        quiet: show no progress bar.

    Returns:
        The configuration that was written.

    Raises:
        ConversionError: before anything is written, if the input is not what it should be or does not fit.
    """
    folders = [Path(folder) for folder in folders]
    for folder in folders:
        if not folder.is_dir():
            raise ConversionError(f"{folder}: expected a folder, found none")
    weights = Weights(folders)
    kind = llama_type or _read_json(folders, "meta.json").get("llama_type")
    if kind is None:
        raise ConversionError(
            f"{folders[-1]}/meta.json: expected llama_type, found none: say it with --llama-type"
        )
    config = read_config(
        weights,
        kind,
        _read_json(folders, "config.json", "params.json"),
        architecture=architecture,
        dtype=dtype,
        clip_activation=clip_activation,
    )
    written = dtype or weights.dtype()
    shapes = target_shapes(config)
    origins = check({key: weights.shape(key) for key in weights.names}, shapes, config)
    tokenizer = next(
        (f / "tokenizer.model" for f in reversed(folders) if (f / "tokenizer.model").is_file()), None
    )
    if tokenizer is None:
        raise ConversionError(f"{folders[-1]}/tokenizer.model: expected a sentencepiece model, found none")
    files = plan_files(shapes, written, max_shard_size)

    output.mkdir(parents=True, exist_ok=True)
    record, mark = output / "conversion.json", _fingerprint(weights, files, written)
    if not record.is_file() or json.loads(record.read_text()) != mark:
        for old in output.glob("model*.safetensors*"):
            old.unlink()
        record.write_text(json.dumps(mark, indent=2) + "\n")
    todo = [file for file in files if not (output / file.name).is_file()]
    require_disk(output, sum(file.bytes for file in todo))
    experts = getattr(config.text_config, "num_local_experts", 1)

    def get(name: str) -> torch.Tensor:
        return _take(weights.get(origins[name].key, experts), origins[name], config)

    total = sum(file.bytes for file in files)
    with tqdm(total=total, unit="B", unit_scale=True, desc="Converting", disable=quiet) as bar:
        bar.update(total - sum(file.bytes for file in todo))
        for file in todo:
            write_safetensors(output / file.name, file.tensors, shapes, written, get, bar.update)
    write_index(output, files)
    write_side_files(output, config, tokenizer)
    return config


def write_side_files(output: Path, config: SphinxConfig, tokenizer: Path) -> None:
    """Write what belongs to the weights: configuration, processor, tokenizer."""
    config.architectures = [SphinxForConditionalGeneration.__name__]
    config.save_pretrained(output)
    GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=2, do_sample=False).save_pretrained(output)
    make_processor(config, tokenizer).save_pretrained(output)


def make_processor(config: SphinxConfig, tokenizer: Path) -> SphinxProcessor:
    """The processor that goes with a configuration and a sentencepiece model."""
    return SphinxProcessor(
        SphinxImageProcessor(image_size=config.image_size),
        SphinxTokenizer(str(tokenizer)),
        view_tokens=[config.view_tokens(view) for view in range(config.num_views)],
        query_tokens=config.num_query_tokens if config.qformer_config is not None else 0,
        skip_tokens=config.skip_tokens,
        max_length=config.text_config.max_position_embeddings,
    )


# Command line

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB)", text.upper())
    if not match:
        raise argparse.ArgumentTypeError(f"expected a size such as 5GB or 500MB, got {text!r}")
    return int(float(match[1]) * _UNITS[match[2]])


def _folders(sources: Sequence[str], subfolder: str | None) -> Iterator[Path]:
    """Local folders, fetched from the Hub where a source is not a folder."""
    for source in sources:
        path = Path(source)
        if path.is_dir():
            yield path / subfolder if subfolder else path
            continue
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
            raise ConversionError(
                f"{source}: expected a folder or a Hub repository (owner/name), found neither"
            )
        from huggingface_hub import snapshot_download

        wanted = [f"{subfolder}/*"] if subfolder else ["*.pth", "*.json", "*.model"]
        root = Path(snapshot_download(source, allow_patterns=wanted))
        yield root / subfolder if subfolder else root


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m model.convert_sphinx_to_hf",
        description="Convert an original SPHINX checkpoint to transformers' layout.",
    )
    parser.add_argument(
        "--input",
        nargs="+",
        required=True,
        metavar="DIR_OR_HUB_ID",
        help="folder(s) of shards, or a Hub repository; a delta comes after what it is over",
    )
    parser.add_argument("--subfolder", help="of the input")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument(
        "--architecture", type=Path, metavar="FILE", help="JSON: structure of unreleased widths"
    )
    parser.add_argument("--llama-type", choices=sorted(VARIANTS), help="for checkpoints without a meta.json")
    parser.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), help="default: as stored")
    parser.add_argument("--max-shard-size", type=_bytes, default=SHARD, metavar="SIZE", help="default: 5GB")
    parser.add_argument("--clip-activation", choices=("gelu", "quick_gelu"), default="gelu")
    args = parser.parse_args(argv)
    try:
        convert(
            list(_folders(args.input, args.subfolder)),
            args.output,
            architecture=json.loads(args.architecture.read_text()) if args.architecture else None,
            llama_type=args.llama_type,
            dtype=getattr(torch, args.dtype) if args.dtype else None,
            max_shard_size=args.max_shard_size,
            clip_activation=args.clip_activation,
        )
    except (ConversionError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
