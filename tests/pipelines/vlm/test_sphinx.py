"""The wrapper around a tiny random SPHINX: caches change nothing, closing stops, seeds are of a call."""

import time

import pytest
import torch
from PIL import Image

from model.familiarity import Familiarity
from model.generation_sphinx import stream as plain_stream
from model.mixing import mix_models
from pipelines.errors import DemoError, MissingCapability
from pipelines.interfaces import GenerationOptions
from pipelines.vlm import SphinxVLM
from pipelines.vlm.batcher import AHEAD
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


def test_a_mixture_looks_with_its_own_weights(parts, vlm, picture):
    model, processor = parts
    other = tiny_model(model.config, seed=5)
    mixture = vlm.mixed(SphinxVLM(other, processor, name="other"), 0.5)
    plain = mix_models(tiny_model(model.config), tiny_model(model.config, seed=5), 0.5)
    assert ask(mixture, picture) == expected((plain, processor), picture, "What is it?")
    views = model.config.num_views
    with torch.no_grad():
        seen = plain.get_image_features(
            processor(text="", images=[picture], return_tensors="pt").pixel_values
        ).pooler_output
    torch.testing.assert_close(mixture._encode(picture, views, model.config.encoders), seen)


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
    assert calls == [1]  # fewer views are the first tokens of more


def test_opening_and_asking_encode_a_picture_once(parts, picture, monkeypatch):
    # The page asks with as many views as the checkpoint has, opening with its default, which is the same.
    calls = []
    encode = parts[0].get_image_features
    monkeypatch.setattr(parts[0], "get_image_features", lambda *a, **k: calls.append(1) or encode(*a, **k))
    width = 2 * parts[0].config.get_text_config().hidden_size
    familiarity = Familiarity(torch.zeros(1, width), torch.eye(width)[None], torch.tensor([1e6]))
    vlm = SphinxVLM(*parts, name="tiny", familiarity=familiarity)
    assert vlm.in_distribution(picture, "digest")
    every = parts[0].config.encoders
    for views, encoders in ((None, None), (5, None), (None, every), (5, every[::-1]), (2, None)):
        options = GenerationOptions(max_new_tokens=3, views=views, encoders=encoders)
        ask(vlm, picture, options=options)
    assert calls == [1]
    ask(vlm, picture, options=GenerationOptions(max_new_tokens=3, encoders=("clip",)))
    assert calls == [1, 1]


def spied(vlm, monkeypatch) -> list[int]:
    """The number of tokens of each forward pass from now on."""
    lengths: list[int] = []
    decoder = vlm._batcher()._decoder
    forward = decoder.forward
    monkeypatch.setattr(decoder, "forward", lambda x, pieces: lengths.append(len(x)) or forward(x, pieces))
    return lengths


def test_the_conversation_is_prefilled_once(vlm, picture, monkeypatch):
    first = ask(vlm, picture)
    lengths = spied(vlm, monkeypatch)
    ask(vlm, picture, "And now?", (("What is it?", first),))
    assert lengths[0] < 60  # the new question, not the picture's tokens and the old turn
    assert set(lengths[1:]) == {1}


def test_conversations_about_one_picture_are_kept_beside_one_another(vlm, picture, monkeypatch):
    asked = "Tell me everything that you see in this picture, please."
    history = ((asked, ask(vlm, picture, asked)),)
    ask(vlm, picture, "Where is the ball?")  # without the history, as finding and outlining do
    ask(vlm, picture, "Where is the cup?")
    lengths = spied(vlm, monkeypatch)
    ask(vlm, picture, "And now?", history)
    assert lengths[0] < 60
    del lengths[:]
    ask(vlm, picture, "Where is the cup?")
    assert set(lengths) == {1}  # all of the prompt but its last token was read before


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


def test_closing_stops_within_a_token(vlm, picture, monkeypatch):
    monkeypatch.setattr("pipelines.vlm.batcher.AHEAD_S", 0)
    ask(vlm, picture)  # reads the picture
    options = GenerationOptions(max_new_tokens=500)
    before = vlm.forward_passes
    replies = vlm.stream(picture, "digest", (), "Tell me more", options=options)
    next(replies)
    next(replies)
    replies.close()
    passes = vlm.forward_passes
    assert passes - before <= 2 + AHEAD + 1  # the prompt's chunks are one pass; what was not taken is bounded
    time.sleep(0.2)
    assert vlm.forward_passes <= passes + 1
    assert vlm.load().answering == vlm.load().waiting == 0
    assert ask(vlm, picture) == ask(vlm, picture)


def test_old_turns_go_when_the_conversation_is_long(vlm, picture):
    turns = tuple((f"question {i} " * 10, "answer " * 10) for i in range(20))
    assert isinstance(ask(vlm, picture, "And now?", turns), str)
    with pytest.raises(DemoError, match="too long"):
        ask(vlm, picture, "word " * 2000)


def test_familiarity(parts, picture):
    vlm = SphinxVLM(*parts, name="tiny")
    assert vlm.in_distribution(picture, "digest")
    assert not vlm.is_drawn(picture, "digest")
    width = 2 * parts[0].config.get_text_config().hidden_size
    near = Familiarity(torch.zeros(1, width), torch.eye(width)[None], torch.tensor([1e6]))
    far = Familiarity(torch.zeros(1, width), torch.eye(width)[None], torch.tensor([0.0]))
    assert SphinxVLM(*parts, name="tiny", familiarity=near).in_distribution(picture, "digest")
    assert not SphinxVLM(*parts, name="tiny", familiarity=far).in_distribution(picture, "digest")


def test_a_queue_that_is_full_is_said_before_the_picture_is_looked_at(parts, picture, monkeypatch):
    vlm = SphinxVLM(*parts, name="tiny", places=1, waiting=0)
    replies = vlm.stream(None, None, (), "Tell me more", options=GenerationOptions(max_new_tokens=500))
    next(replies)
    monkeypatch.setattr(parts[0], "get_image_features", None)
    with pytest.raises(DemoError, match=r"0 questions are waiting before yours: try again in about \d s"):
        ask(vlm, picture)
    replies.close()
    assert ask(vlm, None)


def test_memory_that_does_not_suffice_is_explained(vlm, picture, monkeypatch):
    def full(*given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(vlm._model, "get_image_features", full)
    with pytest.raises(MissingCapability, match="memory does not suffice for tiny: use fewer views"):
        ask(vlm, picture)
