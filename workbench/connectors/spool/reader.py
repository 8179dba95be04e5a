"""One reader's way through a spool: its records in order, as batches."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.batch import KEPT_OF_TOO_LONG, ChunkBuffer, Offset, Overlong, RawBatch
from workbench.connectors.spool.block import CUT, HEADS, Damaged, Front, Place
from workbench.connectors.spool.segments import HEAD, Segment, SegmentReader
from workbench.connectors.spool.spool import Spool

Starts = npt.NDArray[np.int64]
NEWLINE = 0x0A


@dataclass(slots=True)
class Gathered:
    """Blocks, or a part of one, that stand in the buffer one after the other."""

    start: Place
    generation: int
    length: int = 0
    records: int = 0
    starts: list[tuple[int, int, Starts | None]] = field(default_factory=list)
    """Of each block: where it begins and ends in the buffer, and the ends of its records when newlines do not tell."""
    arrivals: list[tuple[int, float]] = field(default_factory=list)
    peers: list[tuple[int, str]] = field(default_factory=list)

    def add(self, front: Front, skipped: int, records: int, length: int, ends: Starts | None) -> None:
        """`records` records of a block without its first `skipped`; they took `length` bytes."""
        self.starts.append((self.length, self.length + length, ends))
        if not self.arrivals or self.arrivals[-1][1] != front.arrived_at:
            self.arrivals.append((self.records, front.arrived_at))
        first = -skipped
        for count, peer in front.runs.tolist():
            name = front.peers[peer]
            if first + count > 0 and first < records and (not self.peers or self.peers[-1][1] != name):
                self.peers.append((self.records + max(0, first), name))
            first += count
        self.length += length
        self.records += records

    def all_starts(self, memory: mmap.mmap) -> Starts | None:
        """Where the records begin; None when newlines tell."""
        if all(ends is None for _, _, ends in self.starts):
            return None
        found = [np.zeros(1, np.int64)]
        for begin, stop, known in self.starts:
            ends = np.flatnonzero(np.frombuffer(memory, np.uint8, stop - begin, begin) == NEWLINE) + 1 if known is None else known
            found.append(ends + begin)
        return np.concatenate(found)


class SpoolReader:
    """Reads on from a place. What is damaged is passed over with a notice: the offsets move, no record comes of it.

    What cannot be read now (no handle is left, the disk fails) is told and stays where it is: reading goes on when it can.

    Args:
        file: what offsets call it.
        tell: takes notices.
        clock: says when what is passed over was seen.
    """

    def __init__(self, spool: Spool, file: str, place: Place, tell: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._spool = spool
        self._file = file
        self._tell = tell
        self._clock = clock
        self.place = place
        self._segment: Segment | None = None
        self._open: SegmentReader | None = None
        self._at = 0
        """Where, in the open segment, a block begins that is not wholly before `place`."""
        self._failed = False
        """Its last look met an error."""

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = self._segment = None

    @property
    def left(self) -> int:
        """Nothing that was looked at is kept back."""
        return 0

    def go(self, place: Place) -> None:
        """Read on from another place."""
        self.close()
        self.place = place

    def read(self, buffer: ChunkBuffer, limit: int | None) -> RawBatch | None:
        """The next whole records; a batch of none where something is passed over; None at the end, or where nothing can be read now."""
        want = min(limit or buffer.capacity, buffer.capacity)
        memory = buffer.open()
        gathered: Gathered | None = None
        while (found := self._spool.segment_at(self.place.byte)) is not None:
            segment, stop = found
            if gathered and (segment.generation != gathered.generation or gathered.length >= want):
                break
            try:
                front = self._front(segment, stop)
            except (Damaged, FileNotFoundError):
                return self._batch(buffer, gathered) if gathered else self._pass_over(buffer, segment, segment.end)
            except OSError as error:
                return self._later(buffer, gathered, error)
            if front.start.byte > self.place.byte:
                return self._batch(buffer, gathered) if gathered else self._pass_over(buffer, segment, front.start)
            if front.kind in HEADS and gathered:
                break
            if front.start.byte == self.place.byte:
                self.place = front.start  # the count of records before it is only an estimate after damage
            gathered = gathered or Gathered(self.place, segment.generation)
            try:
                if front.kind in HEADS:
                    return self._overlong(buffer, segment, front)
                if not self._take(memory, gathered, front, want, buffer.capacity):
                    break
            except Damaged:
                return self._batch(buffer, gathered) if gathered.records else self._pass_over(buffer, segment, front.stop)
            except OSError as error:
                return self._later(buffer, gathered, error)
            except TooLarge as large:
                return self._handed(buffer, segment.generation, self.place, large.stop, front.arrived_at, overlong=(large.record,))
        return self._batch(buffer, gathered) if gathered else None

    def _later(self, buffer: ChunkBuffer, gathered: Gathered | None, error: OSError) -> RawBatch | None:
        """What comes next cannot be read now: what came before it is handed out."""
        self.close()
        raw = self._batch(buffer, gathered) if gathered and gathered.records else None
        self._failed = True
        text = f"what was received cannot be read now: {error.strerror or error}; it is tried again"
        self._spool.notice(text, "unreadable", 60.0)
        return raw

    # -- finding

    def _front(self, segment: Segment, stop: int) -> Front:
        """The block that holds `place`, or the first whole one after it.

        Raises:
            Damaged: there is none in this segment.
            FileNotFoundError: somebody has deleted it.
            OSError: it cannot be read now.
        """
        if self._segment is not segment:
            self.close()
            self._open, self._segment, self._at = SegmentReader(segment.path), segment, HEAD.size
        assert self._open is not None
        while True:
            try:
                front = self._open.front(self._at, stop)
            except Damaged:
                found = self._open.next_front(self._at + 1, stop)
                if found is None:
                    raise
                self._at = found
                continue
            if front.stop.byte > self.place.byte:
                return front
            self._at += front.size + front.payload

    def _pass_over(self, buffer: ChunkBuffer, segment: Segment, to: Place) -> RawBatch:
        """A batch without records that moves the offset over what cannot be read."""
        start = self.place
        lost = f"{to.byte - start.byte:,} bytes ({max(0, to.line - start.line):,} records)"
        self._tell(f"{self._file}: {lost} from byte {start.byte:,} on are lost: {segment.path.name} is damaged or gone")
        return self._handed(buffer, segment.generation, start, to, self._clock())

    # -- taking

    def _take(self, memory: mmap.mmap, gathered: Gathered, front: Front, want: int, capacity: int) -> bool:
        """Put a block behind what is gathered; False when no more of it goes in.

        Raises:
            Damaged: its payload is not what was written.
        """
        room = want - gathered.length
        begun = self.place.byte > front.start.byte
        if not begun and front.payload <= room:
            self._payload(memory, gathered.length, front)
            ends = None if front.lengths is None else np.cumsum(front.lengths, dtype=np.int64)
            gathered.add(front, 0, front.records, front.payload, ends)
            self.place = front.stop
            self._at += front.size + front.payload
            return True
        if gathered.records and not begun:
            return False
        self._take_part(memory, gathered, front, room, capacity)
        return False

    def _take_part(self, memory: mmap.mmap, gathered: Gathered, front: Front, room: int, capacity: int) -> None:
        """As many records of the block as there is room for, from `place` on; one at least.

        Raises:
            TooLarge: the buffer cannot hold even one.
        """
        whole = bytearray(front.payload)
        self._payload(whole, 0, front)
        begin = self.place.byte - front.start.byte
        if front.lengths is None:
            ends = np.flatnonzero(np.frombuffer(whole, np.uint8) == NEWLINE) + 1
        else:
            ends = np.cumsum(front.lengths, dtype=np.int64)
        skipped = int(np.searchsorted(ends, begin, "right"))  # not by lines: a reader's offsets may count records of several
        last = int(np.searchsorted(ends, begin + room, "right"))
        if last <= skipped and int(ends[skipped]) - begin <= capacity:
            last = skipped + 1
        if last <= skipped:
            length = int(ends[skipped]) - begin
            head = bytes(memoryview(whole)[begin : begin + min(length - 1, KEPT_OF_TOO_LONG)])
            record = Overlong(self.place.line, self.place.byte, length - 1, head)
            raise TooLarge(record, Place(self.place.byte + length, self.place.line + 1))
        length = int(ends[last - 1]) - begin
        memory[gathered.length : gathered.length + length] = bytes(memoryview(whole)[begin : begin + length])
        gathered.add(front, skipped, last - skipped, length, None if front.lengths is None else ends[skipped:last] - begin)
        self.place = Place(self.place.byte + length, self.place.line + last - skipped)

    def _payload(self, memory: mmap.mmap | bytearray, at: int, front: Front) -> None:
        assert self._open is not None
        with memoryview(memory) as view, view[at : at + front.payload] as part:
            if not self._open.fill(part, self._at + front.size) or zlib.crc32(part) != front.crc:
                raise Damaged

    # -- handing out

    def _batch(self, buffer: ChunkBuffer, gathered: Gathered) -> RawBatch:
        arrivals = tuple(gathered.arrivals)
        return self._handed(
            buffer,
            gathered.generation,
            gathered.start,
            self.place,
            arrivals[0][1],
            length=gathered.length,
            starts=gathered.all_starts(buffer.memory),
            peers=tuple(gathered.peers) if any(name for _, name in gathered.peers) else (),
            arrivals=arrivals if len(arrivals) > 1 else (),
        )

    def _overlong(self, buffer: ChunkBuffer, segment: Segment, front: Front) -> RawBatch:
        head = bytearray(front.payload)
        self._payload(head, 0, front)
        record = Overlong(front.start.line, front.start.byte, front.stop.byte - front.start.byte - 1, bytes(head), front.kind == CUT)
        return self._handed(buffer, segment.generation, front.start, front.stop, front.arrived_at, overlong=(record,))

    def _handed(
        self, buffer: ChunkBuffer, generation: int, start: Place, stop: Place, arrived_at: float, length: int = 0, **fields: Any
    ) -> RawBatch:
        self.place = stop
        if self._failed and length:
            self._failed = False
            self._spool.notices.forget("unreadable")
            self._spool.notice("what was received can be read again")
        buffer.seal(length)
        file_id = self._spool.file_id(generation)
        return RawBatch(
            buffer=buffer,
            length=length,
            start=Offset(file_id, self._file, *start),
            offset=Offset(file_id, self._file, *stop),
            arrived_at=arrived_at,
            **fields,
        )


class TooLarge(Exception):
    """A record is larger than the buffer: it is handed out as one that is too long."""

    def __init__(self, record: Overlong, stop: Place) -> None:
        super().__init__(record.length)
        self.record = record
        self.stop = stop
