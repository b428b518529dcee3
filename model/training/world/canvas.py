"""A picture being drawn and, beside it, who owns each pixel. Knows polygons, not things.

Coordinates are pixels, origin at the upper left corner of the upper left pixel, x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .palette import RGB

SHIFT = 4  # bits of sub-pixel position given to OpenCV
SUB = 1 << SHIFT
SPECK = 4  # pixels; visible pieces smaller than this are not outlined
POINTS = np.ndarray  # float (N, 2), pixels


def fixed(points: POINTS) -> np.ndarray:
    """Return points in OpenCV's fixed-point frame, whose integers are pixel centres."""
    return np.rint((points - 0.5) * SUB).astype(np.int32)


class Canvas:
    """`image` is uint8 (H, W, 3) RGB; `ids` uint8 (H, W), 0 for the backdrop, else the owner's number."""

    def __init__(self, size_wh: tuple[int, int]) -> None:
        width, height = size_wh
        self.width, self.height = width, height
        self.unit = min(width, height)
        self.image = np.zeros((height, width, 3), np.uint8)
        self.ids = np.zeros((height, width), np.uint8)

    def gradient(self, top: RGB, bottom: RGB, y0: float = 0.0, y1: float = 1.0) -> None:
        """Fill the rows from y0 to y1 (shares of the height) from `top` to `bottom`."""
        a, b = round(y0 * self.height), round(y1 * self.height)
        if b > a:
            column = np.linspace(top, bottom, b - a)
            self.image[a:b] = np.rint(column).astype(np.uint8)[:, None, :]

    def fill(self, points: POINTS, rgb: RGB, ident: int = 0) -> None:
        """Fill a polygon; `ident` 0 draws backdrop, which owns nothing."""
        p = fixed(points)
        cv2.fillPoly(self.image, [p], rgb, cv2.LINE_AA, SHIFT)
        if ident:
            cv2.fillPoly(self.ids, [p], ident, cv2.LINE_8, SHIFT)

    def line(self, points: POINTS, rgb: RGB, thick: float, ident: int = 0, *, closed: bool = False) -> None:
        """Draw a polyline with round ends, `thick` pixels wide (at least one)."""
        p, t = fixed(points), max(1, round(thick))
        cv2.polylines(self.image, [p], closed, rgb, t, cv2.LINE_AA, SHIFT)
        if ident:
            cv2.polylines(self.ids, [p], closed, ident, t, cv2.LINE_8, SHIFT)

    def window(self, points: POINTS, pad: int = 1) -> tuple[int, int, int, int]:
        """Return what `points` reach of the picture: x1, y1, x2, y2, whole pixels, possibly empty."""
        x1, y1 = points.min(0)
        x2, y2 = points.max(0)
        return (
            max(0, int(x1) - pad),
            max(0, int(y1) - pad),
            min(self.width, int(x2) + 1 + pad),
            min(self.height, int(y2) + 1 + pad),
        )

    def blend(self, points: POINTS, layer: np.ndarray | RGB, share: float = 1.0, ident: int = 0) -> None:
        """Fill a polygon with `layer`: one colour, or (h, w or 1, 3) over `window(points)`."""
        x1, y1, x2, y2 = self.window(points)
        if x2 <= x1 or y2 <= y1:
            return
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        cv2.fillPoly(mask, [fixed(points - (x1, y1))], round(255 * share), cv2.LINE_AA, SHIFT)
        if ident:
            cv2.fillPoly(self.ids, [fixed(points)], ident, cv2.LINE_8, SHIFT)
        roi = self.image[y1:y2, x1:x2]
        alpha = mask.astype(np.float32)[..., None] * (1 / 255)
        over = np.asarray(layer, np.float32)
        base = roi.astype(np.float32)
        roi[:] = (base + (over - base) * alpha + 0.5).astype(np.uint8)

    def shadow(self, x: float, y: float, rx: float, ry: float, strength: float = 0.25) -> None:
        """Draw a soft dark ellipse centred at (x, y)."""
        x1, x2 = max(0, int(x - rx)), min(self.width, int(x + rx) + 1)
        y1, y2 = max(0, int(y - ry)), min(self.height, int(y + ry) + 1)
        if x2 <= x1 or y2 <= y1:
            return
        gx = (np.arange(x1, x2, dtype=np.float32) + 0.5 - x) / rx
        gy = (np.arange(y1, y2, dtype=np.float32) + 0.5 - y) / max(ry, 1.0)
        fall = np.clip(1 - gx[None, :] ** 2 - gy[:, None] ** 2, 0, 1)
        keep = 1 - strength * 1.3 * fall * np.sqrt(fall)
        roi = self.image[y1:y2, x1:x2]
        roi[:] = (roi * keep[..., None]).astype(np.uint8)

    def count(self, ident: int) -> int:
        """Pixels that `ident` owns now."""
        return int(cv2.countNonZero(cv2.inRange(self.ids, ident, ident)))

    def visible(
        self, ident: int
    ) -> tuple[tuple[float, float, float, float], tuple[tuple[tuple[float, float], ...], ...], int] | None:
        """Tight box, outlines and pixel count of what is seen of `ident`; None where nothing is."""
        mask = cv2.inRange(self.ids, ident, ident)
        x, y, w, h = cv2.boundingRect(mask)
        if not w:
            return None
        crop = mask[y : y + h, x : x + w]
        contours = cv2.findContours(crop, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
        outlines = []
        for contour in contours:
            if len(contours) > 1 and (len(contour) < 3 or cv2.contourArea(contour) < SPECK):
                continue
            slim = cv2.approxPolyDP(contour, 0.6, True).reshape(-1, 2)
            outlines.append(tuple((float(a + x) + 0.5, float(b + y) + 0.5) for a, b in slim.tolist()))
        box = (float(x), float(y), float(x + w), float(y + h))
        return box, tuple(outlines), int(cv2.countNonZero(crop))


def ellipse(cx: float, cy: float, rx: float, ry: float, count: int = 28) -> POINTS:
    """Return points on an ellipse."""
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], 1)


def arc(cx: float, cy: float, rx: float, ry: float, start: float, stop: float, count: int = 16) -> POINTS:
    """Return points from `start` to `stop` degrees, 0 to the right, 90 down."""
    t = np.radians(np.linspace(start, stop, count))
    return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], 1)


def rectangle(x1: float, y1: float, x2: float, y2: float, radius: float = 0.0) -> POINTS:
    """Return a rectangle, its corners rounded by `radius`."""
    if radius <= 0:
        return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], float)
    r = min(radius, (x2 - x1) / 2, (y2 - y1) / 2)
    corners = ((x2 - r, y1 + r, -90), (x2 - r, y2 - r, 0), (x1 + r, y2 - r, 90), (x1 + r, y1 + r, 180))
    return np.concatenate([arc(cx, cy, r, r, a, a + 90, 5) for cx, cy, a in corners])


def smooth(points: Sequence[tuple[float, float]], *, closed: bool = True, steps: int = 4) -> POINTS:
    """Return a Catmull-Rom curve through `points`."""
    p = np.array(points, float)
    n = len(p)
    get = (lambda i: p[i % n]) if closed else (lambda i: p[min(max(i, 0), n - 1)])
    out = []
    for i in range(n if closed else n - 1):
        a, b, c, d = get(i - 1), get(i), get(i + 1), get(i + 2)
        for t in np.arange(steps) / steps:
            out.append(
                0.5
                * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
            )
    if not closed:
        out.append(p[-1])
    return np.array(out)
