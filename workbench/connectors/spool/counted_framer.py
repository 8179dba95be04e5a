"""Octet counting: each record of a stream is preceded by its length."""

from __future__ import annotations

import numpy as np

from workbench.batch import KEPT_OF_TOO_LONG
from workbench.connectors.spool.block import Piece, count_newlines

ZERO = 0x30
DIGITS = 10
"""Of a count, at most."""
COUNTS = {b"%d " % count: count for count in range(10, 1000)}
"""The usual ones: to look one up takes a third of the time that to read it takes."""
SMALL, BLOCK = 1 << 12, 1 << 16
"""Bytes that records are taken out of at once, first and then: these and what is made of them stay in the cache."""


class CountedFramer:
    """Octet counting (RFC 6587): each record is preceded by its length in decimal digits and a space."""

    def __init__(self, peer: str, longest: int) -> None:
        self.broken = ""
        self._peer = peer
        self._longest = longest
        self._digits = b""
        self._counted = False
        """The count of the unfinished record is known."""
        self._length = 0
        self._rest = bytearray()
        self._missing = 0

    @property
    def waiting(self) -> int:
        return len(self._rest)

    def feed(self, data: bytearray, start: int, stop: int) -> list[Piece]:
        records = _Records(self._peer)
        with memoryview(data) as view:
            while start < stop:
                if not self._counted:
                    if not self._digits:
                        start = self._whole(records, view, start, stop)
                        if start == stop:
                            break
                    begun = start
                    start, ready = self._count(data, start, stop)
                    if self.broken:
                        records.add_cut(self._digits + bytes(view[begun:stop]), self._longest)
                        self._digits = b""
                        break
                    if not ready:
                        break
                taken = min(self._missing, stop - start)
                room = (KEPT_OF_TOO_LONG if self._length > self._longest else self._length) - len(self._rest)
                self._rest += view[start : start + min(taken, max(0, room))]
                self._missing -= taken
                start += taken
                if not self._missing:
                    self._end(records)
            return records.pieces()

    def _whole(self, records: _Records, view: memoryview, start: int, stop: int) -> int:
        """Take the records that are whole and need no second look; where the first other begins."""
        size = SMALL  # a stream of other records comes here for each of them
        while taken := self._take(records, bytes(view[start : min(stop, start + size)])):
            start += taken
            size = BLOCK
        return start

    def _take(self, records: _Records, data: bytes) -> int:
        """Take the records that `data` begins with, in a tight loop; the bytes that they take up."""
        known, parts, longest, size, start = COUNTS.get, records.parts, self._longest, len(data), 0
        while True:
            begin = start + 4
            length = known(data[start:begin])
            if length is None:
                begin = start + 3
                length = known(data[start:begin])
            if length is None:
                begin = data.find(b" ", start, start + DIGITS + 1) + 1
                digits = data[start : begin - 1]
                if not begin or not digits.isdigit() or digits[0] == ZERO:
                    break
                length = int(digits)
            end = begin + length
            if end > size or length > longest:
                break
            parts.append(data[begin:end])
            start = end
        if start > SMALL:
            records.close()
        return start

    def finish(self) -> list[Piece]:
        came, length, too_long = self._digits, len(self._digits), False
        if self._counted:
            count = b"%d " % self._length
            came, length, too_long = count + self._rest, len(count) + self._length - self._missing, self._length > self._longest
        self._digits, self._rest, self._counted, self._length, self._missing = b"", bytearray(), False, 0, 0
        if not came:
            return []
        return [Piece([came], 1, self._peer, overlong=length, cut=not too_long)]

    def _count(self, data: bytearray, start: int, stop: int) -> tuple[int, bool]:
        """Read a count, perhaps not all of it: where it goes on, and whether the count is known."""
        most = min(stop, start + DIGITS + 1 - len(self._digits))
        space = data.find(b" ", start, most)
        digits = self._digits + bytes(data[start : most if space < 0 else space])
        if not (digits.isdigit() and digits[:1] != b"0" and (space >= 0 or len(digits) <= DIGITS)):
            seen = self._digits + bytes(data[start : min(stop, start + 40)])
            self.broken = f"a count and a space were expected, not {seen!r}"
            return start, False
        if space < 0:
            self._digits = digits
            return stop, False
        self._digits = b""
        self._length = self._missing = int(digits)
        self._counted = True
        return space + 1, True

    def _end(self, records: _Records) -> None:
        if self._length > self._longest or self._length > len(self._rest):
            records.add_overlong(bytes(self._rest), self._length)
        else:
            records.parts.append(bytes(self._rest))
        self._rest, self._counted = bytearray(), False


class _Records:
    """Records of one peer that become pieces."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self.parts: list[bytes] = []
        self._pieces: list[Piece] = []

    def add_cut(self, rest: bytes, longest: int) -> None:
        """What no count stands before: nobody can say which records it holds."""
        self.close()
        head = rest if len(rest) <= longest else rest[:KEPT_OF_TOO_LONG]
        self._pieces.append(Piece([head], 1, self._peer, overlong=len(rest), cut=True))

    def add_overlong(self, head: bytes, length: int) -> None:
        self.close()
        self._pieces.append(Piece([head], 1, self._peer, overlong=length))

    def pieces(self) -> list[Piece]:
        self.close()
        return self._pieces

    def close(self) -> None:
        """Make a piece of what was added."""
        if not self.parts:
            return
        records = len(self.parts)
        data = b"\n".join((*self.parts, b""))
        lengths = None if count_newlines(data) == records else np.array([len(part) + 1 for part in self.parts], np.uint32)
        self._pieces.append(Piece([data], records, self._peer, lengths))
        self.parts.clear()
