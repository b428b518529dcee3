"""What the benchmarks ask: sphinx-nano over an example picture, and a language model of Tiny's width."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import cast

import torch
from PIL import Image
from transformers import LlamaConfig

from model import SphinxConfig, SphinxForConditionalGeneration
from pipelines.catalog import Settings, load_vlm
from pipelines.interfaces import GenerationOptions, VisionLanguageModel
from pipelines.vlm import ExpertsVLM, SphinxVLM

EXAMPLES = Path(__file__).parent.parent.parent / "assets" / "examples"
FIRST = "How many people are in the image?"
ANSWER = "There are two people."
QUESTIONS = (
    "Detect all regions in the image and describe each of them.",
    "Describe the image concisely. Include the bounding box for each mentioned object.",
    "Please provide the bounding box coordinate of the region this sentence describes: the red person.",
    "Detect all people shown in the image.",
    "Generate a detailed description about the image.",
    "What colour is the ball? Answer the question using a single word or phrase.",
    "Is there a dog in the image? Answer the question using a single word or phrase.",
    "Provide a one-sentence caption for the provided image.",
)
TINY_LAYERS = 22  # of TinyLlama-1.1B
DEPTH = 2  # layers that are measured


@cache
def served() -> VisionLanguageModel:
    """The embedded checkpoints on the CPU as several visitors have them, in two processes."""
    vlm = load_vlm(Settings().model, "cpu", "float32", "", beside=True)[0]
    if isinstance(vlm, ExpertsVLM) and vlm._beside:
        vlm._beside.start()
        while not vlm._beside.process:
            time.sleep(0.1)
    return vlm


@cache
def lonely() -> VisionLanguageModel:
    """The same in one process, as a visitor has them who is alone."""
    return load_vlm(Settings().model, "cpu", "float32", "")[0]


@cache
def nano() -> SphinxVLM:
    """The expert for drawn pictures alone."""
    vlm = lonely()
    return vlm._drawn if isinstance(vlm, ExpertsVLM) else cast(SphinxVLM, vlm)


@cache
def picture(number: int = 2) -> Image.Image:
    """An example picture."""
    paths = sorted(EXAMPLES.glob("*.png"))
    return Image.open(paths[number % len(paths)]).convert("RGB")


@cache
def tiny() -> SphinxForConditionalGeneration:
    """A language model as wide as TinyLlama-1.1B, `DEPTH` layers deep, of random weights, no encoders."""
    torch.manual_seed(0)
    text = LlamaConfig(
        vocab_size=32000,
        hidden_size=2048,
        intermediate_size=5632,
        num_hidden_layers=DEPTH,
        num_attention_heads=32,
        num_key_value_heads=4,
        max_position_embeddings=4096,
    )
    return SphinxForConditionalGeneration(SphinxConfig(text_config=text)).eval()


def asked(
    digest: str,
    question: str,
    turns: tuple[tuple[str, str], ...] = (),
    *,
    tokens: int = 48,
    number: int = 2,
    vlm: VisionLanguageModel | None = None,
) -> str:
    """The whole reply of sphinx-nano, as a visitor has it who is alone, where `vlm` is none."""
    options = GenerationOptions(max_new_tokens=tokens)
    *_, raw = (vlm or lonely()).stream(picture(number), digest, turns, question, options=options)
    return raw
