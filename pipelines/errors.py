"""Errors that a visitor may see, each saying what was wrong and what would work."""


class DemoError(Exception):
    """Shown to the visitor as it is: one or two sentences, the cause and then the remedy."""


class UnreadablePicture(DemoError):
    """The file is not a picture, is broken, or is too large."""


class MissingCapability(DemoError):
    """The loaded checkpoint, the weights or the memory for the request are not there."""


class ModelLost(DemoError):
    """The process that answered ended in the middle of it: what it said stays, and another takes over."""


class TooBusy(DemoError):
    """More requests wait for a model than may wait."""


def loading_failed(what: str, error: BaseException) -> MissingCapability:
    """Return what is to be said where weights or a tokenizer cannot be read: one line in any case."""
    lines = str(error).strip().splitlines() or ["no reason given"]
    return MissingCapability(
        f"{what} cannot be loaded ({type(error).__name__}: {lines[0][:200]}): its files are damaged or "
        "incomplete, fetch or convert them again."
    )
