"""theta = beta * A + (1 - beta) * B, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from model import SphinxForConditionalGeneration, SphinxProcessor
from model.conversion import ConversionError
from model.mix_weights import LANGUAGE, main, mix_checkpoints
from tests.model.tiny import tiny_config, tiny_model, tiny_processor


def save(folder: Path, seed: int, **kind: Any) -> Path:
    """A tiny checkpoint."""
    config = tiny_config(**kind)
    tiny_model(config, seed).save_pretrained(folder)
    tiny_processor(folder, config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("mix")
    return save(root / "a", 1), save(root / "b", 2)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for path in folder.glob("*.safetensors"):
        found |= load_file(path)
    return found


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("eyes", ["a", "b", "mix"])
def test_a_mixture_is_linear(two: tuple[Path, Path], beta: float, eyes: Any, tmp_path: Path) -> None:
    mix_checkpoints(*two, tmp_path, beta=beta, eyes=eyes, max_shard_size=20_000, quiet=True)
    a, b, found = tensors(two[0]), tensors(two[1]), tensors(tmp_path)
    assert set(found) == set(a)
    for name, value in found.items():
        share = beta if name.startswith(LANGUAGE) or eyes == "mix" else float(eyes == "a")
        assert torch.allclose(value, share * a[name] + (1 - share) * b[name], atol=1e-7), name
    model = SphinxForConditionalGeneration.from_pretrained(tmp_path).eval()
    processor = SphinxProcessor.from_pretrained(tmp_path)
    out = model.generate(**processor(text="Hello", return_tensors="pt"), max_new_tokens=2, do_sample=False)
    assert out.shape[0] == 1


def test_experts_are_mixed_too(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a", 1, experts=True), save(tmp_path / "b", 2, experts=True)
    assert main([str(a), str(b), "--beta", "0.5", "--output", str(tmp_path / "out")]) == 0
    name = "model.language_model.layers.1.block_sparse_moe.experts.3.w2.weight"
    mean = (tensors(a)[name] + tensors(b)[name]) / 2
    assert torch.allclose(tensors(tmp_path / "out")[name], mean, atol=1e-7)


def test_what_cannot_be_mixed(
    two: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    light = save(tmp_path / "light", 3, light=True)
    with pytest.raises(ConversionError, match=r"model\.clip\..* found only in"):
        mix_checkpoints(two[0], light, tmp_path / "out", beta=0.5)
    wide = save(tmp_path / "wide", 3, text={"intermediate_size": 32})
    with pytest.raises(ConversionError, match=r"expected shape \(\d+, \d+\) in both, found"):
        mix_checkpoints(two[0], wide, tmp_path / "out", beta=0.5)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConversionError, match="a folder of its own"):
        mix_checkpoints(*two, two[0], beta=0.5)
    assert main([str(two[0]), str(two[1]), "--beta", "1.5", "--output", str(tmp_path / "x")]) == 2
    assert "beta: expected 0 .. 1" in capsys.readouterr().err
    assert main([str(tmp_path), str(two[1]), "--beta", "0.5", "--output", str(tmp_path / "x")]) == 2
