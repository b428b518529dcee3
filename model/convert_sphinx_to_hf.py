"""Convert the original's checkpoints to transformers' layout: the command line of `model.conversion`.

Reads `consolidated.NN-of-MM.model.pth` (any number of tensor-parallel shards), Meta's own
`consolidated.NN.pth`, `...model-diff.pth` (a delta that is added to what was given before it), and an
InternLM2 in its own layout (it replaces the language model of what was given before it). The shards are
memory-mapped and opened with `weights_only=True`; what is written is streamed to disk, file by file, so that
an interrupted conversion goes on where it stopped. A key that is unknown, missing, given twice or of another
shape than the model wants is named, with what was expected and what was found.

    python -m model.convert_sphinx_to_hf --input Alpha-VLLM/LLaMA2-Accessory \\
        --subfolder finetune/mm/SPHINX/SPHINX-Tiny --output sphinx-tiny
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from model.conversion import SHARD, VARIANTS, ConversionError, convert
from model.conversion.checkpoint import read_object

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}


def _bytes(text: str) -> int:
    """Return the bytes of a size such as 5GB.

    Raises:
        argparse.ArgumentTypeError: if it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB)", text.upper())
    if not match:
        raise argparse.ArgumentTypeError(f"expected a size such as 5GB or 500MB, got {text!r}")
    return int(float(match[1]) * _UNITS[match[2]])


def _folders(sources: Sequence[str], subfolder: str | None) -> Iterator[Path]:
    """Yield local folders, fetched from the Hub where a source is not a folder."""
    for source in sources:
        path = Path(source)
        if path.is_dir():
            yield path / subfolder if subfolder else path
            continue
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
            raise ConversionError(
                f"{source}: expected a folder or a Hub repository (owner/name), found neither"
            )
        from huggingface_hub import snapshot_download

        wanted = [f"{subfolder}/*"] if subfolder else ["*.pth", "*.json", "*.model"]
        root = Path(snapshot_download(source, allow_patterns=wanted))
        yield root / subfolder if subfolder else root


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m model.convert_sphinx_to_hf",
        description="Convert an original SPHINX checkpoint to transformers' layout.",
    )
    parser.add_argument(
        "--input",
        nargs="+",
        required=True,
        metavar="DIR_OR_HUB_ID",
        help="folder(s) of shards, or a Hub repository; a delta comes after what it is over",
    )
    parser.add_argument("--subfolder", help="of the input")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument(
        "--architecture", type=Path, metavar="FILE", help="JSON: structure of unreleased widths"
    )
    parser.add_argument("--llama-type", choices=sorted(VARIANTS), help="for checkpoints without a meta.json")
    parser.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), help="default: as stored")
    parser.add_argument("--max-shard-size", type=_bytes, default=SHARD, metavar="SIZE", help="default: 5GB")
    parser.add_argument("--clip-activation", choices=("gelu", "quick_gelu"), default="gelu")
    parser.add_argument(
        "--skip-tokens", type=int, default=0, metavar="N", help="add N untrained tokens for empty crops"
    )
    args = parser.parse_args(argv)
    try:
        convert(
            list(_folders(args.input, args.subfolder)),
            args.output,
            architecture=read_object(args.architecture) if args.architecture else None,
            llama_type=args.llama_type,
            dtype=getattr(torch, args.dtype) if args.dtype else None,
            max_shard_size=args.max_shard_size,
            clip_activation=args.clip_activation,
            skip_tokens=args.skip_tokens,
        )
    except (ConversionError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
