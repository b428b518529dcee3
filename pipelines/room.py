"""Whether SPHINX, the segmenter and the inpainter fit on a device together, said before anything is fetched.

A refusal names what each of the three takes, what is there, and options with which it would fit, those that
change least first. This module knows names and bytes; it loads nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from safetensors import SafetensorError

from model import checkpoints
from pipelines.errors import MissingCapability
from pipelines.settings import Settings

INPAINTING_BYTES = (
    3_600_000_000  # 1.07 billion parameters in float16 and one picture's activations, estimated
)
SMALL_INPAINTERS = ("auto", "opencv", "diffusion-nano")  # run in any memory
SMALL_SEGMENTER, SMALL_INPAINTER = "sam-nano", "auto"
SEGMENTERS = ("sam-vit-l", "sam-vit-b", SMALL_SEGMENTER)  # what may be offered in place of a larger one
OFFERS = 3  # ways out that a refusal names


def require_room(settings: Settings, device: str, dtype: str) -> None:
    """Refuse what the device cannot hold, or what cannot be quantised here.

    Args:
        settings: what is to be loaded.
        device: "cpu", "cuda", ...: all three models share it.
        dtype: of SPHINX.
    Raises:
        MissingCapability: with what is needed, what is there, and what would fit.
    """
    try:
        checkpoints.require_quantiser(dtype)
    except ImportError as error:
        raise MissingCapability(f"{error}.") from None
    there = checkpoints.free_memory(device)
    parts = bytes_of(settings, device, dtype)
    if there is None or sum(parts.values()) <= there:
        return
    taken = ", ".join(f"{name} {checkpoints.gigabytes(count)}" for name, count in parts.items() if count)
    ways: list[list[str]] = []
    for words, option, kind in _ways_out(settings, device, dtype):
        fits = sum(bytes_of(option, device, kind).values()) <= there
        if fits and not any(set(way) <= set(words) for way in ways):
            ways.append(words)
    smallest = f"--model sphinx-nano --segmenter {SMALL_SEGMENTER} --inpainter {SMALL_INPAINTER}"
    raise MissingCapability(
        f"{checkpoints.gigabytes(sum(parts.values()))} of memory are needed ({taken}; SPHINX in {dtype}), "
        f"{device} has {checkpoints.gigabytes(there)}. What would fit: "
        f"{', or '.join([' '.join(way) for way in ways[:OFFERS]] or [smallest])}."
    )


def bytes_of(settings: Settings, device: str, dtype: str) -> dict[str, int]:
    """Return what each of the three takes on a device, in bytes; 0 for one that runs in any memory.

    Of a converted checkpoint in a folder the parameters are counted; one that cannot be read counts as 0, and
    is refused where it is loaded.
    """
    from model.segmenter import OFFICIAL

    model = settings.model
    folder = Path(model)
    if (folder / "config.json").exists():
        try:
            vlm = checkpoints.folder_bytes(folder, dtype)
        except (OSError, ValueError, SafetensorError):
            vlm = 0
    elif model in checkpoints.CHECKPOINTS and checkpoints.CHECKPOINTS[model].subfolder:
        vlm = checkpoints.CHECKPOINTS[model].memory_bytes(dtype)
    else:
        vlm = 0  # embedded; or there is none of that name, which is said where it is loaded
    segmenter = OFFICIAL[settings.segmenter].memory_bytes if settings.segmenter in OFFICIAL else 0
    halved = 1 if device.startswith("cuda") else 2
    inpainter = 0 if settings.inpainter in SMALL_INPAINTERS else INPAINTING_BYTES * halved
    return {folder.name: vlm, Path(settings.segmenter).name: segmenter, settings.inpainter: inpainter}


def useful_processes(settings: Settings, device: str) -> int:
    """Return in how many processes the models are worth being loaded: one a core where all are small.

    Models that fill a core or a GPU by themselves are loaded once.
    """
    if device != "cpu" or any(bytes_of(settings, device, "float32").values()):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ways_out(settings: Settings, device: str, dtype: str) -> Iterator[tuple[list[str], Settings, str]]:
    """Options in their words, as settings, and with SPHINX's dtype: those that change least first.

    The checkpoint stays as long as it can; then the other released ones are tried, with all else as asked.
    """
    asked = (dtype, settings.segmenter, settings.inpainter)
    kinds = checkpoints.dtypes_on(device)
    smaller = SEGMENTERS[SEGMENTERS.index(asked[1]) + 1 :] if asked[1] in SEGMENTERS else SEGMENTERS
    choices = product(
        (dtype, *(kind for kind in kinds if checkpoints.BYTES[kind] < checkpoints.BYTES[dtype])),
        (settings.segmenter, *smaller),
        dict.fromkeys((settings.inpainter, SMALL_INPAINTER)),
    )

    def changes(one: tuple[str, ...]) -> tuple[int, list[bool]]:
        changed = [a != b for a, b in zip(one, asked)]
        return sum(changed), changed[::-1]

    by_changes = sorted(choices, key=changes)
    others = [name for name, c in checkpoints.CHECKPOINTS.items() if c.subfolder and name != settings.model]
    for model, (kind, segmenter, inpainter) in (
        *((settings.model, one) for one in by_changes),
        *((name, (kind, *asked[1:])) for name in others for kind in kinds),
    ):
        option = replace(settings, model=model, dtype=kind, segmenter=segmenter, inpainter=inpainter)
        before = replace(settings, dtype=dtype)
        words = [
            f"--{name} {getattr(option, name)}"
            for name in ("model", "dtype", "segmenter", "inpainter")
            if getattr(option, name) != getattr(before, name)
        ]
        yield words, option, kind
