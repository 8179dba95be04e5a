"""Event time: the watermark that each row sees, and for which windows it comes too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.language.definitions import EventWindow
from workbench.language.windows import ENDLESS
from workbench.store.running import Progress

NEVER = -(1 << 62)
"""Stands for no event time at all, or no watermark yet; far from every real one, and from overflow."""
_ENDS = 1 << 62


class EventTime:
    """How far event time is over the sources of a stream; rows move it one by one, in the order in which they were merged.

    Invariants, each tested:
    1. The watermark before a row = max(the one before, min over sources that are not idle of (their newest event time before the
       row) - delay); no source that is not idle and gave no row yet; where all are idle it stays. It never falls.
    2. So where a run of rows is cut makes no difference; a change of `idle` counts from the next row on.

    `watermark` and `tops` (newest event time of each source) are microseconds, NEVER where there is none.
    """

    def __init__(self, progress: Progress, sources: Sequence[str], idle: frozenset[str], delay: int) -> None:
        known = dict(progress.event_times)
        self.sources, self.idle, self.delay = tuple(sources), frozenset(idle) & set(sources), delay
        self.tops = [NEVER if (time := known.get(source)) is None else time for source in sources]
        self.watermark = NEVER if progress.watermark is None else progress.watermark
        self._active = [source not in self.idle for source in sources]
        self._settle()

    def move(self, times: np.ndarray, runs: Sequence[tuple[str, int]]) -> np.ndarray:
        """int64[n]: the watermark that each of the next rows sees.

        Args:
            times: int64[n], NEVER for NULL and for rows that are not accepted.
            runs: (source, rows), n rows together; rows of a source that is not known move nothing.
        """
        seen = np.empty(len(times), np.int64)
        at = 0
        for source, count in runs:
            place = self.sources.index(source) if source in self.sources else -1
            if count:
                self._run(times[at : at + count], seen[at : at + count], place)
            at += count
        return seen

    def end(self, size: int) -> None:
        """The input is over: the watermark passes the end of every window that has a row."""
        top = max(self.tops, default=NEVER)
        if top != NEVER:
            self.watermark = max(self.watermark, top + size)

    def progress(self, late: int, closed: int) -> Progress:
        times = tuple((source, _known(top)) for source, top in zip(self.sources, self.tops, strict=True))
        return Progress(_known(self.watermark), times, tuple(sorted(self.idle)), late, closed)

    def _run(self, times: np.ndarray, seen: np.ndarray, place: int) -> None:
        """Rows of one source: all others stand still meanwhile."""
        if place < 0 or not self._active[place]:
            seen[:] = self.watermark
            if place >= 0:
                self.tops[place] = max(self.tops[place], int(times.max()))
            return
        start = self.tops[place]
        others = min((top for i, top in enumerate(self.tops) if self._active[i] and i != place), default=_ENDS)
        highest = np.maximum.accumulate(times)
        seen[0] = start
        np.maximum(highest[:-1], start, out=seen[1:])
        if others < _ENDS:
            np.minimum(seen, others, out=seen)
        seen -= self.delay
        np.maximum(seen, self.watermark, out=seen)
        self.tops[place] = max(start, int(highest[-1]))
        self._settle()

    def _settle(self) -> None:
        low = min((top for top, active in zip(self.tops, self._active, strict=True) if active), default=NEVER)
        self.watermark = max(self.watermark, low - self.delay if low != NEVER else NEVER)


def _known(time: int) -> int | None:
    return None if time == NEVER else time


def late_rows(times: np.ndarray, watermark: np.ndarray, window: EventWindow) -> np.ndarray:
    """bool[n]: rows that come too late for every window of theirs; rows without an event time never do.

    A row is late when its window had ended at the watermark that it sees: a session that it would begin too; without a window, when it
    lies behind that watermark itself.
    """
    if window.key is None:
        return np.asarray((times < watermark) & (times != NEVER))
    late: np.ndarray = times <= watermark
    if not late.any():
        return late
    behind = np.flatnonzero(late)
    time = times[behind]
    if window.kind == "session":
        ends = time + window.size
    else:
        ends = time - time % window.slide + window.size
    late[behind] = (ends <= watermark[behind]) & (time != NEVER)
    return late


@dataclass(frozen=True, slots=True)
class Hops:
    """The hopping windows of some rows, newest first: `base` int64[n] start of the newest, then every `slide` before it.

    `timely` and `whole` int64[n]: how many of them the row is not late for, and how many there are. A row without an event time has
    one window, without a start.
    """

    base: np.ndarray
    timely: np.ndarray
    whole: np.ndarray

    def missed(self, slide: int) -> tuple[np.ndarray, np.ndarray]:
        """(row, start) of each window that a row came too late for."""
        counts = self.whole - self.timely
        rows = np.repeat(np.arange(len(counts)), counts)
        first = np.cumsum(counts) - counts
        hop = np.arange(len(rows)) - first[rows] + self.timely[rows]
        return rows, self.base[rows] - hop * slide


def hops(times: np.ndarray, watermark: np.ndarray, window: EventWindow) -> Hops:
    slide, size = window.slide, window.size
    base = times - times % slide
    whole = (base - times + size - 1) // slide + 1
    timely = np.clip((base + size - watermark - 1) // slide + 1, 0, whole)
    never = times == NEVER
    if never.any():
        whole[never] = timely[never] = 1
    return Hops(base, timely, whole)


def event_times(column: pa.ChunkedArray) -> np.ndarray:
    """A time column as int64 microseconds, NULL as NEVER. Any unit is taken."""
    if not pa.types.is_timestamp(column.type) or column.type.unit != "us":
        column = column.cast(pa.timestamp("us"), safe=False)  # nanoseconds are cut off, as epoch_us does
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    numbers = whole.view(pa.int64()) if not isinstance(whole, pa.ChunkedArray) else whole.cast(pa.int64())
    bounds = pc.min_max(numbers).as_py()
    if numbers.null_count:
        numbers = pc.fill_null(numbers, NEVER)
    times = np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.int64)
    if bounds["min"] is None or (bounds["min"] >= -ENDLESS and bounds["max"] <= ENDLESS):
        return times
    return np.where(np.abs(times) > np.int64(ENDLESS), NEVER, times)
