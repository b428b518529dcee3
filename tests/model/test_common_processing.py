"""transformers' ProcessorTesterMixin and ImageProcessingTestMixin over SPHINX's processors."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from model import SphinxImageProcessor, SphinxProcessor, SphinxTokenizer
from tests.model.tiny import tiny_config, tiny_tokenizer
from tests.model.transformers_suites import suite

images = suite("test_image_processing_common")
processors = suite("test_processing_common")
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning")]

EXCEPTIONS = {
    "test_call_numpy_4_channels": "SPHINX's encoders see RGB only, so a fourth channel is dropped",
    "test_flat_kwarg_applied_when_modality_dict_lacks_it": "gives videos, which SPHINX refuses",
    "test_model_input_names": "gives videos, which SPHINX refuses",
    "test_get_num_multimodal_tokens_matches_processor_call": "gives several pictures to one conversation",
    "test_processor_text_has_no_visual": "gives several pictures to one conversation, from the Hub",
    "test_init_arguments_not_in_processor_kwargs": "max_length, the context, is saved under that name",
    "test_new_models_require_torchvision_backend": "PIL's own filter is part of the original's numbers",
}
"""Tests of the suites that do not apply, by the beginning of their names, each with its reason."""


def skip_exceptions(case: Any) -> None:
    """Skip a test that is an exception."""
    for name, reason in EXCEPTIONS.items():
        if case._testMethodName.startswith(name):
            case.skipTest(reason)


class ImageInputs(images.ImageProcessingTester):
    """What the image suite asks for."""

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        kwargs.setdefault("size", {"height": 20, "width": 20})
        super().__init__(parent, **kwargs)

    def _get_image_processing_classes(self) -> dict[str, Any]:
        return {"pil": SphinxImageProcessor}


class ImageProcessorTest(images.ImageProcessingTestMixin, unittest.TestCase):
    image_processor_tester_class = ImageInputs
    test_cast_dtype = True

    def setUp(self) -> None:
        skip_exceptions(self)
        super().setUp()


class ProcessorTest(processors.ProcessorTesterMixin, unittest.TestCase):
    processor_class = SphinxProcessor
    images_text_kwargs_max_length = 300
    images_text_kwargs_override_max_length = 280
    images_unstructured_max_length = 260
    chat_template_max_length = 300

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp()
        path = str(Path(cls.folder, "picture.png"))
        Image.new("RGB", (40, 30), (9, 90, 200)).save(path)
        processors.MODALITY_INPUT_DATA["images"] = [path, path]  # the suite's own lie on the Hub
        super().setUpClass()

    @classmethod
    def _setup_tokenizer(cls) -> SphinxTokenizer:
        return tiny_tokenizer(Path(cls.folder))

    @classmethod
    def _setup_image_processor(cls) -> SphinxImageProcessor:
        return SphinxImageProcessor(image_size=64)

    @staticmethod
    def prepare_processor_dict() -> dict[str, Any]:
        config = tiny_config()
        tokens = [config.view_tokens(view) for view in range(config.num_views)]
        return {"view_tokens": tokens, "query_tokens": config.num_query_tokens}

    def setUp(self) -> None:
        skip_exceptions(self)
        super().setUp()
