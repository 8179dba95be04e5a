"""A buffer gives the rows of a range of time and lets go of what is past."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from workbench.stream.buffer import Buffer


def add(buffer: Buffer, times: list[int]) -> None:
    buffer.add(pa.table({"t": pa.array(times, pa.int64())}), np.array(times, np.int64))


def near(buffer: Buffer, low: int, high: int) -> list[int]:
    found = buffer.near(low, high)
    return [] if found is None else found["t"].to_pylist()


@given(st.lists(st.tuples(st.lists(st.integers(0, 50), max_size=6), st.integers(-5, 55))), st.integers(-5, 55), st.integers(0, 60))
def test_it_holds_what_is_not_past(steps: list[tuple[list[int], int]], low: int, width: int) -> None:
    buffer, floor = Buffer(), -5
    expected: list[int] = []
    for times, before in steps:
        add(buffer, times)
        buffer.expire(before)
        floor = max(floor, before)
        expected = [t for t in [*expected, *times] if t >= floor]
        assert near(buffer, low, low + width) == [t for t in expected if low <= t <= low + width]
        assert len(expected) <= buffer.rows <= 2 * max(len(expected), 1) + 1


def test_what_is_past_takes_no_room() -> None:
    buffer = Buffer()
    for start in range(0, 100_000, 1000):
        add(buffer, list(range(start, start + 1000)))
        buffer.expire(start - 5000)
    assert buffer.rows < 20_000
    assert buffer.bytes < 20_000 * 16
    buffer.expire(1_000_000)
    assert (buffer.rows, buffer.bytes) == (0, 0)
