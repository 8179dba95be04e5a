"""One input of a join or a deduplication: its rows in merged order, each on time or late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.store.running import Progress
from workbench.store.session import Session
from workbench.store.state import late_row_sql
from workbench.stream.window import NEVER, EventTime, event_times

Times = npt.NDArray[np.int64]


@dataclass(slots=True)
class Side:
    """How far one input is.

    `time` names its event time; `slack`: how far behind the watermark, in microseconds, a row is still on time. `rows` (how many were
    read) and `progress` change only by `advance`, after a verified commit.
    """

    stream: str
    time: str
    delay: int
    sources: tuple[str, ...]
    slack: int = 0
    rows: int = 0
    progress: Progress = field(default_factory=Progress)

    @property
    def watermark(self) -> int | None:
        return self.progress.watermark

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Sources that hold the watermark, for they gave nothing yet."""
        return tuple(s for s, time in self.progress.event_times if time is None and s not in self.progress.idle)

    def judge(self, times: Times, runs: Sequence[tuple[str, int]], idle: frozenset[str]) -> Timed:
        """Judge the next rows; every one against the watermark that the rows before it have set.

        Args:
            times: int64[n], NEVER for a row that does not count.
            runs: (source, rows), n rows together.
        """
        event_time = EventTime(self.progress, self.sources, idle, self.delay)
        seen = event_time.move(times, runs)
        late = (times != NEVER) & (seen != NEVER) & (times < seen - self.slack)
        progress = event_time.progress(self.progress.late + int(np.count_nonzero(late)), 0)
        return Timed(times, seen, late, self.rows + len(times), progress)

    def advance(self, judged: Timed) -> None:
        self.rows, self.progress = judged.after, judged.progress


@dataclass(frozen=True, slots=True)
class Timed:
    """`times`, `seen` (the watermark before each row) int64[n]; `late` bool[n]; `after`, `progress`: of the side after them."""

    times: Times
    seen: Times
    late: npt.NDArray[np.bool_]
    after: int
    progress: Progress

    @property
    def timely(self) -> npt.NDArray[np.bool_]:
        """Rows that have a time and are not late."""
        return np.asarray(~self.late & (self.times != NEVER), np.bool_)

    def listed(self, session: Session, rows: pa.Table, columns: Sequence[str]) -> pa.Table | None:
        """The late rows as `workbench.late` has them; None when there are none."""
        where = np.flatnonzero(self.late)
        if not len(where):
            return None
        table = rows.select(list(columns)).take(pa.array(where))
        with session.relation("_arrived", table):
            texts = session.arrow(f"SELECT {late_row_sql(tuple(columns))} AS row FROM _arrived")["row"]
        return pa.table({"event_time": self.times[where], "watermark": self.seen[where], "row": texts})


def times_of(rows: pa.Table, time: str) -> Times:
    """The event times of some rows, NEVER where there is none; the column's letter case does not count."""
    return event_times(rows.column(next(name for name in rows.column_names if name.lower() == time.lower())))
