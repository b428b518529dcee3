"""From clicks and boxes to outlines: segment_anything's predictor, asked more than once, then sharpened.

SAM's embedding of a picture is dear and its answers are cheap, so embeddings are remembered by the picture's
name within a bound of bytes. A small segmenter sees a large picture coarsely; therefore a click is looked at
in parts of the picture as well, a box in a cut-out around it, and the edge of the answer is settled on the
picture's own pixels.
This module knows pictures, clicks, boxes and masks; it knows no page and no words.
"""

from __future__ import annotations

import logging
import math
import pickle
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image
from segment_anything import SamPredictor
from segment_anything.modeling import Sam

from model import segmenter
from pipelines.errors import MissingCapability
from pipelines.scene import Box, Click, Mask, Point

log = logging.getLogger(__name__)

NANO = Path(__file__).parent.parent / "assets" / "sam-nano"
CACHE_BYTES = 128 << 20  # of embeddings that are remembered
PARTS = (0.55, 0.35)  # of the picture's longer side: cut-outs around a click that are looked at as well
PACE = 0.5  # of a cut-out's side from one to the next, at most
NEARER = 0.04  # IoU by which each closer look is believed more
# A candidate's IoU, from 1, SAM's prediction, stability, share of an edge where it is cut off, mean IoU with
# the others, and how deep in it the first click lies: least squares over 2,241 candidates on drawn scenes,
# but that being cut off counts four times as much: as good by IoU, and few answers end at a straight line
RANK_WEIGHTS = (-0.38, 0.21, 0.33, -0.69, 0.66, 0.21)
STABLE = (0.3, 0.7)  # probabilities: the more alike the candidate's areas above them, the stabler it is
AGREEMENT_SIDE = 192  # pixels, longer side on which candidates are compared
AGREEING = 0.5  # IoU from which candidates are averaged
TEMPER = 0.1  # of belief: by so much less, a candidate weighs 1 / e of the best
OTHER = 0.7  # IoU up to which a candidate is offered beside a better one
OFFERED = 3
SECOND_LOOK = 0.62  # a thing whose box is shorter than this part of the cut-out is looked at again
MARGIN = 0.35  # of the thing's longer side, left around it in the second look
SMALLEST_CUT = 24  # pixels, side of a cut-out
SETTLE_SIDE = 128  # pixels, longer side of the cut-out on which the edge is settled
PAD = 0.12  # of the thing's longer side, left around it there
UNSURE_CLICKED = (0.02, 0.98)  # probabilities between which GrabCut decides, after clicks
UNSURE_BOXED = (0.02, 0.9)  # the same after a box alone
SURE = 0.8  # stability from which an answer is trusted: of drawn things mostly, of photographs seldom
UNSURE_TRUSTED = (0.35, 0.65)  # what is left to GrabCut then
GRABCUT_ROUNDS = 1
CLICK_RADIUS = 2  # pixels of that cut-out that a click settles for good
DOUBT = 0.2  # of that cut-out's longer side, around a click that takes away, where GrabCut decides
ELLIPSE_SHARE = 0.4  # of the box's inscribed ellipse in the opinion that GrabCut starts from
GUIDED_RADIUS, GUIDED_EPSILON = 3, 1e-4  # pixels; variance of grey in 0..1 that counts as flat
DOUBLE = 0.9  # IoU from which two candidates are one
SOFTEN = 1.0  # pixels of that cut-out, blur of the edge before it is enlarged


def load(name: str, *, device: str = "cpu", fetch: bool = True) -> SamSegmenter:
    """The segmenter of a name: sam-nano, sam-vit-b, sam-vit-l, sam-vit-h, a folder, or a released file.

    Args: fetch: whether a released checkpoint that is not here yet may be downloaded.
    Raises: MissingCapability: there are no such weights, or they could not be fetched.
    """
    if name in segmenter.OFFICIAL:
        sam = segmenter.load_official(_fetched(name, fetch=fetch))
        return SamSegmenter(sam.to(device), name=name, manner=RefinementConfig(closer=False, sharpen=False))
    path = NANO if name == "sam-nano" else Path(name)
    try:
        sam = segmenter.load(path) if path.is_dir() else segmenter.load_official(path)
    except (OSError, ValueError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        raise MissingCapability(
            f"There is no segmenter at {name}: {error}. Try sam-nano, {', '.join(segmenter.OFFICIAL)}, "
            "a folder written by the training, or a released .pth file."
        ) from error
    own = path.is_dir()
    manner = RefinementConfig() if own else RefinementConfig(closer=False, sharpen=False)
    sam = sam.to(device)
    if own and device == "cpu" and _multiplies_bf16():
        sam.image_encoder.to(torch.bfloat16).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SamSegmenter(sam, name=path.name, manner=manner)


def _multiplies_bf16() -> bool:
    """Whether this processor computes in bf16 faster than in fp32."""
    can = torch.cpu.get_capabilities()
    return bool(can.get("avx512_bf16") or can.get("amx_bf16"))


def announcement(name: str) -> str:
    """What fetching a released checkpoint costs, in words."""
    official = segmenter.OFFICIAL[name]
    return (
        f"{name}: {official.download_bytes / 1e6:,.0f} MB to download once, "
        f"about {official.memory_bytes / 2**30:.0f} GB of memory to run"
    )


def _fetched(name: str, *, fetch: bool) -> Path:
    """The released checkpoint's file, downloaded where torch keeps such files if it is not there yet."""
    official = segmenter.OFFICIAL[name]
    path = Path(torch.hub.get_dir()) / "checkpoints" / official.url.rsplit("/", 1)[-1]
    if path.exists():
        return path
    log.warning("%s, to %s", announcement(name), path)
    if not fetch:
        raise MissingCapability(
            f"The weights are not here: {announcement(name)}. Start with a connection once."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(
            official.url, str(path), hash_prefix=official.hash_prefix, progress=False
        )
    except (OSError, RuntimeError) as error:
        raise MissingCapability(
            f"The weights of {name} could not be fetched from {official.url} ({error}). "
            f"Put the file at {path}, or use --segmenter sam-nano."
        ) from error
    return path


class Embedding(NamedTuple):
    """What the predictor knows of a picture: features (1, C, h, w), (H, W) of the input and the original."""

    features: torch.Tensor
    input_size: tuple[int, ...]
    original_size: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return self.features.numel() * self.features.element_size()


class _Candidate(NamedTuple):
    """Probabilities float32 on a cut-out of the picture, the predicted IoU, and which agree with it."""

    probability: np.ndarray
    cut: Box
    score: float
    agreeing: tuple[_Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class RefinementConfig:
    """What is done beyond SAM itself, each a measured choice, see sam-nano's card.

    closer: cut-outs of the picture are looked at as well. sharpen: edges are settled on the picture's pixels.
    The released checkpoints see and outline sharply enough without either.
    """

    closer: bool = True
    sharpen: bool = True


class SamSegmenter:
    """SAM with a memory: one verb, `outline`."""

    def __init__(
        self, sam: Sam, *, name: str, manner: RefinementConfig | None = None, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self.name = name
        self.manner = manner or RefinementConfig()
        self.cache_bytes = cache_bytes
        self._sam = sam
        self._kept: OrderedDict[tuple[str, Box], Embedding] = OrderedDict()
        self._lock = threading.Lock()

    def outline(
        self, image: Image.Image, digest: str, *, box: Box | None = None, clicks: Sequence[Click] = ()
    ) -> tuple[tuple[Mask, float], ...]:
        """Outline what a box, clicks, or both point at.

        Args:
            image: upright RGB, any size.
            digest: its name, under which its embeddings are kept.
            box: pixels of the picture; sides in any order, cut at the picture's edge.
            clicks: those that add and those that take away.
        Returns:
            Masks with their predicted IoU (0..1), best first, doubles left out; at least one.
        Raises:
            ValueError: neither a box nor a click is given.
        """
        if box is None and not clicks:
            raise ValueError("expected a box or at least one click, got neither")
        width, height = image.size
        whole = Box(0, 0, width, height)
        box = None if box is None else _inside(box, whole)
        clicks = [
            click._replace(
                point=Point(min(max(click.point.x, 0), width - 1), min(max(click.point.y, 0), height - 1))
            )
            for click in clicks
        ]
        candidates = self._look(image, digest, whole, box, clicks)
        if self.manner.closer:
            if box is None:
                looks = [candidates, *self._look_closer(image, digest, clicks)]
                candidates = _rank_candidates(looks, clicks, image.size)
            else:
                # a box leaves little to choose: the candidates are one opinion, three times
                best, *rest = self._look_again(image, digest, candidates, box, clicks)
                candidates = [best._replace(agreeing=tuple(rest)), *rest]
        answers: list[tuple[np.ndarray, float, Box]] = []
        found: list[tuple[Mask, float]] = []
        for candidate in candidates:
            plane, cut = self._settle(image, candidate, box, clicks, best=not answers)
            if any(_same(plane, cut, other, place) for other, _, place in answers):
                continue
            answers.append((plane, candidate.score, cut))
            found.append((_mask(plane, cut), min(1.0, max(0.0, candidate.score))))
        return tuple(found)

    def planes(
        self,
        image: Image.Image,
        digest: str,
        *,
        box: tuple[int, int, int, int] | None = None,
        clicks: Sequence[tuple[int, int, bool]] = (),
    ) -> list[tuple[np.ndarray, float]]:
        """`outline` in plain numbers, for measuring: candidates bool (H, W); clicks are (x, y, adds?)."""
        asked = [Click(Point(x, y), positive) for x, y, positive in clicks]
        found = self.outline(image, digest, box=None if box is None else Box(*box), clicks=asked)
        return [(mask.array(image.size), score) for mask, score in found]

    def _look(
        self, image: Image.Image, digest: str, cut: Box, box: Box | None, clicks: Sequence[Click]
    ) -> list[_Candidate]:
        """The three candidates on a cut-out of the picture, best first; prompts in pixels of the whole."""
        embedding = self._embedding(image, digest, cut)
        predictor = SamPredictor(self._sam)  # the state of one call is made for that call
        predictor.features = embedding.features
        predictor.original_size, predictor.input_size = embedding.original_size, embedding.input_size
        predictor.is_image_set = True
        height, width = embedding.original_size
        scale = np.array([width / (cut.x2 - cut.x1), height / (cut.y2 - cut.y1)])
        corner = np.array([cut.x1, cut.y1])
        points = labels = corners = None
        if clicks:
            points = (np.array([click.point for click in clicks]) + 0.5 - corner) * scale - 0.5
            labels = np.array([int(click.positive) for click in clicks])
        if box is not None:
            corners = ((np.array(box).reshape(2, 2) - corner) * scale).reshape(4)
        logits, scores, _ = predictor.predict(points, labels, corners, return_logits=True)
        found = [
            _Candidate(1 / (1 + np.exp(-plane.clip(-30, 30))), cut, float(score))
            for plane, score in zip(logits, scores, strict=True)
        ]
        return sorted(found, key=lambda candidate: -candidate.score)

    def _embedding(self, image: Image.Image, digest: str, cut: Box) -> Embedding:
        """The embedding of a cut-out, remembered."""
        return self._embeddings(image, digest, (cut,))[cut]

    def _embeddings(self, image: Image.Image, digest: str, cuts: Sequence[Box]) -> dict[Box, Embedding]:
        """The embeddings of cut-outs, those that are new made together; the oldest go when there are too many
        bytes.
        """
        with self._lock:
            found = {cut: self._kept[digest, cut] for cut in cuts if (digest, cut) in self._kept}
            for cut in found:
                self._kept.move_to_end((digest, cut))
        new = [cut for cut in cuts if cut not in found]
        if not new:
            return found
        encoder = self._sam.image_encoder
        weight = next(encoder.parameters())
        scaled = [_scaled(image, cut, encoder.img_size) for cut in new]
        with torch.no_grad():
            planes = [torch.from_numpy(small).to(weight.device).permute(2, 0, 1) for small in scaled]
            pixels = torch.stack([self._sam.preprocess(plane.float()) for plane in planes])
            features = encoder(pixels.to(weight.dtype)).float()
        for number, (cut, small) in enumerate(zip(new, scaled, strict=True)):
            size = small.shape[:2]
            found[cut] = Embedding(features[number : number + 1].clone(), size, size)
        with self._lock:
            self._kept.update({(digest, cut): found[cut] for cut in new})
            held = sum(kept.bytes for kept in self._kept.values())
            while held > self.cache_bytes and len(self._kept) > 1:
                held -= self._kept.popitem(last=False)[1].bytes
        return found

    def _look_closer(
        self, image: Image.Image, digest: str, clicks: Sequence[Click]
    ) -> list[list[_Candidate]]:
        """The candidates of parts of the picture around the clicks, closer and closer.

        The parts lie on grids whose embeddings are made with the first click, so that the next is quick.
        """
        adding = [click.point for click in clicks if click.positive]
        if not adding:
            return []
        x1, x2 = min(p.x for p in adding), max(p.x for p in adding)
        y1, y2 = min(p.y for p in adding), max(p.y for p in adding)
        sides = [side for part in PARTS if (side := round(part * max(image.size))) >= SMALLEST_CUT]
        grids = [_grid(image.size, side) for side in sides]
        self._embeddings(image, digest, [cut for grid in grids for cut in grid])
        found = []
        for side, grid in zip(sides, grids, strict=True):
            if max(x2 - x1, y2 - y1) > 0.7 * side:
                break
            cut = min(grid, key=lambda c: math.dist((c.x1 + c.x2, c.y1 + c.y2), (x1 + x2, y1 + y2)))
            seen = [click for click in clicks if _holds(cut, click)]
            if any(click.positive for click in seen):
                found.append(self._look(image, digest, cut, None, seen))
        return found

    def _look_again(
        self,
        image: Image.Image,
        digest: str,
        candidates: list[_Candidate],
        box: Box,
        clicks: Sequence[Click],
    ) -> list[_Candidate]:
        """The candidates of a cut-out around the box where it is small in the picture, else the same."""
        whole = Box(0, 0, *image.size)
        around = box
        for click in clicks:
            if click.positive:
                x, y = click.point
                around = Box(
                    min(around.x1, x), min(around.y1, y), max(around.x2, x + 1), max(around.y2, y + 1)
                )
        side = max(around.x2 - around.x1, around.y2 - around.y1)
        if side > SECOND_LOOK * max(image.size):
            return candidates
        cut = _square(around, max(SMALLEST_CUT, round(side * (1 + 2 * MARGIN))), whole)
        return self._look(image, digest, cut, box, [click for click in clicks if _holds(cut, click)])

    def _settle(
        self,
        image: Image.Image,
        candidate: _Candidate,
        box: Box | None,
        clicks: Sequence[Click],
        *,
        best: bool,
    ) -> tuple[np.ndarray, Box]:
        """The candidate's bool plane on a cut-out of the picture at its own resolution.

        The best candidate's edge is settled by GrabCut, the others' by a guided filter, which is cheaper.
        """
        cut = candidate.cut
        extent = _extent(candidate)
        if extent is None:
            return np.zeros((1, 1), bool), Box(cut.x1, cut.y1, cut.x1 + 1, cut.y1 + 1)
        if box is not None:
            extent = Box(
                min(extent.x1, box.x1), min(extent.y1, box.y1), max(extent.x2, box.x2), max(extent.y2, box.y2)
            )
        pad = max(4, round(PAD * max(extent.x2 - extent.x1, extent.y2 - extent.y1)))
        place = _inside(Box(extent.x1 - pad, extent.y1 - pad, extent.x2 + pad, extent.y2 + pad), cut)
        width, height = place.x2 - place.x1, place.y2 - place.y1
        scale = min(1.0, SETTLE_SIDE / max(width, height))
        to = (max(1, round(width * scale)), max(1, round(height * scale)))
        seen = [c for c in candidate.agreeing if _inside(place, c.cut) == place]
        weights = np.exp([(c.score - candidate.score) / TEMPER for c in (candidate, *seen)], dtype=np.float32)
        probability = np.average([_part(c, place, to) for c in (candidate, *seen)], axis=0, weights=weights)
        if self.manner.sharpen and min(to) > 8:
            trusted = _stability(probability) >= SURE
            if box is not None and not clicks:
                probability = _mixed(
                    probability, ellipse_probability(box, place, to), 0.0 if trusted else ELLIPSE_SHARE
                )
            pixels = np.asarray(image.resize(to, Image.Resampling.BOX, box=place, reducing_gap=2.0))
            sure = np.full(probability.shape, -1, np.int8)
            for click in clicks:
                if _holds(place, click):
                    x, y = int((click.point.x - place.x1) * scale), int((click.point.y - place.y1) * scale)
                    cv2.circle(sure, (x, y), CLICK_RADIUS, (int(click.positive),), -1)  # type: ignore[call-overload]
            unsure = UNSURE_TRUSTED if trusted else UNSURE_CLICKED if clicks else UNSURE_BOXED
            probability = grabcut(pixels, probability, sure, unsure) if best else guided(pixels, probability)
        plane = cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
        return plane, place


def _rank_candidates(
    looks: Sequence[Sequence[_Candidate]], clicks: Sequence[Click], size: tuple[int, int]
) -> list[_Candidate]:
    """Of all looks' candidates, up to three that differ, best first, with what agrees with them.

    SAM's own prediction says little about a picture unlike those it has learnt from; a candidate is believed
    that is stable, not cut off, does as the clicks say, has the first click in its middle, and looks the same
    from near and from far.

    Args:
        looks: candidates of the picture and of ever closer parts of it.
        clicks: what they were asked for.
        size: (width, height) of the picture.
    """
    candidates = [candidate for look in looks for candidate in look]
    scale = AGREEMENT_SIDE / max(size)
    to = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    whole = Box(0, 0, *size)
    planes = np.stack([_part(c, whole, to, outside=0.0) > 0.5 for c in candidates])
    flat = planes.reshape(len(planes), -1).astype(np.float32)
    areas = flat.sum(1)
    shared = flat @ flat.T
    alike = shared / np.maximum(1, areas[:, None] + areas - shared)
    others = (alike.sum(1) - alike.diagonal()) / max(1, len(planes) - 1)
    places = [(int(c.point.x * to[0] / size[0]), int(c.point.y * to[1] / size[1])) for c in clicks]
    belief = []
    for number, candidate in enumerate(candidates):
        signs = (
            1.0,
            candidate.score,
            _stability(candidate.probability),
            _cut_off(candidate, whole),
            float(others[number]),
            _central(planes[number], *places[0]) if clicks[0].positive else 0.0,
        )
        wrong = [planes[number][y, x] != c.positive for c, (x, y) in zip(clicks, places, strict=True)]
        belief.append(float(np.dot(RANK_WEIGHTS, signs)) - float(np.mean(wrong)))
    closeness = [depth for depth, look in enumerate(looks) for _ in look]
    rank = [value + NEARER * depth for value, depth in zip(belief, closeness, strict=True)]
    chosen: list[int] = []
    for number in sorted(range(len(candidates)), key=lambda n: -rank[n]):
        if len(chosen) < OFFERED and all(alike[number, better] <= OTHER for better in chosen):
            chosen.append(number)
    best = chosen[0]
    ranked = [candidate._replace(score=value) for candidate, value in zip(candidates, rank, strict=True)]
    agreeing = tuple(c for n, c in enumerate(ranked) if n != best and alike[n, best] >= AGREEING)
    return [ranked[n]._replace(agreeing=agreeing if n == best else ()) for n in chosen]


def _stability(probability: np.ndarray) -> float:
    """How alike the areas are in which probabilities (H, W) exceed a low and a high level: 0..1."""
    low, high = (int((probability > level).sum()) for level in STABLE)
    return high / max(1, low)


def _central(plane: np.ndarray, x: int, y: int) -> float:
    """How deep in a plane, bool (H, W), a pixel lies: 0 outside of it, 1 where it is deepest."""
    depth = cv2.distanceTransform(np.pad(plane, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return float(depth[y, x]) / max(1.0, float(depth.max()))


def _cut_off(candidate: _Candidate, whole: Box) -> float:
    """Share of an edge of the candidate's cut-out, where the picture goes on, that it reaches; the most."""
    plane, cut = candidate.probability > 0.5, candidate.cut
    edges = (
        (cut.x1 > whole.x1, plane[:, :2].any(1)),
        (cut.x2 < whole.x2, plane[:, -2:].any(1)),
        (cut.y1 > whole.y1, plane[:2].any(0)),
        (cut.y2 < whole.y2, plane[-2:].any(0)),
    )
    return max((float(reached.mean()) for goes_on, reached in edges if goes_on), default=0.0)


def grabcut(
    pixels: np.ndarray, probability: np.ndarray, sure: np.ndarray, unsure: tuple[float, float]
) -> np.ndarray:
    """Let GrabCut decide where `chance` is unsure.

    Args:
        pixels: uint8 (H, W, 3).
        chance: float32 (H, W), 0..1.
        sure: int8 (H, W): 1 and 0 where a click says what belongs and what does not, -1 elsewhere.
        unsure: the probabilities between which GrabCut decides.
    Returns:
        float32 (H, W), its edges softened so that it can be enlarged.
    """
    labels = np.where(probability > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[probability < unsure[0]] = cv2.GC_BGD
    labels[probability > unsure[1]] = cv2.GC_FGD
    if (sure == 0).any():  # around a click that takes away, nothing is beyond doubt
        far = cv2.distanceTransform((sure != 0).astype(np.uint8), cv2.DIST_L2, 3) > DOUBT * max(sure.shape)
        labels[(labels == cv2.GC_FGD) & ~far] = cv2.GC_PR_FGD
    labels[sure == 1], labels[sure == 0] = cv2.GC_FGD, cv2.GC_BGD
    inside = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if inside.all() or not inside.any():
        return probability
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(pixels), labels, None, *models, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    inside = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return cv2.GaussianBlur(inside, (0, 0), SOFTEN)


def guided(pixels: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """He, Sun and Tang's guided filter (2013): probabilities (H, W) that follow the picture's edges."""
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255

    def mean(plane: np.ndarray) -> np.ndarray:
        return cv2.blur(plane, (2 * GUIDED_RADIUS + 1,) * 2, borderType=cv2.BORDER_REFLECT)

    centre, level = mean(grey), mean(probability)
    slope = (mean(grey * probability) - centre * level) / (
        mean(grey * grey) - centre * centre + GUIDED_EPSILON
    )
    return np.clip(mean(slope) * grey + mean(level - slope * centre), 0, 1)


def _mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Two opinions (H, W) in 0..1 as one, in log odds; `share` is the other's, whose 0 is final."""
    odds = [np.log(plane / (1 - plane)) for plane in (one.clip(1e-3, 0.999), other.clip(1e-3, 0.999))]
    mixed = 1 / (1 + np.exp(-(1 - share) * odds[0] - share * odds[1]))
    return np.where(other > 0, mixed, 0).astype(np.float32)


def ellipse_probability(box: Box, cut: Box, to: tuple[int, int]) -> np.ndarray:
    """How likely a pixel belongs to what a box holds, knowing nothing but the box: a soft ellipse."""
    sx, sy = to[0] / (cut.x2 - cut.x1), to[1] / (cut.y2 - cut.y1)
    x = (np.arange(to[0]) + 0.5) / sx + cut.x1
    y = (np.arange(to[1]) + 0.5) / sy + cut.y1
    u = (x - (box.x1 + box.x2) / 2) / max(0.5, (box.x2 - box.x1) / 2)
    v = (y - (box.y1 + box.y2) / 2) / max(0.5, (box.y2 - box.y1) / 2)
    distance = np.sqrt(u[None] ** 2 + v[:, None] ** 2)
    probability = 1 / (1 + np.exp((distance - 1.0) * 4.5))
    outside = (np.abs(u)[None] > 1) | (np.abs(v)[:, None] > 1)
    return np.where(outside, 0.0, probability).astype(np.float32)


def _inside(box: Box, frame: Box) -> Box:
    """`box` cut at the frame, at least a pixel each way."""
    x1, x2 = sorted((box.x1, box.x2))
    y1, y2 = sorted((box.y1, box.y2))
    x1, y1 = min(max(x1, frame.x1), frame.x2 - 1), min(max(y1, frame.y1), frame.y2 - 1)
    return Box(x1, y1, max(x1 + 1, min(x2, frame.x2)), max(y1 + 1, min(y2, frame.y2)))


def _square(around: Box, side: int, frame: Box) -> Box:
    """A square of `side` about the middle of a box, pushed into the frame and cut where it is too large."""
    w, h = min(side, frame.x2), min(side, frame.y2)
    x = min(max(0, (around.x1 + around.x2 - w) // 2), frame.x2 - w)
    y = min(max(0, (around.y1 + around.y2 - h) // 2), frame.y2 - h)
    return Box(x, y, x + w, y + h)


def _grid(size: tuple[int, int], side: int) -> list[Box]:
    """Squares of a side that cover a picture of (width, height), overlapping."""
    starts = []
    for length in size:
        spare = max(0, length - side)
        gaps = math.ceil(spare / (PACE * side))
        starts.append([round(i * spare / max(1, gaps)) for i in range(gaps + 1)])
    wide, high = min(side, size[0]), min(side, size[1])
    return [Box(x, y, x + wide, y + high) for y in starts[1] for x in starts[0]]


def _scaled(image: Image.Image, cut: Box, side: int) -> np.ndarray:
    """A cut-out of the picture, its longer side scaled to `side`: uint8 (h, w, 3)."""
    width, height = cut.x2 - cut.x1, cut.y2 - cut.y1
    scale = side / max(width, height)
    to = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.array(image.resize(to, Image.Resampling.BILINEAR, box=cut, reducing_gap=2.0))


def _holds(box: Box, click: Click) -> bool:
    return box.x1 <= click.point.x < box.x2 and box.y1 <= click.point.y < box.y2


def _extent(candidate: _Candidate) -> Box | None:
    """The box of a candidate in pixels of the picture, None where it is empty."""
    plane = candidate.probability > 0.5
    rows, columns = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    if not len(rows):
        return None
    cut = candidate.cut
    sx, sy = (cut.x2 - cut.x1) / plane.shape[1], (cut.y2 - cut.y1) / plane.shape[0]
    box = Box(
        cut.x1 + int(columns[0] * sx),
        cut.y1 + int(rows[0] * sy),
        cut.x1 + int(np.ceil((columns[-1] + 1) * sx)),
        cut.y1 + int(np.ceil((rows[-1] + 1) * sy)),
    )
    return _inside(box, cut)


def _part(candidate: _Candidate, place: Box, to: tuple[int, int], outside: float | None = None) -> np.ndarray:
    """The candidate's probabilities on `place`, resampled to `to` (width, height).

    Beyond its cut-out they are those at its edge, or `outside`.
    """
    cut = candidate.cut
    rows, columns = candidate.probability.shape
    sx, sy = columns / (cut.x2 - cut.x1), rows / (cut.y2 - cut.y1)
    stretch_x, stretch_y = (place.x2 - place.x1) / to[0] * sx, (place.y2 - place.y1) / to[1] * sy
    matrix = np.array(
        [
            [stretch_x, 0, (place.x1 - cut.x1) * sx + stretch_x / 2 - 0.5],
            [0, stretch_y, (place.y1 - cut.y1) * sy + stretch_y / 2 - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if outside is None:
        return cv2.warpAffine(candidate.probability, matrix, to, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cv2.warpAffine(candidate.probability, matrix, to, flags=flags, borderValue=(outside,))


def _same(plane: np.ndarray, cut: Box, other: np.ndarray, place: Box) -> bool:
    """Whether two bool planes, each on its own cut-out, are the same outline."""
    x1, y1, x2, y2 = (
        max(cut.x1, place.x1),
        max(cut.y1, place.y1),
        min(cut.x2, place.x2),
        min(cut.y2, place.y2),
    )
    shared = 0
    if x1 < x2 and y1 < y2:
        one = plane[y1 - cut.y1 : y2 - cut.y1, x1 - cut.x1 : x2 - cut.x1]
        two = other[y1 - place.y1 : y2 - place.y1, x1 - place.x1 : x2 - place.x1]
        shared = int((one & two).sum())
    union = int(plane.sum()) + int(other.sum()) - shared
    return union == 0 or shared / union >= DOUBLE


def _mask(plane: np.ndarray, cut: Box) -> Mask:
    """Pack a bool plane that lies on a cut-out of the picture."""
    packed = Mask.from_array(plane)
    if not packed.bits:
        return packed
    x1, y1, x2, y2 = packed.box
    return Mask(Box(x1 + cut.x1, y1 + cut.y1, x2 + cut.x1, y2 + cut.y1), packed.bits)
