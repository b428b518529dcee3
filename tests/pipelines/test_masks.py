"""Masks made elsewhere: what is selected, and forty inputs that are none, each refused in one line."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import DemoError
from pipelines.masks import read_mask, with_mask
from pipelines.scene import Box, Scene

SIZE = (40, 20)
RIGHT = np.tile(np.arange(40) >= 20, (20, 1))  # the right half


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey(high: int = 255, low: int = 0, size=SIZE) -> Image.Image:
    return Image.fromarray(np.where(RIGHT, high, low).astype(np.uint8)).resize(size, 0)


def palette(*colours: tuple[int, int, int], steps: int) -> Image.Image:
    image = Image.fromarray((np.arange(800).reshape(20, 40) % steps).astype(np.uint8)).convert("P")
    image.putpalette([number for colour in colours for number in colour])
    return image


def alpha(high: int = 255, low: int = 0) -> Image.Image:
    image = Image.new("RGBA", SIZE, "red")
    image.putalpha(grey(high, low))
    return image


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(grey().transpose(Image.Transpose.ROTATE_90), exif=exif.tobytes())


@pytest.mark.parametrize(
    "data",
    [
        encoded(grey()),
        encoded(grey().convert("1")),
        encoded(grey().convert("RGB")),
        encoded(grey().convert("RGB"), "JPEG"),
        encoded(grey(1)),  # 0 and 1, as programs write them
        encoded(grey(128, 127)),
        encoded(grey(), "TIFF"),
        encoded(grey(), "WEBP", lossless=True),
        encoded(grey().convert("P")),
        encoded(grey(size=(400, 200))),
        encoded(grey(size=(4, 2))),
        encoded(grey(size=(41, 20))),
        encoded(alpha()),
        encoded(alpha(128, 127)),
        encoded(alpha().convert("LA")),
        turned(),
    ],
)
def test_what_is_selected(data):
    # the two columns at the edge may differ where the mask was scaled
    plane = read_mask(data, SIZE).array(SIZE)
    columns = [column for column in range(40) if not 18 <= column < 22]
    assert (plane[:, columns] == RIGHT[:, columns]).all()
    inverse = read_mask(data, SIZE, invert=True).array(SIZE)
    assert (inverse == ~plane).all()


def test_a_mask_is_a_region_with_a_number(assistant, drawing, tmp_path):
    scene = assistant.answer(assistant.open(drawing), "find the red ball")
    (tmp_path / "mask.png").write_bytes(encoded(grey(size=(200, 200)).resize((200, 200))))
    mask = read_mask(tmp_path / "mask.png", (200, 200))
    scene = with_mask(scene, mask)
    assert (scene.selected, scene.regions[1].source) == (2, "mask")
    assert scene.regions[1].box == Box(100, 0, 200, 200)
    with pytest.raises(DemoError, match="needs a picture"):
        with_mask(Scene(), mask)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mask.png", encoded(grey()))
    return buffer.getvalue()


def frames(kind: str) -> bytes:
    return encoded(grey(), kind, save_all=True, append_images=[grey(0, 255)])


WRONG = [
    # other shapes
    *(
        (encoded(grey(size=size)), "shapes must be")
        for size in [(20, 40), (40, 40), (40, 26), (60, 20), (1, 1)]
    ),
    *((encoded(grey(size=size), "BMP"), "shapes must be") for size in [(400, 220), (39, 39), (2000, 10)]),
    # nothing selected
    (encoded(grey(0)), "selects nothing"),
    (encoded(grey(100, 90)), "selects nothing"),
    (encoded(alpha(0)), "selects nothing"),
    (encoded(alpha(100, 3)), "selects nothing"),
    (encoded(Image.new("1", SIZE)), "selects nothing"),
    (encoded(Image.new("RGB", SIZE), "JPEG"), "selects nothing"),
    # more than 8 bits
    *((encoded(Image.fromarray(RIGHT.astype(np.uint16) * value)), "8 bits") for value in (1, 255, 65535)),
    (encoded(Image.fromarray(RIGHT.astype(np.int32)), "TIFF"), "8 bits"),
    (encoded(Image.fromarray(RIGHT.astype(np.float32)), "TIFF"), "8 bits"),
    # several frames
    *((frames(kind), "frames") for kind in ("GIF", "TIFF", "WEBP", "PNG")),
    # colours that mean something
    (encoded(palette((0, 0, 0), (128, 0, 0), (0, 128, 0), steps=3)), "palette"),
    (encoded(palette((0, 0, 0), (255, 0, 0), (0, 0, 255), (9, 200, 9), steps=4)), "palette"),
    (encoded(Image.new("RGB", SIZE, "red")), "coloured"),
    (encoded(Image.new("RGB", SIZE, (200, 150, 200)), "WEBP"), "coloured"),
    (encoded(Image.new("CMYK", SIZE, (255, 0, 0, 0)), "TIFF"), "coloured"),
    # no masks at all
    (b"", "empty"),
    (b"mask", "text"),
    (b'{"size": [20, 40], "counts": "abc"}', "text"),
    (b"%PDF-1.4", "PDF"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    (zipped(), "ZIP"),
    (b"\x89PNG\r\n\x1a\n", "not a picture"),
    (bytes(range(128, 256)), "not a picture"),
    (encoded(grey())[:60], "broken"),
    (encoded(grey().resize((640, 320)), "JPEG")[:700], "broken"),
    (encoded(grey(), "TIFF")[:90], ""),
    (b"\x00\x00\x00\x18ftypheic" + bytes(12), "HEIC"),
]


@pytest.mark.parametrize(("data", "says"), WRONG)
def test_what_is_no_mask_is_refused_in_a_line(data, says):
    with pytest.raises(DemoError) as error:
        read_mask(data, SIZE)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_there_are_forty_wrong_inputs(tmp_path):
    assert len(WRONG) >= 38  # and two that are no files
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(DemoError):
            read_mask(path, SIZE)
