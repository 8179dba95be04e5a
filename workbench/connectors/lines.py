"""Where records end when a record is a line: at byte 0x0A and nowhere else."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from workbench.connectors.content import Content

BLOCK = 1 << 18
"""Bytes counted at once: they and their mask stay in the cache."""
NEWLINE = 0x0A


@dataclass(frozen=True, slots=True)
class Cut:
    """The first `length` bytes are `records` whole records; `open`: a quote after them may still be closed.

    `starts` int64[records + 1]: where they begin, and where the last one ends; None when that was not looked for."""

    length: int
    records: int
    quoted: bool = False
    open: bool = False
    starts: np.ndarray | None = field(default=None, compare=False)


class Cutter(Protocol):
    """Finds where the last whole record of a chunk ends. The chunk begins with a record."""

    def cut(self, memory: mmap.mmap, length: int, final: bool, longest: int, /) -> Cut:
        """Cut `length` bytes of `memory` (`final`: nothing follows, they end with a newline) before any line longer than `longest`."""

    def first(self, data: bytes) -> bytes:
        """The first whole record of `data`, which begins with one; empty when it does not end."""


class Lines:
    """Every newline ends a record."""

    def __init__(self) -> None:
        self._scratch: mmap.mmap | None = None
        """For flags about a chunk's bytes: new memory for each chunk would cost as much as the flags. Pages of it that small chunks do not
        reach take no memory."""

    def first(self, data: bytes) -> bytes:
        return data[: data.find(b"\n") + 1]

    def cut(self, memory: mmap.mmap, length: int, _final: bool, longest: int, /) -> Cut:
        end = memory.rfind(b"\n", 0, length) + 1
        if end > longest:
            end = before_overlong(memory, end, longest)
        starts = self._starts(memory, end)
        return Cut(end, len(starts) - 1, starts=starts)

    def _starts(self, memory: mmap.mmap, length: int) -> np.ndarray:
        if not length:
            return np.zeros(1, np.int64)
        if self._scratch is None or length > len(self._scratch):
            self._scratch = mmap.mmap(-1, len(memory))
        flags = np.frombuffer(self._scratch, np.bool_, length)
        ends = np.flatnonzero(np.equal(np.frombuffer(memory, np.uint8, length), NEWLINE, out=flags))
        starts = np.zeros(len(ends) + 1, np.int64)
        np.add(ends, 1, out=starts[1:])
        return starts


def count_lines(memory: mmap.mmap, length: int) -> int:
    """Newlines in the first `length` bytes."""
    if not length:
        return 0
    bytes_ = np.frombuffer(memory, np.uint8, length)
    return sum(int(np.count_nonzero(bytes_[at : at + BLOCK] == NEWLINE)) for at in range(0, length, BLOCK))


def before_overlong(memory: mmap.mmap, length: int, longest: int) -> int:
    """How many of `length` bytes (the last one a newline) come before the first line longer than `longest`."""
    bytes_ = np.frombuffer(memory, np.uint8, length)
    bare = 0
    for at in range(0, length, BLOCK):
        bare = 0 if (bytes_[at : at + BLOCK] == NEWLINE).any() else bare + BLOCK
        if bare + 2 * BLOCK >= longest:
            break
    else:
        return length
    ends = np.flatnonzero(bytes_ == NEWLINE) + 1
    sizes = np.diff(ends, prepend=0) - 1
    over = np.flatnonzero(sizes > longest)
    if not over.size:
        return length
    return int(ends[over[0] - 1]) if over[0] else 0


def find_newline(memory: mmap.mmap, length: int) -> int:
    """The first newline's position in `length` bytes, or -1; mmap's own find looks at one byte at a time."""
    if not length:
        return -1
    bytes_ = np.frombuffer(memory, np.uint8, length)
    for at in range(0, length, BLOCK):
        hit = bytes_[at : at + BLOCK] == NEWLINE
        if hit.any():
            return at + int(hit.argmax())
    return -1


def last_newline(content: Content, memory: mmap.mmap, size: int) -> int:
    """Just after the last newline of the first `size` bytes of a plain file, found from the end backwards; 0 without one."""
    stop = size
    while stop:
        start = max(0, stop - len(memory))
        with memoryview(memory) as view, view[: stop - start] as part:
            count = content.read_into(part, start)
        end = memory.rfind(b"\n", 0, count) + 1
        if end:
            return start + end
        stop = start
    return 0
