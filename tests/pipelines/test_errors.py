"""What is said where memory does not suffice, whoever allocates it, and where nobody foresaw what happens."""

from __future__ import annotations

import logging
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from pipelines.errors import (
    DemoError,
    MissingCapability,
    explain_shortage,
    fault,
    is_shortage,
    loading_failed,
)
from pipelines.intake import open_photo
from pipelines.scene import Click, Point, Timeline
from pipelines.visit import Growing, serve
from pipelines.zero_gpu import run_on_zero_gpu


def _numpy() -> None:
    np.empty(1 << 50, np.uint8)


def _pytorch() -> None:
    torch.empty(1 << 55)


def _opencv() -> None:
    raise cv2.error("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 99 bytes")


def _cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def _mps() -> None:
    raise RuntimeError("MPS backend out of memory (MPS allocated: 18.0 GB, max allowed: 18.1 GB)")


def _cublas() -> None:
    raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")


def _python() -> None:
    raise MemoryError


def raised(act: Callable[[], None]) -> Exception:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


SHORTAGES = [_numpy, _pytorch, _opencv, _cuda, _mps, _cublas, _python]


@pytest.mark.parametrize("shortage", SHORTAGES)
def test_shortages_are_told_from_other_errors(shortage):
    error = raised(shortage)
    assert is_shortage(error)
    assert "does not suffice to load it" in str(loading_failed("it", error))
    with (
        pytest.raises(MissingCapability, match="does not suffice for me: close a window"),
        explain_shortage("me", "close a window"),
    ):
        shortage()


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not match"), ValueError("out of memory"), OSError(28, "disk full")]
)
def test_other_errors_stay_what_they_are(error):
    assert not is_shortage(error)
    with pytest.raises(type(error)), explain_shortage("me"):
        raise error


@pytest.mark.parametrize("shortage", SHORTAGES)
def test_every_model_says_so_and_a_partial_answer_stays(assistant, drawing, monkeypatch, shortage):
    scene = assistant.open(drawing)

    def short(*given, **named):
        shortage()

    def breaks_off(*given, **named):
        yield "A red ball "
        yield "A red ball lies"
        shortage()

    def paints(*given, **named):
        shortage()
        yield

    with monkeypatch.context() as patch:
        patch.setattr(assistant.engine.segmenter, "outline", short)
        with pytest.raises(MissingCapability, match="memory does not suffice for fake-sam"):
            assistant.click(scene, Click(Point(70, 100)))
    with monkeypatch.context() as patch:
        patch.setattr(assistant.engine.inpainter, "paint", paints)
        with pytest.raises(MissingCapability, match="memory does not suffice"):
            assistant.answer(scene, "remove the red ball")
    monkeypatch.setattr(assistant.engine.vlm, "stream", breaks_off)
    grown: list[Growing] = []
    with pytest.raises(MissingCapability, match="memory does not suffice"):
        grown.extend(serve(assistant, Timeline().push(scene), "describe the picture"))
    last = grown[-1].timeline.scene.turns[-1]
    assert last.text.startswith("A red ball")
    assert last.unfinished


def test_it_is_said_from_another_process_too(vlm, segmenter, inpainter, drawing, monkeypatch):
    monkeypatch.setattr(segmenter, "outline", lambda *_, **__: _pytorch())
    _, remote, _ = run_on_zero_gpu(lambda **terms: lambda served: served, vlm, segmenter, inpainter)
    with pytest.raises(MissingCapability, match="memory does not suffice for fake-sam"):
        remote.outline(drawing, "digest", clicks=[Click(Point(1, 1))])


def test_it_is_said_on_opening(drawing, monkeypatch):
    monkeypatch.setattr("pipelines.intake._split", lambda image: _numpy())
    with pytest.raises(DemoError, match="memory does not suffice to open"):
        open_photo(drawing)


def test_a_fault_is_found_in_the_log_by_its_number(caplog):
    with caplog.at_level(logging.ERROR):
        said = fault(ZeroDivisionError("by a secret"))
    number = str(said).split()[-1].rstrip(".")
    assert "secret" not in str(said)
    (record,) = caplog.records
    assert number in record.getMessage()
    assert record.exc_info
