"""The demo from a shell: a picture, or a folder of them, and words.

python -m pipelines park.png "segment the red ball" --json
python -m pipelines park.png "what is this?" --click 120,80
python -m pipelines holidays/ "find all people" > found.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from pipelines.abilities import help_lines
from pipelines.assistant import Assistant
from pipelines.catalog import Settings, load, quieten
from pipelines.draw import draw
from pipelines.errors import DemoError
from pipelines.export import region_json
from pipelines.interfaces import ReplyOptions
from pipelines.pictures import open_picture
from pipelines.scene import Box, Click, Point, Scene

BAD_INPUT = 2  # exit status
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".ppm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer, print, and give the exit status."""
    try:
        given = _parser().parse_args(arguments)
    except _Refused as refused:
        return _refuse(str(refused))
    quieten()
    try:
        if given.picture.is_dir():
            return _folder(given)
        image = open_picture(given.picture)  # before the models are loaded: a bad picture is said at once
        answer = _answer(load(_settings(given)), image, given.picture, given)
        print(json.dumps(answer, ensure_ascii=False) if given.json else _plain(answer))
    except DemoError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def _folder(given: argparse.Namespace) -> int:
    """One JSON line a picture on stdout, a progress bar on stderr; failures are said in theirs."""
    from tqdm import tqdm

    paths = sorted(path for path in given.picture.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise DemoError(
            f"There is no picture in {given.picture}: its files must end in {', '.join(SUFFIXES)}."
        )
    if given.save and given.save.suffix:
        raise DemoError("For a folder of pictures, --save takes a folder: name one without a suffix.")
    assistant = load(_settings(given))
    failed = 0
    for path in tqdm(paths, unit="picture", file=sys.stderr):
        try:
            answer = _answer(assistant, open_picture(path), path, given)
        except DemoError as error:
            failed += 1
            answer = {"error": str(error)}
        print(json.dumps({"file": path.name, **answer}, ensure_ascii=False), flush=True)
    return BAD_INPUT if failed == len(paths) else 0


def _answer(
    assistant: Assistant, image: Image.Image, path: Path, given: argparse.Namespace
) -> dict[str, Any]:
    """Point, ask, and put the outcome into one JSON object."""
    started = time.monotonic()
    scene = assistant.open(image)
    for box in given.box:
        scene = assistant.box(scene, box)
    pointed = scene.selected
    for click in given.click:
        scene = assistant.click(scene, Click(click), region_id=pointed)
        pointed = scene.selected
    opened = scene.picture
    options = ReplyOptions(seed=given.seed)
    if given.words:
        scene = assistant.answer(scene, given.words, options=options)
    edited = _saved(assistant, scene, path, given, edited=scene.picture != opened)
    answers = scene.answers
    turn = answers[-1] if answers else None
    return {
        "model": assistant.about.model,
        "text": "\n".join(answer.text for answer in answers),
        "raw": turn.raw if turn else "",
        "table": [list(row) for row in turn.table] if turn and turn.table else None,
        "regions": [region_json(region, scene) for region in scene.regions],
        "notices": [turn.text for turn in scene.turns if turn.role == "notice"],
        "picture": edited,
        "seconds": round(time.monotonic() - started, 3),
    }


def _saved(
    assistant: Assistant, scene: Scene, path: Path, given: argparse.Namespace, *, edited: bool
) -> str | None:
    """Write what `--save` asks for, and an edited picture in any case; the path of an edited picture."""
    assert scene.picture
    target: Path | None = given.save
    if target and given.picture.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        target = target / f"{path.stem}.png"
    image = assistant.image(scene.picture)
    if edited:
        target = target or path.with_name(f"{path.stem}-edited.png")
        _write(image, target)
        return str(target)
    if target:
        _write(draw(image, scene), target)
    return None


def _write(image: Any, target: Path) -> None:
    try:
        image.save(target)
    except (OSError, ValueError) as error:
        raise DemoError(
            f"{target} cannot be written ({error}): choose another place, ending in .png."
        ) from None


def _plain(answer: dict[str, Any]) -> str:
    lines = [*(f"note: {notice}" for notice in answer["notices"]), answer["text"]]
    lines += [" | ".join(row) for row in answer["table"] or ()]
    for region in answer["regions"]:
        x1, y1, x2, y2 = region["box"]
        score = "" if region["score"] is None else f", outlined (predicted IoU {region['score']:.2f})"
        note = f" ({region['note']})" if region["note"] else ""
        lines.append(f"  #{region['id']} {region['label'] or '-'}: {x1},{y1} to {x2},{y2}{score}{note}")
    if answer["picture"]:
        lines.append(f"written: {answer['picture']}")
    return "\n".join(line for line in lines if line)


class _Refused(Exception):
    """The command line makes no sense."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise _Refused(f"{message}; see python -m pipelines --help")


def _parser() -> argparse.ArgumentParser:
    defaults = Settings()
    parser = _Parser(
        prog="python -m pipelines",
        description=(__doc__ or "").split("\n")[0],
        epilog="what can be said:\n  " + "\n  ".join(help_lines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("picture", type=Path, help="a picture, or a folder of pictures (then: JSON lines)")
    parser.add_argument("words", nargs="?", default="", help='what to say, such as "segment the red ball"')
    parser.add_argument(
        "--click", type=_point, action="append", default=[], metavar="X,Y", help="outline this point"
    )
    parser.add_argument(
        "--box", type=_box, action="append", default=[], metavar="X1,Y1,X2,Y2", help="outline this box"
    )
    parser.add_argument("--model", default=defaults.model, help="a checkpoint's name or folder (%(default)s)")
    parser.add_argument("--segmenter", default=defaults.segmenter, help="what outlines (%(default)s)")
    parser.add_argument("--inpainter", default=defaults.inpainter, help="what edits (%(default)s)")
    parser.add_argument("--device", default=defaults.device, help="auto, cpu, cuda, ... (%(default)s)")
    parser.add_argument("--dtype", default=defaults.dtype, help="auto, float32, bfloat16, ... (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--save", type=Path, metavar="OUT.png", help="write the picture with what was found on it"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    return parser


def _numbers(words: str, count: int) -> Iterator[int]:
    parts = words.split(",")
    if len(parts) != count:
        raise argparse.ArgumentTypeError(
            f"{count} whole numbers with commas between are needed, not {words!r}"
        )
    for part in parts:
        try:
            yield int(part)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{part!r} is not a whole number of pixels") from None


def _point(words: str) -> Point:
    return Point(*_numbers(words, 2))


def _box(words: str) -> Box:
    return Box(*_numbers(words, 4))


def _settings(given: argparse.Namespace) -> Settings:
    return Settings(given.model, given.segmenter, given.inpainter, given.device, given.dtype)


def _refuse(reason: str) -> int:
    print("error: " + " ".join(reason.split()), file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
