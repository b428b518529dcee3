"""Errors that a visitor may see, each saying what was wrong and what would work."""

import errno
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.sentences import Sentence

log = logging.getLogger(__name__)

SHORTAGE = (
    "out of memory",  # CUDA, MPS
    "not enough memory",  # PyTorch on Windows
    "can't allocate memory",  # PyTorch's DefaultCPUAllocator
    "alloc_failed",  # cuBLAS, cuDNN
    "insufficient memory",  # OpenCV
)
"""What allocators say whose errors have no type of their own."""


LOST = "The process that answered has ended, and another takes over: ask again, please."


class DemoError(Exception):
    """Shown to the visitor as it is: one or two sentences, the cause and then the remedy.

    Its arguments are English words, or sentences that a door can say in another language.
    """

    def __str__(self) -> str:
        return " ".join(map(str, self.args))

    @property
    def says(self) -> tuple[Sentence, ...]:
        """Its sentences; empty where some of it is English words."""
        says = tuple(one for one in self.args if isinstance(one, Sentence))
        return says if len(says) == len(self.args) else ()


class UnreadablePicture(DemoError):
    """The file is not a picture, is broken, or is too large."""


class MissingCapability(DemoError):
    """The loaded checkpoint, the weights or the memory for the request are not there."""


class TooMuch(DemoError):
    """One request, or one visitor in a while, asks for more than is given."""


class Fault(DemoError):
    """A fault of this program, which nobody foresaw; its number is in the log with all that is known."""


class ModelLost(DemoError):
    """The process that answered ended in the middle of it: what it said stays, and another takes over."""


class TooBusy(DemoError):
    """More requests wait for a model than may wait."""


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
    if is_shortage(error):
        return MissingCapability(
            f"The memory does not suffice to load {what}: choose smaller ones, or --dtype nf4 on a GPU."
        )
    lines = str(error).strip().splitlines() or ["no reason given"]
    return MissingCapability(
        f"{what} cannot be loaded ({type(error).__name__}: {lines[0][:200]}): its files are damaged or "
        "incomplete, fetch or convert them again."
    )


def is_shortage(error: BaseException) -> bool:
    """Return whether an error means that a GPU, PyTorch, NumPy or OpenCV could not allocate memory."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    allocates = isinstance(error, RuntimeError) or type(error).__module__ == "cv2"
    return allocates and any(words in str(error).lower() for words in SHORTAGE)


@contextmanager
def explain_shortage(who: str, remedy: str = "give a smaller picture, or ask for less") -> Iterator[None]:
    """Say in one line that the memory did not suffice.

    Args:
        who: what needed it.
        remedy: what would work, as the end of a sentence.
    Raises:
        MissingCapability: in place of any allocator's error.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DemoError) or not is_shortage(error):
            raise
        raise MissingCapability(f"The memory does not suffice for {who}: {remedy}.") from None
