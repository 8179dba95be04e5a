"""One file: how far it was read, how far that is stored, and whether it is still the same."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field, replace

from workbench.batch import ChunkBuffer, Offset, Overlong, RawBatch
from workbench.connectors.content import Content
from workbench.connectors.files import ends, rotation
from workbench.connectors.files.ahead import Ahead
from workbench.connectors.files.begins import BOM, first_record, next_begin
from workbench.connectors.files.listing import Found
from workbench.connectors.files.overlong import OverlongScan
from workbench.connectors.files.parquet import ParquetContent
from workbench.connectors.files.position import BEGINNING, Position
from workbench.connectors.files.reading import Reading
from workbench.connectors.files.signs import LONGEST, odd
from workbench.connectors.files.taken import Taken
from workbench.connectors.growth import Growth
from workbench.connectors.identity import Identity, Peek
from workbench.connectors.lines import NEWLINE, Cut, find_newline
from workbench.connectors.usual import Usual

GRACE = 2.0
"""Seconds without growth after which a file that is gone has ended."""
PIECE = 4 << 20
"""Bytes that are looked at at once where no buffer is given."""


class Replaced(Exception):
    """The file no longer has the content that was read: it was truncated, or another file took its place."""


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
    ahead: Ahead = field(default_factory=Ahead)
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
    broken: tuple[int, int] | None = None
    """The stamp under which it was unreadable for good."""
    done: bool = False
    ticket: int = 0
    served: int = 0
    said: list[str] = field(default_factory=list)
    former: set[str] = field(default_factory=set)
    """Paths that it had before."""
    header_line: bytes | None = None
    """CSV: the file's first record, None before it is known."""
    fence: int | None = None
    """It was deleted, and a packed copy has so many bytes of it: what is behind them waits until it is stored what becomes of that."""
    _greeted: bool = False
    """What its first bytes look like was told."""
    _met: Identity | None = None
    _skipped: bool = False

    # -- what the listing says

    def seen(self, found: Found, now: float) -> None:
        """One stat of it."""
        if found.path != self.found.path and self.gone_since is None:
            self.said.append(Usual(f"{self.found.name} was renamed to {found.name}: it is read on where it was"))
            self.behind = True
            self.former.add(self.found.path)
        self.age(found)
        if found.stamp == self.found.stamp and found.ctime_ns != self.found.ctime_ns:
            self.ahead.look_again()  # written in place, and the time set back; a read compares the content
        self.found = found
        self.gone_since = None
        self.growth.saw(now, found.size)
        self.doubt()

    def age(self, found: Found) -> None:
        """Before anything was read it is as old as it seems now: it may be another file with its inode, and gzip sets the time last."""
        if not self.begun and found.mtime_ns != self.identity.since:
            self.identity = replace(self.identity, since=found.mtime_ns)

    def doubt(self) -> None:
        """A copy of what was read elsewhere may have been made anew."""
        if self.identity.copy and self.identity.stamp != self.found.stamp and self.reading.follow:
            self.unjudged = True

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def paths(self) -> set[str]:
        """Its path, those that it had, and where the link leads that it is."""
        return {self.found.path, self.identity.target, *self.former} - {""}

    def may_become(self, found: Found) -> bool:
        """Whether a rotation may have made that file of this one, as far as names tell."""
        return any(rotation.rotated(path, found.path) for path in self.paths)

    @property
    def gone(self) -> bool:
        """Its name is gone, or names another file."""
        return self.gone_since is not None

    @property
    def outlives(self) -> bool:
        """It was deleted, and the open handle still gives all of it, and what is written to it yet."""
        content = self.content
        return self.gone and self.held and content is not None and not content.packed and not content.status().st_nlink

    @property
    def begun(self) -> bool:
        """Some of it was read, or is passed over."""
        return self.read != BEGINNING or self.kept != BEGINNING

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
        self.ahead.resting = None if news or self.ahead.waiting or self.gone_since is not None else self.found
        return news

    def _has_news(self, now: float) -> bool:
        if self.unjudged or self.broken == self.found.stamp:
            return False
        ahead = self.ahead
        if ahead.drained is None or (self.reading.follow and self.found.stamp != ahead.drained):
            return True
        if self.content is not None and self.content.trouble:
            return False
        return bool(ahead.waiting) and not self.done and (self._final(now) or ahead.quote_given_up(now))

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
            sighted = self.identity if self.unjudged else met  # what is not judged must be judged after a restart too
            raw: RawBatch | None = self._empty(buffer, self.read, self._offset(replace(sighted, stamp=stamp), self.read))
        elif self.skips:
            raw = self._skip(content, buffer, status.st_size)
        elif isinstance(content, ParquetContent):
            raw = self._table(content)
        elif self.ahead.scan is not None:
            raw = self._overlong(content, buffer, self.ahead.scan)
        else:
            raw = self._records(content, buffer, limit)
        if not content.same(self.identity):
            raise Replaced
        if raw is None and self.ahead.scan is None:
            self.identity = met
            if not self.moved:
                self.ahead.drained, self.behind = stamp, False
                return None
            raw = self._empty(buffer, self.read, self._offset(replace(self.identity, stamp=stamp), self.read, done=not self.ahead.waiting))
        if raw is not None:
            self._advance(raw)
        return raw

    # -- what it goes through

    def _advance(self, raw: RawBatch) -> None:
        """It was read on."""
        self.read, self.ahead = Position(raw.offset.byte, raw.offset.line), Ahead()
        self.identity = Identity.from_mark(raw.offset.mark)
        self.done = raw.offset.done
        self.moved, self._skipped, self.sighting = False, True, False

    def rewind(self, stored: Offset | None) -> None:
        """Read on from what is stored, and know no more than that."""
        if self.read != self.kept:
            self.behind = True
            self.identity = self.identity.rewound(Identity.from_mark(stored.mark)) if stored else self.identity
        self.read, self.ahead, self.done = self.kept, Ahead(), False
        self.sighted, self._skipped = False, self.kept != BEGINNING

    def move(self, found: Found) -> None:
        """The same content goes on in another file (a compressed or plain copy)."""
        self.former.add(self.found.path)
        self.identity = replace(self.identity, device=found.device, inode=found.inode)
        self.found, self.gone_since, self.ahead, self.done = found, None, Ahead(), False
        self.moved, self.behind, self.sighting, self.fence = True, True, False, None
        self.growth.restart()

    def leave(self, now: float, held: bool = False) -> None:
        """Its name is gone: what the open handle (`held`) or another name still gives is read to its end."""
        self.gone_since, self.held = now, held
        self.behind, self.unjudged, self.sighting = True, False, False
        self.ahead.look_again()

    def pass_over(self) -> None:
        """All of it was read elsewhere: the next batch stores that."""
        self.at_end, self.spent, self._skipped, self.unjudged = self.found.size, True, False, False
        self.ahead.look_again()

    def judged(self) -> None:
        """Its content is its own."""
        self.unjudged, self.ahead.resting = False, None

    def unskipped(self) -> Offset:
        """It cannot be opened yet: where reading will begin is stored all the same."""
        self.sighted = True
        return self._offset(self.identity, BEGINNING)

    # -- records

    def _records(self, content: Content, buffer: ChunkBuffer, limit: int | None) -> RawBatch | None:
        room = buffer.capacity - 1
        taken = self._fill(content, buffer.open(), min(limit or room, room))
        if not taken.cut.length and not taken.at_end and taken.count < room:
            taken = self._fill(content, buffer.memory, room)
        self._greet(taken)
        if not taken.cut.length:
            first = find_newline(buffer.memory, taken.count)
            if first > self.reading.longest or (first < 0 and (taken.count > self.reading.longest or not taken.at_end)):
                self.ahead.scan = OverlongScan(taken.start, self.read.line, taken.start)
                return self._overlong(content, buffer, self.ahead.scan)
            if first < 0 or (taken.at_end and not self._open_too_long(taken)):
                self.ahead.waiting = taken.start + taken.count - self.read.byte
                return None
            taken.cut = Cut(first + 1, 1)
        return self._batch(content, buffer, taken)

    def _fill(self, content: Content, memory: mmap.mmap, want: int) -> Taken:
        start = next_begin(content, self.read.byte, self.identity)
        most = want if self.fence is None else max(0, min(want, self.fence - start))
        with memoryview(memory) as view, view[:most] as part:
            count = content.read_into(part, start)
        at_end, fenced = count < want, most < want and bool(content.peek(start + count, 1))
        final = at_end and not fenced and not content.trouble and self._final(self.reading.clock())
        unended = final and count > 0 and memory[count - 1] != NEWLINE
        if unended:
            memory[count] = NEWLINE
        length = count + unended
        cut = self.reading.cutter.cut(memory, length, final, self.reading.longest)
        return Taken(memory, start, count, at_end, cut, unended and cut.length == length)

    def _greet(self, taken: Taken) -> None:
        """Tell what is not meant to be read as lines."""
        if taken.start or self._greeted or not taken.count:
            return
        self._greeted = True
        if text := odd(taken.memory[: min(taken.count, LONGEST)]):
            self.said.append(f"{self.name} {text}")

    def _open_too_long(self, taken: Taken) -> bool:
        """A quote that nobody closes: a while after its line was first seen, that is let through."""
        if not taken.cut.open:
            self.ahead.quote = None
        elif self.ahead.quote is None or self.ahead.quote[0] != taken.start:
            now = self.reading.clock()
            since = None if self.content is None or self.content.packed else self.growth.since(taken.start)
            self.ahead.quote = taken.start, now if since is None else max(since, self.met)
        return self.ahead.quote_given_up(self.reading.clock())

    def _batch(self, content: Content, buffer: ChunkBuffer, taken: Taken) -> RawBatch:
        cut = taken.cut
        stop = taken.start + cut.length - taken.unended
        ended = taken.at_end and stop == taken.start + taken.count and self._final(self.reading.clock())
        if self.identity.unended and taken.start == self.read.byte == self.identity.tail.stop:
            self.said.append(f"{self.name}: the last line went on after it was counted; the rest is a record of its own")
        header = self.reading.header and self.read == BEGINNING
        if self.reading.header and self.header_line is None:
            self.header_line = first_record(content, self.reading.cutter)
        buffer.seal(cut.length)
        grown = self._grown(content, stop, taken.unended, taken.peek(content))
        return RawBatch(
            buffer=buffer,
            length=cut.length,
            start=self._offset(self.identity, Position(taken.start, self.read.line)),
            offset=self._offset(grown, Position(stop, self.read.line + cut.records), ended),
            arrived_at=self.reading.clock(),
            unended=taken.unended,
            quoted=cut.quoted,
            header=header,
            header_line=b"" if header else self.header_line or b"",
            line_starts=cut.starts,
        )

    def _overlong(self, content: Content, buffer: ChunkBuffer, scan: OverlongScan) -> RawBatch | None:
        found, at_end = scan.advance(content, buffer.open())
        final = at_end and not content.trouble and self._final(self.reading.clock())
        if not found and not final:
            self.ahead.waiting = scan.at - self.read.byte
            if at_end:
                status = content.status()
                self.ahead.drained, self.behind = (status.st_size, status.st_mtime_ns), False
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
            stop = self._first_end(content, buffer, min(size, self.at_end or 0))
            rest = ends.remainder(content, stop, self.at_end or 0) if self.spent else 0
            stop = Position(stop.byte + rest, stop.line + bool(rest))
            identity = replace(self._grown(content, stop.byte, unended=rest > 0), copy=self.spent)
        return self._empty(buffer, stop, self._offset(replace(identity, skip=0), stop))

    def _first_end(self, content: Content, buffer: ChunkBuffer, size: int) -> Position:
        """Just after the last whole record, and the records before it."""
        if ends.far(content, BEGINNING, size):
            self.said.append(f"{self.name}: its line numbers count from where reading began")
        return ends.last_end(content, self.reading.cutter, buffer.open(), BEGINNING, size)

    # -- other places

    def last(self, content: Content) -> Offset:
        """The offset after the last whole record that is there now."""
        if isinstance(content, ParquetContent):
            stop = Position(content.groups, content.lines)
            return self._offset(replace(self.identity, head=content.head, tail=content.tail), stop)
        status = content.status()
        with mmap.mmap(-1, PIECE) as memory:
            stop = ends.last_end(content, self.reading.cutter, memory, self.read, status.st_size)
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

    # -- offsets

    def _grown(self, content: Content, position: int, unended: bool, peek: Peek | None = None, base: Identity | None = None) -> Identity:
        """The identity after a read up to `position`; `peek` where the content itself is not to be asked."""
        peek, status = peek or content.peek, content.status()
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
