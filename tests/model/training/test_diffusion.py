"""The inpainter's training: wishes that fit their holes, a run that lowers its losses and resumes exactly."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from model.training import diffusion, diffusion_networks, loop
from model.training.diffusion import Recipe
from model.training.diffusion_data import SIDE, sample_hole, underspecify, wishes
from model.training.diffusion_networks import InpaintingModel
from model.training.world import COLOURS, THING_KINDS


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion, "AUTOENCODER_BATCH", 4)
    monkeypatch.setattr(diffusion, "INPAINTER_BATCH", 8)
    monkeypatch.setattr(loop, "WARM_UP", 3)


def test_wishes_are_their_number_and_name_what_the_hole_holds() -> None:
    found = [wish for number in range(12) for wish in wishes(number)]
    again = [wish for number in range(12) for wish in wishes(number)]
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.cut, other.cut)
        np.testing.assert_array_equal(one.hole, other.hole)
        assert one.words == other.words
        assert one.cut.shape == (SIDE, SIDE, 3)
        assert one.hole.any()
    assert {wish.words for wish in found} & {""}
    named = [wish for wish in found if any(kind in wish.words.split() for kind in THING_KINDS)]
    assert len(named) > 5
    coloured = [wish for wish in named if "red" in wish.words.split() or "blue" in wish.words.split()]
    for wish in coloured:  # the colour that is named is in the hole
        inside = wish.cut[wish.hole].astype(float)
        red = "red" in wish.words.split()
        lead = inside[:, 0] - inside[:, 2] if red else inside[:, 2] - inside[:, 0]
        assert (lead > 30).mean() > 0.03, wish.words
    assert set(COLOURS) & {word for wish in named for word in wish.words.split()}


def test_a_hole_holds_its_thing_and_does_not_show_its_shape() -> None:
    disc, bar = np.zeros((2, 120, 120), np.uint8)
    cv2.circle(disc, (60, 60), 12, 1, -1)
    cv2.rectangle(bar, (10, 10), (20, 90), 1, -1)
    proportions = []
    for seed in range(60):
        hole = sample_hole(disc.astype(bool), random.Random(seed), bar.astype(bool))
        assert hole[disc.astype(bool)].all()
        *_, width, height = cv2.boundingRect(hole.astype(np.uint8))
        proportions.append(width / height)
        shape, _ = cv2.findContours(hole.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        round_area = np.pi * cv2.minEnclosingCircle(shape[0])[1] ** 2
        assert hole.sum() < 0.95 * round_area or hole.sum() > 1.5 * disc.sum()
    assert min(proportions) < 0.75
    assert max(proportions) > 1.33


def test_the_tokenizer_is_the_same_every_time_and_knows_the_worlds_words() -> None:
    one, other = diffusion_networks.new_tokenizer(), diffusion_networks.new_tokenizer()
    assert one.get_vocab() == other.get_vocab()
    for word in (*THING_KINDS, *COLOURS, "striped", "beach", "person"):
        assert len(one(word).input_ids) == 3, word  # beginning, the word, end
    for words in ("a striped blue cup", "an Übung zqx", ""):
        assert one(words).input_ids == other(words).input_ids
        back = str(one.decode(one(words).input_ids, skip_special_tokens=True))
        assert back.strip() == words.lower()


def test_some_wishes_leave_the_kind_unsaid_and_some_all_but_a_thing() -> None:
    inpainter = InpaintingModel(None, "cpu")
    words = ["a striped blue cup", "a beach", ""]
    assert [underspecify(wish) for wish in words] == ["a striped blue thing", "a beach", ""]
    shorter = [underspecify(wish) for wish in words]
    batch = {"ids": inpainter.ids(words), "underspecified": inpainter.ids(shorter)}

    def told(left_out: float) -> list[str]:
        ids = inpainter.said(batch, torch.full((3,), left_out))
        return inpainter.tokenizer.batch_decode(ids, skip_special_tokens=True)

    assert told(0.0) == ["thing", "a beach", ""]
    assert told(diffusion_networks.BARE) == ["a striped blue thing", "a beach", ""]
    assert told(diffusion_networks.BARE + diffusion_networks.UNDERSPECIFIED) == words


def curve(file: Path, figure: str) -> list[float]:
    with file.open() as lines:
        return [float(value) for _, name, value in csv.reader(lines) if name == figure]


def test_a_run_lowers_its_losses_and_ships_a_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "AVERAGE", 0.5)
    diffusion.train(Recipe(steps=30, pictures=30, workers=0), tmp_path)
    for stage, figure in (("autoencoder", "loss"), ("inpainter", "loss"), ("decoder", "off")):
        losses = curve(tmp_path / f"{stage}.csv", figure)
        assert losses[-1] < 0.9 * losses[0], (stage, losses)
    size = sum(file.stat().st_size for file in (tmp_path / "checkpoint").rglob("*") if file.is_file())
    assert size < 9.3e6  # with sam-nano under 16 MB
    inpainter = InpaintingModel(tmp_path / "checkpoint", "cpu")
    assert inpainter.unet.config.in_channels == 9
    kept = inpainter.averaged.module.state_dict()
    for name, value in torch.load(tmp_path / "state.pt", weights_only=True)["inpainter"]["averaged"].items():
        if name.startswith("module."):
            torch.testing.assert_close(kept[name.removeprefix("module.")], value.half().float(), msg=name)


def test_killed_and_resumed_it_ends_where_the_whole_run_ends(tmp_path: Path) -> None:
    recipe = Recipe(steps=4, pictures=6, workers=0)
    diffusion.train(recipe, tmp_path / "whole")
    diffusion.train(Recipe(steps=4, pictures=6, workers=0, halt=2), tmp_path / "broken")
    diffusion.train(recipe, tmp_path / "broken", resume=True)
    states = (tmp_path / name / "state.pt" for name in ("whole", "broken"))
    one, other = (torch.load(state, weights_only=True)["inpainter"] for state in states)
    for part in ("vae", "trained", "averaged"):
        for name, tensor in one[part].items():
            torch.testing.assert_close(tensor, other[part][name], rtol=0, atol=0, msg=name)


def test_a_warm_start_keeps_the_latents(tmp_path: Path) -> None:
    diffusion.train(Recipe(steps=2, pictures=6, workers=0), tmp_path / "first")
    diffusion.train(
        Recipe(steps=2, pictures=6, workers=0), tmp_path / "next", start=tmp_path / "first" / "checkpoint"
    )
    state = torch.load(tmp_path / "next" / "state.pt", weights_only=True)
    assert state["rate"] == diffusion.WARM_RATE * diffusion.INPAINTER_RATE  # what a resumed run goes on with
    one, other = (InpaintingModel(tmp_path / name / "checkpoint", "cpu") for name in ("first", "next"))
    for (name, before), after in zip(
        one.vae.state_dict().items(), other.vae.state_dict().values(), strict=True
    ):
        if "decoder" not in name and "post" not in name:
            torch.testing.assert_close(before, after, rtol=0, atol=0, msg=name)
    assert one.vae.config.scaling_factor == other.vae.config.scaling_factor
