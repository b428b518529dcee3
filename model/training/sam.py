"""Train the small segmenter: its loss, and the run itself.

Each picture is asked twice, with one click or several and with a loose box, then once more with a click where
an answer was wrong. The loss of an answer is dice + cross-entropy of the best of its three candidates; a head
learns each candidate's IoU. The pictures come from `sam_data`, the questions from `sam_views`, the network
from `model.segmenter`.

    python -m model.training sam --minutes 60
    python -m model.training sam --resume
    python -m model.training sam --from assets/sam-nano --minutes 30
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from segment_anything.modeling import Sam
from torch.nn import functional as F
from tqdm import tqdm

from model import segmenter
from model.segmenter import PIXEL_MEAN, PIXEL_STD, SegmenterConfig
from model.training import sam_data
from model.training.convolution import quick_gradients
from model.training.loop import Clock, Curve, Optimizers, progress_bar, save_state
from model.training.photos import load_photos
from model.training.sam_data import SHARD, Pool
from model.training.sam_photos import PhotoPool
from model.training.sam_views import Asked, Batch, Pictures, ask_boxes, ask_clicks, batch, correct

PICTURES = 26_000  # collages drawn before the first step
WORLD_PICTURES = 9_000  # of the illustrated world beside them
WORLD_SHARE = 0.5  # of a batch, once there are world pictures
RATE = 1.5e-3  # learning rate at its highest; Muon's updates are scaled to AdamW's
CROSS = 0.5  # weight of the cross-entropy beside the dice loss
OTHERS = 0.05  # weight of the two candidates that were not the best
IOU_WEIGHT = 0.5  # of the IoU head's squared error
SAVE_EVERY = 180.0  # seconds
PHOTO_SHARE = 0.5  # of the pictures, where there are photographs
SHOWN = ("loss", "click iou", "box iou", "corrected iou")  # figures beside the progress bar


@dataclass(frozen=True, slots=True)
class Recipe:
    """One run. `steps` ends it by count (exactly repeatable), else `minutes` by the clock."""

    minutes: float = 60.0
    steps: int | None = None
    halt: int | None = None  # stop after this step, as if killed
    batch: int = 12
    seed: int = 0
    rate: float = RATE
    device: str = "cpu"
    pictures: int = PICTURES
    world_pictures: int = WORLD_PICTURES
    autocast: bool = True


def encode(sam: Sam, pictures: torch.Tensor, *, autocast: bool) -> torch.Tensor:
    """Encode into embeddings (B, dim, cells, cells), float32, of pictures 0..255 (B, 3, S, S)."""
    mean, std = (
        torch.tensor(value, device=pictures.device).view(-1, 1, 1) for value in (PIXEL_MEAN, PIXEL_STD)
    )
    normal = ((pictures - mean) / std).contiguous(memory_format=torch.channels_last)
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=autocast):
        embeddings = sam.image_encoder(normal)
    return embeddings.float().contiguous()


def decode(
    sam: Sam, embeddings: torch.Tensor, asked: Asked, before: torch.Tensor | None = None, *, autocast: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all four masks' logits (B, 4, S/2, S/2) and predicted IoUs (B, 4) for one question a picture.

    The decoder repeats one picture for many questions; here every question has its own picture, which
    therefore travels in the dense prompts. The positional code stays out of autocast: bf16 cannot hold it.
    """
    device = embeddings.device
    points = None
    if asked.points is not None and asked.labels is not None:
        points = (torch.from_numpy(asked.points).to(device), torch.from_numpy(asked.labels).to(device))
    boxes = None if asked.boxes is None else torch.from_numpy(asked.boxes).to(device)
    sparse, dense = sam.prompt_encoder(points, boxes, before)
    with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
        logits, ious = sam.mask_decoder.predict_masks(
            torch.zeros_like(embeddings[:1]), sam.prompt_encoder.get_dense_pe(), sparse, dense + embeddings
        )
    return logits.float(), ious.float()


def answer_loss(
    logits: torch.Tensor, ious: torch.Tensor, targets: torch.Tensor, *, single: bool
) -> tuple[torch.Tensor, dict[str, float], torch.Tensor]:
    """Return the loss, its figures, and the index 1..3 of the candidate predicted best (B,).

    Args:
        targets: float (B, h, w) in 0..1, at the logits' size.
        single: also train mask 0, SAM's one answer to an unambiguous question.
    """
    goal = targets[:, None].expand_as(logits)
    share = targets.mean((1, 2)).clamp(0.002, 0.998)
    lift = ((1 - share) / share).sqrt()[:, None, None, None]  # small things would rather be left empty
    cross = F.binary_cross_entropy_with_logits(logits, goal, pos_weight=lift, reduction="none").mean((2, 3))
    cross = CROSS * cross / (1 + share * (lift[:, 0, 0, 0] - 1))[:, None]
    probability = logits.sigmoid()
    shared = (probability * goal).sum((2, 3))
    dice = 1 - (2 * shared + 1) / (probability.sum((2, 3)) + goal.sum((2, 3)) + 1)
    each = dice + cross
    best = each[:, 1:].min(1).values
    loss = (1 - OTHERS) * best.mean() + OTHERS * each[:, 1:].mean()
    if single:
        loss = loss + 0.5 * each[:, 0].mean()
    with torch.no_grad():
        hard, truth = logits > 0, goal > 0.5
        real = (hard & truth).sum((2, 3)) / (hard | truth).sum((2, 3)).clamp_min(1)
    judged = F.mse_loss(ious if single else ious[:, 1:], real if single else real[:, 1:])
    chosen = ious[:, 1:].argmax(1) + 1
    figures = {
        "iou": float(real.gather(1, chosen[:, None]).mean()),
        "best": float(real[:, 1:].max(1).values.mean()),
        "judged": float(judged.detach()),
    }
    return loss + IOU_WEIGHT * judged, figures, chosen


def step_loss(
    sam: Sam, pictures: Batch, rng: np.random.Generator, *, autocast: bool
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the loss of one batch over its questions, and figures by kind of question."""
    device = next(sam.parameters()).device
    embeddings = encode(sam, pictures.pictures.to(device), autocast=autocast)
    planes = pictures.targets.numpy()
    small = F.avg_pool2d(pictures.targets.float(), 2).to(device)
    figures: dict[str, float] = {}
    losses = []
    again = "click" if rng.random() < 0.75 else "box"
    for kind, index in (("click", 0), ("box", 1)):
        asked = ask_clicks(planes[:, index], rng) if kind == "click" else ask_boxes(planes[:, index], rng)
        logits, ious = decode(sam, embeddings, asked, autocast=autocast)
        clear = asked.boxes is not None or (asked.labels is not None and asked.labels.shape[1] > 1)
        loss, found, chosen = answer_loss(logits, ious, small[:, index], single=clear)
        losses.append(loss)
        many = asked.labels is not None and asked.labels.shape[1] > 1
        figures |= {f"{kind}{'s' if many else ''} {name}": value for name, value in found.items()}
        if kind != again:
            continue
        kept = logits.detach()[torch.arange(len(chosen)), chosen][:, None]
        answers = F.interpolate(kept, planes.shape[-2:], mode="bilinear")[:, 0].gt(0).cpu().numpy()
        asked = correct(asked, answers, planes[:, index], rng)
        before = kept if rng.random() < 0.3 else None
        loss, found, _ = answer_loss(
            *decode(sam, embeddings, asked, before, autocast=autocast), small[:, index], single=True
        )
        losses.append(loss)
        figures |= {f"corrected {name}": value for name, value in found.items()}
    total = torch.stack(losses).sum()
    return total, figures | {"loss": float(total.detach()) / len(losses)}


def draw_pictures(folder: Path, recipe: Recipe, *, processes: int) -> list[tuple[Pool, float]]:
    """Return the pools of a run, drawn into `folder` where they do not lie there yet."""
    wanted = [("collage", recipe.pictures, 1 - WORLD_SHARE), ("world", recipe.world_pictures, WORLD_SHARE)]
    pools = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as executor:
        for source, count, share in wanted:
            firsts = range(0, count, SHARD)
            missing = [
                first for first in firsts if not (folder / f"{source}-{first:07d}.images.npy").exists()
            ]
            jobs = [executor.submit(sam_data.write_shard, folder, source, first) for first in missing]
            for job in tqdm(jobs, desc=f"drawing {source} pictures", unit="shard", disable=not jobs):
                job.result()
            if count:
                pools.append((Pool([folder / f"{source}-{first:07d}.images.npy" for first in firsts]), share))
    return pools


@dataclass(slots=True, eq=False)
class _Run:
    """A run's network, optimisers and clock, and the folder that they are kept in."""

    sam: Sam
    config: SegmenterConfig
    optimizers: Optimizers
    clock: Clock
    folder: Path

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def load(self, device: str) -> None:
        """Go on from the folder's checkpoint."""
        state = torch.load(self.checkpoint, map_location=device, weights_only=True)
        self.sam.load_state_dict(state["weights"])
        self.optimizers.load_state_dict(state["optimizers"])
        self.clock.step, self.clock.elapsed = state["step"], state["elapsed"]

    def save(self) -> None:
        """Write the checkpoint, and the weights as they are shipped."""
        state = {
            "weights": self.sam.state_dict(),
            "optimizers": self.optimizers.state_dict(),
            "step": self.clock.step,
            "elapsed": self.clock.elapsed,
        }
        save_state(self.checkpoint, state)
        segmenter.save(self.sam, self.config, self.folder)


def train(
    recipe: Recipe, pools: Sequence[tuple[Pictures, float]], folder: Path, *, start: Path | None, resume: bool
) -> dict[str, float]:
    """Run the recipe; weights and curve go to `folder`. Returns the last running averages.

    Args:
        start: a folder with weights to begin from.
        resume: go on from the folder's own checkpoint, exactly: every step draws from (seed, step), so that
            the interrupted run and the whole one see the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    described = start or (folder if resume else None)
    config = segmenter.load_config(described) if described else SegmenterConfig()
    sam = (segmenter.load(start) if start else segmenter.build(config)).to(recipe.device).train()
    sam.image_encoder.to(memory_format=torch.channels_last)
    if recipe.device == "cpu":
        quick_gradients(sam)
    clock = Clock(recipe.minutes * 60, recipe.steps)
    run = _Run(sam, config, Optimizers([(sam, recipe.rate)]), clock, folder)
    if resume:
        run.load(recipe.device)
    curve = Curve(folder, "curve", append=resume)
    averages: dict[str, float] = {}
    saved = time.monotonic()
    with progress_bar(clock, "sam") as bar:
        clock.start()
        while clock.progress < 1 and (recipe.halt is None or clock.step < recipe.halt):
            rng = np.random.default_rng((recipe.seed, clock.step))
            pictures = batch(pools, rng, recipe.batch, config.image_size)
            loss, figures = step_loss(sam, pictures, rng, autocast=recipe.autocast)
            run.optimizers.step(loss, clock)
            clock.tick()
            averages = curve.add(clock.step, figures)
            bar.update(int(clock.progress * 1000) - bar.n)
            bar.set_postfix({name: f"{averages.get(name, 0):.3f}" for name in SHOWN}, refresh=False)
            if time.monotonic() - saved > SAVE_EVERY:
                run.save()
                saved = time.monotonic()
    run.save()
    return averages


def main(argv: Sequence[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m model.training sam", description="Train sam-nano.")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="of training, pictures drawn before not counted"
    )
    parser.add_argument("--from", dest="start", type=Path, help="a folder with weights to begin from")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --folder")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/sam"), help="checkpoint, weights and curve go here"
    )
    parser.add_argument("--pictures", type=int, default=PICTURES, help="collages to draw")
    parser.add_argument(
        "--world-pictures", type=int, default=WORLD_PICTURES, help="pictures of the illustrated world"
    )
    parser.add_argument("--photos", type=Path, help="a folder of labelled photographs with outlines (README)")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=RATE, help="learning rate at its highest")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    device = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    recipe = Recipe(
        minutes=args.minutes,
        batch=args.batch,
        seed=args.seed,
        rate=args.rate,
        device=device,
        pictures=args.pictures,
        world_pictures=args.world_pictures,
    )
    pools: list[tuple[Pictures, float]] = [
        *draw_pictures(args.folder / "pictures", recipe, processes=max(1, (os.cpu_count() or 2)))
    ]
    if args.photos:
        drawn = sum(share for _, share in pools)
        photographs = PhotoPool(load_photos(args.photos, "train"))
        pools.append((photographs, drawn * PHOTO_SHARE / (1 - PHOTO_SHARE)))
    train(recipe, pools, args.folder, start=args.start, resume=args.resume)
    Curve(args.folder, "curve", append=True).draw()
    return 0
