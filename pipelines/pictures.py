"""Opening whatever a visitor brings, and keeping it under the name of its content.

Everything behind this module sees one kind of picture: upright 8-bit RGB without metadata. It knows files
and pixels, and leaves regions, models and widgets to others.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import struct
import tempfile
import threading
import time
import weakref
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from pipelines.errors import DemoError, UnreadablePicture
from pipelines.scene import Picture

MAX_PIXELS = 50_000_000  # a 6000x4000 photograph has 24 million; the RGB plane of the limit takes 150 MB
MAX_BYTES = 100_000_000  # of the file
MAX_SIDE = 30_000  # pixels
KEPT_DECODED = 400_000_000  # bytes of decoded pictures kept in memory
KEPT_ON_DISK = 24 * 3600  # seconds a picture is kept that nobody looks at
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "ICO", "TGA")
KINDS = "PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF"

_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
)
_LOOKS_LIKE = (
    (b"%PDF", "a PDF document: export the page as PNG or take a screenshot of it"),
    (b"PK\x03\x04", "a ZIP archive: unpack the picture (a saved session is opened as a session)"),
    (b"GIF8", "a GIF that is broken: open it in a picture program and save it again"),
)  # fmt: skip


def open_picture(source: str | Path | bytes | Image.Image) -> Image.Image:
    """Read a picture: upright RGB without metadata, transparency over white, the first frame of several.

    Args:
        source: a path, the bytes of a file, or a PIL picture of any mode.
    Raises:
        UnreadablePicture: with the cause and what would work.
    """
    if isinstance(source, Image.Image):
        _check_size(source.size)
        return _to_rgb(source)
    data = source if isinstance(source, bytes) else _read_file(Path(source))
    try:
        Image.init()
        # not every build of Pillow reads AVIF or JPEG 2000, and a format it does not know is an error
        image = Image.open(io.BytesIO(data), formats=tuple(name for name in FORMATS if name in Image.OPEN))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadablePicture(_TOO_LARGE) from None
    except _BROKEN:
        raise UnreadablePicture(_why_unreadable(data)) from None
    _check_size(image.size)
    try:
        return _to_rgb(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadablePicture(_TOO_LARGE) from None
    except _BROKEN:
        raise UnreadablePicture(
            f"The picture file ({image.format}) is broken or breaks off: save or fetch it again."
        ) from None


_TOO_LARGE = (
    f"The picture is too large (at most {MAX_PIXELS // 1_000_000} million pixels and {MAX_SIDE} a side): "
    "scale it down first."
)


def _read_file(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise UnreadablePicture(f"{path} is a folder: name one picture in it.")
        if size > MAX_BYTES:
            raise UnreadablePicture(
                f"The file has {size / 1e6:.0f} MB (at most {MAX_BYTES / 1e6:.0f}): save it smaller."
            )
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadablePicture(f"There is no file {path}: check the name.") from None
    except (OSError, ValueError) as error:
        raise UnreadablePicture(
            f"The file {path} cannot be read ({error}): check its name and rights."
        ) from None


def _why_unreadable(data: bytes) -> str:
    if not data:
        return f"The file is empty: choose a picture ({KINDS})."
    head = data[:1024]
    for magic, advice in _LOOKS_LIKE:
        if head.startswith(magic):
            return f"The file is {advice}."
    if b"<svg" in head.lower():
        return "The file is an SVG drawing, which has no pixels: export it as PNG."
    if head[4:8] == b"ftyp":
        return "The file is a video or a HEIC photograph: save it as JPEG or PNG."
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        return f"The file is not a picture that can be read here: use {KINDS}."
    return f"The file holds text, not a picture, whatever its name says: use {KINDS}."


def _check_size(size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    if width < 1 or height < 1:
        raise UnreadablePicture("The picture has no pixels: choose another.")
    if width * height > MAX_PIXELS or max(size_wh) > MAX_SIDE:
        raise UnreadablePicture(f"The picture is {width} x {height} pixels. {_TOO_LARGE}")


def _to_rgb(image: Image.Image) -> Image.Image:
    """Upright 8-bit RGB of the first frame; the given picture stays as it was."""
    image.seek(0)
    image = ImageOps.exif_transpose(image)
    _check_size(image.size)
    if image.mode.startswith("I;16"):
        # 16 bits to 8: 65535 / 257 = 255
        image = Image.fromarray((np.asarray(image).astype(np.uint32) // 257).astype(np.uint8))
    elif image.mode in ("I", "F"):
        # no agreed white: darkest to lightest
        plane = np.nan_to_num(np.asarray(image, np.float64), posinf=0, neginf=0)
        low, high = float(plane.min()), float(plane.max())
        image = Image.fromarray(((plane - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8))
    elif image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    else:
        image = _to_srgb(image)
    image = image.convert("RGB")
    return Image.frombytes("RGB", image.size, image.tobytes())


def _to_srgb(image: Image.Image) -> Image.Image:
    """Apply the picture's own colour profile, where it has a usable one, before it is thrown away."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return turned or image


def digest_of(image: Image.Image) -> str:
    """SHA-256 of an RGB picture's size and pixels: its name everywhere."""
    return hashlib.sha256(b"%d %d " % image.size + image.tobytes()).hexdigest()


class Pictures:
    """A content-addressed store: a folder of PNGs, and the recently used ones decoded.

    The same picture brought by two visitors is kept once; nobody finds a picture without knowing its
    content. What nobody looked at for a day is deleted, the folder goes with the process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="sphinx-live-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        if folder is None:
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._decoded: OrderedDict[str, Image.Image] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, image: Image.Image) -> Picture:
        """Keep an upright RGB picture, as `open_picture` gives it."""
        picture = Picture(digest_of(image), image.size)
        path = self._path(picture.digest)
        if not path.exists():
            self._sweep()
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as part:
                image.save(part, "PNG", compress_level=1)
            os.replace(part.name, path)
        self._remember(picture.digest, image)
        return picture

    def image(self, picture: Picture) -> Image.Image:
        """The pixels: RGB. Shared by all callers: never draw on it, draw on a copy."""
        with self._lock:
            image = self._decoded.get(picture.digest)
            if image is not None:
                self._decoded.move_to_end(picture.digest)
                return image
        with Image.open(self.path(picture)) as file:
            image = file.convert("RGB")
        self._remember(picture.digest, image)
        return image

    def path(self, picture: Picture) -> Path:
        """A PNG file of the picture.

        Raises:
            DemoError: when it was deleted because nobody looked at it for a day.
        """
        path = self._path(picture.digest)
        try:
            os.utime(path)
        except FileNotFoundError:
            raise DemoError("This picture is no longer kept here: open it again.") from None
        return path

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}.png"

    def _remember(self, digest: str, image: Image.Image) -> None:
        with self._lock:
            if digest not in self._decoded:
                self._decoded[digest] = image
                self._bytes += image.width * image.height * 3
            self._decoded.move_to_end(digest)
            while self._bytes > KEPT_DECODED and len(self._decoded) > 1:
                _, old = self._decoded.popitem(last=False)
                self._bytes -= old.width * old.height * 3

    def _sweep(self) -> None:
        oldest = time.time() - KEPT_ON_DISK
        for path in self.folder.glob("*.png"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
