"""From a candidate's coarse probabilities to a mask at the picture's own resolution.

A small segmenter's answer is coarse: its edge is refined on the picture's own pixels, by GrabCut for the best
candidate and by a guided filter, which is cheaper, for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from pipelines.geometry import bounding_box
from pipelines.resampling import enlarge_to_mask
from pipelines.sam.crops import clip_box
from pipelines.sam.prediction import Candidate
from pipelines.sam.ranking import stability
from pipelines.scene import Box, Click

REFINED_SIDE = 128  # pixels, longer side of the crop on which the edge is refined
PAD = 0.12  # of the thing's longer side, left around it on that crop
LEAST_PAD = 4  # pixels
LEAST_REFINED = 8  # pixels; a crop with a shorter side is not refined
UNSURE_CLICKED = (0.02, 0.98)  # probabilities between which GrabCut decides, after clicks
UNSURE_BOXED = (0.02, 0.9)  # the same after a box alone
STABLE_ENOUGH = 0.8  # stability from which a candidate is trusted: drawn things mostly, photographs seldom
UNSURE_TRUSTED = (0.35, 0.65)  # what is left to GrabCut then
GRABCUT_ROUNDS = 1
CLICK_RADIUS = 2  # pixels of the refined crop that a click decides for good
DOUBT = 0.2  # of the refined crop's longer side, around a negative click, where GrabCut decides
ELLIPSE_SHARE = 0.4  # of the box's inscribed ellipse in the log odds that GrabCut starts from
ELLIPSE_STEEPNESS = 4.5  # of the ellipse's edge, per half side of the box
AVERAGE_TEMPERATURE = 0.1  # a candidate with a score lower by this weighs 1 / e of the best
GUIDED_RADIUS, GUIDED_EPSILON = 3, 1e-4  # pixels; variance of grey in 0..1 that counts as flat
SOFTEN = 1.0  # pixels of the refined crop, blur of GrabCut's edge before it is enlarged


@dataclass(frozen=True, slots=True)
class RefinementConfig:
    """What is done beyond SAM itself. Each is a measured choice, see sam-nano's card.

    closer: crops of the picture are asked as well. sharpen: edges are refined on the picture's pixels.
    The released checkpoints see and outline sharply enough without either.
    """

    closer: bool = True
    sharpen: bool = True


def refine(
    image: Image.Image,
    candidate: Candidate,
    box: Box | None,
    clicks: Sequence[Click],
    *,
    sharpen: bool,
    best: bool,
    confined: bool,
) -> tuple[np.ndarray, Box]:
    """Return a candidate's mask at the picture's own resolution: bool (h, w), and the box it covers.

    Args:
        best: refine by GrabCut; otherwise by the guided filter.
        confined: nothing outside `box` can belong to the mask.
    """
    crop, extent = candidate.crop, candidate.extent
    if extent is None:
        return np.zeros((1, 1), bool), Box(crop.x1, crop.y1, crop.x1 + 1, crop.y1 + 1)
    if box is not None:
        extent = bounding_box([extent, box])
    pad = max(LEAST_PAD, round(PAD * max(extent.x2 - extent.x1, extent.y2 - extent.y1)))
    place = clip_box(Box(extent.x1 - pad, extent.y1 - pad, extent.x2 + pad, extent.y2 + pad), crop)
    width, height = place.x2 - place.x1, place.y2 - place.y1
    scale = min(1.0, REFINED_SIDE / max(width, height))
    to_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Average the candidates that agree, as far as they see this place
    opinions = [candidate, *(c for c in candidate.agreeing if clip_box(place, c.crop) == place)]
    weights = np.exp([(c.score - candidate.score) / AVERAGE_TEMPERATURE for c in opinions], dtype=np.float32)
    probability = np.average([c.resample(place, to_wh) for c in opinions], axis=0, weights=weights)
    if sharpen and min(to_wh) > LEAST_REFINED:
        trusted = stability(probability) >= STABLE_ENOUGH
        if box is not None and not clicks:
            prior = ellipse_probability(box, place, to_wh, final=confined)
            probability = mix_log_odds(probability, prior, 0.0 if trusted else ELLIPSE_SHARE)
        pixels = np.asarray(image.resize(to_wh, Image.Resampling.BOX, box=place, reducing_gap=2.0))
        if best:
            decided = _decided_by_clicks(clicks, place, scale, probability.shape)
            unsure = UNSURE_TRUSTED if trusted else UNSURE_CLICKED if clicks else UNSURE_BOXED
            probability = grabcut(pixels, probability, decided, unsure)
        else:
            probability = guided_filter(pixels, probability)
    return enlarge_to_mask(probability.astype(np.float32), (width, height)), place


def grabcut(
    pixels: np.ndarray, probability: np.ndarray, decided: np.ndarray, unsure: tuple[float, float]
) -> np.ndarray:
    """Let GrabCut decide where the probability is unsure.

    Args:
        pixels: uint8 (H, W, 3).
        probability: float32 (H, W), 0..1.
        decided: int8 (H, W): 1 and 0 where a click says what belongs and what does not, -1 elsewhere.
        unsure: the probabilities between which GrabCut decides.
    Returns:
        float32 (H, W), its edges softened so that it can be enlarged.
    """
    labels = np.where(probability > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[probability < unsure[0]] = cv2.GC_BGD
    labels[probability > unsure[1]] = cv2.GC_FGD
    if (decided == 0).any():  # around a negative click, nothing is certain
        distance = cv2.distanceTransform((decided != 0).astype(np.uint8), cv2.DIST_L2, 3)
        labels[(labels == cv2.GC_FGD) & (distance <= DOUBT * max(decided.shape))] = cv2.GC_PR_FGD
    labels[decided == 1], labels[decided == 0] = cv2.GC_FGD, cv2.GC_BGD
    inside = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if inside.all() or not inside.any():
        return probability
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(pixels), labels, None, *models, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    inside = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return cv2.GaussianBlur(inside, (0, 0), SOFTEN)


def guided_filter(pixels: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Filter probabilities (H, W) so that they follow the picture's edges (He, Sun and Tang 2013).

    Args: pixels: uint8 (H, W, 3).
    """
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * GUIDED_RADIUS + 1,) * 2, borderType=cv2.BORDER_REFLECT)

    mean_grey, mean_probability = mean(grey), mean(probability)
    slope = (mean(grey * probability) - mean_grey * mean_probability) / (
        mean(grey * grey) - mean_grey * mean_grey + GUIDED_EPSILON
    )
    return np.clip(mean(slope) * grey + mean(mean_probability - slope * mean_grey), 0, 1)


def mix_log_odds(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Average two probabilities (H, W) in log odds; `share` is the other's, whose zeros stay zero."""
    odds = [np.log(p / (1 - p)) for p in (one.clip(1e-3, 0.999), other.clip(1e-3, 0.999))]
    mixed = 1 / (1 + np.exp(-(1 - share) * odds[0] - share * odds[1]))
    return np.where(other > 0, mixed, 0).astype(np.float32)


def ellipse_probability(box: Box, place: Box, to_wh: tuple[int, int], *, final: bool = True) -> np.ndarray:
    """Return how likely a pixel belongs to what a box holds, knowing nothing but the box: a soft ellipse.

    Args:
        place: the part of the picture that the answer covers, resampled to `to_wh` (width, height).
        final: whether it is zero outside the box.
    """
    sx, sy = to_wh[0] / (place.x2 - place.x1), to_wh[1] / (place.y2 - place.y1)
    x = (np.arange(to_wh[0]) + 0.5) / sx + place.x1
    y = (np.arange(to_wh[1]) + 0.5) / sy + place.y1
    u = (x - (box.x1 + box.x2) / 2) / max(0.5, (box.x2 - box.x1) / 2)
    v = (y - (box.y1 + box.y2) / 2) / max(0.5, (box.y2 - box.y1) / 2)
    distance = np.sqrt(u[None] ** 2 + v[:, None] ** 2)
    probability = 1 / (1 + np.exp((distance - 1.0) * ELLIPSE_STEEPNESS))
    if final:
        probability[(np.abs(u)[None] > 1) | (np.abs(v)[:, None] > 1)] = 0.0
    return probability.astype(np.float32)


def _decided_by_clicks(
    clicks: Sequence[Click], place: Box, scale: float, shape: tuple[int, ...]
) -> np.ndarray:
    """Return what clicks decide on the refined crop: int8 (h, w), 1 or 0 around them, -1 elsewhere."""
    decided = np.full(shape, -1, np.int8)
    for click in clicks:
        if place.contains(click.point):
            x, y = int((click.point.x - place.x1) * scale), int((click.point.y - place.y1) * scale)
            cv2.circle(decided, (x, y), CLICK_RADIUS, (int(click.positive),), -1)  # type: ignore[call-overload]
    return decided
