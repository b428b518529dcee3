"""The decoder against the transformers model: sequences of any length together are what each is alone."""

import pytest
import torch

from pipelines.vlm import decoder as module
from pipelines.vlm.decoder import Decoder, SequenceCache, Trunk, attend
from tests.model.tiny import VOCABULARY, tiny_config, tiny_model

CONFIGS = {
    "grouped heads": {},
    "one head a key": {"text": {"num_key_value_heads": 4}},
    "experts": {"experts": True},
    "biases": {"text": {"attention_bias": True, "mlp_bias": True}},
}


@pytest.fixture(scope="module", params=CONFIGS)
def model(request):
    return tiny_model(tiny_config(**CONFIGS[request.param]))


def alone(model, ids: list[int]) -> torch.Tensor:
    """Logits of every position, by the transformers model."""
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0]


def drawn(generator: torch.Generator, count: int) -> list[int]:
    return torch.randint(3, VOCABULARY, (count,), generator=generator).tolist()


@torch.no_grad()
@pytest.mark.parametrize("lanes", [False, True])
@pytest.mark.parametrize("generic", [False, True])
def test_ragged_sequences_are_what_each_is_alone(model, generic, lanes, monkeypatch):
    if generic:  # what devices without a kernel of their own compute
        monkeypatch.setattr(module, "_has_kernel", lambda device: False)
    generator = torch.Generator().manual_seed(1)
    decoder = Decoder(model)
    shared, other = drawn(generator, 20), drawn(generator, 9)
    trunks = []
    for ids in (shared, other):
        cache = SequenceCache(decoder.allocate(len(ids)))
        for start in range(0, len(ids), 7):  # in chunks
            chunk = ids[start : start + 7]
            decoder.forward(decoder.words(chunk), [(cache, len(chunk))])
        trunks.append(Trunk(cache.layers, cache.length))
    tails = [drawn(generator, count) for count in (12, 5, 8, 10)]
    prefixes = [shared, shared, other, []]
    caches = [SequenceCache(decoder.allocate(12), trunk) for trunk in (trunks[0], trunks[0], trunks[1], None)]
    if lanes:  # of one tensor, with others in between that are nobody's
        room = decoder.allocate_lanes(7, 12)
        for cache, lane in zip(caches, (4, 0, 3, 6)):
            cache.layers, cache.lanes, cache.lane = room.lane(lane), room, lane
    wanted = [alone(model, prefix + tail)[len(prefix) :] for prefix, tail in zip(prefixes, tails)]
    found: list[list[torch.Tensor]] = [[], [], [], []]
    for counts in ((3, 1, 4, 1), (1, 2, 0, 5), (5, 0, 0, 1), (1, 0, 1, 0), (1, 1, 1, 1), (1, 1, 2, 2)):
        pieces, ids = [], []
        for cache, tail, count in zip(caches, tails, counts):
            if count:
                ids += tail[cache.length : cache.length + count]
                pieces.append((cache, count))
        rows = iter(decoder.scores(decoder.forward(decoder.words(ids), pieces)))
        for kept, count in zip(found, counts):
            kept += [next(rows) for _ in range(count)]
    assert [cache.length for cache in caches] == [12, 5, 8, 10]
    for kept, want in zip(found, wanted):
        torch.testing.assert_close(torch.stack(kept), want, rtol=1e-4, atol=1e-4)


def test_the_transformers_model_shares_the_joined_weights(model):
    ids = list(range(5, 30))
    before = alone(model, ids)
    Decoder(model)
    torch.testing.assert_close(alone(model, ids), before, rtol=1e-5, atol=1e-5)
    attention = model.model.language_model.layers[0].self_attn
    storage = attention.q_proj.weight.untyped_storage()
    assert storage.data_ptr() == attention.v_proj.weight.untyped_storage().data_ptr()


def test_attention_to_parts_joins_to_attention_to_all():
    generator = torch.Generator().manual_seed(2)
    query, both = torch.randn(1, 2, 3, 8, generator=generator), torch.randn(2, 2, 30, 8, generator=generator)
    (whole, total), (one, a), (two, b) = (
        attend(query, part[0:1], part[1:2]) for part in (both, both[:, :, :11], both[:, :, 11:])
    )
    torch.testing.assert_close(torch.logaddexp(a, b), total)
    torch.testing.assert_close(torch.lerp(two, one, torch.sigmoid(a - b)[..., None]), whole)


def test_a_sliding_window_is_refused():
    with pytest.raises(ValueError, match="sliding window"):
        Decoder(tiny_model(tiny_config(experts=True, text={"sliding_window": 8})))
