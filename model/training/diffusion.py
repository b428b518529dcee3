"""Train the small inpainter: an autoencoder, then an inpainting UNet with its text encoder on its latents.

The parts are diffusers' own (`AutoencoderKL`, `UNet2DConditionModel` with 9 input channels, a CLIP text model
and tokenizer), shipped as a `StableDiffusionInpaintPipeline`. The stages, with their share of the time:

    autoencoder   pictures of the world through 24 x 24 x 4 latents and back (left out by --from)
    inpainter     the UNet and the text encoder, on the latents of wishes that are encoded once beforehand
    decoder       the way back from the same latents to pictures once more, sharper

Three of the autoencoder's four latents are told to it: a cell's light and its two colour differences, which
the encoder learns to make and the decoder to undo, each on its own. The fourth they find, and only the end of
the stage trains all as one. Left to find a whole code together they need several times as long on a CPU.

An empty wish is a removal. Of some wishes the kind is left unsaid, of some all but that there is a thing:
guidance leads from that to what the words add. The wishes come from `diffusion_data`; optimisers and curves
from `loop`.

On a CPU of several cores several processes of one thread each, which share the inpainter's batches, are
quicker than one process of several threads. (The other stages are then done by each of them, alike.)

    python -m model.training diffusion --minutes 60
    python -m model.training diffusion --resume
    python -m model.training diffusion --from assets/diffusion-nano --minutes 30
    python -m model.training diffusion --from assets/diffusion-nano --minutes 10 --stages decoder
    torchrun --nproc-per-node 2 -m model.training diffusion --minutes 60
"""

from __future__ import annotations

import argparse
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from model.training.data import worker_setup
from model.training.diffusion_data import SIDE, Wish, Wishes
from model.training.diffusion_networks import InpaintingModel, to_pixels
from model.training.loop import (
    SAVE_EVERY,
    Clock,
    Curve,
    Optimizers,
    join,
    leave,
    place,
    progress_bar,
    save_state,
    wait,
)

log = logging.getLogger(__name__)

SHARES = {"autoencoder": 0.13, "inpainter": 0.78, "decoder": 0.09}  # of a run's time
AUTOENCODER_BATCH, INPAINTER_BATCH, ENCODING_BATCH = 4, 64, 32  # of the first: pictures
PIECE = 48  # pixels, side of what the autoencoder learns from: it is a convolution, and four times as quick
PIECES = 3  # of a picture
AUTOENCODER_RATE, INPAINTER_RATE = 2e-3, 2e-3
WARM_RATE = 0.6  # of the inpainter's, in a run that starts from a pipeline
TOLD = 0.7  # of the autoencoder's stage: the decoder starts from what is told, not from the encoder
PICTURES = 10_000  # whose wishes the inpainter learns from, about three each
FIRST = 300_000  # number of the first of them
DECODER_FIRST = 600_000  # of the first picture that the decoder is sharpened on


@dataclass(frozen=True, slots=True)
class Recipe:
    """One run. `steps` (a stage) ends stages by count, exactly repeatable; else `minutes` by the clock."""

    minutes: float = 60.0
    steps: int | None = None
    halt: int | None = None  # stop in the inpainter's stage after this step, as if killed
    seed: int = 0
    rate: float = INPAINTER_RATE  # at its highest, of the inpainter's stage
    stages: tuple[str, ...] = tuple(SHARES)
    pictures: int = PICTURES
    workers: int = 1
    device: str = "cpu"


def pieces(pictures: Sequence[Sequence[Wish]], rng: random.Random) -> list[np.ndarray]:
    """PIECES squares uint8 (PIECE, PIECE, 3) of each picture's cut-outs; none of one that has no wishes."""
    found = []
    for wishes in pictures:
        for wish in rng.choices(wishes, k=PIECES) if wishes else ():
            x, y = rng.randint(0, SIDE - PIECE), rng.randint(0, SIDE - PIECE)
            found.append(wish.cut[y : y + PIECE, x : x + PIECE])
    return found


def drawn(first: int, count: int | None, workers: int) -> Iterator[list[Wish]]:
    """Return the wishes of pictures `first`, `first` + 1, ..., a list a picture."""
    numbers = range(first, first + count if count else 1 << 30)
    return iter(
        DataLoader(
            Wishes(), batch_size=None, sampler=numbers, num_workers=workers, worker_init_fn=worker_setup,
            prefetch_factor=16 if workers else None, collate_fn=_as_it_is,
        )
    )  # fmt: skip


def _as_it_is(wishes: list[Wish]) -> list[Wish]:
    return wishes


def pool(inpainter: InpaintingModel, recipe: Recipe, folder: Path) -> dict[str, Tensor]:
    """Return a run's encoded wishes, made once and kept in `folder`; latents have a spread of one."""
    file = folder / "wishes.pt"
    if not file.exists() and place()[0] == 0:
        parts: list[dict[str, Tensor]] = []
        waiting: list[Wish] = []
        first = FIRST + recipe.seed * recipe.pictures
        for wishes in tqdm(
            drawn(first, recipe.pictures, recipe.workers), "wishes", recipe.pictures, mininterval=5
        ):
            waiting += wishes
            while len(waiting) >= ENCODING_BATCH:
                parts.append(inpainter.encoded(waiting[:ENCODING_BATCH]))
                del waiting[:ENCODING_BATCH]
        if waiting:
            parts.append(inpainter.encoded(waiting))
        save_state(file, {name: torch.cat([part[name] for part in parts]) for name in parts[0]})
    wait()
    kept: dict[str, Tensor] = torch.load(file, weights_only=True)
    scale = inpainter.vae.config.scaling_factor
    return {**kept, "goal": kept["goal"] * scale, "around": kept["around"] * scale}


@dataclass(slots=True)
class Run:
    """One training run: its folder, its inpainter, and how far it is."""

    folder: Path
    inpainter: InpaintingModel
    recipe: Recipe
    halted: bool = False

    def go(self, resumed: dict[str, Any] | None) -> dict[str, float]:
        """Run the stages that are left; return the last running averages."""
        averages: dict[str, float] = {}
        left = self.recipe.stages
        if resumed:
            self.inpainter.load_state(resumed["inpainter"])
            left = left[left.index(resumed["stage"]) :]
        for stage in left:
            going = resumed if resumed and stage == resumed["stage"] and "optimizers" in resumed else None
            if not (resumed and stage == resumed["stage"]):
                self._save(stage, None, None)
            found = self._inpainter(going) if stage == "inpainter" else self._autoencoder(stage, going)
            averages |= {f"{stage}_{name}": value for name, value in found.items()}
            if self.halted:
                return averages
        self._export()
        return averages

    def _start(
        self, stage: str, modules: Sequence[nn.Module], rate: float, resumed: dict[str, Any] | None
    ) -> tuple[Optimizers, Clock, Curve]:
        for network in (self.inpainter.vae, self.inpainter.unet, self.inpainter.text):
            network.requires_grad_(False).eval()
        for module in modules:
            module.requires_grad_(True).train()
        optimizers = Optimizers([(module, rate) for module in modules])
        share = SHARES[stage] / sum(SHARES[name] for name in self.recipe.stages)
        clock = Clock(self.recipe.minutes * 60 * share, self.recipe.steps)
        if resumed:
            optimizers.load_state_dict(resumed["optimizers"])
            clock.elapsed, clock.step = resumed["elapsed"], resumed["step"]
        return optimizers, clock, Curve(self.folder, stage, append=bool(resumed))

    def _autoencoder(self, stage: str, resumed: dict[str, Any] | None) -> dict[str, float]:
        vae, whole = self.inpainter.vae, stage == "autoencoder"
        modules = [vae] if whole else [vae.decoder, vae.post_quant_conv]
        optimizers, clock, curve = self._start(stage, modules, AUTOENCODER_RATE, resumed)
        averages: dict[str, float] = {}
        saved = clock.elapsed
        first = self.recipe.seed * 10_000 + (0 if whole else DECODER_FIRST)
        pictures = drawn(first + AUTOENCODER_BATCH * clock.step, None, self.recipe.workers)
        with progress_bar(clock, stage) as bar:
            clock.start()
            while clock.progress < 1:
                torch.manual_seed(clock.step)
                found = [next(pictures) for _ in range(AUTOENCODER_BATCH)]
                pixels = to_pixels(pieces(found, random.Random(clock.step))).to(self.inpainter.device)
                with torch.autocast(self.inpainter.device.type, torch.bfloat16):
                    loss, figures = self.inpainter.autoencoder_loss(
                        pixels, told=whole and clock.progress < TOLD
                    )
                optimizers.step(loss, clock)
                clock.tick()
                averages = curve.add(clock.step, {**figures, "loss": loss.item()})
                bar.n = int(clock.progress * 1000)
                bar.set_postfix({name: f"{value:.4f}" for name, value in averages.items()})
                if clock.elapsed - saved > SAVE_EVERY:
                    saved = clock.elapsed
                    self._save(stage, clock, optimizers)
                    curve.draw()
        if whole:
            self._scale()
        curve.draw()
        return averages

    @torch.no_grad()
    def _scale(self) -> None:
        """Latents shall have a spread of one."""
        wishes = [wish for wishes in drawn(FIRST - 40, 40, 0) for wish in wishes]
        pixels = to_pixels([wish.cut for wish in wishes]).to(self.inpainter.device)
        latents = self.inpainter.vae.encode(pixels)
        spread = float(latents.latent_dist.mean.std())
        self.inpainter.vae.register_to_config(scaling_factor=1 / spread)
        (self.folder / "wishes.pt").unlink(missing_ok=True)

    def _inpainter(self, resumed: dict[str, Any] | None) -> dict[str, float]:
        wishes = pool(self.inpainter, self.recipe, self.folder)
        modules = [self.inpainter.unet, self.inpainter.text]
        optimizers, clock, curve = self._start("inpainter", modules, self.recipe.rate, resumed)
        averages: dict[str, float] = {}
        saved = clock.elapsed
        with progress_bar(clock, "inpainter") as bar:
            clock.start()
            while clock.progress < 1 and (self.recipe.halt is None or clock.step < self.recipe.halt):
                generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + clock.step)
                chosen = torch.randint(0, len(wishes["ids"]), (INPAINTER_BATCH,), generator=generator)
                batch = {name: value[chosen] for name, value in wishes.items()}
                with torch.autocast(self.inpainter.device.type, torch.bfloat16):
                    loss, figures = self.inpainter.inpainting_loss(batch, generator)
                optimizers.step(loss, clock)
                self.inpainter.averaged.update_parameters(self.inpainter.trained)
                clock.tick()
                averages = curve.add(clock.step, {**figures, "loss": loss.item()})
                bar.n = int(clock.progress * 1000)
                bar.set_postfix({name: f"{value:.4f}" for name, value in averages.items()})
                if clock.elapsed - saved > SAVE_EVERY:
                    saved = clock.elapsed
                    self._save("inpainter", clock, optimizers)
                    self._export()
                    curve.draw()
        self._save("inpainter", clock, optimizers)
        self.halted = clock.progress < 1
        curve.draw()
        return averages

    def _export(self) -> None:
        if place()[0] == 0:
            self.inpainter.export(self.folder / "checkpoint")

    def _save(self, stage: str, clock: Clock | None, optimizers: Optimizers | None) -> None:
        state: dict[str, Any] = {
            "stage": stage,
            "inpainter": self.inpainter.state(),
            "minutes": self.recipe.minutes,
            "stages": list(self.recipe.stages),
            "rate": self.recipe.rate,
        }
        if clock and optimizers:
            state |= {"optimizers": optimizers.state_dict(), "elapsed": clock.elapsed, "step": clock.step}
        save_state(self.folder / "state.pt", state)


def train(
    recipe: Recipe, folder: Path, *, start: Path | None = None, resume: bool = False
) -> dict[str, float]:
    """Run the recipe; state, curves and the pipeline (`checkpoint/`) go to `folder`.

    Args:
        start: a pipeline to begin from; its latents stay as they are.
        resume: go on from the folder's own state, exactly: every step draws from (seed, step).

    Returns the last running averages.
    """
    folder.mkdir(parents=True, exist_ok=True)
    join()
    torch.manual_seed(recipe.seed)
    inpainter = InpaintingModel(start, recipe.device)
    resumed = None
    if resume:
        resumed = torch.load(folder / "state.pt", weights_only=True, map_location=recipe.device)
        recipe = replace(recipe, stages=tuple(resumed["stages"]), rate=resumed["rate"])
    elif start:
        stages = tuple(stage for stage in recipe.stages if stage != "autoencoder")
        recipe = replace(recipe, stages=stages, rate=WARM_RATE * recipe.rate)
        if place()[0] == 0:
            (folder / "wishes.pt").unlink(missing_ok=True)  # of other latents, perhaps
    figures = Run(folder, inpainter, recipe).go(resumed)
    leave()
    return figures


def main(argv: Sequence[str]) -> int:
    """Run the command line; return an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training diffusion", description="Train diffusion-nano."
    )
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="of training; encoding wishes is not counted"
    )
    parser.add_argument("--from", dest="start", type=Path, help="a pipeline to begin from, its latents kept")
    parser.add_argument("--resume", action="store_true", help="go on where the run in --folder stopped")
    parser.add_argument("--folder", type=Path, default=Path("runs/diffusion"))
    parser.add_argument("--stages", nargs="+", choices=list(SHARES), default=list(SHARES), metavar="STAGE")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="whose wishes are learnt from")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    args = parser.parse_args(argv)
    device = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    recipe = Recipe(
        minutes=args.minutes, seed=args.seed, stages=tuple(name for name in SHARES if name in args.stages),
        pictures=args.pictures, workers=args.workers, device=device,
    )  # fmt: skip
    train(recipe, args.folder, start=args.start, resume=args.resume)
    return 0
