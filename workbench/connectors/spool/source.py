"""The records of a spool as a source: sockets and standard input."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence

from workbench.batch import ChunkBuffer, Lag, Offset, RawBatch
from workbench.connectors.growth import Growth
from workbench.connectors.records import Records
from workbench.connectors.spool.block import Place
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.quoted_reader import QuotedReader
from workbench.connectors.spool.reader import SpoolReader


class SpoolSource:
    """What an Intake receives, once and in order, from whatever offset is stored.

    Promises: what is in the spool and not committed is read again after a restart; closing stops receiving (when no other
    source is open over the intake) and keeps the segments. Every method may be called from any thread; while a read hangs on the disk
    only another read and `rewind` wait for it.

    Args:
        name: of the reader, unique among those of the intake and the same over restarts (the flow's).
        file: what offsets and `_metadata.file` say: the URL.
        offsets: what is stored of this flow; all of it.
        records: how its lines are CSV records, where all are one sender's; None: each is one.
        wake: called from another thread, at least 5 ms apart, when there are new records.

    Raises:
        SourceError: the spool's folder cannot be made or read.
    """

    undecided = False

    def __init__(
        self,
        name: str,
        intake: Intake,
        file: str,
        *,
        offsets: Sequence[Offset] = (),
        records: Records | None = None,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._intake = intake
        self._spool = intake.spool
        self._file = file
        self._wake = wake
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        """Who has it uses the reader; taken before `_lock`, which nobody holds for long."""
        self._growth, self._growth_lock = Growth(), threading.Lock()
        self._told: set[str] = set()
        self._closed = False
        intake.enter()
        place = self._spool.resume(
            {
                generation: Place(offset.byte, offset.line)
                for offset in offsets
                if (generation := self._spool.generation_of(offset.file_id)) is not None
            }
        )
        self._committed = place
        self._seen = place, 0
        """What the reader had looked at, and what of it was left, after its last read; one value, so that nobody sees half of a change."""
        self._spool.reads(name, place.byte)
        self._lines = SpoolReader(self._spool, file, place, self._tell, clock)
        self._reader = self._lines if records is None else QuotedReader(self._spool, self._lines, records)
        self._spool.watch(wake, self._grew)

    def read(self, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:
        """The next whole records; None when there are none now. A batch of none only moves the offset."""
        try:
            with self._reading:
                if self._closed:
                    return None
                raw = self._reader.read(buffer, limit)
                self._seen = self._reader.place, self._reader.left
                return raw
        finally:
            if self._closed:
                self._give_back()

    def offset_at(self, raw: RawBatch, byte: int, line: int) -> Offset:
        """The offset after the record of `raw` that ends at `byte`; `line` records come before it."""
        end = raw.offset
        return end if byte >= end.byte else Offset(end.file_id, end.file, byte, line)

    def committed(self, offset: Offset) -> None:
        """Everything up to `offset` is durable; a segment that every reader is past is deleted."""
        with self._lock:
            if not self._closed and self._spool.generation_of(offset.file_id) is not None and offset.byte > self._committed.byte:
                self._committed = Place(offset.byte, offset.line)
                self._spool.reads(self.name, offset.byte)

    def rewind(self) -> None:
        """Forget the reads that were not committed."""
        with self._reading:
            with self._lock:
                place = self._committed
            self._reader.go(place)
            self._seen = place, 0

    def lag(self) -> Lag:
        """How far the committed offset is behind what was received."""
        with self._lock:
            place, end = self._committed, self._spool.end
        with self._growth_lock:
            since = self._growth.since(place.byte)
        book, holders = self._spool.book, self._spool.holders
        return Lag(
            bytes=max(0, end.byte - place.byte),
            rows=max(0, self._rows(place, end)),
            seconds=0.0 if since is None else max(0.0, self._monotonic() - since),
            waiting=self._intake.receiver.waiting,
            held=self._spool.waiting_for,
            hold_limit=self._spool.limit,
            dropped=book.dropped + book.dropped_by_kernel,
            dropped_by_kernel=book.dropped_by_kernel,
            peers=self._intake.receiver.peers,
            full=bool(holders),
            held_by=holders,
            drops=self._file.startswith("udp:"),
            trouble=self._spool.trouble,
        )

    def _rows(self, place: Place, end: Place) -> int:
        """Records between two places; as many as there were for as many bytes, where a spool's lines are not records."""
        if self._reader is self._lines or not place.byte:
            return end.line - place.line
        return math.ceil((end.byte - place.byte) * place.line / place.byte)

    @property
    def idle(self) -> bool:
        """Everything that was received is read, and was handed out."""
        place, left = self._seen
        return place.byte >= self._spool.end.byte and left < (1 if self._spool.finished else 2)

    @property
    def ended(self) -> bool:
        """The receiver has said that nothing more comes, and all is read."""
        return self._spool.finished and self.idle

    def rescan(self, at_once: bool = False) -> bool:  # noqa: ARG002  a Source
        """Nothing to do: the receiver looks all the time."""
        return True

    def notices(self) -> list[str]:
        """What happened since the last call; what concerns the intake as a whole is told by one of its sources."""
        return [f"{self._file}: {text}" for text in self._spool.take_notices()]

    def place(self, file_id: str, file: str, byte: int, line: int) -> Offset | None:
        """An offset that was committed before, while the segment that holds what follows it is there."""
        if self._spool.generation_of(file_id) is None or not self._spool.start.byte <= byte <= self._spool.end.byte:
            return None
        return Offset(file_id, file, byte, line)

    def ends(self) -> tuple[Offset, ...]:
        """The offsets after all that was received and is not committed: one for each run of the machine that it came in."""
        with self._lock:
            committed = self._committed
        ends = self._spool.ends(committed.byte)
        return tuple(Offset(self._spool.file_id(generation), self._file, *end) for generation, end in ends.items())

    def begin(self, end: Offset) -> Offset:
        """Places go on from one run of the machine to the next, so a later one does not begin at 0."""
        generation = self._spool.generation_of(end.file_id)
        with self._lock:
            place = self._committed
        if generation is not None:
            place = max(place, self._spool.begin(generation))
        return Offset(end.file_id, end.file, *min(place, Place(end.byte, end.line)))

    def close(self) -> None:
        """Read no more; the last source over an intake stops receiving."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._give_back()
        self._spool.unwatch(self._wake, self._grew)
        self._intake.leave()

    def _give_back(self) -> None:
        """Close the reader, unless a read is under way: that does it afterwards."""
        if self._reading.acquire(blocking=False):
            try:
                self._reader.close()
            finally:
                self._reading.release()

    def _grew(self, now: float, size: int) -> None:
        with self._growth_lock:
            self._growth.saw(now, size)

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._spool.notice(text)
