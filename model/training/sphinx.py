"""SPHINX's recipe, small: how `sphinx-nano` is trained, from nothing or from shipped weights.

The stages, in order, with the share of the time each gets:

    language         the language model alone, on text about the world
    encoders         the four encoders and the projections, on dense targets of single views (and, for the
                     CLIP-like one, captions told apart, for the DINO-like one, self-distillation); the heads
                     are dropped from what is shipped
    one-real         captions and grounded captions on real-style pictures, language model unfrozen,
                     text-only batches mixed in -> A
    one-synthetic    the same on synthetic pictures, starting from A -> B;
                     then the language models are mixed: theta = beta * A + (1 - beta) * B
    two              every task with its own sentence, mostly one view, encoders left out at random
    two-high         the same, mostly five views, now and then without the first, the whole picture's: left to
                     itself the language model reads that one alone

A run that starts from a checkpoint gives its time to the last of them; before it

    heads            the dense heads, which no checkpoint ships, learn to read its encoders, so that what they
                     ask for at first does not spoil these

In stages one and two the language model's early states at the picture are asked where things lie, too.

Knows the stages, the mixture and the rates of each; leaves losses to network.py, batches to data.py and
optimisers to loop.py.

    python -m model.training sphinx --minutes 90
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
from model.training.data import CAPTIONS, Batches, DataMixture, corpus, worker_setup
from model.training.growth import grow
from model.training.loop import SAVE_EVERY, Clock, Curve, Optimizers, progress_bar, save_state
from model.training.nano import VIEW, nano_config, train_tokenizer
from model.training.network import Nano
from model.training.photos import PhotoSource, load_photos

log = logging.getLogger(__name__)

BETA = 0.3  # theta = BETA * A (real-style) + (1 - BETA) * B (synthetic)
BATCH_LIMIT = 1000  # pictures of a batch at most
CURVE_EVERY = 10  # steps between points of a curve
CORPUS = 1500  # pictures whose conversations the tokenizer is trained on
SPARE_SEEDS = 200_000  # pictures between the stages' first seeds


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    share: float  # of the run's time
    mixture: DataMixture
    vision_rate: float  # peak learning rates
    language_rate: float
    first: int  # number of the stage's first picture


STAGES = (
    Stage("language", 0.04, DataMixture(24, text_every=1, per_picture=12), 0.0, 3e-3, 0),
    Stage("heads", 0.0, DataMixture(64, dense_only=True), 0.0, 0.0, SPARE_SEEDS),
    Stage("encoders", 0.34, DataMixture(64, dense_only=True, photographs=0.75), 2e-3, 0.0, 0),
    Stage(
        "one-real", 0.05, DataMixture(16, "real", CAPTIONS, 10, single_view=0.9), 1e-3, 2e-3, 2 * SPARE_SEEDS
    ),
    Stage(
        "one-synthetic",
        0.03,
        DataMixture(16, "synthetic", CAPTIONS, 10, single_view=0.9),
        7e-4,
        1.5e-3,
        3 * SPARE_SEEDS,
    ),
    Stage("two", 0.24, DataMixture(24, text_every=24, single_view=1.0), 1e-3, 2e-3, 4 * SPARE_SEEDS),
    Stage(
        "two-high",
        0.3,
        DataMixture(24, text_every=24, single_view=0.4, blind=0.33),
        1e-3,
        2e-3,
        9 * SPARE_SEEDS // 2,
    ),
)
# Of the peak learning rates, in a run that starts from a checkpoint: at 0.7 a run's loss rose from .24 to .32
# and was back after four fifths of its time.
WARM_RATE = 0.45
# The encoders have settled by then: at the same share they tell a body's joints with mean OKS .49 instead of
# .77, a quarter into the run, and the language model reads what will not stay.
WARM_VISION_RATE = 0.3
# Of the dense heads, in every stage: what they are wrong about, the encoders are blamed for.
HEADS_RATE = 2e-3
SEED_STRIDE = 37_000  # pictures by which a run's --seed moves every stage's first one
# The encoders alone, with nobody reading them: they have photographs to learn.
WARM_ENCODERS_RATE = 0.5
WARM_SHARES = {
    "heads": 0.04,
    "encoders": 0.36,
    "two": 0.4,
    "two-high": 0.2,
}  # of a run that starts from a checkpoint


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; kept with its state, so that it is resumed as it was begun."""

    minutes: float
    steps: int | None = None  # a stage, instead of minutes
    warm: bool = False  # starts from weights, not from nothing
    only: tuple[str, ...] | None = None  # names of the stages that are run
    seed: int = 0
    photos: str | None = None  # folder of labelled photographs, trained on beside the drawn world
    view: int = VIEW  # pixels, side of one view

    def stages(self) -> tuple[Stage, ...]:
        """Every stage, with the share, rates and first picture it has in this run.

        Raises:
            ValueError: the stages that are named have no share of it.
        """
        stages = STAGES
        if self.warm:
            stages = tuple(
                replace(
                    stage, share=WARM_SHARES.get(stage.name, 0.0),
                    vision_rate=stage.vision_rate
                    * (WARM_ENCODERS_RATE if stage.name == "encoders" else WARM_VISION_RATE),
                    language_rate=WARM_RATE * stage.language_rate,
                    mixture=replace(stage.mixture, distilled=False),
                )
                for stage in stages
            )  # fmt: skip
        stages = tuple(replace(s, first=s.first + SEED_STRIDE * self.seed) for s in stages)
        if self.only:
            stages = tuple(replace(s, share=s.share if s.name in self.only else 0.0) for s in stages)
            whole = sum(stage.share for stage in stages)
            if not whole:
                raise ValueError(f"this run gives no time to {', '.join(self.only)}")
            stages = tuple(replace(s, share=s.share / whole) for s in stages)
        return stages


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
        core = self.nano.model.model
        vision = [module for name, module in core.named_children() if name != "language_model"]
        parts: list[tuple[nn.Module, float]] = []
        if stage.language_rate:
            parts += [
                (core.language_model, stage.language_rate),
                (self.nano.model.lm_head, stage.language_rate),
            ]
        if stage.vision_rate:
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
        loose = nn.ParameterDict()
        if stage.vision_rate:
            for name, parameter in core.named_parameters(recurse=False):
                parameter.requires_grad_(True)
                loose[name] = parameter
            parts.append((loose, stage.vision_rate))
        optimizers = Optimizers(parts)
        clock = Clock(self.plan.minutes * 60 * stage.share, self.plan.steps)
        if resumed and "optimizers" in resumed:
            optimizers.load_state_dict(resumed["optimizers"])
            clock.elapsed, clock.step = resumed["elapsed"], resumed["step"]
        mixture = replace(stage.mixture, pictures=min(stage.mixture.pictures, BATCH_LIMIT))
        batches = Batches(
            mixture,
            self.processor,
            base=stage.first,
            grid=core.config.grid_size,
            photographs=self.photographs,
        )
        loader = DataLoader(
            batches, batch_size=None, sampler=range(clock.step, 1 << 30), num_workers=self.workers,
            prefetch_factor=4 if self.workers else None, worker_init_fn=worker_setup,
            pin_memory=self.device.type == "cuda",
        )  # fmt: skip
        curve = Curve(self.folder, stage.name, every=CURVE_EVERY, append=bool(resumed))
        saved = clock.elapsed
        self.nano.train()
        clock.start()
        with progress_bar(clock, stage.name) as bar:
            for batch in loader:
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


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns an exit status."""
    parser = argparse.ArgumentParser(prog="python -m model.training sphinx", description="Train sphinx-nano.")
    parser.add_argument("--minutes", type=float, default=90.0, help="of training in all")
    parser.add_argument("--steps", type=int, help="steps a stage, instead of --minutes")
    parser.add_argument(
        "--from", dest="start", type=Path,
        help="what to start from: a checkpoint such as assets/sphinx-nano, or an after-*.pt of a run,"
        " which has the dense heads too",
    )  # fmt: skip
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the language model: quicker, needs a C++ compiler",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on as the run in --folder was begun, from where it stopped"
    )
    parser.add_argument(
        "--export", type=Path, help="train nothing: write what --from names as a checkpoint to this folder"
    )
    parser.add_argument("--stages", nargs="+", choices=[stage.name for stage in STAGES], help="only these")
    parser.add_argument(
        "--photos", type=Path, help="a folder of labelled photographs (README), trained on beside the world"
    )
    parser.add_argument("--view", type=int, default=VIEW, help="pixels, side of one view; positions follow")
    parser.add_argument("--folder", type=Path, default=Path("runs/sphinx"))
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--workers", type=int, help="processes that draw pictures; all cores beside a GPU, otherwise 1"
    )
    parser.add_argument("--seed", type=int, default=0, help="other weights and other pictures")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(found if arguments.device == "auto" else arguments.device)
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    start: Path | None = arguments.start
    resumed = None
    if arguments.resume:
        resumed = torch.load(folder / "state.pt", weights_only=True, map_location="cpu")
        plan = Plan(**resumed["plan"])
        start = None
    else:
        only = tuple(arguments.stages) if arguments.stages else None
        photos = str(arguments.photos) if arguments.photos else None
        plan = Plan(
            arguments.minutes,
            arguments.steps,
            start is not None,
            only,
            arguments.seed,
            photos,
            arguments.view,
        )
    try:
        plan.stages()
    except ValueError as error:
        parser.error(str(error))
    torch.manual_seed(plan.seed)
    if start is None:
        prepare_tokenizer(folder)
    elif (home := start.parent if start.is_file() else start) != folder:
        shutil.copy(home / "tokenizer.model", folder / "tokenizer.model")
    model = SphinxForConditionalGeneration(new_config(folder, plan.view))
    if start is not None and start.is_dir():
        shipped = SphinxForConditionalGeneration.from_pretrained(start, dtype=torch.float32)
        model.load_state_dict(grow(shipped.state_dict(), model.state_dict()))
    model.set_attn_implementation("eager")
    nano = Nano(model).to(device)
    if resumed:
        nano.load_state_dict(resumed["nano"])
    elif start is not None and start.is_file():
        weights = torch.load(start, weights_only=True, map_location="cpu")
        nano.load(grow(weights.get("nano", weights), nano.state_dict()))
    if device.type == "cpu":
        quick_depthwise(nano.model.model.convnext)
        use_quick_attention(nano.model.model.language_model)
    if arguments.compile:
        core = nano.model.model.language_model
        core.forward = torch.compile(core.forward, dynamic=False)
    processor = new_processor(folder, model.config)
    workers = arguments.workers
    if workers is None:
        workers = max(1, (os.cpu_count() or 1) - 1) if device.type == "cuda" else 1
    if arguments.export:
        Run(folder, nano, processor, device, plan, workers).export(arguments.export)
        return 0
    photographs = PhotoSource(load_photos(Path(plan.photos), "train")) if plan.photos else None
    run = Run(folder, nano, processor, device, plan, workers, photographs)
    signal.signal(signal.SIGTERM, run.stop)
    run.go(resumed)
    return 0


def new_config(folder: Path, view: int = VIEW) -> SphinxConfig:
    """The nano configuration for the vocabulary of the tokenizer in `folder`."""
    return nano_config(len(SphinxTokenizer(str(folder / "tokenizer.model"))), view)


def new_processor(folder: Path, config: SphinxConfig) -> SphinxProcessor:
    """The processor for that tokenizer and configuration."""
    return SphinxProcessor(
        SphinxImageProcessor(image_size=config.image_size),
        SphinxTokenizer(str(folder / "tokenizer.model")),
        view_tokens=[config.view_tokens(view) for view in range(config.num_views)],
        query_tokens=config.num_query_tokens,
        skip_tokens=config.skip_tokens,
        max_length=config.text_config.max_position_embeddings,
        encoder_names=config.encoders,
    )
