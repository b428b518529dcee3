"""SPHINX: pictures through mixed encoders into tokens, tokens and words through a language model.

A picture's path is a chain of public steps, each of which training calls by itself:

    pixel_values (B, 3, S, S)
      split_views   the global view and the crops, at the sizes the encoders want       (B * V, 3, v, v)
      encode_views  each encoder's own features                                           dict of tensors
      project       joined by channel and by sequence, at the language model's width      (B * V, tokens, D)
      get_image_features  start and end around each view, the views one after another     (B, image_tokens, D)

The language models are transformers' own classes; the encoders' differences are in vision_sphinx.py. This
module knows nothing of words, files or pictures as files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, GenerationConfig
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.generation.logits_process import LogitsProcessorList
from transformers.generation.stopping_criteria import StoppingCriteriaList
from transformers.generation.utils import GenerationMixin
from transformers.modeling_utils import PreTrainedModel, slice_logits_to_keep
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel, Blip2VisionModel
from transformers.models.clip.modeling_clip import CLIPVisionModel
from transformers.utils.generic import ModelOutput, can_return_tuple

from .configuration_sphinx import SphinxConfig
from .experts_sphinx import SphinxMixtralModel
from .generation_sphinx import StopSequences
from .outputs_sphinx import SphinxCausalLMOutput, SphinxImageFeatures, SphinxModelOutput
from .pictures_sphinx import (
    count_positions,
    pack_views,
    place,
    refuse_placeholders,
    spread,
    views_to_encode,
)
from .vision_sphinx import (
    SphinxConvNextModel,
    SphinxDinov2Model,
    SphinxProjection,
    for_dinov2,
    fuse,
    split_views,
)

PICTURE_INPUTS = ("pixel_values", "image_features", "views", "encoders", "skipped_views")


class SphinxPreTrainedModel(PreTrainedModel):
    """What transformers asks of a model: names, initialisation, what it can do."""

    config: SphinxConfig
    config_class = SphinxConfig
    base_model_prefix = "model"
    input_modalities = ["image", "text"]
    supports_gradient_checkpointing = True
    _no_split_modules = ["SphinxProjection", "SphinxDinov2Embeddings", "Blip2QFormerLayer"]
    _skip_keys_device_placement = ["past_key_values"]
    _supports_flash_attn = True
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, SphinxModel):
            for name in ("start_img", "end_img", "query_tokens", "skip_tokens"):
                parameter = getattr(module, name, None)
                if parameter is not None:
                    init.normal_(parameter, mean=0.0, std=self.config.initializer_range)


class SphinxModel(SphinxPreTrainedModel):
    """The encoders, the projections and the language model, without its output head."""

    def __init__(self, config: SphinxConfig) -> None:
        super().__init__(config)
        width, eps = config.text_config.hidden_size, config.projection_norm_eps
        vit = config.qformer_vision_config
        self.clip: Any = CLIPVisionModel(config.clip_config) if config.clip_config else None
        self.convnext: Any = SphinxConvNextModel(config.convnext_config) if config.convnext_config else None
        self.dinov2: Any = SphinxDinov2Model(config.dinov2_config) if config.dinov2_config else None
        self.qformer_vision: Any = Blip2VisionModel(vit) if vit else None
        self.qformer: Any = Blip2QFormerModel(config.qformer_config) if config.qformer_config else None
        if config.fused_size:
            self.visual_proj = SphinxProjection(config.fused_size, width, eps)
        if config.qformer_config:
            queries = torch.zeros(1, config.num_query_tokens, config.qformer_config.hidden_size)
            self.query_tokens = nn.Parameter(queries)
            self.qformer_proj = SphinxProjection(config.qformer_config.hidden_size, width, eps)
        if config.encoders:
            self.start_img = nn.Parameter(torch.zeros(1, 1, width))
            self.end_img = nn.Parameter(torch.zeros(1, 1, width))
        if config.skip_tokens:
            self.skip_tokens = nn.Parameter(torch.zeros(1, config.skip_tokens, width))
        quantised = getattr(config, "quantization_config", None) is not None
        if quantised and config.text_config.model_type == "mixtral":
            self.language_model = SphinxMixtralModel(config.text_config)
        else:
            self.language_model = AutoModel.from_config(config.text_config)
        self.post_init()

    # A picture, step by step

    def split_views(self, pixel_values: torch.Tensor, views: int | None = None) -> dict[str, torch.Tensor]:
        """Cut and resize the square into views; see `vision_sphinx.split_views`."""
        return split_views(self.config, pixel_values, views)

    def encode_views(
        self, views: dict[str, torch.Tensor], encoders: Sequence[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """Run the encoders.

        Args:
            views: from `split_views` (or rows of it).
            encoders: the ones to run, of ENCODERS; None is all that are there.

        Returns:
            For N views: "clip" (N, 1 + P, C), "convnext" (N, C, h, w), "dinov2" (N, 1 + P, C), "qformer"
            (N, queries, C), each with its own C; P patches, row by row.

        Raises:
            ValueError: for an encoder that this model does not have.
        """
        return self._encode(views, encoders)[0]

    def _encode(
        self, views: dict[str, torch.Tensor], encoders: Sequence[str] | None = None, **kwargs: Any
    ) -> tuple[dict[str, torch.Tensor], list[ModelOutput]]:
        """Run the encoders; return their features as `encode_views` does, and the outputs they are from.

        `kwargs` are the encoders' own (`output_hidden_states`, `output_attentions`).
        """
        used, features, outputs = self.config.used_encoders(encoders), {}, []
        if "clip" in used:
            outputs.append(self.clip(views["vit"], **kwargs))
            features["clip"] = self.clip.post_layernorm(outputs[-1].last_hidden_state)
        if "convnext" in used:
            features["convnext"] = self.convnext(views["convnext"])
        if "dinov2" in used:
            outputs.append(self.dinov2(self._for_dinov2(views["vit"]), **kwargs))
            features["dinov2"] = outputs[-1].last_hidden_state
        if "qformer" in used:
            outputs.append(self.qformer_vision(views["vit"], **kwargs))
            patches = outputs[-1].last_hidden_state
            queries = self.query_tokens.to(patches.device).expand(patches.shape[0], -1, -1)
            outputs.append(self.qformer(query_embeds=queries, encoder_hidden_states=patches, **kwargs))
            features["qformer"] = outputs[-1].last_hidden_state
        return features, outputs

    def _for_dinov2(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn CLIP-normalised pixels (N, 3, H, W) into DINOv2's own."""
        return for_dinov2(pixels, light=self.clip is None)

    def fuse(self, features: dict[str, torch.Tensor], pooled: bool = False) -> torch.Tensor:
        """Join the ViTs and the ConvNeXt by channel: (N, 1 + P, C); see `vision_sphinx.fuse`."""
        return fuse(self.config, features, pooled)

    def project(self, features: dict[str, torch.Tensor], pooled: bool = False) -> torch.Tensor:
        """Turn features into tokens (N, tokens, D) without start and end: the Q-Former's, then the joined.

        Args:
            features: from `encode_views`.
            pooled: halve the patch grid (the crops of a `pool_crops` model).
        """
        tokens = []
        if "qformer" in features:
            tokens.append(self.qformer_proj(features["qformer"]))
        if self.config.fused_size:
            tokens.append(self.visual_proj(self.fuse(features, pooled)))
        return torch.cat([part.to(tokens[-1].device) for part in tokens], dim=1)

    def enclose(self, tokens: torch.Tensor) -> torch.Tensor:
        """Put start and end around each view: (N, T, D) to (N, T + 2, D)."""
        start, end = (
            tag.to(tokens.device).expand(tokens.shape[0], -1, -1) for tag in (self.start_img, self.end_img)
        )
        return torch.cat((start, tokens, end), dim=1)

    @can_return_tuple
    def get_image_features(
        self,
        pixel_values: torch.Tensor,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        skipped_views: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SphinxImageFeatures:
        """Encode pictures; `pooler_output` of the result can be passed again as `image_features`.

        Args:
            pixel_values: (B, 3, image_size, image_size), CLIP-normalised, of any floating dtype.
            views: how many views are used, the global one first; None is all.
            encoders: those in use; None is all. One that is left out counts as zeros where it is joined by
                channel; the tokens of a Q-Former that is left out are omitted.
            skipped_views: bool (B, V), the views without any picture in them; skip tokens stand for them.
                Ignored by a model without skip tokens.
            kwargs: `output_hidden_states`, `output_attentions`, `return_dict`.

        Raises:
            ValueError: if the model has no encoder, or for pixels, views or encoders that do not suit it.
        """
        if not self.config.encoders:
            raise ValueError("this model has no encoder: it cannot take a picture")
        asked = {n: kwargs[n] for n in ("output_hidden_states", "output_attentions") if n in kwargs}
        b = pixel_values.shape[0]
        split = self.split_views(pixel_values.to(self.start_img.dtype), views)
        kept = skipped = None
        if self.config.skip_tokens:
            count = next(iter(split.values())).shape[0] // b
            kept, skipped = views_to_encode(skipped_views, b, count, self.skip_tokens.device)
        if kept is not None:
            split = {name: value[kept] for name, value in split.items()}
        features, outputs = self._encode(split, encoders, **asked)
        lengths = None
        if self.config.pool_crops:
            tokens = self._pooled_tokens(features, b)
        else:
            tokens = self.enclose(self.project(features))
            if skipped is not None:
                tokens, lengths = pack_views(spread(tokens, kept), self.enclose(self.skip_tokens), skipped)
            tokens = tokens.reshape(b, -1, tokens.shape[-1])
        joined = self.fuse(features) if self.config.fused_size else features["qformer"]
        joined = spread(joined, kept)

        def recorded(name: str) -> tuple[torch.Tensor, ...] | None:
            every = [value for output in outputs for value in getattr(output, name, None) or ()]
            return tuple(every) or None

        return SphinxImageFeatures(
            last_hidden_state=joined.reshape(b, -1, joined.shape[-1]),
            pooler_output=tokens,
            hidden_states=recorded("hidden_states"),
            attentions=recorded("attentions"),
            lengths=lengths,
        )

    def _pooled_tokens(self, features: dict[str, torch.Tensor], b: int) -> torch.Tensor:
        """Return the tokens (B, N, D) of a `pool_crops` model: the crops' patch grids are halved."""
        by_view = {name: value.unflatten(0, (b, -1)) for name, value in features.items()}
        whole = self.enclose(self.project({name: value[:, 0] for name, value in by_view.items()}))
        if next(iter(by_view.values())).shape[1] == 1:
            return whole
        crops = {name: value[:, 1:].flatten(0, 1) for name, value in by_view.items()}
        tokens = self.enclose(self.project(crops, pooled=True))
        return torch.cat((whole, tokens.reshape(b, -1, tokens.shape[-1])), dim=1)

    def place_pictures(
        self,
        input_ids: torch.Tensor | None,
        inputs_embeds: torch.Tensor,
        image_features: torch.Tensor,
        lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Put each picture's tokens where its placeholders are.

        Args:
            input_ids: (B, T) int64, or None: then placeholders are found by their embedding.
            inputs_embeds: (B, T, D).
            image_features: (pictures, N, D), one for each row with placeholders, in the order of the rows.
            lengths: (pictures,) int64, tokens of each picture; None is N for all.

        Raises:
            ValueError: with the counts, if the number of rows with placeholders is not that of the pictures,
                or a row has not as many placeholders as its picture has tokens.
        """
        return place(self._placeholders(input_ids, inputs_embeds), inputs_embeds, image_features, lengths)

    def _placeholders(self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor) -> torch.Tensor:
        """Return where placeholders are, bool (B, T), by their id or else by their embedding."""
        if input_ids is not None:
            return input_ids == self.config.image_token_id
        token = torch.tensor(self.config.image_token_id, device=inputs_embeds.device)
        return (inputs_embeds == self.get_input_embeddings()(token)).all(-1)

    def _pixels_to_features(
        self,
        pixel_values: torch.Tensor | None,
        image_features: torch.Tensor | None,
        views: int | None,
        encoders: Sequence[str] | None,
        skipped_views: torch.Tensor | None,
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return the pictures' tokens (pictures, N, D) and lengths, encoded if they are not yet."""
        if pixel_values is not None and image_features is not None:
            raise ValueError("give either pixel_values or image_features")
        if pixel_values is not None:
            made = self.get_image_features(pixel_values, views, encoders, skipped_views, return_dict=True)
            return made.pooler_output, made.lengths
        if image_features is None or skipped_views is None or not self.config.skip_tokens:
            return image_features, None
        full = self.config.view_tokens(0, encoders)
        lengths = torch.where(skipped_views[:, :views].bool(), self.config.skip_tokens + 2, full)
        return image_features, lengths.sum(dim=1)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        image_features: torch.Tensor | None = None,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        skipped_views: torch.Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> SphinxModelOutput:
        """Read words and pictures.

        Args:
            input_ids: (B, T) int64, a picture's placeholders included; or `inputs_embeds` (B, T, D) instead.
            pixel_values: (pictures, 3, S, S), floating; or `image_features` (pictures, N, D) instead.
            attention_mask: (B, T) of 0 and 1, or additive (B, 1, T, past + T).
            position_ids: (B, T) int64; None counts the attended positions.
            past_key_values: keys and values of what was read before.
            views, encoders, skipped_views: see `get_image_features`.
            use_cache: whether to return keys and values.
            kwargs: transformers' own (`output_attentions`, `output_hidden_states`, ...).

        Raises:
            ValueError: if both or none of two alternatives are given, or pictures and placeholders differ.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        embeds = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        image_features, lengths = self._pixels_to_features(
            pixel_values, image_features, views, encoders, skipped_views
        )
        if image_features is not None:
            embeds = self.place_pictures(input_ids, embeds, image_features, lengths)
        elif input_ids is not None and past_key_values is None:
            refuse_placeholders(input_ids == self.config.image_token_id)
        if position_ids is None and past_key_values is None and attention_mask is not None:
            position_ids = count_positions(attention_mask)
        outputs = self.language_model(
            inputs_embeds=embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            **kwargs,
        )
        return SphinxModelOutput(
            last_hidden_state=outputs.last_hidden_state,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            router_logits=outputs.get("router_logits"),
            image_hidden_states=image_features,
        )


class SphinxForConditionalGeneration(SphinxPreTrainedModel, GenerationMixin):
    """SPHINX with its output head: what one loads, asks and trains."""

    _tied_weights_keys = {"lm_head.weight": "model.language_model.embed_tokens.weight"}
    _tp_plan = {"lm_head": "colwise_gather_output"}

    def __init__(self, config: SphinxConfig) -> None:
        super().__init__(config)
        self.model = SphinxModel(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """Return the output head."""
        return self.lm_head

    def get_image_features(
        self,
        pixel_values: torch.Tensor,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        skipped_views: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SphinxImageFeatures:
        """See `SphinxModel.get_image_features`."""
        return self.model.get_image_features(pixel_values, views, encoders, skipped_views, **kwargs)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        image_features: torch.Tensor | None = None,
        views: int | None = None,
        encoders: Sequence[str] | None = None,
        skipped_views: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> SphinxCausalLMOutput:
        """Read words and pictures, and score the next words.

        Args:
            labels: (B, T) int64 ids, -100 where nothing is to be learned (on a picture's placeholders, too).
            logits_to_keep: only the last so many positions; 0 is all.

        All others, and the errors: see `SphinxModel.forward`.
        """
        outputs = self.model(
            input_ids=input_ids,
            pixel_values=pixel_values,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            image_features=image_features,
            views=views,
            encoders=encoders,
            skipped_views=skipped_views,
            use_cache=use_cache,
            **kwargs,
        )
        logits = self.lm_head(slice_logits_to_keep(outputs.last_hidden_state, logits_to_keep))
        loss = None
        if labels is not None:
            vocab_size = self.config.text_config.vocab_size
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=vocab_size, **kwargs)
        return SphinxCausalLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            router_logits=outputs.router_logits,
            image_hidden_states=outputs.image_hidden_states,
        )

    def generate(
        self,
        inputs: torch.Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: LogitsProcessorList | None = None,
        stopping_criteria: StoppingCriteriaList | None = None,
        **kwargs: Any,
    ) -> Any:
        """Generate as transformers does; each row ends at its own stop (`generation_config.stop_sequences`).

        Args:
            inputs: (B, T) int64 ids; or `input_ids` among the others.
            stopping_criteria: further ones.
            kwargs: transformers' own, and the inputs of `forward`.

        `stop_sequences=[]`, in the call or in `generation_config`, leaves the stop out.
        """
        default = getattr(self.generation_config, "stop_sequences", None)
        sequences = kwargs.pop("stop_sequences", getattr(generation_config, "stop_sequences", default))
        if sequences:
            criteria = [*(stopping_criteria or ()), StopSequences(sequences)]
            stopping_criteria = StoppingCriteriaList(criteria)
        parent: Any = super()
        return parent.generate(inputs, generation_config, logits_processor, stopping_criteria, **kwargs)

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.Tensor,
        inputs_embeds: torch.Tensor | None = None,
        is_first_iteration: bool | None = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Pass pictures once, with the prompt; afterwards the cache holds them.

        Raises:
            ValueError: if the prompt has placeholders, but there is no picture.
        """
        parent: Any = super()
        inputs = parent.prepare_inputs_for_generation(
            input_ids, inputs_embeds=inputs_embeds, is_first_iteration=is_first_iteration, **kwargs
        )
        computed = inputs.get("input_ids")  # without those that the cache holds
        pictured = any(inputs.get(name) is not None for name in ("pixel_values", "image_features"))
        if is_first_iteration and computed is not None and not pictured:
            refuse_placeholders(computed == self.config.image_token_id)
        if not is_first_iteration and inputs.get("use_cache", True):
            for name in PICTURE_INPUTS:
                inputs.pop(name, None)
        return inputs


__all__ = ["SphinxForConditionalGeneration", "SphinxImageFeatures", "SphinxModel", "SphinxPreTrainedModel"]
