"""What waits for what on the page: Gradio's queue as it is set up."""

from __future__ import annotations

from app import ui
from app.startup import Startup


def test_files_are_opened_and_written_in_a_bounded_place_apart_from_the_models(assistant):
    page = ui.build(Startup(lambda: assistant, "fake").run(), {})
    functions = list(page.fns.values())
    for name in ("intake", "use_mask", "example", "export"):
        (fn,) = [fn for fn in functions if fn.name == name]
        assert fn.queue
        assert (fn.concurrency_id, fn.concurrency_limit) == ("files", 2)
    calls = [fn for fn in functions if fn.api_visibility == "public"]
    assert {(fn.concurrency_id, fn.concurrency_limit) for fn in calls} == {("models", 16)}
    assert not page.api_open
