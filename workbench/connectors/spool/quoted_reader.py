"""The lines of one sender in a spool as CSV records: a newline inside quotes ends none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from workbench.batch import KEPT_OF_TOO_LONG, ChunkBuffer, Offset, Overlong, RawBatch
from workbench.connectors.records import Records
from workbench.connectors.spool.block import Place
from workbench.connectors.spool.reader import SpoolReader
from workbench.connectors.spool.spool import Spool

NONE: npt.NDArray[np.int64] = np.zeros(0, np.int64)


class QuotedReader:
    """A SpoolReader whose batches hold records as `Records` cuts them; offsets count these.

    A record whose quote is open waits for its end: until it is there, until it is longer than a record may be, or until nothing
    more can come. So no line of it is taken for a record because its sender was slow.
    """

    def __init__(self, spool: Spool, lines: SpoolReader, records: Records) -> None:
        self._spool, self._lines, self._records = spool, lines, records
        self._chunk: ChunkBuffer | None = None
        self._begin = lines.place
        self._held = b""
        """Whole lines from `_begin` on that were not handed out."""
        self._ends = NONE
        """Where the whole ones of their records end."""
        self._arrivals: list[tuple[int, float]] = []
        """(position, time) of each run of lines that arrived together."""
        self._of = Offset("", "")
        """The spool's name for where they are."""
        self._next: RawBatch | None = None
        """What was read behind them and does not go on with them; its bytes are in `_chunk`."""

    @property
    def place(self) -> Place:
        """Everything before it was looked at."""
        return self._lines.place

    @property
    def left(self) -> int:
        """Of what was looked at: 2 when more can be handed out now, 1 when only a record with an open quote is left, else 0."""
        return 2 if self._ends.size or self._next is not None else int(bool(self._held))

    def go(self, place: Place) -> None:
        """Read on from another place."""
        self._lines.go(place)
        self._begin, self._held, self._ends, self._arrivals, self._next = place, b"", NONE, [], None

    def close(self) -> None:
        self._lines.close()
        if self._chunk is not None:
            self._chunk.close()
            self._chunk = None

    def read(self, buffer: ChunkBuffer, limit: int | None) -> RawBatch | None:
        """The next whole records; a batch of none where something is passed over; None when there are none now."""
        want = min(limit or buffer.capacity, buffer.capacity)
        while not self._ends.size:
            over = self._spool.finished and self._lines.place.byte >= self._spool.end.byte
            if self._next is None:
                self._next = self._look(buffer.capacity, want)
            if self._next is None and not (over and self._held):
                return None
            if self._next is not None and not self._held and not self._next.length:
                return self._passed_over(self._next, buffer)
            goes_on = self._next is not None and self._next.length and (not self._held or self._next.start.file_id == self._of.file_id)
            if goes_on:
                self._take()
            self._ends = self._records.whole(self._held, not goes_on)
        return self._batch(buffer, want)

    def _look(self, capacity: int, want: int) -> RawBatch | None:
        if self._chunk is None or self._chunk.capacity < capacity:
            self._chunk = ChunkBuffer(capacity)
        return self._lines.read(self._chunk, want)

    def _take(self) -> None:
        """Put what was read behind what is held."""
        raw, self._next = self._next, None
        assert raw is not None
        assert self._chunk is not None
        at, memory = len(self._held), self._chunk.memory
        for line, time in raw.arrivals or ((0, raw.arrived_at),):
            start = _after_lines(memory[: raw.length], line) if line else 0
            self._arrivals.append((at + start, time))
        self._held += memory[: raw.length]
        self._of = raw.start

    def _passed_over(self, raw: RawBatch, buffer: ChunkBuffer) -> RawBatch:
        """A batch without bytes, with the lines counted as they are here."""
        self._next = None
        buffer.open()
        buffer.seal(0)
        begin = self._begin
        self._begin = Place(raw.offset.byte, begin.line + raw.offset.line - raw.start.line)
        overlong = tuple(replace(one, line=begin.line) for one in raw.overlong)
        start, offset = replace(raw.start, line=begin.line), replace(raw.offset, line=self._begin.line)
        return replace(raw, buffer=buffer, start=start, offset=offset, overlong=overlong)

    def _batch(self, buffer: ChunkBuffer, want: int) -> RawBatch:
        """As many of the whole records as there is room for; one at least."""
        count = max(1, int(np.searchsorted(self._ends, want, "right")))
        length = int(self._ends[count - 1])
        overlong: tuple[Overlong, ...] = ()
        memory, begin, kept = buffer.open(), self._begin, length
        if length > buffer.capacity:
            kept, overlong = 0, (Overlong(begin.line, begin.byte, length - 1, self._held[: min(length - 1, KEPT_OF_TOO_LONG)]),)
        memory[:kept] = self._held[:kept]
        buffer.seal(kept)
        starts = np.concatenate([np.zeros(1, np.int64), self._ends[:count]])
        quoted = bool(kept) and self._held.count(b"\n", 0, length) > count
        arrivals = self._leave(length, starts)
        self._ends, self._held = self._ends[count:] - length, self._held[length:]
        self._begin = Place(begin.byte + length, begin.line + count)
        return RawBatch(
            buffer=buffer,
            length=kept,
            start=replace(self._of, byte=begin.byte, line=begin.line),
            offset=replace(self._of, byte=self._begin.byte, line=self._begin.line),
            arrived_at=arrivals[0][1],
            overlong=overlong,
            quoted=quoted,
            starts=starts if quoted else None,
            arrivals=arrivals if len(arrivals) > 1 else (),
        )

    def _leave(self, length: int, starts: npt.NDArray[np.int64]) -> tuple[tuple[int, float], ...]:
        """When the first `length` bytes arrived, by record; what is behind them keeps its own times."""
        found: dict[int, float] = {}
        for at, time in self._arrivals:
            if (record := int(np.searchsorted(starts, at))) < len(starts) - 1:
                found[record] = time
        before = [time for at, time in self._arrivals if at <= length]
        self._arrivals = [(0, before[-1]), *((at - length, time) for at, time in self._arrivals if at > length)]
        if len(self._held) == length:
            self._arrivals = []
        return tuple(found.items())


def _after_lines(data: bytes, lines: int) -> int:
    """Just after the first `lines` lines."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A)
    return int(ends[lines - 1]) + 1
