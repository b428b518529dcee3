"""Train the small segmenter: what is asked of it, what is counted as wrong, and the run itself.

Each picture is asked twice, with one click or several and with a loose box, then once more with a click where
an answer was wrong. The loss of an answer is dice + cross-entropy of the best of its three candidates; a head
learns each candidate's IoU. The pictures come from `sam_data`, the network from `model.segmenter`.

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
from typing import Protocol

import cv2
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
from model.training.sam_data import SHARD, SMALLEST, Pool, Sample
from model.training.sam_photos import PhotoPool

PICTURES = 26_000  # collages drawn before the first step
WORLD_PICTURES = 9_000  # of the illustrated world beside them
WORLD_SHARE = 0.5  # of a batch, once there are world pictures
RATE = 1.5e-3  # learning rate at its highest; Muon's updates are scaled to AdamW's
CROSS = 0.5  # weight of the cross-entropy beside the dice loss
OTHERS = 0.05  # weight of the two candidates that were not the best
IOU_WEIGHT = 0.5  # of the IoU head's squared error
SAVE_EVERY = 180.0  # seconds
MEAN = (124, 116, 104)  # colour of the padding, SAM's mean pixel


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


PHOTO_SHARE = 0.5  # of the pictures, where there are photographs


class Pictures(Protocol):
    """Pictures by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pictures (B, 3, S, S) float 0..255 and their two targets (B, 2, S, S) bool: the clicked, the boxed."""

    pictures: torch.Tensor
    targets: torch.Tensor


# What is asked ---------------------------------------------------------------------------------------------


def view(
    sample: Sample, rng: np.random.Generator, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """A cut-out of the picture, float (side, side, 3) in 0..255, and two targets on it, bool (side, side).

    None where the cut-out holds nothing to ask for.
    """
    things = sample.things
    ids, counts = np.unique(things[things > 0], return_counts=True)
    ids = ids[counts >= SMALLEST]
    if not len(ids):
        return None
    h, w = things.shape
    draw = rng.random()
    if draw < 0.5:  # around one thing, as the second look does
        ys, xs = np.nonzero(things == rng.choice(ids))
        size = max(np.ptp(ys), np.ptp(xs)) * rng.uniform(1.15, 3.0)
        size = int(np.clip(size, 36, min(h, w)))
        cx, cy = (
            (xs.min() + xs.max()) / 2 + rng.normal(0, 0.12) * size,
            (ys.min() + ys.max()) / 2 + rng.normal(0, 0.12) * size,
        )
    else:
        size = int(min(h, w) * (1.0 if draw < 0.75 else rng.uniform(0.5, 1.0)))
        cx, cy = rng.uniform(0, w), rng.uniform(0, h)
    cw, ch = size, size
    if rng.random() < 0.35:  # not every picture is square
        short = rng.uniform(0.5, 1)
        cw, ch = (
            (size, max(8, int(size * short))) if rng.random() < 0.6 else (max(8, int(size * short)), size)
        )
    x, y = int(np.clip(cx - cw / 2, 0, w - cw)), int(np.clip(cy - ch / 2, 0, h - ch))
    image, parts = sample.image[y : y + ch, x : x + cw], sample.parts[y : y + ch, x : x + cw]
    scale = side / max(cw, ch)
    to = (max(1, round(cw * scale)), max(1, round(ch * scale)))
    image = cv2.resize(image, to, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    parts = cv2.resize(parts, to, interpolation=cv2.INTER_NEAREST).astype(np.uint8)

    things = sample.owner[parts]
    ids, counts = np.unique(things[things > 0], return_counts=True)
    keep = counts >= SMALLEST
    if not keep.any():
        return None
    ids, weights = ids[keep], np.sqrt(counts[keep])
    targets = []
    for number in rng.choice(ids, 2, p=weights / weights.sum()):
        target = things == number
        if rng.random() < 0.15:  # a part of it
            pieces, areas = np.unique(parts[target], return_counts=True)
            pieces = pieces[areas >= SMALLEST]
            if len(pieces) > 1:
                target = parts == rng.choice(pieces)
        targets.append(target)

    image = image.astype(np.float32)
    if rng.random() < 0.6:
        image = image * rng.uniform(0.8, 1.2, 3).astype(np.float32) + rng.uniform(-20, 20)
    if rng.random() < 0.3:
        image = image[..., rng.permutation(3)]
    mirrored, upended, turned = rng.random(3) < (0.5, 0.15, 0.2)
    framed = []
    for cut in (np.clip(image, 0, 255), *targets):
        cut = cut[:, ::-1] if mirrored else cut
        cut = cut[::-1] if upended else cut
        cut = cut.swapaxes(0, 1) if turned else cut
        plane = np.zeros((side, side, *cut.shape[2:]), cut.dtype)
        if cut.ndim == 3:
            plane += np.array(MEAN, np.float32)
        plane[: cut.shape[0], : cut.shape[1]] = cut
        framed.append(plane)
    return framed[0], framed[1], framed[2]


def batch(pools: Sequence[tuple[Pictures, float]], rng: np.random.Generator, size: int, side: int) -> Batch:
    """`size` views of pictures from `pools`, each pool drawn from with its probability."""
    shares = np.array([share for _, share in pools])
    views = []
    while len(views) < size:
        pool = pools[rng.choice(len(pools), p=shares / shares.sum())][0]
        found = view(pool[int(rng.integers(len(pool)))], rng, side)
        if found is not None:
            views.append(found)
    pictures = torch.from_numpy(np.stack([v[0] for v in views])).permute(0, 3, 1, 2)
    return Batch(pictures, torch.from_numpy(np.stack([np.stack(v[1:]) for v in views])))


def inner_point(plane: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """A pixel (x, y) of a plane that is not empty: half the time its deepest, else rather a deep one."""
    depth = cv2.distanceTransform(np.pad(plane, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    if rng.random() < 0.5:
        at = int(depth.argmax())
    else:
        flat = np.cumsum(np.minimum(depth.ravel(), 12.0))
        at = int(np.searchsorted(flat, rng.uniform(0, flat[-1]), side="right"))
        at = min(at, depth.size - 1)
    return at % plane.shape[1], at // plane.shape[1]


def jitter_box(plane: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """The box of a plane as SPHINX or a hand might draw it: xyxy, each side off by some per cent."""
    ys, xs = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    x1, y1, x2, y2 = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
    off = rng.normal(0, rng.choice([0.01, 0.03, 0.08]), 4)
    w, h = x2 - x1, y2 - y1
    side = plane.shape[0]
    box = np.clip((x1 + off[0] * w, y1 + off[1] * h, x2 + off[2] * w, y2 + off[3] * h), 0, side)
    return float(box[0]), float(box[1]), float(max(box[2], box[0] + 2)), float(max(box[3], box[1] + 2))


@dataclass(slots=True, eq=False)
class Asked:
    """Prompts of one batch in pixels: points (B, N, 2), labels (B, N), boxes (B, 4), or None."""

    points: np.ndarray | None
    labels: np.ndarray | None
    boxes: np.ndarray | None

    def with_click(self, points: np.ndarray, labels: np.ndarray) -> Asked:
        """The same with one click more a picture: (B, 2), (B,)."""
        if self.points is None or self.labels is None:
            return Asked(points[:, None], labels[:, None], self.boxes)
        return Asked(
            np.concatenate([self.points, points[:, None]], 1),
            np.concatenate([self.labels, labels[:, None]], 1),
            self.boxes,
        )


def ask_clicks(targets: np.ndarray, rng: np.random.Generator) -> Asked:
    """One click a target, or now and then two or three of both signs, for planes bool (B, S, S)."""
    count = int(rng.choice([1, 1, 1, 2, 3]))
    points, labels = [], []
    for target in targets:
        row, signs = [inner_point(target, rng)], [1]
        around = None
        while len(row) < count:
            if rng.random() < 0.6:
                row.append(inner_point(target, rng))
                signs.append(1)
                continue
            if around is None:
                x, y, w, h = cv2.boundingRect(target.astype(np.uint8))
                reach = max(4, int(0.25 * max(w, h)))
                around = np.zeros_like(target)
                around[max(0, y - reach) : y + h + reach, max(0, x - reach) : x + w + reach] = True
                around &= ~target
            if not around.any():
                around = ~target
            add = not around.any()
            row.append(inner_point(target if add else around, rng))
            signs.append(int(add))
        points.append(row)
        labels.append(signs)
    return Asked(np.array(points, np.float32), np.array(labels, np.int32), None)


def ask_boxes(targets: np.ndarray, rng: np.random.Generator) -> Asked:
    """A loose box a target, with a click in it now and then."""
    boxes = np.array([jitter_box(target, rng) for target in targets], np.float32)
    asked = Asked(None, None, boxes)
    if rng.random() < 0.12:
        points = np.array([inner_point(target, rng) for target in targets], np.float32)
        return asked.with_click(points, np.ones(len(targets), np.int32))
    return asked


def correct(asked: Asked, answers: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> Asked:
    """One click more where the answers (bool, as targets) are most wrong: adding, or taking away."""
    points, labels = [], []
    for answer, target in zip(answers, targets, strict=True):
        missing, extra = target & ~answer, answer & ~target
        add = missing.sum() >= extra.sum()
        wrong = missing if add else extra
        if not wrong.any():
            wrong, add = target, True
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=4)
        if count > 2:
            wrong = pieces == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        points.append(inner_point(wrong, rng))
        labels.append(int(add))
    return asked.with_click(np.array(points, np.float32), np.array(labels, np.int32))


# What is answered and counted ---------------------------------------------------------------------------


def encode(sam: Sam, pictures: torch.Tensor, *, autocast: bool) -> torch.Tensor:
    """Embeddings (B, dim, cells, cells), float32, of pictures 0..255 (B, 3, S, S)."""
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
    """All four masks' logits (B, 4, S/2, S/2) and predicted IoUs (B, 4) for one question a picture.

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
    """The loss, its figures, and the index 1..3 of the candidate predicted best (B,).

    Args:
        targets: float (B, h, w) in 0..1, at the logits' size.
        single: also teach mask 0, SAM's one answer to an unambiguous question.
    """
    goal = targets[:, None].expand_as(logits)
    share = targets.mean((1, 2)).clamp(0.002, 0.998)
    lift = ((1 - share) / share).sqrt()[:, None, None, None]  # small things would rather be left empty
    cross = F.binary_cross_entropy_with_logits(logits, goal, pos_weight=lift, reduction="none").mean((2, 3))
    cross = CROSS * cross / (1 + share * (lift[:, 0, 0, 0] - 1))[:, None]
    chance = logits.sigmoid()
    shared = (chance * goal).sum((2, 3))
    dice = 1 - (2 * shared + 1) / (chance.sum((2, 3)) + goal.sum((2, 3)) + 1)
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
    """The loss of one batch over its questions, and figures by kind of question."""
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


# The run ------------------------------------------------------------------------------------------------


def draw_pictures(folder: Path, recipe: Recipe, *, processes: int) -> list[tuple[Pool, float]]:
    """The pools of a run, drawn into `folder` where they do not lie there yet."""
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
    optimizers = Optimizers([(sam, recipe.rate)])
    clock = Clock(recipe.minutes * 60, recipe.steps)
    checkpoint = folder / "checkpoint.pt"
    if resume:
        state = torch.load(checkpoint, map_location=recipe.device, weights_only=True)
        sam.load_state_dict(state["weights"])
        optimizers.load_state_dict(state["optimizers"])
        clock.step, clock.elapsed = state["step"], state["elapsed"]
    curve = Curve(folder, "curve", append=resume)
    averages: dict[str, float] = {}
    saved = time.monotonic()

    def keep() -> None:
        state = {
            "weights": sam.state_dict(),
            "optimizers": optimizers.state_dict(),
            "step": clock.step,
            "elapsed": clock.elapsed,
        }
        save_state(checkpoint, state)
        segmenter.save(sam, config, folder)

    with progress_bar(clock, "sam") as bar:
        clock.start()
        while clock.progress < 1 and (recipe.halt is None or clock.step < recipe.halt):
            rng = np.random.default_rng((recipe.seed, clock.step))
            pictures = batch(pools, rng, recipe.batch, config.image_size)
            loss, figures = step_loss(sam, pictures, rng, autocast=recipe.autocast)
            optimizers.step(loss, clock)
            clock.tick()
            averages = curve.add(clock.step, figures)
            bar.update(int(clock.progress * 1000) - bar.n)
            bar.set_postfix(
                {
                    name: f"{averages.get(name, 0):.3f}"
                    for name in ("loss", "click iou", "box iou", "corrected iou")
                },
                refresh=False,
            )
            if time.monotonic() - saved > SAVE_EVERY:
                keep()
                saved = time.monotonic()
    keep()
    return averages


def main(argv: Sequence[str]) -> int:
    """The command line."""
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
