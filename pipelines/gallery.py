"""`python -m pipelines.gallery`: the README's table of abilities, with a picture of each made by the program.

Each ability is said once to an example picture; what comes out is drawn, whatever it is: nothing is chosen by
hand. Prints the Markdown table; the pictures go to `--output`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipelines.assistant import Assistant
from pipelines.catalog import ASSETS, Settings, load
from pipelines.draw import draw
from pipelines.errors import DemoError
from pipelines.quiet import quieten
from pipelines.scene import Scene
from pipelines.tasks import TASKS

EXAMPLES = ASSETS / "examples"
WIDTH, SHOWN = 240, 160  # pixels of a picture, and of its width in the table
MOST_WORDS = 90  # characters of an answer in the table


@dataclass(frozen=True, slots=True)
class Shot:
    """One row: the example picture, what is said to it, one message after the other, the last one shown."""

    title: str
    picture: str
    words: tuple[str, ...]
    sentence: str = ""


def _ability(name: str, picture: str, *words: str) -> Shot:
    return Shot(TASKS[name].title, picture, words, TASKS[name].prompt.sentence)


SHOTS = (
    _ability("ask", "03-people", "what is the person doing?"),
    _ability("short", "05-table", "what colour is the book?"),
    _ability("caption", "01-park", "describe the picture in one sentence"),
    _ability("detail", "01-park", "describe the picture in detail"),
    _ability("grounded_caption", "01-park", "describe the picture with boxes"),
    _ability("dense", "05-table", "name every object"),
    _ability("locate", "01-park", "find the house"),
    _ability("relation", "01-park", "the bird below the person"),
    _ability("detect", "03-people", "find all people"),
    _ability("region", "05-table", "find the fish", "what is #1?"),
    _ability("pose", "03-people", "show the pose of everyone"),
    _ability("layout", "08-document", "show the layout of the page"),
    _ability("text", "06-sign", "read all the text"),
    _ability("chart", "07-chart", "convert the chart to a table"),
    _ability("odd", "10-odd", "what is odd here?"),
    _ability("marks", "05-table", "name every object", "what is the relationship between #1 and #2?"),
    _ability("screen", "09-screen", "where is the search button?"),
    Shot("Segment", "01-park", ("segment the house",)),
    Shot("Segment everything", "05-table", ("segment everything",)),
    Shot("Remove", "05-table", ("name every object", "remove #3")),
    Shot("Recolour", "01-park", ("make the house red",)),
    Shot("Replace", "05-table", ("name every object", "replace #3 with a blue star")),
    Shot("Change the background", "05-table", ("segment everything", "change the background to a beach")),
)


def take(assistant: Assistant, shot: Shot) -> tuple[Image.Image, str]:
    """The picture with what was found on it, and the answer in words."""
    scene: Scene = assistant.open(EXAMPLES / f"{shot.picture}.png")
    assert scene.picture
    text = ""
    for words in shot.words:
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
    """The command line; gives the exit status."""
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
    for shot in SHOTS:
        picture, text = take(assistant, shot)
        path = given.output / f"{shot.title.lower().replace(' ', '-').strip('?')}.png"
        picture.quantize(128).save(path, optimize=True)
        said = " ".join(text.replace("|", "/").split())
        said = said if len(said) <= MOST_WORDS else said[: MOST_WORDS - 1] + "…"
        sentence = f"`{' '.join(shot.sentence.split())}`" if shot.sentence else ""
        words = "<br>".join(f"“{words}”" for words in shot.words)
        shown = path.relative_to(ASSETS.parent) if path.is_relative_to(ASSETS.parent) else path
        image = f'<img src="{shown}" alt="{shot.title}" width="{SHOWN}">'
        lines.append(f"| **{shot.title}** | {words} | {sentence} | {said} | {image} |")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
