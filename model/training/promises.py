"""By which topic and score each ability is judged, and which further topics the card shows.

Knows names and thresholds; measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

Found = dict[str, dict[str, float]]  # topic -> figures
Measured = dict[str, Found]  # condition -> figures by topic


@dataclass(frozen=True, slots=True)
class Promise:
    """An ability's headline: the topic and score it is judged by, and from which figure on it is promised."""

    ability: str
    topic: str
    figure: str
    says: str
    promised: float = 0.5


PROMISES = (
    Promise("ask", "kind", "exact", "names a thing"),
    Promise("short", "colour", "exact", "names a colour", 0.7),
    Promise("caption", "caption", "exact", "caption right to the word", 0.3),
    Promise("detail", "detail", "exact", "description right to the word", 0.2),
    Promise("grounded_caption", "grounded", "look_f1", "things named and boxed, F1"),
    Promise("dense", "dense", "look_f1", "colour, kind and box, F1"),
    Promise("locate", "locate", "hit", "box at IoU 0.5"),
    Promise("relation", "relation", "hit", "box at IoU 0.5"),
    Promise("detect", "detect-several", "f1", "two to five alike, boxes at IoU 0.5, F1"),
    Promise("region", "region", "look", "colour and kind"),
    Promise("pose", "pose", "oks", "mean OKS"),
    Promise("layout", "layout", "f1", "blocks and boxes, F1"),
    Promise("text", "text", "words_share", "words read exactly"),
    Promise("chart", "chart", "cells_share", "cells within 5 %"),
    Promise("odd", "odd", "both", "odd thing named and boxed"),
    Promise("marks", "marks", "exact", "marks described exactly"),
    Promise("screen", "screen", "hit", "box at IoU 0.5"),
)
# topic -> score: measured with its controls
CONTROLS = {
    "kind": "exact",
    "colour": "exact",
    "is-there-present": "right",
    "is-there-absent": "right",
    "locate": "hit",
    "locate-small": "hit",
}
# topic -> score: in the table too, beside those that an ability is judged by
BESIDES = {
    **{f"count-{n}": "exact" for n in range(6)},
    "odd-damaged": "hit",
    "screen-absent": "none_right",
    "action": "exact",
    "is-there-near-miss": "right",
    "is-there-kind-absent": "right",
    "relation-word": "exact",
    "pose-several": "oks",
    "locate-absent": "none_right",
    "locate-near-miss": "none_right",
    "locate-kind-absent": "none_right",
}
# topics of is-there questions and of phrases about absent things, and what is absent there
ABSENT = (
    ("is-there-absent", "locate-absent", "unlike all that is there"),
    ("is-there-near-miss", "locate-near-miss", "differs from a present one in one word"),
    ("is-there-kind-absent", "locate-kind-absent", "named by its kind alone"),
)
# topics of absent things, the score of saying so, and what is told where that is rare
INVENTED = (
    ("text-absent", "f1", "Asked to read where nothing is written, it mostly makes words up."),
    (
        "chart-absent",
        "none_right",
        "Asked for the table of a chart that is not there, it mostly makes one up.",
    ),
    ("screen-absent", "none_right", "Asked for what a screen does not have, it mostly boxes something else."),
)


def figure(found: Found, promise: Promise) -> float:
    """Return the headline of an ability; 0 where it was not measured."""
    return found.get(promise.topic, {}).get(promise.figure, 0.0)
