"""Open windows of a running state: which of them the watermark has passed, each told once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.language.definitions import RunningState
from workbench.language.windows import ENDLESS
from workbench.store import state as stored_state
from workbench.store.inserts import repeated
from workbench.store.session import Session
from workbench.stream.window import NEVER

PATIENCE = 4
"""Times as long as the last look at sessions took must pass before the next one: at most a fifth of the time goes into looking."""
FEW = 500
"""Partials that are summed one by one: the detour over arrays takes 0.1 ms."""
NONE_OPEN = 1 << 62
"""Stands for the start of the oldest open session when none is open."""


def counted(starts: np.ndarray) -> pa.Table | None:
    """How many rows missed each window: key, start, rows; None when none did."""
    if not len(starts):
        return None
    begun, rows = np.unique(starts, return_counts=True)
    return pa.table({"key": repeated("", len(begun)), "start": begun, "rows": rows.astype(np.int64)})


@dataclass(frozen=True, slots=True)
class Opened:
    """What a delta does to open windows: rows added to each, by its start, and the starts of those that close."""

    rows: Mapping[int, int]
    closed: tuple[int, ...]


@dataclass(slots=True)
class Windows:
    """Open tumbling or hopping windows: the rows of each, by its start in microseconds.

    A commit that closes nothing costs one comparison. Rows that came late are not counted: they came after the window closed.
    """

    size: int
    key: str
    count: str
    rows: dict[int, int] = field(default_factory=dict)
    _first: int | None = None
    """The oldest open one."""

    @classmethod
    def load(cls, session: Session, view: str, state: RunningState, watermark: int | None) -> Windows:
        assert state.window is not None
        rows = stored_state.open_windows(session, view, state, watermark)
        return cls(state.window.size, f"_k{state.window.key}", f"_p{state.count}", rows, min(rows, default=None))

    @property
    def open(self) -> int:
        return len(self.rows)

    def due(self, watermark: int | None) -> bool:
        return watermark is not None and self._first is not None and self._first + self.size <= watermark

    def close(self, partials: pa.Table | None, watermark: int) -> tuple[pa.Table | None, Opened]:
        """The windows that close at a watermark: key, start, end, rows; None when none does."""
        added = {} if partials is None else self._added(partials)
        first = min((start for start in (self._first, min(added, default=None)) if start is not None), default=None)
        if first is None or first + self.size > watermark:
            return None, Opened(added, ())
        starts = sorted(start for start in {*self.rows, *added} if start + self.size <= watermark)
        rows = [self.rows.get(start, 0) + added.get(start, 0) for start in starts]
        begun = np.array(starts, np.int64)
        table = pa.table({"key": repeated("", len(starts)), "start": begun, "end": begun + self.size, "rows": pa.array(rows, pa.int64())})
        return table, Opened(added, tuple(starts))

    def advance(self, opened: object) -> None:
        assert isinstance(opened, Opened)
        for start, rows in opened.rows.items():
            self.rows[start] = self.rows.get(start, 0) + rows
        for start in opened.closed:
            del self.rows[start]
        if opened.closed:
            self._first = min(self.rows, default=None)
        elif opened.rows:
            first = min(opened.rows)
            self._first = first if self._first is None else min(self._first, first)

    def _added(self, partials: pa.Table) -> dict[int, int]:
        """Rows of a delta by the start of their window; windows at the ends of time never close."""
        starts = partials.column(self.key).cast(pa.int64())
        counts = partials.column(self.count)
        if partials.num_rows <= FEW:
            return _summed(starts.to_pylist(), counts.to_pylist())
        known = pc.and_(pc.greater_equal(starts, -ENDLESS), pc.less_equal(starts, ENDLESS))
        if starts.null_count or not pc.all(known).as_py():
            starts, counts = starts.filter(known), counts.filter(known)
        if not len(starts):
            return {}
        begun, places = np.unique(starts.to_numpy(), return_inverse=True)
        rows = np.bincount(places, weights=counts.to_numpy()).astype(np.int64)
        return {start: count for start, count in zip(begun.tolist(), rows.tolist(), strict=True) if count}


def _summed(starts: list[int | None], counts: list[int]) -> dict[int, int]:
    added: dict[int, int] = {}
    for start, count in zip(starts, counts, strict=True):
        if start is not None and -ENDLESS <= start <= ENDLESS and count:
            added[start] = added.get(start, 0) + int(count)
    return added


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the sessions found: all that end up to `watermark` are closed, `since` is the start of the oldest open one, none
    of them ends before `due` (None when none is open). NEVER: not looked at since the start."""

    watermark: int
    since: int
    due: int | None
    open: int


@dataclass(slots=True)
class Sessions:
    """Open sessions; they are kept in the database alone, and looked at when some may have ended.

    Each look takes the sessions that end after the watermark of the last look and up to the present one, so each is told once.
    Looks may lag behind the watermark: what they find is the same then, since a session that the watermark has passed stays as it is.
    """

    view: str
    state: RunningState
    gap: int
    last: Look
    clock: Callable[[], float] = time.monotonic
    _took: float = 0.0
    _looked_at: float = 0.0

    @classmethod
    def load(cls, session: Session, view: str, state: RunningState) -> Sessions:
        assert state.window is not None
        mark = stored_state.last_end(session, view)
        return cls(view, state, state.window.size, Look(NEVER if mark is None else mark, NEVER, NEVER, 0))

    @property
    def open(self) -> int:
        return self.last.open

    def due(self, watermark: int | None) -> bool:
        return watermark is not None and self.last.due is not None and NEVER < self.last.due <= watermark

    def close(self, session: Session, partials: pa.Table | None, watermark: int, urgent: bool) -> tuple[pa.Table | None, Look]:
        """The sessions that close at a watermark: key, start, end, rows; None when none does, or it is not looked yet."""
        due, since = self.last.due, self.last.since
        if partials is not None and partials.num_rows:
            timely = partials.filter(pc.invert(partials["_late"]))
            ends = pc.min(timely["_end"]).as_py()
            begun = pc.min(timely[f"_k{self.state.window.key}"].cast(pa.int64())).as_py() if self.state.window else None
            if ends is not None and begun is not None:
                due, since = min(due if due is not None else ends + self.gap, ends + self.gap), min(since, begun)
        waiting = Look(self.last.watermark, since, due, self.last.open)
        began = self.clock()
        if due is None or due > watermark or (not urgent and began - self._looked_at < PATIENCE * self._took):
            return None, waiting
        closings, oldest, next_due, count = stored_state.ended_sessions(
            session, self.view, self.state, partials, since, self.last.watermark, watermark
        )
        self._looked_at = self.clock()
        self._took = self._looked_at - began
        return closings if closings.num_rows else None, Look(watermark, NONE_OPEN if oldest is None else oldest, next_due, count)

    def advance(self, look: object) -> None:
        assert isinstance(look, Look)
        self.last = look
