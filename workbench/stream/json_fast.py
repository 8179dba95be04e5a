"""The fast way to decode JSON lines: DuckDB's own reader on the chunk's memory, and a test of what it cannot vouch for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.language.definitions import Expectation
from workbench.store.names import literal
from workbench.store.session import LARGE, Session
from workbench.stream.decode_types import TIMESTAMPS, WHOLE, Typed, instant_sql, value_sql
from workbench.stream.judge import Judged
from workbench.stream.validate import kept_sql, rule_mask_sql

DOUBT = (1 << 64) - 1
"""The mask of a row that the exact way must judge: no row breaks every rule."""

NATIVE = ("whole", "real", "time", "string")
"""Families that the reader types by itself; NULL is then doubtful, and of numbers 0 and 1 (they may be false and true)."""

NUMBERS = count(1)
"""For the names of prepared statements: planning the query at every chunk would cost 2 ms."""

OFTEN = 0.01
"""Share of rows from which right but doubtful values cost more than reading their column as JSON text does."""


@dataclass(frozen=True, slots=True)
class Read:
    """One column of the fast query: what the reader gives, the value made of it, and when that is certainly right.

    `value` is SQL over the reader's columns; `clean` over the values, and over what was read under another name."""

    type: str
    value: str
    clean: str = ""


class JsonFast:
    """One pass of `read_json` over a chunk; row i of the answer is line i that is not blank.

    A line that the reader cannot parse becomes a row of NULLs, which is doubtful by design. The reader's casts are lossy
    (10.7 becomes 11, true becomes 1), so a whole number is read as DOUBLE and trusted only where it cannot be such a loss.
    """

    def __init__(self, session: Session, columns: Sequence[Typed], rules: Sequence[Expectation]) -> None:
        self.session = session
        self.columns = tuple(columns)
        required = [column.name for column in columns if column.not_null]
        self.rules = rule_mask_sql(rules, required)
        self.kept = kept_sql(rules, required)
        self.as_text: set[str] = set()
        self._prepared: dict[str, str] = {}

    def decode(self, path: str, length: int) -> Judged:
        """Every line of a file that is not blank, with DOUBT where the answer is not sure.

        Raises:
            QueryError: the reader gave up (an expectation failed on a value, a line was too long); the exact way can tell.
        """
        if path not in self._prepared:
            name = f"_fast_{next(NUMBERS)}"
            self.session.execute(f"PREPARE {name} AS {self._sql(path)}")
            self._prepared[path] = name
        table = self.session.arrow(f"EXECUTE {self._prepared[path]}", large=length > LARGE)
        return Judged(table.select([column.name for column in self.columns]), table.column("_mask").to_numpy().copy())

    def learn(self, right: pa.Table, lines: int) -> bool:
        """Read columns as JSON text from now on that made many of `lines` doubtful although they were right; True when there are any."""
        before = len(self.as_text)
        if right.num_rows <= OFTEN * lines:
            return False
        for column in self.columns:
            if column.name in self.as_text or column.family not in NATIVE:
                continue
            values = right.column(column.name)
            doubted = values.null_count
            if column.family in ("whole", "real"):
                doubted += pc.sum(pc.is_in(values, pa.array([0, 1]).cast(values.type))).as_py() or 0
            if doubted > OFTEN * lines:
                self.as_text.add(column.name)
                self._forget()
        return len(self.as_text) > before

    def _forget(self) -> None:
        """The query is another one from now on."""
        for name in self._prepared.values():
            self.session.execute(f"DEALLOCATE {name}")
        self._prepared.clear()

    def _sql(self, path: str) -> str:
        """What is sure is asked where it decides, not as a column of its own: that took 3 % longer."""
        reads = [(column, self._read(column, f'"_read {index}"')) for index, column in enumerate(self.columns)]
        declared = ", ".join(f"{column.sql}: {literal(read.type)}" for column, read in reads)
        values = ", ".join(f"{read.value} AS {column.sql}" for column, read in reads)
        others = "".join(f', {column.sql} AS "_read {index}"' for index, (column, read) in enumerate(reads) if read.clean)
        clean = [f"({read.clean})" for _, read in reads if read.clean]
        if not any(self._is_native(column) for column in self.columns):
            clean.append("(" + " OR ".join(f"{column.sql} IS NOT NULL" for column in self.columns) + ")")
        sure = " AND ".join(clean)
        return (
            f"SELECT {', '.join(column.sql for column in self.columns)}, (CASE WHEN {sure} AND {self.kept} THEN 0"
            f" WHEN {sure} THEN {self.rules} ELSE {DOUBT} END)::UBIGINT AS _mask FROM (SELECT {values}{others} FROM"
            f" read_json({literal(path)}, format = 'newline_delimited', records = 'true', ignore_errors = true, columns = {{{declared}}}))"
        )

    def _is_native(self, column: Typed) -> bool:
        return column.family in NATIVE and column.name not in self.as_text

    def _read(self, column: Typed, read: str) -> Read:
        name = column.sql
        if column.family in ("text", "json"):
            return Read("VARCHAR" if column.family == "text" else "JSON", name)
        if not self._is_native(column):
            return _read_as_text(column, read)
        if column.type in WHOLE:
            low, high = WHOLE[column.type]
            return Read("DOUBLE", f"try_cast({name} AS {column.type})", f"trunc({read}) = {read} AND {_between(read, low, high)}")
        if column.family == "real":
            value = name if column.type == "DOUBLE" else f"try_cast({name} AS {column.type})"
            return Read("DOUBLE", value, f"{read} <> 0 AND {read} <> 1 AND abs({read}) < {'1e308' if column.type == 'DOUBLE' else '3e38'}")
        if column.type in TIMESTAMPS:
            return Read("TIMESTAMPTZ", instant_sql(column.type, name), f"{name} IS NOT NULL")
        return Read(column.type, name, f"isfinite({read})" if column.family == "time" else f"{read} IS NOT NULL")


def _between(name: str, low: int, high: int) -> str:
    if low == -high:
        return f"abs({name}) BETWEEN 2 AND {high}"
    return f"{name} BETWEEN {low} AND {high} AND {name} NOT IN (0, 1)"


def _read_as_text(column: Typed, read: str) -> Read:
    """The value as it was written, judged as the exact way does; an escape in a string is left to that way."""
    name = column.sql
    quoted = f"starts_with({name}::VARCHAR, '\"')"
    text = f"(CASE WHEN NOT {quoted} THEN {name}::VARCHAR WHEN NOT contains({name}::VARCHAR, '\\') THEN ({name}::VARCHAR)[2:-2] END)"
    return Read("JSON", value_sql(column, text, quoted, name), f"{read} IS NULL OR {name} IS NOT NULL")


def unknown_fields(data: Any, starts: Any, known: pa.Table) -> Any:
    """Which lines may have a field beyond their `known` ones that is not null: never too few, seldom too many.

    Every key is followed by a colon with a quote or a space before it. So when a line has no more such colons than its
    columns have values, each colon belongs to a column. Colons before a null count neither here nor there.
    """
    colons = np.flatnonzero(data == ord(":"))
    before = data[colons - 1]
    colons = colons[(before == ord('"')) | (before <= ord(" "))]
    first = colons + 1
    first[data[first] <= ord(" ")] += 1
    second = np.minimum(first + 1, len(data) - 1)
    colons = colons[(data[np.minimum(first, len(data) - 1)] != ord("n")) | (data[second] != ord("u"))]
    fields = np.diff(np.searchsorted(colons, starts))
    values = np.zeros(len(starts) - 1, np.int64)
    for column in known.columns:
        values += 1 if column.null_count == 0 else column.is_valid().to_numpy()
    return fields > values
