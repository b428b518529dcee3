"""What SPHINX's models return, field by field."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling
from transformers.utils.generic import ModelOutput


@dataclass
class SphinxImageFeatures(BaseModelOutputWithPooling):
    """What `get_image_features` returns for B pictures.

    Args:
        last_hidden_state: (B, V * (1 + P), C), the encoders' features joined by channel, before the
            projection, view by view (zeros for a skipped view); the Q-Former's (B, V * queries, C) where
            there is no other encoder.
        pooler_output: (B, image_tokens, D), the tokens that the language model reads, start and end of each
            view included; where pictures differ in length (skipped views), zeros follow.
        hidden_states: on request, those of CLIP, DINOv2, the Q-Former's ViT and the Q-Former, one after the
            other; (N, positions, C) each for the N views that were encoded.
        attentions: on request, those of the same four, (N, heads, positions, positions) each.
        lengths: (B,) int64, tokens of each picture; None where all have the same.
    """

    lengths: torch.Tensor | None = None


@dataclass
class SphinxModelOutput(BaseModelOutputWithPast):
    """What `SphinxModel` returns.

    Args:
        last_hidden_state: (B, T, D), the language model's last layer, normalised.
        past_key_values: the cache, where one is used.
        hidden_states: on request, layers + 1 of (B, T, D).
        attentions: on request, (B, heads, T, past + T) of each layer.
        router_logits: on request, (B * T, experts) of each layer of a Mixtral.
        image_hidden_states: (pictures, N, D), the tokens of the pictures, where there are any.
    """

    router_logits: tuple[torch.Tensor, ...] | None = None
    image_hidden_states: torch.Tensor | None = None


@dataclass
class SphinxCausalLMOutput(ModelOutput):
    """What `SphinxForConditionalGeneration` returns.

    Args:
        loss: scalar, where labels were given.
        logits: (B, T or `logits_to_keep`, vocabulary).
        past_key_values, hidden_states, attentions, router_logits, image_hidden_states: see
            `SphinxModelOutput`.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None
    router_logits: tuple[torch.Tensor, ...] | None = None
    image_hidden_states: torch.Tensor | None = None


__all__ = ["SphinxCausalLMOutput", "SphinxImageFeatures", "SphinxModelOutput"]
