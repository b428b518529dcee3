"""A scene as one picture: masks, boxes, skeletons and numbers drawn on it, for files.

The page draws with SVG; this is for the shell and the README. It knows pixels and regions only.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.scene import COCO_JOINTS, Region, Scene

TINT = 0.45  # how much of a mask's pixels is its colour
PALETTE = (
    "#8d367f", "#ec354b", "#4e43d8", "#39c680", "#f6aa06",
    "#bc51ff", "#24fcff", "#ff7dc5", "#f2fb5e", "#9c4410",
)  # fmt: skip  # told apart also without red or green; region 10 has the first, and 11 that of 1
LABELS = (
    "#8d367f", "#ba2a3b", "#4e43d8", "#206f48", "#825a03",
    "#8b3cbd", "#0f6c6e", "#944872", "#636727", "#9c4410",
)  # fmt: skip  # the same, as dark as white words need
LINE = 1 / 320  # of the longer side; widths of lines
TEXT = 1 / 36  # of the longer side; height of labels
LEAST_TEXT = 11  # pixels

BONES = (
    ("left ankle", "left knee"), ("left knee", "left hip"), ("right ankle", "right knee"),
    ("right knee", "right hip"), ("left hip", "right hip"), ("left shoulder", "left hip"),
    ("right shoulder", "right hip"), ("left shoulder", "right shoulder"), ("left shoulder", "left elbow"),
    ("right shoulder", "right elbow"), ("left elbow", "left wrist"), ("right elbow", "right wrist"),
    ("left eye", "right eye"), ("nose", "left eye"), ("nose", "right eye"), ("left eye", "left ear"),
    ("right eye", "right ear"), ("left ear", "left shoulder"), ("right ear", "right shoulder"),
)  # fmt: skip  # COCO's skeleton


def colour(region_id: int) -> tuple[int, int, int]:
    """Return the RGB of a region: always the same for the same number, here and on the page."""
    return _rgb(PALETTE[region_id % len(PALETTE)])


def _rgb(written: str) -> tuple[int, int, int]:
    r, g, b = bytes.fromhex(written.removeprefix("#"))
    return r, g, b


def draw(image: Image.Image, scene: Scene) -> Image.Image:
    """Return a copy of the picture with the scene's regions on it."""
    pixels = np.asarray(image).copy()
    for region in scene.regions:
        if region.mask and region.mask.bits:
            x1, y1, x2, y2 = region.mask.box
            window, inside = pixels[y1:y2, x1:x2], region.mask.crop
            window[inside] = (window[inside] * (1 - TINT) + np.array(colour(region.id)) * TINT).astype(
                np.uint8
            )
    drawn = Image.fromarray(pixels)
    pen = ImageDraw.Draw(drawn)
    side = max(image.size)
    width = max(1, round(side * LINE))
    font = ImageFont.load_default(size=max(LEAST_TEXT, round(side * TEXT)))
    for region in scene.regions:
        _draw_region(pen, region, width)
    for region in scene.regions:
        _draw_label(pen, region, font, image.size)
    return drawn


def _draw_region(pen: ImageDraw.ImageDraw, region: Region, width: int) -> None:
    x1, y1, x2, y2 = region.box
    pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour(region.id), width=width)
    joints = {joint.name: joint.point for joint in region.keypoints or () if joint.visible}
    for one, other in BONES:
        if one in joints and other in joints:
            pen.line((*joints[one], *joints[other]), fill=colour(region.id), width=width * 2)
    for name in COCO_JOINTS:
        if name in joints:
            (x, y), r = joints[name], width * 2
            pen.ellipse((x - r, y - r, x + r, y + r), fill="white", outline=colour(region.id), width=width)


def _draw_label(
    pen: ImageDraw.ImageDraw,
    region: Region,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    size_wh: tuple[int, int],
) -> None:
    text = f"#{region.id} {region.label}".strip()
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    w, h = right - left + 6, bottom - top + 6
    x = min(max(0, region.box.x1), max(0, size_wh[0] - w))
    y = region.box.y1 - h if region.box.y1 >= h else min(region.box.y1, max(0, size_wh[1] - h))
    pen.rectangle((x, y, x + w, y + h), fill=_rgb(LABELS[region.id % len(LABELS)]))
    pen.text((x + 3 - left, y + 3 - top), text, fill="white", font=font)
