"""Files to take home: masks, cut-outs, tables, and pictures with what they carry, whole or not at all."""

import errno
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import DemoError
from pipelines.export import cut_out_png, mask_png, table_csv, write_picture
from pipelines.export.files import fresh
from pipelines.intake import Photo, open_photo


@pytest.fixture
def scene(assistant, drawing):
    scene = assistant.open(drawing)
    for words in ("name every object", "segment #1", "convert the chart to a table"):
        scene = assistant.answer(scene, words)
    return scene


def test_masks_and_cut_outs(assistant, scene):
    ball, cup = scene.regions[0], scene.regions[1]
    mask = Image.open(io.BytesIO(mask_png(scene, ball)))
    assert (np.asarray(mask) == ball.mask.array((200, 200)) * 255).all()
    cut = Image.open(io.BytesIO(cut_out_png(assistant, scene, ball)))
    assert (cut.mode, cut.size) == ("RGBA", (40, 40))
    assert cut.getpixel((20, 20)) == (220, 30, 30, 255)
    with pytest.raises(DemoError, match="no mask"):
        mask_png(scene, replace(cup, mask=None))


def test_a_cut_out_of_glass_stays_glass(assistant, scene, drawing):
    glass = drawing.convert("RGBA")
    glass.putalpha(100)
    buffer = io.BytesIO()
    glass.save(buffer, "PNG")
    scene = replace(scene, picture=assistant.pictures.open(buffer.getvalue()))
    cut = Image.open(io.BytesIO(cut_out_png(assistant, scene, scene.regions[0])))
    assert cut.getpixel((20, 20)) == (220, 30, 30, 100)
    assert cut.getchannel("A").getpixel((0, 0)) == 0


def test_a_table_as_csv(scene):
    assert table_csv(scene.turns[-1]) == "fruit,count\napples,3\npears,5\n"


@pytest.fixture
def photo() -> Photo:
    layer = Image.effect_noise((30, 20), 90).convert("RGB")
    layer.putalpha(Image.linear_gradient("L").resize((30, 20)))
    exif = Image.Exif()
    exif[0x0110] = "Model 3"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 10:11:12"
    buffer = io.BytesIO()
    layer.save(buffer, "PNG", exif=exif.tobytes())
    return open_photo(buffer.getvalue())


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".TIFF", ".jpg", ".bmp"])
def test_a_picture_is_written_with_all_that_the_format_holds(photo, tmp_path, suffix):
    lost = write_picture(photo, tmp_path / f"out{suffix}")
    again = open_photo(tmp_path / f"out{suffix}")
    if suffix in (".jpg", ".bmp"):
        assert "transparency" in str(lost)
        assert again.layer is None
        assert np.abs(np.asarray(again.image, int) - np.asarray(photo.image, int)).mean() < 3
    else:
        assert lost is None
        assert photo.layer
        assert again.layer
        assert again.layer.tobytes() == photo.layer.tobytes()
    if suffix != ".bmp":
        with Image.open(tmp_path / f"out{suffix}") as file:
            assert file.getexif().get_ifd(0x8769)[0x9003] == "2024:05:01 10:11:12"
    assert [path.name for path in tmp_path.iterdir()] == [f"out{suffix}"]


@pytest.mark.parametrize("brought", ["JPEG", "WEBP", "PNG", "GIF"])
@pytest.mark.parametrize(
    ("suffix", "kind"), [(".png", "PNG"), (".jpg", "JPEG"), (".webp", "WEBP"), (".tif", "TIFF")]
)
def test_a_file_is_what_its_name_says(tmp_path, brought, suffix, kind):
    # IOPaint #32: what is called PNG holds the format that came in, and other programs will not open it
    Image.effect_noise((30, 20), 90).convert("RGB").save(tmp_path / "in.bin", brought)
    write_picture(open_photo(tmp_path / "in.bin"), tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as file:
        assert file.format == kind
        file.load()


def test_a_full_disk_leaves_what_was_there(photo, tmp_path, monkeypatch):
    target = tmp_path / "out.png"
    target.write_bytes(b"before")

    def save(self, file, **_):
        file.write(b"half a")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(DemoError, match="No space left"):
        write_picture(photo, target)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.png", b"before")]


@pytest.mark.parametrize("name", ["out.gif", "out", "out.png.exe", "no/out.png", "a" * 300 + ".png"])
def test_what_cannot_be_written_is_said(photo, tmp_path, name):
    with pytest.raises(DemoError) as error:
        write_picture(photo, tmp_path / name)
    assert len(str(error.value)) < 300


def test_nothing_is_overwritten(tmp_path):
    for name in ("a.png", "a-2.png", "a-3.png"):
        assert fresh(tmp_path / "a.png").name == name
        (tmp_path / name).touch()
