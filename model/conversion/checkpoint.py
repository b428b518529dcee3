"""Convert a stored checkpoint: check everything, then write shard by shard.

Nothing is written before the input was checked: names, shapes, dtypes, arguments, `meta.json` against the
tensors, the tokenizer, and the disk's room. Only what this converter wrote is ever replaced:
`conversion.json` records each finished file with its SHA-256, by which an interrupted conversion of the same
input goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from model.configuration_sphinx import SphinxConfig
from model.generation_sphinx import generation_defaults
from model.image_processing_sphinx import SphinxImageProcessor
from model.modeling_sphinx import SphinxForConditionalGeneration
from model.processing_sphinx import SphinxProcessor
from model.tokenization_sphinx import SphinxTokenizer

from .config import read_config
from .keys import ConversionError, Origin, is_dropped, is_known, origin, stored_shape, take
from .shards import Weights
from .writer import DTYPES, SHARD, File, file_hash, plan_files, require_disk, write_index, write_safetensors

NEW = ("model.skip_tokens",)  # tensors that no stored checkpoint has; they are drawn anew
RECORD = "conversion.json"
SIDE_FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "processor_config.json",
    "tokenizer.model",
    "tokenizer_config.json",
)
NEW_STD = 0.02  # of the numbers that new tensors begin with


def target_shapes(config: SphinxConfig) -> dict[str, tuple[int, ...]]:
    """Return every tensor of a converted checkpoint, as it lies on disk, and its shape (built on meta)."""
    with torch.device("meta"):
        model = SphinxForConditionalGeneration(config)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in model.state_dict().items():
        shape = tuple(tensor.shape)
        stem, dot, part = name.partition(".mlp.experts.")
        if dot and part == "gate_up_proj":  # on disk Mixtral's experts lie one by one
            for expert in range(shape[0]):
                for w in ("w1", "w3"):
                    shapes[f"{stem}.block_sparse_moe.experts.{expert}.{w}.weight"] = (shape[1] // 2, shape[2])
        elif dot:
            for expert in range(shape[0]):
                shapes[f"{stem}.block_sparse_moe.experts.{expert}.w2.weight"] = shape[1:]
        else:
            shapes[name.replace(".mlp.gate.weight", ".block_sparse_moe.gate.weight")] = shape
    return shapes


def check(
    stored: dict[str, tuple[int, ...]], shapes: dict[str, tuple[int, ...]], config: SphinxConfig
) -> dict[str, Origin]:
    """Match what is stored with what the model wants.

    Args:
        stored: every stored key and its whole shape.
        shapes: from `target_shapes`.

    Returns:
        The origin of each new tensor; none for those that the original does not have (NEW).

    Raises:
        ConversionError: naming the first keys that are unknown, missing or of a wrong shape, with what was
            expected and what was found.
    """
    text = config.text_config
    experts = getattr(text, "num_local_experts", 1)
    group = text.num_attention_heads // text.num_key_value_heads
    fused = any(key.endswith(".attention.wqkv.weight") for key in stored)
    origins = {name: origin(name, fused=fused) for name in shapes if name not in NEW}
    wanted = {o.key: stored_shape(shapes[name], o.how, experts, group) for name, o in origins.items()}
    unknown = sorted(key for key in stored if key not in wanted and not is_dropped(key))
    if unknown:
        told = [f"{key} {stored[key]}" for key in unknown[:5]]
        kind = "known, but no part of this model" if is_known(unknown[0]) else "unknown"
        raise ConversionError(
            f"{unknown[0]}: expected only keys of this architecture, found {len(unknown)} "
            f"others ({kind}): {told}"
        )
    missing = sorted(key for key in wanted if key not in stored)
    if missing:
        told = [f"{key} {wanted[key]}" for key in missing[:5]]
        raise ConversionError(f"{missing[0]}: expected {len(missing)} keys that were not found: {told}")
    for key, shape in wanted.items():
        if stored[key] != shape:
            raise ConversionError(f"{key}: expected shape {shape}, found {stored[key]}")
    return origins


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked conversion: where each tensor comes from, and which file it goes to."""

    config: SphinxConfig
    shapes: dict[str, tuple[int, ...]]
    origins: dict[str, Origin]
    files: list[File]
    dtype: torch.dtype
    tokenizer: Path
    record: dict[str, Any]


def _read_json(folders: Sequence[Path], *names: str) -> dict[str, Any]:
    """Return the last folder's JSON object of one of `names`; {} where there is none.

    Raises:
        ConversionError: if the file is damaged, or holds something else than an object.
    """
    for file in (folder / name for folder in reversed(folders) for name in names):
        if file.is_file():
            return read_object(file)
    return {}


def read_object(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ConversionError: naming the file, if it is damaged, or holds something else.
    """
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise ConversionError(f"{file}: expected a JSON object, found text that is none ({error})") from error
    if not isinstance(found, dict):
        raise ConversionError(f"{file}: expected a JSON object, found {type(found).__name__}")
    return found


def _check_tokenizer(folders: Sequence[Path], vocabulary: int) -> Path:
    """Return the last folder's tokenizer, which must have as many pieces as there are word embeddings.

    Raises:
        ConversionError: if it is missing, damaged, or of another size.
    """
    found = next(
        (f / "tokenizer.model" for f in reversed(folders) if (f / "tokenizer.model").is_file()), None
    )
    if found is None:
        raise ConversionError(f"{folders[-1]}/tokenizer.model: expected a sentencepiece model, found none")
    try:
        size = len(SphinxTokenizer(found))
    except ValueError as error:
        raise ConversionError(str(error)) from error
    if size != vocabulary:
        raise ConversionError(f"{found}: expected {vocabulary} pieces, as word embeddings, found {size}")
    return found


def plan_conversion(
    weights: Weights,
    folders: Sequence[Path],
    *,
    architecture: dict[str, Any] | None,
    llama_type: str | None,
    dtype: torch.dtype | None,
    max_shard_size: int,
    clip_activation: str,
    skip_tokens: int,
) -> Plan:
    """Check a conversion and plan it; the arguments are those of `convert`.

    Raises:
        ConversionError: if the input is not what it should be.
    """
    kind = llama_type or _read_json(folders, "meta.json").get("llama_type")
    if kind is None:
        raise ConversionError(
            f"{folders[-1]}/meta.json: expected llama_type, found none: say it with --llama-type"
        )
    weights.check_dtypes()
    arguments = _read_json(folders, "config.json", "params.json")
    try:
        config = read_config(
            weights,
            kind,
            arguments,
            architecture=architecture,
            dtype=dtype,
            clip_activation=clip_activation,
            skip_tokens=skip_tokens,
        )
        shapes = target_shapes(config)
    except ConversionError:
        raise
    except Exception as error:  # whatever transformers' configurations and models raise for odd numbers
        reason = " ".join(str(error).split())
        raise ConversionError(f"config.json: expected a buildable architecture, found {reason}") from error
    origins = check({key: weights.shape(key) for key in weights.names}, shapes, config)
    written = dtype or weights.dtype()
    if written not in DTYPES:
        raise ConversionError(f"dtype: expected one of {list(DTYPES)}, found {written}")
    tokenizer = _check_tokenizer(folders, config.text_config.vocab_size)
    files = plan_files(shapes, written, max_shard_size)
    sources = [
        [path.name, path.stat().st_size, path.stat().st_mtime_ns]
        for layer in weights.layers
        for path in layer.paths
    ]
    record = {
        "sources": sources,
        "dtype": str(written),
        "config": sha256(config.to_json_string().encode()).hexdigest(),
        "files": [[file.name, file.bytes] for file in files],
    }
    return Plan(config, shapes, origins, files, written, tokenizer, record)


def _finished(output: Path, plan: Plan) -> dict[str, str]:
    """Return the files of `plan` that an earlier, interrupted run finished, with their SHA-256.

    Files of another conversion that this converter recorded are deleted; others are never touched.

    Raises:
        ConversionError: if the folder holds files that this converter did not write and would replace.
    """
    record = output / RECORD
    names = [file.name for file in plan.files]
    if not record.is_file():
        foreign = sorted(name for name in (*names, *SIDE_FILES) if (output / name).exists())
        foreign += sorted(path.name for path in output.glob("model*.safetensors") if path.name not in foreign)
        if foreign:
            raise ConversionError(
                f"{output}: expected an empty folder or one that this converter wrote, found {foreign[0]}: "
                "give another folder"
            )
        return {}
    before = read_object(record)
    done = before.get("done", {})
    done = {n: h for n, h in done.items() if isinstance(n, str)} if isinstance(done, dict) else {}
    if {key: before.get(key) for key in plan.record} == plan.record:
        lengths = {file.name: file.bytes for file in plan.files}
        return {
            name: digest
            for name, digest in done.items()
            if name in lengths and _is_whole(output / name, lengths[name], digest)
        }
    foreign = [name for name in names if name not in done and (output / name).exists()]
    if foreign:
        raise ConversionError(f"{output / foreign[0]}: expected nothing, found a file of unknown origin")
    (output / "model.safetensors.index.json").unlink(missing_ok=True)
    for name, digest in done.items():
        file = output / name
        if Path(name).name == name and name.startswith("model") and file.is_file():
            if file_hash(file) != digest:
                raise ConversionError(f"{file}: expected what this converter wrote, found something else")
            file.unlink()
    return {}


def _is_whole(file: Path, content_bytes: int, digest: Any) -> bool:
    """Return whether a finished file is still what was recorded, by its length and its SHA-256."""
    return file.is_file() and file.stat().st_size > content_bytes and file_hash(file) == digest


def _write(output: Path, plan: Plan, get: Callable[[str], torch.Tensor], quiet: bool) -> None:
    """Write the files of a plan that are not finished yet, and record each.

    If a tensor turns out to be unfit, what this run wrote is deleted again.
    """
    done = _finished(output, plan)
    todo = [file for file in plan.files if file.name not in done]
    require_disk(output, sum(file.bytes for file in todo))
    made_folder = not output.exists()
    output.mkdir(parents=True, exist_ok=True)
    record = output / RECORD
    record.write_text(json.dumps(plan.record | {"done": done}, indent=2) + "\n")
    total, written = sum(file.bytes for file in plan.files), []
    try:
        with tqdm(total=total, unit="B", unit_scale=True, desc="Converting", disable=quiet) as bar:
            bar.update(total - sum(file.bytes for file in todo))
            for file in todo:
                path = output / file.name
                done[file.name] = write_safetensors(
                    path, file.tensors, plan.shapes, plan.dtype, get, bar.update
                )
                written.append(path)
                record.write_text(json.dumps(plan.record | {"done": done}, indent=2) + "\n")
    except ConversionError:
        for path in [*written, record]:
            path.unlink(missing_ok=True)
        if made_folder:
            output.rmdir()
        raise


def convert(
    folders: Sequence[Path],
    output: Path,
    *,
    architecture: dict[str, Any] | None = None,
    llama_type: str | None = None,
    dtype: torch.dtype | None = None,
    max_shard_size: int = SHARD,
    clip_activation: str = "gelu",
    skip_tokens: int = 0,
    quiet: bool = False,
) -> SphinxConfig:
    """Convert a checkpoint.

    Args:
        folders: the original's files; a later folder overrides an earlier one, a delta is added to it, and an
            InternLM2 in its own layout replaces the language model.
        output: is made; an interrupted conversion of the same input goes on.
        architecture: see `read_config`.
        llama_type: for old checkpoints without a meta.json.
        dtype: of what is written; None is that of the stored word embeddings.
        max_shard_size: bytes, a written file's largest size.
        clip_activation: see `read_config`.
        skip_tokens: new, learned tokens for crops without any picture in them; they begin at random.
        quiet: show no progress bar.

    Returns:
        The configuration that was written.

    Raises:
        ConversionError: if the input is not what it should be, does not fit on the disk, or `output` holds
            what this converter did not write. Nothing new is left in `output` then.
    """
    folders, output = [Path(folder) for folder in folders], Path(output)
    _check_output(folders, output)
    weights = Weights(folders)
    plan = plan_conversion(
        weights,
        folders,
        architecture=architecture,
        llama_type=llama_type,
        dtype=dtype,
        max_shard_size=max_shard_size,
        clip_activation=clip_activation,
        skip_tokens=skip_tokens,
    )
    experts = getattr(plan.config.text_config, "num_local_experts", 1)
    new = _new_tensors(plan.shapes)

    def get(name: str) -> torch.Tensor:
        if name in new:
            return new[name]
        return take(weights.get(plan.origins[name].key, experts), plan.origins[name], plan.config)

    _write(output, plan, get, quiet)
    write_index(output, plan.files)
    write_side_files(output, plan.config, plan.tokenizer)
    return plan.config


def _check_output(folders: Sequence[Path], output: Path) -> None:
    """Refuse an output folder that is one of the inputs, or a file.

    Raises:
        ConversionError: naming it.
    """
    if output.resolve() in [folder.resolve() for folder in folders]:
        raise ConversionError(f"{output}: expected a folder of its own, found one of the inputs")
    if output.exists() and not output.is_dir():
        raise ConversionError(f"{output}: expected a folder, found a file")


def _new_tensors(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Draw the tensors that the original does not have, always the same ones."""
    generator = torch.Generator().manual_seed(0)
    return {n: torch.randn(s, generator=generator) * NEW_STD for n, s in shapes.items() if n in NEW}


def write_side_files(output: Path, config: SphinxConfig, tokenizer: Path) -> None:
    """Write what belongs to the weights: configurations, processor, tokenizer (the processor last)."""
    config.architectures = [SphinxForConditionalGeneration.__name__]
    processor = make_processor(config, tokenizer)
    config.save_pretrained(output)
    generation_defaults(processor.tokenizer).save_pretrained(output)
    processor.save_pretrained(output)


def make_processor(config: SphinxConfig, tokenizer: Path) -> SphinxProcessor:
    """Return the processor that goes with a configuration and a sentencepiece model."""
    return SphinxProcessor(
        SphinxImageProcessor(image_size=config.image_size),
        SphinxTokenizer(tokenizer),
        view_tokens=[config.view_tokens(view) for view in range(config.num_views)],
        query_tokens=config.num_query_tokens if config.qformer_config is not None else 0,
        skip_tokens=config.skip_tokens,
        max_length=config.text_config.max_position_embeddings,
        encoder_names=config.encoders,
    )
