"""A thing is removed with the shadow at its foot, and with nothing else."""

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.inpainting.holes import removal_hole
from pipelines.inpainting.opencv import OpenCVInpainter
from pipelines.inpainting.shadows import SHADOW_REACH, removal_hole_with_shadows, shadow_of
from pipelines.interfaces import InpaintOptions
from pipelines.scene import Mask

SIZE = (400, 300)
BALL = (200, 50, 50)
GROUNDS = ("one colour", "a gradient", "boards")


def ground(kind: str) -> np.ndarray:
    """A table top, float (300, 400, 3)."""
    pixels = np.full((300, 400, 3), (222, 196, 170), np.float32)
    if kind == "a gradient":
        pixels *= np.linspace(0.85, 1, 300)[:, None, None]
    if kind == "boards":
        pixels[40::60] *= 0.9
    return pixels


def disc(x: int = 200, y: int = 150, radius: int = 50) -> np.ndarray:
    plane = np.zeros((300, 400), np.uint8)
    cv2.circle(plane, (x, y), radius, (1,), -1)
    return plane.astype(bool)


def shade() -> np.ndarray:
    """How dark the shadow under the ball is, 0..1: a soft ellipse at its foot."""
    rows, columns = np.mgrid[:300, :400]
    return 0.35 * np.clip(1 - ((columns - 204) / 56) ** 2 - ((rows - 199) / 10) ** 2, 0, 1)


def with_ball(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.where(disc()[..., None], BALL, pixels).astype(np.uint8))


@pytest.mark.parametrize("kind", GROUNDS)
def test_the_shadow_at_a_things_foot_goes_with_it(kind):
    bare = ground(kind)
    image, ball = with_ball(bare * (1 - shade())[..., None]), Mask.from_array(disc())
    hole = removal_hole_with_shadows(image, [ball])
    covered = hole.array(SIZE)
    assert covered[shade() > 0.04].all()
    assert (covered & ~removal_hole([ball], SIZE).array(SIZE)).sum() < 1.5 * (shade() > 0).sum()
    *_, painted = OpenCVInpainter().paint(image, covered, "", options=InpaintOptions())
    assert painted.image
    darker = bare.mean(axis=2) - np.asarray(painted.image).mean(axis=2)
    assert darker[shade() > 0].mean() < 4  # 17 where the shadow stays


@pytest.mark.parametrize("kind", GROUNDS)
def test_where_no_shadow_is_the_hole_does_not_grow(kind):
    ball = Mask.from_array(disc())
    assert removal_hole_with_shadows(with_ball(ground(kind)), [ball]) == removal_hole([ball], SIZE)


def test_what_is_darker_and_of_another_hue_or_another_region_is_no_shadow():
    hole = removal_hole([Mask.from_array(disc())], SIZE)
    rug, blue = ground("one colour"), (60, 90, 200)
    rug[202:212, 120:280] = blue
    assert not shadow_of(with_ball(rug), hole).bits
    box = disc(275, 195, 18)
    beside = np.where(box[..., None], 0.7 * ground("one colour"), ground("one colour"))
    assert not (shadow_of(with_ball(beside), hole, [Mask.from_array(box)]).array(SIZE) & box).any()


def test_where_the_ground_is_not_known_no_shadow_is_taken():
    tiles = np.random.default_rng(0).uniform(0.6, 1, (30, 40)).repeat(10, 0).repeat(10, 1)
    rug = with_ball(ground("one colour") * (tiles * (1 - shade()))[..., None])
    assert not shadow_of(rug, removal_hole([Mask.from_array(disc())], SIZE)).bits
    assert not shadow_of(rug, Mask.from_array(np.ones((300, 400), bool))).bits


def test_no_shadow_is_taken_farther_than_is_stated():
    hole = removal_hole([Mask.from_array(disc())], SIZE)
    rows, columns = np.mgrid[:300, :400]
    wide = 0.3 * np.clip(1 - ((columns - 200) / 85) ** 2 - ((rows - 200) / 8) ** 2, 0, 1)
    found = shadow_of(with_ball(ground("one colour") * (1 - wide)[..., None]), hole)
    reach = round(SHADOW_REACH * (hole.box.x2 - hole.box.x1))
    assert hole.box.x1 - reach <= found.box.x1 < hole.box.x1 - reach / 2
    assert hole.box.x2 + reach / 2 < found.box.x2 <= hole.box.x2 + reach
    assert found.box.y2 <= hole.box.y2 + reach


def test_a_large_picture_is_looked_at_in_small():
    bare = ground("one colour") * (1 - shade())[..., None]
    large = with_ball(bare).resize((2400, 1800), Image.Resampling.BICUBIC)
    ball = np.array(Image.fromarray(disc()).resize(large.size))
    found = removal_hole_with_shadows(large, [Mask.from_array(ball)]).array(large.size)
    dark = np.array(Image.fromarray(shade().astype(np.float32)).resize(large.size)) > 0.06
    assert found[dark].mean() > 0.99
