"""Whether the pixels say that a removal came true: the whole former region and its surroundings.

Four things tell that it did not: edges of the old thing that are still where they were, in the hole or
sticking out of it; a patch without the texture of what is around it (a smear); a patch that is much busier
than plain surroundings (a trace); and colours that occur nowhere around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from pipelines.inpainting.plainness import MOST_BUSY, busy, surroundings
from pipelines.mask_shapes import window
from pipelines.scene import Box, Mask
from pipelines.sentences import Sentence, sentence

SIDE = 192  # pixels, longer side of the copy that is compared
CONTEXT = 0.6  # of the hole's longer side, around it: what counts as its surroundings
CELL = 9  # pixels, sigma of the neighbourhoods in which edges are compared
STRONG_EDGE = 14.0  # grey levels a pixel, root mean square: from which a neighbourhood has edges to compare
SAME_EDGES = 0.6  # correlation of edges before and after from which they are the same
MOST_LEFT = 0.12  # share of the hole that may hold edges of before
RIM = 6  # pixels around the hole in which the old thing may stick out
MOST_STICKING_OUT = 0.25  # share of the rim that may look like the old thing and unlike the surroundings
UNLIKE = 30.0  # distance of RGB colours from which two places look unlike
FINEST, COARSEST = 1.0, 4.0  # pixels, sigmas of the blurs between which texture lies; finer is mere grain
TEXTURED = 1.5  # grey levels, median texture from which surroundings count as textured
LEAST_TEXTURE = 0.4  # of the surroundings' texture that a filled hole must have
MOST_TRACE = 0.15  # share of the hole that may be busy on plain surroundings
EDGES = (
    4  # shares of the hole that an edge takes which takes one of the surroundings, if it is blurred a little
)
FOREIGN = 42.0  # distance of an RGB colour from all of the surroundings' from which it is foreign to them
MOST_FOREIGN = 0.2  # share of the hole that may have foreign colours
PALETTE = 12  # colours that describe the surroundings


@dataclass(frozen=True, slots=True)
class RemovalCheck:
    """What pixels say of a removal.

    Attributes:
        leftover: share of the hole that still holds the edges of what was there, 0..1.
        sticking_out: share of the rim around the hole that looks like what was removed, 0..1.
        texture: of the hole's texture to the surroundings', 0 is flat; None where these have none, either.
        foreign: share of the hole with colours that do not occur around it, 0..1.
        trace: share of the hole that is busy, beyond what edges of the surroundings may bring into it; 0
            where these are not plain.
    """

    leftover: float
    sticking_out: float
    texture: float | None
    foreign: float
    trace: float = 0.0

    @property
    def reasons(self) -> tuple[Sentence, ...]:
        """Why the removal did not come true; empty where it did."""
        found = []
        if self.leftover > MOST_LEFT:
            found.append(sentence("left_over"))
        if self.sticking_out > MOST_STICKING_OUT:
            found.append(sentence("rim"))
        if self.texture is not None and self.texture < LEAST_TEXTURE:
            found.append(sentence("smear"))
        if self.trace > MOST_TRACE:
            found.append(sentence("trace"))
        if self.foreign > MOST_FOREIGN:
            found.append(sentence("foreign"))
        return tuple(found)

    @property
    def clean(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def verify_removal(before: Image.Image, after: Image.Image, mask: Mask) -> RemovalCheck:
    """Compare a picture before and after something was removed.

    Args:
        before, after: RGB, of the same size.
        mask: the hole that was filled, not empty.
    Raises:
        ValueError: the sizes differ, or the mask is empty.
    """
    if before.size != after.size or not mask.bits:
        raise ValueError(f"expected two pictures of one size and a mask, got {before.size}, {after.size}")
    crop = mask.box.grown(CONTEXT).within(before.size)
    old, new, hole = _small(before, after, mask, crop)
    around = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    if hole.sum() < 9:
        return RemovalCheck(float((old[hole] == new[hole]).all()), 0.0, None, 0.0)
    return RemovalCheck(
        leftover=_leftover(old, new, hole),
        sticking_out=_sticking_out(old, new, hole) if around.any() else 0.0,
        texture=_texture(new, hole, around),
        foreign=_foreign(new, hole, around),
        trace=_trace(new, hole),
    )


def _small(
    before: Image.Image, after: Image.Image, mask: Mask, crop: Box
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return crops of both pictures, float32 (h, w, 3), and of the mask, bool (h, w), at one small size."""
    width, height = crop.x2 - crop.x1, crop.y2 - crop.y1
    scale = min(1.0, SIDE / max(width, height))
    to_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    old, new = (
        np.asarray(one.convert("RGB").resize(to_wh, Image.Resampling.BOX, box=crop, reducing_gap=3.0))
        for one in (before, after)
    )
    part = np.where(window(mask, crop), np.uint8(255), np.uint8(0))
    hole = cv2.resize(part, to_wh, interpolation=cv2.INTER_AREA) > 127
    return old.astype(np.float32), new.astype(np.float32), hole


def _gradients(pixels: np.ndarray) -> np.ndarray:
    """Return the changes of grey to the right and down, float32 (h, w, 2)."""
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.stack(
        [cv2.Sobel(grey, cv2.CV_32F, *axes, ksize=3, scale=0.25) for axes in ((1, 0), (0, 1))], -1
    )


def _leftover(old: np.ndarray, new: np.ndarray, hole: np.ndarray) -> float:
    """Return the share of the hole's neighbourhoods with edges in which these are still the same."""
    before, after = _gradients(old) * hole[..., None], _gradients(new) * hole[..., None]

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (0, 0), CELL)

    covered = np.maximum(mean(hole.astype(np.float32)), 1e-3)
    energy, energy_after = (mean((one**2).sum(-1)) / covered for one in (before, after))
    shared = mean((before * after).sum(-1)) / covered
    edged = hole & (energy > STRONG_EDGE**2 / 4)
    if not edged.any():
        return float(np.abs(old - new)[hole].max() < 1)  # a plain thing that was not touched at all
    same = shared / np.maximum(np.sqrt(energy * energy_after), 1e-6) > SAME_EDGES
    return float((same & edged).sum() / hole.sum())


def _sticking_out(old: np.ndarray, new: np.ndarray, hole: np.ndarray) -> float:
    """Return the share of the rim outside the hole that is like the old thing and unlike what lies beyond."""
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3)
    rim, beyond = (distance > 1) & (distance <= RIM), distance > 2 * RIM
    inside = cv2.erode(hole.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    if not rim.any() or not beyond.any() or not inside.any():
        return 0.0
    thing, surroundings = _local_mean(old, inside, RIM), _local_mean(new, beyond, 2 * RIM)
    shown = _local_mean(new, rim, RIM / 2)  # the mean of a pattern's colours, as that of the thing
    to_thing = np.linalg.norm(shown - thing, axis=-1)
    to_surroundings = np.linalg.norm(shown - surroundings, axis=-1)
    told_apart = np.linalg.norm(thing - surroundings, axis=-1) > UNLIKE
    replaced = np.linalg.norm(_local_mean(new, inside, RIM) - thing, axis=-1) > UNLIKE
    sticks = rim & told_apart & replaced & (to_thing < to_surroundings / 2) & (to_surroundings > UNLIKE)
    return float(sticks.sum() / rim.sum())


def _local_mean(pixels: np.ndarray, where: np.ndarray, sigma: float) -> np.ndarray:
    """Return the mean colour of the nearby pixels that are counted, float32 (h, w, 3)."""
    weight = cv2.GaussianBlur(where.astype(np.float32), (0, 0), sigma)[..., None]
    total = cv2.GaussianBlur(pixels * where[..., None], (0, 0), sigma)
    overall = pixels[where].mean(0)
    return np.where(weight > 1e-4, total / np.maximum(weight, 1e-6), overall)


def _texture(new: np.ndarray, hole: np.ndarray, around: np.ndarray) -> float | None:
    """Return the hole's finest detail as a share of its surroundings'; None where these have no texture.

    Whether they have one is seen between two blurs, since a plain wall has grain, too. A fill that spreads
    colours from the hole's edge has streaks at that scale, but no detail.
    """
    grey = new @ np.array([0.299, 0.587, 0.114], np.float32)
    smooth, smoother = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (FINEST, COARSEST))
    inside = cv2.erode(hole.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    if not inside.any() or not around.any() or np.median(np.abs(smooth - smoother)[around]) < TEXTURED:
        return None
    detail = np.abs(grey - smooth)
    return float(np.median(detail[inside]) / max(1e-6, np.median(detail[around])))


def _trace(new: np.ndarray, hole: np.ndarray) -> float:
    """Return the share of the hole that is busy and goes on with nothing around it; 0 on a busy ground."""
    ground = busy(new, surroundings(hole))
    return 0.0 if ground > MOST_BUSY else max(0.0, busy(new, hole) - EDGES * ground)


def _foreign(new: np.ndarray, hole: np.ndarray, around: np.ndarray) -> float:
    """Return the share of the hole with colours far from all that describe the surroundings."""
    if around.sum() < PALETTE:
        return 0.0
    smooth = cv2.GaussianBlur(new, (0, 0), 1.0)
    seen = smooth[around]
    seen = np.ascontiguousarray(seen[:: max(1, len(seen) // 3000)])
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 15, 1.0)
    count = min(PALETTE, len(np.unique(seen.astype(np.uint8), axis=0)))
    _, _, palette = cv2.kmeans(seen, count, None, criteria, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    nearest = np.full(hole.sum(), np.inf, np.float32)
    for color in palette:
        nearest = np.minimum(nearest, np.linalg.norm(smooth[hole] - color, axis=-1))
    return float((nearest > FOREIGN).mean())
