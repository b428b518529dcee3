"""Components whose words follow the visitor's language: made in English, changed when a page is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import gradio as gr

from app.words import ENGLISH, spoken, word

ComponentT = TypeVar("ComponentT")


class Labels:
    """The components of one page, each with its settings that hold words."""

    def __init__(self) -> None:
        self._rows: list[tuple[Any, Mapping[str, str]]] = []

    def make(
        self, kind: Callable[..., ComponentT], keys: Mapping[str, str], *given: Any, **settings: Any
    ) -> ComponentT:
        """Make a component. `keys`: its settings that hold words, such as "label" -> the key of the words."""
        component = kind(*given, **{name: word(key) for name, key in keys.items()}, **settings)
        self._rows.append((component, keys))
        return component

    @property
    def components(self) -> list[Any]:
        """All that were made, in order."""
        return [component for component, _ in self._rows]

    def speak(self) -> list[Any]:
        """Return what changes of each component for the visitor whose page is loaded."""
        language = spoken()
        if language == ENGLISH:
            return [gr.skip() for _ in self._rows]
        update: Any = gr.update
        return [update(**{name: word(key, language) for name, key in keys.items()}) for _, keys in self._rows]
