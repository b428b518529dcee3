"""Whether a picture looks like those a checkpoint was trained on.

A Gaussian over what the encoders make of the training pictures; a picture farther from it than nearly all of
those is from somewhere else. Kept beside the weights as `familiarity.safetensors`. Knows visual tokens only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

FILE = "familiarity.safetensors"
SHRINKAGE = 0.02  # of the covariance towards its diagonal
ACCEPTED = 0.95  # of the training world's pictures count as familiar


def summary(tokens: Tensor) -> Tensor:
    """One vector for a picture: mean and spread of its visual tokens. (N, D) -> (2 * D,)."""
    tokens = tokens.float()
    return torch.cat([tokens.mean(dim=0), tokens.std(dim=0)])


@dataclass(frozen=True, slots=True, eq=False)
class Familiarity:
    """Mean (F,), whitening matrix (F, F) and the distance up to which a picture counts as familiar."""

    mean: Tensor
    whitening: Tensor
    threshold: float

    @classmethod
    def fit(cls, vectors: Tensor, accepted: float = ACCEPTED) -> Familiarity:
        """Fit to summaries (pictures, F) of the training world; a fifth of them sets the threshold."""
        kept, spare = vectors[: len(vectors) * 4 // 5].double(), vectors[len(vectors) * 4 // 5 :]
        covariance = kept.T.cov()
        covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * covariance.diagonal().diag()
        covariance += 1e-6 * covariance.diagonal().mean() * torch.eye(len(covariance))
        whitening = torch.linalg.inv(torch.linalg.cholesky(covariance)).float()
        made = cls(kept.mean(dim=0).float(), whitening, 0.0)
        distances = torch.stack([made.distance(vector) for vector in spare])
        return cls(made.mean, whitening, float(distances.quantile(accepted)))

    def distance(self, vector: Tensor) -> Tensor:
        """Mahalanobis distance of a summary (F,), by the square root of F: about 1 for the training world."""
        return (self.whitening @ (vector.float() - self.mean)).norm() / len(self.mean) ** 0.5

    def is_familiar(self, tokens: Tensor) -> bool:
        """Whether a picture's visual tokens (N, D) look like the training world's."""
        return float(self.distance(summary(tokens))) <= self.threshold

    def save(self, folder: Path) -> None:
        """Write `familiarity.safetensors` into a checkpoint's folder."""
        state = {
            "mean": self.mean,
            "whitening": self.whitening.half().contiguous(),
            "threshold": torch.tensor(self.threshold),
        }
        save_file(state, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Familiarity | None:
        """The one of that checkpoint, or None where it has none."""
        if not (folder / FILE).exists():
            return None
        state = load_file(folder / FILE)
        return cls(state["mean"], state["whitening"].float(), float(state["threshold"]))
