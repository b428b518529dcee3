"""What every training run here shares: optimisers, the learning rate over a run, checkpoints and curves.

Several processes may train one network together (`torchrun`), each on its part of a batch: gradients are
averaged, the clock is the first one's, and only the first writes files. Knows parameters, steps and files;
knows nothing of what is being learnt.
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from tqdm import tqdm

WARM_UP = 40  # steps
FLOOR = 0.02  # of the peak learning rate, at the end of a run
SAVE_EVERY = 240.0  # seconds between checkpoints
PATIENCE = timedelta(hours=3)  # of processes, for one that draws what all will learn from
AVERAGE = 0.98  # of a shown figure is its past


def join() -> None:
    """Meet the other processes where `torchrun` started several; alone, nothing happens."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not distributed.is_initialized():
        distributed.init_process_group("gloo", timeout=PATIENCE)


def place() -> tuple[int, int]:
    """This process's number among those that train together, and how many they are: (0, 1) alone."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def wait() -> None:
    """Until all processes that train together are here."""
    if place()[1] > 1:
        distributed.barrier()


def leave() -> None:
    """Leave the other processes, once all have come to the end; alone, nothing happens.

    A process that ends while another still waits for its last message breaks that one's connection.
    """
    if distributed.is_initialized():
        wait()
        distributed.destroy_process_group()


@dataclass(slots=True)
class Clock:
    """How far a run is: by steps where `steps` is given, by its own seconds otherwise. Survives a resume."""

    seconds: float
    steps: int | None = None
    elapsed: float = 0.0
    step: int = 0
    _last: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        self._last = time.monotonic()

    def tick(self) -> None:
        """Count one step."""
        now = time.monotonic()
        self.elapsed += now - self._last
        self._last = now
        if place()[1] > 1:
            firsts = torch.tensor([self.elapsed], dtype=torch.float64)
            distributed.broadcast(firsts, 0)
            self.elapsed = float(firsts)
        self.step += 1

    @property
    def progress(self) -> float:
        """0 at the start, 1 at the end."""
        done = self.step / self.steps if self.steps is not None else self.elapsed / max(self.seconds, 1e-9)
        return min(1.0, done)


LEAST_WIDE = 16  # channels that a convolution takes and makes at least, to be updated as a matrix


class Optimizers:
    """Muon for matrices between hidden widths, AdamW for everything else, under one learning-rate curve.

    A convolution's kernel is such a matrix, too: output channels times all else.
    """

    def __init__(self, modules: Iterable[tuple[nn.Module, float]]) -> None:
        """Args: modules, each with its peak learning rate; frozen parameters are left out."""
        matrices, others, seen = [], [], set()
        self.kernels: list[tuple[nn.Parameter, Tensor]] = []
        for module, rate in modules:
            plain = {
                id(p)
                for m in module.modules()
                if isinstance(m, nn.Embedding | nn.EmbeddingBag)
                for p in m.parameters(recurse=False)
            }
            for name, parameter in module.named_parameters():
                if not parameter.requires_grad or id(parameter) in seen:
                    continue
                seen.add(id(parameter))
                matrix = parameter.ndim == 2 and min(parameter.shape) > 1 and id(parameter) not in plain
                if matrix and "lm_head" not in name and "position" not in name:
                    matrices.append({"params": [parameter], "lr": rate})
                elif parameter.ndim == 4 and min(parameter.shape[:2]) >= LEAST_WIDE:
                    view = _as_matrix(parameter.detach())
                    if view.data_ptr() != parameter.data_ptr():
                        raise ValueError(f"{name} lies in memory in no order that is known")
                    self.kernels.append((parameter, view))
                    matrices.append({"params": [view], "lr": rate})
                else:
                    decay = 0.05 if parameter.ndim > 1 else 0.0
                    others.append({"params": [parameter], "lr": rate, "weight_decay": decay})
        self.parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(others, betas=(0.9, 0.95))]
        if matrices:
            self.parts.append(torch.optim.Muon(matrices, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"))
        self.peaks = [[group["lr"] for group in part.param_groups] for part in self.parts]
        views: dict[int, Any] = {id(view): kernel for kernel, view in self.kernels}
        self.parameters = [
            views.get(id(p), p) for part in self.parts for group in part.param_groups for p in group["params"]
        ]

    def step(self, loss: Tensor, clock: Clock, clip: float = 1.0) -> float:
        """Backward, clip, update. Returns the gradient's norm."""
        scale = min(1.0, (clock.step + 1) / WARM_UP)
        scale *= FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * clock.progress))
        for part, peaks in zip(self.parts, self.peaks):
            for group, peak in zip(part.param_groups, peaks):
                group["lr"] = peak * scale
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()
        self._share()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, clip)
        for kernel, view in self.kernels:
            view.grad = None if kernel.grad is None else _as_matrix(kernel.grad, like=kernel)
        for part in self.parts:
            part.step()
        return float(norm)

    def _share(self) -> None:
        """Average the gradients over the processes that train together."""
        count = place()[1]
        held = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        if count > 1 and held:
            flat = torch.cat([grad.flatten() for grad in held]) / count
            distributed.all_reduce(flat)
            for grad, mean in zip(held, flat.split([grad.numel() for grad in held])):
                grad.copy_(mean.view_as(grad))

    def state_dict(self) -> list[Any]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[Any]) -> None:
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


def _as_matrix(kernel: Tensor, like: Tensor | None = None) -> Tensor:
    """(O, I, H, W) -> (O, I * H * W), sharing memory; columns in the order in which `like` lies in memory."""
    if not (kernel if like is None else like).is_contiguous():  # channels last
        kernel = kernel.permute(0, 2, 3, 1)
    return kernel.reshape(len(kernel), -1)


class Curve:
    """Figures of a run, one CSV line every few steps; `draw` makes the picture."""

    def __init__(self, folder: Path, name: str, *, every: int = 10, append: bool = False) -> None:
        self.file = folder / f"{name}.csv"
        self.every, self.averages = every, {}
        self.writes = place()[0] == 0
        if self.writes and not append:
            self.file.unlink(missing_ok=True)

    def add(self, step: int, figures: dict[str, float], **context: Any) -> dict[str, float]:
        """Take the figures of a step; returns their running averages."""
        for name, value in figures.items():
            if math.isfinite(value):
                self.averages[name] = AVERAGE * self.averages.get(name, value) + (1 - AVERAGE) * value
        if self.writes and step % self.every == 0:
            with self.file.open("a", newline="") as file:
                writer = csv.writer(file)
                for name, value in self.averages.items():
                    writer.writerow([*context.values(), step, name, f"{value:.5f}"])
        return self.averages

    def draw(self) -> None:
        """Write the curves beside the CSV as a PNG."""
        if not self.writes:
            return
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        if not self.file.exists():
            return
        series: dict[str, list[float]] = {}
        with self.file.open() as file:
            for *_, name, value in csv.reader(file):
                series.setdefault(name, []).append(float(value))
        columns = min(4, len(series))
        rows = -(-len(series) // columns)
        figure, axes = pyplot.subplots(rows, columns, figsize=(4 * columns, 2.5 * rows), squeeze=False)
        for axis, (name, values) in zip(axes.flat, series.items()):
            axis.plot(values)
            axis.set_title(name)
        figure.tight_layout()
        figure.savefig(self.file.with_suffix(".png"), dpi=80)
        pyplot.close(figure)


def save_state(file: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all; of several processes only the first does."""
    if place()[0]:
        return
    part = file.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, file)


def progress_bar(clock: Clock, label: str) -> tqdm:
    """Return a bar in per mille of the run."""
    return tqdm(
        total=1000,
        initial=int(clock.progress * 1000),
        desc=label,
        unit="‰",
        mininterval=5.0,
        disable=place()[0] > 0,
    )
