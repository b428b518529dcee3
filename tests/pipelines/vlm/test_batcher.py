"""Requests that join and leave a batch: each is answered as if it were alone, and none waits for another."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from model.generation_sphinx import Nucleus
from pipelines.errors import DemoError
from pipelines.vlm import batcher as module
from pipelines.vlm.batcher import AHEAD, Batcher, Request
from pipelines.vlm.decoder import Decoder
from pipelines.vlm.detokenizer import Detokenizer
from pipelines.vlm.prefixes import Prefixes
from tests.model.tiny import VOCABULARY, tiny_config, tiny_model, tiny_tokenizer

TRUNK = 10  # tokens that requests of one kind share


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def decoder():
    return Decoder(tiny_model(tiny_config()))


@pytest.fixture
def new_batcher(decoder, tokenizer):
    def build(kept: int = 1 << 24, **limits) -> Batcher:
        return Batcher(decoder, Prefixes(kept), eos=tokenizer.eos_token_id, **limits)

    return build


@pytest.fixture
def new_request(tokenizer):
    def build(number: int, *, limit: int = 12, length: int = 8, kind: int = 0, temperature: float = 0.0):
        def drawn(seed: int, count: int) -> list[int]:
            return torch.randint(
                3, VOCABULARY, (count,), generator=torch.Generator().manual_seed(seed)
            ).tolist()

        draw = Nucleus(temperature, 0.9, torch.Generator().manual_seed(number)) if temperature else None
        return Request(
            [*drawn(1000 + kind, TRUNK), *drawn(number, length)],
            trunk_key=kind,
            trunk_length=TRUNK,
            features=None,
            limit=limit,
            draw=draw,
            detokenizer=Detokenizer(tokenizer),
        )

    return build


def answered(batcher: Batcher, request: Request) -> list[int]:
    """The ids of the whole reply."""
    for _ in batcher.answer(request):
        pass
    return request.ids[request.prompt_length :]


def settled(batcher: Batcher) -> None:
    """Wait until the worker has let all requests go."""
    until = time.monotonic() + 10
    while batcher._running and time.monotonic() < until:
        time.sleep(0.005)
    assert not batcher._running


def test_requests_that_join_and_leave_at_random_are_answered_as_alone(new_batcher, new_request):
    def settings(number: int) -> dict:
        rng = random.Random(number)
        return {
            "limit": rng.randint(1, 30),
            "length": rng.choice((1, 3, 20, 150)),
            "kind": rng.randrange(4),
            "temperature": rng.choice((0.0, 0.0, 1.2)),
        }

    numbers = range(48)
    lone = new_batcher(kept=0)  # nothing is read again
    wanted = [answered(lone, new_request(number, **settings(number))) for number in numbers]
    batcher = new_batcher(places=6, chunk=16, kept=60_000)  # small enough that trunks come and go
    rows: list[int] = []
    forward = batcher._forward
    batcher._forward = lambda pieces: rows.append(len(pieces)) or forward(pieces)

    def visit(number: int) -> list[int] | None:
        rng = random.Random(number)
        time.sleep(rng.random() * 0.3)
        request = new_request(number, **settings(number))
        if number % 5 == 4:  # leaves in the middle
            replies = batcher.answer(request)
            for _ in range(rng.randint(1, 3)):
                next(replies, None)
            replies.close()
            return None
        return answered(batcher, request)

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(visit, numbers))
    for number in numbers:
        assert found[number] in (None, wanted[number]), number
    assert max(rows) > 2  # they were computed together
    settled(batcher)
    assert batcher.load().answering == batcher.load().waiting == 0
    assert batcher._free_lanes == list(range(6))  # each came back, once


def test_a_shared_trunk_is_read_once_and_by_all_at_once(new_batcher, new_request):
    batcher = new_batcher()
    lengths: list[list[int]] = []
    forward = batcher._forward
    gate = threading.Semaphore(1)
    requests = [new_request(number) for number in range(4)]

    def gated(pieces):
        with gate:
            lengths.append([piece.count for piece in pieces])
            return forward(pieces)

    batcher._forward = gated
    with ThreadPoolExecutor(4) as pool:
        gate.acquire()
        replies = [pool.submit(answered, batcher, request) for request in requests]
        while len(batcher._waiting) + len(batcher._running) < 4:
            time.sleep(0.005)
        gate.release()
        for reply in replies:
            reply.result(30)
    assert lengths[0] == [TRUNK]
    assert lengths[1] == [8] * 4
    assert [TRUNK] not in lengths[1:]
    assert {id(request.trunk) for request in requests} == {id(requests[0].trunk)}


def test_a_trunk_that_cannot_be_kept_is_read_again_for_who_comes_later(new_batcher, new_request):
    # A request that came while the trunk was read found it finished, with no tokens left to read.
    wanted = answered(new_batcher(), new_request(2))
    batcher = new_batcher(kept=0)
    gate, reached = threading.Semaphore(0), threading.Event()
    forward = batcher._forward
    counts: list[list[int]] = []

    def gated(pieces):
        counts.append([piece.count for piece in pieces])
        reached.set()
        if len(counts) == 1:
            gate.acquire()
        return forward(pieces)

    batcher._forward = gated
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(answered, batcher, new_request(1))
        assert reached.wait(10)
        second = pool.submit(answered, batcher, new_request(2))
        while not batcher._waiting:
            time.sleep(0.005)
        gate.release()
        assert first.result(30)
        assert second.result(30) == wanted
    assert all(min(each) > 0 for each in counts)


def test_a_long_prompt_holds_nobody_up(new_batcher, new_request):
    batcher = new_batcher(chunk=16)
    lengths: list[list[int]] = []
    forward = batcher._forward
    batcher._forward = lambda pieces: lengths.append([piece.count for piece in pieces]) or forward(pieces)
    talking = batcher.answer(new_request(1, limit=200))
    next(talking)
    del lengths[:]
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(answered, batcher, new_request(2, length=300, limit=2, kind=1))
        while not reply.done():
            next(talking)
        assert reply.result(30)
    talking.close()
    read = [max(counts) for counts in lengths]
    assert max(read) == 16
    assert sum(count > 1 for count in read) >= 300 // 16
    # Between the first chunk and the last, the talker is in most passes: its reader is behind in few.
    chunks = [number for number, count in enumerate(read) if count > 1]
    between = lengths[chunks[0] : chunks[-1] + 1]
    assert sum(1 in counts for counts in between) >= len(between) // 2


def test_a_reader_that_is_behind_stops_only_itself(new_batcher, new_request, monkeypatch):
    monkeypatch.setattr(module, "AHEAD_S", 0)
    monkeypatch.setattr(module, "TOLD_S", 0)  # it is told at once, since nothing is computed meanwhile
    batcher = new_batcher()
    slow = new_request(1, limit=200)
    replies = batcher.answer(slow)
    next(replies)
    assert len(answered(batcher, new_request(2, limit=40))) == 40
    assert len(slow.ids) - slow.prompt_length <= 1 + AHEAD
    last = [*replies][-1]
    assert len(slow.ids) - slow.prompt_length == 200
    assert last == slow.detokenizer.visible(finished=True)


@pytest.mark.parametrize(("pause", "least", "most"), [(0.0, 20, 41), (60.0, 1, 25)])
def test_a_reader_is_woken_once_for_tokens_that_come_quickly(
    new_batcher, new_request, monkeypatch, pause, least, most
):
    monkeypatch.setattr(module, "TOLD_S", pause)
    monkeypatch.setattr(module, "AHEAD_S", 60)
    batcher = new_batcher()
    forward = batcher._forward
    batcher._forward = lambda pieces: (
        time.sleep(0.005) or forward(pieces)
    )  # the reader has time to wait again
    request = new_request(1, limit=40)
    replies = [*batcher.answer(request)]
    assert least <= len(replies) <= most
    assert replies[-1] == request.detokenizer.visible(finished=True)
    assert len(request.ids) - request.prompt_length == 40


def test_who_leaves_while_waiting_was_never_computed(new_batcher, new_request, monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.05)
    batcher = new_batcher(places=1)
    first = batcher.answer(new_request(1, limit=300))
    next(first)
    second = new_request(2)
    waiting = batcher.answer(second)
    assert next(waiting) == ""  # nothing yet, but it can be closed
    load = batcher.load()
    assert (load.answering, load.waiting, load.places) == (1, 1, 1)
    assert load.wait_s > 0
    waiting.close()
    assert batcher.load().waiting == 0
    first.close()
    assert second.cache is None
    assert answered(batcher, new_request(3))


def test_first_come_first_served(new_batcher, new_request):
    batcher = new_batcher(places=1)
    ended: list[int] = []

    def visit(number: int) -> None:
        answered(batcher, new_request(number))
        ended.append(number)

    first = batcher.answer(new_request(0, limit=300))
    next(first)
    threads = []
    for number in range(1, 5):
        threads.append(threading.Thread(target=visit, args=(number,)))
        threads[-1].start()
        while batcher.load().waiting < number:
            time.sleep(0.005)
    first.close()
    for thread in threads:
        thread.join(30)
    assert ended == [1, 2, 3, 4]


def test_requests_whose_memory_does_not_suffice_wait(new_batcher, new_request, decoder):
    batcher = new_batcher(own_bytes=30 * decoder.bytes_per_token)
    first = batcher.answer(new_request(1, limit=300))  # one always runs
    next(first)
    second = threading.Thread(target=answered, args=(batcher, new_request(2)))
    second.start()
    time.sleep(0.1)
    assert (batcher.load().answering, batcher.load().waiting) == (1, 1)
    first.close()
    second.join(30)
    assert not second.is_alive()


def test_too_many_are_refused(new_batcher, new_request):
    batcher = new_batcher(places=1, waiting=1)
    first = batcher.answer(new_request(1, limit=300))
    next(first)
    second = threading.Thread(target=answered, args=(batcher, new_request(2)))
    second.start()
    while not batcher.load().waiting:
        time.sleep(0.005)
    with pytest.raises(DemoError, match="1 questions are waiting"):
        next(batcher.answer(new_request(3)))
    first.close()
    second.join(30)


def test_full_memory_is_emptied_of_what_is_kept_and_tried_again(new_batcher, new_request):
    batcher = new_batcher()
    wanted = answered(batcher, new_request(1))
    forward = batcher._decoder.forward
    falls = iter([True, False])

    def full_once(*given):
        if next(falls, False):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(*given)

    batcher._decoder = _Patched(batcher._decoder, full_once)
    assert answered(batcher, new_request(1)) == wanted


def test_a_fault_ends_those_it_met_and_no_other(new_batcher, new_request):
    batcher = new_batcher()
    wanted = answered(batcher, new_request(1))
    whole = batcher._decoder

    def broken(*given):
        raise RuntimeError("a fault")

    batcher._decoder = _Patched(whole, broken)
    with pytest.raises(RuntimeError, match="a fault"):
        answered(batcher, new_request(2))
    batcher._decoder = whole
    assert answered(batcher, new_request(1)) == wanted
    settled(batcher)


def test_the_worker_ends_without_work_and_comes_again(new_batcher, new_request, monkeypatch):
    monkeypatch.setattr(module, "IDLE_S", 0.05)
    batcher = new_batcher()
    wanted = answered(batcher, new_request(1))
    worker = batcher._worker
    assert worker is not None
    worker.join(10)
    assert not worker.is_alive()
    assert answered(batcher, new_request(1)) == wanted


class _Patched:
    """A decoder with another forward pass."""

    def __init__(self, decoder, forward) -> None:
        self._whole = decoder
        self.forward = forward

    def __getattr__(self, name):
        return getattr(self._whole, name)
