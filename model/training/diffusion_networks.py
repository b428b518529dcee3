"""The small inpainter: its networks, its tokenizer, what is lost on a batch, and how it is shipped.

The parts are diffusers' own (`AutoencoderKL`, `UNet2DConditionModel` with 9 input channels, a CLIP text model
and tokenizer). Knows nothing of stages, clocks or folders of a run; these are in `diffusion`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
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
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from model.training.convolution import quick_gradients
from model.training.diffusion_data import SCENES, SIDE, THING, Wish, underspecify
from model.training.loop import (
    place,
)
from model.training.world import COLOURS, PATTERNS, THING_KINDS

PATCH = 4  # pixels of a latent cell's side
LATENT = SIDE // PATCH  # cells of a latent's side
WIDTH = 128  # of the text encoder
WORDS = 16  # tokens of a wish at most
SQUARES = 2.0  # weight of squared differences of pixels beside absolute ones: far-off colours come first
EDGES = 0.5  # weight of the differences between neighbours beside those of pixels
OPPONENTS = ((1.07, 1.07, 1.07), (3.2, 0.0, -3.2), (-3.5, 7.0, -3.5))  # of R, G, B: light, two differences
LIGHT = 1.7  # is taken from the first: the world is bright
SPREAD = -6.0  # log variance of the latents that a picture is encoded to: noise of 0.05
AIM = 0.01  # weight of the squared error of that log variance
OUTSIDE = 0.15  # weight of the latents outside the hole, whose picture is known
# Shares of the wishes for things that leave the kind unsaid, and all but that it is a thing
UNDERSPECIFIED, BARE = 0.06, 0.06
AVERAGED = 0.995  # share of the averaged weights that stays, a step


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
    """Apply all merges to a word's pieces, the earliest first, as byte-pair encoding does it."""
    while known := [pair for pair in itertools.pairwise(pieces) if pair in merges]:
        first = min(known, key=merges.__getitem__)
        at = next(i for i, pair in enumerate(itertools.pairwise(pieces)) if pair == first)
        pieces = [*pieces[:at], "".join(first), *pieces[at + 2 :]]
    return pieces


def to_pixels(cuts: Sequence[np.ndarray]) -> Tensor:
    """uint8 (H, W, 3) each -> float (B, 3, H, W) in -1..1."""
    return torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2).float() / 127.5 - 1


class InpaintingModel:
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
        self.averaged = AveragedModel(self.trained, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))
        # painting starts from pure noise, so training must end there: else a picture's mean shines through
        # the last step's noise, is relied on, and comes out as grey (Lin et al., arXiv 2305.08891)
        self.noise = DDPMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
            rescale_betas_zero_snr=True,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return all weights and the latents' scale."""
        return {
            "vae": self.vae.state_dict(), "averaged": self.averaged.state_dict(),
            "trained": self.trained.state_dict(), "scale": self.vae.config.scaling_factor,
        }  # fmt: skip

    def load_state(self, state: dict[str, Any]) -> None:
        """Take what `state` gave."""
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
        """Return tokens (B, WORDS), as the pipeline makes them."""
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

    def inpainting_loss(
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
        """Return the inpainter's tokens (B, WORDS). Args: left_out (B,) in 0..1, by which words go."""
        ids, kindless = batch["ids"].long(), batch["underspecified"].long()
        bare = self.ids([THING]).to(ids.device)
        tells_kind = (ids != kindless).any(1)
        told = torch.where((tells_kind & (left_out < UNDERSPECIFIED + BARE))[:, None], kindless, ids)
        return torch.where((tells_kind & (left_out < BARE))[:, None], bare, told)

    @torch.no_grad()
    def encoded(self, wishes: Sequence[Wish]) -> dict[str, Tensor]:
        """Wishes as the inpainter learns them: scaled latents, holes, tokens. Half precision."""
        holes = torch.from_numpy(np.stack([wish.hole for wish in wishes]))[:, None]
        pixels = to_pixels([wish.cut for wish in wishes])
        with torch.autocast(self.device.type, torch.bfloat16):
            both = torch.cat([pixels, pixels * ~holes]).to(self.device)
            latents = self.vae.encode(both).latent_dist.mean.float()
        goal, around = latents.cpu().half().chunk(2)
        return {
            "goal": goal, "around": around, "hole": F.interpolate(holes.half(), size=(LATENT, LATENT)),
            "ids": self.ids([wish.words for wish in wishes]).short(),
            "underspecified": self.ids([underspecify(wish.words) for wish in wishes]).short(),
            "named": torch.tensor([bool(wish.words) for wish in wishes]),
        }  # fmt: skip
