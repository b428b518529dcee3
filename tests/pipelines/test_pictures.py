"""The store: what it keeps, under which name, for how long, and how much of it."""

import errno
import io
import os
import time

import numpy as np
import pytest
from PIL import Image

from pipelines import pictures
from pipelines.errors import DemoError
from pipelines.pictures import Pictures


def test_the_store_gives_back_the_same_pixels(tmp_path):
    store = Pictures(tmp_path)
    image = Image.effect_noise((64, 64), 50).convert("RGB")
    picture = store.add(image)
    assert picture == store.add(image.copy())
    assert picture.size_wh == (64, 64)
    fresh = Pictures(tmp_path)
    assert fresh.image(picture).tobytes() == image.tobytes()
    assert len(list(tmp_path.iterdir())) == 1


def test_the_store_tells_pictures_of_other_shape_apart(tmp_path):
    store = Pictures(tmp_path)
    assert store.add(Image.new("RGB", (2, 8))).digest != store.add(Image.new("RGB", (4, 4))).digest


def test_the_store_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "KEPT_DECODED", 4 * 64 * 64 * 2)
    store = Pictures(tmp_path)
    kept = [store.add(Image.new("RGB", (64, 64), (i, 0, 0))) for i in range(5)]
    assert len(store._decoded) == 2
    assert store.image(kept[0]).getpixel((0, 0)) == (0, 0, 0)
    old = time.time() - pictures.KEPT_ON_DISK - 5
    os.utime(tmp_path / f"{kept[1].digest}.png", (old, old))
    store.add(Image.new("RGB", (9, 9)))
    with pytest.raises(DemoError, match="open it again"):
        store.path(kept[1])


def test_the_disk_is_bounded_and_the_oldest_go(tmp_path, monkeypatch):
    store = Pictures(tmp_path)
    noise = [Image.effect_noise((64, 64), 50 + i).convert("RGB") for i in range(6)]
    size = store.path(store.add(noise[0])).stat().st_size
    monkeypatch.setattr(pictures, "MOST_ON_DISK", round(3.5 * size))
    kept = []
    for at, image in enumerate(noise):
        kept.append(store.add(image))
        os.utime(tmp_path / f"{kept[-1].digest}.png", (1e9 + at, 1e9 + at) if at < 5 else None)
        monkeypatch.setattr(pictures, "KEPT_ON_DISK", 1e12)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 3.5 * size
    assert store.path(kept[-1]).exists()
    with pytest.raises(DemoError, match="open it again"):
        store.path(kept[0])


def test_previews_are_few_and_small_and_never_stored(tmp_path):
    store = Pictures(tmp_path)
    shown = [store.add_preview(Image.new("RGB", (3000, 2000), (i, 0, 0))) for i in range(30)]
    assert shown[-1].size_wh == (3000, 2000)
    seen = store.preview(shown[-1])
    assert seen
    with Image.open(io.BytesIO(seen)) as image:
        assert image.size == (768, 512)
    assert store.preview(shown[0]) is None
    assert sum(store.preview(picture) is not None for picture in shown) == pictures.MOST_PREVIEWS
    assert list(tmp_path.iterdir()) == []


def test_what_is_claimed_stays_until_room_must_be_made(tmp_path, monkeypatch):
    store = Pictures(tmp_path)
    noise = [Image.effect_noise((64, 64), 50 + i).convert("RGB") for i in range(4)]
    claimed = [store.add(image).digest for image in noise[:2]]
    store.claimed = lambda: claimed
    for digest in claimed:
        os.utime(tmp_path / f"{digest}.png", (1e9, 1e9))  # nobody looked at them for years
    store.add(noise[2])
    assert all((tmp_path / f"{digest}.png").exists() for digest in claimed)

    monkeypatch.setattr(pictures, "MOST_ON_DISK", 1)
    given_up = []
    store.make_room = lambda: bool(claimed) and not given_up.append(claimed.pop(0))
    newest = store.add(noise[3])
    assert len(given_up) == 2
    assert [path.stem for path in tmp_path.iterdir()] == [newest.digest]


def test_what_nobody_claims_is_kept_for_as_long_as_is_said(tmp_path):
    store = Pictures(tmp_path)
    mine, call, used = (store.add(Image.new("RGB", (8, 8), (i, 0, 0))) for i in range(3))
    store.claimed = lambda: [mine.digest]
    an_hour_ago = time.time() - 3600
    for picture in (mine, call, used):
        os.utime(tmp_path / f"{picture.digest}.png", (an_hour_ago, an_hour_ago))
    store.sweep()
    assert all(picture in store for picture in (mine, call, used))
    store.kept_unclaimed = 600
    store.image(used)  # somebody works with it
    store.sweep()
    assert [picture in store for picture in (mine, call, used)] == [True, False, True]


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    store = Pictures(tmp_path)

    def save(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(DemoError, match="disk is full") as error:
        store.add(Image.new("RGB", (9, 9)))
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def glass() -> Image.Image:
    """Red glass, half transparent on the left; on the right a green that is not seen at all."""
    image = Image.new("RGBA", (40, 20), (200, 0, 0, 100))
    image.paste((0, 170, 0, 0), (20, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0110] = "Model 3"
    image.info["exif"] = exif.tobytes()
    return image


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=image.info["exif"])
    return buffer.getvalue()


def test_transparency_and_camera_go_through_an_edit(tmp_path, glass):
    store = Pictures(tmp_path)
    opened = store.open(encoded(glass))
    painted = store.image(opened).copy()
    painted.paste((0, 0, 255), (5, 5, 10, 10))
    edited = store.add(painted, like=opened)
    with Image.open(store.original(edited)) as home:
        assert home.getexif()[0x0110] == "Model 3"
        pixels, before = np.asarray(home), np.asarray(glass)
    assert (pixels[..., 3] == before[..., 3]).all()
    untouched = np.ones((20, 40), bool)
    untouched[5:10, 5:10] = False
    assert (pixels[untouched] == before[untouched]).all()
    assert pixels[7, 7, 2] > 200 > pixels[7, 7, 0]
    # and what is seen is what the file shows
    assert store.open(store.original(edited)) == edited


def test_who_knows_the_pixels_does_not_find_the_camera(tmp_path, glass):
    store = Pictures(tmp_path)
    carried = store.open(encoded(glass))
    plain = store.add(store.image(carried).copy())
    assert plain.digest != carried.digest
    assert store.photo(plain).exif == b""
    assert store.photo(plain).layer is None
    assert store.photo(carried).exif
