"""Draws people: what they wear, their figures, what a sitting one sits on. `people` has the poses."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import cv2
import numpy as np

from .canvas import POINTS, SHIFT, Canvas, arc, ellipse, fixed, rectangle
from .palette import FIXED_RGB, HAIRS, RGB, SKINS, TROUSERS, darker, lighter
from .people import (
    ARM_WIDTH,
    HEAD,
    HEAD_PART,
    LANK,
    LEAR,
    LEFT_ARM,
    LEFT_LEG,
    LEG_WIDTH,
    LELB,
    LEYE,
    LHIP,
    LKNE,
    LSHO,
    LWRI,
    NOSE,
    REAR,
    REYE,
    RHIP,
    RIGHT_ARM,
    RIGHT_LEG,
    RSHO,
    TORSO_PART,
    Pose,
    joints,
)

_CAP = np.linspace(-math.pi / 2, math.pi / 2, 7)


def _limb(a: np.ndarray, b: np.ndarray, wide: float, narrow: float) -> POINTS:
    """Return a capsule from `a` (radius `wide`) to `b` (radius `narrow`)."""
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
    _Figure(canvas, parts, how, wear, height, ident, j).draw()
    return j


@dataclass(frozen=True, slots=True, eq=False)
class _Figure:
    """A figure being drawn; `j` its joints, float (17, 2), pixels."""

    canvas: Canvas
    parts: np.ndarray
    how: Pose
    wear: Dress
    height: float
    ident: int
    j: np.ndarray

    @property
    def edge(self) -> float:
        """Width of a contour, pixels."""
        return max(1.0, 0.011 * self.height)

    @property
    def head_circle(self) -> tuple[float, float, float]:
        """Middle and radius of the head, pixels."""
        j, face, r = self.j, self.how.facing, HEAD * self.height
        ears = (j[LEAR] + j[REAR]) / 2
        cx = ears[0] + face * 0.12 * r if face else j[NOSE][0]
        cy = ears[1] if face else ears[1] - 0.004 * self.height
        return cx, cy, r

    def draw(self) -> None:
        """Draw everything, the far limbs first."""
        if self.how.facing:
            near_left = self.how.facing < 0  # looking to the left shows the left side
            self.arm(not near_left, far=True)
            self.leg(not near_left, far=True)
            self.leg(near_left, far=False)
            self.hair_behind()
            self.torso()
            self.head()
            self.arm(near_left, far=False)
            return
        self.leg(True, far=False)
        self.leg(False, far=False)
        raised = [max(angles) > 60 for angles in self.how.arms]
        for left in (True, False):
            if not raised[0 if left else 1]:
                self.arm(left, far=False)
        self.hair_behind()
        self.torso()
        self.head()
        for left in (True, False):
            if raised[0 if left else 1]:
                self.arm(left, far=False)

    def paint(self, points: POINTS, rgb: RGB, part: int, *, outline: bool = True) -> None:
        """Fill one piece of a part of the body, with a contour."""
        self.canvas.fill(points, rgb, self.ident)
        if outline:
            self.canvas.line(points, darker(self.wear.shirt, 0.65), self.edge, self.ident, closed=True)
        cv2.fillPoly(self.parts, [fixed(points)], part, cv2.LINE_8, SHIFT)

    def arm(self, left: bool, *, far: bool) -> None:
        j, wear, height = self.j, self.wear, self.height
        i = 0 if left else 1
        part = LEFT_ARM if left else RIGHT_ARM
        shirt = darker(wear.shirt, 0.14) if far else wear.shirt
        skin = darker(wear.skin, 0.1) if far else wear.skin
        s, e, w = j[LSHO + i], j[LELB + i], j[LWRI + i]
        r = ARM_WIDTH / 2 * height
        hand = w + (w - e) / max(1e-6, float(np.hypot(*(w - e)))) * 0.02 * height
        self.paint(ellipse(hand[0], hand[1], r * 1.0, r * 1.0, 12), skin, part)
        self.paint(_limb(e, w, r * 0.95, r * 0.78), shirt if wear.sleeves else skin, part)
        self.paint(_limb(s, e, r * 1.12, r * 0.98), shirt, part)

    def leg(self, left: bool, *, far: bool) -> None:
        j, wear, height, face = self.j, self.wear, self.height, self.how.facing
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
        self.paint(shoe, FIXED_RGB["tyre"], part)
        bare = wear.skin if wear.shorts else cloth
        shin = darker(bare, 0.1) if far and wear.shorts else bare
        self.paint(_limb(k, a, r * 0.92, r * 0.68), shin, part)
        self.paint(_limb(h, k, r * 1.15, r * 0.95), cloth, part)

    def torso(self) -> None:
        j, height = self.j, self.height
        up = (j[LSHO] + j[RSHO] - j[LHIP] - j[RHIP]) / 2
        ls, rs, lh, rh = j[LSHO], j[RSHO], j[LHIP], j[RHIP]
        top, low = up * 0.10, -up * 0.06
        if self.how.facing:
            out = np.array([0.06 * height, 0.0])
            body = [ls * 0.5 + rs * 0.5 + top, ls + out + top * 0.2, lh + out * 0.95 + low,
                    rh - out * 0.95 + low, rs - out + top * 0.2]  # fmt: skip
            if ls[0] < rs[0]:
                body = [body[0], rs + out + top * 0.2, rh + out * 0.95 + low, lh - out * 0.95 + low,
                        ls - out + top * 0.2]  # fmt: skip
        else:
            out = np.array([0.026 * height, 0.0])
            body = [ls * 0.5 + rs * 0.5 + top * 1.1, ls + out * 0.3 + top * 0.7, ls + out,
                    lh + out * 1.1 + low, rh - out * 1.1 + low, rs - out,
                    rs - out * 0.3 + top * 0.7]  # fmt: skip
        neck = (ls + rs) / 2
        collar = _limb(neck, neck + up * 0.2, 0.034 * height, 0.034 * height)
        self.paint(collar, self.wear.skin, TORSO_PART, outline=False)
        self.paint(np.array(body), self.wear.shirt, TORSO_PART)

    def hair_behind(self) -> None:
        (cx, cy, r), face = self.head_circle, self.how.facing
        if self.wear.cut == "long":
            hair = ellipse(cx - face * r * 0.3, cy + r * 0.35, r * 1.08, r * 1.35, 20)
            self.paint(hair, self.wear.hair, HEAD_PART)

    def head(self) -> None:
        """Draw bun, nose or ears, face, hair, then eyes and mouth."""
        (cx, cy, r), face, wear = self.head_circle, self.how.facing, self.wear
        if wear.cut == "bun":
            bun = ellipse(cx - face * r * 0.7, cy - r * 1.05, r * 0.42, r * 0.42, 14)
            self.paint(bun, wear.hair, HEAD_PART)
        if face:
            nose = np.array([(cx + face * r * 0.9, cy - r * 0.1), (cx + face * r * 1.2, cy + r * 0.18),
                             (cx + face * r * 0.85, cy + r * 0.3)])  # fmt: skip
            self.paint(nose, wear.skin, HEAD_PART)
        else:
            for ear in (self.j[LEAR], self.j[REAR]):
                self.paint(ellipse(ear[0], ear[1], r * 0.2, r * 0.26, 10), wear.skin, HEAD_PART)
        self.paint(ellipse(cx, cy, r, r * 1.06, 24), wear.skin, HEAD_PART)
        self.paint(self._hair(), wear.hair, HEAD_PART)
        if face:
            self._face_from_the_side()
        else:
            self._face_from_the_front()

    def _hair(self) -> POINTS:
        (cx, cy, r), face = self.head_circle, self.how.facing
        rise = 1.32 if self.wear.cut == "curly" else 1.16
        if face:
            start, stop = (160, 300) if face > 0 else (240, 380)
            crown = arc(cx, cy, r * 1.1, r * rise, start - 40 * (face > 0), stop + 40 * (face < 0), 14)
            front = [(cx + face * r * 0.15, cy - r * 0.45), (cx - face * r * 0.15, cy - r * 0.1)]
        else:
            crown = arc(cx, cy, r * 1.08, r * rise, 188, 352, 14)
            front = [(cx + r * 0.55, cy - r * 0.5), (cx - r * 0.2, cy - r * 0.55)]
        return np.concatenate([crown, front])

    @property
    def _dot(self) -> float:
        """Radius of a pupil, pixels."""
        return max(0.9, 0.013 * self.height)

    def _face_from_the_side(self) -> None:
        (cx, cy, r), face, canvas, dot = self.head_circle, self.how.facing, self.canvas, self._dot
        dark = FIXED_RGB["ink"]
        eyes, ears = (self.j[LEYE] + self.j[REYE]) / 2, (self.j[LEAR] + self.j[REAR]) / 2
        canvas.fill(ellipse(eyes[0], eyes[1], dot * 1.6, dot * 1.7, 10), FIXED_RGB["shine"])
        canvas.fill(ellipse(eyes[0] + face * dot * 0.4, eyes[1], dot, dot * 1.2, 10), dark)
        mouth = arc(cx + face * r * 0.55, cy + r * 0.35, r * 0.25, r * 0.2, 40, 140, 5)
        canvas.line(mouth, dark, self.edge * 0.8)
        ear = ellipse(ears[0], ears[1] + r * 0.08, r * 0.16, r * 0.24, 10)
        canvas.fill(ear, darker(self.wear.skin, 0.18))

    def _face_from_the_front(self) -> None:
        (cx, cy, r), canvas, dot = self.head_circle, self.canvas, self._dot
        dark = FIXED_RGB["ink"]
        for eye in (self.j[LEYE], self.j[REYE]):
            canvas.fill(ellipse(eye[0], eye[1], dot * 1.6, dot * 1.7, 10), FIXED_RGB["shine"])
            canvas.fill(ellipse(eye[0], eye[1], dot, dot * 1.2, 10), dark)
        canvas.line(arc(cx, cy + r * 0.3, r * 0.36, r * 0.3, 25, 155, 7), dark, self.edge * 0.8)


def stool(canvas: Canvas, how: Pose, x: float, foot: float, height: float, rgb: RGB) -> None:
    """Draw what a sitting figure sits on, as backdrop, before the figure."""
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
