"""A spool's files: each holds blocks of received records, one after the other."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.connectors.spool.block import CUT, HEADS, MAGIC, Bytes, Damaged, Front, Piece, Place, blocks, front_size, read_front
from workbench.connectors.spool.block import HEAD as FRONT

HEAD = struct.Struct("<8s12sIQQ")
"""magic, the spool's id, generation, bytes and records before."""
SEGMENT_MAGIC = b"WBSPOOL\x01"
SUFFIX = ".segment"
WINDOW = 64 << 10
"""Bytes read at once where blocks are small."""
GLANCE = 1 << 10
"""Bytes read at once where they are large."""


@dataclass(slots=True, eq=False)
class Segment:
    """One file of a spool: the places where it begins and ends, and its size in bytes up to which it may be read.

    `id`, `generation`: of the spool when it was made.
    """

    path: Path
    id: str
    generation: int
    start: Place
    end: Place
    size: int

    @staticmethod
    def create(folder: Path, id: str, generation: int, start: Place) -> tuple[Segment, int]:
        """A new file (0600), and its handle for writing.

        Raises:
            OSError: there is no room for it.
        """
        path = _path(folder, start)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_at(fd, 0, [HEAD.pack(SEGMENT_MAGIC, id.encode(), generation, *start)])
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        return Segment(path, id, generation, start, start, HEAD.size), fd

    @staticmethod
    def found(path: Path, id: str, generation: int, before: Segment | None) -> Segment:
        """One that was left by an earlier process; its end is not known yet.

        Args:
            id, generation: taken where its head is damaged, or was never written.
            before: the segment that it follows.
        """
        with path.open("rb") as file:
            head = file.read(HEAD.size)
            size = os.fstat(file.fileno()).st_size
        if len(head) == HEAD.size and head.startswith(SEGMENT_MAGIC):
            _, name, generation, _, line = HEAD.unpack(head)
            id = name.decode("ascii", "replace")
        else:
            line = before.records_until_end() if before else 0
        start = Place(int(path.name.removesuffix(SUFFIX)), line)
        return Segment(path, id, generation, start, start, size)

    def records_until_end(self) -> int:
        """Records of the spool before its end, as its blocks tell."""
        reader = SegmentReader(self.path)
        try:
            return _last_whole(reader, self)[1].line
        finally:
            reader.close()

    def emptied(self, fd: int) -> Segment:
        """The same file without its records, and under the name of the place that comes next; it needs no room for that.

        Whenever the process dies meanwhile, the name or the blocks still tell that place.
        """
        path = _path(self.path.parent, self.end)
        self.path.rename(path)
        write_at(fd, 0, [HEAD.pack(SEGMENT_MAGIC, self.id.encode(), self.generation, *self.end)])
        os.ftruncate(fd, HEAD.size)
        return Segment(path, self.id, self.generation, self.end, self.end, HEAD.size)


def _path(folder: Path, start: Place) -> Path:
    return folder / f"{start.byte:020d}{SUFFIX}"


class SegmentReader:
    """An open segment: the block at a position in the file. It stays readable when the file is deleted."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._window = b""
        self._from = 0
        self._ahead = WINDOW

    def close(self) -> None:
        os.close(self._fd)

    def front(self, at: int, stop: int) -> Front:
        """The front of the block at `at`; the file is read up to `stop`.

        Raises:
            Damaged: there is no whole block.
        """
        size = FRONT.size
        while True:
            window, inside = self._cover(at, min(size, stop - at), stop)
            needed = front_size(window, inside)
            if at + needed > stop:
                raise Damaged
            if inside + needed <= len(window):
                break
            size = needed
        front = read_front(window, inside, needed)
        self._ahead = WINDOW if front.payload < WINDOW // 4 else GLANCE
        return front

    def fill(self, view: memoryview, at: int) -> bool:
        """Bytes of the file into `view`; False when the file ends before."""
        inside = at - self._from
        if inside >= 0 and inside + len(view) <= len(self._window):
            view[:] = memoryview(self._window)[inside : inside + len(view)]
            return True
        done = 0
        while done < len(view):
            count = os.preadv(self._fd, [view[done:]], at + done)
            if not count:
                return False
            done += count
        return True

    def next_front(self, at: int, stop: int) -> int | None:
        """Where the first whole block after `at` begins; None when there is none."""
        while at < stop:
            data = os.pread(self._fd, min(WINDOW + len(MAGIC), stop - at), at)
            if not data:
                return None  # the file was cut
            found = data.find(MAGIC)
            if found < 0:
                at += max(1, len(data) - len(MAGIC) + 1)
                continue
            try:
                self.front(at + found, stop)
            except Damaged:
                at += found + 1
            else:
                return at + found
        return None

    def _cover(self, at: int, size: int, stop: int) -> tuple[bytes, int]:
        """Bytes of the file that hold at least `size` from `at` on, and where in them `at` is."""
        inside = at - self._from
        if not (inside >= 0 and inside + size <= len(self._window)):
            self._window = os.pread(self._fd, min(max(size, self._ahead), stop - at), at)
            self._from, inside = at, 0
        return self._window, inside


def recover(segment: Segment) -> str:
    """Find the end of the last segment that a process left, cut a torn write at its last whole record; what was done, in words."""
    reader = SegmentReader(segment.path)
    try:
        at, end, torn = _last_whole(reader, segment)
        saved = [] if torn is None else _whole_pieces(torn, _rest(reader, at + torn.size, segment.size))
    finally:
        reader.close()
    cut = segment.size - at
    fd = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if at < HEAD.size:
            write_at(fd, 0, [HEAD.pack(SEGMENT_MAGIC, segment.id.encode(), segment.generation, *segment.start)])
            at = HEAD.size
        if cut or saved:
            os.ftruncate(fd, at)
            for parts, place in blocks(saved, end, torn.arrived_at if torn else 0.0):
                at, end = at + write_at(fd, at, parts), place
            os.fsync(fd)
    finally:
        os.close(fd)
    segment.size, segment.end = at, end
    if end.byte <= segment.start.byte:
        segment.start = end  # it was about to be emptied: its blocks come before its name
    if cut <= 0:
        return ""
    kept = sum(piece.records for piece in saved)
    return f"{segment.path.name}: its last write was torn: {cut:,} bytes of it were there, {kept:,} whole records of them are kept"


def _last_whole(reader: SegmentReader, segment: Segment) -> tuple[int, Place, Front | None]:
    """Where the last whole block ends in the file, its end, and the front of a torn block that follows."""
    at, end = min(HEAD.size, segment.size), segment.start
    while at < segment.size:
        try:
            front = reader.front(at, segment.size)
        except Damaged:
            found = reader.next_front(at + 1, segment.size)
            if found is None:
                return at, end, None
            at = found
            continue
        after = at + front.size + front.payload
        if after > segment.size:
            return at, end, front
        at, end = after, front.stop
    return at, end, None


def _rest(reader: SegmentReader, at: int, stop: int) -> bytes:
    data = bytearray(max(0, stop - at))
    with memoryview(data) as view:
        reader.fill(view, at)
    return bytes(data)


def _whole_pieces(front: Front, data: bytes) -> list[Piece]:
    """The whole records of a block of which only `data` was written."""
    if front.kind in HEADS:
        return [Piece([data], 1, front.peers[0], overlong=front.stop.byte - front.start.byte - 1, cut=front.kind == CUT)]
    if front.lengths is None:
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A) + 1
    else:
        ends = np.cumsum(front.lengths, dtype=np.int64)
        ends = ends[ends <= len(data)]
    pieces, first, at = [], 0, 0
    for records, peer in front.runs.tolist():
        last = min(first + records, len(ends))
        if last > first:
            stop = int(ends[last - 1])
            lengths = None if front.lengths is None else front.lengths[first:last]
            pieces.append(Piece([data[at:stop]], last - first, front.peers[peer], lengths))
            first, at = last, stop
    return pieces


def write_at(fd: int, at: int, parts: list[Bytes]) -> int:
    """Write all of it; the bytes written.

    Raises:
        OSError: not all of it could be written.
    """
    total = sum(len(part) for part in parts)
    written = os.pwritev(fd, parts, at)
    if written < total:
        rest = memoryview(b"".join(parts))
        while written < total:
            written += os.pwrite(fd, rest[written:], at + written)
    return total
