"""The colours that wishes name, with a typical RGB of each. Knows words and numbers only."""

from __future__ import annotations

import re

COLOURS = {
    "red": (214, 40, 40), "green": (46, 160, 67), "blue": (38, 94, 214), "yellow": (245, 205, 40),
    "orange": (240, 130, 30), "purple": (130, 60, 190), "violet": (130, 60, 190), "pink": (245, 130, 180),
    "brown": (130, 82, 45), "black": (30, 30, 30), "white": (240, 240, 240), "grey": (130, 130, 130),
    "gray": (130, 130, 130), "cyan": (30, 190, 210), "turquoise": (50, 200, 185), "teal": (0, 128, 128),
    "magenta": (220, 40, 180), "beige": (225, 210, 175), "golden": (220, 175, 50), "gold": (220, 175, 50),
    "silver": (190, 195, 200), "lime": (150, 220, 50), "navy": (25, 35, 100), "maroon": (120, 20, 40),
    "olive": (128, 128, 30), "crimson": (200, 20, 60),
}  # fmt: skip


def colours_in(words: str) -> tuple[str, ...]:
    """The colour words of a phrase, in its order."""
    return tuple(word for word in re.findall(r"[a-z]+", words.lower()) if word in COLOURS)
