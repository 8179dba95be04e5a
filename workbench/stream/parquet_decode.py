"""Parquet row groups to rows: columns by name, cast to their declared types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from workbench.errors import QueryCancelled, QueryError, WorkbenchError
from workbench.language.definitions import Expectation
from workbench.store.names import quote
from workbench.store.session import LARGE, Session
from workbench.stream.decode_lines import Positions
from workbench.stream.decode_types import Typed
from workbench.stream.judge import Judge, Judged, Reading
from workbench.stream.parquet_sound import spelled, unreadable
from workbench.stream.parquet_values import parquet_sql

NO_CAST = re.compile(r"(?:Binder|Conversion) Error: .*\bcast\b")
"""What DuckDB says when no value of the one type is one of the other."""


class ParquetDecoder:
    """A declared column that the file lacks is NULL; a value that is none of its type is `_type`."""

    def __init__(self, session: Session, columns: Sequence[Typed], rules: Sequence[Expectation], stream: str) -> None:
        self._session = session
        self._columns = columns
        self._rules = rules
        self._stream = stream
        self._judges: dict[Any, Judge] = {}

    def decode(self, table: pa.Table, schema: pa.Schema, where: str) -> Judged:
        """The rows of one row group.

        Args:
            table: made `sound`.
            schema: the types before that.
            where: the stream and the file, for an error.

        Raises:
            FlowError: an expectation cannot be judged, or a column cannot be read.
        """
        judge = self._judges.get(schema)
        try:
            with self._session.relation("_group", table):
                if judge is None:
                    judge = self._judges[schema] = self._judge(schema)
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

    def _judge(self, schema: pa.Schema) -> Judge:
        names = {name.lower(): name for name in reversed(schema.names)}
        types = [kind for _, kind in self._session.describe("SELECT * FROM _group")]
        kinds = {field.name: spelled(kind, field.type) for field, kind in reversed(list(zip(schema, types, strict=True)))}
        readings = [self._read(column, names.get(column.name.lower()), kinds) for column in self._columns]
        return Judge(self._session, readings, self._rules, self._stream, "false", "_group")

    def _read(self, column: Typed, name: str | None, kinds: dict[str, str]) -> Reading:
        if name is None:
            return Reading(column, f"NULL::{column.type}", "false")
        given = f"_group.{quote(name)}"
        value = parquet_sql(column.type, given, kinds[name])
        try:
            self._session.describe(f"SELECT {value} FROM _group")
        except QueryError as error:
            if not NO_CAST.match(error.message):
                raise
            value = f"NULL::{column.type}"
        return Reading(column, value, f"{given} IS NOT NULL")


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
