"""Training sphinx-nano: it learns in a minute, and a killed run goes on exactly where it was."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from model import STOP, SphinxForConditionalGeneration, SphinxProcessor, turn_end
from model.training import sphinx
from model.training.data import Batches, DataMixture
from model.training.evaluate import SHORT, EvalQuestion, EvalSet, answer
from model.training.nano import nano_config
from model.training.questions import QA
from model.training.recipe import Plan


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of few pictures, made once."""
    folder = tmp_path_factory.mktemp("tokenizer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sphinx, "CORPUS", 120)
        sphinx.prepare_tokenizer(folder)
    return folder / "tokenizer.model"


VIEW = 64  # pixels, of the runs here: large enough to learn from, small enough to be quick


def started(folder: Path, tokenizer: Path) -> Path:
    folder.mkdir()
    (folder / "tokenizer.model").write_bytes(tokenizer.read_bytes())
    return folder


def losses(folder: Path, stage: str, name: str = "loss") -> list[float]:
    with (folder / f"{stage}.csv").open() as file:
        return [float(value) for *_, figure, value in csv.reader(file) if figure == name]


def run(folder: Path, *more: str) -> None:
    fixed = ("--folder", str(folder), "--workers", "0", "--device", "cpu")
    assert sphinx.main([*fixed, "--view", str(VIEW), *more]) == 0


def test_a_few_steps_of_training_lower_the_loss(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sphinx, "BATCH_LIMIT", 12)
    monkeypatch.setattr(sphinx, "CURVE_EVERY", 1)
    folder = started(tmp_path / "steps", tokenizer)
    run(folder, "--steps", "60", "--stages", "encoders")
    seen = losses(folder, "encoders")
    assert seen[-1] < 0.95 * seen[0]
    assert (folder / "encoders.png").exists()
    assert (folder / "checkpoint" / "config.json").exists()


@pytest.mark.parametrize("stage", ["encoders", "two-high"])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    stage: str, tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sphinx, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(sphinx, "CURVE_EVERY", 1)
    monkeypatch.setattr(sphinx, "BATCH_LIMIT", 2)
    whole, cut = started(tmp_path / "whole", tokenizer), started(tmp_path / "cut", tokenizer)
    options = ("--steps", "4", "--stages", stage)
    run(whole, *options)

    class Killed(Exception):
        pass

    save, saves = sphinx.save_state, []

    def save_then_die(file: Path, state: dict[str, object]) -> None:
        save(file, state)
        saves.append(file)
        if len(saves) == 2:
            raise Killed

    monkeypatch.setattr(sphinx, "save_state", save_then_die)
    with pytest.raises(Killed):
        run(cut, *options)
    monkeypatch.setattr(sphinx, "save_state", save)
    run(cut, "--resume")
    first = torch.load(whole / f"after-{stage}.pt", weights_only=True)
    second = torch.load(cut / f"after-{stage}.pt", weights_only=True)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_plan_is_kept_whole_and_gives_its_time_away() -> None:
    assert sum(stage.share for stage in Plan(10).stages()) == pytest.approx(1)
    warm = Plan(10, warm=True, seed=2)
    assert sum(stage.share for stage in warm.stages()) == pytest.approx(1)
    assert Plan(**asdict(warm)).stages() == warm.stages() != Plan(10, warm=True).stages()
    with pytest.raises(ValueError, match="gives no time to language"):
        Plan(10, warm=True, only=("language",)).stages()


def test_an_expert_sees_its_own_share_of_photographs_in_every_stage() -> None:
    expert = Plan(10, warm=True, photo_share=0.9)
    assert {stage.mixture.photographs for stage in expert.stages()} == {0.9}
    assert {stage.mixture.photographs for stage in Plan(10, warm=True).stages()} == {0.5, 0.75}


def test_everything_may_be_trained_in_one_stage(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for warm in (False, True):
        stages = Plan(10, warm=warm, recipe="one-stage").stages()
        assert sum(stage.share for stage in stages) == pytest.approx(1)
        assert stages[-1].name == "all"
        assert stages[-1].mixture.abilities is None
    monkeypatch.setattr(sphinx, "BATCH_LIMIT", 2)
    monkeypatch.setattr(sphinx, "CURVE_EVERY", 1)
    folder = started(tmp_path / "one", tokenizer)
    run(folder, "--recipe", "one-stage", "--steps", "2", "--stages", "all")
    assert len(losses(folder, "all")) == 2
    assert SphinxForConditionalGeneration.from_pretrained(folder / "checkpoint").num_parameters() > 1_000_000


def test_a_warm_run_goes_slower_and_slowest_through_the_encoders() -> None:
    for cold, warm in zip(Plan(10).stages()[-2:], Plan(10, warm=True).stages()[-2:], strict=True):
        assert warm.vision_rate / cold.vision_rate < warm.language_rate / cold.language_rate < 1


def test_a_nano_with_nine_crops_replaces_the_empty_ones_by_skip_tokens(
    tmp_path: Path, tokenizer: Path
) -> None:
    folder = started(tmp_path / "skipping", tokenizer)
    vocabulary = sphinx.new_config(folder).text_config.vocab_size
    config = nano_config(vocabulary, VIEW, crops_per_side=3, skip_tokens=2)
    model = SphinxForConditionalGeneration(config)
    processor = sphinx.new_processor(folder, config)
    lengths = {}
    for size in ((120, 30), (120, 120)):
        shown = Image.new("RGB", size, "red")
        batch = processor(text=processor.prompt([("What is it?", None)]), images=shown, return_tensors="pt")
        labels = batch["input_ids"].masked_fill(batch["input_ids"] == config.image_token_id, -100)
        model.zero_grad()
        model(**batch, labels=labels).loss.backward()
        gradient = model.model.skip_tokens.grad
        assert gradient is not None
        assert bool(gradient.any()) is (size == (120, 30))
        lengths[size] = int((batch["input_ids"] == config.image_token_id).sum())
    # of the nine crops of a picture four times as wide as high, six are empty
    assert lengths[120, 120] - lengths[120, 30] == 6 * (config.view_tokens(1) - (2 + 2))


def test_skipped_views_are_trained_as_the_model_reads_them(tmp_path: Path, tokenizer: Path) -> None:
    folder = started(tmp_path / "skipped", tokenizer)
    nano = sphinx.Nano(
        SphinxForConditionalGeneration(sphinx.new_config(folder, VIEW, crops_per_side=3, skip_tokens=2))
    )
    nano.eval()
    processor = sphinx.new_processor(folder, nano.model.config)
    mixture = DataMixture(2, single_view=0.0, drop_encoder=0.0, panoramas=1.0)
    batch = Batches(mixture, processor, base=0, grid=4)[0]
    assert (batch["skipped"].sum(1) == 6).all()
    loss, _ = nano(batch)
    loss.backward()
    assert nano.model.model.skip_tokens.grad.abs().sum() > 0  # type: ignore[union-attr]
    mean, std = nano.mean, nano.std
    pixels = (batch["pixels"].float() - mean) / std  # type: ignore[operator]
    with torch.no_grad():
        features = nano.model.get_image_features(pixels, skipped_views=batch["skipped"])
        expected = features.pooler_output
        assert expected is not None
        packed, _, _ = nano.language_loss(expected, batch["rows"])
        seen = ~batch["skipped"].flatten()
        views = {name: value[seen] for name, value in nano.views(batch["pixels"], 10).items()}
        core = nano.model.model
        filled, there = nano.fill_skipped(core.enclose(core.project(core.encode_views(views))), seen)
        tokens, there = (value.unflatten(0, (2, 10)).flatten(1, 2) for value in (filled, there))
        spread_out, _, _ = nano.language_loss(tokens, batch["rows"], there)
        every, _, _ = nano.language_loss(tokens, batch["rows"])
    assert torch.allclose(tokens[there].unflatten(0, (2, -1)), expected, atol=1e-5)
    assert spread_out.item() == pytest.approx(packed.item(), abs=1e-4)
    assert every.item() != pytest.approx(packed.item(), abs=1e-4)  # what fills a view up would be read


def test_the_trainer_makes_a_checkpoint_with_skip_tokens(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sphinx, "BATCH_LIMIT", 2)
    folder = started(tmp_path / "skipping", tokenizer)
    run(folder, "--crops", "3", "--skip-tokens", "2", "--steps", "2", "--stages", "encoders", "two-high")
    model = SphinxForConditionalGeneration.from_pretrained(folder / "checkpoint")
    assert (model.config.crops_per_side, model.config.skip_tokens) == (3, 2)
    assert SphinxProcessor.from_pretrained(folder / "checkpoint").skip_tokens == 2
    with pytest.raises(SystemExit):
        run(folder, "--skip-tokens", "2", "--steps", "1")
    assert "--skip-tokens needs --crops 3" in capsys.readouterr().err


def test_evaluation_answers_about_pictures_of_different_lengths(tmp_path: Path, tokenizer: Path) -> None:
    folder = started(tmp_path / "asking", tokenizer)
    model = SphinxForConditionalGeneration(
        sphinx.new_config(folder, VIEW, crops_per_side=3, skip_tokens=2)
    ).eval()
    processor = sphinx.new_processor(folder, model.config)
    pictures = [np.full((h, w, 3), 90, np.uint8) for w, h in ((120, 120), (120, 30))]
    asked = [EvalQuestion(QA("short", f"What is {n}?", "a", "kind"), n, "real") for n in (0, 1, 0)]
    answer(model, processor, EvalSet(pictures, asked))
    for e in asked:
        shown = Image.fromarray(pictures[e.picture])
        batch = processor(text=processor.prompt([(e.qa.question, None)]), images=shown, return_tensors="pt")
        start = batch["input_ids"].shape[1]
        made = model.generate(
            **batch,
            max_new_tokens=SHORT,
            do_sample=False,
            stopping_criteria=turn_end(processor.tokenizer, start),
        )
        said = str(processor.tokenizer.decode(made[0, start:], skip_special_tokens=True)).split(STOP)[0]
        assert e.reply == said.strip()


def test_a_blind_batch_shows_the_language_model_sub_images_only(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = started(tmp_path / "blind", tokenizer)
    nano = sphinx.Nano(SphinxForConditionalGeneration(sphinx.new_config(folder)))
    processor = sphinx.new_processor(folder, nano.model.config)
    shown: list[torch.Tensor] = []
    language_loss = nano.language_loss

    def look(image_tokens: torch.Tensor, *others: Any) -> object:
        shown.append(image_tokens)
        return language_loss(image_tokens, *others)

    monkeypatch.setattr(nano, "language_loss", look)
    for blind in (0.0, 1.0):
        batch = Batches(DataMixture(2, single_view=0.0, blind=blind), processor, base=0, grid=12)[0]
        nano(batch)
    seeing, blind = (tokens.unflatten(1, (5, -1))[:, :, 1:-1] for tokens in shown)
    assert not blind[:, 0].any()
    assert torch.equal(blind[:, 1:], seeing[:, 1:])
    assert seeing[:, 0].any()


def test_a_run_starts_from_another_runs_weights_with_its_heads(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sphinx, "BATCH_LIMIT", 2)
    first, second = started(tmp_path / "first", tokenizer), tmp_path / "second"
    run(first, "--steps", "1", "--stages", "encoders")
    weights = torch.load(first / "after-encoders.pt", weights_only=True)
    monkeypatch.setattr(sphinx.Optimizers, "step", lambda *_: 0.0)
    run(second, "--steps", "1", "--from", str(first / "after-encoders.pt"), "--stages", "two-high")
    after = torch.load(second / "after-two-high.pt", weights_only=True)
    moved = {name for name in weights if not torch.equal(weights[name], after[name])}
    assert not {name for name in moved if not name.startswith("distillation.")}


def test_one_view_of_each_square_is_what_all_views_hold(tmp_path: Path, tokenizer: Path) -> None:
    folder = started(tmp_path / "views", tokenizer)
    nano = sphinx.Nano(SphinxForConditionalGeneration(sphinx.new_config(folder, 128)))
    pixels = torch.randint(0, 255, (10, 3, 256, 256), dtype=torch.uint8)
    chosen = torch.arange(10) % 5
    every = nano.views(pixels, None)["vit"].unflatten(0, (10, 5))
    assert torch.equal(nano.chosen_views(pixels, chosen)["vit"], every[torch.arange(10), chosen])


def test_photographs_are_trained_on_beside_the_world_and_a_stopped_run_goes_on(
    tmp_path: Path, tokenizer: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sphinx, "BATCH_LIMIT", 2)
    folder = started(tmp_path / "photos", tokenizer)
    options = ("--steps", "2", "--stages", "encoders")
    monkeypatch.setattr(sphinx.signal, "signal", lambda _, stop: stop())
    run(folder, *options, "--photos", str(photos))
    assert not (folder / "after-encoders.pt").exists()
    monkeypatch.setattr(sphinx.signal, "signal", lambda *_: None)
    run(folder, "--resume")
    assert (folder / "after-encoders.pt").exists()
    larger = tmp_path / "larger"
    run(
        larger,
        "--steps",
        "1",
        "--stages",
        "two",
        "--from",
        str(folder / "after-encoders.pt"),
        "--view",
        "128",
    )
    assert (larger / "after-two.pt").exists()


def test_a_run_from_a_checkpoint_first_teaches_the_heads_to_read_its_encoders(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sphinx, "BATCH_LIMIT", 2)
    first, second = started(tmp_path / "first", tokenizer), tmp_path / "second"
    run(first, "--steps", "1", "--stages", "encoders")
    run(second, "--steps", "2", "--from", str(first / "checkpoint"), "--stages", "heads")
    before = torch.load(first / "after-encoders.pt", weights_only=True)
    after = torch.load(second / "after-heads.pt", weights_only=True)
    kept = {name for name in before if torch.equal(before[name].bfloat16(), after[name].bfloat16())}
    assert {name for name in before if name.startswith("model.")} <= kept
    assert "heads.cell.weight" not in kept
