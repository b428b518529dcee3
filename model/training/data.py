"""Pictures and conversations -> training batches, each a pure function of its number.

A batch's number fixes its seeds, so a run that is resumed at a step sees what it would have seen. Knows the
world, its questions and SPHINX's conversation; knows nothing of optimisers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from model import STOP, SphinxProcessor
from model.configuration_sphinx import ENCODERS
from model.image_processing_sphinx import padded_views
from model.processing_sphinx import SYSTEM
from model.training.dense import dense_targets, stack
from model.training.photos import PhotoSource
from model.training.question_generator import QA
from model.training.questions import questions
from model.training.talk import texts
from model.training.world import MIN_SIDE, TRAINING_SEEDS, draw
from model.training.world.truth import Truth

View = tuple[float, float, float, float]  # xyxy in 0..1 of the padded square


def views_of(side: int) -> tuple[View, ...]:
    """Return what each view shows: the whole square, then `side` x `side` sub-images, row by row."""
    parts = [(x / side, y / side, (x + 1) / side, (y + 1) / side) for y in range(side) for x in range(side)]
    return (0.0, 0.0, 1.0, 1.0), *parts


VIEWS = views_of(2)  # of sphinx-nano
ROW = 384  # text tokens of a row at most, the system text among them
STRIDE = 128  # tokens: few lengths of a batch, so that a compiled model meets few shapes
LONGEST_FIRST = 0.4  # of the rows begin with their longest answer, or a pose would never fit
IGNORED = -100
SMUDGED = 0.5  # of the rows show the model its own earlier coordinates with a wrong last digit
SMUDGE = 0.5  # of the coordinates of such a row
SQUARE_SHARE = 0.5  # of the pictures are square, the rest wide or tall
PANORAMA = 0.32  # the shorter side of a panorama, of the longer one, at most: some of 3 x 3 crops are empty
KIND_WEIGHTS = {
    "sign": 9.0,
    "document": 9.0,
    "chart": 6.0,
    "screen": 6.0,
    "odd": 8.0,
    "damaged": 3.0,
    "people": 16.0,
    "several": 14.0,
}
PRACTICE = {  # what training draws instead: more of what is learnt slowly and can be learnt
    "sign": 8.0,
    "document": 16.0,
    "chart": 14.0,
    "screen": 14.0,
    "odd": 12.0,
    "damaged": 6.0,
    "people": 22.0,
    "several": 34.0,
}
COMPOSED = ("park", "street", "room", "beach", "table")
COMPOSED_WEIGHT = 16.0  # each
CAPTION_LIMIT = 64  # pieces of a caption that the contrastive loss reads
CAPTIONS = ("caption", "grounded_caption", "dense", "detail")


@dataclass(frozen=True, slots=True)
class DataMixture:
    """What a stage is fed. `style` None draws both; `abilities` None asks everything."""

    pictures: int  # a batch
    style: str | None = None
    abilities: tuple[str, ...] | None = None
    text_every: int = 0  # every n-th batch is text only; 1: all of them; 0: none
    per_picture: int = 12
    single_view: float = 0.5  # share of batches that show the global view only
    drop_encoder: float = 0.15  # share of batches with one encoder left out
    blind: float = 0.0  # share of the batches of five views in which the whole picture's tokens are left out
    dense_only: bool = False  # one random view a picture and no conversation
    distilled: bool = True  # with `dense_only`: the DINO-like encoder is self-distilled, too
    photographs: float = 0.5  # share of the pictures that are photographs, where there are any
    panoramas: float = 0.0  # share of the drawn pictures that are over three times as long in one direction


def scene_shape(
    rng: random.Random, size: int = 256, shares: Mapping[str, float] = KIND_WEIGHTS
) -> tuple[str, str, tuple[int, int]]:
    """Draw kind, style and (width, height) of a picture; `shares` are of kinds that are not composed."""
    kinds = [*COMPOSED, *shares]
    weights = [COMPOSED_WEIGHT] * len(COMPOSED) + list(shares.values())
    kind = rng.choices(kinds, weights)[0]
    side = size if rng.random() < 0.85 else rng.randint(size, size * 3 // 2)
    short = side if rng.random() < SQUARE_SHARE else rng.randint(int(side * 0.6), side)
    size_wh = (side, short) if rng.random() < 0.6 else (short, side)
    return kind, rng.choice(("synthetic", "real")), size_wh


def draw_for_training(
    number: int,
    style: str | None = None,
    size: int = 256,
    shares: Mapping[str, float] = PRACTICE,
    *,
    panoramas: float = 0.0,
) -> tuple[np.ndarray, Truth]:
    """Return the picture of that number: its kind, style and shape are drawn from the number alone."""
    kind, any_style, size_wh = scene_shape(random.Random(f"picture {number}"), size, shares)
    rng = random.Random(f"panorama {number}")
    if rng.random() < panoramas:
        side = max(size_wh)
        short = rng.randint(MIN_SIDE, int(side * PANORAMA))
        size_wh = (side, short) if rng.random() < 0.6 else (short, side)
    seed = TRAINING_SEEDS[number % len(TRAINING_SEEDS)]
    return draw(seed, kind=kind, style=style or any_style, size_wh=size_wh)


class Conversations:
    """Turns question-answer pairs into ids and labels with SPHINX's own conversation format."""

    def __init__(self, processor: SphinxProcessor) -> None:
        self.prompt = processor.prompt
        tokenizer = processor.tokenizer
        self.encode: Callable[[str], list[int]] = partial(tokenizer.encode, add_special_tokens=False)
        whole = self.prompt([("?", None)])
        self.prefix: list[int] = self.encode(whole.split(" Human:")[0])
        if self.encode(whole)[: len(self.prefix)] != self.prefix:
            raise ValueError(f"the system text does not stand alone in the tokenizer: {self.encode(whole)}")
        self.digits: Any = tokenizer.convert_tokens_to_ids(list("0123456789"))
        self.openings: Any = tokenizer.convert_tokens_to_ids(["[0.", ",0.", ";0."])

    def segment(self, turns: Sequence[QA]) -> tuple[list[int], list[int]]:
        """Return ids after the system text, and labels: the answer's ids and the stop, IGNORED elsewhere."""
        ids: list[int] = []
        labels: list[int] = []
        said: list[tuple[str, str | None]] = []
        for turn in turns:
            asked = self.encode(self.prompt([*said, (turn.question, None)]))[len(self.prefix) :]
            said.append((turn.question, turn.answer))
            ids = self.encode(self.prompt(said))[len(self.prefix) :]
            if ids[: len(asked)] != asked:
                raise ValueError(f"the answer changes the question's tokens: {turn}")
            labels += [IGNORED] * (len(asked) - len(labels)) + ids[len(asked) :]
        return ids, labels

    def row(self, pairs: Sequence[QA], rng: random.Random) -> dict[str, np.ndarray]:
        """Return one packed row: the system text, then segments that do not see one another.

        Returns int arrays of one length: ids, positions (after the picture, from 0), segments (0: system
        text), labels, and float weights (1 / sqrt of the answer's length: a long list does not drown a word).
        """
        ids, positions = list(self.prefix), list(range(len(self.prefix)))
        segments, labels = [0] * len(ids), [IGNORED] * len(ids)
        weights = [0.0] * len(ids)
        waiting, number = list(pairs), 0
        if rng.random() < LONGEST_FIRST:
            waiting.sort(key=lambda pair: -len(pair.answer))
        while waiting:
            count = 2 if len(waiting) > 1 and rng.random() < 0.15 else 1
            group, waiting = waiting[:count], waiting[count:]
            asked, wanted = self.segment(group)
            if len(ids) + len(asked) > ROW:
                continue
            number += 1
            start = len(self.prefix)
            ids += asked
            positions += range(start, start + len(asked))
            segments += [number] * len(asked)
            labels += wanted
            kept = sum(label != IGNORED for label in wanted)
            weights += [kept**-0.5 if label != IGNORED else 0.0 for label in wanted]
        if rng.random() < SMUDGED:
            self.smudge(ids, labels, rng)
        return {
            "ids": np.array(ids), "positions": np.array(positions), "segments": np.array(segments),
            "labels": np.array(labels), "weights": np.array(weights, np.float32),
        }  # fmt: skip

    def smudge(self, ids: list[int], labels: Sequence[int], rng: random.Random) -> None:
        """Change hundredths of the answers' coordinates, in place; what is to be learnt (labels) stays.

        Otherwise a joint or a box is guessed from the true one before it, which no reply of the model's own
        ever has, and the picture is hardly looked at.
        """
        for i in range(2, len(ids)):
            coordinate = ids[i] in self.digits and ids[i - 1] in self.digits and ids[i - 2] in self.openings
            if coordinate and labels[i] != IGNORED and rng.random() < SMUDGE:
                ids[i] = rng.choice(self.digits)


def pack(rows: Sequence[dict[str, np.ndarray]]) -> dict[str, Tensor]:
    """Pad rows to the longest, in steps of STRIDE; padding has segment -1 and is seen by nobody."""
    length = -(-max(len(row["ids"]) for row in rows) // STRIDE) * STRIDE
    fill = {"ids": 0, "positions": 0, "segments": -1, "labels": IGNORED, "weights": 0}
    return {
        key: torch.from_numpy(
            np.stack([np.pad(row[key], (0, length - len(row[key])), constant_values=value) for row in rows])
        )
        for key, value in fill.items()
    }


class Batches(Dataset[dict[str, Any]]):
    """`self[step]` is the batch of that step: pixels, packed rows, dense targets and what is left out.

    For a processor with skip tokens `skipped`, bool (pictures, views), says where these stand.
    """

    def __init__(
        self,
        mixture: DataMixture,
        processor: SphinxProcessor,
        *,
        base: int,
        grid: int,
        photographs: PhotoSource | None = None,
    ) -> None:
        self.mixture, self.base, self.grid = mixture, base, grid
        self.photographs = photographs
        self.image_processor = processor.image_processor
        self.conversations = Conversations(processor)
        self.side = round((len(processor.view_tokens) - 1) ** 0.5)  # sub-images a side
        self.views = views_of(self.side)
        self.skips = processor.skip_tokens > 0

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, step: int) -> dict[str, Any]:
        mixture = self.mixture
        rng = random.Random(f"batch {self.base} {step}")
        if mixture.text_every and step % mixture.text_every == 0:
            return {"rows": pack([self._text_row(rng) for _ in range(mixture.pictures)])}
        views = 1 if mixture.dense_only or rng.random() < mixture.single_view else len(self.views)
        pixels, rows, targets, chosen, captions, skipped = [], [], [], [], [], []
        for i in range(mixture.pictures):
            number = self.base + step * mixture.pictures + i
            array, truth = self._picture(number, rng)
            pixels.append(self._pixels(array))
            captions.append(truth.caption)
            empty = self._empty(array)
            if mixture.dense_only:
                view = 0 if rng.random() < 0.6 else rng.choice(np.flatnonzero(~empty)[1:].tolist())
                chosen.append(view)
                targets.append(dense_targets(truth, self.views[view], self.grid))
                continue
            skipped.append(empty[:views])
            targets += [dense_targets(truth, view, self.grid) for view in self.views[:views]]
            pairs = questions(truth, rng, per_picture=mixture.per_picture)
            if mixture.abilities:
                pairs = [pair for pair in pairs if pair.ability in mixture.abilities] or pairs[:2]
            rows.append(self.conversations.row(pairs, rng))
        left_out = rng.choice(ENCODERS) if rng.random() < mixture.drop_encoder else None
        batch: dict[str, Any] = {
            "pixels": torch.from_numpy(np.stack(pixels)),
            "views": views,
            "dense": stack(targets),
            "caption_ids": [self.conversations.encode(caption)[:CAPTION_LIMIT] for caption in captions],
            "left_out": left_out,
            "blind": views > 1 and rng.random() < mixture.blind,
            "number": step,
        }
        if mixture.dense_only:
            batch["chosen"] = torch.tensor(chosen)
            batch["distilled"] = mixture.distilled
            return batch
        batch["rows"] = pack(rows)
        if self.skips:
            batch["skipped"] = torch.from_numpy(np.stack(skipped))
        return batch

    def _empty(self, array: np.ndarray) -> np.ndarray:
        """Return which views of a picture (H, W, 3) have skip tokens in their place, bool (V,)."""
        if not self.skips:
            return np.zeros(len(self.views), bool)
        return np.array(padded_views((array.shape[1], array.shape[0]), self.side))

    def _picture(self, number: int, rng: random.Random) -> tuple[np.ndarray, Truth]:
        """Return a varied photograph or a drawn picture, by the mixture's share."""
        if self.photographs is not None and rng.random() < self.mixture.photographs:
            return self.photographs.draw(number)
        return draw_for_training(number, self.mixture.style, panoramas=self.mixture.panoramas)

    def _pixels(self, array: np.ndarray) -> np.ndarray:
        """Return the padded, resized square as uint8 (3, S, S); normalised on the device."""
        return self.image_processor.resize(Image.fromarray(array)).transpose(2, 0, 1)

    def _text_row(self, rng: random.Random) -> dict[str, np.ndarray]:
        """Return a row without a picture: talk about the world, and the words of the tasks themselves."""
        pairs = [texts(rng) for _ in range(self.mixture.per_picture)]
        return self.conversations.row(pairs, rng)


def corpus(pictures: int) -> list[str]:
    """Conversations as training will say them, for the tokenizer: from drawn pictures and plain talk."""
    rng = random.Random("corpus")
    lines = []
    for number in range(pictures):
        _, truth = draw_for_training(TRAINING_SEEDS[-1] - number, size=128)
        pairs = questions(truth, rng, per_picture=20) + [texts(rng) for _ in range(4)]
        lines += [
            f"{SYSTEM} ### Human: {pair.question}{STOP} Assistant: {pair.answer}{STOP}" for pair in pairs
        ]
    return lines


def worker_setup(_: int) -> None:
    """Give a data worker one thread, since the cores belong to the training."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
