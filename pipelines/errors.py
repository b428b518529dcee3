"""Errors that a visitor may see, each saying what was wrong and what would work."""


class DemoError(Exception):
    """Shown to the visitor as it is: one or two sentences, the cause and then the remedy."""


class UnreadablePicture(DemoError):
    """The file is not a picture, is broken, or is too large."""


class MissingCapability(DemoError):
    """The loaded checkpoint, the weights or the memory for the request are not there."""
