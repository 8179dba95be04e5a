"""A clock that counts: row after row at an even rate, for demos and tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from workbench.batch import ChunkBuffer, Lag, Offset, RawBatch

FILE_ID = "rate"
RECORD = 16
"""Bytes that a row counts for: two numbers of eight."""
PIECE = 122_880
"""Rows in one batch: a row group of DuckDB."""
SECOND = 1_000_000
GAP = 50_000
"""Microseconds for which it has nothing more once it has given all that was due: or whoever reads to the end would never get there."""
CATCH_UP = 3600 * SECOND
"""Microseconds of rows, at most, that a new start makes up for."""
STEP = 2 * SECOND
"""Microseconds by which the wall clock must differ from what it should show to have been set."""
MOST_ANCHORS = 100
"""They are part of every offset."""
SCHEMA = pa.schema([("timestamp", pa.timestamp("us", "UTC")), ("value", pa.int64())])


@dataclass(frozen=True, slots=True)
class _Anchor:
    """From row `row` on, which is due at `at` (microseconds since 1970), `rate` rows come a second."""

    row: int
    at: int
    rate: int

    def times(self, first: int, stop: int) -> np.ndarray:
        """int64[stop - first]: when these rows are due."""
        since = np.arange(first - self.row, stop - self.row, dtype=np.int64)
        return np.asarray(self.at + since // self.rate * SECOND + since % self.rate * SECOND // self.rate)

    def time(self, row: int) -> int:
        return int(self.times(row, row + 1)[0])

    def due(self, now: int) -> int:
        """The first row that is not due yet."""
        if now < self.at:
            return self.row
        # Row k is due at floor(k·second/rate): the last k with k·second < (elapsed + 1)·rate.
        return self.row + ((now - self.at + 1) * self.rate - 1) // SECOND + 1


class RateSource:
    """Counts from 0: row `value` = i comes at its `timestamp`, i seconds divided by the rate after the first.

    Promises: `value` has no gap and nothing twice, and row i is the same whenever it is read, over cuts, pauses and restarts, for
    the moment of the first row is part of every offset. While it runs its pace is that of the monotonic clock, whatever the wall
    clock is set to. Like Spark's rate source it catches up: after a pause or a downtime it gives, with their own timestamps, the rows
    that were due meanwhile; of a downtime, by the wall clock, CATCH_UP at most: the timestamps then go on from there. They never go
    back: under a wall clock that is behind they go on from the last row's. When the rate was changed the count goes on, and the
    times too, from the first row that is not stored.

    Offsets count rows in `line`, sixteen bytes each in `byte`.

    Args:
        rows: where it ends; None: never.
        offsets: what is stored of this flow.
        clock: seconds since 1970, looked at when it starts.
        monotonic: seconds, from then on.
    """

    def __init__(
        self,
        rate: int,
        rows: int | None = None,
        *,
        name: str = "read_rate",
        offsets: Sequence[Offset] = (),
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._rows, self._clock, self._monotonic = name, rows, clock, monotonic
        self._kept = next((offset for offset in offsets if offset.file_id == FILE_ID), Offset(FILE_ID, name))
        self._read = self._kept
        self._anchors, self._seen = _from_mark(self._kept.mark)
        self._told: list[str] = []
        self._lock = threading.Lock()
        self._idle = False
        self._dry_at = 0
        """When it had given all that was due."""
        self._began, self._wall = monotonic(), int(clock() * SECOND)
        """The same moment by both clocks."""
        self._start = self._wall
        """That moment by the rows' own times."""
        if not self._anchors:
            self._anchors.append(_Anchor(0, self._wall, rate))
        else:
            if self._anchors[-1].rate != rate:
                self._turn(rate)
            self._go_on(rate)
        self._mark = json.dumps([[a.row, a.at, a.rate] for a in self._anchors], separators=(",", ":"))

    def _turn(self, rate: int) -> None:
        """Another rate from the first row on that is not stored."""
        last = self._anchors[-1]
        while self._anchors and self._anchors[-1].row >= self._kept.line:
            self._anchors.pop()
        self._anchors.append(_Anchor(self._kept.line, last.time(max(last.row, self._kept.line)), rate))
        self._seen = 0

    def _go_on(self, rate: int) -> None:
        """Find the rows' own time after a downtime, from the first row on that was never given."""
        front = max(self._kept.line, self._seen)
        if self._rows is not None and front >= self._rows:
            return
        due = int(self._times(front, front + 1)[0])
        if self._wall - due > CATCH_UP:
            self._anchors = [anchor for anchor in self._anchors if anchor.row < front][1 - MOST_ANCHORS :]
            self._anchors.append(_Anchor(front, self._wall - CATCH_UP, rate))
            self._told.append(
                f"{self._name}: nothing was given for {_length(self._wall - due)}: the rows of the last {_length(CATCH_UP)} are made up for"
            )
        self._start = max(self._wall, due - SECOND // rate - 1)
        if self._start - self._wall > STEP:
            self._told.append(
                f"{self._name}: the clock is {_length(due - self._wall)} behind the last row: the rows' timestamps go on from there"
            )

    def read(self, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:  # noqa: ARG002  a Source; rows need no buffer
        """The rows that are due and were not read."""
        with self._lock:
            start, now = self._read, self._now()
            self._look_at_clock()
            if self._idle and 0 <= now - self._dry_at < GAP:
                return None
            due = self._due(now)
            most = PIECE if limit is None else max(1, min(PIECE, limit // RECORD))
            stop = min(due, start.line + most)
            self._idle, self._dry_at = stop >= due, now
            if stop <= start.line:
                return None
            self._read = self._offset(stop * RECORD, stop)
            values = np.arange(start.line, stop, dtype=np.int64)
            table = pa.table([pa.array(self._times(start.line, stop)).cast(SCHEMA.field(0).type), pa.array(values)], schema=SCHEMA)
            return RawBatch(None, (stop - start.line) * RECORD, start, self._read, self._clock(), table=table)

    def _times(self, first: int, stop: int) -> np.ndarray:
        edges = [anchor.row for anchor in self._anchors[1:]] + [stop]
        parts = []
        for anchor, end in zip(self._anchors, edges, strict=True):
            if first < min(end, stop):
                parts.append(anchor.times(first, min(end, stop)))
                first = min(end, stop)
        return np.concatenate(parts)

    def offset_at(self, raw: RawBatch, byte: int, line: int) -> Offset:  # noqa: ARG002  a Source; `line` says it
        return raw.offset if line >= raw.offset.line else self._offset(raw.start.byte, line)

    def _offset(self, byte: int, line: int) -> Offset:
        mark = self._mark if line >= self._seen else f"{self._mark[:-1]},[{self._seen}]]"
        return Offset(FILE_ID, self._name, byte, line, line == self._rows, mark)

    def committed(self, offset: Offset) -> None:
        with self._lock:
            self._kept = offset

    def rewind(self) -> None:
        with self._lock:
            self._read, self._idle = self._kept, False

    def lag(self) -> Lag:
        """Rows that are due and not stored; a row has no age before it is due."""
        with self._lock:
            now = self._now()
            rows = max(0, self._due(now) - self._kept.line)
            oldest = int(self._times(self._kept.line, self._kept.line + 1)[0]) if rows else now
            return Lag(rows * RECORD, rows, max(0, now - oldest) / SECOND)

    def _due(self, now: int) -> int:
        due = self._anchors[-1].due(now)
        return due if self._rows is None else min(due, self._rows)

    @property
    def idle(self) -> bool:
        """All that was due at the last look is read; what became due since is for the next one."""
        with self._lock:
            return self._idle

    @property
    def ended(self) -> bool:
        with self._lock:
            return self._rows is not None and self._read.line >= self._rows

    @property
    def undecided(self) -> bool:
        """A fixed number of rows is all there whenever it is due: who wants all of it waits for the last one."""
        return self._rows is not None and not self.ended

    def rescan(self, at_once: bool = False) -> bool:  # noqa: ARG002  a Source
        """The clock is looked at by every read."""
        return True

    def notices(self) -> list[str]:
        with self._lock:
            told, self._told = self._told, []
            return told

    def place(self, file_id: str, file: str, byte: int, line: int) -> Offset | None:  # noqa: ARG002  a Source
        """Any row can be counted again whose time is still known."""
        if file_id != FILE_ID or line < self._anchors[0].row:
            return None
        with self._lock:
            self._seen = max(self._seen, self._read.line)
            return self._offset(byte, line)

    def ends(self) -> tuple[Offset, ...]:
        with self._lock:
            stop = max(self._kept.line, self._due(self._now()))
            return (self._offset(stop * RECORD, stop),)

    def begin(self, end: Offset) -> Offset:
        return Offset(end.file_id, end.file)

    def close(self) -> None:
        """It holds nothing."""

    def _look_at_clock(self) -> None:
        """Tell that the wall clock was set; nothing else follows from that."""
        wall = self._wall + round((self._monotonic() - self._began) * SECOND)
        step = int(self._clock() * SECOND) - wall
        if abs(step) > STEP and (self._rows is None or self._read.line < self._rows):
            self._wall += step
            self._told.append(
                f"{self._name}: the clock of this machine was put {'forward' if step > 0 else 'back'} by {_length(abs(step))}:"
                " rows keep their pace, and their timestamps do not follow it"
            )

    def _now(self) -> int:
        """By the rows' own times."""
        return self._start + round((self._monotonic() - self._began) * SECOND)


def _from_mark(mark: str) -> tuple[list[_Anchor], int]:
    """The anchors, and the rows that were given when an earlier row was chosen to go on from."""
    found = json.loads(mark) if mark else []
    seen = found.pop()[0] if found and len(found[-1]) == 1 else 0
    return [_Anchor(*anchor) for anchor in found], seen


def _length(micros: int) -> str:
    """A length of time, for a sentence."""
    return str(timedelta(seconds=round(micros / SECOND)))
