"""The store: what it keeps, under which name, for how long, and how much of it."""

import os
import time

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
