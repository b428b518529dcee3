"""Labelled photographs read from a folder: what they show, how they are varied, and how they become truths.

The folder is named on the command line (`--photos DIR`) and is never part of the repository. It holds
`images/*.jpg` and `labels.jsonl`; the format is told in docs/training.md.
"""

from __future__ import annotations

from .library import COMPLETE, MAIN_KINDS, VOC_KINDS, Labelled, Photo, PhotoLibrary, load_photos
from .source import PhotoSource

__all__ = [
    "COMPLETE", "MAIN_KINDS", "VOC_KINDS", "Labelled", "Photo", "PhotoLibrary", "PhotoSource", "load_photos",
]  # fmt: skip
