"""The fast way to decode JSON lines: DuckDB's own reader on the chunk's memory, and a test of what it cannot vouch for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.language.definitions import Expectation
from workbench.store.names import literal
from workbench.store.session import LARGE, Prepared, Session
from workbench.stream import vouched
from workbench.stream.decode_types import EXACT_DOUBLE, TIMES, TIMESTAMPS, WHOLE, WIDE, Typed, instant_sql, value_sql
from workbench.stream.judge import Judged
from workbench.stream.validate import held_sqls

DOUBT = (1 << 64) - 1
"""The mask of a row that the exact way must judge: no row breaks every rule."""

NATIVE = ("whole", "real", "time", "string")
"""Families that the reader types by itself; NULL is then doubtful, and of numbers 0 and 1 (they may be false and true)."""

BENT = (*TIMES, "TIMESTAMP_NS")
"""Types of those families that the reader bends: it drops a date, or nanoseconds. They are read as text."""

"""For the names of prepared statements: planning the query at every chunk would cost 2 ms."""

OFTEN = 0.01
"""Share of rows from which right but doubtful values cost more than reading their column as JSON text does."""


@dataclass(frozen=True, slots=True)
class Read:
    """One column of the fast query: what the reader gives, the value made of it, and when that is certainly right.

    `value` is SQL over the reader's columns; `clean` over the values, and over what was read under another name. `check` takes the
    value, or what was read where it makes the value of that (`as_read`)."""

    type: str
    value: str
    clean: str = ""
    check: vouched.Check | None = None
    as_read: bool = False


class JsonFast:
    """One pass of `read_json` over a chunk; row i of the answer is line i that is not blank.

    A line that the reader cannot parse becomes a row of NULLs, which is doubtful by design. The reader's casts are lossy
    (10.7 becomes 11, true becomes 1), so a whole number is read as DOUBLE and trusted only where it cannot be such a loss.
    """

    def __init__(self, session: Session, columns: Sequence[Typed], rules: Sequence[Expectation]) -> None:
        self.session = session
        self.columns = tuple(columns)
        required = [column.name for column in columns if column.not_null]
        self.rules = held_sqls(rules, required)
        self.as_text: set[str] = set()
        self._prepared: dict[str, Prepared] = {}

    def decode(self, path: str, length: int) -> Judged:
        """Every line of a file that is not blank, with DOUBT where the answer is not sure.

        Raises:
            QueryError: the reader gave up (an expectation failed on a value, a line was too long); the exact way can tell.
        """
        if path not in self._prepared:
            self._prepared[path] = self.session.prepare(self._sql(path))
        return self._judged(self.session.arrow(self._prepared[path].run, large=length > LARGE))

    def _judged(self, found: pa.Table) -> Judged:
        mask, sure = np.zeros(found.num_rows, np.uint64), np.ones(found.num_rows, np.bool_)
        values: list[pa.ChunkedArray] = []
        fields: list[pa.Field] = []
        for column, read in zip(self.columns, found.columns, strict=False):
            check = self._read(column, "").check
            values.append(read if check is None else vouched.taken(read, check, sure))
            fields.append(found.field(len(fields)).with_name(column.name).with_type(values[-1].type))
        tests = found.columns[len(self.columns) :]
        for (bit, _), held in zip(self.rules, tests, strict=False):
            mask[vouched.broken(held)] |= np.uint64(bit)
        for clean in tests[len(self.rules) :]:
            sure[vouched.broken(clean)] = False
        mask[~sure] = DOUBT
        return Judged(pa.table(values, schema=pa.schema(fields)), mask)

    def learn(self, right: pa.Table, lines: int) -> bool:
        """Read columns as JSON text from now on that made many of `lines` doubtful although they were right; True when there are any."""
        before = len(self.as_text)
        if right.num_rows <= OFTEN * lines:
            return False
        for column in self.columns:
            if not self._is_native(column):
                continue
            values = right.column(column.name)
            doubted = values.null_count
            if column.family in ("whole", "real"):
                doubted += pc.sum(pc.is_in(values, pa.array([0, 1]).cast(values.type))).as_py() or 0
            if doubted > OFTEN * lines:
                self.as_text.add(column.name)
                self._prepared.clear()  # the query is another one from now on
        return len(self.as_text) > before

    def _sql(self, path: str) -> str:
        """The columns, then whether each rule is held, then, where SQL has to tell, whether the row is sure."""
        reads = [(column, self._read(column, f'"_read {index}"')) for index, column in enumerate(self.columns)]
        declared = ", ".join(f"{column.sql}: {literal(read.type)}" for column, read in reads)
        values = ", ".join(f"{read.value} AS {column.sql}" for column, read in reads)
        others = "".join(f', {column.sql} AS "_read {index}"' for index, (column, read) in enumerate(reads) if read.clean or read.as_read)
        clean = [f"({read.clean})" for _, read in reads if read.clean]
        if not any(self._is_native(column) for column in self.columns):
            clean.append("(" + " OR ".join(f"{column.sql} IS NOT NULL" for column in self.columns) + ")")
        given = [f'"_read {index}"' if read.as_read else column.carried for index, (column, read) in enumerate(reads)]
        given += [held for _, held in self.rules]
        given += [f"({' AND '.join(clean)})"] if clean else []
        return (
            f"SELECT {', '.join(given)} FROM (SELECT {values}{others} FROM"
            f" read_json({literal(path)}, format = 'newline_delimited', records = 'true', ignore_errors = true, columns = {{{declared}}}))"
        )

    def _is_native(self, column: Typed) -> bool:
        return column.family in NATIVE and column.type not in BENT and column.name not in self.as_text

    def _read(self, column: Typed, read: str) -> Read:
        name = column.sql
        if column.family == "text":
            return Read("VARCHAR", name)
        if column.family == "json":
            return Read("JSON", value_sql(column, name, json=name), f"{read} IS NULL OR {name} IS NOT NULL")
        if not self._is_native(column):
            return _read_as_text(column, read)
        if column.type in WHOLE:
            low, high = WHOLE[column.type]
            value = f"try_cast({name} AS {column.type})"
            if column.type in vouched.WHOLE:
                return Read("DOUBLE", value, check=vouched.whole(column.type, low, high), as_read=True)
            return Read("DOUBLE", value, f"trunc({read}) = {read} AND {read} BETWEEN {low} AND {high} AND {read} NOT IN (0, 1)")
        if column.type == "DOUBLE":
            return Read("DOUBLE", name, check=vouched.real)
        if column.type == "FLOAT":
            return Read("DOUBLE", f"try_cast({name} AS FLOAT)", f"{read} <> 0 AND {read} <> 1 AND abs({read}) < 3e38")
        if column.type in (*TIMESTAMPS, "DATE"):
            return Read("TIMESTAMPTZ", instant_sql(column.type, name), check=vouched.present)
        if column.type == "TIMESTAMP WITH TIME ZONE":
            return Read(column.type, name, check=vouched.moment)
        return Read(column.type, name, check=vouched.present)


def _read_as_text(column: Typed, read: str) -> Read:
    """The value as it was written, judged as the exact way does; an escape in a string is left to that way."""
    name = column.sql
    quoted = f"starts_with({name}::VARCHAR, '\"')"
    text = f"(CASE WHEN NOT {quoted} THEN {name}::VARCHAR WHEN NOT contains({name}::VARCHAR, '\\') THEN ({name}::VARCHAR)[2:-2] END)"
    clean = f"{read} IS NULL OR {name} IS NOT NULL"
    if column.type in WHOLE and column.type in WIDE:
        large = f"abs({name}) > {EXACT_DOUBLE} AND regexp_matches({read}::VARCHAR, '[.eE]')"
        clean = f"({clean}) AND NOT coalesce({large}, false)"
    return Read("JSON", value_sql(column, text, quoted, name), clean)


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
        if pa.types.is_union(column.type):  # whose NULLs Arrow does not count
            continue
        values += 1 if column.null_count == 0 else column.is_valid().to_numpy()
    return fields > values
