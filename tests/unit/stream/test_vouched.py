"""Which values of the fast JSON reader are trusted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from workbench.stream import vouched
from workbench.stream.picked import picked

EXACT = 9007199254740991


def sure(check: vouched.Check, *chunks: pa.Array) -> tuple[pa.ChunkedArray, list[bool]]:
    flags = np.ones(sum(map(len, chunks)), np.bool_)
    values = vouched.taken(pa.chunked_array(chunks), check, flags)
    return values, flags.tolist()


@pytest.mark.parametrize(
    ("kind", "low", "high", "read", "right"),
    [
        ("BIGINT", -EXACT, EXACT, [2.0, -7.0, float(EXACT), -float(EXACT)], True),
        (
            "BIGINT",
            -EXACT,
            EXACT,
            [0.0, 1.0, 10.5, 2.0**53, -(2.0**53), 2.0**63, -(2.0**63), 1e300, float("nan"), float("inf"), None],
            False,
        ),
        ("TINYINT", -128, 127, [-128.0, 127.0, -1.0], True),
        ("TINYINT", -128, 127, [-129.0, 128.0], False),
        ("UBIGINT", 0, EXACT, [2.0, float(EXACT)], True),
        ("UBIGINT", 0, EXACT, [-1.0, -2.0], False),
    ],
)
def test_a_whole_number_is_trusted_only_where_a_double_can_tell(
    kind: str, low: int, high: int, read: list[float | None], right: bool
) -> None:
    values, flags = sure(vouched.whole(kind, low, high), pa.array(read, pa.float64()))
    assert flags == [right] * len(read)
    assert values.type == vouched.WHOLE[kind]
    if right:
        assert values.to_pylist() == [int(number) for number in read if number is not None]


def test_nulls_stay_null_and_pieces_with_an_offset_keep_their_place() -> None:
    cut = pa.array([5.0, 6.0, None, 8.0]).slice(1)
    values, flags = sure(vouched.whole("INTEGER", -(1 << 31), (1 << 31) - 1), cut, pa.array([9.0]))
    assert values.to_pylist() == [6, None, 8, 9]
    assert flags == [True, False, True, True]


def test_a_real_number_that_may_be_a_boolean_is_doubtful() -> None:
    assert sure(vouched.real, pa.array([2.5, 0.0, 1.0, -0.5, 1e308, float("nan"), None]))[1] == [
        True,
        False,
        False,
        True,
        False,
        False,
        False,
    ]


def test_an_endless_time_is_doubtful() -> None:
    times = pa.array([0, (1 << 63) - 1, -(1 << 63) + 1, None]).cast(pa.timestamp("us", "UTC"))
    assert sure(vouched.moment, times)[1] == [True, False, False, False]


def test_a_rule_is_broken_where_it_is_not_true() -> None:
    assert vouched.broken(pa.chunked_array([[True, False], [None, True]])).tolist() == [1, 2]
    cut = pa.array([False, *[True] * 9, None, False]).slice(1)
    assert vouched.broken(pa.chunked_array([cut, pa.array([True])])).tolist() == [9, 10]
    assert vouched.broken(pa.chunked_array([], pa.bool_())).tolist() == []


def test_no_rows_are_no_trouble() -> None:
    values, flags = sure(vouched.whole("BIGINT", -EXACT, EXACT), pa.array([], pa.float64()))
    assert (len(values), flags) == (0, [])


def test_rows_are_picked_over_pieces() -> None:
    table = pa.concat_tables([pa.table({"a": [0, 1, 2]}), pa.table({"a": [3]}), pa.table({"a": [4, 5]})])
    assert picked(table, np.array([1, 1, 2, 5]))["a"].to_pylist() == [1, 1, 2, 5]
    assert picked(table, np.array([], np.int64)).num_rows == 0
