"""A running state while it runs: what each commit adds to it, which windows close, where its watermark stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from workbench.language.definitions import EventWindow, MaterializedView, RunningState
from workbench.language.sessions import UNBOUND
from workbench.protocol import ViewStatus
from workbench.store import state as stored_state
from workbench.store.feed import Feed
from workbench.store.names import quote
from workbench.store.running import Progress, ViewDelta, progress_of
from workbench.store.session import Prepared, Session
from workbench.store.state import FREE_PARTIALS, late_row_sql
from workbench.stream.arrival import Arrival
from workbench.stream.closing import Look, Opened, Sessions, Windows, counted
from workbench.stream.picked import picked
from workbench.stream.window import NEVER, EventTime, event_times, hops, late_rows

_ROW_BYTES = 64
"""Of a partial row, before one was seen."""


class _Question:
    """A query on rows that come again and again, prepared once; as long as they are of one schema.

    Args:
        sql: gives the query on a relation, by its name.
    """

    def __init__(self, session: Session, sql: Callable[[str], str]) -> None:
        self._session, self._feed = session, Feed(session)
        self._sql = sql(self._feed.name)
        self._schema: pa.Schema | None = None
        self._prepared: Prepared | None = None

    def answer(self, rows: pa.Table) -> pa.Table:
        if self._prepared is None or rows.schema != self._schema:
            self._prepared = self._prepare(rows)
        self._feed.fill(rows)
        try:
            return self._session.arrow(self._prepared.run)
        finally:
            self._feed.clear()

    def _prepare(self, rows: pa.Table) -> Prepared:
        self._prepared = None
        self._feed.close()
        self._feed.fill(rows)
        self._schema = rows.schema
        return self._session.prepare(self._sql)


@dataclass(slots=True)
class RunningView:
    """One materialized view over a STREAM.

    `delta` changes nothing here; `progress`, the open windows and the counts move by `advance`, after a verified commit.
    `partials` and `groups` count stored rows; a compaction is due when they are far apart.
    """

    view: MaterializedView
    state: RunningState
    columns: tuple[str, ...]
    """Of the stream."""
    sources: tuple[str, ...] = ()
    """The flows of the outside world that its stream's rows come from; they hold the watermark."""
    progress: Progress = field(default_factory=Progress)
    partials: int = 0
    groups: int = 0
    row_bytes: float = _ROW_BYTES
    windows: Windows | Sessions | None = None
    _adding: _Question | None = None
    _listing: _Question | None = None

    @classmethod
    def load(
        cls, session: Session, view: MaterializedView, state: RunningState, columns: tuple[str, ...], sources: tuple[str, ...]
    ) -> RunningView:
        """A view that goes on where its last commit left it."""
        progress = progress_of(session, view.name) or Progress()
        rows = stored_state.partial_rows(session, view.name)
        loaded = cls(view, state, columns, sources, progress, rows, rows, stored_state.row_bytes(session, view.name))
        window = state.window
        if window is not None and window.key is not None:
            if window.kind == "session":
                loaded.windows = Sessions.load(session, view.name, state)
            else:
                loaded.windows = Windows.load(session, view.name, state, progress.watermark)
        return loaded

    @property
    def name(self) -> str:
        return self.view.name

    @property
    def late(self) -> int:
        return self.progress.late

    @property
    def watermark(self) -> float | None:
        """Seconds since 1970, or None while there is none."""
        return None if self.progress.watermark is None else self.progress.watermark / 1e6

    def delta(self, session: Session, arrivals: Sequence[Arrival], idle: frozenset[str] = frozenset(), ended: bool = False) -> ViewDelta:
        """What new rows of the stream, sources that became idle, or the end of all input add.

        Args:
            arrivals: in the order in which the commit merges them; only rows with verdict 0 count.
            idle: flows that hold no watermark from now on.
            ended: nothing will ever come again: every window closes.
        """
        window = self.state.window
        rows = _merged(arrivals, self.columns)
        if window is None:
            return ViewDelta(self.name, self.state.stream, None if rows is None else self._partials(session, rows))
        time = EventTime(self.progress, self.sources, idle, window.delay)
        found = _Found() if rows is None else self._judged(session, rows, arrivals, time, window)
        if ended:
            time.end(window.size)
        closings: pa.Table | None = None
        look: Look | Opened | None = None
        if isinstance(self.windows, Sessions):
            closings, look = self.windows.close(session, found.partials, time.watermark, urgent=ended or rows is None)
        elif self.windows is not None:
            closings, look = self.windows.close(found.partials, time.watermark)
        progress = time.progress(self.progress.late + found.missed, self.progress.closed + (0 if closings is None else closings.num_rows))
        return ViewDelta(
            self.name, self.state.stream, found.partials, progress, found.late, found.late_counts, closings, ended=ended, look=look
        )

    def advance(self, delta: ViewDelta) -> None:
        """Take over what a commit has stored."""
        if delta.partials is not None and delta.partials.num_rows:
            count = delta.partials.num_rows
            self.partials += count
            self.row_bytes += (delta.partials.nbytes / count + 8 - self.row_bytes) * min(1.0, count / max(1, self.partials))
        if delta.progress is not None:
            self.progress = delta.progress
        if self.windows is not None:
            self.windows.advance(delta.look)

    def moved_by(self, idle: frozenset[str]) -> bool:
        """Whether a delta without rows would change anything: other sources are idle, or windows wait to be closed."""
        if self.state.window is None:
            return False
        if set(self.progress.idle) != idle & set(self.sources):
            return True
        return self.windows is not None and self.windows.due(self.progress.watermark)

    @property
    def compaction_due(self) -> bool:
        return self.partials > 3 * self.groups + FREE_PARTIALS

    def status(self) -> ViewStatus:
        window, progress = self.state.window, self.progress
        waits = [source for source, time in progress.event_times if time is None and source not in progress.idle]
        return ViewStatus(
            name=self.name,
            stream=self.state.stream,
            kind="groups" if window is None or window.key is None else window.kind,
            watermark=self.watermark,
            open_windows=self.windows.open if self.windows is not None else 0,
            closed_windows=progress.closed,
            late=progress.late,
            on_late=window.on_late if window is not None else "list",
            state_rows=self.partials,
            state_bytes=round(self.partials * self.row_bytes),
            expires=_expires(window),
            waits_for=tuple(waits or self._slowest()),
        )

    def _slowest(self) -> list[str]:
        """The source whose newest event time holds the watermark back, where there are several."""
        times = [(time, source) for source, time in self.progress.event_times if time is not None and source not in self.progress.idle]
        return [min(times)[1]] if len(times) > 1 and min(times)[0] < max(times)[0] else []

    def _judged(self, session: Session, rows: pa.Table, arrivals: Sequence[Arrival], time: EventTime, window: EventWindow) -> _Found:
        verdict = np.concatenate([arrival.verdict for arrival in arrivals]) if len(arrivals) > 1 else arrivals[0].verdict
        times = event_times(rows.column(window.time))
        if verdict.any():
            times = np.where(verdict == 0, times, NEVER)
        seen = time.move(times, [run for arrival in arrivals for run in arrival.origins])
        if window.kind == "hopping" and window.key is not None:
            return self._hopping(session, rows, times, seen, window)
        late = late_rows(times, seen, window)
        where = np.flatnonzero(late)
        found = _Found(missed=len(where))
        if window.kind == "session":
            found.partials, found.late_counts = self._sessions(session, rows, times, seen, late, window)
        else:
            found.partials = self._partials(session, rows.append_column("_wb_late", pa.array(late)))
        starts = None
        if window.key is not None and window.kind == "tumbling":
            starts = times[where] - times[where] % window.size
            found.late_counts = counted(starts)
        found.late = self._listed(session, rows, where, times, seen, starts)
        return found

    def _hopping(self, session: Session, rows: pa.Table, times: np.ndarray, seen: np.ndarray, window: EventWindow) -> _Found:
        found = hops(times, seen, window)
        late, starts = found.missed(window.slide)
        taken = found.whole if window.on_late == "update" else found.timely
        given = rows.append_column("_wb_base", pa.array(found.base, mask=times == NEVER))
        given = given.append_column("_wb_timely", pa.array(found.timely)).append_column("_wb_taken", pa.array(taken))
        return _Found(
            self._partials(session, given), self._listed(session, rows, late, times, seen, starts), counted(starts), missed=len(late)
        )

    def _sessions(
        self, session: Session, rows: pa.Table, times: np.ndarray, seen: np.ndarray, late: np.ndarray, window: EventWindow
    ) -> tuple[pa.Table, pa.Table | None]:
        """The partials of a delta, and how many late rows it has, by key and time."""
        bound = np.where((times <= seen) & (times != NEVER) & ~late, seen - window.size, UNBOUND)
        given = rows.append_column("_wb_time", pa.array(times, mask=times == NEVER)).append_column("_wb_bound", pa.array(bound))
        given = given.append_column("_wb_late", pa.array(late)).append_column("_wb_place", pa.array(np.arange(len(times))))
        partials = self._partials(session, given)
        if not late.any():
            return partials, None
        with session.relation("_found", partials):
            counts = session.arrow(stored_state.late_sessions(self.state))
        if window.on_late != "update":
            partials = partials.filter(pa.compute.invert(partials["_late"]))
        return partials, counts

    def _partials(self, session: Session, rows: pa.Table) -> pa.Table:
        """Prepared once: planning the query took two thirds of a small commit's share in it."""
        if self._adding is None:
            self._adding = _Question(
                session,
                lambda feed: f"WITH _delta AS ({_delta_sql(self.state.window, self.columns, feed)}) SELECT * FROM ({self.state.partial})",
            )
        return self._adding.answer(rows)

    def _listed(
        self, session: Session, rows: pa.Table, where: np.ndarray, times: np.ndarray, seen: np.ndarray, starts: np.ndarray | None
    ) -> pa.Table | None:
        """Late rows as `workbench.late` has them; None when there are none, or they are not listed."""
        assert self.state.window is not None
        if not len(where) or self.state.window.on_late != "list":
            return None
        if self._listing is None:
            self._listing = _Question(session, lambda feed: f"SELECT {late_row_sql(self.columns)} AS row FROM {feed}")
        texts = self._listing.answer(picked(rows.select(list(self.columns)), where))["row"]
        begun = pa.nulls(len(where), pa.int64()) if starts is None else pa.array(starts)
        return pa.table({"event_time": times[where], "watermark": seen[where], "window_start": begun, "row": texts})


@dataclass(slots=True)
class _Found:
    """What the rows of one delta give."""

    partials: pa.Table | None = None
    late: pa.Table | None = None
    late_counts: pa.Table | None = None
    missed: int = 0


def _merged(arrivals: Sequence[Arrival], columns: tuple[str, ...]) -> pa.Table | None:
    """All rows in merged order, None when there are none."""
    if len(arrivals) <= 1:
        return arrivals[0].rows if arrivals and arrivals[0].rows.num_rows else None
    names = [*columns, "_verdict"]
    merged = pa.concat_tables([arrival.rows.select(names) for arrival in arrivals], promote_options="permissive")
    return merged if merged.num_rows else None


def _delta_sql(window: EventWindow | None, columns: tuple[str, ...], feed: str) -> str:
    """The relation `_delta` of a running state: accepted rows with what the kind of its window needs."""
    names = ", ".join(map(quote, columns))
    accepted = f"FROM {feed} WHERE _verdict = 0"
    if window is None:
        return f"SELECT {names} {accepted}"
    if window.kind == "session":
        return f"SELECT {names}, _wb_time, _wb_bound, _wb_late, _wb_place {accepted}"
    if window.kind == "hopping" and window.key is not None:
        inner = f"SELECT {names}, _wb_base, _wb_timely, unnest(range(_wb_taken)) AS _wb_hop {accepted} AND _wb_taken > 0"
        begun = f"make_timestamptz(_wb_base - _wb_hop * {window.slide}) AS _wb_window"
        return f"SELECT {names}, {begun}, _wb_hop >= _wb_timely AS _wb_late FROM ({inner})"
    return f"SELECT {names}, _wb_late {accepted}" if window.on_late == "update" else f"SELECT {names} {accepted} AND NOT _wb_late"


def _expires(window: EventWindow | None) -> str:
    if window is None or window.key is None:
        return "never: a group stays, whatever its age"
    delay = f"{window.delay / 1e6:,.6g} s"
    if window.kind == "session":
        closes = f"a session closes {window.size / 1e6:,.6g} s after its last row, {delay} of event time later"
    else:
        closes = f"a window closes {delay} of event time after its end"
    return f"{closes}; its row stays as the view's result"
