"""Output: safetensors files, planned first and streamed to disk one tensor at a time."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .keys import ConversionError

SHARD = 5 * 10**9  # bytes, a written file's largest size
SPARE = 64 * 2**20  # bytes left free on the disk beside the weights
DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


@dataclass(frozen=True, slots=True)
class File:
    """One file to be written: its name, and its tensors in order with their bytes."""

    name: str
    tensors: tuple[tuple[str, int], ...]

    @property
    def bytes(self) -> int:
        """Bytes of its tensors."""
        return sum(size for _, size in self.tensors)


def plan_files(
    shapes: dict[str, tuple[int, ...]],
    dtypes: torch.dtype | Mapping[str, torch.dtype],
    max_shard_size: int,
) -> list[File]:
    """Share the tensors out to files of at most `max_shard_size` bytes each (a larger tensor has its own)."""
    dtype = dtypes if isinstance(dtypes, Mapping) else dict.fromkeys(shapes, dtypes)
    groups: list[list[tuple[str, int]]] = [[]]
    for name, shape in shapes.items():
        size = torch.Size(shape).numel() * dtype[name].itemsize
        if groups[-1] and sum(s for _, s in groups[-1]) + size > max_shard_size:
            groups.append([])
        groups[-1].append((name, size))
    if len(groups) == 1:
        return [File("model.safetensors", tuple(groups[0]))]
    count = len(groups)
    return [File(f"model-{i:05d}-of-{count:05d}.safetensors", tuple(g)) for i, g in enumerate(groups, 1)]


def write_safetensors(
    path: Path,
    tensors: Sequence[tuple[str, int]],
    shapes: dict[str, tuple[int, ...]],
    dtypes: torch.dtype | Mapping[str, torch.dtype],
    get: Callable[[str], torch.Tensor],
    progress: Callable[[int], object] | None = None,
) -> str:
    """Write a safetensors file, one tensor in memory at a time; it appears under its name when it is whole.

    Args:
        path: of the file.
        tensors: names and bytes, in the order in which they are written.
        shapes: of the tensors.
        dtypes: what they are written in, one for all or one each.
        get: gives the tensor of a name.
        progress: called with the bytes of each tensor written.

    Returns:
        The SHA-256 of the file.

    Raises:
        ConversionError: if a tensor has another shape, or numbers that are not finite; no file is left then.
    """
    dtype = dtypes if isinstance(dtypes, Mapping) else dict.fromkeys(shapes, dtypes)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, size in tensors:
        header[name] = {
            "dtype": DTYPES[dtype[name]],
            "shape": list(shapes[name]),
            "data_offsets": [start, start + size],
        }
        start += size
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    part, digest = path.with_name(path.name + ".part"), hashlib.sha256()
    try:
        with part.open("wb") as file:
            for piece in (struct.pack("<Q", len(encoded)), encoded):
                file.write(piece)
                digest.update(piece)
            for name, size in tensors:
                piece = _content(name, get(name), shapes[name], dtype[name])
                file.write(piece)
                digest.update(piece)
                if progress is not None:
                    progress(size)
        part.replace(path)
    except ConversionError:
        part.unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def _content(name: str, tensor: torch.Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> memoryview:
    """Return the bytes of a tensor in `dtype`; see `write_safetensors` for the errors."""
    made = tensor.to(dtype).contiguous()
    if tuple(made.shape) != shape:
        raise ConversionError(f"{name}: expected shape {shape}, found {tuple(made.shape)}")
    if not bool(made.isfinite().all()):
        found = "numbers that are not finite" if not bool(tensor.isfinite().all()) else "larger ones"
        raise ConversionError(f"{name}: expected finite numbers in {dtype}, found {found}")
    return made.view(-1).view(torch.uint8).numpy().data


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_index(output: Path, files: Sequence[File]) -> None:
    """Write which file holds which tensor into `output`, where there are several files."""
    if len(files) == 1:
        return
    index = {
        "metadata": {"total_size": sum(file.bytes for file in files)},
        "weight_map": {name: file.name for file in files for name, _ in file.tensors},
    }
    (output / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def require_disk(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        folder: to write into; it need not be there yet.
        needed: bytes.

    Raises:
        ConversionError: with the bytes needed and free.
    """
    folder = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise ConversionError(
            f"{folder}: expected {needed / 1e9:.1f} GB of free disk, found {free / 1e9:.1f} GB"
        )
