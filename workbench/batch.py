"""What flows from a source to the commit: bytes, then typed rows, with the offset after them."""

from __future__ import annotations

import mmap
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ACCEPTED, REJECTED, FILTERED, BLANK = 0, 1, 2, 3
"""Verdicts on a record; every record gets exactly one."""

MALFORMED, TYPE, NOT_NULL, TOO_LONG = "_malformed", "_type", "_not_null", "_too_long"
RESERVED_RULES = (MALFORMED, TYPE, NOT_NULL, TOO_LONG)
"""Rules of the workbench itself: bit i of a rule mask is RESERVED_RULES[i], the table's own expectations follow."""

MAX_LINE = 16 << 20
"""Bytes; a longer line is rejected as `_too_long`."""
KEPT_OF_TOO_LONG = 64 << 10
"""Bytes of a too long line that quarantine keeps."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far one file of a source has been read.

    `byte` counts decompressed bytes (row groups for Parquet), `line` the records before it. `file_id` names the
    content, not the path: it survives a rename and changes when other content appears under the same path.
    `mark` belongs to the connector (JSON): what it needs to recognise the content again.
    """

    file_id: str
    file: str
    byte: int = 0
    line: int = 0
    done: bool = False
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line that was too long to keep: where it is and how it begins; or (`cut`) all that came, or its head, of no whole record."""

    line: int
    offset: int
    length: int
    head: bytes
    cut: bool = False


class ChunkBuffer:
    """Memory for the bytes of one chunk; on Linux a memfd, so that DuckDB can read it by `path`.

    Args:
        capacity: bytes; the most that a RawBatch in it can hold.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.path: str | None = None
        self._fd = -1
        self._scratch: mmap.mmap | None = None
        if sys.platform == "linux":
            self._fd = os.memfd_create("workbench-chunk")
            os.ftruncate(self._fd, capacity)
            self.memory = mmap.mmap(self._fd, capacity)
            self.path = f"/proc/self/fd/{self._fd}"
        else:
            self.memory = mmap.mmap(-1, capacity)

    def open(self) -> mmap.mmap:
        """Make the whole capacity writable again."""
        if self._fd >= 0:
            os.ftruncate(self._fd, self.capacity)
        return self.memory

    def seal(self, length: int) -> None:
        """Let a reader of `path` see `length` bytes and no more; memory beyond must not be touched until `open`."""
        if self._fd >= 0:
            os.ftruncate(self._fd, length)

    @property
    def scratch(self) -> mmap.mmap:
        """As many bytes again, for flags about the chunk's bytes: new memory for each chunk would cost as much as the flags."""
        if self._scratch is None:
            self._scratch = mmap.mmap(-1, self.capacity)
        return self._scratch

    def close(self) -> None:
        """Give the memory back; where something still looks at it, with that."""
        with suppress(BufferError):
            self.memory.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Whole records of one file, in a ChunkBuffer or (Parquet) as a table, and the Offset after them.

    `length` bytes of `buffer` hold the records, each ended by 0x0A (the connector adds the last one where an ended
    file has none: `unended` is then True and the file itself is one byte shorter).
    `bytes` is what the batch consumes of the source: `offset.byte - start.byte`.
    """

    buffer: ChunkBuffer | None
    length: int
    start: Offset
    offset: Offset
    arrived_at: float
    unended: bool = False
    overlong: tuple[Overlong, ...] = ()
    table: pa.Table | None = None
    quoted: bool = False
    """CSV: some record spans several lines."""
    header: bool = False
    """CSV: the first record of this batch is the file's header (counted as blank, never a row)."""
    header_line: bytes = b""
    """CSV with a header: the file's header record, for batches that begin after it."""
    starts: np.ndarray | None = None
    """int64[n + 1]: where the records begin in `buffer`, when newlines do not tell (a record may hold some); each is still
    followed by 0x0A. None: every 0x0A ends a record."""
    line_starts: np.ndarray | None = None
    """int64[n + 1]: the same of lines, where the connector has looked for the newlines and every 0x0A ends a record."""
    peers: tuple[tuple[int, str], ...] = ()
    """(first record, peer) of each run of records that came from one peer, ascending; empty: no peers."""
    arrivals: tuple[tuple[int, float], ...] = ()
    """(first record, time) of each run of records that arrived together, ascending; empty: all `arrived_at`."""


@dataclass(slots=True)
class Batch:
    """One RawBatch after decoding, the flow's SELECT and its expectations.

    Without `record`, row i of `table` is record i of the raw batch, whatever its verdict (the values of a rejected
    row mean nothing). With `record`, row i comes from record `record[i]`, ascending.

    Shapes: n records, m rows (m = n without `record`). `verdict` uint8[m]; `mask` uint64[m], one bit a broken rule,
    marks included; `line_start` int64[n + 1], byte positions relative to `raw.start.byte`;
    `rejected` int64[k], the rows (ascending) whose verdict is REJECTED; `rejected_raw` binary[k], the same rows' bytes
    without the newline. `blank` counts records that are blank lines: they have verdict BLANK where they have a row.
    `missed` counts records without any row (a join that did not match).
    """

    raw: RawBatch
    table: pa.Table
    verdict: np.ndarray
    mask: np.ndarray
    line_start: np.ndarray
    rejected: np.ndarray
    rejected_raw: pa.Array
    record: np.ndarray | None = None
    notices: list[str] = field(default_factory=list)
    """Things to tell the user once, such as a schema drift."""

    @property
    def records(self) -> int:
        return len(self.line_start) - 1


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a source is behind, by its own measure.

    `bytes`: known and unread; `rows`: estimated from the mean line; `seconds`: age of the oldest byte that is not
    committed, 0.0 when all is; `waiting`: bytes of an unfinished last line; `files`: known files.
    """

    bytes: int = 0
    rows: int = 0
    seconds: float = 0.0
    waiting: int = 0
    files: int = 0
    held: int = 0
    """Bytes that are received and kept outside the database until they are committed (a spool)."""
    hold_limit: int = 0
    """The most bytes that may be held."""
    dropped: int = 0
    """Records that were lost before they could be kept (UDP), since the source was first opened."""
    dropped_by_kernel: int = 0
    """Those of them that the kernel had no room for."""
    peers: int = 0
    """Senders that are connected now."""
    full: bool = False
    """No more may be held: nothing is received until some of it is committed."""
    held_by: tuple[str, ...] = ()
    """Of a source that is full: the readers, other ones and perhaps this one, that have not committed the oldest of it."""
    drops: bool = False
    """What finds it full is lost (UDP); otherwise senders wait."""
    trouble: str = ""
    """Why nothing can come now, in words: what stands in the way is tried again and again (an address in use, an unknown host)."""
