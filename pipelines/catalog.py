"""The one place where parts are put together: which checkpoints, which device, and why.

    assistant = pipelines.load(Settings(model="sphinx-nano"))

What a checkpoint can and cannot do is read from its own `abilities.json`, and said by `assistant.about`.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.assistant import REMEMBERED_TURNS, About, Assistant
from pipelines.errors import MissingCapability
from pipelines.tasks import TASKS

if TYPE_CHECKING:
    import torch

    from pipelines.parts import Outliner, Painter, Speaker

log = logging.getLogger(__name__)

ASSETS = Path(__file__).parent.parent / "assets"
ABILITIES = "abilities.json"
STABLE_DIFFUSION = {
    "stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-inpainting",
    "stable-diffusion-2": "sd2-community/stable-diffusion-2-inpainting",
}  # name -> Hub id
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is loaded: names, local paths or Hub ids; "auto" is found."""

    model: str = "sphinx-nano"
    segmenter: str = "sam-nano"
    painter: str = "auto"
    device: str = "auto"
    dtype: str = "auto"


def load(settings: Settings | None = None) -> Assistant:
    """Put an assistant together.

    Raises:
        MissingCapability: something is not there: weights, memory, a device; with what would work.
    """
    settings = settings or Settings()
    device, dtype, why = find_device(settings.device, settings.dtype)
    speaker, about = load_speaker(settings.model, device, dtype, why)
    outliner = load_outliner(settings.segmenter, device)
    painter = load_painter(settings.painter, device, dtype)
    log.info("%s, %s and %s on %s: %s", about.model, outliner.name, painter.name, device, why)
    return Assistant(speaker, outliner, painter, about)


def find_device(device: str, dtype: str) -> tuple[str, torch.dtype, str]:
    """The device and the dtype, and the reason in words.

    Raises:
        MissingCapability: a device that is not here, or a dtype that is none.
    """
    import torch

    if dtype not in ("auto", *DTYPES):
        raise MissingCapability(f"There is no dtype {dtype}: use auto, {', '.join(DTYPES)}.")
    if device == "auto":
        if torch.cuda.is_available():
            device, why = "cuda", f"a GPU was found ({torch.cuda.get_device_name()})"
        elif torch.backends.mps.is_available():
            device, why = "mps", "an Apple GPU was found"
        else:
            device, why = "cpu", "no GPU was found"
    else:
        why = "as asked"
        try:
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().split("\n")[0]
            raise MissingCapability(f"The device {device} is not here ({reason}): use auto or cpu.") from None
    if dtype == "auto":
        dtype = "bfloat16" if device.startswith("cuda") else "float32"
        why += f"; {dtype} suits it"
    return device, getattr(torch, dtype), why


def load_speaker(model: str, device: str, dtype: torch.dtype, why: str) -> tuple[Speaker, About]:
    """SPHINX and what is to be said of it."""
    from model import SphinxForConditionalGeneration, SphinxProcessor
    from model.familiarity import Familiarity
    from pipelines.sphinx import SphinxSpeaker

    folder = model_folder(model)
    try:
        network: Any = SphinxForConditionalGeneration.from_pretrained(folder, dtype=dtype)
        processor = SphinxProcessor.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().split("\n")[0]
        raise MissingCapability(f"{folder} is no SPHINX checkpoint ({reason}): convert it first.") from error
    network.to(device)
    name = Path(model).name
    speaker = SphinxSpeaker(network, processor, name=name, familiarity=Familiarity.load(folder))
    return speaker, read_about(folder, name, device, why)


def model_folder(model: str) -> Path:
    """The folder of a checkpoint: embedded, local, or released (fetched and converted at first)."""
    embedded = ASSETS / model
    if (embedded / "config.json").exists():
        return embedded
    if (Path(model) / "config.json").exists():
        return Path(model)
    raise MissingCapability(
        f"There is no checkpoint {model}: give sphinx-nano, or a folder that holds a converted checkpoint."
    )


def load_outliner(name: str, device: str) -> Outliner:
    """The segmenter."""
    from pipelines import sam

    return sam.load(name, device=device)


def load_painter(name: str, device: str, dtype: torch.dtype) -> Painter:
    """The inpainter; "auto" is the embedded one where it is there, and OpenCV otherwise."""
    from pipelines.diffusion import EMPTY, DiffusionPainter, OpenCVPainter

    embedded = ASSETS / "diffusion-nano"
    if name == "auto":
        name = "diffusion-nano" if (embedded / "model_index.json").exists() else "opencv"
    if name == "opencv":
        return OpenCVPainter()
    if name == "diffusion-nano":
        return DiffusionPainter.load(embedded, name=name, device=device, dtype=dtype)
    path = STABLE_DIFFUSION.get(name, name)
    return DiffusionPainter.load(path, name=name, device=device, dtype=dtype, empty=EMPTY)


def read_about(folder: Path, name: str, device: str, why: str) -> About:
    """What a checkpoint's `abilities.json` says; a checkpoint without one is taken at SPHINX's word."""
    path = folder / ABILITIES
    said: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    abilities: dict[str, Any] = said.get("abilities", {})
    untrained = {
        ability: str(row.get("figure") or "")
        for ability, row in abilities.items()
        if ability in TASKS and not row.get("trained", True)
    }
    examples = said.get("examples") or [task.example for task in TASKS.values() if task.name not in untrained]
    return About(
        model=name,
        device=device,
        why=why,
        understands=said.get("understands", ""),
        cannot=said.get("cannot", ""),
        examples=tuple(examples),
        untrained=untrained,
        short_answers=bool(said.get("short_answers", bool(said))),
        remembers=int(said.get("remembers", 0 if said else REMEMBERED_TURNS)),
    )
