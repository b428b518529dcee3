"""What training never shows, so that the evaluation can ask for it: fixed combinations and words.

With `held_out=False` no picture holds any of them; with `held_out=True` every picture holds at least one.
Changing them makes the figures of a checkpoint trained before worthless.
"""

from __future__ import annotations

# (colour, kind); a person's colour is the shirt's.
HELD_OUT_PAIRS: frozenset[tuple[str, str]] = frozenset(
    {
        ("red", "bottle"), ("red", "chair"), ("orange", "fish"), ("orange", "bench"), ("yellow", "boat"),
        ("yellow", "teapot"), ("green", "car"), ("green", "kite"), ("blue", "apple"), ("blue", "cat"),
        ("purple", "cup"), ("purple", "house"), ("pink", "dog"), ("pink", "guitar"), ("pink", "person"),
        ("brown", "umbrella"), ("black", "balloon"), ("white", "butterfly"), ("white", "sign"),
        ("brown", "star"),
    }
)  # fmt: skip

# (kind, relation, kind); the same seen from the other side is held out with it.
HELD_OUT_RELATIONS: frozenset[tuple[str, str, str]] = frozenset(
    {
        ("cat", "on", "box"), ("book", "on", "desk"), ("ball", "left of", "dog"),
        ("dog", "right of", "bench"), ("bird", "above", "tree"), ("lamp", "left of", "book"),
        ("kite", "above", "car"), ("apple", "right of", "bottle"), ("car", "left of", "tree"),
        ("star", "left of", "clock"),
        ("cup", "right of", "lamp"), ("umbrella", "left of", "ball"),
    }
)  # fmt: skip

# On signs, pages, charts and screens.
HELD_OUT_WORDS: frozenset[str] = frozenset(
    {
        "LEMON",
        "RIVER",
        "MUSEUM",
        "TICKET",
        "SUNDAY",
        "GARDEN",
        "FRI",
        "PEARS",
        "HELP",
        "EDIT",
        "903",
        "REPORT",
    }
)

INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def is_held_out(kind: str, relation: str, other: str) -> bool:
    """Return whether that relation, or the same one said the other way round, is held out."""
    turned = (other, INVERSE[relation], kind) if relation in INVERSE else None
    return (kind, relation, other) in HELD_OUT_RELATIONS or turned in HELD_OUT_RELATIONS
