"""How many made-up inputs a property test tries, and what they are made of.

`FUZZ=50 python -m pytest -k PROPERTY` tries fifty times as many.
"""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from pipelines.errors import DemoError

FUZZ = int(os.environ.get("FUZZ", "1"))

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


def refusal(act: Callable[[], Any], kind: type[DemoError] = DemoError) -> tuple[Any, str | None]:
    """What a call gives back, or the sentence of its refusal; any other error passes. Both can be written."""
    try:
        given, said = act(), None
    except kind as error:
        given, said = None, str(error)
        said.encode()
    return given, said
