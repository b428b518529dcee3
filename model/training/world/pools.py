"""Which kinds stand and fly where, how often each is chosen, and how large it is beside the others."""

from __future__ import annotations

from .shapes import SHAPES

GROUND_KINDS: dict[str, tuple[str, ...]] = {
    "park": ("tree", "bench", "dog", "cat", "ball", "flower", "mushroom", "umbrella", "guitar", "hat", "box",
             "bird", "apple", "house", "book", "star"),
    "street": ("car", "bus", "house", "tree", "dog", "cat", "bench", "box", "umbrella", "lamp"),
    "room": ("chair", "desk", "lamp", "box", "cat", "dog", "ball", "guitar", "book", "clock", "hat",
    "umbrella",
             "star", "rocket", "teapot", "bottle", "heart", "cup"),
    "beach": ("ball", "umbrella", "boat", "bird", "dog", "hat", "bottle", "star", "chair", "box", "fish",
              "guitar", "cup"),
    "table": ("cup", "bottle", "book", "lamp", "clock", "teapot", "apple", "box", "hat", "flower", "heart",
              "fish", "mushroom", "rocket"),
}  # fmt: skip
SKY_KINDS: dict[str, tuple[str, ...]] = {
    "park": ("kite", "balloon", "butterfly", "bird", "heart"),
    "street": ("balloon", "bird", "rocket", "butterfly", "kite"),
    "room": ("balloon", "clock", "star", "heart", "butterfly"),
    "beach": ("kite", "balloon", "bird", "butterfly", "rocket"),
    "table": ("butterfly", "balloon", "heart"),
}
# How often a kind is chosen from a pool, so that all come out about equally often over the scenes.
CHANCE = {
    "house": 3.2, "tree": 2.6, "car": 3.4, "bus": 3.4, "boat": 4.0, "mushroom": 2.2, "fish": 2.4,
    "umbrella": 1.3,
    "guitar": 1.5, "desk": 3.0, "cup": 1.2, "lamp": 1.2, "cat": 1.4, "dog": 1.4, "flower": 1.6, "box": 0.4,
    "butterfly": 0.7, "balloon": 0.7, "bird": 0.6, "heart": 0.6, "star": 0.8, "kite": 1.5, "chair": 1.3,
    "apple": 1.2,
}  # fmt: skip
# Side relative to the others in a scene.
BULK = {
    "house": 1.5, "tree": 1.5, "bus": 1.5, "car": 1.25, "bench": 1.25, "desk": 1.4, "chair": 1.25,
    "umbrella": 1.15,
    "guitar": 1.15, "boat": 1.25, "dog": 1.05, "lamp": 1.1, "rocket": 1.1, "bird": 0.9, "butterfly": 0.9,
    "apple": 0.85, "mushroom": 0.9, "cup": 0.9, "heart": 0.9, "star": 0.9, "hat": 0.9,
}  # fmt: skip
RIDERS = ("cat", "ball", "cup", "book", "apple", "hat", "bird", "star", "teapot", "clock", "bottle", "flower")
SUPPORTS = tuple(k for k, s in SHAPES.items() if s.top is not None)
