"""The converter: what it reads, what it refuses and how it says so, and that it goes on where it stopped."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model import SphinxForConditionalGeneration, SphinxProcessor
from model.conversion import (
    KEYS,
    ConversionError,
    convert,
    is_dropped,
    origin,
    require_disk,
    stored_shape,
)
from model.convert_sphinx_to_hf import main
from model.generation_sphinx import stop_sequences
from tests.model.original import ARCHITECTURE, original_state, write_original

State = dict[str, torch.Tensor]
WQ = "llma.layers.0.attention.wq.weight"


@pytest.fixture(scope="module")
def state() -> State:
    return original_state()


@pytest.fixture(scope="module")
def converted(state: State, tmp_path_factory: pytest.TempPathFactory) -> State:
    """What comes of the undamaged state."""
    folder = tmp_path_factory.mktemp("whole")
    convert([write_original(folder / "in", state)], folder / "out", architecture=ARCHITECTURE, quiet=True)
    return load_file(folder / "out" / "model.safetensors")


def same(folder: Path, expected: State) -> None:
    found: State = {}
    for path in folder.glob("*.safetensors"):
        found |= load_file(path)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_every_name_of_the_table_has_one_origin() -> None:
    for old, new in KEYS.items():
        for name, how in new or ():
            filled = name.replace("{}", "3").replace("*", "weight")
            found = origin(filled, fused=how.startswith("fused"))
            assert found.how == how
            assert found.key == old.replace("{}", "3", old.count("{}")).replace("*", "weight")
            assert not is_dropped(found.key)


@pytest.mark.parametrize(
    ("shape", "how", "expected"),
    [
        ((4, 3), "same", (4, 3)),
        ((4, 3), "rotary_q", (4, 3)),
        ((4, 3), "2/3", (12, 3)),
        ((4,), "1/2", (8,)),
        ((4, 3), "expert", (32, 3)),
        ((3, 4), "expert_transposed", (32, 3)),
    ],
)
def test_what_a_stored_tensor_must_look_like(
    shape: tuple[int, ...], how: str, expected: tuple[int, ...]
) -> None:
    assert stored_shape(shape, how, 8) == expected


@pytest.mark.parametrize("llama_type", ["llama_ens5_light", "mixtral_sparse_ens5"])
def test_other_families_load_strictly(llama_type: str, tmp_path: Path) -> None:
    state = original_state(llama_type)
    folder = write_original(tmp_path / "in", state, llama_type)
    config = convert([folder], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)
    loaded: Any = SphinxForConditionalGeneration.from_pretrained(tmp_path / "out", output_loading_info=True)
    model, info = loaded
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    if config.text_config.model_type == "mixtral":
        block: Any = model.model.language_model.layers[1].mlp
        w1, w2, w3 = (state[f"llma.layers.1.feed_forward.w{n}"] for n in "123")
        assert torch.equal(block.experts.gate_up_proj[2], torch.cat((w1[48:72], w3[48:72])))
        assert torch.equal(block.experts.down_proj[2], w2[48:72].T)
    processor = SphinxProcessor.from_pretrained(tmp_path / "out")
    assert processor.image_tokens() == config.image_tokens()
    generation: Any = model.generation_config
    assert generation.pad_token_id == processor.tokenizer.pad_token_id != processor.image_token_id
    assert generation.stop_sequences == stop_sequences(processor.tokenizer)


def test_metas_own_names(state: State, converted: State, tmp_path: Path) -> None:
    bare = {key.removeprefix("llma."): value for key, value in state.items()} | {"rope.freqs": torch.zeros(2)}
    folder = write_original(tmp_path / "in", bare, name="consolidated.00.pth")
    convert([folder], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)
    same(tmp_path / "out", converted)


def test_a_bare_dictionary_and_separate_biases(state: State, converted: State, tmp_path: Path) -> None:
    older = dict(state)
    stem = "llma.qformer.vision_model.encoder.layers.0.self_attn."
    q, k, v = older.pop(f"{stem}qkv.bias").chunk(3)
    older |= {f"{stem}q_bias": q.clone(), f"{stem}v_bias": v.clone()}
    folder = write_original(tmp_path / "in", older)
    torch.save(older, folder / "consolidated.00-of-01.model.pth")
    convert([folder], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)
    name = "model.qformer_vision.encoder.layers.0.self_attn.qkv.bias"
    expected = torch.cat((q, torch.zeros_like(k), v))
    same(tmp_path / "out", converted | {name: expected})


def test_a_delta_is_added_to_its_base(state: State, converted: State, tmp_path: Path) -> None:
    base = write_original(tmp_path / "base", state)
    delta = {
        WQ: torch.ones_like(state[WQ]),
        "llma.norm.weight": torch.full_like(state["llma.norm.weight"], 2.0),
    }
    over = write_original(tmp_path / "delta", delta, name="consolidated.00-of-01.model-diff.pth")
    convert([base, over], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)
    q, norm = "model.language_model.layers.0.self_attn.q_proj.weight", "model.language_model.norm.weight"
    same(tmp_path / "out", converted | {q: converted[q] + 1, norm: converted[norm] + 2})
    with pytest.raises(ConversionError, match="found a delta"):
        convert([over], tmp_path / "none", architecture=ARCHITECTURE, quiet=True)


def test_a_later_folder_overrides(state: State, converted: State, tmp_path: Path) -> None:
    base = write_original(tmp_path / "base", state)
    over = write_original(tmp_path / "over", {"llma.norm.weight": torch.zeros(16)})
    convert([base, over], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)
    same(tmp_path / "out", converted | {"model.language_model.norm.weight": torch.zeros(16)})


def test_many_files_and_another_dtype(state: State, converted: State, tmp_path: Path) -> None:
    folder = write_original(tmp_path / "in", state)
    out = tmp_path / "out"
    convert([folder], out, architecture=ARCHITECTURE, dtype=torch.bfloat16, max_shard_size=20_000, quiet=True)
    assert len(list(out.glob("model-*.safetensors"))) > 3
    same(out, {name: value.to(torch.bfloat16) for name, value in converted.items()})
    assert SphinxForConditionalGeneration.from_pretrained(out).dtype == torch.bfloat16


def test_it_goes_on_where_it_stopped(state: State, converted: State, tmp_path: Path) -> None:
    folder, out = write_original(tmp_path / "in", state), tmp_path / "out"
    options: dict[str, Any] = {"architecture": ARCHITECTURE, "max_shard_size": 20_000, "quiet": True}
    convert([folder], out, **options)
    first, last = sorted(out.glob("model-*.safetensors"))[:2]
    kept = first.stat().st_mtime_ns
    last.rename(last.with_name(last.name + ".part"))  # as if it had been killed here
    convert([folder], out, **options)
    assert first.stat().st_mtime_ns == kept
    same(out, converted)
    options["dtype"] = torch.float16
    convert([folder], out, **options)  # another wish: all of it again
    assert not first.exists()  # half the bytes, other files
    same(out, {name: value.half() for name, value in converted.items()})


def internlm2(state: State) -> tuple[State, State]:
    """Return an InternLM2's language model under its own names, and the separate tensors it was made of.

    InternLM2 stores, for each of its 2 key-value heads, 2 heads of queries, one of keys and one of values, 4
    channels each; its rotary halves are transformers' own, so nothing is permuted.
    """
    own: State = {
        "model.tok_embeddings.weight": state["llma.tok_embeddings.weight"],
        "model.norm.weight": state["llma.norm.weight"],
        "output.weight": state["llma.output.weight"],
    }
    apart: State = {}
    for layer in range(2):
        root = f"llma.layers.{layer}."
        q, k, v = (state[f"{root}attention.w{part}.weight"] for part in "qkv")
        rows = [
            torch.cat((q[8 * h : 8 * h + 8], k[4 * h : 4 * h + 4], v[4 * h : 4 * h + 4])) for h in range(2)
        ]
        own[f"model.layers.{layer}.attention.wqkv.weight"] = torch.cat(rows)
        apart |= {f"{layer}.{part}": value for part, value in zip("qkv", (q, k, v), strict=True)}
        for key in [key for key in state if key.startswith(root) and not re.search(r"\.w[qkv]\.", key)]:
            own[f"model.{key.removeprefix('llma.')}"] = state[key]
    return own, apart


def check_dynamic_rope(folder: Path) -> None:
    """Compare with InternLM2's own rotations: beyond the trained 64 positions the base grows."""
    model: Any = SphinxForConditionalGeneration.from_pretrained(folder)
    rotary = model.model.language_model.rotary_emb
    for length in (40, 100, 200):
        positions = torch.arange(length)[None]
        cos, _ = rotary(torch.zeros(1, length, 16), positions)
        base = 1e6
        if length > 64:
            base *= ((2.0 * length / 64) - (2.0 - 1)) ** (4 / (4 - 2))
        angles = positions[0, :, None] / base ** (torch.arange(0, 4, 2) / 4)
        assert torch.allclose(cos[0], torch.cat((angles, angles), dim=-1).cos(), atol=1e-5)


@pytest.mark.parametrize("layout", ["its own", "shards"])
def test_an_internlm2_is_a_backbone(layout: str, state: State, converted: State, tmp_path: Path) -> None:
    own, apart = internlm2(state)
    towers = {
        k: v for k, v in state.items() if not k.startswith(("llma.layers.", "llma.tok_", "llma.output"))
    }
    options: dict[str, Any] = {"architecture": ARCHITECTURE, "quiet": True}
    if layout == "its own":
        below = write_original(
            tmp_path / "towers", towers | {"llma.layers.0.attention.wq.weight": torch.ones(1)}
        )
        folder = tmp_path / "internlm2"
        folder.mkdir()
        save_file({name: value.contiguous() for name, value in own.items()}, folder / "model.safetensors")
        rope = {"type": "dynamic", "factor": 2.0}
        arguments = {
            "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "rms_norm_eps": 1e-5, "rope_theta": 1e6, "rope_scaling": rope, "max_position_embeddings": 64,
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps(arguments))
        config = convert([below, folder], tmp_path / "out", **options)
        parameters = config.text_config.rope_parameters
        assert (parameters["rope_type"], parameters["factor"]) == ("dynamic", 2.0)
        assert (parameters["rope_theta"], config.text_config.max_position_embeddings) == (1e6, 64)
        check_dynamic_rope(tmp_path / "out")
    else:
        shards = towers | {f"llma.{name.removeprefix('model.')}": value for name, value in own.items()}
        convert([write_original(tmp_path / "in", shards)], tmp_path / "out", **options)
    expected = dict(converted)
    for layer in range(2):
        for part in "qkv":
            name = f"model.language_model.layers.{layer}.self_attn.{part}_proj.weight"
            expected[name] = apart[f"{layer}.{part}"]
    same(tmp_path / "out", expected)
    model = SphinxForConditionalGeneration.from_pretrained(tmp_path / "out").eval()
    with torch.no_grad():
        assert model(torch.tensor([[1, 5, 6]])).logits.isfinite().all()


def test_skip_tokens_are_made(state: State, tmp_path: Path) -> None:
    folder = write_original(tmp_path / "in", state, "llama_ens10")
    config = convert([folder], tmp_path / "out", architecture=ARCHITECTURE, skip_tokens=2, quiet=True)
    assert config.skip_tokens == 2
    loaded: Any = SphinxForConditionalGeneration.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not loaded[1]["missing_keys"]
    assert loaded[0].model.skip_tokens.shape == (1, 2, 16)
    assert 0 < loaded[0].model.skip_tokens.std() < 0.1
    assert SphinxProcessor.from_pretrained(tmp_path / "out").skip_tokens == 2


def _without(state: State) -> None:
    del state[WQ]


def _unknown(state: State) -> None:
    state["llma.layers.0.attention.bonus.weight"] = torch.zeros(2)


def _too_many_layers(state: State) -> None:
    state["llma.layers.2.attention.wq.weight"] = torch.zeros(16, 16)


def _other_shape(state: State) -> None:
    state[WQ] = torch.zeros(16, 12)


def _twice(state: State) -> None:
    state["llma.qformer.vision_model.encoder.layers.0.self_attn.q_bias"] = torch.zeros(16)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_without, rf"{WQ}: expected .* \(16, 16\)"),
        (_unknown, r"attention\.bonus\.weight: expected only keys .*\(unknown\).*\(2,\)"),
        (_too_many_layers, r"llma\.layers\.2\.attention\.wq\.weight: expected .*no part of this model"),
        (_other_shape, rf"{WQ}: expected shape \(16, 16\), found \(16, 12\)"),
        (_twice, r"qkv\.bias: expected one bias, found it and"),
    ],
)
def test_a_damaged_state_is_refused_by_name(
    state: State, damage: Callable[[State], None], told: str, tmp_path: Path
) -> None:
    damaged = dict(state)
    damage(damaged)
    folder = write_original(tmp_path / "in", damaged)
    with pytest.raises(ConversionError, match=told):
        convert([folder], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)
    assert not (tmp_path / "out").exists()


def test_damaged_files_are_refused_by_name(state: State, tmp_path: Path) -> None:
    folder = write_original(tmp_path / "in", state)
    shard = folder / "consolidated.00-of-01.model.pth"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConversionError, match=r"consolidated\.00-of-01.*cut short"):
        convert([folder], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)
    shard.rename(folder / "consolidated.00-of-02.model.pth")
    with pytest.raises(ConversionError, match=r"expected shards 0 \.\. 1 once each"):
        convert([folder], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)
    (folder / "consolidated.00.pth").write_bytes(whole)
    with pytest.raises(ConversionError, match="expected one format"):
        convert([folder], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)


def test_shards_must_agree(state: State, tmp_path: Path) -> None:
    folder = write_original(tmp_path / "in", state, name="consolidated.00-of-02.model.pth")
    rest = {key: value for key, value in state.items() if key != WQ}
    torch.save({"model": rest}, folder / "consolidated.01-of-02.model.pth")
    with pytest.raises(ConversionError, match=re.escape(WQ)):
        convert([folder], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)


def test_code_in_a_file_is_not_run(state: State, tmp_path: Path) -> None:
    folder = write_original(tmp_path / "in", state)
    torch.save({"model": {"x": Path("/")}}, folder / "consolidated.00-of-01.model.pth")
    with pytest.raises(ConversionError, match="cannot be read"):
        convert([folder], tmp_path / "out", architecture=ARCHITECTURE, quiet=True)


def test_a_full_disk_is_noticed_first(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"expected 1000000000\.0 GB of free disk"):
        require_disk(tmp_path, 10**18)


def test_the_command_line(state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_original(tmp_path / "in", state)
    file = tmp_path / "architecture.json"
    file.write_text(json.dumps(ARCHITECTURE))
    command = ["--input", str(folder), "--architecture", str(file), "--output", str(tmp_path / "out")]
    assert main([*command, "--max-shard-size", "1MB", "--dtype", "float32"]) == 0
    assert (tmp_path / "out" / "processor_config.json").is_file()
    (folder / "meta.json").unlink()
    assert main(command) == 2
    assert "say it with --llama-type" in capsys.readouterr().err
    assert main(["--input", "nowhere", "--output", str(tmp_path / "x")]) == 2


MEASURE = """
import json, sys
from pathlib import Path
import torch
from model.conversion import convert
folder, output, architecture = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
def anonymous():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
import model.conversion.checkpoint as converter
before, peak, take = anonymous(), 0, converter.take
def watched(*given):
    global peak
    made = take(*given)
    peak = max(peak, anonymous())
    return made
converter.take = watched
convert([folder], output, architecture=architecture, quiet=True)
print(max(peak, anonymous()) - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_is_that_of_a_tensor_not_of_the_checkpoint(state: State, tmp_path: Path) -> None:
    # 58 MB of weights, the largest tensor 10 MB: a loader that held them all would be seen at once.
    big = dict(state)
    for layer in range(2):
        for name, shape in {"w1": (150_000, 16), "w2": (16, 150_000), "w3": (150_000, 16)}.items():
            big[f"llma.layers.{layer}.feed_forward.{name}.weight"] = torch.zeros(shape)
    folder = write_original(tmp_path / "in", big)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURE, str(folder), str(tmp_path / "out"), json.dumps(ARCHITECTURE)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[2], env=environment, check=True
    )
    written = sum(path.stat().st_size for path in (tmp_path / "out").glob("*.safetensors"))
    assert written > 55e6
    assert int(done.stdout.split()[-1]) < 35e6
