"""Parquet row groups to rows: columns by name, cast to their declared types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa

from workbench.errors import QueryError
from workbench.language.definitions import Expectation
from workbench.store.names import quote
from workbench.store.session import LARGE, Session
from workbench.stream.decode_lines import Positions
from workbench.stream.decode_types import TIMES, TIMESTAMPS, Typed, value_sql
from workbench.stream.judge import Judge, Judged, Reading
from workbench.stream.nesting import is_nested

REAL = ("DOUBLE", "FLOAT")
MOMENTS = (*TIMESTAMPS, "TIMESTAMP WITH TIME ZONE")


class ParquetDecoder:
    """A declared column that the file lacks is NULL; a value that cannot be cast to its type without loss is `_type`."""

    def __init__(self, session: Session, columns: Sequence[Typed], rules: Sequence[Expectation], stream: str) -> None:
        self._session = session
        self._columns = columns
        self._rules = rules
        self._stream = stream
        self._judges: dict[Any, Judge] = {}

    def decode(self, table: pa.Table) -> Judged:
        """The rows of one row group.

        Raises:
            FlowError: an expectation cannot be judged.
        """
        judge = self._judges.get(table.schema)
        with self._session.relation("_group", table):
            if judge is None:
                judge = self._judges[table.schema] = self._judge(table)
            return judge.judge(large=table.nbytes > LARGE)

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
        for value in (*_values(column, given, types[name]), f"NULL::{column.type}"):
            with suppress(QueryError):  # no value of the one type is one of the other
                self._session.describe(f"SELECT {value} FROM _group")
                break
        return Reading(column, value, f"{given} IS NOT NULL")


def _values(column: Typed, given: str, kind: str) -> Iterator[str]:
    """How a column is read off another of type `kind`, best first: texts as those of CSV are, nested values as those of JSON, and all
    else where the cast can be undone."""
    cast = f"try_cast({given} AS {column.type})"
    if kind == column.type or column.family == "text":
        yield f"{given}::{column.type}"
    elif kind == "VARCHAR":
        yield value_sql(column, given)
    elif column.type in REAL or (column.type in MOMENTS and kind in MOMENTS):
        yield cast  # the nearest number, and a time without what is finer than its type
    elif column.type not in TIMES or kind not in MOMENTS:
        undone = f"try_cast({cast} AS {kind}) IS NOT DISTINCT FROM {given}"
        if column.family == "nested" and is_nested(kind):
            judged = value_sql(column, "", "", f"to_json({given})")
            yield f"CASE WHEN {undone} THEN {cast} ELSE {judged} END"
            yield judged
        yield f"CASE WHEN {undone} THEN {cast} END"
