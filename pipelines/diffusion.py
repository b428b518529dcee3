"""Inpainters: diffusers' inpainting pipeline at the picture's own resolution, and OpenCV where there is none.

Both cut out the mask with context, paint at a size they can handle, and paste back with a feather that lies
wholly inside the mask, so that every pixel outside it stays bit-identical. This module knows pixels and
wishes; it knows no regions and no words of a conversation.
"""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from pipelines.errors import DemoError, MissingCapability
from pipelines.interfaces import GUIDANCE, InpaintOptions, Painting, Paintings
from pipelines.language.colours import COLOURS, colours_in
from pipelines.scene import Box, Mask

CONTEXT = 0.35  # of the mask's longer side, left around it for the inpainter to see
LEAST_SHARE = 2  # a cut-out is blown up at most so many times to the inpainter's own size
FEATHER = 0.02  # of the mask's longer side; the seam is blended over so many pixels inside the mask
LEAST_FEATHER, MOST_FEATHER = 1, 24  # pixels
TONE_REACH = 0.15  # of a cut-out's side: how far its surroundings tell what tone a painting should have
PREVIEWS = 4  # decoded on the way
FILL_SIDE = 640  # pixels, longer side of the cut-out that OpenCV fills
FILL_RADIUS = 4  # pixels around each filled one that OpenCV looks at
MOST_STEPS = 150
EMPTY = "empty background, nothing there"  # what a removal asks a inpainter for that was trained on captions


def cut_out(mask: np.ndarray, least: int) -> Box:
    """The part of the picture a inpainter sees: the mask's box with context, square where there is room.

    Args:
        mask: bool (H, W), not empty.
        least: pixels, the smallest side where the picture has so many.
    """
    height, width = mask.shape
    box = Mask.from_array(mask).box
    side = max(least, round((1 + 2 * CONTEXT) * max(box.x2 - box.x1, box.y2 - box.y1)))
    w, h = min(side, width), min(side, height)
    x = min(max(0, (box.x1 + box.x2 - w) // 2), width - w)
    y = min(max(0, (box.y1 + box.y2 - h) // 2), height - h)
    return Box(x, y, x + w, y + h)


def paste(image: Image.Image, painted: Image.Image, cut: Box, mask: np.ndarray) -> Image.Image:
    """Put a painted cut-out back: nothing outside the mask changes, the seam is blended inside it.

    Args:
        image: upright RGB.
        painted: the cut-out, of any size.
        mask: bool (H, W) of the whole picture.
    """
    pixels = np.asarray(image).copy()
    window = (slice(cut.y1, cut.y2), slice(cut.x1, cut.x2))
    size = (cut.x2 - cut.x1, cut.y2 - cut.y1)
    new = np.asarray(painted.convert("RGB").resize(size, Image.Resampling.LANCZOS), np.float32)
    new = match_color(new, pixels[window].astype(np.float32), mask[window])
    box = Mask.from_array(mask).box
    feather = min(max(round(FEATHER * max(box.x2 - box.x1, box.y2 - box.y1)), LEAST_FEATHER), MOST_FEATHER)
    # the picture's own edge is no seam: only the distance to unmasked pixels counts
    depth = cv2.distanceTransform(mask[window].astype(np.uint8), cv2.DIST_L2, 3)
    weight = np.clip(depth / (feather + 1), 0, 1)[..., None]
    blended = np.rint(pixels[window] * (1 - weight) + new * weight).astype(np.uint8)
    pixels[window] = np.where(mask[window][..., None], blended, pixels[window])
    return Image.fromarray(pixels)


def match_color(painted: np.ndarray, seen: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A painted cut-out in the tone of its surroundings, which an autoencoder gives back a little off.

    What it is off by around the mask, averaged over the neighbourhood, is taken back inside, too.

    Args:
        painted, seen: float32 (H, W, 3), 0..255: the cut-out as painted, and as it was.
        mask: bool (H, W), where they may differ.
    """
    known = (~mask).astype(np.float32)
    if not known.any():
        return painted
    reach = TONE_REACH * max(mask.shape)
    off = cv2.GaussianBlur((seen - painted) * known[..., None], (0, 0), reach)
    share = cv2.GaussianBlur(known, (0, 0), reach)[..., None]
    return np.clip(painted + off / np.maximum(share, 1e-3), 0, 255)


def _check(image: Image.Image, mask: np.ndarray) -> None:
    if mask.shape != (image.height, image.width):
        raise ValueError(f"expected a mask of {(image.height, image.width)}, got {mask.shape}")
    if not mask.any():
        raise DemoError("There is nothing to paint: the mask is empty. Click or segment something first.")


class OpenCVInpainter:
    """Removes by filling in from around, and recolours by turning the hue; no model, and said so."""

    name = "OpenCV, no painting model"

    def paint(self, image: Image.Image, mask: np.ndarray, wish: str, *, options: InpaintOptions) -> Paintings:
        """See `pipelines.interfaces.Inpainter`.

        Raises:
            MissingCapability: the wish is something new.
        """
        _check(image, mask)
        if not wish:
            yield Painting(0, 1)
            yield Painting(1, 1, image=self._filled(image, mask), by=self.name)
        elif options.keep_shape and (named := colours_in(wish)):
            yield Painting(0, 1)
            yield Painting(1, 1, image=recolor(image, mask, COLOURS[named[0]]), by=self.name)
        else:
            raise MissingCapability(
                f"To paint “{wish}” a diffusion model is needed: start with --inpainter diffusion-nano, "
                "stable-diffusion-v1-5, or the folder of an inpainting pipeline. Removing and recolouring "
                "work without."
            )

    def _filled(self, image: Image.Image, mask: np.ndarray) -> Image.Image:
        cut = cut_out(mask, 64)
        window = (slice(cut.y1, cut.y2), slice(cut.x1, cut.x2))
        pixels, hole = np.asarray(image)[window], mask[window].astype(np.uint8)
        if hole.all():
            raise DemoError("All of the picture would be removed: nothing would be left to fill it from.")
        scale = min(1.0, FILL_SIDE / max(hole.shape))
        to = (max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale)))
        small = cv2.resize(pixels, to, interpolation=cv2.INTER_AREA)
        # any pixel that holds some of the thing is filled, so that none of its colour runs in
        covered = (cv2.resize(hole * 255, to, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
        filled = cv2.inpaint(np.ascontiguousarray(small), covered, FILL_RADIUS, cv2.INPAINT_TELEA)
        return paste(image, Image.fromarray(filled), cut, mask)


def recolor(image: Image.Image, mask: np.ndarray, colour: tuple[int, int, int]) -> Image.Image:
    """Give what lies under a mask another colour, keeping its light, shadow and texture.

    The mean under the mask moves to the colour in CIELAB, the differences from the mean stay; those of chroma
    are kept at a third, since they belong to the old colour.
    """
    box = Mask.from_array(mask).box
    window = (slice(box.y1, box.y2), slice(box.x1, box.x2))
    inside = mask[window]
    pixels = np.asarray(image).copy()
    lab = cv2.cvtColor(pixels[window].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    goal = cv2.cvtColor(np.array([[colour]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    mean = lab[inside].mean(axis=0)
    moved = goal + (lab - mean) * np.array([0.9, 1 / 3, 1 / 3], np.float32)
    moved[..., 0] = np.clip(moved[..., 0], 0, 100)
    rgb = (
        np.clip(cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB) * 255, 0, 255)
        .round()
        .astype(np.uint8)
    )
    pixels[window][inside] = rgb[inside]
    return Image.fromarray(pixels)


class _Cancelled(Exception):
    """The visitor left."""


class DiffusionInpainter:
    """diffusers' StableDiffusionInpaintPipeline, or one of its size and kind."""

    def __init__(
        self,
        pipeline: Any,
        *,
        name: str,
        empty: str = "",
        neutral: str = "",
        guidance: float = GUIDANCE,
        tints: bool = False,
    ) -> None:
        """Args: pipeline: with a UNet of 9 input channels. empty: the prompt of a removal.

        neutral: what guidance leads a wish away from where the visitor names nothing.
        tints: a thing gets another colour by its hue alone, where that was measured to be better.
        """
        channels = pipeline.unet.config.in_channels
        if channels != 9:
            raise MissingCapability(
                f"{name} is not an inpainting model (its UNet takes {channels} channels, not 9): "
                "use one whose name ends in -inpainting."
            )
        self.name = name
        self._pipeline = pipeline
        self._empty = empty
        self._neutral = neutral
        self._guidance = guidance
        self._tints = tints
        scale = pipeline.vae_scale_factor
        self._side = pipeline.unet.config.sample_size * scale
        self._multiple = scale * 2 ** (len(pipeline.unet.config.block_out_channels) - 1)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        name: str,
        device: str,
        dtype: torch.dtype,
        empty: str = "",
        neutral: str = "",
        guidance: float = GUIDANCE,
        tints: bool = False,
    ) -> DiffusionInpainter:
        """Load a pipeline in diffusers' layout from a folder or the Hub.

        Raises:
            MissingCapability: it is not there, or it is none.
        """
        from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint import (
            StableDiffusionInpaintPipeline,
        )

        try:
            pipeline = StableDiffusionInpaintPipeline.from_pretrained(str(path), torch_dtype=dtype)
        except (OSError, ValueError, TypeError) as error:
            reason = str(error).strip().split("\n")[0]
            raise MissingCapability(
                f"There is no inpainting pipeline at {path} ({reason}): give a Hub id, or a folder in "
                "diffusers' layout."
            ) from error
        pipeline.set_progress_bar_config(disable=True)
        if device.startswith("cuda") and _free_bytes() < 1.5 * _parameter_bytes(pipeline):
            pipeline.enable_model_cpu_offload()
        else:
            pipeline.to(device)
        return cls(pipeline, name=name, empty=empty, neutral=neutral, guidance=guidance, tints=tints)

    def paint(self, image: Image.Image, mask: np.ndarray, wish: str, *, options: InpaintOptions) -> Paintings:
        """See `pipelines.interfaces.Inpainter`. Runs in a thread; closing stops it after a step."""
        _check(image, mask)
        if not 1 <= options.steps <= MOST_STEPS:
            raise DemoError(f"A painting takes 1 to {MOST_STEPS} steps, not {options.steps}.")
        if self._tints and options.keep_shape and colours_in(wish):
            yield from OpenCVInpainter().paint(image, mask, wish, options=options)
            return
        cut = cut_out(mask, self._side // LEAST_SHARE)
        size = self._size(cut)
        shown = image.crop(cut).resize(size, Image.Resampling.LANCZOS)
        hole = (
            Image.fromarray(mask[cut.y1 : cut.y2, cut.x1 : cut.x2])
            .convert("L")
            .resize(size, Image.Resampling.BOX)
        )
        hole = hole.point(lambda value: 255 if value else 0)
        news: queue.Queue[Painting | BaseException] = queue.Queue()
        cancelled = threading.Event()
        arguments: dict[str, Any] = {
            "prompt": wish or self._empty,
            "negative_prompt": options.negative or (self._neutral if wish else "") or None,
            "image": shown,
            "mask_image": hole,
            "width": size[0],
            "height": size[1],
            "num_inference_steps": options.steps,
            "guidance_scale": self._guidance if options.guidance is None else options.guidance,
            "strength": 0.75 if options.keep_shape else 1.0,
            "generator": torch.Generator("cpu").manual_seed(options.seed),
        }
        worker = threading.Thread(
            target=self._run, args=(arguments, news, cancelled, image, cut, mask, options.steps), daemon=True
        )
        worker.start()
        try:
            while True:
                item = news.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
                if item.image is not None:
                    return
        finally:
            cancelled.set()
            worker.join()

    def _size(self, cut: Box) -> tuple[int, int]:
        """The size to paint at: the model's own for the longer side, whole multiples of what it can halve."""
        w, h = cut.x2 - cut.x1, cut.y2 - cut.y1
        scale = self._side / max(w, h)
        return tuple(  # type: ignore[return-value]
            max(self._multiple, round(side * scale / self._multiple) * self._multiple) for side in (w, h)
        )

    def _run(
        self,
        arguments: dict[str, Any],
        news: queue.Queue[Painting | BaseException],
        cancelled: threading.Event,
        image: Image.Image,
        cut: Box,
        mask: np.ndarray,
        steps: int,
    ) -> None:
        """The worker: one call of the pipeline, its news into the queue."""
        # components are shared, the scheduler and the pipeline's own state belong to this call
        parts = dict(self._pipeline.components)
        parts["scheduler"] = type(parts["scheduler"]).from_config(parts["scheduler"].config)
        pipeline = type(self._pipeline)(
            **parts, requires_safety_checker=parts.get("safety_checker") is not None
        )
        pipeline.set_progress_bar_config(disable=True)
        every = max(1, steps // (PREVIEWS + 1))

        def tell(pipe: Any, step: int, timestep: Any, state: dict[str, Any]) -> dict[str, Any]:
            if cancelled.is_set():
                raise _Cancelled
            preview = None
            if (step + 1) % every == 0 and step + 1 < steps:
                preview = paste(image, self._decoded(state["latents"]), cut, mask)
            news.put(Painting(step + 1, steps, preview))
            return {}

        try:
            result = pipeline(**arguments, callback_on_step_end=tell)
            flagged = getattr(result, "nsfw_content_detected", None)
            if flagged and any(flagged):
                raise DemoError(
                    "The inpainter's safety filter withheld the painting: try another wish or seed."
                )
            news.put(Painting(steps, steps, image=paste(image, result.images[0], cut, mask)))
        except _Cancelled:
            pass
        except torch.OutOfMemoryError:
            news.put(MissingCapability(f"The memory does not suffice for {self.name}: try --device cpu."))
        except BaseException as error:
            news.put(error)

    @torch.no_grad()
    def _decoded(self, latents: torch.Tensor) -> Image.Image:
        """What latents (1, 4, h, w) look like."""
        vae = self._pipeline.vae
        pixels = vae.decode((latents / vae.config.scaling_factor).to(vae.dtype)).sample[0]
        plane = ((pixels.float().clamp(-1, 1) + 1) * 127.5).round().byte()
        return Image.fromarray(plane.permute(1, 2, 0).cpu().numpy())


def _parameter_bytes(pipeline: Any) -> int:
    modules = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    return sum(p.numel() * p.element_size() for module in modules for p in module.parameters())


def _free_bytes() -> int:
    return torch.cuda.mem_get_info()[0]
