"""Every test that docs/page.md names for a promise of the page is there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PROMISES = (TESTS.parent / "docs" / "page.md").read_text("utf-8").partition("## Five tasks")[0]


def test_every_promise_of_the_page_has_the_test_that_is_named():
    rows = [line for line in PROMISES.splitlines() if line.startswith("| ") and "`" in line]
    numbers = [int(found) for found in re.findall(r"^\| (\d+) \|", PROMISES, re.MULTILINE)]
    assert numbers == list(range(1, 15))
    paths = list(TESTS.rglob("*.py"))
    tests = set(re.findall(r"def (\w+)", "\n".join(path.read_text("utf-8") for path in paths)))
    files = {path.relative_to(TESTS.parent).as_posix() for path in paths}
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row.rpartition(" | ")[2])]
    assert len(named) > 50
    assert [name for name in named if name not in files and not any(name in test for test in tests)] == []
