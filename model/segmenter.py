"""SAM at the size of a thumbnail: segment_anything's own Sam, PromptEncoder and MaskDecoder, made small.

Only two things are ours. The picture encoder is a small convolutional stem with transformer blocks, since a
ViT of patches alone learns slowly; and the prompts are drawn: beside SAM's sparse tokens, clicks and boxes
reach the decoder as soft planes over the picture. Both keep SAM's interfaces, so that `SamPredictor` drives
this model unchanged. The module knows tensors and files; it knows no visitors and no training.

    sam = load("assets/sam-nano")
    sam = load_official("sam_vit_b_01ec64.pth")        # the released checkpoints, of any size
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.transformer import Attention
from torch import nn
from torch.nn import functional as F

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
STRIDE = 8  # pixels of the model's picture to one cell of the embedding
SPREADS = (0.7, 2.5, 8.0)  # cells, the widths a click is drawn with
ELLIPSE = 2.0  # steepness of the ramp a box is drawn with


PIXEL_MEAN, PIXEL_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # SAM's, of 0..255
OFFICIAL_PATCH = 16  # pixels; with the numbers of heads, what a released checkpoint does not show
OFFICIAL_DECODER_HEADS = 8


@dataclass(frozen=True, slots=True)
class Official:
    """A released checkpoint: where it lies, how the file's SHA-256 begins, bytes to fetch and to hold."""

    url: str
    hash_prefix: str
    download_bytes: int
    memory_bytes: int  # weights in float32 and one picture's attention, estimated


_RELEASES = "https://dl.fbaipublicfiles.com/segment_anything"
OFFICIAL = {
    "sam-vit-b": Official(f"{_RELEASES}/sam_vit_b_01ec64.pth", "01ec64", 375_042_383, 3 << 30),
    "sam-vit-l": Official(f"{_RELEASES}/sam_vit_l_0b3195.pth", "0b3195", 1_249_524_607, 5 << 30),
    "sam-vit-h": Official(f"{_RELEASES}/sam_vit_h_4b8939.pth", "4b8939", 2_564_550_879, 7 << 30),
}


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    """The sizes of one small SAM. `image_size` in pixels; dims in channels."""

    image_size: int = 256
    stem_dims: tuple[int, int] = (32, 64)  # at strides 4 and 8
    vit_dim: int = 192  # at stride 16
    vit_depth: int = 6
    vit_heads: int = 6
    prompt_dim: int = 64
    decoder_depth: int = 2
    decoder_heads: int = 2
    decoder_mlp: int = 256
    mask_in_chans: int = 16
    iou_hidden: int = 128

    @property
    def cells(self) -> int:
        """Side of the embedding."""
        return self.image_size // STRIDE


class _Residual(nn.Module):
    """Two 3x3 convolutions with batch norm around a shortcut."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(dim, dim, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(dim)
        self.conv2 = nn.Conv2d(dim, dim, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(y)))


class _Down(nn.Module):
    """A strided convolution with batch norm."""

    def __init__(self, dim_in: int, dim_out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim_in, dim_out, kernel, stride, padding=(kernel - stride + 1) // 2, bias=False)
        self.norm = nn.BatchNorm2d(dim_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.norm(self.conv(x)))


class _Block(nn.Module):
    """A pre-norm transformer block, written out: the fused attention's backward is slow on a CPU."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.lin1, self.lin2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(-1)
        x = x + self.proj((weights.to(v.dtype) @ v).transpose(1, 2).reshape(b, n, c))
        return x + self.lin2(F.relu(self.lin1(self.norm2(x))))


class HybridEncoder(nn.Module):
    """Normalised picture (B, 3, S, S) to embedding (B, prompt_dim, S/8, S/8): convolutions, a ViT, and up."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        self.img_size = config.image_size  # the name SamPredictor reads
        fine, middle = config.stem_dims
        self.stem = _Down(3, fine, 4, 4)
        self.fine = _Residual(fine)
        self.down1 = _Down(fine, middle, 3, 2)
        self.middle = nn.Sequential(_Residual(middle), _Residual(middle))
        self.down2 = _Down(middle, config.vit_dim, 3, 2)
        side = config.image_size // 16
        self.position = nn.Parameter(torch.randn(1, side * side, config.vit_dim) * 0.02)
        self.blocks = nn.ModuleList(_Block(config.vit_dim, config.vit_heads) for _ in range(config.vit_depth))
        self.norm = nn.LayerNorm(config.vit_dim)
        dim = config.prompt_dim
        self.from_vit = nn.Linear(config.vit_dim, dim)
        self.from_middle = nn.Conv2d(middle, dim, 1)
        self.from_fine = nn.Conv2d(fine, dim, 2, 2)
        self.neck = _Residual(dim)
        self.out = LayerNorm2d(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.fine(self.stem(x))
        middle = self.middle(self.down1(fine))
        coarse = self.down2(middle)
        b, _, h, w = coarse.shape
        tokens = coarse.flatten(2).transpose(1, 2) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        coarse = self.from_vit(self.norm(tokens)).transpose(1, 2).reshape(b, -1, h, w)
        wide = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.out(self.neck(wide + self.from_middle(middle) + self.from_fine(fine)))


class DrawingPromptEncoder(PromptEncoder):
    """SAM's prompt encoder that also draws clicks and boxes, softly, onto the dense embedding."""

    def __init__(self, config: SegmenterConfig) -> None:
        size = (config.cells, config.cells)
        super().__init__(
            config.prompt_dim, size, (config.image_size, config.image_size), config.mask_in_chans
        )
        planes = 2 * len(SPREADS) + 4
        self.drawing = nn.Sequential(nn.Conv2d(planes, 48, 1), nn.GELU(), nn.Conv2d(48, config.prompt_dim, 1))

    def draw(
        self, points: tuple[torch.Tensor, torch.Tensor] | None, boxes: torch.Tensor | None, count: int
    ) -> torch.Tensor:
        """Return prompts as planes (count, 10, cells, cells): clicks to add, clicks to take away, the box.

        Args:
            points: (B, N, 2) in pixels of the model's picture, and labels (B, N): 1 adds, 0 takes away.
            boxes: (B, 4) xyxy in the same pixels.
        """
        cells = self.image_embedding_size[0]
        scale = self.input_image_size[0] / cells
        device = self.no_mask_embed.weight.device
        centres = torch.arange(cells, device=device, dtype=torch.float32) + 0.5
        planes: list[torch.Tensor] = []
        for label in (1, 0):
            if points is None:
                planes += [torch.zeros(count, cells, cells, device=device)] * len(SPREADS)
                continue
            xy = (points[0].float() + 0.5) / scale
            dx = xy[..., 0, None] - centres
            dy = xy[..., 1, None] - centres
            squared = dx[..., None, :] ** 2 + dy[..., :, None] ** 2  # (B, N, cells, cells)
            squared = squared.masked_fill((points[1] != label)[..., None, None], 1e6)
            nearest = squared.amin(1)
            planes += [torch.exp(-nearest / (2 * spread**2)) for spread in SPREADS]
        if boxes is None:
            planes += [torch.zeros(count, cells, cells, device=device)] * 4
        else:
            x1, y1, x2, y2 = (boxes.float().reshape(-1, 4) / scale).unbind(1)
            u = (centres - (x1 + x2)[:, None] / 2) / ((x2 - x1)[:, None] / 2).clamp_min(0.25)
            v = (centres - (y1 + y2)[:, None] / 2) / ((y2 - y1)[:, None] / 2).clamp_min(0.25)
            u, v = u.abs()[:, None, :].expand(-1, cells, -1), v.abs()[:, :, None].expand(-1, -1, cells)
            inside = torch.sigmoid(8 * (1 - torch.maximum(u, v)))
            planes += [
                inside,
                torch.exp(-(u**2 + v**2) * ELLIPSE / 2),
                u.clamp_max(2) * inside,
                v.clamp_max(2) * inside,
            ]
        return torch.stack(planes, 1)

    def forward(
        self,
        points: tuple[torch.Tensor, torch.Tensor] | None,
        boxes: torch.Tensor | None,
        masks: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As SAM's: sparse (B, N, dim) and dense (B, dim, cells, cells) embeddings of the prompts."""
        sparse, dense = super().forward(points, boxes, masks)
        return sparse, dense + self.drawing(self.draw(points, boxes, sparse.shape[0]))


def build(config: SegmenterConfig) -> Sam:
    """Return a small SAM with random weights, its attention started so that prompts look where they point.

    Untied at the start, the decoder's attention sees nothing for hundreds of steps; q = k, orthogonal with
    gain 2, lets a token find the place whose positional code it carries.
    """
    transformer = TwoWayTransformer(
        depth=config.decoder_depth,
        embedding_dim=config.prompt_dim,
        num_heads=config.decoder_heads,
        mlp_dim=config.decoder_mlp,
    )
    for name, module in transformer.named_modules():
        if isinstance(module, Attention) and "image" in name:
            nn.init.orthogonal_(module.q_proj.weight, gain=2.0)
            with torch.no_grad():
                module.k_proj.weight.copy_(module.q_proj.weight)
    decoder = MaskDecoder(
        transformer_dim=config.prompt_dim,
        transformer=transformer,
        num_multimask_outputs=3,
        activation=nn.ReLU,
        iou_head_depth=3,
        iou_head_hidden_dim=config.iou_hidden,
    )
    return Sam(HybridEncoder(config), DrawingPromptEncoder(config), decoder).eval()  # type: ignore[arg-type]


def save(
    sam: Sam, config: SegmenterConfig, folder: Path | str, *, dtype: torch.dtype = torch.float16
) -> None:
    """Write config.json and model.safetensors into `folder`, tensors in `dtype`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = {"model_type": "sam-nano", **asdict(config)}
    (folder / CONFIG_FILE).write_text(json.dumps(record, indent=2) + "\n")
    state = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in sam.state_dict().items()
    }
    save_file(state, folder / WEIGHTS_FILE, metadata={"format": "pt"})


def load_config(folder: Path | str) -> SegmenterConfig:
    """Read config.json of a folder written by `save`."""
    record = json.loads((Path(folder) / CONFIG_FILE).read_text())
    kind = record.pop("model_type", None)
    if kind != "sam-nano":
        raise ValueError(f"{folder}: expected model_type 'sam-nano' in {CONFIG_FILE}, got {kind!r}")
    record["stem_dims"] = tuple(record["stem_dims"])
    return SegmenterConfig(**record)


def load(folder: Path | str) -> Sam:
    """Return the segmenter in `folder`, in float32, ready to predict."""
    sam = build(load_config(folder))
    state = load_file(Path(folder) / WEIGHTS_FILE)
    sam.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in state.items()})
    return sam.eval()


def load_official(file: Path | str) -> Sam:
    """Load a checkpoint in the layout of the released ones; its sizes are read off its tensors.

    Raises: ValueError: the file holds no SAM.
    """
    state = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    if not isinstance(state, dict) or "image_encoder.pos_embed" not in state:
        raise ValueError(f"{file}: expected SAM's weights, found no image_encoder.pos_embed")
    with torch.device("meta"):
        sam = _official_shape(state)
    sam.load_state_dict(state, assign=True)
    sam.pixel_mean = torch.tensor(PIXEL_MEAN).view(-1, 1, 1)
    sam.pixel_std = torch.tensor(PIXEL_STD).view(-1, 1, 1)
    return sam.eval()


def _official_shape(state: Mapping[str, torch.Tensor]) -> Sam:
    """Return the network whose weights `state` is."""
    side, dim = state["image_encoder.pos_embed"].shape[1], state["image_encoder.pos_embed"].shape[-1]
    depth = 1 + max(int(name.split(".")[2]) for name in state if name.startswith("image_encoder.blocks."))
    tables = [state[f"image_encoder.blocks.{i}.attn.rel_pos_h"].shape for i in range(depth)]
    spans = [(rows + 1) // 2 for rows, _ in tables]  # a table of 2n - 1 offsets serves n places
    prompt_dim = state["prompt_encoder.no_mask_embed.weight"].shape[1]
    encoder = ImageEncoderViT(
        depth=depth,
        embed_dim=dim,
        img_size=side * OFFICIAL_PATCH,
        mlp_ratio=state["image_encoder.blocks.0.mlp.lin1.weight"].shape[0] / dim,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),  # type: ignore[arg-type]
        num_heads=dim // tables[0][1],
        patch_size=OFFICIAL_PATCH,
        qkv_bias=True,
        use_rel_pos=True,
        global_attn_indexes=tuple(i for i, span in enumerate(spans) if span == side),
        window_size=min(spans),
        out_chans=prompt_dim,
    )
    prompts = PromptEncoder(
        embed_dim=prompt_dim,
        image_embedding_size=(side, side),
        input_image_size=(side * OFFICIAL_PATCH, side * OFFICIAL_PATCH),
        mask_in_chans=state["prompt_encoder.mask_downscaling.3.weight"].shape[0],
    )
    layers = {name.split(".")[3] for name in state if name.startswith("mask_decoder.transformer.layers.")}
    transformer = TwoWayTransformer(
        depth=len(layers),
        embedding_dim=prompt_dim,
        num_heads=OFFICIAL_DECODER_HEADS,
        mlp_dim=state["mask_decoder.transformer.layers.0.mlp.lin1.weight"].shape[0],
    )
    heads = {
        name.split(".")[3] for name in state if name.startswith("mask_decoder.iou_prediction_head.layers.")
    }
    decoder = MaskDecoder(
        transformer_dim=prompt_dim,
        transformer=transformer,
        num_multimask_outputs=state["mask_decoder.mask_tokens.weight"].shape[0] - 1,
        iou_head_depth=len(heads),
        iou_head_hidden_dim=state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
    )
    return Sam(encoder, prompts, decoder, list(PIXEL_MEAN), list(PIXEL_STD))
