"""Plain colours of photographed things, told only where one colour clearly prevails. Knows pixels only."""

from __future__ import annotations

import cv2
import numpy as np

PREVAILS = 0.55  # of the pixels must be of one colour for a thing to be called so
SECOND = 0.5  # of the first colour's share that the next one may have at most
GREYISH = 45  # saturation (0..255) up to which a pixel is black, white or neither
DARK, LIGHT = 70, 175  # value (0..255) of greyish pixels that are called black, white
VERY_DARK = 45  # value below which any pixel is black

# OpenCV's hue (0..180) up to which a saturated pixel has the colour
HUES = (
    (8, "red"),
    (20, "orange"),
    (33, "yellow"),
    (85, "green"),
    (128, "blue"),
    (150, "purple"),
    (168, "pink"),
)
NAMES = ("black", "white", "grey", "brown", "red", "orange", "yellow", "green", "blue", "purple", "pink")


def name_pixels(pixels: np.ndarray) -> np.ndarray:
    """Return indices into NAMES for pixels uint8 (N, 3) RGB."""
    hsv = cv2.cvtColor(np.ascontiguousarray(pixels.reshape(-1, 1, 3)), cv2.COLOR_RGB2HSV).reshape(-1, 3)
    hue, saturation, value = (hsv[:, i].astype(int) for i in range(3))
    found = np.full(len(hsv), NAMES.index("red"))
    for limit, name in reversed(HUES):
        found[hue <= limit] = NAMES.index(name)
    found[hue > HUES[-1][0]] = NAMES.index("red")
    warm = (hue <= 22) | (hue > 172)
    found[warm & (value < 170) & (saturation < 190)] = NAMES.index("brown")
    found[warm & (saturation < 110) & (value >= 110)] = NAMES.index("brown")
    grey = saturation <= GREYISH
    found[grey] = NAMES.index("grey")
    found[grey & (value >= LIGHT)] = NAMES.index("white")
    found[grey & (value <= DARK)] = NAMES.index("black")
    found[value <= VERY_DARK] = NAMES.index("black")
    return found


def plain_colour(pixels: np.ndarray) -> str | None:
    """Return the colour that prevails among pixels (N, 3), or None; never grey, which no question has."""
    if not len(pixels):
        return None
    shares = np.bincount(name_pixels(pixels), minlength=len(NAMES)) / len(pixels)
    order = shares.argsort()[::-1]
    first, second = shares[order[0]], shares[order[1]]
    name = NAMES[order[0]]
    return name if name != "grey" and first >= PREVAILS and second <= SECOND * first else None
