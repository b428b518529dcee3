"""People as articulated figures: poses, drawing, and where their 17 COCO joints are. Knows no scenes.

Angles are degrees from hanging straight down. They open outwards on a figure seen from the front, and towards
where it looks on one seen from the side. Lengths are shares of the standing height.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .canvas import POINTS, SHIFT, Canvas, arc, ellipse, fixed, rectangle
from .palette import FIXED_RGB, HAIRS, RGB, SKINS, TROUSERS, darker, lighter

ACTIONS = (
    "standing",
    "walking",
    "running",
    "sitting",
    "waving",
    "jumping",
    "cheering",
    "pointing",
    "kicking",
)

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


def pose(action: str, rng: random.Random) -> Pose:
    """A pose of `action` with a little of everybody's own."""

    def about(middle: float, spread: float = 7.0) -> float:
        return middle + rng.uniform(-spread, spread)

    def hanging() -> tuple[float, float]:
        upper = about(14)
        if rng.random() < 0.18:
            return about(42), about(-48, 8)  # hand on the hip
        return upper, upper + about(2, 8)

    def leg(middle: float = 5.0) -> tuple[float, float]:
        upper = about(middle, 3)
        return upper, upper + about(0, 3)

    def either(limbs: Limbs) -> Limbs:
        return (limbs[1], limbs[0]) if swap else limbs

    side = rng.choice((-1, 1))
    swap = rng.random() < 0.5
    if action == "standing":
        facing = 0 if rng.random() < 0.75 else side
        return Pose(action, facing, 0.0, (hanging(), hanging()), (leg(), leg(-4.0 if facing else 5.0)))
    if action == "waving":
        upper = about(128, 12)
        arms = ((upper, about(176, 14)), hanging())
        return Pose(action, 0, 0.0, either(arms), (leg(), leg()))
    if action == "cheering":
        left, right = about(152, 8), about(152, 8)
        return Pose(action, 0, 0.0, ((left, about(172, 6)), (right, about(172, 6))), (leg(7), leg(7)))
    if action == "pointing":
        upper = about(88, 8)
        arms = ((upper, upper + about(2, 4)), hanging())
        return Pose(action, 0, 0.0, either(arms), (leg(), leg()))
    if action == "jumping":
        a, b = about(118, 14), about(118, 14)
        c, d = about(44, 8), about(44, 8)
        legs = ((c, c - about(62, 10)), (d, d - about(62, 10)))
        return Pose(action, 0, 0.0, ((a, a + about(25)), (b, b + about(25))), legs, rng.uniform(0.1, 0.17))
    if action == "walking":
        front, back = about(26, 4), about(-20, 4)
        legs = ((front, front - about(10, 4)), (back, back - about(18, 6)))
        swing = about(26, 5)
        arms = ((-swing, -swing + about(18, 6)), (swing, swing + about(18, 6)))
        return Pose(action, side, about(2, 2), either(arms), either(legs))
    if action == "running":
        front, back = about(62, 8), about(-24, 6)
        legs = ((front, front - about(72, 10)), (back, back - about(62, 12)))
        swing = about(48, 8)
        arms = ((-swing, -swing + about(84, 8)), (swing, swing + about(80, 8)))
        lean = about(11, 4)
        return Pose(action, side, lean, either(arms), either(legs), 0.02)
    if action == "sitting":
        near, far = about(86, 4), about(82, 4)
        legs = ((near, about(2, 8)), (far, about(-4, 8)))
        upper = about(26, 8)
        return Pose(action, side, about(-2, 3), ((upper, about(62, 8)), (upper + 6, about(58, 8))), legs)
    if action == "kicking":
        high, down = about(74, 7), about(-5, 4)
        legs = ((high, high + about(-4, 4)), (down, down))
        swing = about(46, 8)
        arms = ((-swing, -swing + about(8)), (swing, swing + about(24)))
        return Pose(action, side, about(-9, 3), either(arms), either(legs))
    raise ValueError(f"expected one of {', '.join(ACTIONS)}, got {action!r}")


@lru_cache(maxsize=32)
def joints(how: Pose) -> np.ndarray:
    """The 17 joints of a figure 1 high that stands on (0, 0), y down: float (17, 2), read-only."""
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


_CAP = np.linspace(-math.pi / 2, math.pi / 2, 7)


def _limb(a: np.ndarray, b: np.ndarray, wide: float, narrow: float) -> POINTS:
    """A capsule from `a` (radius `wide`) to `b` (radius `narrow`)."""
    angle = math.atan2(b[1] - a[1], b[0] - a[0])
    far, near = _CAP + angle, _CAP + angle + math.pi
    return np.concatenate(
        [
            np.stack([b[0] + narrow * np.cos(far), b[1] + narrow * np.sin(far)], 1),
            np.stack([a[0] + wide * np.cos(near), a[1] + wide * np.sin(near)], 1),
        ]
    )


@dataclass(frozen=True, slots=True)
class Dress:
    """What a person looks like."""

    shirt: RGB
    trousers: RGB
    skin: RGB
    hair: RGB
    cut: str  # "short" | "long" | "bun" | "curly"
    sleeves: bool
    shorts: bool


def dress(shirt: RGB, rng: random.Random) -> Dress:
    """Somebody in a shirt of that colour."""
    return Dress(
        shirt,
        rng.choice(TROUSERS),
        rng.choice(SKINS),
        rng.choice(HAIRS),
        rng.choice(("short", "short", "long", "bun", "curly")),
        rng.random() < 0.5,
        rng.random() < 0.3,
    )


def draw_person(
    canvas: Canvas,
    parts: np.ndarray,
    how: Pose,
    wear: Dress,
    x: float,
    foot: float,
    height: float,
    ident: int,
) -> np.ndarray:
    """Draw a figure standing (or sitting, jumping) at (x, foot), `height` pixels when upright.

    Args:
        parts: uint8 (H, W), written with the part of the body each pixel shows.

    Returns:
        The joints, float (17, 2), pixels.
    """
    j = joints(how) * height + (x, foot)
    face = how.facing
    ink = darker(wear.shirt, 0.65)
    edge = max(1.0, 0.011 * height)

    def paint(points: POINTS, rgb: RGB, part: int, outline: bool = True) -> None:
        canvas.fill(points, rgb, ident)
        if outline:
            canvas.line(points, ink, edge, ident, closed=True)
        cv2.fillPoly(parts, [fixed(points)], part, cv2.LINE_8, SHIFT)

    def arm(left: bool, far: bool) -> None:
        i = 0 if left else 1
        part = LEFT_ARM if left else RIGHT_ARM
        shirt = darker(wear.shirt, 0.14) if far else wear.shirt
        skin = darker(wear.skin, 0.1) if far else wear.skin
        s, e, w = j[LSHO + i], j[LELB + i], j[LWRI + i]
        r = ARM_WIDTH / 2 * height
        hand = w + (w - e) / max(1e-6, float(np.hypot(*(w - e)))) * 0.02 * height
        paint(ellipse(hand[0], hand[1], r * 1.0, r * 1.0, 12), skin, part)
        paint(_limb(e, w, r * 0.95, r * 0.78), shirt if wear.sleeves else skin, part)
        paint(_limb(s, e, r * 1.12, r * 0.98), shirt, part)

    def leg(left: bool, far: bool) -> None:
        i = 0 if left else 1
        part = LEFT_LEG if left else RIGHT_LEG
        cloth = darker(wear.trousers, 0.16) if far else wear.trousers
        h, k, a = j[LHIP + i], j[LKNE + i], j[LANK + i]
        r = LEG_WIDTH / 2 * height
        ahead = face * 0.05 * height if face else (0.022 if left else -0.022) * height
        shoe = _limb(
            a + np.array([-ahead * 0.1, 0.008 * height]),
            a + np.array([ahead, 0.014 * height]),
            r * 0.72,
            r * 0.62,
        )
        paint(shoe, FIXED_RGB["tyre"], part)
        bare = wear.skin if wear.shorts else cloth
        paint(_limb(k, a, r * 0.92, r * 0.68), darker(bare, 0.1) if far and wear.shorts else bare, part)
        paint(_limb(h, k, r * 1.15, r * 0.95), cloth, part)

    def torso() -> None:
        up = (j[LSHO] + j[RSHO] - j[LHIP] - j[RHIP]) / 2
        ls, rs, lh, rh = j[LSHO], j[RSHO], j[LHIP], j[RHIP]
        top, low = up * 0.10, -up * 0.06
        if face:
            out = np.array([0.06 * height, 0.0])
            body = [ls * 0.5 + rs * 0.5 + top, ls + out + top * 0.2, lh + out * 0.95 + low,
                rh - out * 0.95 + low,
                    rs - out + top * 0.2]  # fmt: skip
            if ls[0] < rs[0]:
                body = [body[0], rs + out + top * 0.2, rh + out * 0.95 + low, lh - out * 0.95 + low,
                        ls - out + top * 0.2]  # fmt: skip
        else:
            out = np.array([0.026 * height, 0.0])
            body = [ls * 0.5 + rs * 0.5 + top * 1.1, ls + out * 0.3 + top * 0.7, ls + out,
                lh + out * 1.1 + low,
                    rh - out * 1.1 + low, rs - out, rs - out * 0.3 + top * 0.7]  # fmt: skip
        neck = (ls + rs) / 2
        paint(_limb(neck, neck + up * 0.2, 0.034 * height, 0.034 * height), wear.skin, TORSO_PART, False)
        paint(np.array(body), wear.shirt, TORSO_PART)

    eyes, ears = (j[LEYE] + j[REYE]) / 2, (j[LEAR] + j[REAR]) / 2
    r = HEAD * height
    cx = ears[0] + face * 0.12 * r if face else j[NOSE][0]
    cy = ears[1] if face else ears[1] - 0.004 * height

    def hair_behind() -> None:
        if wear.cut == "long":
            paint(ellipse(cx - face * r * 0.3, cy + r * 0.35, r * 1.08, r * 1.35, 20), wear.hair, HEAD_PART)

    def head() -> None:
        if wear.cut == "bun":
            paint(ellipse(cx - face * r * 0.7, cy - r * 1.05, r * 0.42, r * 0.42, 14), wear.hair, HEAD_PART)
        if face:
            nose = np.array([(cx + face * r * 0.9, cy - r * 0.1), (cx + face * r * 1.2, cy + r * 0.18),
                             (cx + face * r * 0.85, cy + r * 0.3)])  # fmt: skip
            paint(nose, wear.skin, HEAD_PART)
        else:
            for ear in (j[LEAR], j[REAR]):
                paint(ellipse(ear[0], ear[1], r * 0.2, r * 0.26, 10), wear.skin, HEAD_PART)
        paint(ellipse(cx, cy, r, r * 1.06, 24), wear.skin, HEAD_PART)
        rise = 1.32 if wear.cut == "curly" else 1.16
        if face:
            start, stop = (160, 300) if face > 0 else (240, 380)
            cap = np.concatenate([arc(cx, cy, r * 1.1, r * rise, start - 40 * (face > 0),
                stop + 40 * (face < 0), 14),
                                  [(cx + face * r * 0.15, cy - r * 0.45), (cx - face * r * 0.15,
                                  cy - r * 0.1)]])  # fmt: skip
        else:
            cap = np.concatenate([arc(cx, cy, r * 1.08, r * rise, 188, 352, 14),
                                  [(cx + r * 0.55, cy - r * 0.5), (cx - r * 0.2,
                                  cy - r * 0.55)]])  # fmt: skip
        paint(cap, wear.hair, HEAD_PART)
        dot = max(0.9, 0.013 * height)
        dark = FIXED_RGB["ink"]
        if face:
            canvas.fill(ellipse(eyes[0], eyes[1], dot * 1.6, dot * 1.7, 10), FIXED_RGB["shine"])
            canvas.fill(ellipse(eyes[0] + face * dot * 0.4, eyes[1], dot, dot * 1.2, 10), dark)
            canvas.line(
                arc(cx + face * r * 0.55, cy + r * 0.35, r * 0.25, r * 0.2, 40, 140, 5), dark, edge * 0.8
            )
            canvas.fill(ellipse(ears[0], ears[1] + r * 0.08, r * 0.16, r * 0.24, 10), darker(wear.skin, 0.18))
        else:
            for eye in (j[LEYE], j[REYE]):
                canvas.fill(ellipse(eye[0], eye[1], dot * 1.6, dot * 1.7, 10), FIXED_RGB["shine"])
                canvas.fill(ellipse(eye[0], eye[1], dot, dot * 1.2, 10), dark)
            canvas.line(arc(cx, cy + r * 0.3, r * 0.36, r * 0.3, 25, 155, 7), dark, edge * 0.8)

    if face:
        near_left = face < 0  # looking to the left shows the left side
        arm(not near_left, True)
        leg(not near_left, True)
        leg(near_left, False)
        hair_behind()
        torso()
        head()
        arm(near_left, False)
    else:
        leg(True, False)
        leg(False, False)
        raised = [max(angles) > 60 for angles in how.arms]
        for left in (True, False):
            if not raised[0 if left else 1]:
                arm(left, False)
        hair_behind()
        torso()
        head()
        for left in (True, False):
            if raised[0 if left else 1]:
                arm(left, False)
    return j


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


def stool(canvas: Canvas, how: Pose, x: float, foot: float, height: float, rgb: RGB) -> None:
    """What a sitting figure sits on, as backdrop; drawn before the figure."""
    j = joints(how) * height + (x, foot)
    hip = (j[LHIP] + j[RHIP]) / 2
    top = hip[1] + 0.045 * height
    half = 0.085 * height
    middle = hip[0] + how.facing * 0.02 * height
    edge = darker(rgb, 0.4)
    for points, fill in (
        (rectangle(middle - half * 0.8, top, middle + half * 0.8, foot), rgb),
        (
            rectangle(middle - half, top, middle + half, top + 0.05 * height, 0.02 * height),
            lighter(rgb, 0.25),
        ),
    ):
        canvas.fill(points, fill)
        canvas.line(points, edge, max(1.0, 0.01 * height), closed=True)
