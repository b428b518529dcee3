"""Effects that need no model: backgrounds, cut-outs, a larger canvas, and things that move or change size.

Pure functions of pictures and masks. Pictures are upright RGB or RGBA; alpha is kept, and where a result has
soft edges it is blended by alpha. Only the part of the picture that changes is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from pipelines import mask_shapes as m
from pipelines.errors import DemoError
from pipelines.inpainting.holes import removal_hole
from pipelines.resampling import strips
from pipelines.scene import Box, Mask

EDGE = 0.0012  # of the picture's longer side: how soft the edge of a mask is, as the sigma of a blur
LEAST_EDGE, MOST_EDGE = 0.6, 4.0  # pixels
BLUR = 0.02  # of the picture's longer side: the sigma of a blurred background
OBSCURED = 0.12  # of a thing's longer side: the sigma of its blur, or the side of a block of its mosaic
BLUR_SIDE = 512  # pixels, longer side of the copy on which a background is blurred
MOST_PIXELS = 50_000_000  # of a picture that an effect makes
Fill = Callable[[Image.Image, Mask], Image.Image]  # a picture and a hole -> the picture with the hole filled


def soft_alpha(mask: Mask, size_wh: tuple[int, int]) -> tuple[np.ndarray, Box]:
    """Return a mask with a soft edge: uint8 (h, w), 0..255, and the box of the picture that it covers."""
    sigma = min(max(EDGE * max(size_wh), LEAST_EDGE), MOST_EDGE)
    x1, y1, x2, y2 = mask.box
    pad = int(np.ceil(3 * sigma))
    box = Box(x1 - pad, y1 - pad, x2 + pad, y2 + pad).within(size_wh)
    hard = np.where(m.window(mask, box), np.uint8(255), np.uint8(0))
    return cv2.GaussianBlur(hard, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), box


def blur_background(
    image: Image.Image, foreground: Sequence[Mask], sigma: float | None = None
) -> Image.Image:
    """Return the picture with everything but the foreground out of focus.

    None of the foreground's colours run into the background: the blur leaves the foreground's pixels out.

    Args: sigma: of the blur, in pixels of the picture; None suits its size.
    """
    sigma = BLUR * max(image.size) if sigma is None else sigma
    if not sigma > 0:
        raise DemoError(f"A blur is some pixels wide, not {sigma}: give a number above 0.")
    scale = min(1.0, BLUR_SIDE / max(image.size), 2.5 / sigma)
    to_wh = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = np.asarray(image.convert("RGB").resize(to_wh, Image.Resampling.BOX), np.float32)
    known = np.ones(to_wh[::-1], np.float32)
    if any(mask.bits for mask in foreground):
        covered = Image.fromarray(_union(foreground).array(image.size)).convert("L")
        known -= np.asarray(covered.resize(to_wh, Image.Resampling.BOX), np.float32) / 255
        known[known < 0.999] = 0.0  # a pixel with some of the foreground in it is left out whole
    weight = cv2.GaussianBlur(known, (0, 0), sigma * scale)[..., None]
    blurred = cv2.GaussianBlur(small * known[..., None], (0, 0), sigma * scale) / np.maximum(weight, 1e-6)
    # Far inside the foreground nothing is known, and nothing of it will be seen
    blurred = np.where(weight > 1e-4, blurred, small)
    background = Image.fromarray(np.rint(blurred).clip(0, 255).astype(np.uint8)).resize(
        image.size, Image.Resampling.BICUBIC
    )
    return _behind(image, foreground, background)


def grey_background(image: Image.Image, foreground: Sequence[Mask]) -> Image.Image:
    """Return the picture with everything but the foreground in shades of grey."""
    return _behind(image, foreground, image.convert("L").convert("RGB"))


def obscure(image: Image.Image, things: Sequence[Mask], how: Literal["blur", "pixelate"]) -> Image.Image:
    """Return the picture with things made unrecognisable: out of focus, or in blocks of one colour each.

    Nothing outside their masks and the soft edges of these changes; alpha is kept.
    """
    result = image.copy()
    for mask in things:
        if not mask.bits:
            continue
        alpha, box = soft_alpha(mask, image.size)
        crop = image.crop(box).convert("RGB")
        size = max(1.0, OBSCURED * max(crop.size))
        small_wh = (max(1, round(crop.width / size)), max(1, round(crop.height / size)))
        small = crop.resize(small_wh, Image.Resampling.BOX)
        kernel = Image.Resampling.NEAREST if how == "pixelate" else Image.Resampling.BICUBIC
        layer = small.resize(crop.size, kernel).convert(image.mode)
        if image.mode == "RGBA":
            layer.putalpha(image.crop(box).getchannel("A"))
        result.paste(layer, box[:2], Image.fromarray(alpha))
    return result


def plain_background(
    image: Image.Image, foreground: Sequence[Mask], color: tuple[int, int, int]
) -> Image.Image:
    """Return the foreground before a plain colour (RGB, 0..255)."""
    return _behind(image, foreground, Image.new("RGB", image.size, color))


def remove_background(image: Image.Image, foreground: Sequence[Mask]) -> Image.Image:
    """Return the foreground on nothing: RGBA of the picture's size."""
    mask = _union(foreground)
    _need(mask)
    alpha = Image.new("L", image.size)
    soft, box = soft_alpha(mask, image.size)
    alpha.paste(Image.fromarray(soft), box[:2])
    result = _clean_edges(image, mask, box)
    result.putalpha(_times(alpha, image))
    return result


def cut_out(image: Image.Image, mask: Mask) -> Image.Image:
    """Return one thing on nothing: RGBA of the size of its soft mask's box."""
    _need(mask)
    _, box = soft_alpha(mask, image.size)
    return remove_background(image, [mask]).crop(box)


def extend(
    image: Image.Image, *, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0
) -> tuple[Image.Image, Mask]:
    """Return a larger canvas with the picture on it, and the hole around it for an inpainter.

    The new pixels repeat the picture's edge, so that an inpainter starts from fitting colours. Masks of the
    picture move by (left, top), see `moved`.

    Args: left, top, right, bottom: pixels to add.
    Raises: DemoError: nothing is added, or too much.
    """
    added = (left, top, right, bottom)
    if min(added) < 0 or not any(added):
        raise DemoError("To extend the picture, say by how many pixels and on which side.")
    size_wh = (image.width + left + right, image.height + top + bottom)
    if size_wh[0] * size_wh[1] > MOST_PIXELS:
        raise DemoError(
            f"The picture would have {size_wh[0]} x {size_wh[1]} pixels; at most {MOST_PIXELS // 10**6} "
            "million are possible: add less, or scale it down first."
        )
    canvas = Image.new(image.mode, size_wh)
    canvas.paste(image, (left, top))
    x2, y2 = left + image.width, top + image.height
    nearest = Image.Resampling.NEAREST  # others round the colours of what is see-through
    # The edge columns first, then the edge rows of what is then as wide as the canvas
    for width, from_x, to_x in ((left, left, 0), (right, x2 - 1, x2)):
        if width:
            column = canvas.crop((from_x, top, from_x + 1, y2)).resize((width, image.height), nearest)
            canvas.paste(column, (to_x, top))
    for height, from_y, to_y in ((top, top, 0), (bottom, y2 - 1, y2)):
        if height:
            row = canvas.crop((0, from_y, size_wh[0], from_y + 1)).resize((size_wh[0], height), nearest)
            canvas.paste(row, (0, to_y))
    inner = np.ones((size_wh[1], size_wh[0]), bool)
    inner[top:y2, left:x2] = False
    return canvas, Mask.from_array(inner)


def moved(mask: Mask, dx: int, dy: int, size_wh: tuple[int, int]) -> Mask:
    """Return a mask moved to the right and down, cut at the edges of a picture of `size_wh`."""
    x1, y1, x2, y2 = mask.box
    place = Box(x1 + dx, y1 + dy, x2 + dx, y2 + dy)
    inside = place.within(size_wh)
    if not inside.area or inside.x2 <= inside.x1 or inside.y2 <= inside.y1:
        return m.EMPTY
    shifted = Mask(place, mask.bits)
    return Mask.from_crop(m.window(shifted, inside), inside)


def move_thing(
    image: Image.Image, mask: Mask, fill: Fill, *, by: tuple[int, int] = (0, 0), scale: float = 1.0
) -> tuple[Image.Image, Mask]:
    """Return the picture with a thing moved or of another size, and its new mask.

    The thing is cut out with a soft edge, the place where it was is filled, and the thing is put back. It
    grows and shrinks about the middle of its box.

    Args:
        mask: of the thing.
        fill: fills the hole that it leaves.
        by: pixels to the right and down.
        scale: of its sides.
    Raises: DemoError: nothing of it would be left in the picture, or it would be too large.
    """
    _need(mask)
    if not 0.02 <= scale <= 50:
        raise DemoError(f"A thing can become 0.02 to 50 times as large, not {scale:g}.")
    _, box = soft_alpha(mask, image.size)
    size_wh = (max(1, round((box.x2 - box.x1) * scale)), max(1, round((box.y2 - box.y1) * scale)))
    if size_wh[0] * size_wh[1] > MOST_PIXELS:
        raise DemoError("The thing would become too large: choose a smaller size.")
    x = round((box.x1 + box.x2) / 2 + by[0] - size_wh[0] / 2)
    y = round((box.y1 + box.y2) / 2 + by[1] - size_wh[1] / 2)
    hard = Image.fromarray(m.window(mask, box)).convert("L").resize(size_wh, Image.Resampling.BILINEAR)
    placed = Mask.from_crop(np.asarray(hard) > 127, Box(x, y, x + size_wh[0], y + size_wh[1]))
    new_mask = moved(placed, 0, 0, image.size)
    if not new_mask.bits:
        raise DemoError("The thing would leave the picture: move it less far.")
    layer = _resize_premultiplied(cut_out(image, mask), size_wh)
    result = fill(image, removal_hole([mask], image.size))
    if result.mode == "RGBA":
        result.alpha_composite(layer.crop(_visible(x, y, size_wh, image.size)), (max(0, x), max(0, y)))
    else:
        result.paste(layer, (x, y), layer.getchannel("A"))
    return result, new_mask


def _visible(x: int, y: int, size_wh: tuple[int, int], picture_wh: tuple[int, int]) -> Box:
    """Return the part of a layer at (x, y) that lies in a picture, in the layer's own pixels."""
    right, bottom = min(size_wh[0], picture_wh[0] - x), min(size_wh[1], picture_wh[1] - y)
    return Box(max(0, -x), max(0, -y), right, bottom)


def _resize_premultiplied(layer: Image.Image, size_wh: tuple[int, int]) -> Image.Image:
    """Return an RGBA layer resized with its colours weighted by alpha, so that none runs in from outside."""
    if layer.size == size_wh:
        return layer
    return layer.convert("RGBa").resize(size_wh, Image.Resampling.LANCZOS).convert("RGBA")


def _need(mask: Mask) -> None:
    if not mask.bits:
        raise DemoError("Nothing is segmented to cut out: click or segment something first.")


def _union(masks: Sequence[Mask]) -> Mask:
    return masks[0] if len(masks) == 1 else m.union(masks)


def _times(alpha: Image.Image, image: Image.Image) -> Image.Image:
    """Return an alpha channel times that of the picture, where it has one."""
    if image.mode != "RGBA":
        return alpha
    own = np.asarray(image.getchannel("A"), np.uint16)
    return Image.fromarray(((np.asarray(alpha, np.uint16) * own + 127) // 255).astype(np.uint8))


def _behind(image: Image.Image, foreground: Sequence[Mask], background: Image.Image) -> Image.Image:
    """Return the foreground before another background of the same size, with the picture's alpha.

    At the soft edge, the foreground's own colours are continued outwards, so that no rim of the old
    background is seen.
    """
    result, mask = background.convert("RGB"), _union(foreground)
    if mask.bits:
        alpha, box = soft_alpha(mask, image.size)
        layer = _clean_edges(image, mask, box).crop(box)
        result.paste(layer, box[:2], Image.fromarray(alpha))
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result


def _clean_edges(image: Image.Image, mask: Mask, box: Box) -> Image.Image:
    """Return the picture as RGB, the colours just inside a mask continued over its soft edge."""
    result = image.convert("RGB") if image.mode != "RGB" else image.copy()
    reach = int(np.ceil(3 * min(max(EDGE * max(image.size), LEAST_EDGE), MOST_EDGE)))
    sure = m.grow(mask, -max(1, reach // 3), image.size)
    if not sure.bits:
        return result
    for rows in strips((box.x2 - box.x1, box.y2 - box.y1)):
        top, bottom = box.y1 + rows.start, box.y1 + rows.stop
        seen = Box(box.x1, top - 2 * reach, box.x2, bottom + 2 * reach).within(image.size)
        inside = m.window(sure, seen)
        near = cv2.dilate(inside.astype(np.uint8), np.ones((2 * reach + 3,) * 2, np.uint8)).astype(bool)
        edge = near & ~inside
        if not edge.any():
            continue
        pixels = np.array(result.crop(seen))
        known = inside.astype(np.float32)
        weight = cv2.GaussianBlur(known, (0, 0), reach / 1.5)
        total = cv2.GaussianBlur(pixels * known[..., None], (0, 0), reach / 1.5)
        pixels[edge] = np.rint(total[edge] / np.maximum(weight[edge], 1e-6)[:, None]).clip(0, 255)
        y = top - seen.y1
        result.paste(Image.fromarray(pixels[y : y + bottom - top]), (box.x1, top))
    return result
