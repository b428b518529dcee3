"""SPHINX, native to transformers. What is named here is loaded when it is first asked for.

Asking for a class registers all of them with transformers' Auto classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .configuration_sphinx import SphinxConfig
    from .generation_sphinx import STOP, ReplyStreamer, nucleus, stream, turn_end, visible
    from .image_processing_sphinx import SphinxImageProcessor, to_picture, to_square
    from .modeling_sphinx import SphinxForConditionalGeneration, SphinxModel
    from .processing_sphinx import GroundedSpan, GroundedText, SphinxProcessor
    from .tokenization_sphinx import SphinxTokenizer

_HOME = {
    "SphinxConfig": "configuration_sphinx",
    "SphinxImageProcessor": "image_processing_sphinx",
    "to_picture": "image_processing_sphinx",
    "to_square": "image_processing_sphinx",
    "SphinxForConditionalGeneration": "modeling_sphinx",
    "SphinxModel": "modeling_sphinx",
    "GroundedSpan": "processing_sphinx",
    "GroundedText": "processing_sphinx",
    "SphinxProcessor": "processing_sphinx",
    "SphinxTokenizer": "tokenization_sphinx",
    "STOP": "generation_sphinx",
    "ReplyStreamer": "generation_sphinx",
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


def save_with_code(model: Any, processor: Any, folder: Any) -> None:
    """Save a checkpoint that needs no installation: it carries the files of this package that define it.

    It loads with transformers' Auto classes and `trust_remote_code=True`, from a folder or from the Hub.
    """
    from .configuration_sphinx import SphinxConfig
    from .image_processing_sphinx import SphinxImageProcessor
    from .modeling_sphinx import SphinxForConditionalGeneration
    from .processing_sphinx import SphinxProcessor
    from .tokenization_sphinx import SphinxTokenizer

    travelling: dict[Any, str] = {
        SphinxConfig: "AutoConfig",
        SphinxForConditionalGeneration: "AutoModelForImageTextToText",
        SphinxImageProcessor: "AutoImageProcessor",
        SphinxTokenizer: "AutoTokenizer",
        SphinxProcessor: "AutoProcessor",
    }
    before = {kind: kind._auto_class for kind in travelling}
    try:
        for kind, auto in travelling.items():
            kind.register_for_auto_class(auto)
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    finally:
        for kind, auto in before.items():
            kind._auto_class = auto


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
    "nucleus",
    "save_with_code",
    "stream",
    "to_picture",
    "to_square",
    "turn_end",
    "visible",
]
