"""Train the small painter: an autoencoder, then an inpainting UNet with its text encoder on its latents.

The parts are diffusers' own (`AutoencoderKL`, `UNet2DConditionModel` with 9 input channels, a CLIP text model
and tokenizer), shipped as a `StableDiffusionInpaintPipeline`. The stages, with their share of the time:

    autoencoder   pictures of the world through 24 x 24 x 4 latents and back (left out by --from)
    painter       the UNet and the text encoder, on the latents of wishes that are encoded once beforehand
    decoder       the way back from the same latents to pictures once more, sharper

Three of the autoencoder's four latents are told to it: a cell's light and its two colour differences, which
the encoder learns to make and the decoder to undo, each on its own. The fourth they find, and only the end of
the stage trains all as one. Left to find a whole code together they need several times as long on a CPU.

An empty wish is a removal. Of some wishes the kind is left unsaid, of some all but that there is a thing:
guidance leads from that to what the words add. The wishes come from `diffusion_data`; optimisers and curves
from `loop`.

On a CPU of several cores several processes of one thread each, which share the painter's batches, are quicker
than one process of several threads. (The other stages are then done by each of them, alike.)

    python -m model.training diffusion --minutes 60
    python -m model.training diffusion --resume
    python -m model.training diffusion --from assets/diffusion-nano --minutes 30
    python -m model.training diffusion --from assets/diffusion-nano --minutes 10 --stages decoder
    torchrun --nproc-per-node 2 -m model.training diffusion --minutes 60
"""

from __future__ import annotations

import argparse
import itertools
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint import (
    StableDiffusionInpaintPipeline,
)
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from tokenizers import pre_tokenizers
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from model.training.convolution import quick_gradients
from model.training.data import worker_setup
from model.training.diffusion_data import SCENES, SIDE, THING, Wish, Wishes, vague
from model.training.loop import (
    SAVE_EVERY,
    Clock,
    Curve,
    Optimizers,
    join,
    place,
    progress_bar,
    save_state,
    wait,
)
from model.training.world import COLOURS, PATTERNS, THING_KINDS

log = logging.getLogger(__name__)

PATCH = 4  # pixels of a latent cell's side
LATENT = SIDE // PATCH  # cells of a latent's side
WIDTH = 128  # of the text encoder
WORDS = 16  # tokens of a wish at most
SHARES = {"autoencoder": 0.13, "painter": 0.78, "decoder": 0.09}  # of a run's time
AUTOENCODER_BATCH, PAINTER_BATCH, ENCODING_BATCH = 4, 64, 32  # of the first: pictures
PIECE = 48  # pixels, side of what the autoencoder learns from: it is a convolution, and four times as quick
PIECES = 3  # of a picture
AUTOENCODER_RATE, PAINTER_RATE = 2e-3, 2e-3
WARM_RATE = 0.6  # of the painter's, in a run that starts from a pipeline
SQUARES = 2.0  # weight of squared differences of pixels beside absolute ones: far-off colours come first
EDGES = 0.5  # weight of the differences between neighbours beside those of pixels
OPPONENTS = ((1.07, 1.07, 1.07), (3.2, 0.0, -3.2), (-3.5, 7.0, -3.5))  # of R, G, B: light, two differences
LIGHT = 1.7  # is taken from the first: the world is bright
TOLD = 0.7  # of the autoencoder's stage: the decoder starts from what is told, not from the encoder
SPREAD = -6.0  # log variance of the latents that a picture is encoded to: noise of 0.05
AIM = 0.01  # weight of the squared error of that log variance
OUTSIDE = 0.15  # weight of the latents outside the hole, whose picture is known
PICTURES = 10_000  # whose wishes the painter learns from, about three each
FIRST = 300_000  # number of the first of them
DECODER_FIRST = 600_000  # of the first picture that the decoder is sharpened on
VAGUE, BARE = 0.06, 0.06  # of the wishes for things leave the kind unsaid, and all but that it is a thing
KEPT = 0.995  # of the averaged weights, a step


@dataclass(frozen=True, slots=True)
class Recipe:
    """One run. `steps` (a stage) ends stages by count, exactly repeatable; else `minutes` by the clock."""

    minutes: float = 60.0
    steps: int | None = None
    halt: int | None = None  # stop in the painter's stage after this step, as if killed
    seed: int = 0
    rate: float = PAINTER_RATE  # at its highest, of the painter's stage
    stages: tuple[str, ...] = tuple(SHARES)
    pictures: int = PICTURES
    workers: int = 1
    device: str = "cpu"


def new_autoencoder() -> AutoencoderKL:
    """0.78 million parameters: SIDE x SIDE x 3 -> 24 x 24 x 4 -> SIDE x SIDE x 3."""
    build: Any = AutoencoderKL  # its annotations know only tuples of one
    vae = build(
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 48, 64), layers_per_block=1, latent_channels=4, norm_num_groups=8,
        sample_size=SIDE,
    )  # fmt: skip
    with torch.no_grad():  # else its first latents are noise with a little picture in it
        vae.quant_conv.weight[4:] *= 0.1
        vae.quant_conv.bias[4:] = SPREAD
    return vae


def new_unet() -> UNet2DConditionModel:
    """3.3 million parameters; sees noisy latents (4), the hole (1) and what is around it (4).

    The words reach it by cross-attention and, pooled, with the time's embedding, which scales and shifts
    every layer: what kind of thing is wished for matters everywhere.
    """
    return UNet2DConditionModel(
        sample_size=LATENT, in_channels=9, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(48, 80, 88), layers_per_block=1, cross_attention_dim=WIDTH, attention_head_dim=4,
        norm_num_groups=8, addition_embed_type="text", addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )  # fmt: skip


def new_text_encoder(tokenizer: Any) -> CLIPTextModel:
    """0.3 million parameters: two layers of CLIP's text transformer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=WORDS, projection_dim=WIDTH,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip


def new_tokenizer() -> CLIPTokenizer:
    """CLIP's byte-level BPE in which each of the world's own words is one token; others fall to pieces."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())  # which come in another order every time
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    merges: dict[tuple[str, str], int] = {}
    for word in " ".join([*THING_KINDS, *COLOURS, *PATTERNS, *SCENES, "person in an the"]).split():
        pieces = _merged([*word[:-1], word[-1] + "</w>"], merges)
        while len(pieces) > 1:  # later merges never change how earlier words fall
            merges.setdefault((pieces[0], pieces[1]), len(merges))
            pieces = _merged(pieces, merges)
    tokens += ["".join(pair) for pair in merges]
    build: Any = CLIPTokenizer
    return build(
        vocab={token: number for number, token in enumerate(dict.fromkeys(tokens))}, merges=list(merges),
        model_max_length=WORDS,
    )  # fmt: skip


def _merged(pieces: list[str], merges: dict[tuple[str, str], int]) -> list[str]:
    """A word's pieces after all merges that apply, the earliest first, as byte-pair encoding does it."""
    while known := [pair for pair in itertools.pairwise(pieces) if pair in merges]:
        first = min(known, key=merges.__getitem__)
        at = next(i for i, pair in enumerate(itertools.pairwise(pieces)) if pair == first)
        pieces = [*pieces[:at], "".join(first), *pieces[at + 2 :]]
    return pieces


def to_pixels(cuts: Sequence[np.ndarray]) -> Tensor:
    """uint8 (H, W, 3) each -> float (B, 3, H, W) in -1..1."""
    return torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2).float() / 127.5 - 1


class Painter:
    """What is trained: the pipeline's networks, and the averaged weights that are shipped."""

    def __init__(self, start: Path | None, device: str) -> None:
        """Args: start: a pipeline in diffusers' layout to begin from, or None for new networks."""
        self.vae: Any  # diffusers' networks and their configurations are typed too loosely to be checked
        self.unet: Any
        self.text: Any
        self.noise: Any
        self.tokenizer: Any
        if start:
            pipeline = StableDiffusionInpaintPipeline.from_pretrained(str(start), torch_dtype=torch.float32)
            self.tokenizer, self.vae = pipeline.tokenizer, pipeline.vae
            self.unet, self.text = pipeline.unet, pipeline.text_encoder
        else:
            self.tokenizer, self.vae, self.unet = new_tokenizer(), new_autoencoder(), new_unet()
            self.text = new_text_encoder(self.tokenizer)
        self.device = torch.device(device)
        for network in (self.vae, self.unet, self.text):
            network.to(self.device)
        if self.device.type == "cpu":
            quick_gradients(self.vae)
            quick_gradients(self.unet)
            self.unet.set_attn_processor(AttnProcessor())
            self.unet.to(memory_format=torch.channels_last)
        self.trained = nn.ModuleDict({"unet": self.unet, "text": self.text})
        self.averaged = AveragedModel(self.trained, multi_avg_fn=get_ema_multi_avg_fn(KEPT))
        # painting starts from pure noise, so training must end there: else a picture's mean shines through
        # the last step's noise, is relied on, and comes out as grey (Lin et al., arXiv 2305.08891)
        self.noise = DDPMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
            rescale_betas_zero_snr=True,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """All weights and the latents' scale."""
        return {
            "vae": self.vae.state_dict(), "averaged": self.averaged.state_dict(),
            "trained": self.trained.state_dict(), "scale": self.vae.config.scaling_factor,
        }  # fmt: skip

    def load_state(self, state: dict[str, Any]) -> None:
        """The opposite of `state`."""
        self.vae.load_state_dict(state["vae"])
        self.vae.register_to_config(scaling_factor=state["scale"])
        self.trained.load_state_dict(state["trained"])
        self.averaged.load_state_dict(state["averaged"])

    def export(self, folder: Path) -> None:
        """Write the pipeline with averaged weights, in fp16 safetensors, in diffusers' layout."""
        unet, text = new_unet(), new_text_encoder(self.tokenizer)
        kept = nn.ModuleDict({"unet": unet, "text": text})
        kept.load_state_dict(self.averaged.module.state_dict())
        vae = new_autoencoder()
        vae.load_state_dict(self.vae.state_dict())
        vae.register_to_config(scaling_factor=self.vae.config.scaling_factor)
        scheduler: Any = DPMSolverMultistepScheduler.from_config(
            self.noise.config, timestep_spacing="trailing", steps_offset=1
        )
        build: Any = StableDiffusionInpaintPipeline
        pipeline = build(
            vae=vae.half(), text_encoder=text.half(), tokenizer=self.tokenizer, unet=unet.half(),
            scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
        pipeline.save_pretrained(folder, safe_serialization=True)

    def ids(self, wishes: Sequence[str]) -> Tensor:
        """Tokens (B, WORDS), as the pipeline makes them."""
        asked = self.tokenizer(
            list(wishes), padding="max_length", max_length=WORDS, truncation=True, return_tensors="pt"
        )
        return asked.input_ids

    def autoencoder_loss(self, pixels: Tensor, *, told: bool) -> tuple[Tensor, dict[str, float]]:
        """Args: pixels (B, 3, S, S) in -1..1. told: decode OPPONENTS, not what was encoded of them."""
        opponents = torch.tensor(OPPONENTS, device=pixels.device)
        goal = torch.einsum("or,brhw->bohw", opponents, F.avg_pool2d(pixels, PATCH))
        goal[:, 0] -= LIGHT
        posterior = self.vae.encode(pixels).latent_dist
        mean, spread = posterior.mean.float(), posterior.logvar.float()
        code = posterior.sample().float()
        if told:
            code = torch.cat([goal + (code - mean).detach()[:, :3], code[:, 3:]], 1)
        back = self.vae.decode(code).sample.float()
        wrong = back - pixels
        off = wrong.abs().mean()
        edges = wrong.diff(dim=2).abs().mean() + wrong.diff(dim=3).abs().mean()
        code_off = (mean[:, :3] - goal).square().mean()
        size = mean[:, 3].mean().square() + (mean[:, 3].std() - 1).square()  # as large as the others
        loss = off + SQUARES * wrong.square().mean() + EDGES * edges
        loss = loss + code_off + AIM * (spread - SPREAD).square().mean() + size
        return loss, {"off": off.item(), "edges": edges.item(), "code": code_off.item()}

    def painter_loss(
        self, batch: dict[str, Tensor], generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the squared error of the velocity, most of it inside the holes."""
        number, count = place()
        size = len(batch["goal"])
        noise = torch.randn(batch["goal"].shape, generator=generator)[number::count]
        amount, left_out = (torch.rand(size, generator=generator)[number::count] for _ in range(2))
        batch = {name: value[number::count].to(self.device) for name, value in batch.items()}
        goal, around, hole = batch["goal"].float(), batch["around"].float(), batch["hole"].float()
        noise = noise.to(goal)
        times = (amount * len(self.noise.betas)).long().clamp_max(len(self.noise.betas) - 1).to(goal.device)
        noisy = self.noise.add_noise(goal, noise, times)
        wanted = self.noise.get_velocity(goal, noise, times)
        said = self.text(self.said(batch, left_out.to(goal.device)))[0]
        shown = torch.cat([noisy, hole, around], 1).contiguous(memory_format=torch.channels_last)
        seen = self.unet(shown, times, said).sample.float()
        error = (seen - wanted).square()
        weight = (OUTSIDE + (1 - OUTSIDE) * hole).expand_as(error)
        loss = (error * weight).sum() / weight.sum()
        named = (batch["named"] > 0).view(-1, 1, 1, 1) & (hole > 0)
        inside = error.mean(1, keepdim=True)
        return loss, {
            "things": (inside * named).sum().item() / max(1, int(named.sum())),
            "nothing": (inside * (hole > 0) * ~named).sum().item() / max(1, int(((hole > 0) & ~named).sum())),
        }

    def said(self, batch: dict[str, Tensor], left_out: Tensor) -> Tensor:
        """Tokens (B, WORDS) of what the painter is told. Args: left_out (B,) in 0..1: by which words go."""
        ids, kindless = batch["ids"].long(), batch["vague"].long()
        bare = self.ids([THING]).to(ids.device)
        tells_kind = (ids != kindless).any(1)
        told = torch.where((tells_kind & (left_out < VAGUE + BARE))[:, None], kindless, ids)
        return torch.where((tells_kind & (left_out < BARE))[:, None], bare, told)

    @torch.no_grad()
    def encoded(self, wishes: Sequence[Wish]) -> dict[str, Tensor]:
        """Wishes as the painter learns them: scaled latents, holes, tokens. Half precision."""
        holes = torch.from_numpy(np.stack([wish.hole for wish in wishes]))[:, None]
        pixels = to_pixels([wish.cut for wish in wishes])
        with torch.autocast(self.device.type, torch.bfloat16):
            both = torch.cat([pixels, pixels * ~holes]).to(self.device)
            latents = self.vae.encode(both).latent_dist.mean.float()
        goal, around = latents.cpu().half().chunk(2)
        return {
            "goal": goal, "around": around, "hole": F.interpolate(holes.half(), size=(LATENT, LATENT)),
            "ids": self.ids([wish.words for wish in wishes]).short(),
            "vague": self.ids([vague(wish.words) for wish in wishes]).short(),
            "named": torch.tensor([bool(wish.words) for wish in wishes]),
        }  # fmt: skip


def pieces(pictures: Sequence[Sequence[Wish]], rng: random.Random) -> list[np.ndarray]:
    """PIECES squares uint8 (PIECE, PIECE, 3) of each picture's cut-outs; none of one that has no wishes."""
    found = []
    for wishes in pictures:
        for wish in rng.choices(wishes, k=PIECES) if wishes else ():
            x, y = rng.randint(0, SIDE - PIECE), rng.randint(0, SIDE - PIECE)
            found.append(wish.cut[y : y + PIECE, x : x + PIECE])
    return found


def drawn(first: int, count: int | None, workers: int) -> Iterator[list[Wish]]:
    """The wishes of pictures `first`, `first` + 1, ..., a list a picture."""
    numbers = range(first, first + count if count else 1 << 30)
    return iter(
        DataLoader(
            Wishes(), batch_size=None, sampler=numbers, num_workers=workers, worker_init_fn=worker_setup,
            prefetch_factor=16 if workers else None, collate_fn=_as_it_is,
        )
    )  # fmt: skip


def _as_it_is(wishes: list[Wish]) -> list[Wish]:
    return wishes


def pool(painter: Painter, recipe: Recipe, folder: Path) -> dict[str, Tensor]:
    """The encoded wishes of a run, made once and kept in `folder`; latents scaled to a spread of one."""
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
                parts.append(painter.encoded(waiting[:ENCODING_BATCH]))
                del waiting[:ENCODING_BATCH]
        if waiting:
            parts.append(painter.encoded(waiting))
        save_state(file, {name: torch.cat([part[name] for part in parts]) for name in parts[0]})
    wait()
    kept: dict[str, Tensor] = torch.load(file, weights_only=True)
    scale = painter.vae.config.scaling_factor
    return {**kept, "goal": kept["goal"] * scale, "around": kept["around"] * scale}


@dataclass(slots=True)
class Run:
    """One training run: its folder, its painter, and how far it is."""

    folder: Path
    painter: Painter
    recipe: Recipe
    halted: bool = False

    def go(self, resumed: dict[str, Any] | None) -> dict[str, float]:
        """The stages that are left. Returns the last running averages."""
        averages: dict[str, float] = {}
        left = self.recipe.stages
        if resumed:
            self.painter.load_state(resumed["painter"])
            left = left[left.index(resumed["stage"]) :]
        for stage in left:
            going = resumed if resumed and stage == resumed["stage"] and "optimizers" in resumed else None
            if not (resumed and stage == resumed["stage"]):
                self._save(stage, None, None)
            found = self._painter(going) if stage == "painter" else self._autoencoder(stage, going)
            averages |= {f"{stage}_{name}": value for name, value in found.items()}
            if self.halted:
                return averages
        self._export()
        return averages

    def _start(
        self, stage: str, modules: Sequence[nn.Module], rate: float, resumed: dict[str, Any] | None
    ) -> tuple[Optimizers, Clock, Curve]:
        for network in (self.painter.vae, self.painter.unet, self.painter.text):
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
        vae, whole = self.painter.vae, stage == "autoencoder"
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
                pixels = to_pixels(pieces(found, random.Random(clock.step))).to(self.painter.device)
                with torch.autocast(self.painter.device.type, torch.bfloat16):
                    loss, figures = self.painter.autoencoder_loss(
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
        latents = self.painter.vae.encode(to_pixels([wish.cut for wish in wishes]).to(self.painter.device))
        spread = float(latents.latent_dist.mean.std())
        self.painter.vae.register_to_config(scaling_factor=1 / spread)
        (self.folder / "wishes.pt").unlink(missing_ok=True)

    def _painter(self, resumed: dict[str, Any] | None) -> dict[str, float]:
        wishes = pool(self.painter, self.recipe, self.folder)
        modules = [self.painter.unet, self.painter.text]
        optimizers, clock, curve = self._start("painter", modules, self.recipe.rate, resumed)
        averages: dict[str, float] = {}
        saved = clock.elapsed
        with progress_bar(clock, "painter") as bar:
            clock.start()
            while clock.progress < 1 and (self.recipe.halt is None or clock.step < self.recipe.halt):
                generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + clock.step)
                chosen = torch.randint(0, len(wishes["ids"]), (PAINTER_BATCH,), generator=generator)
                batch = {name: value[chosen] for name, value in wishes.items()}
                with torch.autocast(self.painter.device.type, torch.bfloat16):
                    loss, figures = self.painter.painter_loss(batch, generator)
                optimizers.step(loss, clock)
                self.painter.averaged.update_parameters(self.painter.trained)
                clock.tick()
                averages = curve.add(clock.step, {**figures, "loss": loss.item()})
                bar.n = int(clock.progress * 1000)
                bar.set_postfix({name: f"{value:.4f}" for name, value in averages.items()})
                if clock.elapsed - saved > SAVE_EVERY:
                    saved = clock.elapsed
                    self._save("painter", clock, optimizers)
                    self._export()
                    curve.draw()
        self._save("painter", clock, optimizers)
        self.halted = clock.progress < 1
        curve.draw()
        return averages

    def _export(self) -> None:
        if place()[0] == 0:
            self.painter.export(self.folder / "checkpoint")

    def _save(self, stage: str, clock: Clock | None, optimizers: Optimizers | None) -> None:
        state: dict[str, Any] = {
            "stage": stage,
            "painter": self.painter.state(),
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
    painter = Painter(start, recipe.device)
    resumed = None
    if resume:
        resumed = torch.load(folder / "state.pt", weights_only=True, map_location=recipe.device)
        recipe = replace(recipe, stages=tuple(resumed["stages"]), rate=resumed["rate"])
    elif start:
        stages = tuple(stage for stage in recipe.stages if stage != "autoencoder")
        recipe = replace(recipe, stages=stages, rate=WARM_RATE * recipe.rate)
        if place()[0] == 0:
            (folder / "wishes.pt").unlink(missing_ok=True)  # of other latents, perhaps
    return Run(folder, painter, recipe).go(resumed)


def main(argv: Sequence[str]) -> int:
    """The command line; returns an exit status."""
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
