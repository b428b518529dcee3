"""Opening anything: tables of files -> pixels, with what they carry, or a clear refusal."""

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
from pipelines.intake import open_photo, open_picture
from tests.fuzz import FUZZ, refusal

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


@settings(max_examples=150 * FUZZ, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_arbitrary_bytes_open_or_are_explained(noise, at):
    for data in (noise, whole[:at] + noise + whole[at + len(noise) :]):
        opened, said = refusal(lambda data=data: open_picture(data))
        assert said or opened.mode == "RGB"


# --- colours, transparency, and what else a file carries -----------------------------------------------


def profile(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ") -> bytes:
    """An ICC profile, version 2, of these tags."""
    head = struct.pack(">I4sI4s4s4s12x", 0, b"none", 0x02100000, b"mntr", space, pcs)
    head += b"acsp" + bytes(28) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D) + bytes(48)
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data
    whole = head + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256))


ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
WHITE = xyz(0.9642, 1, 0.8249)
WIDE = profile(
    b"RGB ",
    {
        b"wtpt": WHITE,
        **{name: xyz(*ADOBE[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma(2.2)),
    },
)
LINEAR_GREY = profile(b"GRAY", {b"wtpt": WHITE, b"kTRC": gamma(1)})


def in_srgb(colour: tuple[int, int, int]) -> np.ndarray:
    """What a colour of WIDE is in sRGB, by the formulas."""
    linear = np.linalg.solve(SRGB, ADOBE @ (np.array(colour) / 255) ** 2.2).clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


BEFORE = (150, 100, 60)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (8, 6), BEFORE),
        Image.new("RGBA", (8, 6), (*BEFORE, 255)),
        Image.new("RGB", (8, 6), BEFORE).quantize(4),
    ],
)
@pytest.mark.parametrize("options", [{}, {"transparency": 0}])
def test_a_profile_is_applied_in_every_mode(image, options):
    if options and image.mode == "P":
        image.putpixel((0, 0), 1)  # one pixel of another entry, so that the rest is not transparent
        options = {"transparency": 1}
    elif options:
        options = {"transparency": (1, 2, 3)} if image.mode == "RGB" else {}
    opened = open_picture(encoded(image, "PNG", icc_profile=WIDE, **options))
    assert np.abs(np.array(opened.getpixel((4, 3))) - in_srgb(BEFORE)).max() <= 1
    assert np.abs(in_srgb(BEFORE) - BEFORE).max() > 5


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_grey_profile_is_applied(mode):
    image = sixteen_bit(128 * 257) if mode == "I;16" else Image.new("L", (8, 6), 128).convert(mode)
    opened = open_picture(encoded(image, "PNG", icc_profile=LINEAR_GREY))
    assert np.abs(np.array(opened.getpixel((4, 3))) - 188).max() <= 1  # half the light is 188 in sRGB


def test_the_colours_of_paint_and_of_lab():
    lut = (
        b"mft1"
        + bytes(4)
        + bytes([4, 3, 2, 0])
        + struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    )
    lut += bytes(range(256)) * 4  # what is given, as it is
    # Lab: white, a blue with cyan, and black as soon as there is any black (the fastest of the four)
    nodes = [(255, 128, 128), (0, 128, 128)] * 4 + [(128, 128, 64), (0, 128, 128)] * 4
    lut += bytes(number for node in nodes for number in node) + bytes(range(256)) * 3
    printed = profile(b"CMYK", {b"wtpt": WHITE, b"A2B0": lut}, b"Lab ")
    blue = open_picture(encoded(Image.new("CMYK", (8, 6), (255, 0, 0, 0)), "TIFF", icc_profile=printed))
    r, g, b = np.asarray(blue)[3, 4].astype(int)
    assert b > g > r  # by the formula: 0, 129, 229
    assert abs(b - 229) < 8
    white = open_picture(encoded(Image.new("CMYK", (8, 6)), "TIFF", icc_profile=printed))
    assert np.asarray(white).min() > 252
    assert np.asarray(open_picture(Image.new("LAB", (8, 6), (255, 128, 128)))).min() > 250


@pytest.mark.parametrize("broken", [b"no profile", WIDE[:200], LINEAR_GREY])
def test_a_profile_that_cannot_be_used_is_no_reason_to_refuse(broken):
    assert open_picture(encoded(Image.new("RGB", (8, 6), BEFORE), "PNG", icc_profile=broken)).size == (8, 6)


def photographed() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker", "Model 3", 6
    exif.get_ifd(0x8769).update(
        {0x9003: "2024:05:01 10:11:12", 0x829A: 0.01, 0x927C: b"secret", 0xA431: "SN1"}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_date_and_camera_are_kept_and_the_place_is_not(kind):
    photo = open_photo(encoded(Image.new("RGB", (8, 6), RED), kind, exif=photographed().tobytes()))
    assert photo.image.size == (6, 8)  # upright
    exif = Image.Exif()
    exif.load(photo.exif)
    assert (exif[0x010F], exif[0x0110]) == ("Maker", "Model 3")
    assert exif.get_ifd(0x8769)[0x9003] == "2024:05:01 10:11:12"
    assert not exif.get_ifd(0x8825)
    assert 0x0112 not in exif
    assert b"secret" not in photo.exif
    assert b"SN1" not in photo.exif


def test_transparency_is_kept_beside_the_picture():
    image = Image.new("RGBA", (8, 6), (200, 0, 0, 100))
    photo = open_photo(encoded(image, "PNG"))
    assert photo.layer
    assert photo.layer.getpixel((3, 3)) == (200, 0, 0, 100)
    assert photo.image.getpixel((3, 3)) == (233, 155, 155)
    assert open_photo(encoded(image.convert("RGB"), "PNG")).layer is None


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("decoder"), AttributeError("x"), OverflowError()]
)
def test_a_decoder_that_fails_is_explained(monkeypatch, error):
    def load(self):
        raise error

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    with pytest.raises(UnreadablePicture, match="memory" if isinstance(error, MemoryError) else "broken"):
        open_picture(whole)


KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "TGA", "PPM", "ICO")
WHOLE = {kind: encoded(Image.effect_noise((16, 16), 50).convert("RGB"), kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15 * FUZZ, deadline=None)
@given(st.data())
def test_damaged_files_open_or_are_explained(kind, data):
    file = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(file) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=8))
        file[at : at + len(noise)] = noise
    opened, said = refusal(lambda: open_picture(bytes(file)))
    assert said or opened.mode == "RGB"
