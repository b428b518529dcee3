"""Notice that a streamed reply says the same over and over, so that it can be stopped and cut.

A language model that lost its thread repeats a word, a phrase or a line until its limit. A loop is a stretch
of the text that ends it and is said again at once, several times, with nothing new in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

MOST_WORDS = 40  # of a stretch that is repeated
LEAST_TIMES = 3  # a stretch stands there, to be a loop
LEAST_TEXT = 48  # characters that such a loop covers: "a ball, a ball, a ball" is a list
FOUR_TEXT = 30  # characters that it covers from four times on
NUMBERS_TIMES = 24  # a stretch without letters stands there: a table may hold the same number many times
UNBROKEN_TIMES = 8  # a stretch of letters stands there, where no blanks part words
UNBROKEN_TEXT = 48  # characters that such a loop covers
_WORD = re.compile(r"\S+")


def stop_repetition(text_so_far: str) -> str | None:
    """Return the text cut after the first of the repeated stretches, or None where nothing repeats.

    A last word without a blank after it is not compared, since a stream may have given half of it. Numbers
    count as they are, so that lists of boxes and joints, whose words repeat but whose numbers differ, are no
    loops.
    """
    found = list(_WORD.finditer(text_so_far))
    whole = found if text_so_far[-1:].isspace() else found[:-1]
    words = [match[0].strip(",.;").lower() for match in whole]
    if loop := _loop(words, _repeated_words):
        return text_so_far[: found[loop - 1].end()].rstrip(" ,;:")
    if loop := _loop(text_so_far, _repeated_letters):
        return text_so_far[:loop].rstrip(" ,;:")
    return None


def _loop(parts: Sequence[str], is_loop: Callable[[Sequence[str], int], bool]) -> int:
    """Return where the first of the repeated stretches ends, as a count of parts; 0 where nothing repeats."""
    for size in range(1, min(MOST_WORDS, len(parts) // LEAST_TIMES) + 1):
        first, times = len(parts) - size, 1
        while first >= size and parts[first - size : first] == parts[first : first + size]:
            first, times = first - size, times + 1
        if times >= LEAST_TIMES and is_loop(parts[first : first + size], times):
            while first > 0 and parts[first - 1] == parts[first - 1 + size]:
                first -= 1  # the loop began in the middle of a stretch
            return first + size
    return 0


def _repeated_words(stretch: Sequence[str], times: int) -> bool:
    text = " ".join(stretch)
    if not re.search(r"[^\W\d_]", text):
        return bool(re.search(r"\d", text)) and times >= NUMBERS_TIMES
    return (len(text) + 1) * times >= (LEAST_TEXT if times == LEAST_TIMES else FOUR_TEXT)


def _repeated_letters(stretch: Sequence[str], times: int) -> bool:
    text = "".join(stretch)
    return (
        bool(re.search(r"[^\W\d_]", text)) and times >= UNBROKEN_TIMES and len(text) * times >= UNBROKEN_TEXT
    )
