"""Plain surroundings are told from others, are gone on with, and show what is left on them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.inpainting.opencv import OpenCVInpainter
from pipelines.inpainting.plainness import go_on, is_plain
from pipelines.inpainting.verification import verify_removal
from pipelines.interfaces import InpaintOptions
from pipelines.scene import Mask

SKY, GRASS, BALL = (170, 210, 240), (140, 190, 110), (200, 50, 50)
GROUNDS = ("one colour", "two colours", "a gradient")


def ground(kind: str) -> np.ndarray:
    """A plain picture, 450 x 300."""
    picture = np.full((300, 450, 3), SKY, np.uint8)
    if kind == "two colours":
        picture[180:] = GRASS
    if kind == "a gradient":
        picture[:] = np.linspace(SKY, (230, 240, 250), 300).round()[:, None]
    return picture


def disc(radius: int) -> np.ndarray:
    plane = np.zeros((300, 450), np.uint8)
    cv2.circle(plane, (150, 180), radius, (1,), -1)
    return plane.astype(bool)


def with_ball(picture: np.ndarray) -> np.ndarray:
    return np.where(disc(35)[..., None], BALL, picture).astype(np.uint8)


def mottled(picture: np.ndarray) -> np.ndarray:
    """The right colours with blotches, as a painter leaves them that never saw a plain picture."""
    noise = np.random.default_rng(0).normal(0, 60, picture.shape)
    blotches = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.where(disc(41)[..., None], np.clip(picture + blotches, 0, 255), picture).astype(np.uint8)


@pytest.mark.parametrize("kind", GROUNDS)
def test_colours_and_edges_between_them_are_plain(kind):
    assert is_plain(Image.fromarray(with_ball(ground(kind))), disc(41))


def test_grain_is_not_plain_and_neither_is_a_picture_without_surroundings():
    noise = np.random.default_rng(0).integers(0, 60, (300, 450, 3))
    grass = np.clip(ground("one colour").astype(int) - noise, 0, 255).astype(np.uint8)
    assert not is_plain(Image.fromarray(with_ball(grass)), disc(41))
    assert not is_plain(Image.fromarray(ground("one colour")), np.ones((300, 450), bool))


@pytest.mark.parametrize("kind", GROUNDS)
def test_plain_surroundings_are_gone_on_with_and_no_trace_is_seen(kind):
    before, mask = Image.fromarray(with_ball(ground(kind))), disc(41)
    *_, painted = OpenCVInpainter().paint(before, mask, "", options=InpaintOptions())
    assert painted.image
    wrong = np.abs(np.asarray(painted.image).astype(int) - ground(kind))[mask]
    assert wrong.max() <= 2
    assert verify_removal(before, painted.image, Mask.from_array(mask)).reasons == ()


@pytest.mark.parametrize("turned", [False, True])
def test_where_rows_do_not_go_on_columns_may_and_else_colours_are_spread(turned):
    walls = np.where((np.arange(450) < 140)[None, :, None], SKY, GRASS).repeat(300, axis=0).astype(np.uint8)
    if turned:  # an edge that leans
        walls = cv2.warpAffine(walls, cv2.getRotationMatrix2D((140, 180), 30, 1), (450, 300), borderMode=1)
    mask = disc(41)
    filled = go_on(np.where(mask[..., None], BALL, walls).astype(np.uint8), mask)
    wrong = np.abs(filled.astype(int) - walls).max(axis=2)
    assert (wrong[~mask] == 0).all()
    assert wrong[mask].max() == 0 if not turned else (wrong[mask] > 20).mean() < 0.25


@pytest.mark.parametrize("kind", GROUNDS)
def test_a_mottled_patch_on_plain_surroundings_is_a_trace(kind):
    before, after = (Image.fromarray(one) for one in (with_ball(ground(kind)), mottled(ground(kind))))
    found = verify_removal(before, after, Mask.from_array(disc(41)))
    assert "trace" in {reason.key for reason in found.reasons}


@pytest.mark.parametrize("radius", [12, 20, 41])
def test_an_edge_that_goes_on_through_the_hole_is_no_trace(radius):
    picture, mask = ground("two colours"), disc(radius)
    before = np.where(disc(radius - 3)[..., None], BALL, picture).astype(np.uint8)
    assert verify_removal(Image.fromarray(before), Image.fromarray(picture), Mask.from_array(mask)).clean
