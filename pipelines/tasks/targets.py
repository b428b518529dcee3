"""Targets become regions: what a phrase leaves open is found, chosen, counted or turned round.

The vision-language model is asked for a phrase alone. For "the largest fish", "both cats", "animals", "what
is next to it" and "all but the fish" it is asked for everything that the target may be, and the target is
resolved against what it found.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from pipelines.abilities import ABILITIES
from pipelines.engine import Engine
from pipelines.interfaces import ReplyOptions
from pipelines.language.choosing import GENERIC, fitting, pick, resolve
from pipelines.language.lexicon import is_relation
from pipelines.language.nouns import plural, singular, with_article
from pipelines.language.requests import Target
from pipelines.readings import Finding
from pipelines.scene import Record, Region, Scene
from pipelines.tasks.converse import converse
from pipelines.tasks.naming import describe_region
from pipelines.tasks.regions import merge, need_picture, need_region
from pipelines.tasks.results import Listing, Results, TaskResult, Unmet, relay

SAME_THING = 0.5  # intersection over union from which two boxes are taken for one thing
MAIN_THING = "What is the largest thing in the image?"  # the wording that the family "largest" was trained on

Located = Generator[TaskResult, None, TaskResult]
Maybe = Generator[TaskResult, None, TaskResult | None]


def locate(
    engine: Engine, scene: Scene, target: Target, options: ReplyOptions, *, known: bool = True
) -> Results:
    """Find what a target points at. The last result names the regions, or is `Unmet`.

    Args:
        known: a thing that is on the page under that name is not looked for again.

    Raises:
        DemoError: nothing was pointed at, or a number that no region has.
    """
    target = resolve(target, scene) if known else target
    if target.box:
        scene, ids = merge(scene, (Finding("", target.box),), source="box")
        yield _found(engine, scene, ids)
    elif target.region_ids or not target:
        for number in target.region_ids or (None,):
            need_region(scene, number)
        yield _found(engine, scene, target.region_ids)
    elif target.but:
        yield (yield from _all_but(engine, scene, target, options))
    elif target.near:
        yield (yield from _beside(engine, scene, target, options))
    else:
        yield (yield from _of_phrase(engine, scene, target, options))


def _of_phrase(engine: Engine, scene: Scene, target: Target, options: ReplyOptions) -> Located:
    """What a phrase names: one thing, all of a kind, so many of it, or the one that is chosen of them."""
    if target.plain and not target.every and not is_generic(target):
        result = yield from relay(_ask(engine, scene, target, options))
        if not result.region_ids:
            return (yield from _named(engine, result, target, options))
        if _denied(engine, scene, target, options):
            return _unmet(engine, scene, target)
        return (yield from _agreed(engine, scene, result, target, options))
    if target.pick == "largest" and is_generic(target):
        main = yield from _main_thing(engine, scene, target, options)
        if main and main.region_ids:
            return main
    result = yield from _all_of(engine, scene, target, options)
    scene, ids = result.scene, result.region_ids
    if not ids:
        return result if isinstance(result.outcome, Unmet) else _unmet(engine, scene, target)
    if target.pick:
        chosen = pick(target.pick, ids, scene)
        return _found(engine, scene, chosen) if chosen else _unmet(engine, scene, target, ids)
    if target.count and len(ids) != target.count:
        return _unmet(engine, scene, target, ids)
    return result


def _all_of(engine: Engine, scene: Scene, target: Target, options: ReplyOptions) -> Located:
    """All things that fit a phrase; of general words, of those that are named on the whole picture."""
    if target.kinds or is_generic(target):
        named = yield from relay(_name_everything(engine, scene, options))
        broad = replace(target, pick="", count=0)
        ids = named.region_ids if target.phrase == GENERIC else fitting(broad, named.scene)
        if ids:
            return _found(engine, *_only(scene, named.scene, ids))
        main = yield from _main_thing(engine, scene, target, options)
        return main or _unmet(engine, scene, target)
    kind = Target(target.phrase, every=True)
    result = yield from relay(_ask(engine, scene, kind, options))
    if result.region_ids:
        return _without_others(engine, scene, result, target, options)
    result = yield from relay(_ask(engine, scene, Target(target.phrase), options))
    if not result.region_ids:
        return (yield from _named(engine, result, target, options))
    return _without_others(engine, scene, result, target, options)


def _agreed(
    engine: Engine, scene: Scene, found: TaskResult, target: Target, options: ReplyOptions
) -> Located:
    """Return what was boxed for a phrase, where SPHINX calls it so too when it is asked what is in the box.

    A small checkpoint boxes one thing for any phrase, and what it calls that is right more often than the
    phrase was heeded. Where the two disagree, all of the kind are looked for; where none of these agrees,
    the visitor is told what was boxed instead, by its own name.

    Args: scene: before anything was found.
    """
    if _without_others(engine, scene, found, target, options).region_ids:
        return found
    colour = _first_of(engine.about.vocabulary.colours, target.phrase)
    words = [word for word in target.phrase.split() if word != colour]
    kind = Target(" ".join(words).removesuffix(" in"), every=True)
    result = yield from relay(_ask(engine, scene, kind, options))
    others = _without_others(engine, scene, result, target, options)
    if others.region_ids:
        region = replace(need_region(others.scene, others.region_ids[0]), label=target.phrase)
        return _found(engine, *_only(scene, others.scene.with_region(region), (region.id,)))
    named = yield from _named(engine, replace(result, scene=scene, region_ids=()), target, options)
    if named.region_ids:
        return named
    doubted = need_region(found.scene, found.region_ids[0])
    name = describe_region(engine, found.scene, replace(doubted, label=""), options)
    scene, ids = _only(scene, found.scene.with_region(replace(doubted, label=name)), (doubted.id,))
    return _unmet(engine, scene, target, ids)


def _without_others(
    engine: Engine, scene: Scene, found: TaskResult, target: Target, options: ReplyOptions
) -> TaskResult:
    """Leave out what SPHINX itself calls another thing, or of another colour, than what was asked for.

    Args: scene: before anything was found; what is left out is not on the page either.
    """
    if engine.about.vocabulary.talks or not engine.is_drawn(need_picture(scene)):
        return found
    ids = []
    for number in found.region_ids:
        region = replace(need_region(found.scene, number), label="")
        if _is_such(describe_region(engine, found.scene, region, options), target.phrase, engine):
            ids.append(number)
    if len(ids) == len(found.region_ids):
        return found
    scene, kept = _only(scene, found.scene, ids)
    return replace(found, scene=scene, region_ids=kept)


def _is_such(name: str, phrase: str, engine: Engine) -> bool:
    """Whether a thing of this name may be meant by a phrase: neither kind nor colour speaks against it."""
    for words in (engine.about.vocabulary.kinds, engine.about.vocabulary.colours):
        wanted, called = _first_of(words, phrase), _first_of(words, name)
        if wanted and called and wanted != called:
            return False
    return True


def _first_of(words: Sequence[str], phrase: str) -> str:
    """Return the first of the words that a phrase has, or ""."""
    return next((word for word in phrase.split() if word in words), "")


def _main_thing(engine: Engine, scene: Scene, target: Target, options: ReplyOptions) -> Maybe:
    """Find the largest thing of a photograph, which a small checkpoint tells best, where it may be meant."""
    picture = need_picture(scene)
    if "largest" not in engine.about.vocabulary.families or engine.is_drawn(picture):
        return None
    kind = engine.complete(picture, ABILITIES["short"].fill(question=MAIN_THING), options).strip(" .").lower()
    kinds = target.kinds or engine.about.vocabulary.kinds
    if kind not in kinds:
        return None
    return (yield from relay(_ask(engine, scene, Target(kind), options)))


def _denied(engine: Engine, scene: Scene, target: Target, options: ReplyOptions) -> bool:
    """Return whether a small checkpoint that boxed a thing in a photograph denies it when asked.

    Of 100 photographs 45 had a box for a main kind that was not there; for 11 of these it was denied, as it
    was for 1 of 82 things that were there.
    """
    picture = need_picture(scene)
    if "is-there" not in engine.about.vocabulary.families or engine.is_drawn(picture):
        return False
    question = f"Is there {with_article(target.phrase)} in the image?"
    reply = engine.complete(picture, ABILITIES["short"].fill(question=question), options)
    return reply.strip().lower().startswith("no")


def _named(engine: Engine, missed: TaskResult, target: Target, options: ReplyOptions) -> Located:
    """A thing that a small checkpoint did not find by its name may be among all that it names."""
    if engine.about.vocabulary.talks or is_relation(target.phrase):
        return missed
    named = yield from relay(_name_everything(engine, missed.scene, options))
    ids = fitting(Target(target.phrase), named.scene)
    return _found(engine, *_only(missed.scene, named.scene, ids)) if ids else missed


def _all_but(engine: Engine, scene: Scene, target: Target, options: ReplyOptions) -> Located:
    """All things but those that are meant; where these are not found, nothing is."""
    meant = replace(target, but=False, every=True, count=0) if target.phrase else replace(target, but=False)
    kept = yield from relay(locate(engine, scene, meant, options))
    if not kept.region_ids and not is_generic(target):
        return _unmet(engine, kept.scene, meant)
    named = yield from relay(_name_everything(engine, kept.scene, options))
    scene = named.scene
    keep = [region for region in scene.regions if region.id in kept.region_ids]
    ids = tuple(region.id for region in scene.regions if not is_one_of(region, keep))
    return _found(engine, scene, ids) if ids else _unmet(engine, scene, target)


def _beside(engine: Engine, scene: Scene, target: Target, options: ReplyOptions) -> Located:
    """The thing that stands so to another one: that one is found first, then all that it may be."""
    assert target.near
    near = yield from relay(locate(engine, scene, target.near, options))
    if not near.region_ids:
        return near if isinstance(near.outcome, Unmet) else _unmet(engine, near.scene, target.near)
    anchors = near.region_ids[:1]
    every = replace(target, near=None, relation="", pick="", every=True, count=0)
    if not target.phrase:
        every = replace(every, phrase=GENERIC)
    result = yield from _all_of(engine, near.scene, every, options)
    scene = result.scene
    # the other thing may have been named a second time: that is not beside it
    doubles = [region for region in scene.regions if region.id in anchors]
    apart = [r for r in scene.regions if r.id in anchors or not is_one_of(r, doubles)]
    phrase = "" if target.phrase == GENERIC else target.phrase
    beside = replace(target, phrase=phrase, near=Target(region_ids=anchors))
    found = resolve(beside, replace(scene, regions=tuple(apart)))
    if not found.region_ids:
        return _unmet(engine, near.scene, target)
    return _found(engine, *_only(near.scene, scene, found.region_ids))


def _name_everything(engine: Engine, scene: Scene, options: ReplyOptions) -> Results:
    """Name every region of the picture; those that are on the page are among them."""
    dense = ABILITIES["dense"]
    named = yield from relay(converse(engine, scene, dense, dense.fill(), options))
    yield replace(named, status="final", region_ids=tuple(region.id for region in named.scene.regions))


def _ask(engine: Engine, scene: Scene, target: Target, options: ReplyOptions) -> Results:
    """Give boxes for a target's phrase, by the ability that suits it."""
    if target.every:
        ability, asked, label = "detect", plural(target.phrase), singular(target.phrase)
    else:
        ability = "relation" if is_relation(target.phrase) else "locate"
        asked = label = target.phrase
    row = ABILITIES[ability]
    return converse(engine, scene, row, row.fill(phrase=asked), options, label)


def is_generic(target: Target) -> bool:
    """Return whether a phrase may be a thing of any kind ("red thing")."""
    return target.phrase.split()[-1:] == [GENERIC]


def is_one_of(region: Region, others: Sequence[Region]) -> bool:
    """Return whether a region is the same thing as one of others, perhaps under another name."""
    return any(region.id == other.id or region.box.iou(other.box) >= SAME_THING for other in others)


def _found(engine: Engine, scene: Scene, ids: Sequence[int]) -> TaskResult:
    need_picture(scene)
    if ids:
        scene = replace(scene, selected=ids[0])
    return TaskResult(scene, Listing("find"), Record("locate", engine.about.model), region_ids=tuple(ids))


def _only(before: Scene, after: Scene, ids: Sequence[int]) -> tuple[Scene, tuple[int, ...]]:
    """Bring to the page what was looked for, and nothing else that was named on the way.

    Returns the scene, and the regions' numbers in it.
    """
    numbers: list[int] = []
    for number in ids:
        region = need_region(after, number)
        if before.region(number) is None:
            region = replace(region, id=before.next_id)
        before = before.with_region(region)
        numbers.append(region.id)
    return before, tuple(numbers)


def _unmet(engine: Engine, scene: Scene, target: Target, instead: Sequence[int] = ()) -> TaskResult:
    outcome = Unmet(target, len(instead))
    return TaskResult(scene, outcome, Record("locate", engine.about.model), region_ids=tuple(instead))
