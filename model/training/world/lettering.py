"""A stroke font of our own: letters as polylines on a grid 4 wide and 6 high. Knows nothing of pages.

Each glyph is a string of strokes, each stroke a run of two-digit points, x then y, y down. Obtuse corners are
rounded off when the table is read, so that eight-sided bowls come out round.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from .palette import RGB

GLYPHS: dict[str, str] = {
    "A": "062046 1333",
    "B": "06003041423303 3344453606",
    "C": "4130100105163645",
    "D": "06002042442606",
    "E": "40000646 0333",
    "F": "400006 0333",
    "G": "41301001051636454323",
    "H": "0006 4046 0343",
    "I": "2026 1030 1636",
    "J": "404536160504",
    "K": "0006 400346",
    "L": "000646",
    "M": "0600234046",
    "N": "06004640",
    "O": "103041453616050110",
    "P": "06003041423303",
    "Q": "103041453616050110 2446",
    "R": "06003041423303 2346",
    "S": "413010010213334445361605",
    "T": "0040 2026",
    "U": "000516364540",
    "V": "002640",
    "W": "0016223640",
    "X": "0046 4006",
    "Y": "002340 2326",
    "Z": "00400646",
    "0": "103041453616050110 3115",
    "1": "112026 1636",
    "2": "01103041420646",
    "3": "0110304142334445361605 1333",
    "4": "36300444",
    "5": "400003334445361605",
    "6": "30100105163645443303",
    "7": "004016",
    "8": "103041423313020110 1304051636454433",
    "9": "16364541301001021343",
    "%": "4006 0010110100 3545463635",
    "-": "1333",
    ".": "2526",
    ",": "2617",
    "!": "2024 2526",
    "?": "01103041422324 2526",
    ":": "2223 2526",
    "/": "4006",
    "+": "2125 0343",
    "'": "2021",
    "a": "424636160504031242",
    "b": "0006 0312324345361605",
    "c": "4332120305163645",
    "d": "4046 4332120305163645",
    "e": "04444332120305163645",
    "f": "40302126 1232",
    "g": "4247381807 4332120305163645",
    "h": "0006 0312324346",
    "i": "2226 2021",
    "j": "3237281807 3031",
    "k": "0006 320414 1436",
    "l": "20252636",
    "m": "0206 0312222326 23324346",
    "n": "0206 0312324346",
    "o": "123243453616050312",
    "p": "0208 0312324345361605",
    "q": "4248 4332120305163645",
    "r": "0206 04123242",
    "s": "4332120313334435361605",
    "t": "10152636 0232",
    "u": "0205163645 4246",
    "v": "022642",
    "w": "0216233642",
    "x": "0246 4206",
    "y": "0226 421808",
    "z": "02420646",
}
GAP = 1.6  # grid units between letters
SPACE = 3.6  # grid units of a blank
CAP = 6.0  # grid units, height of a capital


def _points(stroke: str) -> np.ndarray:
    digits = [int(c) for c in stroke]
    return np.array(digits, np.float32).reshape(-1, 2)


def _rounded(points: np.ndarray) -> np.ndarray:
    """Cut corners that turn by less than 80 degrees twice; leave sharp ones."""
    for _ in range(2):
        out = [points[0]]
        for before, here, after in zip(points, points[1:], points[2:]):
            a, b = here - before, after - here
            length = float(np.hypot(*a) * np.hypot(*b))
            if length > 0 and float(a @ b) / length > 0.17:
                cut = 0.3
                out += [here - a * cut, here + b * cut]
            else:
                out.append(here)
        out.append(points[-1])
        points = np.array(out, np.float32)
    return points


@cache
def _glyph(letter: str) -> tuple[np.ndarray, ...]:
    """Strokes of one letter in grid units, each (N, 2)."""
    return tuple(_rounded(_points(s)) for s in GLYPHS.get(letter, "").split())


@cache
def _extent(letter: str) -> tuple[float, float]:
    """Return left edge and width of one letter in grid units; a blank has no strokes."""
    strokes = _glyph(letter)
    if not strokes:
        return 0.0, SPACE - GAP
    x = np.concatenate(strokes)[:, 0]
    return float(x.min()), float(x.max() - x.min())


def text_width(text: str, height: float) -> float:
    """Pixels that `text` takes at a capital height of `height` pixels."""
    units = sum(_extent(letter)[1] + GAP for letter in text) - GAP
    return max(0.0, units) * height / CAP


def write(
    image: np.ndarray,
    text: str,
    left: float,
    top: float,
    height: float,
    rgb: RGB,
    *,
    weight: float = 0.15,
) -> tuple[float, float, float, float]:
    """Write `text` on `image` (H, W, 3), capitals `height` pixels high, upper left corner at (left, top).

    Args:
        weight: stroke width as a share of the height.

    Returns:
        The tight box of the ink, pixels, xyxy.
    """
    unit = height / CAP
    lines: list[np.ndarray] = []
    x = left
    for letter in text:
        bearing, wide = _extent(letter)
        for stroke in _glyph(letter):
            placed = stroke * (unit * 16) + ((x - bearing * unit - 0.5) * 16, (top - 0.5) * 16)
            lines.append(np.rint(placed).astype(np.int32))
        x += (wide + GAP) * unit
    if not lines:
        return (left, top, left, top)
    thick = max(1, round(height * weight))
    cv2.polylines(image, lines, False, rgb, thick, cv2.LINE_AA, 4)
    every = np.concatenate(lines) / 16 + 0.5
    pad = thick / 2
    (x1, y1), (x2, y2) = every.min(0) - pad, every.max(0) + pad
    h, w = image.shape[:2]
    return (max(0.0, float(x1)), max(0.0, float(y1)), min(float(w), float(x2)), min(float(h), float(y2)))
