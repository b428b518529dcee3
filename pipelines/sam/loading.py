"""Loading a segmenter by name: the embedded one, a folder written by the training, or a released file."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import torch

from model import segmenter
from pipelines.errors import MissingCapability
from pipelines.sam.refinement import RefinementConfig
from pipelines.sam.segmenter import SamSegmenter

log = logging.getLogger(__name__)

NANO = Path(__file__).parent.parent.parent / "assets" / "sam-nano"
PLAIN = RefinementConfig(closer=False, sharpen=False)  # released checkpoints outline sharply by themselves


def load(name: str, *, device: str = "cpu", fetch: bool = True) -> SamSegmenter:
    """Load sam-nano, sam-vit-b, sam-vit-l, sam-vit-h, a folder of the training, or a released file.

    Args: fetch: whether a released checkpoint that is not here yet may be downloaded.
    Raises: MissingCapability: there are no such weights, or they could not be fetched.
    """
    if name in segmenter.OFFICIAL:
        sam = segmenter.load_official(_released_file(name, fetch=fetch))
        return SamSegmenter(sam.to(device), name=name, refinement=PLAIN)
    path = NANO if name == "sam-nano" else Path(name)
    trained_here = path.is_dir()
    try:
        sam = segmenter.load(path) if trained_here else segmenter.load_official(path)
    except (OSError, ValueError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        raise MissingCapability(
            f"There is no segmenter at {name}: {error}. Try sam-nano, {', '.join(segmenter.OFFICIAL)}, "
            "a folder written by the training, or a released .pth file."
        ) from error
    sam = sam.to(device)
    if trained_here and device == "cpu" and _multiplies_bf16():
        sam.image_encoder.to(torch.bfloat16).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SamSegmenter(sam, name=path.name, refinement=RefinementConfig() if trained_here else PLAIN)


def announcement(name: str) -> str:
    """Say what fetching a released checkpoint costs."""
    official = segmenter.OFFICIAL[name]
    return (
        f"{name}: {official.download_bytes / 1e6:,.0f} MB to download once, "
        f"about {official.memory_bytes / 2**30:.0f} GB of memory to run"
    )


def _multiplies_bf16() -> bool:
    """Return whether this processor computes in bf16 faster than in fp32."""
    can = torch.cpu.get_capabilities()
    return bool(can.get("avx512_bf16") or can.get("amx_bf16"))


def _released_file(name: str, *, fetch: bool) -> Path:
    """Return the released checkpoint's file, downloaded to torch's own folder if it is not there yet."""
    official = segmenter.OFFICIAL[name]
    path = Path(torch.hub.get_dir()) / "checkpoints" / official.url.rsplit("/", 1)[-1]
    if path.exists():
        return path
    log.warning("%s, to %s", announcement(name), path)
    if not fetch:
        raise MissingCapability(
            f"The weights are not here: {announcement(name)}. Start with a connection once."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(
            official.url, str(path), hash_prefix=official.hash_prefix, progress=False
        )
    except (OSError, RuntimeError) as error:
        raise MissingCapability(
            f"The weights of {name} could not be fetched from {official.url} ({error}). "
            f"Put the file at {path}, or use --segmenter sam-nano."
        ) from error
    return path
