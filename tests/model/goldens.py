# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false, reportArgumentType=false
"""Small recorded outputs of every variant, from weights that a formula gives: no file but goldens.json.

They were written by this implementation on a day when it reproduced the original's recorded outputs
(test_oracle.py) and keep it there where those are absent. To write them anew:

    python -m tests.model.goldens
"""

from __future__ import annotations

import json
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from model import SphinxForConditionalGeneration, SphinxProcessor
from model.conversion import VARIANTS, convert
from tests.model.original import ARCHITECTURE, original_state, write_original

FILE = Path(__file__).with_name("goldens.json")
QUESTION = "Where is the red ball?"
NEW = 6  # tokens


def formula(key: str, shape: torch.Size) -> torch.Tensor:
    """A tensor's values: a wave whose beginning is the key's checksum; norms are near 1."""
    steps = np.arange(shape.numel(), dtype=np.float64)
    wave = np.sin(steps * 1.7 + steps**2 * 1e-3 + zlib.crc32(key.encode()) % 1000)
    near = 1.0 if key.endswith("weight") and len(shape) == 1 else 0.0
    scale = 0.1 if near else 0.35
    return torch.from_numpy((near + scale * wave).astype(np.float32)).reshape(shape)


def picture() -> Image.Image:
    """Stripes and a gradient, 70 x 50."""
    y, x = np.mgrid[0:50, 0:70]
    planes = [(x * 3) % 256, (y * 5) % 256, ((x + y) // 7 % 2) * 200]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


def measure(llama_type: str, folder: Path) -> dict[str, Any]:
    """What is recorded of a variant: sizes, some tokens, some logits and the greedy reply."""
    state = {key: formula(key, value.shape) for key, value in original_state(llama_type).items()}
    source = write_original(folder / "in", state, llama_type)
    convert([source], folder / "out", architecture=ARCHITECTURE, quiet=True)
    model = SphinxForConditionalGeneration.from_pretrained(folder / "out").eval()
    processor = SphinxProcessor.from_pretrained(folder / "out")
    inputs = processor(text=processor.prompt([(QUESTION, None)]), images=picture(), return_tensors="pt")
    with torch.no_grad():
        tokens = model.get_image_features(inputs["pixel_values"]).pooler_output
        logits = model(**inputs).logits[0, -1]
        out = model.generate(**inputs, max_new_tokens=NEW, do_sample=False)[0]
    return {
        "prompt_tokens": inputs["input_ids"].shape[1],
        "image_tokens": tokens.shape[1],
        "pixels": rounded(inputs["pixel_values"][0, :, ::97, ::89]),
        "tokens": rounded(tokens[0, :: tokens.shape[1] // 7, ::5]),
        "logits": rounded(logits[::11]),
        "ids": out[inputs["input_ids"].shape[1] :].tolist(),
    }


def rounded(values: torch.Tensor) -> list[float]:
    """The first 24 numbers, at four decimals."""
    return [round(v, 4) for v in values.flatten()[:24].tolist()]


def main() -> None:
    """Write goldens.json."""
    with tempfile.TemporaryDirectory() as folder:
        measured = {name: measure(name, Path(folder) / name) for name in sorted(VARIANTS)}
    lines = [f'"{name}": {json.dumps(values)}' for name, values in measured.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
