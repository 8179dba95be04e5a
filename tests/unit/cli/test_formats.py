"""An Arrow stream becomes CSV, JSON or Parquet, batch by batch, whatever its types."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from workbench.cli.formats import write_stream

SUM = pa.decimal128(38, 0)


def stream(table: pa.Table, rows: int = 2) -> io.BytesIO:
    """The table as an IPC stream of small batches."""
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    file.seek(0)
    return file


def converted(table: pa.Table, form: str) -> bytes:
    out = io.BytesIO()
    assert write_stream(stream(table), out, form) == table.num_rows
    return out.getvalue()


def column(value: Any, kind: pa.DataType) -> pa.Table:
    return pa.table({"x": pa.array([value], kind)})


ORDERS = pa.table({"country": ["DE", None, 'a "b", c'], "orders": [1, 2, 3], "at": pa.array([datetime(2026, 1, 1, 8, tzinfo=UTC)] * 3)})


def test_csv_has_one_header_and_empty_nulls() -> None:
    assert converted(ORDERS, "csv").decode() == (
        'country,orders,at\nDE,1,2026-01-01T08:00:00.000000Z\n,2,2026-01-01T08:00:00.000000Z\n"a ""b"", c",3,2026-01-01T08:00:00.000000Z\n'
    )


def test_ndjson_has_one_object_a_line() -> None:
    lines = [json.loads(line) for line in converted(ORDERS, "ndjson").splitlines()]
    assert lines[1] == {"country": None, "orders": 2, "at": "2026-01-01T08:00:00.000000Z"}
    assert len(lines) == 3


def test_json_is_one_array() -> None:
    assert [row["orders"] for row in json.loads(converted(ORDERS, "json"))] == [1, 2, 3]


def test_parquet_keeps_types() -> None:
    frame = pl.read_parquet(io.BytesIO(converted(ORDERS, "parquet")))
    assert frame.schema == {"country": pl.String, "orders": pl.Int64, "at": pl.Datetime("us", "UTC")}
    assert frame["orders"].to_list() == [1, 2, 3]


@pytest.mark.parametrize(("form", "empty"), [("csv", b"country,orders,at\n"), ("ndjson", b""), ("json", b"[]\n")])
def test_no_rows(form: str, empty: bytes) -> None:
    assert converted(ORDERS.slice(0, 0), form) == empty


@pytest.mark.parametrize(
    ("value", "kind", "in_json", "in_csv"),
    [
        (Decimal(12), SUM, 12, "12"),
        (Decimal(10**30), SUM, str(10**30), str(10**30)),
        (Decimal("1.50"), pa.decimal128(10, 2), "1.50", "1.50"),
        (float("nan"), pa.float64(), None, "NaN"),
        (date(2026, 1, 2), pa.date32(), "2026-01-02", "2026-01-02"),
        (time(8, 0, 1, 500000), pa.time64("us"), "08:00:01.500000", "08:00:01.500000"),
        (datetime.fromisoformat("2026-01-01"), pa.timestamp("us"), "2026-01-01T00:00:00.000000", "2026-01-01T00:00:00.000000"),
        ([1, None], pa.list_(pa.int32()), [1, None], '"[1,null]"'),
        ({"a": 1}, pa.struct([("a", pa.int32())]), {"a": 1}, '"{""a"":1}"'),
        ([("k", 1)], pa.map_(pa.string(), pa.int32()), {"k": 1}, '"{""k"":1}"'),
        (b"\x00\xffa\\", pa.binary(), "\\x00\\xFFa\\x5C", "\\x00\\xFFa\\x5C"),
        (pa.MonthDayNano([1, 2, 3_500_000_000]), pa.month_day_nano_interval(), "P1M2DT3.500000S", "P1M2DT3.500000S"),
        ("a", pa.dictionary(pa.int8(), pa.string()), "a", "a"),
        (None, pa.null(), None, ""),
    ],
    ids=str,
)
def test_values(value: Any, kind: pa.DataType, in_json: Any, in_csv: str) -> None:
    table = column(value, kind)
    assert json.loads(converted(table, "ndjson")) == {"x": in_json}
    assert converted(table, "csv").decode().split("\n")[1] == in_csv
    assert len(pl.read_parquet(io.BytesIO(converted(table, "parquet")))) == 1


def test_columns_of_one_name_are_all_kept() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["n", "n"])
    assert json.loads(converted(table, "ndjson")) == {"n": 1, "n_2": 2}
    assert converted(table, "csv") == b"n,n_2\n1,2\n"


NANOSECONDS = "'2026-01-01 00:00:00.123456789'::TIMESTAMP_NS"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (f"[{NANOSECONDS}, NULL]", ["2026-01-01T00:00:00.123456789", None]),
        (f"union_value(a := {NANOSECONDS})", "2026-01-01T00:00:00.123456789"),
        (f"{{'a': map {{{NANOSECONDS}: [1]}}}}", {"a": {"2026-01-01T00:00:00.123456789": [1]}}),
        ("['10:00:00.000000001'::TIME_NS]", ["10:00:00.000000001"]),
        ("['290000-01-01 10:00:00Z'::TIMESTAMPTZ, '2026-01-01 10:00:00Z']", ["290000-01-01T10:00:00.000000Z", "2026-01-01T10:00:00Z"]),
        ("['infinity'::TIMESTAMP, '-infinity']", ["infinity", "-infinity"]),
        ("'99999-01-01'::DATE", "99999-01-01"),
        ("'infinity'::DATE", "infinity"),
        ("'infinity'::TIMESTAMPTZ", "infinity"),
    ],
)
def test_times_that_python_has_not_are_written_as_they_are(value: str, told: object) -> None:
    with duckdb.connect() as connection:
        table = connection.sql(f"SELECT {value} AS x").to_arrow_table()
    assert json.loads(converted(table, "ndjson")) == {"x": told}
    written = told if isinstance(told, str) else json.dumps(told, separators=(",", ":"))
    assert next(iter(csv.DictReader(io.StringIO(converted(table, "csv").decode())))) == {"x": written}


def test_a_far_date_among_others_is_written_like_them() -> None:
    with duckdb.connect() as connection:
        table = connection.sql("FROM (VALUES ('99999-01-01'::DATE), ('2026-01-01'), (NULL)) AS v(x)").to_arrow_table()
    assert converted(table, "csv").decode() == "x\n99999-01-01\n2026-01-01\n\n"


def test_a_far_time_leaves_the_others_as_they_are() -> None:
    with duckdb.connect() as connection:
        table = connection.sql("FROM (VALUES ('infinity'::TIMESTAMP), ('2026-01-01'), (NULL)) AS v(x)").to_arrow_table()
    assert converted(table, "csv").decode() == "x\ninfinity\n2026-01-01T00:00:00.000000\n\n"
