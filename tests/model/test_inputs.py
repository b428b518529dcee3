"""What goes into the model and where a reply ends: pictures of every kind, agreeing counts, the stop."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from functools import partial, wraps
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import GenerationConfig

from model import SphinxProcessor, SphinxTokenizer, generation_defaults
from model.generation_sphinx import StopSequences, stop_sequences
from tests.model.tiny import tiny_config, tiny_model, tiny_processor

SKIPPING: dict[str, Any] = {"skip_tokens": 2, "crops_per_side": 3, "image_size": 96}
NANO = Path(__file__).parents[2] / "assets" / "sphinx-nano"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = tiny_config()
    return tiny_model(config), tiny_processor(tmp_path_factory.mktemp("inputs"), config)


@pytest.fixture(scope="module")
def skipping(tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = tiny_config(**SKIPPING)
    return tiny_model(config), tiny_processor(tmp_path_factory.mktemp("skipping"), config)


def noise(w: int, h: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (h, w, 3), dtype=np.uint8))


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The path of a picture, and its URL on the loopback interface."""
    folder = tmp_path_factory.mktemp("served")
    noise(40, 30).save(folder / "a.png")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder / "a.png", f"http://127.0.0.1:{server.server_address[1]}/a.png"
    server.shutdown()
    server.server_close()


# Pictures of every kind


def kinds(path: Path, url: str) -> dict[str, Any]:
    array = np.asarray(noise(40, 30))
    planes = torch.from_numpy(array.copy()).permute(2, 0, 1)
    written = io.BytesIO()
    noise(40, 30).save(written, "png")
    text = base64.b64encode(written.getvalue()).decode()
    return {
        "PIL": noise(40, 30), "path": str(path), "Path": path, "URL": url, "base64": text,
        "data URL": f"data:image/png;base64,{text}", "HWC": array, "CHW": array.transpose(2, 0, 1),
        "float 0..1": array / 255, "float 0..255": array.astype(np.float32), "tensor": planes,
        "float tensor": planes / 255, "RGBA": np.dstack([array, np.full((30, 40), 255, np.uint8)]),
        "a batch of one": array[None],
    }  # fmt: skip


def test_every_kind_of_picture_gives_the_same_pixels(parts: Any, served: tuple[Path, str]) -> None:
    _, processor = parts
    expected = processor(text="Hello", images=noise(40, 30), return_tensors="pt")
    for name, given in kinds(*served).items():
        for images in (given, [given]):
            if name == "a batch of one" and images is not given:
                continue
            made = processor(text="Hello", images=images, return_tensors="pt")
            assert torch.equal(made["pixel_values"], expected["pixel_values"]), name
            assert torch.equal(made["input_ids"], expected["input_ids"]), name


@pytest.mark.parametrize("key", ["image", "url", "path", "base64"])
def test_pictures_in_chat_messages(parts: Any, served: tuple[Path, str], key: str) -> None:
    _, processor = parts
    path, url = served
    given = {"image": noise(40, 30), "url": url, "path": str(path), "base64": kinds(path, url)["base64"]}[key]
    content = [{"type": "image", key: given}, {"type": "text", "text": "Where?"}]
    options: dict[str, Any] = {"add_generation_prompt": True, "return_dict": True, "return_tensors": "pt"}
    made = processor.apply_chat_template([{"role": "user", "content": content}], tokenize=True, **options)
    prompt = processor.prompt([("Where?", None)])
    expected = processor(text=[prompt], images=[noise(40, 30)], return_tensors="pt")
    assert all(torch.equal(made[name], expected[name]) for name in expected)


def test_grey_and_binary_arrays(parts: Any) -> None:
    maker = parts[1].image_processor
    grey = np.arange(30 * 40, dtype=np.uint8).reshape(30, 40)
    expected = maker(Image.fromarray(grey), return_tensors="pt")["pixel_values"]
    assert torch.equal(maker(grey, return_tensors="pt")["pixel_values"], expected)
    assert torch.equal(maker(grey[None], return_tensors="pt")["pixel_values"], expected)
    black = maker(np.zeros((4, 4), bool), return_tensors="pt")["pixel_values"]
    assert torch.equal(black, maker(np.zeros((4, 4), np.uint8), return_tensors="pt")["pixel_values"])


# The conventions of processors


def test_the_system_role_is_the_system_text(parts: Any) -> None:
    _, processor = parts
    messages = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Where?"}]
    made = processor.apply_chat_template(messages, add_generation_prompt=True)
    assert made == "You are brief.\n\n### Human: Where?\n### Assistant:"
    with pytest.raises(Exception, match="expected the roles"):
        processor.apply_chat_template([{"role": "tool", "content": "x"}])


def test_padding_cutting_and_kinds_of_tensors(parts: Any) -> None:
    _, processor = parts
    count = processor.image_tokens()
    wide = processor(
        text=["A cat"], images=noise(9, 9), padding="max_length", max_length=200, return_tensors="np"
    )
    assert isinstance(wide["input_ids"], np.ndarray)
    assert isinstance(wide["pixel_values"], np.ndarray)
    assert wide["input_ids"].shape == wide["attention_mask"].shape == (1, 200)
    assert (wide["input_ids"][0, : -len(np.flatnonzero(wide["attention_mask"][0]))] == 2).all()
    cut = processor(text="A cat and a dog", images=noise(9, 9), truncation=True, max_length=count + 3)
    whole = processor(text="A cat and a dog", images=noise(9, 9))
    assert cut["input_ids"][0] == whole["input_ids"][0][: count + 3]
    right = processor(text=["A", "A cat"], text_kwargs={"padding_side": "right"}, return_tensors="pt")
    assert right["attention_mask"][0, 0] == 1
    assert right["attention_mask"][0, -1] == 0
    raw = processor(text="A", images=noise(9, 9), images_kwargs={"do_normalize": False}, return_tensors="pt")
    assert raw["pixel_values"].min() >= 0
    assert raw["pixel_values"].max() <= 1
    multiple = processor(text="A", pad_to_multiple_of=8, return_tensors="pt")
    assert multiple["input_ids"].shape[1] % 8 == 0
    sizes = processor._get_num_multimodal_tokens(image_sizes=[(30, 40)])
    assert sizes.num_image_tokens == [count]


def test_tokens_know_their_characters(parts: Any) -> None:
    tokenizer = parts[1].tokenizer
    assert tokenizer.is_fast
    encoded = tokenizer("The red ball")
    token = encoded.char_to_token(4)
    assert token is not None
    start, end = encoded.token_to_chars(token)
    assert start <= 4 < end


def test_the_assistants_words_are_marked(parts: Any) -> None:
    _, processor = parts
    messages = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": "There."},
        {
            "role": "user",
            "content": [{"type": "image", "image": noise(9, 9)}, {"type": "text", "text": "And?"}],
        },
        {"role": "assistant", "content": "Here."},
    ]
    made = processor.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, return_tensors="pt"
    )
    marked = made["input_ids"][0][made["assistant_masks"][0].bool()]
    assert processor.tokenizer.decode(marked) == "There.\n### Here.\n###"


# Counts that must agree


@torch.no_grad()
def test_pictures_and_placeholders_must_agree(parts: Any, skipping: Any) -> None:
    model, processor = skipping
    long = processor(text="Hello", images=noise(96, 20), return_tensors="pt")
    counts = int((long["input_ids"] == 0).sum())
    without = {name: value for name, value in long.items() if name != "skipped_views"}
    with pytest.raises(ValueError, match=rf"pictures of \[220\] tokens .* \[{counts}\] placeholders"):
        model(**without)
    with pytest.raises(ValueError, match="placeholders"):
        model.generate(**without, max_new_tokens=1)
    with pytest.raises(ValueError, match=r"skipped_views must be \(1, 10\), got \(1, 4\)"):
        model(**without, skipped_views=long["skipped_views"][:, :4])
    features = model.get_image_features(long["pixel_values"], skipped_views=long["skipped_views"])
    assert features.lengths.tolist() == [counts] == [features.pooler_output.shape[1]]
    dense, other = parts
    batch = dict(other(text="Hello", images=noise(9, 9), return_tensors="pt"))
    with pytest.raises(ValueError, match=r"1 pictures of 110 tokens .* \[22\] placeholders"):
        dense(**other(text="Hello", images=noise(9, 9), views=1, return_tensors="pt") | {"views": None})
    surplus = torch.cat([batch["input_ids"], torch.zeros(1, 1, dtype=torch.long)], dim=1)
    with pytest.raises(ValueError, match=r"\[111\] placeholders"):
        dense(input_ids=surplus, pixel_values=batch["pixel_values"])
    with pytest.raises(ValueError, match=r"no picture was given, but the rows have \[110\] placeholders"):
        dense(input_ids=batch["input_ids"])
    with pytest.raises(ValueError, match="no picture was given"):
        dense.generate(input_ids=batch["input_ids"], max_new_tokens=1)


@torch.no_grad()
def test_a_batch_of_pictures_of_different_lengths(skipping: Any) -> None:
    model, processor = skipping
    pictures = [noise(96, 20), noise(96, 96)]
    both = processor(text=["Hello", "Hello"], images=pictures, return_tensors="pt")
    logits = model(**both).logits
    for row, picture in enumerate(pictures):
        alone = model(**processor(text="Hello", images=picture, return_tensors="pt")).logits[0]
        assert (logits[row, -len(alone) :] - alone).abs().max() < 1e-4
    made = model.get_image_features(both["pixel_values"], skipped_views=both["skipped_views"]).pooler_output
    rest = {name: both[name] for name in ("input_ids", "attention_mask", "skipped_views")}
    assert (model(**rest, image_features=made).logits - logits).abs().max() < 1e-5


def test_skip_tokens_always_get_a_gradient(skipping: Any) -> None:
    model, processor = skipping
    model.train()
    for picture, expected in ((noise(96, 96), False), (noise(96, 20), True)):
        for drop in (False, True):
            batch = dict(processor(text="Hello", images=picture, return_tensors="pt"))
            if drop and not expected:
                batch.pop("skipped_views")
            model.zero_grad(set_to_none=True)
            model(**batch, labels=batch["input_ids"]).loss.backward()
            assert all(p.grad is not None for p in model.parameters())
            assert bool(model.model.skip_tokens.grad.abs().sum() > 0) is expected
    model.zero_grad(set_to_none=True)
    model.eval()


@torch.no_grad()
def test_skipped_views_compile_without_a_break(skipping: Any) -> None:
    model, processor = skipping
    torch.compiler.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for picture in (noise(96, 20), noise(96, 96)):
        batch = processor(text="Hello", images=picture, return_tensors="pt")
        assert (compiled(**batch).logits - model(**batch).logits).abs().max() < 1e-4


@torch.no_grad()
def test_states_and_attentions_of_the_encoders_on_request(parts: Any) -> None:
    model, processor = parts
    pixels = processor(text="Hello", images=noise(9, 9), return_tensors="pt")["pixel_values"]
    plain = model.get_image_features(pixels)
    assert plain.hidden_states is None
    assert plain.last_hidden_state.shape == (1, 5 * 17, 16 + 12 + 16)
    model.set_attn_implementation("eager")
    asked = model.get_image_features(pixels, output_hidden_states=True, output_attentions=True)
    model.set_attn_implementation("sdpa")
    assert len(asked.hidden_states) == 2 + 2 + 2 + 3  # CLIP, DINOv2, the Q-Former's ViT, the Q-Former
    assert len(asked.attentions) == 1 + 1 + 1 + 3  # one of the Q-Former's two layers looks across, too
    assert isinstance(model.get_image_features(pixels, return_dict=False), tuple)


# The stop


@pytest.mark.parametrize("before", ["A", "A ball.", "é", "x\n", "#"])
def test_every_spelling_of_the_stop_is_listed(parts: Any, before: str) -> None:
    tokenizer = parts[1].tokenizer
    ends = StopSequences(stop_sequences(tokenizer))
    ids = tokenizer(before + "\n###").input_ids
    assert ends(torch.tensor([ids, ids]), None).tolist() == [True, True]
    assert ends(torch.tensor([ids[:-1]]), None).tolist() == [False]
    by_bytes = [
        1,
        *(tokenizer.convert_tokens_to_ids(f"<0x{byte:02X}>") for byte in (before + "\n###").encode()),
    ]
    assert ends(torch.tensor([by_bytes]), None).tolist() == [True]
    assert ends(torch.tensor([[4]]), None).tolist() == [False]


def scripted(model: Any, monkeypatch: pytest.MonkeyPatch, script: list[int]) -> None:
    """Make a model say `script`, then token 9 for ever."""
    forward, step = type(model).forward, iter([*script, *[9] * 500])

    @wraps(forward)
    def said(self: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = forward(self, *args, **kwargs)
        outputs.logits = torch.full_like(outputs.logits, -10.0)
        outputs.logits[:, -1, next(step)] = 10.0
        return outputs

    monkeypatch.setattr(type(model), "forward", said)


def test_a_reply_ends_by_itself_and_shows_nothing_of_the_stop(
    parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, processor = parts
    monkeypatch.setattr(model, "generation_config", generation_defaults(processor.tokenizer))
    batch = processor(text=processor.prompt([("Where?", None)]), images=noise(9, 9), return_tensors="pt")
    start, script = batch["input_ids"].shape[1], processor.tokenizer("There.\n### Human").input_ids[1:]
    for options in ({"max_new_tokens": 50}, {"generation_config": GenerationConfig(max_new_tokens=50)}):
        scripted(model, monkeypatch, script)
        out = model.generate(**batch, **options)
        monkeypatch.undo()
        monkeypatch.setattr(model, "generation_config", generation_defaults(processor.tokenizer))
        assert processor.decode(out[0, start:], skip_special_tokens=True) == "There."
        assert processor.batch_decode(out[:, start:], skip_special_tokens=True) == ["There."]
        assert processor.post_process_image_text_to_text(out)[0].endswith("Assistant: There.")
    scripted(model, monkeypatch, script)
    assert model.generate(**batch, max_new_tokens=50, stop_sequences=[]).shape[1] == start + 50


@pytest.mark.parametrize("folder", [NANO, NANO / "photographs"], ids=lambda folder: folder.name)
def test_what_is_shipped_agrees_on_the_special_ids(folder: Path) -> None:
    config = GenerationConfig.from_pretrained(folder)
    tokenizer = SphinxTokenizer.from_pretrained(folder)
    processor = SphinxProcessor.from_pretrained(folder)
    assert config.pad_token_id == tokenizer.pad_token_id != processor.image_token_id
    assert (config.bos_token_id, config.eos_token_id) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert getattr(config, "stop_sequences") == stop_sequences(tokenizer)  # noqa: B009 (no declared field)
