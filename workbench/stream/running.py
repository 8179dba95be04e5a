"""A running state while it runs: what each commit adds to it, and where its watermark stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workbench.language.definitions import MaterializedView, RunningState
from workbench.store.commit import ViewDelta
from workbench.store.names import quote
from workbench.store.session import Session
from workbench.store.state import FREE_PARTIALS, late_row_sql
from workbench.stream.feed import Feed
from workbench.stream.window import NEVER, event_times, judge


@dataclass(slots=True)
class RunningView:
    """One materialized view over a STREAM.

    `event_time` (running maximum, microseconds) and `late` change only by `advance`, after a verified commit.
    `partials` and `groups` count stored rows; a compaction is due when they are far apart.
    """

    view: MaterializedView
    state: RunningState
    columns: tuple[str, ...]
    """Of the stream."""
    event_time: int | None = None
    late: int = 0
    partials: int = 0
    groups: int = 0
    _feed: Feed | None = None

    @property
    def name(self) -> str:
        return self.view.name

    @property
    def watermark(self) -> float | None:
        """Seconds since 1970, or None before the first event time."""
        if self.state.window is None or self.event_time is None:
            return None
        return (self.event_time - self.state.window.delay) / 1e6

    def delta(self, session: Session, rows: pa.Table, verdict: np.ndarray) -> ViewDelta:
        """What some new rows of the stream add; `rows` has `_verdict`, and only rows with verdict 0 count."""
        window = self.state.window
        if window is None:
            return ViewDelta(self.name, self.state.stream, self._partials(session, rows))
        times = np.where(verdict == 0, event_times(rows.column(window.time)), NEVER)
        judged = judge(times, window, self.event_time)
        late = self._late_rows(session, rows, judged.late, times, judged.watermark)
        partials = self._partials(session, rows.append_column("_late", pa.array(judged.late)))
        return ViewDelta(
            self.name, self.state.stream, partials, late, judged.event_time, self.late + (0 if late is None else late.num_rows)
        )

    def advance(self, delta: ViewDelta) -> None:
        """Take over what a commit has stored."""
        self.partials += delta.partials.num_rows
        if self.state.window is not None:
            self.event_time, self.late = delta.event_time, delta.late_total

    @property
    def compaction_due(self) -> bool:
        return self.partials > 3 * self.groups + FREE_PARTIALS

    def _partials(self, session: Session, rows: pa.Table) -> pa.Table:
        """Prepared once: planning the query took two thirds of a small commit's share in it."""
        if self._feed is None:
            self._feed = Feed(session)
            self._feed.fill(rows)
            columns = ", ".join(map(quote, self.columns))
            late = "" if self.state.window is None else " AND NOT _late"
            delta = f"SELECT {columns} FROM {self._feed.name} WHERE _verdict = 0{late}"
            session.execute(f"PREPARE _partials{self._feed.name} AS WITH _delta AS ({delta}) SELECT * FROM ({self.state.partial})")
        self._feed.fill(rows)
        try:
            return session.arrow(f"EXECUTE _partials{self._feed.name}")
        finally:
            self._feed.clear()

    def _late_rows(self, session: Session, rows: pa.Table, late: np.ndarray, times: np.ndarray, watermark: np.ndarray) -> pa.Table | None:
        where = np.flatnonzero(late)
        if not len(where):
            return None
        table = rows.select(list(self.columns)).take(pa.array(where))
        with session.relation("_arrived", table):
            texts = session.arrow(f"SELECT {late_row_sql(self.columns)} AS row FROM _arrived")["row"]
        return pa.table({"event_time": times[where], "watermark": watermark[where], "row": texts})
