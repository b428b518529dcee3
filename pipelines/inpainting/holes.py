"""Which pixels an edit may change, computed before anything is painted: functions of masks only.

remove      the mask and REMOVAL_MARGIN around it, so that no rim of the old thing stays; `shadows.py`, which
            sees the picture, adds the shadow at the thing's foot
replace     around each part of the mask its box and REPLACEMENT_MARGIN, since a new thing has an outline
            of its own, but never farther from the mask than REPLACEMENT_REACH; no pixel of another region
recolor     the mask
background  all but the masks
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines import mask_shapes as m
from pipelines.errors import DemoError
from pipelines.scene import Box, Mask

LEAST_MARGIN = 3  # pixels
REMOVAL_MARGIN = 0.014  # of the picture's longer side
REPLACEMENT_MARGIN = 0.04  # of a part's longer side, around its box
REPLACEMENT_REACH = 0.25  # of a part's longer side; the corner of a disc's box is .21 away from the disc
SPECK = 0.02  # of the largest part's area; what is smaller gets a margin and no room for a thing of its own


def removal_hole(masks: Sequence[Mask], size_wh: tuple[int, int]) -> Mask:
    """Return what may change where things are removed."""
    margin = max(LEAST_MARGIN, round(REMOVAL_MARGIN * max(size_wh)))
    return m.grow(m.union(masks), margin, size_wh)


def replacement_hole(masks: Sequence[Mask], others: Sequence[Mask], size_wh: tuple[int, int]) -> Mask:
    """Return what may change where things are replaced: two parts that lie apart are two holes.

    Args:
        masks: of what is replaced.
        others: of the other regions, which stay as they are.
    Raises:
        DemoError: other regions cover everything that could change.
    """
    rooms = []
    for mask in masks:
        pieces = m.parts(mask)
        large = [piece for piece in pieces if piece.area >= SPECK * pieces[0].area]
        rooms += [_room(group, size_wh) for group in _groups(large, size_wh)]
        rooms += [m.grow(piece, LEAST_MARGIN, size_wh) for piece in pieces[len(large) :]]
    hole = m.difference(m.union(rooms), others)
    if not hole.bits:
        raise DemoError("What is to be replaced lies wholly under other regions: forget those first.")
    return hole


def background_hole(masks: Sequence[Mask], size_wh: tuple[int, int]) -> Mask:
    """Return what may change where the background is changed."""
    return m.complement(m.union(masks), size_wh)


def _margin(box: Box) -> int:
    """Return by how many pixels the box of a part grows where the part is replaced."""
    return max(LEAST_MARGIN, round(REPLACEMENT_MARGIN * max(box.x2 - box.x1, box.y2 - box.y1)))


def _groups(pieces: Sequence[Mask], size_wh: tuple[int, int]) -> list[Mask]:
    """Return the parts, those of which the rooms would overlap taken together (a cup behind a pole)."""
    groups = list(pieces)
    merged = True
    while merged:
        merged = False
        for i, one in enumerate(groups):
            box = _grown_box(one.box, size_wh)
            for j in range(i + 1, len(groups)):
                if box.iou(_grown_box(groups[j].box, size_wh)) > 0:
                    groups[i] = m.union([one, groups.pop(j)])
                    merged = True
                    break
            if merged:
                break
    return groups


def _grown_box(box: Box, size_wh: tuple[int, int]) -> Box:
    margin = _margin(box)
    return Box(box.x1 - margin, box.y1 - margin, box.x2 + margin, box.y2 + margin).within(size_wh)


def _room(part: Mask, size_wh: tuple[int, int]) -> Mask:
    """Return where a thing may lie that takes the place of a part."""
    box = part.box
    reach = max(LEAST_MARGIN, round(REPLACEMENT_REACH * max(box.x2 - box.x1, box.y2 - box.y1)))
    room = _grown_box(box, size_wh)
    filled = Mask.from_crop(np.ones((room.y2 - room.y1, room.x2 - room.x1), bool), room)
    return m.intersection(filled, m.grow(part, reach, size_wh))
