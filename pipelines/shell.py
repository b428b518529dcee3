"""The demo from a shell: a picture, a folder of them, or a saved session, and words.

python -m pipelines park.png "segment the red ball" --json
python -m pipelines park.png "find the fish" "remove it" --save without.png
python -m pipelines park.png "what is this?" --click 120,80
python -m pipelines park.png "remove it" --mask stamp.png
python -m pipelines holidays/ "find all people" > found.jsonl
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import DemoError, loading_failed
from pipelines.geometry import Box, Point
from pipelines.intake import MAX_SIDE, Photo, open_photo, short
from pipelines.quiet import quieten, quieten_bars
from pipelines.settings import Parser, Settings, settings_of, whole_number

if TYPE_CHECKING:
    from pipelines.assistant import Assistant
    from pipelines.scene import Mask, Scene, Timeline

BAD_INPUT, INTERRUPTED = 2, 130  # exit status
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".ppm")
ZIP = b"PK\x03\x04"  # how a session begins
EDITED = "edited"  # what the name of an edited picture ends in, and the folder for those of a folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer, print, and return the exit status."""
    quieten()
    try:
        given = _parser().parse_args(arguments)
        status = _folder(given) if os.path.isdir(given.picture) else _single(given)
        sys.stdout.flush()
        return status
    except DemoError as error:
        sys.stderr.write("error: " + " ".join(str(error).split()) + "\n")
        return BAD_INPUT
    except BrokenPipeError:
        # Who reads has seen enough (| head -1). Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def load(settings: Settings) -> Assistant:
    """Load the models. Raises DemoError in one line whatever is wrong with their files."""
    from pipelines.catalog import load

    quieten_bars()
    try:
        return load(settings)
    except DemoError:
        raise
    except Exception as error:
        raise loading_failed(
            f"{settings.model}, {settings.segmenter} or {settings.inpainter}", error
        ) from error


def _single(given: argparse.Namespace) -> int:
    """Answer about one picture, or go on with a session."""
    from pipelines.export import open_session, save_session
    from pipelines.export.files import check_target
    from pipelines.scene import Timeline

    # Before the models are loaded, so that what cannot work is said at once.
    if given.save:
        check_target(given.save)
        _keep_apart(given.save, given.picture)
    if given.session:
        _check_session(given.session)
    resumed = _begins_like_a_zip(given.picture)
    photo = None if resumed else open_photo(given.picture)
    assistant = load(settings_of(given))
    timeline = open_session(assistant, given.picture) if resumed else Timeline()
    if photo:
        timeline = timeline.push(assistant.open(photo))
    before = timeline.scene.picture
    timeline, answers = _answers(assistant, timeline, given)
    edited = timeline.scene.picture != before
    answers[-1] |= _saved(assistant, timeline.scene, given.picture, given.save, edited=edited)
    if given.session:
        _write_bytes(given.session, save_session(assistant, timeline))
    if given.json:
        _say(json.dumps(answers if len(given.words) > 1 else answers[0], ensure_ascii=False))
    else:
        _say("\n".join(_plain(answer) for answer in answers))
    return 0


def _folder(given: argparse.Namespace) -> int:
    """Print one JSON line a picture, and a progress bar on stderr; failures are said in their lines."""
    from tqdm import tqdm

    from pipelines.scene import Timeline

    paths = _pictures_in(given.picture)
    if not paths:
        raise DemoError(
            f"There is no picture in {short(str(given.picture))}: files must end in {', '.join(SUFFIXES)}."
        )
    if given.session:
        raise DemoError("--session keeps the visit of one picture: give one instead of a folder.")
    if given.save:
        if given.save.suffix and not os.path.isdir(given.save):
            raise DemoError("For a folder of pictures, --save takes a folder: name one without a suffix.")
        _keep_apart(given.save, given.picture)
    targets, fallback = output_names(paths), given.save or _fresh_folder(given.picture / EDITED)
    assistant = load(settings_of(given))
    failed = 0
    for path in tqdm(paths, unit="picture", file=sys.stderr):
        try:
            timeline = Timeline().push(assistant.open(open_photo(path)))
            before = timeline.scene.picture
            timeline, answers = _answers(assistant, timeline, given)
            edited = timeline.scene.picture != before
            if edited or given.save:
                _make_folder(fallback)
                target = fallback / targets[path]
                answers[-1] |= _saved(assistant, timeline.scene, path, target, edited=edited)
            answer = answers[0] if len(answers) == 1 else {"answers": answers}
        except DemoError as error:
            failed += 1
            answer = {"error": str(error)}
        _say(json.dumps({"file": path.name, **answer}, ensure_ascii=False))
        sys.stdout.flush()
    return BAD_INPUT if failed == len(paths) else 0


def _pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder in order, without those that an earlier call made of others of them."""
    try:
        paths = sorted(
            path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()
        )
    except OSError as error:
        raise DemoError(f"The folder {short(str(folder))} cannot be read ({error.strerror}).") from None
    stems = {path.stem for path in paths}
    return [path for path in paths if not any(path.stem[:at] in stems for at in _made_of(path.stem))]


def _made_of(stem: str) -> list[int]:
    """Return where the original's name may end in an edited picture's ("park" in "park-edited-2")."""
    base, _, number = stem.rpartition("-")
    named = base if number.isdigit() else stem
    return [len(named) - len(EDITED) - 1] if named.endswith(f"-{EDITED}") else []


def output_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Name a PNG for each picture of a folder, no two alike: holiday.jpg and holiday.png become two."""
    stems = [path.stem.casefold() for path in paths]
    names = {
        path: f"{path.stem if stems.count(path.stem.casefold()) == 1 else path.name}.png" for path in paths
    }
    taken: set[str] = set()
    for path, name in names.items():
        number, free = 1, name
        while free.casefold() in taken:
            number += 1
            free = f"{Path(name).stem}-{number}.png"
        taken.add(free.casefold())
        names[path] = free
    return names


def _answers(
    assistant: Assistant, timeline: Timeline, given: argparse.Namespace
) -> tuple[Timeline, list[dict[str, Any]]]:
    """Point, then say each message in order; the timeline, and an answer a message."""
    from pipelines import ReplyOptions
    from pipelines.masks import read_mask, with_mask
    from pipelines.scene import Click
    from pipelines.visit import serve

    started = time.monotonic()
    scene = timeline.scene
    for path in given.mask:
        if scene.picture is None:
            raise DemoError("A mask needs a picture, and this session has none.")
        scene = with_mask(scene, read_mask(path, scene.picture.size_wh, invert=given.invert))
    for box in given.box:
        scene = assistant.box(scene, box)
    pointed = scene.selected if given.box or given.mask else None
    for click in given.click:
        scene = assistant.click(scene, Click(click), region_id=pointed)
        pointed = scene.selected
    if scene is not timeline.scene:
        timeline = timeline.push(scene)
    answers = []
    for words in given.words:
        holes: dict[Mask, None] = {}
        for grown in serve(assistant, timeline, words, options=ReplyOptions(seed=given.seed)):
            timeline = grown.timeline
            holes |= {grown.hole: None} if grown.hole else {}
        answers.append(_answer(assistant, timeline.scene, started, list(holes)))
        started = time.monotonic()
    return timeline, answers or [_answer(assistant, timeline.scene, started)]


def _answer(assistant: Assistant, scene: Scene, started: float, holes: Sequence[Mask] = ()) -> dict[str, Any]:
    """Return one answer as a JSON object. `holes`: the pixels that edits may have changed; no others have."""
    from pipelines.export import region_json
    from pipelines.mask_shapes import union

    answers = scene.answers
    turn = answers[-1] if answers else None
    return {
        "model": assistant.about.model,
        "text": "\n".join(answer.text for answer in answers),
        "raw": turn.raw if turn else "",
        "table": [list(row) for row in turn.table] if turn and turn.table else None,
        "regions": [region_json(region, scene) for region in scene.regions],
        "notices": [turn.text for turn in scene.turns if turn.role == "notice"],
        "picture": None,
        "touched": union(holes).rle(scene.picture.size_wh) if holes and scene.picture else None,
        "seconds": round(time.monotonic() - started, 3),
    }


def _saved(
    assistant: Assistant, scene: Scene, path: Path, target: Path | None, *, edited: bool
) -> dict[str, Any]:
    """Write an edited picture, or the drawn one where it is asked for; return what an answer says of it."""
    from pipelines.draw import draw
    from pipelines.export.files import fresh, write_picture

    if scene.picture is None or not (edited or target):
        return {}
    photo = assistant.pictures.photo(scene.picture)
    if edited:
        target = target or fresh(path.with_name(f"{path.stem}-{EDITED}.png"))
        lost = write_picture(photo, target)
    else:
        assert target
        lost = write_picture(Photo(draw(photo.image, scene), exif=photo.exif), target)
    notices = [turn.text for turn in scene.turns if turn.role == "notice"]
    return {"picture": str(target) if edited else None, "notices": [*notices, *([lost] if lost else [])]}


def _keep_apart(target: Path, source: Path) -> None:
    """Refuse to write over what is read."""
    if os.path.exists(target) and os.path.exists(source) and os.path.samefile(target, source):
        raise DemoError(
            f"--save names {short(str(source))} itself, which would be lost: choose another place."
        )


def _check_session(target: Path) -> None:
    if target.suffix.lower() != ".zip" or not os.path.isdir(target.parent):
        raise DemoError(f"{short(str(target))} cannot be written: name a .zip in a folder that exists.")


def _write_bytes(target: Path, data: bytes) -> None:
    part = target.with_name(f".{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, target)
    except OSError as error:
        raise DemoError(f"{short(str(target))} cannot be written ({error.strerror}).") from None
    finally:
        part.unlink(missing_ok=True)


def _fresh_folder(path: Path) -> Path:
    from pipelines.export.files import fresh

    return fresh(path)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"The folder {short(str(path))} cannot be made ({error.strerror}).") from None


def _begins_like_a_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP)) == ZIP
    except (OSError, ValueError):
        return False  # opening it as a picture says what is wrong


def _say(text: str) -> None:
    # A lone half of a character, such as a file's name may hold, cannot be printed as it is.
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")


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


class _Parser(Parser):
    def format_help(self) -> str:
        from pipelines.abilities import (
            help_lines,
        )  # which asks what the models are asked, and so takes a while

        return super().format_help() + "\nwhat can be said:\n  " + "\n  ".join(help_lines()) + "\n"


def _parser() -> Parser:
    lines = (__doc__ or "").split("\n")
    parser = _Parser(
        prog="python -m pipelines",
        description=lines[0],
        epilog="\n".join(lines[2:])
        + "\nThe options for models can be set by the environment, too: SPHINX_MODEL, ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "picture",
        type=Path,
        help="a picture, a folder of pictures (then: JSON lines), or a saved session's ZIP",
    )
    add("words", nargs="*", help='what to say, such as "segment the red ball"; several in their order')
    add("--click", type=_point, action="append", default=[], metavar="X,Y", help="outline this point")
    add("--box", type=_box, action="append", default=[], metavar="X1,Y1,X2,Y2", help="outline this box")
    add(
        "--mask", type=Path, action="append", default=[], metavar="FILE",
        help="a region from a mask: white, opaque or non-zero is selected, greys are cut at half",
    )  # fmt: skip
    add("--invert", action="store_true", help="masks select what is black or transparent instead")
    parser.add_settings()
    add("--json", action="store_true", help="print one JSON object; a list where several things are said")
    add(
        "--save", type=Path, metavar="OUT.png",
        help="write the edited picture, or the picture with what was found on it: .png, .webp, .tif or .bmp "
        "are lossless, .jpg has high quality; a folder for a folder",
    )  # fmt: skip
    add(
        "--session", type=Path, metavar="OUT.zip", help="write the whole visit, for the page or to go on here"
    )
    parser.add_option(
        "--seed", default=0, type=whole_number(0, 2**63 - 1), help="of everything random (%(default)s)"
    )
    return parser


def _numbers(words: str, count: int) -> Iterator[int]:
    parts = words.split(",")
    if len(parts) != count:
        raise argparse.ArgumentTypeError(
            f"{count} whole numbers with commas between are needed, not {words[:40]!r}"
        )
    read = whole_number(-MAX_SIDE, MAX_SIDE)
    return (read(part) for part in parts)


def _point(words: str) -> Point:
    return Point(*_numbers(words, 2))


def _box(words: str) -> Box:
    return Box(*_numbers(words, 4))
