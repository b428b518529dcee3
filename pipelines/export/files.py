"""Pictures, masks and tables as files."""

from __future__ import annotations

import csv
import io
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops

from pipelines.errors import DemoError
from pipelines.export.coco import picture_size
from pipelines.intake import Photo, short
from pipelines.scene import Mask, Region, Scene, Turn

if TYPE_CHECKING:
    from pipelines.assistant import Assistant

_PNG: dict[str, Any] = {"format": "PNG"}
_JPEG: dict[str, Any] = {
    "format": "JPEG",
    "quality": 95,
    "subsampling": 0,
}  # 95: the most that Pillow advises
_TIFF: dict[str, Any] = {"format": "TIFF"}  # not compressed: Pillow cannot add EXIF to a compressed one
WRITERS: dict[str, dict[str, Any]] = {
    ".png": _PNG,
    ".webp": {"format": "WEBP", "lossless": True, "exact": True},
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": {"format": "BMP"},
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}
"""Suffix -> what Pillow is asked for. All but JPEG are lossless; all but JPEG and BMP know transparency."""
OPAQUE = ("JPEG", "BMP")
WITHOUT_EXIF = ("BMP",)


def check_target(target: Path) -> None:
    """Refuse a file that could not be written, before anything is computed for it.

    Raises:
        DemoError: its suffix or its folder is none.
    """
    if target.suffix.lower() not in WRITERS:
        raise DemoError(
            f"{short(str(target))} cannot be written: let it end in .png, .webp or .tif (lossless), "
            "or in .jpg (high quality)."
        )
    if not os.path.isdir(target.parent):
        raise DemoError(f"There is no folder {short(str(target.parent))}: make it first, or choose another.")
    if os.path.isdir(target):
        raise DemoError(f"{short(str(target))} is a folder: name a file in it.")


def write_picture(photo: Photo, target: Path) -> str | None:
    """Write a picture with its transparency, date and camera: whole, or not at all.

    Args:
        photo: what is written.
        target: where; its suffix says how.
    Returns:
        What the format cost, as a sentence; None where nothing was lost.
    Raises:
        DemoError: it cannot be written, with the reason.
    """
    check_target(target)
    options = dict(WRITERS[target.suffix.lower()])
    kind = options["format"]
    if photo.exif and kind not in WITHOUT_EXIF:
        options["exif"] = photo.exif
    image = photo.image if kind in OPAQUE or photo.layer is None else photo.layer
    part = target.with_name(f".{os.getpid()}{time.monotonic_ns()}.part")
    try:
        with part.open("xb") as file:
            image.save(file, **options)
        os.replace(part, target)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DemoError(
            f"{short(str(target))} cannot be written ({reason}): choose another place, ending in .png."
        ) from None
    finally:
        part.unlink(missing_ok=True)
    lost = []
    if kind == "JPEG":
        lost.append("JPEG changes every pixel a little (quality 95)")
    if kind in OPAQUE and photo.layer is not None:
        lost.append(f"{kind} knows no transparency, so it became white")
    return (
        f"{short(str(target))}: {' and '.join(lost)}; a name ending in .png loses nothing." if lost else None
    )


def fresh(path: Path) -> Path:
    """Return the path, or where it is taken the first free one with a number before its suffix."""
    taken, number = path, 1
    while taken.exists():
        number += 1
        taken = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return taken


def mask_png(scene: Scene, region: Region) -> bytes:
    """Return a region's mask as a black and white PNG of the picture's size.

    Raises:
        DemoError: it has none.
    """
    plane = _mask(region).array(picture_size(scene))
    return png(Image.fromarray(plane).convert("L"))


def cut_out_png(assistant: Assistant, scene: Scene, region: Region) -> bytes:
    """Return what a region shows as a PNG of its box, transparent around its mask.

    Raises:
        DemoError: it has no mask.
    """
    mask = _mask(region)
    picture_size(scene)
    assert scene.picture
    photo = assistant.pictures.photo(scene.picture)
    image = (photo.layer or photo.image).crop(mask.box)
    alpha = Image.fromarray(mask.crop).convert("L")
    if photo.layer:
        alpha = ImageChops.multiply(alpha, image.getchannel("A"))
    image.putalpha(alpha)
    return png(image)


def table_csv(turn: Turn) -> str:
    """Return a turn's table as CSV."""
    if not turn.table:
        raise DemoError("This answer holds no table: ask to convert a chart to a table.")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(turn.table)
    return text.getvalue()


def png(image: Image.Image) -> bytes:
    """Return a picture as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _mask(region: Region) -> Mask:
    if not region.mask or not region.mask.bits:
        raise DemoError(f"#{region.id} has no mask: segment it first.")
    return region.mask
