"""The three models must fit together, and what would fit is named, before anything is fetched."""

import importlib.util
import json

import pytest
import torch
from safetensors.torch import save_file

from model import checkpoints
from pipelines import catalog
from pipelines.errors import MissingCapability
from pipelines.room import bytes_of, require_room
from pipelines.settings import Settings
from tests.model.tiny import tiny_config, tiny_model

LARGE = Settings("sphinx-v2-1k", "sam-vit-h", "stable-diffusion-v1-5")
GIB = 1 << 30


@pytest.fixture
def memory(monkeypatch):
    """Say how much memory every device has."""

    def has(count: int | None) -> None:
        monkeypatch.setattr(checkpoints, "free_memory", lambda device: count)

    return has


def require(settings: Settings, device: str = "cuda", dtype: str = "bfloat16") -> None:
    require_room(settings, device, dtype)


def test_the_three_are_added_up():
    parts = bytes_of(LARGE, "cuda", "nf4")
    assert list(parts) == ["sphinx-v2-1k", "sam-vit-h", "stable-diffusion-v1-5"]
    assert parts["sphinx-v2-1k"] == checkpoints.find("sphinx-v2-1k").memory_bytes("nf4")
    assert all(count > 3e9 for count in parts.values())
    on_a_cpu = bytes_of(LARGE, "cpu", "bfloat16")
    assert on_a_cpu["stable-diffusion-v1-5"] == 2 * parts["stable-diffusion-v1-5"]
    assert sum(bytes_of(Settings(), "cuda", "bfloat16").values()) == 0


def test_a_checkpoint_in_a_folder_counts_as_its_parameters(tmp_path):
    model = tiny_model(tiny_config())
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    save_file({"mean": torch.zeros(10**6)}, tmp_path / "familiarity.safetensors")  # beside the weights
    language = [*model.model.language_model.named_parameters(), ("lm_head", model.lm_head.weight)]
    linear = sum(p.numel() for name, p in language if p.ndim == 2 and "embed" not in name)
    others = sum(p.numel() for p in model.parameters()) - linear
    cache = 2 * 2 * 2 * 4  # keys and values of two layers, two heads of four channels
    for dtype, small, large in (("bfloat16", 2, 2), ("float32", 4, 4), ("nf4", 0.516, 2)):
        found = bytes_of(Settings(str(tmp_path)), "cpu", dtype)[tmp_path.name]
        assert found == pytest.approx(1.05 * (linear * small + others * large) + cache * 4096 * large, abs=1)
    next(tmp_path.glob("model-*")).write_bytes(b"damaged")
    assert bytes_of(Settings(str(tmp_path)), "cpu", "nf4")[tmp_path.name] == 0


def test_a_folder_needs_what_the_same_checkpoint_by_name_needs(tmp_path):
    text = {"num_hidden_layers": 40, "num_attention_heads": 40, "hidden_size": 5120}
    (tmp_path / "config.json").write_text(json.dumps({"text_config": text}))
    save_file({"lm_head.weight": torch.zeros(2, 3)}, tmp_path / "model.safetensors")
    cache = checkpoints.find("sphinx-v2-1k").cache_numbers
    expected = checkpoints.running_bytes(6, 0, cache, "nf4")
    assert bytes_of(Settings(str(tmp_path)), "cuda", "nf4")[tmp_path.name] == expected


def test_a_gpu_of_24_gb_holds_four_bits_beside_a_small_segmenter(memory):
    memory(24 * GIB)
    require(Settings("sphinx-v2-1k", "sam-vit-b", "stable-diffusion-v1-5"), dtype="nf4")
    with pytest.raises(MissingCapability) as refusal:
        require(LARGE, dtype="nf4")
    said = str(refusal.value)
    assert "28." in said
    assert "sphinx-v2-1k 17.8 GB, sam-vit-h 7.5 GB, stable-diffusion-v1-5 3.6 GB" in said
    assert "cuda has 25.8 GB" in said
    assert "--segmenter sam-vit-b" in said


def test_the_way_out_that_changes_least_comes_first(memory):
    memory(40 * GIB)
    with pytest.raises(MissingCapability, match=r"What would fit: --dtype int8, or --dtype nf4, or .*sam"):
        require(LARGE)


@pytest.mark.parametrize("gigabytes", [2, 5, 12, 16, 24, 32, 48])
def test_whatever_is_offered_fits(memory, gigabytes):
    memory(gigabytes * 10**9)
    with pytest.raises(MissingCapability) as refusal:
        require(LARGE)
    offers = str(refusal.value).rpartition("What would fit: ")[2].rstrip(".").split(", or ")
    assert offers
    for offer in offers:
        given = dict(zip(offer.split()[::2], offer.split()[1::2]))
        chosen = Settings(
            given.get("--model", LARGE.model),
            given.get("--segmenter", LARGE.segmenter),
            given.get("--inpainter", LARGE.inpainter),
        )
        require(chosen, dtype=given.get("--dtype", "bfloat16"))


def test_nothing_is_loaded_where_the_three_do_not_fit(memory, monkeypatch):
    memory(10 * GIB)
    for verb in ("load_vlm", "load_segmenter", "load_inpainter"):
        monkeypatch.setattr(catalog, verb, lambda *_, **_more: pytest.fail("it was loaded"))
    with pytest.raises(MissingCapability, match="of memory are needed"):
        catalog.load(Settings("sphinx-nano", "sam-vit-h", "stable-diffusion-v1-5", device="cpu"))
    memory(None)  # not known: nothing is refused
    with pytest.raises(pytest.fail.Exception):
        catalog.load(Settings(device="cpu"))


def test_missing_bitsandbytes_is_said_first(memory, monkeypatch):
    memory(GIB)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingCapability, match="nf4 needs bitsandbytes: pip install bitsandbytes"):
        require(LARGE, dtype="nf4")
