"""From the original's checkpoints to transformers': names, shards, configuration, writer.

The command line is `python -m model.convert_sphinx_to_hf`.
"""

from __future__ import annotations

from .checkpoint import check, convert, make_processor, target_shapes, write_side_files
from .config import VARIANTS, Variant, read_config
from .keys import KEYS, ConversionError, Origin, is_dropped, is_known, origin, stored_shape, take
from .shards import Stored, Weights
from .writer import SHARD, File, file_hash, plan_files, require_disk, write_index, write_safetensors

__all__ = [
    "KEYS",
    "SHARD",
    "VARIANTS",
    "ConversionError",
    "File",
    "Origin",
    "Stored",
    "Variant",
    "Weights",
    "check",
    "convert",
    "file_hash",
    "is_dropped",
    "is_known",
    "make_processor",
    "origin",
    "plan_files",
    "read_config",
    "require_disk",
    "stored_shape",
    "take",
    "target_shapes",
    "write_index",
    "write_safetensors",
    "write_side_files",
]
