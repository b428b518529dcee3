"""transformers' ModelTesterMixin over the dense, light, mixture and skip-token models, at tiny size."""

from __future__ import annotations

import unittest
from typing import Any

import pytest
import torch

from model import SphinxForConditionalGeneration, SphinxModel
from tests.model.tiny import tiny_config
from tests.model.transformers_suites import suite

common = suite("test_modeling_common")
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning")]

EXCEPTIONS: dict[str, str] = {}
"""Tests of the suite that do not apply, each with its reason."""


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


class ModelChecks(common.ModelTesterMixin):
    """The suite with SPHINX's settings."""

    all_model_classes = (SphinxModel, SphinxForConditionalGeneration)
    _is_composite = True
    skip_test_image_features_output_shape = True  # its features are those of several encoders, joined
    kind: dict[str, Any] = {}

    def setUp(self) -> None:
        self.model_tester = SphinxInputs(**self.kind)

    def _layers_of_encoders(self) -> list[int]:
        config = self.model_tester.get_config()
        parts = ("clip_config", "dinov2_config", "qformer_vision_config", "qformer_config")
        return [getattr(config, part).num_hidden_layers for part in parts if getattr(config, part)]

    def _image_features_get_expected_num_attentions(self, model_tester: Any = None) -> int:
        return sum(self._layers_of_encoders())

    def _image_features_get_expected_num_hidden_states(self, model_tester: Any = None) -> int:
        return sum(layers + 1 for layers in self._layers_of_encoders())


class DenseTest(ModelChecks, unittest.TestCase):
    kind: dict[str, Any] = {}


class LightTest(ModelChecks, unittest.TestCase):
    kind: dict[str, Any] = {"light": True}


class MixtureTest(ModelChecks, unittest.TestCase):
    kind: dict[str, Any] = {"experts": True}


class SkipTokensTest(ModelChecks, unittest.TestCase):
    kind: dict[str, Any] = {"skip_tokens": 2, "crops_per_side": 3, "image_size": 96}
