"""The speaker over a tiny random SPHINX: caches change nothing, closing stops, the dice are the request's."""

import pytest
import torch
from PIL import Image

from model.familiarity import Familiarity
from model.generation_sphinx import stream as plain_stream
from pipelines.errors import DemoError, MissingCapability
from pipelines.parts import SpeakerOptions
from pipelines.sphinx import Kept, SphinxSpeaker
from tests.model.tiny import tiny_config, tiny_model, tiny_processor

OPTIONS = SpeakerOptions(max_new_tokens=12)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    config = tiny_config()
    return tiny_model(config), tiny_processor(tmp_path_factory.mktemp("tiny"), config)


@pytest.fixture
def speaker(parts) -> SphinxSpeaker:
    return SphinxSpeaker(*parts, name="tiny")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.effect_noise((90, 60), 80).convert("RGB")


def ask(speaker, picture, question="What is it?", turns=(), options=OPTIONS) -> str:
    *_, raw = speaker.stream(picture, "digest" if picture else None, turns, question, options=options)
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


def test_it_answers_as_the_model_does(speaker, parts, picture):
    for _ in range(2):
        assert ask(speaker, picture) == expected(parts, picture, "What is it?")
    assert ask(speaker, None) == expected(parts, None, "What is it?")


def test_caches_change_nothing(speaker, parts, picture):
    first = ask(speaker, picture)
    turns = (("What is it?", first),)
    fresh = SphinxSpeaker(*parts, name="tiny")
    assert ask(speaker, picture, "And now?", turns) == ask(fresh, picture, "And now?", turns)
    assert ask(speaker, picture, "And now?", turns) == expected(parts, picture, "And now?", turns)
    assert ask(speaker, picture) == first


def test_a_picture_is_encoded_once_a_conversation(speaker, parts, picture, monkeypatch):
    calls = []
    encode = parts[0].get_image_features
    monkeypatch.setattr(parts[0], "get_image_features", lambda *a, **k: calls.append(1) or encode(*a, **k))
    for question in ("one?", "two?", "three?"):
        ask(speaker, picture, question)
    assert calls == [1]
    ask(speaker, picture, options=SpeakerOptions(max_new_tokens=3, views=1))
    assert calls == [1, 1]


def test_the_conversation_is_prefilled_once(speaker, parts, picture, monkeypatch):
    lengths = []
    forward = parts[0].model.forward

    def spy(*args, **kwargs):
        lengths.append(kwargs["input_ids"].shape[1])
        return forward(*args, **kwargs)

    first = ask(speaker, picture)
    monkeypatch.setattr(parts[0].model, "forward", spy)
    ask(speaker, picture, "And now?", (("What is it?", first),))
    assert lengths[0] < 60  # the new question, not the picture's tokens and the old turn
    assert set(lengths[1:]) == {1}


def test_views_and_encoders(speaker, parts, picture):
    one = SpeakerOptions(max_new_tokens=12, views=1)
    assert ask(speaker, picture, options=one) == expected(parts, picture, "What is it?", views=1)
    ask(speaker, picture, options=SpeakerOptions(max_new_tokens=2, encoders=("clip", "dinov2")))
    for wrong in (
        SpeakerOptions(views=9),
        SpeakerOptions(encoders=("sonar",)),
        SpeakerOptions(temperature=-1),
    ):
        with pytest.raises(DemoError):
            ask(speaker, picture, options=wrong)


def test_the_dice_are_the_requests(speaker, picture):
    def sampled(seed: int) -> str:
        return ask(
            speaker, picture, options=SpeakerOptions(seed=seed, temperature=1.5, top_p=1.0, max_new_tokens=12)
        )

    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert sampled(3) == sampled(3)
    assert len({sampled(seed) for seed in range(6)}) > 1
    assert torch.equal(before, torch.get_rng_state())


def test_closing_stops_at_once(speaker, picture):
    replies = speaker.stream(
        picture, "digest", (), "Tell me more", options=SpeakerOptions(max_new_tokens=200)
    )
    next(replies)
    next(replies)
    passes = speaker.forward_passes
    assert passes == 2
    replies.close()
    assert speaker.forward_passes == passes
    assert ask(speaker, picture) == ask(speaker, picture)


def test_old_turns_go_when_the_conversation_is_long(speaker, picture):
    turns = tuple((f"question {i} " * 10, "answer " * 10) for i in range(20))
    assert isinstance(ask(speaker, picture, "And now?", turns), str)
    with pytest.raises(DemoError, match="too long"):
        ask(speaker, picture, "word " * 2000)


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
    speaker = SphinxSpeaker(*parts, name="tiny")
    assert speaker.familiar(picture, "digest")
    width = 2 * parts[0].config.get_text_config().hidden_size
    near = Familiarity(torch.zeros(width), torch.eye(width), 1e6)
    far = Familiarity(torch.zeros(width), torch.eye(width), 0.0)
    assert SphinxSpeaker(*parts, name="tiny", familiarity=near).familiar(picture, "digest")
    assert not SphinxSpeaker(*parts, name="tiny", familiarity=far).familiar(picture, "digest")


def test_memory_that_does_not_suffice_is_explained(speaker, picture, monkeypatch):
    def full(*given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(speaker._model, "get_image_features", full)
    with pytest.raises(MissingCapability, match="memory does not suffice for tiny: use fewer views"):
        ask(speaker, picture)
