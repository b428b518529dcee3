# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false, reportArgumentType=false
"""transformers' ModelTesterMixin over the dense, light, mixture and skip-token models, at tiny size."""

from __future__ import annotations

import unittest
from typing import Any

import pytest
import torch

from model import SphinxForConditionalGeneration, SphinxModel
from tests.model.tiny import tiny_config, tiny_model
from tests.model.transformers_suites import suite

common = suite("test_modeling_common")
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning")]

EXCEPTIONS = {
    "test_bc_torch_dtype": "loads checkpoints from the Hub",
    "test_eager_matches_sdpa_inference": (
        "feeds placeholders without their pictures, which SPHINX refuses; test_modeling.py compares both "
        "kinds of attention on whole batches"
    ),
    "test_model_rope_scaling_from_config": "reads random ids, placeholders among them, without pictures",
}
"""Tests of the suite that do not apply, by the beginning of their names, each with its reason."""


class SphinxInputs:
    """What the suite asks for: a configuration and a batch of two pictures with words."""

    batch_size, seq_length, is_training = 2, 0, True

    def __init__(self, **kind: Any) -> None:
        self.kind = kind
        config = self.get_config()
        self.hidden_size = config.text_config.hidden_size
        self.num_hidden_layers = config.text_config.num_hidden_layers
        self.num_attention_heads = config.text_config.num_attention_heads
        self.seq_length = config.image_tokens() + 8

    def get_config(self) -> Any:
        """Return a configuration whose encoders keep one patch grid."""
        return tiny_config(**self.kind)

    def prepare_config_and_inputs_for_common(self) -> tuple[Any, dict[str, torch.Tensor]]:
        """Return a configuration, and the inputs that belong to it."""
        config = self.get_config()
        count, side = config.image_tokens(), config.image_size
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(3, 300, (2, self.seq_length), generator=generator)
        ids[:, 1 : 1 + count] = config.image_token_id
        pixels = torch.randn(2, 3, side, side, generator=generator)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}
        return config, inputs


class ModelChecks(common.ModelTesterMixin, common.GenerationTesterMixin):
    """The suite with SPHINX's settings, and checks of generation, whose suite is not shipped."""

    all_model_classes = (SphinxModel, SphinxForConditionalGeneration)
    _is_composite = True
    skip_test_image_features_output_shape = True  # its features are those of several encoders, joined
    kind: dict[str, Any] = {}

    def setUp(self) -> None:
        for name, reason in EXCEPTIONS.items():
            if self._testMethodName.startswith(name):  # type: ignore[attr-defined]
                self.skipTest(reason)  # type: ignore[attr-defined]
        self.model_tester = SphinxInputs(**self.kind)

    @classmethod
    def setUpClass(cls) -> None:
        """Let the suite know what kind of a model it has: it goes by transformers' own names."""
        common.MODEL_MAPPING_NAMES["sphinx"] = SphinxModel.__name__
        common.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES["sphinx"] = SphinxForConditionalGeneration.__name__

    @classmethod
    def tearDownClass(cls) -> None:
        del common.MODEL_MAPPING_NAMES["sphinx"]
        del common.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES["sphinx"]

    def _layers_of_encoders(self) -> list[int]:
        config = self.model_tester.get_config()
        parts = ("clip_config", "dinov2_config", "qformer_vision_config", "qformer_config")
        return [getattr(config, part).num_hidden_layers for part in parts if getattr(config, part)]

    def _image_features_get_expected_num_attentions(self, model_tester: Any = None) -> int:
        crossing = (
            1 if self.model_tester.get_config().qformer_config else 0
        )  # of two layers, one looks across
        return sum(self._layers_of_encoders()) + crossing

    def _image_features_get_expected_num_hidden_states(self, model_tester: Any = None) -> int:
        return sum(layers + 1 for layers in self._layers_of_encoders())

    def _generate(self, count: int = 4, **options: Any) -> Any:
        """Return what a model with the weights of seed 0 generates, and the prompt's length."""
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        model = tiny_model(config)
        model.generation_config.eos_token_id = None  # let no row end early
        made = model.generate(**inputs, max_new_tokens=count, suppress_tokens=[0], **options)
        return made, inputs["input_ids"].shape[1]

    def test_greedy_generation_is_repeatable_with_every_cache(self) -> None:
        plain, length = self._generate(do_sample=False)
        assert plain.shape == (2, length + 4)  # type: ignore[attr-defined]
        for options in ({"use_cache": False}, {"cache_implementation": "static"}):
            assert torch.equal(self._generate(do_sample=False, **options)[0], plain), options

    def test_generation_returns_scores_states_and_attentions(self) -> None:
        made, _ = self._generate(
            do_sample=False, return_dict_in_generate=True, output_scores=True, output_logits=True,
            output_hidden_states=True,
        )  # fmt: skip
        assert len(made.scores) == len(made.logits) == len(made.hidden_states) == 4
        assert torch.equal(torch.stack(made.scores, dim=1).argmax(-1), made.sequences[:, -4:])
        assert made.past_key_values.get_seq_length() == made.sequences.shape[1] - 1

    def test_beams_contain_the_best_continuation(self) -> None:
        beams, length = self._generate(do_sample=False, num_beams=3, num_return_sequences=3)
        assert beams.shape == (6, length + 4)
        assert len({tuple(row.tolist()) for row in beams[:3]}) == 3
        sampled, _ = self._generate(do_sample=True, num_beams=2)
        assert sampled.shape == (2, length + 4)

    def test_drawing_depends_on_the_seed_only(self) -> None:
        rows = []
        for seed in (1, 1, 2):
            config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
            model = tiny_model(config)
            torch.manual_seed(seed)
            rows.append(model.generate(**inputs, max_new_tokens=8, do_sample=True, eos_token_id=None))
        assert torch.equal(rows[0], rows[1])
        assert not torch.equal(rows[0], rows[2])

    def test_generation_goes_on_from_a_cache(self) -> None:
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        model = tiny_model(config)
        options: dict[str, Any] = {"do_sample": False, "eos_token_id": None, "suppress_tokens": [0]}
        whole = model.generate(**inputs, max_new_tokens=6, **options)
        first = model.generate(**inputs, max_new_tokens=3, return_dict_in_generate=True, **options)
        ids = first.sequences
        mask = torch.ones_like(ids)
        rest = model.generate(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=first.past_key_values,
            max_new_tokens=3,
            **options,
        )
        assert torch.equal(rest, whole)


class DenseTest(ModelChecks, unittest.TestCase):
    kind: dict[str, Any] = {}


class LightTest(ModelChecks, unittest.TestCase):
    kind: dict[str, Any] = {"light": True}


class MixtureTest(ModelChecks, unittest.TestCase):
    # transformers' dynamic RoPE multiplies `head_dim`, which a Mixtral's configuration leaves at None.
    kind: dict[str, Any] = {"experts": True, "text": {"head_dim": 4}}


class SkipTokensTest(ModelChecks, unittest.TestCase):
    kind: dict[str, Any] = {"skip_tokens": 2, "crops_per_side": 3, "image_size": 96}
