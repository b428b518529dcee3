"""Which checkpoints a running demo could go over to, what each takes, and why one cannot be had here.

Weighed is SPHINX alone: the segmenter and the inpainter stay. While the new one is loaded the old one goes
on, so both must fit. This module knows names, bytes and sentences; `pipelines.catalog` loads.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from pipelines.assistant import Assistant
from pipelines.errors import MissingCapability
from pipelines.progress import Tell, unheard
from pipelines.settings import Settings

EMBEDDED = {
    "sphinx-nano": "each picture goes to its expert",
    "sphinx-nano/drawn": "the expert for drawn pictures alone",
    "sphinx-nano/photographs": "the expert for photographs alone",
}  # name -> what it is, in a few words


@dataclass(frozen=True, slots=True)
class Choice:
    """One checkpoint.

    Attributes:
        name: as `--model` takes it.
        says: what it is, in a few words.
        needs: bytes of memory, a full conversation included.
        download: bytes to be fetched first; 0 where it is here.
        refused: why it cannot be had here, a sentence; "" where it can.
    """

    name: str
    says: str
    needs: int
    download: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: what this process holds, and what a model could still take; None where that is not known."""

    held: int
    left: int | None


def memory(device: str) -> Memory:
    """Measure the memory of a device. On a CPU, what other programs use is not left."""
    from model import checkpoints

    held, left = psutil.Process().memory_info().rss, checkpoints.free_memory(device)
    if left is not None and device == "cpu":
        left = max(0, min(left - held, psutil.virtual_memory().available))
    return Memory(held, left)


@dataclass(frozen=True, slots=True)
class Others:
    """The checkpoints that a demo which was started with `settings` could go over to.

    `processes`: see `pipelines.load`.
    """

    settings: Settings
    processes: int | None = 1

    def choices(self) -> tuple[Choice, ...]:
        """Weigh all of them, the one that the demo was started with first."""
        from model import checkpoints
        from pipelines.catalog import find_device

        device, _ = find_device(self.settings.device)
        left = memory(device).left
        released = [name for name, one in checkpoints.CHECKPOINTS.items() if one.subfolder]
        names = dict.fromkeys((self.settings.model, *EMBEDDED, *released))
        return tuple(self._weighed(name, device, left) for name in names)

    def load(self, assistant: Assistant, name: str, tell: Tell = unheard) -> Assistant:
        """Return an assistant with another checkpoint, beside one that goes on meanwhile.

        Raises:
            MissingCapability: it cannot be had here, with the reason in one line.
        """
        from pipelines.catalog import load_beside

        found = next((choice for choice in self.choices() if choice.name == name), None)
        if found is None:
            raise MissingCapability(f"There is no checkpoint {name[:80]} to go over to.")
        if found.refused:
            raise MissingCapability(found.refused)
        return load_beside(assistant, replace(self.settings, model=name), tell=tell, processes=self.processes)

    def _weighed(self, name: str, device: str, left: int | None) -> Choice:
        from model import checkpoints
        from pipelines.catalog import find_dtype, is_released

        try:
            dtype, _ = find_dtype(self.settings.dtype, device, released=is_released(name))
            checkpoints.require_quantiser(dtype)
        except (MissingCapability, ImportError) as error:
            return Choice(name, EMBEDDED.get(name, ""), 0, refused=str(error))
        if is_released(name):
            choice = _released(name, dtype)
        else:
            choice = Choice(name, EMBEDDED.get(name, "a folder"), _bytes_of_folder(name, dtype))
        if left is not None and choice.needs > left and not choice.refused:
            taken, there = checkpoints.gigabytes(choice.needs), checkpoints.gigabytes(left)
            choice = replace(
                choice, refused=f"{name} needs {taken} of memory in {dtype}; {device} has {there} left."
            )
        return choice


def _released(name: str, dtype: str) -> Choice:
    """A released checkpoint, and whether the disk has room to fetch it."""
    from model import checkpoints

    checkpoint, home = checkpoints.find(name), checkpoints.home()
    says = f"{checkpoint.base}, {checkpoint.image_size} pixels"
    choice = Choice(name, says, checkpoint.memory_bytes(dtype))
    if checkpoints.is_converted(home / name):
        return choice
    free = _disk_left(home)
    choice = replace(choice, download=checkpoint.download_bytes)
    if checkpoint.disk_bytes > free:
        wanted, there = checkpoints.gigabytes(checkpoint.disk_bytes), checkpoints.gigabytes(free)
        choice = replace(
            choice, refused=f"{name} is not here, and needs {wanted} of disk to be fetched; {there} are free."
        )
    return choice


def _disk_left(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _bytes_of_folder(name: str, dtype: str) -> int:
    """What the weights of a converted checkpoint take in memory, its experts' included."""
    from model import checkpoints
    from pipelines.catalog import COUNTING, DRAWN_ALONE, EXPERT, model_folder

    try:
        folder = model_folder(name)
    except MissingCapability:
        return 0  # which is said where it is loaded
    folders = [folder] if name.endswith(DRAWN_ALONE) else [folder, folder / EXPERT, folder / COUNTING]
    stored = sum(file.stat().st_size for one in folders for file in one.glob("model*.safetensors"))
    return int(stored * checkpoints.BYTES[dtype] / checkpoints.BYTES["bfloat16"] * (1 + checkpoints.ROOM))


__all__ = ["EMBEDDED", "Choice", "Memory", "Others", "memory"]
