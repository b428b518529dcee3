"""The original's recorded outputs, reproduced: every variant, every picture, every step from pixels to ids.

The recordings lie in a folder above this file (`shared/oracle`) and these tests skip where they are absent;
test_goldens.py holds small ones of the project's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from model import SphinxForConditionalGeneration, SphinxProcessor, nucleus, turn_end
from model.conversion import VARIANTS, check, convert, read_config, stored_shape, target_shapes

ORACLE = next(
    (
        folder / "shared" / "oracle"
        for folder in Path(__file__).parents
        if (folder / "shared" / "oracle").is_dir()
    ),
    Path("shared/oracle"),
)
TOLERANCE = 2e-4  # the recordings' own noise is 7e-6, the cheapest real mistake costs 2e-3
TWO_WAY = (
    "llama_ens5",
    "llama_ens5_light",
    "mixtral_sparse_ens",
)  # recorded with two tensor-parallel shards, too

pytestmark = pytest.mark.skipif(not ORACLE.is_dir(), reason="the recordings are not here")
each_variant = pytest.mark.parametrize("variant", sorted(VARIANTS))
each_picture = pytest.mark.parametrize("picture", ["wide", "tall", "square", "strip"])


class Recorded:
    """One variant: what was recorded, and the converted checkpoint."""

    def __init__(self, variant: str, root: Path) -> None:
        folder = ORACLE / variant
        self.arrays = np.load(folder / "golden.npz")
        self.facts = json.loads((folder / "golden.json").read_text())
        self.pictures = [name for name in self.facts["images"] if f"{name}.logits" in self.arrays]
        path = root / variant
        architecture = json.loads((folder / "checkpoint" / "tiny_arch.json").read_text())
        convert([folder / "checkpoint"], path, architecture=architecture, quiet=True)
        self.path = path
        self.model = SphinxForConditionalGeneration.from_pretrained(path, dtype=torch.float32).eval()
        self.processor = SphinxProcessor.from_pretrained(path)

    def picture(self, name: str) -> Image.Image:
        return Image.fromarray(self.arrays[f"{name}.raw_u8"])

    def inputs(self, name: str) -> Any:
        prompt = self.facts["images"][name]["prompt"]
        return self.processor(text=[prompt], images=[self.picture(name)], return_tensors="pt")

    def same(self, key: str, found: torch.Tensor) -> None:
        """The recorded array `key` is `found`, within TOLERANCE."""
        expected = torch.from_numpy(self.arrays[key])
        assert tuple(found.shape) == tuple(expected.shape), key
        difference = (found - expected).abs().max().item()
        assert difference < TOLERANCE, f"{key}: off by {difference}"


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("oracle")
    return cache(lambda variant: Recorded(variant, root))


@pytest.fixture(autouse=True)
def _no_grad() -> Iterator[None]:
    with torch.no_grad():
        yield


@each_variant
@each_picture
def test_pixels_ids_and_logits(recorded: Any, variant: str, picture: str) -> None:
    r = recorded(variant)
    if picture not in r.pictures:
        return  # not recorded for this variant
    r_ids = r.arrays[f"{picture}.ids"]
    image = r.processor.image_processor.resize(r.picture(picture))
    np.testing.assert_array_equal(image, r.arrays[f"{picture}.resized_u8"])
    inputs = r.inputs(picture)
    if f"{picture}.pixels" in r.arrays:
        np.testing.assert_array_equal(inputs["pixel_values"][0].numpy(), r.arrays[f"{picture}.pixels"])
    ids = inputs["input_ids"][0].tolist()
    count = r.facts["image_words"]
    assert ids[:1] + ids[1 + count :] == r_ids.tolist()
    assert ids[1 : 1 + count] == [r.processor.image_token_id] * count
    logits = r.model(**inputs).logits
    assert logits.shape[1] == len(ids)
    r.same(f"{picture}.logits", logits[0, -len(r_ids) :])


@each_variant
@each_picture
def test_greedy_ids(recorded: Any, variant: str, picture: str) -> None:
    r = recorded(variant)
    if picture not in r.pictures:
        return  # not recorded for this variant
    inputs = r.inputs(picture)
    expected = r.arrays[f"{picture}.gen_ids"].tolist()
    out = r.model.generate(**inputs, max_new_tokens=len(expected), do_sample=False)
    assert out[0, : inputs["input_ids"].shape[1]].tolist() == inputs["input_ids"][0].tolist()
    assert out[0, inputs["input_ids"].shape[1] :].tolist() == expected


@each_variant
def test_each_step_from_views_to_tokens(recorded: Any, variant: str) -> None:
    r = recorded(variant)
    model, config = r.model.model, r.model.config
    inputs = r.inputs("wide")
    views = model.split_views(inputs["pixel_values"])
    for key, own in {
        "blip2_input_image": views["vit"] if config.qformer_config else None,
        "convnext_input_image": views["convnext"],
        "dinov2_input_image": model._for_dinov2(views["vit"]),
    }.items():
        if own is not None and f"wide.{key}" in r.arrays:
            r.same(f"wide.{key}", own)
        elif own is not None:
            r.same(f"wide.{key}.corner", own[:, :, :6, :6])
    features = model.encode_views(views)
    for key, own in {
        "clip": "clip",
        "convnext_map": "convnext",
        "dinov2": "dinov2",
        "qformer": "qformer",
    }.items():
        if f"wide.{key}" in r.arrays:
            r.same(f"wide.{key}", features[own])
    if config.pool_crops:
        main = {name: value[:1] for name, value in features.items()}
        parts = {name: value[1:] for name, value in features.items()}
        r.same("wide.ens_feats.main", model.fuse(main))
        r.same("wide.ens_feats.parts", model.fuse(parts, pooled=True))
        r.same("wide.visual_proj_out.parts", model.visual_proj(model.fuse(parts, pooled=True)))
    else:
        fused = model.fuse(features)
        r.same("wide.ens_feats", fused)
        r.same("wide.visual_proj_out", model.visual_proj(fused))
    if "qformer" in features:
        r.same("wide.qformer_proj_out", model.qformer_proj(features["qformer"]))
    tokens = model.get_image_features(inputs["pixel_values"]).pooler_output
    counts = [config.view_tokens(view) for view in range(config.num_views)]
    without = [block[:, 1:-1] for block in tokens.split(counts, dim=1)]
    r.same("wide.image_tokens", torch.cat(without, dim=1))
    embeds = model.place_pictures(
        inputs["input_ids"], model.get_input_embeddings()(inputs["input_ids"]), tokens
    )
    r.same("wide.llm_input", embeds)


@each_variant
def test_without_a_picture(recorded: Any, variant: str) -> None:
    r = recorded(variant)
    inputs = r.processor(text=[r.facts["text_only"]["prompt"]], return_tensors="pt")
    assert inputs["input_ids"][0].tolist() == r.arrays["text_only.ids"].tolist()
    r.same("text_only.logits", r.model(**inputs).logits[0])
    expected = r.arrays["text_only.gen_ids"].tolist()
    out = r.model.generate(**inputs, max_new_tokens=len(expected), do_sample=False)
    assert out[0, inputs["input_ids"].shape[1] :].tolist() == expected


@each_variant
def test_a_batch_is_its_rows(recorded: Any, variant: str) -> None:
    r = recorded(variant)
    batch = r.facts["batch"]
    pictures = [r.picture(name) for name in batch["images"]]
    both = r.processor(text=batch["prompts"], images=pictures, return_tensors="pt")
    logits = r.model(**both).logits
    new = r.model.generate(**both, max_new_tokens=batch["max_gen_len"], do_sample=False)
    for i, (prompt, picture) in enumerate(zip(batch["prompts"], pictures, strict=True)):
        length = len(r.arrays[f"batch.ids{i}"])
        r.same(f"batch.logits{i}", logits[i, -length:])
        alone = r.processor(text=[prompt], images=[picture], return_tensors="pt")
        single = r.model(**alone).logits[0]
        assert (logits[i, -len(single) :] - single).abs().max() < TOLERANCE
        expected = r.model.generate(**alone, max_new_tokens=batch["max_gen_len"], do_sample=False)
        assert (
            new[i, both["input_ids"].shape[1] :].tolist()
            == expected[0, alone["input_ids"].shape[1] :].tolist()
        )
    found = new[0, both["input_ids"].shape[1] :].tolist()
    assert found == r.arrays["batch.gen_ids0"].tolist()[: len(found)]


@pytest.mark.parametrize("variant", [name for name in sorted(VARIANTS) if not name.endswith("light")])
def test_quick_gelu_is_a_switch(recorded: Any, variant: str, tmp_path: Path) -> None:
    r = recorded(variant)
    folder = ORACLE / variant / "checkpoint"
    architecture = json.loads((folder / "tiny_arch.json").read_text())
    convert([folder], tmp_path, architecture=architecture, clip_activation="quick_gelu", quiet=True)
    model = SphinxForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32).eval()
    inputs = r.inputs("wide")
    views = model.model.split_views(inputs["pixel_values"], views=1)
    r.same("wide_quickgelu.clip", model.model.encode_views(views, ["clip"])["clip"])
    expected = r.arrays["wide_quickgelu.logits"]
    r.same("wide_quickgelu.logits", model(**inputs).logits[0, -len(expected) :])


@pytest.mark.parametrize("variant", TWO_WAY)
def test_two_shards_are_one_checkpoint(recorded: Any, variant: str, tmp_path: Path) -> None:
    r = recorded(variant)
    folder = ORACLE / variant / "tp2"
    convert([folder], tmp_path, architecture=json.loads((folder / "tiny_arch.json").read_text()), quiet=True)
    model = SphinxForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32).eval()
    processor = SphinxProcessor.from_pretrained(tmp_path)
    inputs = r.inputs("wide")
    again = processor(
        text=[r.facts["images"]["wide"]["prompt"]], images=[r.picture("wide")], return_tensors="pt"
    )
    assert torch.equal(inputs["input_ids"], again["input_ids"])
    expected = torch.from_numpy(np.load(folder / "golden_tp2.npz")["wide.logits"])
    assert (model(**inputs).logits[0, -len(expected) :] - expected).abs().max() < TOLERANCE


@each_variant
def test_the_training_loss(recorded: Any, variant: str) -> None:
    r = recorded(variant)
    train = r.facts.get("train")
    if not train:
        return  # not recorded for this variant
    count = r.facts["image_words"]
    examples, labels = torch.tensor(train["examples"]), torch.tensor(train["labels"])
    examples[examples == 0] = r.processor.tokenizer.pad_token_id  # the original pads with the unknown token
    holes = torch.full((len(examples), count), r.processor.image_token_id)
    ids = torch.cat((examples[:, :1], holes, examples[:, 1:]), dim=1)
    wanted = torch.cat((labels[:, :1], torch.zeros_like(holes), labels[:, 1:]), dim=1)
    wanted[wanted == 0] = -100
    pixels = r.inputs(train["image"])["pixel_values"]
    loss = r.model(input_ids=ids, pixel_values=pixels, labels=wanted).loss
    assert abs(loss.item() - train["loss"]) < TOLERANCE


@each_variant
def test_the_stop_ends_each_row(recorded: Any, variant: str) -> None:
    # Random weights never write the stop by themselves: here it is already in the generated text.
    r = recorded(variant)
    criteria: Any = turn_end(r.processor.tokenizer, 3)
    stop = r.processor.tokenizer("x\n###").input_ids
    rows = [[1, 5, 5, *stop[1:]], [1, 5, 5, *([5] * (len(stop) - 1))]]
    assert criteria(torch.tensor(rows), torch.zeros(2, 1)).tolist() == [True, False]
    assert len(nucleus(0.0, 0.5, torch.Generator())) == 0


@each_variant
def test_every_released_key_maps_with_its_shape(variant: str) -> None:
    # Full size, from the recorded list of keys: no weights are needed.
    folder = ORACLE / variant
    stored = {}
    for line in (folder / "full_state_dict.tsv").read_text().splitlines():
        if not line.startswith("#"):
            key, shape, kind, *_ = line.split("\t")
            if kind == "param":
                stored[key] = () if shape == "scalar" else tuple(int(n) for n in shape.split("x"))
    full = json.loads((folder / "full_config.json").read_text())
    config = read_config(Shapes(stored), variant, full["model_args"], dtype=torch.bfloat16)  # type: ignore[arg-type]
    assert config.image_tokens() == full["image_words"]
    assert config.image_size == full["image_size"]
    shapes = target_shapes(config)
    origins = check(stored, shapes, config)
    experts = getattr(config.text_config, "num_local_experts", 1)
    assert all(stored[o.key] == stored_shape(shapes[name], o.how, experts) for name, o in origins.items())
    parameters = sum(torch.Size(shape).numel() for shape in shapes.values())
    assert {"llama_e": 16.0e9, "mixtral": 49.6e9}[variant[:7]] < parameters * (
        5.2 if variant.endswith("light") else 1
    )


class Shapes:
    """What `read_config` asks of weights, answered from a list of shapes."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        self.names = set(shapes)

    def shape(self, key: str) -> tuple[int, ...]:
        return self.shapes[key]

    def count(self, stem: str) -> int:
        return 1 + max(
            int(key[len(stem) + 1 :].split(".")[0]) for key in self.shapes if key.startswith(stem + ".")
        )
