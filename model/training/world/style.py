"""The finish of a picture: as drawn ("synthetic"), or as if a camera had seen it ("real"). Moves no edge."""

from __future__ import annotations

import random
from functools import lru_cache

import cv2
import numpy as np

STYLES = ("synthetic", "real")
TILE = 1024  # pixels, side of the noise that is cut from
GRAIN = (2.0, 9.0)  # of 255, standard deviation of the sensor's noise
BLUR = (0.0, 0.0042)  # of the shorter side, standard deviation
JPEG = (38, 92)  # quality
CAST = 0.07  # share by which a channel is stronger or weaker
LIGHT = 0.3  # share by which the dark side of a picture is darker


@lru_cache(maxsize=1)
def _noise() -> tuple[np.ndarray, np.ndarray]:
    """Fine noise (TILE, TILE, 3) and coarse texture (TILE, TILE), both float32 with deviation 1."""
    rng = np.random.default_rng(20231113)
    fine = rng.standard_normal((TILE, TILE, 3), dtype=np.float32)
    coarse = np.zeros((TILE, TILE), np.float32)
    for cell, share in ((4, 0.5), (16, 0.8), (64, 1.0)):
        small = rng.standard_normal((TILE // cell, TILE // cell), dtype=np.float32)
        coarse += share * cv2.resize(small, (TILE, TILE), interpolation=cv2.INTER_LINEAR)
    return fine, coarse / float(coarse.std())


def photograph(image: np.ndarray, rng: random.Random) -> np.ndarray:
    """Texture, uneven light, blur, noise, a colour cast and JPEG. Takes and gives uint8 (H, W, 3) RGB."""
    h, w = image.shape[:2]
    fine, coarse = _noise()
    y, x = rng.randrange(TILE - h + 1), rng.randrange(TILE - w + 1)
    angle = rng.uniform(0, 6.283)
    across = np.linspace(-0.5, 0.5, w, dtype=np.float32) * np.float32(np.cos(angle))
    along = np.linspace(-0.5, 0.5, h, dtype=np.float32) * np.float32(np.sin(angle))
    depth = rng.uniform(0.08, LIGHT)
    light = (along[:, None] + across[None, :]) * depth
    light += coarse[y : y + h, x : x + w] * rng.uniform(0.008, 0.024)
    light += rng.uniform(0.9, 1.04)
    cast = np.array([1 + rng.uniform(-CAST, CAST) for _ in range(3)], np.float32)
    sigma = rng.uniform(*BLUR) * min(h, w)
    if sigma > 0.35:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    out = image * (light[..., None] * cast)
    y, x = rng.randrange(TILE - h + 1), rng.randrange(TILE - w + 1)
    out += fine[y : y + h, x : x + w] * rng.uniform(*GRAIN)
    np.clip(out, 0, 255, out=out)
    quality = rng.randint(*JPEG)
    ok, packed = cv2.imencode(".jpg", out.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    seen = cv2.imdecode(packed, cv2.IMREAD_UNCHANGED)
    assert seen is not None
    return seen
