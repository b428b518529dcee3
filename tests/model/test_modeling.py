# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false, reportArgumentType=false
"""What transformers' common tests ask of a model, and what is SPHINX's own: views, encoders, skip tokens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer, ConvNextConfig

from model import SphinxConfig, SphinxForConditionalGeneration, SphinxProcessor
from tests.model.tiny import nano_config, tiny_config, tiny_model, tiny_processor

LARGE = ConvNextConfig(  # sees the crops at twice the ViTs' size, as in the light variants
    hidden_sizes=[4, 8, 12], depths=[1, 1, 1], num_stages=3, layer_norm_eps=1e-5, layer_scale_init_value=0.5
)
KINDS: dict[str, dict[str, Any]] = {
    "llama": {},
    "light": {"light": True},
    "mixtral": {"experts": True},
    "one view": {"crops_per_side": 0},
    "pooled crops": {"pool_crops": True},
    "skip tokens": {"skip_tokens": 2, "crops_per_side": 3, "image_size": 96},
    "large ConvNeXt": {"image_size": 128, "convnext_size": 64, "convnext_config": LARGE},
}
QUESTION = "Where is the red ball?"


def build(kind: str, folder: Path) -> tuple[SphinxForConditionalGeneration, SphinxProcessor, Any]:
    """A model, its processor and a batch: a picture with a question, and another of another length."""
    config = tiny_config(**KINDS[kind])
    model, processor = tiny_model(config), tiny_processor(folder, config)
    prompts = [processor.prompt([(QUESTION, None)]), "A cat."]
    batch = processor(text=prompts, images=[picture(90, 40), picture(20, 70)], return_tensors="pt")
    return model, processor, batch


def picture(w: int, h: int, seed: int = 0) -> Image.Image:
    """Noise."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (h, w, 3), dtype=np.uint8))


@pytest.fixture(params=KINDS)
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return build(request.param, tmp_path)


@pytest.fixture
def llama(tmp_path: Path) -> Any:
    return build("llama", tmp_path)


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-4) -> None:
    assert (a - b).abs().max().item() < tolerance


@torch.no_grad()
def test_saved_and_loaded_it_is_the_same(built: Any, tmp_path: Path) -> None:
    model, processor, batch = built
    model.save_pretrained(tmp_path / "saved")
    processor.save_pretrained(tmp_path / "saved")
    loaded: Any = SphinxForConditionalGeneration.from_pretrained(tmp_path / "saved", output_loading_info=True)
    again, info = loaded
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert torch.equal(model(**batch).logits, again.eval()(**batch).logits)
    again.save_pretrained(tmp_path / "again")
    SphinxForConditionalGeneration.from_pretrained(tmp_path / "again").save_pretrained(tmp_path / "third")
    files = [(tmp_path / name / "config.json").read_text() for name in ("again", "third")]
    assert files[0] == files[1]
    prompts = [processor.prompt([(QUESTION, None)]), "A cat."]
    reread = SphinxProcessor.from_pretrained(tmp_path / "saved")
    remade = reread(text=prompts, images=[picture(90, 40), picture(20, 70)], return_tensors="pt")
    assert all(torch.equal(batch[name], remade[name]) for name in batch)


@torch.no_grad()
def test_padding_on_the_left_changes_nothing(built: Any) -> None:
    model, processor, batch = built
    short = processor(text=["A cat."], images=[picture(20, 70)], return_tensors="pt")
    alone = model(**short).logits[0]
    close(model(**batch).logits[1, -len(alone) :], alone)


@torch.no_grad()
def test_with_a_cache_and_without(built: Any) -> None:
    model, _, batch = built
    ids = batch["input_ids"]
    cut = ids.shape[1] - 3
    mask = batch["attention_mask"]
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    whole = model(**batch).logits
    rest = {name: value for name, value in batch.items() if name not in ("input_ids", "attention_mask")}
    first = model(input_ids=ids[:, :cut], attention_mask=mask[:, :cut], use_cache=True, **rest)
    second = model(
        input_ids=ids[:, cut:],
        attention_mask=mask,
        position_ids=positions[:, cut:],
        past_key_values=first.past_key_values,
    )
    close(torch.cat((first.logits[:, -1:], second.logits), dim=1), whole[:, cut - 1 :])
    with_cache = model.generate(**batch, max_new_tokens=4, do_sample=False)
    without = model.generate(**batch, max_new_tokens=4, do_sample=False, use_cache=False)
    assert torch.equal(with_cache, without)


@torch.no_grad()
def test_embeddings_instead_of_ids(llama: Any) -> None:
    model, _, batch = llama
    embeds = model.get_input_embeddings()(batch["input_ids"])
    rest = {name: value for name, value in batch.items() if name != "input_ids"}
    close(model(inputs_embeds=embeds, **rest).logits, model(**batch).logits, 1e-6)
    ids = torch.tensor([[1, 40, 41, 42, 43]])
    embeds = model.get_input_embeddings()(ids)
    text = {"attention_mask": torch.ones_like(ids), "max_new_tokens": 3, "do_sample": False}
    by_ids = model.generate(input_ids=ids, **text)[:, ids.shape[1] :]
    assert torch.equal(model.generate(inputs_embeds=embeds, **text), by_ids)


@torch.no_grad()
def test_sdpa_is_eager(built: Any) -> None:
    model, _, batch = built
    model.set_attn_implementation("sdpa")
    attended = batch["attention_mask"][..., None]  # what stands in the padding is nobody's
    fast = model(**batch).logits * attended
    model.set_attn_implementation("eager")
    close(model(**batch).logits * attended, fast)
    assert model(**batch, output_attentions=True).attentions is not None
    assert len(model(**batch, output_hidden_states=True).hidden_states) == 3


def test_attention_is_chosen_when_loading(llama: Any, tmp_path: Path) -> None:
    llama[0].save_pretrained(tmp_path)
    for kind in ("eager", "sdpa"):
        model = SphinxForConditionalGeneration.from_pretrained(tmp_path, attn_implementation=kind)
        assert model.config.text_config._attn_implementation == kind
        assert model.config.clip_config._attn_implementation == kind


def test_a_mask_and_positions_of_ones_own(llama: Any) -> None:
    # What training does: packed embeddings, an additive mask (1, 1, T, T) and explicit positions.
    model, _, _ = llama
    embeds = torch.randn(1, 8, 16, generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]])
    block = torch.block_diag(torch.ones(4, 4), torch.ones(4, 4)).tril()
    mask = torch.zeros(1, 1, 8, 8).masked_fill(block == 0, torch.finfo(torch.float32).min)
    with torch.no_grad():
        packed = model(inputs_embeds=embeds, attention_mask=mask, position_ids=positions).logits
        apart = [model(inputs_embeds=part).logits for part in embeds.split(4, dim=1)]
    close(packed, torch.cat(apart, dim=1))


def test_a_step_of_training_lowers_the_loss(built: Any) -> None:
    model, processor, batch = built
    model.train()
    labels = batch["input_ids"].clone()
    labels[(batch["attention_mask"] == 0) | (labels == processor.image_token_id)] = -100
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(3):
        loss = model(**batch, labels=labels).loss
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < losses[0]
    idle = {n for n, p in model.named_parameters() if p.grad is None}
    assert not {n for n in idle if "skip" not in n}, idle


def test_gradient_checkpointing_changes_nothing(llama: Any) -> None:
    model, _, batch = llama
    labels = batch["input_ids"]
    model.train()
    model(**batch, labels=labels).loss.backward()
    plain = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model(**batch, labels=labels).loss.backward()
    assert all(torch.allclose(plain[name], p.grad, atol=1e-5) for name, p in model.named_parameters())


def test_the_vocabulary_can_grow_and_shrink(llama: Any) -> None:
    model, _, batch = llama
    with torch.no_grad():
        before = model(**batch).logits
        model.resize_token_embeddings(340)
        assert model.config.text_config.vocab_size == 340
        close(model(**batch).logits[..., :330], before, 1e-6)
        model.resize_token_embeddings(330)
        close(model(**batch).logits, before, 1e-6)


@torch.no_grad()
def test_beams_and_several_replies(built: Any) -> None:
    model, _, batch = built
    beams = model.generate(**batch, max_new_tokens=4, num_beams=3, num_return_sequences=2, do_sample=False)
    assert beams.shape[0] == 4
    drawn = model.generate(**batch, max_new_tokens=4, do_sample=True, num_return_sequences=2)
    assert drawn.shape[0] == 4


@torch.no_grad()
def test_it_compiles(llama: Any) -> None:
    model, _, batch = llama
    expected = model(**batch).logits
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    close(compiled(**batch).logits, expected)
    static = model.generate(**batch, max_new_tokens=3, do_sample=False, cache_implementation="static")
    assert torch.equal(static, model.generate(**batch, max_new_tokens=3, do_sample=False))


# SPHINX's own


@torch.no_grad()
@pytest.mark.parametrize("kind", ["llama", "light", "one view", "pooled crops", "large ConvNeXt"])
@pytest.mark.parametrize(("views", "encoders"), [(1, None), (None, ["dinov2"]), (1, ["convnext", "dinov2"])])
def test_fewer_views_and_encoders(
    kind: str, views: int | None, encoders: list[str] | None, tmp_path: Path
) -> None:
    model, processor, _ = build(kind, tmp_path)
    batch = processor(
        text="Hello", images=picture(50, 50), views=views, encoders=encoders, return_tensors="pt"
    )
    tokens = model.get_image_features(batch["pixel_values"], views=views, encoders=encoders).pooler_output
    assert tokens.shape == (1, model.config.image_tokens(views, encoders), 16)
    expected = model(**batch).logits
    again = {name: batch[name] for name in ("input_ids", "attention_mask")} | {"image_features": tokens}
    assert torch.equal(model(**again).logits, expected)  # a picture is encoded once a conversation
    assert torch.equal(
        model.generate(**again, max_new_tokens=3, do_sample=False),
        model.generate(**batch, max_new_tokens=3, do_sample=False),
    )


@torch.no_grad()
def test_a_left_out_encoder_counts_as_zeros(llama: Any) -> None:
    model, _, batch = llama
    core = model.model
    features = core.encode_views(core.split_views(batch["pixel_values"]))
    zeroed = {name: value * (name != "clip") for name, value in features.items()}
    without = {name: value for name, value in features.items() if name != "clip"}
    assert torch.equal(core.project(zeroed), core.project(without))
    with pytest.raises(ValueError, match="encoders must be some of"):
        core.encode_views(core.split_views(batch["pixel_values"]), ["sam"])


@torch.no_grad()
def test_a_fully_padded_crop_takes_its_skip_tokens(tmp_path: Path) -> None:
    model, processor, _ = build("skip tokens", tmp_path)
    config = model.config
    view = config.view_tokens(0)
    long = processor(text="Hello", images=picture(96, 20), return_tensors="pt")
    assert long["skipped_views"].tolist() == [[False] + [True] * 3 + [False] * 3 + [True] * 3]
    tokens = model.get_image_features(long["pixel_values"], skipped_views=long["skipped_views"]).pooler_output
    assert tokens.shape[1] == 4 * view + 6 * (2 + 2)
    assert torch.equal(tokens[0, view + 1 : view + 3], model.model.skip_tokens[0])
    other = processor(text="Hello", images=picture(96, 20, seed=1), return_tensors="pt")
    block = slice(view, view + 4)
    again = model.get_image_features(
        other["pixel_values"], skipped_views=other["skipped_views"]
    ).pooler_output
    assert torch.equal(tokens[0, block], again[0, block])
    both = processor(text=["Hello", "Hello"], images=[picture(96, 20), picture(96, 96)], return_tensors="pt")
    close(model(**both).logits[0, -5:], model(**long).logits[0, -5:])


@torch.no_grad()
def test_rows_with_and_without_pictures(llama: Any) -> None:
    model, processor, _ = llama
    prompts = ["A cat.", processor.prompt([(QUESTION, None)]), "Hello there"]
    mixed = processor(text=prompts, images=[None, picture(30, 60), None], return_tensors="pt")
    logits = model(**mixed).logits
    for i, (prompt, image) in enumerate(zip(prompts, [None, picture(30, 60), None], strict=True)):
        alone = processor(text=prompt, images=image, return_tensors="pt")
        single = model(**alone).logits[0]
        close(logits[i, -len(single) :], single)
    with pytest.raises(ValueError, match="placeholders"):
        model(input_ids=torch.tensor([[1, 5, 6]]), pixel_values=mixed["pixel_values"])


def test_the_geometry_of_the_embedded_checkpoint() -> None:
    config = nano_config()
    assert config.image_tokens() == 5 * (8 + 65 + 2)
    model = tiny_model(config).model
    with torch.no_grad():
        split = model.split_views(torch.randn(2, 3, 256, 256))
        assert split["vit"].shape == (10, 3, 128, 128)
        features = model.encode_views(split)
        assert features["convnext"].shape == (10, 32, 8, 8)
        assert model.project(features).shape == (10, 73, 64)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"crops_per_side": 4}, "crops_per_side"),
        ({"qformer_vision_config": None}, "together"),
        ({"convnext_size": 24}, "must divide"),
        ({"skip_tokens": -1}, "skip_tokens must be 0 or more, .* got -1"),
        ({"skip_tokens": 2, "pool_crops": True}, "0 with pool_crops, got 2"),
        ({"view_size": 24, "pool_crops": True, "convnext_config": None}, "even patch grid"),
    ],
)
def test_impossible_geometry_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        tiny_config(**changes)


def test_a_tensor_parallel_plan_covers_the_language_model_and_its_head(llama: Any) -> None:
    plan = llama[0].tp_plan
    assert plan["lm_head"] == "colwise_gather_output"
    assert "model.language_model.layers.*.self_attn.q_proj" in plan


def test_without_any_encoder_it_is_a_language_model(tmp_path: Path) -> None:
    config = tiny_config(light=True, convnext_config=None, dinov2_config=None)
    model, processor = tiny_model(config), tiny_processor(tmp_path, config)
    assert config.image_tokens() == 0
    out = model.generate(**processor(text="Hello", return_tensors="pt"), max_new_tokens=2, do_sample=False)
    assert out.shape[0] == 1
    with pytest.raises(ValueError, match="no encoder"):
        model.get_image_features(torch.zeros(1, 3, 64, 64))


def test_the_auto_classes_know_it(llama: Any, tmp_path: Path) -> None:
    model, processor, _ = llama
    model.save_pretrained(tmp_path / "saved")
    processor.save_pretrained(tmp_path / "saved")
    assert isinstance(AutoConfig.from_pretrained(tmp_path / "saved"), SphinxConfig)
    assert isinstance(AutoProcessor.from_pretrained(tmp_path / "saved"), SphinxProcessor)
    assert type(AutoTokenizer.from_pretrained(tmp_path / "saved")) is type(processor.tokenizer)
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path / "saved")
    assert isinstance(loaded, SphinxForConditionalGeneration)


REMOTE = """
import sys
from transformers import AutoModelForImageTextToText, AutoProcessor
assert "model" not in sys.modules
folder = sys.argv[1]
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForImageTextToText.from_pretrained(folder, trust_remote_code=True).eval()
inputs = processor(text=[processor.prompt([("Where is the red ball?", None)])], return_tensors="pt")
print(type(model).__module__, model.generate(**inputs, max_new_tokens=4, do_sample=False)[0].tolist())
"""


def test_it_travels_with_its_code(llama: Any, tmp_path: Path) -> None:
    from model import save_with_code

    model, processor, _ = llama
    save_with_code(model, processor, tmp_path / "saved")
    command = [sys.executable, "-c", REMOTE, str(tmp_path / "saved")]
    environment = {"HF_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    module, ids = done.stdout.strip().split("\n")[-1].split(" ", 1)
    assert module.startswith("transformers_modules.")
    inputs = processor(text=[processor.prompt([(QUESTION, None)])], return_tensors="pt")
    assert ids == str(model.generate(**inputs, max_new_tokens=4, do_sample=False)[0].tolist())
