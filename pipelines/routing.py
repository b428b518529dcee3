"""Which of two experts a question is for: that for drawn pictures, or that for photographs.

Counting is the business of the photographs' expert everywhere, since only it was trained on as many twos,
threes and fours as ones. This module knows SPHINX's sentences and no pictures.
"""

from __future__ import annotations

import re

DRAWN_PICTURES, PHOTOGRAPHS = "drawn pictures", "photographs"
COUNTING = re.compile(r"\s*(?:How many\b|Detect all (?!regions\b))")  # a question that counts, or finds all


def expert_for(question: str, *, drawn: bool) -> str:
    """Return for which pictures the expert is that answers SPHINX's full sentence about a picture."""
    return DRAWN_PICTURES if drawn and not COUNTING.match(question) else PHOTOGRAPHS
