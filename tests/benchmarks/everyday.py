"""Everyday messages on the shipped pictures, judged: `python -m tests.benchmarks.everyday`.

A row of everyday.tsv is a picture, a message, what the answer says (a regular expression), which places light
up (boxes in shares of the picture), what becomes of the picture, and why that is right. The messages were
written before the rules that they try; what failed of them was mended in kind, so new ones of the same sort
will fare a little worse. A row is right when all that it asks for holds.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pipelines
from pipelines.assistant import Assistant
from pipelines.catalog import ASSETS
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Box, Scene, Timeline
from pipelines.visit import serve

HIT = 0.5  # IoU from which a place is the right one
CHANGED = 40  # of red, green and blue together, from which a pixel counts as changed
SHARE = 0.05  # of a box's pixels that a change of it changes


class Row(NamedTuple):
    picture: str
    message: str
    says: str
    places: str
    afterwards: str
    why: str


def rows() -> list[Row]:
    lines = Path(__file__).with_name("everyday.tsv").read_text("utf-8").splitlines()
    return [Row(*line.split("\t")) for line in lines if line and not line.startswith("#")]


def fault(assistant: Assistant, row: Row) -> tuple[str, str]:
    """What is wrong, empty where nothing is; and what was said."""
    timeline = Timeline().push(assistant.open(ASSETS / "examples" / f"{row.picture}.png"))
    before = timeline.scene
    try:
        for grown in serve(assistant, timeline, row.message, options=ReplyOptions(steps=8, tries=1)):
            timeline = grown.timeline
    except DemoError as error:
        return "refused", str(error)
    scene = timeline.scene
    said = "\n".join(turn.text for turn in scene.answers)
    if row.says and not re.search(row.says, said, re.IGNORECASE):
        return f"does not say {row.says!r}", said
    if row.places and not _lit(scene, row.places):
        return "other places", said
    return _picture_fault(assistant, before, scene, row.afterwards), said


def _lit(scene: Scene, places: str) -> bool:
    """Whether the regions that the answer names are at these places, and no others are."""
    named = {number for turn in scene.answers for span in turn.spans for number in span.region_ids}
    boxes = [region.box for region in scene.regions if region.id in named]
    wanted = [_box(place, scene) for place in places.split(";")]
    return len(boxes) == len(wanted) and all(max(box.iou(other) for other in boxes) >= HIT for box in wanted)


def _box(place: str, scene: Scene) -> Box:
    assert scene.picture
    width, height = scene.picture.size_wh
    x1, y1, x2, y2 = map(float, place.split(","))
    return Box(round(x1 * width), round(y1 * height), round(x2 * width), round(y2 * height))


def _picture_fault(assistant: Assistant, before: Scene, after: Scene, wanted: str) -> str:
    assert before.picture
    assert after.picture
    if not wanted:
        return ""
    if wanted == "same":
        return "" if before.picture == after.picture else "the picture changed"
    old, new = (
        np.asarray(assistant.image(scene.picture)).astype(int) for scene in (before, after) if scene.picture
    )
    box = _box(wanted.removeprefix("changed "), before)
    moved = np.abs(new - old).sum(axis=2)[box.y1 : box.y2, box.x1 : box.x2] > CHANGED
    return "" if moved.mean() >= SHARE else "the picture did not change there"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="sphinx-nano")
    assistant = pipelines.load(pipelines.Settings(parser.parse_args().model, device="cpu"))
    wrong = 0
    for row in rows():
        problem, said = fault(assistant, row)
        wrong += bool(problem)
        mark = f"WRONG ({problem}; right: {row.why})" if problem else "right"
        sys.stdout.write(f"{row.picture}  {row.message!r}: {mark}\n    {said!r}\n")
    count = len(rows())
    sys.stdout.write(f"{count - wrong} of {count} right ({(count - wrong) / count:.0%})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
