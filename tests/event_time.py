"""A running state fed commit by commit as the engine does it, and the same told slowly, row by row, in plain Python."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from tests.language import graph_of
from workbench.language.definitions import Column, EventWindow, MaterializedView, RunningState
from workbench.store import catalog
from workbench.store.binder import bind
from workbench.store.catalog import Entry
from workbench.store.database import system_tables
from workbench.store.inserts import Inserts
from workbench.store.proof import check_state
from workbench.store.running import clear_progress, fold_progress, write_view
from workbench.store.session import Session, scratch
from workbench.store.state import compact, groups, windows_sql
from workbench.store.windows import publish_windows
from workbench.stream.arrival import Arrival
from workbench.stream.running import RunningView

SECOND = 1_000_000
TABLE = "CREATE STREAMING TABLE orders (id BIGINT, k VARCHAR, n BIGINT, ts TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('x.json');"
COLUMNS = (Column("id", "BIGINT"), Column("k", "VARCHAR"), Column("n", "BIGINT"), Column("ts", "TIMESTAMP WITH TIME ZONE"))
ROWS = pa.schema([("id", pa.int64()), ("k", pa.string()), ("n", pa.int64()), ("ts", pa.timestamp("us", "UTC")), ("_verdict", pa.uint8())])
WINDOWS = {
    "tumbling": "window(ts, '10 seconds')",
    "hopping": "window(ts, '10 seconds', '4 seconds')",
    "session": "session_window(ts, '5 seconds')",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the stream; `time` in seconds."""

    source: str
    k: str | None
    time: int | None
    n: int = 1
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class Push:
    """One commit: rows in merged order, and the sources that are idle from its start on."""

    rows: tuple[Row, ...]
    idle: frozenset[str] = frozenset()
    ended: bool = False


@cache
def view_of(query: str, clause: str = "") -> tuple[MaterializedView, RunningState, Entry]:
    graph = graph_of({"p.sql": f"{TABLE}\nCREATE MATERIALIZED VIEW v {clause} AS {query};"})
    view = graph.get("v")
    assert isinstance(view, MaterializedView)
    assert view.running is not None
    bound = bind(graph, scratch, lambda source, name: None)
    assert bound.problems == []
    schema = bound.schemas["v"]
    return view, view.running, Entry("v", "running state", "", "p.sql", 1, "", "digest", schema.output, (), schema.state)


def windowed(kind: str, delay: int, keys: str = "k") -> str:
    """A query over one kind of window; `keys` are the other keys, perhaps none."""
    first = WINDOWS[kind]
    grouped = f"{first}, {keys}" if keys else first
    shown = f", {keys}" if keys else ""
    return (
        f"SELECT {first} AS w{shown}, count(*) AS rows, sum(n) AS total, arg_max(id, n) AS top"
        f" FROM STREAM orders WATERMARK ts DELAY OF INTERVAL {delay} SECONDS GROUP BY {grouped}"
    )


class Stage:
    """A database with one stream and one running state over it, without the rest of the engine."""

    def __init__(self, query: str, clause: str = "", sources: tuple[str, ...] = ("a",)) -> None:
        self.view, self.state, self.entry = view_of(query, clause)
        self.session: Session = scratch()
        self.session.execute(system_tables())
        self.session.execute("CREATE TABLE _store.orders (id BIGINT, k VARCHAR, n BIGINT, ts TIMESTAMPTZ, _commit BIGINT)")
        self.sources = sources
        self.clear()

    def clear(self) -> None:
        """Begin anew with no rows."""
        self.session.execute("DELETE FROM _store.orders; DELETE FROM _system.commit_log")
        catalog.create_running_state(self.session, self.entry, self.state.finish)
        clear_progress(self.session, "v")
        publish_windows(self.session, "v", windows_sql("v", self.state))
        self.commit, self.id = 0, 0
        self.inserts = Inserts(self.session)
        self.running = self.loaded()

    def loaded(self) -> RunningView:
        return RunningView.load(self.session, self.view, self.state, tuple(c.name for c in COLUMNS), self.sources)

    def push(self, push: Push) -> None:
        """One commit, as the engine writes it."""
        self.commit += 1
        arrivals = self._arrivals(push.rows)
        delta = self.running.delta(self.session, arrivals, push.idle, push.ended)
        with self.session.transaction():
            for arrival in arrivals:
                self._store(arrival)
            write_view(self.inserts, delta, self.commit, float(self.commit))
        self.running.advance(delta)

    def restart(self) -> None:
        """The engine dies and begins at what is stored."""
        self.running = self.loaded()

    def compact(self) -> None:
        self.running.groups = groups(self.session, "v", self.state)
        self.running.partials = compact(self.session, "v", self.state, self.commit)

    def fold(self) -> None:
        with self.session.transaction():
            fold_progress(self.session)

    def check(self) -> list[str]:
        return check_state(self.session, self.entry, self.state, COLUMNS)

    def shown(self) -> list[tuple[Any, ...]]:
        """The view's rows, times in microseconds."""
        return answer(self.session, "FROM main.v")

    def closed(self) -> list[tuple[Any, ...]]:
        return answer(self.session, 'SELECT key, "start", "end", "rows" FROM _system.windows')

    def late(self) -> list[tuple[Any, ...]]:
        return answer(self.session, "SELECT event_time, watermark, window_start, row->>'id' AS id FROM _system.late")

    def late_counts(self) -> list[tuple[Any, ...]]:
        return answer(self.session, 'SELECT key, "start", sum("rows")::BIGINT FROM _system.late_counts GROUP BY ALL')

    def _arrivals(self, rows: Sequence[Row]) -> list[Arrival]:
        """The first half of the rows through one flow, the rest through another: what sources they have is another matter."""
        half = len(rows) // 2
        return [self._arrival(part) for part in (rows[:half], rows[half:]) if part]

    def _arrival(self, rows: Sequence[Row]) -> Arrival:
        verdict = np.array([0 if row.accepted else 1 for row in rows], np.uint8)
        columns = {
            "id": range(self.id, self.id + len(rows)),
            "k": [row.k for row in rows],
            "n": [row.n for row in rows],
            "ts": [None if row.time is None else row.time * SECOND for row in rows],
            "_verdict": verdict,
        }
        self.id += len(rows)
        table = pa.table([pa.array(values, ROWS.field(name).type) for name, values in columns.items()], schema=ROWS)
        origins: list[tuple[str, int]] = []
        for row in rows:
            if origins and origins[-1][0] == row.source:
                origins[-1] = (row.source, origins[-1][1] + 1)
            else:
                origins.append((row.source, 1))
        return Arrival("f", table, verdict, tuple(origins))

    def _store(self, arrival: Arrival) -> None:
        with self.session.relation("_rows_in", arrival.rows):
            self.session.execute(f"INSERT INTO _store.orders SELECT * EXCLUDE (_verdict), {self.commit} FROM _rows_in WHERE _verdict = 0")
        origins = json.dumps([{"flow": name, "rows": count} for name, count in arrival.accepted_origins()])
        self.session.execute(
            'INSERT INTO _system.commit_log (id, "at", stream, flow, origins) VALUES (?, to_timestamp(?), ?, ?, ?)',
            [self.commit, float(self.commit), "orders", arrival.flow, origins],
        )


def answer(session: Session, sql: str) -> list[tuple[Any, ...]]:
    rows = session.arrow(sql)
    columns = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in rows.columns]
    return sorted(zip(*(column.to_pylist() for column in columns), strict=True), key=repr)


@dataclass(slots=True)
class Slow:
    """Event time told row by row, as LANGUAGE has it; times in seconds. Ties of `top` go to the row that came first."""

    window: EventWindow
    sources: tuple[str, ...]
    idle: frozenset[str] = frozenset()
    tops: dict[str, int] = field(default_factory=dict)
    watermark: int | None = None
    groups: dict[Any, list[tuple[int, Row]]] = field(default_factory=dict)
    """Of tumbling and hopping windows by start and key; of sessions lists of rows by key, in `open` or `shut`."""
    open: dict[Any, list[list[tuple[int, Row]]]] = field(default_factory=dict)
    shut: list[tuple[Any, list[tuple[int, Row]]]] = field(default_factory=list)
    loose: dict[Any, list[tuple[int, Row]]] = field(default_factory=dict)
    done: dict[Any, int] = field(default_factory=dict)
    closed: list[tuple[Any, ...]] = field(default_factory=list)
    late: list[tuple[int, int, int | None]] = field(default_factory=list)
    """(row, time, start of the window) of each row and window that it missed."""
    keys: list[str | None] = field(default_factory=list)
    """Of every row."""
    id: int = 0

    def push(self, push: Push) -> None:
        self.idle = push.idle
        self._settle()
        for row in push.rows:
            id, self.id = self.id, self.id + 1
            self.keys.append(row.k)
            if row.accepted:
                self._take(id, row)
        if push.ended and self.tops:
            end = max(self.tops.values()) + self.window.size // SECOND
            self.watermark = end if self.watermark is None else max(self.watermark, end)
            self._close()

    def _take(self, id: int, row: Row) -> None:
        if self.window.kind == "session":
            self._session(id, row)
        else:
            for start in self._starts(row.time):
                end = None if start is None else start + self.window.size // SECOND
                missed = end is not None and self.watermark is not None and end <= self.watermark
                if missed:
                    assert row.time is not None
                    self.late.append((id, row.time, start))
                if not missed or self.window.on_late == "update":
                    self.groups.setdefault((start, row.k), []).append((id, row))
                if not missed and start is not None:
                    self.done[start] = self.done.get(start, 0) + 1
        if row.time is not None:
            self.tops[row.source] = max(self.tops.get(row.source, row.time), row.time)
        self._settle()

    def _starts(self, time: int | None) -> list[int | None]:
        if time is None:
            return [None]
        size, slide = self.window.size // SECOND, self.window.slide // SECOND
        newest = time // slide * slide
        return [start for start in range(newest, time - size, -slide) if start <= time < start + size]

    def _session(self, id: int, row: Row) -> None:
        gap = self.window.size // SECOND
        if row.time is None:
            self.loose.setdefault(row.k, []).append((id, row))
            return
        if self.watermark is not None and row.time + gap <= self.watermark:
            self.late.append((id, row.time, None))
            if self.window.on_late == "update":
                self.shut.append((row.k, [(id, row)]))
            return
        joined = [(id, row)]
        others = []
        for session in self.open.get(row.k, []):
            times = [r.time for _, r in session if r.time is not None]
            if min(times) - gap <= row.time <= max(times) + gap:
                joined += session
            else:
                others.append(session)
        self.open[row.k] = [*others, sorted(joined, key=lambda pair: pair[0])]

    def _settle(self) -> None:
        active = [source for source in self.sources if source not in self.idle]
        if active and all(source in self.tops for source in active):
            low = min(self.tops[source] for source in active) - self.window.delay // SECOND
            self.watermark = low if self.watermark is None else max(self.watermark, low)
        self._close()

    def _close(self) -> None:
        if self.watermark is None:
            return
        size = self.window.size // SECOND
        for start in [s for s in self.done if s + size <= self.watermark]:
            self.closed.append(("", start * SECOND, (start + size) * SECOND, self.done.pop(start)))
        for k, sessions in self.open.items():
            for session in list(sessions):
                times = [row.time for _, row in session if row.time is not None]
                if max(times) + size <= self.watermark:
                    sessions.remove(session)
                    self.shut.append((k, session))
                    self.closed.append((k, min(times) * SECOND, (max(times) + size) * SECOND, len(session)))

    def shown(self) -> list[tuple[Any, ...]]:
        """(start, key, rows, total, top) of each group."""
        if self.window.kind != "session":
            found = [(start, k, rows) for (start, k), rows in self.groups.items()]
        else:
            sessions = [*self.shut, *((k, session) for k, found in self.open.items() for session in found)]
            if self.window.on_late == "update":
                sessions = self._merged(sessions)
            found = [(min(row.time for _, row in s if row.time is not None), k, s) for k, s in sessions]
            found += [(None, k, s) for k, s in self.loose.items()]
        out = []
        for start, k, rows in found:
            top = max(rows, key=lambda pair: (pair[1].n, -pair[0]))[0]
            out.append((None if start is None else start * SECOND, k, len(rows), sum(row.n for _, row in rows), top))
        return sorted(out, key=repr)

    def _merged(self, sessions: list[tuple[Any, list[tuple[int, Row]]]]) -> list[tuple[Any, list[tuple[int, Row]]]]:
        """Late rows were taken in: whatever is within the gap is one session, closed or not."""
        gap = self.window.size // SECOND
        out: list[tuple[Any, list[tuple[int, Row]]]] = []
        for k in {key for key, _ in sessions}:
            rows = [pair for key, session in sessions if key == k for pair in session]
            rows.sort(key=lambda pair: (pair[1].time or 0, pair[0]))
            for pair in rows:
                time, last = pair[1].time or 0, out[-1][1][-1][1].time if out and out[-1][0] == k and out[-1][1] else None
                if last is not None and time <= last + gap:
                    out[-1][1].append(pair)
                else:
                    out.append((k, [pair]))
        return out
