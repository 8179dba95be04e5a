"""Parquet row groups to rows: columns by name, cast to their declared types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from workbench.errors import QueryCancelled, QueryError, WorkbenchError
from workbench.language.definitions import Expectation
from workbench.store.names import literal, quote
from workbench.store.session import LARGE, Session
from workbench.stream.decode_lines import Positions
from workbench.stream.decode_types import INTERVAL_HOURS, TIMES, TIMESTAMPS, Typed, value_sql
from workbench.stream.judge import Judge, Judged, Reading
from workbench.stream.nested_text import once_sql
from workbench.stream.nesting import any_sql, is_nested, leaves, parts, shape_of
from workbench.stream.parquet_sound import unreadable

REAL = ("DOUBLE", "FLOAT")
NANOSECONDS = ("TIMESTAMP_NS", "TIMESTAMPTZ_NS")
MOMENTS = (*TIMESTAMPS, "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
STEPS = {"TIMESTAMP_S": "second", "TIMESTAMP_MS": "millisecond"}
NO_CAST = re.compile(r"(?:Binder|Conversion) Error: .*\bcast\b")
"""What DuckDB says when no value of the one type is one of the other."""


class ParquetDecoder:
    """A declared column that the file lacks is NULL; a value that cannot be cast to its type without loss is `_type`."""

    def __init__(self, session: Session, columns: Sequence[Typed], rules: Sequence[Expectation], stream: str) -> None:
        self._session = session
        self._columns = columns
        self._rules = rules
        self._stream = stream
        self._judges: dict[Any, Judge] = {}

    def decode(self, table: pa.Table, where: str) -> Judged:
        """The rows of one row group.

        Args:
            where: the stream and the file, for an error.

        Raises:
            FlowError: an expectation cannot be judged, or a column cannot be read.
        """
        judge = self._judges.get(table.schema)
        try:
            with self._session.relation("_group", table):
                if judge is None:
                    judge = self._judges[table.schema] = self._judge(table)
                return judge.judge(large=table.nbytes > LARGE)
        except QueryCancelled:
            raise
        except QueryError as error:
            raise refused(self._session, table, where, error) from error

    def raw(self, table: pa.Table, rows: Positions) -> Any:
        """Some rows as JSON objects, binary[k]."""
        with self._session.relation("_group", table.take(pa.array(rows))):
            found = self._session.arrow("SELECT to_json(_group)::VARCHAR AS raw FROM _group")
        return found.column(0).combine_chunks().cast(pa.binary())

    def _judge(self, table: pa.Table) -> Judge:
        names = {name.lower(): name for name in reversed(table.column_names)}
        types = dict(self._session.describe("SELECT * FROM _group"))
        readings = [self._read(column, names.get(column.name.lower()), types) for column in self._columns]
        return Judge(self._session, readings, self._rules, self._stream, "false", "_group")

    def _read(self, column: Typed, name: str | None, types: dict[str, str]) -> Reading:
        if name is None:
            return Reading(column, f"NULL::{column.type}", "false")
        given = f"_group.{quote(name)}"
        for value in _values(column, given, types[name]):
            try:
                self._session.describe(f"SELECT {value} FROM _group")
            except QueryError as error:
                if not NO_CAST.match(error.message):
                    raise
            else:
                return Reading(column, value, f"{given} IS NOT NULL")
        return Reading(column, f"NULL::{column.type}", f"{given} IS NOT NULL")


def refused(session: Session, table: pa.Table, where: str, error: QueryError) -> WorkbenchError:
    """The error for the first column that DuckDB cannot read; `error` itself when it reads each alone."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            with session.relation("_column", pa.table([column], names=["value"])):
                session.arrow("SELECT value FROM _column")
        except QueryCancelled:
            raise
        except QueryError as cause:
            return unreadable(where, name, column.type, cause)
    return error


def _values(column: Typed, given: str, kind: str) -> Iterator[str]:
    """How a column is read off another of type `kind`, best first: texts as those of CSV are, nested values as those of JSON, and all
    else where the cast can be undone; an interval must be one that Arrow carries."""
    cast = f"try_cast({given} AS {column.type})"
    short = f" AND NOT {_too_long(column.type, cast)}" if "INTERVAL" in leaves(column.type) else ""
    if column.family == "text" or (kind == column.type and not short):
        yield f"{given}::{column.type}"
    elif kind == "VARCHAR":
        yield value_sql(column, given)
    elif column.type in REAL:
        yield cast  # the nearest number
    elif column.type in MOMENTS and kind in MOMENTS:
        yield _moment(column.type, given, kind)
    elif kind == "TIME_NS" and column.type in TIMES:
        yield f"try_cast(try_cast({given}::VARCHAR AS TIME) AS {column.type})"
    elif column.type not in TIMES or kind not in MOMENTS:
        undone = f"try_cast({cast} AS {kind}) IS NOT DISTINCT FROM {given}{short}"
        if column.family == "nested" and is_nested(kind):
            judged = once_sql(f"to_json({given})", "_json", value_sql(column, "", "", "_json"))
            yield f"CASE WHEN {undone} THEN {cast} ELSE {judged} END"
            yield judged
        yield f"CASE WHEN {undone} THEN {cast} END"


def _moment(kind: str, given: str, of: str) -> str:
    """A time as another type, without what is finer than that: casts would round it, and DuckDB lacks some."""
    if kind in NANOSECONDS:
        return f"try_cast({given} AS {kind})"
    if of in NANOSECONDS:
        given = f"make_timestamp(epoch_ns({given}) // 1000 - (epoch_ns({given}) % 1000 < 0)::BIGINT)"
    return f"try_cast({f'date_trunc({literal(STEPS[kind])}, {given})' if kind in STEPS else given} AS {kind})"


def _too_long(kind: str, value: str, depth: int = 0) -> str:
    """SQL that is TRUE where an interval in a value is longer than one that Arrow carries, else FALSE."""
    inside = [(name, part) for name, part in parts(kind) if "INTERVAL" in leaves(part)]
    item = f"_item{depth}"
    match shape_of(kind):
        case "scalar":
            return f"coalesce(abs(hour({value})) >= {INTERVAL_HOURS}, false)"
        case "list" | "array":
            return any_sql(f"{value}::{inside[0][1]}[]", item, _too_long(inside[0][1], item, depth + 1))
        case "map":
            halves = [
                any_sql(f"{half}({value})", item, _too_long(part, item, depth + 1))
                for half, (_, part) in zip(("map_keys", "map_values"), parts(kind), strict=True)
                if "INTERVAL" in leaves(part)
            ]
            return f"({' OR '.join(halves)})"
        case shape:
            extract = "union_extract" if shape == "union" else "struct_extract"
            return f"({' OR '.join(_too_long(part, f'{extract}({value}, {literal(name)})', depth) for name, part in inside)})"
