"""Changes by computation: backgrounds, cut-outs, larger pictures, things moved or resized.

Where a gap is left, the inpainter fills it, and the result says what painted it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

from PIL import Image

from pipelines import effects
from pipelines.engine import Engine
from pipelines.errors import DemoError
from pipelines.inpainting.choosing import inpainter_for
from pipelines.inpainting.plainness import is_plain
from pipelines.inpainting.shadows import removal_hole_with_shadows
from pipelines.intake import Photo, over_white
from pipelines.interfaces import Painting, ReplyOptions
from pipelines.language.colours import COLOURS, colours_in
from pipelines.language.requests import Background, CutOut, Direction, Extend, Move, Obscure, Resize
from pipelines.line import Waiting
from pipelines.scene import Box, Click, Keypoint, Mask, Picture, Point, Record, Region, Scene
from pipelines.tasks.changing import outline_foreground, outline_targets
from pipelines.tasks.regions import need_picture, need_region
from pipelines.tasks.results import Alteration, Progress, Queued, Results, TaskResult

WHITE = (255, 255, 255)
STEPS: dict[Direction, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


def background(engine: Engine, scene: Scene, request: Background, options: ReplyOptions) -> Results:
    """Change what is behind what the request keeps, the things of the page, or all that SPHINX names."""
    if request.keep:
        targets = yield from outline_targets(engine, scene, request, options)
        if targets is None:
            return
        scene, ids = targets
    else:
        erases = request.effect not in ("blur", "grey")
        foreground = yield from outline_foreground(engine, scene, options, whole=erases)
        if foreground is None:
            return
        scene = foreground
        ids = tuple(region.id for region in scene.regions if region.mask)
    picture = need_picture(scene)
    image, keep = engine.image(picture), _masks(scene, ids)
    match request.effect:
        case "blur":
            changed = effects.blur_background(image, keep)
        case "grey":
            changed = effects.grey_background(image, keep)
        case "colour":
            named = colours_in(request.colour)
            changed = effects.plain_background(image, keep, COLOURS[named[-1]] if named else WHITE)
        case "cut out":
            changed = None
    new = engine.pictures.add(changed, like=picture) if changed else _alone(engine, picture, keep)
    yield _changed(engine, scene, new, Alteration(request.effect, request.colour), ids)


def show_alone(engine: Engine, scene: Scene, request: CutOut, options: ReplyOptions) -> Results:
    """Show the target alone."""
    targets = yield from outline_targets(engine, scene, request, options)
    if targets is None:
        return
    scene, ids = targets
    alone = _alone(engine, need_picture(scene), _masks(scene, ids))
    yield _changed(engine, scene, alone, Alteration(request), ids)


def obscure(engine: Engine, scene: Scene, request: Obscure, options: ReplyOptions) -> Results:
    """Blur or pixelate the target; it stays a region of the page."""
    targets = yield from outline_targets(engine, scene, request, options)
    if targets is None:
        return
    scene, ids = targets
    picture = need_picture(scene)
    changed = effects.obscure(engine.image(picture), _masks(scene, ids), request.how)
    yield _changed(engine, scene, engine.pictures.add(changed, like=picture), Alteration(request), ids)


def _alone(engine: Engine, picture: Picture, keep: Sequence[Mask]) -> Picture:
    """Return the picture with all but some masks transparent."""
    photo = engine.pictures.photo(picture)
    layer = effects.remove_background(photo.layer or photo.image, keep)
    return engine.pictures.open(Photo(over_white(layer), layer, photo.exif))


def extend(engine: Engine, scene: Scene, request: Extend, options: ReplyOptions) -> Results:
    """Paint more of the picture beyond its edges."""
    picture = need_picture(scene)
    left, top, right, bottom = _margins(request, picture.size_wh)
    canvas, hole = effects.extend(engine.image(picture), left=left, top=top, right=right, bottom=bottom)
    painting = yield from _fill(engine, scene, canvas, hole, options)
    assert painting.image
    new = engine.pictures.add(painting.image, like=picture)
    regions = tuple(_shifted(region, left, top) for region in scene.regions)
    outcome = Alteration(request, inpainter=painting.by)
    yield _changed(engine, replace(scene, regions=regions), new, outcome, (), options.seed)


def move(engine: Engine, scene: Scene, request: Move | Resize, options: ReplyOptions) -> Results:
    """Cut things out, fill their places, and paste them elsewhere or in another size."""
    targets = yield from outline_targets(engine, scene, request, options)
    if targets is None:
        return
    scene, ids = targets
    picture = need_picture(scene)
    image, masks = engine.image(picture), _masks(scene, ids)
    others = [region.mask for region in scene.regions if region.mask and region.id not in ids]
    hole = removal_hole_with_shadows(image, masks, others)
    painting = yield from _fill(engine, scene, image, hole, options, ids)
    assert painting.image
    canvas, by, scale = painting.image, (0, 0), 1.0
    if isinstance(request, Move):
        dx, dy = STEPS[request.direction]
        by = (round(dx * request.share * image.width), round(dy * request.share * image.height))
    else:
        scale = request.factor
    for number, mask in zip(ids, masks):
        below = canvas.copy()
        canvas, mask = effects.move_thing(image, mask, lambda *_, below=below: below, by=by, scale=scale)
        blank = replace(need_region(scene, number), clicks=(), candidates=(), keypoints=None, prompt_box=None)
        scene = scene.with_region(replace(blank, mask=mask, box=mask.box, source="edit", score=None))
    outcome = Alteration(request, inpainter=painting.by)
    yield _changed(engine, scene, engine.pictures.add(canvas, like=picture), outcome, ids, options.seed)


def _masks(scene: Scene, ids: Sequence[int]) -> list[Mask]:
    return [mask for number in ids if (mask := need_region(scene, number).mask)]


def _changed(
    engine: Engine, scene: Scene, picture: Picture, outcome: Alteration, ids: tuple[int, ...], seed: int = 0
) -> TaskResult:
    record = Record("edit", outcome.inpainter or "OpenCV", seed)
    return TaskResult(replace(scene, picture=picture), outcome, record, region_ids=ids)


def _fill(
    engine: Engine,
    scene: Scene,
    image: Image.Image,
    hole: Mask,
    options: ReplyOptions,
    ids: tuple[int, ...] = (),
) -> Generator[TaskResult, None, Painting]:
    """Have an inpainter continue what is around a hole; return the last painting, which has a picture."""
    drawn, plane = engine.is_drawn(need_picture(scene)), hole.array(image.size)
    plain = bool(ids) and is_plain(
        image, plane
    )  # beyond the picture's edges there may be more than is around
    inpainter = inpainter_for(engine.inpainter, "", photograph=not drawn, plain=plain)
    record, painting = Record("edit", inpainter.name), Painting(0, 0)
    shown = hole if image.size == need_picture(scene).size_wh else None  # not where the picture grows
    painted = inpainter.paint(image, plane, "", options=options.inpainter)
    with closing(engine.painting.take_turn(painted)) as steps:
        for step in steps:
            if isinstance(step, Waiting):
                yield TaskResult(scene, Queued("edit", *step), record, "preview", touched=ids)
                continue
            painting = step
            if painting.image is None:
                progress = Progress(painting.step, painting.steps)
                yield TaskResult(scene, progress, record, "preview", touched=ids, hole=shown)
    if painting.image is None:
        raise DemoError("The inpainter gave no picture: try again with another seed.")
    return replace(painting, by=painting.by or inpainter.name)


def _margins(request: Extend, size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """Pixels to add left, above, right and below: the share on the named side, or half of it on every one."""
    across, down = (max(2, round(side * request.share)) for side in size_wh)
    if request.direction == "all":
        return across // 2, down // 2, across // 2, down // 2
    dx, dy = STEPS[request.direction]
    return across * (dx < 0), down * (dy < 0), across * (dx > 0), down * (dy > 0)


def _shifted(region: Region, dx: int, dy: int) -> Region:
    """Return a region after the picture's origin went so many pixels to the left and up."""

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
