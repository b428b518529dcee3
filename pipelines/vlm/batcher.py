"""Continuous batching: requests of many visitors share forward passes, and join and leave between tokens.

One worker thread computes; any number of threads ask. Each forward pass takes one token of every request that
is answering, and a chunk of the prompts that were not read yet, first come, first served: a long prompt never
holds up the others for longer than a chunk. A request whose reader is behind waits for its reader, and one
that was given up is out of the next pass. This module decides who is computed when; it knows no pictures.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from model.generation_sphinx import Nucleus
from pipelines.errors import DemoError, is_shortage
from pipelines.interfaces import Load, Replies
from pipelines.vlm.decoder import Decoder, Lanes, SequenceCache, Trunk
from pipelines.vlm.detokenizer import Detokenizer
from pipelines.vlm.prefixes import Prefixes

PLACES = 16  # requests that are answered together
WAITING = 64  # requests that may wait for a place; more are refused
LANE = 1024  # tokens of a request that share one tensor with others'; longer ones have a buffer of their own
LANES_BYTES = 256 << 20  # that this tensor may take at most: with larger models a call is not what costs
AHEAD = 2  # tokens that are computed before a reader has taken those before ...
AHEAD_S = 0.06  # ... or in so long: waking a reader costs as much as a small model's token
TOLD_S = 0.02  # a reader is woken at most so often
CHUNK = {"cpu": 64}  # tokens of prompts read in one forward pass while others are answered
OTHER_CHUNK = 512  # the same on a GPU
ALONE = 4  # chunks read in one forward pass while nobody is answered
HEARTBEAT_S = 0.5  # a reader gets the reply so far at least so often, so that it can leave
IDLE_S = 5.0  # the worker thread ends after so long without a request
TYPICAL_S = 3.0  # of one answer, until one was measured
SMOOTHING = 0.2  # weight of the newest answer in the mean duration


class Request:
    """One question: what is computed for it, and what its reader has not taken yet."""

    def __init__(
        self,
        ids: Sequence[int],
        *,
        trunk_key: Any,
        trunk_length: int,
        features: torch.Tensor | None,
        limit: int,
        draw: Nucleus | None,
        detokenizer: Detokenizer,
    ) -> None:
        """Describe a request.

        Args:
            ids: of the prompt.
            trunk_key: everything that the first `trunk_length` tokens depend on.
            trunk_length: tokens of the prompt that other requests share; fewer than all.
            features: (1, N, D), the picture's tokens; they stand behind the first token.
            limit: the reply has at most so many tokens.
            draw: draws the words with a generator of its own; None takes the likeliest word.
        """
        self.ids = list(ids)
        self.prompt_length = len(self.ids)
        self.trunk_key = trunk_key
        self.trunk_length = trunk_length
        self.features = features
        self.limit = limit
        self.draw = draw
        self.detokenizer = detokenizer
        self.trunk: Trunk | None = None
        self.cache: SequenceCache | None = None
        self.unread = 0  # tokens whose text the reader has not taken
        self.text = ""
        self.told = self.taken = 0.0  # when the reader was woken last, and when it took something
        self.news: threading.Condition | None = None
        self.over = False  # nothing more will be computed
        self.given_up = False
        self.error: BaseException | None = None
        self.started = 0.0

    @property
    def room(self) -> int:
        """Tokens that its own buffer must hold."""
        return self.prompt_length - self.trunk_length + self.limit

    @property
    def fed(self) -> int:
        """How many of `ids` have their keys and values."""
        return self.cache.position if self.cache else 0

    @property
    def answering(self) -> bool:
        """Whether the prompt has been read."""
        return len(self.ids) > self.prompt_length


@dataclass(slots=True, eq=False)
class _Reading:
    """A trunk on its way: `embeds` (length, D) are read chunk by chunk into `cache`."""

    key: Any
    embeds: torch.Tensor
    cache: SequenceCache


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one sequence gives to a forward pass: `count` tokens of a request, or of a trunk."""

    of: Request | _Reading
    cache: SequenceCache
    count: int


class Batcher:
    """The requests of one model. `answer` may be called from any thread."""

    def __init__(
        self,
        decoder: Decoder,
        prefixes: Prefixes,
        *,
        eos: int,
        own_bytes: int | None = None,
        places: int = PLACES,
        waiting: int = WAITING,
        chunk: int | None = None,
    ) -> None:
        """Serve requests with a decoder.

        Args:
            prefixes: what is kept for later requests; the batcher's alone from now on.
            eos: the id that ends a reply.
            own_bytes: keys and values that running requests may take together; one always runs.
            places: requests that are answered together.
            waiting: requests that may wait.
            chunk: tokens of prompts in one forward pass while others are answered; None suits the device.
        """
        self.forward_passes = 0
        self._decoder = decoder
        self._prefixes = prefixes
        self._eos = eos
        self._own_bytes = own_bytes
        self._places = places
        self._most_waiting = waiting
        self._chunk = chunk or CHUNK.get(decoder.device.type, OTHER_CHUNK)
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._waiting: deque[Request] = deque()
        self._running: list[Request] = []
        self._readings: dict[Any, _Reading] = {}
        self._lanes: Lanes | None = None
        self._free_lanes: list[int] = []
        if places * LANE * decoder.bytes_per_token <= LANES_BYTES and decoder.device.type == "cpu":
            self._lanes = decoder.allocate_lanes(places, LANE)
            self._free_lanes = list(range(places))
        self._worker: threading.Thread | None = None
        self._typical_s = TYPICAL_S

    # --- for readers, from any thread ------------------------------------------------------------------

    def load(self) -> Load:
        """Return how busy the model is."""
        with self._lock:
            waiting = len(self._waiting)
            answering = sum(not request.over for request in self._running)
            free = answering < self._places and not waiting
            wait = 0.0 if free else self._typical_s * (waiting + 1) / self._places
            return Load(self._places, answering, waiting, self._most_waiting, wait)

    def require_room(self) -> None:
        """Refuse a request that would not even find a place to wait.

        Raises:
            DemoError: too many wait.
        """
        now = self.load()
        if now.waiting >= now.most_waiting + now.places - now.answering:
            raise DemoError(
                f"{now.waiting} questions are waiting before yours: try again in about {now.wait_s:.0f} s."
            )

    def answer(self, request: Request) -> Replies:
        """Yield the growing reply: after its first token, after others as they come, though not much more
        often than every `TOLD_S`, and at least every `HEARTBEAT_S`. Closing gives it up.

        Raises:
            DemoError: too many wait.
            RuntimeError: the memory does not suffice, as its allocator says it.
        """
        self.require_room()
        with self._lock:
            request.news = threading.Condition(self._lock)
            self._waiting.append(request)
            self._start_worker()
            self._work.notify()
        try:
            while True:
                with self._lock:
                    if not request.unread and not request.over:
                        request.news.wait(HEARTBEAT_S)
                    text = request.text
                    if request.unread:
                        if request.unread >= AHEAD:
                            self._work.notify()
                        request.unread, request.taken = 0, time.monotonic()
                    elif request.error:
                        raise request.error
                    elif request.over:
                        return
                yield text
        finally:
            with self._lock:
                request.given_up = not request.over
                request.over = True
                with suppress(ValueError):
                    self._waiting.remove(request)
                self._work.notify()

    def _start_worker(self) -> None:
        if self._worker is None or not self._worker.is_alive():
            self._worker = threading.Thread(target=self._run, name="vlm", daemon=True)
            self._worker.start()

    # --- the worker ------------------------------------------------------------------------------------

    @torch.no_grad()
    def _run(self) -> None:
        """Compute while there are requests; end after a while without any.

        A small model's calls are too short to be shared: waking another thread takes as long as they do.
        """
        with nullcontext() if self._lanes is None else threadpool_limits(1, user_api="openmp"):
            self._work_on()

    def _work_on(self) -> None:
        while True:
            with self._lock:
                pieces = self._plan()
                while not pieces:
                    woken = self._work.wait(IDLE_S)
                    pieces = self._plan()
                    if not woken and not pieces and not self._running:
                        self._worker = None
                        return
            try:
                tokens = self._compute(pieces)
            except Exception as error:
                tokens = None
                with self._lock:
                    self._fail(pieces, error)
            if tokens is not None:
                self._take(pieces, tokens)

    def _plan(self) -> list[_Piece]:
        """Let requests go and come, and choose what the next forward pass computes."""
        for request in [request for request in self._running if request.over]:
            self._leave(request)
        self._admit()
        wanted = {request.trunk_key for request in self._running if request.trunk is None}
        self._readings = {key: reading for key, reading in self._readings.items() if key in wanted}
        answering = [r for r in self._running if r.answering]
        now = time.monotonic()
        for request in answering:
            if request.unread and now - request.told > TOLD_S:
                _wake(request, now)
        pieces = [
            _Piece(r, r.cache, 1)
            for r in answering
            if r.cache and (r.unread < AHEAD or now - r.taken < AHEAD_S)
        ]
        budget = self._chunk if answering else ALONE * self._chunk
        for request in self._running:
            if budget <= 0:
                break
            if request.answering:
                continue
            piece = self._next_chunk(request, budget)
            if not any(piece.of is other.of for other in pieces):
                pieces.append(piece)
                budget -= piece.count
        # Readers of the same trunk lie beside one another.
        return sorted(pieces, key=lambda piece: id(piece.cache.trunk))

    def _admit(self) -> None:
        """Give free places to those who have waited longest."""
        while self._waiting and len(self._running) < self._places:
            running = sum(request.room for request in self._running) * self._decoder.bytes_per_token
            wanted = self._waiting[0].room * self._decoder.bytes_per_token
            if self._running and self._own_bytes is not None and running + wanted > self._own_bytes:
                return
            request = self._waiting.popleft()
            request.started = time.monotonic()
            self._running.append(request)

    def _next_chunk(self, request: Request, budget: int) -> _Piece:
        """Return the next tokens of a prompt, or of the trunk that it begins with."""
        if request.trunk is None:
            request.trunk = self._prefixes.trunk(request.trunk_key)
        if request.trunk is None:
            reading = self._readings.get(request.trunk_key) or self._begin_trunk(request)
            return _Piece(reading, reading.cache, min(budget, len(reading.embeds) - reading.cache.length))
        cache = request.cache or self._begin(request)
        return _Piece(request, cache, min(budget, request.prompt_length - cache.position))

    def _begin_trunk(self, request: Request) -> _Reading:
        decoder, length = self._decoder, request.trunk_length
        embeds = decoder.words(request.ids[:length])
        if request.features is not None:
            picture = request.features[0].to(embeds.device, embeds.dtype)
            embeds[1 : 1 + len(picture)] = picture
        reading = _Reading(request.trunk_key, embeds, SequenceCache(decoder.allocate(length)))
        self._readings[request.trunk_key] = reading
        return reading

    def _begin(self, request: Request) -> SequenceCache:
        """Give a request its buffer, with what of its prompt was read before already in it."""
        words = request.ids[request.trunk_length : request.prompt_length - 1]  # the last one is read again
        common, branch = self._prefixes.branch(request.trunk_key, words)
        cache = self._buffer(request.room)
        cache.trunk, cache.length = request.trunk, common
        if branch is not None:
            for into, kept in zip(cache.layers, branch):
                into[:, :, :common] = kept[:, :, :common]
        request.cache = cache
        return cache

    def _buffer(self, tokens: int) -> SequenceCache:
        """Return a lane, where one is free and long enough, or a buffer of its own."""
        if self._lanes is None or not self._free_lanes or tokens > self._lanes.tokens:
            return SequenceCache(self._decoder.allocate(tokens))
        lane = self._free_lanes.pop(0)
        return SequenceCache(self._lanes.lane(lane), lanes=self._lanes, lane=lane)

    def _compute(self, pieces: Sequence[_Piece]) -> list[int]:
        """One forward pass: the next token of each request whose prompt has been read, in order."""
        try:
            return self._forward(pieces)
        except Exception as error:
            if not is_shortage(error):
                raise
            self._prefixes.clear()
        return self._forward(pieces)

    def _forward(self, pieces: Sequence[_Piece]) -> list[int]:
        decoder = self._decoder
        embeds = decoder.words([i for piece in pieces for i in _ids(piece)])
        rows: list[int] = []
        ready: list[Request] = []
        end = 0
        for piece in pieces:
            start, end = end, end + piece.count
            if isinstance(piece.of, _Reading):
                done = piece.cache.length
                embeds[start:end] = piece.of.embeds[done : done + piece.count]
            elif piece.cache.position + piece.count == len(piece.of.ids):
                rows.append(end - 1)
                ready.append(piece.of)
        hidden = decoder.forward(embeds, [(piece.cache, piece.count) for piece in pieces])
        self.forward_passes += 1
        if not rows:
            return []
        scores = decoder.scores(hidden if len(rows) == len(hidden) else hidden[rows])
        tokens = scores.argmax(dim=-1).tolist()
        for row, request in enumerate(ready):
            if request.draw:
                ids = torch.tensor([request.ids])
                tokens[row] = int(request.draw(ids, scores[row : row + 1]).argmax())
        return tokens

    def _take(self, pieces: Sequence[_Piece], tokens: list[int]) -> None:
        """Hand out what a forward pass gave."""
        given = iter(tokens)
        grown: list[tuple[Request, str, bool]] = []
        for piece in pieces:
            if isinstance(piece.of, _Reading):
                if piece.cache.length == len(piece.of.embeds):
                    self._finish_trunk(piece.of)
            elif piece.cache.position == len(piece.of.ids):
                grown.append((piece.of, *self._grow(piece.of, next(given))))
        with self._lock:
            now = time.monotonic()
            for request, text, over in grown:
                request.text, request.unread = text, request.unread + 1
                request.over = request.over or over
                if request.over or now - request.told > TOLD_S:
                    _wake(request, now)

    def _finish_trunk(self, reading: _Reading) -> None:
        trunk = Trunk(reading.cache.layers, reading.cache.length)
        self._prefixes.put_trunk(reading.key, trunk)
        del self._readings[reading.key]
        for request in self._running:
            if request.trunk_key == reading.key:
                request.trunk = trunk

    def _grow(self, request: Request, token: int) -> tuple[str, bool]:
        """Append a token to a reply: the text to show, and whether the reply is over."""
        text = request.detokenizer
        over = token == self._eos
        if not over:
            request.ids.append(token)
            text.add(token)
            over = text.stopped or len(request.ids) - request.prompt_length >= request.limit
        return text.visible(finished=over), over

    def _leave(self, request: Request) -> None:
        """Take a request out of the batch and keep what later ones may read again."""
        self._running.remove(request)
        if request.cache is not None and request.error is None:
            length = request.cache.length
            ids = request.ids[request.trunk_length : request.trunk_length + length]
            self._prefixes.put_branch(request.trunk_key, ids, request.cache.layers)
        if request.cache is not None and request.cache.lanes is not None:
            bisect.insort(self._free_lanes, request.cache.lane)
        request.cache = None
        if not request.given_up and request.error is None:
            taken = time.monotonic() - request.started
            self._typical_s += SMOOTHING * (taken - self._typical_s)

    def _fail(self, pieces: Sequence[_Piece], error: BaseException) -> None:
        """End the requests of a forward pass that went wrong."""
        keys = {piece.of.key for piece in pieces if isinstance(piece.of, _Reading)}
        for request in list(self._running):
            if request.trunk_key in keys or any(piece.of is request for piece in pieces):
                request.error, request.over = error, True
                self._leave(request)
                _wake(request, time.monotonic())
        for key in keys:
            self._readings.pop(key, None)


def _wake(request: Request, now: float) -> None:
    """Wake a request's reader, the lock being held."""
    request.told = now
    if request.news is not None:
        request.news.notify()


def _ids(piece: _Piece) -> Sequence[int]:
    """Return the ids of a piece; those of a trunk are replaced by its embeddings."""
    if isinstance(piece.of, _Reading):
        return [0] * piece.count
    return piece.of.ids[piece.cache.position : piece.cache.position + piece.count]
