"""Each picture is answered by its expert, and is familiar where that expert knows it."""

from typing import Any, cast

import pytest
from PIL import Image

from pipelines.errors import DemoError
from pipelines.interfaces import GenerationOptions, Load
from pipelines.vlm.experts import ExpertsVLM, together
from pipelines.vlm.mixtures import Mixtures

PICTURE = Image.new("RGB", (8, 8))


class Expert:
    """Says its name; knows the pictures that it is told to."""

    def __init__(self, name, distances, *, known=(), wait_s=0.0):
        self.name, self.measured, self.known, self.wait_s = name, distances, known, wait_s
        self.forward_passes = 1

    def stream(self, image, digest, turns, question, *, options):
        self.forward_passes += 1
        self.options = options
        yield self.name

    weight_bytes = 10

    def mixed(self, other, beta):
        return Expert(f"{beta:g} of {self.name}, the rest {other.name}", {})

    def in_distribution(self, image, digest):
        return digest in self.known

    def distances(self, image, digest):
        return self.measured[digest]

    def load(self):
        return Load(1, 0, 0, 1, self.wait_s)


@pytest.fixture
def vlm():
    drawn = Expert("drawn", {"park": (0.8,), "street": (1.1,), "dog.jpg": (0.9,), "noise.png": (9.0,)})
    nearest = {"park": (0.7, 2.0), "street": (1.3, 2.0), "dog.jpg": (0.9, 0.6), "noise.png": (5.0, 6.0)}
    photographs = Expert("photographs", nearest, known=("dog.jpg",), wait_s=3.0)
    return ExpertsVLM(cast(Any, drawn), cast(Any, photographs))


@pytest.mark.parametrize(
    ("digest", "expert"),
    [("park", "drawn"), ("street", "drawn"), ("dog.jpg", "photographs"), ("noise.png", "photographs")],
)
def test_a_picture_is_answered_by_its_expert(vlm, digest, expert):
    assert list(vlm.stream(PICTURE, digest, (), "?", options=GenerationOptions())) == [expert]
    assert vlm.forward_passes == 3


def test_a_beta_asks_the_mixture_whatever_the_picture_is(vlm):
    def said(beta):
        return next(vlm.stream(PICTURE, "park", (), "?", options=GenerationOptions(beta=beta)))

    assert said(0.4) == said(0.4004) == "0.4 of photographs, the rest drawn"
    assert vlm.mixtures.at(0.4).options.beta is None
    assert (said(0.0), said(1.0)) == ("drawn", "photographs")
    assert vlm.mixtures.kept == (0.4,)
    assert vlm.forward_passes == 2 + 2 + 1 + 2  # of the experts, and of the mixture
    with pytest.raises(DemoError, match="0 to 1"):
        said(1.5)


def test_mixtures_are_kept_within_a_bound_of_memory_and_their_passes_are_counted(vlm):
    mixtures = Mixtures(vlm._photographs, vlm._drawn, most_bytes=25)
    first = mixtures.at(0.2)
    assert mixtures.at(0.2) is first
    mixtures.at(0.4)
    mixtures.at(0.2)
    mixtures.at(0.6)
    assert mixtures.kept == (0.2, 0.6)
    assert mixtures.forward_passes == 3


def test_two_that_cannot_be_mixed_are_refused_in_words(vlm, monkeypatch):
    def refuse(*_):
        raise ValueError("the two differ in view_size")

    monkeypatch.setattr(vlm._photographs, "mixed", refuse)
    with pytest.raises(DemoError, match="cannot be mixed: the two differ in view_size"):
        vlm.mixtures.at(0.5)


def test_talk_without_a_picture_is_the_drawn_expert_s(vlm):
    assert list(vlm.stream(None, None, (), "?", options=GenerationOptions())) == ["drawn"]


def test_what_one_of_them_knows_is_familiar(vlm):
    known = [
        name for name in ("park", "street", "dog.jpg", "noise.png") if vlm.in_distribution(PICTURE, name)
    ]
    assert known == ["park", "street", "dog.jpg"]
    assert not vlm.is_drawn(PICTURE, "dog.jpg")


def test_the_load_is_that_of_the_busier(vlm):
    assert vlm.load().wait_s == 3.0


def test_all_of_a_kind_in_a_drawing_is_asked_of_both(vlm):
    def asked(digest, question):
        return list(vlm.stream(PICTURE, digest, (), question, options=GenerationOptions()))

    vlm._drawn.name, vlm._photographs.name = (
        "[0.10,0.10,0.30,0.30]",
        "[0.11,0.10,0.30,0.30;0.50,0.50,0.90,0.90]",
    )
    both = "[0.10,0.10,0.30,0.30;0.50,0.50,0.90,0.90]"
    assert asked("park", "Detect all cats shown in the image.") == ["[0.10,0.10,0.30,0.30]", both]
    assert asked("park", "Detect all regions in the image and describe each of them.") == [vlm._drawn.name]
    assert asked("dog.jpg", "Detect all cats shown in the image.") == [vlm._photographs.name]
    assert together("There are no cats in the image.", "[0.10,0.10,0.30,0.30]") == "[0.10,0.10,0.30,0.30]"
    assert together("[0.10,0.10,0.30,0.30]", "There are no cats in the image.") == "[0.10,0.10,0.30,0.30]"


def test_who_counts_is_asked_in_place_of_the_photographs_expert(vlm):
    vlm._drawn.name, vlm._photographs.name = "[0.10,0.10,0.30,0.30]", "[0.60,0.60,0.90,0.90]"
    counting = Expert("[0.50,0.10,0.90,0.30]", {}, wait_s=5.0)
    three = ExpertsVLM(vlm._drawn, vlm._photographs, cast(Any, counting))
    asked = three.stream(
        PICTURE, "park", (), "Detect all cats shown in the image.", options=GenerationOptions()
    )
    assert list(asked)[-1] == "[0.10,0.10,0.30,0.30;0.50,0.10,0.90,0.30]"
    assert three.load().wait_s == 5.0
    assert three.forward_passes == vlm.forward_passes + counting.forward_passes
