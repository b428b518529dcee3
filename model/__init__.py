"""SPHINX, native to transformers. What is named here is imported when it is first asked for.

Asking for a class registers all of them with transformers' Auto classes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .configuration_sphinx import SphinxConfig
    from .generation_sphinx import (
        STOP,
        ReplyStreamer,
        generation_defaults,
        nucleus,
        stream,
        turn_end,
        visible,
    )
    from .grounding_sphinx import GroundedSpan, GroundedText
    from .image_processing_sphinx import SphinxImageProcessor, to_picture, to_square
    from .modeling_sphinx import SphinxForConditionalGeneration, SphinxModel
    from .processing_sphinx import SphinxProcessor
    from .tokenization_sphinx import SphinxTokenizer

_HOME = {
    "SphinxConfig": "configuration_sphinx",
    "SphinxImageProcessor": "image_processing_sphinx",
    "to_picture": "image_processing_sphinx",
    "to_square": "image_processing_sphinx",
    "SphinxForConditionalGeneration": "modeling_sphinx",
    "SphinxModel": "modeling_sphinx",
    "GroundedSpan": "grounding_sphinx",
    "GroundedText": "grounding_sphinx",
    "SphinxProcessor": "processing_sphinx",
    "SphinxTokenizer": "tokenization_sphinx",
    "STOP": "generation_sphinx",
    "ReplyStreamer": "generation_sphinx",
    "generation_defaults": "generation_sphinx",
    "nucleus": "generation_sphinx",
    "stream": "generation_sphinx",
    "turn_end": "generation_sphinx",
    "visible": "generation_sphinx",
}
_registered = False


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    _register()
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def _register() -> None:
    """Make AutoConfig, AutoModelForImageTextToText and the like know SPHINX."""
    global _registered
    if _registered:
        return
    _registered = True
    import transformers

    from .configuration_sphinx import SphinxConfig
    from .image_processing_sphinx import SphinxImageProcessor
    from .modeling_sphinx import SphinxForConditionalGeneration, SphinxModel
    from .processing_sphinx import SphinxProcessor
    from .tokenization_sphinx import SphinxTokenizer

    transformers.AutoConfig.register(SphinxConfig.model_type, SphinxConfig)
    transformers.AutoModel.register(SphinxConfig, SphinxModel)
    transformers.AutoModelForImageTextToText.register(SphinxConfig, SphinxForConditionalGeneration)
    backends: dict[str, type] = {"pil": SphinxImageProcessor, "torchvision": SphinxImageProcessor}
    transformers.AutoImageProcessor.register(SphinxConfig, image_processor_classes=backends)
    transformers.AutoTokenizer.register(SphinxConfig, SphinxTokenizer)
    transformers.AutoProcessor.register(SphinxConfig, SphinxProcessor)


def save_with_code(
    model: SphinxForConditionalGeneration, processor: SphinxProcessor, folder: str | os.PathLike[str]
) -> None:
    """Save a checkpoint that needs no installation: it carries the files of this package that define it.

    It loads with transformers' Auto classes and `trust_remote_code=True`, from a folder or from the Hub:
    AutoConfig, AutoModel (without the output head), AutoModelForImageTextToText, AutoImageProcessor,
    AutoTokenizer and AutoProcessor. Replies end by themselves (see `generation_defaults`).

    Args:
        model: the model to save, on any device.
        processor: the processor that belongs to it.
        folder: is made where it is not there.
    """
    from .configuration_sphinx import SphinxConfig
    from .generation_sphinx import generation_defaults
    from .image_processing_sphinx import SphinxImageProcessor
    from .modeling_sphinx import SphinxForConditionalGeneration, SphinxModel
    from .processing_sphinx import SphinxProcessor
    from .tokenization_sphinx import SphinxTokenizer

    travelling: dict[Any, str] = {
        SphinxConfig: "AutoConfig",
        SphinxForConditionalGeneration: "AutoModelForImageTextToText",
        SphinxImageProcessor: "AutoImageProcessor",
        SphinxTokenizer: "AutoTokenizer",
        SphinxProcessor: "AutoProcessor",
    }
    if not getattr(model.generation_config, "stop_sequences", None):
        model.generation_config = generation_defaults(processor.tokenizer)
    before = {kind: kind._auto_class for kind in travelling}
    try:
        for kind, auto in travelling.items():
            kind.register_for_auto_class(auto)
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    finally:
        for kind, auto in before.items():
            kind._auto_class = auto
    file = Path(folder) / "config.json"
    config = json.loads(file.read_text())
    config["auto_map"]["AutoModel"] = f"modeling_sphinx.{SphinxModel.__name__}"
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


__all__ = [
    "STOP",
    "GroundedSpan",
    "GroundedText",
    "ReplyStreamer",
    "SphinxConfig",
    "SphinxForConditionalGeneration",
    "SphinxImageProcessor",
    "SphinxModel",
    "SphinxProcessor",
    "SphinxTokenizer",
    "generation_defaults",
    "nucleus",
    "save_with_code",
    "stream",
    "to_picture",
    "to_square",
    "turn_end",
    "visible",
]
