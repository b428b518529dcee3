"""Painters: nothing outside the mask changes, inside it does; a tiny pipeline in the official layout."""

import threading
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.screen import Screen, paced
from pipelines.errors import DemoError, MissingCapability
from pipelines.inpainting.choosing import inpainter_for
from pipelines.inpainting.color import recolor
from pipelines.inpainting.cropping import context_crop, paste
from pipelines.inpainting.diffusion import LARGEST_ENLARGEMENT, DiffusionInpainter
from pipelines.inpainting.opencv import OpenCVInpainter
from pipelines.interfaces import InpaintOptions, ReplyOptions
from pipelines.scene import Box

STEPS = InpaintOptions(steps=6)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8))


def disc(width: int, height: int, x: int, y: int, r: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return (columns - x) ** 2 + (rows - y) ** 2 <= r * r


def outside_is_identical(before: Image.Image, after: Image.Image, mask: np.ndarray) -> bool:
    return bool((np.asarray(before)[~mask] == np.asarray(after)[~mask]).all())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A randomly initialised inpainting pipeline, saved as the released ones are."""
    import diffusers
    import transformers

    d: Any = diffusers
    t: Any = transformers

    path = tmp_path_factory.mktemp("pipeline")
    letters = [
        "<|startoftext|>",
        "<|endoftext|>",
        *"abcdefghijklmnopqrstuvwxyz",
        *[f"{c}</w>" for c in "abcdefghijklmnopqrstuvwxyz"],
    ]
    (path / "vocab.json").write_text(str({name: i for i, name in enumerate(letters)}).replace("'", '"'))
    (path / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    pipeline = d.StableDiffusionInpaintPipeline(
        vae=d.AutoencoderKL(
            block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=4,
        ),
        text_encoder=t.CLIPTextModel(
            t.CLIPTextConfig(
                vocab_size=len(letters), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                num_attention_heads=2, max_position_embeddings=16, bos_token_id=0, eos_token_id=1,
            )
        ),
        tokenizer=t.CLIPTokenizer(str(path / "vocab.json"), str(path / "merges.txt"), model_max_length=16),
        unet=d.UNet2DConditionModel(
            sample_size=16, in_channels=9, out_channels=4, block_out_channels=(8, 16), layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16, norm_num_groups=4,
            attention_head_dim=2,
        ),
        scheduler=d.DDIMScheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    pipeline.save_pretrained(path / "saved")
    return path / "saved"


@pytest.fixture(scope="module")
def inpainter(folder):
    return DiffusionInpainter.load(folder, name="tiny", device="cpu", dtype=torch.float32)


def done(inpainter, image, mask, wish="a star", options=STEPS) -> Image.Image:
    *_, painting = inpainter.paint(image, mask, wish, options=options)
    assert painting.image is not None
    return painting.image


@pytest.mark.parametrize(
    ("size", "place"),
    [((90, 60), (30, 30, 10)), ((300, 50), (150, 20, 18)), ((20, 400), (5, 399, 30)), ((33, 33), (0, 0, 9))],
)
def test_outside_the_mask_nothing_changes(inpainter, size, place):
    image, mask = noise(*size), disc(*size, *place)
    for wish in ("a star", ""):
        after = done(inpainter, image, mask, wish)
        assert after.size == image.size
        assert outside_is_identical(image, after, mask)
        assert (np.asarray(image)[mask] != np.asarray(after)[mask]).any(axis=1).mean() > 0.5
    after = done(OpenCVInpainter(), image, mask, "")
    assert outside_is_identical(image, after, mask)


def test_steps_previews_and_seeds(inpainter):
    image, mask = noise(64, 64), disc(64, 64, 32, 32, 14)
    paintings = list(inpainter.paint(image, mask, "a star", options=STEPS))
    assert [painting.step for painting in paintings] == [1, 2, 3, 4, 5, 6, 6]
    previews = [painting.preview for painting in paintings if painting.preview]
    assert len(previews) >= 3
    assert all(outside_is_identical(image, preview, mask) for preview in previews)
    again = done(inpainter, image, mask)
    assert paintings[-1].image is not None
    assert again.tobytes() == paintings[-1].image.tobytes()
    assert done(inpainter, image, mask, options=InpaintOptions(steps=6, seed=1)).tobytes() != again.tobytes()
    assert (
        done(inpainter, image, mask, options=InpaintOptions(steps=6, negative="x")).tobytes()
        != again.tobytes()
    )
    assert (
        done(inpainter, image, mask, options=InpaintOptions(steps=6, guidance=2)).tobytes() != again.tobytes()
    )


def test_a_painter_has_a_guidance_of_its_own(inpainter, folder):
    image, mask = noise(64, 64), disc(64, 64, 32, 32, 14)
    other = DiffusionInpainter.load(folder, name="tiny", device="cpu", dtype=torch.float32, guidance=2.0)
    own = done(other, image, mask)
    assert (
        own.tobytes() == done(inpainter, image, mask, options=InpaintOptions(steps=6, guidance=2)).tobytes()
    )
    assert own.tobytes() != done(inpainter, image, mask).tobytes()
    assert dict(STEPS.said())["guidance"] == "as suits the model"


def test_a_painter_leads_wishes_away_from_what_is_neutral_to_it(inpainter, folder):
    image, mask = noise(64, 64), disc(64, 64, 32, 32, 14)
    other = DiffusionInpainter.load(folder, name="tiny", device="cpu", dtype=torch.float32, neutral="x")
    named = done(inpainter, image, mask, options=InpaintOptions(steps=6, negative="x"))
    assert done(other, image, mask).tobytes() == named.tobytes() != done(inpainter, image, mask).tobytes()
    asked = InpaintOptions(steps=6, negative="y")  # the visitor's word counts
    assert (
        done(other, image, mask, options=asked).tobytes()
        == done(inpainter, image, mask, options=asked).tobytes()
    )
    assert done(other, image, mask, "").tobytes() == done(inpainter, image, mask, "").tobytes()


def test_the_global_dice_stay_untouched(inpainter):
    before = torch.get_rng_state()
    done(inpainter, noise(64, 64), disc(64, 64, 32, 32, 14))
    assert torch.equal(before, torch.get_rng_state())


def test_closing_cancels(inpainter, monkeypatch):
    calls = []
    forward = type(inpainter._pipeline.unet).forward
    monkeypatch.setattr(
        type(inpainter._pipeline.unet), "forward", lambda *a, **k: calls.append(1) or forward(*a, **k)
    )
    steps = inpainter.paint(noise(64, 64), disc(64, 64, 32, 32, 14), "x", options=InpaintOptions(steps=100))
    next(steps)
    steps.close()
    assert len(calls) < 20


def test_stop_ends_a_painting_of_24_megapixels_within_a_step_and_its_threads_are_gone(
    inpainter, assistant, monkeypatch
):
    calls = []
    forward = type(inpainter._pipeline.unet).forward
    monkeypatch.setattr(
        type(inpainter._pipeline.unet), "forward", lambda *a, **k: calls.append(1) or forward(*a, **k)
    )
    assistant.engine = replace(assistant.engine, inpainter=inpainter)
    scene = assistant.box(assistant.open(Image.new("RGB", (6000, 4000), "teal")), Box(800, 600, 4200, 3300))
    before = set(threading.enumerate())

    def growing():
        with closing(assistant.respond(scene, "remove #1", options=ReplyOptions(steps=100))) as events:
            for event in events:
                yield event.shown, event.hole

    with closing(paced(growing(), Screen())) as shown:
        next(one for one, _ in shown if one.picture != scene.picture)  # the first preview
        stopped = len(calls)
        began = set(threading.enumerate()) - before
    assert began
    for thread in began:
        thread.join(30)
    assert not any(thread.is_alive() for thread in began)
    assert len(calls) - stopped <= 2
    assert stopped < 60


def test_paintings_take_turns_and_who_waits_can_leave(inpainter, monkeypatch):
    monkeypatch.setattr("pipelines.inpainting.diffusion.HEARTBEAT_S", 0.01)
    image, mask = noise(64, 48), disc(64, 48, 30, 20, 10)
    with inpainter._place:  # somebody else is painted for
        waiting = inpainter.paint(image, mask, "a", options=STEPS)
        assert [next(waiting).step for _ in range(3)] == [0, 0, 0]
        leaving = inpainter.paint(image, mask, "a", options=STEPS)
        next(leaving)
        leaving.close()
    steps = [painting.step for painting in waiting if painting.step]
    assert steps[-1] == STEPS.steps


def test_what_cannot_be_painted_is_explained(inpainter, folder, tmp_path):
    image = noise(40, 40)
    with pytest.raises(DemoError, match="empty"):
        done(inpainter, image, np.zeros((40, 40), bool))
    with pytest.raises(DemoError, match="steps"):
        done(inpainter, image, disc(40, 40, 20, 20, 5), options=InpaintOptions(steps=0))
    with pytest.raises(MissingCapability, match="--inpainter"):
        done(OpenCVInpainter(), image, disc(40, 40, 20, 20, 5), "a star")
    with pytest.raises(DemoError, match="nothing would be left"):
        done(OpenCVInpainter(), image, np.ones((40, 40), bool), "")
    with pytest.raises(MissingCapability, match="no inpainting pipeline"):
        DiffusionInpainter.load(tmp_path, name="none", device="cpu", dtype=torch.float32)


def test_a_model_that_cannot_inpaint_is_refused(inpainter):
    pipeline = SimpleNamespace(unet=SimpleNamespace(config=SimpleNamespace(in_channels=4)))
    with pytest.raises(MissingCapability, match="inpainting"):
        DiffusionInpainter(pipeline, name="plain")


def test_a_painter_that_tints_says_who_did(inpainter, folder):
    image, mask = noise(80, 60), disc(80, 60, 40, 30, 15)
    tints = DiffusionInpainter.load(folder, name="t", device="cpu", dtype=torch.float32, tints=True)
    *_, done = tints.paint(image, mask, "red ball", options=InpaintOptions(steps=2, keep_shape=True))
    assert done.by == OpenCVInpainter.name
    *_, done = tints.paint(image, mask, "red ball", options=InpaintOptions(steps=2))
    assert done.by == ""


def test_removal_fills_from_around():
    image = Image.new("RGB", (200, 150), (90, 160, 90))
    mask = disc(200, 150, 100, 75, 20)
    pixels = np.asarray(image).copy()
    pixels[disc(200, 150, 100, 75, 18)] = (220, 20, 20)
    after = np.asarray(done(OpenCVInpainter(), Image.fromarray(pixels), mask, ""), int)
    assert np.abs(after - (90, 160, 90)).max() < 12


def test_recolouring_keeps_light_and_turns_the_hue():
    ramp = np.zeros((60, 60, 3), np.uint8)
    ramp[..., 0] = np.linspace(120, 250, 60)[:, None]
    mask = disc(60, 60, 30, 30, 20)
    image = Image.fromarray(ramp)
    after = done(OpenCVInpainter(), image, mask, "blue ball", InpaintOptions(keep_shape=True))
    assert outside_is_identical(image, after, mask)
    inside = np.asarray(after)[mask].astype(int)
    assert (inside[:, 2] > inside[:, 0] + 40).all()
    column = np.asarray(after)[12:48, 30].astype(int).sum(axis=1)
    assert column[-1] > column[0]
    assert recolor(image, mask, (38, 94, 214)).tobytes() == after.tobytes()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.data())
def test_paste_never_leaves_the_mask(width, height, data):
    seed = data.draw(st.integers(0, 999))
    mask = np.random.default_rng(seed).random((height, width)) < data.draw(st.floats(0.02, 0.9))
    mask[data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))] = True
    image, crop = noise(width, height), context_crop(mask, data.draw(st.integers(1, 100)))
    assert 0 <= crop.x1 < crop.x2 <= width
    assert 0 <= crop.y1 < crop.y2 <= height
    after = paste(image, Image.new("RGB", (7, 9), "white"), crop, mask)
    assert outside_is_identical(image, after, mask)


def test_full_memory_is_explained(inpainter, monkeypatch):
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(type(inpainter._pipeline.unet), "forward", full)
    with pytest.raises(MissingCapability, match="memory"):
        done(inpainter, noise(64, 64), disc(64, 64, 32, 32, 14))


def test_a_small_thing_is_painted_larger_than_it_is(inpainter):
    crop = context_crop(disc(256, 256, 60, 60, 3), inpainter._side // LARGEST_ENLARGEMENT)
    assert crop.x2 - crop.x1 == inpainter._side // LARGEST_ENLARGEMENT


def test_on_photographs_removing_is_classical_unless_the_painter_learnt_photographs(inpainter, folder):
    drawn_only = DiffusionInpainter.load(
        folder, name="drawn", device="cpu", dtype=torch.float32, for_photographs=False
    )
    assert isinstance(inpainter_for(drawn_only, "", photograph=True), OpenCVInpainter)
    assert inpainter_for(drawn_only, "", photograph=False) is drawn_only
    assert isinstance(inpainter_for(drawn_only, "", photograph=False, plain=True), OpenCVInpainter)
    assert inpainter_for(drawn_only, "a star", photograph=True, plain=True) is drawn_only
    assert inpainter_for(inpainter, "", photograph=True, plain=True) is inpainter


def test_two_holes_far_apart_are_two_paintings_in_one(inpainter):
    image, mask = noise(300, 60), disc(300, 60, 30, 30, 12) | disc(300, 60, 270, 30, 10)
    paintings = list(inpainter.paint(image, mask, "a star", options=STEPS))
    assert [painting.step for painting in paintings] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12]
    assert {painting.steps for painting in paintings} == {12}
    (after,) = [painting.image for painting in paintings if painting.image]
    assert outside_is_identical(image, after, mask)
    assert (np.asarray(image)[mask] != np.asarray(after)[mask]).any(axis=1).mean() > 0.5
    assert not outside_is_identical(image, after, ~disc(300, 60, 270, 30, 10))
    assert not outside_is_identical(image, after, ~disc(300, 60, 30, 30, 12))
