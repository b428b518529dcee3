"""What every endpoint gives back: the JSON schema ANSWER, and `answer`, which makes one of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.downloads import hand_out
from app.render import served
from pipelines.assistant import Assistant
from pipelines.export import region_json
from pipelines.mask_shapes import union
from pipelines.scene import Mask, Picture, Scene

NUMBERS = {"type": "array", "items": {"type": "integer"}}
_WORDS = {"type": "string"}


def _or_null(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "description": description}


_RUNS = {
    "type": "object",
    "properties": {"size": NUMBERS, "counts": _WORDS},
    "required": ["size", "counts"],
}
_REGION = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "description": "what a message may call #3"},
        "label": _WORDS,
        "box": {**NUMBERS, "description": "x1, y1, x2, y2 in pixels; x2 and y2 are exclusive"},
        "mask": _or_null(_RUNS, "COCO run lengths: size is [H, W], counts are compressed"),
        "keypoints": _or_null({"type": "array", "items": NUMBERS}, "17 COCO joints [x, y, visible]"),
        "score": _or_null({"type": "number"}, "SAM's predicted IoU, 0 to 1"),
        "note": _or_null(_WORDS, "what was mended"),
    },
    "required": ["id", "label", "box", "mask", "keypoints", "score", "note"],
}
ANSWER = {
    "type": "object",
    "properties": {
        "model": _WORDS,
        "text": {**_WORDS, "description": "the answer, as a visitor reads it"},
        "raw": {**_WORDS, "description": "SPHINX's own reply"},
        "table": _or_null(
            {"type": "array", "items": {"type": "array", "items": _WORDS}}, "a chart's rows, header first"
        ),
        "regions": {"type": "array", "items": _REGION},
        "picture": _or_null(
            {"type": "object", "properties": {"url": _WORDS}, "required": ["url"]},
            "the edited picture, a file at its address",
        ),
        "touched": _or_null(_RUNS, "the pixels that edits may have changed, and no others"),
        "notices": {"type": "array", "items": _WORDS},
        "seconds": {"type": "number"},
    },
    "required": ["model", "text", "raw", "table", "regions", "picture", "touched", "notices", "seconds"],
}
"""JSON schema of what every endpoint gives back."""


def answer(
    assistant: Assistant,
    scene: Scene,
    seconds: float,
    *,
    given: Picture | None = None,
    holes: Sequence[Mask] = (),
) -> dict[str, Any]:
    """Return a scene as ANSWER says: the last reply and all that was found.

    Args:
        given: the picture before any edit.
        holes: the pixels that each edit may have changed.
    """
    edited = scene.picture if given and scene.picture != given else None
    answers = scene.answers
    said = answers[-1] if answers else None
    return {
        "model": assistant.about.model,
        "text": "\n".join(turn.text for turn in answers),
        "raw": said.raw if said else "",
        "table": [list(row) for row in said.table] if said and said.table else None,
        "regions": [region_json(region, scene) for region in scene.regions],
        "picture": served(hand_out(assistant.path(edited))) if edited else None,
        "touched": union(holes).rle(scene.picture.size_wh) if holes and scene.picture else None,
        "notices": [turn.text for turn in scene.turns if turn.role == "notice"],
        "seconds": round(seconds, 3),
    }
