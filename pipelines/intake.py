"""Opening whatever a visitor brings: any file becomes upright 8-bit sRGB, or one sentence says why not.

What the pixels alone do not say is kept beside them in a `Photo`: the alpha channel, and when and with which
camera the picture was taken. Where it was taken (GPS) is never kept. This module knows files and pixels, and
leaves regions, models and widgets to others.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from pipelines.errors import UnreadablePicture

MAX_PIXELS = 50_000_000  # a 6000x4000 photograph has 24 million; Pillow takes 4 bytes a pixel
MAX_BYTES = 100_000_000  # of the file
MAX_SIDE = 30_000  # pixels
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "ICO", "TGA")
KINDS = "PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF"

_LOOKS_LIKE = (
    (b"%PDF", "a PDF document: export the page as PNG or take a screenshot of it"),
    (b"PK\x03\x04", "a ZIP archive: unpack the picture (a saved session is opened as a session)"),
    (b"GIF8", "a GIF that is broken: open it in a picture program and save it again"),
)
_TOO_LARGE = (
    f"The picture is too large (at most {MAX_PIXELS // 1_000_000} million pixels and {MAX_SIDE} a side): "
    "scale it down first."
)
_NO_MEMORY = "The memory does not suffice to open this picture: scale it down, or close something else."

_BASE, _EXIF = ExifTags.Base, ExifTags.IFD.Exif
KEPT_TAGS = (
    _BASE.ImageDescription, _BASE.Make, _BASE.Model, _BASE.DateTime, _BASE.Artist, _BASE.Copyright,
)  # fmt: skip
KEPT_EXIF_TAGS = (
    _BASE.DateTimeOriginal, _BASE.DateTimeDigitized, _BASE.OffsetTime, _BASE.OffsetTimeOriginal,
    _BASE.OffsetTimeDigitized, _BASE.SubsecTime, _BASE.SubsecTimeOriginal, _BASE.SubsecTimeDigitized,
    _BASE.ExposureTime, _BASE.FNumber, _BASE.ExposureProgram, _BASE.ISOSpeedRatings, _BASE.ShutterSpeedValue,
    _BASE.ApertureValue, _BASE.ExposureBiasValue, _BASE.MeteringMode, _BASE.LightSource, _BASE.Flash,
    _BASE.FocalLength, _BASE.FocalLengthIn35mmFilm, _BASE.WhiteBalance, _BASE.LensMake, _BASE.LensModel,
)  # fmt: skip
MAX_TEXT = 1000  # characters of one EXIF entry


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A picture as it was brought.

    Attributes:
        image: upright sRGB, transparency shown over white: what is seen, by people and by models.
        layer: the same pixels as RGBA with their transparency; None where every pixel is opaque.
        exif: date, camera and authorship as an EXIF block; empty where there is none.
    """

    image: Image.Image
    layer: Image.Image | None = None
    exif: bytes = b""


def open_picture(source: str | Path | bytes | Image.Image) -> Image.Image:
    """Read a picture's pixels: upright sRGB without metadata, transparency over white, the first frame.

    Args:
        source: a path, the bytes of a file, or a PIL picture of any mode.
    Raises:
        UnreadablePicture: with the cause and what would work.
    """
    return open_photo(source).image


def open_photo(source: str | Path | bytes | Image.Image) -> Photo:
    """Read a picture with what it carries. Takes and raises what `open_picture` does."""
    if isinstance(source, Image.Image):
        _check_size(source.size)
        return _decoded(source.copy())
    data = source if isinstance(source, bytes) else read_file(Path(source))
    image = open_file(data)
    _check_size(image.size)
    return _decoded(image)


def picture_size(data: bytes) -> tuple[int, int]:
    """Read a picture's width and height from the head of its file, without decoding it.

    Raises:
        UnreadablePicture: it is none, or larger than is opened here.
    """
    with open_file(data) as image:
        _check_size(image.size)
        return image.size


def open_file(data: bytes) -> Image.Image:
    """Open a picture's file without decoding it.

    Raises:
        UnreadablePicture: it is none.
    """
    Image.init()
    # Not every build of Pillow reads AVIF or JPEG 2000, and a format it does not know is an error.
    formats = tuple(name for name in FORMATS if name in Image.OPEN)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError:
        raise UnreadablePicture(_TOO_LARGE) from None
    except MemoryError:
        raise UnreadablePicture(_NO_MEMORY) from None
    except Exception:  # decoders fail on hostile bytes in more ways than they document
        raise UnreadablePicture(_why_unreadable(data)) from None


def _decoded(image: Image.Image) -> Photo:
    kind = image.format or image.mode
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _photo(image)
    except (UnreadablePicture, KeyboardInterrupt):
        raise
    except Image.DecompressionBombError:
        raise UnreadablePicture(_TOO_LARGE) from None
    except MemoryError:
        raise UnreadablePicture(_NO_MEMORY) from None
    except Exception:  # as above
        raise UnreadablePicture(
            f"The picture file ({kind}) is broken or breaks off: save or fetch it again."
        ) from None


def _photo(image: Image.Image) -> Photo:
    """Decode the first frame, turn it upright, convert it to sRGB, and keep what it carries."""
    image.seek(0)
    image.load()
    exif = _kept_exif(image)
    with contextlib.suppress(SyntaxError, ValueError, TypeError, KeyError, OSError):  # a broken EXIF block
        ImageOps.exif_transpose(image, in_place=True)
    _check_size(image.size)
    colours, alpha = _split(image)
    colours = _clean(_to_srgb(colours, image.info.get("icc_profile")))
    if alpha is None or alpha.getextrema() == (255, 255):
        return Photo(colours, exif=exif)
    colours.putalpha(alpha)  # which makes the picture RGBA
    return Photo(over_white(colours), colours, exif)


def over_white(layer: Image.Image) -> Image.Image:
    """Show an RGBA picture on white paper: RGB."""
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    return white


def _clean(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, with no trace of its file. The given picture is given up."""
    image = image.convert("RGB") if image.mode != "RGB" else image
    clean = image._new(image.im)  # the pixels are shared, not copied: a large picture is not held twice
    clean.info = {}
    return clean


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Separate colours (L, RGB, CMYK or LAB, 8 bits) from alpha (L, or None where there is none)."""
    see_through = image.info.get("transparency")
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PPM", "PNG")):
        plane = np.asarray(image).clip(0, 65535).astype(np.uint16)
        alpha = None if not isinstance(see_through, int) else _mask(plane != see_through)
        return Image.fromarray((plane // 257 + (plane % 257 > 128)).astype(np.uint8)), alpha
    if image.mode in ("I", "F"):
        # No white is agreed on for these: the darkest becomes black, the lightest white.
        plane = np.nan_to_num(np.asarray(image, np.float32), posinf=0, neginf=0)
        low, high = float(plane.min()), float(plane.max())
        scale = 255 / (high - low) if high > low else 0
        return Image.fromarray(((plane - low) * scale).astype(np.uint8)), None
    if image.mode in ("RGBa", "La"):
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.mode == "LA":
        return image.getchannel("L"), image.getchannel("A")
    if image.mode in ("RGBA", "PA") or see_through is not None:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        return image.convert("RGB"), image.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _mask(plane: np.ndarray) -> Image.Image:
    return Image.fromarray(plane.astype(np.uint8) * 255)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Apply the picture's own colour profile, where it has a usable one, before it is thrown away."""
    try:
        if image.mode == "LAB":
            return _transformed(image, ImageCms.createProfile("LAB"))
        if not profile:
            return image
        own: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = own.profile.xcolor_space.strip()
        if space == "RGB" and image.mode in ("L", "RGB"):
            return _transformed(image.convert("RGB"), own)
        if (space, image.mode) in (("GRAY", "L"), ("CMYK", "CMYK")):
            return _transformed(image, own)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        pass  # a profile that cannot be used is no reason to refuse the picture
    return image


def _transformed(image: Image.Image, own: Any) -> Image.Image:
    turned = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return turned or image


def _kept_exif(image: Image.Image) -> bytes:
    """Date, camera and authorship as an EXIF block of their own: no place, no maker's notes, no thumbnail."""
    try:
        source, kept = image.getexif(), Image.Exif()
        for tag in KEPT_TAGS:
            if _plain(source.get(tag)):
                kept[tag] = source[tag]
        inner, kept_inner = source.get_ifd(_EXIF), kept.get_ifd(_EXIF)
        for tag in KEPT_EXIF_TAGS:
            if _plain(inner.get(tag)):
                kept_inner[tag] = inner[tag]
        return kept.tobytes() if len(kept) or kept_inner else b""
    except Exception:  # EXIF blocks are broken in many ways, none of which keeps a picture from being shown
        return b""


def _plain(value: Any) -> bool:
    """Return whether an EXIF entry is a short text or a number."""
    if isinstance(value, str):
        return 0 < len(value) <= MAX_TEXT and "\0" not in value
    return (value is not None and isinstance(value, int | float)) or type(value).__name__ == "IFDRational"


def _check_size(size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    if width < 1 or height < 1:
        raise UnreadablePicture("The picture has no pixels: choose another.")
    if width * height > MAX_PIXELS or max(size_wh) > MAX_SIDE:
        raise UnreadablePicture(f"The picture is {width} x {height} pixels. {_TOO_LARGE}")


def read_file(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        UnreadablePicture: it cannot be read, or is too large.
    """
    name = short(str(path))
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise UnreadablePicture(f"{name} is a folder: name one picture in it.")
        if size > MAX_BYTES:
            raise UnreadablePicture(
                f"The file has {size / 1e6:.0f} MB (at most {MAX_BYTES / 1e6:.0f}): save it smaller."
            )
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadablePicture(f"There is no file {name}: check the name.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is none"
        raise UnreadablePicture(
            f"The file {name} cannot be read ({reason}): check its name and rights."
        ) from None
    except MemoryError:
        raise UnreadablePicture(_NO_MEMORY) from None


def short(name: str, most: int = 80) -> str:
    """Return a name as it can stand in a sentence: on one line, and of a length that one reads."""
    name = "".join(letter if letter.isprintable() else "?" for letter in name)
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 :]}"


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
