"""One file: how far it was read, how far that is stored, and whether it is still the same."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from workbench.batch import ChunkBuffer, Offset, Overlong, RawBatch
from workbench.connectors.content import Content
from workbench.connectors.growth import Growth
from workbench.connectors.identity import Identity
from workbench.connectors.lines import NEWLINE, Cut, Cutter, find_newline, last_newline
from workbench.connectors.listing import Found
from workbench.connectors.overlong import OverlongScan
from workbench.connectors.parquet import ParquetContent

BOM = b"\xef\xbb\xbf"
GRACE = 2.0
"""Seconds without growth after which a file that is gone has ended."""
OPEN_QUOTE = 2.0
"""Seconds that a quoted record may take to arrive; then its first line stands alone."""
HEADER = 1 << 20
"""Bytes that a CSV header may take."""
COUNTED = 256 << 20
"""Bytes whose lines are counted when `start => 'end'` skips them."""


PIECE = 4 << 20
"""Bytes that are looked at at once where no buffer is given."""


class Replaced(Exception):
    """The file no longer has the content that was read: it was truncated, or another file took its place."""


class Position(NamedTuple):
    byte: int = 0
    line: int = 0


BEGINNING = Position()


@dataclass(frozen=True, slots=True)
class Reading:
    """How all files of a source are read; `longest` is the longest line in bytes."""

    cutter: Cutter
    longest: int
    header: bool
    follow: bool
    clock: Callable[[], float]


@dataclass(slots=True)
class Taken:
    """What one look into the content gave: `count` bytes from `start`, the `end` of the content reached or not."""

    start: int
    count: int
    at_end: bool
    cut: Cut
    unended: bool = False


@dataclass(eq=False, slots=True)
class FollowedFile:
    """One content under whatever name: reads go on from `read`, a rewind goes back to `kept`.

    A batch is handed out only after the head and the bytes before the offset were seen unchanged behind it, so
    no batch mixes two contents.
    """

    reading: Reading
    file_id: str
    found: Found
    identity: Identity
    read: Position = BEGINNING
    kept: Position = BEGINNING
    content: Content | None = None
    growth: Growth = field(default_factory=Growth)
    waiting: int = 0
    """Bytes after `read` that are not a whole record yet."""
    drained: tuple[int, int] | None = None
    """The file's stamp when its end was reached."""
    behind: bool = True
    """It has not been read to its end since it was found, or since it went away."""
    at_end: int | None = None
    """`start => 'end'`: the file's size at the first look, where reading begins."""
    spent: bool = False
    """All of it up to `at_end` was read elsewhere, half a line at its end too."""
    gone_since: float | None = None
    held: bool = False
    """It was open when its name went: no other file can have its inode."""
    moved: bool = False
    """It was moved to another file, and no stored offset says so yet."""
    unjudged: bool = False
    """It was empty when it was found: whether its content is that of a known file is still to be seen."""
    sighting: bool = False
    """Nothing of it was read yet: the next batch only stores that it was found, so that a restart knows it."""
    sighted: bool = False
    met: float = 0.0
    """When it was found."""
    resting: Found | None = None
    """What a stat saw when a read could give nothing, now or later."""
    broken: tuple[int, int] | None = None
    """The stamp under which it was unreadable for good."""
    done: bool = False
    ticket: int = 0
    served: int = 0
    said: list[str] = field(default_factory=list)
    header_line: bytes | None = None
    """CSV: the file's first record, None before it is known."""
    _met: Identity | None = None
    _skipped: bool = False
    _scan: OverlongScan | None = None
    _open: tuple[int, float] | None = None

    # -- what the listing says

    def seen(self, found: Found, now: float) -> None:
        """One stat of it."""
        if found.path != self.found.path and self.gone_since is None:
            self.said.append(f"{self.found.name} was renamed to {found.name}: it is read on where it was")
            self.behind = True
        self.found = found
        self.gone_since = None
        self.growth.saw(now, found.size)

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def gone(self) -> bool:
        """Its name is gone, or names another file."""
        return self.gone_since is not None

    @property
    def skips(self) -> bool:
        """The next batch only stores where reading begins."""
        return self.at_end is not None and not self._skipped

    @property
    def stored(self) -> bool:
        """Everything that was read is stored."""
        return self.kept == self.read

    def has_news(self, now: float) -> bool:
        """Whether a read could give something."""
        if self.sighting:
            return True
        news = self._has_news(now)
        self.resting = None if news or self.waiting or self.gone_since is not None else self.found
        return news

    def _has_news(self, now: float) -> bool:
        if self.unjudged or self.broken == self.found.stamp:
            return False
        if self.drained is None or (self.reading.follow and self.found.stamp != self.drained):
            return True
        if self.content is not None and self.content.trouble:
            return False
        return bool(self.waiting) and not self.done and (self._final(now) or self._quote_given_up(now))

    def _final(self, now: float) -> bool:
        """Whether a last line without a newline counts."""
        if not self.reading.follow:
            return True
        quiet_since = self.growth.last if self.gone_since is None else max(self.gone_since, self.growth.last)
        packed = self.content is not None and self.content.packed
        return (self.gone_since is not None or packed) and now - quiet_since >= GRACE

    # -- reading

    def take(self, buffer: ChunkBuffer, limit: int | None) -> RawBatch | None:
        """The next whole records; the content must be open.

        Raises:
            Replaced: the content is not the one that was read.
            OSError: it cannot be read now.
        """
        content = self.content
        assert content is not None
        status = content.status()
        stamp = status.st_size, status.st_mtime_ns
        self.growth.saw(self.reading.clock(), status.st_size)
        met = self._met = self.identity if isinstance(content, ParquetContent) else self.identity.met(content.peek)
        if self.sighting:
            raw: RawBatch | None = self._empty(buffer, self.read, self._offset(replace(met, stamp=stamp), self.read))
        elif self.skips:
            raw = self._skip(content, buffer, status.st_size)
        elif isinstance(content, ParquetContent):
            raw = self._table(content)
        elif self._scan is not None:
            raw = self._overlong(content, buffer, self._scan)
        else:
            raw = self._records(content, buffer, limit)
        if not content.same(self.identity):
            raise Replaced
        if raw is None and self._scan is None:
            self.identity = met
            if not self.moved:
                self.drained, self.behind = stamp, False
                return None
            raw = self._empty(buffer, self.read, self._offset(replace(self.identity, stamp=stamp), self.read, done=not self.waiting))
        if raw is not None:
            self._advance(raw)
        return raw

    def _advance(self, raw: RawBatch) -> None:
        self.read = Position(raw.offset.byte, raw.offset.line)
        self.identity = Identity.from_mark(raw.offset.mark)
        self.done = raw.offset.done
        self.moved, self._skipped = False, True
        self.sighting, self.resting = False, None
        self.waiting = 0
        self._scan = self._open = None
        self.drained = None

    def rewind(self) -> None:
        """Read on from what is stored."""
        self.read, self.done, self.drained, self.waiting = self.kept, False, None, 0
        self._skipped = self.kept != BEGINNING
        self.sighted, self.resting = False, None
        self._scan = self._open = None

    def leave(self, now: float, held: bool = False) -> None:
        """Its name is gone: what the open handle (`held`) or another name still gives is read to its end."""
        self.held = held
        self.gone_since, self.behind, self.drained, self.unjudged = now, True, None, False
        self.sighting, self.resting = False, None

    def move(self, found: Found) -> None:
        """The same content goes on in another file (a compressed or plain copy)."""
        self.found, self.gone_since, self.moved = found, None, True
        self.identity = replace(self.identity, device=found.device, inode=found.inode)
        self.waiting, self.drained, self.behind, self.done = 0, None, True, False
        self.sighting, self.resting = False, None
        self._scan = self._open = None
        self.growth.restart()

    def _records(self, content: Content, buffer: ChunkBuffer, limit: int | None) -> RawBatch | None:
        room = buffer.capacity - 1
        taken = self._fill(content, buffer.open(), min(limit or room, room))
        if not taken.cut.length and not taken.at_end and taken.count < room:
            taken = self._fill(content, buffer.memory, room)
        if not taken.cut.length:
            first = find_newline(buffer.memory, taken.count)
            if first > self.reading.longest or (first < 0 and (taken.count > self.reading.longest or not taken.at_end)):
                self._scan = OverlongScan(taken.start, self.read.line, taken.start)
                return self._overlong(content, buffer, self._scan)
            if first < 0 or (taken.at_end and not self._open_too_long(taken)):
                self.waiting = taken.start + taken.count - self.read.byte
                return None
            taken.cut = Cut(first + 1, 1)
        return self._batch(content, buffer, taken)

    def _fill(self, content: Content, memory: mmap.mmap, want: int) -> Taken:
        start = self._start(content)
        with memoryview(memory) as view, view[:want] as part:
            count = content.read_into(part, start)
        at_end = count < want
        final = at_end and not content.trouble and self._final(self.reading.clock())
        unended = final and count > 0 and memory[count - 1] != NEWLINE
        if unended:
            memory[count] = NEWLINE
        length = count + unended
        cut = self.reading.cutter.cut(memory, length, final, self.reading.longest)
        return Taken(start, count, at_end, cut, unended and cut.length == length)

    def _start(self, content: Content) -> int:
        """Where the next record begins: after a BOM, or after the late newline of a record that was counted without it."""
        at = self.read.byte
        if at == 0 and content.peek(0, 3) == BOM:
            return 3
        if self.identity.unended and at == self.identity.tail.stop:
            ahead = content.peek(at, 2)
            if ahead[:1] == b"\n":
                return at + 1
            if ahead == b"\r\n":
                return at + 2
        return at

    def _open_too_long(self, taken: Taken) -> bool:
        """A quote that nobody closes: a while after its line was first seen, that is let through."""
        if not taken.cut.open:
            self._open = None
        elif self._open is None or self._open[0] != taken.start:
            now = self.reading.clock()
            since = None if self.content is None or self.content.packed else self.growth.since(taken.start)
            self._open = taken.start, now if since is None else max(since, self.met)
        return self._quote_given_up(self.reading.clock())

    def _quote_given_up(self, now: float) -> bool:
        return self._open is not None and now - self._open[1] >= OPEN_QUOTE

    def _batch(self, content: Content, buffer: ChunkBuffer, taken: Taken) -> RawBatch:
        cut = taken.cut
        stop = taken.start + cut.length - taken.unended
        ended = taken.at_end and stop == taken.start + taken.count and self._final(self.reading.clock())
        if self.identity.unended and taken.start == self.read.byte == self.identity.tail.stop:
            self.said.append(f"{self.name}: the last line went on after it was counted; the rest is a record of its own")
        header = self.reading.header and self.read == BEGINNING
        if self.reading.header and self.header_line is None:
            self.header_line = self._first_record(content)
        buffer.seal(cut.length)
        return RawBatch(
            buffer=buffer,
            length=cut.length,
            start=self._offset(self.identity, Position(taken.start, self.read.line)),
            offset=self._offset(
                self._grown(content, stop, taken.unended, taken, buffer.memory), Position(stop, self.read.line + cut.records), ended
            ),
            arrived_at=self.reading.clock(),
            unended=taken.unended,
            quoted=cut.quoted,
            header=header,
            header_line=b"" if header else self.header_line or b"",
            line_starts=cut.starts,
        )

    def _first_record(self, content: Content) -> bytes:
        """A CSV file's header; empty when it does not end within a sane length."""
        for most in (HEADER >> 6, HEADER):
            data = content.peek(0, most).removeprefix(BOM)
            if first := self.reading.cutter.first(data):
                return first
        return b""

    def _overlong(self, content: Content, buffer: ChunkBuffer, scan: OverlongScan) -> RawBatch | None:
        found, at_end = scan.advance(content, buffer.open())
        final = at_end and not content.trouble and self._final(self.reading.clock())
        if not found and not final:
            self.waiting = scan.at - self.read.byte
            if at_end:
                status = content.status()
                self.drained, self.behind = (status.st_size, status.st_mtime_ns), False
            return None
        start, stop = Position(scan.start, self.read.line), Position(scan.at + found, self.read.line + 1)
        identity = self._grown(content, stop.byte, not found)
        return self._empty(buffer, start, self._offset(identity, stop, final), (scan.told(),), unended=not found)

    def _table(self, content: ParquetContent) -> RawBatch | None:
        piece = content.rows(self.read.byte, self.read.line)
        if piece is None:
            return None
        table, group, line = piece
        identity = replace(self.identity, head=content.head, tail=content.tail)
        start, offset = self._offset(self.identity, self.read), self._offset(identity, Position(group, line), group == content.groups)
        return RawBatch(None, 0, start, offset, self.reading.clock(), table=table)

    def _skip(self, content: Content, buffer: ChunkBuffer, size: int) -> RawBatch:
        """A batch without records: it stores where reading begins."""
        if isinstance(content, ParquetContent):
            identity, stop = replace(self.identity, head=content.head, tail=content.tail), Position(content.groups, content.lines)
        else:
            stop = self._end(content, buffer, min(size, self.at_end or 0))
            rest = self._rest(content, stop) if self.spent else 0
            stop = Position(stop.byte + rest, stop.line + bool(rest))
            identity = self._grown(content, stop.byte, unended=rest > 0)
        return self._empty(buffer, stop, self._offset(identity, stop))

    def _rest(self, content: Content, at: Position) -> int:
        """The bytes after the last whole record, as far as they belong to what was read elsewhere."""
        if not content.packed:
            return max(0, (self.at_end or 0) - at.byte)
        rest = 0
        while piece := len(content.peek(at.byte + rest, HEADER)):
            rest += piece
        return rest

    def _end(self, content: Content, buffer: ChunkBuffer, size: int) -> Position:
        """Just after the last whole record, and the records before it."""
        if not content.packed and size > COUNTED:
            self.said.append(f"{self.name}: its line numbers count from where reading began")
            return Position(last_newline(content, buffer.open(), size), 0)
        return self._last(content, buffer.open(), BEGINNING, size)

    def _last(self, content: Content, memory: mmap.mmap, at: Position, size: int) -> Position:
        """Just after the last whole record of the first `size` bytes (all, where they are packed), counted from a record's begin."""
        while content.packed or at.byte < size:
            want = len(memory) if content.packed else min(len(memory), size - at.byte)
            with memoryview(memory) as view, view[:want] as part:
                count = content.read_into(part, at.byte)
            cut = self.reading.cutter.cut(memory, count, False, len(memory))
            at = Position(at.byte + cut.length, at.line + cut.records)
            if not cut.length and count == len(memory):
                scan = OverlongScan(at.byte, at.line, at.byte)
                while (told := scan.advance(content, memory)) == (False, False):
                    pass
                if not told[0]:
                    break
                at = Position(scan.at + 1, at.line + 1)
            elif not cut.length or count < want:
                break
        return at

    def last(self, content: Content) -> Offset:
        """The offset after the last whole record that is there now."""
        if isinstance(content, ParquetContent):
            stop = Position(content.groups, content.lines)
            return self._offset(replace(self.identity, head=content.head, tail=content.tail), stop)
        status = content.status()
        with mmap.mmap(-1, PIECE) as memory:
            far = not content.packed and status.st_size - self.read.byte > COUNTED
            stop = (
                Position(last_newline(content, memory, status.st_size), self.read.line)
                if far
                else self._last(content, memory, self.read, status.st_size)
            )
        identity = self.identity.met(content.peek)
        return self._offset(identity if stop == self.read else self._grown(content, stop.byte, False, base=identity), stop)

    def place(self, content: Content, at: Position) -> Offset | None:
        """The offset at a record's end in what was read; None when there is none, or the content is another one."""
        if isinstance(content, ParquetContent):
            fits = at.byte <= content.groups and content.within(at.byte, at.line)
            return self._offset(replace(self.identity, head=content.head, tail=content.tail), at) if fits else None
        if not content.same(self.identity):
            return None
        unended = self.identity.unended and at.byte == self.identity.tail.stop
        marked = at.byte == len(BOM) and content.peek(0, len(BOM)) == BOM
        if at.byte and not (unended or marked) and content.peek(at.byte - 1, 1) != b"\n":
            return None
        return self._offset(self._grown(content, at.byte, unended, base=self.identity.met(content.peek)), at)

    def _grown(
        self,
        content: Content,
        position: int,
        unended: bool,
        taken: Taken | None = None,
        memory: mmap.mmap | None = None,
        base: Identity | None = None,
    ) -> Identity:
        """The identity after a read up to `position`; the bytes that were taken speak for themselves."""

        def peek(start: int, length: int) -> bytes:
            if memory is None or taken is None or start < taken.start:
                return content.peek(start, length)
            return memory[start - taken.start : start - taken.start + length]

        status = content.status()
        grown = (base or self._met or self.identity).grown(peek, position)
        if not content.packed:
            grown = grown.halved(peek, position)
        return replace(grown, unended=unended, stamp=(status.st_size, status.st_mtime_ns))

    def _offset(self, identity: Identity, at: Position, done: bool = False) -> Offset:
        return Offset(self.file_id, self.name, at.byte, at.line, done, identity.mark())

    def _empty(
        self, buffer: ChunkBuffer, start: Position, offset: Offset, overlong: tuple[Overlong, ...] = (), unended: bool = False
    ) -> RawBatch:
        buffer.open()
        buffer.seal(0)
        begin = self._offset(self.identity, start)
        return RawBatch(buffer, 0, begin, offset, self.reading.clock(), unended=unended, overlong=overlong)
