"""The three models must fit together, and what would fit is named, before anything is fetched."""

import importlib.util

import pytest

from model import checkpoints
from pipelines import catalog
from pipelines.errors import MissingCapability
from pipelines.room import bytes_of, require_room
from pipelines.settings import Settings

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


def test_a_checkpoint_in_a_folder_counts_as_its_files(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model-1.safetensors").write_bytes(b"0" * 600)
    (tmp_path / "model-2.safetensors").write_bytes(b"0" * 400)
    (tmp_path / "tokenizer.model").write_bytes(b"0" * 77)
    counted = bytes_of(Settings(str(tmp_path)), "cpu", "bfloat16")
    assert counted[tmp_path.name] == 1000
    assert bytes_of(Settings(str(tmp_path)), "cpu", "float32")[tmp_path.name] == 2000


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
        monkeypatch.setattr(catalog, verb, lambda *given: pytest.fail("it was loaded"))
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
