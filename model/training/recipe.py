"""SPHINX's recipe, small: the stages of `sphinx-nano`, their data, learning rates and shares of time.

The stages, in order, with the share of the time each gets:

    language         the language model alone, on text about the world
    encoders         the four encoders and the projections, on dense targets of single views. The CLIP-like
                     one also learns to tell captions apart, the DINO-like one is self-distilled. The heads
                     that predict the targets are not shipped.
    one-real         captions and grounded captions on real-style pictures, language model unfrozen,
                     text-only batches mixed in -> A
    one-synthetic    the same on synthetic pictures, starting from A -> B;
                     then the language models are mixed: theta = beta * A + (1 - beta) * B
    two              every task with its own sentence, mostly one view, encoders left out at random
    two-high         the same, mostly five views. Some batches leave out the whole picture's view, because the
                     language model would otherwise read that view alone.

`--recipe one-stage` trains as SPHINX-X does: after the language and the encoders, one stage `all` replaces
the stages one and two. A run that starts from a checkpoint gives its time to the last stages. Before them:

    heads            the dense heads, which no checkpoint ships, learn to read its encoders, so that their
                     first gradients do not spoil the encoders

In stages one and two the language model's early states at the picture are asked where things lie, too.
Knows no networks, losses or files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.training.data import CAPTIONS, DataMixture
from model.training.nano import VIEW

SPARE_SEEDS = 200_000  # pictures between the stages' first seeds


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a run."""

    name: str
    share: float  # of the run's time
    mixture: DataMixture
    vision_rate: float  # peak learning rates
    language_rate: float
    first: int  # number of the stage's first picture


STAGES = (
    Stage("language", 0.04, DataMixture(24, text_every=1, per_picture=12), 0.0, 3e-3, 0),
    Stage("heads", 0.0, DataMixture(64, dense_only=True), 0.0, 0.0, SPARE_SEEDS),
    Stage("encoders", 0.34, DataMixture(64, dense_only=True, photographs=0.75), 2e-3, 0.0, 0),
    Stage(
        "one-real", 0.05, DataMixture(16, "real", CAPTIONS, 10, single_view=0.9), 1e-3, 2e-3, 2 * SPARE_SEEDS
    ),
    Stage(
        "one-synthetic",
        0.03,
        DataMixture(16, "synthetic", CAPTIONS, 10, single_view=0.9),
        7e-4,
        1.5e-3,
        3 * SPARE_SEEDS,
    ),
    Stage("two", 0.24, DataMixture(24, text_every=24, single_view=1.0), 1e-3, 2e-3, 4 * SPARE_SEEDS),
    Stage(
        "two-high",
        0.3,
        DataMixture(24, text_every=24, single_view=0.4, blind=0.33),
        1e-3,
        2e-3,
        9 * SPARE_SEEDS // 2,
    ),
)
# SPHINX-X's: everything but the encoders' own start is trained at once, on every task.
ALL_AT_ONCE = Stage(
    "all", 0.62, DataMixture(24, text_every=24, single_view=0.7, blind=0.33), 1e-3, 2e-3, 2 * SPARE_SEEDS
)
RECIPES = {"two-stage": STAGES, "one-stage": (*STAGES[:3], ALL_AT_ONCE)}
STAGE_NAMES = tuple(dict.fromkeys(stage.name for stages in RECIPES.values() for stage in stages))
# A run that starts from a checkpoint uses this share of the peak learning rates. At a share of 0.7 the loss
# of such a run rose from .24 to .32 and needed four fifths of the run to come back.
WARM_RATE = 0.45
# The encoders have settled by then. At WARM_RATE they told a body's joints with a mean OKS of .49 instead of
# .77 a quarter into the run, and the language model learnt to read features that did not last.
WARM_VISION_RATE = 0.3
SEED_STRIDE = 37_000  # pictures by which a run's --seed moves every stage's first one
# In the stage of the encoders alone no language model depends on their features, so they may move faster.
WARM_ENCODERS_RATE = 0.5
WARM_SHARES = {
    "heads": 0.04,
    "encoders": 0.36,
    "two": 0.4,
    "two-high": 0.2,
    "all": 0.6,
}  # of a run that starts from a checkpoint


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; kept with its state, so that it is resumed as it was begun."""

    minutes: float
    steps: int | None = None  # a stage, instead of minutes
    warm: bool = False  # starts from weights, not from nothing
    only: tuple[str, ...] | None = None  # names of the stages that are run
    seed: int = 0
    photos: str | None = None  # folder of labelled photographs, trained on beside the drawn world
    view: int = VIEW  # pixels, side of one view
    crops: int = 2  # sub-images a side
    skip_tokens: int = 0  # that stand for a sub-image without any picture in it, SPHINX-X's; 0 encodes it
    panoramas: float = 0.0  # share of a stage's drawn pictures that are long enough to have such sub-images
    recipe: str = "two-stage"  # a name of RECIPES
    photo_share: float | None = None  # of a stage's pictures, in place of the mixtures' own

    def stages(self) -> tuple[Stage, ...]:
        """Return every stage, with the share, rates and first picture it has in this run.

        Raises:
            ValueError: the stages that are named have no share of it.
        """
        stages = RECIPES[self.recipe]
        if self.warm:
            stages = tuple(
                replace(
                    stage, share=WARM_SHARES.get(stage.name, 0.0),
                    vision_rate=stage.vision_rate
                    * (WARM_ENCODERS_RATE if stage.name == "encoders" else WARM_VISION_RATE),
                    language_rate=WARM_RATE * stage.language_rate,
                    mixture=replace(stage.mixture, distilled=False),
                )
                for stage in stages
            )  # fmt: skip
        stages = tuple(replace(s, first=s.first + SEED_STRIDE * self.seed) for s in stages)
        if self.panoramas:
            stages = tuple(replace(s, mixture=replace(s.mixture, panoramas=self.panoramas)) for s in stages)
        if self.photo_share is not None:
            stages = tuple(
                replace(s, mixture=replace(s.mixture, photographs=self.photo_share)) for s in stages
            )
        if self.only:
            stages = tuple(replace(s, share=s.share if s.name in self.only else 0.0) for s in stages)
            whole = sum(stage.share for stage in stages)
            if not whole:
                raise ValueError(f"this run gives no time to {', '.join(self.only)}")
            stages = tuple(replace(s, share=s.share / whole) for s in stages)
        return stages
