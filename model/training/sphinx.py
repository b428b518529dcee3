"""Train `sphinx-nano`, from nothing or from shipped weights: `python -m model.training sphinx --minutes 90`.

Runs the stages of `recipe`; leaves losses to `network`, batches to `data` and optimisers to `loop`.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from model import (
    SphinxConfig,
    SphinxForConditionalGeneration,
    SphinxImageProcessor,
    SphinxProcessor,
    SphinxTokenizer,
    generation_defaults,
)
from model.training.attention import use_quick_attention
from model.training.convolution import quick_depthwise
from model.training.data import Batches, corpus, worker_setup
from model.training.growth import grow
from model.training.loop import SAVE_EVERY, Clock, Curve, Optimizers, progress_bar, save_state
from model.training.nano import VIEW, nano_config, train_tokenizer
from model.training.network import Nano
from model.training.photos import PhotoSource, load_photos
from model.training.recipe import RECIPES, STAGE_NAMES, Plan, Stage

log = logging.getLogger(__name__)

BETA = 0.3  # theta = BETA * A (real-style) + (1 - BETA) * B (synthetic)
BATCH_LIMIT = 1000  # pictures of a batch at most
CURVE_EVERY = 10  # steps between points of a curve
PANORAMAS = 0.25  # share of the drawn pictures where there are skip tokens to be learnt
CORPUS = 1500  # pictures whose conversations the tokenizer is trained on
# Learning rate of the dense heads in every stage. It is high, so that the loss of the dense targets comes
# from what the encoders do not tell, and not from heads that have not yet learnt to read them.
HEADS_RATE = 2e-3


@dataclass(slots=True)
class Run:
    """One training run: its folder, its model, and where it is."""

    folder: Path
    nano: Nano
    processor: SphinxProcessor
    device: torch.device
    plan: Plan
    workers: int
    photographs: PhotoSource | None = None
    stopped: bool = False  # asked to end: save and leave

    @property
    def state_file(self) -> Path:
        return self.folder / "state.pt"

    def export(self, folder: Path) -> None:
        """Write what can be shipped: bf16 weights in files under 10 MB, config, processor, tokenizer."""
        model = cast(Any, self.nano.model)
        model.generation_config = generation_defaults(self.processor.tokenizer)
        model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="9MB")
        model.float()
        self.processor.save_pretrained(folder)

    def go(self, resumed: dict[str, Any] | None) -> None:
        """Run the stages that are left."""
        first = resumed["stage"] if resumed else 0
        for number, stage in enumerate(self.plan.stages()[first:], first):
            if stage.share <= 0:
                continue
            self._stage(number, stage, resumed if number == first else None)
            if self.stopped:
                return
            if stage.name == "one-real":
                save_state(self.folder / "A.pt", self.nano.model.model.language_model.state_dict())
            if stage.name == "one-synthetic":
                self._mix()
            self.export_float(self.folder / f"after-{stage.name}.pt")
        self.export(self.folder / "checkpoint")

    def stop(self, *_: object) -> None:
        """Save and leave after the present step (what SIGTERM asks for)."""
        self.stopped = True

    def export_float(self, file: Path) -> None:
        save_state(file, self.nano.state_dict())

    def _mix(self) -> None:
        """theta = BETA * A + (1 - BETA) * B over the language model."""
        real = torch.load(self.folder / "A.pt", weights_only=True)
        with torch.no_grad():
            for name, value in self.nano.model.model.language_model.state_dict().items():
                value.lerp_(real[name].to(value), BETA)

    def _stage(self, number: int, stage: Stage, resumed: dict[str, Any] | None) -> None:
        """Train one stage, saving now and then."""
        optimizers = Optimizers(self._parts(stage))
        clock = Clock(self.plan.minutes * 60 * stage.share, self.plan.steps)
        if resumed and "optimizers" in resumed:
            optimizers.load_state_dict(resumed["optimizers"])
            clock.elapsed, clock.step = resumed["elapsed"], resumed["step"]
        curve = Curve(self.folder, stage.name, every=CURVE_EVERY, append=bool(resumed))
        saved = clock.elapsed
        self.nano.train()
        clock.start()
        with progress_bar(clock, stage.name) as bar:
            for batch in self._loader(stage, clock.step):
                if clock.progress >= 1:
                    break
                batch = _to(batch, self.device)
                with torch.autocast(self.device.type, torch.bfloat16):
                    loss, figures = self.nano(batch)
                norm = optimizers.step(loss, clock)
                clock.tick()
                shown = curve.add(clock.step, {**figures, "loss": loss.item(), "norm": norm})
                bar.n = int(clock.progress * 1000)
                bar.set_postfix(
                    {k: f"{v:.3f}" for k, v in shown.items() if "loss" in k or k in ("kind", "boxes")}
                )
                if self.stopped:
                    self._save(number, clock, optimizers)
                    return
                if clock.elapsed - saved > SAVE_EVERY:
                    saved = clock.elapsed
                    self._save(number, clock, optimizers)
                    curve.draw()
        self._save(number + 1, Clock(0), None)
        curve.draw()

    def _parts(self, stage: Stage) -> list[tuple[nn.Module, float]]:
        """Unfreeze what the stage trains; each module with its peak learning rate."""
        core = self.nano.model.model
        parts: list[tuple[nn.Module, float]] = []
        if stage.language_rate:
            parts += [
                (core.language_model, stage.language_rate),
                (self.nano.model.lm_head, stage.language_rate),
            ]
        if stage.vision_rate:
            vision = [module for name, module in core.named_children() if name != "language_model"]
            parts += [(module, stage.vision_rate) for module in vision]
        if stage.vision_rate or stage.mixture.dense_only:
            dropped = (self.nano.heads, self.nano.caption, self.nano.picture, self.nano.distillation.head)
            parts += [(module, HEADS_RATE) for module in dropped]
        if stage.vision_rate and stage.language_rate:
            parts.append((self.nano.placed, stage.language_rate))
        for parameter in self.nano.parameters():
            parameter.requires_grad_(False)
        for module, _ in parts:
            module.requires_grad_(True)
        if stage.vision_rate:
            loose = nn.ParameterDict()
            for name, parameter in core.named_parameters(recurse=False):
                parameter.requires_grad_(True)
                loose[name] = parameter
            parts.append((loose, stage.vision_rate))
        return parts

    def _loader(self, stage: Stage, first: int) -> DataLoader[dict[str, Any]]:
        """Return the stage's batches from number `first` on."""
        batches = Batches(
            replace(stage.mixture, pictures=min(stage.mixture.pictures, BATCH_LIMIT)),
            self.processor,
            base=stage.first,
            grid=self.nano.model.model.config.grid_size,
            photographs=self.photographs,
        )
        return DataLoader(
            batches, batch_size=None, sampler=range(first, 1 << 30), num_workers=self.workers,
            prefetch_factor=4 if self.workers else None, worker_init_fn=worker_setup,
            pin_memory=self.device.type == "cuda",
        )  # fmt: skip

    def _save(self, stage: int, clock: Clock, optimizers: Optimizers | None) -> None:
        state = {"stage": stage, "nano": self.nano.state_dict(), "plan": asdict(self.plan)}
        if optimizers:
            state |= {"optimizers": optimizers.state_dict(), "elapsed": clock.elapsed, "step": clock.step}
        save_state(self.state_file, state)


def _to(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    return {k: _to(v, device) for k, v in value.items()} if isinstance(value, dict) else value


def prepare_tokenizer(folder: Path) -> None:
    """Train the tokenizer on what training will say, once."""
    if not (folder / "tokenizer.model").exists():
        log.info("training the tokenizer")
        train_tokenizer(corpus(CORPUS), folder / "tokenizer.model")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.training sphinx", description="Train sphinx-nano.")
    add = parser.add_argument
    add("--minutes", type=float, default=90.0, help="of training in all")
    add("--steps", type=int, help="steps a stage, instead of --minutes")
    add("--recipe", choices=list(RECIPES), default="two-stage", help="SPHINX's stages, or SPHINX-X's one")
    add("--from", dest="start", type=Path,
        help="what to start from: a checkpoint such as assets/sphinx-nano, or an after-*.pt of a run,"
        " which has the dense heads too")  # fmt: skip
    add("--compile", action="store_true", help="compile the language model: quicker, needs a C++ compiler")
    add("--resume", action="store_true",
        help="go on as the run in --folder was begun, from where it stopped")  # fmt: skip
    add("--export", type=Path,
        help="train nothing: write what --from names as a checkpoint to this folder")  # fmt: skip
    add("--stages", nargs="+", choices=STAGE_NAMES, help="only these")
    add("--photos", type=Path,
        help="a folder of labelled photographs (README), trained on beside the world")  # fmt: skip
    add("--photo-share", type=float, metavar="SHARE",
        help="of the pictures that are photographs, 0 to 1, in every stage")  # fmt: skip
    add("--view", type=int, default=VIEW, help="pixels, side of one view; positions follow")
    add("--crops", type=int, choices=(2, 3), default=2, help="sub-images a side; SPHINX-X has 3")
    add("--skip-tokens", type=int, default=0, metavar="N",
        help="tokens in place of a sub-image without any picture in it, as SPHINX-X has them")  # fmt: skip
    add("--panoramas", type=float, metavar="SHARE",
        help=f"of the drawn pictures that have such sub-images; {PANORAMAS} with skip tokens")  # fmt: skip
    add("--folder", type=Path, default=Path("runs/sphinx"))
    add("--device", default="auto")
    add("--workers", type=int, help="processes that draw pictures; all cores beside a GPU, otherwise 1")
    add("--seed", type=int, default=0, help="other weights and other pictures")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return an exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(found if arguments.device == "auto" else arguments.device)
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    start: Path | None = None if arguments.resume else arguments.start
    resumed = None
    if arguments.resume:
        resumed = torch.load(folder / "state.pt", weights_only=True, map_location="cpu")
    plan = Plan(**resumed["plan"]) if resumed else _plan(arguments)
    try:
        plan.stages()
        new_shape(plan)
    except ValueError as error:
        parser.error(str(error))
    torch.manual_seed(plan.seed)
    if start is None:
        prepare_tokenizer(folder)
    elif (home := start.parent if start.is_file() else start) != folder:
        shutil.copy(home / "tokenizer.model", folder / "tokenizer.model")
    nano = _load(folder, plan, start, resumed).to(device)
    if device.type == "cpu":
        quick_depthwise(nano.model.model.convnext)
        use_quick_attention(nano.model.model.language_model)
    if arguments.compile:
        core = nano.model.model.language_model
        core.forward = torch.compile(core.forward, dynamic=False)
    workers = arguments.workers
    if workers is None:
        workers = max(1, (os.cpu_count() or 1) - 1) if device.type == "cuda" else 1
    run = Run(folder, nano, new_processor(folder, nano.model.config), device, plan, workers)
    if arguments.export:
        run.export(arguments.export)
        return 0
    if plan.photos:
        run.photographs = PhotoSource(load_photos(Path(plan.photos), "train"))
    signal.signal(signal.SIGTERM, run.stop)
    run.go(resumed)
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    """Return what the command line asks for."""
    panoramas = arguments.panoramas
    if panoramas is None:
        panoramas = PANORAMAS if arguments.skip_tokens else 0.0
    return Plan(
        arguments.minutes,
        arguments.steps,
        warm=arguments.start is not None,
        only=tuple(arguments.stages) if arguments.stages else None,
        seed=arguments.seed,
        photos=str(arguments.photos) if arguments.photos else None,
        view=arguments.view,
        crops=arguments.crops,
        skip_tokens=arguments.skip_tokens,
        panoramas=panoramas,
        recipe=arguments.recipe,
        photo_share=arguments.photo_share,
    )


def _load(folder: Path, plan: Plan, start: Path | None, resumed: dict[str, Any] | None) -> Nano:
    """Return a new network, or one with the weights of a checkpoint, of another run, or of this one.

    Args:
        folder: of the run; holds the tokenizer.
        start: a checkpoint's folder, or an `after-*.pt`. resumed: this run's own state.
    """
    config = new_config(folder, plan.view, **new_shape(plan))
    model = SphinxForConditionalGeneration(config)
    if start is not None and start.is_dir():
        shipped = SphinxForConditionalGeneration.from_pretrained(start, dtype=torch.float32)
        model.load_state_dict(grow(shipped.state_dict(), model.state_dict()))
    model.set_attn_implementation("eager")
    nano = Nano(model)
    if resumed:
        nano.load_state_dict(resumed["nano"])
    elif start is not None and start.is_file():
        weights = torch.load(start, weights_only=True, map_location="cpu")
        nano.load(grow(weights.get("nano", weights), nano.state_dict()))
    return nano


def new_shape(plan: Plan) -> dict[str, int]:
    """Return how a plan's views are cut, as `nano_config` takes it.

    Raises:
        ValueError: skip tokens would never be used.
    """
    if plan.skip_tokens and plan.crops == 2:
        raise ValueError("--skip-tokens needs --crops 3: of 2 x 2 sub-images each holds some of the picture")
    return {"crops_per_side": plan.crops, "skip_tokens": plan.skip_tokens}


def new_config(folder: Path, view: int = VIEW, **shape: int) -> SphinxConfig:
    """Return the nano configuration for the vocabulary of the tokenizer in `folder`; `shape`: its others."""
    return nano_config(len(SphinxTokenizer(str(folder / "tokenizer.model"))), view, **shape)


def new_processor(folder: Path, config: SphinxConfig) -> SphinxProcessor:
    """Return the processor for that tokenizer and configuration."""
    return SphinxProcessor(
        SphinxImageProcessor(image_size=config.image_size),
        SphinxTokenizer(str(folder / "tokenizer.model")),
        view_tokens=[config.view_tokens(view) for view in range(config.num_views)],
        query_tokens=config.num_query_tokens,
        skip_tokens=config.skip_tokens,
        max_length=config.text_config.max_position_embeddings,
        encoder_names=config.encoders,
    )
