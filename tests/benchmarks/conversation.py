"""What keeping visual tokens and key-value prefixes is worth: the same conversation with and without them.

    PYTHONPATH=. python tests/benchmarks/conversation.py [CHECKPOINT]

Prints the time to the first word of a second question in both cases and their ratio (both in one run, turn
about, medians), and tokens a second. Not a test: absolute times depend on what else the machine is doing.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from PIL import Image

from pipelines.catalog import Settings, find_device, load_vlm
from pipelines.interfaces import GenerationOptions, VisionLanguageModel

PICTURE = Path(__file__).parent.parent.parent / "assets" / "examples" / "03-people.png"
ROUNDS = 7
FIRST = ("How many people are in the image?", "There are two people.")
SECOND = "Detect all regions in the image and describe each of them."


def first_word(vlm: VisionLanguageModel, image: Image.Image, digest: str) -> tuple[float, float]:
    """Seconds to the first word of the second question's reply, and tokens a second after it."""
    options = GenerationOptions(max_new_tokens=48)
    started = time.perf_counter()
    stream = vlm.stream(image, digest, [FIRST], SECOND, options=options)
    next(stream)
    heard = time.perf_counter()
    passes = vlm.forward_passes
    for _ in stream:
        pass
    return heard - started, (vlm.forward_passes - passes) / (time.perf_counter() - heard)


def main(checkpoint: str) -> None:
    device, why = find_device("auto")
    vlm, _ = load_vlm(checkpoint, device, "auto", why)
    image = Image.open(PICTURE).convert("RGB")
    kept, fresh, rates = [], [], []
    for i in range(ROUNDS):
        digest = f"picture {i}"
        list(vlm.stream(image, digest, [], FIRST[0], options=GenerationOptions(max_new_tokens=16)))
        seconds, rate = first_word(vlm, image, digest)
        kept.append(seconds)
        rates.append(rate)
        fresh.append(first_word(vlm, image, f"never seen {i}")[0])
    a, b = statistics.median(kept), statistics.median(fresh)
    print(f"first word, kept: {a * 1000:.0f} ms; from scratch: {b * 1000:.0f} ms; ratio {b / a:.1f}")
    print(f"{statistics.median(rates):.0f} tokens a second on {device}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else Settings().model)
