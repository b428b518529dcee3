"""Masks as polygons through the centres of their outermost pixels.

That is how OpenCV fills a polygon, and so how the readers of YOLO and VOC do: the pixels on its edge belong
to it. COCO's readers fill along the pixels' edges instead; see `export.coco.edge_polygon`.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.scene import Mask

MOST_COMPARED = 1500  # points of a ring among which the nearest to another ring is looked for
FEWEST = 3  # points of a polygon that readers take


def parts_of(mask: Mask) -> list[np.ndarray]:
    """Return a polygon (N, 2), int32 pixels x and y, for each connected part; holes are cut in by a seam."""
    rings, tree = cv2.findContours(mask.crop.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not rings:
        return []
    corner = np.array([mask.box.x1, mask.box.y1], np.int32)
    points = [ring[:, 0].astype(np.int32) + corner for ring in rings]
    holes: dict[int, list[np.ndarray]] = {}
    for number, (_, _, _, parent) in enumerate(tree[0]):
        if parent >= 0:
            holes.setdefault(int(parent), []).append(points[number])
    outer = [number for number, row in enumerate(tree[0]) if row[3] < 0]
    outer.sort(key=lambda number: -cv2.contourArea(points[number]))
    return [_plain(joined([points[number], *holes.get(number, [])])) for number in outer]


def polygon_of(mask: Mask) -> np.ndarray | None:
    """Return the one polygon of a mask, its parts joined by seams a pixel wide; None where it is empty."""
    parts = parts_of(mask)
    return _plain(joined(parts)) if parts else None


def joined(rings: list[np.ndarray]) -> np.ndarray:
    """Join rings to the first, each by a line to the nearest point and back."""
    whole, rest = rings[0], list(rings[1:])
    while rest:
        near = [_nearest(whole, ring) for ring in rest]
        best = min(range(len(rest)), key=lambda at: near[at][0])
        _, here, there = near[best]
        ring = rest.pop(best)
        turned = np.concatenate([ring[there:], ring[: there + 1]])
        whole = np.concatenate([whole[: here + 1], turned, whole[here:]])
    return whole


def _nearest(one: np.ndarray, other: np.ndarray) -> tuple[float, int, int]:
    """Return the squared distance of two rings, and the indices of the points that it is between."""
    steps = [max(1, -(-len(ring) // MOST_COMPARED)) for ring in (one, other)]
    a, b = one[:: steps[0]].astype(np.float32), other[:: steps[1]].astype(np.float32)
    squared = ((a[:, None] - b[None]) ** 2).sum(2)
    here, there = np.unravel_index(int(squared.argmin()), squared.shape)
    return float(squared[here, there]), int(here) * steps[0], int(there) * steps[1]


def _plain(ring: np.ndarray) -> np.ndarray:
    """Return the polygon without points that lie on the way between their neighbours."""
    ahead, back = np.roll(ring, -1, 0) - ring, ring - np.roll(ring, 1, 0)
    cross = ahead[:, 0] * back[:, 1] - ahead[:, 1] * back[:, 0]
    onward = (ahead * back).sum(1) > 0
    kept = ring[~((cross == 0) & onward)]
    kept = kept if len(kept) else ring[:1]
    while len(kept) < FEWEST:
        kept = np.concatenate([kept, kept[:1]])
    return kept
