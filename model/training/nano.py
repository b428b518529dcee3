"""The shape of `sphinx-nano` and its tokenizer: every number of the small SPHINX that this project trains."""

from __future__ import annotations

import io
import random
from pathlib import Path

import sentencepiece
from transformers import (
    Blip2QFormerConfig,
    Blip2VisionConfig,
    CLIPVisionConfig,
    ConvNextConfig,
    Dinov2Config,
    LlamaConfig,
)

from model import SphinxConfig

VIEW = 192  # pixels, side of one encoder view; the padded square is two of them wide
PATCH = 16  # pixels; every encoder yields a grid of VIEW / PATCH cells a side
WIDTH = 256  # language model
VOCABULARY = 1024  # sentencepiece pieces

# Written as one piece, so that a box costs 13 tokens: "[0." "4" "1" ",0." "3" "7" ...
SYMBOLS = ("\n", "###", "<p>", "</p>", "[0.", ",0.", ";0.", "[", "]", ";")


def nano_config(
    vocabulary: int = VOCABULARY, view: int = VIEW, *, crops_per_side: int = 2, skip_tokens: int = 0
) -> SphinxConfig:
    """Return the configuration of `sphinx-nano`: SPHINX-1k's structure at 10.6 million parameters.

    Args:
        view: pixels, side of one view: a run may begin with smaller ones, which cost less (see growth.py).
        crops_per_side: 2 as trained. 3 gives SPHINX-X's nine crops, of which a wide or tall picture leaves
            some empty; with 2 x 2 every crop holds something of the picture.
        skip_tokens: that stand for an empty crop, in place of its own tokens.
    """
    return SphinxConfig(
        text_config=LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=704,
            num_hidden_layers=6,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=4096,
            rms_norm_eps=1e-5,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=None,
            tie_word_embeddings=False,
        ).to_dict(),
        clip_config=CLIPVisionConfig(
            hidden_size=128, intermediate_size=512, num_hidden_layers=4, num_attention_heads=2,
            image_size=view, patch_size=PATCH, hidden_act="gelu",
        ).to_dict(),
        convnext_config=ConvNextConfig(
            num_stages=3, hidden_sizes=[32, 96, 192], depths=[1, 2, 8], patch_size=4, hidden_act="gelu",
            drop_path_rate=0.0, layer_scale_init_value=0.1, image_size=view,
        ).to_dict(),
        dinov2_config=Dinov2Config(
            hidden_size=128, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=4,
            image_size=view, patch_size=PATCH, use_swiglu_ffn=True, layerscale_value=0.5,
        ).to_dict(),
        qformer_vision_config=Blip2VisionConfig(
            hidden_size=96, intermediate_size=384, num_hidden_layers=2, num_attention_heads=2,
            image_size=view, patch_size=PATCH,
        ).to_dict(),
        qformer_config=Blip2QFormerConfig(
            hidden_size=96, intermediate_size=384, num_hidden_layers=2, num_attention_heads=2,
            encoder_hidden_size=96, cross_attention_frequency=2, vocab_size=8,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        ).to_dict(),
        num_query_tokens=8,
        image_size=crops_per_side * view,
        view_size=view,
        convnext_size=view,
        crops_per_side=crops_per_side,
        skip_tokens=skip_tokens,
    )  # fmt: skip


def train_tokenizer(lines: list[str], output: Path, vocabulary: int = VOCABULARY) -> None:
    """Train a LLaMA-style sentencepiece BPE on `lines` and write `tokenizer.model` to `output`.

    Digits stand alone, bytes are the fall-back, the brackets of SPHINX's boxes are pieces of their own.
    """
    lines = list(lines)
    random.Random(0).shuffle(lines)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        user_defined_symbols=list(SYMBOLS),
        character_coverage=1.0,
        max_sentence_length=8192,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        minloglevel=2,
        num_threads=2,
    )
    output.write_bytes(model.getvalue())
