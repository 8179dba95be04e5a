"""The lines of a chunk: where each begins, which are blank, and copies of some of them."""

from __future__ import annotations

import mmap
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
SPACE = np.isin(np.arange(256), np.frombuffer(BLANKS, np.uint8))
SPACES = 16
"""White space at a record's ends that is looked past."""
FEW = 16
"""Records that are copied one by one, which is quicker than to make an array of all."""
FRAME = int.from_bytes(b"}\n{", "little")
"""What stands between two records of JSON, as a number in memory (of a machine that is little-endian)."""


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

    def _after_newlines(self, scratch: mmap.mmap) -> Positions:
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

    def begin(self, index: int, size: int) -> bytes:
        """The first bytes of one record."""
        return bytes(self.memory[self.starts[index] : min(self.starts[index + 1] - 1, self.starts[index] + size)])

    def take(self, rows: Positions) -> Any:
        """Copies of some records, without their newlines, as binary[k]."""
        if len(rows) <= FEW:
            return pa.array([self.line(row) for row in rows.tolist()], pa.binary())
        return pc.binary_slice(self.whole().take(pa.array(rows)), 0, -1)

    def whole(self) -> Any:
        """All records where they lie, with their newlines, as binary[k]."""
        offsets = pa.py_buffer(self.starts.astype(np.int32))
        return pa.Array.from_buffers(pa.binary(), len(self), [None, offsets, pa.py_buffer(self.memory)])

    def all(self) -> Any:
        """Copies of all records."""
        return self.take(np.arange(len(self)))

    def odd(self) -> Positions:
        """The records that may not be one brace, fields and another brace: another begin or end, or a comma behind the last field."""
        if len(self) < 2 or self.length < 4:
            return self._odd(np.arange(len(self)))
        places = self.starts[1:-1] - 3
        places[:2] = np.maximum(places[:2], 0)
        around = np.ndarray(self.length - 3, "<u4", self.memory, 0, (1,))[places]
        before = around & np.uint32(0xFF)
        unlike = np.ones(len(self), np.bool_)  # the first and the last have one neighbour only
        unlike[:-1] = (around >> 8 != FRAME) | (before <= ord(" ")) | (before == ord(","))
        unlike[1:] |= unlike[:-1]
        unlike[0] = True
        return self._odd(np.flatnonzero(unlike))

    def _odd(self, rows: Positions) -> Positions:
        """Those of some records: looked at one end after the other, with a little white space about."""
        first = past_spaces(self.bytes, self.starts[rows], 1)
        last, behind = last_two(self.bytes, self.starts[rows + 1] - 1)
        odd = (self.bytes[first] != ord("{")) | (last != ord("}")) | (behind == ord(",")) | (behind <= ord(" "))
        return np.asarray(rows[odd])

    def blank(self) -> Flags:
        """Which records hold nothing but spaces, tabs and carriage returns."""
        first = self.bytes[self.starts[:-1]]
        found = np.zeros(len(self), np.bool_)
        for index in np.flatnonzero(SPACE[first]):
            found[index] = not bytes(self.memory[self.starts[index] : self.starts[index + 1]]).strip(BLANKS)
        return found


def last_two(data: npt.NDArray[np.uint8], ends: Positions) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The last byte of each record that is no white space, and the one before it; a space where there is too much of that."""
    last = past_spaces(data, np.maximum(ends - 1, 0), -1)
    return data[last], data[past_spaces(data, np.maximum(last - 1, 0), -1)]


def past_spaces(data: npt.NDArray[np.uint8], places: Positions, step: int) -> Positions:
    """The places, moved by `step` until there is no white space, but not far."""
    if not len(data):
        return places
    rows = np.flatnonzero(SPACE[data[places]])
    for _ in range(SPACES if len(rows) else 0):
        places[rows] = np.clip(places[rows] + step, 0, len(data) - 1)
        rows = rows[SPACE[data[places[rows]]]]
    return places


def rows_of(found: Positions, starts: Any) -> Positions:
    """The rows, each once, in which places lie; row i begins at `starts[i]`."""
    return np.unique(np.searchsorted(starts, found, "right") - 1)


def texts(raw: Any) -> tuple[Any, Positions]:
    """Bytes as string[k], and the indices of those that are no UTF-8; these are NULL in the strings, as is what was NULL before."""
    try:
        return raw.cast(pa.string()), np.zeros(0, np.int64)
    except pa.ArrowInvalid:
        decoded = pa.array([_utf8(one) for one in raw.to_pylist()], pa.string())
        return decoded, np.flatnonzero(pc.and_(raw.is_valid(), decoded.is_null()).to_numpy(zero_copy_only=False))


def _utf8(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None
