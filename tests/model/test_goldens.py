"""Every variant still computes what it computed when it was compared with the original."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.conversion import VARIANTS
from tests.model.goldens import FILE, measure


@pytest.mark.parametrize("llama_type", sorted(VARIANTS))
def test_goldens(llama_type: str, tmp_path: Path) -> None:
    expected = json.loads(FILE.read_text())[llama_type]
    found = measure(llama_type, tmp_path)
    for name in ("prompt_tokens", "image_tokens", "ids"):
        assert found[name] == expected[name], name
    for name in ("pixels", "tokens", "logits"):
        assert found[name] == pytest.approx(expected[name], abs=1e-3), name
