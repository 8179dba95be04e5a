"""Running states against what plain SQL says of the stored rows: groups, late rows, windows that closed, the watermark."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from workbench.language.definitions import Column, RunningState
from workbench.language.windows import ENDLESS
from workbench.store.catalog import Entry
from workbench.store.format import cells_of_rows
from workbench.store.names import literal, public, quote
from workbench.store.recompute import judge, rows_as_judged
from workbench.store.running import Progress, progress_of
from workbench.store.session import Session
from workbench.store.state import last_end, recompute

TOLERANCE = 1e-9
"""Relative; a DOUBLE sum gives several values in DuckDB itself, by the order of its rows."""


def check_state(session: Session, entry: Entry, state: RunningState, columns: tuple[Column, ...]) -> list[str]:
    """Where a running state, its late rows or its windows are not what the stored rows say, in words; empty when all hold."""
    names = ", ".join(quote(c) for c, _ in session.describe(f"FROM {public(entry.name)}"))
    kept = session.arrow(f"SELECT {names} FROM {public(entry.name)} ORDER BY ALL NULLS FIRST")
    again = session.arrow(f"SELECT * FROM ({recompute(session, entry.name, state, columns)}) ORDER BY ALL NULLS FIRST")
    wrong = []
    if kept.num_rows != again.num_rows:
        wrong.append(f"{entry.name}: it has {kept.num_rows:,} groups, a recomputation {again.num_rows:,}")
    elif (different := _different(kept, again)) is not None:
        wrong.append(f"{entry.name}: row {different} is {_row(kept, different)}, a recomputation gives {_row(again, different)}")
    progress = progress_of(session, entry.name)
    if state.window is not None and progress is not None:
        wrong += _check_event_time(session, entry.name, state, progress)
        wrong += _check_windows(session, entry.name, state, progress, columns) if state.window.key is not None else []
    return wrong


def _check_event_time(session: Session, view: str, state: RunningState, progress: Progress) -> list[str]:
    """The watermark, and the rows that came late."""
    assert state.window is not None
    wrong = []
    judged = judge(session, view, state)
    late = sum(judged.late.values())
    if judged.watermark != progress.watermark:
        wrong.append(f"{view}: its watermark is {progress.watermark}, a recomputation gives {judged.watermark} (microseconds)")
    if late != progress.late:
        wrong.append(f"{view}: {progress.late:,} late rows were counted, a recomputation gives {late:,}")
    listed = session.execute("SELECT count(*) FROM _system.late WHERE view = ?", [view])[0][0]
    if listed != (progress.late if state.window.on_late == "list" else 0):
        wrong.append(f"{view}: {progress.late:,} late rows were counted, {listed:,} are listed")
    if state.window.key is not None and not state.sessions:
        counts = session.execute('SELECT epoch_us("start"), sum("rows")::BIGINT FROM _system.late_counts WHERE view = ? GROUP BY 1', [view])
        if dict(counts) != judged.late:
            start = min(key for key in {*dict(counts), *judged.late} if dict(counts).get(key) != judged.late.get(key))
            kept, again = dict(counts).get(start, 0), judged.late.get(start, 0)
            wrong.append(f"{view}: {kept:,} rows are counted as late for the window at {start}, a recomputation gives {again:,}")
    return wrong


def _check_windows(session: Session, view: str, state: RunningState, progress: Progress, columns: tuple[Column, ...]) -> list[str]:
    """The windows that closed, each once; sessions may close a little later, but in the order of their ends."""
    assert state.window is not None
    size, names = state.window.size, [c.name for c in columns]
    passed = last_end(session, view) if state.sessions else progress.watermark
    rows = f"WITH _delta AS ({rows_as_judged(session, view, state, names)})"
    if state.sessions:
        found = f"WITH _state AS (SELECT *, 0 AS _commit FROM ({rows} SELECT * FROM ({state.partial}))) SELECT * FROM ({state.sessions})"
        due = f"SELECT _key AS key, _start AS start, _last + {size} AS ends, _rows AS counted FROM ({found})"
    else:
        start = f"epoch_us(_k{state.window.key}) AS start"
        counted = f"sum(_p{state.count})::BIGINT AS counted"
        found = f"{rows} SELECT {start}, {counted} FROM ({state.partial}) GROUP BY 1 HAVING abs(start) <= {ENDLESS}"
        due = f"SELECT '' AS key, start, start + {size} AS ends, counted FROM ({found})"
    due = f"SELECT -1 AS place, * FROM ({due}) WHERE counted > 0 AND ends <= {'NULL' if passed is None else passed}"
    closed = f'SELECT 1, key, epoch_us("start"), epoch_us("end"), "rows" FROM _system.windows WHERE view = {literal(view)}'
    different = session.execute(
        f"SELECT sum(place), key, start, ends, counted FROM ({due} UNION ALL {closed}) GROUP BY ALL HAVING sum(place) <> 0 LIMIT 3"
    )
    says = {True: "should not be closed", False: "is not told as closed"}
    wrong = [
        f"{view}: the window {key} from {start} to {end} with {rows:,} rows {says[place > 0]}" for place, key, start, end, rows in different
    ]
    listed = session.execute("SELECT count(*) FROM _system.windows WHERE view = ?", [view])[0][0]
    if listed != progress.closed:
        wrong.append(f"{view}: {progress.closed:,} closed windows were counted, {listed:,} are listed")
    return wrong


def _different(left: pa.Table, right: pa.Table) -> int | None:
    """The first row in which two tables differ; floats may by TOLERANCE."""
    for a, b in zip(left.columns, right.columns, strict=True):
        for i, (x, y) in enumerate(zip(_values(a), _values(b), strict=True)):
            close = isinstance(x, float) and isinstance(y, float) and abs(x - y) <= TOLERANCE * max(abs(x), abs(y))
            if x != y and not close and not (x != x and y != y):
                return i
    return None


def _row(table: pa.Table, row: int) -> dict[str, str | None]:
    (cells,) = cells_of_rows(table.slice(row, 1))
    return dict(zip(table.column_names, cells, strict=True))


def _values(column: pa.ChunkedArray) -> list[Any]:
    """As Python has them, or, where Python has no such times, as Arrow has them."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return list(column)
