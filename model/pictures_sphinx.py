"""How a picture's tokens get into the sequence: skipped views, packing, and the placeholders they replace.

This module knows tensors and counts only. What is computed here has shapes that do not depend on the data
while a graph is traced, so that `torch.compile(fullgraph=True)` and `torch.export` work.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers.utils.import_utils import is_tracing, torch_compilable_check


def count_positions(attention_mask: torch.Tensor) -> torch.Tensor | None:
    """Return positions (B, T), int64, that do not count the padding in front; None for a mask not (B, T)."""
    if attention_mask.ndim != 2:
        return None
    return (attention_mask.long().cumsum(dim=-1) - 1).clamp(min=0)


def views_to_encode(
    skipped_views: torch.Tensor | None, b: int, count: int, device: torch.device
) -> tuple[torch.Tensor | None, torch.Tensor]:
    """Decide which views are encoded.

    Args:
        skipped_views: bool (B, V or more), the views without any picture in them; None skips none.
        b: number of pictures.
        count: number of views, V.
        device: of the results.

    Returns:
        Which views are encoded, bool (B * V,), and which are skipped, bool (B, V). None as the first means
        all of them: nothing is skipped, or a graph is being traced.

    Raises:
        ValueError: for `skipped_views` of another shape.
    """
    if skipped_views is None:
        return None, torch.zeros((b, count), dtype=torch.bool, device=device)
    if skipped_views.ndim != 2 or skipped_views.shape[0] != b or skipped_views.shape[1] < count:
        raise ValueError(f"skipped_views must be ({b}, {count}), got {tuple(skipped_views.shape)}")
    skipped = skipped_views[:, :count].to(device).bool()
    kept = ~skipped.reshape(-1)
    every = is_tracing() or bool(kept.all()) or not bool(kept.any())
    return (None if every else kept), skipped


def spread(encoded: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
    """Put rows (N, n, D) where `kept` (views,) is True, zeros elsewhere: (views, n, D); None keeps all."""
    if kept is None:
        return encoded
    rows = encoded.new_zeros(kept.shape[0], *encoded.shape[1:])
    rows[kept.to(encoded.device)] = encoded
    return rows


def pack_views(
    views: torch.Tensor, skip: torch.Tensor, skipped: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Join the views of each picture, with skip tokens in place of the skipped ones.

    Args:
        views: (B * V, n, D), the tokens of all views; those of skipped ones do not matter.
        skip: (1, s, D), the tokens that stand for a skipped view.
        skipped: bool (B, V).

    Returns:
        The tokens (B, longest, D), zeros behind those of shorter pictures, and their lengths (B,), int64. The
        skip tokens are part of the graph even where no view is skipped, so that they always get a gradient.
    """
    b, v = skipped.shape
    n, s = views.shape[1], skip.shape[1]
    longest = max(n, s)
    skipped = skipped.to(views.device)
    # Bring both kinds of views to one length, and choose between them
    views = nn.functional.pad(views, (0, 0, 0, longest - n)).unflatten(0, (b, v))
    skip = nn.functional.pad(skip, (0, 0, 0, longest - s)).to(views.device)
    blocks = torch.where(skipped[..., None, None], skip, views).flatten(1, 2)
    counts = torch.where(skipped, s, n)
    # Move the padding of each view behind the tokens of all views
    inside = (torch.arange(longest, device=views.device) < counts[..., None]).flatten(1)
    order = (~inside).to(torch.int8).argsort(dim=1, stable=True)
    packed = blocks.gather(1, order[..., None].expand_as(blocks))
    lengths = counts.sum(dim=1)
    there = torch.arange(packed.shape[1], device=views.device) < lengths[:, None]
    packed = packed * there[..., None].to(packed.dtype)
    return (packed if is_tracing() else packed[:, : int(lengths.max())]), lengths


def place(
    places: torch.Tensor, embeds: torch.Tensor, features: torch.Tensor, lengths: torch.Tensor | None = None
) -> torch.Tensor:
    """Put each picture's tokens where its placeholders are.

    Args:
        places: bool (B, T), the placeholders.
        embeds: (B, T, D), the embedded words.
        features: (pictures, N, D), one for each row with placeholders, in the order of the rows.
        lengths: (pictures,) int64, tokens of each picture; None is N for all.

    Returns:
        (B, T, D) in the dtype of `embeds`.

    Raises:
        ValueError: with the counts, if the number of rows with placeholders is not that of the pictures, or a
            row has not as many placeholders as its picture has tokens.
    """
    pictures, length, _ = features.shape
    found = places.sum(dim=1)
    row = ((found > 0).cumsum(dim=0) - 1).clamp(0, pictures - 1)
    wanted = length if lengths is None else lengths.to(row.device)[row]
    fits = ((found == 0) | (found == wanted)).all() & ((found > 0).sum() == pictures)
    torch_compilable_check(
        fits,
        lambda: (
            f"{pictures} pictures of {length if lengths is None else lengths.tolist()} tokens were given, "
            f"but the rows have {found.tolist()} placeholders: views, encoders and skipped_views of the "
            "processor must be passed to the model, too"
        ),
    )
    rank = (places.cumsum(dim=1) - 1).clamp(0, length - 1)
    picked = features.to(embeds.device, embeds.dtype)[row[:, None], rank]
    return torch.where(places[..., None], picked, embeds)


def refuse_placeholders(places: torch.Tensor) -> None:
    """Refuse placeholders, bool (B, T), where no picture was given; they would be read as an unknown word.

    Raises:
        ValueError: with the counts.
    """
    torch_compilable_check(
        ~places.any(),
        lambda: (
            f"no picture was given, but the rows have {places.sum(dim=1).tolist()} placeholders: pass "
            "pixel_values or image_features"
        ),
    )


__all__ = ["count_positions", "pack_views", "place", "refuse_placeholders", "spread", "views_to_encode"]
