"""Errors that a visitor may see, each saying what was wrong and what would work."""

import logging
import secrets

log = logging.getLogger(__name__)


class DemoError(Exception):
    """Shown to the visitor as it is: one or two sentences, the cause and then the remedy."""


class UnreadablePicture(DemoError):
    """The file is not a picture, is broken, or is too large."""


class MissingCapability(DemoError):
    """The loaded checkpoint, the weights or the memory for the request are not there."""


class TooMuch(DemoError):
    """One request, or one visitor in a while, asks for more than is given."""


class Fault(DemoError):
    """A fault of this program, which nobody foresaw; its number is in the log with all that is known."""


def fault(error: BaseException) -> Fault:
    """Write an unforeseen error into the log under a number, and return what a visitor is told."""
    number = secrets.token_hex(4)
    log.error("fault %s", number, exc_info=error)
    return Fault(
        "Something went wrong here that was not foreseen. Try it in another way; who runs this page finds "
        f"the reason in its log under {number}."
    )


def loading_failed(what: str, error: BaseException) -> MissingCapability:
    """Return what is to be said where weights or a tokenizer cannot be read: one line in any case."""
    lines = str(error).strip().splitlines() or ["no reason given"]
    return MissingCapability(
        f"{what} cannot be loaded ({type(error).__name__}: {lines[0][:200]}): its files are damaged or "
        "incomplete, fetch or convert them again."
    )
