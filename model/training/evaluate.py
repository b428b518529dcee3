"""`python -m model.training.evaluate`: what a nano checkpoint can do, measured on scenes it has never seen.

Every figure is the mean over questions of one topic about fresh scenes, answered greedily; micro-averaged F1
where a reply holds several boxes. Nothing of training's seeds is ever drawn here.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm
from transformers.cache_utils import DynamicCache, StaticCache

from model import STOP, SphinxForConditionalGeneration, SphinxProcessor, turn_end
from model.training.data import scene_shape
from model.training.headline import TOPICS_NEEDED, headlines, write_headlines
from model.training.learnt_kinds import named_by_kind
from model.training.photos import MAIN_KINDS, PhotoLibrary, PhotoSource, load_photos
from model.training.question_generator import QuestionGenerator
from model.training.questions import QA, TOPICS, eval_question
from model.training.scoring import f1, score
from model.training.topics.places import largest_thing
from model.training.world import TRAINING_SEEDS, draw

log = logging.getLogger(__name__)

FIRST_SEED = 50_000_000
MOST_TRIES = 12  # pictures looked at for each one wanted, before a topic is given up
BATCH = 24
GREY = 127
# new tokens at most, by ability
LONG = {
    "dense": 224, "grounded_caption": 224, "layout": 240, "text": 208, "chart": 160, "pose": 320, "marks": 96,
    "detail": 160, "detect": 112,
}  # fmt: skip
SHORT = 48  # new tokens at most, for every other ability


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the questions are put. `grey` hides the picture, `views` and `encoders` leave parts out."""

    views: int | None = None
    encoders: tuple[str, ...] | None = None
    grey: bool = False
    style: str | None = None
    held_out: bool = False
    size: int = 256


@dataclass(slots=True)
class EvalQuestion:
    """A question about a picture, and the reply once it is there."""

    qa: QA
    picture: int
    style: str  # of the picture
    reply: str = ""


@dataclass(slots=True)
class EvalSet:
    """All questions of an evaluation and the pictures they are about."""

    pictures: list[np.ndarray] = field(default_factory=list)
    questions: list[EvalQuestion] = field(default_factory=list)


def make_eval_set(
    seed: int, count: int, topics: Sequence[str], conditions: Conditions = Conditions()
) -> EvalSet:
    """Draw fresh scenes and ask each of `topics` about up to `count` of them.

    Raises:
        ValueError: `seed` lies among training's.
    """
    if seed in TRAINING_SEEDS:
        raise ValueError(f"seed {seed} may have been trained on: choose one from {TRAINING_SEEDS.stop} on")
    eval_set, asked = EvalSet(), dict.fromkeys(topics, 0)
    for i in range(count * MOST_TRIES):
        waiting = [topic for topic in topics if asked[topic] < count]
        if not waiting:
            break
        rng = random.Random(f"exam {seed + i}")
        kind, style, size_wh = scene_shape(rng, conditions.size)
        array, truth = draw(
            seed + i,
            kind=kind,
            style=conditions.style or style,
            size_wh=size_wh,
            held_out=conditions.held_out,
        )
        made = [(topic, qa) for topic in waiting if (qa := eval_question(truth, rng, topic)) is not None]
        if not made:
            continue
        for topic, qa in made:
            asked[topic] += 1
            eval_set.questions.append(EvalQuestion(qa, len(eval_set.pictures), truth.style))
        eval_set.pictures.append(np.full_like(array, GREY) if conditions.grey else array)
    return eval_set


# What is asked about photographs: what their labels can answer.
PHOTO_TOPICS = (
    "largest", "region-largest", "locate-largest", "locate", "is-there-present", "is-there-kind-absent",
    "locate-kind-absent", "detect-all", "detect-several", "detect-absent", "count-0", "count-1", "count-2",
    "count-3", "count-4", "count-5", "colour", "region", "relation", "relation-word", "caption", "grounded",
    "dense",
)  # fmt: skip
MAIN_ONLY = ("largest", "region-largest", "locate-largest")  # of the main kinds, as the headlines are


def photo_eval_set(
    library: PhotoLibrary, topics: Sequence[str] = PHOTO_TOPICS, *, grey: bool = False
) -> EvalSet:
    """Ask each of `topics` about every photograph that it can be asked about, once."""
    eval_set, source = EvalSet(), PhotoSource(library)
    for number in range(len(library)):
        array, truth = source.plain(number)
        rng = random.Random(f"exam of photograph {library.photos[number].file}")
        thing = largest_thing(QuestionGenerator(truth, rng, varied=False))
        main = thing is not None and thing.kind in MAIN_KINDS
        made = [eval_question(truth, rng, topic) for topic in topics if main or topic not in MAIN_ONLY]
        eval_set.questions += [
            EvalQuestion(qa, len(eval_set.pictures), truth.style) for qa in made if qa is not None
        ]
        eval_set.pictures.append(np.full_like(array, GREY) if grey else array)
    return eval_set


def _alike(rows: Sequence[Sequence[int]]) -> int:
    """Return how many ids all rows begin with; of the shortest row one is left."""
    shortest = min(map(len, rows)) - 1
    return next((i for i, ids in enumerate(zip(*rows)) if len(set(ids)) > 1 or i == shortest), shortest)


@dataclass(slots=True)
class _Asking:
    """Everything that asking takes; `features` are of the pictures that were asked about so far."""

    model: SphinxForConditionalGeneration
    processor: SphinxProcessor
    pictures: Sequence[np.ndarray]
    conditions: Conditions
    batches: Sequence[Sequence[EvalQuestion]]
    features: dict[int, torch.Tensor] = field(default_factory=dict)

    def replies(self, which: int) -> list[str]:
        """Answer a batch greedily; pictures with equally many tokens are read together."""
        batch = self.batches[which]
        for number in {e.picture for e in batch} - set(self.features):
            self.features[number] = self._encode(number)
        groups: dict[int, list[EvalQuestion]] = {}
        for e in batch:
            groups.setdefault(len(self.features[e.picture]), []).append(e)
        made = {id(e): reply for group in groups.values() for e, reply in zip(group, self._answer(group))}
        return [made[id(e)] for e in batch]

    @torch.no_grad()
    def _encode(self, number: int) -> torch.Tensor:
        """Return the visual tokens (N, D) of a picture."""
        model, conditions, image = self.model, self.conditions, Image.fromarray(self.pictures[number])
        options: Any = {"views": conditions.views, "encoders": conditions.encoders}
        made = self.processor(images=[image], return_tensors="pt", **options)
        skipped = made.get("skipped_views")
        pixels = made["pixel_values"].to(model.device, model.dtype)
        tokens = model.get_image_features(pixels, skipped_views=skipped, **options).pooler_output
        assert tokens is not None
        return tokens[0]

    @torch.no_grad()
    def _answer(self, batch: Sequence[EvalQuestion]) -> list[str]:
        """Answer questions about pictures of equal length; what they begin with is read once for each."""
        model, processor, features = self.model, self.processor, self.features
        device, numbers = model.device, sorted({e.picture for e in batch})
        words = [processor.tokenizer(processor.prompt([(e.qa.question, None)])).input_ids for e in batch]
        shown = len(features[numbers[0]])
        rows = [[*ids[:1], *[processor.image_token_id] * shown, *ids[1:]] for ids in words]
        alike = _alike(rows)
        cache = DynamicCache(config=model.config.get_text_config())
        model(
            input_ids=torch.tensor([rows[0][:alike]] * len(numbers), device=device),
            image_features=torch.stack([features[number] for number in numbers]),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache.batch_select_indices(torch.tensor([numbers.index(e.picture) for e in batch], device=device))
        length = max(map(len, rows))
        padding = [length - len(ids) for ids in rows]
        longest = max(LONG.get(e.qa.ability, SHORT) for e in batch)
        room = StaticCache(config=model.config.get_text_config(), max_cache_len=length + longest)
        layers: Any = zip(room.layers, cache.layers)
        for empty, read in layers:  # a cache that grows would be copied for every token
            empty.update(read.keys, read.values)
        pad = processor.tokenizer.pad_token_id
        ids = torch.tensor([r[:alike] + [pad] * n + r[alike:] for r, n in zip(rows, padding)])
        mask = torch.tensor([[1] * alike + [0] * n + [1] * (length - alike - n) for n in padding])
        made = cast(Any, model).generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            past_key_values=room,
            max_new_tokens=longest,
            do_sample=False,
            stopping_criteria=turn_end(processor.tokenizer, length),
            pad_token_id=pad,
        )
        return [
            str(processor.tokenizer.decode(row, skip_special_tokens=True)).split(STOP)[0].strip()
            for row in made[:, length:].tolist()
        ]


_asking: _Asking | None = None  # what a forked process asks


def _replies(which: int) -> list[str]:
    assert _asking is not None
    return _asking.replies(which)


def answer(
    model: SphinxForConditionalGeneration,
    processor: SphinxProcessor,
    eval_set: EvalSet,
    conditions: Conditions = Conditions(),
    *,
    progress: bool = False,
    workers: int = 1,
) -> None:
    """Fill in the replies, greedily, in batches of questions of like length.

    Args: workers: processes that ask, on a CPU; above 1, torch must have been used with one thread only.
    """
    global _asking
    ordered = sorted(eval_set.questions, key=lambda e: (LONG.get(e.qa.ability, SHORT), e.picture))
    batches = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    _asking = _Asking(model, processor, eval_set.pictures, conditions, batches)
    pool = multiprocessing.get_context("fork").Pool(workers) if workers > 1 else None
    try:
        made = (pool.imap if pool else map)(_replies, range(len(batches)))
        for batch, replies in zip(batches, tqdm(made, "asking", len(batches), disable=not progress)):
            for e, reply in zip(batch, replies, strict=True):
                e.reply = reply
    finally:
        _asking = None
        if pool:
            pool.terminate()


def figures(questions: Iterable[EvalQuestion]) -> dict[str, dict[str, float]]:
    """Return mean scores by topic, with "n"; counts become "f1", "box_f1", "look_f1" and "..._share"."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    seen: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for e in questions:
        seen[e.qa.topic]["n"] += 1
        for name, value in score(e.qa, e.reply).items():
            sums[e.qa.topic][name] += value
            seen[e.qa.topic][name] += 1
    result: dict[str, dict[str, float]] = {}
    for topic, totals in sums.items():
        found: dict[str, float] = {"n": seen[topic]["n"]}
        for name, total in totals.items():
            if name == "right" and "wanted" in totals:
                found["f1"] = f1(total, totals["given"], totals["wanted"])
            elif name in ("box_right", "look_right"):
                found[name.replace("right", "f1")] = f1(total, totals["given"], totals["wanted"])
            elif name.endswith("_right") and name.replace("_right", "_wanted") in totals:
                if wanted := totals[name.replace("_right", "_wanted")]:  # of nothing there is no share
                    found[name.replace("_right", "_share")] = total / wanted
            elif name not in ("given", "wanted") and not name.endswith("_wanted"):
                found[name] = total / seen[topic][name]
        result[topic] = found
    return result


def evaluate(
    model: SphinxForConditionalGeneration,
    processor: SphinxProcessor,
    *,
    seed: int = FIRST_SEED,
    count: int = 500,
    topics: Sequence[str] = tuple(TOPICS),
    conditions: Conditions = Conditions(),
    progress: bool = False,
    workers: int = 1,
) -> dict[str, dict[str, float]]:
    """Figures by topic, each over up to `count` fresh scenes."""
    eval_set = make_eval_set(seed, count, topics, conditions)
    answer(model, processor, eval_set, conditions, progress=progress, workers=workers)
    return figures(eval_set.questions)


def load(checkpoint: Path, device: str = "auto") -> tuple[SphinxForConditionalGeneration, SphinxProcessor]:
    """Return a checkpoint in fp32 on a CPU, in bf16 on a GPU."""
    found = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    dtype = torch.bfloat16 if found == "cuda" else torch.float32
    model = SphinxForConditionalGeneration.from_pretrained(checkpoint, dtype=dtype)
    return cast(Any, model).to(found).eval(), SphinxProcessor.from_pretrained(checkpoint)


def untrained(model: SphinxForConditionalGeneration) -> SphinxForConditionalGeneration:
    """Return the same architecture with random weights: a control."""
    torch.manual_seed(0)
    fresh: Any = SphinxForConditionalGeneration(model.config)
    return fresh.to(device=model.device, dtype=model.dtype).eval()


def table(found: dict[str, dict[str, float]]) -> str:
    """Return the figures, a line a topic."""
    lines = []
    for topic in sorted(found):
        rest = "  ".join(f"{name} {value:.3f}" for name, value in found[topic].items() if name != "n")
        lines.append(f"{topic:24} n={found[topic]['n']:<4.0f} {rest}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.training.evaluate", description="What a nano checkpoint can do."
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, default=Path("assets/sphinx-nano"))
    add("--seed", type=int, default=FIRST_SEED)
    add("--count", "--scenes", type=int, default=500, help="scenes a figure; 0: photographs only")
    add("--topics", nargs="+", choices=list(TOPICS), default=list(TOPICS), metavar="TOPIC")
    add("--headlines", dest="topics", action="store_const", const=list(TOPICS_NEEDED),
        help="only the topics that the table of headlines needs")  # fmt: skip
    add("--photos", type=Path, help="a folder of labelled photographs, asked about too")
    add("--split", default="val", help="of the photographs")
    add("--limit", type=int, help="photographs at most")
    add("--views", type=int, help="1: the global view only")
    add("--encoders", nargs="+", help="only these encoders")
    add("--style", choices=("synthetic", "real"))
    add("--held-out", action="store_true", help="combinations that training never shows")
    add("--grey", action="store_true", help="control: a grey picture in place of each")
    add("--random-weights", action="store_true", help="control: the same model, never trained")
    add("--device", default="auto")
    add("--workers", type=int, default=1, help="processes that ask, of one thread each")
    add("--json", action="store_true")
    add("--replies", action="store_true", help="also print every question with its reply")
    return parser


def _asked_for(arguments: argparse.Namespace, conditions: Conditions) -> dict[str, EvalSet]:
    """Return the questions that the command line asks for, by source.

    Raises:
        ValueError: the seed is one of training's, or the folder holds no photographs of that split.
    """
    eval_sets = {}
    library = load_photos(arguments.photos, arguments.split, arguments.limit) if arguments.photos else None
    if arguments.count:
        eval_sets["world"] = make_eval_set(arguments.seed, arguments.count, arguments.topics, conditions)
    if library is not None:
        asked = [topic for topic in PHOTO_TOPICS if topic in arguments.topics]
        eval_sets["photographs"] = photo_eval_set(library, asked, grey=arguments.grey)
    return eval_sets


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return an exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.workers > 1:
        torch.set_num_threads(1)  # threads do not survive the fork
    conditions = Conditions(
        arguments.views,
        tuple(arguments.encoders) if arguments.encoders else None,
        arguments.grey,
        arguments.style,
        arguments.held_out,
    )
    try:
        eval_sets = _asked_for(arguments, conditions)
    except ValueError as error:
        parser.error(str(error))
    model, processor = load(arguments.checkpoint, arguments.device)
    if arguments.random_weights:
        model = untrained(model)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for source, part in eval_sets.items():
        answer(model, processor, part, conditions, progress=True, workers=arguments.workers)
        found[source] = figures(part.questions)
        if source == "photographs":
            found["photographs by kind"] = named_by_kind((e.qa, e.reply) for e in part.questions)
        if arguments.replies:
            for e in part.questions:
                print(f"{e.qa.topic}: {e.qa.question!r}\n    wanted {e.qa.answer!r}\n    got    {e.reply!r}")
    if arguments.json:
        print(json.dumps(found, indent=1))
        return 0
    for source, figures_found in found.items():
        print(f"{source}\n{table(figures_found)}\n")
    print(write_headlines(headlines(found.get("world", {}), found.get("photographs", {}))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
