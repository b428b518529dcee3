"""`sphinx-nano` as it is trained: the model, heads that only training has, and the losses of a batch.

Knows batches as `data` makes them and what is lost on them; knows no stages, optimisers or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model import SphinxForConditionalGeneration, SphinxImageProcessor
from model.pictures_sphinx import spread
from model.training.dense import DenseHeads, PlacedHeads
from model.training.distillation import SelfDistillation

DENSE_WEIGHT = 0.3  # of the dense loss beside the language loss in stages one and two
PLACED_AFTER = 2  # layers of the language model: its states there are asked where a cell's thing lies
PLACED_WEIGHT = 0.3
CONTRAST_WEIGHT = 0.1
DISTILLATION_WEIGHT = 0.1
NEW = ("distillation.", "placed.")  # may be missing in the state of an older run


class Nano(nn.Module):
    """`sphinx-nano` with what training adds: dense heads, and a bag of words for the contrastive loss."""

    def __init__(self, model: SphinxForConditionalGeneration) -> None:
        super().__init__()
        self.model = model
        config = model.config
        self.heads = DenseHeads(config.text_config.hidden_size)
        self.placed = PlacedHeads(config.text_config.hidden_size)
        clip_width = config.clip_config.hidden_size
        self.caption = nn.EmbeddingBag(config.text_config.vocab_size, clip_width, mode="mean")
        self.picture = nn.Linear(clip_width, clip_width, bias=False)
        self.distillation = SelfDistillation(model.model.dinov2, config.dinov2_config.hidden_size)
        mean, std = SphinxImageProcessor().image_mean, SphinxImageProcessor().image_std
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255, persistent=False)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take another run's weights; what was not yet trained there starts as it is.

        Raises:
            ValueError: they are not of this shape.
        """
        missing, surplus = self.load_state_dict(weights, strict=False)
        if surplus or any(not name.startswith(NEW) for name in missing):
            raise ValueError(f"these are not weights of a sphinx-nano run: {(surplus + missing)[:3]} ...")

    def views(self, pixels: Tensor, views: int | None) -> dict[str, Tensor]:
        """uint8 squares (B, 3, S, S) -> what `split_views` makes of them, (B * V, ...) each, image-major."""
        mean, std = cast(Tensor, self.mean), cast(Tensor, self.std)
        return self.model.model.split_views((pixels.float() - mean) / std, views)

    def chosen_views(self, pixels: Tensor, chosen: Tensor) -> dict[str, Tensor]:
        """Cut one view of each square, as `views` does: 0 is the global one, 1 .. the sub-images by row.

        Args: pixels uint8 (B, 3, S, S); chosen (B,).
        """
        config = self.model.config
        size, side = config.view_size, config.crops_per_side
        if not config.image_size == side * size == side * config.convnext_size:
            raise ValueError("expected sub-images that are cut from the square without resizing")
        mean, std = cast(Tensor, self.mean), cast(Tensor, self.std)
        seen = pixels.new_empty((len(pixels), 3, size, size), dtype=torch.float32)
        whole = chosen == 0
        if whole.any():
            seen[whole] = self.views(pixels[whole], 1)["vit"]
        for i in (~whole).nonzero().flatten().tolist():
            row, column = divmod(int(chosen[i]) - 1, side)
            part = pixels[i, :, row * size : (row + 1) * size, column * size : (column + 1) * size]
            seen[i] = (part.float() - mean[0]) / std[0]
        return {"vit": seen, "convnext": seen}

    def dense_loss(
        self, tokens: Tensor, targets: dict[str, Tensor], grid: int
    ) -> tuple[Tensor, dict[str, float]]:
        """Args: tokens (B * V, T, D) of the views, start and end tokens not among them."""
        patches, rest = tokens[:, -grid * grid :], tokens[:, : -grid * grid]
        return self.heads(patches, rest.mean(dim=1), targets)

    def contrast(self, summaries: Tensor, captions: Sequence[list[int]]) -> Tensor:
        """CLIP's symmetric loss between summaries (B, W) and captions (piece ids)."""
        flat = torch.tensor([i for ids in captions for i in ids], dtype=torch.long, device=summaries.device)
        starts = torch.tensor([0, *(len(ids) for ids in captions[:-1])], device=summaries.device).cumsum(0)
        text = F.normalize(self.caption(flat, starts), dim=-1)
        seen = F.normalize(self.picture(summaries.float()), dim=-1)
        logits = 10.0 * seen @ text.T
        wanted = torch.arange(len(captions), device=logits.device)
        return (F.cross_entropy(logits, wanted) + F.cross_entropy(logits.T, wanted)) / 2

    def language_loss(
        self, image_tokens: Tensor | None, rows: dict[str, Tensor], there: Tensor | None = None
    ) -> tuple[Tensor, float, Tensor]:
        """Weighted next-token loss over packed rows after [BOS] and the picture.

        Args: image_tokens (B, N, D) with start and end, or None; rows as data.pack makes them; there bool
        (B, N), False for image tokens that only fill up a skipped view and are seen by nobody, None: all are.
        Returns: the loss, the share of answer tokens that are right, and the states (B, N, D) at the image
        tokens after PLACED_AFTER layers.
        """
        model = self.model
        embed = model.get_input_embeddings()
        ids = rows["ids"]
        start = embed(torch.full_like(ids[:, :1], model.config.text_config.bos_token_id))
        lead = start if image_tokens is None else torch.cat([start, image_tokens.to(start.dtype)], 1)
        shown = lead.shape[1]
        states = torch.cat([lead, embed(ids)], 1)
        before = torch.ones(len(ids), shown, dtype=torch.long, device=ids.device)
        if there is not None:
            before[:, 1:] = there
        counted = before.cumsum(1)
        positions = torch.cat([(counted - 1), rows["positions"] + counted[:, -1:]], 1)
        segments = torch.cat([before - 1, rows["segments"]], 1)
        length = states.shape[1]
        earlier = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        seen = (segments[:, None, :] == 0) | (segments[:, None, :] == segments[:, :, None])
        dtype = torch.bfloat16 if torch.is_autocast_enabled(ids.device.type) else states.dtype
        mask = torch.zeros(len(ids), 1, length, length, dtype=dtype, device=ids.device)
        mask.masked_fill_(~(seen & earlier)[:, None], torch.finfo(dtype).min)
        read = model.model.language_model(
            inputs_embeds=states, attention_mask=mask, position_ids=positions, use_cache=False,
            output_hidden_states=True,
        )  # fmt: skip
        kept = rows["labels"] >= 0
        logits = model.lm_head(read.last_hidden_state[:, shown - 1 : -1][kept]).float()
        wanted, weights = rows["labels"][kept], rows["weights"][kept]
        loss = (F.cross_entropy(logits, wanted, reduction="none") * weights).sum() / weights.sum()
        right = (logits.argmax(-1) == wanted).float().mean().item()
        return loss, right, read.hidden_states[PLACED_AFTER][:, 1:shown]

    def fill_skipped(self, tokens: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Put the skip tokens where views are skipped, each followed by what fills up its place.

        Args: tokens (N, T, D) of the N seen views, start and end included; seen bool (B * V,).
        Returns: tokens (B * V, T, D), and which of them are there, bool (B * V, T).
        """
        core = self.model.model
        skip = core.enclose(core.skip_tokens)
        count, length = skip.shape[1], tokens.shape[1]
        if count > length:
            raise ValueError(f"{count - 2} skip tokens are more than the {length - 2} of the view itself")
        skip = F.pad(skip, (0, 0, 0, length - count)).to(tokens.dtype)
        filled = torch.where(seen[:, None, None], spread(tokens, seen), skip)
        return filled, seen[:, None] | (torch.arange(length, device=seen.device) < count)

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch and figures to watch."""
        figures: dict[str, float] = {}
        if "pixels" not in batch:
            loss, right, _ = self.language_loss(None, batch["rows"])
            return loss, {"text_loss": loss.item(), "text_right": right}
        core = self.model.model
        grid = core.config.grid_size
        kept = [name for name in core.config.encoders if name != batch["left_out"]]
        if "chosen" in batch:
            views = self.chosen_views(batch["pixels"], batch["chosen"])
        else:
            views = self.views(batch["pixels"], batch["views"])
        seen = ~batch["skipped"].flatten() if "skipped" in batch else None
        targets = batch["dense"]
        if seen is not None:  # what holds nothing of a picture is not encoded, and tells nothing
            views = {name: value[seen] for name, value in views.items()}
            targets = {name: value[seen] for name, value in targets.items()}
        features = core.encode_views(views, encoders=kept)
        tokens = core.project(features)
        dense, figures = self.dense_loss(tokens, targets, grid)
        if "rows" not in batch:
            loss = dense
            whole = batch["chosen"] == 0
            if "clip" in kept and whole.sum() > 1:
                captions = [ids for ids, keep in zip(batch["caption_ids"], whole.tolist()) if keep]
                contrast = self.contrast(features["clip"][whole, 0], captions)
                figures["contrast"] = contrast.item()
                loss = loss + CONTRAST_WEIGHT * contrast
            if "dinov2" in kept and batch["distilled"]:
                generator = torch.Generator().manual_seed(batch["number"])
                distilled = self.distillation(core.dinov2, core._for_dinov2(views["vit"]), generator)
                figures["distilled"] = distilled.item()
                loss = loss + DISTILLATION_WEIGHT * distilled
            return loss, {**figures, "dense_loss": dense.item()}
        if batch["blind"]:
            first = torch.arange(batch["views"] * len(batch["pixels"]), device=tokens.device)
            first = first % batch["views"] == 0
            tokens = tokens.masked_fill((first if seen is None else first[seen])[:, None, None], 0.0)
        enclosed, there = core.enclose(tokens), None
        if seen is not None:
            enclosed, there = self.fill_skipped(enclosed, seen)
            there = there.reshape(len(batch["pixels"]), -1)
        image_tokens = enclosed.reshape(len(batch["pixels"]), -1, tokens.shape[-1])
        language, right, states = self.language_loss(image_tokens, batch["rows"], there)
        cells = states.reshape(enclosed.shape)[:, -grid * grid - 1 : -1]
        placed, found = self.placed(cells if seen is None else cells[seen], targets)
        name = "blind" if batch["blind"] else f"{batch['views']}v"
        figures |= found | {
            f"language_loss_{name}": language.item(),
            f"right_{name}": right,
            "dense_loss": dense.item(),
        }
        return language + DENSE_WEIGHT * dense + PLACED_WEIGHT * placed, figures
