"""Which expert a question is for: that for drawn pictures, also that for counting, or that for photographs.

All of a kind in a drawing is asked of two, since the expert for drawn pictures was hardly shown three or four
alike. This module knows SPHINX's sentences and no pictures.
"""

from __future__ import annotations

import re

DRAWN_PICTURES, PHOTOGRAPHS = "drawn pictures", "photographs"
BOTH = f"{DRAWN_PICTURES} and counting"
ALL_OF_A_KIND = re.compile(r"\s*Detect all (?!regions\b)")  # SPHINX's sentence that asks for every one


def expert_for(question: str, *, drawn: bool) -> str:
    """Return for which pictures the expert is that answers SPHINX's full sentence about a picture."""
    if not drawn:
        return PHOTOGRAPHS
    return BOTH if ALL_OF_A_KIND.match(question) else DRAWN_PICTURES
