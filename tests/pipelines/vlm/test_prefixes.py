"""What is kept for later requests: bounded, found by what it has in common, and never changed."""

import torch

from pipelines.vlm import prefixes as module
from pipelines.vlm.decoder import Trunk
from pipelines.vlm.prefixes import LockedCache, Prefixes, prefix_bytes

TOKEN = 2 * 1 * 2 * 4 * 2  # bytes: keys and values, one head of two, float32, two layers


def layers(count: int, value: float = 0.0) -> tuple[torch.Tensor, ...]:
    return tuple(torch.full((2, 1, count, 2), value) for _ in range(2))


def test_what_is_kept_is_bounded():
    kept = LockedCache(10, len)
    for name in "abc":
        kept.put(name, "1234")
    assert len(kept) == 2
    assert kept.get("a") is None
    kept.put("large", "x" * 11)
    assert kept.get("large") is None
    assert kept.get("c") == "1234"


def test_the_branch_with_most_in_common_is_found():
    prefixes = Prefixes(1000 * TOKEN)
    prefixes.put_trunk("p", Trunk(layers(5), 5))
    prefixes.put_branch("p", [1, 2, 3], layers(3, 1.0))
    prefixes.put_branch("p", [1, 2, 9, 9], layers(4, 2.0))
    for ids, common, value in (([1, 2, 9, 4], 3, 2.0), ([1, 2, 3, 4], 3, 1.0), ([1, 2, 3], 3, 1.0)):
        found, kept = prefixes.branch("p", ids)
        assert found == common
        assert kept is not None
        assert kept[0][0, 0, 0, 0] == value
    assert prefixes.branch("p", [7]) == (0, None)
    assert prefixes.branch("elsewhere", [1]) == (0, None)


def test_a_longer_conversation_takes_the_place_of_its_beginning():
    prefixes = Prefixes(1000 * TOKEN)
    prefixes.put_trunk("p", Trunk(layers(5), 5))
    prefixes.put_branch("p", [1, 2], layers(10))  # only its first tokens are copied
    assert prefixes.bytes == 7 * TOKEN
    prefixes.put_branch("p", [1, 2, 3], layers(3))
    assert prefixes.bytes == 8 * TOKEN
    prefixes.put_branch("p", [1], layers(3))  # is there already
    assert prefixes.bytes == 8 * TOKEN
    prefixes.put_branch("nowhere", [1], layers(3))
    prefixes.put_branch("p", [], layers(3))
    assert prefixes.bytes == 8 * TOKEN


def test_what_was_not_used_for_longest_goes_first():
    prefixes = Prefixes(12 * TOKEN)
    for key in "ab":
        prefixes.put_trunk(key, Trunk(layers(4), 4))
        prefixes.put_branch(key, [1, 2], layers(2))
    trunk = prefixes.trunk("a")
    assert prefixes.branch("a", [1, 2])[0] == 2
    prefixes.put_trunk("c", Trunk(layers(1), 1))
    assert prefixes.branch("b", [1, 2]) == (0, None)  # first what hangs on it
    prefixes.put_branch("c", [5, 6], layers(2))
    assert prefixes.trunk("b") is None  # then the trunk
    assert prefixes.trunk("a") is trunk
    assert prefixes.branch("a", [1, 2])[0] == 2
    prefixes.put_trunk("large", Trunk(layers(13), 13))
    assert prefixes.trunk("large") is None
    assert prefixes.bytes == 9 * TOKEN
    prefixes.put_branch("c", [5, 6, 7], layers(12))  # copied whole it would not fit beside its own trunk
    assert prefixes.branch("c", [5, 6, 7])[0] == 3
    prefixes.put_branch("c", range(12), layers(12))
    assert prefixes.trunk("c") is not None
    assert prefixes.branch("c", [0, 1]) == (0, None)
    prefixes.clear()
    assert prefixes.trunk("a") is None
    assert prefixes.bytes == 0


def test_branches_of_a_trunk_are_bounded():
    prefixes = Prefixes(10**6)
    prefixes.put_trunk("p", Trunk(layers(1), 1))
    for number in range(module.MOST_BRANCHES + 5):
        prefixes.put_branch("p", [number], layers(1))
    assert prefixes.bytes == (module.MOST_BRANCHES + 1) * TOKEN
    assert prefixes.branch("p", [4]) == (0, None)
    assert prefixes.branch("p", [5])[0] == 1  # which is the newest now
    prefixes.put_branch("p", [99], layers(1))
    assert prefixes.branch("p", [6]) == (0, None)
    assert prefixes.branch("p", [5])[0] == 1


def test_bytes_suit_the_model_and_the_memory(monkeypatch):
    cpu = torch.device("cpu")
    for free, contexts in ((10**12, module.CONTEXTS), (module.FREE_SHARE * 4000 * 5, 5), (0, 1)):
        monkeypatch.setattr(module, "free_bytes", lambda device, free=free: free)
        assert prefix_bytes(4, 1000, cpu) == contexts * 4000
