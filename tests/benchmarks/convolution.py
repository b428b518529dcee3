"""How much quicker a training step of a convolutional network is with gradients as matrix products.

    python tests/benchmarks/convolution.py

Prints one ratio: torch's own convolution gradients against `model.training.convolution`, in bf16.
"""

from __future__ import annotations

import sys
import time

import torch

from model.training.convolution import quick_gradients
from model.training.diffusion_networks import WIDTH, WORDS, new_unet


def seconds(unet: torch.nn.Module, repeats: int = 3) -> float:
    """Of one training step of 16 latents, the best of some."""
    noisy, times, said = torch.randn(16, 9, 16, 16), torch.zeros(16).long(), torch.randn(16, WORDS, WIDTH)
    found = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            out = unet(noisy, times, said).sample
        out.float().square().mean().backward()
        found.append(time.perf_counter() - start)
    return min(found[1:])


if __name__ == "__main__":
    plain, quick = seconds(new_unet()), seconds(quick_gradients(new_unet()))
    sys.stdout.write(f"a step takes {plain / quick:.1f} times as long without\n")
