"""Where a reply ends, what of it is shown, and whose random numbers draw it."""

from __future__ import annotations

from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model import STOP, ReplyStreamer, nucleus, stream, turn_end, visible
from model.generation_sphinx import Nucleus
from tests.model.tiny import tiny_config, tiny_model, tiny_processor


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = tiny_config()
    return tiny_model(config), tiny_processor(tmp_path_factory.mktemp("generation"), config)


@pytest.mark.parametrize(
    ("text", "growing", "finished"),
    [
        ("A ball", "A ball", "A ball"),
        ("A ball\n", "A ball", "A ball"),
        ("A ball\n#", "A ball", "A ball\n#"),
        ("A ball\n##", "A ball", "A ball\n##"),
        ("A ball\n###", "A ball", "A ball"),
        ("A ball\n### Human: and", "A ball", "A ball"),
        ("A #", "A #", "A #"),
        ("caf\ufffd", "caf", "caf\ufffd"),
        ("", "", ""),
    ],
)
def test_nothing_of_the_stop_is_shown(text: str, growing: str, finished: str) -> None:
    assert visible(text) == growing
    assert visible(text, finished=True) == finished


@given(st.text(alphabet="ab# \n", max_size=30))
def test_what_is_shown_only_grows(text: str) -> None:
    shown = ""
    for end in range(len(text) + 1):
        now = visible(text[:end])
        assert now.startswith(shown.rstrip()) or shown.startswith(now)
        assert STOP not in now
        shown = now


def forced(model: Any, monkeypatch: pytest.MonkeyPatch, rows: list[list[int]], prompt: int) -> list[int]:
    """Make `model` say `rows`, whatever it is asked; returns the list of its forward passes."""
    passes: list[int] = []
    forward = type(model).forward

    @wraps(forward)
    def scripted(self: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = forward(self, *args, **kwargs)
        step = len(passes)
        passes.append(step)
        logits = torch.full_like(outputs.logits, -10.0)
        for i, row in enumerate(rows):
            logits[i, -1, row[min(step, len(row) - 1)]] = 10.0
        outputs.logits = logits
        return outputs

    monkeypatch.setattr(type(model), "forward", scripted)
    return passes


def test_each_row_of_a_batch_ends_by_itself(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, processor = parts
    tokenizer = processor.tokenizer
    long = tokenizer("A ball and a long tail\n###").input_ids[1:]
    short = tokenizer("A\n###").input_ids[1:]
    batch = processor(text=["Hello", "Hello there"], return_tensors="pt")
    prompt = batch["input_ids"].shape[1]
    forced(model, monkeypatch, [long, [*short, *[9] * 60]], prompt)
    out = model.generate(
        **batch, max_new_tokens=50, stopping_criteria=turn_end(tokenizer, prompt), do_sample=False
    )
    words = [tokenizer.decode(row[prompt:], skip_special_tokens=True) for row in out]
    assert [visible(w, finished=True) for w in words] == ["A ball and a long tail", "A"]
    assert out[1, prompt + len(short) :].tolist() == [tokenizer.pad_token_id] * (len(long) - len(short))


def test_a_stream_is_the_growing_reply(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, processor = parts
    tokenizer = processor.tokenizer
    script = tokenizer("A red ball é.\n### Human: and").input_ids[1:]
    batch = processor(text="Hello", return_tensors="pt")
    passes = forced(model, monkeypatch, [script], 0)
    seen = list(stream(model, tokenizer, dict(batch), max_new_tokens=60))
    assert seen[-1] == "A red ball é."
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))
    assert not any("#" in words or "\ufffd" in words for words in seen)
    passes.clear()
    shown: list[str] = []
    prompt = batch["input_ids"].shape[1]
    model.generate(
        **batch, max_new_tokens=60, do_sample=False,
        streamer=ReplyStreamer(tokenizer, shown.append), stopping_criteria=turn_end(tokenizer, prompt),
    )  # fmt: skip
    assert shown[-1] == "A red ball é."
    assert not any("#" in words for words in shown)


def test_closing_a_stream_ends_the_work(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, processor = parts
    passes = forced(model, monkeypatch, [[40, 41, 42]], 0)
    replies = stream(
        model, processor.tokenizer, dict(processor(text="Hello", return_tensors="pt")), max_new_tokens=99
    )
    next(replies)
    next(replies)
    before = len(passes)
    replies.close()  # type: ignore[attr-defined]
    assert len(passes) == before <= 3


def test_streaming_is_generate(parts: Any) -> None:
    model, processor = parts
    batch = processor(text="Hello there", return_tensors="pt")
    out = model.generate(**batch, max_new_tokens=8, do_sample=False)[0, batch["input_ids"].shape[1] :]
    words = processor.tokenizer.decode(out, skip_special_tokens=True)
    assert list(stream(model, processor.tokenizer, dict(batch), max_new_tokens=8))[-1] == visible(words, True)


def test_random_numbers_are_the_requests_own(parts: Any) -> None:
    model, processor = parts
    batch = dict(processor(text="Hello there", return_tensors="pt"))

    def draw(seed: int) -> str:
        generator = torch.Generator().manual_seed(seed)
        options = {"max_new_tokens": 12, "temperature": 1.5, "top_p": 0.95, "generator": generator}
        return list(stream(model, processor.tokenizer, dict(batch), **options))[-1]

    state = torch.get_rng_state()
    first = draw(1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert draw(1) == first
    assert len({draw(seed) for seed in range(4)}) > 1
    by_generate = model.generate(
        **batch, max_new_tokens=12, do_sample=False,
        logits_processor=nucleus(1.5, 0.95, torch.Generator().manual_seed(1)),
    )  # fmt: skip
    words = processor.tokenizer.decode(
        by_generate[0, batch["input_ids"].shape[1] :], skip_special_tokens=True
    )
    assert visible(words, True) == first
    with pytest.raises(ValueError, match="generator"):
        next(stream(model, processor.tokenizer, dict(batch), max_new_tokens=1, temperature=1.0))


def test_the_nucleus_is_the_originals() -> None:
    # Ids whose betters already hold more than top_p are never drawn; the one that crosses it is.
    scores = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    drawn = set()
    for seed in range(60):
        chosen = Nucleus(1.0, 0.6, torch.Generator().manual_seed(seed))(torch.zeros(1, 1), scores)
        drawn.add(int(chosen.argmax()))
        assert torch.isfinite(chosen).sum() == 1
    assert drawn == {0, 1}
    two = torch.cat((scores, scores))
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    rows = Nucleus(1.0, 1.0, generators)(torch.zeros(2, 1), two).argmax(-1).tolist()
    alone = [
        int(Nucleus(1.0, 1.0, torch.Generator().manual_seed(s))(torch.zeros(1, 1), scores).argmax())
        for s in (3, 4)
    ]
    assert rows == alone
    with pytest.raises(ValueError, match="as many generators"):
        Nucleus(1.0, 1.0, generators)(torch.zeros(1, 1), scores)
    with pytest.raises(ValueError, match="temperature > 0"):
        Nucleus(0.0, 0.5, generators)


def test_a_tail_is_enough_to_see_the_stop(parts: Any, tmp_path: Path) -> None:
    tokenizer = parts[1].tokenizer
    criteria: Any = turn_end(tokenizer, 0)
    for before in ("A", "A ball.", "é", "x\n", "#"):
        ids = tokenizer(before + STOP).input_ids[1:]
        assert criteria(torch.tensor([ids]), None).tolist() == [True], before
        assert criteria(torch.tensor([ids[:-1]]), None).tolist() == [False], before
