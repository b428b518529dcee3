"""The wrapper around a tiny random SPHINX: caches change nothing, closing stops, seeds are per call."""

import pytest
import torch
from PIL import Image

from model.familiarity import Familiarity
from model.generation_sphinx import stream as plain_stream
from pipelines.errors import DemoError, MissingCapability
from pipelines.interfaces import GenerationOptions
from pipelines.sphinx import Kept, SphinxVLM
from tests.model.tiny import tiny_config, tiny_model, tiny_processor

OPTIONS = GenerationOptions(max_new_tokens=12)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    config = tiny_config()
    return tiny_model(config), tiny_processor(tmp_path_factory.mktemp("tiny"), config)


@pytest.fixture
def vlm(parts) -> SphinxVLM:
    return SphinxVLM(*parts, name="tiny")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.effect_noise((90, 60), 80).convert("RGB")


def ask(vlm, picture, question="What is it?", turns=(), options=OPTIONS) -> str:
    *_, raw = vlm.stream(picture, "digest" if picture else None, turns, question, options=options)
    return raw


def expected(parts, picture, question, turns=(), views=None) -> str:
    """The plain road: no cache at all."""
    model, processor = parts
    inputs = processor(
        text=processor.prompt([*turns, (question, None)]),
        images=picture and [picture],
        return_tensors="pt",
        views=views,
    )
    *_, raw = plain_stream(model, processor.tokenizer, dict(inputs), max_new_tokens=12)
    return raw


def test_it_answers_as_the_model_does(vlm, parts, picture):
    for _ in range(2):
        assert ask(vlm, picture) == expected(parts, picture, "What is it?")
    assert ask(vlm, None) == expected(parts, None, "What is it?")


def test_caches_change_nothing(vlm, parts, picture):
    first = ask(vlm, picture)
    turns = (("What is it?", first),)
    fresh = SphinxVLM(*parts, name="tiny")
    assert ask(vlm, picture, "And now?", turns) == ask(fresh, picture, "And now?", turns)
    assert ask(vlm, picture, "And now?", turns) == expected(parts, picture, "And now?", turns)
    assert ask(vlm, picture) == first


def test_a_picture_is_encoded_once_a_conversation(vlm, parts, picture, monkeypatch):
    calls = []
    encode = parts[0].get_image_features
    monkeypatch.setattr(parts[0], "get_image_features", lambda *a, **k: calls.append(1) or encode(*a, **k))
    for question in ("one?", "two?", "three?"):
        ask(vlm, picture, question)
    assert calls == [1]
    ask(vlm, picture, options=GenerationOptions(max_new_tokens=3, views=1))
    assert calls == [1, 1]


def test_the_conversation_is_prefilled_once(vlm, parts, picture, monkeypatch):
    lengths = []
    forward = parts[0].model.forward

    def spy(*args, **kwargs):
        lengths.append(kwargs["input_ids"].shape[1])
        return forward(*args, **kwargs)

    first = ask(vlm, picture)
    monkeypatch.setattr(parts[0].model, "forward", spy)
    ask(vlm, picture, "And now?", (("What is it?", first),))
    assert lengths[0] < 60  # the new question, not the picture's tokens and the old turn
    assert set(lengths[1:]) == {1}


def test_views_and_encoders(vlm, parts, picture):
    one = GenerationOptions(max_new_tokens=12, views=1)
    assert ask(vlm, picture, options=one) == expected(parts, picture, "What is it?", views=1)
    ask(vlm, picture, options=GenerationOptions(max_new_tokens=2, encoders=("clip", "dinov2")))
    for wrong in (
        GenerationOptions(views=9),
        GenerationOptions(encoders=("sonar",)),
        GenerationOptions(temperature=-1),
    ):
        with pytest.raises(DemoError):
            ask(vlm, picture, options=wrong)


def test_the_dice_are_the_requests(vlm, picture):
    def sampled(seed: int) -> str:
        return ask(
            vlm, picture, options=GenerationOptions(seed=seed, temperature=1.5, top_p=1.0, max_new_tokens=12)
        )

    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert sampled(3) == sampled(3)
    assert len({sampled(seed) for seed in range(6)}) > 1
    assert torch.equal(before, torch.get_rng_state())


def test_closing_stops_at_once(vlm, picture):
    replies = vlm.stream(picture, "digest", (), "Tell me more", options=GenerationOptions(max_new_tokens=200))
    next(replies)
    next(replies)
    passes = vlm.forward_passes
    assert passes == 2
    replies.close()
    assert vlm.forward_passes == passes
    assert ask(vlm, picture) == ask(vlm, picture)


def test_old_turns_go_when_the_conversation_is_long(vlm, picture):
    turns = tuple((f"question {i} " * 10, "answer " * 10) for i in range(20))
    assert isinstance(ask(vlm, picture, "And now?", turns), str)
    with pytest.raises(DemoError, match="too long"):
        ask(vlm, picture, "word " * 2000)


def test_what_is_kept_is_bounded():
    kept = Kept(10, len)
    for name in "abc":
        kept.put(name, "1234")
    assert len(kept) == 2
    assert kept.get("a") is None
    kept.put("large", "x" * 11)
    assert kept.get("large") is None
    assert kept.take("c") == "1234"
    assert kept.take("c") is None


def test_familiarity(parts, picture):
    vlm = SphinxVLM(*parts, name="tiny")
    assert vlm.in_distribution(picture, "digest")
    width = 2 * parts[0].config.get_text_config().hidden_size
    near = Familiarity(torch.zeros(width), torch.eye(width), 1e6)
    far = Familiarity(torch.zeros(width), torch.eye(width), 0.0)
    assert SphinxVLM(*parts, name="tiny", familiarity=near).in_distribution(picture, "digest")
    assert not SphinxVLM(*parts, name="tiny", familiarity=far).in_distribution(picture, "digest")


def test_memory_that_does_not_suffice_is_explained(vlm, picture, monkeypatch):
    def full(*given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(vlm._model, "get_image_features", full)
    with pytest.raises(MissingCapability, match="memory does not suffice for tiny: use fewer views"):
        ask(vlm, picture)
