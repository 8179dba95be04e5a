"""Running states computed anew from the stored rows, in plain SQL: what kept states are checked against.

Rows are judged in the order in which they are stored, by the sources that the commits wrote down for them, and by the sources that
were idle at each commit; nothing of the partial aggregates, and nothing of how they were cut, is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.language.definitions import EventWindow, RunningState
from workbench.language.sessions import UNBOUND
from workbench.language.windows import ENDLESS
from workbench.store.names import literal, quote, stored
from workbench.store.session import Session

_SO_FAR = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"


def rows_as_judged(session: Session, view: str, state: RunningState, columns: Sequence[str], commit: int | None = None) -> str:
    """The relation `_rows` of a state: its stream's rows as far as they count for it, with the columns that its window needs.

    Args:
        commit: only rows that were stored by then; None: all.
    """
    names = ", ".join(map(quote, columns))
    window = state.window
    if window is None:
        return f"SELECT {names} FROM {stored(state.stream)}{_until(commit, '_commit')} ORDER BY rowid"
    judged = _judged(session, view, state, columns, commit)
    names = ", ".join(f"_u{i} AS {quote(column)}" for i, column in enumerate(columns))
    known = f"SELECT * FROM ({judged}) WHERE _kind = 1"
    if window.kind == "hopping" and window.key is not None:
        taken = "" if window.on_late == "update" else " WHERE NOT _late"
        return f"SELECT {names}, _window AS _wb_window, _late AS _wb_late FROM ({_hopped(known, window)}){taken}"
    late = f"coalesce({_late(window)}, false)"
    if window.kind == "session":
        bound = f"CASE WHEN _time <= _w AND NOT {late} THEN _w - {window.size} ELSE {UNBOUND} END AS _wb_bound"
        given = f"SELECT {names}, _time AS _wb_time, {bound}, {late} AS _wb_late, _r AS _wb_place FROM ({known})"
        return given if window.on_late == "update" else f"SELECT * FROM ({given}) WHERE NOT _wb_late"
    if window.on_late == "update":
        return f"SELECT {names}, {late} AS _wb_late FROM ({known}) ORDER BY _r"
    return f"SELECT {names}, false AS _wb_late FROM ({known}) WHERE NOT {late} ORDER BY _r"


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What became of event time: the watermark after all rows (microseconds), how many rows came late, and for which windows.

    `late`: `start` (microseconds; None without a window, of sessions the row's own time) → rows; of hopping windows a row counts once
    for each window that it missed.
    """

    watermark: int | None
    late: dict[int | None, int]


def judge(session: Session, view: str, state: RunningState) -> Recomputed:
    """Judge all stored rows of a view over event time."""
    assert state.window is not None
    window = state.window
    known = "SELECT * FROM _judged WHERE _kind = 1"
    if window.kind == "hopping" and window.key is not None:
        late = f"SELECT epoch_us(_window) AS start FROM ({_hopped(known, window)}) WHERE _late"
    else:
        start = "NULL::BIGINT" if window.key is None else "_time" if window.kind == "session" else _floor("_time", window.size)
        late = f"SELECT {start} AS start FROM ({known}) WHERE {_late(window)}"
    rows = session.execute(
        f"WITH _judged AS MATERIALIZED ({_judged(session, view, state, (), None)})"
        f" SELECT NULL AS counted, _w FROM _judged WHERE _kind = 3 UNION ALL SELECT count(*), start FROM ({late}) GROUP BY start"
    )
    (watermark,) = [value for counted, value in rows if counted is None]
    return Recomputed(watermark, {start: counted for counted, start in rows if counted is not None})


def _judged(session: Session, view: str, state: RunningState, columns: Sequence[str], commit: int | None) -> str:
    """Every stored row (`_kind` 1) with `_time` and `_w`, the watermark that it saw, in microseconds; and what else moved it.

    The stream's columns are `_u0`, `_u1`, … here, whatever they are called: so none is taken for another.

    The events are sorted once; what runs over them needs no order of its own, which DuckDB does in one pass: a twentieth of the time.
    """
    assert state.window is not None
    sources = _sources(session, view)
    number, size = len(sources), state.window.size
    tops = [f"max(CASE WHEN _source = {literal(s)} THEN _time END) OVER ({_SO_FAR}) AS _m{i}" for i, s in enumerate(sources)]
    held = f"max(_held) OVER ({_SO_FAR}) % {1 << number} AS _active"
    moved = f"SELECT *, {', '.join([*tops, held])} FROM ({_events(session, view, state, columns, commit)})"
    bits = [f"((_active // {1 << i}) % 2 = 1)" for i in range(number)]
    lows = ", ".join(f"CASE WHEN {bit} THEN _m{i} END" for i, bit in enumerate(bits))
    silent = " OR ".join(f"({bit} AND _m{i} IS NULL)" for i, bit in enumerate(bits))
    low = f"CASE WHEN NOT ({silent}) THEN least({lows}) - {state.window.delay} END" if sources else "NULL::BIGINT"
    newest = f"greatest({', '.join(f'_m{i}' for i in range(number))}) + {size}" if sources else "NULL::BIGINT"
    after = f"SELECT *, max(CASE WHEN _kind = 2 THEN {newest} ELSE {low} END) OVER ({_SO_FAR}) AS _after FROM ({moved})"
    return f"SELECT *, lag(_after) OVER () AS _w FROM ({after})"


def _events(session: Session, view: str, state: RunningState, columns: Sequence[str], commit: int | None) -> str:
    """In order: changes of the sources that hold the watermark (`_kind` 0), rows (1), ends of the input (2), the end of it all (3).

    `_held`: the number of the change, then one bit for each source.
    """
    sources = _sources(session, view)
    log = f"FROM _system.view_commits WHERE view = {literal(view)}{_until(commit, 'commit', 'AND')}"
    active = "list_filter(list_transform(event_times, lambda t: t.source), lambda s: NOT list_contains(idle, s))"
    steps = f"SELECT commit, {active} AS active, coalesce(ended, false) AS ended, rowid AS nth {log}"
    order = "(ORDER BY commit, nth)"
    changes = f"SELECT *, lag(active) OVER {order} AS before, row_number() OVER {order} AS step FROM ({steps})"
    each = [f"list_contains(active, {literal(s)})::INT * {1 << i}" for i, s in enumerate(sources)]
    held = " + ".join([f"step::HUGEINT * {1 << len(sources)}", *each])
    rows = _rows_with_source(session, state, columns, commit)
    names = "".join(f", _u{i}" for i in range(len(columns)))
    return (
        f"SELECT _commit AS _c, 1 AS _kind, _r, _time, _source, NULL AS _held{names} FROM ({rows})"
        f" UNION ALL BY NAME SELECT commit AS _c, 0 AS _kind, nth AS _r, {held} AS _held FROM ({changes})"
        " WHERE active IS DISTINCT FROM before"
        f" UNION ALL BY NAME SELECT commit AS _c, 2 AS _kind, nth AS _r FROM ({steps}) WHERE ended"
        f" UNION ALL BY NAME SELECT {(1 << 62)} AS _c, 3 AS _kind, 0 AS _r ORDER BY _c, _kind, _r"
    )


def _rows_with_source(session: Session, state: RunningState, columns: Sequence[str], commit: int | None) -> str:
    """The stored rows with `_r`, their place, `_time` (NULL where it does not count) and `_source`, the flow that read them."""
    assert state.window is not None
    time = f"epoch_us({quote(state.window.time)})"
    counts = f"CASE WHEN isfinite({quote(state.window.time)}::TIMESTAMP) AND abs({time}) <= {ENDLESS} THEN {time} END AS _time"
    names = "".join(f", {quote(column)} AS _u{i}" for i, column in enumerate(columns))
    rows = f"SELECT rowid AS _r, _commit, {counts}{names} FROM {stored(state.stream)}{_until(commit, '_commit')}"
    origins = f"FROM _system.commits WHERE stream = {literal(state.stream)}{_until(commit, 'id', 'AND')}"
    flows = session.execute(f"SELECT DISTINCT unnest(list_transform(origins, lambda o: o.flow)) {origins}")
    if len(flows) <= 1:
        return f"SELECT *, {literal(flows[0][0]) if flows else 'NULL'} AS _source FROM ({rows})"
    runs = f"SELECT id, rowid AS nth, unnest(origins) AS o, generate_subscripts(origins, 1) AS place {origins} ORDER BY id, nth, place"
    each = f'SELECT o.flow AS _source, unnest(range(o."rows")) AS _one FROM ({runs})'
    return f"SELECT * EXCLUDE (_one) FROM ({rows} ORDER BY rowid) POSITIONAL JOIN ({each})"


def _sources(session: Session, view: str) -> list[str]:
    """Every flow that ever held the view's watermark."""
    found = session.execute(
        "SELECT DISTINCT unnest(list_transform(event_times, lambda t: t.source)) AS source FROM _system.view_commits WHERE view = ?"
        " ORDER BY source",
        [view],
    )
    return [source for (source,) in found]


def _hopped(rows: str, window: EventWindow) -> str:
    """Each row once for each of its windows: `_window` its start, `_late` whether the row missed it."""
    first = f"{_floor('_time', window.slide)}"
    whole = f"CASE WHEN _time IS NULL THEN 1 ELSE ({first} - _time + {window.size} - 1) // {window.slide} + 1 END"
    each = f"SELECT *, {first} - unnest(range({whole})) * {window.slide} AS _begun FROM ({rows})"
    return f"SELECT *, make_timestamptz(_begun) AS _window, coalesce(_begun + {window.size} <= _w, false) AS _late FROM ({each})"


def _late(window: EventWindow) -> str:
    if window.key is None:
        return "_time < _w"
    return f"_time + {window.size} <= _w" if window.kind == "session" else f"{_floor('_time', window.size)} + {window.size} <= _w"


def _floor(time: str, size: int) -> str:
    return f"({time} - (({time} % {size}) + {size}) % {size})"


def _until(commit: int | None, column: str, word: str = "WHERE") -> str:
    return "" if commit is None else f" {word} {column} <= {commit}"
