"""Mix two checkpoints: theta = beta * A + (1 - beta) * B over the language model.

In SPHINX's paper the language model B, tuned on a synthetic domain, starts from A, tuned on real pictures,
and the two are mixed. The mixing is linear and goes tensor by tensor, memory-mapped and streamed to disk.
This module knows converted checkpoints only.

    python -m model.mix_weights A B --beta 0.3 --output DIR
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from tqdm import tqdm

from .conversion import ConversionError, plan_files, require_disk, write_index, write_safetensors

SHARD = 5 * 10**9  # bytes, a written file's largest size
LANGUAGE = ("model.language_model.", "lm_head.")  # names that are always mixed; all others are the eyes'
Eyes = Literal["a", "b", "mix"]


class Tensors:
    """The tensors of a converted checkpoint, memory-mapped, by name."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        paths = sorted(folder.glob("*.safetensors"))
        if not paths:
            raise ConversionError(f"{folder}: expected a converted checkpoint, found no safetensors")
        files = [stack.enter_context(safe_open(path, framework="pt")) for path in paths]
        self.folder = folder
        self.files = {name: file for file in files for name in file.keys()}  # noqa: SIM118 (not a dict)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor, without reading it."""
        return tuple(self.files[name].get_slice(name).get_shape())

    def get(self, name: str) -> torch.Tensor:
        """A tensor."""
        return self.files[name].get_tensor(name)


def mix(a: torch.Tensor, b: torch.Tensor, beta: float) -> torch.Tensor:
    """beta * a + (1 - beta) * b, computed in float32, in the dtype of `a`; exact at 0 and 1."""
    if beta in (0.0, 1.0):
        return a if beta == 1.0 else b.to(a.dtype)
    return (beta * a.float() + (1.0 - beta) * b.float()).to(a.dtype)


def mix_checkpoints(
    a: Path,
    b: Path,
    output: Path,
    *,
    beta: float,
    eyes: Eyes = "a",
    max_shard_size: int = SHARD,
    quiet: bool = False,
) -> None:
    """Write the mixture of two converted checkpoints.

    Args:
        a, b: folders. By the convention here `a` is the one of real pictures.
        output: is made; configuration, processor and tokenizer are those of `a`.
        beta: the share of `a` in the language model, 0 .. 1.
        eyes: encoders and projections from "a", from "b", or "mix"ed like the language model.
        max_shard_size: bytes, a written file's largest size.
        quiet: show no progress bar.

    Raises:
        ConversionError: if the checkpoints are not of one shape; nothing is written then.
    """
    if not 0.0 <= beta <= 1.0:
        raise ConversionError(f"beta: expected 0 .. 1, found {beta}")
    if output.resolve() in (a.resolve(), b.resolve()):
        raise ConversionError(f"{output}: expected a folder of its own, found one of the two to be mixed")
    with ExitStack() as stack:
        left, right = Tensors(a, stack), Tensors(b, stack)
        shapes = _common_shapes(left, right)
        dtype = left.get(min(shapes, key=lambda name: torch.Size(shapes[name]).numel())).dtype
        files = plan_files(shapes, dtype, max_shard_size)
        output.mkdir(parents=True, exist_ok=True)
        require_disk(output, sum(file.bytes for file in files))

        def get(name: str) -> torch.Tensor:
            if name.startswith(LANGUAGE) or eyes == "mix":
                return mix(left.get(name), right.get(name), beta)
            return (left if eyes == "a" else right).get(name)

        total = sum(file.bytes for file in files)
        with tqdm(total=total, unit="B", unit_scale=True, desc="Mixing", disable=quiet) as bar:
            for file in files:
                write_safetensors(output / file.name, file.tensors, shapes, dtype, get, bar.update)
    write_index(output, files)
    for path in a.iterdir():
        if path.is_file() and not path.name.startswith(("model", "conversion")):
            shutil.copyfile(path, output / path.name)
    record = {"a": str(a), "b": str(b), "beta": beta, "eyes": eyes}
    (output / "mixture.json").write_text(json.dumps(record, indent=2) + "\n")


def _common_shapes(a: Tensors, b: Tensors) -> dict[str, tuple[int, ...]]:
    """Names and shapes, which both must share."""
    lonely = sorted(set(a.files) ^ set(b.files))
    if lonely:
        where = a.folder if lonely[0] in a.files else b.folder
        raise ConversionError(f"{lonely[0]}: expected in both checkpoints, found only in {where}")
    shapes: dict[str, Any] = {}
    for name in a.files:
        shapes[name] = a.shape(name)
        if b.shape(name) != shapes[name]:
            raise ConversionError(
                f"{name}: expected shape {shapes[name]} in both, found {b.shape(name)} in B"
            )
    return shapes


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m model.mix_weights", description="Mix two checkpoints.")
    parser.add_argument("a", type=Path, metavar="A", help="converted checkpoint: real pictures")
    parser.add_argument("b", type=Path, metavar="B", help="converted checkpoint of the same shape")
    parser.add_argument("--beta", type=float, required=True, help="share of A in the language model, 0 .. 1")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--eyes", choices=("a", "b", "mix"), default="a", help="encoders and projections")
    args = parser.parse_args(argv)
    try:
        mix_checkpoints(args.a, args.b, args.output, beta=args.beta, eyes=args.eyes)
    except (ConversionError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
