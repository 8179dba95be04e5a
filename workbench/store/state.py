"""Running state as it is stored: read, compacted, recomputed to be checked, looked at as of a commit."""

from __future__ import annotations

import pyarrow as pa

from workbench.language.definitions import Column, RunningState
from workbench.language.windows import ENDLESS
from workbench.store.names import literal, quote, stored
from workbench.store.recompute import rows_as_judged
from workbench.store.session import Session

FREE_PARTIALS = 20_000
"""Rows of partial aggregates that are not worth a compaction, however few groups they have."""

PART = 200_000
"""Groups that a compaction combines at a time: memory for them is bounded, each part is one more pass over the state."""
_SAMPLE = 2_000


def late_row_sql(columns: tuple[str, ...]) -> str:
    """A row as JSON text, for `workbench.late`."""
    pairs = ", ".join(f"{quote(c)} := {quote(c)}" for c in columns)
    return f"to_json(struct_pack({pairs}))::VARCHAR"


def groups(session: Session, view: str, state: RunningState) -> int:
    """How many groups a running state has; of sessions, how many partials a compaction would leave."""
    if not state.keys:
        return 1
    if state.sessions:
        return int(session.execute(f"WITH _state AS (FROM {stored(view)}) SELECT count(*) FROM ({state.combine})")[0][0])
    keys = ", ".join(f"_k{i}" for i in range(state.keys))
    return int(session.execute(f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {stored(view)})")[0][0])


def partial_rows(session: Session, view: str) -> int:
    return int(session.execute(f"SELECT count(*) FROM {stored(view)}")[0][0])


def row_bytes(session: Session, view: str) -> float:
    """What a partial row takes in memory, from a sample of them."""
    sample = session.arrow(f"FROM {stored(view)} LIMIT {_SAMPLE}")
    return sample.nbytes / sample.num_rows if sample.num_rows else 64.0


def compact(session: Session, view: str, state: RunningState, commit: int) -> int:
    """Replace partial aggregates by one row a group; gives how many are left. Runs between commits, as their thread.

    Nothing of it passes through Python, and groups are combined in parts: a million of them take no second copy in memory.
    """
    with session.transaction():
        return compact_inside(session, view, state, commit)


def compact_inside(session: Session, view: str, state: RunningState, commit: int) -> int:
    """The same, inside the caller's transaction."""
    rows, top = session.execute(f"SELECT count(*), coalesce(max(rowid), -1) FROM {stored(view)}")[0]
    keys = [f"_k{i}" for i in range(state.keys) if not state.sessions or state.window is None or i != state.window.key]
    parts = max(1, rows // PART) if keys else 1
    share = f" AND hash({', '.join(keys)}) % {parts} = {{}}" if parts > 1 else ""
    for part in range(parts):
        source = f"SELECT * FROM {stored(view)} WHERE rowid <= {top}{share.format(part)}"
        session.execute(f"INSERT INTO {stored(view)} WITH _state AS ({source}) SELECT *, {commit}::BIGINT FROM ({state.combine})")
    session.execute(f"DELETE FROM {stored(view)} WHERE rowid <= {top}")
    mark_compacted(session, view, commit)
    return partial_rows(session, view)


def mark_compacted(session: Session, view: str, commit: int) -> None:
    """What a running state showed before this commit can no longer be read off its partials."""
    session.execute("DELETE FROM _system.compactions WHERE view = ?", [view])
    session.execute("INSERT INTO _system.compactions VALUES (?, ?)", [view, commit])


def open_windows(session: Session, view: str, state: RunningState, watermark: int | None) -> dict[int, int]:
    """Rows of each tumbling or hopping window that the watermark has not passed, by its start."""
    assert state.window is not None
    rows = session.execute(_open_windows(view, state, "NULL" if watermark is None else str(watermark)))
    return {int(start): int(count) for start, count in rows}


def _open_windows(view: str, state: RunningState, watermark: str) -> str:
    assert state.window is not None
    key = f"_k{state.window.key}"
    passed = f"greatest(coalesce({watermark} - {state.window.size}, {-ENDLESS - 1}), {-ENDLESS - 1})"
    ends_later = f"{key} > make_timestamptz({passed}) AND {key} <= make_timestamptz({ENDLESS})"
    return (
        f'SELECT epoch_us({key}) AS "start", sum(_p{state.count})::BIGINT AS "rows" FROM {stored(view)} WHERE {ends_later}'
        f" GROUP BY {key} HAVING sum(_p{state.count}) > 0"
    )


def windows_sql(view: str, state: RunningState) -> str:
    """The windows of a view as `workbench.windows` has them; empty for a view without any that close."""
    if state.window is None or state.window.key is None:
        return ""
    name, size = literal(view), state.window.size
    if state.sessions:
        closed_to = f'(SELECT coalesce(max(epoch_us("end")), {-ENDLESS}) FROM _system.windows WHERE view = {name})'
        opened = (
            f'SELECT _key AS key, _start AS "start", _last + {size} AS "end", _rows AS "rows"'
            f" FROM (WITH _state AS (FROM {stored(view)}) {state.sessions}) WHERE _last + {size} > {closed_to}"
        )
        same, join = 'l.key = k.key AND l."start" >= k."start" AND l."start" < k."end"', "LEFT"
    else:
        now = f"(SELECT watermark FROM _system.view_log WHERE view = {name} ORDER BY commit DESC, rowid DESC LIMIT 1)"
        opened = f'SELECT \'\' AS key, start, start + {size} AS "end", "rows" FROM ({_open_windows(view, state, now)})'
        same, join = 'l."start" = k."start"', "FULL"
    known = (
        f'SELECT key, epoch_us("start") AS "start", epoch_us("end") AS "end", \'closed\' AS state, closed_at, "rows", commit'
        f" FROM _system.windows WHERE view = {name}"
        f' UNION ALL SELECT key, "start", "end", \'open\', NULL, "rows", NULL FROM ({opened})'
    )
    counted = f"FROM _system.late_counts WHERE view = {name} GROUP BY ALL"
    late = f'SELECT key, epoch_us("start") AS "start", sum("rows")::BIGINT AS late {counted}'
    begun = 'coalesce(k."start", l."start")'
    columns = (
        f"{name} AS view, any_value(coalesce(k.key, '')) AS key, make_timestamptz({begun}) AS \"start\","
        f' make_timestamptz(any_value(coalesce(k."end", l."start" + {size}))) AS "end", any_value(coalesce(state, \'closed\')) AS state,'
        ' any_value(closed_at) AS closed_at, any_value(coalesce("rows", 0)) AS "rows", coalesce(sum(late), 0)::BIGINT AS late,'
        " any_value(commit) AS commit"
    )
    return f"SELECT {columns} FROM ({known}) k {join} JOIN ({late}) l ON {same} GROUP BY k.key, {begun}"


def last_end(session: Session, view: str) -> int | None:
    """The latest end of a window of the view that was closed, in microseconds."""
    last: int | None = session.execute('SELECT max(epoch_us("end")) FROM _system.windows WHERE view = ?', [view])[0][0]
    return last


def ended_sessions(
    session: Session, view: str, state: RunningState, new: pa.Table | None, since: int, mark: int, watermark: int
) -> tuple[pa.Table, int | None, int | None, int]:
    """Sessions that end after `mark` and up to `watermark`: key, start, end, rows; then of those that stay open the oldest start, the
    first end, and how many there are.

    Args:
        new: partials that are not stored yet.
        since: no session that is open starts before.
    """
    assert state.window is not None
    gap = state.window.size
    begun = "" if since <= -ENDLESS else f" WHERE _k{state.window.key} >= make_timestamptz({min(since, ENDLESS)})"
    source = f"SELECT * FROM {stored(view)}{begun}"
    if new is not None:
        source += " UNION ALL SELECT *, (1::BIGINT << 40) FROM _new"
    sql = (
        f"WITH _state AS ({source}), _found AS MATERIALIZED"
        f" (SELECT _key, _start, _last + {gap} AS _ends, _rows FROM ({state.sessions}) WHERE _last + {gap} > {mark})"
        " SELECT true AS _closed, * FROM _found WHERE _ends <= {0}"
        " UNION ALL SELECT false, NULL, min(_start), min(_ends), count(*) FROM _found WHERE _ends > {0} ORDER BY ALL"
    ).format(watermark)
    if new is None:
        found = session.arrow(sql)
    else:
        with session.relation("_new", new):
            found = session.arrow(sql)
    closed = found.filter(found["_closed"]).drop_columns("_closed").rename_columns(["key", "start", "end", "rows"])
    ((oldest, first, count),) = [tuple(row.values())[2:] for row in found.to_pylist() if not row["_closed"]]
    return closed, oldest, first, int(count)


def late_sessions(state: RunningState) -> str:
    """Reads `_found`, the partials of a delta: how many rows came late, by key and time."""
    assert state.window is not None
    others = ", ".join(f"_k{i}" for i in range(state.keys) if i != state.window.key)
    return (
        f'SELECT json_array({others})::VARCHAR AS key, _end AS "start", sum(_p{state.count})::BIGINT AS "rows" FROM _found WHERE _late'
        " GROUP BY ALL ORDER BY ALL"
    )


def recompute(session: Session, view: str, state: RunningState, columns: tuple[Column, ...], commit: int | None = None) -> str:
    """The query that a running state must equal: over the stored rows, judged anew in plain SQL.

    Args:
        columns: of its stream.
        commit: only rows that were stored by then; None: all.
    """
    rows = rows_as_judged(session, view, state, [c.name for c in columns], commit)
    return f"WITH _rows AS ({rows}) SELECT * FROM ({state.recompute})"


def as_of_sql(session: Session, view: str, state: RunningState, commit: int) -> str:
    """What a running state showed after a commit: off its partials, or computed anew where those were combined since."""
    combined = session.execute("SELECT coalesce(max(commit), 0) FROM _system.compactions WHERE view = ?", [view])[0][0]
    if commit >= combined:
        return f"WITH _state AS (SELECT * FROM {stored(view)} WHERE _commit <= {commit}) SELECT * FROM ({state.finish})"
    columns = tuple(Column(name, kind) for name, kind in session.describe(f"FROM {stored(state.stream)}") if name != "_commit")
    return recompute(session, view, state, columns, commit)
