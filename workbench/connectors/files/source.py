"""Files that are followed: every record of them once, in each file's order, from whatever offsets are stored."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from workbench.batch import MAX_LINE, ChunkBuffer, Lag, Offset, RawBatch
from workbench.connectors.files.begins import BOM
from workbench.connectors.files.compressed import CompressedContent
from workbench.connectors.files.followed import FollowedFile, Replaced
from workbench.connectors.files.handles import Handles, open_content
from workbench.connectors.files.listing import TRIES, Listing, found_at
from workbench.connectors.files.parquet import ParquetContent
from workbench.connectors.files.places import Places
from workbench.connectors.files.position import Position
from workbench.connectors.files.ration import Ration
from workbench.connectors.files.reading import Reading
from workbench.connectors.files.roster import Roster
from workbench.connectors.files.tidings import sentence
from workbench.connectors.files.turns import Turns
from workbench.connectors.identity import Identity, Peek
from workbench.connectors.lines import Lines
from workbench.connectors.records import Records

SLOW_LOOK = 0.01
"""Seconds; a look that takes longer (thousands of files, a slow network) is not repeated at every poll."""
SLOW_COUNT = 0.005
"""Seconds; likewise for counting what is unread."""
SAMPLING = 2.0
"""Seconds that one look for a sample takes."""
PATIENCE = 0.05
"""Seconds that a look at the lag waits for a read."""


class FileSource:
    """The files that a glob names, now and later.

    Promises: an offset is never past the last whole record; nothing is lost and nothing comes twice over renames,
    truncations, deletions, compressed rotations and restarts, as long as the bytes can still be found; one file's
    trouble does not stop the others. Every method may be called from any thread; none of them waits.

    Args:
        stream: the streaming table that reads; for messages.
        glob: as written, relative to `root`.
        follow: wait for more; otherwise each file ends at its end, with or without a newline.
        start: where files that are there at the very first look begin; files found later begin at 0.
        header, quote, delimiter: CSV only.
        offsets: what is stored of this stream; all of it, also of files that are gone.
        max_line: bytes; longer lines become `Overlong`.
    """

    def __init__(
        self,
        stream: str,
        glob: str,
        format: Literal["json", "csv", "text", "parquet"],
        *,
        follow: bool = True,
        start: Literal["beginning", "end"] = "beginning",
        root: Path,
        header: bool = True,
        quote: str = '"',
        delimiter: str = ",",
        offsets: Sequence[Offset] = (),
        clock: Callable[[], float] = time.time,
        max_line: int = MAX_LINE,
    ) -> None:
        self.stream = stream
        self.glob = glob
        self._follow = follow
        self._clock = clock
        self._parquet = format == "parquet"
        cutter = Records(quote, delimiter) if format == "csv" else Lines()
        self._reading = Reading(cutter, max_line, header and format == "csv", follow, clock)
        self._listing = Listing(glob, root)
        self._handles = Handles(self._parquet)
        self._roster = Roster(self._reading, self._handles, self._parquet, self._listing.root, offsets)
        self._places = Places(self._roster, self._parquet)
        self._turns = Turns()
        self._at_end = start == "end" and _first_look_unfinished(offsets)
        self._looked = False
        self._looks, self._counts = Ration(SLOW_LOOK), Ration(SLOW_COUNT)
        self._lag = Lag()
        self._told: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._cut: dict[str, str] = {}
        """By file id: where reading stopped before the end."""
        self._reported: set[str] = set()
        self._directories: set[str] = set()
        self._notices: list[str] = []
        self._lock = threading.RLock()
        self._closed = False

    # -- reading

    def read(self, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:
        """The next whole records of one file, or a batch of none that only moves its offset; None when there is nothing whole now.

        Args:
            limit: about how many bytes; a longer record still comes whole.
        """
        with self._lock:
            if self._closed:
                return None
            if not self._looked:
                self.rescan()
            looked_at, looked = [], False
            raw = None
            while raw is None and (file := self._turns.pop()) is not None:
                if not self._roster.has(file) or self._roster.holds(file):
                    continue
                if not looked and _changed_unread(file):
                    looked = True
                    self._turns.push(file)
                    self.rescan(at_once=True)
                    continue
                raw = self._take(file, buffer, limit)
                if raw is None and file.ahead.drained is None and file.file_id not in self._failed:
                    looked_at.append(file)
                self._collect(file.said)
            if raw is None and (over := self._roster.farewell()):
                raw = self._over(over, buffer)
            for file in looked_at:
                self._queue(file)
            self._collect(self._roster.said)
            return raw

    def _take(self, file: FollowedFile, buffer: ChunkBuffer, limit: int | None) -> RawBatch | None:
        try:
            content = self._handles.use(file)
            raw = file.take(buffer, limit)
        except Replaced:
            for begun in self._roster.replaced(file):
                self._turns.push(begun)
            return None
        except FileNotFoundError:
            if self._roster.vanished(file):
                self._turns.push(file)
            self.rescan(at_once=True)  # what it became may be older than what would be read next
            return None
        except OSError as error:
            file.broken = file.found.stamp if error.errno is None else None
            self._failed[file.file_id] = sentence(file.name, error)
            self._handles.close(file)
            self._tell()
            return self._over(file.unskipped(), buffer) if file.skips and not file.sighted else None
        if self._failed.pop(file.file_id, None):
            self._told.pop(file.file_id, None)
            self._notices.append(f"{file.name} can be read again")
        self._cut.pop(file.file_id, None)
        if content.trouble:
            self._cut[file.file_id] = f"{file.name} {content.trouble}"
            self._problem(file.found.path, self._cut[file.file_id])
        if raw is not None and file.has_news(self._clock()):
            self._turns.push(file)
        return raw

    def _over(self, offset: Offset, buffer: ChunkBuffer) -> RawBatch:
        """A batch without records: it stores that a file is over."""
        buffer.open()
        buffer.seal(0)
        return RawBatch(buffer, 0, offset, offset, self._clock())

    def _queue(self, file: FollowedFile) -> None:
        if self._roster.has(file):
            self._turns.push(file)

    def offset_at(self, raw: RawBatch, byte: int, line: int) -> Offset:
        """The offset after the record of `raw` that ends at `byte`; `line` records of the file come before it.

        For Parquet only `line` counts.
        """
        if line >= raw.offset.line:
            return raw.offset
        end = raw.offset
        at = raw.start.byte if self._parquet else byte
        return Offset(end.file_id, end.file, at, line, False, end.mark)

    def committed(self, offset: Offset) -> None:
        """Everything of that file up to `offset` is durable."""
        with self._lock:
            self._roster.store(offset)

    def rewind(self) -> None:
        """Forget the reads that were not committed."""
        with self._lock:
            for file in list(self._roster.by_id.values()):
                stored = self._roster.memory.offsets.get(file.file_id)
                if self._roster.has(file):
                    file.rewind(stored)
                    self._turns.push(file)
                elif not file.stored:
                    unread = file.read.byte - file.kept.byte
                    self._notices.append(
                        f"{file.name}: {unread:,} bytes were read but not stored before it was truncated or deleted; they are lost"
                    )
                    file.rewind(stored)

    # -- places

    def place(self, file_id: str, file: str, byte: int, line: int) -> Offset | None:
        """An offset after record `line` of what was read under `file_id`, also when it was renamed or compressed since.

        For Parquet `byte` counts row groups. None when the content cannot be found again or no record ends there.
        """
        with self._lock:
            if not self._looked:
                self.rescan()
            return self._places.place(file_id, file, Position(byte, line))

    def ends(self) -> tuple[Offset, ...]:
        """The offsets after the last whole record of each file that is there now, and of each that is over."""
        with self._lock:
            self.rescan(at_once=True)
            return tuple(self._places.ends())

    def begin(self, end: Offset) -> Offset:
        return Offset(end.file_id, end.file)

    # -- looking

    def rescan(self, at_once: bool = False) -> bool:
        """Look at the glob and the files: one stat each. Where that takes long, looks are rarer, but for those that are wanted at once."""
        with self._lock:
            if not at_once and not self._looks.is_due(self._clock()):
                return False
            for _ in range(TRIES):
                self._look()
                if not self._roster.outrun:
                    break
            self._collect(self._roster.said)
            self._tell()
            return True

    def _look(self) -> None:
        began = self._clock()
        look = self._listing.look()
        ended, known = self._clock(), len(self._roster.files)
        for file in self._roster.update(look, self._at_end):
            self._turns.push(file)
        if len(self._roster.files) == known:  # to meet new files takes long once, and must not put the next look off
            ended = self._clock()
        self._at_end = False
        self._looked = True
        self._directories = look.directories
        if not self._roster.files and not look.problems:
            self._problem(self.glob, f"{self.glob} matches no file yet: {self.stream} waits for one")
        elif self._roster.files:
            self._told.pop(self.glob, None)
        if look.remark:
            self._problem("remark", look.remark)
        self._looks.took(began, ended - began)

    @property
    def idle(self) -> bool:
        """Nothing whole was unread at the last look. No lock: a read that hangs must not keep anybody who asks."""
        return self._looked and not (self._turns or self._roster.undecided or self._roster.leaving)

    @property
    def ended(self) -> bool:
        """`follow => false` and all is read; files that cannot be read have been named in a notice."""
        return not self._follow and self._looked and not (self._turns or self._roster.leaving)

    @property
    def undecided(self) -> bool:
        """Some new file is not read yet, for a moment: it looks like a copy that is being made."""
        return self._roster.undecided

    def lag(self) -> Lag:
        """How far the committed offsets are behind, or were before a read that takes long; an unfinished last line waits and is no lag."""
        if not self._lock.acquire(timeout=PATIENCE):
            return self._lag
        try:
            now = self._clock()
            if self._counts.is_due(now):
                self._lag = self._count(now)
                self._counts.took(now, self._clock() - now)
            return self._lag
        finally:
            self._lock.release()

    def _count(self, now: float) -> Lag:
        files = list(self._roster.files.values())
        behind = [_behind(file) for file in files]
        oldest = [when for file, b in zip(files, behind, strict=True) if b and (when := file.growth.since(_position(file))) is not None]
        unread = sum(behind)
        lines, size = sum(f.read.line for f in files), sum(f.read.byte for f in files)
        rows = sum(_rows_behind(file) for file in files) if self._parquet else math.ceil(unread * lines / size) if size else 0
        seconds = max(0.0, now - min(oldest)) if oldest else 0.0
        waiting = sum(file.ahead.waiting for file in files)
        return Lag(unread, rows, seconds, waiting, sum(file.gone_since is None for file in files))

    def sample(
        self, tells: Callable[[bytes], bool] = bool, told_nothing: dict[str, tuple[int, int]] | None = None, limit: int = 1 << 20
    ) -> tuple[bytes, str] | None:
        """The first whole lines of the oldest file that has some which tell enough, decompressed, and its name; (b"", path) for Parquet.

        Args:
            told_nothing: path and stamp of files that need no second look as long as they are so; more are added, and none is left when one
                of them has gone. One call takes SAMPLING seconds at most, the next one goes on.
        """
        passed = dict[str, tuple[int, int]]() if told_nothing is None else told_nothing
        with self._lock:
            look = self._listing.look()
            self._roster.trouble(look)
            self._directories = look.directories
            oldest = sorted(look.found.values(), key=lambda found: (found.mtime_ns, found.path))
            if not passed.keys() <= {file.path for file in oldest}:
                passed.clear()
            began = time.monotonic()
            for file in [file for file in oldest if passed.get(file.path) != file.stamp]:
                if time.monotonic() - began > SAMPLING:
                    break
                try:
                    content = open_content(file.path, self._parquet)
                except OSError as error:
                    self._roster.problems[file.path] = sentence(file.name, error)
                    continue
                try:
                    data = b"" if self._parquet else _first_lines(content.peek, limit, self._reading.longest, whole=not self._follow)
                finally:
                    content.close()
                if self._parquet or (data and tells(data)):
                    return data, file.path if self._parquet else file.name
                passed[file.path] = file.stamp
            return None

    # -- telling

    def unread(self) -> tuple[str, ...]:
        """What could not be read, or not to its end, as far as the last look and the last reads tell; in sentences."""
        with self._lock:
            read = {file_id: text for file_id, text in (self._failed | self._cut).items() if file_id in self._roster.by_id}
            found = self._roster.problems | read
            return (*dict.fromkeys(text for cause, text in found.items() if cause not in self._directories), *self._roster.unread())

    def unfinished(self) -> dict[str, int]:
        """The bytes of last lines that wait for their newlines, by the names of their files."""
        with self._lock:
            return {file.name: size for file in self._roster.files.values() if (size := file.ahead.waiting)}

    def passed_over(self) -> tuple[str, ...]:
        """What the glob names and is no file, in sentences."""
        with self._lock:
            return tuple(text for cause, text in self._roster.problems.items() if cause in self._directories)

    def notices(self) -> list[str]:
        """What happened since the last call, in sentences."""
        with self._lock:
            told, self._notices = self._notices, []
            return told

    def _collect(self, said: list[str]) -> None:
        self._notices += said
        said.clear()

    def _problem(self, cause: str, text: str) -> None:
        if self._told.get(cause) != text:
            self._told[cause] = text
            self._notices.append(text)

    def _tell(self) -> None:
        """Say each problem once, and once again when it comes back after it was over."""
        now = self._roster.problems | self._failed
        for cause, text in now.items():
            self._problem(cause, text)
        for cause in self._reported - now.keys():
            self._told.pop(cause, None)
        self._reported = set(now)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._handles.close_all()


def _first_look_unfinished(offsets: Sequence[Offset]) -> bool:
    """Not all of the files that `start => 'end'` skipped at the first look have their offset stored."""
    counts = [Identity.from_mark(offset.mark).first_look for offset in offsets]
    return not offsets or sum(count > 0 for count in counts) < max(counts)


def _changed_unread(file: FollowedFile) -> bool:
    """It is to be begun, and is not as it was at the last look: another one may have its name and inode since."""
    if file.begun or file.gone or file.sighting or file.skips:
        return False
    here = found_at(file.found.path, file.name)
    return here is not None and here.stamp != file.found.stamp


def _behind(file: FollowedFile) -> int:
    """Bytes that are not stored, without an unfinished last line; an estimate where they are packed."""
    size, content = max(file.found.size, file.growth.size), file.content
    drained = file.ahead.drained
    if file.stored and (drained == file.found.stamp or (drained is not None and not file.reading.follow)):
        return 0
    if isinstance(content, ParquetContent):
        return size * (content.lines - file.kept.line) // max(1, content.lines)
    if isinstance(content, CompressedContent):
        size = int(size * content.ratio)
    return max(0, size - file.kept.byte - file.ahead.waiting)


def _position(file: FollowedFile) -> int:
    """Where the oldest byte that is not stored stands in the file as it lies on disk."""
    packed = file.content is not None and file.content.packed
    return 0 if packed else file.kept.byte


def _rows_behind(file: FollowedFile) -> int:
    return file.content.lines - file.kept.line if isinstance(file.content, ParquetContent) else 0


def _first_lines(peek: Peek, limit: int, longest: int, whole: bool) -> bytes:
    """Whole lines from the beginning, about `limit` bytes; `whole`: a last line without a newline is one."""
    while True:
        data = peek(0, limit)
        end = data.rfind(b"\n") + 1
        if end or limit > longest:
            return data[:end].removeprefix(BOM)
        if len(data) < limit:
            return (data + b"\n").removeprefix(BOM) if whole and data else b""
        limit *= 4
