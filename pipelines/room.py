"""Whether SPHINX, the segmenter and the inpainter fit on a device together, said before anything is fetched.

A refusal names what each of the three takes, what is there, and options with which it would fit, those that
change least first. This module knows names and bytes; it loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

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
    from model import checkpoints

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
    """What each of the three takes on a device, in bytes; 0 for one that runs in any memory.

    A converted checkpoint in a folder counts as its files, a full conversation left out.
    """
    from model import checkpoints
    from model.segmenter import OFFICIAL

    model = settings.model
    folder = Path(model)
    if (folder / "config.json").exists():
        stored = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        speaker = int(stored * checkpoints.BYTES[dtype] / checkpoints.BYTES["bfloat16"])
    elif model in checkpoints.CHECKPOINTS and checkpoints.CHECKPOINTS[model].subfolder:
        speaker = checkpoints.CHECKPOINTS[model].memory_bytes(dtype)
    else:
        speaker = 0  # embedded; or there is none of that name, which is said where it is loaded
    outliner = OFFICIAL[settings.segmenter].memory_bytes if settings.segmenter in OFFICIAL else 0
    halved = 1 if device.startswith("cuda") else 2
    painter = 0 if settings.inpainter in SMALL_INPAINTERS else INPAINTING_BYTES * halved
    return {folder.name: speaker, Path(settings.segmenter).name: outliner, settings.inpainter: painter}


def _ways_out(settings: Settings, device: str, dtype: str) -> Iterator[tuple[list[str], Settings, str]]:
    """Options in their words, as settings, and with SPHINX's dtype: those that change least first.

    The checkpoint stays as long as it can; then the other released ones are tried, with all else as asked.
    """
    from model import checkpoints

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
