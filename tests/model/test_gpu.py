"""What only a GPU can show: `pytest -m gpu`. Random weights; full shapes where speed is measured."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig

from model import SphinxForConditionalGeneration
from model.checkpoints import TOWERS, load
from tests.model.tiny import tiny_config, tiny_model, tiny_processor

pytestmark = pytest.mark.gpu
SIZES = {"hidden_size": 64, "intermediate_size": 128, "vocab_size": 384, "num_key_value_heads": 4}


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    config = tiny_config(text=SIZES)
    model = tiny_model(config)
    model.save_pretrained(tmp_path)
    processor = tiny_processor(tmp_path, config)
    from tests.model.goldens import picture

    return tmp_path, model, processor(text="Where is it?", images=picture(), return_tensors="pt")


@torch.no_grad()
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.3)])
def test_a_gpu_computes_what_the_cpu_does(saved: Any, dtype: str, tolerance: float) -> None:
    folder, model, batch = saved
    there = load(folder, dtype=dtype, device="cuda")
    logits = there(**batch.to("cuda")).logits.float().cpu()
    assert (logits - model(**batch.to("cpu")).logits).abs().max() < tolerance


@torch.no_grad()
def test_sdpa_is_eager_on_a_gpu(saved: Any) -> None:
    folder, _, batch = saved
    batch = batch.to("cuda")
    logits = []
    for kind in ("sdpa", "eager"):
        model: Any = SphinxForConditionalGeneration.from_pretrained(
            folder, attn_implementation=kind, device_map="cuda"
        )
        model.eval()
        logits.append(model(**batch).logits)
    assert (logits[0] - logits[1]).abs().max() < 1e-3


@torch.no_grad()
def test_a_device_map_splits_between_layers(saved: Any) -> None:
    folder, model, batch = saved
    spread: Any = SphinxForConditionalGeneration.from_pretrained(
        folder, device_map="auto", max_memory={0: "200KB", "cpu": "1GB"}
    )
    spread.eval()
    assert len(set(spread.hf_device_map.values())) > 1
    logits = spread(**batch.to("cuda")).logits.cpu()
    assert (logits - model(**batch.to("cpu")).logits).abs().max() < 1e-3


@torch.no_grad()
@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_quantised_on_a_gpu(saved: Any, kind: str) -> None:
    folder, _, batch = saved
    model = load(folder, dtype=kind, device="cuda:0")
    plain = {n for n, m in model.named_modules() if type(m) is torch.nn.Linear}
    assert all(name.startswith(TOWERS) for name in plain)
    out = model.generate(**batch.to("cuda"), max_new_tokens=4, do_sample=False)
    assert out.shape[1] > batch["input_ids"].shape[1]


@torch.no_grad()
def test_speed_at_full_shape(record_property: Any) -> None:
    # The 13B language model at its own shape, random weights, 1455 picture tokens in the prompt.
    text = LlamaConfig(
        vocab_size=32000, hidden_size=5120, intermediate_size=13824, num_hidden_layers=40,
        num_attention_heads=40, num_key_value_heads=40, max_position_embeddings=4096,
    )  # fmt: skip
    config = tiny_config(light=True)
    config.text_config = text
    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        try:
            model: Any = SphinxForConditionalGeneration(config).eval()
        finally:
            torch.set_default_dtype(torch.float32)
    ids = torch.randint(3, 32000, (1, 1600), device="cuda")
    new = 64
    model.generate(ids, max_new_tokens=4, min_new_tokens=4, do_sample=False)
    torch.cuda.synchronize()
    start = time.perf_counter()
    model.generate(ids, max_new_tokens=new, min_new_tokens=new, do_sample=False)
    torch.cuda.synchronize()
    speed = new / (time.perf_counter() - start)
    record_property("tokens_per_second", speed)
    record_property("peak_gb", torch.cuda.max_memory_allocated() / 1e9)
    print(f"{speed:.1f} tokens/s, {torch.cuda.max_memory_allocated() / 1e9:.1f} GB at the peak")
    assert speed > 5
