"""Running states against what plain SQL says of the stored rows: groups, late rows, windows that closed, the watermark."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from workbench.language.definitions import Column, RunningState
from workbench.store.catalog import Entry
from workbench.store.names import literal, public
from workbench.store.recompute import final_watermark, late_windows, rows_as_judged
from workbench.store.running import progress_of
from workbench.store.session import Session
from workbench.store.state import last_end, recompute

TOLERANCE = 1e-9
"""Relative; a DOUBLE sum gives several values in DuckDB itself, by the order of its rows."""


def check_state(session: Session, entry: Entry, state: RunningState, columns: tuple[Column, ...]) -> list[str]:
    """Where a running state, its late rows or its windows are not what the stored rows say, in words; empty when all hold."""
    names = ", ".join(f'"{c}"' for c, _ in session.describe(f"FROM {public(entry.name)}"))
    kept = session.arrow(f"SELECT {names} FROM {public(entry.name)} ORDER BY ALL NULLS FIRST")
    again = session.arrow(f"SELECT * FROM ({recompute(session, entry.name, state, columns)}) ORDER BY ALL NULLS FIRST")
    wrong = []
    if kept.num_rows != again.num_rows:
        wrong.append(f"{entry.name}: it has {kept.num_rows:,} groups, a recomputation {again.num_rows:,}")
    elif (different := _different(kept, again)) is not None:
        wrong.append(f"{entry.name}: row {different} is {_row(kept, different)}, a recomputation gives {_row(again, different)}")
    if state.window is not None:
        wrong += _check_event_time(session, entry.name, state)
        wrong += _check_windows(session, entry.name, state, columns) if state.window.key is not None else []
    return wrong


def _check_event_time(session: Session, view: str, state: RunningState) -> list[str]:
    """The watermark, and the rows that came late."""
    assert state.window is not None
    progress = progress_of(session, view)
    if progress is None:
        return []
    wrong = []
    watermark = session.execute(final_watermark(session, view, state))[0][0]
    if watermark != progress.watermark:
        wrong.append(f"{view}: its watermark is {progress.watermark}, a recomputation gives {watermark} (microseconds)")
    late = session.execute(f'SELECT coalesce(sum("rows"), 0) FROM ({late_windows(session, view, state)})')[0][0]
    if late != progress.late:
        wrong.append(f"{view}: {progress.late:,} late rows were counted, a recomputation gives {late:,}")
    listed = session.execute("SELECT count(*) FROM _system.late WHERE view = ?", [view])[0][0]
    if listed != (progress.late if state.window.on_late == "list" else 0):
        wrong.append(f"{view}: {progress.late:,} late rows were counted, {listed:,} are listed")
    if state.window.key is not None and not state.sessions:
        counted = f'SELECT epoch_us("start") AS start, sum("rows") FROM _system.late_counts WHERE view = {literal(view)} GROUP BY 1'
        wrong += _compare(session, f"{view}: late rows of a window", counted, late_windows(session, view, state))
    return wrong


def _check_windows(session: Session, view: str, state: RunningState, columns: tuple[Column, ...]) -> list[str]:
    """The windows that closed, each once; sessions may close a little later, but in the order of their ends."""
    assert state.window is not None
    progress = progress_of(session, view)
    if progress is None:
        return []
    passed = f"(SELECT _w FROM ({final_watermark(session, view, state)}))"
    size, names = state.window.size, [c.name for c in columns]
    rows = f"WITH _delta AS ({rows_as_judged(session, view, state, names)})"
    if state.sessions:
        passed = f"least({passed}, {last_end(session, view)})" if progress.closed else "NULL"
        found = f"WITH _state AS (SELECT *, 0 AS _commit FROM ({rows} SELECT * FROM ({state.partial}))) SELECT * FROM ({state.sessions})"
        due = f"SELECT _key, _start, _last + {size}, _rows FROM ({found}) WHERE _last + {size} <= {passed}"
    else:
        start = f"epoch_us(_k{state.window.key}) AS start"
        found = f"{rows} SELECT {start}, sum(_p{state.count})::BIGINT AS counted FROM ({state.partial}) GROUP BY 1"
        due = f"SELECT '', start, start + {size}, counted FROM ({found}) WHERE counted > 0 AND start + {size} <= {passed}"
    closed = f'SELECT key, epoch_us("start"), epoch_us("end"), "rows" FROM _system.windows WHERE view = {literal(view)}'
    wrong = _compare(session, f"{view}: a window that closed", closed, due)
    counted = session.execute("SELECT count(*) FROM _system.windows WHERE view = ?", [view])[0][0]
    if counted != progress.closed:
        wrong.append(f"{view}: {progress.closed:,} closed windows were counted, {counted:,} are listed")
    return wrong


def _compare(session: Session, what: str, stored: str, expected: str) -> list[str]:
    """Rows that only one of two queries gives, each as often as it does."""
    extra = session.execute(f"({stored}) EXCEPT ALL ({expected}) LIMIT 3")
    missing = session.execute(f"({expected}) EXCEPT ALL ({stored}) LIMIT 3")
    return [f"{what} is stored, but not in a recomputation: {row}" for row in extra] + [f"{what} is missing: {row}" for row in missing]


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
