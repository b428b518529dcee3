"""Writing folders and files whole or not at all, and copying pictures as every reader takes them."""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags, Image

from pipelines.errors import DemoError
from pipelines.intake import open_picture, short

SUFFIX = {"PNG": ".png", "JPEG": ".jpg", "BMP": ".bmp", "WEBP": ".webp", "TIFF": ".tif"}
"""Formats that are copied as they are -> the suffix that readers know them by."""


@contextlib.contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write to, which takes the place of `folder` once all is written.

    Raises:
        DemoError: something cannot be written.
    """
    part, old = (folder.with_name(f".{folder.name}.{name}") for name in ("part", "old"))
    try:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)  # of a run that was killed
        part.mkdir(parents=True)
        yield part
        if folder.exists():
            os.replace(folder, old)
        os.replace(part, folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise DemoError(f"{short(str(folder))} cannot be written ({error.strerror or error}).") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name to write to, which takes the place of `path` once all is written."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise DemoError(f"{short(str(path))} cannot be written ({error.strerror or error}).") from None
    finally:
        part.unlink(missing_ok=True)


def put_picture(source: Path, folder: Path, stem: str) -> str:
    """Copy a picture into a folder. Returns the file's name.

    One that readers would see turned, or not at all (GIF, AVIF, CMYK, several frames), is written as PNG.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(source) as image:
            suffix = SUFFIX.get(image.format or "")
            plain = image.mode in ("1", "L", "P", "RGB", "RGBA") and getattr(image, "n_frames", 1) == 1
            upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
    if suffix and plain and upright:
        shutil.copyfile(source, folder / f"{stem}{suffix}")
        return f"{stem}{suffix}"
    open_picture(source).save(folder / f"{stem}.png", "PNG")
    return f"{stem}.png"
