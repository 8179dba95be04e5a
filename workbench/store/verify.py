"""The sums that must always hold, checked over what is stored."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from workbench.language.definitions import Column, RunningState
from workbench.store.catalog import Entry
from workbench.store.names import literal, public, stored
from workbench.store.session import Session
from workbench.store.state import recompute

TOLERANCE = 1e-9
"""Relative; a DOUBLE sum gives several values in DuckDB itself, by the order of its rows."""


def check_stream(session: Session, entry: Entry) -> list[str]:
    """Broken sums of one streaming table, in words; empty when all hold."""
    name = literal(entry.name)
    totals = session.execute(
        f'SELECT rows_in, accepted, rejected, filtered, blank, multiplied, "offset" FROM _system.streams WHERE name = {name}'
    )
    if not totals:
        return [f"{entry.name}: it has no counters"]
    rows_in, accepted, rejected, filtered, blank, multiplied, offset = totals[0]
    history = session.execute(
        "SELECT coalesce(sum(rows_in), 0), coalesce(sum(accepted), 0), coalesce(sum(rejected), 0), coalesce(sum(filtered), 0),"
        f" coalesce(sum(blank), 0), coalesce(sum(multiplied), 0), coalesce(sum(bytes), 0) FROM _system.commits WHERE stream = {name}"
    )[0]
    stored_rows = session.execute(f"SELECT count(*) FROM {stored(entry.name)}")[0][0]
    quarantined = session.execute(f"SELECT count(*), count(DISTINCT id) FROM _system.quarantine WHERE stream = {name}")[0]
    wrong = []
    if rows_in + multiplied != accepted + rejected + filtered + blank:
        wrong.append(
            f"{entry.name}: {rows_in:,} records in + {multiplied:,} multiplied are not"
            f" {accepted:,} accepted + {rejected:,} rejected + {filtered:,} filtered + {blank:,} blank"
        )
    if stored_rows != accepted:
        wrong.append(f"{entry.name}: {accepted:,} accepted, but {stored_rows:,} rows are stored")
    if quarantined != (rejected, rejected):
        wrong.append(f"{entry.name}: {rejected:,} rejected, but quarantine holds {quarantined[0]:,} ({quarantined[1]:,} distinct)")
    if tuple(history) != (rows_in, accepted, rejected, filtered, blank, multiplied, offset):
        wrong.append(f"{entry.name}: its commits add up to {tuple(history)}, its counters say {totals[0]}")
    return wrong + _check_spans(session, entry.name)


def _check_spans(session: Session, stream: str) -> list[str]:
    """Every byte of every file was committed once: spans neither overlap nor leave a gap, and end at the offset."""
    rows = session.execute(
        "WITH s AS (SELECT id, unnest(spans, recursive := true) FROM _system.commits WHERE stream = ?),"
        ' o AS (SELECT *, lag("to") OVER (PARTITION BY file_id ORDER BY "from", "to") AS before FROM s)'
        ' SELECT file_id, "from", before FROM o WHERE before IS NOT NULL AND before <> "from" LIMIT 5',
        [stream],
    )
    wrong = [f"{stream}: {file}: after byte {before:,} the next commit begins at {start:,}" for file, start, before in rows]
    ends = session.execute(
        "WITH s AS (SELECT unnest(spans, recursive := true) FROM _system.commits WHERE stream = ?),"
        ' e AS (SELECT file_id, max("to") AS stop FROM s GROUP BY file_id)'
        " SELECT o.file, o.byte, e.stop FROM _system.offsets o JOIN e USING (file_id) WHERE o.stream = ? AND o.byte <> e.stop LIMIT 5",
        [stream, stream],
    )
    return wrong + [f"{stream}: {file}: the offset is {byte:,}, its commits end at {stop:,}" for file, byte, stop in ends]


def check_state(session: Session, entry: Entry, state: RunningState, columns: tuple[Column, ...]) -> list[str]:
    """Whether a running state equals the same query over the stored rows, the late ones left out."""
    names = ", ".join(f'"{c}"' for c, _ in session.describe(f"FROM {public(entry.name)}"))
    kept = session.arrow(f"SELECT {names} FROM {public(entry.name)} ORDER BY ALL NULLS FIRST")
    again = session.arrow(f"SELECT * FROM ({recompute(state, columns)}) ORDER BY ALL NULLS FIRST")
    late = session.execute("SELECT count(*) FROM _system.late WHERE view = ?", [entry.name])[0][0]
    counted = session.execute("SELECT late FROM _system.watermarks WHERE view = ?", [entry.name])
    wrong = []
    if not counted or counted[0][0] != late:
        wrong.append(f"{entry.name}: {counted[0][0] if counted else 'no'} late rows were counted, {late} are listed")
    if kept.num_rows != again.num_rows:
        wrong.append(f"{entry.name}: it has {kept.num_rows:,} groups, a recomputation {again.num_rows:,}")
    elif (different := _different(kept, again)) is not None:
        wrong.append(f"{entry.name}: row {different} is {_row(kept, different)}, a recomputation gives {_row(again, different)}")
    return wrong


def _different(left: pa.Table, right: pa.Table) -> int | None:
    """The first row in which two tables differ; floats may by TOLERANCE."""
    for a, b in zip(left.columns, right.columns, strict=True):
        for i, (x, y) in enumerate(zip(_values(a), _values(b), strict=True)):
            close = isinstance(x, float) and isinstance(y, float) and abs(x - y) <= TOLERANCE * max(abs(x), abs(y))
            if x != y and not close and not (x != x and y != y):
                return i
    return None


def _row(table: pa.Table, row: int) -> dict[str, Any]:
    return {name: _values(column.slice(row, 1))[0] for name, column in zip(table.column_names, table.columns, strict=True)}


def _values(column: pa.ChunkedArray) -> list[Any]:
    """As Python has them; times that Python has none for as microseconds."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return list(column.cast(pa.int64()).to_pylist())
