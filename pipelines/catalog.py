"""The one place where the models are put together: which checkpoints, which device, and why.

    assistant = pipelines.load("sphinx-nano")
    assistant = pipelines.load(Settings(inpainter="stable-diffusion-v1-5"))

What a checkpoint can and cannot do is read from its own `abilities.json`, and said by `assistant.about`.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.abilities import ABILITIES
from pipelines.assistant import Assistant
from pipelines.engine import REMEMBERED_TURNS, About
from pipelines.errors import MissingCapability, is_shortage
from pipelines.interfaces import GUIDANCE, Inpainter, Segmenter, VisionLanguageModel
from pipelines.language.vocabulary import Vocabulary
from pipelines.progress import Stage, Tell, unheard
from pipelines.room import require_room, useful_processes
from pipelines.settings import Settings
from pipelines.zero_gpu import GpuDecorator, run_on_zero_gpu

if TYPE_CHECKING:
    from model import SphinxConfig
    from pipelines.vlm import SphinxVLM

log = logging.getLogger(__name__)

ASSETS = Path(__file__).parent.parent / "assets"
ABILITIES_FILE = "abilities.json"
MEASURED_FILE = "switches.json"
EXPERT = "photographs"  # the folder, in a checkpoint's own, of its expert for photographs
COUNTING = "counting"  # the same of its expert for counting and finding all of a kind in drawings
DRAWN_ALONE = "/drawn"  # how a name ends that asks for a checkpoint without its expert for photographs
STABLE_DIFFUSION = {
    "stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-inpainting",
    "stable-diffusion-2": "sd2-community/stable-diffusion-2-inpainting",
}  # name -> Hub id
PAINTED_WITHOUT_A_MODEL = (
    "No painting model is loaded: removing fills in from around (OpenCV), recolouring turns the hue; nothing "
    "new can be painted. `--inpainter stable-diffusion-v1-5` paints."
)
DTYPES = ("float32", "bfloat16", "float16", "int8", "nf4")


def load(
    settings: Settings | str | None = None,
    *,
    gpu: GpuDecorator | None = None,
    tell: Tell = unheard,
    processes: int | None = 1,
) -> Assistant:
    """Put an assistant together.

    Args:
        settings: what is loaded; a string is the name of the vision-language model alone.
        gpu: a decorator that lends a GPU to each call (`spaces.GPU` on ZeroGPU); None computes here.
        tell: is told what is being loaded or downloaded, from any thread.
        processes: 2 have experts of a SPHINX answer in one of their own while several ask; None suits it.
    Raises:
        MissingCapability: something is not there: weights, memory, a device; with what would work.
    """
    settings = Settings(settings) if isinstance(settings, str) else settings or Settings()
    device, why = find_device(settings.device)
    dtype, because = find_dtype(settings.dtype, device, released=is_released(settings.model))
    require_room(settings, device, dtype)

    def begin(part: int, name: str) -> None:
        tell(Stage("loading" if name == "auto" else f"loading {Path(name).name}", part=part, parts=3))

    begin(1, settings.model)
    processes = processes or useful_processes(settings, device)
    vlm, about = load_vlm(
        settings.model, device, dtype, f"{why}; {because}", tell, beside=processes > 1 and not gpu
    )
    begin(2, settings.segmenter)
    segmenter = load_segmenter(settings.segmenter, device)
    begin(3, settings.inpainter)
    inpainter = load_inpainter(settings.inpainter, device)
    if gpu:
        vlm, segmenter, inpainter = run_on_zero_gpu(gpu, vlm, segmenter, inpainter)
    return put_together(vlm, segmenter, inpainter, about)


def load_beside(
    assistant: Assistant, settings: Settings, *, tell: Tell = unheard, processes: int | None = 1
) -> Assistant:
    """An assistant with another SPHINX; the segmenter, the inpainter and the pictures are the old one's.

    The old one goes on, and whoever has an answer from it under way gets the rest of it.

    Raises:
        MissingCapability: the checkpoint cannot be had here, with the reason.
    """
    device, why = find_device(settings.device)
    dtype, because = find_dtype(settings.dtype, device, released=is_released(settings.model))
    tell(Stage(f"loading {settings.model}"))
    processes = processes or useful_processes(settings, device)
    vlm, about = load_vlm(settings.model, device, dtype, f"{why}; {because}", tell, beside=processes > 1)
    log.info("%s on %s: %s", about.model, about.device, about.why)
    return assistant.with_vlm(vlm, replace(about, paints=assistant.about.paints))


def put_together(
    vlm: VisionLanguageModel, segmenter: Segmenter, inpainter: Inpainter, about: About
) -> Assistant:
    """Return an assistant of three models, wherever they are. `about`: what is known of SPHINX."""
    about = replace(about, paints=read_painted(inpainter.name))
    log.info("%s, %s and %s on %s: %s", about.model, segmenter.name, inpainter.name, about.device, about.why)
    return Assistant(vlm, segmenter, inpainter, about)


def find_device(device: str) -> tuple[str, str]:
    """Return the device, and the reason in words.

    Raises:
        MissingCapability: a device that is not here.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda", f"a GPU was found ({torch.cuda.get_device_name()})"
        if torch.backends.mps.is_available():
            return "mps", "an Apple GPU was found"
        return "cpu", "no GPU was found"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().split("\n")[0]
        raise MissingCapability(f"The device {device} is not here ({reason}): use auto or cpu.") from None
    return device, "as asked"


def find_dtype(dtype: str, device: str, *, released: bool) -> tuple[str, str]:
    """Return the dtype of SPHINX, and the reason in words.

    Raises:
        MissingCapability: it is none.
    """
    if dtype != "auto":
        if dtype not in DTYPES:
            raise MissingCapability(f"There is no dtype {dtype}: use auto, {', '.join(DTYPES)}.")
        return dtype, f"{dtype} as asked"
    if not released and not device.startswith("cuda"):
        return "float32", "float32, since the checkpoint is small"
    return "bfloat16", "bfloat16, half the memory of float32"


def is_released(model: str) -> bool:
    """Return whether a name is that of a checkpoint that SPHINX's authors published."""
    from model import checkpoints

    return model in checkpoints.CHECKPOINTS and checkpoints.CHECKPOINTS[model].subfolder is not None


def load_vlm(
    model: str, device: str, dtype: str, why: str, tell: Tell = unheard, *, beside: bool = False
) -> tuple[VisionLanguageModel, About]:
    """SPHINX and what is to be said of it. `why`: the reasons of the device and the dtype.

    `beside`: while several ask, further experts may answer in a process of their own.

    A checkpoint that has an expert for photographs answers each picture with its expert; "NAME/drawn" is the
    same without it, "NAME/photographs" the expert alone.
    """
    from pipelines.vlm import Beside, ExpertsVLM

    folder = model_folder(model, device, dtype, tell)
    embedded = folder.is_relative_to(ASSETS)
    name = model.strip("/") if embedded and not Path(model).is_absolute() else Path(model).name
    vlm, config = _load_network(folder, name, device, dtype, several_gpus=is_released(model))
    alone = model.endswith(DRAWN_ALONE) or not (folder / EXPERT / "config.json").exists()
    about = replace(
        read_about(folder, name, device, why, alone=alone),
        encoders=config.encoders,
        views=read_said(folder).get("views") or config.num_views,
        most_views=config.num_views,
    )
    if alone:
        return vlm, about
    load_experts = partial(_load_experts, folder, name, device, dtype)
    both = ExpertsVLM(vlm, **load_experts(), beside=Beside(load_experts) if beside else None)
    about = replace(about, experts=True, mixes=both.can_mix, measured=_read_measured(folder))
    return both, replace(about, photo_views=read_said(folder / EXPERT).get("views") or config.num_views)


def _load_experts(folder: Path, name: str, device: str, dtype: str) -> dict[str, SphinxVLM]:
    """Load the further experts of a checkpoint, by their folders' names."""
    there = [expert for expert in (EXPERT, COUNTING) if (folder / expert / "config.json").exists()]
    return {expert: _load_network(folder / expert, name, device, dtype)[0] for expert in there}


def _load_network(
    folder: Path, name: str, device: str, dtype: str, *, several_gpus: bool = False
) -> tuple[SphinxVLM, SphinxConfig]:
    """Load the checkpoint in a folder.

    Raises:
        MissingCapability: the folder holds none, or the memory does not suffice.
    """
    import torch

    from model import SphinxProcessor, checkpoints
    from model.familiarity import Familiarity
    from pipelines.vlm import SphinxVLM

    place = "auto" if several_gpus and device == "cuda" and torch.cuda.device_count() > 1 else device
    try:
        network = checkpoints.load(folder, dtype=dtype, device=place)
        processor = SphinxProcessor.from_pretrained(folder)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().split("\n")[0]
        raise MissingCapability(
            f"{folder.name} cannot be loaded ({reason}): a folder must hold a converted SPHINX, as "
            "python -m model.convert_sphinx_to_hf writes it."
        ) from error
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error):
            raise
        raise MissingCapability(
            f"The memory of {device} does not suffice for {name}: try --dtype nf4."
        ) from None
    views = read_said(folder).get("views")
    familiarity = Familiarity.load(folder)
    return SphinxVLM(network, processor, name=name, familiarity=familiarity, views=views), network.config


def model_folder(model: str, device: str = "cpu", dtype: str = "float32", tell: Tell = unheard) -> Path:
    """The folder of a checkpoint: embedded, local, or released (fetched and converted at first).

    Raises:
        MissingCapability: there is none of that name, or it does not fit this machine.
    """
    from model import checkpoints

    for folder in (
        ASSETS / model.removesuffix(DRAWN_ALONE),
        Path(model),
        Path(model.removesuffix(DRAWN_ALONE)),
    ):
        if (folder / "config.json").exists():
            return folder
    known = checkpoints.CHECKPOINTS.get(model)
    if known is None or known.subfolder is None:
        names = ", ".join(checkpoints.CHECKPOINTS)
        raise MissingCapability(
            f"There is no checkpoint {model}: give one of {names}, or a folder that holds a converted one."
        )
    try:
        return checkpoints.fetch(
            model,
            dtype=dtype,
            device=device,
            step=lambda doing, done, total: tell(Stage(f"{doing} {model}", done, total)),
        )
    except (ValueError, OSError, ImportError) as error:
        raise MissingCapability(f"{model} cannot be fetched. {error}") from error


def load_segmenter(name: str, device: str) -> Segmenter:
    """Return the segmenter."""
    from pipelines import sam

    return sam.load(name, device=device)


def load_inpainter(name: str, device: str) -> Inpainter:
    """Return the inpainter; "auto" is the embedded one where it is there, and OpenCV otherwise."""
    import torch

    from pipelines.inpainting.diffusion import CAPTION_FOR_NOTHING, DiffusionInpainter
    from pipelines.inpainting.opencv import OpenCVInpainter

    embedded = ASSETS / "diffusion-nano"
    if name == "auto":
        name = "diffusion-nano" if (embedded / "model_index.json").exists() else "opencv"
    if name == "opencv":
        return OpenCVInpainter()
    dtype = torch.float16 if device.startswith("cuda") else torch.float32
    if name == "diffusion-nano":
        said = read_said(embedded)
        guidance, tints = float(said.get("guidance", GUIDANCE)), bool(said.get("tints"))
        neutral = str(said.get("neutral", ""))
        return DiffusionInpainter.load(
            embedded, name=name, device=device, dtype=dtype, neutral=neutral, guidance=guidance, tints=tints,
            for_photographs=False,
        )  # fmt: skip
    path = STABLE_DIFFUSION.get(name, name)
    return DiffusionInpainter.load(path, name=name, device=device, dtype=dtype, empty=CAPTION_FOR_NOTHING)


def read_said(folder: Path) -> dict[str, Any]:
    """Return the `abilities.json` of a checkpoint; empty where it has none."""
    path = folder / ABILITIES_FILE
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _read_measured(folder: Path) -> dict[str, Any]:
    """What the switches of a checkpoint with two experts cost; "older": its weights changed since."""
    from model.checkpoints import digest_of_weights

    path = folder / MEASURED_FILE
    if not path.exists():
        return {}
    measured = json.loads(path.read_text("utf-8"))
    return {**measured, "older": measured.get("weights") != digest_of_weights(folder, folder / EXPERT)}


def read_painted(name: str) -> str:
    """Return what an inpainter's `abilities.json` says it can paint; of OpenCV it is said here."""
    from pipelines.inpainting.opencv import OpenCVInpainter

    if name == OpenCVInpainter.name:
        return PAINTED_WITHOUT_A_MODEL
    return read_said(ASSETS / name).get("understands", "")


def _known_there(kinds: list[str] | None) -> str:
    """Return the sentence about photographs."""
    return f"In **photographs** it knows {', '.join(kinds)}." if kinds else ""


def read_about(folder: Path, name: str, device: str, why: str, *, alone: bool = False) -> About:
    """What a checkpoint's `abilities.json` says; a checkpoint without one is taken at SPHINX's word.

    Of photographs, its expert for them has the say where it has one and is not left out (`alone`).
    """
    said = read_said(folder)
    of_photographs = {} if alone else read_said(folder / EXPERT)
    of_photographs = of_photographs or said
    if kinds := of_photographs.get("kinds", {}).get("photographs"):
        said = {**said, "kinds": {**said["kinds"], "photographs": kinds}}
    abilities: dict[str, Any] = said.get("abilities", {})
    small = (
        bool(said) or folder.parent == ASSETS
    )  # trained here: short answers, and no memory of what was said
    untrained = {
        ability: str(row.get("figure") or "")
        for ability, row in abilities.items()
        if ability in ABILITIES and not row.get("trained", True)
    }
    examples = said.get("examples") or [
        ability.example for ability in ABILITIES.values() if ability.prompt and ability.name not in untrained
    ]
    return About(
        model=name,
        device=device,
        why=why,
        understands=" ".join(filter(None, (said.get("understands", ""), _known_there(kinds)))),
        cannot=" ".join(filter(None, (of_photographs.get("of_photographs"), said.get("cannot")))),
        photographs=of_photographs.get("photographs", ""),
        examples=tuple(examples),
        untrained=untrained,
        short_answers=bool(said.get("short_answers", small)),
        remembers=int(said.get("remembers", 0 if small else REMEMBERED_TURNS)),
        vocabulary=Vocabulary.from_abilities(said),
    )
