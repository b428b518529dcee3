"""How many made-up inputs a property test tries, what they are made of, and how to try them for long.

FUZZ=50 python -m pytest -k PROPERTY            fifty times as many
python -m tests.fuzz sessions --minutes 10      again and again with other seeds, and how many it were
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import event
from hypothesis import strategies as st

from pipelines.errors import DemoError

FUZZ = int(os.environ.get("FUZZ", "1"))
AREAS = {
    "sessions": (
        "tests/pipelines/export/test_session.py::test_arbitrary_damage_never_raises_anything_else",
        "tests/pipelines/export/test_session.py::test_any_value_anywhere_is_read_or_refused",
    ),
    "pictures": (
        "tests/pipelines/test_intake.py::test_arbitrary_bytes_open_or_are_explained",
        "tests/pipelines/test_intake.py::test_damaged_files_open_or_are_explained",
    ),
    "replies": (
        "tests/model/test_replies.py::test_no_reply_whatever_breaks_the_reader",
        "tests/pipelines/test_readings.py::test_any_text_is_read_and_stays_in_the_picture",
    ),
    "arguments": (
        "tests/app/test_arguments.py::test_any_value_is_read_or_refused_in_words",
        "tests/app/test_arguments.py::test_endpoints_give_an_answer_or_refuse",
    ),
}
"""What is read of strangers, and the properties that hold whatever it is."""
ROUND = 20  # times as many examples as without, between two seeds

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\ud800", "a" * 3000, 10**400, float("nan"), float("inf"), "\0", -1, 1e308]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
"""Any value that JSON holds, and some that Python reads from it."""

SIGNS = (
    "find", "find all", "segment", "what is", "remove", "ball", "#1",
    "###", "[", "]", "[]", "<p>", "</p>", "<Mark 1>", "|", ".", "?", "!",
)  # fmt: skip
WISHES = st.lists(st.sampled_from(SIGNS), min_size=1, max_size=6).map(" ".join)
"""Messages of a few words and of the signs that SPHINX's own format is made of."""


def refusal(act: Callable[[], Any], kind: type[DemoError] = DemoError) -> tuple[Any, str | None]:
    """What a call gives back, or the sentence of its refusal; any other error passes. Both can be written."""
    try:
        given, said = act(), None
    except kind as error:
        given, said = None, str(error)
        said.encode()
        event("refused")  # counted by Hypothesis's statistics
    return given, said


def counted(statistics: str) -> tuple[int, int]:
    """How many examples Hypothesis's statistics tell of, and in how many of them something was refused."""
    tried = refused = 0
    for told in re.split(r"\n(?=tests/)", statistics):
        counts = re.findall(r"(\d+) passing(?: examples)?, \d+ failing(?:.*? (\d+) invalid)?", told)
        passing, invalid = (sum(int(count or 0) for count in column) for column in zip(*counts or [(0, 0)]))
        share = re.search(r"([\d.]+)%, refused", told)
        tried += passing
        refused += round((passing + invalid) * float(share[1]) / 100) if share else 0
    return tried, refused


def main() -> int:
    """Try the properties of an area for some minutes. The exit status is that of the first failure."""
    said = "Try what is read of strangers with made-up inputs, for some minutes."
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=said)
    parser.add_argument("area", choices=AREAS)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-show-statistics"]
    began, tried, refused, seed = time.monotonic(), 0, 0, int(time.time())
    while time.monotonic() - began < 60 * given.minutes:
        seed += 1
        result = subprocess.run(
            [*command, f"--hypothesis-seed={seed}", *AREAS[given.area]],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "FUZZ": str(ROUND)},
            capture_output=True,
            text=True,
        )
        more = counted(result.stdout)
        tried, refused = tried + more[0], refused + more[1]
        if result.returncode:
            print(result.stdout, result.stderr, sep="\n")
            break
    seconds = time.monotonic() - began
    print(
        f"{given.area}: {tried} examples in {seconds:.0f} s, {refused} refused, last seed {seed}", flush=True
    )
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
