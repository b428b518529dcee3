"""People as articulated figures: their poses, and where their 17 COCO joints are. `figure` draws them.

Angles are degrees from hanging straight down. They open outwards on a figure seen from the front, and towards
where it looks on one seen from the side. Lengths are shares of the standing height.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .canvas import Canvas

HEAD = 0.082  # radius
NECK = 0.045
TORSO = 0.29  # from hips to shoulders
SHOULDER = 0.098  # half the width
HIP = 0.062  # half the width
UPPER_ARM, FOREARM = 0.155, 0.14
THIGH, SHIN = 0.225, 0.215
ARM_WIDTH, LEG_WIDTH = 0.066, 0.09
SIDE_ON = 0.22  # share of the widths left when seen from the side
NOSE, LEYE, REYE, LEAR, REAR, LSHO, RSHO, LELB, RELB, LWRI, RWRI, LHIP, RHIP, LKNE, RKNE, LANK, RANK = range(
    17
)
HEAD_PART, TORSO_PART = 1, 2
LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = 3, 4, 5, 6
# The parts of the body whose pixel at a joint means that the joint is seen.
SHOWN_BY = (
    {HEAD_PART}, {HEAD_PART}, {HEAD_PART}, {HEAD_PART}, {HEAD_PART},
    {TORSO_PART, LEFT_ARM}, {TORSO_PART, RIGHT_ARM}, {LEFT_ARM}, {RIGHT_ARM}, {LEFT_ARM}, {RIGHT_ARM},
    {TORSO_PART, LEFT_LEG}, {TORSO_PART, RIGHT_LEG}, {LEFT_LEG}, {RIGHT_LEG}, {LEFT_LEG}, {RIGHT_LEG},
)  # fmt: skip


Limbs = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Pose:
    """Angles of the person's own left and right limbs, upper then lower; `facing` 0 us, -1 left, 1 right."""

    action: str
    facing: int
    lean: float
    arms: Limbs
    legs: Limbs
    lift: float = 0.0  # feet above the ground


class _Sampler:
    """Draws angles around those of an action, and the side that it is done with."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.side = rng.choice((-1, 1))
        self.swap = rng.random() < 0.5

    def about(self, middle: float, spread: float = 7.0) -> float:
        return middle + self.rng.uniform(-spread, spread)

    def hanging(self) -> tuple[float, float]:
        """Return an arm that hangs down, or now and then a hand on the hip."""
        upper = self.about(14)
        if self.rng.random() < 0.18:
            return self.about(42), self.about(-48, 8)
        return upper, upper + self.about(2, 8)

    def leg(self, middle: float = 5.0) -> tuple[float, float]:
        upper = self.about(middle, 3)
        return upper, upper + self.about(0, 3)

    def either(self, limbs: Limbs) -> Limbs:
        """Return the limbs, or left and right exchanged."""
        return (limbs[1], limbs[0]) if self.swap else limbs


def _standing(draw: _Sampler) -> Pose:
    facing = 0 if draw.rng.random() < 0.75 else draw.side
    arms = (draw.hanging(), draw.hanging())
    return Pose("standing", facing, 0.0, arms, (draw.leg(), draw.leg(-4.0 if facing else 5.0)))


def _waving(draw: _Sampler) -> Pose:
    upper = draw.about(128, 12)
    arms = ((upper, draw.about(176, 14)), draw.hanging())
    return Pose("waving", 0, 0.0, draw.either(arms), (draw.leg(), draw.leg()))


def _cheering(draw: _Sampler) -> Pose:
    left, right = draw.about(152, 8), draw.about(152, 8)
    arms = ((left, draw.about(172, 6)), (right, draw.about(172, 6)))
    return Pose("cheering", 0, 0.0, arms, (draw.leg(7), draw.leg(7)))


def _pointing(draw: _Sampler) -> Pose:
    upper = draw.about(88, 8)
    arms = ((upper, upper + draw.about(2, 4)), draw.hanging())
    return Pose("pointing", 0, 0.0, draw.either(arms), (draw.leg(), draw.leg()))


def _jumping(draw: _Sampler) -> Pose:
    a, b = draw.about(118, 14), draw.about(118, 14)
    c, d = draw.about(44, 8), draw.about(44, 8)
    legs = ((c, c - draw.about(62, 10)), (d, d - draw.about(62, 10)))
    arms = ((a, a + draw.about(25)), (b, b + draw.about(25)))
    return Pose("jumping", 0, 0.0, arms, legs, draw.rng.uniform(0.1, 0.17))


def _walking(draw: _Sampler) -> Pose:
    front, back = draw.about(26, 4), draw.about(-20, 4)
    legs = ((front, front - draw.about(10, 4)), (back, back - draw.about(18, 6)))
    swing = draw.about(26, 5)
    arms = ((-swing, -swing + draw.about(18, 6)), (swing, swing + draw.about(18, 6)))
    return Pose("walking", draw.side, draw.about(2, 2), draw.either(arms), draw.either(legs))


def _running(draw: _Sampler) -> Pose:
    front, back = draw.about(62, 8), draw.about(-24, 6)
    legs = ((front, front - draw.about(72, 10)), (back, back - draw.about(62, 12)))
    swing = draw.about(48, 8)
    arms = ((-swing, -swing + draw.about(84, 8)), (swing, swing + draw.about(80, 8)))
    lean = draw.about(11, 4)
    return Pose("running", draw.side, lean, draw.either(arms), draw.either(legs), 0.02)


def _sitting(draw: _Sampler) -> Pose:
    near, far = draw.about(86, 4), draw.about(82, 4)
    legs = ((near, draw.about(2, 8)), (far, draw.about(-4, 8)))
    upper, lean = draw.about(26, 8), draw.about(-2, 3)
    arms = ((upper, draw.about(62, 8)), (upper + 6, draw.about(58, 8)))
    return Pose("sitting", draw.side, lean, arms, legs)


def _kicking(draw: _Sampler) -> Pose:
    high, down = draw.about(74, 7), draw.about(-5, 4)
    legs = ((high, high + draw.about(-4, 4)), (down, down))
    swing = draw.about(46, 8)
    arms = ((-swing, -swing + draw.about(8)), (swing, swing + draw.about(24)))
    return Pose("kicking", draw.side, draw.about(-9, 3), draw.either(arms), draw.either(legs))


_POSES = {
    "standing": _standing, "walking": _walking, "running": _running, "sitting": _sitting,
    "waving": _waving, "jumping": _jumping, "cheering": _cheering, "pointing": _pointing,
    "kicking": _kicking,
}  # fmt: skip
ACTIONS = tuple(_POSES)


def pose(action: str, rng: random.Random) -> Pose:
    """Return a pose of `action` with a little of everybody's own.

    Raises:
        ValueError: there is no such action.
    """
    if action not in _POSES:
        raise ValueError(f"expected one of {', '.join(ACTIONS)}, got {action!r}")
    return _POSES[action](_Sampler(rng))


@lru_cache(maxsize=32)
def joints(how: Pose) -> np.ndarray:
    """Return the 17 joints of a figure 1 high that stands on (0, 0), y down: float (17, 2), read-only."""
    face = how.facing
    width = SIDE_ON if face else 1.0
    lean = math.radians(how.lean) * (face or 1)
    up = np.array([math.sin(lean), -math.cos(lean)])
    across = np.array([math.cos(lean), math.sin(lean)])
    out = np.zeros((17, 2))
    # On a figure seen from the front its left is on our right; looking to the right, its right side is near.
    outward = (1.0, -1.0)
    for i, (shoulder, hip) in enumerate(((LSHO, LHIP), (RSHO, RHIP))):
        offset = outward[i] * width * (1 if face == 0 else face)
        out[hip] = across * (HIP * offset)
        out[shoulder] = up * TORSO + across * (SHOULDER * offset)
        sign = face or outward[i]
        for start, (upper, lower), (first, second), joint in (
            (shoulder, how.arms[i], (UPPER_ARM, FOREARM), LELB + i),
            (hip, how.legs[i], (THIGH, SHIN), LKNE + i),
        ):
            a, b = math.radians(upper), math.radians(lower)
            middle = out[start] + first * np.array([math.sin(a) * sign, math.cos(a)])
            out[joint] = middle
            out[joint + 2] = middle + second * np.array([math.sin(b) * sign, math.cos(b)])
    head = up * (TORSO + NECK + HEAD)
    if face:
        out[NOSE] = head + np.array([face * HEAD * 1.02, 0.008])
        out[LEYE] = out[REYE] = head + np.array([face * HEAD * 0.55, -0.02])
        out[LEAR] = out[REAR] = head + np.array([-face * HEAD * 0.12, 0.0])
    else:
        out[NOSE] = head + np.array([0, 0.012])
        out[LEYE], out[REYE] = head + np.array([0.031, -0.014]), head + np.array([-0.031, -0.014])
        out[LEAR], out[REAR] = head + np.array([HEAD * 0.98, 0.004]), head + np.array([-HEAD * 0.98, 0.004])
    if how.action == "sitting":
        ground = max(out[LANK, 1], out[RANK, 1])
    else:
        ground = max(out[LANK, 1], out[RANK, 1]) + how.lift
    out[:, 1] -= ground + 0.03
    out[:, 0] -= (out[:, 0].min() + out[:, 0].max()) / 2
    out.setflags(write=False)
    return out


def visibility(
    j: np.ndarray, how: Pose, canvas: Canvas, parts: np.ndarray, ident: int
) -> tuple[tuple[float, float, int], ...]:
    """Joints as (x, y, v) when the picture is done. v: 0 outside it, 1 hidden, 2 seen."""
    out = []
    far_face = {1: (LEYE, LEAR), -1: (REYE, REAR), 0: ()}[how.facing]
    for index, (x, y) in enumerate(j.tolist()):
        column, row = math.floor(x), math.floor(y)
        if not (0 <= column < canvas.width and 0 <= row < canvas.height):
            out.append((0.0, 0.0, 0))
            continue
        seen = canvas.ids[row, column] == ident and int(parts[row, column]) in SHOWN_BY[index]
        out.append((x, y, 2 if seen and index not in far_face else 1))
    return tuple(out)
