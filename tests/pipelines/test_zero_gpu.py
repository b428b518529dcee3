"""Parts behind a lent GPU: a stand-in for `spaces.GPU` that pickles whatever passes, as the real one does."""

from __future__ import annotations

import inspect
import pickle
from functools import wraps
from typing import Any

import numpy as np
import pytest

from pipelines import catalog
from pipelines.assistant import Assistant
from pipelines.errors import MissingCapability
from pipelines.interfaces import ReplyOptions
from pipelines.pictures import Pictures
from pipelines.scene import Click, Point, Scene
from pipelines.zero_gpu import LONGEST_S, run_on_zero_gpu, seconds


class Lender:
    """Remembers what was borrowed, for how long, and what was given back early."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.closed: list[str] = []

    def GPU(self, *, duration):  # noqa: N802
        def decorate(task):
            assert inspect.isgeneratorfunction(task)  # else the lender would wait for the last piece

            @wraps(task)
            def served(*given, **named):
                given, named = pickle.loads(pickle.dumps((given, named)))
                self.calls.append((given[0], duration(*given, **named)))
                pieces = task(*given, **named)
                while True:
                    try:
                        piece = next(pieces)
                    except StopIteration:
                        return
                    except Exception as error:
                        raise RuntimeError(type(error).__name__) from None
                    try:
                        yield pickle.loads(pickle.dumps(piece))
                    except GeneratorExit:
                        pieces.close()
                        self.closed.append(given[0])
                        raise

            return served

        return decorate


@pytest.fixture
def lender() -> Lender:
    return Lender()


@pytest.fixture
def borrowing(lender, vlm, segmenter, inpainter, about, tmp_path) -> Assistant:
    return Assistant(
        *run_on_zero_gpu(lender.GPU, vlm, segmenter, inpainter), about, Pictures(tmp_path / "lent")
    )


def test_every_verb_borrows_and_answers_the_same(assistant, borrowing, lender, drawing):
    for words in ("segment the red ball", "describe the picture with boxes", "remove the red ball"):
        scene = borrowing.answer(borrowing.open(drawing), words)
        here = assistant.answer(assistant.open(drawing), words)
        assert scene.turns[-1].text == here.turns[-1].text
        assert scene.regions == here.regions
        assert np.array_equal(
            np.asarray(borrowing.image(scene.picture)), np.asarray(assistant.image(here.picture))
        )
    scene = borrowing.click(borrowing.open(drawing), Click(Point(70, 100)))
    assert scene.regions[0].mask
    assert {verb for verb, _ in lender.calls} == {"stream", "in_distribution", "is_drawn", "outline", "paint"}
    assert borrowing.engine.vlm.name == "fake-sphinx"


def test_words_stream_and_closing_gives_the_gpu_back(borrowing, lender, vlm, drawing):
    vlm.otherwise = "word " * 200
    scenes = borrowing.reply(borrowing.open(drawing), "tell me a story")
    texts = [next(scenes).turns[-1].text for _ in range(4)]
    assert len(set(texts)) == 4
    passes = vlm.forward_passes
    assert borrowing.forward_passes == passes == 3
    scenes.close()
    assert vlm.forward_passes == passes
    assert vlm.closed == 1
    assert lender.closed == ["stream"]


def test_a_gpu_is_borrowed_for_as_long_as_the_request_needs(borrowing, lender, drawing):
    def asked(words: str, **options: Any) -> int:
        lender.calls.clear()
        borrowing.answer(borrowing.open(drawing), words, options=ReplyOptions(**options))
        return max(lent for _, lent in lender.calls)

    short = asked("describe the picture in detail", max_new_tokens=16)
    long = asked("describe the picture in detail", max_new_tokens=512)
    assert seconds("outline") <= short < long <= LONGEST_S
    few, many = (asked("remove the red ball", steps=steps, max_new_tokens=16) for steps in (4, 60))
    assert short < few < many <= LONGEST_S
    assert asked("describe the picture in detail", max_new_tokens=4000) == LONGEST_S


def test_a_refusal_keeps_its_words(borrowing, inpainter, drawing):
    inpainter.cannot.add("star")
    scene = borrowing.answer(borrowing.open(drawing), "segment the red ball")
    with pytest.raises(MissingCapability, match="cannot paint “star”"):
        borrowing.answer(scene, "replace it with a star")


def test_a_fault_stays_a_fault(borrowing, segmenter, drawing):
    segmenter.outline = lambda *given, **named: 1 / 0
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        borrowing.click(borrowing.open(drawing), Click(Point(70, 100)))


def test_the_catalogue_borrows_where_a_gpu_is_lent(monkeypatch, lender, vlm, segmenter, inpainter, about):
    monkeypatch.setattr(catalog, "load_vlm", lambda *_, **_more: (vlm, about))
    monkeypatch.setattr(catalog, "load_segmenter", lambda *_: segmenter)
    monkeypatch.setattr(catalog, "load_inpainter", lambda *_: inpainter)
    lent = catalog.load(gpu=lender.GPU)
    assert lent.answer(Scene(), "hello").turns[-1].text
    assert [verb for verb, _ in lender.calls] == ["stream"]
    assert catalog.load().engine.vlm is vlm
