"""Segment everything: clicks on a grid, each answered by the segmenter, doubles thrown away."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language.requests import Everything
from pipelines.scene import Box, Click, Mask, Picture, Point, Record, Region, Scene
from pipelines.tasks.regions import need_picture
from pipelines.tasks.results import Listing, Results, Searching, TaskResult

GRID = 8  # clicks a side
LEAST_AREA, MOST_AREA = 0.0008, 0.5  # of the picture
SAME = 0.7  # IoU from which the answers to two clicks are one mask, which speaks for it
COVERED = 0.5  # of a mask that may lie under better ones
VOTE = 0.15  # predicted IoU that another click with the same answer is worth
MOST_VOTES = 4
LEAST_SCORE = 0.5  # predicted IoU with votes, below which a mask is not taken
MOST = 40  # regions
EDGE_SIDE = 512  # pixels, longer side of the picture in which edges are looked for
EDGE = 12.0  # CIELAB units over two pixels, from which there is an edge
SUPPORT = 0.5  # of a mask's outline that must lie on edges: a patch of plain sky has none


@dataclass(slots=True)
class _Offer:
    """A mask, what it was asked with, its predicted IoU, and how many other clicks gave the same."""

    mask: Mask
    click: Click
    score: float
    candidates: tuple[tuple[Mask, float], ...]
    votes: int = 0

    @property
    def worth(self) -> float:
        return self.score + VOTE * min(self.votes, MOST_VOTES)


def segment_all(engine: Engine, scene: Scene, request: Everything, options: ReplyOptions) -> Results:
    """Outline all that can be told apart; regions that are there already keep their place."""
    picture = need_picture(scene)
    image = engine.image(picture)
    # Ask the segmenter at every point of the grid
    offers: list[_Offer] = []
    for row in range(GRID):
        for column in range(GRID):
            _ask_at(engine, picture, offers, column, row)
        yield TaskResult(scene, Searching(row + 1, GRID), Record("everything", ""), "partial")
    # Take the best masks first, each where not too much is covered already
    covered = np.zeros((image.height, image.width), bool)
    for region in scene.regions:
        if region.mask:
            covered |= region.mask.array(picture.size_wh)
    edges = find_edges(image)
    new: list[int] = []
    for offer in sorted(offers, key=lambda offer: -offer.worth):
        plane = offer.mask.array(picture.size_wh)
        if support(plane, edges) < SUPPORT or len(new) == MOST or offer.worth < LEAST_SCORE:
            continue
        if (plane & covered).sum() > COVERED * plane.sum():
            continue
        covered |= plane
        region = _region(scene.next_id, offer)
        scene = scene.with_region(region)
        new.append(region.id)
    record = Record("everything", engine.segmenter.name)
    yield TaskResult(replace(scene, selected=None), Listing("everything"), record, region_ids=tuple(new))


def _ask_at(engine: Engine, picture: Picture, offers: list[_Offer], column: int, row: int) -> None:
    """Add the segmenter's two best answers to a click on the grid."""
    width, height = picture.size_wh
    point = Point(int((column + 0.5) * width / GRID), int((row + 0.5) * height / GRID))
    click = Click(point)
    candidates = engine.segmenter.outline(engine.image(picture), picture.digest, clicks=(click,))
    for mask, score in candidates[:2]:
        _offer(offers, _Offer(_piece(mask, point), click, score, candidates), width * height)


def _region(region_id: int, offer: _Offer) -> Region:
    return Region(
        region_id,
        "",
        offer.mask.box,
        offer.mask,
        score=offer.score,
        source="everything",
        clicks=(offer.click,),
        candidates=offer.candidates,
    )


def find_edges(image: Image.Image) -> np.ndarray:
    """Return where colours change: bool (h, w), at most EDGE_SIDE a side, widened by one pixel."""
    scale = min(1.0, EDGE_SIDE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels = np.asarray(image.resize(size, Image.Resampling.BOX), np.float32) / 255
    lab = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB), (0, 0), 0.8)
    down = np.abs(np.diff(lab, n=1, axis=0, append=lab[-1:])) + np.abs(
        np.diff(lab, n=1, axis=0, prepend=lab[:1])
    )
    across = np.abs(np.diff(lab, n=1, axis=1, append=lab[:, -1:])) + np.abs(
        np.diff(lab, n=1, axis=1, prepend=lab[:, :1])
    )
    strong = np.maximum(down, across).sum(axis=2) >= EDGE
    return cv2.dilate(strong.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def support(plane: np.ndarray, edges: np.ndarray) -> float:
    """Return the fraction of a mask's outline that lies on edges; the picture's own border counts as one."""
    small = cv2.resize(plane.astype(np.uint8), (edges.shape[1], edges.shape[0]), interpolation=cv2.INTER_AREA)
    inner = cv2.erode(small, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    rim = (small > 0) & (inner == 0)
    return float(edges[rim].mean()) if rim.any() else 1.0


def _offer(offers: list[_Offer], new: _Offer, pixels: int) -> None:
    """Add an offer, or a vote to the one that is the same."""
    if not LEAST_AREA <= new.mask.area / pixels <= MOST_AREA:
        return
    for old in offers:
        if overlap(old.mask, new.mask) >= SAME:
            if old.click != new.click:
                old.votes += 1
            if new.score > old.score:
                old.mask, old.click, old.score, old.candidates = (
                    new.mask,
                    new.click,
                    new.score,
                    new.candidates,
                )
            return
    offers.append(new)


def _piece(mask: Mask, point: Point) -> Mask:
    """Return the connected piece of a mask that holds a point; the whole mask where none does."""
    x, y = point.x - mask.box.x1, point.y - mask.box.y1
    crop = mask.crop
    if not (0 <= y < crop.shape[0] and 0 <= x < crop.shape[1] and crop[y, x]):
        return mask
    _, labels = cv2.connectedComponents(crop.astype(np.uint8), connectivity=4)
    piece = Mask.from_array(labels == labels[y, x])
    x1, y1, x2, y2 = piece.box
    return Mask(Box(x1 + mask.box.x1, y1 + mask.box.y1, x2 + mask.box.x1, y2 + mask.box.y1), piece.bits)


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks, worked out inside their common box."""
    x1, y1 = max(one.box.x1, other.box.x1), max(one.box.y1, other.box.y1)
    x2, y2 = min(one.box.x2, other.box.x2), min(one.box.y2, other.box.y2)
    if x2 <= x1 or y2 <= y1:
        return 0.0
    planes = [
        mask.crop[y1 - mask.box.y1 : y2 - mask.box.y1, x1 - mask.box.x1 : x2 - mask.box.x1]
        for mask in (one, other)
    ]
    shared = int((planes[0] & planes[1]).sum())
    union = one.area + other.area - shared
    return shared / union if union else 0.0
