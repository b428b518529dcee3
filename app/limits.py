"""What one visitor may ask for: the options of a public host, with what holds where nothing is said.

This module knows numbers and names; `app.doors` and `app.api` keep them.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from pipelines.settings import Parser, whole_number

LOOPBACK = ("localhost", "127.0.0.1", "::1")
SWITCH = ("auto", "on", "off")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one client, an address (behind a proxy the one that it names), and what all may do."""

    clicks: int = 64
    calls: int = 300
    places: int = 8
    hosts: str = ""
    switch: str = "auto"


_HELP = {
    "clicks": "clicks that one call may bring (%(default)s)",
    "calls": "calls a minute of one address, the page's own included (%(default)s)",
    "places": "calls of one address that may wait or be at work at once (%(default)s)",
    "hosts": "names under which the page is reached, with commas between; on the loopback others are "
    "refused, elsewhere all are taken unless some are named here",
    "switch": "on, off or auto: whether visitors may load another checkpoint for all; auto is on where only "
    "this computer reaches the page (%(default)s)",
}


def _one_of_switch(words: str) -> str:
    if words not in SWITCH:
        raise argparse.ArgumentTypeError(f"{words[:40]!r} is none of {', '.join(SWITCH)}")
    return words


_KINDS = {"hosts": str, "switch": _one_of_switch}


def add_limits(parser: Parser) -> None:
    """Add an option for each of `Limits`."""
    for field in fields(Limits):
        kind = _KINDS.get(field.name, whole_number(1, 10**6))
        parser.add_option(f"--{field.name}", default=field.default, type=kind, help=_HELP[field.name])


def limits_of(given: argparse.Namespace) -> Limits:
    """Return the limits among what was given."""
    return Limits(**{field.name: getattr(given, field.name) for field in fields(Limits)})


def from_environment() -> Limits:
    """Return the limits where no command line says any."""
    parser = Parser(prog="app.py")
    add_limits(parser)
    return limits_of(parser.parse_args([]))


def known_hosts(limits: Limits) -> frozenset[str] | None:
    """Return the names under which the page may be asked for; None where any will do.

    On the loopback only its own names are, and those that are named: a page elsewhere whose name was made to
    point here (DNS rebinding) is no visitor. The name in GRADIO_ROOT_PATH counts as named.
    """
    named = {name.strip().lower() for name in limits.hosts.split(",") if name.strip()}
    if prefix := urlsplit(os.environ.get("GRADIO_ROOT_PATH", "")).hostname:
        named.add(prefix)
    bound = _bound()
    if _is_loopback(bound):
        return frozenset({*LOOPBACK, bound, *named})
    return frozenset({*LOOPBACK, *named}) if limits.hosts.strip() else None


def may_switch(limits: Limits) -> bool:
    """Whether visitors may load another checkpoint, which is then there for all of them.

    Where nothing is said they may if the page listens on the loopback, and no proxy is named that passes
    others on to it.
    """
    if limits.switch != "auto":
        return limits.switch == "on"
    proxied = bool(limits.hosts.strip() or os.environ.get("GRADIO_ROOT_PATH"))
    return _is_loopback(_bound()) and not proxied


def _bound() -> str:
    """The address that the page listens on."""
    return os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1").strip("[]").lower()


def _is_loopback(bound: str) -> bool:
    return bound in LOOPBACK or bound.startswith("127.")
