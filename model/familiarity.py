"""Whether a picture looks like those a checkpoint was trained on.

A Gaussian for each source of training pictures (a drawn world, photographs) over what the encoders make of
them; a picture that is farther from every source than nearly all of that source's own pictures is from
somewhere else. Kept beside the weights as `familiarity.safetensors`. Knows visual tokens only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

FILE = "familiarity.safetensors"
SHRINKAGE = 0.02  # of the covariance towards its diagonal
DRAWN = 0  # index of the drawn world among the sources
ACCEPTED = 0.95  # of a source's pictures count as familiar


def summary(tokens: Tensor) -> Tensor:
    """Return one vector for a picture: mean and spread of its visual tokens. (N, D) -> (2 * D,)."""
    tokens = tokens.float()
    return torch.cat([tokens.mean(dim=0), tokens.std(dim=0)])


@dataclass(frozen=True, slots=True, eq=False)
class Familiarity:
    """Of K sources, the drawn world first: means (K, F), whitening matrices (K, F, F), and thresholds (K,).

    A threshold is the Mahalanobis distance, divided by the square root of F, within which a picture belongs
    to its source.
    """

    means: Tensor
    whitening: Tensor
    thresholds: Tensor

    @classmethod
    def fit(cls, sources: Sequence[Tensor], accepted: float = ACCEPTED) -> Familiarity:
        """Fit to each source's summaries (pictures, F); a fifth of them sets the source's threshold."""
        fitted = [_fit(vectors, accepted) for vectors in sources]
        means, whitening, thresholds = zip(*fitted, strict=True)
        return cls(torch.stack(means), torch.stack(whitening), torch.stack(thresholds))

    def distances(self, vector: Tensor) -> Tensor:
        """Distances (K,) of a summary (F,) from the sources, each as a share of the source's threshold."""
        offsets = vector.float() - self.means
        distances = _length(torch.einsum("kij,kj->ki", self.whitening, offsets))
        return distances / self.thresholds.clamp_min(1e-9)

    def distance(self, vector: Tensor) -> Tensor:
        """Distance of a summary (F,) from the nearest source, as a share of that source's threshold."""
        return self.distances(vector).min()

    def is_drawn(self, tokens: Tensor) -> bool:
        """Return whether visual tokens (N, D) look like the drawn world's, more than like others'."""
        distances = self.distances(summary(tokens))
        return int(distances.argmin()) == DRAWN and float(distances[DRAWN]) <= 1

    def in_distribution(self, tokens: Tensor) -> bool:
        """Return whether a picture's visual tokens (N, D) look like those of a source."""
        return float(self.distance(summary(tokens))) <= 1

    def save(self, folder: Path) -> None:
        """Write `familiarity.safetensors` into a checkpoint's folder."""
        state = {
            "mean": self.means,
            "whitening": self.whitening.half().contiguous(),
            "threshold": self.thresholds,
        }
        save_file(state, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Familiarity | None:
        """Return that checkpoint's, or None where it has none; files of one source had no leading K."""
        if not (folder / FILE).exists():
            return None
        state = load_file(folder / FILE)
        width = state["mean"].shape[-1]
        return cls(
            state["mean"].reshape(-1, width),
            state["whitening"].float().reshape(-1, width, width),
            state["threshold"].reshape(-1),
        )


def _fit(vectors: Tensor, accepted: float) -> tuple[Tensor, Tensor, Tensor]:
    """Fit mean (F,), whitening (F, F) and threshold () of one source's summaries (pictures, F)."""
    kept, spare = vectors[: len(vectors) * 4 // 5].double(), vectors[len(vectors) * 4 // 5 :]
    covariance = kept.T.cov()
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * covariance.diagonal().diag()
    covariance += 1e-6 * covariance.diagonal().mean() * torch.eye(len(covariance))
    whitening = torch.linalg.inv(torch.linalg.cholesky(covariance)).float()
    mean = kept.mean(dim=0).float()
    distances = _length((spare.float() - mean) @ whitening.T)
    return mean, whitening, distances.quantile(accepted)


def _length(whitened: Tensor) -> Tensor:
    """Length of whitened vectors (N, F) by the square root of F: about 1 for a source's own pictures."""
    return whitened.norm(dim=-1) / whitened.shape[-1] ** 0.5
