"""Which weights answer: a short name for the content of a checkpoint, so that other weights do work again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipelines.settings import Settings

WHOLE = 256_000_000  # bytes of a file that is read whole; of a larger one its size and both ends are
END = 4_000_000  # bytes of an end
SUFFIXES = (".safetensors", ".bin", ".pth", ".pt", ".json", ".model")


def fingerprint(path: Path) -> str:
    """Return 12 hexadecimal digits that tell a checkpoint (a folder or a file) from any other."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    digest = hashlib.sha256()
    for file in files:
        if not file.is_file() or file.suffix not in SUFFIXES:
            continue
        size = file.stat().st_size
        digest.update(f"{file.name} {size} ".encode())
        with file.open("rb") as opened:
            if size <= WHOLE:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
                continue
            digest.update(opened.read(END))
            opened.seek(-END, 2)
            digest.update(opened.read())
    return digest.hexdigest()[:12]


def weights_of(settings: Settings) -> dict[str, str]:
    """Return the name and the fingerprint of each model that answers with these settings.

    Raises:
        MissingCapability: a checkpoint is not there.
    """
    from pipelines.catalog import ASSETS, model_folder

    named = {"model": model_folder(settings.model)}
    for role, name in (("segmenter", settings.segmenter), ("inpainter", settings.inpainter)):
        folder = ASSETS / name if (ASSETS / name).exists() else Path(name)
        if role == "inpainter" and name == "auto":
            folder = ASSETS / "diffusion-nano"
        named[role] = folder
    return {
        role: f"{path.name} {fingerprint(path)}" if path.exists() else path.name
        for role, path in named.items()
    }
