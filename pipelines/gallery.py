"""`python -m pipelines.gallery`: the README's table of abilities, with a picture of each made by the program.

Each ability is said once to an example picture; what comes out is drawn, whatever it is: nothing is chosen by
hand. An answer that does not fit what the picture shows (gallery.toml) is called wrong, with what is right.
Prints the Markdown table; the pictures go to `--output`.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from pipelines.abilities import ABILITIES, Ability
from pipelines.assistant import Assistant
from pipelines.catalog import ASSETS, Settings, load
from pipelines.draw import draw
from pipelines.errors import DemoError
from pipelines.quiet import quieten
from pipelines.scene import Box, Scene

EXAMPLES = ASSETS / "examples"
WIDTH, SHOWN = 240, 160  # pixels of a picture, and of its width in the table
MOST_WORDS = 90  # characters of an answer in the table
HIT = 0.5  # intersection over union from which a box is the right one


@cache
def truths() -> Mapping[str, Mapping[str, Any]]:
    """Return what is right of each ability's example: the tables of gallery.toml."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def correction(ability: str, scene: Scene, text: str) -> str:
    """Return what is right where an answer, in the scene that it left, is not; empty where it fits."""
    truth = truths().get(ability)
    if truth is None:
        return ""
    raw = scene.turns[-1].raw if scene.turns else ""
    fits = re.search(truth.get("says", ""), " ".join(f"{text} {raw}".split()), re.IGNORECASE) is not None
    return "" if fits and _at(scene, truth.get("places", ())) else truth["right"]


def _at(scene: Scene, places: Sequence[Sequence[float]]) -> bool:
    """Return whether the regions of the last answer lie at these places, one each, and nowhere else."""
    if not places:
        return True
    assert scene.picture
    width, height = scene.picture.size_wh
    named = {number for span in scene.turns[-1].spans for number in span.region_ids}
    left = [region.box for region in scene.regions if region.id in named]
    for x1, y1, x2, y2 in places:
        wanted = Box(round(x1 * width), round(y1 * height), round(x2 * width), round(y2 * height))
        best = max(left, key=wanted.iou, default=None)
        if best is None or wanted.iou(best) < HIT:
            return False
        left.remove(best)
    return not left


def show(assistant: Assistant, ability: Ability) -> tuple[Image.Image, str, str]:
    """Return the picture with what was found, the answer in words, and what is right where it is wrong."""
    scene: Scene = assistant.open(EXAMPLES / f"{ability.picture}.png")
    assert scene.picture
    text = ""
    for words in ability.messages:
        try:
            scene = assistant.answer(scene, words)
            text = scene.turns[-1].text
        except DemoError as error:
            text = str(error)
            break
    assert scene.picture
    drawn = assistant.image(scene.picture)
    record = scene.turns[-1].record if scene.turns else None
    if record is None or record.ability != "edit":  # what was painted is shown bare
        drawn = draw(drawn, scene)
    size = (WIDTH, round(WIDTH * drawn.height / drawn.width))
    return drawn.resize(size, Image.Resampling.LANCZOS), text, correction(ability.name, scene, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.gallery", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--output", type=Path, default=ASSETS / "gallery", help="folder (%(default)s)")
    parser.add_argument("--model", default=defaults.model)
    parser.add_argument("--inpainter", default=defaults.inpainter)
    given = parser.parse_args(arguments)
    quieten()
    try:
        assistant = load(Settings(model=given.model, inpainter=given.inpainter))
    except DemoError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    given.output.mkdir(parents=True, exist_ok=True)
    lines = ["| | you say | SPHINX is asked | it answers | |", "|---|---|---|---|---|"]
    for ability in (row for row in ABILITIES.values() if row.messages):
        picture, text, right = show(assistant, ability)
        path = given.output / f"{ability.title.lower().replace(' ', '-').strip('?')}.png"
        picture.quantize(128).save(path, optimize=True)
        said = " ".join(text.replace("|", "/").split())
        said = said if len(said) <= MOST_WORDS else said[: MOST_WORDS - 1] + "…"
        said += f" **Wrong:** {right}." if right else ""
        sentence = f"`{' '.join(ability.prompt.sentence.split())}`" if ability.prompt else ""
        words = "<br>".join(f"“{words}”" for words in ability.messages)
        shown = path.relative_to(ASSETS.parent) if path.is_relative_to(ASSETS.parent) else path
        image = f'<img src="{shown}" alt="{ability.title}" width="{SHOWN}">'
        lines.append(f"| **{ability.title}** | {words} | {sentence} | {said} | {image} |")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
