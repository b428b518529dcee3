"""Turn what a target leaves open into regions of the page: "the largest", "next to it", "all but the fish".

Knows boxes and labels, no sentences. Whoever serves a request calls `resolve` again once things were found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipelines.language.nouns import noun, singular
from pipelines.language.references import recent
from pipelines.language.requests import Target
from pipelines.scene import Box, Region, Scene

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
GENERIC = "thing"  # the phrase of a target that may be of any kind
_ORDERS: dict[str, Callable[[Box], float]] = {
    "left": lambda box: box.x1 + box.x2,
    "right": lambda box: -(box.x1 + box.x2),
    "top": lambda box: box.y1 + box.y2,
    "bottom": lambda box: -(box.y1 + box.y2),
    "top left": lambda box: box.x1 + box.x2 + box.y1 + box.y2,
    "top right": lambda box: box.y1 + box.y2 - box.x1 - box.x2,
    "bottom left": lambda box: box.x1 + box.x2 - box.y1 - box.y2,
    "bottom right": lambda box: -(box.x1 + box.x2 + box.y1 + box.y2),
    "largest": lambda box: -box.area,
    "smallest": lambda box: box.area,
    "tallest": lambda box: box.y1 - box.y2,
    "widest": lambda box: box.x1 - box.x2,
}


def resolve(target: Target, scene: Scene) -> Target:
    """Return the regions that a target stands for; the target as it is where the page does not tell.

    Phrases of one thing are resolved where exactly one region fits, or one has just that label.
    """
    if target.but:
        return _others(target, scene)
    if target.near:
        return _beside(target, scene)
    if target.region_ids or target.box or not (target.phrase or target.kinds):
        return target
    fit = fitting(target, scene)
    if target.pick == "other" and target.phrase == GENERIC and set(fit) <= {scene.selected}:
        fit = tuple(region.id for region in scene.regions)  # what was named last is the selected one alone
        fit = fit if len(fit) == 2 else ()
    if target.pick:
        return _picked(target, fit, scene)
    if target.every:
        exact = target.count and len(fit) == target.count
        return replace(target, phrase="", kinds=(), region_ids=fit, every=False, count=0) if exact else target
    same = [i for i in fit if (region := scene.region(i)) and region.label.lower() == target.phrase]
    if len(fit) == 1 or same:
        return Target(region_ids=tuple(same[:1]) or fit)
    return target


def fitting(target: Target, scene: Scene) -> tuple[int, ...]:
    """Return the regions whose label says all that the phrase says: "cat" fits "black cat"."""
    if target.phrase == GENERIC:
        return recent(scene)
    return tuple(region.id for region in scene.regions if _fits(target, region.label.lower()))


def _fits(target: Target, label: str) -> bool:
    name, words = singular(label), set(singular(label).split())
    if target.kinds:
        rest = set(target.phrase.split()[:-1])
        return noun(name) in target.kinds and rest <= words
    phrase = singular(target.phrase)
    if name == phrase:
        return True
    *looks, head = phrase.split()
    if head == GENERIC:
        return bool(label) and set(looks) <= words
    return noun(name) == noun(phrase) and set(phrase.split()) - {"in"} <= words


def pick(choice: str, ids: Sequence[int], scene: Scene) -> tuple[int, ...]:
    """Return the region that a choice names ("left", "largest", "second"), if there is one."""
    regions = [region for i in ids if (region := scene.region(i))]
    if not regions:
        return ()
    if choice == "other":
        others = tuple(region.id for region in regions if region.id != scene.selected)
        return others[:1] if scene.selected is not None else ()
    if choice in _ORDERS:
        return (min(regions, key=lambda region: _ORDERS[choice](region.box)).id,)
    if choice == "middle":
        across = sorted(regions, key=lambda region: region.box.x1 + region.box.x2)
        return (across[len(across) // 2].id,)
    word, _, side = choice.partition(" from " if " from " in choice else " ")
    if side:
        regions = sorted(regions, key=lambda region: _ORDERS[side](region.box))
    at = ORDINALS.index(word) if word in ORDINALS else len(regions) - 1
    return (regions[at].id,) if at < len(regions) else ()


def _picked(target: Target, fit: tuple[int, ...], scene: Scene) -> Target:
    """Return one of those that fit: of a kind at least two must be known, or there may be more of it."""
    if len(fit) < (1 if target.phrase == GENERIC else 2):
        return target
    chosen = pick(target.pick, fit, scene)
    return Target(region_ids=chosen) if chosen else target


def _others(target: Target, scene: Scene) -> Target:
    """Return all regions but those that are meant."""
    base = resolve(replace(target, but=False), scene)
    ids = base.region_ids or fitting(base, scene)
    others = tuple(region.id for region in scene.regions if region.id not in ids)
    return Target(region_ids=others) if ids and others else target


def _beside(target: Target, scene: Scene) -> Target:
    """Return the region that stands so to another, the nearest where several do."""
    assert target.near
    near = resolve(target.near, scene)
    known = replace(target, near=near)
    anchor = scene.region(near.region_ids[0]) if near.region_ids else None
    if not anchor:
        return known
    ids = fitting(replace(target, near=None), scene) if target.phrase else tuple(r.id for r in scene.regions)
    around = [region for i in ids if (region := scene.region(i)) and i not in near.region_ids]
    around = [region for region in around if stands(region.box, target.relation, anchor.box)]
    if not around or scene.regions == (anchor,):
        return known
    return Target(region_ids=(min(around, key=lambda region: _gap(region, anchor)).id,))


def stands(box: Box, relation: str, other: Box) -> bool:
    """Return whether a box is on that side of another; relations that boxes do not tell always hold."""
    dx, dy = box.x1 + box.x2 - other.x1 - other.x2, box.y1 + box.y2 - other.y1 - other.y2
    across = abs(dx) >= abs(dy)
    sides = {"left of": across and dx < 0, "right of": across and dx > 0}
    sides |= {"above": not across and dy < 0, "on": dy < 0, "below": not across and dy > 0}
    return sides.get(relation, True)


def _gap(region: Region, other: Region) -> float:
    """Return how far the boxes are apart, and where they touch, their middles."""
    a, b = region.box, other.box
    dx = max(a.x1 - b.x2, b.x1 - a.x2, 0)
    dy = max(a.y1 - b.y2, b.y1 - a.y2, 0)
    middles = abs(a.x1 + a.x2 - b.x1 - b.x2) + abs(a.y1 + a.y2 - b.y1 - b.y2)
    return (dx * dx + dy * dy) ** 0.5 + middles * 1e-3
