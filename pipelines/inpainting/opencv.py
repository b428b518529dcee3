"""Removing and recolouring without a model: OpenCV fills a hole from around it."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from pipelines.errors import DemoError, MissingCapability
from pipelines.inpainting.color import recolor
from pipelines.inpainting.cropping import check_hole, context_crop, paste, shrink_mask
from pipelines.inpainting.plainness import go_on, is_plain
from pipelines.interfaces import InpaintOptions, Painting, Paintings
from pipelines.language.colours import COLOURS, colours_in

FILL_SIDE = 640  # pixels, longer side of the crop that is filled
FILL_RADIUS = 4  # pixels around each filled one that are looked at
LEAST_CROP = 64  # pixels


class OpenCVInpainter:
    """Removes by filling in from around, and recolours by turning the hue; no model, and said so."""

    name = "OpenCV, no painting model"
    for_photographs = True

    def paint(self, image: Image.Image, mask: np.ndarray, wish: str, *, options: InpaintOptions) -> Paintings:
        """See `pipelines.interfaces.Inpainter`.

        Raises:
            MissingCapability: the wish is something new.
        """
        check_hole(image, mask)
        if not wish:
            yield Painting(0, 1)
            yield Painting(1, 1, image=_fill(image, mask), by=self.name)
        elif options.keep_shape and (named := colours_in(wish)):
            yield Painting(0, 1)
            yield Painting(1, 1, image=recolor(image, mask, COLOURS[named[0]]), by=self.name)
        else:
            raise MissingCapability(
                f"To paint “{wish}” a diffusion model is needed: start with --inpainter diffusion-nano, "
                "stable-diffusion-v1-5, or the folder of an inpainting pipeline. Removing and recolouring "
                "work without."
            )


def _fill(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """Return the picture with a hole filled from around it.

    Raises:
        DemoError: there is nothing around it.
    """
    crop = context_crop(mask, LEAST_CROP)
    hole = mask[crop.y1 : crop.y2, crop.x1 : crop.x2]
    if hole.all():
        raise DemoError("All of the picture would be removed: nothing would be left to fill it from.")
    scale = min(1.0, FILL_SIDE / max(hole.shape))
    to_wh = (max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale)))
    small = np.array(image.resize(to_wh, Image.Resampling.BOX, box=crop))
    # Any pixel that holds some of the thing is filled, so that none of its colour runs in
    covered = shrink_mask(hole, to_wh)
    if is_plain(image, mask):
        filled = go_on(small, covered)
    else:
        filled = cv2.inpaint(small, covered.astype(np.uint8), FILL_RADIUS, cv2.INPAINT_TELEA)
    return paste(image, Image.fromarray(filled), crop, mask)
