"""The small SAM and the released layout: real classes at tiny size."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

from model import segmenter
from model.segmenter import DrawingPromptEncoder, SegmenterConfig

TINY = SegmenterConfig(
    image_size=64, stem_dims=(8, 8), vit_dim=16, vit_depth=1, vit_heads=2, prompt_dim=32, decoder_mlp=32
)


def predict(sam: Sam, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    predictor = SamPredictor(sam)
    predictor.set_image(picture)
    logits, scores, _ = predictor.predict(
        np.array([[20, 10]]), np.array([1]), np.array([5, 5, 40, 30]), return_logits=True
    )
    return np.asarray(logits), np.asarray(scores)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)


def test_sams_own_predictor_drives_it(picture: np.ndarray) -> None:
    torch.manual_seed(0)
    logits, scores = predict(segmenter.build(TINY), picture)
    assert logits.shape == (3, 48, 80)
    assert scores.shape == (3,)


def test_saved_and_loaded_it_answers_the_same(tmp_path: Path, picture: np.ndarray) -> None:
    torch.manual_seed(0)
    sam = segmenter.build(TINY)
    segmenter.save(sam, TINY, tmp_path, dtype=torch.float32)
    again = segmenter.load(tmp_path)
    assert segmenter.load_config(tmp_path) == TINY
    for one, other in zip(predict(sam, picture), predict(again, picture), strict=True):
        np.testing.assert_array_equal(one, other)
    segmenter.save(sam, TINY, tmp_path)
    halved = predict(segmenter.load(tmp_path), picture)[0]
    assert np.abs(halved - predict(sam, picture)[0]).max() < 0.05


def test_a_foreign_config_is_refused(tmp_path: Path) -> None:
    (tmp_path / segmenter.CONFIG_FILE).write_text('{"model_type": "llama"}')
    with pytest.raises(ValueError, match="sam-nano"):
        segmenter.load_config(tmp_path)


def test_prompts_are_drawn_where_they_point() -> None:
    encoder = DrawingPromptEncoder(TINY)
    points = torch.tensor([[[12.0, 4.0], [50.0, 60.0]]]), torch.tensor([[1, 0]])
    planes = encoder.draw(points, torch.tensor([[0.0, 0.0, 32.0, 16.0]]), 1)[0]
    assert planes.shape == (2 * len(segmenter.SPREADS) + 4, 8, 8)
    add, take = planes[0], planes[len(segmenter.SPREADS)]
    assert divmod(int(add.argmax()), 8) == (0, 1)  # row, column of 8-pixel cells
    assert divmod(int(take.argmax()), 8) == (7, 6)
    inside = planes[2 * len(segmenter.SPREADS)]
    assert inside[0, 1] > 0.9
    assert inside[6, 6] < 0.01


def official(size: int = 64, dim: int = 24) -> Sam:
    """The released architecture, tiny: windowed blocks, a global one, relative positions."""
    side = size // 16
    return Sam(
        ImageEncoderViT(
            img_size=size, embed_dim=dim, depth=2, num_heads=2, out_chans=16, qkv_bias=True, use_rel_pos=True,
            window_size=2, global_attn_indexes=(1,),
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),  # type: ignore[arg-type]
        ),
        PromptEncoder(16, (side, side), (size, size), mask_in_chans=16),
        MaskDecoder(
            transformer_dim=16,
            transformer=TwoWayTransformer(depth=2, embedding_dim=16, num_heads=8, mlp_dim=32),
            iou_head_hidden_dim=16,
        ),
        list(segmenter.PIXEL_MEAN),
        list(segmenter.PIXEL_STD),
    ).eval()  # fmt: skip


def test_a_file_in_the_released_layout_answers_the_same(tmp_path: Path, picture: np.ndarray) -> None:
    torch.manual_seed(0)
    sam = official()
    for table in (p for name, p in sam.named_parameters() if "rel_pos" in name):
        torch.nn.init.normal_(table)  # as trained: the package starts them at zero
    file = tmp_path / "sam_vit_t.pth"
    torch.save(sam.state_dict(), file)
    for one, other in zip(
        predict(sam, picture), predict(segmenter.load_official(file), picture), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_file_that_holds_no_sam_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="pos_embed"):
        segmenter.load_official(tmp_path / "other.pth")


def test_the_shipped_weights_are_small_and_load() -> None:
    folder = Path(__file__).parents[2] / "assets" / "sam-nano"
    assert (folder / segmenter.WEIGHTS_FILE).stat().st_size < 8_000_000
    assert segmenter.load(folder).image_encoder.img_size == segmenter.load_config(folder).image_size
