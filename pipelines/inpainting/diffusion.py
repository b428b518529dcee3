"""Inpainting with diffusers' pipeline, at the picture's own resolution.

A crop of the picture around the hole is painted at the size that the model can handle, and what lies in the
hole is pasted back. This module knows pixels and wishes; it knows no regions and no words of a conversation.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pipelines.errors import DemoError, MissingCapability, is_shortage
from pipelines.inpainting.color import match_color
from pipelines.inpainting.cropping import Cancelled, check_hole, context_crop, hole_boxes, paste, shrink_mask
from pipelines.inpainting.opencv import OpenCVInpainter
from pipelines.interfaces import GUIDANCE, InpaintOptions, Painting, Paintings
from pipelines.language.colours import colours_in
from pipelines.scene import Box

LARGEST_ENLARGEMENT = 2  # times that a small crop is enlarged to the model's own size
PREVIEWS = 4  # decoded on the way
MOST_STEPS = 150
HEARTBEAT_S = 0.5  # who waits for the inpainter is asked so often whether they still do
CAPTION_FOR_NOTHING = "empty background, nothing there"  # asks for a removal, after training on captions


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One painting: the picture, the crop that is painted, the hole, and the crop as the pipeline sees it."""

    image: Image.Image
    crop: Box
    mask: np.ndarray  # bool (H, W) of the picture
    shown: Image.Image
    hole: np.ndarray  # bool (h, w) at the size of `shown`
    cancelled: threading.Event
    begun: threading.Event

    def paste(self, painted: Image.Image) -> Image.Image:
        """Return the picture with a painting of the crop in its hole, in the tone of its surroundings."""
        new, seen = (np.asarray(one.convert("RGB"), np.float32) for one in (painted, self.shown))
        matched = np.rint(match_color(new, seen, self.hole)).astype(np.uint8)
        cancelled = self.cancelled.is_set
        return paste(self.image, Image.fromarray(matched), self.crop, self.mask, cancelled=cancelled)


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
        for_photographs: bool = True,
    ) -> None:
        """Args: pipeline: with a UNet of 9 input channels. empty: the prompt of a removal.

        neutral: what guidance leads a wish away from where the visitor names nothing.
        tints: a thing gets another colour by its hue alone, where that was measured to be better.
        for_photographs: whether it learnt photographs.
        """
        channels = pipeline.unet.config.in_channels
        if channels != 9:
            raise MissingCapability(
                f"{name} is not an inpainting model (its UNet takes {channels} channels, not 9): "
                "use one whose name ends in -inpainting."
            )
        self.name = name
        self.for_photographs = for_photographs
        self._pipeline = pipeline
        self._empty = empty
        self._neutral = neutral
        self._guidance = guidance
        self._tints = tints
        scale = pipeline.vae_scale_factor
        self._side = pipeline.unet.config.sample_size * scale
        self._place = threading.Lock()  # one painting at a time: several take its memory, and are not quicker
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
        for_photographs: bool = True,
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
        return cls(
            pipeline, name=name, empty=empty, neutral=neutral, guidance=guidance, tints=tints,
            for_photographs=for_photographs,
        )  # fmt: skip

    def paint(self, image: Image.Image, mask: np.ndarray, wish: str, *, options: InpaintOptions) -> Paintings:
        """See `pipelines.interfaces.Inpainter`. Runs in a thread; closing stops it after a step."""
        check_hole(image, mask)
        if not 1 <= options.steps <= MOST_STEPS:
            raise DemoError(f"A painting takes 1 to {MOST_STEPS} steps, not {options.steps}.")
        if self._tints and options.keep_shape and colours_in(wish):
            yield from OpenCVInpainter().paint(image, mask, wish, options=options)
            return
        boxes = hole_boxes(mask)
        for number, box in enumerate(boxes):
            hole = np.zeros_like(mask)
            place = (slice(box.y1, box.y2), slice(box.x1, box.x2))
            hole[place] = mask[place]
            for painting in self._paint_hole(image, hole, wish, options):
                step, steps = number * options.steps + painting.step, len(boxes) * options.steps
                if painting.image is not None:
                    image = painting.image
                if painting.image is None or number + 1 == len(boxes):
                    yield replace(painting, step=step, steps=steps)

    def _paint_hole(
        self, image: Image.Image, mask: np.ndarray, wish: str, options: InpaintOptions
    ) -> Paintings:
        """One hole: a call of the pipeline in a thread, which ends after a step when this is closed."""
        crop = context_crop(mask, self._side // LARGEST_ENLARGEMENT)
        size_wh = self._size(crop)
        hole = shrink_mask(mask[crop.y1 : crop.y2, crop.x1 : crop.x2], size_wh)
        shown = image.resize(size_wh, Image.Resampling.LANCZOS, box=crop)
        job = _Job(image, crop, mask, shown, hole, threading.Event(), threading.Event())
        news: queue.Queue[Painting | BaseException] = queue.Queue()
        worker = threading.Thread(target=self._run, args=(job, wish, options, news), daemon=True)
        worker.start()
        try:
            while True:
                try:
                    item = news.get(timeout=None if job.begun.is_set() else HEARTBEAT_S)
                except queue.Empty:
                    if job.begun.is_set():
                        continue
                    item = Painting(0, options.steps)  # so that a visitor who waits can leave
                if isinstance(item, BaseException):
                    raise item
                yield item
                if item.image is not None:
                    return
        finally:
            job.cancelled.set()
            if job.begun.is_set():
                worker.join()

    def _size(self, crop: Box) -> tuple[int, int]:
        """Return the size to paint at: the model's own for the longer side, multiples it can halve."""
        w, h = crop.x2 - crop.x1, crop.y2 - crop.y1
        scale = self._side / max(w, h)
        return tuple(  # type: ignore[return-value]
            max(self._multiple, round(side * scale / self._multiple) * self._multiple) for side in (w, h)
        )

    def _arguments(self, job: _Job, wish: str, options: InpaintOptions) -> dict[str, Any]:
        """Return what the pipeline is called with."""
        return {
            "prompt": wish or self._empty,
            "negative_prompt": options.negative or (self._neutral if wish else "") or None,
            "image": job.shown,
            "mask_image": Image.fromarray(np.where(job.hole, np.uint8(255), np.uint8(0))),
            "width": job.shown.width,
            "height": job.shown.height,
            "num_inference_steps": options.steps,
            "guidance_scale": self._guidance if options.guidance is None else options.guidance,
            "strength": 0.75 if options.keep_shape else 1.0,
            "generator": torch.Generator("cpu").manual_seed(options.seed),
        }

    def _run(
        self, job: _Job, wish: str, options: InpaintOptions, news: queue.Queue[Painting | BaseException]
    ) -> None:
        """The worker: when it is its turn, one call of the pipeline, its news into the queue."""
        with self._place:
            job.begun.set()
            if not job.cancelled.is_set():
                self._call(job, wish, options, news)

    def _call(
        self, job: _Job, wish: str, options: InpaintOptions, news: queue.Queue[Painting | BaseException]
    ) -> None:
        steps = options.steps
        every = max(1, steps // (PREVIEWS + 1))

        def tell(pipe: Any, step: int, timestep: Any, state: dict[str, Any]) -> dict[str, Any]:
            if job.cancelled.is_set():
                raise Cancelled
            preview = None
            if (step + 1) % every == 0 and step + 1 < steps:
                preview = job.paste(self._decoded(state["latents"]))
            news.put(Painting(step + 1, steps, preview))
            return {}

        try:
            result = self._own_pipeline()(**self._arguments(job, wish, options), callback_on_step_end=tell)
            flagged = getattr(result, "nsfw_content_detected", None)
            if flagged and any(flagged):
                raise DemoError(
                    "The inpainter's safety filter withheld the painting: try another wish or seed."
                )
            news.put(Painting(steps, steps, image=job.paste(result.images[0])))
        except Cancelled:
            pass
        except BaseException as error:
            if is_shortage(error):
                error = MissingCapability(
                    f"The memory does not suffice for {self.name}: ask for less, or try --device cpu."
                )
            news.put(error)

    def _own_pipeline(self) -> Any:
        """Return a pipeline for one call: components are shared; scheduler and state are its own."""
        parts = dict(self._pipeline.components)
        parts["scheduler"] = type(parts["scheduler"]).from_config(parts["scheduler"].config)
        pipeline = type(self._pipeline)(
            **parts, requires_safety_checker=parts.get("safety_checker") is not None
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    @torch.no_grad()
    def _decoded(self, latents: torch.Tensor) -> Image.Image:
        """Return what latents (1, 4, h, w) look like."""
        vae = self._pipeline.vae
        pixels = vae.decode((latents / vae.config.scaling_factor).to(vae.dtype)).sample[0]
        plane = ((pixels.float().clamp(-1, 1) + 1) * 127.5).round().byte()
        return Image.fromarray(plane.permute(1, 2, 0).cpu().numpy())


def _parameter_bytes(pipeline: Any) -> int:
    modules = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    return sum(p.numel() * p.element_size() for module in modules for p in module.parameters())


def _free_bytes() -> int:
    return torch.cuda.mem_get_info()[0]
