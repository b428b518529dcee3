"""Self-distillation for the DINO-like encoder: see DINO (arXiv 2104.14294) and iBOT (arXiv 2111.07832).

A teacher, the moving average of the encoder, looks at the whole view; the encoder looks at the same view with
blocks hidden and colours changed, and must say of the picture and of every patch what the teacher says. Used
while the encoders are trained, dropped from what is shipped. Knows pixels and one encoder; knows no world.
"""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PROTOTYPES = 256  # what a patch can be
KEPT = 0.99  # of the teacher, a step
CENTRE_KEPT = 0.9  # of the centre that keeps the teacher from saying one thing of everything
WARM, COLD = 0.1, 0.04  # temperatures of student and teacher
HIDDEN = 0.4  # of the blocks of a view
BLOCK = 2  # patches, side of a block
LIGHT, TINT = 0.25, 0.15  # spread of a view's brightness and of its channels', in standard deviations


class SelfDistillation(nn.Module):
    """The teacher, both heads and the loss."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        """Args: encoder: a transformers Dinov2Model. width: its hidden size."""
        super().__init__()
        self.head = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, PROTOTYPES))
        self.teacher = nn.ModuleDict({"encoder": copy.deepcopy(encoder), "head": copy.deepcopy(self.head)})
        self.teacher.requires_grad_(False)
        self.register_buffer("centre", torch.zeros(2, PROTOTYPES))  # of pictures, of patches

    @torch.no_grad()
    def follow(self, encoder: nn.Module) -> None:
        """Move the teacher towards the encoder."""
        for name, network in (("encoder", encoder), ("head", self.head)):
            for kept, new in zip(self.teacher[name].parameters(), network.parameters(), strict=True):
                kept.lerp_(new, 1 - KEPT)

    def disturb(self, pixels: Tensor, patch: int, generator: torch.Generator) -> Tensor:
        """Hide blocks of normalised views (N, 3, S, S) and change their colours."""
        count, side = len(pixels), pixels.shape[-1]
        blocks = side // (patch * BLOCK)
        seen = torch.rand(count, 1, blocks, blocks, generator=generator).to(pixels) >= HIDDEN
        seen = F.interpolate(seen.to(pixels.dtype), size=(side, side))
        light = LIGHT * torch.randn(count, 1, 1, 1, generator=generator) + TINT * torch.randn(
            count, 3, 1, 1, generator=generator
        )
        return (pixels + light.to(pixels)) * seen

    def forward(self, encoder: nn.Module, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the cross-entropy between what the teacher says and what the student says, over all tokens.

        Args:
            pixels: views (N, 3, S, S), normalised as the encoder wants them.
        """
        self.follow(encoder)
        with torch.no_grad():
            wanted = self.teacher["head"](self.teacher["encoder"](pixels).last_hidden_state).float()
            centre = cast(Tensor, self.centre)
            goals = torch.cat([wanted[:, :1] - centre[0], wanted[:, 1:] - centre[1]], 1).div(COLD).softmax(-1)
            means = torch.stack([wanted[:, 0].mean(0), wanted[:, 1:].flatten(0, 1).mean(0)])
            centre.lerp_(means, 1 - CENTRE_KEPT)
        disturbed = self.disturb(pixels, cast(Any, encoder).config.patch_size, generator)
        said = self.head(cast(Any, encoder)(disturbed).last_hidden_state).float()
        return -(goals * said.div(WARM).log_softmax(-1)).sum(-1).mean()
