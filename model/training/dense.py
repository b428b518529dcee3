"""Dense auxiliary supervision: what lies under every cell of a view's grid, and linear heads that say so.

The heads sit on the projected visual tokens (the language model's width), so that kind, colour, corners and
letters are linearly readable there before the language model starts; they are dropped from the shipped
checkpoint. Knows the world's truth and grids; knows nothing of how the tokens came about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.prompts import BLOCKS, JOINTS, Box
from model.training.photos.library import COCO_KINDS
from model.training.question_generator import area
from model.training.world import ACTIONS, COLOURS, PATTERNS, THING_KINDS
from model.training.world.truth import Thing, Truth

RASTER = 8  # raster points a cell side when deciding which object a cell belongs to
ELEMENTS = ("button", "field", "checkbox", "switch", "slider", "icon")
CLASSES = tuple(
    dict.fromkeys(("background", *THING_KINDS, "person", "word", "sign", *BLOCKS, *ELEMENTS, *COCO_KINDS))
)
MIDDLE = 0.28  # of a box's side to both sides of its middle: where a thing without an outline owns cells
UNKNOWN = 255  # in `lies`: not known whether such a point lies in the cell
LETTERS = " ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
SLOTS = (0.25, 0.75)  # where in a cell, from its left edge, a written letter is asked for
IGNORED = -100

_CLASS = {name: i for i, name in enumerate(CLASSES)}
_COLOUR = {name: i for i, name in enumerate(COLOURS)}
_PATTERN = {name: i for i, name in enumerate(PATTERNS)}
_ACTION = {name: i for i, name in enumerate(ACTIONS)}
_LETTER = {name: i for i, name in enumerate(LETTERS)}

# name -> number of classes of a per-cell classification, and how much it weighs
CLASSIFICATIONS = {
    "kind": (len(CLASSES), 2.5),
    "colour": (len(COLOURS), 0.7),
    "pattern": (len(PATTERNS), 0.4),
    "action": (len(ACTIONS), 0.4),
    "odd": (2, 0.5),
    "letter0": (len(LETTERS), 0.5),
    "letter1": (len(LETTERS), 0.5),
    **{f"tens{i}": (10, 0.35) for i in range(4)},
    **{f"units{i}": (10, 0.08) for i in range(4)},
    # of sub-images: the digits that a corner has in the whole picture, but for the half that it lies in
    **{f"fifth{i}": (5, 0.35) for i in range(4)},
    **{f"fiftieth{i}": (10, 0.12) for i in range(4)},
}
BOX_WEIGHT, JOINT_WEIGHT, PRESENCE_WEIGHT = 6.0, 8.0, 1.0
ANYWHERE_WEIGHT = 1.0  # of a kind being there at all, as its cells together say
BETA = 0.01  # error below which the losses of positions are quadratic: about the least that a reply tells
# A cell says which points lie in it, and where: joints of anybody, and the left upper and the right lower
# corner of anything's box. It has as many places as there are groups: joint j in place j % 6, so that joints
# next to one another (eyes, or both hips of a person seen from the side) do not share one, and each corner in
# its own. A language model finds the cell by what lies there, and copies from it.
POINTS = len(JOINTS) + 2
GROUP = (*(joint % 6 for joint in range(len(JOINTS))), 6, 7)  # of each point
GROUPS = max(GROUP) + 1
LIES_WEIGHT, LIES_IMPORTANCE = 1.0, 8.0  # importance: of a point that lies there over one that does not
UNITS_WEIGHT = 0.3  # of a second digit beside the first, where a cell's states are asked for both
PLACE_WEIGHTS = {"tens": 1.5, "units": 0.3, "fifth": 1.5, "fiftieth": 0.4}
PLACE_SIZES = {"tens": 10, "units": 10, "fifth": 5, "fiftieth": 10}


@dataclass(slots=True)
class DenseTargets:
    """Targets of one view with a G x G grid; absent values are IGNORED (classes) or NaN (numbers)."""

    classes: np.ndarray  # int16 (number of CLASSIFICATIONS, G * G)
    boxes: np.ndarray  # float32 (G * G, 4), corners in 0..1 of the view
    joints: np.ndarray  # float32 (G * G, 34), x and y of the 17 joints in 0..1 of the view
    lies: np.ndarray  # uint8 (G * G, POINTS), 1 where such a point lies in the cell, UNKNOWN, or 0
    places: np.ndarray  # float32 (G * G, 2 * GROUPS), x and y in 0..1 of the view of a cell's points
    view: tuple[float, float, float, float]  # what it shows of the padded square, xyxy in 0..1
    presence: np.ndarray  # float32 (len(CLASSES),), 1 where the kind is seen in the view, NaN: not known


_ROW = {name: i for i, name in enumerate(CLASSIFICATIONS)}
Found = tuple[str, Box, Any, Any]  # kind, box, polygons or None, and the truth's own record or None


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """The part of the padded square that a grid of `grid` x `grid` cells lies over."""

    truth: Truth
    origin: np.ndarray  # (2,), 0..1 of the padded square
    extent: np.ndarray  # (2,)
    grid: int

    def local(self, points: object) -> np.ndarray:
        """Turn picture pixels (N * 2) into (N, 2), 0..1 of the view."""
        square = _square(self.truth, np.asarray(points, float).reshape(-1, 2))
        return (square - self.origin) / self.extent


def _square(truth: Truth, points: np.ndarray) -> np.ndarray:
    """Turn picture pixels (N, 2) into 0..1 of the padded square."""
    width, height = truth.size_wh
    side = max(width, height)
    return (points + np.array([(side - width) // 2, (side - height) // 2])) / side


def dense_targets(truth: Truth, view: tuple[float, float, float, float], grid: int) -> DenseTargets:
    """Return what a G x G grid over `view` (xyxy in 0..1 of the padded square) is to say."""
    seen = _View(truth, np.array(view[:2]), np.array(view[2:]) - np.array(view[:2]), grid)
    things = [(thing.kind, thing.box, thing.outline, thing) for thing in truth.things]
    blocks = [(block.kind, block.box, None, None) for block in truth.blocks]
    elements = [(element.kind, element.box, None, None) for element in truth.elements]
    words = [("word", word.box, None, word) for word in truth.words]
    found: list[Found] = [*blocks, *elements, *things, *words]

    bodies = [thing.keypoints for thing in truth.things if thing.keypoints is not None]
    points = np.array(bodies, np.float32).reshape(-1, len(JOINTS), 3)
    located = seen.local(points[..., :2]).astype(np.float32).reshape(-1, len(JOINTS), 2)
    located[points[..., 2] == 0] = np.nan
    lies, places = _points_of_cells([*located, *_corners(truth, found, seen.origin, seen.extent)], grid)
    targets = DenseTargets(
        np.full((len(CLASSIFICATIONS), grid * grid), IGNORED, np.int16),
        np.full((grid * grid, 4), np.nan, np.float32),
        np.full((grid * grid, 34), np.nan, np.float32),
        lies, places, view, _absence(truth),
    )  # fmt: skip
    targets.classes[_ROW["kind"]] = 0
    owner = _owners(seen, found)
    for number, thing in enumerate(found, 1):
        _tell(targets, seen, thing, owner == number)
    if truth.style == "photo":
        _leave_open(truth, view, targets.classes[_ROW["kind"]], lies, targets.presence, grid)
    return targets


def _owners(view: _View, found: Sequence[Found]) -> np.ndarray:
    """Return which thing each cell belongs to, int16 (G * G,): from 1 on in their order, 0 for none."""
    grid = view.grid
    raster = np.zeros((grid * RASTER, grid * RASTER), np.int16)
    for number, (_, box, outline, _) in enumerate(found, 1):
        polygons = outline or (_rectangle(middle_part(box) if view.truth.style == "photo" else box),)
        scaled = [
            np.round(view.local(p) * grid * RASTER - 0.5).astype(np.int32) for p in polygons if len(p) > 2
        ]
        if scaled:
            cv2.fillPoly(raster, scaled, number)
    points = raster.reshape(grid, RASTER, grid, RASTER).transpose(0, 2, 1, 3).reshape(grid * grid, -1)
    owner = np.zeros(grid * grid, np.int16)
    for cell in np.flatnonzero(points.any(axis=1)):
        counts = np.bincount(points[cell])
        counts[0] = 0
        best = int(counts.argmax())
        if counts[best] >= 0.2 * RASTER * RASTER:
            owner[cell] = best
    return owner


def _tell(targets: DenseTargets, view: _View, thing: Found, cells: np.ndarray) -> None:
    """Write one thing's targets into its cells, bool (G * G,), if a quarter of its box lies in the view."""
    kind, box, _, source = thing
    classes, grid = targets.classes, view.grid
    corners = view.local(box)
    inside = np.clip(corners, 0.0, 1.0)
    share = float(np.prod(inside[1] - inside[0])) / max(1e-9, float(np.prod(corners[1] - corners[0])))
    if share < 0.25:
        return
    targets.presence[_CLASS[kind]] = 1
    centre = np.floor(inside.mean(axis=0) * grid).astype(int).clip(0, grid - 1)
    if not cells.any():
        cells[centre[1] * grid + centre[0]] = True
    classes[_ROW["kind"], cells] = _CLASS[kind]
    values = inside.reshape(4).clip(0, 0.99)
    targets.boxes[cells] = values
    for i, hundredth in enumerate(np.floor(values * 100 + 1e-6).astype(int)):
        classes[_ROW[f"tens{i}"], cells] = hundredth // 10
        classes[_ROW[f"units{i}"], cells] = hundredth % 10
    if view.extent[0] < 1:
        for i, fiftieth in enumerate(np.floor(values * 50 + 1e-6).astype(int)):
            classes[_ROW[f"fifth{i}"], cells] = fiftieth // 10
            classes[_ROW[f"fiftieth{i}"], cells] = fiftieth % 10
    if kind == "word":
        _letters(classes, cells, grid, corners, source.text)
    elif source is not None:
        _tell_looks(targets, view, source, cells)


def _tell_looks(targets: DenseTargets, view: _View, thing: Thing, cells: np.ndarray) -> None:
    """Write colour, pattern, action, oddness and joints of a thing into its cells."""
    for name, value, numbers in (
        ("colour", thing.colour, _COLOUR),
        ("pattern", thing.pattern, _PATTERN),
        ("action", thing.action, _ACTION),
    ):
        if value in numbers:
            targets.classes[_ROW[name], cells] = numbers[value]
    odd = view.truth.odd
    if odd is not None:
        targets.classes[_ROW["odd"], cells] = int(view.truth.things[odd] is thing)
    if thing.keypoints is not None:
        points = np.asarray(thing.keypoints, np.float32)
        located = view.local(points[:, :2]).astype(np.float32)
        located[(points[:, 2] == 0) | (located < -0.1).any(1) | (located > 1.1).any(1)] = np.nan
        targets.joints[cells] = located.reshape(34)


def _rectangle(box: Box) -> tuple[tuple[float, float], ...]:
    x1, y1, x2, y2 = box
    return (x1, y1), (x2, y1), (x2, y2), (x1, y2)


def middle_part(box: Box) -> Box:
    """Return the middle of a box, MIDDLE of its sides to each side."""
    x1, y1, x2, y2 = box
    cx, cy, reach_x, reach_y = (x1 + x2) / 2, (y1 + y2) / 2, MIDDLE * (x2 - x1), MIDDLE * (y2 - y1)
    return cx - reach_x, cy - reach_y, cx + reach_x, cy + reach_y


def _absence(truth: Truth) -> np.ndarray:
    """Presence (len(CLASSES),) before anything is found: 0 for kinds that are told whole, NaN for others."""
    presence = np.zeros(len(CLASSES), np.float32)
    if truth.known is not None:
        presence[:] = np.nan
        presence[[_CLASS[kind] for kind in truth.known]] = 0
    return presence


def _leave_open(
    truth: Truth,
    view: tuple[float, float, float, float],
    kinds: np.ndarray,
    lies: np.ndarray,
    presence: np.ndarray,
    grid: int,
) -> None:
    """Take back, in place, what a photograph's labels do not tell: its background, points and kinds.

    Cells of nobody count as background only outside every box, and only where some kinds are told whole;
    joints are told only where they belong to the people whose joints are known.
    """
    origin, extent = np.array(view[:2]), np.array(view[2:]) - np.array(view[:2])
    centres = (np.stack(np.meshgrid(np.arange(grid), np.arange(grid)), -1).reshape(-1, 2) + 0.5) / grid
    near = np.zeros(grid * grid, bool)
    for box in [*(thing.box for thing in truth.things), *(box for _, box in truth.ignored)]:
        low, high = (_square(truth, np.array(box, float).reshape(2, 2)) - origin) / extent
        near |= ((centres >= low - 0.5 / grid) & (centres <= high + 0.5 / grid)).all(axis=1)
    whole = truth.known is None or bool(truth.known)
    background = kinds == 0
    kinds[background & (near | (not whole))] = IGNORED
    joints = lies[:, : len(JOINTS)]
    joints[joints == 0] = UNKNOWN
    if not whole or truth.ignored:
        corners = lies[:, len(JOINTS) :]
        corners[corners == 0] = UNKNOWN
    for kind, _ in truth.ignored:
        if kind in _CLASS and presence[_CLASS[kind]] == 0:
            presence[_CLASS[kind]] = np.nan


def _corners(truth: Truth, found: Sequence[Found], origin: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """Return points (N, POINTS, 2) in 0..1 of the view, NaN but for the two corners of each thing found.

    The smallest comes last, since it tells where it lies in a cell of several corners; but a word, which
    shares its corners with the title or the button that it stands on, comes before everything else.
    """
    told = sorted(found, key=lambda thing: (thing[0] != "word", -area(thing[1])))
    square = _square(truth, np.array([box for _, box, _, _ in told], float).reshape(-1, 2))
    points = np.full((len(told), POINTS, 2), np.nan)
    points[:, len(JOINTS) :] = ((np.minimum(square, 1 - 1e-4) - origin) / extent).reshape(-1, 2, 2)
    return points


def _points_of_cells(located: Iterable[np.ndarray], grid: int) -> tuple[np.ndarray, np.ndarray]:
    """`lies` and `places` of DenseTargets from points (up to POINTS, 2) in 0..1 of the view, or NaN."""
    lies = np.zeros((grid * grid, POINTS), np.uint8)
    places = np.full((grid * grid, 2 * GROUPS), np.nan, np.float32)
    for points in located:
        for point in np.flatnonzero(((points >= 0) & (points < 1)).all(axis=1)):
            column, line = (points[point] * grid).astype(int)
            cell, group = line * grid + column, GROUP[point]
            lies[cell, point] = 1
            places[cell, 2 * group : 2 * group + 2] = points[point]
    return lies, places


def _letters(classes: np.ndarray, cells: np.ndarray, grid: int, corners: np.ndarray, text: str) -> None:
    """Ask each cell of a word for the letters under its slots (letters share the word's width evenly)."""
    (left, _), (right, _) = corners
    for cell in np.flatnonzero(cells):
        for slot, offset in enumerate(SLOTS):
            x = ((cell % grid) + offset) / grid
            if left <= x < right:
                letter = text[int((x - left) / (right - left) * len(text))].upper()
                classes[_ROW[f"letter{slot}"], cell] = _LETTER.get(letter, 0)


def stack(targets: Sequence[DenseTargets]) -> dict[str, Tensor]:
    """Views' targets -> tensors with a leading batch dimension."""
    return {
        "classes": torch.from_numpy(np.stack([t.classes for t in targets])),
        "boxes": torch.from_numpy(np.stack([t.boxes for t in targets])),
        "joints": torch.from_numpy(np.stack([t.joints for t in targets])),
        "lies": torch.from_numpy(np.stack([t.lies for t in targets])),
        "places": torch.from_numpy(np.stack([t.places for t in targets])),
        "view": torch.tensor([t.view for t in targets]),
        "presence": torch.from_numpy(np.stack([t.presence for t in targets])),
    }


class DenseHeads(nn.Module):
    """One linear layer over patch tokens, one over the summary token; used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sizes = [count for count, _ in CLASSIFICATIONS.values()]
        self.cell = nn.Linear(width, sum(self.sizes) + 4 + 34)
        self.lies = nn.Linear(width, POINTS)
        self.places = nn.Linear(width, 2 * GROUPS * (sum(PLACE_SIZES.values()) + 1))
        self.whole = nn.Linear(width, len(CLASSES))

    def forward(
        self, patches: Tensor, summary: Tensor, targets: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the weighted loss and figures to watch. Shapes: patches (V, G * G, D), summary (V, D)."""
        parts = self.cell(patches.float()).split([*self.sizes, 4, 34], dim=-1)
        loss = patches.new_zeros((), dtype=torch.float32)
        figures: dict[str, float] = {}
        for i, (name, (_, weight)) in enumerate(CLASSIFICATIONS.items()):
            wanted = targets["classes"][:, i].long().flatten()
            kept = wanted != IGNORED
            if not kept.any():
                continue
            logits, wanted = parts[i].flatten(0, 1)[kept], wanted[kept]
            if name == "kind":
                importance = torch.ones(len(CLASSES), device=logits.device)
                importance[0] = 0.2
                loss = loss + weight * F.cross_entropy(logits, wanted, importance)
                logits, wanted = logits[wanted > 0], wanted[wanted > 0]
            elif name == "odd":
                importance = torch.tensor([0.3, 1.7], device=logits.device)
                loss = loss + weight * F.cross_entropy(logits, wanted, importance)
            else:
                loss = loss + weight * F.cross_entropy(logits, wanted)
            if name in ("kind", "colour", "action", "letter0", "odd", "tens0") and len(wanted):
                figures[name] = (logits.argmax(-1) == wanted).float().mean().item()
        for name, found, weight in (("boxes", parts[-2], BOX_WEIGHT), ("joints", parts[-1], JOINT_WEIGHT)):
            wanted = targets[name]
            kept = ~wanted.isnan()
            if kept.any():
                error = F.smooth_l1_loss(found[kept], wanted[kept].to(found), beta=BETA)
                loss = loss + weight * error
                figures[name] = (found[kept] - wanted[kept]).abs().mean().item()
        located, found = self._located(patches, targets)
        loss, figures = loss + located, figures | found
        anywhere = _anywhere_loss(parts[0], targets["presence"])
        figures["anywhere"] = anywhere.item()
        loss = loss + ANYWHERE_WEIGHT * anywhere
        told = ~targets["presence"].isnan()
        said = self.whole(summary.float())[told]
        if len(said):
            seen = F.binary_cross_entropy_with_logits(said, targets["presence"][told].to(said))
            figures["presence"] = seen.item()
            loss = loss + PRESENCE_WEIGHT * seen
        return loss, figures

    def _located(self, patches: Tensor, targets: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of which points lie in a cell, of where, and of the digits of where."""
        places, told = targets["places"], targets["lies"] != UNKNOWN
        importance = torch.tensor(LIES_IMPORTANCE, device=patches.device)
        loss = patches.new_zeros((), dtype=torch.float32)
        if told.any():
            loss = LIES_WEIGHT * F.binary_cross_entropy_with_logits(
                self.lies(patches.float())[told], targets["lies"][told].float(), pos_weight=importance
            )
        figures: dict[str, float] = {}
        found = self.places(patches.float()).view(*places.shape, -1)
        kept = ~places.isnan()
        if kept.any():
            error = F.smooth_l1_loss(found[..., 0][kept], places[kept], beta=BETA)
            loss = loss + JOINT_WEIGHT * error
            figures["places"] = (found[..., 0][kept] - places[kept]).abs().mean().item()
        whole = (targets["view"][:, 2] - targets["view"][:, 0] == 1)[:, None, None]
        parts = found[..., 1:].split(list(PLACE_SIZES.values()), dim=-1)
        for (name, weight), logits in zip(PLACE_WEIGHTS.items(), parts, strict=True):
            of_whole = name in ("tens", "units")
            here = kept & (whole == of_whole)
            if not here.any():
                continue
            numbers = (places[here] * (100 if of_whole else 50)).long()
            digits = numbers // 10 if name in ("tens", "fifth") else numbers % 10
            loss = loss + weight * F.cross_entropy(logits[here], digits)
            figures[f"point_{name}"] = (logits[here].argmax(-1) == digits).float().mean().item()
        return loss, figures


def _anywhere_loss(kinds: Tensor, presence: Tensor) -> Tensor:
    """Return the loss of each kind being there at all: it is where any cell says so (noisy or).

    Args: kinds, logits (V, G * G, classes); presence (V, classes), NaN where it is not known.
    """
    absent = (1 - kinds.float().softmax(-1)).clamp(min=1e-4).log().sum(dim=1)
    told = ~presence.isnan()
    told[:, 0] = False  # there is background everywhere
    if not told.any():
        return kinds.new_zeros((), dtype=torch.float32)
    absent, there = absent[told].clamp(max=-1e-4), presence[told] > 0.5
    return torch.where(there, -torch.log1p(-absent.exp()), -absent).mean()


class PlacedHeads(nn.Module):
    """One linear layer over the language model's early states at the cells; used in training only.

    It says where in the whole picture a cell's box and points lie. An encoder sees a sub-image alone and
    cannot tell which quarter it is; the language model can, and needs it for its reply.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.digits = nn.Linear(width, 2 * 10 * (4 + 2 * GROUPS))

    def forward(self, states: Tensor, targets: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of tens and units, and the share of sub-images' tens that are right.

        Shapes: states (V, G * G, D).
        """
        numbers = torch.cat([targets["boxes"], targets["places"]], dim=-1)
        view = targets["view"]
        origin, extent = view[:, :2].repeat(1, numbers.shape[-1] // 2), view[:, 2:3] - view[:, :1]
        kept = ~numbers.isnan()
        if not kept.any():
            return states.new_zeros((), dtype=torch.float32), {}
        hundredths = (origin[:, None] + numbers * extent[:, None]) * 100 + 1e-4
        wanted = hundredths[kept].long().clamp(0, 99)
        tens, units = self.digits(states.float()).view(*numbers.shape, 20)[kept].split(10, dim=-1)
        loss = F.cross_entropy(tens, wanted // 10) + UNITS_WEIGHT * F.cross_entropy(units, wanted % 10)
        part = (extent < 1)[:, None].expand_as(kept)[kept]
        right = (tens.argmax(-1) == wanted // 10).float()
        return loss, {"placed": right[part].mean().item()} if part.any() else {}
