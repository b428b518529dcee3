"""What is loaded, and how a command line or the environment says it. Imports no model library."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NoReturn

from pipelines.errors import DemoError

ENVIRONMENT = "SPHINX_"  # how the environment variable of an option begins: --model is SPHINX_MODEL


@dataclass(frozen=True, slots=True)
class Settings:
    """What is loaded: names, local paths or Hub ids; "auto" is found."""

    model: str = "sphinx-nano"
    segmenter: str = "sam-nano"
    inpainter: str = "auto"
    device: str = "auto"
    dtype: str = "auto"


HELP = {
    "model": "a checkpoint's name or folder (%(default)s)",
    "segmenter": "what outlines (%(default)s)",
    "inpainter": "what edits (%(default)s)",
    "device": "auto, cpu, cuda, ... (%(default)s)",
    "dtype": "auto, float32, bfloat16, ... (%(default)s)",
}


class BadArguments(DemoError):
    """The command line, or a variable of the environment, makes no sense."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line, and whose options can be set by the environment as well."""

    def error(self, message: str) -> NoReturn:
        raise BadArguments(f"{' '.join(message.split())}; see {self.prog} --help")

    def add_option(
        self, flag: str, *, default: Any = None, type: Callable[[str], Any] = str, **more: Any
    ) -> None:
        """Add an option with a value: what the command line says, else the environment, else `default`."""
        default = os.environ.get(ENVIRONMENT + flag.lstrip("-").replace("-", "_").upper(), default)
        self.add_argument(flag, default=default, type=type, **more)

    def add_settings(self) -> None:
        """Add an option for each of `Settings`."""
        for field in fields(Settings):
            self.add_option(f"--{field.name}", default=field.default, help=HELP[field.name])


def settings_of(given: argparse.Namespace) -> Settings:
    """Return the settings among what was given."""
    return Settings(**{field.name: getattr(given, field.name) for field in fields(Settings)})


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`, for an option's `type`."""

    def read(words: str) -> int:
        try:
            number = int(words) if len(words) < 40 else high + 1
        except ValueError:
            raise argparse.ArgumentTypeError(f"{words[:40]!r} is not a whole number") from None
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{words[:40]} is not in {low} to {high}")
        return number

    return read
