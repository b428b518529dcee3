"""Mix two checkpoints: theta = beta * A + (1 - beta) * B over the language model.

In SPHINX's paper (arXiv 2311.07575) the language model B, tuned on a synthetic domain, starts from A, tuned
on real pictures, and the two are mixed. The mixing is linear and goes tensor by tensor, memory-mapped and
streamed to disk. This module knows converted checkpoints only.

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
from safetensors import SafetensorError, safe_open
from tqdm import tqdm

from .conversion import ConversionError, plan_files, require_disk, write_index, write_safetensors
from .conversion.checkpoint import read_object
from .familiarity import FILE as FAMILIARITY
from .mixing import INCIDENTAL, mix, plain

SHARD = 5 * 10**9  # bytes, a written file's largest size
LANGUAGE = ("model.language_model.", "lm_head.")  # names that are always mixed; all others are the eyes'
Eyes = Literal["a", "b", "mix"]


INDEX = "model.safetensors.index.json"
COPIED = (  # what belongs to the weights; figures and a card of A would not be true of the mixture
    "config.json",
    "generation_config.json",
    "processor_config.json",
    "chat_template.jinja",
    "tokenizer.model",
    "tokenizer_config.json",
    "*.py",
)
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class Tensors:
    """The tensors of a converted checkpoint, memory-mapped, by name.

    Args:
        folder: of the checkpoint; safetensors beside the weights are left alone.
        stack: closes the files.

    Raises:
        ConversionError: if the weights are missing, damaged, quantised or disagree with their index.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.files: dict[str, Any] = {}
        for path in _weight_files(folder):
            try:
                file = stack.enter_context(safe_open(path, framework="pt"))
                self.files |= dict.fromkeys(file.keys(), file)
            except (SafetensorError, OSError) as error:
                raise ConversionError(
                    f"{path}: expected a complete safetensors file, found one that cannot be read ({error})"
                ) from error
        for name, file in self.files.items():
            kind = file.get_slice(name).get_dtype()
            if kind not in DTYPES:
                raise ConversionError(f"{folder}: expected {name} in one of {list(DTYPES)}, found {kind}")

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor, without reading it."""
        return tuple(self.files[name].get_slice(name).get_shape())

    def dtype(self, name: str) -> torch.dtype:
        """Return what a tensor is stored in, without reading it."""
        return DTYPES[self.files[name].get_slice(name).get_dtype()]

    def get(self, name: str) -> torch.Tensor:
        """Read a tensor."""
        return self.files[name].get_tensor(name)


def _weight_files(folder: Path) -> list[Path]:
    """Return the files of a checkpoint's weights, by its index or else the one file.

    Raises:
        ConversionError: if one is missing.
    """
    paths = [folder / "model.safetensors"]
    if (folder / INDEX).is_file():
        places = read_object(folder / INDEX).get("weight_map")
        if not isinstance(places, dict) or not places:
            raise ConversionError(f"{folder / INDEX}: expected a weight_map, found {type(places).__name__}")
        paths = [folder / Path(str(name)).name for name in sorted(set(map(str, places.values())))]
    for path in paths:
        if not path.is_file():
            raise ConversionError(f"{folder}: expected a converted checkpoint with {path.name}, found none")
    return paths


def _check_alike(a: Path, b: Path) -> None:
    """Refuse checkpoints of two architectures, which may have the same tensors (one view and five).

    Raises:
        ConversionError: naming the field of config.json, or the tokenizer.
    """
    left, right = (read_object(folder / "config.json") for folder in _with_config(a, b))
    for key in sorted(set(left) | set(right)):
        if key not in INCIDENTAL and plain(left.get(key)) != plain(right.get(key)):
            told = [json.dumps(config.get(key))[:60] for config in (left, right)]
            raise ConversionError(f"config.json: expected one {key} in both, found {told[0]} and {told[1]}")
    tokenizers = [folder / "tokenizer.model" for folder in (a, b)]
    content = [file.read_bytes() if file.is_file() else b"" for file in tokenizers]
    if content[0] != content[1]:
        raise ConversionError(f"{tokenizers[1]}: expected the tokenizer of {a}, found another")


def _with_config(*folders: Path) -> tuple[Path, ...]:
    """Return the folders, each of which must have a config.json."""
    for folder in folders:
        if not (folder / "config.json").is_file():
            raise ConversionError(f"{folder}: expected a converted checkpoint with config.json, found none")
    return folders


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
        output: is made; configuration, processor and tokenizer are those of `a`, dtypes, too.
        beta: the share of `a` in the language model, 0 .. 1.
        eyes: encoders and projections from "a", from "b", or "mix"ed like the language model.
        max_shard_size: bytes, a written file's largest size.
        quiet: show no progress bar.

    Raises:
        ConversionError: if the checkpoints are not of one architecture, cannot be read, or `output` is not
            empty; nothing is left in it then.
    """
    if not 0.0 <= beta <= 1.0:
        raise ConversionError(f"beta: expected 0 .. 1, found {beta}")
    if output.resolve() in (a.resolve(), b.resolve()):
        raise ConversionError(f"{output}: expected a folder of its own, found one of the two to be mixed")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConversionError(f"{output}: expected a new or an empty folder, found something in it")
    with ExitStack() as stack:
        left, right = Tensors(a, stack), Tensors(b, stack)
        shapes = _common_shapes(left, right)
        _check_alike(a, b)
        dtypes = {name: left.dtype(name) for name in shapes}
        files = plan_files(shapes, dtypes, max_shard_size)
        require_disk(output, sum(file.bytes for file in files))
        made_folder = not output.exists()
        output.mkdir(parents=True, exist_ok=True)

        def get(name: str) -> torch.Tensor:
            if name.startswith(LANGUAGE) or eyes == "mix":
                return mix(left.get(name), right.get(name), beta)
            return (left if eyes == "a" else right).get(name)

        total = sum(file.bytes for file in files)
        try:
            with tqdm(total=total, unit="B", unit_scale=True, desc="Mixing", disable=quiet) as bar:
                for file in files:
                    write_safetensors(output / file.name, file.tensors, shapes, dtypes, get, bar.update)
        except ConversionError:
            for file in files:
                (output / file.name).unlink(missing_ok=True)
            if made_folder:
                output.rmdir()
            raise
    write_index(output, files)
    _copy_side_files(a, b, output, eyes)
    record = {"a": str(a), "b": str(b), "beta": beta, "eyes": eyes}
    (output / "mixture.json").write_text(json.dumps(record, indent=2) + "\n")


def _copy_side_files(a: Path, b: Path, output: Path, eyes: Eyes) -> None:
    """Copy what belongs to the weights from `a`, and the familiarity that was fitted to the encoders."""
    for path in (path for pattern in COPIED for path in sorted(a.glob(pattern))):
        shutil.copyfile(path, output / path.name)
    seen = {"a": a, "b": b}.get(eyes)
    if seen is not None and (seen / FAMILIARITY).is_file():
        shutil.copyfile(seen / FAMILIARITY, output / FAMILIARITY)


def _common_shapes(a: Tensors, b: Tensors) -> dict[str, tuple[int, ...]]:
    """Return names and shapes, which both must share."""
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
    """Run the command line; return the exit status."""
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
