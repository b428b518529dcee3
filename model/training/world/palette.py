"""Colours of the illustrated world: RGB triples 0..255. Knows nothing of shapes or scenes.

Things are saturated and inked, backdrops are pale, so that a green ball on the grass is still seen.
"""

from __future__ import annotations

RGB = tuple[int, int, int]

COLOUR_RGB: dict[str, RGB] = {
    "red": (219, 50, 47),
    "orange": (243, 134, 32),
    "yellow": (250, 212, 50),
    "green": (52, 158, 75),
    "blue": (45, 106, 209),
    "purple": (132, 66, 176),
    "pink": (246, 140, 184),
    "brown": (132, 82, 46),
    "black": (44, 45, 54),
    "white": (248, 248, 245),
}
COLOURS = tuple(COLOUR_RGB)

# What does not change with the colour of a thing.
FIXED_RGB: dict[str, RGB] = {
    "wood": (150, 103, 62),
    "leaf": (93, 170, 84),
    "glass": (196, 226, 240),
    "metal": (168, 176, 186),
    "tyre": (54, 56, 64),
    "cream": (246, 235, 214),
    "eval_set": (252, 251, 246),
    "beak": (240, 160, 50),
    "ink": (52, 48, 56),
    "shine": (255, 255, 255),
}
SKINS: tuple[RGB, ...] = ((250, 214, 182), (236, 188, 150), (198, 140, 100), (150, 98, 66), (110, 70, 48))
HAIRS: tuple[RGB, ...] = (
    (58, 42, 36),
    (98, 62, 38),
    (160, 104, 54),
    (222, 184, 110),
    (44, 44, 52),
    (150, 60, 36),
)
TROUSERS: tuple[RGB, ...] = ((62, 76, 110), (96, 104, 116), (148, 128, 102), (74, 92, 88), (92, 78, 104))


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """`a` with `share` (0..1) of `b` in it."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def darker(rgb: RGB, share: float = 0.3) -> RGB:
    """`rgb` towards a warm black."""
    return mix(rgb, (34, 26, 38), share)


def lighter(rgb: RGB, share: float = 0.35) -> RGB:
    """`rgb` towards white."""
    return mix(rgb, (255, 255, 255), share)


def roles(colour: str, main: RGB) -> dict[str, RGB]:
    """Return one thing's colours by role: its own, the shades that follow from it, and the fixed ones.

    Args:
        colour: one of COLOURS, decides what is still seen on it.
        main: the shade of it that is drawn.
    """
    black, white = colour == "black", colour == "white"
    return {
        **FIXED_RGB,
        "main": main,
        "dark": lighter(main, 0.22) if black else darker(main, 0.16 if white else 0.26),
        "deep": lighter(main, 0.4) if black else darker(main, 0.45),
        "light": lighter(main, 0.35 if black else 0.45) if not white else (226, 230, 236),
        "line": (18, 18, 24) if black else darker(main, 0.62),
        "heart": FIXED_RGB["wood"] if colour in ("yellow", "orange") else COLOUR_RGB["yellow"],
        "pattern": {
            "white": (150, 160, 176),
            "yellow": (128, 92, 34),
            "pink": (255, 255, 255),
            "black": (206, 208, 214),
        }.get(colour, (252, 250, 244)),
    }
