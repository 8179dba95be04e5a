"""Where CSV records end: newlines inside quotes do not count, and an unclosed quote swallows nothing."""

from __future__ import annotations

import mmap
import re
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workbench.connectors.lines import NEWLINE, Cut, before_overlong, count_lines

MAX_QUOTED = 1 << 20
"""Bytes; a quoted record that does not end within them is no record: its first line stands alone."""
FELLOWS = 16
"""So many lines after an opened quote that look like the line before them are records, not the text of one."""

Bytes = bytes | bytearray | memoryview | mmap.mmap


class Records:
    """CSV with RFC 4180 quotes: they open at a field's start and close before a delimiter or the line's end.

    A line with an even number of quotes is a record of its own. From a line with an odd number on, the record is read
    by the grammar; if it does not fit, that line alone is a record (the decoder will reject it). So it is when the next
    FELLOWS lines have no quotes and as many delimiters as that line: it forgot its quote, they are not its text.
    So the same bytes are cut the same way wherever a chunk ends.

    Args:
        quote: one byte, or empty: then every line is a record.
        delimiter: one to four bytes; empty means any of the usual ones.
    """

    def __init__(self, quote: str = '"', delimiter: str = ",", most: int = MAX_QUOTED) -> None:
        self._quote = quote.encode()[:1]
        self._most = most
        self._delimiter = re.compile(re.escape(delimiter.encode()) or rb"[,;\t|]")
        self._record, self._prefix = _grammar(self._quote or b'"', delimiter.encode())

    def cut(self, memory: mmap.mmap, length: int, final: bool, longest: int, /) -> Cut:
        end = memory.rfind(b"\n", 0, length) + 1
        if end > longest:
            end = shorter = before_overlong(memory, end, longest)
            length, final = (length, final) if shorter == length else (shorter, True)
        if not self._quote or not _has(memory, length, self._quote[0]):
            return Cut(end, count_lines(memory, end))
        ends, still_open = self._ends(memory, length, final)
        end = int(ends[-1]) if ends.size else 0
        return Cut(end, len(ends), quoted=len(ends) < count_lines(memory, end), open=still_open)

    def first(self, data: bytes) -> bytes:
        ends = self.ends(data, len(data))
        return data[: int(ends[0])] if ends.size else b""

    def ends(self, data: Bytes, length: int) -> NDArray[np.int64]:
        """Positions just after each record of `length` bytes of whole records (as `cut` left them)."""
        return self._ends(data, length, final=True)[0]

    def quotes(self, data: Bytes) -> bool:
        """Whether some of it is in quotes, or seems so."""
        return bool(self._quote) and self._quote in bytes(data)

    def whole(self, data: bytes, final: bool) -> NDArray[np.int64]:
        """Positions just after each record of some whole lines; `final`: nothing follows that could close a quote."""
        return self._ends(data, len(data), final)[0]

    def _ends(self, data: Bytes, length: int, final: bool) -> tuple[NDArray[np.int64], bool]:
        bytes_ = np.frombuffer(data, np.uint8, length)
        ends = np.flatnonzero(bytes_ == NEWLINE) + 1
        if not self._quote:
            return ends, False
        before = np.searchsorted(np.flatnonzero(bytes_ == self._quote[0]), ends)
        odd = np.flatnonzero(np.diff(before, prepend=0) & 1)
        keep = np.ones(len(ends), np.bool_)
        next_line = 0
        for line in odd.tolist():
            if line < next_line:
                continue
            start = int(ends[line - 1]) if line else 0
            stop = min(length, start + self._most)
            if self._forgot_its_quote(data, ends, line, start):
                continue
            whole = self._record.match(data, start, stop)
            if whole:
                last = int(np.searchsorted(ends, whole.end()))
                keep[line:last] = False
                next_line = last + 1
            elif not final and start + self._most > length and self._prefix.match(data, start, stop):
                return ends[:line][keep[:line]], True
        return ends[keep], False

    def _forgot_its_quote(self, data: Bytes, ends: NDArray[np.int64], line: int, start: int) -> bool:
        """Whether the lines after it show that the odd quote of this line opens nothing."""
        stops = ends[line : line + FELLOWS + 1].tolist()
        if len(stops) <= FELLOWS or stops[-1] - start > self._most:
            return False
        signs = len(self._delimiter.findall(data, start, stops[0]))
        return signs > 0 and all(
            self._quote not in (text := bytes(data[begin:stop])) and len(self._delimiter.findall(text)) == signs
            for begin, stop in pairwise(stops)
        )


def _grammar(quote: bytes, delimiter: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """A whole record, and the beginning of one that more bytes may end. Possessive: no backtracking."""
    q = re.escape(quote)
    if len(delimiter) > 1:
        d, plain = re.escape(delimiter), rb"(?!%b)(?:(?!%b)[^\n])*+" % (q, re.escape(delimiter))
    else:
        d = b"[%b]" % (re.escape(delimiter) if delimiter else rb",;\t|")
        plain = rb"(?!%b)[^\n%b]*+" % (q, d[1:-1])
    opened = rb"%b[^%b]*+(?:%b%b[^%b]*+)*+" % (q, q, q, q, q)
    field = rb"(?:%b%b|%b)" % (opened, q, plain)
    rest = max(len(delimiter) - 1, 1)
    record = rb"%b(?:%b%b)*+\r?\n" % (field, d, field)
    prefix = rb"(?:%b%b)*+(?:%b(?:%b(?:\r|[^\n]{0,%d}))?|%b)\Z" % (field, d, opened, q, rest - 1, plain)
    return re.compile(record), re.compile(prefix)


def _has(memory: mmap.mmap, length: int, byte: int) -> bool:
    bytes_ = np.frombuffer(memory, np.uint8, length)
    return any(bool((bytes_[at : at + (1 << 18)] == byte).any()) for at in range(0, length, 1 << 18))
