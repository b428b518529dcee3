"""A table of broken inputs to the converter, the mixer and the processor.

Each is refused in one line that names what is wrong, and leaves no half-written output behind.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from model import SphinxProcessor
from model.convert_sphinx_to_hf import main as convert_main
from model.mix_weights import main as mix_main
from tests.model.original import ARCHITECTURE, original_state, write_original
from tests.model.tiny import tiny_config, tiny_model, tiny_processor

SHARD = "consolidated.00-of-01.model.pth"
WQ = "llma.layers.0.attention.wq.weight"
NORM = "llma.norm.weight"
CLIP = "llma.clip.visual.conv1.weight"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undamaged checkpoint in the original's layout, and the structure that its shapes do not show."""
    folder = write_original(tmp_path_factory.mktemp("source") / "in", original_state())
    (folder.parent / "architecture.json").write_text(json.dumps(ARCHITECTURE))
    return folder


def state(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], Any]:
    """Damage the tensors."""

    def damage(folder: Path) -> None:
        content = torch.load(folder / SHARD, weights_only=True)
        change(content["model"])
        torch.save(content, folder / SHARD)

    return damage


def fields(name: str, **changes: Any) -> Callable[[Path], Any]:
    """Change fields of a JSON file."""

    def damage(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | changes))

    return damage


def text(name: str, content: str) -> Callable[[Path], Any]:
    """Replace a file's content."""
    return lambda folder: (folder / name).write_text(content)


def cut(name: str, share: float = 0.5) -> Callable[[Path], Any]:
    """Cut a file short."""

    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])

    return damage


def poison(key: str, value: float) -> Callable[[Path], Any]:
    """Put one number into a tensor."""
    return state(lambda s: s.__setitem__(key, s[key].clone().index_fill_(0, torch.tensor([0]), value)))


CONVERTER: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no shard": (lambda f: (f / SHARD).unlink(), "expected one format"),
    "a shard cut short": (cut(SHARD), "cannot be read"),
    "an empty shard": (cut(SHARD, 0), "cannot be read"),
    "text as a shard": (text(SHARD, "hello"), "cannot be read"),
    "a list as a shard": (lambda f: torch.save([1, 2], f / SHARD), "expected named tensors"),
    "nothing in the shard": (lambda f: torch.save({"model": {}}, f / SHARD), "expected named tensors"),
    "a number as a tensor": (state(lambda s: s.__setitem__(NORM, 3)), "expected named tensors"),
    "a tensor without numbers": (
        state(lambda s: s.__setitem__(WQ, torch.empty(16, 16, device="meta"))),
        "expected named tensors",
    ),
    "complex numbers": (state(lambda s: s.__setitem__(WQ, s[WQ].cfloat())), "found torch.complex64"),
    "a sparse tensor": (state(lambda s: s.__setitem__(WQ, s[WQ].to_sparse())), "cannot be read"),
    "int8 norms": (state(lambda s: s.__setitem__(NORM, s[NORM].to(torch.int8))), "found torch.int8"),
    "float64 weights": (state(lambda s: s.__setitem__(WQ, s[WQ].double())), "found torch.float64"),
    "not a number": (poison(WQ, float("nan")), "expected finite numbers"),
    "infinite": (poison(NORM, float("inf")), "expected finite numbers"),
    "no word embeddings": (state(lambda s: s.pop("llma.tok_embeddings.weight")), "tok_embeddings"),
    "a missing layer": (state(lambda s: s.pop(WQ)), WQ),
    "a flat embedding": (
        state(lambda s: s.__setitem__("llma.tok_embeddings.weight", torch.zeros(9))),
        "expected 2 dimensions",
    ),
    "no CLIP in a dense model": (state(lambda s: s.pop(CLIP)), "meta.json and the weights disagree"),
    "damaged config": (text("config.json", "{"), "expected a JSON object"),
    "a list as config": (text("config.json", "[1]"), "expected a JSON object, found list"),
    "no width": (fields("config.json", dim=None), "expected 'dim'"),
    "a word as width": (fields("config.json", dim="wide"), "expected 'dim'"),
    "no heads": (fields("config.json", n_heads=0), "expected 'n_heads'"),
    "heads that do not divide": (fields("config.json", n_heads=5), "n_heads that divide"),
    "key-value heads that do not divide": (fields("config.json", n_kv_heads=3), "n_heads 4, n_kv_heads 3"),
    "other key-value heads than stored": (fields("config.json", n_kv_heads=4), "expected 16 rows"),
    "a width that is not stored": (fields("config.json", dim=32), "expected 32 rows"),
    "too many layers": (fields("config.json", n_layers=3), "layers.2"),
    "a million layers": (fields("config.json", n_layers=10**6), "n_layers 1000000"),
    "too few layers": (fields("config.json", n_layers=1), "no part of this model"),
    "a negative rope base": (fields("config.json", rope_theta=-1), "expected 'rope_theta'"),
    "unknown rope": (fields("config.json", rope_scaling={"type": "yarn"}), "found 'yarn'"),
    "experts in a dense model": (fields("config.json", moe={"num_experts": 4}), "no object 'moe'"),
    "no meta": (lambda f: (f / "meta.json").unlink(), "say it with --llama-type"),
    "damaged meta": (text("meta.json", "\x00"), "expected a JSON object"),
    "an unknown kind": (fields("meta.json", llama_type="llama_ens7"), "expected one of"),
    "a list as kind": (fields("meta.json", llama_type=["llama_ens5"]), "unhashable"),
    "a light kind": (fields("meta.json", llama_type="llama_ens5_light"), "weights disagree"),
    "a sparse kind": (fields("meta.json", llama_type="mixtral_sparse_ens5"), "weights disagree"),
    "no tokenizer": (lambda f: (f / "tokenizer.model").unlink(), "expected a sentencepiece model"),
    "a damaged tokenizer": (cut("tokenizer.model"), "expected a sentencepiece model"),
    "text as a tokenizer": (text("tokenizer.model", "hello"), "expected a sentencepiece model"),
    "another vocabulary": (
        state(
            lambda s: [s.__setitem__(k, s[k][:300].clone()) for k in s if "tok_emb" in k or ".output" in k]
        ),
        "expected 300 pieces",
    ),
    "a damaged architecture": (lambda f: text("architecture.json", "{")(f.parent), "expected a JSON object"),
    "impossible heads of CLIP": (
        lambda f: fields("architecture.json", clip={"width": 16, "head_width": 3})(f.parent),
        "CLIP: expected heads",
    ),
    "a word as structure": (lambda f: fields("architecture.json", blip2=[1])(f.parent), "'blip2'"),
}


@pytest.mark.parametrize("name", CONVERTER)
def test_the_converter_refuses(
    name: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, told = CONVERTER[name]
    shutil.copytree(source.parent, tmp_path / "copy")
    folder, output = tmp_path / "copy" / "in", tmp_path / "out"
    damage(folder)
    command = ["--input", str(folder), "--architecture", str(folder.parent / "architecture.json")]
    assert convert_main([*command, "--output", str(output)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]  # the progress bar writes there, too
    assert told in error
    assert "Traceback" not in error
    assert not output.exists()


def test_a_full_disk_leaves_no_folder_behind(
    source: Path,
    two: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1)
    monkeypatch.setattr("model.conversion.writer.shutil.disk_usage", lambda place: full)
    command = ["--input", str(source), "--architecture", str(source.parent / "architecture.json")]
    output = tmp_path / "not" / "yet"
    assert convert_main([*command, "--output", str(output)]) == 2
    assert "of free disk" in capsys.readouterr().err.splitlines()[-1]
    assert mix_main([str(two / "a"), str(two / "b"), "--beta", "0.5", "--output", str(output)]) == 2
    assert "of free disk" in capsys.readouterr().err.splitlines()[-1]
    assert not output.parent.exists()


def test_nothing_that_is_not_the_converters_is_deleted(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--input", str(source), "--architecture", str(source.parent / "architecture.json")]
    output = tmp_path / "mine"
    output.mkdir()
    for name in ("model.safetensors", "model-00001-of-00002.safetensors", "config.json"):
        (output / name).write_text("of mine")
        assert convert_main([*command, "--output", str(output)]) == 2
        assert "expected an empty folder" in capsys.readouterr().err
        assert (output / name).read_text() == "of mine"
        (output / name).unlink()
    (output / "notes.txt").write_text("of mine")
    assert convert_main([*command, "--output", str(output)]) == 0
    assert (output / "notes.txt").read_text() == "of mine"
    # A second, different conversion replaces what the first one wrote, unless somebody changed it since.
    assert convert_main([*command, "--output", str(output), "--dtype", "float16"]) == 0
    weights = output / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert convert_main([*command, "--output", str(output), "--max-shard-size", "20KB"]) == 2
    assert weights.exists()
    assert convert_main([*command, "--output", str(source)]) == 2  # the input itself
    assert (source / SHARD).exists()


def test_a_damaged_finished_file_is_written_again(source: Path, tmp_path: Path) -> None:
    command = ["--input", str(source), "--architecture", str(source.parent / "architecture.json")]
    command += ["--output", str(tmp_path / "out"), "--max-shard-size", "20KB"]
    assert convert_main(command) == 0
    first, second, third = sorted((tmp_path / "out").glob("model-*.safetensors"))[:3]
    whole = [path.read_bytes() for path in (first, second)]
    first.write_bytes(whole[0][:-4] + b"abcd")  # the same length, other content
    second.write_bytes(whole[1][:-4])
    kept = third.stat().st_mtime_ns
    assert convert_main(command) == 0
    assert [path.read_bytes() for path in (first, second)] == whole
    assert third.stat().st_mtime_ns == kept


# The mixer


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints "a" and "b" of one architecture."""
    root, config = tmp_path_factory.mktemp("two"), tiny_config()
    for seed, name in enumerate("ab"):
        tiny_model(config, seed).save_pretrained(root / name, max_shard_size="60KB")
        tiny_processor(root / name, config).save_pretrained(root / name)
    return root


def tensors(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], Any]:
    """Damage the tensors of a converted checkpoint's first file."""

    def damage(folder: Path) -> None:
        path = min(folder.glob("model-*.safetensors"))
        content = load_file(path)
        change(content)
        save_file(content, path, metadata={"format": "pt"})

    return damage


def first_file(action: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Do something to the first file of weights."""
    return lambda folder: action(min(folder.glob("model-*.safetensors")))


MIXER: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no weights": (lambda f: [p.unlink() for p in f.glob("model*")], "expected a converted checkpoint"),
    "a missing file": (first_file(lambda p: p.unlink()), "expected a converted checkpoint with model-"),
    "a file cut short": (first_file(lambda p: cut(p.name)(p.parent)), "cannot be read"),
    "an empty file": (first_file(lambda p: cut(p.name, 0)(p.parent)), "cannot be read"),
    "a damaged index": (text("model.safetensors.index.json", "{"), "expected a JSON object"),
    "an index without a map": (text("model.safetensors.index.json", "{}"), "expected a weight_map"),
    "no config": (lambda f: (f / "config.json").unlink(), "with config.json"),
    "one view instead of five": (fields("config.json", crops_per_side=0), "expected one crops_per_side"),
    "another picture size": (fields("config.json", image_size=96), "expected one image_size"),
    "another tokenizer": (text("tokenizer.model", "hello"), "expected the tokenizer of"),
    "a tensor less": (tensors(lambda t: t.pop(min(t))), "expected in both checkpoints"),
    "another shape": (tensors(lambda t: t.update({min(t): torch.zeros(2, 3)})), "expected shape"),
    "int8 weights": (tensors(lambda t: t.update({n: v.to(torch.int8) for n, v in t.items()})), "found I8"),
    "not a number": (
        tensors(lambda t: [v.fill_(float("nan")) for v in t.values()]),
        "expected finite numbers",
    ),
}


@pytest.mark.parametrize("name", MIXER)
def test_the_mixer_refuses(name: str, two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage, told = MIXER[name]
    shutil.copytree(two / "b", tmp_path / "b")
    damage(tmp_path / "b")
    output = tmp_path / "out"
    command = [str(two / "a"), str(tmp_path / "b"), "--beta", "0.5", "--eyes", "mix", "--output", str(output)]
    assert mix_main(command) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert told in error
    assert "Traceback" not in error
    assert not output.exists()


def test_the_mixer_leaves_other_safetensors_alone_and_keeps_dtypes(two: Path, tmp_path: Path) -> None:
    for name in "ab":
        shutil.copytree(two / name, tmp_path / name)
        save_file({"mean": torch.full((3,), float(ord(name)))}, tmp_path / name / "familiarity.safetensors")
        tensors(lambda t: t.update({n: v.half() for n, v in t.items()}))(tmp_path / name)
    command = [str(tmp_path / "a"), str(tmp_path / "b"), "--beta", "0.5"]
    assert mix_main([*command, "--output", str(tmp_path / "out"), "--eyes", "b"]) == 0
    mixed = load_file(tmp_path / "out" / "model.safetensors")
    assert "mean" not in mixed
    first = load_file(min((tmp_path / "a").glob("model-*.safetensors")))
    assert all(mixed[name].dtype == torch.float16 for name in first)
    assert {value.dtype for value in mixed.values()} == {torch.float16, torch.float32}
    kept = load_file(tmp_path / "out" / "familiarity.safetensors")["mean"]
    assert kept[0] == ord("b")  # it belongs to the encoders, which are B's
    assert mix_main([*command, "--output", str(tmp_path / "out")]) == 2  # not into what is there


# The processor


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory) -> SphinxProcessor:
    return tiny_processor(tmp_path_factory.mktemp("processor"), tiny_config())


PICTURE = Image.new("RGB", (9, 9))
PROCESSOR: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "text is needed"),
    "no text": ({"text": []}, "text is an empty list"),
    "a number as text": ({"text": [3]}, "text must be strings, got int"),
    "nine views": ({"text": "a", "views": 9}, r"views must be 1 \.\. 5, got 9"),
    "no view": ({"text": "a", "views": 0}, r"views must be 1 \.\. 5, got 0"),
    "an unknown encoder": ({"text": "a", "encoders": ["sam"]}, r"encoders must be some of .*got \['sam'\]"),
    "no encoder": ({"text": "a", "encoders": []}, "encoders must be some of"),
    "two pictures": ({"text": ["a"], "images": [[PICTURE, PICTURE]]}, "one picture a conversation, got 2"),
    "more pictures than prompts": ({"text": ["a"], "images": [PICTURE] * 2}, "1 prompts, 2 pictures"),
    "a number as picture": ({"text": "a", "images": [3]}, "a picture must be a PIL image.* got int"),
    "a missing file": ({"text": "a", "images": "nowhere.png"}, "'nowhere.png' cannot be loaded"),
    "no base64": ({"text": "a", "images": "!" * 500}, r"\.\.\.' cannot be loaded"),
    "an unreachable URL": ({"text": "a", "images": "http://127.0.0.1:9/a.png"}, "cannot be loaded"),
    "a vector": ({"text": "a", "images": np.zeros(4)}, r"must be \(H, W\).* got \(4,\)"),
    "five channels": ({"text": "a", "images": np.zeros((6, 6, 5))}, r"with C 1, 3 or 4"),
    "no pixels": ({"text": "a", "images": np.zeros((0, 4, 3))}, "must have pixels"),
    "values above 255": ({"text": "a", "images": np.full((4, 4, 3), 300)}, r"0 \.\. 255, got 300"),
    "negative values": ({"text": "a", "images": np.full((4, 4, 3), -0.5)}, "got -0.5"),
    "not a number": ({"text": "a", "images": np.full((4, 4, 3), np.nan)}, "got nan"),
    "words in an array": ({"text": "a", "images": np.full((4, 4, 3), "x")}, "pixels that are numbers"),
    "a video": ({"text": "a", "videos": [1]}, "no videos and no audio"),
    "a long prompt": ({"text": "a" * 200, "max_length": 9}, "at most 9 fit"),
    "a picture that would be cut": (
        {"text": "a", "images": PICTURE, "max_length": 50, "truncation": True},
        "does not fit into 50 tokens",
    ),
    "padding to nothing": ({"text": "a", "padding": "max_length"}, "needs a max_length"),
}


@pytest.mark.parametrize("name", PROCESSOR)
def test_the_processor_refuses(name: str, processor: SphinxProcessor) -> None:
    given, told = PROCESSOR[name]
    with pytest.raises(ValueError, match=told) as caught:
        processor(**given, return_tensors="pt")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
