"""A tiny checkpoint in the original's layout, drawn from a seed: what the converter's tests damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from model.conversion import Weights, origin, read_config, stored_shape, target_shapes
from tests.model.tiny import VOCABULARY, tiny_tokenizer

ARGS: dict[str, Any] = {"dim": 16, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "norm_eps": 1e-5}
MOE: dict[str, Any] = ARGS | {"head_dim": 4, "moe": {"num_experts": 4, "num_experts_per_tok": 2}}
ARCHITECTURE: dict[str, Any] = {
    "clip": {"width": 16, "head_width": 8, "layers": 1},
    "convnext": {"depths": [1, 1, 1, 1], "dims": [4, 8, 8, 12]},
    "dinov2": {"depth": 1, "num_heads": 2, "mlp_ratio": 4, "img_size": 518},
    "blip2": {"vision": {"num_attention_heads": 2}, "qformer": {"num_attention_heads": 2}},
}
_START = {  # the keys whose shapes the configuration is read from
    "llma.tok_embeddings.weight": (VOCABULARY, 16),
    "llma.layers.0.feed_forward.w1.weight": (24, 16),
    "llma.layers.1.ffn_norm.weight": (16,),
    "llma.layers.0.feed_forward.w1": (4 * 24, 16),
    "llma.clip.visual.conv1.weight": (16, 3, 14, 14),
    "llma.clip.visual.transformer.resblocks.0.mlp.c_fc.weight": (24, 16),
    "llma.openclip_convnext_xxl.stem.0.weight": (4, 3, 4, 4),
    "llma.dinov2_vitg14.patch_embed.proj.weight": (16, 3, 14, 14),
    "llma.dinov2_vitg14.pos_embed": (1, 37**2 + 1, 16),
    "llma.qformer.vision_model.embeddings.patch_embedding.weight": (16, 3, 14, 14),
    "llma.qformer.vision_model.encoder.layers.0.mlp.fc1.weight": (24, 16),
    "llma.qformer.query_tokens": (1, 3, 8),
    "llma.qformer.qformer.encoder.layer.0.intermediate_query.dense.weight": (16, 8),
}


class Shapes:
    """What `read_config` asks of weights, answered from a list of shapes."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        self.names = set(shapes)

    def shape(self, key: str) -> tuple[int, ...]:
        return self.shapes[key]

    def count(self, stem: str) -> int:
        heads = {key[len(stem) + 1 :].split(".")[0] for key in self.shapes if key.startswith(stem + ".")}
        return 1 + max((int(head) for head in heads), default=-1)

    def dtype(self) -> torch.dtype:
        return torch.float32


def original_state(llama_type: str = "llama_ens5", seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict under the original's names."""
    light = llama_type.endswith("_light")
    start = {k: v for k, v in _START.items() if not (light and k.startswith(("llma.clip", "llma.qformer")))}
    if llama_type.startswith("mixtral"):
        start["llma.layers.0.feed_forward.gate.weight"] = (4, 16)
    weights: Any = Shapes(start)
    config = read_config(weights, llama_type, args(llama_type), architecture=ARCHITECTURE)
    generator = torch.Generator().manual_seed(seed)
    experts = getattr(config.text_config, "num_local_experts", 1)
    state = {}
    for name, shape in target_shapes(config).items():
        source = origin(name)
        wanted = stored_shape(shape, source.how, experts)
        state[source.key] = torch.randn(wanted, generator=generator) * 0.3
    if not light:
        state["llma.clip.logit_scale"] = torch.tensor(1.0)  # left-overs of CLIP's text side
        state["llma.clip.visual.proj"] = torch.zeros(16, 4)
    return state


def args(llama_type: str) -> dict[str, Any]:
    """The original's config.json."""
    return MOE if llama_type.startswith("mixtral") else ARGS


def write_original(
    folder: Path, state: dict[str, torch.Tensor], llama_type: str = "llama_ens5", name: str | None = None
) -> Path:
    """Write a folder as the original does."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"model": state}, folder / (name or "consolidated.00-of-01.model.pth"))
    (folder / "config.json").write_text(json.dumps(args(llama_type)))
    (folder / "meta.json").write_text(json.dumps({"llama_type": llama_type}))
    tiny_tokenizer(folder)
    return folder


def read_back(folder: Path) -> Weights:
    """The stored weights of a folder."""
    return Weights([folder])
