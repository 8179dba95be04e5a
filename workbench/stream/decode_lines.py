"""The lines of a chunk: where each begins, which are blank, and copies of some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.batch import RawBatch

Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NEWLINE = 10
BLANKS = b" \t\r\n"


class Lines:
    """Whole records of a chunk, in its buffer: they may only be touched until the buffer is filled again.

    `starts` has one position more than there are records. Where neither `starts` nor the batch tells them, every newline ends a
    record.
    """

    def __init__(self, raw: RawBatch, starts: Positions | None = None) -> None:
        assert raw.buffer is not None
        self.length = raw.length
        self.memory = memoryview(raw.buffer.memory)[: raw.length]
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(self.memory, np.uint8)
        self._told = raw.starts if starts is None else starts
        found = raw.line_starts if self._told is None else self._told
        self.starts: Positions = self._after_newlines(raw.buffer.scratch) if found is None else found

    def _after_newlines(self, scratch: bytearray) -> Positions:
        flags = np.frombuffer(scratch, np.bool_, self.length)
        ends = np.flatnonzero(np.equal(self.bytes, NEWLINE, out=flags))
        starts = np.zeros(len(ends) + 1, np.int64)
        np.add(ends, 1, out=starts[1:])
        return starts

    @property
    def plain(self) -> bool:
        """Every newline ends a record."""
        return self._told is None or int(np.count_nonzero(self.bytes == NEWLINE)) == len(self)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def line(self, index: int) -> bytes:
        """One record without its newline."""
        return bytes(self.memory[self.starts[index] : self.starts[index + 1] - 1])

    def take(self, rows: Positions) -> Any:
        """Copies of some records, without their newlines, as binary[k]."""
        offsets = pa.py_buffer(self.starts.astype(np.int32))
        whole = pa.Array.from_buffers(pa.binary(), len(self), [None, offsets, pa.py_buffer(self.memory)])
        return pc.binary_slice(whole.take(pa.array(rows)), 0, -1)

    def all(self) -> Any:
        """Copies of all records."""
        return self.take(np.arange(len(self)))

    def blank(self) -> Flags:
        """Which records hold nothing but spaces, tabs and carriage returns."""
        first = self.bytes[self.starts[:-1]]
        found = np.zeros(len(self), np.bool_)
        for index in np.flatnonzero(np.isin(first, np.frombuffer(BLANKS, np.uint8))):
            found[index] = not bytes(self.memory[self.starts[index] : self.starts[index + 1]]).strip(BLANKS)
        return found


def texts(raw: Any) -> tuple[Any, Positions]:
    """Bytes as string[k], and the indices of those that are no UTF-8 (NULL in the strings)."""
    try:
        return raw.cast(pa.string()), np.zeros(0, np.int64)
    except pa.ArrowInvalid:
        decoded = [_utf8(one) for one in raw.to_pylist()]
        return pa.array(decoded, pa.string()), np.array([i for i, one in enumerate(decoded) if one is None], np.int64)


def _utf8(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None
