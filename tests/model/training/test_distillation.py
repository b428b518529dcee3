"""Self-distillation: a teacher that follows, views that are disturbed, a loss that can be lowered."""

from __future__ import annotations

import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from model.training.distillation import HIDDEN, KEPT, SelfDistillation


@pytest.fixture
def encoder() -> Dinov2Model:
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=64, patch_size=16
    )
    return Dinov2Model(config)


def generator(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_the_teacher_follows_slowly_and_is_not_trained(encoder: Dinov2Model) -> None:
    distillation = SelfDistillation(encoder, 32)
    before = encoder.state_dict()["layernorm.weight"].clone()
    with torch.no_grad():
        encoder.get_parameter("layernorm.weight").add_(1)
    distillation.follow(encoder)
    kept = distillation.teacher.state_dict()["encoder.layernorm.weight"]
    torch.testing.assert_close(kept, before + (1 - KEPT))
    assert not any(parameter.requires_grad for parameter in distillation.teacher.parameters())


def test_a_disturbed_view_is_hidden_in_part_and_repeatable(encoder: Dinov2Model) -> None:
    distillation = SelfDistillation(encoder, 32)
    pixels = torch.ones(64, 3, 64, 64)
    seen = distillation.disturb(pixels, 16, generator())
    torch.testing.assert_close(seen, distillation.disturb(pixels, 16, generator()))
    assert abs(float((seen == 0).float().mean()) - HIDDEN) < 0.1


def test_the_loss_falls_and_does_not_collapse(encoder: Dinov2Model) -> None:
    distillation = SelfDistillation(encoder, 32)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *distillation.head.parameters()], 1e-3)
    torch.manual_seed(1)
    pixels = torch.randn(16, 3, 4, 4).repeat_interleave(16, 2).repeat_interleave(16, 3)
    losses = []
    for step in range(60):
        loss = distillation(encoder, pixels, generator(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < sum(losses[5:15])
    said = distillation.head(encoder(pixels).last_hidden_state).argmax(-1)
    assert len(said.unique()) > 4
