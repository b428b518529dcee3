"""Stored weights: memory-mapped shards of one or several folders, read as if they were one file."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import load_file

from .keys import EXPERTS, SPLIT, ConversionError, is_dropped

log = logging.getLogger(__name__)

SMALL = 2**16  # elements; replicas of small tensors are compared, large ones trusted

_FORMATS = {
    "shards": re.compile(r"consolidated\.(\d+)-of-(\d+)\.model\.pth"),
    "delta": re.compile(r"consolidated\.(\d+)-of-(\d+)\.model-diff\.pth"),
    "meta": re.compile(r"consolidated\.(\d+)\.pth"),
    "internlm2": re.compile(r"(?:model|pytorch_model)(?:-(\d+)-of-(\d+))?\.(?:safetensors|bin)"),
}
LANGUAGE = re.compile(r"llma\.(layers\..*|tok_embeddings\.weight|norm\.weight|output\.weight)")
FLOATING = (torch.float32, torch.float16, torch.bfloat16)


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
        if not folder.is_dir():
            raise ConversionError(f"{folder}: expected a folder, found none")
        found = {
            kind: sorted(p for p in folder.iterdir() if pattern.fullmatch(p.name))
            for kind, pattern in _FORMATS.items()
        }
        kinds = [kind for kind, paths in found.items() if paths]
        if len(kinds) != 1:
            expected = (
                "consolidated.NN-of-MM.model.pth, ...model-diff.pth, consolidated.NN.pth or InternLM2's own"
            )
            names = sorted(p.name for paths in found.values() for p in paths)
            raise ConversionError(f"{folder}: expected one format of {expected}, found {names or 'none'}")
        kind = kinds[0]
        paths = found[kind]
        cls._check_names(folder, kind, paths)
        shards = [cls._load(path) for path in paths]
        if kind == "meta":
            shards = [{f"llma.{key}": value for key, value in shard.items()} for shard in shards]
        if kind == "internlm2":  # its files hold different tensors, not parts of the same ones
            shards = [{_internlm2_key(key): value for shard in shards for key, value in shard.items()}]
            return cls(folder, kind, paths, shards)
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
        if kind == "internlm2" and groups == [(None, None)]:
            return
        first = 1 if kind == "internlm2" else 0
        totals = {int(g[1] or 0) for g in groups} if kind != "meta" else {len(paths)}
        numbers = [int(g[0] or -1) for g in groups] if kind == "internlm2" else [int(g[0]) for g in groups]
        if len(totals) != 1 or numbers != list(range(first, max(totals) + first)):
            raise ConversionError(
                f"{folder}: expected shards {first} .. {max(totals) + first - 1} once each, "
                f"found {[p.name for p in paths]}"
            )

    @staticmethod
    def _load(path: Path) -> dict[str, torch.Tensor]:
        try:
            if path.suffix == ".safetensors":
                return load_file(path)
            content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        except Exception as error:
            raise ConversionError(
                f"{path}: expected a complete PyTorch file, found {path.stat().st_size:,} bytes that cannot "
                f"be read ({str(error).splitlines()[0]}): it may be cut short; fetch it again"
            ) from error
        state = content.get("model", content) if isinstance(content, dict) else content
        if not isinstance(state, dict) or not state:
            raise ConversionError(f"{path}: expected named tensors, found {type(state).__name__}")
        for key, value in state.items():
            if (
                not isinstance(key, str)
                or not isinstance(value, torch.Tensor)
                or value.layout != torch.strided
                or value.is_meta
            ):
                raise ConversionError(
                    f"{path}: expected named tensors, found {key!r}: {type(value).__name__}"
                )
        return state

    @property
    def names(self) -> set[str]:
        """Keys of the stored tensors."""
        return set(self.shards[0])

    def dtypes(self, key: str) -> set[torch.dtype]:
        """Return what a tensor is stored in, in all shards."""
        return {shard[key].dtype for shard in self.shards}

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of a tensor when its shards are put together."""
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
        if EXPERTS.fullmatch(key):
            return 0
        return next((dim for pattern, dim in SPLIT.items() if re.fullmatch(pattern, key)), None)

    def get(self, key: str, experts: int) -> torch.Tensor:
        """Return a tensor, its shards put together; `experts` of the language model."""
        parts = [shard[key] for shard in self.shards]
        if len(parts) == 1:
            return parts[0]
        if EXPERTS.fullmatch(key):  # every shard holds a slice of each expert
            return torch.cat([part.unflatten(0, (experts, -1)) for part in parts], dim=1).flatten(0, 1)
        dim = self._dim(key)
        if dim is not None:
            return torch.cat(parts, dim=dim)
        if parts[0].numel() <= SMALL and not all(torch.equal(parts[0], part) for part in parts[1:]):
            log.warning("%s: the shards hold different copies; the first one is taken", key)
        return parts[0]


def _internlm2_key(key: str) -> str:
    """Return InternLM2's name of a tensor as the original would call it."""
    return f"llma.{key.removeprefix('model.')}"


class Weights:
    """Several folders, one over the other: later ones override, deltas are added.

    Args:
        folders: of shards; one of InternLM2 in its own layout replaces the language model before it.

    Raises:
        ConversionError: if a folder cannot be read, or a delta comes first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.layers = [Stored.open(folder) for folder in folders]
        self._replace_language_model()
        if self.layers[0].kind == "delta":
            raise ConversionError(
                f"{folders[0]}: expected full weights first, found a delta: give what it is over before it"
            )
        self._fuse_biases()

    def _replace_language_model(self) -> None:
        """Let an InternLM2 stand in place of the language model of the folders before it."""
        for number, layer in enumerate(self.layers):
            if layer.kind == "internlm2":
                for shard in (shard for below in self.layers[:number] for shard in below.shards):
                    for key in [key for key in shard if LANGUAGE.fullmatch(key)]:
                        del shard[key]

    def check_dtypes(self) -> None:
        """Refuse tensors that are no floating numbers, as quantised ones.

        Raises:
            ConversionError: naming the first one.
        """
        for layer in self.layers:
            for key in sorted(layer.names):
                wrong = layer.dtypes(key) - set(FLOATING)
                if wrong and not is_dropped(key):
                    raise ConversionError(
                        f"{key}: expected float32, float16 or bfloat16, found {wrong.pop()}"
                    )

    def _fuse_biases(self) -> None:
        """Join the query's and the value's bias, which older BLIP-2 code stored apart; the key has none."""
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
        """Return the layer that gives a tensor, and the deltas added to it."""
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
        """Return the shape of a tensor; a delta must have the same."""
        base, deltas = self._of(key)
        shape = base.shape(key)
        for delta in deltas:
            if delta.shape(key) != shape:
                raise ConversionError(f"{key}: expected a delta of shape {shape}, found {delta.shape(key)}")
        return shape

    def dtype(self) -> torch.dtype:
        """Return what most of the weights are stored in.

        Raises:
            ConversionError: if there are no word embeddings.
        """
        key = "llma.tok_embeddings.weight"
        if key not in self.names:
            raise ConversionError(f"{key}: expected in the checkpoint, found nothing")
        base, _ = self._of(key)
        return base.shards[0][key].dtype

    def get(self, key: str, experts: int) -> torch.Tensor:
        """Return a whole tensor; `experts` of the language model."""
        base, deltas = self._of(key)
        tensor = base.get(key, experts)
        for delta in deltas:
            tensor = (tensor.float() + delta.get(key, experts).float()).to(tensor.dtype)
        return tensor

    def count(self, stem: str) -> int:
        """Return how many layers are numbered after `stem`."""
        numbers = [m.group(1) for key in self.names if (m := re.match(re.escape(stem) + r"\.(\d+)\.", key))]
        return 1 + max((int(n) for n in numbers), default=-1)
