"""Pictures for teaching a segmenter, made by program: collages, and the illustrated world.

A collage is a background, clutter nobody asks for, and things of one or several parts that hide one another,
under light, blur, noise and JPEG; its textures are 1/f noise and dead leaves (shapes over shapes, sizes by a
power law), which share their statistics with photographs. This module knows pictures and masks; it knows no
network and no prompts (see `sam`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from model.training import world as illustrated

SIDE = 256  # pixels, of a training picture
MOST_THINGS = 9  # in one collage
FIELDS = 40  # 1/f noise planes kept for cutting textures from
LEAVES = 16  # dead-leaves textures kept for the same
BANK_SIDE = 512  # pixels, of a kept texture
SMALLEST = 60  # pixels; smaller visible pieces are not worth a question
SHARD = 250  # pictures in one file
THINGLESS = ("document", "chart", "screen")  # kinds of the illustrated world without things to outline


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture and what can be pointed at in it.

    image uint8 (H, W, 3) RGB; parts uint8 (H, W): 0 is background, k the k-th part;
    owner uint8 (256,): the thing a part belongs to (1..), 0 for background.
    """

    image: np.ndarray
    parts: np.ndarray
    owner: np.ndarray

    @property
    def things(self) -> np.ndarray:
        """The plane of thing numbers, uint8 (H, W), 0 for background."""
        return self.owner[self.parts]


@lru_cache(maxsize=1)
def _bank() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Noise planes float32 in 0..1 and dead-leaves textures uint8 RGB, BANK_SIDE square, always the same."""
    rng = np.random.default_rng(7)
    n = BANK_SIDE
    fy, fx = np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :]
    fields = []
    for _ in range(FIELDS):
        stretch = 2 ** rng.uniform(-2, 2) if rng.random() < 0.4 else 1.0
        radius = np.sqrt((fy * stretch) ** 2 + (fx / stretch) ** 2)
        radius[0, 0] = 1
        spectrum = radius ** -rng.uniform(0.6, 1.8) * np.exp(2j * np.pi * rng.random(radius.shape))
        plane = np.fft.irfft2(spectrum, s=(n, n))
        low, high = np.percentile(plane, (1, 99))
        fields.append(np.clip((plane - low) / (high - low), 0, 1).astype(np.float32))
    leaves = []
    for _ in range(LEAVES):
        picture = np.empty((n, n, 3), np.uint8)
        palette = _palette(rng, 6)
        picture[:] = palette[0]
        smallest, largest = rng.uniform(2, 6), rng.uniform(12, 60)
        for _ in range(int(rng.uniform(500, 1500))):
            u = rng.random()  # radii by the power law r^-3, between smallest and largest
            radius = 1 / math.sqrt((1 - u) / smallest**2 + u / largest**2)
            points = _place(_shape(rng), rng.uniform(0, n, 2), (radius, radius * rng.uniform(0.3, 1)), rng)
            colour = np.clip(palette[rng.integers(len(palette))] + rng.normal(0, 18, 3), 0, 255)
            cv2.fillPoly(picture, [_fixed(points)], colour.tolist(), cv2.LINE_AA, 3)
        leaves.append(picture)
    return fields, leaves


def _palette(rng: np.random.Generator, n: int) -> np.ndarray:
    """n colours float (n, 3): all random, or neighbours of one another as in nature."""
    if rng.random() < 0.45:
        colours = rng.uniform(0, 255, (n, 3))
    else:
        base = rng.uniform(20, 235, 3)
        colours = base + rng.normal(0, rng.uniform(12, 60), (n, 3)) + rng.normal(0, 30, (n, 1))
    grey = colours.mean(1, keepdims=True)
    return np.clip(grey + (colours - grey) * rng.uniform(0.1, 1.1), 0, 255)


def _shape(rng: np.random.Generator) -> np.ndarray:
    """Return an outline in -1..1, float (N, 2)."""
    kind = rng.integers(6)
    if kind == 0:  # ellipse to rounded box
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        power = rng.choice([1.0, 1.0, 0.6, 0.3])
        return np.stack(
            [
                np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power,
                np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power,
            ],
            1,
        )
    if kind == 1:  # polygon
        n = int(rng.integers(3, 9))
        t = np.sort(rng.uniform(0, 2 * np.pi, n)) if rng.random() < 0.5 else np.arange(n) * 2 * np.pi / n
        return np.stack([np.cos(t), np.sin(t)], 1)
    if kind == 2:  # star
        n = int(rng.integers(4, 9))
        t = np.arange(2 * n) * np.pi / n
        r = np.where(np.arange(2 * n) % 2, rng.uniform(0.35, 0.75), 1)
        return np.stack([r * np.cos(t), r * np.sin(t)], 1)
    if kind == 3:  # trapezium
        top = rng.uniform(0.2, 1)
        return np.array([[-1, 1], [1, 1], [top, -1], [-top, -1]])
    t = np.linspace(0, 2 * np.pi, 56, endpoint=False)  # a blob, smooth or ragged
    roughness = rng.uniform(0.5, 2.0)
    r = np.ones_like(t)
    for k in range(1, 9 if kind == 4 else 16):
        r += rng.normal(0, 0.35) / k**roughness * np.cos(k * t + rng.uniform(0, 2 * np.pi))
    r = np.clip(r, 0.25, 1.8)
    return np.stack([r * np.cos(t), r * np.sin(t)], 1) / r.max()


def _limb(rng: np.random.Generator) -> np.ndarray:
    """Return a bent stroke of changing width as an outline, float (N, 2), about -1..1."""
    knots = np.cumsum(rng.normal(0, 0.6, (4, 2)) + rng.normal(0, 0.8, 2), 0)
    t = np.linspace(0, 3, 18)
    spine = np.stack([np.interp(t, range(4), knots[:, i]) for i in (0, 1)], 1)
    spine = cv2.GaussianBlur(spine.astype(np.float32), (1, 5), 1.2, borderType=cv2.BORDER_REPLICATE)
    spine -= spine.mean(0)
    spine /= np.abs(spine).max() + 1e-6
    along = np.gradient(spine, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-6)
    width = np.interp(t, (0, 1.5, 3), rng.uniform(0.06, 0.3, 3))[:, None]
    return np.concatenate([spine + across * width, (spine - across * width)[::-1]])


def _place(
    points: np.ndarray,
    centre: np.ndarray,
    radii: tuple[float, float],
    rng: np.random.Generator,
    upright: bool = False,
) -> np.ndarray:
    angle = rng.normal(0, 0.12) if upright else rng.uniform(0, 2 * np.pi)
    c, s = math.cos(angle), math.sin(angle)
    return (points * radii) @ np.array([[c, s], [-s, c]]) + centre


def _fixed(points: np.ndarray) -> np.ndarray:
    """Return points as cv2 wants them with shift=3."""
    return np.round(points * 8).astype(np.int32)


def _texture(rng: np.random.Generator, h: int, w: int, flat: float) -> np.ndarray:
    """Return a surface, float32 (h, w, 3) in 0..255; with probability `flat` of one colour."""
    draw = rng.random()
    colours = _palette(rng, 4).astype(np.float32)
    if draw < flat:
        return np.broadcast_to(colours[0], (h, w, 3)).copy()
    kind = rng.choice(8, p=(0.15, 0.2, 0.17, 0.1, 0.08, 0.08, 0.16, 0.06))
    if kind == 0:  # gradient
        angle = rng.uniform(0, 2 * np.pi)
        ramp = np.cos(angle) * np.linspace(-1, 1, w)[None] + np.sin(angle) * np.linspace(-1, 1, h)[:, None]
        ramp = ((ramp / 1.42 + 1) / 2).astype(np.float32)[..., None]
        return colours[0] * ramp + colours[1] * (1 - ramp)
    if kind == 1:  # two colours mixed by noise, softly or not
        mix = _field(rng, h, w)
        if rng.random() < 0.4:
            mix = np.clip((mix - rng.uniform(0.3, 0.7)) * rng.uniform(2, 12) + 0.5, 0, 1)
        return colours[0] * mix[..., None] + colours[1] * (1 - mix[..., None])
    if kind == 2:  # a colour ramp through noise
        mix = _field(rng, h, w) * 3
        low = np.minimum(mix.astype(int), 2)
        part = (mix - low)[..., None]
        return (colours[low] * (1 - part) + colours[low + 1] * part).astype(np.float32)
    if kind in (3, 4, 5):
        return np.where(_figured(rng, h, w, kind)[..., None], colours[0], colours[1])
    if kind == 6:
        return _dead_leaves(rng, h, w, colours[0])
    grain = rng.normal(0, rng.uniform(8, 40), (h, w, 1)).astype(np.float32)  # speckle
    return np.clip(colours[0] + grain, 0, 255)


def _field(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Smooth noise, float32 (h, w) in 0..1."""
    field = _bank()[0][rng.integers(FIELDS)]
    zoom = 2 ** rng.uniform(-1.0, 1.5)
    ch, cw = min(BANK_SIDE, max(2, int(h / zoom))), min(BANK_SIDE, max(2, int(w / zoom)))
    y, x = rng.integers(BANK_SIDE - ch + 1), rng.integers(BANK_SIDE - cw + 1)
    crop = field[y : y + ch, x : x + cw]
    return cv2.resize(crop.T if rng.random() < 0.5 else crop, (w, h), interpolation=cv2.INTER_LINEAR)


def _figured(rng: np.random.Generator, h: int, w: int, kind: int) -> np.ndarray:
    """Stripes (3), checks (4) or dots (5), straight or warped: bool (h, w)."""
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 40)
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    u = (np.cos(angle) * x + np.sin(angle) * y) / period
    v = (-np.sin(angle) * x + np.cos(angle) * y) / period
    if rng.random() < 0.5:
        u = u + _field(rng, h, w) * rng.uniform(0.3, 2)
    if kind == 3:
        return (u % 1) < rng.uniform(0.2, 0.8)
    if kind == 4:
        return ((u % 2) < 1) ^ ((v % 2) < 1)
    return ((u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2) < rng.uniform(0.03, 0.16)


def _dead_leaves(rng: np.random.Generator, h: int, w: int, colour: np.ndarray) -> np.ndarray:
    """Discs that lie over one another, around a colour or their own mean: float32 (h, w, 3)."""
    leaf = _bank()[1][rng.integers(LEAVES)]
    zoom = 2 ** rng.uniform(-0.7, 1.2)
    ch, cw = min(BANK_SIDE, max(2, int(h / zoom))), min(BANK_SIDE, max(2, int(w / zoom)))
    y, x = rng.integers(BANK_SIDE - ch + 1), rng.integers(BANK_SIDE - cw + 1)
    crop = cv2.resize(leaf[y : y + ch, x : x + cw], (w, h), interpolation=cv2.INTER_AREA).astype(np.float32)
    turned = crop[..., rng.permutation(3)]
    mean = turned.mean((0, 1))
    contrast = rng.uniform(0.3, 1.1)
    return np.clip((turned - mean) * contrast + (mean if rng.random() < 0.4 else colour), 0, 255)


class _Canvas:
    """The picture being painted: float32 colours and the plane of parts."""

    def __init__(self, rng: np.random.Generator, flat: float) -> None:
        self.rng, self.flat = rng, flat
        self.colour = _texture(rng, SIDE, SIDE, flat * 0.6)
        self.parts = np.zeros((SIDE, SIDE), np.uint8)
        self.owner = np.zeros(256, np.uint8)
        self.next_part = 1
        if rng.random() < 0.5:  # ground under sky, or a wall over a floor
            y = int(rng.uniform(0.3, 0.85) * SIDE)
            self.colour[y:] = _texture(rng, SIDE - y, SIDE, flat * 0.6)

    def alpha(self, outlines: list[np.ndarray]) -> np.ndarray:
        plane = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(plane, [_fixed(outline) for outline in outlines], (255,), cv2.LINE_AA, 3)
        return plane

    def paint(
        self,
        plane: np.ndarray,
        surface: np.ndarray | None,
        *,
        thing: int | None,
        softness: float,
        shading: float,
    ) -> None:
        """Lay a surface where `plane` (alpha, 0..255) is; thing None is clutter, 0 a detail."""
        x, y, w, h = cv2.boundingRect(plane)
        if w == 0:
            return
        cut = (slice(y, y + h), slice(x, x + w))
        rng = self.rng
        laid = _texture(rng, h, w, self.flat) if surface is None else surface
        alpha = plane[cut].astype(np.float32)[..., None] / 255
        if shading > 0 and min(h, w) > 6:
            if rng.random() < 0.5:
                angle = rng.uniform(0, 2 * np.pi)
                ramp = (
                    np.cos(angle) * np.linspace(-1, 1, w)[None]
                    + np.sin(angle) * np.linspace(-1, 1, h)[:, None]
                )
                light = 1 + shading * ramp
            else:  # as if bulging: light falls on the height given by the distance to the edge
                depth = cv2.distanceTransform((plane[cut] > 127).astype(np.uint8), cv2.DIST_L2, 3)
                height = cv2.GaussianBlur(np.sqrt(depth + 0.1), (0, 0), 1.5)
                gy, gx = np.gradient(height)
                angle = rng.uniform(0, 2 * np.pi)
                light = 1 + 1.6 * shading * np.tanh(2 * (np.cos(angle) * gx + np.sin(angle) * gy))
            laid = laid * light[..., None].astype(np.float32)
        if softness > 0.2:
            alpha = cv2.GaussianBlur(alpha, (0, 0), softness)[..., None]
        self.colour[cut] = self.colour[cut] * (1 - alpha) + np.clip(laid, 0, 255) * alpha
        if thing is None:
            self.parts[cut][plane[cut] > 127] = 0
        elif thing > 0:
            if self.next_part > 250:
                return
            self.parts[cut][plane[cut] > 127] = self.next_part
            self.owner[self.next_part] = thing
            self.next_part += 1

    def shadow(self, plane: np.ndarray, radius: float) -> None:
        """Darken what lies under and beside a thing about to be painted."""
        rng = self.rng
        shift = np.array(
            [[1, 0, rng.normal(0, 0.25) * radius], [0, 1, rng.uniform(0, 0.35) * radius]], np.float32
        )
        dark = cv2.GaussianBlur(cv2.warpAffine(plane, shift, (SIDE, SIDE)), (0, 0), max(0.6, radius * 0.12))
        self.colour *= 1 - (dark.astype(np.float32)[..., None] / 255) * rng.uniform(0.15, 0.6)


def _thing(canvas: _Canvas, number: int | None, centre: np.ndarray, radius: float) -> None:
    """Paint one thing (or, for None, one piece of clutter): its parts, their details, its contour."""
    rng = canvas.rng
    softness = float(rng.choice([0, 0, 0.6, 1.2]))
    shading = float(rng.uniform(0.1, 0.55)) if rng.random() < 0.6 else 0.0
    upright = bool(rng.random() < 0.5)
    squash = rng.uniform(0.35, 1) if rng.random() < 0.7 else 1.0
    radii = (radius * squash, radius) if rng.random() < 0.6 else (radius, radius * squash)
    outlines = _outlines(rng, centre, radius, radii, upright)

    whole = np.zeros((SIDE, SIDE), np.uint8)
    planes = [canvas.alpha(outline) for outline in outlines]
    for plane in planes:
        np.maximum(whole, plane, out=whole)
    if rng.random() < 0.4:
        canvas.shadow(whole, radius)
    contour = tuple(rng.uniform(0, 60, 3)) if rng.random() < 0.2 else None
    thickness = int(rng.integers(1, 4))
    if contour is not None:  # drawn things are often framed by a dark line
        grown = np.zeros_like(whole)
        for outline in outlines:
            cv2.polylines(grown, [_fixed(o) for o in outline], True, (255,), thickness * 2, cv2.LINE_AA, 3)
        line = np.broadcast_to(np.array(contour, np.float32), (1, 1, 3))
        canvas.paint(np.maximum(grown, whole), line, thing=number, softness=softness, shading=0)

    shared = _texture(rng, SIDE, SIDE, canvas.flat) if rng.random() < 0.5 else None
    for index, plane in enumerate(planes):
        x, y, w, h = cv2.boundingRect(plane)
        surface = shared[y : y + h, x : x + w] if shared is not None and rng.random() < 0.75 else None
        canvas.paint(plane, surface, thing=number, softness=softness, shading=shading)
        if rng.random() < 0.35 and w > 10 and h > 10:
            canvas.paint(_details(rng, plane, upright), None, thing=0, softness=softness, shading=0)
        if contour is not None and index < len(planes) - 1 and rng.random() < 0.5:
            edge = np.zeros_like(plane)
            cv2.polylines(edge, [_fixed(o) for o in outlines[index]], True, (255,), 1, cv2.LINE_AA, 3)
            line = np.broadcast_to(np.array(contour, np.float32), (1, 1, 3))
            canvas.paint(np.minimum(edge, plane), line, thing=0, softness=0, shading=0)


def _outlines(
    rng: np.random.Generator, centre: np.ndarray, radius: float, radii: tuple[float, float], upright: bool
) -> list[list[np.ndarray]]:
    """Return the outlines of a thing's parts, the back one first: a shape, a stroke, or a body with parts."""
    kind = rng.random()
    if kind < 0.42:  # one piece
        outline = [_place(_shape(rng), centre, radii, rng, upright)]
        if rng.random() < 0.08:  # with a hole
            outline.append((outline[0] - centre) * rng.uniform(0.3, 0.7) + centre)
        return [outline]
    if kind < 0.5:
        return [[_place(_limb(rng), centre, (radius, radius), rng)]]
    small = 0.62
    pieces = int(rng.integers(1, 6))
    body = [_place(_shape(rng), centre, (radii[0] * small, radii[1] * small), rng, upright)]
    around: list[list[np.ndarray]] = []
    twins = rng.random() < 0.5  # legs, ears, wheels come in pairs
    while len(around) < pieces:
        angle = rng.uniform(0, 2 * np.pi)
        reach = rng.uniform(0.35, 0.95)
        size = radius * rng.uniform(0.12, 0.45)
        long = rng.random() < 0.4
        shape = _limb(rng) if long else _shape(rng)
        sizes = (size * 1.5, size * 1.5) if long else (size, size * rng.uniform(0.5, 1.2))
        ahead = _place(shape, np.zeros(2), sizes, rng, upright)
        offset = np.array([math.cos(angle) * radii[0], math.sin(angle) * radii[1]]) * reach * 0.75
        around.append([ahead + centre + offset])
        if twins:
            around.append([ahead * (-1, 1) + centre + offset * (-1, 1)])
    split = int(rng.integers(0, len(around) + 1))
    return [*around[:split], body, *around[split:]]


def _details(rng: np.random.Generator, plane: np.ndarray, upright: bool) -> np.ndarray:
    """Alpha of details on a part, which are no parts of their own."""
    x, y, w, h = cv2.boundingRect(plane)
    detail = np.zeros_like(plane)
    for _ in range(int(rng.integers(1, 6))):
        spot = np.array([rng.uniform(x, x + w), rng.uniform(y, y + h)])
        size = rng.uniform(0.05, 0.3) * min(w, h)
        outline = _place(_shape(rng), spot, (size, size * rng.uniform(0.3, 1)), rng, upright)
        cv2.fillPoly(detail, [_fixed(outline)], (255,), cv2.LINE_AA, 3)
    return np.minimum(detail, plane)


def collage(seed: int) -> Sample:
    """Return the collage of that number, SIDE x SIDE; the same number always gives the same picture."""
    rng = np.random.default_rng((1, seed))
    flat = float(rng.choice([0.05, 0.3, 0.75]))
    canvas = _Canvas(rng, flat)
    if rng.random() < 0.5:  # clutter that nobody asks for
        for _ in range(int(rng.integers(1, 12))):
            _thing(canvas, None, rng.uniform(0, SIDE, 2), rng.uniform(4, 30))
    things = int(1 + rng.beta(1.1, 2.0) * (MOST_THINGS - 1) + 0.5)
    for number in range(1, things + 1):
        radius = float(np.exp(rng.uniform(math.log(16), math.log(125 if things < 4 else 75))))
        _thing(canvas, number, rng.uniform(0.1, 0.9, 2) * SIDE, radius)
    return Sample(_photograph(canvas.colour, rng, flat), canvas.parts, canvas.owner)


def _photograph(colour: np.ndarray, rng: np.random.Generator, flat: float) -> np.ndarray:
    """Light, lens and camera: float (H, W, 3) to uint8."""
    picture = np.clip(colour, 0, 255)
    harsh = 0.5 if flat > 0.5 else 1.0
    if rng.random() < 0.6 * harsh:
        picture = 255 * (picture / 255) ** float(np.exp(rng.normal(0, 0.3)))
        picture = picture * rng.uniform(0.8, 1.15, 3) * rng.uniform(0.7, 1.1) + rng.uniform(-10, 30)
    if rng.random() < 0.25:  # light falling in from one side
        fields, _ = _bank()
        light = cv2.resize(
            fields[rng.integers(FIELDS)][:64, :64], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC
        )
        picture = (
            picture * (1 + rng.uniform(0.1, 0.5) * (cv2.GaussianBlur(light, (0, 0), 20) - 0.5))[..., None]
        )
    if rng.random() < 0.5 * harsh:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.3)))
    if rng.random() < 0.5 * harsh:
        picture = picture + rng.normal(0, rng.uniform(1, 12), picture.shape)
    image = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    if rng.random() < 0.05:
        image = np.repeat(image.mean(2, keepdims=True), 3, 2)
    return np.ascontiguousarray(image, np.uint8)


def world(seed: int) -> Sample:
    """Draw a picture of the illustrated world, SIDE x SIDE; parts and things are the same."""
    kinds = [kind for kind in illustrated.KINDS if kind not in THINGLESS]
    number = illustrated.TRAINING_SEEDS[seed]
    image, truth = illustrated.draw(number, kind=kinds[seed % len(kinds)], size_wh=(SIDE, SIDE))
    parts = np.zeros((SIDE, SIDE), np.uint8)
    for index, thing in enumerate(truth.things[:255], start=1):
        cv2.fillPoly(parts, [_fixed(np.array(polygon)) for polygon in thing.outline], (index,), cv2.LINE_8, 3)
    return Sample(image, parts, np.arange(256, dtype=np.uint8))


def write_shard(folder: Path, source: str, first: int, count: int = SHARD) -> Path:
    """Draw `count` pictures of `source` from number `first` on into `folder`, unless they lie there already.

    Three arrays a shard, to be mapped into memory: images, parts, owners. Returns the images' path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{source}-{first:07d}"
    path = folder / f"{stem}.images.npy"
    if path.exists():
        return path
    samples = [SOURCES[source](seed) for seed in range(first, first + count)]
    np.save(folder / f"{stem}.parts.npy", np.stack([sample.parts for sample in samples]))
    np.save(folder / f"{stem}.owners.npy", np.stack([sample.owner for sample in samples]))
    unfinished = folder / f"{stem}.unfinished.npy"
    np.save(unfinished, np.stack([sample.image for sample in samples]))
    unfinished.rename(path)
    return path


class Pool:
    """Pictures on disk, mapped into memory, by number; its shards are of one length."""

    def __init__(self, images: Sequence[Path]) -> None:
        if not images:
            raise ValueError("a pool needs at least one shard")
        self._images = [np.load(path, mmap_mode="r") for path in images]
        self._parts = [np.load(str(path).replace(".images.", ".parts."), mmap_mode="r") for path in images]
        self._owners = [np.load(str(path).replace(".images.", ".owners.")) for path in images]

    def __len__(self) -> int:
        return len(self._images[0]) * len(self._images)

    def __getitem__(self, index: int) -> Sample:
        shard, row = divmod(index, len(self._images[0]))
        return Sample(self._images[shard][row], self._parts[shard][row], self._owners[shard][row])


SOURCES: dict[str, Callable[[int], Sample]] = {"collage": collage, "world": world}
