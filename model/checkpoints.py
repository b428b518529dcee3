"""Which checkpoints there are, what each needs, and how a released one gets onto this machine.

The released ones are seven subfolders of one Hub repository, in the original's layout. `fetch` says what is
needed, refuses what does not fit, downloads (an interrupted download goes on), converts once and keeps the
result. This module knows files and sizes; the table is what the page and the README show. To print it:

    python -m model.checkpoints
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import math
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

log = logging.getLogger(__name__)

REPOSITORY = "Alpha-VLLM/LLaMA2-Accessory"
FOLDER = "finetune/mm/SPHINX"
CONTEXT = 4096  # tokens that the cache is reckoned for
ROOM = 0.05  # of the weights, for what is computed on the way
BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "int8": 1.0, "nf4": 0.516}  # of a weight
CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)  # where Linux says how much of the host's memory a container may take: control groups, version 2 and 1
QUANTISED = ("int8", "nf4")  # only the language model's linear layers; the rest stays in bfloat16
TOWERS = tuple(
    f"model.{part}"
    for part in ("clip", "convnext", "dinov2", "qformer_vision", "qformer", "visual_proj", "qformer_proj")
)  # modules that are never quantised, as in the original


LANGUAGE = ("model.language_model.", "lm_head.")  # how the names of the language model's tensors begin


class MissingRoom(ValueError):
    """A checkpoint does not fit this machine; says what is needed and what is there."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint and what it takes.

    Args:
        base: the language model it was made from.
        image_size: pixels, side of the padded square.
        views: how often the picture is looked at: once, or whole and in four quarters.
        linear: parameters of the language model's linear layers: what quantisation makes smaller.
        others: all other parameters (encoders, projections, word embeddings).
        cache_numbers: numbers kept for each token of a conversation.
        download_bytes: of the original's files; 0 for an embedded one.
        understands: in a visitor's words.
        subfolder: in REPOSITORY; None for an embedded one.
    """

    name: str
    base: str
    image_size: int
    views: int
    linear: int
    others: int
    cache_numbers: int
    download_bytes: int
    understands: str
    subfolder: str | None = None

    @property
    def parameters(self) -> int:
        """Of everything that is kept."""
        return self.linear + self.others

    def memory_bytes(self, dtype: str) -> int:
        """Memory to run with, a full conversation included. `dtype`: of BYTES."""
        return running_bytes(self.linear, self.others, self.cache_numbers, dtype)

    @property
    def disk_bytes(self) -> int:
        """Disk to fetch and convert with: the original's files and the converted ones (bfloat16)."""
        return self.download_bytes + 2 * self.parameters if self.subfolder else 0


def running_bytes(linear: int, others: int, cache_numbers: int, dtype: str) -> int:
    """Return the memory to run with, a full conversation of CONTEXT tokens included.

    Args:
        linear: parameters that quantisation makes smaller.
        others: all other parameters.
        cache_numbers: numbers kept for each token of a conversation.
        dtype: of BYTES.

    Raises:
        ValueError: for another dtype.
    """
    if dtype not in BYTES:
        raise ValueError(f"dtype must be one of {tuple(BYTES)}, got {dtype!r}")
    other = 2.0 if dtype in QUANTISED else BYTES[dtype]
    return int((linear * BYTES[dtype] + others * other) * (1 + ROOM) + cache_numbers * CONTEXT * other)


def folder_bytes(folder: Path, dtype: str) -> int:
    """Return the memory that a converted checkpoint in a folder needs to run, as `running_bytes` counts it.

    Args:
        folder: with config.json and safetensors, of which only the headers are read.
        dtype: of BYTES.

    Raises:
        ValueError: for another dtype, or a config.json that is none.
        OSError: if a file cannot be read.
        SafetensorError: if a file of weights is damaged.
    """
    linear = others = 0
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dictionary)
                shape = file.get_slice(name).get_shape()
                quantised = name.startswith(LANGUAGE) and len(shape) == 2 and "embed_tokens" not in name
                linear += math.prod(shape) * quantised
                others += math.prod(shape) * (not quantised)
    text = json.loads((folder / "config.json").read_text()).get("text_config") or {}
    width = text.get("head_dim") or text.get("hidden_size", 0) // (text.get("num_attention_heads") or 1)
    heads = text.get("num_key_value_heads") or text.get("num_attention_heads", 0)
    return running_bytes(linear, others, 2 * text.get("num_hidden_layers", 0) * heads * width, dtype)


_UNDERSTANDS = "photographs, text in pictures, grounding, referring, relations, people's joints, documents"
_13B = {"base": "LLaMA2-13B", "linear": 12_851_609_600, "others": 3_571_235_200, "cache_numbers": 409_600}
_TINY = {"base": "TinyLlama-1.1B", "linear": 1_034_420_224, "others": 2_054_952_832, "cache_numbers": 11_264}
_MOE = {"base": "Mixtral-8x7B", "linear": 46_570_405_888, "others": 3_532_805_504, "cache_numbers": 65_536}
_BYTES_13B, _BYTES_TINY, _BYTES_MOE = 39_818_000_000, 6_179_000_000, 148_464_000_000  # two, one, eight files


def _released(name: str, folder: str, size: int, views: int, download: int, **base: Any) -> Checkpoint:
    return Checkpoint(
        name=name,
        image_size=size,
        views=views,
        download_bytes=download,
        understands=_UNDERSTANDS,
        subfolder=f"{FOLDER}/{folder}",
        **base,
    )


CHECKPOINTS = {
    checkpoint.name: checkpoint
    for checkpoint in (
        Checkpoint(
            name="sphinx-nano",
            base="trained here",
            image_size=256,
            views=5,
            linear=5_080_000,
            others=4_870_000,
            cache_numbers=3_072,
            download_bytes=0,
            understands="the illustrated world of its training; no photographs",
        ),
        _released("sphinx", "SPHINX", 224, 1, _BYTES_13B, **_13B),
        _released("sphinx-1k", "SPHINX-1k", 448, 5, _BYTES_13B, **_13B),
        _released("sphinx-v2-1k", "SPHINX-v2-1k", 448, 5, _BYTES_13B, **_13B),
        _released("sphinx-tiny", "SPHINX-Tiny", 512, 1, _BYTES_TINY, **_TINY),
        _released("sphinx-tiny-1k", "SPHINX-Tiny-1k", 1024, 5, _BYTES_TINY, **_TINY),
        _released("sphinx-moe", "SPHINX-MoE", 512, 1, _BYTES_MOE, **_MOE),
        _released("sphinx-moe-1k", "SPHINX-MoE-1k", 1024, 5, _BYTES_MOE, **_MOE),
    )
}


def find(name: str) -> Checkpoint:
    """Return the checkpoint of a name.

    Raises:
        ValueError: with the names there are.
    """
    if name not in CHECKPOINTS:
        raise ValueError(f"there is no checkpoint {name!r}; there are {', '.join(CHECKPOINTS)}")
    return CHECKPOINTS[name]


def needs(checkpoint: Checkpoint, dtype: str) -> str:
    """Return what a checkpoint needs, in a sentence."""
    if checkpoint.subfolder is None:
        return f"{checkpoint.name} is here already and runs in any memory."
    download, disk = gigabytes(checkpoint.download_bytes), gigabytes(checkpoint.disk_bytes)
    return (
        f"{checkpoint.name} ({checkpoint.base}) needs a download of {download}, {disk} of disk while it is "
        f"converted, and {gigabytes(checkpoint.memory_bytes(dtype))} of memory in {dtype}."
    )


def table() -> str:
    """Return the table of needs, in Markdown."""
    head = "| name | language model | picture | download | bfloat16 | 8 bits | 4 bits (NF4) |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for c in CHECKPOINTS.values():
        memory = " | ".join(gigabytes(c.memory_bytes(dtype)) for dtype in ("bfloat16", "int8", "nf4"))
        picture = f"{c.image_size} px, {c.views} view{'s' if c.views > 1 else ''}"
        download = gigabytes(c.download_bytes) if c.download_bytes else "embedded"
        lines.append(f"| `{c.name}` | {c.base} | {picture} | {download} | {memory} |")
    return "\n".join(lines)


def gigabytes(count: int) -> str:
    """Return a number of bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"


# This machine


def free_memory(device: str) -> int | None:
    """Bytes a model could take on a device ("cpu", "cuda", ...; all GPUs together); None where unknown."""
    if device.startswith("cuda"):
        import torch

        return sum(torch.cuda.mem_get_info(i)[0] for i in range(torch.cuda.device_count()))
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in CONTAINER_LIMITS:
        words = limit.read_text().strip() if limit.is_file() else ""
        there = min(there, int(words)) if words.isdigit() else there
    return there


def digest_of_weights(*folders: Path) -> str:
    """Return SHA-256 of the weights in the folders of converted checkpoints, in their order."""
    digest = hashlib.sha256()
    for path in (path for folder in folders for path in sorted(folder.glob("model*.safetensors"))):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def require_memory(checkpoint: Checkpoint, dtype: str, device: str) -> None:
    """Refuse a checkpoint that the device cannot hold.

    Args:
        checkpoint: the one to run.
        dtype: of BYTES.
        device: "cpu", "cuda", ...

    Raises:
        MissingRoom: with what is needed, what is there, and what would fit.
    """
    there = free_memory(device)
    needed = checkpoint.memory_bytes(dtype)
    if checkpoint.subfolder is None or there is None or needed <= there:
        return
    fitting = [
        f"{c.name} in {kind}"
        for c in CHECKPOINTS.values()
        for kind in dtypes_on(device)
        if c.memory_bytes(kind) <= there and (c.name == checkpoint.name or c.subfolder is None)
    ]
    raise MissingRoom(
        f"{checkpoint.name} needs {gigabytes(needed)} of memory in {dtype}, {device} has {gigabytes(there)}: "
        f"try {' or '.join(fitting) or 'sphinx-nano'}."
    )


def dtypes_on(device: str) -> tuple[str, ...]:
    """Return the dtypes that are worth running on a device, the largest first."""
    return ("bfloat16", *QUANTISED) if device.startswith("cuda") else ("bfloat16",)


def require_quantiser(dtype: str) -> None:
    """Refuse a quantised dtype where bitsandbytes is not installed.

    Raises:
        ImportError: saying how to install it.
    """
    if dtype in QUANTISED and importlib.util.find_spec("bitsandbytes") is None:
        raise ImportError(f"{dtype} needs bitsandbytes: pip install bitsandbytes, or use bfloat16")


def require_disk(folder: Path, needed: int) -> None:
    """Refuse a download that the disk cannot hold.

    Raises:
        MissingRoom: with what is needed and what is free.
    """
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise MissingRoom(f"{gigabytes(needed)} of disk are needed, {folder} has {gigabytes(free)} free.")


# Fetching


def home() -> Path:
    """Return where converted checkpoints are kept: beside the Hub's own cache."""
    from huggingface_hub.constants import HF_HOME

    return Path(HF_HOME) / "sphinx"


def is_converted(folder: Path) -> bool:
    """Return whether a conversion into `folder` was finished (its processor is written last)."""
    return (folder / "config.json").is_file() and (folder / "processor_config.json").is_file()


def fetch(
    name: str,
    *,
    dtype: str = "bfloat16",
    device: str = "cpu",
    cache: Path | None = None,
    endpoint: str | None = None,
    architecture: dict[str, Any] | None = None,
    say: Callable[[str], object] = log.info,
    step: Callable[[str, int, int], object] | None = None,
) -> Path:
    """Return the folder of a released checkpoint, downloaded and converted when it is first asked for.

    Args:
        name: of CHECKPOINTS.
        dtype: it will be run in (of BYTES): what memory is reckoned with. Weights are kept as released.
        device: it will be run on.
        cache: where converted checkpoints are kept; None is `home()`.
        endpoint: of the Hub; None is huggingface_hub's own.
        architecture: for widths other than the released ones (see convert_sphinx_to_hf).
        say: is told what is needed and what is done.
        step: is told what is being done ("downloading", "converting"), how many bytes of it, and of how many;
            from any thread. Zeros where that is not known.

    Raises:
        ValueError: an unknown name, or one that is embedded.
        MissingRoom: memory or disk is missing; nothing was downloaded.
        ImportError: the dtype needs bitsandbytes, which is not installed; nothing was downloaded.
        OSError: the Hub cannot be reached.
    """
    checkpoint = find(name)
    if checkpoint.subfolder is None:
        raise ValueError(f"{name} is embedded in the repository: there is nothing to fetch")
    root = home() if cache is None else cache
    folder = root / name
    require_quantiser(dtype)
    require_memory(checkpoint, dtype, device)
    if is_converted(folder):
        return folder

    from .conversion import convert

    say(needs(checkpoint, dtype))
    originals: Path | None = root / "originals" if cache is not None else None
    snapshot = _download(checkpoint, root, originals, endpoint, say, step)
    say(f"Converting into {folder}")
    if step:
        step("converting", 0, 0)
    convert([snapshot / str(checkpoint.subfolder)], folder, architecture=architecture)
    return folder


def _download(
    checkpoint: Checkpoint,
    root: Path,
    originals: Path | None,
    endpoint: str | None,
    say: Callable[[str], object],
    step: Callable[[str, int, int], object] | None,
) -> Path:
    """Return the folder of the original's files, downloaded where they are not here. See `fetch`."""
    from huggingface_hub import HfApi

    hub = HfApi(endpoint=endpoint)
    pattern = f"{checkpoint.subfolder}/*"
    wanted = hub.snapshot_download(REPOSITORY, allow_patterns=pattern, cache_dir=originals, dry_run=True)
    missing = sum(file.file_size or 0 for file in wanted if file.will_download)
    total = sum(file.file_size or 0 for file in wanted)
    if not wanted:
        raise OSError(f"{REPOSITORY} has nothing in {checkpoint.subfolder}")
    require_disk(root, missing + total)
    say(f"Downloading {gigabytes(missing)} from {REPOSITORY}")
    bars = _counting_bars(step, total - missing, total) if step else None
    return Path(
        hub.snapshot_download(REPOSITORY, allow_patterns=pattern, cache_dir=originals, tqdm_class=bars)
    )


def _counting_bars(step: Callable[[str, int, int], object], before: int, total: int) -> type[Any]:
    """Return the Hub's progress bar, drawn or not, which tells how many bytes are here.

    Args:
        before: bytes that were here when the download began.
        total: bytes that there will be.
    """
    from huggingface_hub.utils import tqdm

    class Counting(tqdm):  # a download has one bar for what is received, and one for what is written
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._bytes = options.get("unit") == "B"
            self._count = 0.0

        def update(self, n: float | None = 1) -> bool | None:
            if self._bytes:
                self._count += n or 0
                step("downloading", min(total, before + int(self._count)), total)
            return super().update(n)

    step("downloading", before, total)
    return Counting


# Loading


def quantisation(kind: str) -> Any:
    """transformers' quantisation configuration: "nf4" or "int8".

    The encoders and the projections stay as they are, as in the original; a Mixtral's experts, which the
    original left out, are quantised too (modeling_sphinx takes them apart into linear layers for that).

    Raises:
        ValueError: for another kind.
        ImportError: if bitsandbytes is not installed, which does the work.
    """
    import torch
    from transformers import BitsAndBytesConfig

    if kind not in QUANTISED:
        raise ValueError(f"quantisation must be one of {QUANTISED}, got {kind!r}")
    require_quantiser(kind)
    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=list(TOWERS))
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=list(TOWERS),
    )


def load(folder: Path, *, dtype: str = "bfloat16", device: str = "cpu") -> Any:
    """Return a converted checkpoint as a model that is ready to answer, memory-mapped from meta.

    Args:
        folder: of a converted checkpoint.
        dtype: of BYTES; "nf4" and "int8" need bitsandbytes.
        device: "cpu", "cuda", "cuda:1", ...; "auto" shares it out to all GPUs.
    """
    import torch

    from .modeling_sphinx import SphinxForConditionalGeneration

    options: dict[str, Any] = {"dtype": torch.bfloat16 if dtype in QUANTISED else getattr(torch, dtype)}
    if dtype in QUANTISED:
        options["quantization_config"] = quantisation(dtype)
    device_map: Any = "auto" if device == "auto" else {"": device}
    return SphinxForConditionalGeneration.from_pretrained(folder, device_map=device_map, **options).eval()


def main() -> int:
    """Print the table."""
    sys.stdout.write(table() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
