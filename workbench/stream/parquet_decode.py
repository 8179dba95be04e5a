"""Parquet row groups to rows: columns by name, cast to their declared types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from workbench.language.definitions import Expectation
from workbench.store.names import quote
from workbench.store.session import LARGE, Session
from workbench.stream.decode_lines import Positions
from workbench.stream.decode_types import WHOLE, Typed
from workbench.stream.judge import Judge, Judged, Reading


class ParquetDecoder:
    """A declared column that the file lacks is NULL; a value that cannot be cast without loss to a whole number is `_type`."""

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
        readings = [_reading(column, names.get(column.name.lower()), types) for column in self._columns]
        return Judge(self._session, readings, self._rules, self._stream, "false", "_group")


def _reading(column: Typed, name: str | None, types: dict[str, str]) -> Reading:
    if name is None:
        return Reading(column, f"NULL::{column.type}", "false")
    given = f"_group.{quote(name)}"
    value = f"try_cast({given} AS {column.type})"
    if column.type in WHOLE and types[name].startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        value = f"CASE WHEN {given} = trunc({given}) THEN {value} END"
    return Reading(column, value, f"{given} IS NOT NULL")
