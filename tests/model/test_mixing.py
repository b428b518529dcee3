"""Mixing two models in memory, also where one has more ConvNeXt blocks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import ConvNextConfig

from model import SphinxForConditionalGeneration
from model.mixing import differing, mix_models, mix_states
from tests.model.tiny import tiny_config, tiny_model


def model(seed: int, depths: tuple[int, int] = (1, 1), **changes: Any) -> SphinxForConditionalGeneration:
    convnext = ConvNextConfig(
        hidden_sizes=[8, 12],
        depths=list(depths),
        num_stages=2,
        layer_norm_eps=1e-5,
        layer_scale_init_value=0.5,
    )
    return tiny_model(tiny_config(convnext_config=convnext, **changes), seed).eval()


@torch.no_grad()
def seen(one: SphinxForConditionalGeneration) -> torch.Tensor:
    """The visual tokens of a picture of noise."""
    size = one.config.image_size
    pixels = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    tokens = one.get_image_features(pixels).pooler_output
    assert tokens is not None
    return tokens[0]


def test_a_mixture_is_linear_in_all_that_both_have():
    a, b = model(1), model(2)
    before = {name: value.clone() for name, value in a.state_dict().items()}
    mixture = mix_models(a, b, 0.25).state_dict()
    for name, value in mixture.items():
        wanted = 0.25 * a.state_dict()[name] + 0.75 * b.state_dict()[name]
        assert torch.allclose(value, wanted, atol=1e-6), name
    assert all(torch.equal(value, before[name]) for name, value in a.state_dict().items())


@pytest.mark.parametrize("depths", [((1, 3), (1, 1)), ((1, 1), (1, 3))])
def test_where_one_is_deeper_the_ends_still_say_what_each_of_the_two_says(depths):
    a, b = model(1, depths[0]), model(2, depths[1])
    assert differing(a.config, b.config) == []
    assert torch.allclose(seen(mix_models(a, b, 1.0)), seen(a), atol=1e-5)
    assert torch.allclose(seen(mix_models(a, b, 0.0)), seen(b), atol=1e-5)
    between = seen(mix_models(a, b, 0.5))
    assert not torch.allclose(between, seen(a), atol=1e-2)
    assert not torch.allclose(between, seen(b), atol=1e-2)


def test_a_block_that_one_alone_has_counts_by_its_share():
    a, b = model(1, (1, 2)).state_dict(), model(2, (1, 1)).state_dict()
    (scale,) = [name for name in a if name not in b and name.endswith("layer_scale_parameter")]
    assert torch.allclose(mix_states(a, b, 0.3)[scale], 0.3 * a[scale])
    assert torch.allclose(mix_states(b, a, 0.3)[scale], 0.7 * a[scale])


def test_two_architectures_are_not_mixed():
    a, b = model(1), model(2, text={"num_hidden_layers": 1})
    assert differing(a.config, b.config) == ["text_config"]
    with pytest.raises(ValueError, match="text_config"):
        mix_models(a, b, 0.5)
    with pytest.raises(ValueError, match="only one of the two has"):
        mix_states(a.state_dict(), b.state_dict(), 0.5)
    with pytest.raises(ValueError, match="one shape"):
        mix_states({"x": torch.ones(2)}, {"x": torch.ones(3)}, 0.5)
