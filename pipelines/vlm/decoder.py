"""One forward pass of the language model for the tokens of several sequences, each of its own length.

The tokens of all sequences lie one after another in one (N, D) tensor: the linear layers read their weights
once for all of them, and nothing is padded. A sequence's keys and values lie in two places: in a trunk, which
it may share with others (a picture and the words before every question), and in a buffer of its own that is
allocated once. Attention to each is computed apart, to a trunk for all of its readers at once, and joined by
the log-sum-exp, which is exact. Buffers that are lanes of one tensor are attended to in one call by all that
get a single token: a small model's step costs as many calls as it has layers, however many answers it gives.
The weights are those of the transformers model; this module knows no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from pipelines.vlm.packing import Linear, linear

KeysValues = tuple[torch.Tensor, ...]
"""For each layer: (2, kv heads, tokens, head size), keys first."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """Keys and values of the first `length` tokens of every sequence that reads it; never written again."""

    layers: KeysValues
    length: int
    parts: tuple[tuple[torch.Tensor, torch.Tensor], ...] = field(init=False)

    def __post_init__(self) -> None:
        parts = tuple((layer[0:1], layer[1:2]) for layer in self.layers)
        object.__setattr__(self, "parts", parts)


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """Room for own tokens of several sequences: for each layer (lanes, 2, kv heads, tokens, head size)."""

    layers: tuple[torch.Tensor, ...]

    @property
    def tokens(self) -> int:
        """Tokens that a lane holds."""
        return self.layers[0].shape[3]

    def lane(self, number: int) -> KeysValues:
        """Return the buffer of one sequence."""
        return tuple(layer[number] for layer in self.layers)


@dataclass(slots=True, eq=False)
class SequenceCache:
    """A sequence being computed: `length` tokens of its own are in `layers`, behind those of the trunk.

    Where these are a lane, `lanes` and `lane` say of what.
    """

    layers: KeysValues
    trunk: Trunk | None = None
    length: int = 0
    lanes: Lanes | None = None
    lane: int = 0

    @property
    def position(self) -> int:
        """Position of the next token."""
        return self.length + (self.trunk.length if self.trunk else 0)

    @property
    def capacity(self) -> int:
        """Tokens that the buffer holds."""
        return self.layers[0].shape[2]


def keys_values_bytes(layers: KeysValues) -> int:
    """Memory of keys and values."""
    return sum(layer.numel() * layer.element_size() for layer in layers)


def attend(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled dot-product attention with its log-sum-exp, to be joined with that over other keys.

    Args:
        query: (1, kv heads, queries, head size).
        keys, values: (1, kv heads, tokens, head size).
        mask: (queries, tokens), added to the scores; None attends to all.

    Returns:
        (1, kv heads, queries, head size), and (1, kv heads, queries).
    """
    if _has_kernel(query.device):
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, keys, values, attn_mask=mask)
    scores = torch.matmul(query, keys.transpose(2, 3)).float() * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + mask
    total = scores.logsumexp(dim=-1)
    return torch.matmul((scores - total[..., None]).exp().to(values.dtype), values), total


def _has_kernel(device: torch.device) -> bool:
    """Return whether torch has one kernel for attention that gives the log-sum-exp, too."""
    return device.type == "cpu"


def _joined(linears: Sequence[nn.Module]) -> Linear:
    """Several linear layers of one input as one, (N, in) -> (N, sum of out).

    Plain layers are moved into one weight, of which their own become views, so that no memory is added. What
    is quantised, or moved between devices by a hook, is called as it is.
    """
    plain = all(type(one) is nn.Linear and not hasattr(one, "_hf_hook") for one in linears)
    parts: Any = linears
    if len(linears) == 1:
        (part,) = parts
        return linear(part.weight, part.bias) if plain else part
    if not plain:
        return lambda x: torch.cat([one(x) for one in linears], dim=-1)
    weight = torch.cat([part.weight for part in parts])
    bias = torch.cat([part.bias for part in parts]) if parts[0].bias is not None else None
    start = 0
    for part in parts:
        end = start + part.out_features
        part.weight.data = weight[start:end]
        start = end
    return linear(weight, bias)


class _Layer:
    """One decoder layer of a Llama or a Mixtral, its weights read from the transformers module."""

    def __init__(self, layer: Any) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.qkv = _joined([attention.q_proj, attention.k_proj, attention.v_proj])
        self.out = _joined([attention.o_proj])
        self.device = layer.input_layernorm.weight.device
        self.norms = [
            (norm.weight, norm.variance_epsilon)
            for norm in (layer.input_layernorm, layer.post_attention_layernorm)
        ]
        if hasattr(mlp, "gate_proj"):
            gate_up, down = _joined([mlp.gate_proj, mlp.up_proj]), _joined([mlp.down_proj])
            act: Linear = mlp.act_fn.forward
            self.mlp: Linear = lambda x: down(_gated(gate_up(x), act))
        else:
            self.mlp = lambda x: mlp(x[None])[0]


def _gated(x: torch.Tensor, act: Linear) -> torch.Tensor:
    gate, up = x.chunk(2, dim=-1)
    return act(gate).mul_(up)


def _norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    if x.dtype is not torch.float32 or x.device.type != "cpu":
        return F.rms_norm(x, weight.shape, weight, eps)
    # On a CPU torch composes its own of twice as many operations.
    scale = (x * x).mean(dim=-1, keepdim=True).add_(eps).rsqrt_()
    return (x * scale).mul_(weight)


class Decoder:
    """The language model of a SPHINX and its head. Not safe for several threads: one computes."""

    def __init__(self, model: Any) -> None:
        config = model.config.get_text_config()
        if getattr(config, "sliding_window", None) is not None:
            raise ValueError("expected attention to all tokens, got a sliding window")
        text: Any = model.model.language_model
        self._embed = model.get_input_embeddings()
        self._head = _joined([model.lm_head])
        self._head_device = model.lm_head.weight.device
        self._layers = [_Layer(layer) for layer in text.layers]
        self._last_norm = (text.norm.weight, text.norm.variance_epsilon)
        self._heads, self._kv_heads = config.num_attention_heads, config.num_key_value_heads
        self._size = getattr(config, "head_dim", None) or config.hidden_size // self._heads
        self.device = self._embed.weight.device
        self.dtype = text.norm.weight.dtype
        self.bytes_per_token = keys_values_bytes(self.allocate(1))
        self._rotations = self._tables(text.rotary_emb, config.max_position_embeddings)

    def _tables(self, rotary: Any, count: int) -> dict[torch.device, tuple[torch.Tensor, torch.Tensor]]:
        """Cosines and signed sines (positions, 1, 1, head size), on each device that has layers."""
        device = rotary.inv_freq.device
        positions = torch.arange(count, device=device)[None]
        cos, sin = rotary(torch.empty(1, dtype=self.dtype, device=device), positions)
        half = self._size // 2
        sin = torch.cat((-sin[..., :half], sin[..., half:]), dim=-1)
        tables = cos[0][:, None], sin[0][:, None]
        return {
            layer.device: (tables[0].to(layer.device), tables[1].to(layer.device)) for layer in self._layers
        }

    def allocate(self, tokens: int) -> KeysValues:
        """Room for the keys and values of so many tokens."""
        shape = (2, self._kv_heads, tokens, self._size)
        return tuple(torch.empty(shape, dtype=self.dtype, device=layer.device) for layer in self._layers)

    def allocate_lanes(self, count: int, tokens: int) -> Lanes:
        """Room for so many sequences of so many tokens each; memory is taken as it is written to.

        It begins as zeros: what a mask leaves out counts nothing, but a NaN of nobody's would.
        """
        shape = (count, 2, self._kv_heads, tokens, self._size)
        return Lanes(
            tuple(torch.zeros(shape, dtype=self.dtype, device=layer.device) for layer in self._layers)
        )

    def words(self, ids: Sequence[int]) -> torch.Tensor:
        """Embeddings (N, D) of ids."""
        return self._embed(torch.tensor(ids, device=self.device))

    def scores(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits (N, vocabulary), float32, of hidden states (N, D)."""
        return self._head(hidden.to(self._head_device)).float()

    def forward(self, embeds: torch.Tensor, pieces: Sequence[tuple[SequenceCache, int]]) -> torch.Tensor:
        """Compute the next tokens of some sequences and append their keys and values.

        Args:
            embeds: (N, D), the pieces' tokens one after another.
            pieces: sequences, each with how many of the N tokens are its; readers of the same trunk lie
                beside one another.

        Returns:
            Hidden states (N, D) behind the last norm.
        """
        plan = _Plan(pieces, self._heads // self._kv_heads, self.dtype)
        x = embeds
        for index, layer in enumerate(self._layers):
            x = x.to(layer.device)
            plan.move_to(layer.device, self._rotations)
            x = x + layer.out(self._attention(index, layer.qkv(_norm(x, *layer.norms[0])), plan))
            x = x + layer.mlp(_norm(x, *layer.norms[1]))
        for sequence, count in pieces:
            sequence.length += count
        weight, eps = self._last_norm
        return _norm(x.to(weight.device), weight, eps)

    def _attention(self, index: int, qkv: torch.Tensor, plan: _Plan) -> torch.Tensor:
        """Attention of one layer: (N, q + k + v) -> (N, heads * head size)."""
        count, size, kv_heads = len(qkv), self._size, self._kv_heads
        group = self._heads // kv_heads
        heads = qkv.view(count, self._heads + 2 * kv_heads, size)
        turned = heads[:, : self._heads + kv_heads]  # queries and keys carry their positions
        swapped = turned.view(count, -1, 2, size // 2).flip(2).view(count, -1, size)
        turned.mul_(plan.cos).addcmul_(swapped, plan.sin)
        # The query heads that share a key head are further queries of it.
        query = heads[:, : self._heads].view(count, kv_heads, group, size).permute(1, 0, 2, 3)
        new = heads[:, self._heads :].view(count, 2, kv_heads, size).permute(1, 2, 0, 3)
        if plan.lanes is not None:
            out, total = plan.lanes.attend(index, query, new)
        else:
            out, total = self._own(index, query, new, plan)
        for trunk, start, end in plan.trunks:
            queries = query[:, start:end].reshape(1, kv_heads, (end - start) * group, size)
            shared, shared_total = attend(queries, *trunk.parts[index])
            a, z = start * group, end * group
            whole = len(plan.trunks) == 1 and end - start == count
            share = torch.sigmoid(shared_total - (total if whole else total[:, :, a:z]))
            share = share.unsqueeze_(-1).to(out.dtype)
            if whole:
                out = torch.lerp(out, shared, share)
            else:
                out[:, :, a:z] = torch.lerp(out[:, :, a:z], shared, share)
        if group == 1:
            return out[0].transpose(0, 1).reshape(count, -1)
        return out.view(kv_heads, count, group, size).transpose(0, 1).reshape(count, -1)

    def _own(
        self, index: int, query: torch.Tensor, new: torch.Tensor, plan: _Plan
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention to each sequence's own tokens, the new ones among them, which are put into its buffer.

        Args: query (kv heads, N, group, head size); new (2, kv heads, N, head size).
        Returns: (1, kv heads, N * group, head size), and (1, kv heads, N * group).
        """
        kv_heads, _, group, size = query.shape
        outs, totals = [], []
        for number, ((sequence, n), (start, end)) in enumerate(zip(plan.pieces, plan.rows)):
            length = sequence.length + n
            own = sequence.layers[index]
            own[:, :, sequence.length : length] = new[:, :, start:end]
            queries = query[:, start:end].reshape(1, kv_heads, n * group, size)
            out, total = attend(queries, own[0:1, :, :length], own[1:2, :, :length], plan.masks[number])
            outs.append(out)
            totals.append(total)
        if len(outs) == 1:
            return outs[0], totals[0]
        return torch.cat(outs, dim=2), torch.cat(totals, dim=2)


class _TogetherInLanes:
    """Sequences that get one token each and whose buffers are lanes of one tensor."""

    def __init__(self, sequences: Sequence[SequenceCache], lanes: Lanes, dtype: torch.dtype) -> None:
        self._layers = lanes.layers
        taken = [sequence.lane for sequence in sequences]
        self._first, last = min(taken), max(taken) + 1
        self._all = taken == list(range(self._first, last))
        device = lanes.layers[0].device
        self._lanes = torch.tensor(taken, device=device)
        self._ends = torch.tensor([sequence.length for sequence in sequences], device=device)
        self._most = max(sequence.length for sequence in sequences) + 1
        self._span = slice(self._first, last)
        self._places = self._lanes - self._first
        ends = torch.zeros(last - self._first, dtype=torch.long, device=device)
        ends[self._places] = self._ends
        later = torch.arange(self._most, device=device) > ends[:, None]
        mask = torch.zeros(later.shape, dtype=dtype, device=device).masked_fill_(later, float("-inf"))
        self._mask = mask[:, None, None, :]

    def attend(self, index: int, query: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Decoder._own`; lanes in between that are not among these are computed, and not looked at."""
        kv_heads, count, group, size = query.shape
        lanes = self._layers[index]
        lanes[self._lanes, :, :, self._ends] = new.permute(2, 0, 1, 3)
        own = lanes[self._span, :, :, : self._most]
        queries = query.transpose(0, 1)
        if not self._all:
            spread = queries.new_zeros(len(own), kv_heads, group, size)
            spread[self._places] = queries
            queries = spread
        mask = self._mask.expand(-1, 1, group, -1)
        out, total = attend(queries, own[:, 0], own[:, 1], mask)
        if not self._all:
            out, total = out[self._places], total[self._places]
        return (
            out.transpose(0, 1).reshape(1, kv_heads, count * group, size),
            total.transpose(0, 1).reshape(1, kv_heads, count * group),
        )


class _Plan:
    """What is the same in all layers of one forward pass."""

    def __init__(self, pieces: Sequence[tuple[SequenceCache, int]], group: int, dtype: torch.dtype) -> None:
        self.pieces = pieces
        self.rows: list[tuple[int, int]] = []
        self.masks: list[torch.Tensor | None] = []
        self.trunks: list[tuple[Trunk, int, int]] = []
        self.lanes = _in_lanes(pieces, dtype)
        self._positions: list[int] = []
        self._device: torch.device | None = None
        start = 0
        for sequence, count in pieces:
            assert 0 < count <= sequence.capacity - sequence.length  # torch's kernel ends the process on none
            end = start + count
            self.rows.append((start, end))
            self.masks.append(_causal(sequence.length, count, group, dtype) if count > 1 else None)
            self._positions += range(sequence.position, sequence.position + count)
            trunk = sequence.trunk
            if trunk is not None:
                if self.trunks and self.trunks[-1][0] is trunk:
                    self.trunks[-1] = (trunk, self.trunks[-1][1], end)
                else:
                    self.trunks.append((trunk, start, end))
            start = end

    def move_to(
        self, device: torch.device, rotations: dict[torch.device, tuple[torch.Tensor, torch.Tensor]]
    ) -> None:
        """Have masks and rotations where the next layer is."""
        if device == self._device:
            return
        self._device = device
        cos, sin = rotations[device]
        if len(self._positions) == 1:
            self.cos, self.sin = cos[self._positions[0]], sin[self._positions[0]]
        else:
            places = torch.tensor(self._positions, device=device)
            self.cos, self.sin = cos[places], sin[places]
        self.masks = [None if mask is None else mask.to(device) for mask in self.masks]


def _in_lanes(pieces: Sequence[tuple[SequenceCache, int]], dtype: torch.dtype) -> _TogetherInLanes | None:
    """Return the pieces as one call, where each is a single token and all have lanes of one tensor."""
    lanes = pieces[0][0].lanes
    if lanes is None or len(pieces) < 2:
        return None
    if any(count > 1 or sequence.lanes is not lanes for sequence, count in pieces):
        return None
    return _TogetherInLanes([sequence for sequence, _ in pieces], lanes, dtype)


def _causal(before: int, count: int, group: int, dtype: torch.dtype) -> torch.Tensor:
    """(count * group, before + count): each new token sees all before it and itself."""
    mask = torch.full((count, before + count), float("-inf"), dtype=dtype).triu_(before + 1)
    return mask.repeat_interleave(group, dim=0) if group > 1 else mask
