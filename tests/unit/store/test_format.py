"""Values as cells."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.store.format import LONGEST, cells, cells_of_rows, number, numeric_columns, visible
from workbench.store.session import scratch


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e15, "1000000000000000.0"),
        (123456789.125, "123456789.125"),
        (1e20, "100000000000000000000.0"),
        (1e22, "1e+22"),
        (1e-7, "1e-07"),
        (0.0001, "0.0001"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_doubles_are_short(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False))
@settings(max_examples=200)
def test_doubles_read_back_as_the_same(value: float) -> None:
    assert float(number(value)) == value


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        ([1, None, -(2**63)], pa.int64(), ["1", None, "-9223372036854775808"]),
        ([2**64 - 1], pa.uint64(), ["18446744073709551615"]),
        ([0.1, 16777216.0, None], pa.float32(), ["0.1", "16777216.0", None]),
        ([True, False, None], pa.bool_(), ["true", "false", None]),
        ([Decimal("1.50"), Decimal("-0.01")], pa.decimal128(9, 2), ["1.50", "-0.01"]),
        ([Decimal(10) ** 37], pa.decimal128(38, 0), ["1" + "0" * 37]),
        (["a\nb", "\x1b[31m", "über 中", None], pa.string(), ["a\\nb", "\\x1B[31m", "über 中", None]),
        ([b"a\x00\\", None], pa.binary(), ["a\\x00\\x5C", None]),
        ([date(2026, 1, 2), None], pa.date32(), ["2026-01-02", None]),
        ([time(1, 2, 3), time(1, 2, 3, 40)], pa.time64("us"), ["01:02:03", "01:02:03.000040"]),
        ([datetime(2026, 1, 2, 3, 4, 5), None], pa.timestamp("us"), ["2026-01-02 03:04:05", None]),  # noqa: DTZ001
        ([datetime(1969, 12, 31, 23, 59, 59, 500000)], pa.timestamp("us"), ["1969-12-31 23:59:59.500000"]),  # noqa: DTZ001
        ([1_000_000_001], pa.timestamp("ns"), ["1970-01-01 00:00:01.000000001"]),
        ([35_804_357, -735_160], pa.date32(), ["99999-01-01", "0044-03-15 (BC)"]),
        ([-63_517_787_999_500_000], pa.timestamp("us"), ["0044-03-15 (BC) 10:00:00.500000"]),
        ([9_089_348_896_800_250], pa.timestamp("ms", "UTC"), ["290000-01-01 10:00:00.250000+00"]),
        ([2**63 - 1, -(2**63 - 1)], pa.timestamp("us"), ["infinity", "-infinity"]),
        ([0], pa.timestamp("us", tz="UTC"), ["1970-01-01 00:00:00+00"]),
        ([0], pa.timestamp("us", tz="Asia/Kolkata"), ["1970-01-01 05:30:00+05:30"]),
        ([0], pa.timestamp("us", tz="America/New_York"), ["1969-12-31 19:00:00-05"]),
        ([timedelta(hours=-25)], pa.duration("us"), ["-25:00:00"]),
        ([None], pa.null(), [None]),
        ([[1, None], [], None], pa.list_(pa.int32()), ["[1, NULL]", "[]", None]),
        ([["it's", None]], pa.list_(pa.string()), ["['it''s', NULL]"]),
        ([{"a": 1, "b": "x"}, None], pa.struct({"a": pa.int8(), "b": pa.string()}), ["{'a': 1, 'b': 'x'}", None]),
        ([[("k", 1.5)], [], None], pa.map_(pa.string(), pa.float64()), ["{'k'=1.5}", "{}", None]),
        (
            [[[{"a": [0]}], None]],
            pa.list_(pa.list_(pa.struct({"a": pa.list_(pa.timestamp("us"))}))),
            ["[[{'a': [1970-01-01 00:00:00]}], NULL]"],
        ),
    ],
)
def test_each_type(values: list[Any], kind: pa.DataType, texts: list[str | None]) -> None:
    assert cells(pa.array(values, kind)) == texts


def test_a_slice_of_nested_values_shows_its_own_rows() -> None:
    lists = pa.array([[1], [2, 3], None, [4]], pa.list_(pa.int64()))
    structs = pa.array([{"a": 1}, {"a": 2}, None], pa.struct({"a": pa.int64()}))

    assert cells(lists.slice(1, 3)) == ["[2, 3]", None, "[4]"]
    assert cells(structs.slice(1, 2)) == ["{'a': 2}", None]


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("(-12345678901234567890123456789012345678901234567890)::BIGNUM", "-12345678901234567890123456789012345678901234567890"),
        ("0::BIGNUM", "0"),
        ("INTERVAL '14 months 3 days 04:05:06.5'", "1 year 2 months 3 days 04:05:06.500000"),
        ("INTERVAL '-1 month'", "-1 month"),
        ("INTERVAL '0 days'", "00:00:00"),
        ("'b'::ENUM('a', 'b')", "b"),
        ("uuid '6ba7b810-9dad-11d1-80b4-00c04fd430c8'", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ("TIMESTAMPTZ '2026-01-02 03:04:05.678+02'", "2026-01-02 01:04:05.678000+00"),
        ("'infinity'::DATE", "infinity"),
        ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
        ("NULL", None),
        ("[{'a': NULL, 'b': 'x'}]", "[{'a': NULL, 'b': 'x'}]"),
    ],
)
def test_what_duckdb_gives(sql: str, text: str | None) -> None:
    assert cells_of_rows(scratch().arrow(f"SELECT {sql}", large=True)) == ((text,),)


def test_numbers_are_right_aligned() -> None:
    schema = pa.schema({"a": pa.int8(), "b": pa.float64(), "c": pa.decimal128(9, 2), "d": pa.string(), "e": pa.bool_(), "f": pa.date32()})

    assert numeric_columns(schema) == (True, True, True, False, False, False)


def test_a_long_value_is_cut() -> None:
    ((cell,),) = cells_of_rows(pa.table({"a": ["x" * 100_000]}))

    assert cell is not None
    assert len(cell) == LONGEST
    assert cell.endswith("…")


@given(st.text())
@settings(max_examples=200)
def test_no_control_character_gets_through(text: str) -> None:
    shown = visible(text)

    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in shown)
    assert shown == text or not text.isprintable()


def test_a_table_without_columns_has_no_rows() -> None:
    assert cells_of_rows(pa.table({})) == ()
    assert cells_of_rows(pa.table({"a": pa.array([], pa.timestamp("us", tz="UTC"))})) == ()


def test_a_union_is_shown_as_the_member_that_it_is() -> None:
    session = scratch()
    kind = "UNION(x TIMESTAMP_NS, y VARCHAR, z BIGINT[])"
    values = ["union_value(x := timestamp_ns '2026-01-01 00:00:00.123456789')", "'a'", "NULL", "union_value(z := [1, NULL])"]
    table = session.arrow("SELECT unnest([" + ", ".join(f"{value}::{kind}" for value in values) + "]) AS u")
    shown = (("2026-01-01 00:00:00.123456789",), ("a",), (None,), ("[1, NULL]",))
    session.close()
    assert cells_of_rows(table) == shown
    assert cells_of_rows(table.slice(1, 3)) == shown[1:]
