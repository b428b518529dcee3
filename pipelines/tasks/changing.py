"""What a change is made to: its target is found whole and outlined, or the visitor is asked back."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from pipelines.abilities import ABILITIES
from pipelines.engine import Engine
from pipelines.errors import DemoError
from pipelines.interfaces import ReplyOptions
from pipelines.language.lexicon import is_relation
from pipelines.language.requests import (
    AskBack,
    Background,
    CutOut,
    Edit,
    Move,
    Obscure,
    Outline,
    Resize,
    Target,
)
from pipelines.scene import Record, Scene
from pipelines.sentences import sentence
from pipelines.tasks.converse import converse
from pipelines.tasks.outline import outline
from pipelines.tasks.regions import need_picture, without_regions
from pipelines.tasks.results import Listing, Question, TaskResult, Unmet, relay
from pipelines.tasks.targets import is_one_of

Change = Edit | CutOut | Obscure | Move | Resize | Background
Targets = Generator[TaskResult, None, tuple[Scene, tuple[int, ...]] | None]
FOREGROUND = "foreground"  # the record's name for the question what should stay


def outline_targets(engine: Engine, scene: Scene, request: Change, options: ReplyOptions) -> Targets:
    """Return the regions that are to change, with masks.

    None where they were not found, or where several were that one of may be meant: the last result that was
    yielded says so, and nothing is to be changed.
    """
    target = (request.keep or Target()) if isinstance(request, Background) else request.target
    means_one = names_one(target)
    ids = target.region_ids
    if ids and all((region := scene.region(number)) and region.mask for number in ids):
        return replace(scene, selected=ids[0]), ids
    wanted = target
    if target.plain and means_one and not engine.about.vocabulary.talks:
        # a small checkpoint finds one of several without a word: whether there are more is asked first
        wanted = replace(target, every=not is_relation(target.phrase))
    found = yield from relay(outline(engine, scene, Outline(wanted), options))
    ids = tuple(i for i in found.region_ids if (region := found.scene.region(i)) and region.mask)
    if isinstance(found.outcome, Unmet):
        if found.region_ids:
            found = replace(found, suggestions=offers(request, found.region_ids))
        yield replace(found, status="final")
        return None
    if not ids:
        missing = Unmet(target) if isinstance(found.outcome, Listing) else found.outcome
        yield replace(found, status="final", outcome=missing)
        return None
    if len(ids) > 1 and means_one:
        yield ask_which(engine, found.scene, request, ids)
        return None
    return found.scene, ids


def names_one(target: Target) -> bool:
    """Return whether a target's words name one thing."""
    return not (target.every or target.but or target.region_ids)


def ask_which(engine: Engine, scene: Scene, request: Change, ids: tuple[int, ...]) -> TaskResult:
    """Return the question which one of several is meant, with each of them as an answer to press."""
    question = AskBack((), sentence("which_there"))
    record = Record("locate", engine.about.model)
    scene = replace(scene, selected=None)
    return TaskResult(scene, Question(question), record, region_ids=ids, suggestions=offers(request, ids))


def offers(request: Change, ids: tuple[int, ...]) -> tuple[str, ...]:
    """Return the request in words for each region: "remove #2"."""
    return tuple(_words(request, number) for number in ids[:4])


def _words(request: Change, number: int) -> str:
    match request:
        case Edit("remove"):
            return f"remove #{number}"
        case Edit("recolour", wish=wish):
            return f"make #{number} {wish}"
        case Edit(wish=wish):
            return f"replace #{number} with a {wish}"
        case CutOut():
            return f"cut out #{number}"
        case Obscure(how=how):
            return f"{how} #{number}"
        case Move(direction=direction):
            return f"move #{number} {direction}"
        case Background():
            return (
                f"blur everything except #{number}"
                if request.effect == "blur"
                else f"grey everything except #{number}"
            )
        case Resize(factor=factor):
            return f"make #{number} {'larger' if factor > 1 else 'smaller'}"


def outline_foreground(
    engine: Engine, scene: Scene, options: ReplyOptions, *, whole: bool = True
) -> Generator[TaskResult, None, Scene | None]:
    """Return a scene with masks of what stays: the page's regions, and all that SPHINX names beside them.

    None where the picture is of a kind that SPHINX does not know: nothing says then whether the page's
    regions are all that should stay, and the visitor is asked, once, with these lit up.

    Args:
        whole: what is left out is lost, so that all things must be found; otherwise the page's regions
            suffice where there are any.
    Raises:
        DemoError: nothing is outlined, and SPHINX does not know pictures of this kind.
    """
    picture = need_picture(scene)
    known_kind = engine.in_distribution(picture)
    if known_kind and (whole or not scene.regions):
        dense = ABILITIES["dense"]
        named = (yield from relay(converse(engine, scene, dense, dense.fill(), options))).scene
        doubles = [r.id for r in named.regions if not scene.region(r.id) and is_one_of(r, scene.regions)]
        scene = replace(without_regions(named, doubles), selected=scene.selected)
    for region in scene.regions:
        if region.mask is None:
            scene = scene.with_region(engine.outline(picture, region))
    kept = tuple(region.id for region in scene.regions if region.mask)
    if not kept:
        raise DemoError(sentence("nothing_to_keep"))
    if whole and not engine.is_sure(picture) and not _was_asked(scene):
        record = Record(FOREGROUND, engine.about.model)
        asked = Question(AskBack((), sentence("is_that_all")))
        yield TaskResult(scene, asked, record, region_ids=kept, suggestions=("outline everything",))
        return None
    return scene


def _was_asked(scene: Scene) -> bool:
    """Return whether the visitor was asked what should stay, in the last answer."""
    answered = [turn.record for turn in scene.turns if turn.role == "assistant" and turn.record]
    return bool(answered) and answered[-1].ability == FOREGROUND
