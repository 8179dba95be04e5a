"""A query's result as text or as a file, written record batch by record batch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

KINDS = pa.types
ENDLESS = {32: (1 << 31) - 1, 64: (1 << 63) - 1}
"""By the bits of a time: what DuckDB's infinity is."""


class Writer(Protocol):
    """Takes the batches of one result; `close` writes what comes after the last."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


class CsvWriter:
    """RFC 4180 with a header; nested values are JSON text, NULL is empty."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file
        self._header = True
        self._schema = schema

    def write(self, batch: pa.RecordBatch) -> None:
        arrays = [_plain(column) if _simple(column.type) else _as_text(column) for column in batch.columns]
        frame = _frame(pa.Table.from_arrays(arrays, _unique(batch.schema.names)))
        # By way of a string: Polars writes into the descriptor itself, and hides which error a closed pipe is.
        self._file.write(frame.write_csv(include_header=self._header).encode())
        self._header = False

    def close(self) -> None:
        if self._header:
            self.write(pa.RecordBatch.from_pylist([], schema=self._schema))


class NdjsonWriter:
    """One JSON object a line. Decimals are strings, so that none loses a digit; times are ISO 8601."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file
        self._fast = all(_simple(field.type) for field in schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._file.write(self.lines(batch))

    def lines(self, batch: pa.RecordBatch) -> bytes:
        """The batch's rows, each ended by a newline."""
        arrays = [_whole(_plain(column)) if _simple(column.type) else column for column in batch.columns]
        table = pa.Table.from_arrays(arrays, _unique(batch.schema.names))
        if self._fast:
            return _frame(table).write_ndjson().encode()
        return "".join(f"{_dumps(row)}\n" for row in _python(table.to_struct_array())).encode()

    def close(self) -> None:
        """Nothing comes after the last line."""


class JsonWriter:
    """One JSON array of objects, one object a line."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file
        self._ndjson = NdjsonWriter(file, schema)
        self._begin = b"[\n"

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._file.write(self._begin + self._ndjson.lines(batch).rstrip(b"\n").replace(b"\n", b",\n"))
            self._begin = b",\n"

    def close(self) -> None:
        self._file.write(b"[]\n" if self._begin == b"[\n" else b"\n]\n")


class ParquetWriter:
    """One Parquet file; types that Parquet lacks are text."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        from pyarrow import parquet

        self._odd = [KINDS.is_union(field.type) or KINDS.is_interval(field.type) for field in schema]
        fields = [pa.field(f.name, pa.string()) if odd else f for f, odd in zip(schema, self._odd, strict=True)]
        self._schema = pa.schema(fields)
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        arrays = [_as_text(column) if odd else column for column, odd in zip(batch.columns, self._odd, strict=True)]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


WRITERS: dict[str, Callable[[BinaryIO, pa.Schema], Writer]] = {
    "csv": CsvWriter,
    "ndjson": NdjsonWriter,
    "json": JsonWriter,
    "parquet": ParquetWriter,
}


def write_stream(source: BinaryIO, target: BinaryIO, form: str) -> int:
    """Turn an Arrow IPC stream into another format; the number of rows."""
    with pa.ipc.open_stream(source) as reader:
        writer = WRITERS[form](target, reader.schema)
        rows = 0
        for batch in reader:
            rows += batch.num_rows
            writer.write(batch)
        writer.close()
    return rows


def _simple(kind: pa.DataType) -> bool:
    """Do Polars' writers take it as it is?"""
    tests = (
        KINDS.is_integer, KINDS.is_floating, KINDS.is_boolean, KINDS.is_string, KINDS.is_large_string, KINDS.is_decimal,
        KINDS.is_timestamp, KINDS.is_date, KINDS.is_time, KINDS.is_null, KINDS.is_dictionary,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _unique(names: list[str]) -> list[str]:
    """Of equal names the later ones get a number: no frame and no JSON object can hold both."""
    seen: dict[str, int] = {}
    unique: list[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique


def _plain(column: pa.Array) -> pa.Array:
    """Times as ISO 8601 text with microseconds, enums as their text."""
    if KINDS.is_timestamp(column.type) or KINDS.is_date(column.type):
        text = pc.replace_substring(pc.cast(column, pa.string()), " ", "T")
        if all(_fits(value) for value in pc.min_max(column).values()):
            return text
        return pa.array([t if _fits(v) else _value(_deep(v)) for t, v in zip(text.to_pylist(), column, strict=True)], pa.string())
    if KINDS.is_time(column.type) or KINDS.is_dictionary(column.type):
        return pc.cast(column, pa.string())
    return column


def _whole(column: pa.Array) -> pa.Array:
    """Decimals without a fraction (a sum of whole numbers) as whole numbers, where all of the batch fit."""
    if KINDS.is_decimal(column.type) and column.type.scale == 0:
        try:
            return pc.cast(column, pa.int64())
        except pa.ArrowInvalid:
            return column
    return column


def _as_text(column: pa.Array) -> pa.Array:
    """Values that a table of text cannot hold, as JSON, or as they are when they are text already."""
    values = (_value(value) for value in _python(column))
    return pa.array([v if v is None or isinstance(v, str) else _dumps(v) for v in values], pa.string())


def _python(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    try:
        return cast("list[Any]", column.to_pylist(maps_as_pydicts="lossy"))
    except (ValueError, OverflowError):  # Python has neither nanoseconds nor years after 9999
        return [_deep(value) for value in column]


def _fits(value: pa.Scalar) -> bool:
    """Whether a date or timestamp is in a year from 1 to 9999."""
    if not value.is_valid or (KINDS.is_timestamp(value.type) and value.type.unit == "ns"):
        return not value.is_valid or abs(value.value) != ENDLESS[64]
    try:
        value.as_py()
    except (ValueError, OverflowError):
        return False
    return True


def _deep(value: pa.Scalar) -> Any:
    """The same value by value; a time that Python has not is ISO 8601 text."""
    if not value.is_valid:
        return None
    if KINDS.is_struct(value.type):
        return {name: _deep(part) for name, part in value.items()}
    if KINDS.is_map(value.type):
        return {_value(_deep(pair["key"])): _deep(pair["value"]) for pair in value.values}
    if KINDS.is_nested(value.type):
        return _deep(value.value) if KINDS.is_union(value.type) else [_deep(part) for part in value.values]
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        if KINDS.is_time(value.type):
            return pc.cast(value, pa.string()).as_py()
        if abs(value.value) == ENDLESS[value.type.bit_width]:
            return "infinity" if value.value > 0 else "-infinity"
        if KINDS.is_date(value.type):
            return str(np.datetime64(value.value, "D"))
        return f"{np.datetime64(value.value, value.type.unit)}{'Z' if value.type.tz else ''}"


def _dumps(value: Any) -> str:
    return json.dumps(_value(value), ensure_ascii=False, separators=(",", ":"), default=str)


def _value(value: Any) -> Any:
    """A value of any depth with JSON's types only."""
    if isinstance(value, dict):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, pa.MonthDayNano):
        return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:.6f}S"
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, bytes):
        return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02X}" for b in value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
