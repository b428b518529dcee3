"""SAM's own answers on a crop of the picture.

The embedding is dear and the answer is cheap, so embeddings are cached under the picture's name, within a
bound of bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

import cachetools
import cv2
import numpy as np
import torch
from PIL import Image
from segment_anything import SamPredictor
from segment_anything.modeling import Sam

from pipelines.sam.crops import clip_box
from pipelines.scene import Box, Click

CACHE_BYTES = 128 << 20  # of embeddings


class Embedding(NamedTuple):
    """What SAM knows of a crop: features (1, C, h, w), and (H, W) of the input and of the original."""

    features: torch.Tensor
    input_size: tuple[int, ...]
    original_size: tuple[int, ...]


class Candidate(NamedTuple):
    """One answer: probability float32 (h, w) on a crop, its score, and the candidates that agree with it.

    The score is SAM's predicted IoU, or the rank's estimate of it once candidates have been ranked.
    """

    probability: np.ndarray
    crop: Box
    score: float
    agreeing: tuple[Candidate, ...] = ()

    @property
    def extent(self) -> Box | None:
        """The box of what is likelier than not, in pixels of the picture; None where nothing is."""
        mask = self.probability > 0.5
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return None
        crop = self.crop
        sx, sy = (crop.x2 - crop.x1) / mask.shape[1], (crop.y2 - crop.y1) / mask.shape[0]
        box = Box(
            crop.x1 + int(columns[0] * sx),
            crop.y1 + int(rows[0] * sy),
            crop.x1 + int(np.ceil((columns[-1] + 1) * sx)),
            crop.y1 + int(np.ceil((rows[-1] + 1) * sy)),
        )
        return clip_box(box, crop)

    def resample(self, place: Box, to_wh: tuple[int, int], outside: float | None = None) -> np.ndarray:
        """Return the probabilities on `place`, a box of the picture, resampled to (width, height).

        Beyond the candidate's crop they are those at its edge, or `outside`.
        """
        crop = self.crop
        rows, columns = self.probability.shape
        sx, sy = columns / (crop.x2 - crop.x1), rows / (crop.y2 - crop.y1)
        step_x, step_y = (place.x2 - place.x1) / to_wh[0] * sx, (place.y2 - place.y1) / to_wh[1] * sy
        matrix = np.array(
            [
                [step_x, 0, (place.x1 - crop.x1) * sx + step_x / 2 - 0.5],
                [0, step_y, (place.y1 - crop.y1) * sy + step_y / 2 - 0.5],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        if outside is None:
            return cv2.warpAffine(
                self.probability, matrix, to_wh, flags=flags, borderMode=cv2.BORDER_REPLICATE
            )
        return cv2.warpAffine(self.probability, matrix, to_wh, flags=flags, borderValue=(outside,))


class CachedPredictor:
    """SAM with a cache of embeddings. Safe to share between threads: the state of one call belongs to it."""

    def __init__(self, sam: Sam, *, cache_bytes: int = CACHE_BYTES) -> None:
        self.sam = sam
        self.cache: cachetools.LRUCache[tuple[str, Box], Embedding] = cachetools.LRUCache(
            cache_bytes, getsizeof=lambda embedding: embedding.features.nbytes
        )
        self._lock = threading.Lock()

    def embed(self, image: Image.Image, digest: str, crops: Sequence[Box]) -> dict[Box, Embedding]:
        """Return the embeddings of crops; those that are not cached are computed in one batch."""
        with self._lock:
            found = {crop: cached for crop in crops if (cached := self.cache.get((digest, crop))) is not None}
        new = [crop for crop in dict.fromkeys(crops) if crop not in found]
        if not new:
            return found
        encoder = self.sam.image_encoder
        weight = next(encoder.parameters())
        scaled = [_scale(image, crop, encoder.img_size) for crop in new]
        with torch.no_grad():
            pixels = [torch.from_numpy(small).to(weight.device).permute(2, 0, 1).float() for small in scaled]
            batch = torch.stack([self.sam.preprocess(one) for one in pixels])
            features = encoder(batch.to(weight.dtype)).float()
        for number, (crop, small) in enumerate(zip(new, scaled, strict=True)):
            size = small.shape[:2]
            found[crop] = Embedding(features[number : number + 1].clone(), size, size)
        with self._lock:
            for crop in new:
                if found[crop].features.nbytes <= self.cache.maxsize:
                    self.cache[digest, crop] = found[crop]
        return found

    def predict(
        self, image: Image.Image, digest: str, crop: Box, box: Box | None, clicks: Sequence[Click]
    ) -> list[Candidate]:
        """Return SAM's three candidates on a crop, best first. Prompts are in pixels of the picture."""
        embedding = self.embed(image, digest, (crop,))[crop]
        predictor = SamPredictor(self.sam)
        predictor.features = embedding.features
        predictor.original_size, predictor.input_size = embedding.original_size, embedding.input_size
        predictor.is_image_set = True
        height, width = embedding.original_size
        scale = np.array([width / (crop.x2 - crop.x1), height / (crop.y2 - crop.y1)])
        corner = np.array([crop.x1, crop.y1])
        points = labels = corners = None
        if clicks:
            points = (np.array([click.point for click in clicks]) + 0.5 - corner) * scale - 0.5
            labels = np.array([int(click.positive) for click in clicks])
        if box is not None:
            corners = ((np.array(box).reshape(2, 2) - corner) * scale).reshape(4)
        logits, scores, _ = predictor.predict(points, labels, corners, return_logits=True)
        found = [
            Candidate(1 / (1 + np.exp(-plane.clip(-30, 30))), crop, float(score))
            for plane, score in zip(logits, scores, strict=True)
        ]
        return sorted(found, key=lambda candidate: -candidate.score)


def _scale(image: Image.Image, crop: Box, side: int) -> np.ndarray:
    """Return a crop of the picture, its longer side scaled to `side`: uint8 (h, w, 3)."""
    width, height = crop.x2 - crop.x1, crop.y2 - crop.y1
    scale = side / max(width, height)
    to = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.array(image.resize(to, Image.Resampling.BILINEAR, box=crop, reducing_gap=2.0))
