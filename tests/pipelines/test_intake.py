"""Opening anything: tables of files -> pixels, with what they carry, or a clear refusal."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines import intake
from pipelines.errors import DemoError, UnreadablePicture
from pipelines.intake import open_picture

RED = (255, 0, 0)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def palette() -> Image.Image:
    return Image.new("RGB", (8, 6), RED).quantize(4)


def sixteen_bit(value: int) -> Image.Image:
    return Image.fromarray(np.full((6, 8), value, np.uint16))


def gif() -> bytes:
    frames = [Image.new("RGB", (8, 6), RED), Image.new("RGB", (8, 6), (0, 0, 255))]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def transparent_palette() -> bytes:
    image = palette()
    return encoded(image, "PNG", transparency=image.getpixel((0, 0)))


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (encoded(Image.new("RGB", (8, 6), RED), "PNG"), RED),
        (encoded(Image.new("RGB", (8, 6), RED), "WEBP", lossless=True), RED),
        (encoded(Image.new("RGB", (8, 6), RED), "BMP"), RED),
        (encoded(Image.new("RGB", (8, 6), RED), "TIFF"), RED),
        (encoded(Image.new("RGBA", (8, 6), (*RED, 255)), "PNG"), RED),
        (encoded(Image.new("RGBA", (8, 6), (0, 0, 0, 0)), "PNG"), (255, 255, 255)),
        (encoded(Image.new("RGBA", (8, 6), (0, 0, 0, 51)), "PNG"), (204, 204, 204)),
        (encoded(Image.new("LA", (8, 6), (0, 0)), "PNG"), (255, 255, 255)),
        (encoded(Image.new("L", (8, 6), 77), "PNG"), (77, 77, 77)),
        (encoded(Image.new("1", (8, 6), 1), "PNG"), (255, 255, 255)),
        (encoded(sixteen_bit(65535), "PNG"), (255, 255, 255)),
        (encoded(sixteen_bit(257 * 40), "TIFF"), (40, 40, 40)),
        (encoded(palette(), "PNG"), RED),
        (transparent_palette(), (255, 255, 255)),
        (encoded(Image.new("CMYK", (8, 6), (0, 255, 255, 0)), "TIFF"), RED),
        (gif(), RED),
    ],
)
def test_every_kind_becomes_upright_rgb(data, colour):
    image = open_picture(data)
    assert (image.mode, image.size, image.info) == ("RGB", (8, 6), {})
    assert image.getpixel((3, 3)) == colour


def test_cmyk_jpeg():
    image = open_picture(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"))
    assert np.abs(np.asarray(image, int)[8, 8] - RED).max() < 12


def test_floats_are_stretched_and_nan_is_survived():
    plane = np.array([[0.0, 0.5], [1.0, np.nan]], np.float32)
    image = open_picture(Image.fromarray(plane))
    assert image.getpixel((0, 1)) == (255, 255, 255)
    assert image.getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_and_goes(orientation):
    upright = Image.new("RGB", (40, 20), "white")
    upright.paste(RED, (0, 0, 10, 10))
    turned = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if turned is None else upright.transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "taken at home"
    image = open_picture(encoded(stored, "PNG", exif=exif.tobytes()))
    assert image.tobytes() == upright.tobytes()
    assert not image.getexif()
    assert not image.info


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (3000, 1), (6000, 4000)])
def test_sizes(size):
    assert open_picture(encoded(Image.new("RGB", size, RED), "JPEG")).size == size


def test_the_given_picture_is_not_changed():
    given_picture = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    open_picture(given_picture)
    assert given_picture.mode == "RGBA"


def test_a_path_and_a_string_open_too(tmp_path):
    path = tmp_path / "ä picture.png"
    Image.new("RGB", (3, 2), RED).save(path)
    assert open_picture(path).size == open_picture(str(path)).size == (3, 2)  # type: ignore[arg-type]


def png_claiming(width: int, height: int) -> bytes:
    """A PNG header that promises more pixels than it holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


whole = encoded(Image.effect_noise((64, 64), 50).convert("RGB"), "PNG")
whole_jpeg = encoded(Image.effect_noise((64, 64), 50).convert("RGB"), "JPEG")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello, I am a list of things to buy", "text"),
        ("Grüße, ein Text".encode(), "text"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<svg></svg>", "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04....", "ZIP"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "text"),
        (bytes(range(128, 256)) * 4, "not a picture"),
        (whole[: len(whole) // 2], "broken"),
        (whole_jpeg[: len(whole_jpeg) // 2], "broken"),
        (whole[:40], "PNG"),
        (b"GIF89a", "GIF"),
        (png_claiming(9_000, 9_000), "too large"),
        (png_claiming(60_000, 60_000), "too large"),
        (png_claiming(40_000, 2), "too large"),
        (png_claiming(0, 5), ""),
    ],
)
def test_what_cannot_be_opened_is_explained(data, says):
    with pytest.raises(UnreadablePicture) as error:
        open_picture(data)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_wrong_paths_are_explained(tmp_path, monkeypatch):
    with pytest.raises(DemoError, match="no file"):
        open_picture(tmp_path / "missing.png")
    with pytest.raises(DemoError, match="folder"):
        open_picture(tmp_path)
    monkeypatch.setattr(intake, "MAX_BYTES", 10)
    (tmp_path / "big.png").write_bytes(whole)
    with pytest.raises(DemoError, match="MB"):
        open_picture(tmp_path / "big.png")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_arbitrary_bytes_open_or_are_explained(noise, at):
    for data in (noise, whole[:at] + noise + whole[at + len(noise) :]):
        with contextlib.suppress(DemoError):
            assert open_picture(data).mode == "RGB"
