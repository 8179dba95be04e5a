"""Records that were received and are not committed yet, in segment files that survive the process."""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from workbench.connectors.spool.block import Piece, Place, blocks
from workbench.connectors.spool.book import Book, boot_id, load, store, sync_folder
from workbench.connectors.spool.notices import Notices
from workbench.connectors.spool.paced import Paced
from workbench.connectors.spool.segments import SUFFIX, Segment, recover, write_at

LIMIT = 256 << 20
"""Bytes; the default of ReadSocket.spool."""
SYNC = 0.05
"""Seconds between two fdatasyncs at least."""
WAKE = 0.005
"""Seconds between two wakes of the readers at least."""
RETRY = 0.5
"""Seconds after which a full disk is tried again."""
TELL_DROPS = 10.0
"""Seconds between two notices of drops at least."""


class Spool:
    """Whole records in the order in which they came, for any number of readers.

    Promises: what `append` took survives the process, and is there once and in order when it is opened again; a segment is
    deleted only after every reader has committed past it; no more than about `limit` bytes are held. `append` is called by
    one thread at a time, everything else by any.

    Args:
        folder: of its own, made when missing (0700); one process at a time.
        limit: bytes of segment files; the last append may go beyond.
        boot: names this run of the machine.
    """

    def __init__(
        self,
        folder: Path,
        limit: int = LIMIT,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        boot: str | None = None,
    ) -> None:
        self.folder = folder
        self.limit = limit
        self.notices = Notices(monotonic)
        self.book = Book("")
        self.end = Place()
        """The place after all that was received."""
        self.finished = False
        """Nothing will ever come again."""
        self.opened_at = Place()
        """Its end when it was opened."""
        self.trouble = ""
        """Why nothing can be received now, in words; the receiver says so, and takes it back."""
        self._segment_size = max(4096, min(limit // 8, 64 << 20))
        self._clock, self._monotonic = clock, monotonic
        self._boot = boot_id() if boot is None else boot
        self._lock = threading.Condition()
        self._writing = threading.Lock()
        """Taken before `_lock`, and while the disk is slow: readers do not wait for a write."""
        self._segments: list[Segment] = []
        self._fd = -1
        self._retired: list[int] = []
        self._stored = Book("")
        self._folder_changed = False
        self._committed: dict[str, int] = {}
        self._expected: frozenset[str] | None = None
        self._watchers: list[Callable[[], None]] = []
        self._growth: list[Callable[[float, int], None]] = []
        self._stalled_until = 0.0
        self._told_drops, self._told_at = 0, -TELL_DROPS
        self._sync: Paced | None = None
        self._wake: Paced | None = None

    # -- opening

    def open(self) -> None:
        """Find what is there.

        Raises:
            OSError: the folder cannot be made or read.
        """
        with self._lock:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            book, damage = load(self.folder)
            self._told(damage)
            self._segments = self._find(book)
            if self._segments:
                self._told(recover(self._segments[-1]))
                self.end = self._segments[-1].end
            self._begin(book)
            self.opened_at = self.end
            self.finished = False
            self._stalled_until = 0.0
            self._sync = Paced("spool-sync", SYNC, self._make_durable)
            self._wake = Paced("spool-wake", WAKE, self._wake_readers)
            self._sync.ring()

    def close(self) -> None:
        """Make everything durable and give back the handles; the segments stay."""
        if self._wake is not None:
            self._wake.stop()
        if self._sync is not None:
            self._sync.finish()
        with self._lock:
            self._wake = self._sync = None
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _begin(self, stored: Book | None) -> None:
        """The book of this run, on disk before anything is received under its name."""
        newest = max((segment.generation for segment in self._segments), default=0)
        book = stored or Book(self._segments[-1].id if self._segments else secrets.token_hex(6), newest, self._boot)
        if stored is None and self._segments:
            book = replace(book, boot="")
        if book.boot != self._boot or book.generation < newest:
            book = replace(book, generation=max(book.generation + 1, newest), boot=self._boot)
        if book != stored:
            store(self.folder, book)
        self.book = self._stored = book
        self._told_drops = book.dropped + book.dropped_by_kernel

    def _find(self, book: Book | None) -> list[Segment]:
        """The segments that are there; all but the last end where the next one begins."""
        segments: list[Segment] = []
        id, generation = (book.id, book.generation) if book else (secrets.token_hex(6), 0)
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            segment = Segment.found(path, id, generation, segments[-1] if segments else None)
            if segments:
                segments[-1].end = segment.start
            segments.append(segment)
            id, generation = segment.id, segment.generation
        return segments

    # -- for receivers

    def append(self, pieces: Sequence[Piece]) -> bool:
        """Keep whole records; False when there is no room on the disk for them now: nothing was kept, try again later."""
        if not pieces:
            return True
        with self._writing:
            segment = None
            try:
                with self._lock:
                    segment, fd, at, end = self._writable(), self._fd, self._segments[-1].size, self.end
                for parts, after in blocks(pieces, end, self._clock()):
                    at, end = at + write_at(fd, at, parts), after
            except OSError as error:
                if segment is not None:
                    with suppress(OSError):
                        os.ftruncate(fd, segment.size)
                with self._lock:
                    self._stall(error)
                    self._release(writing=True)
                return False
            with self._lock:
                self._publish(segment, at, end)
        if self._sync is not None and self._wake is not None:
            self._sync.ring()
            self._wake.ring()
        return True

    def _publish(self, segment: Segment, size: int, end: Place) -> None:
        """Let readers see what was written."""
        if self._stalled_until:
            self._stalled_until, self.trouble = 0.0, ""
            self.notices.tell("the spool has room on the disk again", "room", 60.0)
        segment.size, segment.end, self.end = size, end, end
        now = self._monotonic()
        for saw in self._growth:
            saw(now, end.byte)

    @property
    def held(self) -> int:
        """Bytes of its segment files."""
        with self._lock:
            return sum(segment.size for segment in self._segments)

    @property
    def has_room(self) -> bool:
        """Whether more may be appended now."""
        with self._lock:
            return self.held < self.limit and self._monotonic() >= self._stalled_until

    def wait_for_room(self, seconds: float) -> bool:
        """Whether more may be appended; waits at most that long until it may."""
        with self._lock:
            if self.has_room:
                return True
            if self.held >= self.limit:
                text = f"the spool is full ({self.limit:,} bytes): senders wait until some of it is committed"
                self.notices.tell(text, "full", 60.0)
            return self._lock.wait_for(lambda: self.has_room, seconds)

    def drop(self, records: int, kernel: bool = False) -> None:
        """Count records that were lost, before they came here (`kernel`) or because there was no room."""
        if not records:
            return
        with self._lock:
            if kernel:
                self.book = replace(self.book, dropped_by_kernel=self.book.dropped_by_kernel + records)
            else:
                self.book = replace(self.book, dropped=self.book.dropped + records)
        if self._sync is not None:
            self._sync.ring()

    def notice(self, text: str, kind: str = "", every: float = 0.0) -> None:
        """Something that a user should know; of one `kind` one in `every` seconds is told."""
        self.notices.tell(text, kind, every)

    def finish(self) -> None:
        """Nothing will ever come again: sources over it have ended once they have read all of it."""
        with self._lock:
            self.finished = True
        if self._wake is not None:
            self._wake.ring()

    def _writable(self) -> Segment:
        """The segment to append to, with its handle in `_fd`."""
        last = self._segments[-1] if self._segments else None
        if last is None or last.size >= self._segment_size or last.generation != self.book.generation:
            self._roll()
        elif self._fd < 0:
            try:
                self._fd = os.open(last.path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                self._roll()
        return self._segments[-1]

    def _roll(self) -> None:
        last = self._segments[-1] if self._segments else None
        segment, fd = Segment.create(self.folder, self.book.id, self.book.generation, self.end)
        if last is not None and last.path == segment.path:
            self._segments.pop()
        if self._fd >= 0:
            self._retired.append(self._fd)
        self._segments.append(segment)
        self._fd, self._folder_changed = fd, True

    def _stall(self, error: OSError) -> None:
        self._stalled_until = self._monotonic() + RETRY
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else error.strerror or str(error)
        self.trouble = f"the spool cannot be written: {why}; nothing more is received until it can"
        self.notices.tell(self.trouble, "stalled", 60.0)

    # -- for readers

    def expect(self, readers: Iterable[str]) -> None:
        """These sources read it and no others: a segment is deleted when each of them, come or not, has committed past it.

        Call it before the first of them is opened, and whenever the set changes (a table was dropped).
        """
        with self._lock:
            self._expected = frozenset(readers)
            self._committed = {name: byte for name, byte in self._committed.items() if name in self._expected}
            self._release()

    def reads(self, name: str, byte: int) -> None:
        """A reader is here, and has committed everything before `byte`."""
        with self._lock:
            self._committed[name] = byte
            self._release()

    def watch(self, wake: Callable[[], None], grew: Callable[[float, int], None]) -> None:
        """`wake` is called when there are new records, `grew` (at once, briefly) with the time and the end after each append."""
        with self._lock:
            now, wall = self._monotonic(), self._clock()
            for segment in self._segments:
                with suppress(OSError):
                    grew(now - max(0.0, wall - segment.path.stat().st_mtime), segment.end.byte)
            self._watchers.append(wake)
            self._growth.append(grew)

    def unwatch(self, wake: Callable[[], None], grew: Callable[[float, int], None]) -> None:
        with self._lock:
            self._watchers.remove(wake)
            self._growth.remove(grew)

    @property
    def start(self) -> Place:
        """Where the oldest segment begins."""
        with self._lock:
            return self._segments[0].start if self._segments else self.end

    def segment_at(self, byte: int) -> tuple[Segment, int] | None:
        """The segment that has the record at `byte`, or else the first one after it, and how far it may be read; None at the end."""
        with self._lock:
            if byte >= self.end.byte:
                return None
            for segment in self._segments:
                if byte < segment.end.byte:
                    return segment, segment.size
            return None

    def resume(self, offsets: Mapping[int, Place]) -> Place:
        """Where a reader goes on that has committed these places, by generation; without any, at the oldest segment.

        Who was in a later generation has been past all of those before it: their segments may still be there for others.
        """
        with self._lock:
            place, places = None, sorted(offsets.items())
            for number, (generation, place) in enumerate(places, 1):
                own = any(segment.generation == generation for segment in self._segments)
                end = next((segment.start for segment in self._segments if segment.generation > generation), self.end)
                passed = any(later.byte > end.byte for _, later in places[number:])
                if place.byte <= end.byte and own and not passed:
                    return place
            if place is None:
                return self._segments[0].start if self._segments else self.end
            if generation > self.book.generation or (place.byte > self.end.byte and generation == self.book.generation):
                self._told("the spool is older than what is committed of it: all that comes from now on is read")
                self.book = replace(self.book, generation=generation + 1)
                return self.opened_at
            return min(place, end)

    def ends(self, byte: int) -> dict[int, Place]:
        """Where each generation ends that has records from `byte` on, oldest first."""
        with self._lock:
            return {segment.generation: segment.end for segment in self._segments if segment.end.byte > max(byte, segment.start.byte)}

    def begin(self, generation: int) -> Place:
        """Where the oldest segment of a generation begins; where none is left, the end."""
        with self._lock:
            return next((segment.start for segment in self._segments if segment.generation == generation), self.end)

    def file_id(self, generation: int) -> str:
        return f"{self.book.id}-{generation}"

    def generation_of(self, file_id: str) -> int | None:
        """The generation of this spool that a file_id names; None when it names another spool."""
        id, _, generation = file_id.rpartition("-")
        return int(generation) if id == self.book.id and generation.isdigit() else None

    @property
    def generation(self) -> int:
        """Of the record that comes next."""
        with self._lock:
            return self.book.generation

    @property
    def waiting_for(self) -> int:
        """Bytes that some reader has not committed."""
        with self._lock:
            return self.end.byte - min(self._committed.values(), default=self.end.byte)

    @property
    def holders(self) -> tuple[str, ...]:
        """While it is full: the readers that have not committed its oldest segment, come or not."""
        with self._lock:
            if self.finished or not self._segments or self.held < self.limit:
                return ()
            oldest = self._segments[0].end.byte
            names = self._committed.keys() | (self._expected or frozenset())
            return tuple(sorted(name for name in names if self._committed.get(name, -1) < oldest))

    def take_notices(self) -> list[str]:
        """What a user should know and was not told yet."""
        with self._lock:
            lost = self.book.dropped + self.book.dropped_by_kernel
            now = self._monotonic()
            if lost != self._told_drops and now - self._told_at >= TELL_DROPS:
                self._told(
                    f"{lost - self._told_drops:,} records were lost: {self.book.dropped_by_kernel:,} in all in the kernel's buffer"
                    f" (raise net.core.rmem_max), {self.book.dropped:,} in all since the spool had no room"
                )
                self._told_drops, self._told_at = lost, now
        return self.notices.take()

    def _release(self, writing: bool = False) -> None:
        """Delete what every reader has committed; the last segment stays, since its name says where the next one begins.

        Args:
            writing: the caller has `_writing`.
        """
        known = self._committed.keys()
        if not known or (self._expected is not None and not self._expected <= known):
            return
        byte = min(self._committed.values())
        last = self._segments[-1] if self._segments else None
        if last is not None and last.end.byte <= byte and (writing or self._writing.acquire(blocking=False)):
            try:
                self._give_up(last)
            finally:
                if not writing:
                    self._writing.release()
        while len(self._segments) > 1 and self._segments[0].end.byte <= byte:
            with suppress(OSError):
                self._segments.pop(0).path.unlink()
            self._lock.notify_all()

    def _give_up(self, last: Segment) -> None:
        """The last segment is all committed: another one takes its place when it is large, or when the disk is full."""
        with suppress(OSError):
            if self._stalled_until and last.start != last.end:
                self._segments[-1] = last.emptied(self._fd)
                self._folder_changed = True
            elif last.size >= min(self._segment_size, self.limit):
                self._roll()

    # -- in threads of their own

    def _wake_readers(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for wake in watchers:
            wake()

    def _make_durable(self) -> None:
        with self._lock:
            fd, retired, self._retired = self._fd, self._retired, []
            folder_changed, self._folder_changed = self._folder_changed, False
            book = self.book
        try:
            for one in (*retired, fd):
                if one >= 0:
                    getattr(os, "fdatasync", os.fsync)(one)
            if book != self._stored:
                store(self.folder, book)
                self._stored = book
            if folder_changed:
                sync_folder(self.folder)
        except OSError as error:
            self.notices.tell(f"the spool is not durable now: {error.strerror or error}", "sync", 60.0)
        finally:
            for one in retired:
                os.close(one)

    def _told(self, text: str) -> None:
        if text:
            self.notices.tell(text)
