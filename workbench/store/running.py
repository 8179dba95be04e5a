"""What a commit stores of a running state: partial aggregates, late rows, windows that closed, where its watermark is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pyarrow as pa

from workbench.store.inserts import MOMENT, Inserts, numbered
from workbench.store.names import stored
from workbench.store.session import Session
from workbench.store.windows import hide_windows

_OWN = ("late", "late_counts", "windows", "compactions")
"""Tables of `_system` with what a running state gave besides its groups, by their column `view`."""

PROGRESS = pa.schema(
    [("commit", pa.int64()), ("view", pa.string()), ("watermark", pa.int64()), ("event_times", pa.string()), ("idle", pa.string()),
     ("late", pa.int64()), ("closed", pa.int64()), ("ended", pa.bool_())]
)  # fmt: skip
"""Of `_system.view_log`; the lists are JSON text."""
LATE = pa.schema(
    [("view", pa.string()), ("stream", pa.string()), ("event_time", MOMENT), ("watermark", MOMENT), ("window_start", MOMENT),
     ("row", pa.string()), ("commit", pa.int64())]
)  # fmt: skip
LATE_COUNTS = pa.schema([("view", pa.string()), ("key", pa.string()), ("start", MOMENT), ("rows", pa.int64()), ("commit", pa.int64())])
CLOSED = pa.schema(
    [("view", pa.string()), ("key", pa.string()), ("start", MOMENT), ("end", MOMENT), ("closed_at", MOMENT), ("rows", pa.int64()),
     ("commit", pa.int64())]
)  # fmt: skip
"""Of the tables of `_system` with the same columns."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running state over event time is, after a commit. Times are event time in microseconds.

    `event_times`: each of its sources, with its newest event time or None before the first; `idle`: those that hold no watermark
    now. `late` and `closed` count late rows (of hopping windows, one for each window missed) and closed windows since it was built.
    """

    watermark: int | None = None
    event_times: tuple[tuple[str, int | None], ...] = ()
    idle: tuple[str, ...] = ()
    late: int = 0
    closed: int = 0


@dataclass(frozen=True, slots=True)
class ViewDelta:
    """What one commit does to one running state.

    `partials`: the state's columns, or None. `progress` is that after the commit, None for a state without a watermark.
    `late`: event_time, watermark, window_start (microseconds), row (JSON), or None. `late_counts`: key, start, rows; `closings`: key,
    start, end, rows (start and end in microseconds), or None.
    `ended`: the input is over for good. `look` is what RunningView.advance takes over of its windows.
    """

    view: str
    stream: str
    partials: pa.Table | None
    progress: Progress | None = None
    late: pa.Table | None = None
    late_counts: pa.Table | None = None
    closings: pa.Table | None = None
    ended: bool = False
    look: object = None


def write_view(inserts: Inserts, delta: ViewDelta, commit: int, at: float) -> None:
    """Store what a commit does to a running state, inside the caller's transaction; rows are only added.

    Args:
        at: when it is committed, seconds since 1970.
    """
    if delta.partials is not None and delta.partials.num_rows:
        inserts.add(stored(delta.view), numbered(delta.partials, commit))
    if delta.progress is None:
        return
    if delta.late is not None:
        add_late(inserts, delta.view, delta.stream, delta.late, commit)
    if delta.late_counts is not None:
        inserts.add("_system.late_counts", _told(LATE_COUNTS, delta.late_counts, view=delta.view, commit=commit))
    if delta.closings is not None:
        inserts.add("_system.windows", _told(CLOSED, delta.closings, view=delta.view, closed_at=round(at * 1e6), commit=commit))
    write_progress(inserts, delta.view, delta.progress, commit, delta.ended)


def add_late(inserts: Inserts, view: str, stream: str, rows: pa.Table, commit: int) -> None:
    """List late rows, inside the caller's transaction.

    Args:
        view: or the flow that they were too late for. rows: event_time, watermark (microseconds), row (JSON), and perhaps window_start.
    """
    inserts.add("_system.late", _told(LATE, rows, view=view, stream=stream, window_start=None, commit=commit))


def _told(schema: pa.Schema, rows: pa.Table, **same: int | str | None) -> pa.Table:
    """Rows with a schema's columns, of which `rows` does not have those that are the same for all."""
    there = set(rows.column_names)
    columns = [
        rows[field.name].cast(field.type) if field.name in there else pa.repeat(pa.scalar(same[field.name], field.type), rows.num_rows)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def write_progress(inserts: Inserts, view: str, progress: Progress, commit: int, ended: bool = False) -> None:
    """Store how far a view is after a commit."""
    times = [{"source": source, "time": time} for source, time in progress.event_times]
    row = (commit, view, progress.watermark, json.dumps(times), json.dumps(progress.idle), progress.late, progress.closed, ended)
    columns = [pa.array([value], field.type) for value, field in zip(row, PROGRESS, strict=True)]
    inserts.add("_system.view_log", pa.table(columns, schema=PROGRESS))


def progress_of(session: Session, view: str) -> Progress | None:
    """How far a running state is; None before its first commit."""
    rows = session.execute(
        "SELECT watermark, event_times, idle, late, closed FROM _system.view_log WHERE view = ? ORDER BY commit DESC, rowid DESC LIMIT 1",
        [view],
    )
    if not rows:
        return None
    watermark, times, idle, late, closed = rows[0]
    return Progress(watermark, tuple((t["source"], t["time"]) for t in json.loads(times)), tuple(json.loads(idle)), late, closed)


@dataclass(frozen=True, slots=True)
class Step:
    """From a commit on, other sources than before may hold a view's watermark; or its input `ended`, after that commit."""

    commit: int
    sources: tuple[str, ...]
    idle: tuple[str, ...]
    ended: bool


def steps(session: Session, view: str) -> list[Step]:
    """What a rebuild has to repeat, in order."""
    rows = session.execute(
        "WITH s AS (SELECT commit, rowid AS nth, list_transform(event_times, lambda t: t.source) AS sources, idle,"
        " coalesce(ended, false) AS ended FROM _system.view_commits WHERE view = ?)"
        " SELECT commit, sources, idle, ended FROM (SELECT *, lag((sources, idle)) OVER (ORDER BY commit, nth) AS before FROM s)"
        " WHERE ended OR before IS DISTINCT FROM (sources, idle) ORDER BY commit, nth",
        [view],
    )
    found = []
    for commit, sources, idle, ended in rows:
        found.append(Step(commit, tuple(sources or ()), tuple(idle or ()), False))
        if ended:
            found.append(replace(found[-1], ended=True))
    return found


def fold_progress(session: Session) -> None:
    """Drop what nobody asks for again: of each view the last row stays, and every one that `steps` needs; inside the caller's
    transaction."""
    session.execute(
        "WITH s AS (SELECT rowid AS nth, view, commit, ended, (list_transform(event_times, lambda t: t.source), idle) AS held"
        " FROM _system.view_commits), o AS (SELECT nth, coalesce(ended, false) AS ended, held IS NOT DISTINCT FROM"
        " lag(held) OVER (PARTITION BY view ORDER BY commit, nth) AS same, lead(nth) OVER (PARTITION BY view ORDER BY commit, nth) AS next"
        " FROM s) DELETE FROM _system.view_log WHERE rowid IN (SELECT nth FROM o WHERE same AND NOT ended AND next IS NOT NULL)"
    )


def clear_view(session: Session, view: str) -> None:
    """Remove what is stored beside a running state, all but its progress, which a rebuild reads and writes anew."""
    for table in _OWN:
        session.execute(f"DELETE FROM _system.{table} WHERE view = ?", [view])


def clear_progress(session: Session, view: str) -> None:
    session.execute("DELETE FROM _system.view_log WHERE view = ?", [view])


def forget_view(session: Session, view: str) -> None:
    """Remove everything that is stored beside a running state, its windows in `workbench.windows` too."""
    clear_view(session, view)
    clear_progress(session, view)
    hide_windows(session, view)
