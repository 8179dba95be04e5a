"""Event times of every unit as microseconds."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from workbench.stream.window import NEVER, event_times


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None], pa.timestamp("s"), [1_000_000, NEVER]),
        ([1, None, 2**63 - 1], pa.timestamp("us"), [1, NEVER, NEVER]),
        ([1_500, None], pa.timestamp("ns"), [1, NEVER]),
    ],
)
def test_a_column_of_times_becomes_microseconds(values: list[Any], kind: Any, expected: list[int]) -> None:
    assert event_times(pa.chunked_array([pa.array(values, kind)])).tolist() == expected
