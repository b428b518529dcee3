"""Findings join a scene: each gets a number, or keeps the one it had.

A finding that overlaps an old region of the same name is that region ("ball" and "red ball" are one name);
numbers are never reused. This module knows no model and no request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipelines.errors import DemoError
from pipelines.language.lexicon import is_relation
from pipelines.language.nouns import noun, singular
from pipelines.readings import Finding
from pipelines.scene import Picture, Region, Scene
from pipelines.sentences import sentence

SAME = 0.7  # intersection over union from which two boxes of one name are one region


def merge(
    scene: Scene, findings: Sequence[Finding], *, source: str = "sphinx"
) -> tuple[Scene, tuple[int, ...]]:
    """Add findings to a scene. Returns the scene, and the number of each finding."""
    ids: list[int] = []
    for finding in findings:
        old = _same(scene, finding, ids)
        if old is None:
            region = Region(scene.next_id, finding.label, finding.box, source=source, note=finding.note)
        else:
            box = old.box if old.mask else finding.box
            region = replace(old, label=_fuller(old.label, finding.label), box=box, note=finding.note)
        scene = scene.with_region(region)
        ids.append(region.id)
    return scene, tuple(ids)


def _same(scene: Scene, finding: Finding, taken: Sequence[int]) -> Region | None:
    best, overlap = None, 0.0
    for region in scene.regions:
        if region.id in taken or (region.label and _named(region.label) != _named(finding.label)):
            continue
        seen = max(
            region.box.iou(finding.box), region.prompt_box.iou(finding.box) if region.prompt_box else 0.0
        )
        if seen >= SAME and seen > overlap:
            best, overlap = region, seen
    return best


def _fuller(old: str, new: str) -> str:
    """Return the label that says more: a "book" that is found again as a "purple book" is one."""
    return new if set(old.lower().split()) < set(new.lower().split()) and not is_relation(new) else old


def _named(label: str) -> str:
    return singular(noun(label)).lower() or label.lower()


def without_regions(scene: Scene, ids: Sequence[int]) -> Scene:
    """Return the scene without these regions; their numbers stay used."""
    kept = tuple(region for region in scene.regions if region.id not in ids)
    return replace(scene, regions=kept, selected=None if scene.selected in ids else scene.selected)


def need_picture(scene: Scene) -> Picture:
    """Return the scene's picture. Raises DemoError where there is none."""
    if scene.picture is None:
        raise DemoError("There is no picture yet: open one first, or just chat.")
    return scene.picture


def need_region(scene: Scene, region_id: int | None) -> Region:
    """Return the region of that number. Raises DemoError if there is none, or nothing was pointed at."""
    if region_id is None:
        raise DemoError(
            "No region is selected: click one on the picture, or name it (“segment the red ball”)."
        )
    region = scene.region(region_id)
    if region is None:
        there = ", ".join(f"#{other.id}" for other in scene.regions[:20])
        if not there:
            raise DemoError(sentence("no_region_yet", number=region_id))
        raise DemoError(sentence("no_such_region", number=region_id, there=there))
    return region
