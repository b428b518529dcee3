"""Effects without a model: what they keep bit-identical, where edges are soft, and what happens to alpha."""

import numpy as np
import pytest
from PIL import Image

from pipelines import effects
from pipelines import mask_shapes as m
from pipelines.errors import DemoError
from pipelines.scene import Box, Mask

SIZE = (160, 120)
RED, GREEN = (210, 40, 30), (40, 160, 60)


def scene(mode: str = "RGB") -> tuple[Image.Image, Mask]:
    """A red disc with a grain on green, and its mask."""
    rows, columns = np.mgrid[:120, :160]
    disc = (columns - 80) ** 2 + (rows - 60) ** 2 <= 30**2
    grain = np.random.default_rng(0).integers(-9, 9, (120, 160, 1))
    pixels = (np.where(disc[..., None], RED, GREEN) + grain).astype(np.uint8)
    image = Image.fromarray(pixels)
    if mode == "RGBA":
        alpha = np.full((120, 160), 255, np.uint8)
        alpha[:, :80] = 100
        image.putalpha(Image.fromarray(alpha))
    return image, Mask.from_array(disc)


def deep(mask: Mask, pixels: int = 5) -> np.ndarray:
    return m.grow(mask, -pixels, SIZE).array(SIZE)


def far(mask: Mask, pixels: int = 5) -> np.ndarray:
    return ~m.grow(mask, pixels, SIZE).array(SIZE)


BACKGROUNDS = {
    "blur": effects.blur_background,
    "grey": effects.grey_background,
    "plain": lambda image, masks: effects.plain_background(image, masks, (10, 20, 250)),
}


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("name", BACKGROUNDS)
def test_a_background_changes_and_the_foreground_stays(name, mode):
    image, mask = scene(mode)
    after = BACKGROUNDS[name](image, [mask])
    assert (after.mode, after.size) == (mode, image.size)
    old, new = np.asarray(image), np.asarray(after)
    assert (old[deep(mask)] == new[deep(mask)]).all()
    assert (old[far(mask)][:, :3] != new[far(mask)][:, :3]).any(axis=1).mean() > 0.8
    if mode == "RGBA":
        assert (old[..., 3] == new[..., 3]).all()


def test_each_background_is_what_its_name_says():
    image, mask = scene()
    outside = far(mask)
    blurred = np.asarray(effects.blur_background(image, [mask]), float)[outside]
    assert np.abs(blurred - np.add(GREEN, -0.5)).max() < 6  # no grain, and no red has run in
    grey = np.asarray(effects.grey_background(image, [mask]))[outside]
    assert (grey[:, 0] == grey[:, 2]).all()
    plain = np.asarray(effects.plain_background(image, [mask], (10, 20, 250)))[outside]
    assert (plain == (10, 20, 250)).all()
    with pytest.raises(DemoError, match="above 0"):
        effects.blur_background(image, [mask], sigma=0)


def test_a_wider_blur_blurs_more():
    stripes = np.tile(np.where(np.arange(160) // 8 % 2, 255, 0).astype(np.uint8)[None, :, None], (120, 1, 3))
    mask = Mask.from_crop(np.ones((10, 10), bool), Box(5, 5, 15, 15))
    spread = [
        np.asarray(effects.blur_background(Image.fromarray(stripes), [mask], sigma=s))[60:].std()
        for s in (1, 4, 9)
    ]
    assert spread[0] > 2 * spread[1] > 4 * spread[2]


def test_no_rim_of_the_old_background_is_seen_on_a_new_one():
    image, mask = scene()
    after = np.asarray(effects.plain_background(image, [mask], (200, 30, 30)), int)  # almost the disc's red
    assert after[..., 1].max() < 70  # the green of the old background would be 160


def test_a_cut_out_has_a_soft_edge_and_the_things_own_colours():
    image, mask = scene()
    thing = effects.cut_out(image, mask)
    assert thing.mode == "RGBA"
    assert max(abs(a - b) for a, b in zip(thing.size, (61, 61), strict=True)) <= 10
    pixels = np.asarray(thing)
    alpha = pixels[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[alpha.shape[0] // 2, alpha.shape[1] // 2] == 255
    assert len(np.unique(alpha)) > 5
    assert pixels[alpha > 10][:, 1].max() < 70
    whole = effects.remove_background(image, [mask])
    assert whole.size == image.size
    assert np.asarray(whole)[..., 3][far(mask)].max() == 0
    with pytest.raises(DemoError, match="segment"):
        effects.cut_out(image, m.EMPTY)


def test_a_cut_out_of_a_see_through_thing_stays_see_through():
    image, mask = scene("RGBA")
    alpha = np.asarray(effects.remove_background(image, [mask]))[..., 3]
    assert alpha[60, 70] == 100
    assert alpha[60, 90] == 255


def test_a_larger_canvas_keeps_the_picture_and_says_what_is_to_be_painted():
    image, _ = scene("RGBA")
    canvas, hole = effects.extend(image, left=7, bottom=11, right=3)
    assert canvas.size == (170, 131)
    assert canvas.mode == "RGBA"
    assert canvas.crop((7, 0, 167, 120)).tobytes() == image.tobytes()
    plane = hole.array(canvas.size)
    assert plane.sum() == 170 * 131 - 160 * 120
    assert not plane[:120, 7:167].any()
    pixels = np.asarray(canvas)
    assert (pixels[50, :7] == pixels[50, 7]).all()  # the edge is repeated
    assert (pixels[120:, 0] == pixels[119, 7]).all()
    with pytest.raises(DemoError, match="which side"):
        effects.extend(image)
    with pytest.raises(DemoError, match="add less"):
        effects.extend(image, top=10**7)


def green(image: Image.Image, hole: Mask) -> Image.Image:
    """A perfect inpainter."""
    result = image.copy()
    result.paste(Image.new("RGB", image.size, GREEN), mask=Image.fromarray(hole.array(image.size)))
    return result


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_thing_moves_and_its_place_is_filled(mode):
    image, mask = scene(mode)
    after, new = effects.move_thing(image, mask, green, by=(35, -10))
    assert after.mode == mode
    assert new.box == Box(*np.add(mask.box, (35, -10, 35, -10)))
    pixels = np.asarray(after, int)[..., :3]
    assert np.abs(pixels[60, 55] - GREEN).max() < 12
    moved = m.grow(new, -4, SIZE).array(SIZE)
    moved[:, :120] = False  # of the RGBA picture, that half of the disc is see-through
    assert np.abs(pixels[moved] - RED).max() < 25
    assert np.abs(pixels[~m.grow(new, 4, SIZE).array(SIZE)] - GREEN).max() < 12


def test_a_thing_becomes_larger_about_its_middle_and_may_leave_the_picture_in_part():
    image, mask = scene()
    _, larger = effects.move_thing(image, mask, green, scale=1.5)
    assert larger.area == pytest.approx(2.25 * mask.area, rel=0.06)
    x1, y1, x2, y2 = larger.box
    assert abs(x1 + x2 - 161) <= 2
    assert abs(y1 + y2 - 121) <= 2
    after, cut = effects.move_thing(image, mask, green, by=(70, 0))
    assert cut.box.x2 == 160
    assert np.abs(np.asarray(after, int)[60, 159] - RED).max() < 25
    for by, scale in (((400, 0), 1), ((0, 0), 0.001), ((0, 0), 1000)):
        with pytest.raises(DemoError):
            effects.move_thing(image, mask, green, by=by, scale=scale)
    assert effects.moved(mask, 500, 0, SIZE) == m.EMPTY


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("how", ["blur", "pixelate"])
def test_obscuring_changes_the_thing_alone_and_keeps_alpha(mode, how):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (96, 128, len(mode)), dtype=np.uint8), mode)
    plane = np.zeros((96, 128), bool)
    plane[30:60, 40:90] = True
    changed = np.asarray(effects.obscure(image, [Mask.from_array(plane)], how)).astype(int)
    apart = np.abs(changed[..., :3] - np.asarray(image)[..., :3]).sum(axis=2)
    assert np.median(apart[plane]) > 60
    assert apart[:20].max() == apart[:, :30].max() == 0
    if mode == "RGBA":
        assert (changed[..., 3] == np.asarray(image)[..., 3]).all()
