"""SPHINX at sizes a test can afford: configurations, a tokenizer and whole models, drawn from a seed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from transformers import (
    Blip2QFormerConfig,
    CLIPVisionConfig,
    ConvNextConfig,
    Dinov2Config,
    LlamaConfig,
    MixtralConfig,
)
from transformers.models.blip_2.configuration_blip_2 import Blip2VisionConfig

from model import (
    SphinxConfig,
    SphinxForConditionalGeneration,
    SphinxImageProcessor,
    SphinxProcessor,
    SphinxTokenizer,
)

VOCABULARY = 330  # 3 control, 256 bytes, and what BPE finds in TEXT
TEXT = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions.\n\n"
    "### Human: Where is the red ball?\n### Assistant: <p>the red ball</p>[0.41,0.37,0.58,0.72]\n###"
)


def tiny_config(
    experts: bool = False, light: bool = False, text: dict[str, Any] | None = None, **changes: Any
) -> SphinxConfig:
    """A SPHINX of 32 x 32 pixel views with patches of 8 (a 4 x 4 grid), five views, 16 channels.

    Args:
        experts: a Mixtral for a Llama.
        light: ConvNeXt and DINOv2 only.
        text: fields of the language model's configuration.
        changes: fields of SphinxConfig.
    """
    language: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "pad_token_id": None,
        "initializer_range": 0.2,
        **(text or {}),
    }
    vit: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "patch_size": 8,
    }
    values: dict[str, Any] = {
        "text_config": MixtralConfig(**language, num_local_experts=4) if experts else LlamaConfig(**language),
        "clip_config": CLIPVisionConfig(**vit, intermediate_size=24, image_size=32, hidden_act="gelu"),
        "convnext_config": ConvNextConfig(
            hidden_sizes=[8, 12], depths=[1, 1], num_stages=2, layer_norm_eps=1e-5, layer_scale_init_value=0.5
        ),
        "dinov2_config": Dinov2Config(**vit, image_size=56, mlp_ratio=2, use_mask_token=False),
        "qformer_vision_config": Blip2VisionConfig(
            **vit, intermediate_size=24, image_size=32, initializer_range=0.2
        ),
        "qformer_config": Blip2QFormerConfig(
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            encoder_hidden_size=16,
            vocab_size=8,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
        "num_query_tokens": 3,
        "image_size": 64,
        "view_size": 32,
        "convnext_size": 32,
        "crops_per_side": 2,
        "initializer_range": 0.2,
    }
    if light:
        values |= {"clip_config": None, "qformer_config": None, "qformer_vision_config": None}
    return SphinxConfig(**(values | changes))


def nano_config(vocab_size: int = VOCABULARY, layers: int = 2) -> SphinxConfig:
    """The geometry of the embedded checkpoint: 128-pixel views, patches of 16, a ConvNeXt of three stages."""
    vit: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "patch_size": 16,
    }
    return SphinxConfig(
        text_config=LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=2048,
        ),
        clip_config=CLIPVisionConfig(**vit, intermediate_size=64, image_size=128, hidden_act="gelu"),
        convnext_config=ConvNextConfig(
            hidden_sizes=[16, 24, 32], depths=[1, 1, 1], num_stages=3, layer_norm_eps=1e-5
        ),
        dinov2_config=Dinov2Config(**vit, image_size=128, use_mask_token=False),
        qformer_vision_config=Blip2VisionConfig(
            **vit, intermediate_size=64, image_size=128, initializer_range=0.02
        ),
        qformer_config=Blip2QFormerConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            encoder_hidden_size=32,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
        num_query_tokens=8,
        image_size=256,
        view_size=128,
        convnext_size=128,
        crops_per_side=2,
    )


def tiny_tokenizer(folder: Path) -> SphinxTokenizer:
    """A sentencepiece BPE of VOCABULARY pieces with LLaMA's settings, written to `folder`."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.split("\n") * 4),
        model_writer=written,
        model_type="bpe",
        vocab_size=VOCABULARY,
        byte_fallback=True,
        character_coverage=1.0,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        minloglevel=2,
    )
    path = folder / "tokenizer.model"
    path.write_bytes(written.getvalue())
    return SphinxTokenizer(str(path))


def tiny_processor(folder: Path, config: SphinxConfig) -> SphinxProcessor:
    """The processor that goes with `config`."""
    return SphinxProcessor(
        SphinxImageProcessor(image_size=config.image_size),
        tiny_tokenizer(folder),
        view_tokens=[config.view_tokens(v) for v in range(config.num_views)] if config.encoders else [],
        query_tokens=config.num_query_tokens if config.qformer_config else 0,
        skip_tokens=config.skip_tokens,
    )


def tiny_model(config: SphinxConfig, seed: int = 0) -> SphinxForConditionalGeneration:
    """A model with the weights of a seed, in evaluation mode."""
    torch.manual_seed(seed)
    return SphinxForConditionalGeneration(config).eval()
