"""`python -m pipelines.gallery`: the README's table of abilities, with a picture of each made by the program.

Each ability is said once to an example picture; what comes out is drawn, whatever it is: nothing is chosen by
hand. Prints the Markdown table; the pictures go to `--output`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from pipelines.abilities import ABILITIES, Ability
from pipelines.assistant import Assistant
from pipelines.catalog import ASSETS, Settings, load
from pipelines.draw import draw
from pipelines.errors import DemoError
from pipelines.quiet import quieten
from pipelines.scene import Scene

EXAMPLES = ASSETS / "examples"
WIDTH, SHOWN = 240, 160  # pixels of a picture, and of its width in the table
MOST_WORDS = 90  # characters of an answer in the table


def show(assistant: Assistant, ability: Ability) -> tuple[Image.Image, str]:
    """Return the picture with what was found on it, and the answer in words."""
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
    return drawn.resize((WIDTH, round(WIDTH * drawn.height / drawn.width)), Image.Resampling.LANCZOS), text


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
        picture, text = show(assistant, ability)
        path = given.output / f"{ability.title.lower().replace(' ', '-').strip('?')}.png"
        picture.quantize(128).save(path, optimize=True)
        said = " ".join(text.replace("|", "/").split())
        said = said if len(said) <= MOST_WORDS else said[: MOST_WORDS - 1] + "…"
        sentence = f"`{' '.join(ability.prompt.sentence.split())}`" if ability.prompt else ""
        words = "<br>".join(f"“{words}”" for words in ability.messages)
        shown = path.relative_to(ASSETS.parent) if path.is_relative_to(ASSETS.parent) else path
        image = f'<img src="{shown}" alt="{ability.title}" width="{SHOWN}">'
        lines.append(f"| **{ability.title}** | {words} | {sentence} | {said} | {image} |")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
