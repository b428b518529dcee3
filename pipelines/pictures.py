"""Keeping pictures under the name of their content, for a day and within bounds.

Everything behind this module sees one kind of picture: upright 8-bit sRGB without metadata. What a picture
carries besides (transparency, date, camera) lies beside its pixels, goes on to what is painted from it, and
is in the file that the visitor takes home.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import secrets
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
from cachetools import LRUCache
from PIL import Image

from pipelines.errors import DemoError
from pipelines.intake import Photo, open_photo, open_picture, over_white
from pipelines.scene import Picture
from pipelines.scratch import scratch_folder

KEPT_DECODED = 400_000_000  # bytes of decoded pictures kept in memory
KEPT_ON_DISK = 24 * 3600  # seconds a picture is kept that nobody looks at
MOST_ON_DISK = 4_000_000_000  # bytes of all pictures; beyond it those go that nobody looked at for longest
MOST_PREVIEWS = 24  # unfinished paintings kept in memory, of all visitors
PREVIEW = "preview-"  # how the name of an unfinished painting begins
PREVIEW_SIDE = 768  # pixels, the longer side of what is kept of one
LAYER = "-layer"  # how the name of the file ends that has a picture's transparency
STRIP = 1 << 20  # pixels that are hashed at a time


def digest_of(image: Image.Image) -> str:
    """SHA-256 of an RGB picture's size and pixels: its name everywhere."""
    digest = hashlib.sha256(b"%d %d " % image.size)
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        digest.update(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())
    return digest.hexdigest()


class Pictures:
    """A content-addressed store: a folder of PNGs, and the recently used ones decoded.

    The same picture brought by two visitors is kept once; nobody finds a picture without knowing its
    content, what it carries included. What nobody looked at for a day is deleted, and so is what nobody
    looked at for longest when the disk's share is used up; the folder goes with the process.

    Who keeps pictures for visitors says so by two functions, set from outside: `claimed` gives the digests
    that must stay, and `make_room` gives up some of them, or returns False where it has none to give up.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="pictures-", dir=scratch_folder()))
        self.folder.mkdir(parents=True, exist_ok=True)
        if folder is None:
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._decoded: LRUCache[str, Image.Image] = LRUCache(
            KEPT_DECODED, getsizeof=lambda image: image.width * image.height * 4
        )
        self._previews: LRUCache[str, bytes] = LRUCache(MOST_PREVIEWS)
        self._lock = threading.Lock()
        self.claimed: Callable[[], Collection[str]] = tuple
        self.make_room: Callable[[], bool] = bool

    def open(self, source: str | Path | bytes | Image.Image | Photo, *, remember: bool = True) -> Picture:
        """Open a picture and keep it with what it carries.

        Args:
            source: see `open_picture`; or a photo that was opened already.
            remember: keep it decoded as well, for who works on it next.
        Raises:
            UnreadablePicture: with the cause and what would work.
            DemoError: there is no room to keep it.
        """
        photo = source if isinstance(source, Photo) else open_photo(source)
        return self._keep(photo, remember=remember)

    def add(self, image: Image.Image, *, like: Picture | None = None) -> Picture:
        """Keep an upright RGB picture.

        Args:
            image: as `open_picture` gives it, or painted.
            like: the picture it was painted from, of the same size: its transparency and its date and camera
                go on. Where a pixel is as it was there, it stays so exactly, transparent colours included.
        """
        if like is None:
            return self._keep(Photo(image))
        before = self.photo(like)
        if before.layer is None or image.size != like.size_wh:
            return self._keep(Photo(image, exif=before.exif))
        layer = _painted_layer(image, before.image, before.layer)
        return self._keep(Photo(over_white(layer), layer, before.exif))

    def add_preview(self, image: Image.Image) -> Picture:
        """Keep an unfinished painting for the moment that it is looked at: small, and in memory alone."""
        picture = Picture(PREVIEW + secrets.token_hex(16), image.size)
        small, buffer = image.copy(), io.BytesIO()
        small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        small.save(buffer, "JPEG", quality=85)
        with self._lock:
            self._previews[picture.digest] = buffer.getvalue()
        return picture

    def preview(self, picture: Picture) -> bytes | None:
        """Return a JPEG of an unfinished painting; None for any other picture, and where it is forgotten."""
        with self._lock:
            return self._previews.get(picture.digest)

    def forget(self, digests: Collection[str]) -> None:
        """Delete pictures at once, for all who look at them."""
        for digest in digests:
            with self._lock:
                self._decoded.pop(digest, None)
            for path in (self._path(digest), self._layer(digest)):
                path.unlink(missing_ok=True)

    def __contains__(self, picture: Picture) -> bool:
        return self._path(picture.digest).exists()

    def image(self, picture: Picture) -> Image.Image:
        """Return the pixels: RGB. Shared by all callers: never draw on it, draw on a copy."""
        with self._lock:
            image = self._decoded.get(picture.digest)
        if image is None:
            with Image.open(self.path(picture)) as file:
                image = file.convert("RGB")
            image.info = {}
            self._remember(picture.digest, image)
        return image

    def photo(self, picture: Picture) -> Photo:
        """Return the pixels with what they carry."""
        self.path(picture)
        layer = self._layer(picture.digest)
        with Image.open(self._path(picture.digest)) as file:
            exif = file.info.get("exif", b"")
        if not layer.exists():
            return Photo(self.image(picture), exif=exif)
        with Image.open(layer) as file:
            return Photo(self.image(picture), file.convert("RGBA"), exif)

    def path(self, picture: Picture) -> Path:
        """Return a PNG file of the picture as it is shown: opaque.

        Raises:
            DemoError: when it was deleted because nobody looked at it for a day.
        """
        path = self._path(picture.digest)
        try:
            os.utime(path)
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._layer(picture.digest))
        except FileNotFoundError:
            raise DemoError("This picture is no longer kept here: open it again.") from None
        return path

    def original(self, picture: Picture) -> Path:
        """Return a PNG file of the picture with all that it carries: what a visitor takes home."""
        path, layer = self.path(picture), self._layer(picture.digest)
        return layer if layer.exists() else path

    def discard(self, picture: Picture) -> None:
        """Delete a picture that nobody will ask for again, such as one of a folder that was gone through."""
        with self._lock:
            self._decoded.pop(picture.digest, None)
        self._path(picture.digest).unlink(missing_ok=True)
        self._layer(picture.digest).unlink(missing_ok=True)

    def _keep(self, photo: Photo, *, remember: bool = True) -> Picture:
        digest = digest_of(photo.image)
        if photo.exif or photo.layer:
            # Who knows the pixels alone must not find out when and by whom they were taken.
            carried = hashlib.sha256(photo.exif + (photo.layer.tobytes() if photo.layer else b""))
            digest = hashlib.sha256(f"{digest} {carried.hexdigest()}".encode()).hexdigest()
        path = self._path(digest)
        if not path.exists():
            exif = {"exif": photo.exif} if photo.exif else {}
            if photo.layer:
                layer = photo.layer
                self._write(self._layer(digest), lambda file: _save_png(layer, file, exif))
            self._write(path, lambda file: _save_png(photo.image, file, exif))
            self._sweep(keep=digest)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.utime(path)
        if remember:
            self._remember(digest, photo.image)
        return Picture(digest, photo.image.size)

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}.png"

    def _layer(self, digest: str) -> Path:
        return self.folder / f"{digest}{LAYER}.png"

    def _write(self, path: Path, write: Callable[[Path], None]) -> None:
        """Write a file whole or not at all."""
        part = self.folder / f"{secrets.token_hex(8)}.part"
        try:
            write(part)
            os.replace(part, path)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            reason = "the disk is full" if full else error.strerror or "its folder cannot be written"
            raise DemoError(
                f"The picture cannot be kept here ({reason}): make room where the page runs, then try again."
            ) from error
        finally:
            part.unlink(missing_ok=True)

    def _remember(self, digest: str, image: Image.Image) -> None:
        with self._lock, contextlib.suppress(ValueError):  # one that is larger than the whole cache
            self._decoded[digest] = image

    def _sweep(self, keep: str) -> None:
        """Delete what was not looked at for a day, and for longest where all together is too much.

        What is claimed stays until nothing else is left to delete.
        """
        while True:
            claimed, now, total = self.claimed(), time.time(), 0
            for path in sorted(self.folder.glob("*.png"), key=_age):
                with contextlib.suppress(FileNotFoundError):
                    total += (size := path.stat().st_size)
                    old = now - path.stat().st_mtime > KEPT_ON_DISK
                    digest = path.stem.removesuffix(LAYER)
                    if (old or total > MOST_ON_DISK) and digest != keep and digest not in claimed:
                        path.unlink()
                        total -= size
            if total <= MOST_ON_DISK or not self.make_room():
                return


def _age(path: Path) -> float:
    """Sort the newest first; a file that went meanwhile is the oldest."""
    try:
        return -path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _save_png(image: Image.Image, file: Path, exif: dict[str, bytes]) -> None:
    image.save(file, "PNG", compress_level=1, **exif)


def _painted_layer(painted: Image.Image, shown: Image.Image, layer: Image.Image) -> Image.Image:
    """Return the layer (RGBA) of which `painted` is seen over white, with the transparency that `layer` has.

    Pixels that are as in `shown` keep the layer's own colours, also where these are transparent.
    """
    seen, old = np.asarray(painted), np.asarray(layer)
    rows, columns = np.nonzero((seen != np.asarray(shown)).any(axis=2))
    new = old.copy()
    alpha = old[rows, columns, 3:].astype(np.float32) / 255
    white = 255 * (1 - alpha)
    colours = (seen[rows, columns] - white) / np.maximum(alpha, 1 / 255)
    new[rows, columns, :3] = colours.round().clip(0, 255).astype(np.uint8)
    return Image.fromarray(new)


__all__ = ["Photo", "Pictures", "digest_of", "open_photo", "open_picture"]
