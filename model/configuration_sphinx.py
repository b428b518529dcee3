"""The shape of a SPHINX: which encoders see which views, how wide each part is, how many tokens that makes.

One configuration describes every variant; they differ in values only. This module knows sizes and counts. It
knows nothing of tensors (modeling_sphinx.py), pictures (image_processing_sphinx.py) or words
(processing_sphinx.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, Blip2QFormerConfig, CLIPVisionConfig, ConvNextConfig, Dinov2Config
from transformers.configuration_utils import PreTrainedConfig, SubConfigSpec
from transformers.models.blip_2.configuration_blip_2 import Blip2VisionConfig

ENCODERS = ("clip", "convnext", "dinov2", "qformer")  # the first three are joined by channel, in this order
FUSED = ENCODERS[:3]


@strict
class SphinxConfig(PreTrainedConfig):
    """Everything that tells one SPHINX from another.

    Args:
        text_config: the language model: a Llama (InternLM2 too, in its Llama layout) or a Mixtral.
        clip_config, convnext_config, dinov2_config, qformer_config: an encoder each; None leaves it out.
            `clip_config.hidden_act` is "gelu" (what the released code runs) or "quick_gelu" (what CLIP was
            trained with).
        qformer_vision_config: the ViT that the Q-Former looks through; needed where there is a Q-Former.
        num_query_tokens: tokens the Q-Former gives a view.
        image_size: pixels, side of the padded square that the processor hands over.
        view_size: pixels, side of one view as the ViTs see it.
        convnext_size: pixels, side of one view as the ConvNeXt sees it.
        crops_per_side: 0 is the global view alone; n adds n x n crops, row by row, after the global view.
        pool_crops: halve the patch grid of every crop (not of the global view).
        skip_tokens: learned tokens that stand for a crop without any picture in it; 0 encodes it like others.
        projection_norm_eps: of the LayerNorm behind each projection.
        image_token_id: the id that holds the place of a picture's tokens. It is the tokenizer's unknown
            token: with byte fallback no text ever gives it.
    """

    model_type = "sphinx"
    sub_configs_defaults = {
        "text_config": SubConfigSpec(config_class=AutoConfig, model_type="llama"),
        "clip_config": SubConfigSpec(config_class=CLIPVisionConfig, optional=True),
        "convnext_config": SubConfigSpec(config_class=ConvNextConfig, optional=True),
        "dinov2_config": SubConfigSpec(config_class=Dinov2Config, optional=True),
        "qformer_config": SubConfigSpec(config_class=Blip2QFormerConfig, optional=True),
        "qformer_vision_config": SubConfigSpec(config_class=Blip2VisionConfig, optional=True),
    }

    text_config: Any = None
    clip_config: Any = None
    convnext_config: Any = None
    dinov2_config: Any = None
    qformer_config: Any = None
    qformer_vision_config: Any = None
    num_query_tokens: int = 32
    image_size: int = 224
    view_size: int = 224
    convnext_size: int = 256
    crops_per_side: int = 0
    pool_crops: bool = False
    skip_tokens: int = 0
    projection_norm_eps: float = 1e-5
    image_token_id: int = 0
    initializer_range: float = 0.02
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.text_config.tie_word_embeddings:
            self.tie_word_embeddings = True
        self._check()

    def _check(self) -> None:
        """Refuse geometry that cannot be joined.

        Raises:
            ValueError: saying what was expected and what was given.
        """
        if self.crops_per_side not in (0, 2, 3):
            raise ValueError(f"crops_per_side must be 0, 2 or 3, got {self.crops_per_side}")
        if (self.qformer_config is None) != (self.qformer_vision_config is None):
            raise ValueError("qformer_config and qformer_vision_config are given together or not at all")
        grids = {}
        for name in ("clip", "dinov2"):
            config = getattr(self, f"{name}_config")
            if config is not None:
                grids[name] = self.view_size // config.patch_size
        if len(set(grids.values())) > 1:
            raise ValueError(f"encoders joined by channel need one patch grid, got {grids}")
        if self.convnext_config is not None and grids and self.grid_size % self.convnext_grid_size:
            raise ValueError(
                f"the ConvNeXt map ({self.convnext_grid_size}) must divide the ViT grid ({self.grid_size})"
            )
        if self.skip_tokens < 0 or (self.skip_tokens and self.pool_crops):
            raise ValueError(f"skip_tokens must be 0 or more, and 0 with pool_crops, got {self.skip_tokens}")
        if self.pool_crops and self.grid_size % 2:
            raise ValueError(f"pool_crops needs an even patch grid, got {self.grid_size}")

    @property
    def encoders(self) -> tuple[str, ...]:
        """Names of the encoders that are there, in the order of ENCODERS."""
        return tuple(name for name in ENCODERS if getattr(self, f"{name}_config") is not None)

    def used_encoders(self, encoders: Sequence[str] | None) -> tuple[str, ...]:
        """Return the names among `encoders` in the order of ENCODERS; None is all that are there.

        Raises:
            ValueError: for an encoder that this model does not have, or for none at all.
        """
        if encoders is None:
            return self.encoders
        if set(encoders) - set(self.encoders) or not encoders:
            raise ValueError(f"encoders must be some of {self.encoders}, got {tuple(encoders)}")
        return tuple(name for name in self.encoders if name in encoders)

    @property
    def num_views(self) -> int:
        """The global view and the crops."""
        return 1 + self.crops_per_side**2

    @property
    def convnext_grid_size(self) -> int:
        """Side of the ConvNeXt's own map."""
        stride = self.convnext_config.patch_size * 2 ** (len(self.convnext_config.depths) - 1)
        return self.convnext_size // stride

    @property
    def grid_size(self) -> int:
        """Side of the patch grid of one view; 0 where no encoder is joined by channel."""
        for name in ("clip", "dinov2"):
            config = getattr(self, f"{name}_config")
            if config is not None:
                return self.view_size // config.patch_size
        return self.convnext_grid_size if self.convnext_config is not None else 0

    @property
    def fused_size(self) -> int:
        """Channels of the joined features."""
        convnext = self.convnext_config.hidden_sizes[-1] if self.convnext_config is not None else 0
        vits = [config.hidden_size for config in (self.clip_config, self.dinov2_config) if config is not None]
        return convnext + sum(vits)

    @property
    def crops_are_native_to_convnext(self) -> bool:
        """True where the square is made of tiles of ConvNeXt's size (512, 1024), False of the ViTs'."""
        return self.image_size == max(self.crops_per_side, 1) * self.convnext_size

    def view_tokens(self, view: int, encoders: Sequence[str] | None = None) -> int:
        """Return how many tokens one view has, its start and end included.

        Args:
            view: 0 is the global view, 1 .. are the crops.
            encoders: those in use; None is all.
        """
        used = self.encoders if encoders is None else tuple(n for n in self.encoders if n in encoders)
        side = self.grid_size // 2 if self.pool_crops and view else self.grid_size
        fused = side**2 + 1 if self.grid_size else 0
        return fused + (self.num_query_tokens if "qformer" in used else 0) + 2

    def image_tokens(self, views: int | None = None, encoders: Sequence[str] | None = None) -> int:
        """Return how many tokens a picture takes that has no skipped view.

        Args:
            views: how many views are used, the global one first; None is all.
            encoders: those in use; None is all.
        """
        if not self.encoders:
            return 0
        return sum(self.view_tokens(v, encoders) for v in range(self.num_views if views is None else views))


__all__ = ["ENCODERS", "SphinxConfig"]
