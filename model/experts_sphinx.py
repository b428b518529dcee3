"""A Mixtral whose experts are linear layers, so that they can be quantised and sharded one by one."""

from __future__ import annotations

import torch
from torch import nn
from transformers import MixtralConfig
from transformers.activations import ACT2FN
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming
from transformers.models.mixtral.modeling_mixtral import MixtralModel


class SphinxExpert(nn.Module):
    """One expert of a Mixtral, as three linear layers without bias."""

    def __init__(self, config: MixtralConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w2 = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.w3 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Map (tokens, D) to (tokens, D)."""
        return self.w2(self.act_fn(self.w1(hidden_states)) * self.w3(hidden_states))


class SphinxExperts(nn.ModuleList):
    """A Mixtral's experts one by one; transformers keeps 3-D parameters, which quantisation leaves alone."""

    def __init__(self, config: MixtralConfig) -> None:
        super().__init__(SphinxExpert(config) for _ in range(config.num_local_experts))

    def forward(
        self, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
    ) -> torch.Tensor:
        """Return (tokens, D): each token through its experts, summed with their weights.

        Args:
            hidden_states: (tokens, D).
            top_k_index: (tokens, k) int64, the experts of each token.
            top_k_weights: (tokens, k), their weights.
        """
        total = torch.zeros_like(hidden_states)
        for number in top_k_index.unique().tolist():
            tokens, rank = torch.where(top_k_index == number)
            out = self[number](hidden_states[tokens]) * top_k_weights[tokens, rank, None]
            total.index_add_(0, tokens, out.to(total.dtype))
        return total


class SphinxMixtralModel(MixtralModel):
    """A Mixtral whose experts can be quantised."""

    def __init__(self, config: MixtralConfig) -> None:
        super().__init__(config)
        for layer in self.layers:
            layer.mlp.experts = SphinxExperts(config)  # type: ignore[union-attr]
        self.post_init()


register_checkpoint_conversion_mapping(
    SphinxMixtralModel.__name__, [WeightRenaming(".block_sparse_moe.", ".mlp.")], overwrite=True
)

__all__ = ["SphinxMixtralModel"]
