"""Running state: rebuilt from stored rows, recomputed to be checked, compacted."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from workbench.language.definitions import Column, EventWindow, RunningState
from workbench.store.names import quote, stored
from workbench.store.session import Session

FREE_PARTIALS = 20_000
"""Rows of partial aggregates that are not worth a compaction, however few groups they have."""

ENDLESS = 1 << 61
"""Microseconds; an event time beyond, such as DuckDB's 'infinity', is never late and moves no watermark."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A running state computed from stored rows: its partials, late rows, running maximum."""

    partials: pa.Table
    late: pa.Table | None
    event_time: int | None
    late_total: int


def rebuild(session: Session, state: RunningState, columns: tuple[Column, ...]) -> Rebuilt:
    """Compute a running state anew from the rows of its stream; reads only."""
    partials = session.arrow(f"WITH _delta AS ({_on_time(state, columns)}) SELECT * FROM ({state.partial})", large=True)
    if state.window is None:
        return Rebuilt(partials, None, None, 0)
    judged = _judged(state, columns)
    time = _microseconds(state.window)
    late = session.arrow(
        f'SELECT {time} AS event_time, _before - {state.window.delay} AS watermark, {_row_json(columns)} AS "row"'
        f" FROM ({judged}) WHERE NOT ({_timely(state.window)})"
    )
    top = session.execute(f"SELECT max({time}) FROM {stored(state.stream)} WHERE {_counted(state.window)}")[0][0]
    return Rebuilt(partials, late, top, late.num_rows)


def recompute(state: RunningState, columns: tuple[Column, ...]) -> str:
    """The query that a running state must equal: over the stored rows, those that came late left out."""
    return f"WITH _rows AS ({_on_time(state, columns)}) SELECT * FROM ({state.recompute})"


def late_row_sql(columns: tuple[str, ...]) -> str:
    """A row as JSON text, for `workbench.late`."""
    pairs = ", ".join(f"{quote(c)} := {quote(c)}" for c in columns)
    return f"to_json(struct_pack({pairs}))::VARCHAR"


def groups(session: Session, view: str, state: RunningState) -> int:
    """How many groups a running state has."""
    if not state.keys:
        return 1
    keys = ", ".join(f"_k{i}" for i in range(state.keys))
    return int(session.execute(f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {stored(view)})")[0][0])


def partial_rows(session: Session, view: str) -> int:
    return int(session.execute(f"SELECT count(*) FROM {stored(view)}")[0][0])


def compact(session: Session, view: str, state: RunningState, commit: int) -> int:
    """Replace partial aggregates by one row a group; gives how many are left. Runs between commits, as their thread."""
    combined = session.arrow(f"WITH _state AS (FROM {stored(view)}) SELECT * FROM ({state.combine})", large=True)
    with session.transaction():
        replace(session, view, combined, commit)
    return int(combined.num_rows)


def replace(session: Session, view: str, partials: pa.Table, commit: int) -> None:
    """Put other partial aggregates in the place of those stored, inside the caller's transaction."""
    session.execute(f"DELETE FROM {stored(view)}")
    with session.relation("_partials", partials):
        session.execute(f"INSERT INTO {stored(view)} SELECT *, {commit}::BIGINT FROM _partials")


def store_rebuilt(session: Session, view: str, stream: str, rebuilt: Rebuilt, commit: int) -> None:
    """Store a rebuilt running state with its watermark and late rows, inside the caller's transaction."""
    replace(session, view, rebuilt.partials, commit)
    session.execute("DELETE FROM _system.late WHERE view = ?", [view])
    if rebuilt.late is not None:
        with session.relation("_late", rebuilt.late):
            session.execute(
                'INSERT INTO _system.late SELECT ?, ?, make_timestamptz(event_time), make_timestamptz(watermark), "row", ? FROM _late',
                [view, stream, commit],
            )
    session.execute("UPDATE _system.watermarks SET event_time = ?, late = ? WHERE view = ?", [rebuilt.event_time, rebuilt.late_total, view])


def _on_time(state: RunningState, columns: tuple[Column, ...]) -> str:
    names = ", ".join(quote(c.name) for c in columns)
    if state.window is None:
        return f"SELECT {names} FROM {stored(state.stream)} ORDER BY rowid"
    return f"SELECT {names} FROM ({_judged(state, columns)}) WHERE {_timely(state.window)}"


def _judged(state: RunningState, columns: tuple[Column, ...]) -> str:
    """Every stored row with `_before`, the running maximum of the rows before it."""
    assert state.window is not None
    names = ", ".join(quote(c.name) for c in columns)
    counted = f"CASE WHEN {_counted(state.window)} THEN {_microseconds(state.window)} END"
    return (
        f"SELECT {names}, max({counted}) OVER (ORDER BY rowid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS _before"
        f" FROM {stored(state.stream)} ORDER BY rowid"
    )


def _timely(window: EventWindow) -> str:
    time = _microseconds(window)
    floor = f"({time} - (({time} % {window.size}) + {window.size}) % {window.size})"
    ends = f"{time} >= _before - {window.delay}" if window.key is None else f"{floor} + {window.size} > _before - {window.delay}"
    return f"_before IS NULL OR NOT coalesce({_counted(window)}, false) OR {ends}"


def _counted(window: EventWindow) -> str:
    """Whether an event time can be late and moves the watermark; the rows of a commit are judged by the same bound."""
    return f"isfinite({quote(window.time)}::TIMESTAMP) AND abs({_microseconds(window)}) <= {ENDLESS}"


def _microseconds(window: EventWindow) -> str:
    return f"epoch_us({quote(window.time)})"


def _row_json(columns: tuple[Column, ...]) -> str:
    return late_row_sql(tuple(c.name for c in columns))
