"""Who waits is told the place, has a turn in order, and can leave."""

from __future__ import annotations

from collections.abc import Generator

from pipelines.line import Line, Waiting


def work(*steps: str) -> Generator[str, None, None]:
    yield from steps


def test_turns_come_in_order_and_the_place_is_told():
    line = Line()
    first, second, third = (line.take_turn(work(*name)) for name in ("ab", "cd", "ef"))
    assert next(first) == "a"
    told = next(second)
    assert isinstance(told, Waiting)
    assert told.before == 1
    assert told.seconds > 0
    waits = next(third)
    assert isinstance(waits, Waiting)
    assert waits.before == 2
    assert list(first) == ["b"]
    assert next(second) == "c"
    second.close()  # stopped half way: the next one's turn comes at once
    assert list(third)[-2:] == ["e", "f"]


def test_who_leaves_the_line_does_no_work():
    line, done = Line(), []

    def never() -> Generator[str, None, None]:
        done.append("begun")
        yield "x"

    first = line.take_turn(work("a", "b"))
    next(first)
    second = line.take_turn(never())
    next(second)
    second.close()
    third = line.take_turn(work("c"))
    told = next(third)
    assert isinstance(told, Waiting)
    assert told.before == 1
    assert list(first) == ["b"]
    assert list(third) == ["c"]
    assert done == []


def test_one_whose_reader_takes_nothing_is_passed_over():
    line = Line(patience_s=0.05)
    first, second = line.take_turn(work("a", "b", "c")), line.take_turn(work("x", "y"))
    assert next(first) == "a"
    assert [told for told in second if not isinstance(told, Waiting)] == ["x", "y"]
    assert list(first) == ["b", "c"]  # it goes on when it is read again
