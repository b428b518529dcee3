"""Make a data set of a folder of pictures and a few phrases, or do the same edit to each picture.

python -m pipelines.label photos/ --find cat --find "fence=a wooden fence" --segment --to cats/
python -m pipelines.label photos/ --classes classes.yaml --to set/ --format yolo coco --split .8,.1,.1
python -m pipelines.label photos/ --everything --describe --to set/ --format jsonl
python -m pipelines.label photos/ --edit "remove the date stamp" --masks stamps/ --to clean/
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import DemoError
from pipelines.intake import short
from pipelines.label.classes import Wanted, read_classes, said_classes
from pipelines.quiet import quieten
from pipelines.settings import Parser, Settings, settings_of, whole_number

if TYPE_CHECKING:
    from pipelines.label.manifest import Manifest
    from pipelines.label.work import Job

Files = Sequence[tuple[str, int, int]]  # name, bytes, modified in ns
BAD_INPUT, INTERRUPTED = 2, 130  # exit status
MOST_SAID = 20  # pictures that are named on stderr
AT_ONCE = 8  # pictures that are worked on together
WORTH = 24  # pictures for each process: fewer are done before another one is ready
FORMAT_NAMES = ("coco", "yolo", "voc", "masks", "jsonl")
ROUNDING = 1e-3  # by which shares may miss 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Label a folder; return the exit status."""
    quieten()
    try:
        return _label(_parser().parse_args(arguments))
    except DemoError as error:
        sys.stderr.write("error: " + " ".join(str(error).split()) + "\n")
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped: the same command goes on from here\n")
        return INTERRUPTED


def _label(given: argparse.Namespace) -> int:
    """Check, find, write."""
    classes = _classes(given)
    _check(given, classes)
    from pipelines.label.run import SUFFIXES, scan

    files = scan(given.folder, given.to)
    if not files:
        raise DemoError(
            f"There is no picture in {short(str(given.folder))}: files must end in {', '.join(SUFFIXES)}."
        )
    if given.edit is not None:
        return _edit_all(given, files)
    return _label_all(given, files, classes)


def _label_all(given: argparse.Namespace, files: Files, classes: Sequence[Wanted]) -> int:
    from pipelines.label import run
    from pipelines.label.dataset import STRUCK, Dataset, read_struck
    from pipelines.label.formats import write_formats
    from pipelines.label.manifest import Manifest
    from pipelines.label.sheet import write_sheet

    struck = read_struck(given.to / STRUCK) if (given.to / STRUCK).exists() else frozenset()
    jobs = _jobs(given, classes)
    make = partial(loaded, settings_of(given))
    works = make()
    for note in works.check(jobs):
        sys.stderr.write(f"note: {note}\n")
    with Manifest(given.to) as manifest:
        manifest.update(files)
        failed = _work(given, manifest, make, works, run.tasks(manifest, given.folder, jobs))
        options = {"shares": given.split, "seed": given.seed}
        write_sheet(Dataset(manifest, given.folder, jobs, **options), given.to, struck)
        dataset = Dataset(manifest, given.folder, jobs, struck=struck, **options)
        formats = write_formats(dataset, given.to, given.format)
        counts = Counter(region.label for picture in dataset for region in picture.regions)
        passed = list(dataset.passed_over())
        rows = [f"{len(dataset)} pictures", *(f"{counts[name]:6} {name}" for name in dataset.classes)]
    _report([*rows, *(f"written: {given.to / name}" for name in (*formats, "index.html"))])
    return _passed_over([*passed, *failed], all_passed=len(passed) == len(files), failed=bool(failed))


def _edit_all(given: argparse.Namespace, files: Files) -> int:
    from pipelines.label import edits
    from pipelines.label.manifest import Manifest
    from pipelines.label.weights import weights_of

    settings = settings_of(given)
    names = [name for name, _, _ in files]
    masks = edits.masks_for(names, given.masks) if given.masks else {}
    models = tuple(weights_of(settings).items())
    jobs = edits.edit_jobs(names, given.edit, masks, invert=given.invert, seed=given.seed, models=models)
    make = partial(_editor, settings, given.to)
    works = make()
    works.check(given.edit, masked=bool(masks))
    with Manifest(given.to) as manifest:
        manifest.update(files)
        failed = _work(given, manifest, make, works, edits.edit_tasks(manifest, given.folder, given.to, jobs))
        changed, unchanged = edits.write_list(manifest, given.to, jobs)
        passed = [(entry.name, entry.trouble) for entry in manifest.entries() if entry.trouble]
    passed += [(name, "there is no mask of its name") for name in names if masks and name not in jobs]
    rows = [f"{changed} changed, {unchanged} left as they are", f"written: {given.to / edits.LIST}"]
    _report(rows)
    return _passed_over([*passed, *failed], all_passed=len(passed) == len(files), failed=bool(failed))


def _classes(given: argparse.Namespace) -> tuple[Wanted, ...]:
    found = said_classes(given.find)
    if given.classes:
        found += read_classes(given.classes)
        if len({one.name.casefold() for one in found}) < len(found):
            raise DemoError("--find and --classes both have a class of one name: say it once.")
    return found


def _check(given: argparse.Namespace, classes: Sequence[Wanted]) -> None:
    """Refuse what cannot work before anything is loaded or written."""
    if not os.path.isdir(given.folder):
        raise DemoError(f"There is no folder {short(str(given.folder))}: check the name.")
    looks = bool(classes or given.everything or given.describe)
    if given.edit is not None:
        if looks or given.segment or given.pose or given.split:
            raise DemoError("--edit changes pictures, and labels none: leave the options for labels out.")
        if not given.edit.strip():
            raise DemoError("--edit says nothing: say what is to change, such as “blur the background”.")
        if given.masks and not os.path.isdir(given.masks):
            raise DemoError(f"There is no folder {short(str(given.masks))}: check the name.")
        check_target(given.to, given.folder)
        return
    if given.masks or given.invert:
        raise DemoError("--masks and --invert say where an edit is: add --edit and what is to be done.")
    if not looks:
        raise DemoError("There is nothing to look for: say --find, --classes, --everything or --describe.")
    if classes and given.everything:
        raise DemoError("--everything names all there is: leave --find and --classes out.")
    if given.pose and not classes and not given.everything:
        raise DemoError("--pose finds the joints of people: add a class of them, such as --find person.")
    if "masks" in given.format and not given.segment:
        raise DemoError("Masks need outlines: add --segment.")
    check_target(given.to, given.folder)


def check_target(to: Path, folder: Path) -> None:
    """Refuse an output folder that holds anything else."""
    from pipelines.label.manifest import NAME

    if os.path.exists(to) and not os.path.isdir(to):
        raise DemoError(f"{short(str(to))} is a file: name a new folder.")
    if os.path.exists(to) and os.path.samefile(to, folder):
        raise DemoError("--to names the pictures' own folder: name a new one.")
    try:
        if os.path.isdir(to) and any(to.iterdir()) and not (to / NAME).is_file():
            raise DemoError(f"{short(str(to))} holds something else already: name a new folder.")
    except OSError as error:
        raise DemoError(f"The folder {short(str(to))} cannot be read ({error.strerror}).") from None


def _jobs(given: argparse.Namespace, classes: Sequence[Wanted]) -> tuple[Job, ...]:
    from pipelines.label.weights import weights_of
    from pipelines.label.work import CAPTION, EVERYTHING, Job

    weights = weights_of(settings_of(given))
    model = {"model": weights["model"]}
    used = tuple((model | {"segmenter": weights["segmenter"]} if given.segment else model).items())
    jobs = [Job(f"class {one.name}", one, given.segment, given.pose, given.seed, used) for one in classes]
    if given.everything:
        jobs.append(Job(EVERYTHING, None, given.segment, given.pose, given.seed, used))
    if given.describe:
        jobs.append(Job(CAPTION, seed=given.seed, models=tuple(model.items())))
    return tuple(jobs)


def loaded(settings: Settings) -> Any:
    """Load what labels; an actor on another machine does, too."""
    from pipelines.label.work import Labeller
    from pipelines.shell import load

    return Labeller(load(settings))


def _editor(settings: Settings, to: Path) -> Any:
    from pipelines.label.edits import Editor
    from pipelines.shell import load

    return Editor(load(settings), to.resolve())


def _work(
    given: argparse.Namespace,
    manifest: Manifest,
    make: Callable[[], Any],
    works: Any,
    waiting: Sequence[Any],
) -> list[tuple[str, str]]:
    """Do what is left to do, with a progress bar; return what failed."""
    from tqdm import tqdm

    from pipelines.label import run
    from pipelines.label.in_processes import in_processes
    from pipelines.label.on_ray import in_actors

    with tqdm(total=len(waiting), unit="picture", file=sys.stderr, disable=not waiting) as bar:

        def show(name: str, counts: Counter[str]) -> None:
            often = ", ".join(f"{label} {count}" for label, count in counts.most_common(4))
            bar.set_postfix_str(often, refresh=False)
            bar.update()

        if given.ray is not None:
            news = in_actors(make, waiting, actors=given.ray, at_once=given.at_once)
        elif (processes := given.processes or _processes(settings_of(given), len(waiting))) > 1:
            news = in_processes(make, works, waiting, processes=processes, at_once=given.at_once)
        else:
            news = run.in_threads(works, waiting, given.at_once)
        return run.keep(manifest, news, show)[1]


def _processes(settings: Settings, waiting: int) -> int:
    """Return how many processes are worth their start."""
    from pipelines.catalog import find_device
    from pipelines.room import useful_processes

    useful = useful_processes(settings, find_device(settings.device)[0])
    return max(1, min(useful, waiting // WORTH))


def _report(lines: Sequence[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8"))
    sys.stdout.flush()


def _passed_over(rows: Sequence[tuple[str, str]], *, all_passed: bool, failed: bool) -> int:
    """Say what was passed over; return the exit status."""
    for name, trouble in rows[:MOST_SAID]:
        sys.stderr.write(f"passed over: {short(name)}: {trouble}\n")
    if len(rows) > MOST_SAID:
        sys.stderr.write(f"passed over: {len(rows)} in all\n")
    return BAD_INPUT if all_passed or failed else 0


def _shares(words: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in words.split(","))
    except ValueError:
        shares = ()
    if len(shares) not in (2, 3) or not all(0 < one < 1 for one in shares) or abs(sum(shares) - 1) > ROUNDING:
        raise argparse.ArgumentTypeError(
            f"{words[:40]!r} is no split: give two or three shares that make 1, such as .8,.1,.1"
        )
    return shares


def _parser() -> Parser:
    lines = (__doc__ or "").split("\n")
    parser = Parser(
        prog="python -m pipelines.label",
        description=lines[0],
        epilog="\n".join(lines[2:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", type=Path, help="pictures, also in sub-folders; they are never changed")
    add("--to", type=Path, required=True, metavar="DIR", help="where the data set goes; a second run goes on")
    add(
        "--find", action="append", default=[], metavar="NAME[=PHRASE]",
        help="a class, and the phrase that finds it; repeatable, also for one class",
    )  # fmt: skip
    add("--classes", type=Path, metavar="FILE.yaml", help="classes with their phrases, a line each")
    add("--everything", action="store_true", help="all that SPHINX names, under the names that it gives")
    add("--segment", action="store_true", help="outline what is found")
    add("--pose", action="store_true", help="find the joints of people")
    add("--describe", action="store_true", help="a caption for each picture")
    add(
        "--format", nargs="+", choices=FORMAT_NAMES, default=["coco"], metavar="NAME",
        help=f"{', '.join(FORMAT_NAMES)} (coco)",
    )  # fmt: skip
    add("--edit", metavar="WORDS", help="change each picture so instead; new files without loss go to DIR")
    add("--masks", type=Path, metavar="DIR", help="where to edit: masks with the names of the pictures")
    add("--invert", action="store_true", help="masks select what is black or transparent instead")
    add("--split", type=_shares, default=(), metavar=".8,.1,.1", help="shares of train, val and test")
    parser.add_option(
        "--at-once", default=AT_ONCE, type=whole_number(1, 64), metavar="N",
        help="pictures that are worked on together (%(default)s)",
    )  # fmt: skip
    parser.add_option(
        "--processes", type=whole_number(1, 64), metavar="N",
        help="work in so many processes, each with its own models (embedded ones without a GPU: one a core)",
    )  # fmt: skip
    add(
        "--ray", nargs="?", type=whole_number(1, 10_000), const=0, metavar="ACTORS",
        help="work on a Ray cluster, with an actor a GPU or so many (requirements-cluster.txt)",
    )  # fmt: skip
    parser.add_settings()
    parser.add_option(
        "--seed", default=0, type=whole_number(0, 2**63 - 1), help="of everything random (%(default)s)"
    )
    return parser
