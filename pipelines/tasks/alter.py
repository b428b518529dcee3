"""Changes by computation: backgrounds, cut-outs, larger pictures, things moved or resized.

Where a gap is left, the inpainter fills it, and the result says what painted it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
from PIL import Image

from pipelines.effects import (
    WHITE,
    Margins,
    blur_background,
    cut_out,
    extend_canvas,
    fill_background,
    grey_background,
    paste_moved,
)
from pipelines.engine import Engine
from pipelines.errors import DemoError
from pipelines.intake import MAX_PIXELS, Photo, over_white
from pipelines.interfaces import Painting, ReplyOptions
from pipelines.language.colours import COLOURS, colours_in
from pipelines.language.requests import Background, CutOut, Direction, Extend, Move, Resize
from pipelines.scene import Box, Click, Keypoint, Mask, Picture, Point, Record, Region, Scene
from pipelines.tasks.changing import outline_foreground, outline_targets
from pipelines.tasks.masks import grown
from pipelines.tasks.regions import need_picture, need_region
from pipelines.tasks.results import Alteration, Progress, Results, TaskResult

MARGIN = 0.014  # of the picture's longer side: by so much the hole of what was moved is larger than it
LEAST_MARGIN = 3  # pixels
STEPS: dict[Direction, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


def background(engine: Engine, scene: Scene, request: Background, options: ReplyOptions) -> Results:
    """Change what is behind the things of the page, or behind all that SPHINX names."""
    scene = yield from outline_foreground(engine, scene, options)
    picture = need_picture(scene)
    ids = tuple(region.id for region in scene.regions if region.mask)
    image, keep, outcome = (
        engine.image(picture),
        _plane(scene, ids),
        Alteration(request.effect, request.colour),
    )
    match request.effect:
        case "blur":
            changed = blur_background(image, keep)
        case "grey":
            changed = grey_background(image, keep)
        case "cut out":
            yield _changed(engine, scene, _alone(engine, picture, keep), outcome, ids)
            return
        case "colour":
            named = colours_in(request.colour)
            changed = fill_background(image, keep, COLOURS[named[-1]] if named else WHITE)
    yield _changed(engine, scene, engine.pictures.add(changed, like=picture), outcome, ids)


def show_alone(engine: Engine, scene: Scene, request: CutOut, options: ReplyOptions) -> Results:
    """Show the target alone."""
    targets = yield from outline_targets(engine, scene, request, options)
    if targets is None:
        return
    scene, ids = targets
    alone = _alone(engine, need_picture(scene), _plane(scene, ids))
    yield _changed(engine, scene, alone, Alteration(request), ids)


def _alone(engine: Engine, picture: Picture, keep: np.ndarray) -> Picture:
    """The picture with all but a plane transparent."""
    photo = engine.pictures.photo(picture)
    layer = cut_out(photo.layer or photo.image, keep)
    return engine.pictures.open(Photo(over_white(layer), layer, photo.exif))


def extend(engine: Engine, scene: Scene, request: Extend, options: ReplyOptions) -> Results:
    """Paint more of the picture beyond its edges."""
    picture = need_picture(scene)
    margins = _margins(request, picture.size_wh)
    larger, added = extend_canvas(engine.image(picture), margins)
    if larger.width * larger.height > MAX_PIXELS:
        raise DemoError("The picture would be too large: extend it by less.")
    painting = yield from _fill(engine, scene, larger, added, options)
    assert painting.image
    new = engine.pictures.add(painting.image, like=picture)
    regions = tuple(_shifted(region, margins.left, margins.top) for region in scene.regions)
    outcome = Alteration(request, inpainter=painting.by or engine.inpainter.name)
    yield _changed(engine, replace(scene, regions=regions), new, outcome, (), options.seed)


def move(engine: Engine, scene: Scene, request: Move | Resize, options: ReplyOptions) -> Results:
    """Cut things out, fill their places, and paste them elsewhere or in another size."""
    targets = yield from outline_targets(engine, scene, request, options)
    if targets is None:
        return
    scene, ids = targets
    picture = need_picture(scene)
    image, plane = engine.image(picture), _plane(scene, ids)
    hole = grown(plane, max(LEAST_MARGIN, round(MARGIN * max(picture.size_wh))))
    painting = yield from _fill(engine, scene, image, hole, options, ids)
    assert painting.image
    canvas = painting.image
    for number in ids:
        region = need_region(scene, number)
        assert region.mask
        matrix = _matrix(request, region, picture.size_wh)
        canvas, there = paste_moved(canvas, image, region.mask.array(picture.size_wh), matrix)
        mask = Mask.from_array(there)
        if not mask.bits:
            raise DemoError(f"#{number} would be outside of the picture: move it by less.")
        blank = replace(region, clicks=(), candidates=(), keypoints=None, prompt_box=None, score=None)
        scene = scene.with_region(replace(blank, mask=mask, box=mask.box, source="edit"))
    outcome = Alteration(request, inpainter=painting.by or engine.inpainter.name)
    yield _changed(engine, scene, engine.pictures.add(canvas, like=picture), outcome, ids, options.seed)


def _plane(scene: Scene, ids: Sequence[int]) -> np.ndarray:
    """The union of regions' masks: bool (H, W)."""
    size_wh = need_picture(scene).size_wh
    masks = [mask for number in ids if (mask := need_region(scene, number).mask)]
    return np.logical_or.reduce([mask.array(size_wh) for mask in masks])


def _changed(
    engine: Engine, scene: Scene, picture: Picture, outcome: Alteration, ids: tuple[int, ...], seed: int = 0
) -> TaskResult:
    record = Record("edit", outcome.inpainter or "OpenCV", seed)
    return TaskResult(replace(scene, picture=picture), outcome, record, region_ids=ids)


def _fill(
    engine: Engine,
    scene: Scene,
    image: Image.Image,
    plane: np.ndarray,
    options: ReplyOptions,
    ids: tuple[int, ...] = (),
) -> Generator[TaskResult, None, Painting]:
    """Have the inpainter continue what is around a plane; the last painting, with its picture."""
    record, painting = Record("edit", engine.inpainter.name), Painting(0, 0)
    with closing(engine.inpainter.paint(image, plane, "", options=options.inpainter)) as steps:
        for painting in steps:
            if painting.image is None:
                progress = Progress(painting.step, painting.steps)
                yield TaskResult(scene, progress, record, "preview", touched=ids)
    if painting.image is None:
        raise DemoError("The inpainter gave no picture: try again with another seed.")
    return painting


def _margins(request: Extend, size_wh: tuple[int, int]) -> Margins:
    """The pixels to add: the share on the side that was named, or half of it on every side."""
    across, down = (max(1, round(side * request.share)) for side in size_wh)
    match request.direction:
        case "left":
            return Margins(left=across)
        case "right":
            return Margins(right=across)
        case "up":
            return Margins(top=down)
        case "down":
            return Margins(bottom=down)
        case "all":
            return Margins(across // 2 or 1, down // 2 or 1, across // 2 or 1, down // 2 or 1)


def _matrix(request: Move | Resize, region: Region, size_wh: tuple[int, int]) -> np.ndarray:
    """Where a thing's pixels go: shifted, or scaled about the middle of its foot."""
    if isinstance(request, Move):
        dx, dy = STEPS[request.direction]
        by = (dx * request.share * size_wh[0], dy * request.share * size_wh[1])
        return np.array([[1, 0, round(by[0])], [0, 1, round(by[1])]], np.float32)
    x, y, factor = (region.box.x1 + region.box.x2) / 2, region.box.y2, request.factor
    return np.array([[factor, 0, x - factor * x], [0, factor, y - factor * y]], np.float32)


def _shifted(region: Region, dx: int, dy: int) -> Region:
    """A region after the picture's origin went so many pixels to the left and up."""

    def box(old: Box) -> Box:
        return Box(old.x1 + dx, old.y1 + dy, old.x2 + dx, old.y2 + dy)

    def point(old: Point) -> Point:
        return Point(old.x + dx, old.y + dy)

    def mask(old: Mask) -> Mask:
        return Mask(box(old.box), old.bits)

    joints = region.keypoints and tuple(
        Keypoint(joint.name, point(joint.point) if joint.visible else joint.point, joint.visible)
        for joint in region.keypoints
    )
    return replace(
        region,
        box=box(region.box),
        mask=region.mask and mask(region.mask),
        keypoints=joints,
        clicks=tuple(Click(point(click.point), click.positive) for click in region.clicks),
        prompt_box=region.prompt_box and box(region.prompt_box),
        candidates=tuple((mask(old), score) for old, score in region.candidates),
    )
