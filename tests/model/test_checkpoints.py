"""The released checkpoints by name: needs, refusals, and fetch-and-convert against a stand-in for the Hub."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import torch

from model import SphinxConfig, SphinxForConditionalGeneration
from model import checkpoints as module
from model.checkpoints import (
    CHECKPOINTS,
    REPOSITORY,
    TOWERS,
    MissingRoom,
    fetch,
    find,
    load,
    needs,
    quantisation,
    require_disk,
    require_memory,
    table,
)
from model.conversion import target_shapes
from tests.model.original import ARCHITECTURE, original_state, write_original
from tests.model.tiny import tiny_config, tiny_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BROKEN_AFTER = 4000  # bytes, where the stand-in breaks off a download when it is told to


class StandIn(ThreadingHTTPServer):
    """Serves a folder as one Hub repository; counts what was sent, and can break a download off."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.sent: list[tuple[str, int]] = []  # (path, first byte)
        self.breaks = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def files(self) -> list[str]:
        return sorted(str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file())


class Handler(BaseHTTPRequestHandler):
    """The three questions that a snapshot download asks: which files, how large, and their bytes."""

    server: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(self.path.split("?")[0])
        api, resolve = f"/api/models/{REPOSITORY}", f"/{REPOSITORY}/resolve/"
        if path.startswith(f"{api}/tree/"):
            self._json([self._entry(name) for name in self.server.files()], body)
        elif path.startswith(api):
            siblings = [{"rfilename": name} for name in self.server.files()]
            self._json({"id": REPOSITORY, "sha": COMMIT, "siblings": siblings}, body)
        elif path.startswith(resolve):
            self._file(path[len(resolve) :].partition("/")[2], body)
        else:
            self.send_error(404)

    def _entry(self, name: str) -> dict[str, object]:
        content = (self.server.root / name).read_bytes()
        return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def _json(self, value: object, body: bool) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _file(self, name: str, body: bool) -> None:
        content = (self.server.root / name).read_bytes()
        first = 0
        wanted = self.headers.get("Range")
        if wanted:
            first = int(wanted.removeprefix("bytes=").split("-")[0])
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - first))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if not body:
            return
        self.server.sent.append((name, first))
        rest = content[first:]
        if self.server.breaks and len(rest) > BROKEN_AFTER:
            self.server.breaks -= 1
            self.wfile.write(rest[:BROKEN_AFTER])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(rest)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[StandIn]:
    root = tmp_path / "hub"
    tiny = CHECKPOINTS["sphinx-tiny-1k"].subfolder
    assert tiny is not None
    write_original(root / tiny, original_state("llama_ens5_light"), "llama_ens5_light")
    (root / "README.md").write_text("another part of the repository")
    server = StandIn(root)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_released_name_is_there() -> None:
    released = {name for name, c in CHECKPOINTS.items() if c.subfolder}
    assert released == {
        "sphinx", "sphinx-1k", "sphinx-v2-1k", "sphinx-tiny", "sphinx-tiny-1k", "sphinx-moe", "sphinx-moe-1k",
    }  # fmt: skip
    assert "sphinx-nano" in CHECKPOINTS
    with pytest.raises(ValueError, match="there are sphinx-nano, sphinx, "):
        find("sphinx-9")


def test_needs_are_said_and_tabulated() -> None:
    said = needs(find("sphinx-v2-1k"), "nf4")
    assert "39.8 GB" in said
    assert "17.8 GB" in said
    lines = table().splitlines()
    assert len(lines) == 2 + len(CHECKPOINTS)
    assert len({line.count("|") for line in lines}) == 1
    tiny = find("sphinx-tiny")
    assert tiny.memory_bytes("float32") > tiny.memory_bytes("bfloat16") > tiny.memory_bytes("nf4")
    with pytest.raises(ValueError, match="dtype must be one of"):
        tiny.memory_bytes("float8")


def test_the_embedded_checkpoint_is_what_the_table_says() -> None:
    folder = Path(__file__).parents[2] / "assets" / "sphinx-nano"
    config = SphinxConfig.from_pretrained(folder)
    numbers = sum(torch.Size(shape).numel() for shape in target_shapes(config).values())
    nano = find("sphinx-nano")
    assert (nano.image_size, nano.views) == (config.image_size, config.num_views)
    assert nano.parameters == pytest.approx(numbers, rel=0.02)


def test_a_small_machine_is_told_what_would_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "free_memory", lambda device: int(20e9))
    with pytest.raises(MissingRoom, match=r"needs 37\.8 GB .* cpu has 20\.0 GB: try sphinx-nano"):
        require_memory(find("sphinx"), "bfloat16", "cpu")
    with pytest.raises(MissingRoom, match="sphinx in nf4"):
        require_memory(find("sphinx"), "bfloat16", "cuda")
    require_memory(find("sphinx-tiny"), "bfloat16", "cpu")
    with pytest.raises(MissingRoom, match="of disk are needed"):
        require_disk(tmp_path / "not" / "yet", 10**18)
    with pytest.raises(MissingRoom):
        fetch("sphinx-moe", cache=tmp_path)


def test_a_container_has_less_memory_than_its_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(module, "CONTAINER_LIMITS", (limit, tmp_path / "not there"))
    host = module.free_memory("cpu")
    limit.write_text("max\n")
    assert module.free_memory("cpu") == host
    limit.write_text("1000000\n")
    assert module.free_memory("cpu") == 1_000_000


def test_what_quantises_must_be_there_before_anything_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install bitsandbytes"):
        fetch("sphinx-v2-1k", dtype="nf4", device="cuda", cache=tmp_path)
    assert not list(tmp_path.iterdir())


def _originals(cache: Path) -> list[Path]:
    """The files that were downloaded, without what the Hub's client keeps about them."""
    return [path for path in (cache / "cache" / "originals").rglob("snapshots/**/*") if path.is_file()]


def test_fetching_downloads_converts_once_and_keeps(hub: StandIn, tmp_path: Path) -> None:
    said: list[str] = []
    options = {"cache": tmp_path / "cache", "endpoint": hub.endpoint, "architecture": ARCHITECTURE}
    steps: list[tuple[str, int, int]] = []
    folder = fetch("sphinx-tiny-1k", say=said.append, step=lambda *one: steps.append(one), **options)
    assert said[0].startswith("sphinx-tiny-1k (TinyLlama-1.1B) needs a download of 6.2 GB")
    loaded = [done for doing, done, _ in steps if doing == "downloading"]
    total = steps[0][2]
    assert steps[0] == ("downloading", 0, total)
    assert max(loaded) == total == sum(path.stat().st_size for path in _originals(tmp_path))
    assert steps[-1] == ("converting", 0, 0)
    assert [name for name, _ in hub.sent if not name.startswith("finetune/mm/SPHINX/SPHINX-Tiny-1k/")] == []
    model = SphinxForConditionalGeneration.from_pretrained(folder)
    assert model.config.image_tokens() == 5 * 259
    count = len(hub.sent)
    assert fetch("sphinx-tiny-1k", say=said.append, **options) == folder
    assert len(hub.sent) == count
    assert len(said) == 3
    loaded = load(folder, dtype="float32")
    assert all(p.device.type == "cpu" for p in loaded.parameters())


def test_a_broken_download_goes_on(hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    hub.breaks = 1
    options = {"cache": tmp_path / "cache", "endpoint": hub.endpoint, "architecture": ARCHITECTURE}
    folder = fetch("sphinx-tiny-1k", say=lambda words: None, **options)
    assert any(first > 0 for _, first in hub.sent)  # not from the beginning again
    assert (folder / "config.json").is_file()


def test_what_the_hub_lacks_is_said(hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_memory", lambda device: None)
    with pytest.raises(OSError, match="has nothing in finetune/mm/SPHINX/SPHINX-MoE"):
        fetch("sphinx-moe", cache=tmp_path / "cache", endpoint=hub.endpoint)
    with pytest.raises(ValueError, match="embedded"):
        fetch("sphinx-nano", cache=tmp_path)


def test_a_mixtral_taken_apart_computes_the_same(tmp_path: Path) -> None:
    # What quantisation does to the structure, without quantising.
    from model.modeling_sphinx import SphinxMixtralModel

    whole = tiny_model(tiny_config(experts=True))
    whole.save_pretrained(tmp_path)
    text: Any = whole.model.language_model
    apart = SphinxMixtralModel(whole.config.text_config).eval()
    state = {name: value for name, value in text.state_dict().items() if ".experts." not in name}
    for layer, block in enumerate(text.layers):
        experts = block.mlp.experts
        for e, (gate_up, down) in enumerate(zip(experts.gate_up_proj, experts.down_proj, strict=True)):
            w1, w3 = gate_up.chunk(2)
            root = f"layers.{layer}.mlp.experts.{e}"
            state |= {f"{root}.w1.weight": w1, f"{root}.w2.weight": down, f"{root}.w3.weight": w3}
    apart.load_state_dict(state)
    ids = torch.randint(3, 300, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(text(ids).last_hidden_state, apart(ids).last_hidden_state, atol=1e-6)


@pytest.mark.parametrize("experts", [False, True])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_four_bits_everywhere_in_the_language_model(experts: bool, tmp_path: Path) -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes")
    sizes = {"hidden_size": 64, "intermediate_size": 64, "vocab_size": 384, "num_key_value_heads": 4}
    config = tiny_config(experts=experts, text=sizes)
    tiny_model(config).save_pretrained(tmp_path)
    model = load(tmp_path, dtype="nf4")
    quantised = {n for n, m in model.named_modules() if isinstance(m, bitsandbytes.nn.Linear4bit)}
    plain = {n for n, m in model.named_modules() if type(m) is torch.nn.Linear}
    assert all(name.startswith(TOWERS) for name in plain)
    assert not any(name.startswith(TOWERS) for name in quantised)
    assert len(quantised) == 1 + 2 * (4 + (4 * 3 if experts else 3))
    replaced = {}
    for name in quantised:
        layer = model.get_submodule(name)
        weight = bitsandbytes.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
        replaced[name] = torch.nn.Linear(layer.in_features, layer.out_features, bias=False)
        replaced[name].weight = torch.nn.Parameter(weight.to(torch.bfloat16))
    ids = torch.randint(3, 300, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model(ids).logits.float()
        for name, layer in replaced.items():
            model.set_submodule(name, layer)
        assert torch.allclose(model(ids).logits.float(), expected, atol=0.05 * expected.abs().max().item())


def test_quantisation_is_named() -> None:
    with pytest.raises(ValueError, match="must be one of"):
        quantisation("int3")
